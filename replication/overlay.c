/* SPDX-License-Identifier: Apache-2.0 */
/* A skip list over (table, key): seek, walk and replace are one search each. */
#include "replication/overlay.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define HEIGHT_MAX 12 /* 4^12 rows */

struct row {
	uint8_t *value; /* NULL: deleted in the base */
	size_t value_size;
	size_t key_size;
	uint8_t *key; /* behind next[] in the same block */
	uint8_t table;
	uint8_t height;
	struct row *next[];
};

struct rep_overlay {
	struct rep_view base, view;
	size_t max_bytes, bytes, count;
	uint64_t seed; /* of the heights: same calls, same list */
	int rc;        /* sticky */
	struct row *head;
};

static int compare(const struct row *row, enum rep_table table, struct tr_bytes key)
{
	size_t min = row->key_size < key.size ? row->key_size : key.size;
	int c;

	if (row->table != (uint8_t)table)
		return row->table < (uint8_t)table ? -1 : 1;
	c = min != 0 ? memcmp(row->key, key.data, min) : 0;
	if (c != 0)
		return c;
	return row->key_size < key.size ? -1 : row->key_size > key.size;
}

static struct row *row_new(enum rep_table table, struct tr_bytes key, unsigned height)
{
	size_t links = height * sizeof(struct row *);
	struct row *row = calloc(1, sizeof(*row) + links + key.size);

	if (row == NULL)
		return NULL;
	row->table = (uint8_t)table;
	row->height = (uint8_t)height;
	row->key = (uint8_t *)row + sizeof(*row) + links;
	row->key_size = key.size;
	if (key.size > 0)
		memcpy(row->key, key.data, key.size);
	return row;
}

static size_t cost(const struct row *row)
{
	return sizeof(*row) + row->height * sizeof(struct row *) + row->key_size + row->value_size;
}

/* Last row before (table, key), or not after it when `equal`, on each level. */
static struct row *walk(const struct rep_overlay *o, enum rep_table table, struct tr_bytes key,
    bool equal, struct row **prev)
{
	struct row *row = o->head;

	for (int level = HEIGHT_MAX - 1; level >= 0; level--) {
		while (row->next[level] != NULL && compare(row->next[level], table, key) < (equal ? 1 : 0))
			row = row->next[level];
		if (prev != NULL)
			prev[level] = row;
	}
	return row;
}

static struct row *find(const struct rep_overlay *o, enum rep_table table, struct tr_bytes key)
{
	struct row *row = walk(o, table, key, false, NULL)->next[0];

	return row != NULL && compare(row, table, key) == 0 ? row : NULL;
}

/* ------------------------------------------------------------------- reading */

static struct tr_bytes key_of(const struct row *row)
{
	return (struct tr_bytes){row->key, row->key_size};
}

static struct tr_bytes value_of(const struct row *row)
{
	return (struct tr_bytes){row->value, row->value_size};
}

static int o_get(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes *value)
{
	struct rep_overlay *o = ctx;
	const struct row *row = find(o, table, key);

	if (row == NULL)
		return rep_get(&o->base, table, key, value);
	if (row->value == NULL)
		return TR_E_NOTFOUND;
	*value = value_of(row);
	return 0;
}

static int give(const struct row *row, struct tr_bytes *key, struct tr_bytes *value)
{
	*key = key_of(row);
	if (value != NULL)
		*value = value_of(row);
	return 0;
}

/* A row of the base: looked for by its key alone, so that a damaged one that
 * is hidden here stops nobody. */
static int give_base(const struct rep_overlay *o, enum rep_table table, struct tr_bytes found,
    struct tr_bytes *key, struct tr_bytes *value)
{
	int rc = value != NULL ? rep_get(&o->base, table, found, value) : 0;

	if (rc == 0)
		*key = found;
	return rc;
}

static int o_seek(void *ctx, enum rep_table table, struct tr_bytes from, bool after,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct rep_overlay *o = ctx;

	for (;;) {
		const struct row *row = walk(o, table, from, after, NULL)->next[0];
		struct tr_bytes found;
		int rc = rep_seek(&o->base, table, from, after, &found, NULL);

		if (rc != 0 && rc != TR_E_NOTFOUND)
			return rc;
		if (row != NULL && row->table != (uint8_t)table)
			row = NULL;
		if (rc == 0 && (row == NULL || compare(row, table, found) > 0))
			return give_base(o, table, found, key, value);
		if (row == NULL)
			return TR_E_NOTFOUND;
		if (row->value != NULL)
			return give(row, key, value);
		from = key_of(row);
		after = true;
	}
}

static int o_seek_before(void *ctx, enum rep_table table, struct tr_bytes before,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct rep_overlay *o = ctx;

	for (;;) {
		const struct row *row = walk(o, table, before, false, NULL);
		struct tr_bytes found;
		int rc = rep_seek_before(&o->base, table, before, &found, NULL);

		if (rc != 0 && rc != TR_E_NOTFOUND)
			return rc;
		if (row == o->head || row->table != (uint8_t)table)
			row = NULL;
		if (rc == 0 && (row == NULL || compare(row, table, found) < 0))
			return give_base(o, table, found, key, value);
		if (row == NULL)
			return TR_E_NOTFOUND;
		if (row->value != NULL)
			return give(row, key, value);
		before = key_of(row);
	}
}

