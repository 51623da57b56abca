/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_history -- the ops of a record: who changed what, and how far each came. */
#include "daemon/ctl_record.h"
#include "daemon/ctl_past.h"

#include <stdlib.h>
#include <string.h>

#include "proto/grow.h"
#include "proto/wire.h"

#define OPS_MAX 5000 /* of one record; the newest */

struct entry {
	struct tr_hlc hlc;
	struct tr_nid author;
	uint64_t seq;
	json_t *json;
};

struct entries {
	struct entry *list;
	size_t count, cap;
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	const uint64_t keys[3][2] = {
	    {x->hlc.v, y->hlc.v}, {x->author.v, y->author.v}, {x->seq, y->seq}};

	for (size_t i = 0; i < 3; i++)
		if (keys[i][0] != keys[i][1])
			return keys[i][0] < keys[i][1] ? -1 : 1;
	return 0;
}

static bool add(struct entries *e, const struct rep_cause *cause, json_t *take_json)
{
	struct entry *list = tr_grow(e->list, e->count, &e->cap, sizeof(*list));

	if (list == NULL) {
		json_decref(take_json);
		return false;
	}
	e->list = list;
	e->list[e->count++] = (struct entry){cause->hlc, cause->author, cause->dot.seq, take_json};
	return true;
}

/* In (hlc, author, seq) order into an array; the entries are gone after it. */
static json_t *take_sorted(struct entries *e)
{
	json_t *array = json_array();
	size_t from = e->count > OPS_MAX ? e->count - OPS_MAX : 0;

	if (e->count > 0)
		qsort(e->list, e->count, sizeof(e->list[0]), compare_entries);
	for (size_t i = 0; i < e->count; i++) {
		if (i >= from)
			json_array_append_new(array, e->list[i].json);
		else
			json_decref(e->list[i].json);
	}
	free(e->list);
	memset(e, 0, sizeof(*e));
	return array;
}

typedef json_t *entry_fn(struct td_ctl_call *call, const struct rep_op *op,
    const struct rep_cause *cause, uint32_t serial);

static int walk(struct td_ctl_call *call, const struct tr_rec_id *id, entry_fn *make, json_t **out)
{
	struct rep_ops_cursor cursor = {0};
	struct entries entries = {0};
	struct rep_cause cause;
	struct rep_op op;
	uint32_t serial;
	int rc;

	for (;;) {
		rc = rep_record_op(td_ctl_node(call), td_ctl_view(call), id, &cursor, &op, &cause, &serial);
		if (rc != 0)
			break;
		if (!add(&entries, &cause, make(call, &op, &cause, serial))) {
			rc = TR_E_NOMEM;
			break;
		}
	}
	*out = take_sorted(&entries);
	if (rc == TR_E_NOTFOUND)
		return 0;
	json_decref(*out);
	*out = NULL;
	return rc;
}

/* ----------------------------------------------------------------- history */

static const char *op_name(uint32_t kind)
{
	switch (kind) {
	case TR_OP_CREATE: return "create";
	case TR_OP_SET: return "set";
	case TR_OP_NOTE: return "note";
	case TR_OP_TAG: return "tag";
	case TR_OP_COUNT: return "count";
	case TR_OP_TRANSFER: return "transfer";
	case TR_OP_CERT: return "cert";
	default: return "unknown";
	}
}

/* REP_T_VIOLATION: record id, handle, sequence. */
static bool is_violation(struct td_ctl_call *call, const struct tr_rec_id *id, struct tr_dot dot)
{
	uint8_t key[sizeof(id->b) + 4 + 8];
	struct tr_bytes value;

	memcpy(key, id->b, sizeof(id->b));
	wire_put_be32(key + sizeof(id->b), dot.log);
	wire_put_be64(key + sizeof(id->b) + 4, dot.seq);
	return rep_get(td_ctl_view(call), REP_T_VIOLATION, (struct tr_bytes){key, sizeof(key)}, &value) == 0;
}

static bool same_dot(struct tr_dot a, struct tr_dot b)
{
	return a.log == b.log && a.seq == b.seq;
}

/* A value of this op is still a candidate, and another one is shown. */
static bool is_set_aside(const struct rep_record *rec, struct tr_dot dot)
{
	uint16_t alive[TR_STEPS_MAX];
	size_t count = rep_record_steps_alive(rec, alive, TR_STEPS_MAX);

	for (size_t i = 0; i < rec->cand_count; i++)
		if (same_dot(rec->cands[i].dot, dot) &&
		    rep_record_shown(rec, rec->cands[i].group) != (int)i)
			return true;
	for (size_t i = 0; i < count; i++)
		if (same_dot(rec->steps[alive[i]].dot, dot) &&
		    rep_record_step_shown(rec) != (int)alive[i])
			return true;
	return false;
}

