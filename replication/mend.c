/* SPDX-License-Identifier: Apache-2.0 */
/* What is derived: records, lists of ops, look-ups. */
#include "replication/mend.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/batch.h"
#include "replication/log.h"
#include "replication/lookup.h"
#include "replication/own.h"
#include "replication/verify.h"

#define ID_SIZE sizeof(struct tr_rec_id)
#define OPS_KEY (ID_SIZE + 12)

/*
 * Reads go past the step's watch (node.h): a row that cannot be read is what is
 * looked for here, and must not fail the step.  rep_mend_on() fails it for what
 * is no damage.
 */

/* --------------------------------------------------------------- list of ops */

/* The op in that place, decoded.  0; TR_E_NOTFOUND: there is none; others. */
static int op_at(struct rep_node *node, uint32_t handle, uint64_t seq, struct rep_op *op)
{
	const struct rep_log *log = rep_log_get(node, handle);
	struct rep_chain_row row;
	Terrace__Seg *seg;
	int rc;

	if (log == NULL || seq == 0 || seq > log->seq + (log->open != NULL ? log->open->count : 0))
		return TR_E_NOTFOUND;
	if (seq > log->seq)
		return rep_op_decode(op, rep_own_entry(log->open, (uint32_t)(seq - log->seq - 1)));
	rc = rep_chain_find(node->raw, handle, seq, &row);
	if (rc != 0)
		return rc == TR_E_NOTFOUND ? TR_E_GAP : rc;
	wire_arena_reset(node->arena);
	rc = wire_seg_decode(node->arena, row.bytes, &seg);
	if (rc != 0 || seq < seg->first || seq - seg->first >= seg->n_op)
		return rc == TR_E_NOMEM ? rc : TR_E_DAMAGED;
	return rep_op_decode(op, rep_bytes(seg->op[seq - seg->first].data, seg->op[seq - seg->first].len)) == 0
	    ? 0 : TR_E_NOTFOUND;
}

/* Takes rows out that name no op of this record. */
static int mend_list(struct rep_node *node, const struct tr_rec_id *id)
{
	uint8_t at[REP_KEY_MAX] = {0};
	struct tr_bytes from = rep_bytes(at, ID_SIZE), key;
	bool after = false;
	int rc;

	memcpy(at, id->b, ID_SIZE);
	while ((rc = rep_seek(node->raw, REP_T_OPS, from, after, &key, NULL)) == 0) {
		if (key.size < ID_SIZE || key.size > sizeof(at) || memcmp(key.data, id->b, ID_SIZE) != 0)
			return 0;
		memcpy(at, key.data, key.size);
		from = rep_bytes(at, key.size);
		after = true;
		rc = key.size != OPS_KEY ? TR_E_NOTFOUND
		    : op_at(node, wire_get_be32(at + ID_SIZE), wire_get_be64(at + ID_SIZE + 4), node->op);
		if (rep_verify_is_fatal(rc))
			return rc;
		if (rc != TR_E_NOTFOUND && (rc != 0 || memcmp(node->op->rec.b, id->b, ID_SIZE) == 0))
			continue;
		rep_node_del(node, REP_T_OPS, from);
		rep_node_trace_rec(node, REP_TRACE_INDEX_REPAIRED, (struct tr_nid){0}, 0, id,
		    wire_get_be64(at + ID_SIZE + 4), 0);
	}
	return rc == TR_E_NOTFOUND ? node->rc : rc;
}

static int mend_index(struct rep_node *node, const struct rep_fault *fault, bool *changed)
{
	struct rep_key key = rep_key_ops(&fault->rec, (struct tr_dot){fault->log, fault->first});
	struct tr_bytes row;
	int rc = op_at(node, fault->log, fault->first, node->op);

	if (rc != 0)
		return rc;
	if (memcmp(node->op->rec.b, fault->rec.b, ID_SIZE) != 0)
		return TR_E_NOTFOUND;
	rc = rep_get(node->raw, REP_T_OPS, rep_key_bytes(&key), &row);
	if (rc == 0 || rc == TR_E_IO)
		return rc;
	rep_node_put(node, REP_T_OPS, rep_key_bytes(&key), rep_bytes("", 0));
	rep_node_trace_rec(node, REP_TRACE_INDEX_REPAIRED, (struct tr_nid){0}, node->op->type, &fault->rec,
	    fault->first, 0);
	*changed = true;
	return node->rc;
}

/* -------------------------------------------------------------------- record */

