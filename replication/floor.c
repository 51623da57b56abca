/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/floor.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/record.h"

#define ID_SIZE sizeof(struct tr_rec_id)
#define ROW_SIZE 17   /* scope(8) lane(1) copy(8) */
#define KEY_MAX 80    /* of a row of REC, ROW, VIOLATION */
#define COPY_MAX (ID_SIZE + 1 + KEY_MAX)
#define KINDS 8
#define LOST UINT64_MAX /* as a copy: of no floor, the record cannot be folded on */

static const enum rep_table tables[] = {REP_T_REC, REP_T_ROW, REP_T_VIOLATION};

int rep_floor_find(const struct rep_view *view, const struct tr_rec_id *id, struct rep_floor *out)
{
	struct tr_bytes row;
	int rc = rep_get(view, REP_T_FLOOR, (struct tr_bytes){id->b, ID_SIZE}, &row);

	if (rc != 0)
		return rc;
	if (row.size != ROW_SIZE)
		return TR_E_DAMAGED;
	out->scope.v = wire_get_be64(row.data);
	out->lane = row.data[8];
	out->copy = wire_get_be64(row.data + 9);
	return 0;
}

const struct rep_base *rep_floor_base(const struct rep_node *node, const struct rep_floor *floor)
{
	const struct rep_domain *domain = rep_base_find(node, floor->scope, floor->lane);

	if (domain == NULL)
		return NULL;
	if (floor->copy == 0) /* it was the same at both */
		return domain->next_floor != NULL ? domain->next_floor : domain->floor;
	if (domain->next_floor != NULL && domain->next_floor->number == floor->copy)
		return domain->next_floor;
	return domain->floor != NULL && domain->floor->number == floor->copy ? domain->floor : NULL;
}

/* ---------------------------------------------------------------------- rows */

struct walk {
	const struct rep_view *view;
	const struct rep_view *to;    /* where the rows go; */
	const struct tr_rec_id *id;
	bool is_copy;                 /* ... as copies, under longer keys */
	uint8_t *value;               /* the view's own is gone with the next put */
	size_t cap;
};

static int put_row(struct walk *w, enum rep_table table, struct tr_bytes key, struct tr_bytes value)
{
	uint8_t at[COPY_MAX];

	if (value.size > w->cap) {
		uint8_t *more = realloc(w->value, value.size);

		if (more == NULL)
			return TR_E_NOMEM;
		w->value = more;
		w->cap = value.size;
	}
	if (value.size > 0)
		memcpy(w->value, value.data, value.size);
	value = (struct tr_bytes){value.size > 0 ? w->value : (const uint8_t *)"", value.size};
	if (!w->is_copy)
		return rep_put(w->to, table, key, value);
	memcpy(at, w->id->b, ID_SIZE);
	at[ID_SIZE] = (uint8_t)table;
	memcpy(at + ID_SIZE + 1, key.data, key.size);
	return rep_put(w->to, REP_T_FLOOR, (struct tr_bytes){at, ID_SIZE + 1 + key.size}, value);
}

/* All rows of a table whose keys begin like that. */
static int each(struct walk *w, enum rep_table table, struct tr_bytes prefix, enum rep_table as, size_t skip)
{
	uint8_t at[COPY_MAX];
	struct tr_bytes from = prefix, key, value;
	bool after = false;
	int rc;

	while ((rc = rep_seek(w->view, table, from, after, &key, &value)) == 0) {
		if (key.size < prefix.size || memcmp(key.data, prefix.data, prefix.size) != 0)
			return 0;
		if (key.size > sizeof(at) || key.size - skip > KEY_MAX)
			return TR_E_DAMAGED;
		memcpy(at, key.data, key.size);
		from = (struct tr_bytes){at, key.size};
		after = true;
		rc = put_row(w, as, (struct tr_bytes){at + skip, key.size - skip}, value);
		if (rc != 0)
			return rc;
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

/* What is stored of the record now. */
static int each_stored(struct walk *w)
{
	struct tr_bytes id = {w->id->b, ID_SIZE};
	int rc = each(w, REP_T_ROW, id, REP_T_ROW, 0);

	if (rc == 0)
		rc = each(w, REP_T_VIOLATION, id, REP_T_VIOLATION, 0);
	for (uint8_t kind = 1; rc == 0 && kind < KINDS; kind++) {
		uint8_t prefix[1 + ID_SIZE];

		prefix[0] = kind;
		memcpy(prefix + 1, w->id->b, ID_SIZE);
		rc = each(w, REP_T_REC, (struct tr_bytes){prefix, sizeof(prefix)}, REP_T_REC, 0);
	}
	return rc;
}

static int each_copied(struct walk *w)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof(tables) / sizeof(tables[0]); i++) {
		uint8_t prefix[ID_SIZE + 1];

		memcpy(prefix, w->id->b, ID_SIZE);
		prefix[ID_SIZE] = (uint8_t)tables[i];
		rc = each(w, REP_T_FLOOR, (struct tr_bytes){prefix, sizeof(prefix)}, tables[i], sizeof(prefix));
	}
	return rc;
}

