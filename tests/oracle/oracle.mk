# SPDX-License-Identifier: Apache-2.0
# The core against an oracle of its own kind.
ORACLE_OBJS := $(addprefix $(B)/tests/oracle/,driver.o place.o show.o) $(B)/tests/lib/memview.o
$(B)/tests/oracle/driver: $(ORACLE_OBJS) $(LIB_REP) $(LIB_PROTO)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,$(PKGS_PROTO))

# SEEDS has a default of the simulator; here it counts when it was given.
ORACLE_SEEDS = $(if $(filter command% environment%,$(origin SEEDS)),$(SEEDS),200)
.PHONY: check-oracle
check-oracle: $(B)/tests/oracle/driver ## the core and an oracle in Python agree; SEEDS=200 FIRST=1
	$(Q)python3 tests/oracle/differ.py $< --seeds $(ORACLE_SEEDS) --first $(or $(FIRST),1)
