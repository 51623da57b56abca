/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sandbox -- what the carrier gives up once its sockets exist.
 *
 * No files, no programs, no new threads, no tracing, no core dump, a memory
 * limit.  Whoever takes the carrier over through the network holds a CURVE key
 * and a pipe, nothing else.
 * Threads: the filter goes over all threads of the process.
 */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include "proto/vocab.h"

/* At the start: limits, death with the parent process, signals. */
void td_sandbox_limits(void);
/* 0; TR_E_INTERNAL: the kernel has no seccomp. */
TR_MUST_CHECK int td_sandbox_enter(void);

#endif
