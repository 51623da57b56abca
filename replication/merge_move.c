/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdicts on a case that moves to another home: the TRANSFER in its
 * record, and the CREATE of the copy.  Neither scope sees the other, so that
 * each op carries what its own verdict needs: the code path of the other
 * home, which must lie below the author's as its certificate says it.
 */
#include <string.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/merge_int.h"
#include "replication/status.h"

#define HEX_NID 16

static const struct rep_value *value_of(
    const struct rep_op *op, uint16_t field)
{
	for (size_t i = 0; i < op->value_count; i++)
		if (op->values[i].field == field &&
		    op->values[i].type != REP_VALUE_NONE)
			return &op->values[i];
	return NULL;
}

static bool is_below(struct tr_bytes path, struct tr_bytes above)
{
	return above.size > 0 && path.size > above.size + 1 &&
	    memcmp(path.data, above.data, above.size) == 0 &&
	    path.data[above.size] == '/';
}

/* Only a CREATE has this group, and no op overwrites it: every value of it that
 * the op saw is still here, whatever else came. */
static bool is_seen_origin(
    const struct rep_cand *c, const struct rep_cause *cause)
{
	return c->group == REP_FIELD_MOVED_FROM &&
	    rep_cause_has(cause, c->dot);
}

static bool is_copy(const struct rep_record *rec, const struct rep_cause *cause)
{
	for (size_t i = 0; i < rec->cand_count; i++)
		if (is_seen_origin(&rec->cands[i], cause))
			return true;
	return false;
}

/* The author stands over this record's home and over the other one. */
static enum rep_why check_both(const struct rep_record *rec,
    const struct rep_cause *cause, const struct rep_value *unit,
    const struct rep_value *path, bool same_home)
{
	if (unit == NULL || path == NULL)
		return REP_WHY_FIELD;
	if ((uint64_t)unit->i == rec->scope.v && !same_home)
		return REP_WHY_HOME;
	if (cause->author.v == rec->scope.v || !is_below(path->t, cause->path))
		return REP_WHY_BOTH;
	return (cause->caps & TR_CAP_COMMAND) != 0 ? REP_WHY_NONE : REP_WHY_CAP;
}

bool rep_merge_is_move_field(uint16_t field)
{
	return field >= REP_FIELD_MOVED_TO && field <= REP_FIELD_MOVED_PATH;
}

bool rep_merge_is_came_field(uint16_t field)
{
	return field >= REP_FIELD_MOVED_FROM && field <= REP_FIELD_HANDLED_BY;
}

static bool names_step(const struct rep_record *rec,
    const struct rep_step *s, const struct rep_value *to)
{
	for (size_t i = 0; i < s->value_count; i++) {
		const struct rep_value *v = &rec->values[s->value_first + i];

		if (v->field == REP_FIELD_MOVED_TO)
			return v->t.size == to->t.size &&
			    memcmp(v->t.data, to->t.data, to->t.size) == 0;
	}
	return false;
}

/*
 * It had gone already.  What came late, or another who moved it at the same
 * time, is settled by stating one of the moves again.
 */
static enum rep_why again(const struct rep_record *rec,
    const struct rep_past *past, const struct rep_value *to,
    struct rep_decision *d)
{
	bool found = false;

	for (size_t i = 0; i < past->alive_count; i++) {
		const struct rep_step *s = &rec->steps[past->alive[i]];

		if (s->status == REP_CASE_MOVED && names_step(rec, s, to))
			found = true;
	}
	d->step_flags |= REP_STEP_RESTORED;
	return past->alive_count > 1 && found ? REP_WHY_NONE : REP_WHY_MOVED;
}

enum rep_why rep_merge_decide_move(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_past *past, struct rep_decision *d)
{
	const struct rep_value *to = value_of(op, REP_FIELD_MOVED_TO);
	enum rep_why why;
	int before;

	if (rec->kind != TR_KIND_CASE || op->flags != 0 || d->groups != 0 ||
	    d->has_rows || d->status != REP_CASE_MOVED || to == NULL)
		return REP_WHY_FIELD;
	/* Of two copies of one case, one may go to the other. */
	why = check_both(rec, cause, value_of(op, REP_FIELD_MOVED_UNIT),
	    value_of(op, REP_FIELD_MOVED_PATH), is_copy(rec, cause));
	if (why != REP_WHY_NONE)
		return why;
	if (value_of(op, REP_FIELD_REASON) == NULL)
		return REP_WHY_REASON;
	before = rep_record_best_step(rec, past->alive, past->alive_count);
	if (before < 0)
		return REP_WHY_STEP;
	if (past->moved)
		return again(rec, past, to, d);
	return rep_status_is_open(rec->kind, rec->steps[before].status)
	    ? REP_WHY_NONE
	    : REP_WHY_ENDED;
}

enum rep_why rep_merge_decide_came(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause,
    struct rep_decision *d)
{
	const struct rep_value *from = value_of(op, REP_FIELD_MOVED_FROM);
	enum rep_why why;

