/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A skip list per table and an undo log.  Skip list and not a tree: seek,
 * seek_before and delete are each one walk and a few lines.
 */
#include "tests/lib/memview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define HEIGHT_MAX 20 /* 4^20 rows */

struct node {
	uint8_t *value;
	size_t value_size;
	uint8_t *key; /* behind next[] in the same block */
	size_t key_size;
	uint64_t start; /* first 8 bytes of the key, as a number: most comparisons end there */
	int height;
	struct node *next[];
};

/* How to take one change back: put the old value, or remove the row. */
struct undo {
	enum rep_table table;
	bool existed;
	uint8_t *key, *value;
	size_t key_size, value_size;
};

struct memview {
	struct node *head[REP_T_COUNT];
	size_t rows[REP_T_COUNT];
	size_t bytes;
	uint64_t writes;
	uint64_t seed;
	bool open;
	struct undo *undo;
	size_t undo_count, undo_cap;
	int64_t fail_after;
	int fail_rc;
};

static void *need(void *p)
{
	if (p == NULL) {
		fputs("memview: out of memory\n", stderr);
		abort();
	}
	return p;
}

static uint8_t *copy(const uint8_t *data, size_t size)
{
	uint8_t *p = need(malloc(size != 0 ? size : 1));

	if (size != 0)
		memcpy(p, data, size);
	return p;
}

static uint64_t start_of(struct tr_bytes key)
{
	uint64_t start = 0;

	for (size_t i = 0; i < 8; i++)
		start = start << 8 | (i < key.size ? key.data[i] : 0);
	return start;
}

static int compare(const struct node *n, struct tr_bytes key)
{
	size_t min = n->key_size < key.size ? n->key_size : key.size;
	int c = min != 0 ? memcmp(n->key, key.data, min) : 0;

	if (c != 0)
		return c;
	return n->key_size < key.size ? -1 : n->key_size > key.size;
}

static struct node *new_node(struct tr_bytes key, int height)
{
	size_t links = (size_t)height * sizeof(struct node *);
	struct node *n = need(calloc(1, sizeof(*n) + links + key.size + 1));

	n->height = height;
	n->key = (uint8_t *)n + sizeof(*n) + links;
	n->key_size = key.size;
	n->start = start_of(key);
	if (key.size != 0)
		memcpy(n->key, key.data, key.size);
	return n;
}

static int pick_height(struct memview *mv)
{
	int height = 1;

	mv->seed ^= mv->seed << 13;
	mv->seed ^= mv->seed >> 7;
	mv->seed ^= mv->seed << 17;
	for (uint64_t r = mv->seed; (r & 3) == 0 && height < HEIGHT_MAX; r >>= 2)
		height++;
	return height;
}

/* Last node with key < `key` (<= when `equal`) per level; NULL prev allowed. */
static struct node *walk(const struct memview *mv, enum rep_table table,
    struct tr_bytes key, bool equal, struct node **prev)
{
	struct node *n = mv->head[table];
	uint64_t start = start_of(key);

	for (int level = HEIGHT_MAX - 1; level >= 0; level--) {
		while (n->next[level] != NULL && (n->next[level]->start < start || (n->next[level]->start == start &&
		    compare(n->next[level], key) < (equal ? 1 : 0))))
			n = n->next[level];
		if (prev != NULL)
			prev[level] = n;
	}
	return n;
}

static int give(const struct node *n, struct tr_bytes *key,
    struct tr_bytes *value)
{
	if (key != NULL)
		*key = (struct tr_bytes){n->key, n->key_size};
	if (value != NULL)
		*value = (struct tr_bytes){n->value, n->value_size};
	return 0;
}

static int mv_get(void *ctx, enum rep_table table, struct tr_bytes key,
    struct tr_bytes *value)
{
	const struct memview *mv = ctx;
	const struct node *n = walk(mv, table, key, false, NULL)->next[0];

	if (n == NULL || compare(n, key) != 0)
		return TR_E_NOTFOUND;
	return give(n, NULL, value);
}

static int mv_seek(void *ctx, enum rep_table table, struct tr_bytes from,
    bool after, struct tr_bytes *key, struct tr_bytes *value)
{
	const struct memview *mv = ctx;
	const struct node *n = walk(mv, table, from, after, NULL)->next[0];

	return n == NULL ? TR_E_NOTFOUND : give(n, key, value);
}

static int mv_seek_before(void *ctx, enum rep_table table,
    struct tr_bytes before, struct tr_bytes *key, struct tr_bytes *value)
{
	const struct memview *mv = ctx;
	const struct node *n = walk(mv, table, before, false, NULL);

	return n == mv->head[table] ? TR_E_NOTFOUND : give(n, key, value);
}

/* Remembers a row before its change; takes over the old value. */
static void remember(struct memview *mv, enum rep_table table,
    struct tr_bytes key, const struct node *old, uint8_t *take_value)
{
	struct undo *u;

	if (!mv->open) {
		free(take_value);
		return;
	}
	if (mv->undo_count == mv->undo_cap) {
		mv->undo_cap = mv->undo_cap != 0 ? 2 * mv->undo_cap : 256;
		mv->undo = need(realloc(mv->undo, mv->undo_cap * sizeof(*u)));
	}
	u = &mv->undo[mv->undo_count++];
	*u = (struct undo){
	    .table = table,
	    .existed = old != NULL,
	    .key = copy(key.data, key.size),
	    .key_size = key.size,
	    .value = take_value,
	    .value_size = old != NULL ? old->value_size : 0,
	};
}

