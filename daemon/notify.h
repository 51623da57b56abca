/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify -- sd_notify(3)'s protocol, without its library.
 *
 * Without NOTIFY_SOCKET every call does nothing.
 * Threads: the core's loop.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "proto/vocab.h"

/* Takes NOTIFY_SOCKET and WATCHDOG_USEC out of the environment, so that the carrier does not inherit them. */
void td_notify_open(void);
bool td_notify_is_open(void);
/* "READY=1\nSTATUS=..." */
void td_notify(const char *state);
/* STATUS=, only if it differs from the last one. */
void td_notify_status(const char *text);
/* RELOADING=1 with the time that systemd asks for. */
void td_notify_reloading(void);
/* Seconds between two signs of life (half of what is allowed); 0 = not asked for. */
double td_notify_watchdog_s(void);

#endif
