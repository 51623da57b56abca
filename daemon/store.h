/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store -- one LMDB environment; tables by name; checked values.
 *
 * Every value is: format(1) | XXH3-64 over table, key, body (8) | body.
 * Synchronous commits (no NOSYNC, no WRITEMAP), MDB_NOTLS.  The map size is the quota,
 * chosen once.  One writer, the core's thread.
 * Errors:  after TR_E_IO the store is dead (stop, let the supervisor
 *          restart); after TR_E_FULL the transaction is aborted, the store lives.
 */
#ifndef DAEMON_STORE_H
#define DAEMON_STORE_H

#include "proto/vocab.h"
#include "replication/view.h"

struct td_store;

/* Creates DIR (0700) with an empty store: built in a temporary folder, marked, fsynced, renamed. */
TR_MUST_CHECK int td_store_make(const char *dir, size_t map_bytes);
/* 0; TR_E_NOTFOUND, TR_E_NEWER (untouched), TR_E_DAMAGED, TR_E_IO, TR_E_PERM, TR_E_BUSY (another process has it). */
TR_MUST_CHECK int td_store_open(struct td_store **out, const char *dir, size_t map_bytes);
void td_store_close(struct td_store *store); /* NULL is fine; aborts an open transaction */

/* The write transaction.  begin is idempotent while one is open. */
TR_MUST_CHECK int td_store_begin(struct td_store *store);
TR_MUST_CHECK int td_store_commit(struct td_store *store); /* fsync; TR_E_FULL, TR_E_IO */
void td_store_abort(struct td_store *store);
bool td_store_is_open(const struct td_store *store); /* a write transaction is open */
const struct rep_view *td_store_view(struct td_store *store);      /* of the write transaction */
/* Committed data.  Renewed by each call after a commit; valid until the next call or commit. */
const struct rep_view *td_store_read(struct td_store *store);

struct td_store_stat {
	uint64_t map_bytes, used_bytes, free_page_bytes;
	uint64_t rows[REP_T_COUNT];
	uint64_t commits, commit_us_p50, commit_us_p95;
	uint32_t readers;
};
void td_store_stat(struct td_store *store, struct td_store_stat *out);
int td_store_percent(struct td_store *store); /* of the map, or of the disk if that is fuller */
/* A consistent, compacted copy into an empty folder (temporary name, fsync, rename). */
TR_MUST_CHECK int td_store_backup(struct td_store *store, const char *dir);
/* Reads every value once and checks it.  bad: rows whose checksum does not fit. */
TR_MUST_CHECK int td_store_scrub(struct td_store *store, uint64_t *rows, uint64_t *bad);
const char *td_store_table_name(enum rep_table table);
/* Human sentence for the last error with the path in it. */
const char *td_store_error(const struct td_store *store);

#endif
