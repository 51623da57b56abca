/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment, its transactions and the two views.
 *
 * LMDB is used with its default, fully synced commit: the only mode that lost
 * nothing in 2,912 replayed power cuts.  It notices almost no bit rot, so each
 * value carries a checksum that is bound to its table and key.
 */
#include "daemon/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store_int.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire.h"

/* ------------------------------------------------------------------- reading */

static int unseal_row(struct td_store *store, enum rep_table table,
    const MDB_val *key, const MDB_val *value, struct tr_bytes *body)
{
	int rc = td_store_unseal(table, key, value, body);

	if (rc != 0)
		snprintf(store->text, sizeof(store->text),
		    "%s: a value in table %s does not fit its checksum",
		    store->dir, td_store_tables[table]);
	return rc;
}

static MDB_val val(struct tr_bytes bytes)
{
	/* LMDB takes void * but does not write through a key. */
	union { const uint8_t *in; void *out; } cast = {.in = bytes.data};

	return (MDB_val){bytes.size, cast.out};
}

static int read_one(struct td_store *store, MDB_txn *txn, enum rep_table table,
    struct tr_bytes key, struct tr_bytes *value)
{
	MDB_val k = val(key), v;
	int rc;

	if (txn == NULL)
		return TR_E_IO;
	if (key.size == 0 || key.size > TD_STORE_KEY_MAX)
		return TR_E_NOTFOUND;
	rc = mdb_get(txn, store->dbi[table], &k, &v);
	if (rc != 0)
		return td_store_fault(store, rc, "read");
	return unseal_row(store, table, &k, &v, value);
}

static bool same_key(const MDB_val *k, struct tr_bytes key)
{
	return k->mv_size == key.size && memcmp(k->mv_data, key.data, key.size) == 0;
}

/* A cursor lives for one call: LMDB's tracked cursors are one thing less to trust. */
static int read_near(struct td_store *store, MDB_txn *txn, enum rep_table table,
    struct tr_bytes at, bool before, bool after, struct tr_bytes *key,
    struct tr_bytes *value)
{
	MDB_val k = val(at), v;
	MDB_cursor *cursor;
	int rc;

