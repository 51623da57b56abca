/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict on an op: form, authority, machine, bounds.  One for the whole
 * op: if a part is a violation, all of it is.
 *
 * It depends on the op, its cause and what the op had seen, never on what else
 * this node holds.  One exception, and it needs many writers who work against
 * each other at the same time: a record that would not fit its row any more
 * (fits()) refuses what comes next.  The bounds on an op's own past are met
 * long before.
 */
#include <string.h>

#include "proto/err.h"
#include "replication/merge_int.h"
#include "replication/status.h"

/* Row bytes of an op's, a step's, a group's and a value's own numbers. */
#define NEED_OP 72
#define NEED_STEP 40
#define NEED_GROUP 8
#define NEED_VALUE 16

#define DEG_MAX 1800000000 /* 180 degrees in 1e-7 */
#define COUNT_MAX ((int64_t)1 << 53) /* one cell; a sum of all cells cannot overflow */
#define TIME_MIN_MS INT64_C(-2208988800000)  /* 1900, as at the doors: differences of */
#define TIME_MAX_MS INT64_C(253402300799999) /* 9999   two times cannot overflow */

/* What the values of an op are, in one walk. */
struct scan {
	uint64_t fields;     /* single-value fields met, by id */
	bool flow_only_at;   /* no field of the status group but `at` */
	bool has_flow;
	bool has_auth_group; /* COMMAND, or DIRECT */
	bool has_fixed;
	bool has_list;
	bool has_came;       /* from another home */
	bool has_closing;    /* of a unit */
	uint64_t nid;        /* of a unit */
	uint16_t first_flow, first_auth, first_fixed, first_list;
};

static bool units_ok(struct tr_bytes t)
{
	if (t.size % 8 != 0 || t.size > 8 * TR_CHAIN_MAX)
		return false;
	for (size_t i = 8; i < t.size; i += 8)
		if (memcmp(t.data + i - 8, t.data + i, 8) >= 0)
			return false;
	return true;
}

static bool int_ok(const struct rep_field *f, int64_t i)
{
	switch (f->type) {
	case REP_TYPE_STATUS:
	case REP_TYPE_ENUM:
		return rep_schema_value_name(f, i) != NULL;
	case REP_TYPE_DEG:
		return i >= -DEG_MAX && i <= DEG_MAX;
	case REP_TYPE_UNIT:
		return i != 0;
	case REP_TYPE_INT:
		if (f->merge == REP_MERGE_COUNT)
			return i >= 0 && i <= COUNT_MAX;
		if (f->merge == REP_MERGE_LIST) /* percent of a report */
			return i >= 0 && i <= 100;
		return true;
	case REP_TYPE_TIME:
		return i >= TIME_MIN_MS && i <= TIME_MAX_MS;
	case REP_TYPE_TEXT:
	case REP_TYPE_ID:
	case REP_TYPE_UNITS:
		break;
	}
	return false;
}

static bool type_ok(const struct rep_field *f, const struct rep_value *v)
{
	switch (f->type) {
	case REP_TYPE_TEXT:
		return v->type == REP_VALUE_TEXT && v->t.size <= f->size_max &&
		    /* an item of nothing is no item */
		    (v->t.size > 0 || (f->merge != REP_MERGE_SET &&
					  f->merge != REP_MERGE_LIST));
	case REP_TYPE_ID:
		return v->type == REP_VALUE_BYTES &&
		    v->t.size == sizeof(struct tr_rec_id);
	case REP_TYPE_UNITS:
		return v->type == REP_VALUE_BYTES && units_ok(v->t);
	case REP_TYPE_INT:
	case REP_TYPE_TIME:
	case REP_TYPE_DEG:
	case REP_TYPE_UNIT:
	case REP_TYPE_STATUS:
	case REP_TYPE_ENUM:
		break;
	}
	return v->type == REP_VALUE_INT && int_ok(f, v->i);
}

