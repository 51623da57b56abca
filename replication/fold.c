/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/fold.h"

#include <string.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/cut.h"
#include "replication/ckpt_op.h"
#include "replication/floor.h"
#include "replication/keys.h"
#include "replication/later.h"
#include "replication/late.h"
#include "replication/lookup.h"
#include "replication/closed.h"
#include "replication/name.h"
#include "replication/policy_use.h"
#include "replication/status.h"
#include "replication/trust.h"
#include "replication/unit.h"

/* field ids of schema.def */
#define F_SOURCE 1
#define F_SOURCE_ID 2
#define F_DIRECTIVE_ID 1
#define F_UNIT_NID 1
#define F_UNIT_PATH 2
#define F_UNIT_CAPS 3
#define F_UNIT_TITLE 4
#define F_CERT 1

bool rep_fold_seen(const struct rep_node *node, struct rep_fold *fold)
{
	const struct rep_log *log = fold->log;
	bool ok = log->parent == 0 ||
	    rep_branch_see(node, log->parent, log->fork, fold->seen, &fold->seen_count, REP_SEEN_MAX);

	for (uint16_t i = 0; i < log->vec_count && ok; i++)
		ok = rep_branch_see(node, log->vec[i].log, log->vec[i].seq, fold->seen, &fold->seen_count, REP_SEEN_MAX);
	return ok;
}

void rep_fold_cause(const struct rep_fold *fold, uint64_t seq, int64_t dt_ms, struct rep_cause *out)
{
	memset(out, 0, sizeof(*out));
	out->dot = (struct tr_dot){fold->log->handle, seq};
	out->author = fold->log->id.author;
	out->inc = fold->log->id.inc;
	out->level = fold->level;
	out->caps = fold->caps;
	out->path = fold->path;
	out->hlc = rep_fold_hlc(fold->hlc, dt_ms);
	out->clockq = fold->clockq;
	out->seen = fold->seen;
	out->seen_count = fold->seen_count;
}

static const struct rep_value *value_of(const struct rep_op *op, uint16_t field)
{
	for (uint16_t i = 0; i < op->value_count; i++)
		if (op->values[i].field == field)
			return &op->values[i];
	return NULL;
}

static void index_source(struct rep_node *node, const struct rep_op *op)
{
	const struct rep_value *source = value_of(op, F_SOURCE);
	const struct rep_value *id = value_of(op, F_SOURCE_ID);
	struct rep_key key;

	if (source == NULL || id == NULL || source->type != REP_VALUE_TEXT || id->type != REP_VALUE_TEXT ||
	    id->t.size > TR_SOURCE_ID_MAX)
		return;
	key = rep_key_source(source->t, id->t);
	rep_lookup_twin(node, node->view, &key, &op->rec);
}

static void index_directive(struct rep_node *node, const struct rep_op *op)
{
	const struct rep_value *id = value_of(op, F_DIRECTIVE_ID);
	struct tr_rec_id directive;
	struct rep_key key;

	if (id == NULL || id->type != REP_VALUE_BYTES || id->t.size != 16)
		return;
	memcpy(directive.b, id->t.data, 16);
	key = rep_key_directive(&directive, &op->rec);
	rep_node_put(node, REP_T_DIR, rep_key_bytes(&key), rep_bytes("", 0));
}

/* A parent declares a unit in its own scope; the path must lie below its own.
 * Who stands above the parent is nobody's child below it. */
static void take_unit(struct rep_node *node, const struct rep_fold *fold, const struct rep_op *op)
{
	const struct rep_value *nid = value_of(op, F_UNIT_NID);
	const struct rep_value *path = value_of(op, F_UNIT_PATH);
	const struct rep_value *title = value_of(op, F_UNIT_TITLE);
	const struct rep_value *caps = value_of(op, F_UNIT_CAPS);
	const struct rep_unit *parent = rep_unit_find(node, fold->log->id.scope);
	const struct rep_unit *old;

	if (nid == NULL || path == NULL || parent == NULL || nid->i == 0 ||
	    !rep_name_path_ok(path->t) || !rep_name_is_child(path->t, parent->unit) ||
	    rep_unit_under(node, parent->nid, (struct tr_nid){(uint64_t)nid->i}))
		return;
	old = rep_unit_find(node, (struct tr_nid){(uint64_t)nid->i});
	if (old != NULL && old->parent.v != 0 && old->parent.v != parent->nid.v)
		return; /* already somebody else's child */
	rep_unit_declare(node, (struct tr_nid){(uint64_t)nid->i}, parent->nid, path->t,
	    title != NULL && rep_name_title_ok(title->t) ? title->t : rep_bytes("", 0),
	    caps != NULL ? (uint32_t)caps->i : 0);
}

