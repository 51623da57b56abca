/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn -- programs that this tool hands over to: terraced and ssh.
 */
#ifndef ADMIN_SPAWN_H
#define ADMIN_SPAWN_H

#include "admin/args.h"

/*
 * Becomes terraced with these arguments: the one beside this program, else
 * the one in PATH, /usr/sbin or /usr/local/sbin.  Returns only if there is
 * none, with an exit code, after a message.
 */
int tc_spawn_daemon(const char *const *argv);
/* Becomes `ssh HOST terracectl ...` without the option -H. */
int tc_spawn_remote(const struct tc_run *run, const char *host);

#endif