static bool value_ok(const struct rep_field *f, const struct rep_value *v)
{
	bool single = f->merge != REP_MERGE_SET && f->merge != REP_MERGE_LIST;

	/* Clear text of a person is stored nowhere, not even as a candidate. */
	if ((f->flags & REP_FF_PERSONAL) != 0)
		return false;
	if (v->act > TR_ACT_REMOVE || (single && v->act != TR_ACT_SET) ||
	    (f->merge == REP_MERGE_LIST && v->act == TR_ACT_REMOVE))
		return false;
	if (v->type == REP_VALUE_NONE) /* cleared */
		return single && f->merge != REP_MERGE_COUNT &&
		    f->type != REP_TYPE_STATUS;
	return type_ok(f, v);
}

static void note(bool *flag, uint16_t *first, uint16_t field)
{
	if (!*flag)
		*first = field;
	*flag = true;
}

static void scan_group(struct scan *s, const struct rep_field *f,
    const struct rep_value *v, struct rep_decision *d)
{
	switch (f->merge) {
	case REP_MERGE_FLOW:
		if (f->id != REP_FIELD_AT) {
			note(&s->has_flow, &s->first_flow, f->id);
			d->need += NEED_VALUE + v->t.size;
		} else if (v->type == REP_VALUE_INT) {
			d->at_ms = v->i;
		}
		if (f->id == REP_FIELD_STATUS) {
			d->has_status = true;
			d->status = (uint8_t)v->i;
		}
		return;
	case REP_MERGE_LIST:
		note(&s->has_list, &s->first_list, f->id);
		d->has_rows = true;
		return;
	case REP_MERGE_SET:
	case REP_MERGE_COUNT:
		d->has_rows = true;
		return;
	case REP_MERGE_FIXED:
		note(&s->has_fixed, &s->first_fixed, f->id);
		break;
	case REP_MERGE_AUTH:
		note(&s->has_auth_group, &s->first_auth, f->id);
		break;
	case REP_MERGE_GROUND:
	case REP_MERGE_LWW:
	case REP_MERGE_ASK:
		break;
	}
	if ((d->groups >> f->group_id & 1) == 0)
		d->need += NEED_GROUP;
	d->groups |= (uint64_t)1 << f->group_id;
	d->need += NEED_VALUE + v->t.size;
}

/* Some are written by one kind of op only. */
static bool is_its_op(const struct rep_record *rec, const struct rep_op *op,
    const struct rep_value *v, struct scan *s)
{
	if (rec->kind != TR_KIND_CASE)
		return true;
	if (rep_merge_is_came_field(v->field)) {
		s->has_came = true;
		return op->kind == TR_OP_CREATE;
	}
	return !rep_merge_is_move_field(v->field) || op->kind == TR_OP_TRANSFER;
}

static bool scan_values(const struct rep_record *rec, const struct rep_op *op,
    struct scan *s, struct rep_decision *d)
{
	for (size_t i = 0; i < op->value_count; i++) {
		const struct rep_value *v = &op->values[i];
		const struct rep_field *f = rep_schema_field(rec->kind, v->field);
		bool many;

		d->field = v->field;
		if (f == NULL || !value_ok(f, v) || !is_its_op(rec, op, v, s))
			return false;
		many = f->type == REP_TYPE_TEXT &&
		    (f->merge == REP_MERGE_SET || f->merge == REP_MERGE_LIST);
		if (!many && (s->fields >> f->id & 1) != 0)
			return false; /* which of the two? */
		s->fields |= (uint64_t)1 << f->id;
		if (rec->kind == TR_KIND_UNIT && f->id == REP_FIELD_NID)
			s->nid = (uint64_t)v->i;
		s->has_closing |= rec->kind == TR_KIND_UNIT &&
		    f->group_id == REP_FIELD_STATE;
		scan_group(s, f, v, d);
		if (f->merge != REP_MERGE_SET && f->merge != REP_MERGE_LIST &&
		    f->merge != REP_MERGE_COUNT)
			d->value_group[i] = (uint8_t)f->group_id;
	}
	d->field = 0;
	return true;
}

