# SPDX-License-Identifier: Apache-2.0
# bench: what Terrace does beside what this machine can do.  Never part of check.
#   make bench [BENCH_N=200000] [BENCH_CHILDREN=60] [BENCH_DIR=build/bench] [BENCH_ONLY=live,catchup]
# BENCH_CHILDREN=300 starts 300 real children instead of scaling up from 60.
BENCH_N        ?= 200000
BENCH_CHILDREN ?= 60
BENCH_DIR      ?= build/bench
BENCH_ONLY     ?=

.PHONY: bench
bench: $(B)/terraced $(B)/terracectl $(B)/tests/bench/raw $(B)/tests/bench/feed ## figures, beside the raw limits of this machine
	@python3 tests/bench/bench.py --build $(B) --dir $(BENCH_DIR) --records $(BENCH_N) \
	    --children $(BENCH_CHILDREN) $(addprefix --only ,$(BENCH_ONLY))

$(B)/tests/bench/raw: $(B)/tests/bench/raw.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,libzmq lmdb libsodium) -pthread
$(B)/tests/bench/feed: $(B)/tests/bench/feed.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^
