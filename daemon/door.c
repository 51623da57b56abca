/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/door_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "daemon/text.h"

/* ------------------------------------------------- words of the envelope */

static int want_text(struct td_door *door, const struct td_door_member *m, size_t max)
{
	if (m->value.type != TD_JSON_TEXT)
		return td_door_wrong_type(door, m, "a text");
	if (m->value.text.size == 0)
		return td_door_refuse(door, TR_E_INPUT, m->name, "%.*s is empty", TD_DOOR_NAME(m));
	if (m->value.text.size > max)
		return td_door_refuse(door, TR_E_SIZE, m->name,
		    "%.*s has %zu bytes, at most %zu fit", TD_DOOR_NAME(m),
		    m->value.text.size, max);
	return 0;
}

static int want_bool(struct td_door *door, const struct td_door_member *m, bool *out)
{
	if (m->value.type != TD_JSON_TRUE && m->value.type != TD_JSON_FALSE)
		return td_door_wrong_type(door, m, "true or false");
	*out = m->value.type == TD_JSON_TRUE;
	return 0;
}

static int word_id(struct td_door *door, const struct td_door_member *m)
{
	if (m->value.type != TD_JSON_TEXT)
		return td_door_wrong_type(door, m, "a text");
	if (!td_text_read_uuid(m->value.text, &door->write->id))
		return td_door_refuse(door, TR_E_INPUT, m->name,
		    "id is no UUID (8-4-4-4-12 hexadecimal digits)");
	door->write->has_id = true;
	return 0;
}

static int word_home(struct td_door *door, const struct td_door_member *m)
{
	if (m->value.type != TD_JSON_TEXT)
		return td_door_wrong_type(door, m, "a text");
	return td_door_find_unit(door, m, m->value.text, &door->write->home);
}

static int word_move_to(struct td_door *door, const struct td_door_member *m)
{
	if (m->value.type != TD_JSON_TEXT)
		return td_door_wrong_type(door, m, "a text");
	return td_door_find_unit(door, m, m->value.text, &door->write->move_to);
}

static int word_key(struct td_door *door, const struct td_door_member *m)
{
	int rc = want_text(door, m, TR_KEY_MAX);

	if (rc == 0)
		door->write->key = m->value.text;
	return rc;
}

static int word_by(struct td_door *door, const struct td_door_member *m)
{
	int rc = want_text(door, m, TR_ACTOR_MAX);

	if (rc == 0)
		door->write->actor = m->value.text;
	return rc;
}

static int word_if_version(struct td_door *door, const struct td_door_member *m)
{
	int64_t v;

	if (m->value.type != TD_JSON_INT)
		return td_door_wrong_type(door, m, "an integer");
	if (!td_text_read_scaled(m->value.text, 0, &v) || v < 1 || v > UINT32_MAX)
		return td_door_refuse(door, TR_E_INPUT, m->name,
		    "if_version is out of range (1 to 4294967295)");
	door->write->has_version = true;
	door->write->if_version = (uint32_t)v;
	return 0;
}

static int word_bulk(struct td_door *door, const struct td_door_member *m)
{
	return want_bool(door, m, &door->write->bulk);
}

static int word_imported(struct td_door *door, const struct td_door_member *m)
{
	bool yes = false;
	int rc = want_bool(door, m, &yes);

	if (rc == 0 && yes)
		door->write->flags |= TR_OPF_IMPORTED;
	return rc;
}

static int word_kind(struct td_door *door, const struct td_door_member *m)
{
	(void)m; /* read before all others */
	(void)door;
	return 0;
}

static const struct {
	const char *name;
	int (*read)(struct td_door *door, const struct td_door_member *m);
} words[] = {
    {"kind", word_kind},
    {"id", word_id},
    {"home", word_home},
    {"move_to", word_move_to},
    {"key", word_key},
    {"by", word_by},
    {"if_version", word_if_version},
    {"bulk", word_bulk},
    {"imported", word_imported},
};
#define WORD_COUNT (sizeof(words) / sizeof(words[0]))

