/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/door_int.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/text.h"

int td_door_find_unit(struct td_door *door, const struct td_door_member *m,
    struct tr_bytes name, struct tr_nid *out)
{
	char text[TR_UNIT_PATH_MAX + 1];
	int rc;

	if (name.size == 0 || name.size > TR_UNIT_PATH_MAX)
		return td_door_refuse(door, TR_E_NOUNIT, m->name,
		    "%.*s: a unit is a path of codes of 1 to %d bytes", TD_DOOR_NAME(m),
		    TR_UNIT_PATH_MAX);
	memcpy(text, name.data, name.size);
	text[name.size] = '\0';
	rc = rep_find_unit(door->node, text, out);
	if (rc == TR_E_AMBIGUOUS) {
		snprintf(door->error->hint, sizeof(door->error->hint),
		    "write more of its path");
		return td_door_refuse(door, rc, m->name, "%.*s: more than one unit is called '%.64s'",
		    TD_DOOR_NAME(m), text);
	}
	if (rc != 0) {
		snprintf(door->error->hint, sizeof(door->error->hint),
		    "`terracectl unit list` shows the units known here");
		return td_door_refuse(door, rc, m->name, "%.*s: no unit '%.64s' is known here",
		    TD_DOOR_NAME(m), text);
	}
	return 0;
}

static int add_value(struct td_door *door, const struct td_door_member *m,
    const struct rep_value *value)
{
	if (door->value_count >= TR_FIELDS_MAX)
		return td_door_refuse(door, TR_E_LIMIT, m->name,
		    "more than %d values in one line", TR_FIELDS_MAX);
	if (value->type == REP_VALUE_TEXT) {
		door->text_used += value->t.size;
		if (door->text_used > TD_DOOR_TEXT_ROOM)
			return td_door_refuse(door, TR_E_SIZE, m->name,
			    "the texts of one line have more than %d bytes together",
			    TD_DOOR_TEXT_ROOM);
	}
	door->values[door->value_count++] = *value;
	return 0;
}

static uint8_t *take_bytes(struct td_door *door, size_t size)
{
	uint8_t *p = door->bytes + door->bytes_used;

	if (size > TD_DOOR_BYTES_MAX - door->bytes_used)
		return NULL;
	door->bytes_used += size;
	return p;
}

static int read_text(struct td_door *door, const struct rep_field *field,
    const struct td_door_member *m, struct rep_value *v)
{
	if (m->value.type != TD_JSON_TEXT)
		return td_door_wrong_type(door, m, "a text");
	if (field->size_max > 0 && m->value.text.size > field->size_max)
		return td_door_refuse(door, TR_E_SIZE, m->name,
		    "%.*s has %zu bytes, at most %" PRIu32 " fit", TD_DOOR_NAME(m),
		    m->value.text.size, field->size_max);
	v->type = REP_VALUE_TEXT;
	v->t = m->value.text;
	return 0;
}

static int read_time(struct td_door *door, const struct td_door_member *m, struct rep_value *v)
{
	if (m->value.type != TD_JSON_TEXT)
		return td_door_wrong_type(door, m, "a text");
	if (!td_text_read_time(m->value.text, &v->i))
		return td_door_refuse(door, TR_E_INPUT, m->name,
		    "%.*s: '%.*s' is no time (example: 2026-11-20T01:12:40Z or "
		    "2026-11-20T09:12:40+08:00)",
		    TD_DOOR_NAME(m), (int)(m->value.text.size < 40 ? m->value.text.size : 40),
		    (const char *)m->value.text.data);
	v->type = REP_VALUE_INT;
	return 0;
}

static int read_int(struct td_door *door, const struct rep_field *field,
    const struct td_door_member *m, struct rep_value *v)
{
	/* Numbers that mean something in a few values only. */
	static const struct {
		const char *name;
		int64_t min, max;
	} ranges[] = {{"satisfaction", 1, 5}, {"limit_value", 0, 100000}, {"report_every_s", 0, 31622400}};

	if (m->value.type != TD_JSON_INT)
		return td_door_wrong_type(door, m, "an integer");
	if (!td_text_read_scaled(m->value.text, 0, &v->i))
		return td_door_refuse(door, TR_E_INPUT, m->name, "%.*s is out of range", TD_DOOR_NAME(m));
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (strcmp(field->name, ranges[i].name) == 0 && (v->i < ranges[i].min || v->i > ranges[i].max))
			return td_door_refuse(door, TR_E_INPUT, m->name,
			    "%.*s is out of range (%" PRId64 " to %" PRId64 ")", TD_DOOR_NAME(m),
			    ranges[i].min, ranges[i].max);
	v->type = REP_VALUE_INT;
	return 0;
}

