/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn -- starts this very program again in a helper role.
 *
 * The role is argv[0]; the child gets one descriptor of ours, /dev/null for
 * what else it expects, our stderr, and nothing more.
 * Threads: none.
 */
#ifndef DAEMON_SPAWN_H
#define DAEMON_SPAWN_H

#include "proto/vocab.h"

#include <sys/types.h>

struct td_spawn {
	pid_t pid;  /* 0 = none */
	int pidfd;  /* readable when it has ended */
};

/* our_fd becomes child_fd (1 or 3) in the child.  0; TR_E_IO. */
TR_MUST_CHECK int td_spawn_start(struct td_spawn *spawn, const char *role,
    const char *argument, int our_fd, int child_fd);
/* Waits up to grace_ms, then kills; reaps, closes.  Nothing if there is none. */
void td_spawn_end(struct td_spawn *spawn, int grace_ms);

#endif
