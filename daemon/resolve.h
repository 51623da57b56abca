/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve -- names to addresses, in a short-lived process of their own.
 *
 * ZeroMQ would ask the name service in the thread that serves all peers, the
 * core would stall, and the carrier may open no file.
 * Threads: the core's loop.
 */
#ifndef DAEMON_RESOLVE_H
#define DAEMON_RESOLVE_H

#include "daemon/address.h"

#include <ev.h>

#define TD_RESOLVE_ROLE "terraced-resolver" /* argv[0] */
#define TD_RESOLVE_ANSWERS_MAX 8

struct td_resolve;

/* Exactly once, unless cancelled.  address: NULL if it failed, then why. */
typedef void td_resolve_fn(void *arg, const struct td_address *address,
    const char *why);

/*
 * turn: which of several answers to take, modulo their count, so that each
 * new try takes the next.  0; TR_E_IO, TR_E_NOMEM.
 */
TR_MUST_CHECK int td_resolve_start(struct td_resolve **out,
    struct ev_loop *loop, const struct td_address *name, unsigned turn,
    td_resolve_fn *fn, void *arg);
void td_resolve_cancel(struct td_resolve *resolve); /* NULL is fine */

/* The same, at once and blocking, for programs that have nothing else to do. */
TR_MUST_CHECK int td_resolve_now(const struct td_address *name, unsigned turn,
    struct td_address *out, const char **why);

/* The role's main(). */
int td_resolve_main(int argc, char **argv);

#endif
