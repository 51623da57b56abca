/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/city/store.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define HEIGHT_MAX 10
#define PAGE_SOFT 2048 /* a page above it is split */
#define ROUND 64
#define ROW_HEAD 4 /* size of the key (1), of the value (3) */

struct page {
	uint32_t used, cap; /* bytes of rows */
	uint32_t height;
	struct page *next[]; /* height of them, then the rows */
};

struct city_store {
	struct page *head[REP_T_COUNT];
	struct page *finger[REP_T_COUNT]; /* where the last look-up ended: the next is often there */
	size_t bytes, rows;
	uint64_t seed;
	void (*on_put)(void *ctx, enum rep_table table, struct tr_bytes key);
	void *ctx;
};

static void *need(void *p)
{
	TR_ASSERT(p != NULL);
	return p;
}

static uint8_t *rows(const struct page *p)
{
	return (uint8_t *)(uintptr_t)&p->next[p->height];
}

static size_t key_size(const uint8_t *row)
{
	return row[0];
}

static size_t value_size(const uint8_t *row)
{
	return (size_t)row[1] | (size_t)row[2] << 8 | (size_t)row[3] << 16;
}

static size_t row_size(const uint8_t *row)
{
	return ROW_HEAD + key_size(row) + value_size(row);
}

static int compare(const uint8_t *row, struct tr_bytes key)
{
	size_t min = key_size(row) < key.size ? key_size(row) : key.size;
	int c = min != 0 ? memcmp(row + ROW_HEAD, key.data, min) : 0;

	if (c != 0)
		return c;
	return key_size(row) < key.size ? -1 : key_size(row) > key.size;
}

static size_t page_bytes(const struct page *p)
{
	return sizeof(*p) + p->height * sizeof(struct page *) + p->cap;
}

static struct tr_bytes first_key(const struct page *p)
{
	return (struct tr_bytes){rows(p) + ROW_HEAD, key_size(rows(p))};
}

static struct page *page_create(struct city_store *s, uint32_t height, size_t cap)
{
	struct page *p;

	cap = (cap + ROUND - 1) / ROUND * ROUND;
	p = need(malloc(sizeof(*p) + height * sizeof(struct page *) + cap));
	memset(p->next, 0, height * sizeof(struct page *));
	p->used = 0;
	p->cap = (uint32_t)cap;
	p->height = height;
	s->bytes += page_bytes(p);
	return p;
}

static uint32_t pick_height(struct city_store *s)
{
	uint32_t height = 1;

	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	for (uint64_t r = s->seed; (r & 3) == 0 && height < HEIGHT_MAX; r >>= 2)
		height++;
	return height;
}

/* Last page that begins below `key` (not above it when `equal`); the head if none. */
static struct page *walk(const struct city_store *s, enum rep_table table, struct tr_bytes key, bool equal,
    struct page **prev)
{
	struct page *p = s->head[table];

	for (int level = HEIGHT_MAX - 1; level >= 0; level--) {
		while (p->next[level] != NULL && compare(rows(p->next[level]), key) < (equal ? 1 : 0))
			p = p->next[level];
		if (prev != NULL)
			prev[level] = p;
	}
	return p;
}

/* The page in which the key is, or would be: the last that does not begin above it. */
static struct page *page_of(struct city_store *s, enum rep_table table, struct tr_bytes key)
{
	struct page *p = s->finger[table];

	if (p == NULL || compare(rows(p), key) > 0 || (p->next[0] != NULL && compare(rows(p->next[0]), key) <= 0)) {
		p = walk(s, table, key, true, NULL);
		s->finger[table] = p != s->head[table] ? p : NULL;
	}
	return p;
}

/* Offset of the first row with key >= `key` (> when `after`); `used` if none. */
static uint32_t find(const struct page *p, struct tr_bytes key, bool after)
{
	uint32_t at = 0;

	while (at < p->used && compare(rows(p) + at, key) < (after ? 1 : 0))
		at += (uint32_t)row_size(rows(p) + at);
	return at;
}

