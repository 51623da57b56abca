# SPDX-License-Identifier: Apache-2.0
# End to end: real processes, real sockets.  E2E=name runs the tests whose names contain it.
.PHONY: check-e2e
E2E_TOOLS := $(B)/tests/e2e/stranger

$(E2E_TOOLS): %: %.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,libzmq libsodium)

E2E_ROT := $(addprefix $(B)/,daemon/store.o daemon/store_file.o daemon/store_lock.o daemon/store_say.o \
	daemon/store_seal.o daemon/store_stat.o daemon/sys.o daemon/fsfile.o)
$(B)/tests/e2e/rot: $(B)/tests/e2e/rot.o $(E2E_ROT) $(LIB_REP) $(LIB_PROTO)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,lmdb libxxhash $(PKGS_PROTO)) -lunistring

$(B)/tests/e2e/later.so: tests/e2e/later.c
	@mkdir -p $(@D); echo "  LD    $@"
	$(Q)$(CC) -std=c17 -O2 -g -D_GNU_SOURCE -fPIC -shared $(WARN) -o $@ $< -ldl

check-e2e: $(B)/terraced $(B)/terracectl $(E2E_TOOLS) $(B)/tests/e2e/rot $(B)/tests/e2e/later.so ## end to end with real processes; E2E=kill runs one
	$(Q)python3 tests/e2e/run.py $(abspath $(B)) $(E2E)
