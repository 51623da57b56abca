/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete -- answers the shells: `terracectl --complete WORDS...`.
 *
 * The last word is the one under the cursor.  Names of commands and options
 * come from the tables, units, peers and directives from the daemon, if it
 * answers at once.
 */
#ifndef ADMIN_COMPLETE_H
#define ADMIN_COMPLETE_H

#include "admin/args.h"

/* Exit code 0, or 65 = complete file names. */
int tc_complete(const struct tc_cmd *table, int argc, char **argv);

#endif