static int give(const uint8_t *row, struct tr_bytes *key, struct tr_bytes *value)
{
	if (key != NULL)
		*key = (struct tr_bytes){row + ROW_HEAD, key_size(row)};
	if (value != NULL)
		*value = (struct tr_bytes){row + ROW_HEAD + key_size(row), value_size(row)};
	return 0;
}

static int get(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes *value)
{
	struct city_store *s = ctx;
	const struct page *p = page_of(s, table, key);
	uint32_t at = find(p, key, false);

	if (at == p->used || compare(rows(p) + at, key) != 0)
		return TR_E_NOTFOUND;
	return give(rows(p) + at, NULL, value);
}

static int seek(void *ctx, enum rep_table table, struct tr_bytes from, bool after, struct tr_bytes *key,
    struct tr_bytes *value)
{
	struct city_store *s = ctx;
	const struct page *p = page_of(s, table, from);
	uint32_t at = find(p, from, after);

	if (at < p->used)
		return give(rows(p) + at, key, value);
	p = p->next[0];
	return p == NULL ? TR_E_NOTFOUND : give(rows(p), key, value);
}

static int seek_before(void *ctx, enum rep_table table, struct tr_bytes before, struct tr_bytes *key,
    struct tr_bytes *value)
{
	const struct city_store *s = ctx;
	const struct page *p = walk(s, table, before, false, NULL);
	const uint8_t *last = NULL;

	for (uint32_t at = 0; at < p->used && compare(rows(p) + at, before) < 0;
	     at += (uint32_t)row_size(rows(p) + at))
		last = rows(p) + at;
	return last == NULL ? TR_E_NOTFOUND : give(last, key, value);
}

static void relink(const struct page *p, struct page *with, struct page *const *prev)
{
	for (uint32_t i = 0; i < p->height; i++)
		prev[i]->next[i] = with != NULL && i < with->height ? with : p->next[i];
}

/* The page with room for `size` bytes; it may move. */
static struct page *grow(struct city_store *s, enum rep_table table, struct page *p, size_t size)
{
	struct page *prev[HEIGHT_MAX], *more;

	if (size <= p->cap && p->cap - size < 4 * ROUND)
		return p;
	walk(s, table, first_key(p), false, prev);
	more = page_create(s, p->height, size);
	memcpy(more->next, p->next, p->height * sizeof(struct page *));
	memcpy(rows(more), rows(p), p->used);
	more->used = p->used;
	relink(p, more, prev);
	s->bytes -= page_bytes(p);
	if (s->finger[table] == p)
		s->finger[table] = more;
	free(p);
	return more;
}

static void append_page(struct city_store *s, enum rep_table table, const uint8_t *data, size_t size)
{
	struct page *prev[HEIGHT_MAX];
	struct page *p = page_create(s, pick_height(s), size);

	memcpy(rows(p), data, size);
	p->used = (uint32_t)size;
	walk(s, table, first_key(p), false, prev);
	for (uint32_t i = 0; i < p->height; i++) {
		p->next[i] = prev[i]->next[i];
		prev[i]->next[i] = p;
	}
}

/* A page that became too large gives its second half away; one that grew at its
 * end only the last row: rows that come in order fill their pages. */
static void split(struct city_store *s, enum rep_table table, struct page *p, uint32_t changed)
{
	uint32_t at = 0, last = 0, cut = 0;

	for (; at < p->used; at += (uint32_t)row_size(rows(p) + at)) {
		if (cut == 0 && at >= p->used / 2)
			cut = at;
		last = at;
	}
	if (last == 0)
		return;
	if (cut == 0 || changed == last)
		cut = last;
	/* off this page before the other comes in: no key may be there twice */
	at = p->used;
	p->used = cut;
	append_page(s, table, rows(p) + cut, at - cut);
	grow(s, table, p, cut);
}

