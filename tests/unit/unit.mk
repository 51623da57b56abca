# SPDX-License-Identifier: Apache-2.0
# Unit tests.  Every tests/unit/test_*.c is a program; a new file is found by
# itself.  It is linked with the two libraries.  Further objects of the tree
# are named in the file, or in a fragment beside it:
#	// needs: daemon/store.o daemon/schema_keys.o
#	NEEDS_test_store := daemon/store.o
# and so are libraries:
#	// libs: -lev

UNIT_NAMES := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
UNIT_BINS  := $(addprefix $(B)/tests/unit/,$(UNIT_NAMES))
UNIT_LIBS   = $(call pkg,--libs,cmocka jansson $(PKGS_DAEMON) $(PKGS_PROTO)) -lunistring -lm -pthread

unit_said = $(shell sed -n 's,^// $(2): *,,p' tests/unit/$(1).c)

define UNIT_RULE
$(B)/tests/unit/$(1): $(B)/tests/unit/$(1).o \
		$(addprefix $(B)/,$(call unit_said,$(1),needs) $(NEEDS_$(1))) $(LIB_REP) $(LIB_PROTO)
	@echo "  LD    $$@"
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %.o,$$^) $(LIB_REP) $(LIB_PROTO) \
		-Wl,--as-needed $$(UNIT_LIBS) $(call unit_said,$(1),libs)
endef
$(foreach t,$(UNIT_NAMES),$(eval $(call UNIT_RULE,$(t))))

.SECONDARY: $(addsuffix .o,$(UNIT_BINS))
.PHONY: check-unit
check-unit: $(if $(UNIT),$(addprefix $(B)/tests/unit/,$(UNIT)),$(UNIT_BINS)) ## run the unit tests; UNIT=test_wire runs one
	$(Q)tests/unit/run.sh $^
