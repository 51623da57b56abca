/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_proc -- one carrier process and the pipe to it, seen from the core.
 *
 * Knows nothing of links.  When the process ends, however it does, what it
 * still said is delivered, then died() is called, once.
 * Threads: the core's loop.
 */
#ifndef DAEMON_NET_PROC_H
#define DAEMON_NET_PROC_H

#include "daemon/pipe.h"
#include "daemon/spawn.h"

#include <ev.h>

struct td_net_proc {
	struct ev_loop *loop;
	/* False: it broke the protocol and is killed. */
	bool (*message)(void *arg, const struct td_pipe_msg *msg);
	void (*died)(void *arg);
	void *arg;
	size_t queue_max; /* bytes that may wait in the pipe */

	struct td_spawn spawn;
	struct td_pipe pipe; /* fd -1: no process */
	ev_io io, death;
	ev_tstamp born;
	bool is_paused, is_broken;
};

/* The five first members are set. */
void td_net_proc_init(struct td_net_proc *proc);
/* 0; TR_E_IO. */
TR_MUST_CHECK int td_net_proc_start(struct td_net_proc *proc);
/* Closes the pipe gently, waits, kills; died() is not called.  Fine without a process. */
void td_net_proc_stop(struct td_net_proc *proc);
bool td_net_proc_is_running(const struct td_net_proc *proc);

/* 0, also when there is no process; TR_E_FULL, TR_E_SIZE (frames only). */
TR_MUST_CHECK int td_net_proc_put(struct td_net_proc *proc,
    enum td_pipe_type type, uint32_t link, struct tr_bytes a,
    struct tr_bytes b);
/* A control message: never refused. */
void td_net_proc_tell(struct td_net_proc *proc, enum td_pipe_type type,
    uint32_t link, struct tr_bytes a, struct tr_bytes b);
void td_net_proc_pause(struct td_net_proc *proc, bool stop_reading);

#endif
