/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/canon.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/json_write.h"
#include "daemon/text.h"
#include "proto/err.h"
#include "proto/grow.h"
#include "replication/status.h"

#define KEYS_MAX 80
#define GROUPS_MAX 24

struct writer {
	const struct rep_node *node;
	const struct rep_view *view;
	const struct rep_record *rec;
	struct td_json_out json;
	int rc; /* of reading rows; sticky */
	uint16_t steps[TR_STEPS_MAX];
	size_t step_count;
};

/* One key of the object: what it is called and how it is written. */
struct key {
	const char *name;
	void (*write)(struct writer *w, const struct key *key);
	const struct rep_field *field;
	int64_t i;
};

/* ----------------------------------------------------------------- values */

static void write_unit(struct writer *w, struct tr_nid nid)
{
	struct rep_unit_info info;
	char text[TD_NID_SIZE];

	if (rep_unit_get(w->node, nid, &info)) {
		td_json_string(&w->json, info.unit);
		return;
	}
	td_text_write_nid(nid, text);
	td_json_string(&w->json, text);
}

static void write_time(struct writer *w, int64_t ms)
{
	char text[TD_TIME_SIZE];

	td_text_write_time(ms, text);
	td_json_string(&w->json, text);
}

static void write_deg(struct writer *w, int64_t e7)
{
	char text[TD_DEG_SIZE];

	td_text_write_deg(e7, text);
	td_json_literal(&w->json, text);
}

static void write_id(struct writer *w, struct tr_bytes b)
{
	struct tr_rec_id id = {{0}};
	char text[TD_UUID_SIZE];

	memcpy(id.b, b.data, b.size < sizeof(id.b) ? b.size : sizeof(id.b));
	td_text_write_uuid(&id, text);
	td_json_string(&w->json, text);
}

static void write_units(struct writer *w, struct tr_bytes nids)
{
	td_json_push(&w->json, '[');
	for (size_t i = 0; i + 8 <= nids.size; i += 8) {
		struct tr_nid nid = {0};

		for (size_t j = 0; j < 8; j++)
			nid.v = nid.v << 8 | nids.data[i + j];
		write_unit(w, nid);
	}
	td_json_pop(&w->json, ']');
}

static void write_value(struct writer *w, const struct rep_field *field, const struct rep_value *v)
{
	const char *name;

	switch (field->type) {
	case REP_TYPE_INT: td_json_int(&w->json, v->i); break;
	case REP_TYPE_TEXT: td_json_text(&w->json, v->t); break;
	case REP_TYPE_TIME: write_time(w, v->i); break;
	case REP_TYPE_DEG: write_deg(w, v->i); break;
	case REP_TYPE_ID: write_id(w, v->t); break;
	case REP_TYPE_UNIT: write_unit(w, (struct tr_nid){(uint64_t)v->i}); break;
	case REP_TYPE_UNITS: write_units(w, v->t); break;
	case REP_TYPE_STATUS:
	case REP_TYPE_ENUM:
		name = rep_schema_value_name(field, v->i);
		if (name != NULL)
			td_json_string(&w->json, name);
		else
			td_json_int(&w->json, v->i);
		break;
	}
}

static void put_text_key(struct writer *w, const char *name, struct tr_bytes text)
{
	if (text.size == 0)
		return;
	td_json_key(&w->json, name);
	td_json_text(&w->json, text);
}

/* ----------------------------------------------------------- lists, sets */

/* {"actor","at","percent","text","unit"}: keys sorted, absent ones left out. */
static void write_item(struct writer *w, const struct rep_row *row)
{
	td_json_push(&w->json, '{');
	put_text_key(w, "actor", row->actor);
	td_json_key(&w->json, "at");
	write_time(w, row->at_ms);
	if (row->i >= 0) {
		td_json_key(&w->json, "percent");
		td_json_int(&w->json, row->i);
	}
	put_text_key(w, "text", row->text);
	td_json_key(&w->json, "unit");
	write_unit(w, row->author);
	td_json_pop(&w->json, '}');
}

static bool next_row(struct writer *w, uint16_t field, struct rep_row_cursor *cursor, struct rep_row *row)
{
	int rc = w->rc != 0 ? w->rc : rep_record_rows(w->view, &w->rec->id, field, cursor, row);

	if (rc != 0 && rc != TR_E_NOTFOUND)
		w->rc = rc;
	return rc == 0;
}

