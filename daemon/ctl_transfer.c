/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_transfer -- a case goes to another home; and what both of its records show of it. */
#include "daemon/ctl_record.h"

#include <stdlib.h>
#include <string.h>

#include "replication/status.h"

static json_t *made_transfer(struct td_ctl_call *call, const struct rep_reply *reply)
{
	json_t *data = td_ctl_data(call);
	struct rep_moved came;

	td_ctl_put_id(data, "id", &reply->id);
	td_ctl_put_bool(data, "repeated", reply->repeated);
	td_ctl_put_int(data, "version", reply->version);
	/* Read, not taken from the reply: a repeated one knows the new id only. */
	if (td_ctl_load(call, TR_KIND_CASE, &reply->id) != 0 || !rep_record_came(td_ctl_record(call), &came))
		return data;
	td_ctl_put_unit(call, data, "home", td_ctl_record(call)->scope);
	td_ctl_put_id(data, "from", &came.id);
	td_ctl_put_bytes(data, "from_home", came.path);
	return data;
}

int td_ctl_record_transfer(struct td_ctl_call *call, json_t **out)
{
	const char *reason = td_ctl_arg(call, "reason"), *key = td_ctl_arg(call, "key");
	int64_t version = td_ctl_arg_int(call, "if_version", 0);
	struct rep_value value = {.field = 43, .type = REP_VALUE_TEXT};
	struct rep_write write = {.has_id = true, .must_exist = true, .values = &value, .value_count = 1};
	uint8_t kind = 0;
	int rc = td_ctl_find_record(call, 0, td_ctl_arg(call, "id"), &write.id, &kind);

	(void)out;
	if (rc == 0)
		rc = td_ctl_arg_unit(call, "to", &write.move_to);
	if (rc == 0)
		rc = td_ctl_check_actor(call);
	if (rc == 0 && kind != TR_KIND_CASE)
		rc = td_ctl_error(call, TR_E_TYPE, "only cases are moved");
	if (rc == 0 && (reason[0] == '\0' || strlen(reason) > rep_schema_field(TR_KIND_CASE, 43)->size_max))
		rc = td_ctl_error(call, TR_E_SIZE, "reason has %zu bytes, 1 to %u fit", strlen(reason),
		    rep_schema_field(TR_KIND_CASE, 43)->size_max);
	if (rc == 0 && key != NULL && (key[0] == '\0' || strlen(key) > TR_KEY_MAX))
		rc = td_ctl_error(call, TR_E_SIZE, "key has %zu bytes, 1 to %d fit", strlen(key), TR_KEY_MAX);
	if (rc == 0 && (version < 0 || version > UINT32_MAX))
		rc = td_ctl_error(call, TR_E_USAGE, "if_version is out of range");
	if (rc != 0)
		return rc;
	value.t = (struct tr_bytes){(const uint8_t *)reason, strlen(reason)};
	write.kind = kind;
	write.has_version = version > 0;
	write.if_version = (uint32_t)version;
	if (key != NULL)
		write.key = (struct tr_bytes){(const uint8_t *)key, strlen(key)};
	td_ctl_actor(call, &write);
	return td_ctl_write(call, &write, made_transfer);
}

/* -------------------------------------------------------------- both records */

/* What was written to the old record (td_ctl_record()) by those who did not know. */
static int late_json(struct td_ctl_call *call, json_t **out)
{
	struct rep_ops_cursor cursor = {0};
	struct rep_cause cause;
	struct rep_op op;
	json_t *list = json_array(), *o;
	uint32_t serial;
	int rc;

	while ((rc = rep_record_late(td_ctl_node(call), td_ctl_view(call), td_ctl_record(call), &cursor, &op, &cause,
		    &serial)) == 0) {
		o = json_object();
		td_ctl_put_time(o, "time", td_ctl_hlc_ms(cause.hlc));
		td_ctl_put_unit(call, o, "unit", cause.author);
		td_ctl_put_bytes(o, "actor", op.actor);
		td_ctl_put(o, "changes", td_ctl_changes(call, &op));
		td_ctl_put_int(o, "seq", (int64_t)cause.dot.seq);
		json_array_append_new(list, o);
	}
	if (rc == TR_E_NOTFOUND) {
		*out = list;
		return 0;
	}
	json_decref(list);
	return rc;
}

/* Several moved it at the same time: where the others sent it. */
static json_t *rivals_json(struct td_ctl_call *call, const struct rep_record *rec)
{
	int shown = rep_record_step_shown(rec);
	uint16_t alive[TR_STEPS_MAX];
	size_t count = rep_record_steps_alive(rec, alive, TR_STEPS_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct rep_step *s = &rec->steps[alive[i]];
		json_t *o;

		if (s->status != REP_CASE_MOVED || alive[i] == shown)
			continue;
		o = td_ctl_values(call, rec->kind, rec->values + s->value_first, s->value_count);
		td_ctl_put_unit(call, o, "by_unit", s->author);
		json_array_append_new(list, o);
	}
	return list;
}

static int put_moved(struct td_ctl_call *call, json_t *data, const struct rep_moved *moved)
{
	json_t *o = json_object(), *late = NULL;
	int rc = late_json(call, &late);

	td_ctl_put_id(o, "to", &moved->id);
	td_ctl_put_bytes(o, "home", moved->path);
	td_ctl_put(o, "also", rivals_json(call, td_ctl_record(call)));
	if (rc == 0)
		td_ctl_put(o, "late", late);
	td_ctl_put(data, "moved", o);
	return rc;
}

/* The record that it came from, if it is held here; the call's own is the
 * scratch, so it is loaded again afterwards. */
static int put_came(struct td_ctl_call *call, json_t *data, const struct rep_moved *came)
{
	const struct tr_rec_id id = td_ctl_record(call)->id, from = came->id;
	json_t *o = json_object(), *late = NULL;
	struct rep_moved moved;
	int rc;

	td_ctl_put_id(o, "from", &from);
	td_ctl_put_bytes(o, "home", came->path);
	td_ctl_put(data, "came", o);
	rc = td_ctl_load(call, TR_KIND_CASE, &from);
	if (rc == TR_E_NOREC || rc == TR_E_NOTFOUND) {
		call->error.message[0] = call->error.hint[0] = '\0';
		td_ctl_put_bool(o, "held", false);
		return td_ctl_load(call, TR_KIND_CASE, &id);
	}
	td_ctl_put_bool(o, "held", rc == 0);
	/* The commit of both was lost in part, with the store of who made it. */
	if (rc == 0 && !rep_record_moved(td_ctl_record(call), &moved))
		td_ctl_put_bool(o, "torn", true);
	else if (rc == 0 && memcmp(moved.id.b, id.b, sizeof(id.b)) != 0)
		td_ctl_put_id(o, "shown_as", &moved.id); /* another copy is the one that counts */
	if (rc == 0)
		rc = late_json(call, &late);
	if (rc == 0)
		td_ctl_put(o, "late", late);
	return rc == 0 ? td_ctl_load(call, TR_KIND_CASE, &id) : rc;
}

int td_ctl_put_move(struct td_ctl_call *call, json_t *data)
{
	struct rep_moved other;
	int rc = 0;

	if (rep_record_came(td_ctl_record(call), &other))
		rc = put_came(call, data, &other);
	if (rc == 0 && rep_record_moved(td_ctl_record(call), &other))
		rc = put_moved(call, data, &other);
	return rc;
}