static void insert(struct city_store *s, enum rep_table table, const uint8_t *row, size_t size, struct tr_bytes key)
{
	struct page *p = page_of(s, table, key);
	size_t old = 0;
	uint32_t at;

	if (p == s->head[table])
		p = p->next[0];
	if (p == NULL) {
		append_page(s, table, row, size);
		s->rows++;
		return;
	}
	at = find(p, key, false);
	if (at < p->used && compare(rows(p) + at, key) == 0)
		old = row_size(rows(p) + at);
	else
		s->rows++;
	if (old != size) {
		p = grow(s, table, p, p->used - old + size > p->used ? p->used - old + size : p->used);
		memmove(rows(p) + at + size, rows(p) + at + old, p->used - at - old);
		p->used = (uint32_t)(p->used - old + size);
	}
	memcpy(rows(p) + at, row, size);
	if (p->used > PAGE_SOFT)
		split(s, table, p, at);
}

static int put(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes value)
{
	struct city_store *s = ctx;
	uint8_t small[1024], *row = small;
	size_t size = ROW_HEAD + key.size + value.size;

	TR_ASSERT(key.size <= UINT8_MAX);
	TR_ASSERT(value.size < 1u << 24);
	if (s->on_put != NULL)
		s->on_put(s->ctx, table, key);
	/* Key and value may be borrowed from the row that is replaced. */
	if (size > sizeof(small))
		row = need(malloc(size));
	row[0] = (uint8_t)key.size;
	row[1] = (uint8_t)value.size;
	row[2] = (uint8_t)(value.size >> 8);
	row[3] = (uint8_t)(value.size >> 16);
	if (key.size > 0)
		memcpy(row + ROW_HEAD, key.data, key.size);
	if (value.size > 0)
		memcpy(row + ROW_HEAD + key.size, value.data, value.size);
	insert(s, table, row, size, (struct tr_bytes){row + ROW_HEAD, key.size});
	if (row != small)
		free(row);
	return 0;
}

static int del(void *ctx, enum rep_table table, struct tr_bytes key)
{
	struct city_store *s = ctx;
	struct page *prev[HEIGHT_MAX];
	struct page *p = page_of(s, table, key);
	uint32_t at = find(p, key, false);
	size_t size;

	if (at == p->used || compare(rows(p) + at, key) != 0)
		return 0;
	s->rows--;
	size = row_size(rows(p) + at);
	if (size == p->used) {
		walk(s, table, first_key(p), false, prev);
		relink(p, NULL, prev);
		s->bytes -= page_bytes(p);
		s->finger[table] = NULL;
		free(p);
		return 0;
	}
	memmove(rows(p) + at, rows(p) + at + size, p->used - at - size);
	p->used -= (uint32_t)size;
	return 0;
}

static const struct rep_view_ops view_ops = {get, seek, seek_before, put, del};

struct rep_view city_store_view(struct city_store *store)
{
	return (struct rep_view){&view_ops, store};
}

struct city_store *city_store_create(void)
{
	struct city_store *s = need(calloc(1, sizeof(*s)));

	s->seed = 0x9e3779b97f4a7c15u;
	for (int t = 0; t < REP_T_COUNT; t++)
		s->head[t] = page_create(s, HEIGHT_MAX, 0);
	return s;
}

void city_store_free(struct city_store *store)
{
	if (store == NULL)
		return;
	for (int t = 0; t < REP_T_COUNT; t++) {
		for (struct page *p = store->head[t], *next; p != NULL; p = next) {
			next = p->next[0];
			free(p);
		}
	}
	free(store);
}

void city_store_watch(struct city_store *store,
    void (*on_put)(void *ctx, enum rep_table table, struct tr_bytes key), void *ctx)
{
	store->on_put = on_put;
	store->ctx = ctx;
}

size_t city_store_bytes(const struct city_store *store)
{
	return store->bytes + sizeof(*store);
}

size_t city_store_rows(const struct city_store *store)
{
	return store->rows;
}