/* Which steps the op had seen, and which of them were alive for it. */
static void look_back(const struct rep_record *rec,
    const struct rep_cause *cause, struct rep_past *past)
{
	struct rep_weight best = {0};

	past->seen_count = 0;
	past->bytes = 0;
	past->alive_count = 0;
	past->created = -1;
	past->moved = false;
	memset(past->overwritten, 0, rec->step_count * sizeof(bool));
	for (size_t i = 0; i < rec->step_count; i++) {
		const struct rep_step *s = &rec->steps[i];
		struct rep_weight w;

		past->seen[i] = (s->flags & REP_STEP_VIOLATION) == 0 &&
		    rep_cause_has(cause, s->dot);
		if (!past->seen[i])
			continue;
		past->seen_count++;
		past->moved |= rec->kind == TR_KIND_CASE &&
		    s->status == REP_CASE_MOVED;
		past->bytes += NEED_OP + NEED_STEP + s->actor.size;
		for (size_t v = 0; v < s->value_count; v++)
			past->bytes += NEED_VALUE +
			    rec->values[s->value_first + v].t.size;
		for (size_t u = 0; u < s->under_count; u++)
			past->overwritten[s->under[u]] = true;
		if ((s->flags & REP_STEP_CREATE) == 0)
			continue;
		w = rep_record_step_weight(rec, s);
		if (past->created < 0 ||
		    rep_record_weigh(REP_MERGE_FIXED, &w, &best, NULL) > 0) {
			past->created = (int)i;
			best = w;
		}
	}
	for (size_t i = 0; i < rec->step_count; i++)
		if (past->seen[i] && !past->overwritten[i] &&
		    rec->steps[i].status != 0)
			past->alive[past->alive_count++] = (uint16_t)i;
}

/* Of a unit, in its own scope: what those above say of it.  Only a CREATE has
 * the nid, so what the op saw of it is still here. */
static bool is_of_itself(const struct rep_record *rec,
    const struct rep_cause *cause, const struct scan *s, bool creates)
{
	if (creates)
		return s->nid == rec->scope.v;
	for (size_t i = 0; i < rec->cand_count; i++) {
		const struct rep_cand *c = &rec->cands[i];

		if (c->group != REP_FIELD_NID || !rep_cause_has(cause, c->dot))
			continue;
		for (size_t v = 0; v < c->value_count; v++)
			if (rec->values[c->value_first + v].field == REP_FIELD_NID &&
			    (uint64_t)rec->values[c->value_first + v].i ==
				rec->scope.v)
				return true;
	}
	return false;
}

/* The cap that these values need, whoever the author is; and whose they are. */
static enum rep_why check_authority(const struct rep_record *rec,
    const struct rep_cause *cause, const struct rep_past *past,
    const struct scan *s, bool creates, bool exempt, uint16_t *field)
{
	uint32_t caps = creates ? rep_schema_create_cap(rec->kind) : 0;

	switch (rec->kind) {
	case TR_KIND_CASE:
		if (s->has_came)
			caps = TR_CAP_COMMAND; /* a move takes nothing in */
		if (s->has_auth_group) {
			caps |= TR_CAP_COMMAND;
			*field = s->first_auth;
		}
		break;
	case TR_KIND_STAFF:
		caps |= TR_CAP_ROSTER;
		break;
	case TR_KIND_DIRECTIVE:
		*field = s->first_list;
		if (s->has_list && cause->author.v != rec->scope.v)
			return REP_WHY_TARGET;
		*field = s->first_auth;
		if (s->has_auth_group && !creates)
			return rep_merge_decide_issuer(rec, cause, past, exempt);
		break;
	case TR_KIND_UNIT:
		if ((cause->author.v == rec->scope.v) ==
		    is_of_itself(rec, cause, s, creates))
			return REP_WHY_TARGET;
		if (s->has_closing)
			caps |= TR_CAP_COMMAND;
		break;
	default:
		break;
	}
	return exempt || (cause->caps & caps) == caps ? REP_WHY_NONE
						      : REP_WHY_CAP;
}

