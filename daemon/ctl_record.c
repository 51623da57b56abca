/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_record -- one record, and lists of them. */
#include "daemon/ctl_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/canon.h"
#include "daemon/sys.h"
#include "replication/status.h"

#define LIST_USUAL 50
#define LIST_MAX 1000

/* -------------------------------------------------------------------- show */

int td_ctl_canon(struct td_ctl_call *call, json_t **out)
{
	struct td_out text = {0};
	int rc = td_canon_write(td_ctl_node(call), td_ctl_view(call), td_ctl_record(call), &text);

	if (rc == 0) {
		*out = json_loadb(text.buf, td_out_size(&text), 0, NULL);
		rc = *out != NULL ? 0 : TR_E_INTERNAL;
	}
	td_out_fini(&text);
	return rc;
}

json_t *td_ctl_conflict_names(const struct rep_record *rec)
{
	json_t *list = json_array();
	const char *name;

	for (size_t i = 0; (name = td_canon_conflict(rec, i)) != NULL; i++)
		json_array_append_new(list, json_string(name));
	return list;
}

static json_t *step_json(struct td_ctl_call *call, const struct rep_record *rec, const struct rep_step *step)
{
	json_t *o = td_ctl_values(call, rec->kind, rec->values + step->value_first, step->value_count);
	const char *name = rep_status_name(rec->kind, step->status);

	td_ctl_put_text(o, "status", name != NULL ? name : "?");
	td_ctl_put_time(o, "at", step->at_ms);
	td_ctl_put_unit(call, o, "unit", step->author);
	td_ctl_put_bytes(o, "actor", step->actor);
	td_ctl_put_bool(o, "legal", (step->flags & REP_STEP_VIOLATION) == 0);
	td_ctl_put_bool(o, "imported", (step->flags & REP_STEP_IMPORTED) != 0);
	return o;
}

static json_t *steps_json(struct td_ctl_call *call, const struct rep_record *rec)
{
	uint16_t order[TR_STEPS_MAX], alive[TR_STEPS_MAX];
	size_t count = td_canon_steps(rec, order);
	size_t alive_count = rep_record_steps_alive(rec, alive, TR_STEPS_MAX);
	int shown = rep_record_step_shown(rec);
	json_t *list = json_array(), *o;

	for (uint16_t i = 0; i < rec->step_count; i++) /* violations behind the rest */
		if ((rec->steps[i].flags & REP_STEP_VIOLATION) != 0)
			order[count++] = i;
	for (size_t i = 0; i < count; i++) {
		bool is_alive = false;

		for (size_t j = 0; j < alive_count; j++)
			is_alive = is_alive || alive[j] == order[i];
		o = step_json(call, rec, &rec->steps[order[i]]);
		td_ctl_put_bool(o, "shown", (int)order[i] == shown);
		td_ctl_put_bool(o, "alive", is_alive);
		json_array_append_new(list, o);
	}
	return list;
}

