/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store -- a compact store in memory behind replication/view.h: 7,900 of them
 * stand in one process, so bytes count more than anything else.
 *
 * A skip list of pages; a page holds rows in order, one behind the other.
 * No undo: nothing here fails or crashes, memory ends the run.
 *
 * Owns:    copies of all keys and values.
 * Threads: none.  Same calls, same result.
 */
#ifndef TESTS_CITY_STORE_H
#define TESTS_CITY_STORE_H

#include "replication/view.h"

struct city_store;

struct city_store *city_store_create(void);
void city_store_free(struct city_store *store); /* NULL is fine */
struct rep_view city_store_view(struct city_store *store);
/* Called at each put into the table, before it is done. */
void city_store_watch(struct city_store *store,
    void (*put)(void *ctx, enum rep_table table, struct tr_bytes key), void *ctx);
/* Memory of the pages, free room in them included. */
size_t city_store_bytes(const struct city_store *store);
size_t city_store_rows(const struct city_store *store);

#endif
