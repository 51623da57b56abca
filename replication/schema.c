/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/schema.h"

#include <string.h>

#include "proto/limits.h"
#include "replication/status.h"

#define KIND_MAX 5u      /* largest enum tr_kind */
#define FIELD_ID_MAX 63u /* largest field id of schema.def */
#define WORD_MAX 24u    /* no name in schema.def is longer */

#define FLAG_0 0u
#define FLAG_P REP_FF_PERSONAL
#define FLAG_M REP_FF_MACHINE

/*
 * A group's id is the smallest field id in it.  The preprocessor cannot find
 * a minimum, so the ids stand here; tests/unit/test_schema.c compares.
 */
enum {
	GROUP_CASE_origin = 1,
	GROUP_CASE_personal = 5,
	GROUP_CASE_class = 10,
	GROUP_CASE_title = 14,
	GROUP_CASE_agency = 15,
	GROUP_CASE_satisfaction = 16,
	GROUP_CASE_place = 20,
	GROUP_CASE_grid = 22,
	GROUP_CASE_area = 23,
	GROUP_CASE_priority = 30,
	GROUP_CASE_assignment = 31,
	GROUP_CASE_status = 40,
	GROUP_CASE_duplicate_of = 50,
	GROUP_CASE_parent_case = 51,
	GROUP_CASE_came = 55,
	GROUP_CASE_campaign = 60,
	GROUP_CASE_notes = 61,
	GROUP_CASE_visits = 62,
	GROUP_STAFF_origin = 1,
	GROUP_STAFF_personal = 5,
	GROUP_STAFF_post = 10,
	GROUP_STAFF_grids = 11,
	GROUP_STAFF_on_duty = 12,
	GROUP_STAFF_skills = 13,
	GROUP_STAFF_validity = 14,
	GROUP_STAFF_state = 16,
	GROUP_DIRECTIVE_origin = 1,
	GROUP_DIRECTIVE_due = 20,
	GROUP_DIRECTIVE_status = 40,
	GROUP_DIRECTIVE_progress = 61,
	GROUP_UNIT_origin = 1,
	GROUP_UNIT_title = 4,
	GROUP_UNIT_closing = 5,
};

/* Longest text of a field, in bytes. */
#define AT(k, i, kind, id) ((kind) == TR_KIND_##k && (id) == (i))
#define SIZE_MAX_OF(kind, id) \
	(AT(CASE, 1, kind, id)               ? TR_SOURCE_MAX \
		: AT(CASE, 2, kind, id)      ? TR_SOURCE_ID_MAX \
		: AT(CASE, 5, kind, id)      ? 4096 \
		: AT(CASE, 14, kind, id)     ? TR_TITLE_TEXT_MAX \
		: AT(CASE, 43, kind, id)     ? 2000 \
		: AT(CASE, 58, kind, id)     ? 4096 \
		: AT(CASE, 61, kind, id)     ? 4096 \
		: AT(DIRECTIVE, 6, kind, id) ? TR_TITLE_TEXT_MAX \
		: AT(DIRECTIVE, 7, kind, id) ? TR_DIRECTIVE_TEXT_MAX \
		: AT(DIRECTIVE, 43, kind, id) ? 2000 \
		: AT(DIRECTIVE, 61, kind, id) ? 4096 \
		: AT(UNIT, 4, kind, id)      ? TR_TITLE_MAX \
		: AT(UNIT, 8, kind, id)      ? 2000 \
					     : 200)

