/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/cut.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/branch.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/unit.h"

/* row: version(1) by(8) hlc(8) reason(1) count(2), a head each: inc(8) lane(1) seq(8) h16(16) */
#define ROW_VERSION 1
#define ROW_FIXED 20
#define HEAD_SIZE REP_CUT_HEAD_SIZE
#define HEADS_MAX REP_CUT_HEADS_MAX
#define CUTS_MAX 64   /* of one writer's log about one key: what is beyond is not looked at, by nobody */
#define KEY_SIZE 32

static const struct rep_value *value_of(const struct rep_op *op, uint16_t field)
{
	for (uint16_t i = 0; i < op->value_count; i++)
		if (op->values[i].field == field)
			return &op->values[i];
	return NULL;
}

bool rep_cut_counts(const struct rep_node *node, const struct rep_cut *cut)
{
	const struct rep_log *log = rep_log_get(node, cut->dot.log);

	return log != NULL && !rep_cut_is_aside(log, cut->dot.seq);
}

/* ---------------------------------------------------------------- in memory */

static struct rep_cut *add(struct rep_node *node, uint16_t head_count)
{
	struct rep_cut *more = tr_grow(node->cuts, node->cut_count, &node->cut_cap, sizeof(*more)), *cut;

	if (more == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return NULL;
	}
	node->cuts = more;
	cut = &node->cuts[node->cut_count];
	memset(cut, 0, sizeof(*cut));
	cut->head_count = head_count;
	cut->heads = calloc(head_count > 0 ? head_count : 1, sizeof(*cut->heads));
	if (cut->heads == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return NULL;
	}
	node->cut_count++;
	return cut;
}

static void read_heads(struct rep_cut *cut, const uint8_t *p)
{
	for (uint16_t i = 0; i < cut->head_count; i++, p += HEAD_SIZE) {
		cut->heads[i].inc = wire_get_be64(p);
		cut->heads[i].lane = p[8];
		cut->heads[i].seq = wire_get_be64(p + 9);
		memcpy(cut->heads[i].h16, p + 17, 16);
	}
}

static void load_row(struct rep_node *node, struct tr_bytes key, struct tr_bytes row)
{
	struct rep_cut *cut;

	if (key.size != KEY_SIZE || row.size < ROW_FIXED || row.data[0] != ROW_VERSION ||
	    row.size != ROW_FIXED + (size_t)wire_get_be16(row.data + 18) * HEAD_SIZE) {
		rep_node_fail(node, TR_E_DAMAGED);
		return;
	}
	cut = add(node, wire_get_be16(row.data + 18));
	if (cut == NULL)
		return;
	cut->scope.v = wire_get_be64(key.data);
	cut->nid.v = wire_get_be64(key.data + 8);
	cut->serial = wire_get_be32(key.data + 16);
	cut->dot = (struct tr_dot){wire_get_be32(key.data + 20), wire_get_be64(key.data + 24)};
	cut->by.v = wire_get_be64(row.data + 1);
	cut->hlc.v = wire_get_be64(row.data + 9);
	cut->reason = row.data[17];
	read_heads(cut, row.data + ROW_FIXED);
}

void rep_cut_load(struct rep_node *node)
{
	rep_node_rows(node, REP_T_CUT, load_row);
}

void rep_cut_free(struct rep_node *node)
{
	for (size_t i = 0; i < node->cut_count; i++)
		free(node->cuts[i].heads);
	free(node->cuts);
}

/* ------------------------------------------------------------------ weighing */

/* How much of a row lies on the chain of a head.  A head that is not here may
 * be anybody's descendant: everything below it counts until it is. */
static uint64_t covered(struct rep_node *node, const struct rep_log *log, const struct rep_cut_head *head)
{
	const struct rep_log *at = NULL;
	uint64_t limit = head->seq;

	for (struct rep_log *row = rep_branch_first(node, log); row != NULL; row = rep_branch_next(node, row)) {
		struct tr_hash hash;

		if (head->seq > row->fork && head->seq <= row->seq &&
		    rep_log_hash_at(node, row, head->seq, &hash) == 0 && memcmp(hash.b, head->h16, 16) == 0)
			at = row;
	}
	if (at == NULL)
		return rep_branch_top(node, log) < head->seq ? head->seq : 0;
	while (at != log && at->parent != 0) {
		limit = at->fork < limit ? at->fork : limit;
		at = rep_log_get(node, at->parent);
	}
	return at == log ? limit : 0;
}

uint64_t rep_cut_weigh(struct rep_node *node, const struct rep_log *log)
{
	uint64_t allowed = log->kept_seq; /* the top node has said what the state is with it: ops may be gone */
	bool is_cut = false;

	for (size_t i = 0; i < node->cut_count; i++) {
		const struct rep_cut *cut = &node->cuts[i];

		if (cut->nid.v != log->id.author.v || cut->scope.v != log->id.scope.v || cut->serial != log->serial ||
		    !rep_cut_counts(node, cut))
			continue;
		is_cut = true;
		for (uint16_t k = 0; k < cut->head_count; k++) {
			uint64_t q = 0;

			if (cut->heads[k].inc == log->id.inc && cut->heads[k].lane == log->id.lane)
				q = covered(node, log, &cut->heads[k]);
			allowed = q > allowed ? q : allowed;
		}
	}
	return is_cut ? allowed + 1 : UINT64_MAX;
}

bool rep_cut_is_cut(const struct rep_node *node, struct tr_nid nid, uint32_t serial)
{
	for (size_t i = 0; i < node->cut_count; i++)
		if (node->cuts[i].nid.v == nid.v && node->cuts[i].scope.v == nid.v && node->cuts[i].serial == serial &&
		    rep_cut_counts(node, &node->cuts[i]))
			return true;
	return false;
}

