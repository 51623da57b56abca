# SPDX-License-Identifier: Apache-2.0
# Faults: kill -9 and a full disk against real stores.
FAULT_OBJS := $(addprefix $(B)/,tests/fault/store_fault.o daemon/store.o daemon/store_file.o daemon/store_lock.o \
	daemon/store_say.o daemon/store_seal.o daemon/store_stat.o daemon/sys.o proto/err.o proto/wire_num.o)
$(B)/tests/fault/store_fault: $(FAULT_OBJS)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,lmdb libxxhash libsodium)

.PHONY: check-fault
check-fault: $(B)/tests/fault/store_fault ## kill -9 and a full disk against the store; CYCLES=20
	$(Q)tests/fault/run.sh $< $(or $(CYCLES),20)