static int planned_failure(struct memview *mv)
{
	mv->writes++;
	if (mv->fail_after < 0)
		return 0;
	if (mv->fail_after == 0)
		return mv->fail_rc;
	mv->fail_after--;
	return 0;
}

static void put_row(struct memview *mv, enum rep_table table,
    struct tr_bytes key, uint8_t *take_value, size_t size)
{
	struct node *prev[HEIGHT_MAX];
	struct node *n = walk(mv, table, key, false, prev)->next[0];

	if (n != NULL && compare(n, key) == 0) {
		remember(mv, table, key, n, n->value);
		mv->bytes -= n->value_size;
	} else {
		n = new_node(key, pick_height(mv));
		for (int i = 0; i < n->height; i++) {
			n->next[i] = prev[i]->next[i];
			prev[i]->next[i] = n;
		}
		mv->rows[table]++;
		mv->bytes += key.size;
		remember(mv, table, key, NULL, NULL);
	}
	n->value = take_value;
	n->value_size = size;
	mv->bytes += size;
}

static void del_row(struct memview *mv, enum rep_table table,
    struct tr_bytes key)
{
	struct node *prev[HEIGHT_MAX];
	struct node *n = walk(mv, table, key, false, prev)->next[0];

	if (n == NULL || compare(n, key) != 0)
		return;
	remember(mv, table, key, n, n->value);
	for (int i = 0; i < n->height; i++)
		prev[i]->next[i] = n->next[i];
	mv->rows[table]--;
	mv->bytes -= n->key_size + n->value_size;
	free(n);
}

static int mv_put(void *ctx, enum rep_table table, struct tr_bytes key,
    struct tr_bytes value)
{
	struct memview *mv = ctx;
	int rc = planned_failure(mv);

	if (rc != 0)
		return rc;
	/* Key and value may be borrowed from the row that is replaced. */
	put_row(mv, table, key, copy(value.data, value.size), value.size);
	return 0;
}

static int mv_del(void *ctx, enum rep_table table, struct tr_bytes key)
{
	struct memview *mv = ctx;
	int rc = planned_failure(mv);
	uint8_t *own;

	if (rc != 0)
		return rc;
	own = copy(key.data, key.size); /* it may be the row's own key */
	del_row(mv, table, (struct tr_bytes){own, key.size});
	free(own);
	return 0;
}

static const struct rep_view_ops view_ops = {
    mv_get, mv_seek, mv_seek_before, mv_put, mv_del};
static const struct rep_view_ops read_ops = {
    mv_get, mv_seek, mv_seek_before, NULL, NULL};

struct rep_view memview_view(struct memview *mv)
{
	return (struct rep_view){&view_ops, mv};
}

struct rep_view memview_read_view(struct memview *mv)
{
	return (struct rep_view){&read_ops, mv};
}

struct memview *memview_create(void)
{
	struct memview *mv = need(calloc(1, sizeof(*mv)));

	for (int t = 0; t < REP_T_COUNT; t++)
		mv->head[t] = new_node((struct tr_bytes){NULL, 0}, HEIGHT_MAX);
	mv->seed = 0x9e3779b97f4a7c15u;
	mv->fail_after = -1;
	return mv;
}

static void forget_undo(struct memview *mv)
{
	for (size_t i = 0; i < mv->undo_count; i++) {
		free(mv->undo[i].key);
		free(mv->undo[i].value);
	}
	mv->undo_count = 0;
}

void memview_free(struct memview *mv)
{
	if (mv == NULL)
		return;
	forget_undo(mv);
	free(mv->undo);
	for (int t = 0; t < REP_T_COUNT; t++) {
		for (struct node *n = mv->head[t], *next; n != NULL; n = next) {
			next = n->next[0];
			free(n->value);
			free(n);
		}
	}
	free(mv);
}

void memview_begin(struct memview *mv)
{
	TR_ASSERT(!mv->open);
	mv->open = true;
}

void memview_commit(struct memview *mv)
{
	TR_ASSERT(mv->open);
	mv->open = false;
	forget_undo(mv);
}

void memview_rollback(struct memview *mv)
{
	TR_ASSERT(mv->open);
	mv->open = false; /* the way back is not remembered again */
	for (size_t i = mv->undo_count; i-- > 0;) {
		struct undo *u = &mv->undo[i];
		struct tr_bytes key = {u->key, u->key_size};

		if (u->existed) {
			put_row(mv, u->table, key, u->value, u->value_size);
			u->value = NULL;
		} else {
			del_row(mv, u->table, key);
		}
	}
	forget_undo(mv);
	mv->fail_after = -1;
}

struct memview *memview_clone(const struct memview *mv)
{
	struct memview *out = memview_create();

	for (int t = 0; t < REP_T_COUNT; t++)
		for (const struct node *n = mv->head[t]->next[0]; n != NULL;
		     n = n->next[0])
			put_row(out, (enum rep_table)t,
			    (struct tr_bytes){n->key, n->key_size},
			    copy(n->value, n->value_size), n->value_size);
	return out;
}

void memview_fail_after(struct memview *mv, int64_t n, int rc)
{
	mv->fail_after = n;
	mv->fail_rc = rc;
}

size_t memview_rows(const struct memview *mv, enum rep_table table)
{
	return mv->rows[table];
}

size_t memview_bytes(const struct memview *mv)
{
	return mv->bytes;
}

uint64_t memview_writes(const struct memview *mv)
{
	return mv->writes;
}