static int put_notes(struct td_ctl_call *call, const struct rep_record *rec, json_t *data)
{
	const char *name = rec->kind == TR_KIND_DIRECTIVE ? "progress" : "notes";
	const struct rep_field *field = rep_schema_by_name(rec->kind, name, strlen(name));
	struct rep_row_cursor cursor = {0};
	struct rep_row row;
	json_t *list = json_array(), *o;
	int rc = field != NULL ? 0 : TR_E_NOTFOUND;

	td_ctl_put(data, "notes", list);
	while (rc == 0) {
		rc = rep_record_rows(td_ctl_view(call), &rec->id, field->group_id, &cursor, &row);
		if (rc != 0)
			break;
		o = json_object();
		td_ctl_put_bytes(o, "text", row.text);
		td_ctl_put_time(o, "at", row.at_ms);
		td_ctl_put_bytes(o, "actor", row.actor);
		td_ctl_put_unit(call, o, "unit", row.author);
		if (row.i >= 0)
			td_ctl_put_int(o, "percent", row.i);
		json_array_append_new(list, o);
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

int td_ctl_record_show(struct td_ctl_call *call, json_t **out)
{
	const struct rep_record *rec;
	struct tr_rec_id id;
	json_t *data, *canon = NULL;
	uint8_t kind;
	int rc = td_ctl_find_record(call, 0, td_ctl_arg(call, "id"), &id, &kind);

	if (rc == 0)
		rc = td_ctl_load(call, kind, &id);
	if (rc == 0)
		rc = td_ctl_canon(call, &canon);
	if (rc != 0)
		return rc;
	rec = td_ctl_record(call);
	data = td_ctl_data(call);
	td_ctl_put_id(data, "id", &rec->id);
	td_ctl_put_text(data, "kind", rep_schema_kind_name(rec->kind));
	td_ctl_put_unit(call, data, "home", rec->scope);
	td_ctl_put_int(data, "version", rec->version);
	td_ctl_put_text(data, "lane", td_ctl_lane_name(rec->lane));
	td_ctl_put_time(data, "changed", td_ctl_hlc_ms(rec->changed));
	td_ctl_put(data, "conflicts", td_ctl_conflict_names(rec));
	td_ctl_put_int(data, "violations", rec->violations);
	/* No segment is taken without its signature; verify re-checks them. */
	td_ctl_put_text(data, "signature", "ok");
	td_ctl_put(data, "record", canon);
	td_ctl_put(data, "steps", steps_json(call, rec));
	rc = put_notes(call, rec, data);
	if (rc == 0)
		rc = td_ctl_put_move(call, data);
	if (rc == 0 && td_ctl_arg_bool(call, "history"))
		rc = td_ctl_put_history(call, data);
	if (rc != 0)
		json_decref(data);
	else
		*out = data;
	return rc;
}

/* -------------------------------------------------------------------- list */

struct listing {
	uint8_t kind;
	struct tr_nid owner;
	int64_t status, due_before, since;
	size_t limit;
	bool has_after, shows_moved;
	struct tr_rec_id after;
	json_t *records;
	bool has_more;
};

static void free_listing(struct td_ctl_call *call)
{
	struct listing *l = call->state;

	if (l != NULL)
		json_decref(l->records);
	free(l);
	call->state = NULL;
}

static int64_t time_of(const struct rep_record *rec, const char *name)
{
	const struct rep_field *field = rep_schema_by_name(rec->kind, name, strlen(name));
	const struct rep_value *v = field != NULL ? rep_record_value(rec, field->id) : NULL;

	return v != NULL ? v->i : 0;
}

static bool fits(struct td_ctl_call *call, const struct listing *l, const struct rep_record *rec)
{
	if (l->owner.v != 0 && !rep_unit_is_under(td_ctl_node(call), rec->scope, l->owner))
		return false;
	if (l->status != 0 && rep_record_status(rec) != l->status)
		return false;
	if (l->status == 0 && !l->shows_moved && rec->kind == TR_KIND_CASE &&
	    rep_record_status(rec) == REP_CASE_MOVED)
		return false;
	if (l->since != 0 && td_ctl_hlc_ms(rec->changed) < l->since)
		return false;
	if (l->due_before != 0) {
		int64_t due = time_of(rec, "due_at");

		if (due == 0 || due >= l->due_before ||
		    !rep_status_is_open(rec->kind, rep_record_status(rec)))
			return false;
	}
	return true;
}

void td_ctl_put_field(struct td_ctl_call *call, json_t *o, const struct rep_record *rec, const char *name)
{
	const struct rep_field *field = rep_schema_by_name(rec->kind, name, strlen(name));
	const struct rep_value *v = field != NULL ? rep_record_value(rec, field->id) : NULL;

	td_ctl_put(o, name, v != NULL ? td_ctl_value(call, field, v) : json_null());
}

static json_t *row_json(struct td_ctl_call *call, const struct rep_record *rec)
{
	const char *status = rep_status_name(rec->kind, rep_record_status(rec));
	json_t *o = json_object();

	td_ctl_put_id(o, "id", &rec->id);
	td_ctl_put_text(o, "kind", rep_schema_kind_name(rec->kind));
	td_ctl_put_unit(call, o, "home", rec->scope);
	td_ctl_put_field(call, o, rec, rec->kind == TR_KIND_STAFF ? "post" : "title");
	td_ctl_put_field(call, o, rec, "category");
	td_ctl_put(o, "status", status != NULL ? json_string(status) : json_null());
	td_ctl_put_time(o, "changed", td_ctl_hlc_ms(rec->changed));
	td_ctl_put_field(call, o, rec, "source");
	td_ctl_put_field(call, o, rec, "source_id");
	td_ctl_put_bool(o, "conflict", td_canon_conflict(rec, 0) != NULL);
	if (rec->kind == TR_KIND_CASE)
		td_ctl_put_field(call, o, rec, "moved_to");
	return o;
}

static json_t *list_done(struct td_ctl_call *call, struct listing *l)
{
	json_t *data = td_ctl_data(call);

	td_ctl_put(data, "records", json_incref(l->records));
	if (l->has_more)
		td_ctl_put_id(data, "next", &l->after);
	else
		td_ctl_put(data, "next", json_null());
	return data;
}

static int list_pump(struct td_ctl_call *call, json_t **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct listing *l = call->state;
	struct tr_rec_id id;
	int rc = 0;

	while (td_sys_mono_us() < until_us) {
		rc = rep_next_record(td_ctl_view(call), l->kind, l->has_after ? &l->after : NULL, &id);
		l->has_more = rc == 0;
		if (rc == TR_E_NOTFOUND || (rc == 0 && json_array_size(l->records) >= l->limit)) {
			*out = list_done(call, l);
			return 0;
		}
		if (rc == 0)
			rc = td_ctl_load(call, l->kind, &id);
		if (rc != 0)
			return rc;
		l->after = id;
		l->has_after = true;
		if (fits(call, l, td_ctl_record(call)))
			json_array_append_new(l->records, row_json(call, td_ctl_record(call)));
	}
	return TD_CTL_LATER;
}

static int read_status(struct td_ctl_call *call, struct listing *l)
{
	const char *name = td_ctl_arg(call, "status");
	const struct rep_field *field = rep_schema_by_name(l->kind, "status", 6);

	if (name == NULL)
		return 0;
	if (field == NULL)
		return td_ctl_error(call, TR_E_USAGE, "records of kind %s have no status", rep_schema_kind_name(l->kind));
	l->status = rep_schema_value(field, name, strlen(name));
	if (l->status != 0)
		return 0;
	td_door_value_hint(field, name, strlen(name), call->error.hint);
	return td_ctl_error(call, TR_E_USAGE, "no status '%.32s'", name);
}

int td_ctl_arg_kind(struct td_ctl_call *call, uint8_t *out)
{
	const char *name = td_ctl_arg(call, "kind");
	uint8_t kind = name != NULL ? rep_schema_kind(name, strlen(name)) : *out;

	if (name != NULL && kind == 0) {
		td_ctl_hint(call, "kinds are case, staff, directive and unit");
		return td_ctl_error(call, TR_E_USAGE, "no kind '%.32s'", name);
	}
	*out = kind;
	return 0;
}

static int read_listing(struct td_ctl_call *call, struct listing *l)
{
	int64_t limit = td_ctl_arg_int(call, "limit", LIST_USUAL);
	const char *after = td_ctl_arg(call, "after");
	int rc = td_ctl_arg_kind(call, &l->kind);

	if (rc == 0 && (limit < 1 || limit > LIST_MAX))
		rc = td_ctl_error(call, TR_E_USAGE, "limit: 1 to %d", LIST_MAX);
	l->limit = (size_t)limit;
	l->shows_moved = td_ctl_arg_bool(call, "moved");
	if (rc == 0)
		rc = td_ctl_arg_unit(call, "owner", &l->owner);
	if (rc == 0)
		rc = read_status(call, l);
	if (rc == 0)
		rc = td_ctl_arg_time(call, "due_before", &l->due_before);
	if (rc == 0)
		rc = td_ctl_arg_time(call, "since", &l->since);
	if (rc == 0 && after != NULL) {
		rc = td_ctl_find_record(call, l->kind, after, &l->after, NULL);
		l->has_after = rc == 0;
	}
	return rc;
}

int td_ctl_record_list(struct td_ctl_call *call, json_t **data)
{
	struct listing *l = calloc(1, sizeof(*l));
	int rc;

	(void)data;
	if (l == NULL)
		return TR_E_NOMEM;
	call->state = l;
	call->free_state = free_listing;
	l->kind = TR_KIND_CASE;
	l->records = json_array();
	rc = read_listing(call, l);
	if (rc != 0)
		return rc;
	call->pump = list_pump;
	return TD_CTL_LATER;
}