	if (txn == NULL)
		return TR_E_IO;
	if (at.size > TD_STORE_KEY_MAX)
		return TR_E_LIMIT;
	if (before && at.size == 0)
		return TR_E_NOTFOUND;
	rc = mdb_cursor_open(txn, store->dbi[table], &cursor);
	if (rc != 0)
		return td_store_fault(store, rc, "cursor");
	rc = mdb_cursor_get(cursor, &k, &v, at.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
	if (before && rc == MDB_NOTFOUND)
		rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
	else if (before && rc == 0)
		rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
	else if (after && rc == 0 && same_key(&k, at))
		rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	mdb_cursor_close(cursor);
	if (rc != 0)
		return td_store_fault(store, rc, "read");
	rc = value != NULL ? unseal_row(store, table, &k, &v, value) : 0;
	if (rc == 0)
		*key = (struct tr_bytes){k.mv_data, k.mv_size};
	return rc;
}

static int w_get(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes *value)
{
	struct td_store *store = ctx;

	/* LMDB does not read in a transaction in which a write has failed: that is not the disk's fault */
	return store->sticky != 0 ? store->sticky : read_one(store, store->write, table, key, value);
}

static int w_seek(void *ctx, enum rep_table table, struct tr_bytes from, bool after,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct td_store *store = ctx;

	return store->sticky != 0 ? store->sticky : read_near(store, store->write, table, from, false, after, key, value);
}

static int w_seek_before(void *ctx, enum rep_table table, struct tr_bytes before,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct td_store *store = ctx;

	return store->sticky != 0 ? store->sticky : read_near(store, store->write, table, before, true, false, key, value);
}

/* A view kept over a commit sees the newer data instead of a dead transaction. */
static MDB_txn *live_reader(struct td_store *store)
{
	return store->read_is_live ? store->read : td_store_reader(store);
}

static int r_get(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes *value)
{
	struct td_store *store = ctx;

	return read_one(store, live_reader(store), table, key, value);
}

static int r_seek(void *ctx, enum rep_table table, struct tr_bytes from, bool after,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct td_store *store = ctx;

	return read_near(store, live_reader(store), table, from, false, after, key, value);
}

static int r_seek_before(void *ctx, enum rep_table table, struct tr_bytes before,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct td_store *store = ctx;

	return read_near(store, live_reader(store), table, before, true, false, key, value);
}

/* ------------------------------------------------------------------- writing */

static int stick(struct td_store *store, int rc)
{
	if (store->sticky == 0)
		store->sticky = rc;
	return rc;
}

static int w_put(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes value)
{
	struct td_store *store = ctx;
	MDB_val k = val(key), v;
	uint64_t sum;
	uint8_t *out;
	int rc;

	TR_ASSERT(store->write != NULL);
	if (store->sticky != 0)
		return store->sticky;
	if (key.size == 0 || key.size > TD_STORE_KEY_MAX)
		return stick(store, TR_E_LIMIT);
	/* Summed before LMDB may move pages: a body borrowed from this
	 * transaction, which view.h forbids, would be noticed at the next read. */
	sum = td_store_sum(table, &k, value.data, value.size);
	v = (MDB_val){TD_STORE_HEAD + value.size, NULL};
	rc = mdb_put(store->write, store->dbi[table], &k, &v, MDB_RESERVE);
	if (rc != 0)
		return stick(store, td_store_fault(store, rc, "write"));
	out = v.mv_data;
	out[0] = TR_STORE_FORMAT;
	wire_put_le64(out + 1, sum);
	if (value.size > 0)
		memcpy(out + TD_STORE_HEAD, value.data, value.size);
	return 0;
}

static int w_del(void *ctx, enum rep_table table, struct tr_bytes key)
{
	struct td_store *store = ctx;
	MDB_val k = val(key);
	int rc;

	TR_ASSERT(store->write != NULL);
	if (store->sticky != 0)
		return store->sticky;
	if (key.size == 0 || key.size > TD_STORE_KEY_MAX)
		return 0;
	rc = mdb_del(store->write, store->dbi[table], &k, NULL);
	if (rc == 0 || rc == MDB_NOTFOUND)
		return 0;
	return stick(store, td_store_fault(store, rc, "delete"));
}

static const struct rep_view_ops write_ops = {w_get, w_seek, w_seek_before, w_put, w_del};
static const struct rep_view_ops read_ops = {r_get, r_seek, r_seek_before, NULL, NULL};

/* -------------------------------------------------------------- transactions */

bool td_store_is_open(const struct td_store *store)
{
	return store->write != NULL;
}

int td_store_begin(struct td_store *store)
{
	int rc;

	if (store->is_dead)
		return TR_E_IO;
	if (store->write != NULL)
		return 0;
	rc = mdb_txn_begin(store->env, NULL, 0, &store->write);
	if (rc != 0) {
		store->write = NULL;
		return td_store_fault(store, rc, "begin");
	}
	store->sticky = 0;
	return 0;
}

void td_store_abort(struct td_store *store)
{
	if (store->write != NULL)
		mdb_txn_abort(store->write);
	store->write = NULL;
	store->sticky = 0;
}

/*
 * The committed reader is let go first: a reader that stays keeps every page
 * that it can see from being used again.
 */
static void reader_rest(struct td_store *store)
{
	if (store->read_is_live)
		mdb_txn_reset(store->read);
	store->read_is_live = false;
}

int td_store_commit(struct td_store *store)
{
	uint64_t start = td_sys_mono_us(), took;
	int rc = store->sticky;

	TR_ASSERT(store->write != NULL);
	if (rc != 0) {
		td_store_abort(store);
		return rc;
	}
	reader_rest(store);
	rc = mdb_txn_commit(store->write);
	store->write = NULL;
	if (rc != 0) {
		rc = td_store_fault(store, rc, "commit");
		if (rc != TR_E_FULL) { /* nobody knows what is on the disk now */
			store->is_dead = true;
			rc = TR_E_IO;
		}
		return rc;
	}
	took = td_sys_mono_us() - start;
	store->commit_us[store->commits++ % TD_STORE_COMMITS] =
	    took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	return 0;
}

MDB_txn *td_store_reader(struct td_store *store)
{
	int rc = 0;

	if (store->is_dead)
		return NULL;
	if (store->read == NULL) {
		rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->read);
		if (rc != 0)
			store->read = NULL;
	} else {
		reader_rest(store);
		rc = mdb_txn_renew(store->read);
	}
	if (rc != 0) {
		(void)td_store_fault(store, rc, "read transaction");
		return NULL;
	}
	store->read_is_live = true;
	return store->read;
}

const struct rep_view *td_store_view(struct td_store *store)
{
	TR_ASSERT(store->write != NULL);
	return &store->write_view;
}

const struct rep_view *td_store_read(struct td_store *store)
{
	/* If it cannot be renewed, every get of the view says TR_E_IO. */
	(void)td_store_reader(store);
	return &store->read_view;
}

/* ------------------------------------------------------------- open and close */

