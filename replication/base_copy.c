/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state at the floor: copies of what records were before the first op
 * above it.  Lists only grow, so their items are told apart by the op that
 * added them and are not copied.
 */
#include <string.h>

#include "proto/err.h"
#include "replication/base.h"
#include "replication/keys.h"
#include "replication/record.h"

#define ID_SIZE sizeof(struct tr_rec_id)
#define ROW_PREFIX (ID_SIZE + 2) /* of a key of REP_T_ROW: record id, field */
#define ROW_SEQ (ROW_PREFIX + 16) /* of a list's key: after hlc and author */
#define ROW_MAX (TR_TEXT_MAX + 1024)

static struct rep_base_key copy_key(const struct rep_domain *domain, uint64_t gen, const struct tr_rec_id *id, uint8_t kind)
{
	uint8_t tail[8 + ID_SIZE + 1];

	wire_put_be64(tail, gen);
	memcpy(tail + 8, id->b, ID_SIZE);
	tail[8 + ID_SIZE] = kind;
	return rep_base_key(domain, 'c', rep_bytes(tail, sizeof(tail)));
}

static struct rep_base_key row_key(const struct rep_domain *domain, uint64_t gen, struct tr_bytes key)
{
	uint8_t tail[8 + 64];

	TR_ASSERT(key.size <= 64);
	wire_put_be64(tail, gen);
	memcpy(tail + 8, key.data, key.size);
	return rep_base_key(domain, 'r', rep_bytes(tail, 8 + key.size));
}

static bool is_rows(const struct rep_field *f)
{
	return f->merge == REP_MERGE_SET || f->merge == REP_MERGE_COUNT;
}

static void copy_rows(struct rep_node *node, const struct rep_domain *domain, uint64_t gen,
    const struct rep_view *from, uint16_t field, const struct tr_rec_id *id)
{
	uint8_t at[64], row[ROW_MAX];
	struct tr_bytes prefix = rep_bytes(at, ROW_PREFIX), next = prefix, key, value;

	memcpy(at, id->b, ID_SIZE);
	wire_put_be16(at + ID_SIZE, field);
	while (node->rc == 0) {
		struct rep_base_key to;
		int rc = rep_seek(from, REP_T_ROW, next, next.size > ROW_PREFIX, &key, &value);

		if (rc == TR_E_NOTFOUND || (rc == 0 && (key.size < ROW_PREFIX || memcmp(key.data, at, ROW_PREFIX) != 0)))
			return;
		if (rc != 0 || key.size > sizeof(at) || value.size > sizeof(row)) {
			rep_node_fail(node, rc != 0 ? rc : TR_E_DAMAGED);
			return;
		}
		memcpy(at, key.data, key.size);
		next = rep_bytes(at, key.size);
		memcpy(row, value.data, value.size);
		to = row_key(domain, gen, next);
		rep_node_put(node, REP_T_BASE, rep_base_key_bytes(&to), rep_bytes(row, value.size));
	}
}

void rep_base_copy(struct rep_node *node, const struct rep_domain *domain, uint64_t gen, const struct rep_view *from,
    uint8_t kind, const struct tr_rec_id *id)
{
	struct rep_base_key to = copy_key(domain, gen, id, kind);
	uint8_t key[1 + ID_SIZE], copy[TR_RECORD_BYTES_MAX];
	const struct rep_field *f;
	struct tr_bytes row;
	int rc;

	key[0] = kind;
	memcpy(key + 1, id->b, ID_SIZE);
	rc = rep_get(from, REP_T_REC, rep_bytes(key, sizeof(key)), &row);
	if (rc != 0 || row.size > sizeof(copy)) {
		rep_node_fail(node, rc != 0 ? rc : TR_E_DAMAGED);
		return;
	}
	memcpy(copy, row.data, row.size);
	rep_node_put(node, REP_T_BASE, rep_base_key_bytes(&to), rep_bytes(copy, row.size));
	for (size_t i = 0; (f = rep_schema_at(kind, i)) != NULL; i++)
		if (is_rows(f))
			copy_rows(node, domain, gen, from, f->id, id);
}

