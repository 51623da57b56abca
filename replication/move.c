/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/move.h"

#include <string.h>

#include "proto/err.h"
#include "replication/closed.h"
#include "replication/keys.h"
#include "replication/on.h"
#include "replication/record_int.h"
#include "replication/status.h"
#include "replication/unit.h"
#include "replication/uuid.h"
#include "replication/write.h"

/* fields of schema.def */
#define F_NID 1
#define F_TITLE 4
#define F_STATE 5
#define F_SUCCESSOR 6
#define F_SUCCESSOR_PATH 7
#define F_CLOSED_REASON 8
#define F_DIR_TARGET 3
#define STATE_CLOSED 2

#define PIECE_RECORDS 256 /* looked at, */
#define PIECE_MOVES 16    /* moved, in one step */

/* Job row in META, "move" and the nid:
 * version(1) phase(1) cursor(16) cases be32 directives be32 left be32 actor */
#define ROW_VERSION 1
#define ROW_HEAD 30
enum phase { CASES = 1, DIRECTIVES, DONE };

struct job {
	struct rep_unit *unit;
	uint8_t phase;
	struct tr_rec_id cursor;
	uint32_t cases, directives, left;
	uint8_t actor[TR_ACTOR_MAX];
	size_t actor_size;
};

static struct rep_key job_key(struct tr_nid unit)
{
	char name[4 + 16 + 1] = "move";

	for (int i = 0; i < 16; i++)
		name[4 + i] = "0123456789abcdef"[unit.v >> (60 - 4 * i) & 15];
	return rep_key_name(name);
}

static void store(struct rep_node *node, const struct job *job)
{
	struct rep_key key = job_key(job->unit->nid);
	uint8_t row[ROW_HEAD + TR_ACTOR_MAX] = {ROW_VERSION, job->phase};

	memcpy(row + 2, job->cursor.b, 16);
	wire_put_be32(row + 18, job->cases);
	wire_put_be32(row + 22, job->directives);
	wire_put_be32(row + 26, job->left);
	if (job->actor_size > 0)
		memcpy(row + ROW_HEAD, job->actor, job->actor_size);
	rep_node_put(node, REP_T_META, rep_key_bytes(&key), rep_bytes(row, ROW_HEAD + job->actor_size));
}

static bool load(struct rep_node *node, struct rep_unit *unit, struct job *job)
{
	struct rep_key key = job_key(unit->nid);
	struct tr_bytes row;

	if (rep_node_get(node, REP_T_META, rep_key_bytes(&key), &row) != 0)
		return false;
	if (row.size < ROW_HEAD || row.size > ROW_HEAD + TR_ACTOR_MAX || row.data[0] != ROW_VERSION) {
		rep_node_fail(node, TR_E_DAMAGED);
		return false;
	}
	job->unit = unit;
	job->phase = row.data[1];
	memcpy(job->cursor.b, row.data + 2, 16);
	job->cases = wire_get_be32(row.data + 18);
	job->directives = wire_get_be32(row.data + 22);
	job->left = wire_get_be32(row.data + 26);
	job->actor_size = row.size - ROW_HEAD;
	if (job->actor_size > 0)
		memcpy(job->actor, row.data + ROW_HEAD, job->actor_size);
	return true;
}

/* On top of what is there; the record is made with the first word about it. */
static int say(struct rep_node *node, struct tr_nid unit, const struct rep_value *values, size_t count,
    struct tr_bytes actor, struct rep_reply *r)
{
	const struct tr_rec_id id = rep_closed_id(unit);
	struct rep_op *op = node->op2;
	int rc = rep_record_load(node->record, node->view, TR_KIND_UNIT, &id);