static void write_list(struct writer *w, const struct key *key)
{
	struct rep_row_cursor cursor = {0};
	struct rep_row row;
	bool is_first = true;

	while (next_row(w, key->field->group_id, &cursor, &row)) {
		if (is_first) {
			td_json_key(&w->json, key->name);
			td_json_push(&w->json, '[');
		}
		is_first = false;
		write_item(w, &row);
	}
	if (!is_first)
		td_json_pop(&w->json, ']');
}

static int compare_texts(const void *a, const void *b)
{
	const struct tr_bytes *x = a, *y = b;
	size_t n = x->size < y->size ? x->size : y->size;
	int c = n > 0 ? memcmp(x->data, y->data, n) : 0;

	return c != 0 ? c : (x->size > y->size) - (x->size < y->size);
}

/* One element may have been added by several: it stands once, in byte order. */
static void write_set(struct writer *w, const struct key *key)
{
	struct rep_row_cursor cursor = {0};
	struct tr_bytes *texts = NULL, *grown;
	struct rep_row row;
	size_t count = 0, cap = 0;

	while (next_row(w, key->field->id, &cursor, &row)) {
		grown = tr_grow(texts, count, &cap, sizeof(*texts));
		if (grown == NULL) {
			w->rc = TR_E_NOMEM;
			break;
		}
		texts = grown;
		texts[count++] = row.text;
	}
	if (count > 0) {
		qsort(texts, count, sizeof(*texts), compare_texts);
		td_json_key(&w->json, key->name);
		td_json_push(&w->json, '[');
		for (size_t i = 0; i < count; i++)
			if (i == 0 || compare_texts(&texts[i - 1], &texts[i]) != 0)
				td_json_text(&w->json, texts[i]);
		td_json_pop(&w->json, ']');
	}
	free(texts);
}

static void write_count(struct writer *w, const struct key *key)
{
	struct rep_row_cursor cursor = {0};
	struct rep_row row;
	int64_t sum = 0;
	bool some = false;

	while (next_row(w, key->field->id, &cursor, &row)) {
		if (__builtin_add_overflow(sum, row.i, &sum))
			sum = INT64_MAX;
		some = true;
	}
	if (some) {
		td_json_key(&w->json, key->name);
		td_json_int(&w->json, sum);
	}
}

/* ------------------------------------------------------------------ steps */

