/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A case goes to another home: a copy of what is shown is made there, and the
 * record here says where it went, in one commit.  The writer stands over both.
 *
 * What goes along: every field, the state and who handled it, campaigns, the
 * sum of the visits, the newest notes.  What stays behind, readable: the ops,
 * values that were set aside, older notes.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/merge.h"
#include "replication/closed.h"
#include "replication/on.h"
#include "replication/record_int.h"
#include "replication/status.h"
#include "replication/unit.h"
#include "replication/uuid.h"
#include "replication/write.h"

#define F_RESPONSIBLE 31
#define F_SUPPORT 32
#define F_ASSIGNEE 33
#define F_CAMPAIGN 60
#define F_NOTES 61
#define F_VISITS 62
#define NOTES_MAX 32
#define CAMPAIGNS_MAX 32
#define TEXTS_MAX (12 * 1024)
#define HANDLERS_MAX 4096

struct item {
	struct tr_bytes text, actor;
	int64_t at_ms;
};

/* What is copied; read before anything is written. */
struct copy {
	struct rep_record old; /* complete in itself */
	struct rep_unit *to;
	struct tr_rec_id id;   /* of the new record */
	bool is_lost;          /* the old record has moved, the new one is to be made again */
	struct item notes[NOTES_MAX], campaigns[CAMPAIGNS_MAX];
	size_t note_count, campaign_count;
	int64_t visits;
	uint8_t texts[2 * TEXTS_MAX]; /* of the items */
	size_t used;
	uint8_t handlers[HANDLERS_MAX], support[8 * TR_CHAIN_MAX];
	size_t handlers_size;
};

static void add(struct rep_op *op, uint16_t field, uint8_t type, int64_t i, struct tr_bytes t)
{
	TR_ASSERT(op->value_count < TR_FIELDS_MAX);
	op->values[op->value_count++] = (struct rep_value){field, TR_ACT_SET, type, i, t};
}

static void add_int(struct rep_op *op, uint16_t field, int64_t i)
{
	add(op, field, REP_VALUE_INT, i, rep_bytes(NULL, 0));
}

static struct tr_bytes path_of(const struct rep_unit *unit)
{
	return rep_bytes(unit->unit, strlen(unit->unit));
}

static struct rep_op *start(struct rep_node *node, const struct rep_write *w, const struct tr_rec_id *id,
    enum tr_op_kind kind)
{
	struct rep_op *op = node->op2;

	memset(op, 0, offsetof(struct rep_op, values));
	op->kind = kind;
	op->rec = *id;
	op->has_body = true;
	op->type = TR_KIND_CASE;
	op->actor = w->actor;
	return op;
}

/* --------------------------------------------------------- what is brought */

static bool keep(struct copy *c, struct item *item, const struct rep_row *row)
{
	if (c->used + row->text.size + row->actor.size > sizeof(c->texts))
		return false;
	memcpy(c->texts + c->used, row->text.data, row->text.size);
	item->text = rep_bytes(c->texts + c->used, row->text.size);
	c->used += row->text.size;
	if (row->actor.size > 0)
		memcpy(c->texts + c->used, row->actor.data, row->actor.size);
	item->actor = rep_bytes(c->texts + c->used, row->actor.size);
	c->used += row->actor.size;
	item->at_ms = row->at_ms;
	return true;
}

static int next(struct rep_node *node, struct copy *c, uint16_t field, struct rep_row_cursor *cursor, struct rep_row *row)
{
	int rc = rep_record_rows(node->view, &c->old.id, field, cursor, row);

	if (rc != 0 && rc != TR_E_NOTFOUND)
		rep_node_fail(node, rc);
	return rc;
}