static int mend_record(struct rep_node *node, const struct tr_rec_id *id, bool *changed)
{
	struct rep_overlay *made = NULL;
	int rc = rep_verify_record(node, node->raw, id, &made);

	if (rc == TR_E_DAMAGED || rc == TR_E_GAP) {
		rc = mend_list(node, id);
		if (rc == 0)
			rc = rep_verify_record(node, node->raw, id, &made);
	}
	if (rc != TR_E_DIFFERS)
		return rc;
	rc = rep_overlay_apply(made, node->view);
	rep_overlay_free(made);
	if (rc != 0)
		rep_node_fail(node, rc);
	rep_node_trace_rec(node, REP_TRACE_RECORD_REPAIRED, (struct tr_nid){0}, 0, id, 0, 0);
	*changed = true;
	return rc;
}

/* ------------------------------------------------------------------ look-ups */

static int mend_lookup(struct rep_node *node, const struct rep_fault *fault, bool *changed)
{
	bool is_case = fault->what == REP_FAULT_SOURCE;
	bool missing = false;
	int rc = rep_record_load(node->record, node->raw, is_case ? TR_KIND_CASE : TR_KIND_DIRECTIVE, &fault->rec);

	if (rc == 0)
		rc = rep_verify_lookup(node->raw, node->record, &missing);
	if (rc != 0 || !missing)
		return rc;
	rep_lookup_add(node, node->raw, node->record);
	rep_node_trace_rec(node, REP_TRACE_INDEX_REPAIRED, (struct tr_nid){0}, node->record->kind, &fault->rec, 0, 0);
	*changed = true;
	return node->rc;
}

/* Keeps of a row what stands behind it; what belongs there and was lost comes
 * back by its record. */
static int mend_extra(struct rep_node *node, const struct rep_fault *fault, bool *changed)
{
	enum rep_table table = fault->what == REP_FAULT_SOURCE ? REP_T_SRC : REP_T_DIR;
	struct tr_bytes key = rep_bytes(fault->key, fault->key_size), row = {NULL, 0};
	uint8_t kept[ID_SIZE * REP_TWINS_MAX], had[ID_SIZE * REP_TWINS_MAX];
	struct tr_rec_id id = {{0}};
	size_t size = 0, n = 0;
	int rc = 0;

	if (table == REP_T_DIR && key.size == 2 * ID_SIZE)
		row = rep_bytes(key.data + ID_SIZE, ID_SIZE);
	else if (table == REP_T_SRC)
		rc = rep_get(node->raw, table, key, &row);
	if (rc == TR_E_IO)
		return rc;
	if (rc != 0)
		row.size = 0;
	n = row.size <= sizeof(had) ? row.size / ID_SIZE : 0;
	if (n > 0)
		memcpy(had, row.data, n * ID_SIZE);
	for (size_t i = 0; i < n; i++) {
		bool stands;

		memcpy(id.b, had + i * ID_SIZE, ID_SIZE);
		rc = rep_verify_stands(node->raw, table, key, &id, node->record, &stands);
		if (rc != 0)
			return rc;
		if (stands) {
			memcpy(kept + size, id.b, ID_SIZE);
			size += ID_SIZE;
		}
	}
	if (size == 0)
		rep_node_del(node, table, key);
	else
		rep_node_put(node, table, key, table == REP_T_SRC ? rep_bytes(kept, size) : rep_bytes("", 0));
	rep_node_trace_rec(node, REP_TRACE_INDEX_REPAIRED, (struct tr_nid){0}, 0, &id, 0, 0);
	*changed = true;
	return node->rc;
}

/* --------------------------------------------------------------------- event */

void rep_mend_on(struct rep_node *node, const struct rep_mend *mend)
{
	struct rep_effect fx = {.kind = REP_FX_REPLY};
	const struct rep_fault *fault = &mend->fault;
	bool changed = false;
	int rc = TR_E_INPUT;

	switch (fault->what) {
	case REP_FAULT_SEGMENT:
		rc = rep_mend_ask(node, fault);
		changed = fx.reply.asked = rc == 0;
		break;
	case REP_FAULT_INDEX: rc = mend_index(node, fault, &changed); break;
	case REP_FAULT_RECORD: rc = mend_record(node, &fault->rec, &changed); break;
	case REP_FAULT_SOURCE:
	case REP_FAULT_DIRECTIVE:
		rc = fault->is_extra ? mend_extra(node, fault, &changed) : mend_lookup(node, fault, &changed);
		break;
	}
	if (rep_verify_is_fatal(rc) || rc == TR_E_FULL)
		rep_node_fail(node, rc);
	fx.reply.ticket = mend->ticket;
	fx.reply.rc = rc;
	fx.reply.id = fault->rec;
	fx.reply.unchanged = !changed;
	rep_batch_put(node->batch, &fx);
}
