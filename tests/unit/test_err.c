/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the error table is complete and its codes are stable words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"

static const int numbers[] = {
#define X(name, number, code, exit_code, message) name,
#include "proto/errors.def"
#undef X
};

static void every_error_has_code_message_and_exit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_true(numbers[i] < 0);
		assert_memory_equal(tr_err_code(numbers[i]), "TR-E-", 5);
		assert_true(strlen(tr_err_message(numbers[i])) > 0);
		assert_in_range(tr_err_exit(numbers[i]), 1, 78);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(tr_err_code(numbers[i]),
			    tr_err_code(numbers[j]));
	}
}

static void success_and_unknown_numbers_have_words_too(void **state)
{
	(void)state;
	assert_int_equal(tr_err_exit(0), 0);
	assert_string_equal(tr_err_code(TR_E_STEP), "TR-E-STEP");
	assert_non_null(tr_err_code(-9999));
	assert_int_equal(tr_err_exit(-9999), 70);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_error_has_code_message_and_exit),
	    cmocka_unit_test(success_and_unknown_numbers_have_words_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
