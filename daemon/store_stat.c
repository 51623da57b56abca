/* SPDX-License-Identifier: Apache-2.0 */
/* How full, how fast, how sound the store is. */
#include "daemon/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "daemon/store_int.h"
#include "daemon/sys.h"
#include "proto/err.h"

#define READERS_EVERY_US (60u * 1000000u)
/* Left to the rest of the machine, and to our own acknowledgements. */
#define DISK_RESERVE (4u * 1024 * 1024)
#define FREE_DBI ((MDB_dbi)0) /* LMDB's table of free pages */

/*
 * Pages that wait in the free list.  Each row is a list with its length in
 * front; rows are few, one for each commit whose pages are not yet in use
 * again.
 */
static uint64_t count_free(MDB_txn *txn)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	uint64_t total = 0;

	if (mdb_cursor_open(txn, FREE_DBI, &cursor) != 0)
		return 0;
	while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0) {
		size_t n;

		if (v.mv_size < sizeof(n))
			continue;
		memcpy(&n, v.mv_data, sizeof(n));
		total += n;
	}
	mdb_cursor_close(cursor);
	return total;
}

/* Cheap when nothing was committed since. */
static void count_used(struct td_store *store)
{
	MDB_envinfo info;
	MDB_txn *txn;

	if (store->is_dead || mdb_env_info(store->env, &info) != 0)
		return;
	if (store->used_pages != 0 && store->used_txn == info.me_last_txnid)
		return;
	txn = td_store_reader(store);
	if (txn == NULL || mdb_env_info(store->env, &info) != 0)
		return;
	store->free_pages = count_free(txn);
	store->used_pages = info.me_last_pgno + 1;
	store->used_pages -= store->free_pages < store->used_pages ? store->free_pages : 0;
	store->used_txn = info.me_last_txnid;
}

static size_t page_size(struct td_store *store)
{
	MDB_stat st = {0};

	(void)mdb_env_stat(store->env, &st);
	return st.ms_psize != 0 ? st.ms_psize : 4096;
}

/* What the store may still become: its map, or less if the disk holds less. */
static uint64_t capacity(struct td_store *store)
{
	char path[PATH_MAX + 16];
	struct statvfs fs;
	struct stat st;
	uint64_t room;

	snprintf(path, sizeof(path), "%s/data.mdb", store->dir);
	if (stat(path, &st) != 0 || statvfs(store->dir, &fs) != 0)
		return store->map_bytes;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	room = room > DISK_RESERVE ? room - DISK_RESERVE : 0;
	room += (uint64_t)st.st_size;
	return room < store->map_bytes ? room : store->map_bytes;
}

static void readers_check(struct td_store *store)
{
	uint64_t now = td_sys_mono_us();
	int dead = 0;

	if (now - store->readers_checked_us < READERS_EVERY_US)
		return;
	store->readers_checked_us = now;
	(void)mdb_reader_check(store->env, &dead); /* a dead reader keeps pages from reuse */
}

int td_store_percent(struct td_store *store)
{
	uint64_t used, cap;

	readers_check(store);
	count_used(store);
	used = store->used_pages * page_size(store);
	cap = capacity(store);
	if (cap == 0 || used >= cap)
		return 100;
	return (int)(used * 100 / cap);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void commit_times(const struct td_store *store, struct td_store_stat *out)
{
	uint32_t sorted[TD_STORE_COMMITS];
	size_t n = store->commits < TD_STORE_COMMITS ? store->commits : TD_STORE_COMMITS;

	if (n == 0)
		return;
	memcpy(sorted, store->commit_us, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_size);
	out->commit_us_p50 = sorted[n / 2];
	out->commit_us_p95 = sorted[n * 95 / 100];
}

void td_store_stat(struct td_store *store, struct td_store_stat *out)
{
	MDB_envinfo info;
	MDB_stat st;
	MDB_txn *txn;

	memset(out, 0, sizeof(*out));
	count_used(store);
	out->map_bytes = store->map_bytes;
	out->used_bytes = store->used_pages * page_size(store);
	out->free_page_bytes = store->free_pages * page_size(store);
	out->commits = store->commits;
	commit_times(store, out);
	txn = td_store_reader(store);
	for (unsigned i = 0; txn != NULL && i < REP_T_COUNT; i++)
		if (mdb_stat(txn, store->dbi[i], &st) == 0)
			out->rows[i] = st.ms_entries;
	if (mdb_env_info(store->env, &info) == 0)
		out->readers = info.me_numreaders;
}

static int scrub_table(struct td_store *store, MDB_txn *txn, unsigned table,
    uint64_t *rows, uint64_t *bad)
{
	struct tr_bytes body;
	MDB_cursor *cursor;
	MDB_val k, v;
	MDB_stat st;
	uint64_t seen = 0;
	int rc = mdb_stat(txn, store->dbi[table], &st);

	if (rc == 0)
		rc = mdb_cursor_open(txn, store->dbi[table], &cursor);
	if (rc != 0)
		return td_store_fault(store, rc, "scrub");
	while ((rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0) {
		seen++;
		if (td_store_unseal(table, &k, &v, &body) != 0)
			(*bad)++;
	}
	mdb_cursor_close(cursor);
	*rows += seen;
	if (seen < st.ms_entries) /* a damaged branch hides rows without a word */
		*bad += st.ms_entries - seen;
	if (rc != MDB_NOTFOUND) {
		rc = td_store_fault(store, rc, "scrub");
		return rc == TR_E_DAMAGED ? 0 : rc;
	}
	return 0;
}

int td_store_scrub(struct td_store *store, uint64_t *rows, uint64_t *bad)
{
	MDB_txn *txn = td_store_reader(store);
	int rc = txn == NULL ? TR_E_IO : 0;

	*rows = 0;
	*bad = 0;
	for (unsigned i = 0; rc == 0 && i < REP_T_COUNT; i++)
		rc = scrub_table(store, txn, i, rows, bad);
	return rc;
}