/* The newest that fit: how many there are before them. */
static size_t older_notes(struct rep_node *node, struct copy *c)
{
	struct rep_row_cursor cursor = {.started = false};
	size_t sizes[NOTES_MAX], count = 0, taken = 0, size = 0;
	struct rep_row row;

	while (next(node, c, F_NOTES, &cursor, &row) == 0)
		sizes[count++ % NOTES_MAX] = row.text.size + row.actor.size;
	while (taken < count && taken < NOTES_MAX && size + sizes[(count - taken - 1) % NOTES_MAX] <= TEXTS_MAX) {
		size += sizes[(count - taken - 1) % NOTES_MAX];
		taken++;
	}
	return count - taken;
}

static void read_lists(struct rep_node *node, struct copy *c)
{
	struct rep_row_cursor cursor = {.started = false};
	size_t skip = older_notes(node, c);
	struct rep_row row;

	while (next(node, c, F_NOTES, &cursor, &row) == 0) {
		if (skip > 0)
			skip--;
		else if (c->note_count < NOTES_MAX && keep(c, &c->notes[c->note_count], &row))
			c->note_count++;
	}
	cursor.started = false;
	while (c->campaign_count < CAMPAIGNS_MAX && next(node, c, F_CAMPAIGN, &cursor, &row) == 0)
		if (keep(c, &c->campaigns[c->campaign_count], &row))
			c->campaign_count++;
	cursor.started = false;
	while (next(node, c, F_VISITS, &cursor, &row) == 0)
		c->visits += row.i;
}

static bool tell(struct copy *c, struct tr_nid nid, struct tr_bytes actor)
{
	return rep_merge_handler_add(nid, actor, c->handlers, &c->handlers_size, sizeof(c->handlers));
}

