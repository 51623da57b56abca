# SPDX-License-Identifier: Apache-2.0
# Fuzzing.  Every tests/fuzz/fuzz_NAME.c is a target with a corpus of its own
# in tests/fuzz/corpus/NAME.  `make fuzz` needs clang; `make check-corpus`
# replays what was found with the ordinary compiler.

FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_CC      ?= clang
FUZZ_FLAGS   := -std=c17 -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined \
                -fno-sanitize-recover=undefined -I. -I$(B)
FUZZ_SRC     := $(filter-out proto/control.c,$(wildcard proto/*.c)) \
                $(addprefix replication/,op.c sign.c segment.c identity.c identity_cert.c identity_enrol.c)
SECONDS      ?= 60
FUZZ_OUT      = $(B)/tests/fuzz/found/$(TARGET)

$(B)/tests/fuzz/lib_%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.h $(FUZZ_SRC) $(wildcard proto/*.h replication/*.h) \
		$(addsuffix .c,$(PB)) $(addsuffix .h,$(PB))
	@mkdir -p $(@D); echo "  FUZZ  $@"
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) $(call pkg,--cflags,$(PKGS_PROTO)) -o $@ $< $(FUZZ_SRC) \
		$(addsuffix .c,$(PB)) $(call pkg,--libs,$(PKGS_PROTO))

.PHONY: fuzz fuzz-merge check-corpus
fuzz: $(B)/tests/fuzz/lib_$(TARGET) ## fuzz TARGET=msg SECONDS=60; what breaks is kept in tests/fuzz/corpus
	@test -n "$(TARGET)" || { echo "fuzz: TARGET= one of: $(FUZZ_TARGETS)" >&2; exit 2; }
	@mkdir -p $(FUZZ_OUT) tests/fuzz/corpus/$(TARGET)
	$(Q)$< -max_total_time=$(SECONDS) -max_len=$(or $(FUZZ_LEN),4096) -timeout=10 -rss_limit_mb=1024 \
		-print_final_stats=1 -artifact_prefix=tests/fuzz/corpus/$(TARGET)/ \
		$(FUZZ_OUT) tests/fuzz/corpus/$(TARGET)
fuzz-merge: $(B)/tests/fuzz/lib_$(TARGET) ## take what `fuzz TARGET=` found and is new into its corpus
	$(Q)$< -merge=1 -max_len=512 tests/fuzz/corpus/$(TARGET) $(FUZZ_OUT)

FUZZ_REPLAY := $(addprefix $(B)/tests/fuzz/replay_,$(FUZZ_TARGETS))
$(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(LIB_REP) $(LIB_PROTO)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,$(PKGS_PROTO))
.SECONDARY: $(B)/tests/fuzz/replay.o $(patsubst %,$(B)/tests/fuzz/fuzz_%.o,$(FUZZ_TARGETS))
check-corpus: $(FUZZ_REPLAY) ## replay the fuzzing corpora
	$(Q)passed=0; failed=0; for t in $(FUZZ_TARGETS); do \
		if $(B)/tests/fuzz/replay_$$t tests/fuzz/corpus/$$t; then passed=$$((passed + 1)); \
		else echo "  FAIL  tests/fuzz/corpus/$$t"; failed=$$((failed + 1)); fi; \
	done; echo "corpus: $$passed passed, $$failed failed"; [ $$failed -eq 0 ]
