/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest -- ingest.sock: one JSON object a line in, one reply line each, in
 * order, after the commit.
 *
 * A client has at most TR_INGEST_WINDOW lines in work; then its socket is not
 * read until replies have gone out (back-pressure).  A bad line costs only
 * itself.  See docs/control-protocol.md section 3.
 *
 * Owns:    the listening socket and its clients.
 * Threads: the core's loop.
 */
#ifndef DAEMON_INGEST_H
#define DAEMON_INGEST_H

#include "daemon/conf.h"
#include "daemon/engine.h"

#include <ev.h>

struct td_ingest;

struct td_ingest_stat {
	uint64_t lines, accepted, unchanged, repeated, refused, busy;
	unsigned clients;
};

/* Errors as td_ctl_start.  A leaf of any role has this socket; conf->ingest_socket NULL = none, *out = NULL. */
TR_MUST_CHECK int td_ingest_start(struct td_ingest **out, struct ev_loop *loop,
    struct td_engine *engine, const struct td_conf *conf);
/* Closes the clients, removes the socket.  NULL is fine.  Before td_engine_stop. */
void td_ingest_stop(struct td_ingest *ingest);
void td_ingest_stat(const struct td_ingest *ingest, struct td_ingest_stat *out);

#endif
