/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local write from a door: found or made, checked by the same rules that
 * every other node will apply, then one op.
 */
#include "replication/on.h"

#include <string.h>

#include "proto/err.h"
#include "replication/batch.h"
#include "replication/change.h"
#include "replication/closed.h"
#include "replication/fold.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/move.h"
#include "replication/own.h"
#include "replication/status.h"
#include "replication/trust.h"
#include "replication/unit.h"
#include "replication/uuid.h"
#include "replication/write.h"

#define F_CASE_SOURCE 1
#define F_CASE_SOURCE_ID 2
#define F_CASE_STATUS 40
#define F_DIR_ID 1
#define F_DIR_TARGETS 2
#define F_DIR_TARGET 3
#define F_DIR_ISSUER 4
#define F_DIR_PRIORITY 10
#define F_UNIT_NID 1
#define F_UNIT_TITLE 4
#define FOLLOW_MAX 64 /* homes that one case has had */
#define KEY_ROW 26 /* version(1) kind(1) id(16) record version(4) created(1) ... */

static const struct rep_value *value_of(const struct rep_write *w, uint16_t field)
{
	for (size_t i = 0; i < w->value_count; i++)
		if (w->values[i].field == field)
			return &w->values[i];
	return NULL;
}

/* ---- idempotency keys: same key, same answer ---- */

static bool repeated(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	struct rep_key key;
	struct tr_bytes row;

	if (w->key.size == 0)
		return false;
	key = rep_key_idem(w->key);
	if (rep_node_get(node, REP_T_KEY, rep_key_bytes(&key), &row) != 0 || row.size != KEY_ROW)
		return false;
	r->kind = row.data[1];
	memcpy(r->id.b, row.data + 2, 16);
	r->version = wire_get_be32(row.data + 18);
	r->created = row.data[22] != 0;
	r->unchanged = row.data[23] != 0;
	r->repeated = true;
	return true;
}