	if (rec->kind != TR_KIND_CASE || op->flags != 0 || from == NULL)
		return REP_WHY_FIELD;
	why = check_both(rec, cause, value_of(op, REP_FIELD_FROM_UNIT),
	    value_of(op, REP_FIELD_FROM_PATH), false);
	if (why != REP_WHY_NONE)
		return why;
	/* The state is brought along: who wrote this did not handle it. */
	d->step_flags |= REP_STEP_RESTORED;
	return rep_status_is_open(rec->kind, d->status) ? REP_WHY_NONE
							: REP_WHY_ENDED;
}

/* --------------------------------------- who handled it in its former homes */

/* Entry: nid in 16 hexadecimal digits, size of the actor, ':', actor, ';'. */
static size_t decimal(size_t v, uint8_t out[static 4])
{
	size_t digits = v > 99 ? 3 : v > 9 ? 2 : 1;

	for (size_t i = digits; i-- > 0; v /= 10)
		out[i] = (uint8_t)('0' + v % 10);
	return digits;
}

size_t rep_merge_handler_put(
    struct tr_nid nid, struct tr_bytes actor, uint8_t *out, size_t cap)
{
	uint8_t number[4];
	size_t digits = decimal(actor.size, number);
	size_t size = HEX_NID + digits + 1 + actor.size + 1;

	if (size > cap || actor.size > TR_ACTOR_MAX)
		return 0;
	for (size_t i = 0; i < HEX_NID; i++)
		out[i] = (uint8_t)"0123456789abcdef"[nid.v >> (60 - 4 * i) & 15];
	memcpy(out + HEX_NID, number, digits);
	out[HEX_NID + digits] = ':';
	if (actor.size > 0)
		memcpy(out + HEX_NID + digits + 1, actor.data, actor.size);
	out[size - 1] = ';';
	return size;
}

bool rep_merge_handler_next(
    struct tr_bytes *list, struct tr_nid *nid, struct tr_bytes *actor)
{
	size_t at = HEX_NID, size = 0;

	if (list->size < HEX_NID + 3)
		return false;
	nid->v = 0;
	for (size_t i = 0; i < HEX_NID; i++) {
		int digit = wire_hex_digit(list->data[i]);

		if (digit < 0)
			return false;
		nid->v = nid->v << 4 | (uint64_t)digit;
	}
	for (; at < list->size && list->data[at] >= '0' &&
	     list->data[at] <= '9' && size <= TR_ACTOR_MAX; at++)
		size = size * 10 + (size_t)(list->data[at] - '0');
	if (size > TR_ACTOR_MAX || at + size + 2 > list->size ||
	    list->data[at] != ':' || list->data[at + 1 + size] != ';')
		return false;
	*actor = (struct tr_bytes){list->data + at + 1, size};
	list->data += at + size + 2;
	list->size -= at + size + 2;
	return true;
}

static bool is_before(struct tr_bytes a, struct tr_bytes b)
{
	int c = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

	return c < 0 || (c == 0 && a.size < b.size);
}

bool rep_merge_handler_add(struct tr_nid nid, struct tr_bytes actor,
    uint8_t *list, size_t *size, size_t cap)
{
	uint8_t bytes[TR_ACTOR_MAX + HEX_NID + 6], *at = list;
	struct tr_bytes left = {list, *size}, entry = {bytes, 0}, other;
	struct tr_nid who;

	entry.size = rep_merge_handler_put(nid, actor, bytes, sizeof(bytes));
	if (entry.size == 0)
		return false;
	while (rep_merge_handler_next(&left, &who, &other)) {
		struct tr_bytes here = {at, (size_t)(left.data - at)};

		if (here.size == entry.size &&
		    memcmp(here.data, entry.data, entry.size) == 0)
			return true;
		if (is_before(entry, here))
			break;
		at += here.size;
	}
	if (*size + entry.size > cap)
		return false;
	memmove(at + entry.size, at, *size - (size_t)(at - list));
	memcpy(at, entry.data, entry.size);
	*size += entry.size;
	return true;
}

bool rep_merge_same_actor(struct tr_bytes a, struct tr_bytes b)
{
	return a.size == b.size &&
	    (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool is_in(struct tr_bytes list, struct tr_nid nid, struct tr_bytes actor)
{
	struct tr_bytes other;
	struct tr_nid who;

	while (rep_merge_handler_next(&list, &who, &other))
		if (who.v == nid.v && rep_merge_same_actor(other, actor))
			return true;
	return false;
}

bool rep_merge_came_handled(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause)
{
	for (size_t i = 0; i < rec->cand_count; i++) {
		const struct rep_cand *c = &rec->cands[i];

		if (!is_seen_origin(c, cause))
			continue;
		for (size_t v = 0; v < c->value_count; v++) {
			const struct rep_value *value =
			    &rec->values[c->value_first + v];

			if (value->field == REP_FIELD_HANDLED_BY &&
			    value->type == REP_VALUE_TEXT &&
			    is_in(value->t, cause->author, op->actor))
				return true;
		}
	}
	return false;
}
