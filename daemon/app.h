/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app -- the running daemon: its parts, its signals, what it tells systemd.
 *
 * Threads: the core's loop.
 */
#ifndef DAEMON_APP_H
#define DAEMON_APP_H

#include "daemon/conf.h"

/* Runs until it is told to stop; returns the exit code. */
int td_app_run(const char *conf_file);

#endif
