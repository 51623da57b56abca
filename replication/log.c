/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/log.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/branch.h"
#include "replication/keys.h"
#include "replication/unit.h"

/*
 * Row: version(1) author(8) inc(8) scope(8) lane(1) seq(8) hash(32)
 * up(8) down(8) receipt(8) parent(4) fork(8) count(2) serial(4) aside(8) kept(8),
 * then per vector entry handle(4) seq(8) h16(16); version 6: then low(8).
 */
#define ROW_VERSION 5     /* of a log of which nothing was dropped */
#define ROW_VERSION_LOW 6
#define ROW_FIXED 124
#define ROW_LOW 8
#define ROW_ENTRY 28

static uint64_t mix(const struct tr_log_id *id)
{
	return rep_map_mix(rep_map_mix(id->author.v, id->inc),
	    rep_map_mix(id->scope.v, id->lane));
}

static bool same(const struct tr_log_id *a, const struct tr_log_id *b)
{
	return a->author.v == b->author.v && a->inc == b->inc &&
	       a->scope.v == b->scope.v && a->lane == b->lane;
}

struct rep_log *rep_log_get(const struct rep_node *node, uint32_t handle)
{
	return handle >= 1 && handle <= node->log_count ? node->logs[handle - 1] : NULL;
}

struct rep_log *rep_log_find(const struct rep_node *node, const struct tr_log_id *id)
{
	uint64_t key = mix(id);
	uint32_t handle;
	size_t pos;

	for (bool ok = rep_map_first(&node->by_log, key, &pos, &handle); ok;
	     ok = rep_map_next(&node->by_log, key, &pos, &handle))
		if (same(&node->logs[handle - 1]->id, id))
			return node->logs[handle - 1]; /* only first rows are in the map */
	return NULL;
}

static bool room(struct rep_node *node)
{
	struct rep_log **more = tr_grow(node->logs, node->log_count, &node->log_cap, sizeof(struct rep_log *));

	if (more == NULL)
		return false;
	node->logs = more;
	return true;
}

static struct rep_log *add_row(struct rep_node *node, const struct tr_log_id *id, const struct rep_log *from)
{
	struct rep_unit *scope = rep_unit_make(node, id->scope);
	struct rep_unit *author = rep_unit_make(node, id->author);
	struct rep_log *log = calloc(1, sizeof(*log));

	if (log == NULL || scope == NULL || author == NULL || !room(node) ||
	    (from == NULL && !rep_map_add(&node->by_log, mix(id), (uint32_t)node->log_count + 1))) {
		free(log);
		rep_node_fail(node, TR_E_NOMEM);
		return NULL;
	}
	log->id = *id;
	log->aside_from = UINT64_MAX;
	log->late_since_ms = node->contact_ms; /* nothing waited before it was there */
	log->dark_since_ms = node->session_ms;
	node->logs[node->log_count++] = log;
	log->handle = (uint32_t)node->log_count;
	log->first = from != NULL ? from->first : log->handle;
	log->next_in_scope = scope->first_log;
	scope->first_log = log->handle;
	log->next_by_author = author->first_own_log;
	author->first_own_log = log->handle;
	return log;
}

struct rep_log *rep_log_make(struct rep_node *node, const struct tr_log_id *id)
{
	struct rep_log *log = rep_log_find(node, id);

	if (log != NULL || node->log_count >= TR_LOGS_MAX)
		return log;
	return add_row(node, id, NULL);
}

struct rep_log *rep_log_branch(struct rep_node *node, struct rep_log *from, uint64_t fork)
{
	struct tr_log_id id = from->id;
	struct rep_log *log = node->log_count < TR_LOGS_MAX ? add_row(node, &id, from) : NULL;
	struct rep_log *last = rep_branch_first(node, from);

	if (log == NULL)
		return NULL;
	while (last->next_row != 0)
		last = rep_branch_next(node, last);
	last->next_row = log->handle;
	log->parent = from->handle;
	log->fork = log->seq = log->receipt_seq = fork;
	log->serial = fork > 0 ? from->serial : 0; /* of two first segments each has its own */
	for (unsigned way = 0; way < REP_WAYS; way++)
		log->way[way].acked = log->way[way].sent = fork;
	return log;
}

void rep_log_free(struct rep_log *log)
{
	free(log->vec);
	free(log);
}