static int read_deg(struct td_door *door, const struct rep_field *field,
    const struct td_door_member *m, struct rep_value *v)
{
	int64_t limit = strcmp(field->name, "lat") == 0 ? 90 : 180;

	if (m->value.type != TD_JSON_INT && m->value.type != TD_JSON_REAL)
		return td_door_wrong_type(door, m, "a number");
	if (!td_text_read_scaled(m->value.text, 7, &v->i) ||
	    v->i < -limit * 10000000 || v->i > limit * 10000000)
		return td_door_refuse(door, TR_E_INPUT, m->name,
		    "%.*s is out of range (-%d to %d degrees)", TD_DOOR_NAME(m),
		    (int)limit, (int)limit);
	v->type = REP_VALUE_INT;
	return 0;
}

static int read_id(struct td_door *door, const struct td_door_member *m, struct rep_value *v)
{
	struct tr_rec_id id;
	uint8_t *p;

	if (m->value.type != TD_JSON_TEXT)
		return td_door_wrong_type(door, m, "a text");
	if (!td_text_read_uuid(m->value.text, &id))
		return td_door_refuse(door, TR_E_INPUT, m->name,
		    "%.*s is no UUID (8-4-4-4-12 hexadecimal digits)", TD_DOOR_NAME(m));
	p = take_bytes(door, sizeof(id.b));
	if (p == NULL)
		return td_door_refuse(door, TR_E_LIMIT, m->name, "too many ids in one line");
	memcpy(p, id.b, sizeof(id.b));
	v->type = REP_VALUE_BYTES;
	v->t = (struct tr_bytes){p, sizeof(id.b)};
	return 0;
}

static int read_name(struct td_door *door, const struct rep_field *field,
    const struct td_door_member *m, struct rep_value *v)
{
	struct tr_bytes name = m->value.text;

	if (m->value.type != TD_JSON_TEXT)
		return td_door_wrong_type(door, m, "a text");
	v->i = rep_schema_value(field, (const char *)name.data, name.size);
	v->type = REP_VALUE_INT;
	if (v->i != 0)
		return 0;
	td_door_value_hint(field, (const char *)name.data, name.size, door->error->hint);
	return td_door_refuse(door, TR_E_INPUT, m->name, "%.*s has no value '%.*s'", TD_DOOR_NAME(m),
	    (int)(name.size < 40 ? name.size : 40), (const char *)name.data);
}

static int compare_nids(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}

static void put_nid(uint8_t *p, struct tr_nid nid)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(nid.v >> (56 - 8 * i));
}

/* A list of units, or one: nids, sorted, each once. */
static int read_units(struct td_door *door, const struct td_door_member *m, struct rep_value *v)
{
	struct td_json list;
	struct td_json_value item = m->value;
	struct tr_nid nid;
	size_t n = 0, kept = 0;
	uint8_t *p;
	int more = m->value.type == TD_JSON_ARRAY ? 1 : 0, rc;

	if (m->value.type != TD_JSON_ARRAY && m->value.type != TD_JSON_TEXT)
		return td_door_wrong_type(door, m, "a unit or a list of units");
	p = take_bytes(door, 8 * TR_CHAIN_MAX);
	if (p == NULL)
		return td_door_refuse(door, TR_E_LIMIT, m->name, "too many units in one line");
	if (more > 0) {
		td_json_enter(&list, &m->value);
		more = td_json_next(&list, NULL, &item);
	} else {
		more = 1;
	}
	while (more > 0) {
		if (item.type != TD_JSON_TEXT)
			return td_door_wrong_type(door, m, "a list of units");
		if (n >= TR_CHAIN_MAX)
			return td_door_refuse(door, TR_E_LIMIT, m->name, "%.*s: too many units", TD_DOOR_NAME(m));
		rc = td_door_find_unit(door, m, item.text, &nid);
		if (rc != 0)
			return rc;
		put_nid(p + 8 * n++, nid);
		more = m->value.type == TD_JSON_ARRAY ? td_json_next(&list, NULL, &item) : 0;
	}
	qsort(p, n, 8, compare_nids);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || memcmp(p + 8 * (kept - 1), p + 8 * i, 8) != 0)
			memmove(p + 8 * kept++, p + 8 * i, 8);
	v->type = kept > 0 ? REP_VALUE_BYTES : REP_VALUE_NONE;
	v->t = (struct tr_bytes){p, 8 * kept};
	return 0;
}

