/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_conflict -- values that nobody has seen together, and the decision of a
 * person.  Id: "<first 16 hexadecimal digits of the record>.<group>", the
 * same on every node; candidates A..Z, AA.. in (author, inc, seq) order.
 */
#include "daemon/ctl_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_letter.h"
#include "daemon/sys.h"
#include "replication/status.h"

#define LIST_MAX 1000
#define CANDS_MAX (TR_CANDS_MAX > TR_STEPS_MAX ? TR_CANDS_MAX : TR_STEPS_MAX)
#define SAME_MAX 256 /* records with the same first digits that are looked at */

/* One candidate, of a register group or of the status. */
struct cand {
	struct tr_dot dot;
	struct tr_nid author;
	struct tr_hlc hlc;
	uint8_t level, clockq, status; /* status 0: a register */
	struct tr_bytes actor;
	int64_t at_ms;
	const struct rep_value *values;
	size_t value_count;
	bool is_shown;
};

static const struct rep_field *group_field(uint8_t kind, uint16_t group)
{
	return rep_schema_field(kind, group);
}

static const struct rep_field *group_by_name(uint8_t kind, const char *name)
{
	const struct rep_field *field;

	for (size_t i = 0; (field = rep_schema_at(kind, i)) != NULL; i++)
		if (field->id == field->group_id && strcmp(field->group, name) == 0)
			return field;
	return NULL;
}

static size_t step_cands(const struct rep_record *rec, struct cand *out)
{
	uint16_t at[TR_STEPS_MAX];
	size_t count = rep_record_steps_alive(rec, at, TR_STEPS_MAX);
	int shown = rep_record_step_shown(rec);

	count = count < CANDS_MAX ? count : CANDS_MAX;
	for (size_t i = 0; i < count; i++) {
		const struct rep_step *s = &rec->steps[at[i]];

		out[i] = (struct cand){s->dot, s->author, s->hlc, s->level, s->clockq, s->status,
		    s->actor, s->at_ms, rec->values + s->value_first, s->value_count,
		    (int)at[i] == shown};
	}
	return count;
}

static size_t register_cands(const struct rep_record *rec, uint16_t group, struct cand *out)
{
	uint16_t at[TR_CANDS_MAX];
	size_t count = rep_record_cands(rec, group, at, TR_CANDS_MAX);
	int shown = rep_record_shown(rec, group);

	count = count < CANDS_MAX ? count : CANDS_MAX;
	for (size_t i = 0; i < count; i++) {
		const struct rep_cand *c = &rec->cands[at[i]];

		out[i] = (struct cand){c->dot, c->author, c->hlc, c->level, c->clockq, 0, c->actor,
		    0, rec->values + c->value_first, c->value_count, (int)at[i] == shown};
	}
	return count;
}

static size_t cands_of(const struct rep_record *rec, const struct rep_field *group, struct cand out[static CANDS_MAX])
{
	return group->merge == REP_MERGE_FLOW ? step_cands(rec, out)
					      : register_cands(rec, group->group_id, out);
}

/* -------------------------------------------------------------------- list */

static json_t *cand_json(struct td_ctl_call *call, const struct rep_record *rec,
    const struct cand *cand, size_t index)
{
	static const char *const quality[] = {"unknown", "holdover", "compared"};
	json_t *o = json_object(), *values = td_ctl_values(call, rec->kind, cand->values, cand->value_count);
	const char *status = rep_status_name(rec->kind, cand->status);
	char letter[TD_LETTER_MAX + 1];

	if (cand->status != 0) {
		td_ctl_put_text(values, "status", status != NULL ? status : "?");
		td_ctl_put_time(values, "at", cand->at_ms);
	}
	td_ctl_letter(index, letter);
	td_ctl_put_text(o, "letter", letter);
	td_ctl_put_bool(o, "shown", cand->is_shown);
	td_ctl_put(o, "values", values);
	td_ctl_put_unit(call, o, "unit", cand->author);
	td_ctl_put_int(o, "level", cand->level);
	td_ctl_put_bytes(o, "actor", cand->actor);
	td_ctl_put_time(o, "time", td_ctl_hlc_ms(cand->hlc));
	td_ctl_put_text(o, "clock_quality", quality[cand->clockq % 3]);
	td_ctl_put_nid(o, "author", cand->author);
	td_ctl_put_int(o, "seq", (int64_t)cand->dot.seq);
	return o;
}