	if (rc != 0 && rc != TR_E_NOTFOUND)
		return rc;
	memset(op, 0, offsetof(struct rep_op, values));
	op->kind = rc == 0 ? TR_OP_SET : TR_OP_CREATE;
	op->rec = id;
	op->has_body = true;
	op->type = TR_KIND_UNIT;
	op->actor = actor;
	if (rc != 0) {
		rep_record_init(node->record, TR_KIND_UNIT, &id, unit, TR_LANE_X);
		op->values[op->value_count++] = (struct rep_value){F_NID, TR_ACT_SET, REP_VALUE_INT, (int64_t)unit.v, {NULL, 0}};
	}
	for (size_t i = 0; i < count; i++)
		op->values[op->value_count++] = values[i];
	return rep_write_op(node, op, unit, TR_LANE_X, r);
}

int rep_move_title(struct rep_node *node, struct tr_nid unit, struct tr_bytes title, struct tr_bytes actor)
{
	const struct rep_value value = {F_TITLE, TR_ACT_SET, REP_VALUE_TEXT, 0, title};
	struct rep_reply rest = {0};

	if (unit.v == node->cert.nid.v || !rep_unit_under(node, unit, node->cert.nid))
		return 0;
	return say(node, unit, &value, 1, actor, &rest);
}

/* --------------------------------------------------------------------- begin */

static int check(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	const struct rep_unit *from = rep_unit_find(node, w->home), *to = rep_unit_find(node, w->move_to);

	r->unit = from == NULL ? w->home : w->move_to;
	if (from == NULL || to == NULL || to->unit[0] == '\0')
		return TR_E_NOUNIT;
	if (from->nid.v == to->nid.v)
		return TR_E_HOME;
	r->unit = from->nid;
	if (from->nid.v == node->cert.nid.v || !rep_unit_under(node, from->nid, node->cert.nid))
		return TR_E_SCOPE;
	r->unit = to->nid;
	if (to->nid.v == node->cert.nid.v || !rep_unit_under(node, to->nid, node->cert.nid) ||
	    rep_unit_under(node, to->nid, from->nid))
		return TR_E_SCOPE;
	if (from->closed && from->successor.v != to->nid.v)
		return rep_closed_check(node, from->nid, r);
	if (to->closed)
		return rep_closed_check(node, to->nid, r);
	for (size_t i = 0; i < node->unit_count; i++)
		if (node->units[i]->parent.v == from->nid.v && !node->units[i]->closed) {
			r->unit = node->units[i]->nid;
			return TR_E_EXISTS; /* those below it first */
		}
	return 0;
}

int rep_move_begin(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	struct rep_unit *from = rep_unit_find(node, w->home), *to = rep_unit_find(node, w->move_to);
	struct job job = {.unit = from, .phase = CASES};
	struct rep_value values[4] = {
	    {.field = F_STATE, .type = REP_VALUE_INT, .i = STATE_CLOSED},
	    {.field = F_SUCCESSOR, .type = REP_VALUE_INT, .i = (int64_t)w->move_to.v},
	    {.field = F_SUCCESSOR_PATH, .type = REP_VALUE_TEXT},
	    {.field = F_CLOSED_REASON, .type = REP_VALUE_TEXT},
	};
	int rc = check(node, w, r);

	if (rc == 0 && (w->value_count != 1 || w->values[0].type != REP_VALUE_TEXT || w->values[0].t.size == 0 ||
	    w->actor.size > TR_ACTOR_MAX))
		rc = TR_E_INPUT;
	if (rc != 0)
		return rc;
	values[2].t = rep_bytes(to->unit, strlen(to->unit));
	values[3].t = w->values[0].t;
	if (!from->closed)
		rc = say(node, from->nid, values, 4, w->actor, r);
	else
		r->unchanged = true;
	if (rc != 0)
		return rc;
	job.actor_size = w->actor.size;
	if (w->actor.size > 0)
		memcpy(job.actor, w->actor.data, w->actor.size);
	store(node, &job);
	from->move_due = from->is_mover = true;
	rep_closed_soon(node); /* the job slept since it had last nothing to do */
	r->id = rep_closed_id(from->nid);
	r->unit = to->nid;
	return 0;
}

