# SPDX-License-Identifier: Apache-2.0
# check-sim: the federation in virtual time.  SEEDS=200 FROM=1 STEPS=120 JOBS=2
SIM_SEEDS := $(if $(filter command environment,$(firstword $(origin SEEDS))),$(SEEDS),200)
FROM  ?= 1
STEPS ?= 120
JOBS  ?= 2
SIM_SRC  := $(filter-out tests/sim/main.c tests/sim/story_%.c,$(wildcard tests/sim/*.c))
SIM_OBJ  := $(call obj,$(SIM_SRC) tests/lib/memview.c tests/lib/badview.c tests/lib/nomem.c)
SIM_LIBS  = $(NOMEM_LDFLAGS) -Wl,--wrap=rep_sign_verify $(call pkg,--libs,libsodium libprotobuf-c)
SIM_STORIES := $(patsubst tests/sim/%.c,$(B)/tests/sim/%,$(wildcard tests/sim/story_*.c))

.PHONY: check-sim sim
sim: $(B)/tests/sim/sim ## the simulator: build/release/tests/sim/sim --seed N -v
check-sim: $(B)/tests/sim/sim $(SIM_STORIES)
	@tests/sim/check.sh $(B) $(SIM_SEEDS) $(FROM) $(STEPS) $(JOBS)

$(B)/tests/sim/sim: $(B)/tests/sim/main.o $(SIM_OBJ) $(LIB_REP) $(LIB_PROTO)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(SIM_LIBS)
$(B)/tests/sim/story_%: $(B)/tests/sim/story_%.o $(SIM_OBJ) $(LIB_REP) $(LIB_PROTO)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(SIM_LIBS)

# Planted bugs: each must be found.  MUTANT=name[,name] runs these; TABLE=1 prints the table of docs/testing.md.
PLANT = python3 tests/sim/mutants.py --build "$(B)" --cc "$(CC)" --cflags '$(CFLAGS) -D_GNU_SOURCE $(call pkg,--cflags,$(PKGS_PROTO))' \
	--ldflags '$(LDFLAGS)' --libs '$(SIM_LIBS)' --jobs $(JOBS)
PLANTED := $(B)/tests/sim/main.o $(SIM_OBJ) $(call obj,$(SRC_REP) $(SRC_PROTO)) $(addsuffix .o,$(PB))
# Found within a seed or two, of different checkers.
QUICK := ack-one-more,head-counter,no-redial,old-log-goes-on,open-piles-up,policy-in-state,receipt-unheld,refold-any-order

.PHONY: check-mutants check-planted
check-mutants: $(B)/tests/sim/sim ## plant bugs into copies of the core; the simulator must find each
	@$(PLANT) $(if $(MUTANT),--only $(MUTANT)) $(if $(TABLE),--table) $(PLANTED)
check-planted: $(B)/tests/sim/sim
	@$(PLANT) --name planted --only $(QUICK) --replay open-piles-up $(PLANTED)