static void rename_unit(struct rep_node *node, const struct rep_record *rec)
{
	const struct rep_value *nid = rep_record_value(rec, F_UNIT_NID);
	const struct rep_value *title = rep_record_value(rec, F_UNIT_TITLE);
	struct rep_unit *unit;
	char path[TR_UNIT_PATH_MAX + 1];

	if (nid == NULL || title == NULL || !rep_name_title_ok(title->t))
		return;
	unit = rep_unit_find(node, (struct tr_nid){(uint64_t)nid->i});
	if (unit == NULL || unit->parent.v != rec->scope.v)
		return;
	memcpy(path, unit->unit, sizeof(path));
	rep_unit_declare(node, unit->nid, unit->parent, rep_bytes(path, strlen(path)), title->t, unit->caps);
}

static void mark_conflicts(struct rep_node *node, const struct rep_op *op,
    const struct rep_cause *cause, const struct rep_applied *applied)
{
	for (uint8_t i = 0; i < applied->group_count; i++) {
		struct rep_key key = rep_key_conflict(op->type, &op->rec, applied->groups[i].group);
		uint8_t row[8];

		if (applied->groups[i].open) {
			wire_put_be64(row, (uint64_t)node->wall_ms);
			rep_node_put(node, REP_T_CONFLICT, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
		} else {
			rep_node_del(node, REP_T_CONFLICT, rep_key_bytes(&key));
		}
		rep_node_trace_rec(node,
		    applied->groups[i].open ? REP_TRACE_CONFLICT_OPEN : REP_TRACE_CONFLICT_CLOSED,
		    cause->author, op->type, &op->rec, applied->groups[i].group, 0);
	}
}

static void announce(struct rep_node *node, const struct rep_op *op,
    const struct rep_cause *cause, const struct rep_applied *applied)
{
	bool moved = applied->status_before != applied->status_after;

	if (applied->verdict == REP_VIOLATION) {
		node->violations++;
		rep_node_trace_rec(node, REP_TRACE_OP_VIOLATION, cause->author, op->type, &op->rec,
		    applied->why, applied->why_field);
	}
	if (op->type == TR_KIND_DIRECTIVE && applied->created &&
	    node->record->scope.v == node->cert.nid.v)
		rep_node_trace_rec(node, REP_TRACE_DIRECTIVE_IN, cause->author, op->type, &op->rec, 0, 0);
	else if (op->type == TR_KIND_DIRECTIVE && moved)
		rep_node_trace_rec(node, REP_TRACE_DIRECTIVE_STEP, cause->author, op->type, &op->rec,
		    applied->status_before, applied->status_after);
	if (op->type == TR_KIND_CASE && moved && applied->status_after == REP_CASE_MOVED)
		rep_node_trace_rec(node, REP_TRACE_CASE_MOVED, cause->author, op->type, &op->rec,
		    applied->status_before, applied->status_after);
	if (op->type == TR_KIND_CASE && moved && applied->status_after == REP_CASE_RETURNED)
		rep_node_trace_rec(node, REP_TRACE_CASE_RETURNED, cause->author, op->type, &op->rec,
		    applied->status_before, applied->status_after);
}

static bool load(struct rep_node *node, const struct rep_fold *fold, const struct rep_op *op)
{
	int rc = rep_record_load(node->record, node->view, op->type, &op->rec);

	if (rc == TR_E_NOTFOUND) {
		rep_record_init(node->record, op->type, &op->rec, fold->log->id.scope, fold->log->id.lane);
		return true;
	}
	if (rc != 0) {
		rep_node_fail(node, rc);
		return false;
	}
	/* an op in another scope or lane than its record's is not of that record */
	return node->record->scope.v == fold->log->id.scope.v && node->record->lane == fold->log->id.lane;
}

void rep_fold_index(struct rep_node *node, const struct rep_fold *fold, const struct rep_op *op)
{
	if (op->kind == TR_OP_CREATE && op->type == TR_KIND_CASE)
		index_source(node, op);
	else if (op->kind == TR_OP_CREATE && op->type == TR_KIND_DIRECTIVE)
		index_directive(node, op);
	else if (op->kind == TR_OP_CREATE && op->type == TR_KIND_UNIT)
		take_unit(node, fold, op);
	else if (op->type == TR_KIND_UNIT && rep_record_load(node->record, node->view, TR_KIND_UNIT, &op->rec) == 0)
		rename_unit(node, node->record);
}

/* A CUT sets it aside: it is found in the record's history, and takes effect if a wider CUT lets it in. */
static void keep_aside(struct rep_node *node, const struct rep_fold *fold, uint64_t seq, const struct rep_op *op)
{
	struct rep_key ops = rep_key_ops(&op->rec, (struct tr_dot){fold->log->handle, seq});

	if (!load(node, fold, op))
		return;
	if (node->record->version == 0 && node->record->violations == 0)
		rep_base_meet(node, fold->log, op->type, &op->rec); /* if it is let in there is a record */
	rep_floor_keep(node, &op->rec);
	rep_node_put(node, REP_T_OPS, rep_key_bytes(&ops), rep_bytes("", 0));
	if (rep_fold_is_place(op))
		rep_fold_index(node, fold, op);
}

void rep_fold_op(struct rep_node *node, const struct rep_fold *fold, uint64_t seq,
    const struct rep_op *op, bool loaded, struct rep_applied *applied)
{
	struct rep_cause cause;
	struct rep_key ops = rep_key_ops(&op->rec, (struct tr_dot){fold->log->handle, seq});
	int rc;

	memset(applied, 0, sizeof(*applied));
	if (rep_cut_is_aside(fold->log, seq)) {
		keep_aside(node, fold, seq, op);
		return;
	}
	rep_fold_cause(fold, seq, op->dt_ms, &cause);
	if (!loaded && !load(node, fold, op)) {
		node->violations++;
		return;
	}
	/* Part of the record waits for a newer program: what has no right without it may have one with it. */
	if (!loaded && rep_later_of(node, &op->rec) && rep_merge_check(node->record, op, &cause, NULL) != REP_WHY_NONE) {
		rep_later_keep(node, fold->log, seq, op, REP_LATER_DEPENDS);
		return;
	}
	if (node->record->version == 0 && node->record->violations == 0)
		rep_base_meet(node, fold->log, op->type, &op->rec);
	rep_floor_keep(node, &op->rec);
	rep_node_put(node, REP_T_OPS, rep_key_bytes(&ops), rep_bytes("", 0));
	rc = rep_merge_apply(node->record, node->view, op, &cause, applied);
	if (rc == 0)
		rc = rep_record_store(node->record, node->view);
	if (rc != 0) {
		rep_node_fail(node, rc);
		return;
	}
	if (applied->verdict == REP_VALID)
		rep_fold_index(node, fold, op);
	if (op->type == TR_KIND_UNIT)
		rep_closed_take(node);
	else
		rep_closed_wake(node, fold->log->id.scope, cause.author);
	mark_conflicts(node, op, &cause, applied);
	announce(node, op, &cause, applied);
	rep_late_fold(node, op, &cause, applied);
}

void rep_fold_entry(struct rep_node *node, const struct rep_fold *fold, uint64_t seq, struct tr_bytes entry)
{
	struct rep_applied applied;
	struct rep_op *op = node->op;
	enum rep_later later;

	op->kind = 0;
	op->type = 0;
	memset(&op->rec, 0, sizeof(op->rec));
	if (rep_op_decode(op, entry) != 0 || !rep_known_kind(&node->known, op->kind)) {
		rep_later_keep(node, fold->log, seq, op, op->kind != 0 && !rep_known_kind(&node->known, op->kind)
		    ? REP_LATER_OP : REP_LATER_FORM);
		return;
	}
	if (!op->has_body)
		return;
	if (op->kind == TR_OP_CERT) {
		const struct rep_value *cert = value_of(op, F_CERT);

		if (cert != NULL && cert->type == REP_VALUE_BYTES)
			(void)!rep_trust_admit(node, cert->t, fold->log->id.author);
		return;
	}
	if (op->kind == TR_OP_CUT) {
		if (!rep_cut_take(node, fold->log, seq, rep_fold_hlc(fold->hlc, op->dt_ms), op)) {
			node->violations++;
			rep_node_trace(node, REP_TRACE_CUT_VIOLATION, fold->log->id.author, fold->log->id.scope.v, seq, NULL);
		}
		return;
	}
	if (op->kind == TR_OP_POLICY) {
		struct rep_cause cause;

		rep_fold_cause(fold, seq, op->dt_ms, &cause);
		rep_policy_take(node, &fold->log->id, &cause, op);
		return;
	}
	if (fold->log->id.lane == TR_LANE_P)
		return; /* no records there: it goes where they must not */
	if (op->kind == TR_OP_CKPT) {
		const struct rep_value *ckpt = value_of(op, REP_CKPT_OP_FIELD);

		if (ckpt != NULL && ckpt->type == REP_VALUE_BYTES)
			rep_ckpt_op_take(node, fold->log, seq, rep_fold_hlc(fold->hlc, op->dt_ms), ckpt->t);
		return;
	}
	later = !rep_op_is_of_record(op->kind)
		    ? REP_LATER_OP : rep_known_op(&node->known, op);
	if (later != REP_LATER_NOT) {
		rep_later_keep(node, fold->log, seq, op, later);
		return;
	}
	rep_fold_op(node, fold, seq, op, false, &applied);
}