/* ----------------------------------------------------------------------- job */

/* The texts of the job outlive the record that they came from. */
struct words {
	struct rep_value reason;
	uint8_t text[2000];
};

static bool read_words(struct rep_node *node, const struct rep_unit *unit, struct words *out)
{
	const struct tr_rec_id id = rep_closed_id(unit->nid);
	const struct rep_value *v;

	if (rep_record_load(node->record, node->view, TR_KIND_UNIT, &id) != 0)
		return false;
	v = rep_record_value(node->record, F_CLOSED_REASON);
	if (v == NULL || v->t.size == 0 || v->t.size > sizeof(out->text))
		return false;
	memcpy(out->text, v->t.data, v->t.size);
	out->reason = (struct rep_value){REP_FIELD_REASON, TR_ACT_SET, REP_VALUE_TEXT, 0, rep_bytes(out->text, v->t.size)};
	return true;
}

static bool move_case(struct rep_node *node, struct job *job, const struct words *words)
{
	struct rep_write w = {.kind = TR_KIND_CASE, .has_id = true, .id = node->record->id, .must_exist = true,
	    .values = &words->reason, .value_count = 1, .move_to = job->unit->successor,
	    .actor = rep_bytes(job->actor, job->actor_size)};
	struct rep_reply r = {0};
	int rc = rep_on_transfer(node, &w, &r);

	if (rc == TR_E_NOMEM || rc == TR_E_IO)
		rep_node_fail(node, rc); /* nobody hears the reply */
	if (rc != 0) {
		job->left++;
		return false;
	}
	job->cases++;
	return true;
}

static void op_start(struct rep_op *op, enum tr_op_kind kind, const struct tr_rec_id *id, const struct job *job)
{
	memset(op, 0, offsetof(struct rep_op, values));
	op->kind = kind;
	op->rec = *id;
	op->has_body = true;
	op->type = TR_KIND_DIRECTIVE;
	op->actor = rep_bytes(job->actor, job->actor_size);
}

/* The old target's is superseded, the new one's carries the same directive id. */
static bool move_directive(struct rep_node *node, struct job *job, const struct words *words)
{
	static const struct rep_value status = {REP_FIELD_STATUS, TR_ACT_SET, REP_VALUE_INT, REP_DIR_SUPERSEDED, {NULL, 0}};
	struct tr_rec_id old = node->record->id, new;
	struct rep_op *op = node->op2;
	const struct rep_field *f;
	struct rep_reply r = {0};
	uint8_t lane = node->record->lane;
	uint8_t texts[TR_OP_BYTES_MAX];
	size_t used = 0;

	rep_uuid_new(node, &new);
	op_start(op, TR_OP_SET, &old, job);
	op->values[op->value_count++] = status;
	op->values[op->value_count++] = words->reason;
	if (rep_write_check(node, op, job->unit->nid, lane, &r) != 0) {
		job->left++; /* of an issuer that stands above this node */
		return false;
	}
	op_start(op, TR_OP_CREATE, &new, job);
	for (size_t i = 0; (f = rep_schema_at(TR_KIND_DIRECTIVE, i)) != NULL; i++) {
		const struct rep_value *v = rep_record_value(node->record, f->id);

		if ((f->merge != REP_MERGE_FIXED && f->merge != REP_MERGE_AUTH) || v == NULL ||
		    used + v->t.size > sizeof(texts))
			continue;
		op->values[op->value_count] = *v;
		if (v->t.size > 0)
			memcpy(texts + used, v->t.data, v->t.size);
		op->values[op->value_count].t = rep_bytes(texts + used, v->t.size);
		used += v->t.size;
		if (f->id == F_DIR_TARGET)
			op->values[op->value_count].i = (int64_t)job->unit->successor.v;
		op->value_count++;
	}
	rep_record_init(node->record, TR_KIND_DIRECTIVE, &new, job->unit->successor, lane);
	if (rep_write_op(node, op, job->unit->successor, lane, &r) != 0) {
		job->left++;
		return false;
	}
	op_start(op, TR_OP_SET, &old, job);
	op->values[op->value_count++] = status;
	op->values[op->value_count++] = words->reason;
	if (rep_record_load(node->record, node->view, TR_KIND_DIRECTIVE, &old) != 0 ||
	    rep_write_op(node, op, job->unit->nid, lane, &r) != 0)
		rep_node_fail(node, TR_E_INTERNAL); /* half of it: the commit must not be */
	job->directives++;
	return true;
}

