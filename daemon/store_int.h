/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_int -- what the store's own files share.  Nobody else includes it.
 *
 *     store_file.c   make and back up, at the top
 *     store_stat.c   how full, how fast, how sound
 *     store.c        the environment, transactions, views
 *     store_seal.c   form on the disk     store_lock.c, store_say.c   below all
 */
#ifndef DAEMON_STORE_INT_H
#define DAEMON_STORE_INT_H

#include <limits.h>

#include <lmdb.h>

#include "daemon/store.h"

#define TD_STORE_HEAD 9       /* format byte, checksum */
#define TD_STORE_KEY_MAX 511  /* LMDB's bound */
#define TD_STORE_COMMITS 256  /* durations kept for the percentiles */
#define TD_STORE_TEXT_MAX (PATH_MAX + 200)
#define TD_STORE_MARKER "terrace" /* named database with the format version */

struct td_store {
	MDB_env *env;
	MDB_dbi dbi[REP_T_COUNT];
	MDB_txn *write;          /* open write transaction or NULL */
	MDB_txn *read;           /* NULL until first used */
	bool read_is_live;       /* else it is reset */
	bool is_dead;            /* after an I/O error: nothing works any more */
	int sticky;              /* first error of a put in this transaction */
	struct rep_view write_view, read_view;
	size_t map_bytes;
	char dir[PATH_MAX];
	int lock_fd;

	uint64_t commits;
	uint32_t commit_us[TD_STORE_COMMITS]; /* ring */
	uint64_t used_txn;       /* transaction that used_pages was counted at */
	uint64_t used_pages, free_pages;
	uint64_t readers_checked_us;

	char text[TD_STORE_TEXT_MAX];
};

/* ---- store_say.c ---- */
/* LMDB's or errno's number -> TR_E_*; writes the sentence. */
int td_store_fault(struct td_store *store, int mdb_rc, const char *what);
/* Sentence for callers that have no store yet: td_store_error(NULL). */
void td_store_say(const char *dir, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same from errno; returns its TR_E_*. */
int td_store_say_errno(const char *path, const char *what);
const char *td_store_said(void);

/* ---- store_seal.c ---- */
extern const char *const td_store_tables[REP_T_COUNT];
uint64_t td_store_sum(unsigned table, const MDB_val *key, const void *body, size_t size);
/* Body of a stored value.  0; TR_E_DAMAGED. */
int td_store_unseal(unsigned table, const MDB_val *key, const MDB_val *value, struct tr_bytes *body);

/* ---- store_lock.c ---- */
/* fd of DIR/lock, held; or TR_E_BUSY, TR_E_PERM, TR_E_IO. */
int td_store_lock(const char *dir, int *fd);

/* ---- store.c ---- */
/* Read transaction of the committed data, renewed.  NULL if that failed. */
MDB_txn *td_store_reader(struct td_store *store);

#endif