/* Does the row hold one more op of this size? */
static bool fits(const struct rep_record *rec, const struct rep_op *op,
    const struct rep_decision *d)
{
	uint8_t row[TR_RECORD_BYTES_MAX];
	size_t values = op->value_count, groups = 0, size;

	for (uint64_t left = d->groups; left != 0; left &= left - 1)
		groups++;
	if (rec->cand_count + groups > TR_CANDS_MAX ||
	    rec->step_count >= TR_STEPS_MAX)
		return false;
	if (rec->row_bound + d->need <= TR_RECORD_BYTES_MAX &&
	    rec->value_count + values < REP_RECORD_VALUES_MAX)
		return true;
	for (size_t i = 0; i < rec->cand_count; i++)
		values += rec->cands[i].value_count;
	for (size_t i = 0; i < rec->step_count; i++)
		values += rec->steps[i].value_count;
	if (values >= REP_RECORD_VALUES_MAX)
		return false;
	size = rep_record_pack(rec, row, sizeof(row));
	return size != 0 && size + d->need <= TR_RECORD_BYTES_MAX;
}

static enum rep_why decide(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause,
    struct rep_decision *d)
{
	struct scan s = {.has_flow = false};
	struct rep_past past;
	bool creates = op->kind == TR_OP_CREATE;
	bool exempt = (op->flags & TR_OPF_IMPORTED) != 0;
	enum rep_why why;

	if (op->type != rec->kind || rep_schema_kind_name(rec->kind) == NULL ||
	    op->actor.size > TR_ACTOR_MAX || !scan_values(rec, op, &s, d))
		return REP_WHY_FIELD;
	if (exempt && (cause->caps & TR_CAP_IMPORT) == 0)
		return REP_WHY_IMPORT;
	look_back(rec, cause, &past);
	if (creates && past.created >= 0)
		return REP_WHY_TWICE;
	if (!creates && past.created < 0)
		return REP_WHY_NO_CREATE;
	if (past.moved && op->kind != TR_OP_TRANSFER)
		return REP_WHY_MOVED;
	d->field = s.first_fixed;
	if (!creates && s.has_fixed)
		return REP_WHY_FIXED;
	d->field = s.first_flow;
	if (s.has_flow && !creates && !d->has_status)
		return REP_WHY_FIELD; /* a reason, but of which step? */
	if (op->kind == TR_OP_TRANSFER && !d->has_status)
		return REP_WHY_FIELD;
	d->field = 0;
	why = check_authority(rec, cause, &past, &s, creates, exempt, &d->field);
	if (why != REP_WHY_NONE)
		return why;
	d->field = 0;
	if (creates || d->has_status) {
		d->need += NEED_STEP + 2 * NEED_VALUE; /* status, at */
		d->field = s.has_flow ? REP_FIELD_STATUS : 0;
		why = rep_merge_decide_step(rec, op, cause, &past, exempt, d);
		if (why == REP_WHY_REASON)
			d->field = REP_FIELD_REASON;
		if (why != REP_WHY_NONE)
			return why;
		d->field = 0;
	}
	return fits(rec, op, d) ? REP_WHY_NONE : REP_WHY_LIMIT;
}

void rep_merge_decide(const struct rep_record *rec, const struct rep_op *op,
    const struct rep_cause *cause, struct rep_decision *out)
{
	memset(out, 0, sizeof(*out));
	out->at_ms = (int64_t)(cause->hlc.v >> 16);
	out->need = NEED_OP + op->actor.size;
	if ((op->flags & TR_OPF_IMPORTED) != 0)
		out->step_flags = REP_STEP_IMPORTED;
	/* A case is reported when its source says so. */
	if (op->kind == TR_OP_CREATE && rec->kind == TR_KIND_CASE)
		for (size_t i = 0; i < op->value_count; i++)
			if (op->values[i].field == REP_FIELD_REPORTED_AT &&
			    op->values[i].type == REP_VALUE_INT)
				out->at_ms = op->values[i].i;
	out->why = decide(rec, op, cause, out);
}

enum rep_why rep_merge_check(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause, uint16_t *field)
{
	struct rep_decision d;

	rep_merge_decide(rec, op, cause, &d);
	/* Only for what is not signed yet: an item that came is kept. */
	if (d.why == REP_WHY_NONE &&
	    rec->list_count + rep_record_rows_items(rec, op) > TR_LIST_MAX &&
	    rep_record_rows_items(rec, op) > 0) {
		d.why = REP_WHY_LIMIT;
		d.field = 0;
	}
	if (field != NULL)
		*field = d.field;
	return d.why;
}
