/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict on a status step.  Everything is computed from the steps that
 * the op had seen; what else arrived here does not matter.
 */
#include <string.h>

#include "replication/merge_int.h"
#include "replication/status.h"

/* Steps of one record: bounds on the op's own past, so that all nodes meet
 * them at the same op, and low enough that concurrent writers still fit. */
#define PAST_STEPS_MAX (TR_STEPS_MAX / 2)
#define PAST_BYTES_MAX (TR_RECORD_BYTES_MAX * 2 / 5)

static const struct rep_value *value_of(
    const struct rep_op *op, uint16_t field)
{
	for (size_t i = 0; i < op->value_count; i++)
		if (op->values[i].field == field)
			return &op->values[i];
	return NULL;
}

static bool carries(const struct rep_op *op, uint8_t needs)
{
	const struct rep_value *reason = value_of(op, REP_FIELD_REASON);
	const struct rep_value *until = value_of(op, REP_FIELD_UNTIL);

	if ((needs & REP_NEEDS_REASON) != 0 &&
	    (reason == NULL || reason->type != REP_VALUE_TEXT ||
		reason->t.size == 0))
		return false;
	return (needs & REP_NEEDS_UNTIL) == 0 ||
	    (until != NULL && until->type == REP_VALUE_INT);
}

static enum rep_why check_caps(
    const struct rep_cause *cause, uint32_t caps, bool exempt)
{
	return exempt || (cause->caps & caps) == caps ? REP_WHY_NONE
						      : REP_WHY_CAP;
}

enum rep_why rep_merge_decide_issuer(const struct rep_record *rec,
    const struct rep_cause *cause, const struct rep_past *past, bool exempt)
{
	if (past->created < 0 ||
	    cause->level > rec->steps[past->created].level)
		return REP_WHY_TARGET;
	return check_caps(cause, TR_CAP_DIRECT, exempt);
}

/* Did the author handle it?  (nid, actor) of every handling step seen. */
static bool handled_by(const struct rep_record *rec, const struct rep_op *op,
    const struct rep_cause *cause, const struct rep_past *past)
{
	for (size_t i = 0; i < rec->step_count; i++) {
		const struct rep_step *s = &rec->steps[i];

		if (!past->seen[i] || s->author.v != cause->author.v ||
		    (s->status != REP_CASE_HANDLED &&
			s->status != REP_CASE_SELF_HANDLED) ||
		    /* who imported or restored it did not do the work */
		    (s->flags & (REP_STEP_IMPORTED | REP_STEP_RESTORED)) != 0)
			continue;
		if (s->actor.size == op->actor.size &&
		    (s->actor.size == 0 ||
			memcmp(s->actor.data, op->actor.data, s->actor.size) ==
			    0))
			return true;
	}
	return rep_merge_came_handled(rec, op, cause);
}

/* The step whose state a suspension interrupted; -1 if there was none. */
int rep_merge_step_before(const struct rep_record *rec, int suspended)
{
	int i = suspended;

	/* `under` points to earlier steps only, so this ends. */
	while (i >= 0 && rec->steps[i].status == REP_CASE_SUSPENDED)
		i = rep_record_best_step(
		    rec, rec->steps[i].under, rec->steps[i].under_count);
	return i;
}

static uint8_t state_before(const struct rep_record *rec, int suspended)
{
	int i = rep_merge_step_before(rec, suspended);

	return i >= 0 ? rec->steps[i].status : 0;
}

static enum rep_why check_move(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_past *past, bool exempt, const struct rep_status_move *m)
{
	enum rep_why why = REP_WHY_NONE;

	if (m->who == REP_WHO_TARGET && cause->author.v != rec->scope.v)
		return REP_WHY_TARGET;
	if (m->who == REP_WHO_ISSUER)
		why = rep_merge_decide_issuer(rec, cause, past, exempt);
	if (why == REP_WHY_NONE)
		why = check_caps(cause, m->caps, exempt);
	if (why != REP_WHY_NONE || exempt)
		return why;
	if (!carries(op, m->needs))
		return REP_WHY_REASON;
	if (rec->kind == TR_KIND_CASE && m->to == REP_CASE_VERIFIED &&
	    handled_by(rec, op, cause, past))
		return REP_WHY_SAME_PERSON;
	return REP_WHY_NONE;
}

