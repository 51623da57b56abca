/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ctl_int.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sys.h"

/* -------------------------------------------------------------- the world */

const struct rep_node *td_ctl_node(const struct td_ctl_call *call)
{
	return td_engine_node(call->ctl->engine);
}

const struct rep_view *td_ctl_view(const struct td_ctl_call *call)
{
	return td_engine_read(call->ctl->engine);
}

struct rep_record *td_ctl_record(const struct td_ctl_call *call)
{
	return call->ctl->record;
}

json_t *td_ctl_data(const struct td_ctl_call *call)
{
	char schema[64];
	json_t *data = json_object();

	snprintf(schema, sizeof(schema), "terrace.%s/1", call->command->name);
	for (char *p = schema; *p != '\0'; p++)
		if (*p == ' ')
			*p = '-';
	td_ctl_put_text(data, "schema", schema);
	return data;
}

/* -------------------------------------------------------------- arguments */

const char *td_ctl_arg(const struct td_ctl_call *call, const char *name)
{
	return json_string_value(json_object_get(call->args, name));
}

int64_t td_ctl_arg_int(const struct td_ctl_call *call, const char *name, int64_t otherwise)
{
	const json_t *v = json_object_get(call->args, name);

	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

bool td_ctl_arg_bool(const struct td_ctl_call *call, const char *name)
{
	return json_is_true(json_object_get(call->args, name));
}

/* The unit whose code, title or path is nearest to what was typed. */
static void hint_unit(struct td_ctl_call *call, const char *text)
{
	struct rep_unit_info info;
	char best[TR_UNIT_PATH_MAX + 1] = "";
	size_t best_distance = SIZE_MAX;

	for (size_t i = 0; rep_inspect_unit(td_ctl_node(call), i, &info); i++) {
		const char *code = strrchr(info.unit, '/');
		size_t whole = tr_control_distance(text, info.unit);
		size_t last = tr_control_distance(text, code != NULL ? code + 1 : info.unit);
		size_t d = whole < last ? whole : last;

		if (strcmp(text, info.title) == 0)
			d = 0;
		if (d < best_distance) {
			best_distance = d;
			snprintf(best, sizeof(best), "%s", info.unit);
		}
	}
	if (best[0] != '\0' && (best_distance == 0 || tr_control_is_near(best_distance, strlen(text))))
		td_ctl_hint(call, "did you mean %s?", best);
	else
		td_ctl_hint(call, "`terracectl unit list` shows the units known here");
}

int td_ctl_find_unit(struct td_ctl_call *call, const char *text, struct tr_nid *out)
{
	int rc = rep_find_unit(td_ctl_node(call), text, out);

	if (rc == TR_E_AMBIGUOUS) {
		td_ctl_hint(call, "write more of its path");
		return td_ctl_error(call, rc, "more than one unit is called '%.100s'", text);
	}
	if (rc != 0) {
		hint_unit(call, text);
		return td_ctl_error(call, rc, "no unit '%.100s' is known here", text);
	}
	return 0;
}

int td_ctl_arg_unit(struct td_ctl_call *call, const char *name, struct tr_nid *out)
{
	const char *text = td_ctl_arg(call, name);

	return text == NULL ? 0 : td_ctl_find_unit(call, text, out);
}

int td_ctl_arg_peer(struct td_ctl_call *call, const char *name, struct tr_nid *out)
{
	const char *text = td_ctl_arg(call, name);
	struct rep_link_info link;
	struct tr_nid nid = {0};
	int rc;

	if (text == NULL)
		return 0;
	rc = td_ctl_find_unit(call, text, &nid);
	if (rc == TR_E_NOUNIT)
		rc = TR_E_NOPEER;
	if (rc != 0)
		return rc;
	for (size_t i = 0; rep_inspect_link(td_ctl_node(call), td_ctl_view(call), i, &link); i++)
		if (link.peer.v == nid.v) {
			*out = nid;
			return 0;
		}
	td_ctl_hint(call, "`terracectl peers` shows the neighbours");
	return td_ctl_error(call, TR_E_NOPEER, "'%.100s' is no neighbour of this node", text);
}

int td_ctl_arg_time(struct td_ctl_call *call, const char *name, int64_t *out)
{
	const char *text = td_ctl_arg(call, name);

	if (text == NULL ||
	    td_text_read_time((struct tr_bytes){(const uint8_t *)text, strlen(text)}, out))
		return 0;
	snprintf(call->error.field, sizeof(call->error.field), "%s", name);
	return td_ctl_error(call, TR_E_INPUT, "%s: '%.64s' is no time", name, text);
}

size_t td_ctl_hex_of(const char *text, char out[static 33])
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == '-')
			continue;
		if (!isxdigit((unsigned char)*text) || n == 32)
			return 0;
		out[n++] = (char)tolower((unsigned char)*text);
	}
	out[n] = '\0';
	return n;
}

