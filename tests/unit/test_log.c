/* SPDX-License-Identifier: Apache-2.0 */
// needs: daemon/log.o daemon/text.o daemon/sys.o
/*
 * Goal: one event is one line, whatever is in it; JSON lines are JSON.
 * Method: stderr is a file for the length of a call.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "daemon/log.h"
#include "proto/err.h"

static int real_stderr = -1;
static FILE *caught;
static char text[8192];

static void catch_begin(void)
{
	fflush(stderr);
	caught = tmpfile();
	assert_non_null(caught);
	real_stderr = dup(STDERR_FILENO);
	assert_true(dup2(fileno(caught), STDERR_FILENO) >= 0);
}

static const char *catch_end(void)
{
	size_t n;

	assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
	close(real_stderr);
	rewind(caught);
	n = fread(text, 1, sizeof(text) - 1, caught);
	text[n] = '\0';
	fclose(caught);
	return text;
}

static void a_line_has_time_level_event_and_pairs(void **state)
{
	(void)state;
	td_log_open("info", "stderr");
	catch_begin();
	td_log(TD_LOG_WARN, "store-filling", "percent=%d", 81);
	td_log(TD_LOG_DEBUG, "hidden", "a=1");
	assert_non_null(strstr(catch_end(), "Z warn store-filling percent=81\n"));
	assert_null(strstr(text, "hidden"));
}

static void line_breaks_and_broken_utf8_stay_in_one_line(void **state)
{
	char quoted[64];

	(void)state;
	td_log_open("info", "stderr");
	catch_begin();
	td_log(TD_LOG_INFO, "odd", "text=%s raw=%s", td_log_quote("a\nb\"c\\d\xff", quoted, sizeof(quoted)), "x\ny");
	catch_end();
	assert_non_null(strstr(text, "text=\"a\\u000ab\\\"c\\\\d?\" raw=x y\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void quoting_shortens_at_a_whole_character(void **state)
{
	char out[12];

	(void)state;
	assert_string_equal(td_log_quote("short", out, sizeof(out)), "\"short\"");
	assert_string_equal(td_log_quote("天平路街道", out, sizeof(out)), "\"天平路\"");
	assert_string_equal(td_log_quote("12345678\"\"\"", out, sizeof(out)), "\"12345678\"");
	assert_string_equal(td_log_quote("", out, sizeof(out)), "\"\"");
}

static void json_lines_are_json(void **state)
{
	char quoted[200];
	json_t *line;

	(void)state;
	td_log_open("info", "json");
	catch_begin();
	td_log(TD_LOG_NOTICE, "link-state", "peer=110101/110101001 text=%s n=%d",
	    td_log_quote("a \"b\" \\ 天平 \x01=x y=z", quoted, sizeof(quoted)), 7);
	catch_end();
	line = json_loads(text, 0, NULL);
	assert_non_null(line);
	assert_string_equal(json_string_value(json_object_get(line, "event")), "link-state");
	assert_string_equal(json_string_value(json_object_get(line, "level")), "notice");
	assert_string_equal(json_string_value(json_object_get(line, "peer")), "110101/110101001");
	assert_string_equal(json_string_value(json_object_get(line, "text")), "a \"b\" \\ 天平 \x01=x y=z");
	assert_string_equal(json_string_value(json_object_get(line, "n")), "7");
	json_decref(line);
}

static void a_long_json_line_stays_json(void **state)
{
	char big[1500], quoted[1600];
	json_t *line;

	(void)state;
	memset(big, '"', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	td_log_open("info", "json");
	catch_begin();
	td_log(TD_LOG_NOTICE, "long", "a=1 text=%s b=%s", td_log_quote(big, quoted, sizeof(quoted)), big);
	catch_end();
	line = json_loads(text, 0, NULL);
	assert_non_null(line);
	assert_string_equal(json_string_value(json_object_get(line, "a")), "1");
	json_decref(line);
}

static void repeats_are_counted(void **state)
{
	const char *first;

	(void)state;
	td_log_flush();
	td_log_open("info", "stderr");
	catch_begin();
	for (int i = 0; i < 18; i++) {
		td_log(TD_LOG_WARN, "frame-bad", "peer=x");
		td_log(TD_LOG_WARN, "frame-bad", "peer=y");
	}
	td_log_flush();
	catch_end();
	first = strstr(text, "frame-bad peer=x\n");
	assert_non_null(first);
	assert_null(strstr(first + 1, "frame-bad peer=x\n"));
	assert_non_null(strstr(text, "frame-bad peer=x repeated=17\n"));
	assert_non_null(strstr(text, "frame-bad peer=y repeated=17\n"));
}

static void levels_have_names(void **state)
{
	(void)state;
	assert_int_equal(td_log_set_level("debug"), 0);
	assert_string_equal(td_log_level_name(), "debug");
	assert_int_equal(td_log_set_level("loud"), TR_E_USAGE);
	assert_string_equal(td_log_level_name(), "debug");
	assert_int_equal(td_log_level_of("error"), TD_LOG_ERROR);
	assert_int_equal(td_log_level_of("x"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_event_and_pairs),
		cmocka_unit_test(line_breaks_and_broken_utf8_stay_in_one_line),
		cmocka_unit_test(quoting_shortens_at_a_whole_character),
		cmocka_unit_test(json_lines_are_json),
		cmocka_unit_test(a_long_json_line_stays_json),
		cmocka_unit_test(repeats_are_counted),
		cmocka_unit_test(levels_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
