/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/change.h"

#include <string.h>

#include "proto/err.h"

static const struct rep_value *given(const struct rep_write *w, uint16_t field)
{
	for (size_t i = 0; i < w->value_count; i++)
		if (w->values[i].field == field)
			return &w->values[i];
	return NULL;
}

static bool same(const struct rep_value *a, const struct rep_value *b)
{
	if (b == NULL)
		return a->type == REP_VALUE_NONE;
	if (a->type != b->type)
		return false;
	if (a->type == REP_VALUE_INT)
		return a->i == b->i;
	return a->t.size == b->t.size && (a->t.size == 0 || memcmp(a->t.data, b->t.data, a->t.size) == 0);
}

static int check(const struct rep_write *w, const struct rep_value *v, const struct rep_field **out, uint16_t *field)
{
	const struct rep_field *f = rep_schema_field(w->kind, v->field);

	*field = v->field;
	if (f == NULL || (f->flags & REP_FF_MACHINE) != 0)
		return TR_E_FIELD;
	if ((f->flags & REP_FF_PERSONAL) != 0)
		return TR_E_PERSONAL;
	*out = f;
	return 0;
}

/* A write has TR_FIELDS_MAX values at most: rep_on_write(). */
static void add(struct rep_op *op, const struct rep_value *v)
{
	TR_ASSERT(op->value_count < TR_FIELDS_MAX);
	op->values[op->value_count++] = *v;
}

int rep_change_create(struct rep_op *op, const struct rep_write *w, uint16_t *field)
{
	for (size_t i = 0; i < w->value_count; i++) {
		const struct rep_field *f;
		int rc = check(w, &w->values[i], &f, field);

		if (rc != 0)
			return rc;
		if (w->values[i].type != REP_VALUE_NONE)
			add(op, &w->values[i]);
	}
	*field = 0;
	return 0;
}

static bool in_conflict(const struct rep_record *rec, uint16_t group)
{
	uint16_t list[2];

	return rep_record_cands(rec, group, list, 2) > 1;
}

static bool in_set(const struct rep_view *view, const struct rep_record *rec, const struct rep_value *v)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;

	while (rep_record_rows(view, &rec->id, v->field, &cursor, &row) == 0)
		if (row.text.size == v->t.size && memcmp(row.text.data, v->t.data, v->t.size) == 0)
			return true;
	return false;
}

static int64_t own_total(const struct rep_view *view, const struct rep_record *rec,
    uint16_t field, struct tr_nid self, uint64_t inc)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;

	while (rep_record_rows(view, &rec->id, field, &cursor, &row) == 0)
		if (row.author.v == self.v && row.inc == inc)
			return row.i;
	return 0;
}

/* A status step: all that came with it, or nothing if it is the one shown.
 * The same status with another reason or time is not: the merge rules answer. */
static bool step_moves(const struct rep_record *rec, const struct rep_write *w, uint16_t status_field)
{
	const struct rep_value *status = given(w, status_field);
	uint16_t alive[2];

	if (status == NULL || status->type != REP_VALUE_INT || status->i != rep_record_status(rec) ||
	    rep_record_steps_alive(rec, alive, 2) > 1)
		return true;
	for (size_t i = 0; i < w->value_count; i++) {
		const struct rep_field *f = rep_schema_field(w->kind, w->values[i].field);

		if (f != NULL && f->group_id == status_field && !same(&w->values[i], rep_record_value(rec, f->id)))
			return true;
	}
	return false;
}

/* Does this value of the write change what is shown? */
static bool changes(const struct rep_record *rec, const struct rep_view *view,
    const struct rep_write *w, const struct rep_field *f, const struct rep_value *v)
{
	switch (f->merge) {
	case REP_MERGE_FLOW: return step_moves(rec, w, f->group_id);
	case REP_MERGE_LIST:
	case REP_MERGE_COUNT: return v->type != REP_VALUE_NONE;
	case REP_MERGE_SET: return in_set(view, rec, v) == (v->act == TR_ACT_REMOVE);
	case REP_MERGE_FIXED: return !same(v, rep_record_value(rec, f->id));
	case REP_MERGE_AUTH:
	case REP_MERGE_GROUND:
	case REP_MERGE_LWW:
	case REP_MERGE_ASK:
	default: return !same(v, rep_record_value(rec, f->id)) || in_conflict(rec, f->group_id);
	}
}