/* 0; TR_E_NOTFOUND: not a store; TR_E_NEWER. */
static int marker_check(struct td_store *store, MDB_txn *txn)
{
	MDB_val k = {6, "format"}, v;
	struct tr_bytes body;
	uint32_t format;
	MDB_dbi dbi;
	int rc = mdb_dbi_open(txn, TD_STORE_MARKER, 0, &dbi);

	if (rc == 0)
		rc = mdb_get(txn, dbi, &k, &v);
	if (rc == MDB_NOTFOUND) {
		snprintf(store->text, sizeof(store->text),
		    "%s: is an LMDB environment but no store of Terrace", store->dir);
		return TR_E_DAMAGED;
	}
	if (rc != 0)
		return td_store_fault(store, rc, "format marker");
	/* The marker's outer form never changes, whatever the values become. */
	if (v.mv_size < TD_STORE_HEAD + 4)
		return TR_E_DAMAGED;
	body = (struct tr_bytes){(uint8_t *)v.mv_data + TD_STORE_HEAD, v.mv_size - TD_STORE_HEAD};
	format = wire_get_le32(body.data);
	if (format > TR_STORE_FORMAT) {
		snprintf(store->text, sizeof(store->text),
		    "%s: the store has format %u, this program knows up to %d; "
		    "it was not touched", store->dir, format, TR_STORE_FORMAT);
		return TR_E_NEWER;
	}
	return td_store_unseal(REP_T_COUNT, &k, &v, &body);
}

static int tables_open(struct td_store *store)
{
	MDB_txn *txn = NULL;
	int rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn);

	if (rc != 0)
		return td_store_fault(store, rc, "open");
	rc = marker_check(store, txn);
	for (unsigned i = 0; rc == 0 && i < REP_T_COUNT; i++) {
		rc = mdb_dbi_open(txn, td_store_tables[i], 0, &store->dbi[i]);
		if (rc == MDB_NOTFOUND) {
			snprintf(store->text, sizeof(store->text),
			    "%s: table %s is missing", store->dir, td_store_tables[i]);
			rc = TR_E_DAMAGED;
		} else if (rc != 0) {
			rc = td_store_fault(store, rc, td_store_tables[i]);
		}
	}
	if (rc != 0) {
		mdb_txn_abort(txn);
		return rc;
	}
	rc = mdb_txn_commit(txn); /* keeps the handles */
	return rc == 0 ? 0 : td_store_fault(store, rc, "open");
}

static int data_file_check(struct td_store *store)
{
	char path[PATH_MAX + 16];
	struct stat st;

	snprintf(path, sizeof(path), "%s/data.mdb", store->dir);
	if (stat(path, &st) != 0) {
		int err = errno;

		if (err != ENOENT && err != ENOTDIR)
			return td_store_fault(store, err, "data.mdb");
		snprintf(store->text, sizeof(store->text), "%s: no store there", store->dir);
		return TR_E_NOTFOUND;
	}
	if (st.st_size == 0) { /* LMDB would take it for a new one */
		snprintf(store->text, sizeof(store->text), "%s: data.mdb is empty", store->dir);
		return TR_E_DAMAGED;
	}
	return 0;
}

static int env_open(struct td_store *store)
{
	int dead = 0, rc = mdb_env_create(&store->env);

	if (rc != 0) {
		store->env = NULL;
		return td_store_fault(store, rc, "open");
	}
	rc = mdb_env_set_maxdbs(store->env, REP_T_COUNT + 1);
	if (rc == 0)
		rc = mdb_env_set_mapsize(store->env, store->map_bytes);
	if (rc == 0)
		rc = mdb_env_open(store->env, store->dir, MDB_NOTLS, 0600);
	if (rc != 0)
		return td_store_fault(store, rc, "open");
	(void)mdb_reader_check(store->env, &dead);
	store->readers_checked_us = td_sys_mono_us();
	return tables_open(store);
}

int td_store_open(struct td_store **out, const char *dir, size_t map_bytes)
{
	struct td_store *store = calloc(1, sizeof(*store));
	int rc = TR_E_NOMEM;

	if (store == NULL)
		return rc;
	store->lock_fd = -1;
	store->map_bytes = map_bytes;
	store->write_view = (struct rep_view){&write_ops, store};
	store->read_view = (struct rep_view){&read_ops, store};
	rc = snprintf(store->dir, sizeof(store->dir), "%s", dir) >= PATH_MAX ? TR_E_SIZE : 0;
	if (rc == 0)
		rc = data_file_check(store);
	if (rc != 0)
		goto fail;
	rc = td_store_lock(dir, &store->lock_fd);
	if (rc != 0) {
		snprintf(store->text, sizeof(store->text), "%s", td_store_said());
		goto fail;
	}
	rc = env_open(store);
	if (rc != 0)
		goto fail;
	*out = store;
	return 0;

fail:
	td_store_say(NULL, "%s", store->text);
	td_store_close(store);
	return rc;
}

void td_store_close(struct td_store *store)
{
	if (store == NULL)
		return;
	td_store_abort(store);
	if (store->read != NULL)
		mdb_txn_abort(store->read);
	if (store->env != NULL)
		mdb_env_close(store->env);
	if (store->lock_fd >= 0)
		close(store->lock_fd); /* lets the lock go */
	free(store);
}
