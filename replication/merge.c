/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/merge.h"

#include <string.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/merge_int.h"

/* Violating steps are shown with the record, but only so many: anybody on the
 * path can write them.  All are in REP_T_VIOLATION. */
#define VIOLATION_STEPS_MAX 32

/* --------------------------------------------------------------- violation */

/* REP_T_VIOLATION: record id, handle be32, sequence be64
 *               -> why u8, field be16, kind u8, status u8, hlc be64 */
#define VIOLATION_KEY_SIZE (sizeof(struct tr_rec_id) + 4 + 8)
#define VIOLATION_VALUE_SIZE 13

static int list_violation(const struct rep_record *rec,
    const struct rep_view *view, const struct rep_cause *cause,
    const struct rep_decision *d)
{
	uint8_t key[VIOLATION_KEY_SIZE], value[VIOLATION_VALUE_SIZE];

	memcpy(key, rec->id.b, sizeof(rec->id.b));
	wire_put_be32(key + 16, cause->dot.log);
	wire_put_be64(key + 20, cause->dot.seq);
	value[0] = (uint8_t)d->why;
	wire_put_be16(value + 1, d->field);
	value[3] = rec->kind;
	value[4] = d->has_status ? d->status : 0;
	wire_put_be64(value + 5, cause->hlc.v);
	return rep_put(view, REP_T_VIOLATION,
	    (struct tr_bytes){key, sizeof(key)},
	    (struct tr_bytes){value, sizeof(value)});
}

int rep_next_violation(const struct rep_view *view,
    struct rep_violation_cursor *cursor, struct rep_violation *out)
{
	struct tr_bytes key, value;
	struct tr_bytes from = {cursor->key, 0};
	int rc;

	_Static_assert(sizeof(cursor->key) == VIOLATION_KEY_SIZE, "cursor");
	if (cursor->started)
		from.size = sizeof(cursor->key);
	rc = rep_seek(view, REP_T_VIOLATION, from, cursor->started, &key,
	    &value);
	if (rc != 0)
		return rc;
	if (key.size != VIOLATION_KEY_SIZE ||
	    value.size != VIOLATION_VALUE_SIZE)
		return TR_E_DAMAGED;
	memcpy(cursor->key, key.data, key.size);
	cursor->started = true;
	memcpy(out->rec.b, key.data, sizeof(out->rec.b));
	out->dot.log = wire_get_be32(key.data + 16);
	out->dot.seq = wire_get_be64(key.data + 20);
	out->why = (enum rep_why)value.data[0];
	out->field = wire_get_be16(value.data + 1);
	out->kind = value.data[3];
	out->status = value.data[4];
	out->hlc.v = wire_get_be64(value.data + 5);
	return 0;
}

/* -------------------------------------------------------------------- fold */

static struct tr_bytes keep(struct rep_record *rec, struct tr_bytes bytes)
{
	uint8_t *to = rec->data + rec->data_size;

	TR_ASSERT(bytes.size <= sizeof(rec->data) - rec->data_size);
	if (bytes.size > 0)
		memcpy(to, bytes.data, bytes.size);
	rec->data_size += bytes.size;
	return (struct tr_bytes){to, bytes.size};
}

static void keep_value(struct rep_record *rec, const struct rep_value *v)
{
	struct rep_value *to = &rec->values[rec->value_count++];

	TR_ASSERT(rec->value_count <= REP_RECORD_VALUES_MAX);
	*to = *v;
	to->act = TR_ACT_SET;
	if (v->type == REP_VALUE_TEXT || v->type == REP_VALUE_BYTES)
		to->t = keep(rec, v->t);
}

/* Room for one more op; a valid one fits, that was part of its verdict. */
static void make_room(struct rep_record *rec, const struct rep_op *op,
    const struct rep_decision *d)
{
	int rc;

	if (rec->row_bound + d->need > TR_RECORD_BYTES_MAX ||
	    rec->data_size + d->need > sizeof(rec->data) ||
	    rec->value_count + op->value_count >= REP_RECORD_VALUES_MAX) {
		rc = rep_record_compact(rec);
		TR_ASSERT(rc == 0);
	}
	rec->row_bound += d->need;
	TR_ASSERT(rec->row_bound <= TR_RECORD_BYTES_MAX);
}

static size_t alive_steps(const struct rep_record *rec)
{
	size_t count = 0;

	for (size_t i = 0; i < rec->step_count; i++)
		count += rep_record_step_is_alive(&rec->steps[i]);
	return count;
}

static void report(
    struct rep_applied *out, uint16_t group, size_t before, size_t after)
{
	if ((before > 1) == (after > 1))
		return;
	TR_ASSERT(out->group_count < TR_FIELDS_MAX);
	out->groups[out->group_count].group = group;
	out->groups[out->group_count].open = after > 1;
	out->group_count++;
}

/* One register group: drop every value that the op has seen, add its own. */
static void fold_group(struct rep_record *rec, const struct rep_op *op,
    const struct rep_cause *cause, const struct rep_decision *d,
    struct tr_bytes actor, uint16_t group, struct rep_applied *out)
{
	size_t before = 0, after = 1, to = 0;
	struct rep_cand *c;