static int compare_steps(const void *a, const void *b, void *arg)
{
	const struct rep_record *rec = arg;
	const struct rep_step *x = &rec->steps[*(const uint16_t *)a];
	const struct rep_step *y = &rec->steps[*(const uint16_t *)b];
	const uint64_t keys[4][2] = {{x->hlc.v, y->hlc.v}, {x->author.v, y->author.v},
	    {x->inc, y->inc}, {x->dot.seq, y->dot.seq}};

	for (size_t i = 0; i < 4; i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return 0;
}

size_t td_canon_steps(const struct rep_record *rec, uint16_t out[static TR_STEPS_MAX])
{
	size_t count = 0;

	for (uint16_t i = 0; i < rec->step_count; i++)
		if ((rec->steps[i].flags & REP_STEP_VIOLATION) == 0 &&
		    rec->steps[i].status != 0) /* 0: the CREATE of a kind without a status */
			out[count++] = i;
	/* The comparison changes nothing. */
	qsort_r(out, count, sizeof(out[0]), compare_steps, (void *)(uintptr_t)rec);
	return count;
}

static const struct rep_value *step_value(const struct writer *w, const struct rep_step *step, const char *name)
{
	for (size_t i = 0; i < step->value_count; i++) {
		const struct rep_value *v = &w->rec->values[step->value_first + i];
		const struct rep_field *field = rep_schema_field(w->rec->kind, v->field);

		if (field != NULL && v->type != REP_VALUE_NONE && strcmp(field->name, name) == 0)
			return v;
	}
	return NULL;
}

static void put_step_value(struct writer *w, const struct rep_step *step, const char *name)
{
	const struct rep_value *v = step_value(w, step, name);

	if (v == NULL)
		return;
	td_json_key(&w->json, name);
	write_value(w, rep_schema_field(w->rec->kind, v->field), v);
}

static void write_step(struct writer *w, const struct rep_step *step)
{
	const char *name = rep_status_name(w->rec->kind, step->status);

	td_json_push(&w->json, '{');
	put_text_key(w, "actor", step->actor);
	put_step_value(w, step, "applicant");
	put_step_value(w, step, "approver");
	td_json_key(&w->json, "at");
	write_time(w, step->at_ms);
	if ((step->flags & REP_STEP_IMPORTED) != 0) {
		td_json_key(&w->json, "imported");
		td_json_literal(&w->json, "true");
	}
	put_step_value(w, step, "reason");
	put_step_value(w, step, "role");
	td_json_key(&w->json, "status");
	td_json_string(&w->json, name != NULL ? name : "?");
	td_json_key(&w->json, "unit");
	write_unit(w, step->author);
	put_step_value(w, step, "until");
	td_json_pop(&w->json, '}');
}

static void write_steps(struct writer *w, const struct key *key)
{
	if (w->step_count == 0)
		return;
	td_json_key(&w->json, key->name);
	td_json_push(&w->json, '[');
	for (size_t i = 0; i < w->step_count; i++)
		write_step(w, &w->rec->steps[w->steps[i]]);
	td_json_pop(&w->json, ']');
}

/* Time of the newest step of a status. */
static void write_stage(struct writer *w, const struct key *key)
{
	for (size_t i = w->step_count; i-- > 0;) {
		const struct rep_step *step = &w->rec->steps[w->steps[i]];

		if (step->status != key->i)
			continue;
		td_json_key(&w->json, key->name);
		write_time(w, step->at_ms);
		return;
	}
}

/* -------------------------------------------------------------- conflicts */

static size_t group_cands(const struct rep_record *rec, const struct rep_field *field)
{
	uint16_t found[TR_CANDS_MAX];

	if (field->merge == REP_MERGE_FLOW)
		return rep_record_steps_alive(rec, found, TR_CANDS_MAX);
	return rep_record_cands(rec, field->group_id, found, TR_CANDS_MAX);
}

const char *td_canon_conflict(const struct rep_record *rec, size_t i)
{
	const char *names[GROUPS_MAX];
	const struct rep_field *field;
	size_t count = 0;

	for (size_t at = 0; (field = rep_schema_at(rec->kind, at)) != NULL; at++) {
		size_t to;

		if (field->id != field->group_id || field->merge == REP_MERGE_SET ||
		    field->merge == REP_MERGE_LIST || field->merge == REP_MERGE_COUNT ||
		    group_cands(rec, field) < 2)
			continue;
		TR_ASSERT(count < GROUPS_MAX);
		for (to = count; to > 0 && strcmp(names[to - 1], field->group) > 0; to--)
			names[to] = names[to - 1];
		names[to] = field->group;
		count++;
	}
	return i < count ? names[i] : NULL;
}

static void write_conflicts(struct writer *w, const struct key *key)
{
	const char *name;

	if (td_canon_conflict(w->rec, 0) == NULL)
		return;
	td_json_key(&w->json, key->name);
	td_json_push(&w->json, '[');
	for (size_t i = 0; (name = td_canon_conflict(w->rec, i)) != NULL; i++)
		td_json_string(&w->json, name);
	td_json_pop(&w->json, ']');
}

/* ------------------------------------------------------------- the object */

static void write_register(struct writer *w, const struct key *key)
{
	const struct rep_value *v = rep_record_value(w->rec, key->field->id);

	if (v == NULL || v->type == REP_VALUE_NONE)
		return;
	td_json_key(&w->json, key->name);
	write_value(w, key->field, v);
}

static void write_status(struct writer *w, const struct key *key)
{
	const char *name = rep_status_name(w->rec->kind, rep_record_status(w->rec));

	if (name == NULL)
		return;
	td_json_key(&w->json, key->name);
	td_json_string(&w->json, name);
}

/* Of a case that went elsewhere.  The path, not the nid: who stands below the
 * old home does not know the new one, and the bytes are the same everywhere. */
static void write_moved_to(struct writer *w, const struct key *key)
{
	struct rep_moved moved;

	if (!rep_record_moved(w->rec, &moved))
		return;
	td_json_key(&w->json, key->name);
	write_id(w, (struct tr_bytes){moved.id.b, sizeof(moved.id.b)});
}

static void write_moved_path(struct writer *w, const struct key *key)
{
	struct rep_moved moved;

	if (rep_record_moved(w->rec, &moved))
		put_text_key(w, key->name, moved.path);
}

static void write_rec_id(struct writer *w, const struct key *key)
{
	td_json_key(&w->json, key->name);
	write_id(w, (struct tr_bytes){w->rec->id.b, sizeof(w->rec->id.b)});
}

static void write_home(struct writer *w, const struct key *key)
{
	td_json_key(&w->json, key->name);
	write_unit(w, w->rec->scope);
}

static void write_kind(struct writer *w, const struct key *key)
{
	const char *name = rep_schema_kind_name(w->rec->kind);

	td_json_key(&w->json, key->name);
	td_json_string(&w->json, name != NULL ? name : "?");
}

static void (*writer_of(const struct rep_field *field))(struct writer *, const struct key *)
{
	if (field->type == REP_TYPE_UNIT && field->kind != TR_KIND_DIRECTIVE && (field->flags & REP_FF_MACHINE) != 0)
		return NULL; /* of another branch; its path is there */
	switch (field->merge) {
	case REP_MERGE_SET: return write_set;
	case REP_MERGE_COUNT: return write_count;
	case REP_MERGE_LIST: return field->id == field->group_id ? write_list : NULL;
	case REP_MERGE_FLOW: return field->type == REP_TYPE_STATUS ? write_status : NULL;
	case REP_MERGE_FIXED:
	case REP_MERGE_AUTH:
	case REP_MERGE_GROUND:
	case REP_MERGE_LWW:
	case REP_MERGE_ASK: return write_register;
	}
	return NULL;
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct key *)a)->name, ((const struct key *)b)->name);
}

