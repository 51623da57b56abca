# SPDX-License-Identifier: Apache-2.0
# All histories of a few ops, in every order.
SMALL_OBJS := $(addprefix $(B)/tests/small/,small.o walk.o answer.o alphabet.o) $(B)/tests/lib/memview.o
$(B)/tests/small/small: $(SMALL_OBJS) $(LIB_REP) $(LIB_PROTO)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(call pkg,--libs,$(PKGS_PROTO))

.PHONY: check-small
check-small: $(B)/tests/small/small ## every small history in every order
	$(Q)tests/small/run.sh $<