/* A move out of `before` by the machine. */
static enum rep_why by_machine(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_past *past, bool exempt, int before,
    struct rep_decision *d)
{
	uint8_t from = rec->steps[before].status, back;
	const struct rep_status_move *m =
	    rep_status_move(rec->kind, from, d->status);

	if (m == NULL && rec->kind == TR_KIND_CASE &&
	    from == REP_CASE_SUSPENDED) {
		back = state_before(rec, before);
		/* A history that begins suspended: any open state goes on. */
		if (back == d->status ||
		    (back == 0 && d->status != REP_CASE_SUSPENDED &&
			rep_status_is_open(rec->kind, d->status))) {
			m = rep_status_move(rec->kind, from, REP_STATUS_BEFORE);
			d->step_flags |= REP_STEP_RESTORED;
		}
	}
	if (m == NULL)
		return REP_WHY_STEP;
	return check_move(rec, op, cause, past, exempt, m);
}

/*
 * Among several states that the op saw side by side, one may be stated again:
 * that settles the conflict.  It is a supervisor's decision (an issuer's, of a
 * directive), since it can set a state of a higher rank aside.
 */
static enum rep_why by_choice(const struct rep_record *rec,
    const struct rep_cause *cause, const struct rep_past *past, bool exempt,
    struct rep_decision *d)
{
	bool found = false;
	enum rep_why why;

	for (size_t i = 0; i < past->alive_count; i++)
		if (rec->steps[past->alive[i]].status == d->status)
			found = true;
	if (past->alive_count < 2 || !found)
		return REP_WHY_STEP;
	why = rec->kind == TR_KIND_CASE
	    ? check_caps(cause, TR_CAP_SUPERVISE, exempt)
	    : rep_merge_decide_issuer(rec, cause, past, exempt);
	if (why == REP_WHY_NONE)
		d->step_flags |= REP_STEP_RESTORED;
	return why;
}

static bool comes_from_elsewhere(const struct rep_op *op)
{
	for (size_t i = 0; i < op->value_count; i++)
		if (op->type == TR_KIND_CASE &&
		    rep_merge_is_came_field(op->values[i].field))
			return true;
	return false;
}

static enum rep_why decide_create(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause, bool exempt,
    struct rep_decision *d)
{
	uint8_t first = rep_status_first(rec->kind);

	d->step_flags |= REP_STEP_CREATE;
	if (!d->has_status)
		d->status = first;
	if (comes_from_elsewhere(op))
		return rep_merge_decide_came(rec, op, cause, d);
	if (rec->kind == TR_KIND_CASE && d->status == REP_CASE_MOVED)
		return REP_WHY_STEP; /* where to? */
	/* A first load of history may state any. */
	return d->status == first || exempt ? REP_WHY_NONE : REP_WHY_STEP;
}

enum rep_why rep_merge_decide_step(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_past *past, bool exempt, struct rep_decision *d)
{
	enum rep_why why, choice;
	int before;

	if (past->seen_count >= PAST_STEPS_MAX ||
	    past->bytes + d->need > PAST_BYTES_MAX ||
	    past->alive_count > TR_STEP_OVER_MAX)
		return REP_WHY_LIMIT;
	d->has_step = true;
	if (op->kind == TR_OP_CREATE)
		return decide_create(rec, op, cause, exempt, d);
	before = rep_record_best_step(rec, past->alive, past->alive_count);
	if (before < 0)
		return REP_WHY_STEP;
	if (op->kind == TR_OP_TRANSFER)
		why = rep_merge_decide_move(rec, op, cause, past, d);
	else
		why = by_machine(rec, op, cause, past, exempt, before, d);
	if (why != REP_WHY_NONE && op->kind != TR_OP_TRANSFER) {
		d->step_flags &= (uint8_t)~REP_STEP_RESTORED;
		choice = by_choice(rec, cause, past, exempt, d);
		if (choice == REP_WHY_NONE || why == REP_WHY_STEP)
			why = choice;
	}
	d->under_count = (uint8_t)past->alive_count;
	memcpy(d->under, past->alive, past->alive_count * sizeof(d->under[0]));
	return why;
}
