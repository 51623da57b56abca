# SPDX-License-Identifier: Apache-2.0
# Property tests: every tests/prop/prop_*.c is a program that makes random
# input from seeds and checks what must hold for all of it.
#	make check-prop                 a few seconds
#	make check-prop SEEDS=5000      longer; SEED=n repeats one

PROP_NAMES := $(patsubst tests/prop/%.c,%,$(wildcard tests/prop/prop_*.c))
PROP_BINS  := $(addprefix $(B)/tests/prop/,$(PROP_NAMES))
PROP_OBJS  := $(B)/tests/lib/fold.o $(B)/tests/lib/memview.o
SEEDS      ?= 150
SEED       ?=

# Whole cores, and the walk over small histories.
$(B)/tests/prop/prop_twice: $(addprefix $(B)/tests/,oracle/place.o small/walk.o small/alphabet.o)

$(PROP_BINS): %: %.o $(PROP_OBJS) $(LIB_REP) $(LIB_PROTO)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIB_REP) $(LIB_PROTO) $(call pkg,--libs,$(PKGS_PROTO)) -lunistring

.SECONDARY: $(addsuffix .o,$(PROP_BINS)) $(PROP_OBJS)
.PHONY: check-prop
check-prop: $(PROP_BINS) ## property tests; SEEDS= how many, SEED= repeats one
	$(Q)passed=0; failed=0; for p in $^; do \
		if $$p $(SEEDS) $(SEED); then passed=$$((passed + 1)); else failed=$$((failed + 1)); fi; done; \
	echo "prop: $$passed passed, $$failed failed"; [ $$failed -eq 0 ]
