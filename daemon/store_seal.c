/* SPDX-License-Identifier: Apache-2.0 */
/* The form on the disk: names of the tables, the checksum of a value. */
#include "daemon/store.h"

#include <xxhash.h>

#include "daemon/store_int.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire.h"

const char *const td_store_tables[REP_T_COUNT] = {
	[REP_T_META] = "meta", [REP_T_LOG] = "log", [REP_T_SEG] = "seg",
	[REP_T_OPEN] = "open", [REP_T_PEND] = "pend", [REP_T_REC] = "rec",
	[REP_T_ROW] = "row", [REP_T_OPS] = "ops", [REP_T_SRC] = "src",
	[REP_T_DIR] = "dir", [REP_T_CONFLICT] = "conflict",
	[REP_T_CERT] = "cert", [REP_T_UNIT] = "unit", [REP_T_PEER] = "peer",
	[REP_T_HEAD] = "head", [REP_T_RCPT] = "rcpt",
	[REP_T_INVITE] = "invite", [REP_T_KEY] = "key",
	[REP_T_VIOLATION] = "violation", [REP_T_LATER] = "later",
	[REP_T_CUT] = "cut", [REP_T_EVID] = "evidence",
	[REP_T_DOMAIN] = "domain", [REP_T_BASE] = "base", [REP_T_FLOOR] = "floor",
	[REP_T_SNAP] = "snap",
};

const char *td_store_table_name(enum rep_table table)
{
	return (unsigned)table < REP_T_COUNT ? td_store_tables[table] : "?";
}

/*
 * The key's hash seeds the body's, the table seeds the key's: a value that
 * turns up under another key or in another table does not fit either.
 */
uint64_t td_store_sum(unsigned table, const MDB_val *key, const void *body, size_t size)
{
	uint64_t seed = XXH3_64bits_withSeed(key->mv_data, key->mv_size, table + 1u);

	return XXH3_64bits_withSeed(body, size, seed);
}

int td_store_unseal(unsigned table, const MDB_val *key, const MDB_val *value,
    struct tr_bytes *body)
{
	const uint8_t *data = value->mv_data;
	size_t size = value->mv_size;

	if (size < TD_STORE_HEAD || data[0] != TR_STORE_FORMAT)
		return TR_E_DAMAGED;
	if (wire_get_le64(data + 1) != td_store_sum(table, key, data + TD_STORE_HEAD, size - TD_STORE_HEAD))
		return TR_E_DAMAGED;
	*body = (struct tr_bytes){data + TD_STORE_HEAD, size - TD_STORE_HEAD};
	return 0;
}
