/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The envelope of the control protocol and its table of verbs.
 * Method: requests and replies as text, good ones and bad ones.
 */
// needs: proto/control.o
#include "proto/control.h"

#include "proto/err.h"
#include "proto/limits.h"
#include "tests/unit/unit.h"

static char message[TR_CONTROL_TEXT_MAX], hint[TR_CONTROL_TEXT_MAX];

static int check(const char *cmd, const char *args)
{
	json_t *object = args != NULL ? json_loads(args, 0, NULL) : NULL;
	int rc = tr_control_check(tr_control_command(cmd), object, message, hint);

	json_decref(object);
	return rc;
}

static void every_command_has_arguments_that_parse(void **state)
{
	const struct tr_command *c;
	struct tr_command_arg arg;

	(void)state;
	for (size_t i = 0; (c = tr_control_command_at(i)) != NULL; i++) {
		assert_ptr_equal(tr_control_command(c->name), c);
		assert_true(strlen(c->help) > 0);
		for (size_t j = 0; tr_control_arg_at(c, j, &arg); j++) {
			assert_true(strlen(arg.name) > 0);
			assert_non_null(strchr("surptibol", arg.type));
		}
	}
	assert_null(tr_control_command("no such"));
}

static void arguments_are_checked_by_name_presence_and_type(void **state)
{
	(void)state;
	assert_int_equal(check("status", NULL), 0);
	assert_int_equal(check("status", "{}"), 0);
	assert_int_equal(check("queue", "{\"peer\":\"x\"}"), 0);
	assert_int_equal(check("queue", "{\"peer\":1}"), TR_E_USAGE);
	assert_int_equal(check("record show", "{\"history\":true}"), TR_E_USAGE);
	assert_non_null(strstr(message, "'id'"));
	assert_int_equal(check("record show", "{\"id\":\"0123\",\"history\":1}"), TR_E_USAGE);
	assert_int_equal(check("directive send", "{\"title\":\"t\",\"to\":[\"a\",\"b\"]}"), 0);
	assert_int_equal(check("directive send", "{\"title\":\"t\",\"to\":[]}"), TR_E_USAGE);
	assert_int_equal(check("directive send", "{\"title\":\"t\",\"to\":[1]}"), TR_E_USAGE);
}

static void near_words_are_named(void **state)
{
	(void)state;
	assert_int_equal(check("queue", "{\"pear\":\"x\"}"), TR_E_USAGE);
	assert_string_equal(hint, "did you mean 'peer'?");
	assert_string_equal(tr_control_command_near("stauts"), "status");
	assert_string_equal(tr_control_command_near("record shwo"), "record show");
	assert_null(tr_control_command_near("xyzzyxyzzy"));
	assert_int_equal(tr_control_distance("abcd", "abdc"), 1);
	assert_int_equal(tr_control_distance("", "abc"), 3);
	assert_int_equal(tr_control_distance("same", "same"), 0);
}

static void lines_that_are_no_object_are_refused(void **state)
{
	static const char *const bad[] = {"", "x", "[1]", "1", "{\"a\":1,\"a\":2}", "{} {}", "{\"a\":\"\xff\"}"};
	json_t *object;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(tr_control_parse(bad[i], strlen(bad[i]), message));
	object = tr_control_parse("{\"a\":1}", 7, message);
	assert_non_null(object);
	json_decref(object);
}

static void a_line_round_trips(void **state)
{
	json_t *args = json_pack("{s:s}", "peer", "叶"), *object;
	json_t *request = tr_control_request(7, "queue", args);
	size_t size;
	char *line = tr_control_line(request, &size);

	(void)state;
	assert_int_equal(line[size - 1], '\n');
	assert_null(memchr(line, '\n', size - 1));
	object = tr_control_parse(line, size - 1, message);
	assert_true(json_equal(object, request));
	free(line);
	json_decref(object);
	json_decref(request);
	json_decref(args);
}

static void replies_and_greetings_are_decoded(void **state)
{
	json_t *error = tr_control_error(TR_E_NOPEER, "no such", "did you mean a?");
	json_t *object = json_pack("{s:i,s:b,s:o}", "id", 3, "ok", 0, "error", error);
	struct tr_control_reply reply;
	struct tr_control_greeting greeting;

	(void)state;
	assert_int_equal(tr_control_reply_decode(object, &reply), 0);
	assert_false(reply.is_ok);
	assert_int_equal(reply.exit_code, 66);
	assert_string_equal(reply.code, "TR-E-NOPEER");
	assert_string_equal(reply.hint, "did you mean a?");
	assert_int_equal(tr_control_greeting_decode(object, &greeting), TR_E_PROTO);
	json_decref(object);
	object = json_pack("{s:s,s:[i,i],s:s,s:s}", "terrace", "control", "proto", 2, 3, "node", "n", "access", "read");
	assert_int_equal(tr_control_greeting_decode(object, &greeting), TR_E_PROTO);
	json_object_set_new(object, "proto", json_pack("[i,i]", 1, 3));
	assert_int_equal(tr_control_greeting_decode(object, &greeting), 0);
	assert_false(greeting.is_admin);
	assert_string_equal(greeting.node, "n");
	json_decref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_command_has_arguments_that_parse),
	    cmocka_unit_test(arguments_are_checked_by_name_presence_and_type),
	    cmocka_unit_test(near_words_are_named),
	    cmocka_unit_test(lines_that_are_no_object_are_refused),
	    cmocka_unit_test(a_line_round_trips),
	    cmocka_unit_test(replies_and_greetings_are_decoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
