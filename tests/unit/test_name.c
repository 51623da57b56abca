/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a unit may be called is decided in one way, for certificates and
 * for declarations, whatever the bytes are. */
#include "tests/unit/unit.h"

#include "replication/name.h"

static struct tr_bytes of(size_t size, uint8_t fill, size_t slash_every)
{
	static uint8_t text[400];

	memset(text, fill, sizeof(text));
	for (size_t i = slash_every; slash_every != 0 && i < sizeof(text); i += slash_every + 1)
		text[i] = '/';
	return (struct tr_bytes){text, size};
}

static void paths_are_printable_components(void **state)
{
	static const char *const good[] = {"1", "110101", "110101/001", "a/b/c", "东城区/1"};
	static const char *const bad[] = {"", "/", "/a", "a/", "a//b", "a b", " a", "a\tb", "a\x7f", "\x01"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!rep_name_path_ok(UNIT_TEXT(good[i])))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (rep_name_path_ok(UNIT_TEXT(bad[i])))
			fail_msg("accepted: bad[%zu]", i);
	assert_true(rep_name_path_ok(of(TR_UNIT_CODE_MAX, '1', 0)));
	assert_false(rep_name_path_ok(of(TR_UNIT_CODE_MAX + 1, '1', 0)));
	assert_true(rep_name_path_ok(of(TR_UNIT_PATH_MAX, '1', TR_UNIT_CODE_MAX)));
	assert_false(rep_name_path_ok(of(TR_UNIT_PATH_MAX + 1, '1', TR_UNIT_CODE_MAX)));
}

static void a_child_is_one_component_longer(void **state)
{
	(void)state;
	assert_true(rep_name_is_child(UNIT_TEXT("110101/001"), "110101"));
	assert_false(rep_name_is_child(UNIT_TEXT("110101"), "110101"));
	assert_false(rep_name_is_child(UNIT_TEXT("110101/"), "110101"));
	assert_false(rep_name_is_child(UNIT_TEXT("1101010001"), "110101"));
	assert_false(rep_name_is_child(UNIT_TEXT("110102/001"), "110101"));
	assert_false(rep_name_is_child(UNIT_TEXT("110101/001/02"), "110101"));
}

static void titles_have_no_control_characters(void **state)
{
	(void)state;
	assert_true(rep_name_title_ok(UNIT_TEXT("")));
	assert_true(rep_name_title_ok(UNIT_TEXT("东华门 街道")));
	assert_false(rep_name_title_ok(UNIT_TEXT("a\x1b[2J")));
	assert_false(rep_name_title_ok(UNIT_TEXT("a\x7f")));
	assert_true(rep_name_title_ok(of(TR_TITLE_MAX, 't', 0)));
	assert_false(rep_name_title_ok(of(TR_TITLE_MAX + 1, 't', 0)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(paths_are_printable_components),
	    cmocka_unit_test(a_child_is_one_component_longer),
	    cmocka_unit_test(titles_have_no_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