/* A field twice in one op (two tags, two notes) becomes a list. */
json_t *td_ctl_changes(struct td_ctl_call *call, const struct rep_op *op)
{
	json_t *object = json_object();

	for (size_t i = 0; i < op->value_count; i++) {
		const struct rep_field *field = rep_schema_field(op->type, op->values[i].field);
		json_t *value, *old;

		if (field == NULL)
			continue;
		value = td_ctl_value(call, field, &op->values[i]);
		if (op->values[i].act == TR_ACT_REMOVE)
			value = json_pack("{s:o}", "remove", value);
		old = json_object_get(object, field->name);
		if (old == NULL)
			td_ctl_put(object, field->name, value);
		else if (json_is_array(old))
			json_array_append_new(old, value);
		else
			td_ctl_put(object, field->name, json_pack("[O,o]", old, value));
	}
	return object;
}

static json_t *history_entry(struct td_ctl_call *call, const struct rep_op *op,
    const struct rep_cause *cause, uint32_t serial)
{
	struct rep_log_info log;
	json_t *o = json_object();

	td_ctl_put_time(o, "time", td_ctl_hlc_ms(cause->hlc));
	td_ctl_put_unit(call, o, "unit", cause->author);
	td_ctl_put_bytes(o, "actor", op->actor);
	td_ctl_put_text(o, "op", op_name(op->kind));
	td_ctl_put(o, "changes", td_ctl_changes(call, op));
	if (rep_log_of(td_ctl_node(call), cause->dot.log, &log))
		td_ctl_put_text(o, "log", td_ctl_lane_name(log.id.lane));
	else
		td_ctl_put_text(o, "log", "?");
	td_ctl_put_nid(o, "incarnation", (struct tr_nid){cause->inc});
	td_ctl_put_int(o, "seq", (int64_t)cause->dot.seq);
	td_ctl_put_int(o, "serial", serial);
	td_ctl_put_bool(o, "legal", !is_violation(call, &op->rec, cause->dot));
	td_ctl_put_bool(o, "set_aside", is_set_aside(td_ctl_record(call), cause->dot));
	return o;
}

int td_ctl_put_history(struct td_ctl_call *call, json_t *data)
{
	json_t *list;
	int rc = walk(call, &td_ctl_record(call)->id, history_entry, &list);

	if (rc == 0) {
		td_ctl_put(data, "history", list);
		td_ctl_put_dropped(call, data);
	}
	return rc;
}

/* ------------------------------------------------------------------- trace */

static json_t *trace_entry(struct td_ctl_call *call, const struct rep_op *op,
    const struct rep_cause *cause, uint32_t serial)
{
	struct rep_op_trace t = {0};
	json_t *o = json_object();

	(void)serial;
	td_ctl_put_unit(call, o, "author", cause->author);
	td_ctl_put_text(o, "op", op_name(op->kind));
	td_ctl_put_int(o, "seq", (int64_t)cause->dot.seq);
	td_ctl_put_time(o, "time", td_ctl_hlc_ms(cause->hlc));
	if (rep_trace_op(td_ctl_node(call), td_ctl_view(call), cause->dot, &t) != 0)
		return o;
	td_ctl_put_text(o, "lane", td_ctl_lane_name(t.log.lane));
	td_ctl_put_time(o, "received", t.received_ms);
	td_ctl_put_bool(o, "in_segment", t.in_segment);
	td_ctl_put(o, "parent_acked", t.has_parent ? json_boolean(t.up_acked) : json_null());
	td_ctl_put(o, "child_acked", t.has_child ? json_boolean(t.down_acked) : json_null());
	td_ctl_put_bool(o, "receipt", t.receipt);
	return o;
}

int td_ctl_trace(struct td_ctl_call *call, json_t **out)
{
	struct rep_self self;
	struct tr_rec_id id;
	json_t *data, *list = NULL, *here;
	uint8_t kind;
	int rc = td_ctl_find_record(call, 0, td_ctl_arg(call, "id"), &id, &kind);

	if (rc == 0)
		rc = walk(call, &id, trace_entry, &list);
	if (rc != 0)
		return rc;
	rep_inspect_self(td_ctl_node(call), &self);
	data = td_ctl_data(call);
	here = json_object();
	td_ctl_put_text(here, "unit", self.cert.unit);
	td_ctl_put_id(data, "record", &id);
	td_ctl_put(data, "here", here);
	td_ctl_put(data, "ops", list);
	if (td_ctl_load(call, kind, &id) == 0) /* the way of a record that cannot be read is shown all the same */
		td_ctl_put_dropped(call, data);
	td_ctl_put_text(data, "note", "other hops: not known here");
	*out = data;
	return 0;
}