int td_ctl_find_record(struct td_ctl_call *call, uint8_t kind, const char *text,
    struct tr_rec_id *id, uint8_t *found_kind)
{
	struct tr_rec_id found[2];
	uint8_t kinds[2];
	char hex[33];
	size_t n = td_ctl_hex_of(text, hex);

	if (n < 8) {
		td_ctl_hint(call, "give 8 or more hexadecimal digits of the id");
		return td_ctl_error(call, TR_E_NOREC, "'%.64s' is no record id", text);
	}
	n = rep_find_prefix(td_ctl_view(call), kind, hex, n, found, kinds, 2);
	if (n == 0) {
		snprintf(call->error_record, sizeof(call->error_record), "%.36s", text);
		td_ctl_hint(call, "`terracectl record list` shows what this node holds");
		return td_ctl_error(call, TR_E_NOREC, "this node holds no %s '%.64s'",
		    kind != 0 ? rep_schema_kind_name(kind) : "record", text);
	}
	if (n > 1) {
		char ids[2][TD_UUID_SIZE];

		td_text_write_uuid(&found[0], ids[0]);
		td_text_write_uuid(&found[1], ids[1]);
		td_ctl_hint(call, "give more digits; two of them are %s and %s", ids[0], ids[1]);
		return td_ctl_error(call, TR_E_AMBIGUOUS, "more than one record begins with '%.64s'", text);
	}
	*id = found[0];
	if (found_kind != NULL)
		*found_kind = kinds[0];
	return 0;
}

int td_ctl_load(struct td_ctl_call *call, uint8_t kind, const struct tr_rec_id *id)
{
	struct td_ctl *ctl = call->ctl;
	int rc;

	if (ctl->record == NULL)
		ctl->record = malloc(sizeof(*ctl->record));
	if (ctl->record == NULL)
		return TR_E_NOMEM;
	ctl->record->policy = rep_policy_of(td_ctl_node(call));
	rc = kind != 0 ? rep_record_load(ctl->record, td_ctl_view(call), kind, id)
		       : rep_record_find(ctl->record, td_ctl_view(call), id);
	return rc == TR_E_NOTFOUND ? TR_E_NOREC : rc;
}

/* ----------------------------------------------------------------- values */

void td_ctl_put(json_t *object, const char *key, json_t *take_value)
{
	json_object_set_new(object, key, take_value);
}

int td_ctl_print_open(struct td_ctl_print *print)
{
	print->text = NULL;
	print->file = open_memstream(&print->text, &print->size);
	return print->file != NULL ? 0 : TR_E_NOMEM;
}

int td_ctl_print_end(struct td_ctl_print *print, const struct td_ctl_call *call, json_t **out)
{
	int rc = fclose(print->file) == 0 ? 0 : TR_E_NOMEM;

	if (rc == 0) {
		*out = td_ctl_data(call);
		td_ctl_put(*out, "text", json_stringn(print->text, print->size));
	}
	free(print->text);
	return rc;
}

void td_ctl_put_text(json_t *object, const char *key, const char *text)
{
	char copy[1024];
	json_t *value = json_string(text);

	if (value == NULL) { /* not UTF-8: shorten and clean */
		snprintf(copy, sizeof(copy), "%s", text);
		td_text_clean(copy);
		value = json_string(copy);
	}
	json_object_set_new(object, key, value);
}

void td_ctl_put_bytes(json_t *object, const char *key, struct tr_bytes text)
{
	json_object_set_new(object, key,
	    text.size > 0 ? json_stringn((const char *)text.data, text.size) : json_null());
}

void td_ctl_put_int(json_t *object, const char *key, int64_t v)
{
	json_object_set_new(object, key, json_integer(v));
}

