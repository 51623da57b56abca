/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verbs -- one function for each command of commands.def; each returns the
 * exit code and has printed its errors.
 */
#ifndef ADMIN_VERBS_H
#define ADMIN_VERBS_H

#include "admin/args.h"

#define C(function, name, group, flags, words, options, help)                  \
	int tc_cmd_##function(struct tc_run *run);
#define RAW(function, name, group, words, help)                                \
	int function(int argc, char **argv);
#include "admin/commands.def"
#undef C
#undef RAW

#endif
