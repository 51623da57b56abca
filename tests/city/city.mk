# SPDX-License-Identifier: Apache-2.0
# sim-city: Beijing in one process.  SEED=1 DAYS=30 OPS=4 (a community and day)
# DISTRICTS= (1, 4 and 16 one beside the other when empty) MEMORY=20 (GiB)
CITY_OBJ  := $(call obj,$(wildcard tests/city/*.c)) $(B)/daemon/codec.o
CITY_LIBS  = $(call pkg,--libs,libsodium libprotobuf-c libzstd) -lm
.PHONY: sim-city check-city
sim-city: $(B)/tests/city/city ## a whole city, 30 days: delivery, bytes, queues, memory, growth
	@$(B)/tests/city/city --seed $(or $(SEED),1) --days $(or $(DAYS),30) --ops $(or $(OPS),4) --memory $(or $(MEMORY),20) \
		$(if $(DISTRICTS),--districts $(DISTRICTS)) $(if $(STREETS),--streets $(STREETS)) $(CITY_FLAGS)
check-city: $(B)/tests/city/city
	@tests/city/check.sh $(B)

# tests/city/sign.o stands in for replication/sign.o, which is left out.
$(B)/tests/city/city: $(CITY_OBJ) $(filter-out %/sign.o,$(call obj,$(SRC_REP))) $(LIB_PROTO)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CITY_LIBS)
