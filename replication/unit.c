/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/unit.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/keys.h"

/* row: version(1) parent(8) caps(4) code-length(1) code title */
#define ROW_VERSION 1
#define ROW_FIXED 14

struct rep_unit *rep_unit_find(const struct rep_node *node, struct tr_nid nid)
{
	size_t pos;
	uint32_t i;

	if (nid.v == 0 || !rep_map_first(&node->by_nid, nid.v, &pos, &i))
		return NULL;
	return node->units[i];
}

struct rep_unit *rep_unit_of(const struct rep_node *node, struct tr_nid nid)
{
	struct rep_unit *unit = rep_unit_find(node, nid);

	TR_ASSERT(unit != NULL);
	return unit;
}

static bool room(struct rep_node *node)
{
	struct rep_unit **more = tr_grow(node->units, node->unit_count, &node->unit_cap, sizeof(struct rep_unit *));

	if (more == NULL)
		return false;
	node->units = more;
	return true;
}

struct rep_unit *rep_unit_make(struct rep_node *node, struct tr_nid nid)
{
	struct rep_unit *unit = rep_unit_find(node, nid);

	if (unit != NULL || nid.v == 0 || node->unit_count >= TR_UNITS_MAX)
		return unit;
	unit = calloc(1, sizeof(*unit));
	if (unit == NULL || !room(node) ||
	    !rep_map_add(&node->by_nid, nid.v, (uint32_t)node->unit_count)) {
		free(unit);
		rep_node_fail(node, TR_E_NOMEM);
		return NULL;
	}
	unit->nid = nid;
	unit->index = (uint32_t)node->unit_count;
	node->units[node->unit_count++] = unit;
	return unit;
}

bool rep_unit_under(const struct rep_node *node, struct tr_nid below, struct tr_nid above)
{
	for (int hops = 0; hops <= TR_LEVEL_MAX + 1 && below.v != 0; hops++) {
		const struct rep_unit *unit;

		if (below.v == above.v)
			return true;
		unit = rep_unit_find(node, below);
		if (unit == NULL)
			return false;
		below = unit->parent;
	}
	return false;
}

struct rep_unit *rep_unit_child_towards(const struct rep_node *node, struct tr_nid below)
{
	struct rep_unit *unit = rep_unit_find(node, below);

	for (int hops = 0; hops <= TR_LEVEL_MAX && unit != NULL; hops++) {
		if (unit->parent.v == node->cert.nid.v)
			return unit;
		unit = rep_unit_find(node, unit->parent);
	}
	return NULL;
}

bool rep_unit_on_path(const struct rep_node *node, struct tr_nid author, struct tr_nid scope)
{
	return rep_unit_under(node, scope, author);
}

struct rep_unit *rep_unit_next(const struct rep_unit *top, const struct rep_unit *at)
{
	union { const struct rep_unit *in; struct rep_unit *out; } cast = {top};

	if (at == NULL)
		return cast.out;
	if (at->first_child != NULL)
		return at->first_child;
	for (; at != NULL && at != top; at = at->above)
		if (at->next_sibling != NULL)
			return at->next_sibling;
	return NULL;
}

static void hang_up(struct rep_unit *unit, struct rep_unit *above)
{
	unit->above = above;
	if (above->first_child == NULL)
		above->first_child = unit;
	else
		above->last_child->next_sibling = unit;
	above->last_child = unit;
}

void rep_unit_place(struct rep_node *node, struct rep_unit *unit, struct tr_nid parent)
{
	struct rep_unit *up = rep_unit_find(node, parent);

	if (unit->parent.v == 0)
		unit->parent = parent;
	if (up != NULL && unit->above == NULL && unit->parent.v == up->nid.v && up != unit)
		hang_up(unit, up);
	if (up != NULL)
		unit->level = (uint8_t)(up->level + 1);
	unit->own_or_below = rep_unit_under(node, unit->nid, node->cert.nid);
	unit->on_path = rep_unit_under(node, node->cert.nid, unit->nid);
}

static void copy_text(char *out, size_t cap, struct tr_bytes in)
{
	size_t n = in.size < cap - 1 ? in.size : cap - 1;

	memcpy(out, in.data, n);
	out[n] = '\0';
}

/* Keeps node->order sorted by path. */
static void set_path(struct rep_node *node, struct rep_unit *unit, struct tr_bytes path)
{
	size_t low = 0, high = node->order_count;
	struct rep_unit **more;

	if (unit->unit[0] != '\0' || path.size == 0)
		return; /* a path never changes */
	more = tr_grow(node->order, node->order_count, &node->order_cap, sizeof(struct rep_unit *));
	if (more == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	node->order = more;
	copy_text(unit->unit, sizeof(unit->unit), path);
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (strcmp(node->order[mid]->unit, unit->unit) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	memmove(&node->order[low + 1], &node->order[low], (node->order_count - low) * sizeof(node->order[0]));
	node->order[low] = unit;
	node->order_count++;
}

void rep_unit_declare(struct rep_node *node, struct tr_nid nid, struct tr_nid parent,
    struct tr_bytes code_path, struct tr_bytes title, uint32_t caps)
{
	uint8_t row[ROW_FIXED + TR_UNIT_PATH_MAX + TR_TITLE_MAX];
	struct rep_key key = rep_key_nid(nid);
	struct rep_unit *unit = rep_unit_make(node, nid);

	if (unit == NULL)
		return;
	if (code_path.size > TR_UNIT_PATH_MAX || title.size > TR_TITLE_MAX)
		return;
	rep_unit_place(node, unit, parent);
	set_path(node, unit, code_path);
	copy_text(unit->title, sizeof(unit->title), title);
	unit->caps = caps;
	row[0] = ROW_VERSION;
	wire_put_be64(row + 1, parent.v);
	wire_put_be32(row + 9, caps);
	row[13] = (uint8_t)code_path.size;
	memcpy(row + ROW_FIXED, code_path.data, code_path.size);
	memcpy(row + ROW_FIXED + code_path.size, title.data, title.size);
	rep_node_put(node, REP_T_UNIT, rep_key_bytes(&key),
	    rep_bytes(row, ROW_FIXED + code_path.size + title.size));
}

static void load_row(struct rep_node *node, struct tr_bytes key, struct tr_bytes row)
{
	struct rep_unit *unit;
	size_t code;

	if (key.size != 8 || row.size < ROW_FIXED || row.data[0] != ROW_VERSION ||
	    row.size < ROW_FIXED + (size_t)row.data[13]) {
		rep_node_fail(node, TR_E_DAMAGED);
		return;
	}
	unit = rep_unit_make(node, (struct tr_nid){wire_get_be64(key.data)});
	if (unit == NULL)
		return;
	code = row.data[13];
	unit->parent.v = wire_get_be64(row.data + 1);
	unit->caps = wire_get_be32(row.data + 9);
	set_path(node, unit, rep_bytes(row.data + ROW_FIXED, code));
	copy_text(unit->title, sizeof(unit->title),
	    rep_bytes(row.data + ROW_FIXED + code, row.size - ROW_FIXED - code));
}

void rep_unit_load(struct rep_node *node)
{
	rep_node_rows(node, REP_T_UNIT, load_row);
	if (node->rc != 0)
		return;
	/* parents may come after their children in nid order */
	for (int pass = 0; pass <= TR_LEVEL_MAX; pass++)
		for (size_t i = 0; i < node->unit_count; i++)
			rep_unit_place(node, node->units[i], node->units[i]->parent);
}