bool rep_cut_is_mine(const struct rep_node *node, struct tr_nid scope, struct tr_nid nid, uint32_t serial)
{
	for (size_t i = 0; i < node->cut_count; i++)
		if (node->cuts[i].nid.v == nid.v && node->cuts[i].scope.v == scope.v && node->cuts[i].serial == serial &&
		    node->cuts[i].by.v == node->cert.nid.v)
			return true;
	return false;
}

/* ---------------------------------------------------------------------- taking */

static int64_t number(const struct rep_op *op, uint16_t field)
{
	const struct rep_value *v = value_of(op, field);

	return v != NULL && v->type == REP_VALUE_INT ? v->i : 0;
}

static bool parse(const struct rep_op *op, struct rep_cut *out, struct tr_bytes *heads)
{
	const struct rep_value *list = value_of(op, REP_CUT_F_HEADS);
	int64_t serial = number(op, REP_CUT_F_SERIAL), reason = number(op, REP_CUT_F_REASON);

	out->nid.v = (uint64_t)number(op, REP_CUT_F_NID);
	if (out->nid.v == 0 || serial <= 0 || serial > UINT32_MAX || reason < 0 || reason > UINT8_MAX)
		return false;
	out->serial = (uint32_t)serial;
	out->reason = (uint8_t)reason;
	*heads = rep_bytes(NULL, 0);
	if (list == NULL)
		return true;
	*heads = list->t;
	out->head_count = (uint16_t)(list->t.size / HEAD_SIZE);
	return list->type == REP_VALUE_BYTES && list->t.size % HEAD_SIZE == 0 &&
	       list->t.size <= (size_t)HEADS_MAX * HEAD_SIZE;
}

/* Only who stands above a unit cuts its key, and only where that unit writes. */
static bool may_cut(const struct rep_node *node, const struct tr_log_id *log, struct tr_nid nid)
{
	return nid.v != log->author.v && rep_unit_under(node, nid, log->author) && rep_unit_under(node, log->scope, nid);
}

/* Too many of one log are not looked at; since a log has one order, everywhere the same ones. */
static bool is_one_too_many(const struct rep_node *node, const struct rep_cut *now)
{
	size_t before = 0;

	for (size_t i = 0; i < node->cut_count; i++) {
		const struct rep_cut *cut = &node->cuts[i];

		if (cut->dot.log != now->dot.log || cut->nid.v != now->nid.v || cut->serial != now->serial)
			continue;
		if (cut->dot.seq == now->dot.seq)
			return true; /* known */
		before++;
	}
	return before >= CUTS_MAX;
}

static void keep(struct rep_node *node, const struct rep_cut *now, const uint8_t *heads)
{
	struct rep_key key = rep_key_cut(now->scope, now->nid, now->serial, now->dot);
	uint8_t row[ROW_FIXED + HEADS_MAX * HEAD_SIZE] = {ROW_VERSION};
	struct rep_cut *cut = add(node, now->head_count);
	struct rep_cut_head *own;

	if (cut == NULL)
		return;
	wire_put_be64(row + 1, now->by.v);
	wire_put_be64(row + 9, now->hlc.v);
	row[17] = now->reason;
	wire_put_be16(row + 18, now->head_count);
	if (now->head_count > 0)
		memcpy(row + ROW_FIXED, heads, (size_t)now->head_count * HEAD_SIZE);
	rep_node_put(node, REP_T_CUT, rep_key_bytes(&key),
	    rep_bytes(row, ROW_FIXED + (size_t)now->head_count * HEAD_SIZE));
	own = cut->heads;
	*cut = *now;
	cut->heads = own;
	read_heads(cut, row + ROW_FIXED);
}

static void mark(struct rep_node *node, struct tr_nid scope)
{
	struct rep_unit *unit = rep_unit_find(node, scope);

	if (unit != NULL)
		unit->cuts_dirty = node->cuts_dirty = true;
}

bool rep_cut_take(struct rep_node *node, const struct rep_log *log, uint64_t seq, struct tr_hlc hlc,
    const struct rep_op *op)
{
	struct rep_cut now = {.scope = log->id.scope, .dot = {log->handle, seq}, .by = log->id.author, .hlc = hlc};
	struct tr_bytes heads;

	if (log->id.lane != TR_LANE_X || !parse(op, &now, &heads) || !may_cut(node, &log->id, now.nid))
		return false;
	if (is_one_too_many(node, &now))
		return true;
	keep(node, &now, heads.data);
	node->seats_dirty = rep_unit_find(node, now.nid)->keys_dirty = true;
	if (now.scope.v == now.nid.v && now.reason == REP_CUT_REVOKED)
		rep_node_trace(node, REP_TRACE_KEY_CUT, now.nid, now.serial, now.by.v, NULL);
	mark(node, now.scope);
	return true;
}

void rep_cut_grown(struct rep_node *node, struct rep_log *log, bool is_first)
{
	/* A log of which no CUT speaks costs nothing. */
	if (node->cut_count > 0 && (is_first || log->aside_from != UINT64_MAX) && rep_cut_weigh(node, log) != log->aside_from)
		mark(node, log->id.scope);
}

void rep_cut_keep(struct rep_node *node, uint32_t row, uint64_t seq)
{
	for (struct rep_log *log = rep_log_get(node, row); log != NULL; log = rep_log_get(node, log->parent)) {
		if (seq > log->kept_seq) {
			log->kept_seq = seq;
			rep_log_store(node, log);
			if (seq >= log->aside_from)
				mark(node, log->id.scope);
		}
		seq = log->fork;
	}
}
