/* SPDX-License-Identifier: Apache-2.0 */
/*
 * help -- what the tables say to people.
 */
#ifndef ADMIN_HELP_H
#define ADMIN_HELP_H

#include "admin/args.h"

void tc_help_short(void); /* of a bare `terracectl`: 12 lines */
void tc_help_all(const struct tc_cmd *table);
void tc_help_command(const struct tc_cmd *cmd);
void tc_help_option(const struct tc_option *option);

#endif