static json_t *conflict_id(struct td_ctl_call *call, const struct rep_record *rec, const char *group)
{
	struct tr_rec_id found[2];
	uint8_t kinds[2];
	char hex[33];
	size_t digits = 8;

	td_text_write_hex(rec->id.b, sizeof(rec->id.b), hex);
	while (digits < 32 &&
	       rep_find_prefix(td_ctl_view(call), 0, hex, digits, found, kinds, 2) > 1)
		digits += 4;
	return json_sprintf("%.*s.%s", (int)digits, hex, group);
}

static json_t *conflict_json(struct td_ctl_call *call, const struct rep_record *rec,
    const struct rep_field *group, int64_t since_ms)
{
	struct cand cands[CANDS_MAX];
	size_t count = cands_of(rec, group, cands);
	json_t *o = json_object(), *list = json_array();
	const struct rep_policy *policy = rep_policy_of(td_ctl_node(call));
	bool ask = rep_policy_is_asked(policy, rec->kind, group->group_id);

	td_ctl_put(o, "id", conflict_id(call, rec, group->group));
	td_ctl_put_id(o, "record", &rec->id);
	td_ctl_put_text(o, "kind", rep_schema_kind_name(rec->kind));
	td_ctl_put_int(o, "version", rec->version);
	td_ctl_put_field(call, o, rec, "title");
	td_ctl_put_text(o, "group", group->group);
	td_ctl_put_text(o, "state", ask ? "undecided" : "settled by rule");
	td_ctl_put_text(o, "rule", rep_rule_name(rep_merge_rule(rec, group->group_id)));
	td_ctl_put_text(o, "merge", rep_policy_merge_name(rep_policy_merge(policy, rec->kind, group->group_id)));
	td_ctl_put_int(o, "policy", policy->version);
	td_ctl_put_time(o, "since", since_ms);
	td_ctl_put_age(o, "age_seconds", since_ms);
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, cand_json(call, rec, &cands[i], i));
	td_ctl_put(o, "candidates", list);
	return o;
}

struct listing {
	struct rep_conflict_cursor cursor;
	char hex[33];   /* first digits of the record; "" = any */
	char group[32]; /* "" = any */
	json_t *list;
	bool is_cut;
};

static void free_listing(struct td_ctl_call *call)
{
	struct listing *l = call->state;

	if (l != NULL)
		json_decref(l->list);
	free(l);
	call->state = NULL;
}

static bool is_asked_for(const struct listing *l, const struct rep_conflict *found)
{
	const struct rep_field *group = group_field(found->kind, found->group);
	char hex[33];

	if (group == NULL)
		return false;
	td_text_write_hex(found->rec.b, sizeof(found->rec.b), hex);
	if (strncmp(hex, l->hex, strlen(l->hex)) != 0)
		return false;
	return l->group[0] == '\0' || strcmp(l->group, group->group) == 0;
}

static int list_pump(struct td_ctl_call *call, json_t **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct listing *l = call->state;
	struct rep_conflict found;
	json_t *data;
	int rc;

	while (td_sys_mono_us() < until_us) {
		rc = rep_next_conflict(td_ctl_view(call), &l->cursor, &found);
		if (rc == TR_E_NOTFOUND || (rc == 0 && json_array_size(l->list) >= LIST_MAX)) {
			data = td_ctl_data(call);
			td_ctl_put(data, "conflicts", json_incref(l->list));
			td_ctl_put_bool(data, "cut", rc == 0);
			*out = data;
			return 0;
		}
		if (rc == 0 && is_asked_for(l, &found)) {
			rc = td_ctl_load(call, found.kind, &found.rec);
			if (rc == 0)
				json_array_append_new(l->list,
				    conflict_json(call, td_ctl_record(call),
					group_field(found.kind, found.group), found.since_ms));
		}
		if (rc != 0)
			return rc;
	}
	return TD_CTL_LATER;
}

