/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memview -- a store in memory behind the interface of replication/view.h,
 * for tests and the simulator.
 *
 * Same order and same errors as the LMDB store: rows sorted by key (memcmp,
 * a shorter key first), TR_E_NOTFOUND, borrowed values.  A transaction can be
 * rolled back; a put can be made to fail.
 *
 * Owns:    copies of all keys and values.
 * Threads: none.  Same calls, same result (heights come from a fixed seed).
 */
#ifndef TESTS_LIB_MEMVIEW_H
#define TESTS_LIB_MEMVIEW_H

#include "replication/view.h"

struct memview;

/* Aborts when memory is out, like every call here. */
struct memview *memview_create(void);
void memview_free(struct memview *mv); /* NULL is fine */

/* The store as the core sees it; lives as long as mv. */
struct rep_view memview_view(struct memview *mv);
/* The same without put and del (NULL pointers), as the engine's readers get it. */
struct rep_view memview_read_view(struct memview *mv);

/*
 * One transaction at a time.  Without begin, puts are final at once.
 * rollback restores every row as it was at begin (a crash before the commit).
 */
void memview_begin(struct memview *mv);
void memview_commit(struct memview *mv);
void memview_rollback(struct memview *mv);

/* A deep copy of the committed and open rows: a backup, a cloned disk. */
struct memview *memview_clone(const struct memview *mv);

/* The put or del after the next n ones, and all later ones, give `rc`
 * (sticky until rollback).  n < 0: never. */
void memview_fail_after(struct memview *mv, int64_t n, int rc);

size_t memview_rows(const struct memview *mv, enum rep_table table);
/* Bytes of keys and values, all tables. */
size_t memview_bytes(const struct memview *mv);
/* Puts and deletes so far: the cost of what was done. */
uint64_t memview_writes(const struct memview *mv);

#endif