int rep_base_moved(const struct rep_view *view, const struct rep_base *base, const struct tr_rec_id *id, bool *moved)
{
	uint8_t at[ID_SIZE + 12];
	struct tr_bytes from = rep_bytes(at, ID_SIZE), key;
	int rc;

	*moved = false;
	memcpy(at, id->b, ID_SIZE);
	while ((rc = rep_seek(view, REP_T_OPS, from, from.size > ID_SIZE, &key, NULL)) == 0) {
		struct tr_dot dot;

		if (key.size != sizeof(at) || memcmp(key.data, id->b, ID_SIZE) != 0)
			return 0;
		dot = (struct tr_dot){wire_get_be32(key.data + ID_SIZE), wire_get_be64(key.data + ID_SIZE + 4)};
		if (!rep_base_has(base, dot)) {
			*moved = true;
			return 0;
		}
		/* on to the first one above the base in this log */
		memcpy(at, key.data, ID_SIZE + 4);
		wire_put_be64(at + ID_SIZE + 4, rep_base_seq(base, dot.log));
		from = rep_bytes(at, sizeof(at));
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

static void copy_for(struct rep_node *node, const struct rep_domain *domain, const struct rep_base *target,
    uint8_t kind, const struct tr_rec_id *id)
{
	struct rep_base_key key;
	struct rep_base_entry entry;
	struct tr_bytes row;
	bool moved;
	int rc;

	if (target == NULL)
		return;
	rc = rep_base_entry(node->view, domain, kind, id, &entry);
	if (rc != 0) {
		rep_node_fail(node, rc);
		return;
	}
	key = copy_key(domain, target->gen, id, kind);
	if (entry.born >= target->gen || rep_node_get(node, REP_T_BASE, rep_base_key_bytes(&key), &row) == 0)
		return;
	/* Of the floor there is a copy as soon as something moved; of the one to
	 * come only if the sweep has been here. */
	rc = rep_base_moved(node->view, target, id, &moved);
	if (rc != 0)
		rep_node_fail(node, rc);
	else if (!moved)
		rep_base_copy(node, domain, target->gen, node->view, kind, id);
}

void rep_base_before(struct rep_node *node, const struct rep_log *log, uint8_t kind, const struct tr_rec_id *id, bool is_new)
{
	struct rep_domain *domain = rep_base_find(node, log->id.scope, log->id.lane);

	if (domain == NULL && is_new)
		domain = rep_base_domain(node, log->id.scope, log->id.lane);
	if (domain == NULL || node->rc != 0)
		return;
	if (is_new) {
		struct rep_base_entry entry = {*id, kind, 0};

		if (domain->floor != NULL)
			entry.born = domain->floor->gen;
		if (domain->sweep != NULL)
			entry.born = domain->sweep->gen;
		rep_base_put_entry(node, domain, &entry);
		return;
	}
	copy_for(node, domain, domain->floor, kind, id);
	copy_for(node, domain, domain->sweep, kind, id);
}

void rep_base_meet(struct rep_node *node, const struct rep_log *log, uint8_t kind, const struct tr_rec_id *id)
{
	struct rep_domain *domain = rep_base_domain(node, log->id.scope, log->id.lane);
	struct rep_base_entry entry;

	if (domain != NULL && rep_base_entry(node->view, domain, kind, id, &entry) == TR_E_NOTFOUND)
		rep_base_before(node, log, kind, id, true);
}

/* ---------------------------------------------------------------------- view */

static bool is_list(const struct rep_base_view *v, struct tr_bytes key)
{
	const struct rep_field *f = rep_schema_field(v->kind, wire_get_be16(key.data + ID_SIZE));

	return f != NULL && f->merge == REP_MERGE_LIST;
}

static bool is_mine(const struct rep_base_view *v, enum rep_table table, struct tr_bytes key)
{
	return table == REP_T_ROW && key.size >= ROW_PREFIX && memcmp(key.data, v->id.b, ID_SIZE) == 0;
}

static bool was_there(const struct rep_base_view *v, struct tr_bytes key, struct tr_bytes row)
{
	uint64_t log;

	return key.size >= ROW_SEQ + 8 && row.size > 1 &&
	       wire_varint_get(rep_bytes(row.data + 1, row.size - 1), &log) != 0 && log <= UINT32_MAX &&
	       rep_base_has(v->floor, (struct tr_dot){(uint32_t)log, wire_get_be64(key.data + ROW_SEQ)});
}

static int get_row(struct rep_base_view *v, struct tr_bytes key, struct tr_bytes *value)
{
	int rc;

	if (v->is_new)
		return TR_E_NOTFOUND;
	if (is_list(v, key)) {
		rc = rep_get(v->under, REP_T_ROW, key, value);
		return rc == 0 && !was_there(v, key, *value) ? TR_E_NOTFOUND : rc;
	}
	if (!v->has_copy)
		return rep_get(v->under, REP_T_ROW, key, value);
	v->key = row_key(v->domain, v->floor->gen, key);
	return rep_get(v->under, REP_T_BASE, rep_base_key_bytes(&v->key), value);
}

static int view_get(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes *value)
{
	struct rep_base_view *v = ctx;

	if (is_mine(v, table, key))
		return get_row(v, key, value);
	if (table != REP_T_REC || key.size != 1 + ID_SIZE || key.data[0] != v->kind ||
	    memcmp(key.data + 1, v->id.b, ID_SIZE) != 0)
		return rep_get(v->under, table, key, value);
	if (v->is_new)
		return TR_E_NOTFOUND;
	if (!v->has_copy)
		return rep_get(v->under, table, key, value);
	v->key = copy_key(v->domain, v->floor->gen, &v->id, v->kind);
	return rep_get(v->under, REP_T_BASE, rep_base_key_bytes(&v->key), value);
}

/* Items of one list that were there. */
static int seek_list(const struct rep_base_view *v, struct tr_bytes from, bool after,
    struct tr_bytes *key, struct tr_bytes *value)
{
	uint8_t prefix[ROW_PREFIX], at[64];
	struct tr_bytes row;

	memcpy(prefix, from.data, sizeof(prefix));
	for (;;) {
		int rc = rep_seek(v->under, REP_T_ROW, from, after, key, &row);

		if (rc != 0)
			return rc;
		if (key->size < ROW_PREFIX || memcmp(key->data, prefix, ROW_PREFIX) != 0)
			return TR_E_NOTFOUND;
		if (key->size > sizeof(at))
			return TR_E_DAMAGED;
		if (was_there(v, *key, row)) {
			if (value != NULL)
				*value = row;
			return 0;
		}
		memcpy(at, key->data, key->size);
		from = rep_bytes(at, key->size);
		after = true;
	}
}

/* Rows of one field of the copy: the caller never looks beyond it. */
static int seek_copy(struct rep_base_view *v, struct tr_bytes from, bool after,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct rep_base_key want = row_key(v->domain, v->floor->gen, from);
	size_t head = want.size - from.size;
	int rc = rep_seek(v->under, REP_T_BASE, rep_base_key_bytes(&want), after, key, value);

	if (rc != 0)
		return rc;
	if (key->size < head + ROW_PREFIX || memcmp(key->data, want.b, head + ROW_PREFIX) != 0)
		return TR_E_NOTFOUND;
	if (key->size > sizeof(v->key.b))
		return TR_E_DAMAGED;
	v->key.size = key->size - head;
	memcpy(v->key.b, key->data + head, v->key.size);
	*key = rep_base_key_bytes(&v->key);
	return 0;
}

static int view_seek(void *ctx, enum rep_table table, struct tr_bytes from, bool after,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct rep_base_view *v = ctx;

	if (!is_mine(v, table, from))
		return rep_seek(v->under, table, from, after, key, value);
	if (v->is_new)
		return TR_E_NOTFOUND;
	if (is_list(v, from))
		return seek_list(v, from, after, key, value);
	return v->has_copy ? seek_copy(v, from, after, key, value)
			   : rep_seek(v->under, table, from, after, key, value);
}

static int view_seek_before(void *ctx, enum rep_table table, struct tr_bytes before,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct rep_base_view *v = ctx;

	return rep_seek_before(v->under, table, before, key, value);
}

int rep_base_view(struct rep_base_view *out, const struct rep_view *under,
    const struct rep_domain *domain, const struct rep_base_entry *entry)
{
	static const struct rep_view_ops ops = {view_get, view_seek, view_seek_before, NULL, NULL};
	struct rep_base_key key = copy_key(domain, domain->floor->gen, &entry->id, entry->kind);
	struct tr_bytes row;
	int rc = rep_get(under, REP_T_BASE, rep_base_key_bytes(&key), &row);

	if (rc != 0 && rc != TR_E_NOTFOUND)
		return rc;
	out->under = under;
	out->domain = domain;
	out->floor = domain->floor;
	out->id = entry->id;
	out->kind = entry->kind;
	out->is_new = entry->born >= domain->floor->gen;
	out->has_copy = rc == 0;
	out->view = (struct rep_view){&ops, out};
	return 0;
}