static const struct rep_field fields[] = {
#define F(kind, id, name, type, merge, group, flags) \
	{TR_KIND_##kind, id, #name, REP_TYPE_##type, REP_MERGE_##merge, \
	    #group, GROUP_##kind##_##group, FLAG_##flags, \
	    SIZE_MAX_OF(TR_KIND_##kind, id)},
#include "replication/schema.def"
#undef F
};

/* Position in fields[], one each; the value 0 stands for none. */
enum {
	POS_NONE = 0,
#define F(kind, id, name, type, merge, group, flags) POS_##kind##_##name,
#include "replication/schema.def"
#undef F
	POS_END
};

static const uint8_t positions[KIND_MAX + 1][FIELD_ID_MAX + 1] = {
#define F(kind, id, name, type, merge, group, flags) \
	[TR_KIND_##kind][id] = POS_##kind##_##name,
#include "replication/schema.def"
#undef F
};

_Static_assert(POS_END <= UINT8_MAX, "positions[] holds bytes");

static const struct kind {
	uint8_t kind;
	const char *name;
	uint32_t create_cap;
} kinds[] = {
    {TR_KIND_CASE, "case", TR_CAP_INTAKE},
    {TR_KIND_STAFF, "staff", TR_CAP_ROSTER},
    {TR_KIND_DIRECTIVE, "directive", TR_CAP_DIRECT},
    /* Not a cap: only the node whose scope it is, see merge_check.c. */
    {TR_KIND_UNIT, "unit", 0},
};

/* Names of ENUM values; the number is the position. */
struct value_names {
	uint8_t kind;
	uint16_t field;
	const char *names[6];
};

static const struct value_names value_names[] = {
    {TR_KIND_CASE, 30, {NULL, "low", "normal", "urgent", "emergency"}},
    {TR_KIND_STAFF, 16, {NULL, "active", "leave", "transferred", "left"}},
    {TR_KIND_UNIT, 5, {NULL, "open", "closed"}},
    {TR_KIND_DIRECTIVE, 10, {NULL, "routine", "urgent", "emergency"}},
    {TR_KIND_DIRECTIVE, 11, {NULL, "delivered", "acknowledged", "done"}},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const struct rep_field *rep_schema_field(uint8_t kind, uint16_t id)
{
	uint8_t pos;

	if (kind > KIND_MAX || id > FIELD_ID_MAX)
		return NULL;
	pos = positions[kind][id];
	return pos != POS_NONE ? &fields[pos - 1] : NULL;
}

static bool same(const char *word, const char *name, size_t size)
{
	return strlen(word) == size &&
	    (size == 0 || memcmp(word, name, size) == 0);
}

const struct rep_field *rep_schema_by_name(
    uint8_t kind, const char *name, size_t size)
{
	for (size_t i = 0; i < COUNT(fields); i++)
		if (fields[i].kind == kind && same(fields[i].name, name, size))
			return &fields[i];
	return NULL;
}

const struct rep_field *rep_schema_at(uint8_t kind, size_t i)
{
	for (size_t pos = 0; pos < COUNT(fields); pos++)
		if (fields[pos].kind == kind && i-- == 0)
			return &fields[pos];
	return NULL;
}

/* Edits between two words: put, drop, change, swap of neighbours. */
static unsigned distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	unsigned rows[3][WORD_MAX + 1];

	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_size; i++) {
		unsigned *now = rows[i % 3], *up = rows[(i + 2) % 3];
		const unsigned *up2 = rows[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_size; j++) {
			unsigned best = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && up2[j - 2] + 1 < best)
				best = up2[j - 2] + 1;
			now[j] = best;
		}
	}
	return rows[a_size % 3][b_size];
}

const char *rep_schema_near(uint8_t kind, const char *name, size_t size)
{
	const char *found = NULL;
	unsigned best;

	if (size == 0 || size > WORD_MAX)
		return NULL;
	/* A third of the word may be wrong, and never more than 3 letters. */
	best = size < 9 ? (unsigned)size / 3 + 1 : 4;
	for (size_t i = 0; i < COUNT(fields); i++) {
		unsigned d;

		if (fields[i].kind != kind)
			continue;
		d = distance(name, size, fields[i].name, strlen(fields[i].name));
		if (d < best) {
			best = d;
			found = fields[i].name;
		}
	}
	return found;
}

const char *rep_schema_kind_name(uint8_t kind)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return NULL;
}

uint8_t rep_schema_kind(const char *name, size_t size)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (same(kinds[i].name, name, size))
			return kinds[i].kind;
	return 0;
}

uint32_t rep_schema_create_cap(uint8_t kind)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (kinds[i].kind == kind)
			return kinds[i].create_cap;
	return 0;
}

const char *rep_schema_value_name(const struct rep_field *field, int64_t value)
{
	if (field->type == REP_TYPE_STATUS)
		return rep_status_name(field->kind, value);
	for (size_t i = 0; i < COUNT(value_names); i++) {
		const struct value_names *v = &value_names[i];

		if (v->kind != field->kind || v->field != field->id)
			continue;
		return value > 0 && value < (int64_t)COUNT(v->names)
		    ? v->names[value]
		    : NULL;
	}
	return NULL;
}

int64_t rep_schema_value(
    const struct rep_field *field, const char *name, size_t size)
{
	for (int64_t v = 1; v <= REP_STATUS_MAX; v++) {
		const char *word = rep_schema_value_name(field, v);

		if (word != NULL && same(word, name, size))
			return v;
	}
	return 0;
}
