/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the field table says what schema.def says, and names lead back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "replication/schema.h"
#include "replication/status.h"

static const uint8_t kinds[] = {
    TR_KIND_CASE, TR_KIND_STAFF, TR_KIND_DIRECTIVE, TR_KIND_UNIT};

static size_t every_field(void (*check)(const struct rep_field *))
{
	const struct rep_field *f;
	size_t count = 0;

	for (size_t k = 0; k < sizeof(kinds); k++) {
		for (size_t i = 0; (f = rep_schema_at(kinds[k], i)) != NULL; i++) {
			check(f);
			count++;
		}
	}
	return count;
}

static void check_look_up(const struct rep_field *f)
{
	assert_ptr_equal(rep_schema_field(f->kind, f->id), f);
	assert_ptr_equal(
	    rep_schema_by_name(f->kind, f->name, strlen(f->name)), f);
	assert_null(rep_schema_by_name(f->kind, f->name, strlen(f->name) - 1));
	assert_true(f->id < 64); /* groups are bits of 64 */
	assert_true(f->size_max > 0);
}

static void every_field_is_found_by_id_and_name(void **state)
{
	(void)state;
	assert_in_range(every_field(check_look_up), 60, 200);
	assert_null(rep_schema_field(TR_KIND_CASE, 0));
	assert_null(rep_schema_field(TR_KIND_CASE, 63));
	assert_null(rep_schema_field(TR_KIND_CASE, 64));
	assert_null(rep_schema_field(TR_KIND_CASE, UINT16_MAX));
	assert_null(rep_schema_field(0, 1));
	assert_null(rep_schema_field(255, 1));
	assert_null(rep_schema_by_name(TR_KIND_CASE, "staff_id", 8));
}

static void check_group(const struct rep_field *f)
{
	uint16_t least = f->id;
	const struct rep_field *other;

	for (size_t i = 0; (other = rep_schema_at(f->kind, i)) != NULL; i++) {
		if (strcmp(other->group, f->group) != 0)
			continue;
		if (other->id < least)
			least = other->id;
		/* Personal groups are refused as long as nothing is sealed. */
		if ((f->flags & REP_FF_PERSONAL) == 0)
			assert_int_equal(other->merge, f->merge);
	}
	assert_int_equal(f->group_id, least);
}

static void group_ids_are_the_smallest_field_id(void **state)
{
	(void)state;
	(void)every_field(check_group);
}

static void ids_rise_within_a_kind(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(kinds); k++) {
		const struct rep_field *f, *last = NULL;

		for (size_t i = 0; (f = rep_schema_at(kinds[k], i)) != NULL;
		     i++) {
			assert_true(last == NULL || last->id < f->id);
			last = f;
		}
	}
}

static void near_names_are_suggested(void **state)
{
	(void)state;
	assert_string_equal(
	    rep_schema_near(TR_KIND_CASE, "catagory", 8), "category");
	assert_string_equal(rep_schema_near(TR_KIND_CASE, "titel", 5), "title");
	assert_string_equal(rep_schema_near(TR_KIND_CASE, "note", 4), "notes");
	assert_string_equal(
	    rep_schema_near(TR_KIND_CASE, "responsible-unit", 16),
	    "responsible_unit");
	assert_null(rep_schema_near(TR_KIND_CASE, "zebra", 5));
	assert_null(rep_schema_near(TR_KIND_CASE, "", 0));
	assert_null(rep_schema_near(TR_KIND_CASE,
	    "a_name_that_is_longer_than_any_of_ours", 38));
}

static void kinds_have_names_and_caps(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(kinds); k++) {
		const char *name = rep_schema_kind_name(kinds[k]);

		assert_non_null(name);
		assert_int_equal(rep_schema_kind(name, strlen(name)), kinds[k]);
	}
	assert_null(rep_schema_kind_name(TR_KIND_CODE_TABLE));
	assert_int_equal(rep_schema_kind("cases", 5), 0);
	assert_int_equal(rep_schema_create_cap(TR_KIND_CASE), TR_CAP_INTAKE);
	assert_int_equal(
	    rep_schema_create_cap(TR_KIND_DIRECTIVE), TR_CAP_DIRECT);
	assert_int_equal(rep_schema_create_cap(TR_KIND_STAFF), TR_CAP_ROSTER);
}

static void check_values(const struct rep_field *f)
{
	bool named = f->type == REP_TYPE_ENUM || f->type == REP_TYPE_STATUS;
	size_t count = 0;

	for (int64_t v = -1; v < 40; v++) {
		const char *name = rep_schema_value_name(f, v);

		if (name == NULL)
			continue;
		count++;
		assert_int_equal(rep_schema_value(f, name, strlen(name)), v);
	}
	assert_int_equal(count > 0, named);
	assert_null(rep_schema_value_name(f, INT64_MAX));
	assert_null(rep_schema_value_name(f, INT64_MIN));
	assert_int_equal(rep_schema_value(f, "no such word", 12), 0);
}

static void enum_and_status_values_have_names(void **state)
{
	const struct rep_field *status = rep_schema_field(TR_KIND_CASE, 40);

	(void)state;
	(void)every_field(check_values);
	assert_string_equal(
	    rep_schema_value_name(status, REP_CASE_SELF_HANDLED),
	    "self_handled");
	assert_int_equal(
	    rep_schema_value(rep_schema_field(TR_KIND_CASE, 30), "urgent", 6),
	    3);
	assert_int_equal(rep_schema_value(
	    rep_schema_field(TR_KIND_DIRECTIVE, 10), "urgent", 6), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_field_is_found_by_id_and_name),
	    cmocka_unit_test(group_ids_are_the_smallest_field_id),
	    cmocka_unit_test(ids_rise_within_a_kind),
	    cmocka_unit_test(near_names_are_suggested),
	    cmocka_unit_test(kinds_have_names_and_caps),
	    cmocka_unit_test(enum_and_status_values_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
