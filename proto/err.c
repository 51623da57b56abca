/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/err.h"

#include <stdio.h>
#include <stdlib.h>

struct err_row {
	int number;
	int exit_code;
	const char *code;
	const char *message;
};

static const struct err_row rows[] = {
#define X(name, number, code, exit_code, message)                              \
	{number, exit_code, code, message},
#include "proto/errors.def"
#undef X
};

static const struct err_row *row_of(int rc)
{
	static const struct err_row ok = {0, 0, "TR-OK", "ok"};
	static const struct err_row unknown = {
	    0, 70, "TR-E-INTERNAL", "internal error"};

	if (rc == 0)
		return &ok;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].number == rc)
			return &rows[i];
	return &unknown;
}

const char *tr_err_code(int rc)
{
	return row_of(rc)->code;
}

const char *tr_err_message(int rc)
{
	return row_of(rc)->message;
}

int tr_err_exit(int rc)
{
	return row_of(rc)->exit_code;
}

void tr_assert_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "<0>assertion failed: %s at %s:%d\n", what, file, line);
	abort();
}