static int read_unit(struct td_door *door, const struct td_door_member *m, struct rep_value *v)
{
	struct tr_nid nid;
	int rc;

	if (m->value.type != TD_JSON_TEXT)
		return td_door_wrong_type(door, m, "a text");
	rc = td_door_find_unit(door, m, m->value.text, &nid);
	if (rc != 0)
		return rc;
	v->type = REP_VALUE_INT;
	v->i = (int64_t)nid.v;
	return 0;
}

static int read_typed(struct td_door *door, const struct rep_field *field,
    const struct td_door_member *m, struct rep_value *v)
{
	switch (field->type) {
	case REP_TYPE_TEXT: return read_text(door, field, m, v);
	case REP_TYPE_TIME: return read_time(door, m, v);
	case REP_TYPE_INT: return read_int(door, field, m, v);
	case REP_TYPE_DEG: return read_deg(door, field, m, v);
	case REP_TYPE_ID: return read_id(door, m, v);
	case REP_TYPE_UNIT: return read_unit(door, m, v);
	case REP_TYPE_UNITS: return read_units(door, m, v);
	case REP_TYPE_STATUS:
	case REP_TYPE_ENUM: return read_name(door, field, m, v);
	}
	return TR_E_INTERNAL;
}

/* One item or a list of items, all added or all removed. */
static int read_items(struct td_door *door, const struct rep_field *field,
    const struct td_door_member *m, uint8_t act)
{
	struct td_door_member item = *m;
	struct td_json list;
	int more = 1, rc;

	if (m->value.type == TD_JSON_ARRAY) {
		td_json_enter(&list, &m->value);
		more = td_json_next(&list, NULL, &item.value);
	}
	while (more > 0) {
		struct rep_value v = {.field = field->id, .act = act};

		rc = read_typed(door, field, &item, &v);
		if (rc == 0 && v.type == REP_VALUE_TEXT && v.t.size == 0)
			rc = td_door_refuse(door, TR_E_INPUT, m->name, "%.*s: an item is empty", TD_DOOR_NAME(m));
		if (rc == 0)
			rc = add_value(door, m, &v);
		if (rc != 0)
			return rc;
		more = m->value.type == TD_JSON_ARRAY ? td_json_next(&list, NULL, &item.value) : 0;
	}
	return 0;
}

/* A set: a list = add; {"add":[...],"remove":[...]}. */
static int read_set(struct td_door *door, const struct rep_field *field, const struct td_door_member *m)
{
	struct td_door_member part = *m;
	struct td_json object;
	struct tr_bytes key;
	unsigned seen = 0;
	int more, rc;

	if (m->value.type != TD_JSON_OBJECT)
		return read_items(door, field, m, TR_ACT_ADD);
	td_json_enter(&object, &m->value);
	while ((more = td_json_next(&object, &key, &part.value)) > 0) {
		unsigned bit = td_door_is(key, "add") ? 1u : td_door_is(key, "remove") ? 2u : 0u;

		if (bit == 0 || (seen & bit) != 0)
			return td_door_refuse(door, TR_E_INPUT, m->name,
			    "%.*s takes a list, or an object of 'add' and 'remove', each once",
			    TD_DOOR_NAME(m));
		seen |= bit;
		rc = read_items(door, field, &part, bit == 1 ? TR_ACT_ADD : TR_ACT_REMOVE);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int td_door_value(struct td_door *door, const struct rep_field *field,
    const struct td_door_member *m)
{
	struct rep_value v = {.field = field->id};
	int rc;

	if (field->merge == REP_MERGE_SET)
		return read_set(door, field, m);
	if (field->merge == REP_MERGE_LIST)
		return read_items(door, field, m, TR_ACT_ADD);
	if (m->value.type != TD_JSON_NULL) {
		rc = read_typed(door, field, m, &v);
		if (rc != 0)
			return rc;
	}
	return add_value(door, m, &v);
}