/* Who handled it here, or in a home before: none of them may verify it. */
static bool read_handlers(struct copy *c)
{
	const struct rep_value *before = rep_record_value(&c->old, REP_FIELD_HANDLED_BY);
	struct tr_bytes list = before != NULL ? before->t : rep_bytes(NULL, 0), actor;
	struct tr_nid nid;

	while (rep_merge_handler_next(&list, &nid, &actor))
		if (!tell(c, nid, actor))
			return false;
	for (uint16_t i = 0; i < c->old.step_count; i++) {
		const struct rep_step *s = &c->old.steps[i];

		if ((s->status == REP_CASE_HANDLED || s->status == REP_CASE_SELF_HANDLED) &&
		    (s->flags & (REP_STEP_VIOLATION | REP_STEP_IMPORTED | REP_STEP_RESTORED)) == 0 &&
		    !tell(c, s->author, s->actor))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------ the ops */

/* Who answers for it lies on the path of its home: if not on that of the new
 * one, the new home does, and whom the old one had named is not taken along. */
static void add_assignment(struct rep_node *node, struct copy *c, struct rep_op *op, const struct rep_field *f,
    const struct rep_value *v)
{
	const struct rep_value *responsible = rep_record_value(&c->old, F_RESPONSIBLE);
	bool stays = responsible == NULL || rep_unit_on_path(node, (struct tr_nid){(uint64_t)responsible->i}, c->to->nid);
	size_t size = 0;

	if (f->id == F_RESPONSIBLE && !stays) {
		add_int(op, f->id, (int64_t)c->to->nid.v);
	} else if (f->id == F_SUPPORT) {
		for (size_t i = 0; i + 8 <= v->t.size && size < sizeof(c->support); i += 8)
			if (rep_unit_on_path(node, (struct tr_nid){wire_get_be64(v->t.data + i)}, c->to->nid)) {
				memcpy(c->support + size, v->t.data + i, 8);
				size += 8;
			}
		if (size > 0)
			add(op, f->id, REP_VALUE_BYTES, 0, rep_bytes(c->support, size));
	} else if (f->id != F_ASSIGNEE || stays) {
		add(op, f->id, v->type, v->i, v->t);
	}
}

static bool is_carried(const struct rep_field *f)
{
	switch (f->merge) {
	case REP_MERGE_FIXED:
	case REP_MERGE_AUTH:
	case REP_MERGE_GROUND:
	case REP_MERGE_LWW:
	case REP_MERGE_ASK: return !rep_merge_is_came_field(f->id);
	case REP_MERGE_FLOW:
	case REP_MERGE_SET:
	case REP_MERGE_LIST:
	case REP_MERGE_COUNT: break;
	}
	return false;
}

static void add_step(struct rep_op *op, const struct copy *c, const struct rep_step *s)
{
	add_int(op, REP_FIELD_STATUS, s->status);
	add_int(op, REP_FIELD_AT, s->at_ms);
	for (size_t i = 0; i < s->value_count; i++) {
		const struct rep_value *v = &c->old.values[s->value_first + i];

		if (v->field != REP_FIELD_STATUS && v->field != REP_FIELD_AT)
			add(op, v->field, v->type, v->i, v->t);
	}
}

static int write_create(struct rep_node *node, const struct rep_write *w, struct copy *c,
    const struct rep_step *state, struct rep_reply *r)
{
	const struct rep_unit *from = rep_unit_find(node, c->old.scope);
	struct rep_op *op = start(node, w, &c->id, TR_OP_CREATE);
	const struct rep_field *f;
	uint8_t lane = c->old.lane == TR_LANE_B ? TR_LANE_R : c->old.lane;

	for (size_t i = 0; (f = rep_schema_at(TR_KIND_CASE, i)) != NULL; i++) {
		const struct rep_value *v = is_carried(f) ? rep_record_value(&c->old, f->id) : NULL;

		if (v == NULL)
			continue;
		if (f->id >= F_RESPONSIBLE && f->id <= F_ASSIGNEE)
			add_assignment(node, c, op, f, v);
		else
			add(op, f->id, v->type, v->i, v->t);
	}
	add_step(op, c, state);
	add(op, REP_FIELD_MOVED_FROM, REP_VALUE_BYTES, 0, rep_bytes(c->old.id.b, 16));
	add_int(op, REP_FIELD_FROM_UNIT, (int64_t)c->old.scope.v);
	add(op, REP_FIELD_FROM_PATH, REP_VALUE_TEXT, 0, path_of(from));
	if (c->handlers_size > 0)
		add(op, REP_FIELD_HANDLED_BY, REP_VALUE_TEXT, 0, rep_bytes(c->handlers, c->handlers_size));
	if (c->visits > 0)
		add_int(op, F_VISITS, c->visits);
	rep_record_init(node->record, TR_KIND_CASE, &c->id, c->to->nid, lane);
	return rep_write_op(node, op, c->to->nid, lane, r);
}

/* Ops on top of the copy: the suspension, campaigns, notes as their authors
 * dated them; the unit that is shown with a note is the one that copied it. */
static int write_rest(struct rep_node *node, const struct rep_write *w, struct copy *c,
    const struct rep_step *shown, const struct rep_step *state, struct rep_reply *r)
{
	uint8_t lane = node->record->lane;
	struct rep_op *op;
	int rc = 0;

	if (shown != state) {
		op = start(node, w, &c->id, TR_OP_SET);
		add_step(op, c, shown);
		rc = rep_write_op(node, op, c->to->nid, lane, r);
	}
	if (rc == 0 && c->campaign_count > 0) {
		op = start(node, w, &c->id, TR_OP_SET);
		for (size_t i = 0; i < c->campaign_count; i++) {
			add(op, F_CAMPAIGN, REP_VALUE_TEXT, 0, c->campaigns[i].text);
			op->values[i].act = TR_ACT_ADD;
		}
		rc = rep_write_op(node, op, c->to->nid, lane, r);
	}
	for (size_t i = 0; i < c->note_count && rc == 0; i++) {
		op = start(node, w, &c->id, TR_OP_NOTE);
		op->actor = c->notes[i].actor;
		add(op, F_NOTES, REP_VALUE_TEXT, 0, c->notes[i].text);
		op->values[0].act = TR_ACT_ADD;
		add_int(op, REP_FIELD_AT, c->notes[i].at_ms);
		/* One that is refused stays in the old record; nothing depends on it. */
		if (rep_write_op(node, op, c->to->nid, lane, r) != 0)
			rc = node->rc;
	}
	return rc;
}

static struct rep_op *transfer_op(struct rep_node *node, const struct rep_write *w, const struct tr_rec_id *from,
    const struct tr_rec_id *to, const struct rep_unit *unit)
{
	struct rep_op *op = start(node, w, from, TR_OP_TRANSFER);

	add_int(op, REP_FIELD_STATUS, REP_CASE_MOVED);
	add(op, REP_FIELD_MOVED_TO, REP_VALUE_BYTES, 0, rep_bytes(to->b, 16));
	add_int(op, REP_FIELD_MOVED_UNIT, (int64_t)unit->nid.v);
	add(op, REP_FIELD_MOVED_PATH, REP_VALUE_TEXT, 0, path_of(unit));
	for (size_t i = 0; i < w->value_count; i++)
		if (w->values[i].field == REP_FIELD_REASON) {
			op->values[op->value_count++] = w->values[i];
			break;
		}
	return op;
}

/* ------------------------------------------------------------------- checks */

void rep_on_transfer_gone(const struct rep_record *rec, struct rep_reply *r)
{
	struct rep_moved moved;

	if (!rep_record_moved(rec, &moved))
		return;
	r->moved_to = moved.id;
	r->unit = moved.unit;
	memcpy(r->moved_path, moved.path.data, moved.path.size < TR_UNIT_PATH_MAX ? moved.path.size : TR_UNIT_PATH_MAX);
}

/* The copy was lost with the store of who made it, the move was not: the same
 * unit, asked again, brings the copy back under the id that is known. */
static bool is_lost(struct rep_node *node, const struct rep_record *rec, const struct rep_write *w)
{
	struct rep_moved moved;
	struct tr_bytes row;
	uint8_t key[17] = {TR_KIND_CASE};

	if (!rep_record_moved(rec, &moved) || moved.unit.v != w->move_to.v ||
	    !rep_unit_under(node, moved.unit, node->cert.nid))
		return false;
	memcpy(key + 1, moved.id.b, 16);
	return rep_node_get(node, REP_T_REC, rep_bytes(key, sizeof(key)), &row) == TR_E_NOTFOUND;
}

static int check(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	const struct rep_record *rec = node->record;
	const struct rep_unit *to = rep_unit_find(node, w->move_to);
	uint8_t status = rep_record_status(rec);

	r->version = rec->version;
	r->unit = w->move_to;
	if (rec->kind != TR_KIND_CASE)
		return TR_E_TYPE;
	if (!rep_unit_under(node, rec->scope, node->cert.nid))
		return TR_E_SCOPE;
	if (status == REP_CASE_MOVED && is_lost(node, rec, w))
		return 0;
	if (status == REP_CASE_MOVED) {
		rep_on_transfer_gone(rec, r);
		return TR_E_ELSEWHERE;
	}
	if (w->has_version && w->if_version != rec->version)
		return TR_E_VERSION;
	if (to == NULL || to->unit[0] == '\0')
		return TR_E_NOUNIT;
	if (to->nid.v == rec->scope.v)
		return TR_E_HOME;
	if (rep_closed_check(node, to->nid, r) != 0)
		return TR_E_SUCCEEDED;
	if (!rep_unit_under(node, to->nid, node->cert.nid))
		return TR_E_SCOPE;
	if (rec->scope.v == node->cert.nid.v || to->nid.v == node->cert.nid.v) {
		r->why = REP_WHY_BOTH;
		return TR_E_AUTH;
	}
	return rep_status_is_open(rec->kind, status) ? 0 : TR_E_ENDED;
}

/* The step that the copy goes on from: of what is moved already, the one before. */
static int state_to_copy(const struct copy *c)
{
	int shown = rep_record_step_shown(&c->old);

	while (c->is_lost && shown >= 0 && c->old.steps[shown].status == REP_CASE_MOVED)
		shown = rep_record_best_step(&c->old, c->old.steps[shown].under, c->old.steps[shown].under_count);
	return shown;
}

static const struct rep_value *said(const struct copy *c, const struct rep_step *s, uint16_t field)
{
	for (size_t i = 0; i < s->value_count; i++)
		if (c->old.values[s->value_first + i].field == field && c->old.values[s->value_first + i].type != REP_VALUE_NONE)
			return &c->old.values[s->value_first + i];
	return NULL;
}

/*
 * Of a suspension the state below it, which the copy begins with.  Itself, if
 * nothing is below it or what is has ended, and if it could not be written on top of a
 * copy: history that came in, and a choice in a conflict, need no reason and no end.
 */
static int state_below(const struct copy *c, int shown)
{
	int state = rep_merge_step_before(&c->old, shown);
	const struct rep_step *s = &c->old.steps[shown];
	const struct rep_value *reason = said(c, s, REP_FIELD_REASON);

	if (state < 0 || !rep_status_is_open(TR_KIND_CASE, c->old.steps[state].status))
		return shown;
	return reason != NULL && reason->t.size > 0 && said(c, s, REP_FIELD_UNTIL) != NULL ? state : shown;
}

static int write_all(struct rep_node *node, const struct rep_write *w, struct copy *c, struct rep_reply *r)
{
	int shown = state_to_copy(c), state;
	struct rep_reply rest = {0};
	struct rep_op *op;
	int rc;

	if (shown < 0)
		return TR_E_ENDED;
	state = state_below(c, shown);
	rc = write_create(node, w, c, &c->old.steps[state], r);
	if (rc != 0)
		return rc; /* nothing was written */
	r->version = node->record->version;
	rc = write_rest(node, w, c, &c->old.steps[shown], &c->old.steps[state], &rest);
	r->version = node->record->version;
	if (rc == 0 && !c->is_lost)
		rc = rep_record_load(node->record, node->view, TR_KIND_CASE, &c->old.id);
	if (rc == 0 && !c->is_lost) {
		op = transfer_op(node, w, &c->old.id, &c->id, c->to);
		rc = rep_write_op(node, op, c->old.scope, c->old.lane, &rest);
	}
	if (rc != 0)
		rep_node_fail(node, TR_E_INTERNAL); /* half of it: the commit must not be */
	return rc;
}

int rep_on_transfer(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	struct rep_moved gone;
	struct copy *c;
	int rc = check(node, w, r);

	if (rc != 0)
		return rc;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return TR_E_NOMEM;
	c->to = rep_unit_find(node, w->move_to);
	c->is_lost = rep_record_moved(node->record, &gone);
	if (c->is_lost)
		c->id = gone.id;
	else
		rep_uuid_new(node, &c->id);
	/* The old record's answer is known before the new one is made. */
	if (!c->is_lost)
		rc = rep_write_check(node, transfer_op(node, w, &node->record->id, &c->id, c->to),
		    node->record->scope, node->record->lane, r);
	c->old.policy = node->record->policy;
	if (rc == 0)
		rc = rep_record_load(&c->old, node->view, TR_KIND_CASE, &node->record->id);
	if (rc == 0)
		read_lists(node, c);
	if (rc == 0 && !read_handlers(c))
		rc = TR_E_LIMIT;
	if (rc == 0)
		rc = node->rc;
	if (rc == 0)
		rc = write_all(node, w, c, r);
	if (rc == 0) {
		r->id = c->id;
		r->moved_from = c->old.id;
		r->created = true;
	}
	free(c);
	return rc;
}

/* ------------------------------------------------- two moved it, one remains */

#define MOVES_MAX 16

struct move {
	struct tr_rec_id id;
	struct tr_nid unit;
};

static bool read_move(const struct rep_record *rec, const struct rep_step *s, struct move *out)
{
	bool found = false;

	for (size_t i = 0; i < s->value_count; i++) {
		const struct rep_value *v = &rec->values[s->value_first + i];

		if (v->field == REP_FIELD_MOVED_TO) {
			memcpy(out->id.b, v->t.data, 16);
			found = true;
		} else if (v->field == REP_FIELD_MOVED_UNIT) {
			out->unit.v = (uint64_t)v->i;
		}
	}
	return found && s->status == REP_CASE_MOVED && (s->flags & REP_STEP_VIOLATION) == 0;
}

static bool is_same(const struct tr_rec_id *a, const struct tr_rec_id *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

/* The copies that are not the chosen one. */
static size_t others(const struct rep_record *rec, const struct tr_rec_id *chosen, struct move *out)
{
	size_t count = 0;

	for (uint16_t i = 0; i < rec->step_count && count < MOVES_MAX; i++) {
		bool known = false;

		if (!read_move(rec, &rec->steps[i], &out[count]) || is_same(&out[count].id, chosen))
			continue;
		for (size_t k = 0; k < count; k++)
			known |= is_same(&out[k].id, &out[count].id);
		count += !known;
	}
	return count;
}

/* node->record becomes a copy that the others made; *open: it is still worked on. */
static int load_copy(struct rep_node *node, const struct move *move, bool *open)
{
	int rc = rep_record_load(node->record, node->view, TR_KIND_CASE, &move->id);

	*open = rc == 0 && rep_status_is_open(TR_KIND_CASE, rep_record_status(node->record));
	return rc;
}

int rep_on_transfer_check(struct rep_node *node, const struct rep_write *w, struct rep_reply *r)
{
	const struct rep_op *op = node->op2;
	struct tr_rec_id id = node->record->id;
	struct move list[MOVES_MAX], chosen = {{{0}}, {0}};
	const struct rep_unit *unit;
	size_t count;
	bool open;
	int rc = 0;

	for (uint16_t i = 0; i < op->value_count; i++) {
		if (op->values[i].field == REP_FIELD_MOVED_TO && op->values[i].t.size == 16)
			memcpy(chosen.id.b, op->values[i].t.data, 16);
		else if (op->values[i].field == REP_FIELD_MOVED_UNIT)
			chosen.unit.v = (uint64_t)op->values[i].i;
	}
	unit = rep_unit_find(node, chosen.unit);
	count = others(node->record, &chosen.id, list);
	for (size_t i = 0; i < count && rc == 0; i++) {
		r->unit = list[i].unit;
		if (unit == NULL || !rep_unit_under(node, list[i].unit, node->cert.nid))
			return TR_E_SCOPE;
		rc = load_copy(node, &list[i], &open);
		/* For one thing, no unit sends on what lies in its own home. */
		if (open)
			rc = rep_write_check(node, transfer_op(node, w, &list[i].id, &chosen.id, unit),
			    node->record->scope, node->record->lane, r);
	}
	if (rc == TR_E_NOTFOUND)
		rc = TR_E_GAP; /* the copy is on its way */
	if (rc == 0 && rep_record_load(node->record, node->view, TR_KIND_CASE, &id) != 0)
		rc = TR_E_DAMAGED;
	return rc;
}

int rep_on_transfer_settle(struct rep_node *node, const struct rep_write *w)
{
	struct move list[MOVES_MAX], chosen;
	const struct rep_unit *unit;
	struct rep_moved moved;
	struct rep_reply rest;
	size_t count;
	bool open;
	int rc = 0;

	if (!rep_record_moved(node->record, &moved))
		return TR_E_INTERNAL;
	chosen = (struct move){moved.id, moved.unit};
	unit = rep_unit_find(node, chosen.unit);
	count = others(node->record, &chosen.id, list);
	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = load_copy(node, &list[i], &open);
		if (!open || unit == NULL) /* the move that is shown may be one that came meanwhile */
			continue;
		memset(&rest, 0, sizeof(rest));
		rc = rep_write_op(node, transfer_op(node, w, &list[i].id, &chosen.id, unit),
		    node->record->scope, node->record->lane, &rest);
	}
	if (rc != 0)
		rep_node_fail(node, TR_E_INTERNAL);
	return rc;
}
