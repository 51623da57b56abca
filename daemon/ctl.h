/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl -- the control and status sockets: JSON lines, one verb one function.
 *
 * Which verbs there are: proto/commands.def.  What they take and give:
 * docs/control-protocol.md.
 *
 * Owns:    the two listening sockets, its clients, the ring of last events.
 * Limits:  TR_CTL_CLIENTS_MAX, TR_CTL_REQUEST_MAX, TR_CTL_LINE_S,
 *          TR_CTL_OUT_MAX; streams are made in pieces as the client reads.
 * Threads: the core's loop.
 */
#ifndef DAEMON_CTL_H
#define DAEMON_CTL_H

#include "daemon/conf.h"
#include "daemon/engine.h"

#include <ev.h>
#include <stdio.h>

struct td_ctl;
struct td_ingest;

/* What only the main program can do.  Every pointer may be NULL: the command
 * is then refused. */
struct td_ctl_hooks {
	void *arg;
	/* Reads the configuration again.  Keys that are in force now go to
	 * `changed`, problems and keys that need a restart to `report`, one a
	 * line.  0; TR_E_CONF, the old one stays. */
	int (*reload)(void *arg, FILE *changed, FILE *report);
	void (*stop)(void *arg); /* the reply has been written when it is called */
	int (*log_level)(void *arg, const char *level); /* 0; TR_E_USAGE */
	const struct td_ingest *ingest; /* for `metrics`; may be NULL */
};

/*
 * Binds conf->control_socket and conf->status_socket (mode 0660, group as
 * configured) and serves.  A dead socket of a former run is replaced.
 * hooks are copied.  0; TR_E_IO, TR_E_PERM, TR_E_BUSY (somebody answers on
 * that socket), TR_E_NOMEM; the reason is on stderr.
 */
TR_MUST_CHECK int td_ctl_start(struct td_ctl **out, struct ev_loop *loop,
    struct td_engine *engine, const struct td_conf *conf,
    const struct td_ctl_hooks *hooks);
/* Closes the clients, removes the sockets.  NULL is fine.  Before td_engine_stop. */
void td_ctl_stop(struct td_ctl *ctl);
/* Control and status clients now connected. */
unsigned td_ctl_client_count(const struct td_ctl *ctl);

#endif
