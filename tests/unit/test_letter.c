/* SPDX-License-Identifier: Apache-2.0 */
// needs: daemon/ctl_letter.o
/*
 * Goal: every candidate of a conflict has a name of its own and is found by it,
 * also the one after Z.  Method: some by hand, all of them there and back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/ctl_letter.h"

static void test_names(void **state)
{
	static const struct { size_t index; const char *name; } want[] = {
	    {0, "A"}, {25, "Z"}, {26, "AA"}, {27, "AB"}, {51, "AZ"}, {52, "BA"}, {255, "IV"}, {701, "ZZ"}, {702, "AAA"},
	    {18277, "ZZZ"}};
	char name[TD_LETTER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		td_ctl_letter(want[i].index, name);
		assert_string_equal(name, want[i].name);
	}
}

static void test_there_and_back(void **state)
{
	char name[TD_LETTER_MAX + 1];

	(void)state;
	for (size_t i = 0; i < 18278; i++) {
		td_ctl_letter(i, name);
		assert_int_equal(td_ctl_letter_index(name), i);
	}
	assert_int_equal(td_ctl_letter_index("b"), 1);
	assert_int_equal(td_ctl_letter_index("aB"), 27);
}

static void test_no_name(void **state)
{
	static const char *const bad[] = {"", "1", "A1", "-", "@", "[", "A ", "AAAA", "\xc3\xa9", "ZZZZZZZZZZZZZZZZZZZZZZZZ"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_true(td_ctl_letter_index(bad[i]) == SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_there_and_back),
	    cmocka_unit_test(test_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
