/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_directive_look -- directives rolled up, and one of them target by target. */
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_directive.h"
#include "daemon/ctl_record.h"
#include "daemon/ctl_roll.h"
#include "daemon/sys.h"
#include "replication/status.h"

/* Field ids of schema.def. */
enum { F_TARGETS_N = 2, F_PROGRESS = 61 };

/* -------------------------------------------------------------------- list */

static json_t *rolled_json(struct td_ctl_call *call, const struct td_ctl_rolled *item)
{
	const struct rep_record *rec;
	json_t *o = json_object();

	td_ctl_put_id(o, "id", &item->id);
	if (td_ctl_load(call, TR_KIND_DIRECTIVE, &item->record) == 0) {
		rec = td_ctl_record(call);
		td_ctl_put_field(call, o, rec, "number");
		td_ctl_put_field(call, o, rec, "title");
		td_ctl_put_field(call, o, rec, "issuer");
		td_ctl_put_field(call, o, rec, "priority");
		td_ctl_put_field(call, o, rec, "targets_n");
	}
	td_ctl_put_time(o, "sent", item->sent_ms);
	td_ctl_put_time(o, "due", item->due_ms);
	td_ctl_put_int(o, "targets", item->targets);
	td_ctl_put_int(o, "delivered", item->delivered);
	td_ctl_put_int(o, "acknowledged", item->acknowledged);
	td_ctl_put_int(o, "done", item->done);
	td_ctl_put_int(o, "overdue", item->overdue);
	td_ctl_put_int(o, "open", item->open);
	return o;
}

/* The own rung of a node that is a target itself. */
static void put_own_rung(struct td_ctl_call *call, json_t *o, const struct td_ctl_rolled *item)
{
	struct rep_self self;
	struct tr_rec_id record;
	const char *rung;

	rep_inspect_self(td_ctl_node(call), &self);
	if (td_ctl_directive_record(call, &item->id, self.cert.nid, &record) != 0) {
		memset(&call->error, 0, sizeof(call->error));
		td_ctl_put(o, "rung", json_null());
		return;
	}
	rung = rep_status_name(TR_KIND_DIRECTIVE, rep_record_status(td_ctl_record(call)));
	td_ctl_put_text(o, "rung", rung != NULL ? rung : "?");
}

static int list_pump(struct td_ctl_call *call, json_t **out)
{
	bool only_open = td_ctl_arg_bool(call, "open");
	const struct td_ctl_roll *roll;
	json_t *data, *list, *o;
	int rc = td_ctl_roll_run(call, &roll);

	if (rc != 0)
		return rc;
	data = td_ctl_data(call);
	list = json_array();
	for (size_t i = 0; i < roll->count; i++) {
		if (only_open && roll->items[i].open == 0)
			continue;
		o = rolled_json(call, &roll->items[i]);
		/* With many targets the answer is in the numbers. */
		if (roll->items[i].targets <= 8)
			put_own_rung(call, o, &roll->items[i]);
		json_array_append_new(list, o);
	}
	td_ctl_put(data, "directives", list);
	*out = data;
	return 0;
}

int td_ctl_directive_list(struct td_ctl_call *call, json_t **data)
{
	(void)data;
	call->pump = list_pump;
	return TD_CTL_LATER;
}

/* ------------------------------------------------------------------ status */

struct look {
	struct tr_rec_id directive, after;
	bool some;
	json_t *data, *targets, *counts;
	int64_t now_ms;
};

static void free_look(struct td_ctl_call *call)
{
	struct look *l = call->state;

	if (l != NULL) {
		json_decref(l->data);
		json_decref(l->targets);
		json_decref(l->counts);
	}
	free(l);
	call->state = NULL;
}

static void put_percent(struct td_ctl_call *call, json_t *o, const struct rep_record *rec)
{
	struct rep_row_cursor cursor = {0};
	struct rep_row row;
	int64_t percent = -1;

	while (rep_record_rows(td_ctl_view(call), &rec->id, F_PROGRESS, &cursor, &row) == 0)
		if (row.i >= 0)
			percent = row.i; /* the newest stands */
	td_ctl_put(o, "percent", percent >= 0 ? json_integer(percent) : json_null());
}

