/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err -- error numbers, their stable codes, exit codes and messages; and the
 * assertion that stays on in release builds.
 */
#ifndef PROTO_ERR_H
#define PROTO_ERR_H

enum tr_err {
	TR_OK = 0,
#define X(name, number, code, exit_code, message) name = (number),
#include "proto/errors.def"
#undef X
};

/* "TR-E-STEP" for TR_E_STEP; never NULL.  Never translated. */
const char *tr_err_code(int rc);
/* English message, a gettext key; never NULL. */
const char *tr_err_message(int rc);
/* sysexits number for a program that ends with this error; 0 for 0. */
int tr_err_exit(int rc);

/* Prints what and where to stderr and aborts. */
_Noreturn void tr_assert_fail(const char *what, const char *file, int line);

#define TR_ASSERT(x) ((x) ? (void)0 : tr_assert_fail(#x, __FILE__, __LINE__))
#define TR_UNREACHABLE(why) tr_assert_fail(why, __FILE__, __LINE__)

#endif
