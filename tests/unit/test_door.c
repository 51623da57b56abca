/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door: lines of applications become writes; bad lines get a code, a
 * field and a sentence.
 * Method: lines as text against a real node, results field by field.
 */
// needs: daemon/door.o daemon/door_refuse.o daemon/door_value.o daemon/door_explain.o daemon/json_read.o daemon/text.o proto/control.o tests/lib/memview.o
#include "daemon/door.h"

#include "proto/limits.h"
#include "tests/unit/topdoor.h"

static struct td_door_error error;
static struct rep_write write_;
static char line[TR_LINE_MAX + 1];

static int door_read(const char *text)
{
	size_t size = strlen(text);

	assert_true(size < sizeof(line));
	memcpy(line, text, size);
	return td_door_read(door, top.node, (uint8_t *)line, size, &write_, &error);
}

/* The n-th value of a field; NULL if there are not so many. */
static const struct rep_value *value(const char *name, size_t n)
{
	const struct rep_field *field = rep_schema_by_name(write_.kind, name, strlen(name));

	for (size_t i = 0; i < write_.value_count; i++)
		if (write_.values[i].field == field->id && n-- == 0)
			return &write_.values[i];
	return NULL;
}

static void assert_text(const struct rep_value *v, const char *want)
{
	assert_non_null(v);
	assert_int_equal(v->type, REP_VALUE_TEXT);
	assert_int_equal(v->t.size, strlen(want));
	assert_memory_equal(v->t.data, want, strlen(want));
}

static void all_types_are_read(void **state)
{
	(void)state;
	assert_int_equal(door_read("{\"source\":\"s\",\"source_id\":\"1\",\"title\":\"a\\u53f6\\ud83d\\ude00\\n\\\"b\","
		"\"reported_at\":\"2026-11-20T09:12:40.5+08:00\",\"lat\":31.2,\"lon\":-121.44123456,"
		"\"code_version\":3,\"priority\":\"urgent\",\"status\":\"filed\",\"responsible_unit\":\"110101\","
		"\"support_units\":[\"110101\",\"110101\"],\"duplicate_of\":\"01a2053d-8aaf-756e-898f-44a4919db870\","
		"\"by\":\"li\",\"key\":\"k\",\"if_version\":7,\"bulk\":true,\"imported\":true,\"home\":\"110101\"}"), 0);
	assert_int_equal(write_.kind, TR_KIND_CASE);
	assert_text(value("title", 0), "a\xe5\x8f\xb6\xf0\x9f\x98\x80\n\"b");
	assert_int_equal(value("reported_at", 0)->i, INT64_C(1795137160500));
	assert_int_equal(value("lat", 0)->i, 312000000);
	assert_int_equal(value("lon", 0)->i, -1214412346);
	assert_int_equal(value("code_version", 0)->i, 3);
	assert_int_equal(value("priority", 0)->i, 3);
	assert_int_equal(value("status", 0)->i, 2);
	assert_true((uint64_t)value("responsible_unit", 0)->i == UINT64_C(0x1122334455667788));
	assert_int_equal(value("support_units", 0)->t.size, 8);
	assert_int_equal(value("duplicate_of", 0)->t.size, 16);
	assert_int_equal(write_.actor.size, 2);
	assert_int_equal(write_.key.size, 1);
	assert_true(write_.has_version && write_.if_version == 7 && write_.bulk);
	assert_int_equal(write_.flags, TR_OPF_IMPORTED);
	assert_true(write_.home.v == UINT64_C(0x1122334455667788));
}

static void null_clears_lists_add_objects_change(void **state)
{
	(void)state;
	assert_int_equal(door_read("{\"title\":null,\"note\":\"n\",\"campaign\":{\"add\":[\"a\",\"b\"],\"remove\":[\"c\"]}}"), 0);
	assert_int_equal(value("title", 0)->type, REP_VALUE_NONE);
	assert_text(value("notes", 0), "n");
	assert_int_equal(value("notes", 0)->act, TR_ACT_ADD);
	assert_text(value("campaign", 1), "b");
	assert_int_equal(value("campaign", 2)->act, TR_ACT_REMOVE);
	assert_int_equal(door_read("{\"campaign\":[\"x\"]}"), 0);
	assert_int_equal(value("campaign", 0)->act, TR_ACT_ADD);
}