static json_t *target_json(struct td_ctl_call *call, const struct look *l, const char **rung)
{
	const struct rep_record *rec = td_ctl_record(call);
	uint8_t status = rep_record_status(rec);
	int shown = rep_record_step_shown(rec);
	const struct rep_step *step = shown >= 0 ? &rec->steps[shown] : NULL;
	bool moved = step != NULL && status != REP_DIR_ISSUED;
	struct rep_unit_info unit;
	struct tr_hlc at = {0};
	bool delivered = rep_directive_delivered(td_ctl_node(call), rec, &at);
	json_t *o = json_object();

	*rung = rep_status_name(TR_KIND_DIRECTIVE, status);
	if (*rung == NULL)
		*rung = "?";
	if (status == REP_DIR_ISSUED && delivered)
		*rung = "delivered";
	td_ctl_put_unit(call, o, "unit", rec->scope);
	td_ctl_put_text(o, "title", rep_unit_get(td_ctl_node(call), rec->scope, &unit) ? unit.title : "");
	td_ctl_put_time(o, "delivered", delivered ? td_ctl_hlc_ms(at) : 0);
	td_ctl_put_text(o, "rung", *rung);
	td_ctl_put_time(o, "at", moved ? step->at_ms : delivered ? td_ctl_hlc_ms(at) : 0);
	td_ctl_put_bytes(o, "actor", moved ? step->actor : (struct tr_bytes){0});
	td_ctl_put_field(call, o, rec, "reason");
	put_percent(call, o, rec);
	td_ctl_put_bool(o, "overdue", td_ctl_roll_is_overdue(rec, l->now_ms));
	td_ctl_put_id(o, "record", &rec->id);
	return o;
}

/* What all its records say alike. */
static json_t *head_json(struct td_ctl_call *call, const struct look *l)
{
	const struct rep_record *rec = td_ctl_record(call);
	json_t *data = td_ctl_data(call);
	int64_t sent = 0;

	for (size_t i = 0; i < rec->step_count; i++)
		if (rec->steps[i].status == REP_DIR_ISSUED)
			sent = rec->steps[i].at_ms;
	td_ctl_put_id(data, "id", &l->directive);
	td_ctl_put_field(call, data, rec, "number");
	td_ctl_put_field(call, data, rec, "title");
	td_ctl_put_field(call, data, rec, "body");
	td_ctl_put_field(call, data, rec, "issuer");
	td_ctl_put_time(data, "sent", sent);
	td_ctl_put_time(data, "due", td_ctl_roll_due(rec));
	td_ctl_put_field(call, data, rec, "priority");
	td_ctl_put_field(call, data, rec, "receipt_required");
	td_ctl_put_field(call, data, rec, "targets_n");
	return data;
}

static int status_pump(struct td_ctl_call *call, json_t **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct look *l = call->state;
	struct tr_rec_id id;
	const char *rung;
	int rc;

	while (td_sys_mono_us() < until_us) {
		if (rep_find_directive(td_ctl_view(call), &l->directive, l->some ? &l->after : NULL, &id, 1) == 0) {
			if (l->data == NULL)
				return TR_E_NOREC;
			td_ctl_put(l->data, "counts", json_incref(l->counts));
			td_ctl_put(l->data, "targets", json_incref(l->targets));
			*out = json_incref(l->data);
			return 0;
		}
		rc = td_ctl_load(call, TR_KIND_DIRECTIVE, &id);
		if (rc != 0)
			return rc;
		l->after = id;
		l->some = true;
		if (l->data == NULL)
			l->data = head_json(call, l);
		json_array_append_new(l->targets, target_json(call, l, &rung));
		td_ctl_put_int(l->counts, rung, json_integer_value(json_object_get(l->counts, rung)) + 1);
	}
	return TD_CTL_LATER;
}

int td_ctl_directive_status(struct td_ctl_call *call, json_t **data)
{
	struct look *l = calloc(1, sizeof(*l));
	int rc;

	(void)data;
	if (l == NULL)
		return TR_E_NOMEM;
	call->state = l;
	call->free_state = free_look;
	l->targets = json_array();
	l->counts = json_object();
	l->now_ms = td_sys_wall().ms;
	rc = td_ctl_find_directive(call, td_ctl_arg(call, "id"), &l->directive);
	if (rc != 0)
		return rc;
	call->pump = status_pump;
	return TD_CTL_LATER;
}