void rep_log_store(struct rep_node *node, struct rep_log *log)
{
	uint8_t row[ROW_FIXED + TR_VECTOR_MAX * ROW_ENTRY + ROW_LOW];
	struct rep_key key = rep_key_handle(log->handle);
	uint8_t *p = row + ROW_FIXED;

	row[0] = log->low != 0 ? ROW_VERSION_LOW : ROW_VERSION;
	wire_put_be64(row + 1, log->id.author.v);
	wire_put_be64(row + 9, log->id.inc);
	wire_put_be64(row + 17, log->id.scope.v);
	row[25] = log->id.lane;
	wire_put_be64(row + 26, log->seq);
	memcpy(row + 34, log->head.b, 32);
	wire_put_be64(row + 66, log->way[REP_WAY_UP].acked);
	wire_put_be64(row + 74, log->way[REP_WAY_DOWN].acked);
	wire_put_be64(row + 82, log->receipt_seq);
	wire_put_be32(row + 90, log->parent);
	wire_put_be64(row + 94, log->fork);
	wire_put_be16(row + 102, log->vec_count);
	wire_put_be32(row + 104, log->serial);
	wire_put_be64(row + 108, log->aside_from);
	wire_put_be64(row + 116, log->kept_seq);
	for (uint16_t i = 0; i < log->vec_count; i++, p += ROW_ENTRY) {
		wire_put_be32(p, log->vec[i].log);
		wire_put_be64(p + 4, log->vec[i].seq);
		memcpy(p + 12, log->vec[i].h16, 16);
	}
	if (log->low != 0) {
		wire_put_be64(p, log->low);
		p += ROW_LOW;
	}
	log->stored = true;
	rep_node_put(node, REP_T_LOG, rep_key_bytes(&key),
	    rep_bytes(row, (size_t)(p - row)));
}

static int push(struct rep_log *log, uint32_t other, uint64_t seq, const uint8_t h16[static 16])
{
	struct rep_vec_entry *e;

	if (log->vec_count >= TR_VECTOR_MAX)
		return TR_E_LIMIT;
	if (log->vec_count == log->vec_cap) {
		uint16_t cap = (uint16_t)(log->vec_cap ? log->vec_cap * 2 : 4);
		struct rep_vec_entry *more = realloc(log->vec, cap * sizeof(*more));

		if (more == NULL)
			return TR_E_NOMEM;
		log->vec = more;
		log->vec_cap = cap;
	}
	e = &log->vec[log->vec_count++];
	e->log = other;
	e->seq = seq;
	memcpy(e->h16, h16, 16);
	return 0;
}

/* Handles are dense from 1 but a row may be missing: a log that was only
 * defined, never filled.  Its handle is taken by a placeholder. */
static struct rep_log *make_at(struct rep_node *node, uint32_t handle, const struct tr_log_id *id,
    uint32_t parent, uint64_t fork)
{
	struct rep_log *log, *from = rep_log_get(node, parent);

	while (node->log_count + 1 < handle) {
		struct tr_log_id none = {.inc = node->log_count + 1};

		if (!room(node) || (log = calloc(1, sizeof(*log))) == NULL) {
			rep_node_fail(node, TR_E_NOMEM);
			return NULL;
		}
		log->id = none;
		node->logs[node->log_count++] = log;
		log->handle = log->first = (uint32_t)node->log_count;
	}
	if (parent == 0)
		return rep_log_make(node, id);
	/* a row is older than what left it */
	return from != NULL && same(&from->id, id) && fork <= from->seq ? rep_log_branch(node, from, fork) : NULL;
}