static void bad_lines_say_code_field_and_reason(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *field, *hint;
	} bad[] = {
	    {"", TR_E_INPUT, "", ""},
	    {"nonsense", TR_E_INPUT, "", ""},
	    {"[1]", TR_E_INPUT, "", ""},
	    {"{\"title\":\"a\"", TR_E_INPUT, "", ""},
	    {"{\"title\":\"a\"} x", TR_E_INPUT, "", ""},
	    {"{\"title\":\"a\",}", TR_E_INPUT, "", ""},
	    {"{\"title\":\"a\\u0000\"}", TR_E_INPUT, "", ""},
	    {"{\"title\":\"\\ud800\"}", TR_E_INPUT, "", ""},
	    {"{\"title\":\"a\",\"title\":\"b\"}", TR_E_INPUT, "title", ""},
	    {"{\"title\":[[[[[[[[[[1]]]]]]]]]]}", TR_E_INPUT, "", ""},
	    {"{\"title\":\"\xff\"}", TR_E_UTF8, "", ""},
	    {"{\"categry\":\"x\"}", TR_E_FIELD, "categry", "did you mean 'category'?"},
	    {"{\"kind\":\"unit\"}", TR_E_FIELD, "kind", NULL},
	    {"{\"kind\":\"directive\",\"title\":\"x\"}", TR_E_INPUT, "", NULL},
	    {"{\"title\":5}", TR_E_TYPE, "title", ""},
	    {"{\"lat\":\"31\"}", TR_E_TYPE, "lat", ""},
	    {"{\"lat\":90.1}", TR_E_INPUT, "lat", ""},
	    {"{\"code_version\":1.5}", TR_E_TYPE, "code_version", ""},
	    {"{\"code_version\":99999999999999999999}", TR_E_INPUT, "code_version", ""},
	    {"{\"reported_at\":\"yesterday\"}", TR_E_INPUT, "reported_at", ""},
	    {"{\"reported_at\":\"2026-02-29T00:00:00Z\"}", TR_E_INPUT, "reported_at", ""},
	    {"{\"status\":\"colsed\"}", TR_E_INPUT, "status", "did you mean 'closed'?"},
	    {"{\"description\":\"x\"}", TR_E_PERSONAL, "description", NULL},
	    {"{\"reporter\":{\"name\":\"x\"}}", TR_E_PERSONAL, "reporter", NULL},
	    {"{\"home\":\"nowhere\"}", TR_E_NOUNIT, "home", NULL},
	    {"{\"id\":\"1\"}", TR_E_INPUT, "id", ""},
	    {"{\"if_version\":0}", TR_E_INPUT, "if_version", ""},
	    {"{\"key\":\"\"}", TR_E_INPUT, "key", ""},
	    {"{\"bulk\":1}", TR_E_TYPE, "bulk", ""},
	    {"{\"campaign\":{\"put\":[\"a\"]}}", TR_E_INPUT, "campaign", ""},
	    {"{\"campaign\":[\"\"]}", TR_E_INPUT, "campaign", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (door_read(bad[i].text) != bad[i].rc)
			fail_msg("%s: rc %d, %s", bad[i].text, error.rc, error.message);
		assert_string_equal(error.field, bad[i].field);
		assert_true(error.message[0] != '\0');
		if (bad[i].hint != NULL)
			assert_string_equal(error.hint, bad[i].hint);
	}
}

static void sizes_and_counts_are_bounded(void **state)
{
	static char text[TR_LINE_MAX];
	size_t n;

	(void)state;
	n = (size_t)snprintf(text, sizeof(text), "{\"title\":\"%0*d\"}", TR_TITLE_TEXT_MAX + 1, 0);
	assert_true(n < sizeof(text));
	assert_int_equal(door_read(text), TR_E_SIZE);
	assert_non_null(strstr(error.message, "801"));
	n = (size_t)snprintf(text, sizeof(text), "{\"campaign\":[");
	for (int i = 0; i < TR_FIELDS_MAX + 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"c%d\"", i > 0 ? "," : "", i);
	snprintf(text + n, sizeof(text) - n, "]}");
	assert_int_equal(door_read(text), TR_E_LIMIT);
	n = (size_t)snprintf(text, sizeof(text), "{");
	for (int i = 0; i < 200; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"x%d\":1", i > 0 ? "," : "", i);
	snprintf(text + n, sizeof(text) - n, "}");
	assert_int_equal(door_read(text), TR_E_LIMIT);
}

static void answers_of_the_core_become_sentences(void **state)
{
	struct rep_reply reply;

	(void)state;
	assert_int_equal(door_read("{\"source\":\"t\",\"source_id\":\"9\"}"), 0);
	assert_int_equal(topnode_write(&top, &write_).rc, 0);
	assert_int_equal(door_read("{\"source\":\"t\",\"source_id\":\"9\",\"status\":\"closed\"}"), 0);
	reply = topnode_write(&top, &write_);
	assert_int_equal(reply.rc, TR_E_STEP);
	td_door_explain(top.node, &reply, &error);
	assert_string_equal(error.field, "status");
	assert_string_equal(error.message, "status: 'closed' is not a step from 'reported'");
	assert_non_null(strstr(error.hint, "filed"));
	assert_int_equal(door_read("{\"id\":\"01a2053d-8aaf-756e-898f-44a4919db870\",\"status\":\"closed\"}"), 0);
	reply = topnode_write(&top, &write_);
	td_door_explain(top.node, &reply, &error);
	assert_int_equal(error.rc, TR_E_NOREC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_types_are_read),
	    cmocka_unit_test(null_clears_lists_add_objects_change),
	    cmocka_unit_test(bad_lines_say_code_field_and_reason),
	    cmocka_unit_test(sizes_and_counts_are_bounded),
	    cmocka_unit_test(answers_of_the_core_become_sentences),
	};

	return cmocka_run_group_tests(tests, topdoor_start, topdoor_stop);
}