static int unknown_field(struct td_door *door, const struct td_door_member *m)
{
	const char *near = rep_schema_near(
	    door->write->kind, (const char *)m->name.data, m->name.size);

	if (near != NULL)
		snprintf(door->error->hint, sizeof(door->error->hint),
		    "did you mean '%s'?", near);
	return td_door_refuse(door, TR_E_FIELD, m->name, "a %s has no field '%.*s'",
	    rep_schema_kind_name(door->write->kind), TD_DOOR_NAME(m));
}

static int read_field(struct td_door *door, const struct rep_field *field, const struct td_door_member *m)
{
	if ((field->flags & REP_FF_PERSONAL) != 0) {
		snprintf(door->error->hint, sizeof(door->error->hint),
		    "leave it out; clear text in a signed log cannot be called back");
		return td_door_refuse(door, TR_E_PERSONAL, m->name,
		    "%.*s is personal and is refused until sealing exists; nothing of this line was stored",
		    TD_DOOR_NAME(m));
	}
	if ((field->flags & REP_FF_MACHINE) != 0)
		return td_door_refuse(door, TR_E_FIELD, m->name,
		    "%.*s is set by the program, not at a door", TD_DOOR_NAME(m));
	return td_door_value(door, field, m);
}

/* The schema's own look-up walks all names: ten fields a line, 60,000 lines a
 * second, are worth an index. */
static size_t slot_of(const char *name, size_t size)
{
	size_t h = size * 31;

	if (size > 0)
		h += (size_t)(uint8_t)name[0] * 7 + (uint8_t)name[size - 1] +
		     (size_t)(uint8_t)name[size / 2] * 3;
	return h % TD_DOOR_SLOTS;
}

static void index_fields(struct td_door *door, uint8_t kind)
{
	const struct rep_field *field;

	for (size_t i = 0; (field = rep_schema_at(kind, i)) != NULL; i++) {
		size_t slot = slot_of(field->name, strlen(field->name));

		TR_ASSERT(i < TD_DOOR_SLOTS / 2);
		while (door->index[kind][slot] != NULL)
			slot = (slot + 1) % TD_DOOR_SLOTS;
		door->index[kind][slot] = field;
	}
}

static const struct rep_field *field_of(const struct td_door *door, struct tr_bytes name)
{
	const struct rep_field *const *index = door->index[door->write->kind];
	size_t slot;

	if (td_door_is(name, "note")) /* one more of the notes */
		name = (struct tr_bytes){(const uint8_t *)"notes", 5};
	slot = slot_of((const char *)name.data, name.size);
	for (; index[slot] != NULL; slot = (slot + 1) % TD_DOOR_SLOTS)
		if (td_door_is(name, index[slot]->name))
			return index[slot];
	return NULL;
}

static int twice(struct td_door *door, const struct td_door_member *m)
{
	return td_door_refuse(door, TR_E_INPUT, m->name, "%.*s stands twice in the line", TD_DOOR_NAME(m));
}

static int read_member(struct td_door *door, const struct td_door_member *m)
{
	const struct rep_field *field;

	for (size_t i = 0; i < WORD_COUNT; i++)
		if (td_door_is(m->name, words[i].name)) {
			if ((door->seen_words & UINT64_C(1) << i) != 0)
				return twice(door, m);
			door->seen_words |= UINT64_C(1) << i;
			return words[i].read(door, m);
		}
	field = field_of(door, m->name);
	if (field == NULL)
		return unknown_field(door, m);
	TR_ASSERT(field->id < 64);
	if ((door->seen_fields & UINT64_C(1) << field->id) != 0)
		return twice(door, m);
	door->seen_fields |= UINT64_C(1) << field->id;
	return read_field(door, field, m);
}

/* -------------------------------------------------------------- the line */

static int read_kind(struct td_door *door)
{
	for (size_t i = 0; i < door->member_count; i++) {
		const struct td_door_member *m = &door->members[i];

		if (!td_door_is(m->name, "kind"))
			continue;
		if (m->value.type != TD_JSON_TEXT)
			return td_door_wrong_type(door, m, "a text");
		door->write->kind = rep_schema_kind(
		    (const char *)m->value.text.data, m->value.text.size);
		if (door->write->kind != 0 && door->write->kind < TD_DOOR_KINDS)
			return 0;
		snprintf(door->error->hint, sizeof(door->error->hint),
		    door->write->kind == TR_KIND_UNIT
			? "units come by `terracectl invite`"
			: "kinds are case, staff and directive");
		return td_door_refuse(door, TR_E_FIELD, m->name, "no records of kind '%.*s' are taken here",
		    (int)(m->value.text.size < 40 ? m->value.text.size : 40),
		    (const char *)m->value.text.data);
	}
	return 0;
}

