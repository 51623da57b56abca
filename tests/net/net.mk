# SPDX-License-Identifier: Apache-2.0
# The carrier with real processes over loopback, and the slow-link proxy that
# other tests put between two nodes.
NET_DAEMON := address carrier carrier_down carrier_peer carrier_queue carrier_socket carrier_tell \
	carrier_up codec curve net net_proc net_set pipe resolve sandbox spawn sys
NET_BINS   := $(addprefix $(B)/tests/net/,test_carrier test_hostile test_slowlink)

$(B)/tests/net/test_carrier $(B)/tests/net/test_hostile: $(B)/tests/net/%: $(B)/tests/net/%.o \
		$(addprefix $(B)/tests/net/,pair.o party.o hostile.o) \
		$(patsubst %,$(B)/daemon/%.o,$(NET_DAEMON)) $(LIB_PROTO)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(call pkg,--libs,cmocka $(PKGS_DAEMON) $(PKGS_PROTO)) -lev -pthread

$(B)/tests/net/slowlink: $(B)/tests/net/slowlink.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

$(B)/tests/net/test_slowlink: $(B)/tests/net/test_slowlink.o $(B)/tests/net/slowlink
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(call pkg,--libs,cmocka)

.PHONY: check-net
check-net: $(NET_BINS) ## links with real carriers over loopback
	$(Q)tests/unit/run.sh $^ | sed 's/^unit: /net: /'; exit $${PIPESTATUS[0]}
