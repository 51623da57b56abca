/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/cut_write.h"

#include <string.h>

#include "proto/err.h"
#include "replication/chain.h"
#include "replication/cut.h"
#include "replication/log.h"
#include "replication/own.h"
#include "replication/unit.h"

/* The last segment of a row that the bounds of `act` let count. */
static bool head_of(struct rep_node *node, const struct rep_log *log, const struct rep_key_act *act,
    uint64_t *seq, struct tr_hash *hash)
{
	struct rep_chain_row row;
	Terrace__Seg *seg;

	*seq = log->seq;
	*hash = log->head;
	if (act == NULL || (act->from_ms == 0 && act->from_seq == 0))
		return true;
	for (uint64_t at = log->fork; at < log->seq; at = row.last) {
		int64_t last_ms;

		if (rep_chain_find(node->view, log->handle, at + 1, &row) != 0 ||
		    wire_seg_decode(node->arena, row.bytes, &seg) != 0)
			return false;
		last_ms = (int64_t)(seg->hlc >> 16);
		if ((act->from_seq != 0 && row.last >= act->from_seq) || (act->from_ms != 0 && last_ms >= act->from_ms)) {
			*seq = at;
			return at > log->fork && rep_log_hash_at(node, log, at, hash) == 0;
		}
	}
	return true;
}

static size_t fill_heads(struct rep_node *node, struct tr_nid scope, struct tr_nid nid, uint32_t serial,
    const struct rep_key_act *act, uint8_t *out)
{
	uint8_t *p = out;

	for (const struct rep_log *log = rep_log_first_of_scope(node, scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope)) {
		struct tr_hash hash;
		uint64_t seq;

		if (log->id.author.v != nid.v || log->serial != serial || rep_log_is_empty(log) ||
		    p == out + (size_t)REP_CUT_HEADS_MAX * REP_CUT_HEAD_SIZE || !head_of(node, log, act, &seq, &hash))
			continue;
		wire_put_be64(p, log->id.inc);
		p[8] = log->id.lane;
		wire_put_be64(p + 9, seq);
		memcpy(p + 17, hash.b, 16);
		p += REP_CUT_HEAD_SIZE;
	}
	return (size_t)(p - out);
}

static void write_one(struct rep_node *node, struct tr_nid scope, struct tr_nid nid, uint32_t serial,
    uint8_t reason, const struct rep_key_act *act)
{
	struct rep_log *log = rep_own_log(node, scope, TR_LANE_X);
	uint8_t heads[REP_CUT_HEADS_MAX * REP_CUT_HEAD_SIZE];
	struct rep_op *op = node->op2;
	struct rep_fold fold;
	uint64_t seq;

	if (log == NULL)
		return;
	memset(op, 0, sizeof(*op));
	op->kind = TR_OP_CUT;
	op->type = TR_KIND_CUT;
	op->has_body = true;
	wire_put_be64(op->rec.b, nid.v);
	wire_put_be32(op->rec.b + 8, serial);
	op->values[0] = (struct rep_value){REP_CUT_F_NID, TR_ACT_SET, REP_VALUE_INT, (int64_t)nid.v, {NULL, 0}};
	op->values[1] = (struct rep_value){REP_CUT_F_SERIAL, TR_ACT_SET, REP_VALUE_INT, (int64_t)serial, {NULL, 0}};
	op->values[2] = (struct rep_value){REP_CUT_F_HEADS, TR_ACT_SET, REP_VALUE_BYTES, 0,
	    rep_bytes(heads, fill_heads(node, scope, nid, serial, act, heads))};
	op->values[3] = (struct rep_value){REP_CUT_F_REASON, TR_ACT_SET, REP_VALUE_INT, reason, {NULL, 0}};
	op->value_count = 4;
	rep_own_fold(node, log, &fold);
	if (rep_own_add(node, &fold, op, &seq) != 0 || !rep_cut_take(node, log, seq, rep_fold_hlc(fold.hlc, op->dt_ms), op))
		rep_node_fail(node, TR_E_INTERNAL);
}

void rep_cut_write(struct rep_node *node, struct tr_nid nid, uint32_t serial, uint8_t reason,
    const struct rep_key_act *act)
{
	for (size_t i = 0; i < node->order_count && node->rc == 0; i++)
		if (rep_unit_under(node, node->order[i]->nid, nid))
			write_one(node, node->order[i]->nid, nid, serial, reason, act);
	node->cut_units = node->order_count;
}

void rep_cut_extend(struct rep_node *node)
{
	size_t had = node->cut_count;

	if (node->cut_units == node->order_count || node->rc != 0)
		return;
	node->cut_units = node->order_count;
	for (size_t i = 0; i < had; i++) {
		const struct rep_cut cut = node->cuts[i];

		if (cut.by.v != node->cert.nid.v || cut.scope.v != cut.nid.v || !rep_cut_counts(node, &cut))
			continue;
		for (size_t k = 0; k < node->order_count; k++)
			if (rep_unit_under(node, node->order[k]->nid, cut.nid) &&
			    !rep_cut_is_mine(node, node->order[k]->nid, cut.nid, cut.serial))
				write_one(node, node->order[k]->nid, cut.nid, cut.serial, cut.reason, NULL);
	}
}