static int read_members(struct td_door *door, uint8_t *line, size_t size)
{
	struct td_json json;
	struct td_door_member *m;
	int more;

	td_json_open(&json, line, size);
	for (;;) {
		m = &door->members[door->member_count];
		more = td_json_next(&json, &m->name, &m->value);
		if (more == 0)
			return 0;
		if (more < 0)
			return td_door_refuse(door, TR_E_INPUT, (struct tr_bytes){0},
			    "bad JSON at byte %zu: %s", td_json_place(&json),
			    json.problem);
		if (++door->member_count == TD_DOOR_MEMBERS_MAX)
			return td_door_refuse(door, TR_E_LIMIT, (struct tr_bytes){0},
			    "more than %d members in one line", TD_DOOR_MEMBERS_MAX - 1);
	}
}

/* What goes elsewhere is changed there, not on the way. */
static int check_move(struct td_door *door)
{
	static const char *const allowed[] = {"kind", "id", "key", "by", "if_version", "move_to", "source",
	    "source_id", "reason"};

	if (door->write->kind != TR_KIND_CASE)
		return td_door_refuse(door, TR_E_TYPE, (struct tr_bytes){0}, "only cases are moved");
	for (size_t i = 0; i < door->member_count; i++) {
		const struct td_door_member *m = &door->members[i];
		bool found = false;

		for (size_t k = 0; k < sizeof(allowed) / sizeof(allowed[0]); k++)
			found |= td_door_is(m->name, allowed[k]);
		if (!found)
			return td_door_refuse(door, TR_E_INPUT, m->name,
			    "%.*s cannot stand in a line with move_to", TD_DOOR_NAME(m));
	}
	return 0;
}

/* A bare step of a directive by its id is fine; a new one needs targets. */
static int check_whole(struct td_door *door)
{
	const struct rep_write *w = door->write;

	if (w->kind == TR_KIND_DIRECTIVE && !w->has_id) {
		snprintf(door->error->hint, sizeof(door->error->hint),
		    "new directives are sent with `terracectl directive send`");
		return td_door_refuse(door, TR_E_INPUT, (struct tr_bytes){0},
		    "a line about a directive needs the id of its record");
	}
	return w->move_to.v != 0 ? check_move(door) : 0;
}

int td_door_read(struct td_door *door, const struct rep_node *node, uint8_t *line,
    size_t size, struct rep_write *out, struct td_door_error *error)
{
	const uint8_t *bad = u8_check(line, size);
	int rc;

	door->node = node;
	door->error = error;
	door->write = out;
	door->member_count = door->value_count = 0;
	door->bytes_used = door->text_used = 0;
	door->seen_words = door->seen_fields = 0;
	memset(out, 0, sizeof(*out));
	out->kind = TR_KIND_CASE;
	error->hint[0] = error->field[0] = error->message[0] = '\0';
	if (bad != NULL)
		return td_door_refuse(door, TR_E_UTF8, (struct tr_bytes){0},
		    "not valid UTF-8 at byte %zu (0x%02x)", (size_t)(bad - line), *bad);
	rc = read_members(door, line, size);
	if (rc == 0)
		rc = read_kind(door);
	for (size_t i = 0; rc == 0 && i < door->member_count; i++)
		rc = read_member(door, &door->members[i]);
	if (rc == 0)
		rc = check_whole(door);
	out->must_exist = out->kind == TR_KIND_DIRECTIVE || out->move_to.v != 0;
	out->values = door->values;
	out->value_count = door->value_count;
	return rc;
}

struct td_door *td_door_create(void)
{
	struct td_door *door = calloc(1, sizeof(*door));

	if (door == NULL)
		return NULL;
	for (uint8_t kind = 1; kind < TD_DOOR_KINDS; kind++)
		index_fields(door, kind);
	return door;
}

void td_door_free(struct td_door *door)
{
	free(door);
}