static size_t collect_keys(const struct rep_record *rec, struct key keys[static KEYS_MAX])
{
	static const struct key general[] = {
	    {"conflicts", write_conflicts, NULL, 0},
	    {"home", write_home, NULL, 0},
	    {"id", write_rec_id, NULL, 0},
	    {"kind", write_kind, NULL, 0},
	    {"steps", write_steps, NULL, 0},
	};
	static const struct key stages[] = {
	    {"closed_at", write_stage, NULL, REP_CASE_CLOSED},
	    {"dispatched_at", write_stage, NULL, REP_CASE_DISPATCHED},
	    {"filed_at", write_stage, NULL, REP_CASE_FILED},
	    {"handled_at", write_stage, NULL, REP_CASE_HANDLED},
	    {"moved_path", write_moved_path, NULL, 0},
	    {"moved_to", write_moved_to, NULL, 0},
	    {"verified_at", write_stage, NULL, REP_CASE_VERIFIED},
	};
	const struct rep_field *field;
	size_t count = sizeof(general) / sizeof(general[0]);

	memcpy(keys, general, sizeof(general));
	if (rec->kind == TR_KIND_CASE) {
		memcpy(keys + count, stages, sizeof(stages));
		count += sizeof(stages) / sizeof(stages[0]);
	}
	for (size_t i = 0; (field = rep_schema_at(rec->kind, i)) != NULL; i++) {
		void (*write)(struct writer *, const struct key *) = writer_of(field);

		if (write == NULL)
			continue;
		TR_ASSERT(count < KEYS_MAX);
		keys[count++] = (struct key){field->name, write, field, 0};
	}
	qsort(keys, count, sizeof(keys[0]), compare_keys);
	return count;
}

int td_canon_write(const struct rep_node *node, const struct rep_view *view,
    const struct rep_record *rec, struct td_out *out)
{
	struct writer w = {.node = node, .view = view, .rec = rec};
	struct key keys[KEYS_MAX];
	size_t count = collect_keys(rec, keys);

	td_json_begin(&w.json, out);
	w.step_count = td_canon_steps(rec, w.steps);
	td_json_push(&w.json, '{');
	for (size_t i = 0; i < count; i++)
		keys[i].write(&w, &keys[i]);
	td_json_pop(&w.json, '}');
	if (w.rc != 0)
		return w.rc;
	return w.json.has_failed ? TR_E_NOMEM : 0;
}