/* ------------------------------------------------------------------- writing */

static unsigned pick_height(struct rep_overlay *o)
{
	unsigned height = 1;

	o->seed ^= o->seed << 13;
	o->seed ^= o->seed >> 7;
	o->seed ^= o->seed << 17;
	for (uint64_t r = o->seed; (r & 3) == 0 && height < HEIGHT_MAX; r >>= 2)
		height++;
	return height;
}

static int stick(struct rep_overlay *o, int rc)
{
	if (o->rc == 0)
		o->rc = rc;
	return o->rc;
}

/* The row with its key, made if it is not there; NULL: no memory. */
static struct row *row_at(struct rep_overlay *o, enum rep_table table, struct tr_bytes key)
{
	struct row *prev[HEIGHT_MAX];
	struct row *row = walk(o, table, key, false, prev)->next[0];

	if (row != NULL && compare(row, table, key) == 0)
		return row;
	row = row_new(table, key, pick_height(o));
	if (row == NULL)
		return NULL;
	for (unsigned level = 0; level < row->height; level++) {
		row->next[level] = prev[level]->next[level];
		prev[level]->next[level] = row;
	}
	o->count++;
	o->bytes += cost(row);
	return row;
}

/* Takes `value` over. */
static int set(struct rep_overlay *o, enum rep_table table, struct tr_bytes key, uint8_t *value, size_t size)
{
	struct row *row = row_at(o, table, key);

	if (row == NULL) {
		free(value);
		return stick(o, TR_E_NOMEM);
	}
	free(row->value);
	o->bytes += size;
	o->bytes -= row->value_size;
	row->value = value;
	row->value_size = size;
	return o->bytes <= o->max_bytes ? 0 : stick(o, TR_E_LIMIT);
}

static int o_put(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes value)
{
	struct rep_overlay *o = ctx;
	uint8_t *copy;

	if (o->rc != 0)
		return o->rc;
	if (value.size > o->max_bytes)
		return stick(o, TR_E_LIMIT);
	copy = malloc(value.size != 0 ? value.size : 1);
	if (copy == NULL)
		return stick(o, TR_E_NOMEM);
	if (value.size > 0)
		memcpy(copy, value.data, value.size);
	return set(o, table, key, copy, value.size);
}

static int o_del(void *ctx, enum rep_table table, struct tr_bytes key)
{
	struct rep_overlay *o = ctx;

	return o->rc != 0 ? o->rc : set(o, table, key, NULL, 0);
}

static const struct rep_view_ops overlay_ops = {o_get, o_seek, o_seek_before, o_put, o_del};

/* ---------------------------------------------------------------------- life */

struct rep_overlay *rep_overlay_create(const struct rep_view *base, size_t max_bytes)
{
	struct rep_overlay *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	o->head = row_new(REP_T_META, (struct tr_bytes){NULL, 0}, HEIGHT_MAX);
	if (o->head == NULL) {
		free(o);
		return NULL;
	}
	o->base = *base;
	o->view = (struct rep_view){&overlay_ops, o};
	o->max_bytes = max_bytes;
	o->seed = 0x9e3779b97f4a7c15u;
	return o;
}

void rep_overlay_reset(struct rep_overlay *overlay)
{
	for (struct row *row = overlay->head->next[0], *next; row != NULL; row = next) {
		next = row->next[0];
		free(row->value);
		free(row);
	}
	memset(overlay->head->next, 0, HEIGHT_MAX * sizeof(struct row *));
	overlay->bytes = overlay->count = 0;
	overlay->rc = 0;
}

void rep_overlay_free(struct rep_overlay *overlay)
{
	if (overlay == NULL)
		return;
	rep_overlay_reset(overlay);
	free(overlay->head);
	free(overlay);
}

const struct rep_view *rep_overlay_view(struct rep_overlay *overlay)
{
	return &overlay->view;
}

size_t rep_overlay_count(const struct rep_overlay *overlay)
{
	return overlay->count;
}

bool rep_overlay_next(const struct rep_overlay *overlay, const struct rep_change_row *after,
    struct rep_change_row *out)
{
	const struct row *row = after == NULL ? overlay->head->next[0]
					      : walk(overlay, after->table, after->key, true, NULL)->next[0];

	if (row == NULL)
		return false;
	*out = (struct rep_change_row){(enum rep_table)row->table, key_of(row), value_of(row)};
	return true;
}

int rep_overlay_apply(const struct rep_overlay *overlay, const struct rep_view *to)
{
	int rc = overlay->rc;

	for (const struct row *row = overlay->head->next[0]; row != NULL && rc == 0; row = row->next[0])
		rc = row->value != NULL ? rep_put(to, (enum rep_table)row->table, key_of(row), value_of(row))
					: rep_del(to, (enum rep_table)row->table, key_of(row));
	return rc;
}