static void remember(struct rep_node *node, const struct rep_write *w, const struct rep_reply *r)
{
	struct rep_key key, day;
	uint8_t row[KEY_ROW] = {1, r->kind};

	if (w->key.size == 0)
		return;
	key = rep_key_idem(w->key);
	day = rep_key_idem_hour(node->hours, &key);
	memcpy(row + 2, r->id.b, 16);
	wire_put_be32(row + 18, r->version);
	row[22] = r->created;
	row[23] = r->unchanged;
	rep_node_put(node, REP_T_KEY, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
	rep_node_put(node, REP_T_KEY, rep_key_bytes(&day), rep_bytes("", 0));
}

/* ---- which record ---- */

/* An id names one record: its items, ops and history are kept by id alone. */
static int is_of_other_kind(struct rep_node *node, uint8_t kind, const struct tr_rec_id *id)
{
	static const uint8_t kinds[] = {TR_KIND_CASE, TR_KIND_STAFF, TR_KIND_DIRECTIVE, TR_KIND_UNIT};
	int rc = TR_E_NOTFOUND;

	for (size_t i = 0; i < sizeof(kinds) && rc == TR_E_NOTFOUND; i++)
		if (kinds[i] != kind)
			rc = rep_record_load(node->record, node->view, kinds[i], id);
	return rc == 0 ? TR_E_EXISTS : rc;
}

/* By the number of its source a case is found where it is now, if that is held
 * here.  Loads r->id or what came of it. */
static int follow(struct rep_node *node, struct rep_reply *r)
{
	int rc = rep_record_load(node->record, node->view, TR_KIND_CASE, &r->id);
	struct rep_moved moved;

	for (int homes = 0; rc == 0 && homes < FOLLOW_MAX && rep_record_moved(node->record, &moved); homes++) {
		struct tr_rec_id old = r->id, to = moved.id;

		rc = rep_record_load(node->record, node->view, TR_KIND_CASE, &to);
		r->id = rc == 0 ? to : old;
		if (rc == TR_E_NOTFOUND)
			return rep_record_load(node->record, node->view, TR_KIND_CASE, &old);
	}
	return rc;
}

/* 0: node->record is loaded; TR_E_NOTFOUND: r->id is where a new one would be. */
static int locate(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	const struct rep_value *source = value_of(w, F_CASE_SOURCE);
	const struct rep_value *id = value_of(w, F_CASE_SOURCE_ID);

	if (w->has_id) {
		int rc = rep_record_load(node->record, node->view, w->kind, &w->id);

		r->id = w->id;
		return rc == TR_E_NOTFOUND && !w->must_exist ? is_of_other_kind(node, w->kind, &w->id) : rc;
	}
	if (w->kind == TR_KIND_CASE && source != NULL && id != NULL &&
	    source->type == REP_VALUE_TEXT && id->type == REP_VALUE_TEXT &&
	    rep_find_source(node->view, source->t, id->t, &r->id, 1) == 1)
		return follow(node, r);
	if (w->must_exist)
		return TR_E_NOREC;
	rep_uuid_new(node, &r->id);
	return TR_E_NOTFOUND;
}

static int home_of(const struct rep_node *node, const struct rep_write *w, struct tr_nid *scope, struct rep_reply *r)
{
	*scope = w->home.v != 0 ? w->home : node->cert.nid;
	if (rep_closed_check(node, *scope, r) != 0)
		return TR_E_SUCCEEDED;
	if (rep_unit_under(node, *scope, node->cert.nid))
		return 0;
	r->unit = *scope;
	return TR_E_SCOPE;
}

static uint8_t lane_of(const struct rep_write *w)
{
	static const char emergency[] = "emergency";
	const struct rep_value *priority = value_of(w, F_DIR_PRIORITY);
	int64_t most = rep_schema_value(rep_schema_field(TR_KIND_DIRECTIVE, F_DIR_PRIORITY), emergency,
	    sizeof(emergency) - 1);

	if (w->kind == TR_KIND_DIRECTIVE)
		return priority != NULL && priority->i == most ? TR_LANE_E : TR_LANE_X;
	if (w->kind == TR_KIND_UNIT)
		return TR_LANE_X;
	return w->bulk ? TR_LANE_B : TR_LANE_R;
}

static void op_start(struct rep_op *op, const struct rep_write *w,
    const struct tr_rec_id *id, enum tr_op_kind kind)
{
	memset(op, 0, offsetof(struct rep_op, values));
	op->kind = kind;
	op->rec = *id;
	op->flags = w->flags;
	op->has_body = true;
	op->type = w->kind;
	op->actor = w->actor;
}

static int create(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	struct rep_op *op = node->op2;
	struct tr_nid scope;
	int rc = home_of(node, w, &scope, r);

	if (rc != 0)
		return rc;
	if (w->has_version || w->resolve_group != 0)
		return TR_E_NOREC;
	op_start(op, w, &r->id, TR_OP_CREATE);
	rc = rep_change_create(op, w, &r->field);
	if (rc != 0)
		return rc;
	rep_record_init(node->record, w->kind, &r->id, scope, lane_of(w));
	r->created = true;
	return rep_write_op(node, op, scope, lane_of(w), r);
}

static bool has_moved(const struct rep_record *rec)
{
	return rec->kind == TR_KIND_CASE && rep_record_status(rec) == REP_CASE_MOVED;
}

static bool states_move(const struct rep_write *w)
{
	const struct rep_value *status = value_of(w, F_CASE_STATUS);

	return status != NULL && status->type == REP_VALUE_INT && status->i == REP_CASE_MOVED;
}

/* Of a case that moved, one of its moves is stated again. */
static int resolve(struct rep_node *node, struct rep_op *op, const struct rep_write *w, struct rep_reply *r)
{
	struct tr_rec_id id = node->record->id;
	int rc = rep_change_resolve(op, node->record, w);

	if (rc != 0 || !has_moved(node->record))
		return rc;
	if (!states_move(w)) { /* a late step cannot bring it back */
		rep_on_transfer_gone(node->record, r);
		return TR_E_ELSEWHERE;
	}
	rc = rep_on_transfer_check(node, w, r);
	if (rc != 0)
		return rc;
	op_start(op, w, &id, TR_OP_TRANSFER); /* the check used it */
	return rep_change_resolve(op, node->record, w);
}

/* A child does not hold its parent's scope, where its title stands. */
static int renamed(struct rep_node *node, const struct rep_write *w)
{
	const struct rep_value *nid = rep_record_value(node->record, F_UNIT_NID), *title = value_of(w, F_UNIT_TITLE);

	if (nid == NULL || title == NULL || title->type != REP_VALUE_TEXT ||
	    node->record->scope.v == (uint64_t)nid->i)
		return 0;
	return rep_move_title(node, (struct tr_nid){(uint64_t)nid->i}, title->t, w->actor);
}

static int edit(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	struct rep_op *op = node->op2;
	const struct rep_record *rec = node->record;
	int rc;

	r->version = rec->version;
	if (has_moved(rec) && w->resolve_group != F_CASE_STATUS) {
		rep_on_transfer_gone(rec, r);
		return TR_E_ELSEWHERE;
	}
	if (rec->scope.v == node->cert.nid.v && rep_closed_check(node, rec->scope, r) != 0)
		return TR_E_SUCCEEDED; /* those above put in order what is left */
	if (w->has_version && w->if_version != rec->version)
		return TR_E_VERSION;
	if (!rep_unit_under(node, rec->scope, node->cert.nid))
		return TR_E_SCOPE;
	op_start(op, w, &rec->id, TR_OP_SET);
	if (w->resolve_group != 0)
		rc = resolve(node, op, w, r);
	else
		rc = rep_change_edit(op, rec, node->view, w, node->cert.nid, node->inc, &r->field);
	if (rc != 0)
		return rc;
	if (op->value_count == 0) {
		r->unchanged = true;
		return 0;
	}
	rc = rep_write_op(node, op, rec->scope, rec->lane, r);
	if (rc == 0 && op->kind == TR_OP_TRANSFER)
		rc = rep_on_transfer_settle(node, w);
	return rc == 0 && w->kind == TR_KIND_UNIT ? renamed(node, w) : rc;
}

static int change(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	return w->move_to.v != 0 ? rep_on_transfer(node, w, r) : edit(node, w, r);
}

/* ---- directives: one record a target, all or none ---- */

static int check_targets(const struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	if (w->target_count > TR_TARGETS_MAX)
		return TR_E_LIMIT;
	for (size_t i = 0; i < w->target_count; i++) {
		r->unit = w->targets[i];
		if (rep_unit_find(node, w->targets[i]) == NULL)
			return TR_E_NOUNIT;
		if (rep_closed_check(node, w->targets[i], r) != 0)
			return TR_E_SUCCEEDED;
		if (w->targets[i].v == node->cert.nid.v || !rep_unit_under(node, w->targets[i], node->cert.nid))
			return TR_E_SCOPE;
	}
	return (node->cert.caps & TR_CAP_DIRECT) != 0 ? 0 : TR_E_AUTH;
}

static int one_target(struct rep_node *node, const struct rep_write *w, struct tr_nid target,
    const struct tr_rec_id *directive, struct rep_reply *r)
{
	struct rep_op *op = node->op2;
	struct tr_rec_id id;
	int rc;

	rep_uuid_new(node, &id);
	op_start(op, w, &id, TR_OP_CREATE);
	rc = rep_change_create(op, w, &r->field);
	if (rc != 0)
		return rc;
	if (op->value_count + 4 > TR_FIELDS_MAX)
		return TR_E_LIMIT;
	op->values[op->value_count++] = (struct rep_value){F_DIR_ID, TR_ACT_SET, REP_VALUE_BYTES, 0, {directive->b, 16}};
	op->values[op->value_count++] = (struct rep_value){F_DIR_TARGETS, TR_ACT_SET, REP_VALUE_INT, (int64_t)w->target_count, {NULL, 0}};
	op->values[op->value_count++] = (struct rep_value){F_DIR_TARGET, TR_ACT_SET, REP_VALUE_INT, (int64_t)target.v, {NULL, 0}};
	op->values[op->value_count++] = (struct rep_value){F_DIR_ISSUER, TR_ACT_SET, REP_VALUE_INT, (int64_t)node->cert.nid.v, {NULL, 0}};
	rep_record_init(node->record, w->kind, &id, target, lane_of(w));
	r->id = id;
	return rep_write_op(node, op, target, lane_of(w), r);
}

static int directive(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	int rc = check_targets(node, w, r);

	rep_uuid_new(node, &r->directive_id);
	for (size_t i = 0; i < w->target_count && rc == 0; i++) {
		rc = one_target(node, w, w->targets[i], &r->directive_id, r);
		/* what decides is the same for every target, so only the first can be refused; memory can end at any:
		 * all or none, so none */
		if (rc != 0 && i > 0)
			rep_node_fail(node, rc);
	}
	r->created = rc == 0;
	return rc;
}

void rep_on_write(struct rep_node *node, const struct rep_write *w)
{
	struct rep_effect fx = {.kind = REP_FX_REPLY};
	struct rep_reply *r = &fx.reply;
	int rc;

	r->ticket = w->ticket;
	r->kind = w->kind;
	if (node->is_fenced || node->is_cut) {
		r->rc = TR_E_FENCED;
	} else if (!rep_trust_may_write(&node->cert)) {
		r->rc = TR_E_UNAPPROVED;
	} else if (node->is_full) {
		r->rc = TR_E_FULL;
	} else if (w->value_count > TR_FIELDS_MAX) {
		r->rc = TR_E_LIMIT;
	} else if (!repeated(node, w, r)) {
		if (w->kind == TR_KIND_UNIT && w->move_to.v != 0) {
			r->rc = rep_move_begin(node, w, r);
		} else if (w->target_count > 0) {
			r->rc = directive(node, w, r);
		} else {
			rc = locate(node, w, r);
			r->rc = rc == 0 ? change(node, w, r) : rc;
			if (rc == TR_E_NOTFOUND)
				r->rc = w->must_exist || w->move_to.v != 0 ? TR_E_NOREC : create(node, w, r);
		}
		if (r->rc == 0)
			remember(node, w, r);
		else if (r->rc == TR_E_DAMAGED || r->rc == TR_E_NOMEM || r->rc == TR_E_IO)
			rep_node_fail(node, r->rc);
	}
	rep_batch_put(node->batch, &fx);
}