/* Goes through the records of one kind; false at the end. */
static bool piece(struct rep_node *node, struct job *job, uint8_t kind, const struct words *words)
{
	static const struct tr_rec_id none;
	unsigned looked = 0, moved = 0;

	while (node->rc == 0 && looked++ < PIECE_RECORDS && moved < PIECE_MOVES) {
		bool some = memcmp(&job->cursor, &none, sizeof(none)) != 0;
		int rc = rep_next_record(node->view, kind, some ? &job->cursor : NULL, &job->cursor);

		if (rc == 0)
			rc = rep_record_load(node->record, node->view, kind, &job->cursor);
		if (rc == TR_E_NOTFOUND)
			return false;
		if (rc != 0) {
			rep_node_fail(node, rc);
			return true;
		}
		if (node->record->scope.v == job->unit->nid.v &&
		    rep_status_is_open(kind, rep_record_status(node->record)))
			moved += kind == TR_KIND_CASE ? move_case(node, job, words) : move_directive(node, job, words);
	}
	return true;
}

static void work(struct rep_node *node, struct rep_unit *unit)
{
	struct job job;
	struct words words;

	if (!load(node, unit, &job) || !unit->closed || !read_words(node, unit, &words)) {
		unit->move_due = unit->move_again = false;
		return;
	}
	if (unit->move_again) { /* something came after it had gone by */
		unit->move_again = false;
		job.phase = CASES;
		memset(&job.cursor, 0, sizeof(job.cursor));
		job.left = 0;
	}
	if (job.phase != DONE && !piece(node, &job, job.phase == CASES ? TR_KIND_CASE : TR_KIND_DIRECTIVE, &words)) {
		job.phase++;
		memset(&job.cursor, 0, sizeof(job.cursor));
	}
	unit->move_due = job.phase != DONE;
	if (job.phase == DONE)
		rep_node_trace(node, REP_TRACE_UNIT_MOVED, unit->nid, job.cases, job.directives, NULL);
	store(node, &job);
}

void rep_move_tick(struct rep_node *node)
{
	if (node->is_full || node->mono_ms < node->move_mono_ms)
		return;
	for (size_t i = 0; i < node->unit_count; i++)
		if (node->units[i]->move_due || node->units[i]->move_again) {
			work(node, node->units[i]);
			node->move_mono_ms = node->mono_ms + REP_CLOSED_PIECE_MS;
			return;
		}
	node->move_mono_ms = INT64_MAX; /* until something wakes it */
}

int64_t rep_move_deadline(const struct rep_node *node)
{
	return node->is_full ? INT64_MAX : node->move_mono_ms;
}

void rep_move_load(struct rep_node *node)
{
	for (size_t i = 0; i < node->unit_count && node->rc == 0; i++) {
		const struct tr_rec_id id = rep_closed_id(node->units[i]->nid);
		struct job job;
		int rc = rep_record_load(node->record, node->view, TR_KIND_UNIT, &id);

		if (rc == TR_E_NOTFOUND)
			continue;
		if (rc != 0) {
			rep_node_fail(node, rc);
			return;
		}
		rep_closed_take(node);
		if (!node->units[i]->closed || !load(node, node->units[i], &job))
			continue;
		/* What came before the end of the last run may not have been looked at. */
		node->units[i]->is_mover = true;
		node->units[i]->move_due = true;
		node->units[i]->move_again = job.phase == DONE;
	}
}