int rep_floor_fill(const struct rep_view *view, const struct tr_rec_id *id, const struct rep_floor *floor,
    const struct rep_view *to)
{
	struct walk w = {.view = view, .to = to, .id = id};
	int rc = floor->copy != 0 ? each_copied(&w) : each_stored(&w);

	free(w.value);
	return rc;
}

/* --------------------------------------------------------------------- write */

static void put_mark(struct rep_node *node, const struct tr_rec_id *id, const struct rep_floor *floor)
{
	uint8_t row[ROW_SIZE];

	wire_put_be64(row, floor->scope.v);
	row[8] = floor->lane;
	wire_put_be64(row + 9, floor->copy);
	rep_node_put(node, REP_T_FLOOR, rep_bytes(id->b, ID_SIZE), rep_bytes(row, sizeof(row)));
}

static void drop_copy(struct rep_node *node, const struct tr_rec_id *id)
{
	uint8_t at[COPY_MAX];
	struct tr_bytes key;

	memcpy(at, id->b, ID_SIZE);
	while (node->rc == 0 &&
	    rep_seek(node->view, REP_T_FLOOR, rep_bytes(at, ID_SIZE), true, &key, NULL) == 0 && key.size > ID_SIZE &&
	    key.size <= sizeof(at) && memcmp(key.data, id->b, ID_SIZE) == 0) {
		memcpy(at, key.data, key.size);
		rep_node_del(node, REP_T_FLOOR, rep_bytes(at, key.size));
	}
}

void rep_floor_keep(struct rep_node *node, const struct tr_rec_id *id)
{
	struct walk w = {.view = node->raw, .to = node->view, .id = id, .is_copy = true};
	const struct rep_base *base;
	struct rep_floor floor;
	int rc = rep_floor_find(node->view, id, &floor);

	if (rc == TR_E_NOTFOUND || (rc == 0 && floor.copy != 0))
		return;
	if (rc != 0)
		return; /* the mark is damaged, and found to be; or the node has failed */
	base = rep_floor_base(node, &floor);
	rc = base != NULL ? each_stored(&w) : TR_E_DAMAGED;
	if (rc == TR_E_DAMAGED && base != NULL)
		rc = each_stored(&w); /* the read may have failed, and not the row: what is not kept now is gone */
	free(w.value);
	if (rc != 0 && rc != TR_E_DAMAGED) {
		rep_node_fail(node, rc);
		return;
	}
	/* that a row cannot be read stops nobody: the record is damaged, and found to be */
	if (rc == TR_E_DAMAGED)
		drop_copy(node, id);
	floor.copy = rc == 0 ? base->number : LOST;
	put_mark(node, id, &floor);
}

void rep_floor_set(struct rep_node *node, const struct tr_rec_id *id, const struct rep_floor *floor,
    struct rep_overlay *rows)
{
	struct walk w = {.to = node->view, .id = id, .is_copy = true};
	struct rep_change_row row, *after = NULL;
	struct rep_floor had;
	int rc = 0;

	if (rep_floor_find(node->view, id, &had) == 0) {
		if (had.copy == 0 && floor->copy == 0)
			return;
		if (had.copy != 0)
			drop_copy(node, id);
	}
	for (; rows != NULL && rc == 0 && rep_overlay_next(rows, after, &row); after = &row)
		if (row.value.data != NULL && (row.table == REP_T_REC || row.table == REP_T_ROW || row.table == REP_T_VIOLATION))
			rc = put_row(&w, row.table, row.key, row.value);
	free(w.value);
	if (rc != 0)
		rep_node_fail(node, rc);
	put_mark(node, id, floor);
}

/* ------------------------------------------------------------------- inspect */

bool rep_is_truncated(const struct rep_node *node, const struct rep_view *view, const struct tr_rec_id *id)
{
	const struct rep_domain *domain;
	struct rep_floor floor;

	if (rep_floor_find(view, id, &floor) != 0)
		return false;
	domain = rep_base_find(node, floor.scope, floor.lane);
	return domain != NULL && domain->floor != NULL;
}