/* "<record>" or "<record>.<group>": all conflicts whose record begins so. */
static int read_id(struct td_ctl_call *call, struct listing *l, const char *text)
{
	const char *dot = strrchr(text, '.');
	struct tr_rec_id id;
	uint8_t kind;
	char record[48];

	snprintf(record, sizeof(record), "%.*s", (int)(dot != NULL && dot - text < 40 ? dot - text : 40), text);
	snprintf(l->group, sizeof(l->group), "%s", dot != NULL ? dot + 1 : "");
	if (td_ctl_hex_of(record, l->hex) < 8 ||
	    rep_find_prefix(td_ctl_view(call), 0, l->hex, strlen(l->hex), &id, &kind, 1) == 0)
		return td_ctl_find_record(call, 0, record, &id, NULL); /* says what is wrong */
	if (l->group[0] != '\0' && group_by_name(kind, l->group) == NULL)
		return td_ctl_error(call, TR_E_NOTFOUND, "a %s has no group '%s'", rep_schema_kind_name(kind), l->group);
	return 0;
}

int td_ctl_conflicts(struct td_ctl_call *call, json_t **data)
{
	struct listing *l = calloc(1, sizeof(*l));
	const char *id = td_ctl_arg(call, "id");
	int rc = 0;

	(void)data;
	if (l == NULL)
		return TR_E_NOMEM;
	call->state = l;
	call->free_state = free_listing;
	l->list = json_array();
	if (id != NULL)
		rc = read_id(call, l, id);
	if (rc != 0)
		return rc;
	call->pump = list_pump;
	return TD_CTL_LATER;
}

/* ----------------------------------------------------------------- resolve */

static json_t *made_resolve(struct td_ctl_call *call, const struct rep_reply *reply)
{
	json_t *data = td_ctl_data(call);

	td_ctl_put_text(data, "id", td_ctl_arg(call, "id"));
	td_ctl_put_id(data, "record", &reply->id);
	td_ctl_put_int(data, "version", reply->version);
	return data;
}

/* --keep B: that candidate's values once more, on top of all of them. */
static int keep_one(struct td_ctl_call *call, const struct rep_record *rec,
    const struct rep_field *group, const struct cand *cands, size_t count, struct rep_value *values, size_t *value_count)
{
	const char *letter = td_ctl_arg(call, "keep");
	size_t i = td_ctl_letter_index(letter);
	char last[TD_LETTER_MAX + 1];

	if (i >= count) {
		td_ctl_letter(count - 1, last);
		return td_ctl_error(call, TR_E_USAGE, "keep: a letter from A to %s, not '%.8s'", last, letter);
	}
	if (group->merge == REP_MERGE_FLOW) {
		values[0] = (struct rep_value){.field = group->id, .type = REP_VALUE_INT, .i = cands[i].status};
		*value_count = 1;
	}
	for (size_t j = 0; j < cands[i].value_count && *value_count < TR_FIELDS_MAX; j++)
		if (rep_schema_field(rec->kind, cands[i].values[j].field) != NULL &&
		    (group->merge != REP_MERGE_FLOW || cands[i].values[j].field != group->id))
			values[(*value_count)++] = cands[i].values[j];
	return 0;
}

/* --value: new values, through the door of ingest.sock. */
static int take_value(struct td_ctl_call *call, const struct rep_record *rec,
    const struct rep_field *group, char **line, struct rep_value *values, size_t *value_count)
{
	json_t *object = json_copy(json_object_get(call->args, "value"));
	const struct rep_field *field;
	struct rep_write write;
	size_t size;
	int rc;

	td_ctl_put_text(object, "kind", rep_schema_kind_name(rec->kind));
	td_ctl_put_id(object, "id", &rec->id);
	*line = tr_control_line(object, &size);
	json_decref(object);
	if (*line == NULL)
		return TR_E_NOMEM;
	rc = td_door_read(call->ctl->door, td_ctl_node(call), (uint8_t *)*line, size - 1, &write, &call->error);
	if (rc == 0 && write.value_count == 0)
		rc = td_ctl_error(call, TR_E_USAGE, "value: no field in it");
	for (size_t i = 0; rc == 0 && i < write.value_count; i++) {
		field = rep_schema_field(rec->kind, write.values[i].field);
		if (field == NULL || field->group_id != group->group_id)
			rc = td_ctl_error(call, TR_E_FIELD, "%s is not of the group '%s'",
			    field != NULL ? field->name : "?", group->group);
		else
			values[(*value_count)++] = write.values[i];
	}
	return rc;
}