void td_ctl_put_bool(json_t *object, const char *key, bool v)
{
	json_object_set_new(object, key, json_boolean(v));
}

void td_ctl_put_time(json_t *object, const char *key, int64_t ms)
{
	char text[TD_TIME_SIZE];

	td_text_write_time(ms, text);
	json_object_set_new(object, key, ms != 0 ? json_string(text) : json_null());
}

const char *td_ctl_lane_name(uint8_t lane)
{
	static const char *const names[] = {"?", "P", "X", "R", "B", "E"};

	return lane < sizeof(names) / sizeof(names[0]) ? names[lane] : "?";
}

void td_ctl_put_id(json_t *object, const char *key, const struct tr_rec_id *id)
{
	char text[TD_UUID_SIZE];

	td_text_write_uuid(id, text);
	json_object_set_new(object, key, json_string(text));
}

void td_ctl_put_nid(json_t *object, const char *key, struct tr_nid nid)
{
	char text[TD_NID_SIZE];

	td_text_write_nid(nid, text);
	json_object_set_new(object, key, json_string(text));
}

static json_t *unit_json(const struct td_ctl_call *call, struct tr_nid nid)
{
	struct rep_unit_info info;
	char text[TD_NID_SIZE];

	if (nid.v == 0)
		return json_null();
	if (rep_unit_get(td_ctl_node(call), nid, &info))
		return json_string(info.unit);
	td_text_write_nid(nid, text);
	return json_string(text);
}

void td_ctl_put_unit(const struct td_ctl_call *call, json_t *object, const char *key, struct tr_nid nid)
{
	json_object_set_new(object, key, unit_json(call, nid));
}

int64_t td_ctl_age_s(int64_t ms)
{
	int64_t age = td_sys_wall().ms - ms;

	return age > 0 ? age / 1000 : 0;
}

void td_ctl_put_age(json_t *object, const char *key, int64_t ms)
{
	json_object_set_new(object, key, ms != 0 ? json_integer(td_ctl_age_s(ms)) : json_null());
}

static json_t *units_json(const struct td_ctl_call *call, struct tr_bytes nids)
{
	json_t *list = json_array();

	for (size_t i = 0; i + 8 <= nids.size; i += 8) {
		struct tr_nid nid = {0};

		for (size_t j = 0; j < 8; j++)
			nid.v = nid.v << 8 | nids.data[i + j];
		json_array_append_new(list, unit_json(call, nid));
	}
	return list;
}

static json_t *deg_json(int64_t e7)
{
	return json_real((double)e7 / 1e7);
}

static json_t *id_json(struct tr_bytes b)
{
	struct tr_rec_id id;
	char text[TD_UUID_SIZE];

	if (b.size != sizeof(id.b))
		return json_null();
	memcpy(id.b, b.data, sizeof(id.b));
	td_text_write_uuid(&id, text);
	return json_string(text);
}

json_t *td_ctl_value(const struct td_ctl_call *call, const struct rep_field *field,
    const struct rep_value *value)
{
	char text[TD_TIME_SIZE];
	const char *name;

	if (value->type == REP_VALUE_NONE)
		return json_null();
	switch (field->type) {
	case REP_TYPE_INT: return json_integer(value->i);
	case REP_TYPE_TEXT: return json_stringn((const char *)value->t.data, value->t.size);
	case REP_TYPE_TIME: td_text_write_time(value->i, text); return json_string(text);
	case REP_TYPE_DEG: return deg_json(value->i);
	case REP_TYPE_ID: return id_json(value->t);
	case REP_TYPE_UNIT: return unit_json(call, (struct tr_nid){(uint64_t)value->i});
	case REP_TYPE_UNITS: return units_json(call, value->t);
	case REP_TYPE_STATUS:
	case REP_TYPE_ENUM:
		name = rep_schema_value_name(field, value->i);
		return name != NULL ? json_string(name) : json_integer(value->i);
	}
	return json_null();
}

json_t *td_ctl_values(const struct td_ctl_call *call, uint8_t kind,
    const struct rep_value *values, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++) {
		const struct rep_field *field = rep_schema_field(kind, values[i].field);

		if (field != NULL)
			td_ctl_put(object, field->name, td_ctl_value(call, field, &values[i]));
	}
	return object;
}