	for (size_t i = 0; i < rec->cand_count; i++) {
		if (rec->cands[i].group == group) {
			before++;
			if (rep_cause_has(cause, rec->cands[i].dot))
				continue;
			after++;
		}
		if (to != i)
			rec->cands[to] = rec->cands[i];
		to++;
	}
	TR_ASSERT(to < TR_CANDS_MAX);
	rec->cand_count = (uint16_t)(to + 1);
	c = &rec->cands[to];
	*c = (struct rep_cand){
	    .group = group,
	    .dot = cause->dot,
	    .author = cause->author,
	    .inc = cause->inc,
	    .hlc = cause->hlc,
	    .level = cause->level,
	    .clockq = cause->clockq,
	    .actor = actor,
	    .value_first = rec->value_count,
	};
	for (size_t i = 0; i < op->value_count; i++)
		if (d->value_group[i] == group)
			keep_value(rec, &op->values[i]);
	c->value_count = (uint16_t)(rec->value_count - c->value_first);
	report(out, group, before, after);
}

static struct rep_step *add_step(struct rep_record *rec,
    const struct rep_cause *cause, const struct rep_decision *d,
    struct tr_bytes actor)
{
	struct rep_step *s = &rec->steps[rec->step_count++];

	TR_ASSERT(rec->step_count <= TR_STEPS_MAX);
	*s = (struct rep_step){
	    .dot = cause->dot,
	    .author = cause->author,
	    .inc = cause->inc,
	    .hlc = cause->hlc,
	    .at_ms = d->at_ms,
	    .level = cause->level,
	    .clockq = cause->clockq,
	    .status = d->status,
	    .flags = d->step_flags,
	    .actor = actor,
	    .value_first = rec->value_count,
	};
	return s;
}

static void fold_step(struct rep_record *rec, const struct rep_op *op,
    const struct rep_cause *cause, const struct rep_decision *d,
    struct tr_bytes actor)
{
	const struct rep_value status = {.field = REP_FIELD_STATUS,
	    .type = REP_VALUE_INT,
	    .i = d->status};
	struct rep_step *s = add_step(rec, cause, d, actor);

	/* The status first, also when a CREATE did not name it. */
	if (d->status != 0)
		keep_value(rec, &status);
	for (size_t i = 0; i < op->value_count; i++)
		if (d->value_group[i] == REP_FIELD_STATUS &&
		    op->values[i].field != REP_FIELD_STATUS)
			keep_value(rec, &op->values[i]);
	s->value_count = (uint16_t)(rec->value_count - s->value_first);
	s->under_count = d->under_count;
	for (size_t i = 0; i < d->under_count; i++) {
		s->under[i] = d->under[i];
		rec->steps[d->under[i]].flags |= REP_STEP_OVER;
	}
	if ((s->flags & REP_STEP_CREATE) != 0)
		rep_record_find_created(rec);
}

static int fold_valid(struct rep_record *rec, const struct rep_view *view,
    const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_decision *d, struct rep_applied *out)
{
	bool had_create = rec->created.seq != 0;
	size_t alive = alive_steps(rec);
	struct tr_bytes actor = {NULL, 0};
	int rc;

	if (d->has_rows) {
		rc = rep_record_rows_apply(rec, view, op, cause, d->at_ms);
		if (rc != 0)
			return rc;
		rec->list_count += rep_record_rows_items(rec, op);
	}
	if (d->groups != 0 || d->has_step) {
		make_room(rec, op, d);
		actor = keep(rec, op->actor);
	}
	for (uint16_t group = 1; d->groups >> group != 0; group++)
		if ((d->groups >> group & 1) != 0)
			fold_group(rec, op, cause, d, actor, group, out);
	if (d->has_step) {
		fold_step(rec, op, cause, d, actor);
		report(out, REP_FIELD_STATUS, alive, alive_steps(rec));
	}
	rec->version++;
	if (cause->hlc.v > rec->changed.v)
		rec->changed = cause->hlc;
	out->created = !had_create && rec->created.seq != 0;
	return 0;
}

/* A step that was not legal: shown, overwrites nothing, never alive. */
static void show_violation(struct rep_record *rec, const struct rep_op *op,
    const struct rep_cause *cause, const struct rep_decision *d)
{
	size_t shown = 0, need = 160 + op->actor.size;

	for (size_t i = 0; i < rec->step_count; i++)
		shown += (rec->steps[i].flags & REP_STEP_VIOLATION) != 0;
	if (!d->has_status || shown >= VIOLATION_STEPS_MAX ||
	    op->actor.size > TR_ACTOR_MAX || rec->step_count >= TR_STEPS_MAX ||
	    rec->row_bound + need > TR_RECORD_BYTES_MAX / 2 ||
	    rec->data_size + op->actor.size > sizeof(rec->data))
		return;
	rec->row_bound += need;
	add_step(rec, cause, d, keep(rec, op->actor))->flags |=
	    REP_STEP_VIOLATION;
}

int rep_merge_apply(struct rep_record *rec, const struct rep_view *view,
    const struct rep_op *op, const struct rep_cause *cause,
    struct rep_applied *out)
{
	struct rep_decision d;
	int rc;

	memset(out, 0, sizeof(*out));
	out->status_before = rep_record_status(rec);
	out->status_after = out->status_before;
	if (!rep_op_is_of_record(op->kind))
		return 0; /* of a later version: kept and forwarded */
	rep_merge_decide(rec, op, cause, &d);
	out->why = d.why;
	if (d.why == REP_WHY_NONE) {
		rc = fold_valid(rec, view, op, cause, &d, out);
		out->status_after = rep_record_status(rec);
		return rc;
	}
	out->verdict = REP_VIOLATION;
	out->why_field = d.field;
	rec->violations++;
	show_violation(rec, op, cause, &d);
	return list_violation(rec, view, cause, &d);
}