/* The record whose digits these are; of several, the one that has this conflict. */
static int find_in_conflict(struct td_ctl_call *call, const char *record, const char *name)
{
	struct tr_rec_id found[SAME_MAX];
	uint8_t kinds[SAME_MAX];
	struct cand cands[CANDS_MAX];
	const struct rep_field *group;
	char hex[33];
	size_t digits = td_ctl_hex_of(record, hex), count, fits = 0, at = 0;

	count = digits < 8 ? 0 : rep_find_prefix(td_ctl_view(call), 0, hex, digits, found, kinds, SAME_MAX);
	for (size_t i = 0; count > 1 && i < count; i++) {
		group = group_by_name(kinds[i], name);
		if (group == NULL || td_ctl_load(call, kinds[i], &found[i]) != 0 ||
		    cands_of(td_ctl_record(call), group, cands) < 2)
			continue;
		at = i;
		fits++;
	}
	if (fits == 1)
		return td_ctl_load(call, kinds[at], &found[at]);
	if (count != 1)
		return td_ctl_find_record(call, 0, record, &found[0], NULL); /* says what is wrong */
	return td_ctl_load(call, kinds[0], &found[0]);
}

static int find_conflict(struct td_ctl_call *call, const struct rep_field **group)
{
	const char *text = td_ctl_arg(call, "id"), *dot = strrchr(text, '.');
	char record[48];
	uint8_t kind;
	int rc;

	if (dot == NULL) {
		td_ctl_hint(call, "`terracectl conflicts %s` shows its ids", text);
		return td_ctl_error(call, TR_E_USAGE, "'%.64s' names a record, not a conflict", text);
	}
	snprintf(record, sizeof(record), "%.*s", (int)(dot - text < 40 ? dot - text : 40), text);
	rc = find_in_conflict(call, record, dot + 1);
	if (rc != 0)
		return rc;
	kind = td_ctl_record(call)->kind;
	*group = group_by_name(kind, dot + 1);
	if (*group == NULL)
		return td_ctl_error(call, TR_E_NOTFOUND, "a %s has no group '%.32s'", rep_schema_kind_name(kind), dot + 1);
	return 0;
}

int td_ctl_conflict_resolve(struct td_ctl_call *call, json_t **data)
{
	bool keep = td_ctl_arg(call, "keep") != NULL;
	bool value = json_object_get(call->args, "value") != NULL;
	int64_t version = td_ctl_arg_int(call, "if_version", 0);
	const struct rep_record *rec;
	const struct rep_field *group = NULL;
	struct rep_value values[TR_FIELDS_MAX];
	struct tr_dot saw[CANDS_MAX];
	struct cand cands[CANDS_MAX];
	struct rep_write write = {.has_id = true, .must_exist = true, .values = values, .saw = saw};
	char *line = NULL;
	int rc;

	(void)data;
	if (keep == value)
		return td_ctl_error(call, TR_E_USAGE, "give one of 'keep' and 'value'");
	if (version < 0 || version > UINT32_MAX)
		return td_ctl_error(call, TR_E_USAGE, "if_version is out of range");
	rc = td_ctl_check_actor(call);
	if (rc == 0)
		rc = find_conflict(call, &group);
	if (rc != 0)
		return rc;
	TR_ASSERT(group != NULL);
	rec = td_ctl_record(call);
	/* Before a letter is looked up: it may be another one's by now. */
	if (version > 0 && (uint32_t)version != rec->version)
		return td_ctl_error(call, TR_E_VERSION, "the record is at version %u by now, not %" PRId64, rec->version, version);
	write.has_version = version > 0;
	write.if_version = (uint32_t)version;
	write.saw_count = cands_of(rec, group, cands);
	if (write.saw_count < 2)
		return td_ctl_error(call, TR_E_NOTFOUND, "no open conflict in '%s': it is settled already", group->group);
	for (size_t i = 0; i < write.saw_count; i++)
		saw[i] = cands[i].dot;
	rc = keep ? keep_one(call, rec, group, cands, write.saw_count, values, &write.value_count)
		  : take_value(call, rec, group, &line, values, &write.value_count);
	if (rc == 0) {
		write.kind = rec->kind;
		write.id = rec->id;
		write.resolve_group = group->group_id;
		td_ctl_actor(call, &write);
		rc = td_ctl_write(call, &write, made_resolve);
	}
	free(line);
	return rc;
}
