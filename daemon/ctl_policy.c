/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_policy -- which of concurrent values is shown: look, and send another rule. */
#include "daemon/ctl_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/policy_file.h"
#include "daemon/sys.h"

/* -------------------------------------------------------------------- show */

static json_t *fields_of(const struct rep_field *group)
{
	json_t *list = json_array();
	const struct rep_field *f;

	for (size_t i = 0; (f = rep_schema_at(group->kind, i)) != NULL; i++)
		if (f->group_id == group->group_id)
			json_array_append_new(list, json_string(f->name));
	return list;
}

static json_t *rule_json(const struct rep_policy *policy, const struct rep_field *group)
{
	json_t *o = json_object();

	td_ctl_put_text(o, "kind", rep_schema_kind_name(group->kind));
	td_ctl_put_text(o, "group", group->group);
	td_ctl_put(o, "fields", fields_of(group));
	td_ctl_put_text(o, "merge", rep_policy_merge_name(rep_policy_merge(policy, group->kind, group->id)));
	td_ctl_put_text(o, "default", rep_policy_merge_name(group->merge));
	td_ctl_put_bool(o, "notify", policy->notify[group->kind][group->id]);
	td_ctl_put_bool(o, "asked", rep_policy_is_asked(policy, group->kind, group->id));
	return o;
}

static json_t *rules_json(const struct rep_policy *policy)
{
	json_t *list = json_array();
	const struct rep_field *f;

	for (uint8_t kind = TR_KIND_CASE; kind < REP_POLICY_KINDS; kind++)
		for (size_t i = 0; (f = rep_schema_at(kind, i)) != NULL; i++) {
			struct rep_policy_rule rule = {.kind = kind, .field = f->id};

			if (f->id == f->group_id && rep_policy_rule_why(&rule) == REP_POLICY_FINE)
				json_array_append_new(list, rule_json(policy, f));
		}
	return list;
}

static json_t *ranks_json(const struct rep_policy *policy)
{
	json_t *list = json_array();

	for (uint8_t kind = TR_KIND_CASE; kind < REP_POLICY_KINDS; kind++) {
		const struct rep_field *status = rep_schema_by_name(kind, "status", 6);

		for (int64_t v = 1; status != NULL && rep_schema_value_name(status, v) != NULL; v++) {
			json_t *o = json_object();

			td_ctl_put_text(o, "kind", rep_schema_kind_name(kind));
			td_ctl_put_text(o, "status", rep_schema_value_name(status, v));
			td_ctl_put_int(o, "rank", rep_policy_status_rank(policy, kind, v));
			td_ctl_put_int(o, "default", rep_policy_status_rank(NULL, kind, v));
			json_array_append_new(list, o);
		}
	}
	return list;
}

int td_ctl_policy_show(struct td_ctl_call *call, json_t **out)
{
	const struct rep_policy *policy = rep_policy_of(td_ctl_node(call));
	json_t *data = td_ctl_data(call);
	struct rep_unit_info unit;
	struct tr_nid top = {0};

	for (size_t i = 0; top.v == 0 && rep_inspect_unit(td_ctl_node(call), i, &unit); i++)
		if (unit.level == 0)
			top = unit.nid;
	td_ctl_put_int(data, "version", policy->version);
	td_ctl_put_unit(call, data, "from", top);
	td_ctl_put_time(data, "sent", policy->version != 0 ? td_ctl_hlc_ms(policy->hlc) : 0);
	td_ctl_put_time(data, "since", policy->version != 0 ? policy->since_ms : 0);
	td_ctl_put_int(data, "unknown_rules", policy->ignored);
	td_ctl_put(data, "rules", rules_json(policy));
	td_ctl_put(data, "ranks", ranks_json(policy));
	*out = data;
	return 0;
}

/* -------------------------------------------------------------------- send */

struct sending {
	struct rep_policy_doc doc;
	struct rep_policy policy; /* what it will mean */
	struct rep_conflict_cursor cursor;
	struct tr_rec_id last;    /* conflicts of one record follow each other */
	bool has_last;
	int64_t looked_at, shown, asked, settled;
};

static void free_sending(struct td_ctl_call *call)
{
	free(call->state);
	call->state = NULL;
}

static void put_change(json_t *data, const struct sending *s)
{
	td_ctl_put_int(data, "conflicts", s->looked_at);
	td_ctl_put_int(data, "records_changed", s->shown);
	td_ctl_put_int(data, "conflicts_to_decide", s->asked);
	td_ctl_put_int(data, "conflicts_settled", s->settled);
}

