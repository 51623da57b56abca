/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical export: exactly these bytes.
 * Method: lines through the door into a real node, the object as text.
 */
// needs: daemon/canon.o daemon/json_write.o daemon/sock.o daemon/door.o daemon/door_refuse.o daemon/door_value.o daemon/door_explain.o daemon/json_read.o daemon/text.o daemon/line.o proto/control.o tests/lib/memview.o
#include "daemon/canon.h"

#include "daemon/line.h"
#include "daemon/text.h"
#include "tests/unit/topdoor.h"

static struct rep_record record;

static struct tr_rec_id put(const char *text)
{
	static char line[4096];
	struct td_door_error error;
	struct rep_write write;
	struct rep_reply reply;

	snprintf(line, sizeof(line), "%s", text);
	if (td_door_read(door, top.node, (uint8_t *)line, strlen(line), &write, &error) != 0)
		fail_msg("%s: %s", text, error.message);
	reply = topnode_write(&top, &write);
	if (reply.rc != 0)
		fail_msg("%s: %s", text, tr_err_code(reply.rc));
	return reply.id;
}

/* The record's id stands for '@'. */
static void assert_canon(uint8_t kind, const struct tr_rec_id *id, const char *want)
{
	struct td_out out = {0};
	const char *hole = strchr(want, '@');
	char text[TD_UUID_SIZE], full[4096];

	td_text_write_uuid(id, text);
	snprintf(full, sizeof(full), "%.*s%s%s", (int)(hole - want), want, text, hole + 1);
	assert_int_equal(rep_record_load(&record, &top.view, kind, id), 0);
	assert_int_equal(td_canon_write(top.node, &top.view, &record, &out), 0);
	assert_true(td_out_put(&out, "", 1));
	assert_string_equal(out.buf + out.head, full);
	td_out_fini(&out);
}

static void a_case_is_written_byte_by_byte(void **state)
{
	struct tr_rec_id id;

	(void)state;
	id = put("{\"source\":\"s\",\"source_id\":\"1\",\"title\":\"a\\t\\\"\\u0001\",\"lon\":121.4400000,\"lat\":-0.5,"
		 "\"reported_at\":\"2026-11-20T09:12:40+08:00\",\"campaign\":[\"b\",\"a\"],\"by\":\"wang\"}");
	put("{\"source\":\"s\",\"source_id\":\"1\",\"campaign\":{\"remove\":[\"b\"],\"add\":[\"A\",\"c\"]},\"note\":\"n\","
	    "\"at\":\"2026-11-20T10:00:00.250Z\"}");
	put("{\"source\":\"s\",\"source_id\":\"1\",\"status\":\"filed\",\"by\":\"li\",\"at\":\"2026-11-21T00:00:00Z\"}");
	assert_canon(TR_KIND_CASE, &id,
	    "{\"campaign\":[\"A\",\"a\",\"c\"],\"filed_at\":\"2026-11-21T00:00:00Z\",\"home\":\"110101\",\"id\":\"@\","
	    "\"kind\":\"case\",\"lat\":-0.5,\"lon\":121.44,"
	    "\"notes\":[{\"at\":\"2026-11-20T10:00:00.250Z\",\"text\":\"n\",\"unit\":\"110101\"}],"
	    "\"reported_at\":\"2026-11-20T01:12:40Z\",\"source\":\"s\",\"source_id\":\"1\",\"status\":\"filed\","
	    "\"steps\":[{\"actor\":\"wang\",\"at\":\"2026-11-20T01:12:40Z\",\"status\":\"reported\",\"unit\":\"110101\"},"
	    "{\"actor\":\"li\",\"at\":\"2026-11-21T00:00:00Z\",\"status\":\"filed\",\"unit\":\"110101\"}],"
	    "\"title\":\"a\\t\\\"\\u0001\"}");
}

static void staff_have_no_steps(void **state)
{
	struct tr_rec_id id = put("{\"kind\":\"staff\",\"staff_id\":\"7\",\"post\":\"inspector\",\"state\":\"active\"}");

	(void)state;
	assert_canon(TR_KIND_STAFF, &id,
	    "{\"home\":\"110101\",\"id\":\"@\",\"kind\":\"staff\",\"post\":\"inspector\",\"staff_id\":\"7\",\"state\":\"active\"}");
}

static void times_and_degrees_round_trip(void **state)
{
	static const char *const times[] = {"1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z",
	    "2000-02-29T12:00:00Z", "2026-11-20T01:12:40.500Z", "9999-12-31T23:59:59.999Z", "1900-01-01T00:00:00Z"};
	static const char *const degrees[] = {"0", "31.2", "-121.4412345", "180", "-0.0000001", "1e1", "100000000e-7"};
	static const char *const shown[] = {"0", "31.2", "-121.4412345", "180", "-0.0000001", "10", "10"};
	char text[TD_TIME_SIZE], deg[TD_DEG_SIZE];
	int64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_true(td_text_read_time(UNIT_TEXT(times[i]), &v));
		td_text_write_time(v, text);
		assert_string_equal(text, times[i]);
	}
	for (size_t i = 0; i < sizeof(degrees) / sizeof(degrees[0]); i++) {
		assert_true(td_text_read_scaled(UNIT_TEXT(degrees[i]), 7, &v));
		td_text_write_deg(v, deg);
		assert_string_equal(deg, shown[i]);
	}
	assert_false(td_text_read_scaled(UNIT_TEXT("1e999"), 7, &v));
	assert_true(td_text_read_scaled(UNIT_TEXT("1e-999"), 7, &v));
	assert_int_equal(v, 0);
}

static void lines_come_whole_or_are_counted(void **state)
{
	static const char input[] = "ab\r\n\ncdefghijklmnop\nq\n12345678\n123456789\nlast";
	struct td_line line;
	uint8_t *text;
	size_t size, room, fed = 0, n = 0;
	enum td_line_what what;
	static const struct {
		enum td_line_what what;
		size_t size;
	} want[] = {{TD_LINE_FULL, 2}, {TD_LINE_FULL, 0}, {TD_LINE_LONG, 14}, {TD_LINE_FULL, 1},
	    {TD_LINE_FULL, 8}, {TD_LINE_LONG, 9}, {TD_LINE_FULL, 4}};

	(void)state;
	assert_int_equal(td_line_init(&line, 8, 3), 0);
	for (;;) {
		while ((what = td_line_next(&line, &text, &size)) != TD_LINE_NONE) {
			assert_true(n < sizeof(want) / sizeof(want[0]));
			assert_int_equal(what, want[n].what);
			assert_int_equal(size, want[n].size);
			n++;
		}
		if (fed > strlen(input))
			break;
		if (fed == strlen(input)) {
			td_line_end(&line);
			fed++;
			continue;
		}
		(void)td_line_space(&line, &room);
		*td_line_space(&line, &room) = (uint8_t)input[fed++];
		td_line_added(&line, 1);
	}
	assert_int_equal(n, sizeof(want) / sizeof(want[0]));
	td_line_fini(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_case_is_written_byte_by_byte),
	    cmocka_unit_test(staff_have_no_steps),
	    cmocka_unit_test(times_and_degrees_round_trip),
	    cmocka_unit_test(lines_come_whole_or_are_counted),
	};

	return cmocka_run_group_tests(tests, topdoor_start, topdoor_stop);
}