static void load_row(struct rep_node *node, struct tr_bytes key, struct tr_bytes row)
{
	struct tr_log_id id;
	struct rep_log *log;
	size_t count, tail = row.size > 0 && row.data[0] == ROW_VERSION_LOW ? ROW_LOW : 0;

	if (key.size != 4 || wire_get_be32(key.data) > TR_LOGS_MAX || /* one placeholder for each below it */
	    row.size < ROW_FIXED || (row.data[0] != ROW_VERSION && tail == 0) ||
	    (count = wire_get_be16(row.data + 102)) > TR_VECTOR_MAX ||
	    row.size != ROW_FIXED + count * ROW_ENTRY + tail) {
		rep_node_fail(node, TR_E_DAMAGED);
		return;
	}
	id.author.v = wire_get_be64(row.data + 1);
	id.inc = wire_get_be64(row.data + 9);
	id.scope.v = wire_get_be64(row.data + 17);
	id.lane = row.data[25];
	log = make_at(node, wire_get_be32(key.data), &id, wire_get_be32(row.data + 90), wire_get_be64(row.data + 94));
	if (log == NULL || log->handle != wire_get_be32(key.data) || wire_get_be64(row.data + 26) < log->fork) {
		rep_node_fail(node, TR_E_DAMAGED);
		return;
	}
	log->stored = true;
	log->serial = wire_get_be32(row.data + 104);
	log->aside_from = wire_get_be64(row.data + 108);
	log->kept_seq = wire_get_be64(row.data + 116);
	log->seq = wire_get_be64(row.data + 26);
	memcpy(log->head.b, row.data + 34, 32);
	log->way[REP_WAY_UP].acked = wire_get_be64(row.data + 66);
	log->way[REP_WAY_DOWN].acked = wire_get_be64(row.data + 74);
	log->receipt_seq = wire_get_be64(row.data + 82);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *p = row.data + ROW_FIXED + i * ROW_ENTRY;

		int rc = push(log, wire_get_be32(p), wire_get_be64(p + 4), p + 12);

		if (rc != 0)
			rep_node_fail(node, rc);
	}
	if (tail != 0)
		log->low = wire_get_be64(row.data + row.size - ROW_LOW);
	if (log->low > log->seq) {
		rep_node_fail(node, TR_E_DAMAGED);
		return;
	}
	rep_unit_find(node, id.author)->here_ops += log->seq - log->fork;
}

void rep_log_load(struct rep_node *node)
{
	rep_node_rows(node, REP_T_LOG, load_row);
}

int rep_log_hash_at(struct rep_node *node, const struct rep_log *log, uint64_t seq, struct tr_hash *out)
{
	struct tr_bytes row;
	struct rep_key key;
	int rc;

	if (seq > log->seq || seq == 0)
		return TR_E_NOTFOUND;
	log = rep_branch_holder(node, log, seq);
	if (seq == log->seq) {
		*out = log->head;
		return 0;
	}
	key = rep_key_seq(log->handle, seq);
	rc = rep_node_get(node, REP_T_SEG, rep_key_bytes(&key), &row);
	if (rc != 0)
		return rc;
	if (row.size < REP_SEG_ROW_HEAD)
		return TR_E_DAMAGED;
	memcpy(out->b, row.data, 32);
	return 0;
}

struct rep_log *rep_log_locate(struct rep_node *node, const struct rep_log *log, uint64_t seq, uint32_t h4)
{
	struct rep_log *row = rep_branch_first(node, log);
	struct tr_hash hash;

	for (; row != NULL; row = rep_branch_next(node, row))
		if (seq > row->fork && rep_log_hash_at(node, row, seq, &hash) == 0 && wire_get_le32(hash.b) == h4)
			return row;
	return NULL;
}

struct rep_vec_entry *rep_log_vec(const struct rep_log *log, uint32_t other)
{
	for (uint16_t i = 0; i < log->vec_count; i++)
		if (log->vec[i].log == other)
			return &log->vec[i];
	return NULL;
}

static void drop_below(const struct rep_node *node, struct rep_log *log, const struct rep_log *other, uint64_t seq)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < log->vec_count; i++)
		if (!rep_branch_has(node, other, seq, log->vec[i].log, log->vec[i].seq))
			log->vec[kept++] = log->vec[i];
	log->vec_count = kept;
}

int rep_log_vec_set(const struct rep_node *node, struct rep_log *log, uint32_t other, uint64_t seq,
    const uint8_t h16[static 16])
{
	const struct rep_log *row = rep_log_get(node, other);
	struct rep_vec_entry *e = rep_log_vec(log, other);

	if (row != NULL && row->parent != 0) {
		drop_below(node, log, row, seq);
		e = NULL;
	}
	if (e == NULL)
		return push(log, other, seq, h16);
	e->seq = seq;
	memcpy(e->h16, h16, 16);
	return 0;
}

struct rep_log *rep_log_first_of_scope(const struct rep_node *node, struct tr_nid scope)
{
	const struct rep_unit *unit = rep_unit_find(node, scope);

	return unit != NULL ? rep_log_get(node, unit->first_log) : NULL;
}
