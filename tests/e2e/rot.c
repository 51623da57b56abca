/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rot STORE TABLE NUMBER flip|swap|delete -- damages row NUMBER (from 0) of a
 * table of a store that no daemon uses.
 *   flip    a bit of the value, so that its checksum does not fit any more
 *   swap    the value of the next row, with a checksum that fits
 *   delete  the row goes
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store.h"
#include "proto/err.h"

#define MAP ((size_t)256 * 1024 * 1024)

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "rot: %s\n", what);
	exit(1);
}

struct row {
	uint8_t key[512], value[1 << 17];
	size_t key_size, size;
};

static void row_at(const struct rep_view *view, enum rep_table table, unsigned number, struct row *out)
{
	struct tr_bytes key = {NULL, 0}, value;

	for (unsigned i = 0; i <= number; i++)
		need(rep_seek(view, table, key, i != 0, &key, &value) == 0, "no such row");
	need(value.size <= sizeof(out->value), "a value so large");
	memcpy(out->key, key.data, key.size);
	memcpy(out->value, value.data, value.size);
	out->key_size = key.size;
	out->size = value.size;
}

static void flip(const char *dir, const char *name, const struct row *row)
{
	union { const uint8_t *in; void *out; } cast = {.in = row->key};
	MDB_val key = {row->key_size, cast.out}, value;
	uint8_t copy[sizeof(row->value) + 64];
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	need(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, 64) == 0 && mdb_env_set_mapsize(env, MAP) == 0 &&
	    mdb_env_open(env, dir, 0, 0600) == 0, "the store does not open");
	need(mdb_txn_begin(env, NULL, 0, &txn) == 0 && mdb_dbi_open(txn, name, 0, &dbi) == 0, "no such table");
	need(mdb_get(txn, dbi, &key, &value) == 0 && value.mv_size <= sizeof(copy), "the row is gone");
	memcpy(copy, value.mv_data, value.mv_size);
	copy[value.mv_size / 2] ^= 0x10;
	value.mv_data = copy;
	need(mdb_put(txn, dbi, &key, &value, 0) == 0 && mdb_txn_commit(txn) == 0, "it cannot be written");
	mdb_env_close(env);
}

int main(int argc, char **argv)
{
	static struct row row, other;
	const struct rep_view *view;
	struct td_store *store;
	unsigned table = 0, number;

	need(argc == 5, "STORE TABLE NUMBER flip|swap|delete");
	while (table < REP_T_COUNT && strcmp(td_store_table_name((enum rep_table)table), argv[2]) != 0)
		table++;
	need(table < REP_T_COUNT, "no such table");
	number = (unsigned)strtoul(argv[3], NULL, 10);
	need(td_store_open(&store, argv[1], MAP) == 0 && td_store_begin(store) == 0, "the store does not open");
	view = td_store_view(store);
	row_at(view, (enum rep_table)table, number, &row);
	if (strcmp(argv[4], "delete") == 0) {
		need(rep_del(view, (enum rep_table)table, (struct tr_bytes){row.key, row.key_size}) == 0, "it cannot be deleted");
	} else if (strcmp(argv[4], "swap") == 0) {
		row_at(view, (enum rep_table)table, number + 1, &other);
		need(rep_put(view, (enum rep_table)table, (struct tr_bytes){row.key, row.key_size},
		    (struct tr_bytes){other.value, other.size}) == 0, "it cannot be written");
	}
	need(td_store_commit(store) == 0, "no commit");
	td_store_close(store);
	if (strcmp(argv[4], "flip") == 0)
		flip(argv[1], argv[2], &row);
	return 0;
}
