# SPDX-License-Identifier: Apache-2.0
# Crashes for real: kill -9, lost pages and failing disks under daemons that work.
.PHONY: crash check-crash
CRASH_SHIM := $(B)/tests/crash/shim.so

$(CRASH_SHIM): tests/crash/shim.c
	@mkdir -p $(@D); echo "  LD    $@"
	$(Q)$(CC) -std=c17 -O2 -g -D_GNU_SOURCE -fPIC -shared $(WARN) -o $@ $< -ldl

crash: $(B)/terraced $(B)/terracectl $(CRASH_SHIM) ## CYCLES=1000 kills under load, then each file call in turn; SEED=1
	$(Q)python3 tests/crash/run.py $(abspath $(B)) all --cycles $(or $(CYCLES),1000) --seed $(or $(SEED),1)

check-crash: $(B)/terraced $(B)/terracectl $(CRASH_SHIM) ## a slice of `make crash`: 20 kills, a few calls
	$(Q)python3 tests/crash/run.py $(abspath $(B)) slice --cycles 20 --seed $(or $(SEED),1)