static bool is_register(enum rep_merge_kind merge)
{
	return merge == REP_MERGE_AUTH || merge == REP_MERGE_GROUND || merge == REP_MERGE_LWW || merge == REP_MERGE_ASK;
}

/* The group's other fields as shown, so that a merge never builds a mix that
 * nobody wrote; and the given ones that were equal. */
static int complete(struct rep_op *op, const struct rep_record *rec, const struct rep_write *w, uint16_t group)
{
	const struct rep_field *f;

	for (size_t i = 0; (f = rep_schema_at(rec->kind, i)) != NULL; i++) {
		const struct rep_value *v = given(w, f->id);

		if (f->group_id != group)
			continue;
		if (v == NULL)
			v = rep_record_value(rec, f->id);
		if (v == NULL)
			continue;
		if (op->value_count == TR_FIELDS_MAX)
			return TR_E_LIMIT;
		add(op, v);
	}
	return 0;
}

static bool has_group(const uint16_t *groups, size_t count, uint16_t group)
{
	for (size_t i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return false;
}

int rep_change_edit(struct rep_op *op, const struct rep_record *rec, const struct rep_view *view,
    const struct rep_write *w, struct tr_nid self, uint64_t inc, uint16_t *field)
{
	uint16_t groups[TR_FIELDS_MAX];
	size_t group_count = 0;

	for (size_t i = 0; i < w->value_count; i++) {
		struct rep_value v = w->values[i];
		const struct rep_field *f = NULL;
		int rc = check(w, &v, &f, field);

		if (rc != 0)
			return rc;
		if (!changes(rec, view, w, f, &v))
			continue;
		if (f->merge == REP_MERGE_FIXED)
			return TR_E_EXISTS;
		if (is_register(f->merge)) {
			if (!has_group(groups, group_count, f->group_id))
				groups[group_count++] = f->group_id;
			continue;
		}
		if (f->merge == REP_MERGE_COUNT)
			v.i += own_total(view, rec, f->id, self, inc);
		add(op, &v);
	}
	*field = 0;
	for (size_t i = 0; i < group_count; i++) {
		int rc = complete(op, rec, w, groups[i]);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static bool saw(const struct rep_write *w, struct tr_dot dot)
{
	for (size_t i = 0; i < w->saw_count; i++)
		if (w->saw[i].log == dot.log && w->saw[i].seq == dot.seq)
			return true;
	return false;
}

int rep_change_resolve(struct rep_op *op, const struct rep_record *rec, const struct rep_write *w)
{
	uint16_t list[TR_CANDS_MAX];
	const struct rep_field *f = rep_schema_field(rec->kind, w->resolve_group);
	bool is_flow = f != NULL && f->merge == REP_MERGE_FLOW;
	size_t n;

	if (f == NULL)
		return TR_E_FIELD;
	n = is_flow ? rep_record_steps_alive(rec, list, TR_CANDS_MAX)
		    : rep_record_cands(rec, w->resolve_group, list, TR_CANDS_MAX);
	if (n < 2)
		return TR_E_NOREC; /* no conflict any more */
	for (size_t i = 0; i < n; i++)
		if (!saw(w, is_flow ? rec->steps[list[i]].dot : rec->cands[list[i]].dot))
			return TR_E_MOVED;
	for (size_t i = 0; i < w->value_count; i++) {
		const struct rep_field *g = rep_schema_field(rec->kind, w->values[i].field);

		if (g == NULL || g->group_id != f->group_id)
			return TR_E_FIELD;
		add(op, &w->values[i]);
	}
	return 0;
}
