# SPDX-License-Identifier: Apache-2.0
# Fuzzing.  Every tests/fuzz/fuzz_NAME.c is a target with a corpus of its own
# in tests/fuzz/corpus/NAME.  `make fuzz` needs clang; `make check-corpus`
# replays what was found with the ordinary compiler.  Objects of the tree
# beyond proto/ and replication/ are named in the target:
#	// needs: daemon/token.o daemon/address.o
# or, a whole room, in FUZZ_NEEDS_name below.
# A dictionary is tests/fuzz/NAME.dict; the longest input:
#	// length: 16384

FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_CC      ?= clang
FUZZ_SAN     := -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_FLAGS   := -std=c17 -O1 -g -fno-omit-frame-pointer $(FUZZ_SAN) -fsanitize=fuzzer-no-link \
                -D_GNU_SOURCE -DFUZZING -I. -I$(B) -MMD -MP
FUZZ_PKGS    := $(PKGS_PROTO) $(PKGS_DAEMON) smartcols
FUZZ_LIBS     = -Wl,--as-needed $(call pkg,--libs,$(FUZZ_PKGS)) -lev -lunistring -lm -pthread
SECONDS      ?= 60
FUZZ_OUT      = $(B)/tests/fuzz/found/$(TARGET)
FZ           := $(B)/fz

fuzz_said = $(shell sed -n 's,^// $(2): *,,p' tests/fuzz/fuzz_$(1).c)

$(FZ)/%.o: %.c | $(addsuffix .h,$(PB))
	@mkdir -p $(@D); echo "  FZ    $<"
	$(Q)$(FUZZ_CC) $(FUZZ_FLAGS) $(DEFS) $(call pkg,--cflags,$(FUZZ_PKGS)) -c -o $@ $<
$(FZ)/libcore.a: $(patsubst %.c,$(FZ)/%.o,$(SRC_REP) $(SRC_PROTO) $(addsuffix .c,$(PB)))
	@echo "  AR    $@"; rm -f $@
	$(Q)ar rcs $@ $^

FUZZ_NEEDS_ingest := $(patsubst %.c,%.o,$(wildcard daemon/door*.c))
FUZZ_NEEDS_import := $(patsubst %.c,%.o,$(filter-out admin/main.c,$(SRC_ADMIN)) $(SRC_CTLLIB))

define FUZZ_RULE
$(B)/tests/fuzz/lib_$(1): $(FZ)/tests/fuzz/fuzz_$(1).o $(addprefix $(FZ)/,$(call fuzz_said,$(1),needs) $(FUZZ_NEEDS_$(1))) $(FZ)/libcore.a
	@mkdir -p $$(@D); echo "  FUZZ  $$@"
	$$(Q)$$(FUZZ_CC) $$(FUZZ_SAN) -fsanitize=fuzzer -o $$@ $$^ $$(FUZZ_LIBS)
$(B)/tests/fuzz/replay_$(1): $(B)/tests/fuzz/fuzz_$(1).o $(B)/tests/fuzz/replay.o \
		$(addprefix $(B)/,$(call fuzz_said,$(1),needs) $(FUZZ_NEEDS_$(1))) $(LIB_REP) $(LIB_PROTO)
	@echo "  LD    $$@"
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(FUZZ_LIBS)
endef
$(foreach t,$(FUZZ_TARGETS),$(eval $(call FUZZ_RULE,$(t))))

.PHONY: fuzz fuzz-merge check-corpus
fuzz: $(B)/tests/fuzz/lib_$(TARGET) ## fuzz TARGET=msg SECONDS=60; what breaks is kept in tests/fuzz/corpus
	@test -n "$(TARGET)" || { echo "fuzz: TARGET= one of: $(FUZZ_TARGETS)" >&2; exit 2; }
	@mkdir -p $(FUZZ_OUT) tests/fuzz/corpus/$(TARGET)
	$(Q)$< -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 \
		-max_len=$(or $(FUZZ_LEN),$(call fuzz_said,$(TARGET),length),4096) \
		$(addprefix -dict=,$(wildcard tests/fuzz/$(TARGET).dict)) \
		-print_final_stats=1 -artifact_prefix=tests/fuzz/corpus/$(TARGET)/ \
		$(FUZZ_OUT) tests/fuzz/corpus/$(TARGET)
fuzz-merge: $(B)/tests/fuzz/lib_$(TARGET) ## take what `fuzz TARGET=` found and is new into its corpus
	$(Q)$< -merge=1 -max_len=$(or $(FUZZ_LEN),512) tests/fuzz/corpus/$(TARGET) $(FUZZ_OUT)

.SECONDARY: $(B)/tests/fuzz/replay.o $(patsubst %,$(B)/tests/fuzz/fuzz_%.o,$(FUZZ_TARGETS)) \
	$(patsubst %,$(FZ)/tests/fuzz/fuzz_%.o,$(FUZZ_TARGETS))
check-corpus: $(addprefix $(B)/tests/fuzz/replay_,$(FUZZ_TARGETS)) ## replay the fuzzing corpora
	$(Q)passed=0; failed=0; for t in $(FUZZ_TARGETS); do \
		if $(B)/tests/fuzz/replay_$$t tests/fuzz/corpus/$$t; then passed=$$((passed + 1)); \
		else echo "  FAIL  tests/fuzz/corpus/$$t"; failed=$$((failed + 1)); fi; \
	done; echo "corpus: $$passed passed, $$failed failed"; [ $$failed -eq 0 ]

-include $(wildcard $(FZ)/*/*.d $(FZ)/tests/*/*.d)