static void on_sent(void *arg, const struct rep_reply *reply)
{
	struct td_ctl_call *call = arg;
	json_t *data;

	if (reply->rc == TR_E_AUTH) {
		td_ctl_hint(call, "send it there; it comes down to this unit by itself");
		td_ctl_error(call, TR_E_AUTH, "a policy is for the whole zone: only the top node sends one");
	}
	if (reply->rc != 0) {
		td_ctl_answer(call, reply->rc, NULL);
		return;
	}
	data = td_ctl_data(call);
	td_ctl_put_int(data, "version", reply->version);
	td_ctl_put_bool(data, "unchanged", reply->unchanged);
	td_ctl_put_bool(data, "dry_run", false);
	put_change(data, call->state);
	td_ctl_answer(call, 0, data);
}

static int index_shown(struct rep_record *rec, const struct rep_policy *policy, uint16_t group)
{
	const struct rep_field *field = rep_schema_field(rec->kind, group);

	rec->policy = policy;
	return field != NULL && field->merge == REP_MERGE_FLOW ? rep_record_step_shown(rec)
							       : rep_record_shown(rec, group);
}

/* Only where several values stand can another one be shown. */
static int look(struct td_ctl_call *call, struct sending *s, const struct rep_conflict *found)
{
	const struct rep_policy *now = rep_policy_of(td_ctl_node(call));
	bool is_asked = rep_policy_is_asked(&s->policy, found->kind, found->group);
	bool was_asked = rep_policy_is_asked(now, found->kind, found->group);
	struct rep_record *rec;
	int rc = td_ctl_load(call, found->kind, &found->rec);

	if (rc != 0)
		return rc;
	rec = td_ctl_record(call);
	s->looked_at++;
	s->asked += is_asked && !was_asked;
	s->settled += was_asked && !is_asked;
	if (index_shown(rec, &s->policy, found->group) != index_shown(rec, now, found->group) &&
	    (!s->has_last || memcmp(&s->last, &found->rec, sizeof(s->last)) != 0)) {
		s->shown++;
		s->last = found->rec;
		s->has_last = true;
	}
	return 0;
}

static int finish(struct td_ctl_call *call, json_t **out)
{
	struct sending *s = call->state;
	struct rep_policy_send send = {.doc = &s->doc};

	if (!td_ctl_arg_bool(call, "dry_run")) {
		call->pump = NULL;
		td_engine_policy(call->ctl->engine, &send, on_sent, call);
		return TD_CTL_LATER;
	}
	*out = td_ctl_data(call);
	td_ctl_put_int(*out, "version", rep_policy_of(td_ctl_node(call))->version);
	td_ctl_put_bool(*out, "unchanged", false);
	td_ctl_put_bool(*out, "dry_run", true);
	put_change(*out, s);
	return 0;
}

static int send_pump(struct td_ctl_call *call, json_t **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct sending *s = call->state;
	struct rep_conflict found;

	while (td_sys_mono_us() < until_us) {
		int rc = rep_next_conflict(td_ctl_view(call), &s->cursor, &found);

		if (rc == TR_E_NOTFOUND)
			return finish(call, out);
		if (rc == 0)
			rc = look(call, s, &found);
		if (rc != 0)
			return rc;
	}
	return TD_CTL_LATER;
}

static json_t *lines_of(const char *text)
{
	json_t *list = json_array();

	while (*text != '\0') {
		size_t size = strcspn(text, "\n");

		json_array_append_new(list, json_stringn(text, size));
		text += size + (text[size] == '\n');
	}
	return list;
}

static int read_file(struct td_ctl_call *call, struct sending *s)
{
	const char *name = td_ctl_arg(call, "file"), *text = td_ctl_arg(call, "text");
	size_t size, faults_size = 0;
	char *faults = NULL;
	FILE *errors = open_memstream(&faults, &faults_size);
	int rc;

	if (errors == NULL)
		return TR_E_NOMEM;
	size = strlen(text);
	rc = td_policy_file_read(name != NULL ? name : "policy", text, size, errors, &s->doc);
	if (fclose(errors) != 0 && rc == 0)
		rc = TR_E_NOMEM;
	if (rc == TR_E_INPUT) {
		call->error_lines = lines_of(faults != NULL ? faults : "");
		td_ctl_error(call, rc, "'%.200s' is no policy", name != NULL ? name : "this");
	}
	free(faults);
	if (rc == 0)
		rep_policy_resolve(&s->policy, &s->doc);
	return rc;
}

int td_ctl_policy_send(struct td_ctl_call *call, json_t **data)
{
	struct sending *s = calloc(1, sizeof(*s));
	int rc;

	(void)data;
	if (s == NULL)
		return TR_E_NOMEM;
	call->state = s;
	call->free_state = free_sending;
	rc = read_file(call, s);
	if (rc != 0)
		return rc;
	call->pump = send_pump;
	return TD_CTL_LATER;
}
