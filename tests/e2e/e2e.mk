# SPDX-License-Identifier: Apache-2.0
# End to end: real processes, real sockets.  E2E=name runs the tests whose names contain it.
.PHONY: check-e2e
E2E_TOOLS := $(B)/tests/e2e/stranger

$(E2E_TOOLS): %: %.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,libzmq libsodium)

check-e2e: $(B)/terraced $(B)/terracectl $(E2E_TOOLS) ## end to end with real processes; E2E=kill runs one
	$(Q)python3 tests/e2e/run.py $(abspath $(B)) $(E2E)
