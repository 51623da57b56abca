# SPDX-License-Identifier: Apache-2.0
# bench: what Terrace does beside what this machine can do.  Never part of check.
#   make bench [BENCH_N=200000] [BENCH_DIR=build/bench]
BENCH_N   ?= 200000
BENCH_DIR ?= build/bench

.PHONY: bench
bench: $(B)/terraced $(B)/terracectl $(B)/tests/bench/raw $(B)/tests/bench/feed ## figures, beside the raw limits of this machine
	@python3 tests/bench/bench.py --build $(B) --dir $(BENCH_DIR) --records $(BENCH_N)

$(B)/tests/bench/raw: $(B)/tests/bench/raw.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,libzmq lmdb libsodium) -pthread
$(B)/tests/bench/feed: $(B)/tests/bench/feed.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^
