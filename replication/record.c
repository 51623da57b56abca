/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/record.h"

#include <string.h>

#include "proto/err.h"
#include "replication/record_int.h"
#include "replication/status.h"

/* REP_T_REC: kind, record id. */
struct key {
	uint8_t b[1 + sizeof(struct tr_rec_id)];
};

static struct key key_of(uint8_t kind, const struct tr_rec_id *id)
{
	struct key key;

	key.b[0] = kind;
	memcpy(key.b + 1, id->b, sizeof(id->b));
	return key;
}

/* The struct is large: only what counts is cleared, never the arrays. */
void rep_record_init(struct rep_record *rec, uint8_t kind,
    const struct tr_rec_id *id, struct tr_nid scope, uint8_t lane)
{
	rec->kind = kind;
	rec->lane = lane;
	rec->scope = scope;
	rec->id = *id;
	rec->version = 0;
	rec->changed = (struct tr_hlc){0};
	rec->created = (struct tr_dot){0};
	rec->violations = 0;
	rec->list_count = 0;
	rec->cand_count = 0;
	rec->step_count = 0;
	rec->value_count = 0;
	rec->row_bound = 64; /* header of an empty row */
	rec->data_size = 0;
}

int rep_record_load(struct rep_record *out, const struct rep_view *view,
    uint8_t kind, const struct tr_rec_id *id)
{
	struct key key = key_of(kind, id);
	struct tr_bytes row;
	int rc;

	rc = rep_get(view, REP_T_REC,
	    (struct tr_bytes){key.b, sizeof(key.b)}, &row);
	if (rc != 0)
		return rc;
	if (row.size > TR_RECORD_BYTES_MAX)
		return TR_E_DAMAGED;
	if (row.size > 0)
		memcpy(out->data, row.data, row.size);
	out->kind = kind;
	out->id = *id;
	return rep_record_unpack(out, row.size);
}

int rep_record_find(struct rep_record *out, const struct rep_view *view,
    const struct tr_rec_id *id)
{
	static const uint8_t kinds[] = {TR_KIND_CASE, TR_KIND_DIRECTIVE,
	    TR_KIND_STAFF, TR_KIND_UNIT};

	for (size_t i = 0; i < sizeof(kinds); i++) {
		int rc = rep_record_load(out, view, kinds[i], id);

		if (rc != TR_E_NOTFOUND)
			return rc;
	}
	return TR_E_NOTFOUND;
}

int rep_record_store(const struct rep_record *rec, const struct rep_view *view)
{
	struct key key = key_of(rec->kind, &rec->id);
	uint8_t row[TR_RECORD_BYTES_MAX];
	size_t size = rep_record_pack(rec, row, sizeof(row));

	if (size == 0)
		return TR_E_LIMIT;
	return rep_put(view, REP_T_REC,
	    (struct tr_bytes){key.b, sizeof(key.b)},
	    (struct tr_bytes){row, size});
}

int rep_record_shown(const struct rep_record *rec, uint16_t group_id)
{
	enum rep_merge_kind merge = rep_policy_merge(rec->policy, rec->kind, group_id);
	struct rep_weight best = {0};
	int found = -1;

	for (size_t i = 0; i < rec->cand_count; i++) {
		struct rep_weight w;

		if (rec->cands[i].group != group_id)
			continue;
		w = rep_record_cand_weight(rec, &rec->cands[i]);
		if (found >= 0 && rep_record_weigh(merge, &w, &best, NULL) < 0)
			continue;
		best = w;
		found = (int)i;
	}
	return found;
}

int rep_record_step_shown(const struct rep_record *rec)
{
	enum rep_merge_kind merge = rep_policy_merge(rec->policy, rec->kind, REP_FIELD_STATUS);
	struct rep_weight best = {0};
	int found = -1;

	for (size_t i = 0; i < rec->step_count; i++) {
		struct rep_weight w;

		if (!rep_record_step_is_alive(&rec->steps[i]))
			continue;
		w = rep_record_step_shown_weight(rec, &rec->steps[i]);
		if (found >= 0 && rep_record_weigh(merge, &w, &best, NULL) < 0)
			continue;
		best = w;
		found = (int)i;
	}
	return found;
}

uint8_t rep_record_status(const struct rep_record *rec)
{
	int i = rep_record_step_shown(rec);

	return i >= 0 ? rec->steps[i].status : 0;
}

static const struct rep_value *value_in(
    const struct rep_record *rec, size_t first, size_t count, uint16_t field)
{
	for (size_t i = first; i < first + count; i++)
		if (rec->values[i].field == field)
			return rec->values[i].type != REP_VALUE_NONE
			    ? &rec->values[i]
			    : NULL;
	return NULL;
}

const struct rep_value *rep_record_value(
    const struct rep_record *rec, uint16_t field_id)
{
	const struct rep_field *field = rep_schema_field(rec->kind, field_id);
	int i;

	if (field == NULL)
		return NULL;
	switch (field->merge) {
	case REP_MERGE_FLOW:
		i = rep_record_step_shown(rec);
		return i < 0 ? NULL
			     : value_in(rec, rec->steps[i].value_first,
				   rec->steps[i].value_count, field_id);
	case REP_MERGE_FIXED:
	case REP_MERGE_AUTH:
	case REP_MERGE_GROUND:
	case REP_MERGE_LWW:
	case REP_MERGE_ASK:
		i = rep_record_shown(rec, field->group_id);
		return i < 0 ? NULL
			     : value_in(rec, rec->cands[i].value_first,
				   rec->cands[i].value_count, field_id);
	case REP_MERGE_SET:
	case REP_MERGE_LIST:
	case REP_MERGE_COUNT:
		break;
	}
	return NULL;
}

/* Inserts into a list that is kept in (author, inc, seq) order. */
struct sorter {
	uint16_t *out;
	size_t cap, count;
};

static void sort_in(struct sorter *s, uint16_t index,
    const struct rep_weight *w,
    struct rep_weight (*weight)(const struct rep_record *, uint16_t),
    const struct rep_record *rec)
{
	size_t at = s->count;

	while (at > 0) {
		struct rep_weight other = weight(rec, s->out[at - 1]);

		if (rep_record_dot_order(&other, w) < 0)
			break;
		at--;
	}
	if (at == s->cap)
		return;
	if (s->count < s->cap)
		s->count++;
	memmove(&s->out[at + 1], &s->out[at],
	    (s->count - 1 - at) * sizeof(s->out[0]));
	s->out[at] = index;
}

static struct rep_weight step_weight(const struct rep_record *rec, uint16_t i)
{
	return rep_record_step_weight(rec, &rec->steps[i]);
}

static struct rep_weight cand_weight(const struct rep_record *rec, uint16_t i)
{
	return rep_record_cand_weight(rec, &rec->cands[i]);
}

size_t rep_record_steps_alive(
    const struct rep_record *rec, uint16_t *out, size_t cap)
{
	struct sorter s = {out, cap, 0};

	for (uint16_t i = 0; i < rec->step_count; i++) {
		struct rep_weight w = step_weight(rec, i);

		if (rep_record_step_is_alive(&rec->steps[i]))
			sort_in(&s, i, &w, step_weight, rec);
	}
	return s.count;
}

size_t rep_record_cands(const struct rep_record *rec, uint16_t group_id,
    uint16_t *out, size_t cap)
{
	struct sorter s = {out, cap, 0};

	for (uint16_t i = 0; i < rec->cand_count; i++) {
		struct rep_weight w = cand_weight(rec, i);

		if (rec->cands[i].group == group_id)
			sort_in(&s, i, &w, cand_weight, rec);
	}
	return s.count;
}

/* The three fields that name another home. */
static bool other_home(const struct rep_record *rec, uint16_t id_field,
    uint16_t unit_field, uint16_t path_field, struct rep_moved *out)
{
	const struct rep_value *id = rep_record_value(rec, id_field);
	const struct rep_value *unit = rep_record_value(rec, unit_field);
	const struct rep_value *path = rep_record_value(rec, path_field);

	if (rec->kind != TR_KIND_CASE || id == NULL || unit == NULL ||
	    path == NULL)
		return false;
	memcpy(out->id.b, id->t.data, sizeof(out->id.b));
	out->unit.v = (uint64_t)unit->i;
	out->path = path->t;
	return true;
}

bool rep_record_moved(const struct rep_record *rec, struct rep_moved *out)
{
	return other_home(rec, REP_FIELD_MOVED_TO, REP_FIELD_MOVED_UNIT,
	    REP_FIELD_MOVED_PATH, out);
}

bool rep_record_came(const struct rep_record *rec, struct rep_moved *out)
{
	return other_home(rec, REP_FIELD_MOVED_FROM, REP_FIELD_FROM_UNIT,
	    REP_FIELD_FROM_PATH, out);
}
