/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net_proc.h"

#include "daemon/carrier.h"
#include "proto/err.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
	FLUSH_BYTES =
	    256 * 1024, /* written at once, not at the next turn of the loop */
	STOP_GRACE_MS = 1000,
	SOCKET_BUFFER = 1024 * 1024,
};

bool td_net_proc_is_running(const struct td_net_proc *proc)
{
	return proc->pipe.fd >= 0;
}

static void set_events(struct td_net_proc *proc)
{
	int events = (proc->is_paused ? 0 : EV_READ) |
	             (td_pipe_waiting(&proc->pipe) > 0 ? EV_WRITE : 0);

	if (proc->pipe.fd < 0 || proc->is_broken ||
	    (proc->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(proc->loop, &proc->io);
	ev_io_modify(&proc->io, events);
	if (events != 0)
		ev_io_start(proc->loop, &proc->io);
}

static void stop_watching(struct td_net_proc *proc)
{
	proc->is_broken = true;
	ev_io_stop(proc->loop, &proc->io);
	ev_io_stop(proc->loop, &proc->death);
}

/* The pipe is of no use any more: kill; on_death() does the rest, later. */
static void break_off(struct td_net_proc *proc)
{
	if (proc->is_broken)
		return;
	stop_watching(proc);
	td_spawn_end(&proc->spawn, 0);
	ev_feed_event(proc->loop, &proc->death, EV_READ);
}

int td_net_proc_put(struct td_net_proc *proc, enum td_pipe_type type,
    uint32_t link, struct tr_bytes a, struct tr_bytes b)
{
	int rc = 0;

	if (proc->pipe.fd < 0 || proc->is_broken)
		return 0;
	rc = td_pipe_put(&proc->pipe, type, link, a, b);
	if (rc == 0 && td_pipe_waiting(&proc->pipe) >= FLUSH_BYTES &&
	    td_pipe_flush(&proc->pipe) != 0)
		break_off(proc);
	set_events(proc);
	return rc;
}

void td_net_proc_tell(struct td_net_proc *proc, enum td_pipe_type type,
    uint32_t link, struct tr_bytes a, struct tr_bytes b)
{
	if (td_net_proc_put(proc, type, link, a, b) != 0)
		break_off(proc);
}

/* What is in the buffer.  False: the process broke the protocol. */
static bool deliver(struct td_net_proc *proc)
{
	struct td_pipe_msg msg;
	int rc = 0;

	while (!proc->is_paused && !proc->is_broken) {
		rc = td_pipe_next(&proc->pipe, &msg);
		if (rc == TR_E_BUSY)
			return true;
		if (rc != 0 || !proc->message(proc->arg, &msg))
			return false;
	}
	return true;
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
	struct td_net_proc *proc = io->data;
	int rc = 0;

	(void)loop;
	if (proc->pipe.fd < 0 || proc->is_broken)
		return;
	if ((events & EV_WRITE) != 0)
		rc = td_pipe_flush(&proc->pipe);
	/* What a pause left behind comes before what is new. */
	if (!deliver(proc))
		rc = TR_E_INPUT;
	if (rc == 0 && (events & EV_READ) != 0 && !proc->is_paused &&
	    !proc->is_broken) {
		rc = td_pipe_fill(&proc->pipe);
		if (rc == TR_E_BUSY)
			rc = 0;
		else if (rc == 0 && !deliver(proc))
			rc = TR_E_INPUT;
	}
	if (rc != 0)
		break_off(proc);
	set_events(proc);
}

static void close_pipe(struct td_net_proc *proc)
{
	(void)close(proc->pipe.fd);
	td_pipe_fini(&proc->pipe);
	proc->pipe.fd = -1;
}

static void on_death(struct ev_loop *loop, ev_io *death, int events)
{
	struct td_net_proc *proc = death->data;
	int rc = 0;

	(void)loop;
	(void)events;
	if (proc->pipe.fd < 0)
		return;
	while (rc == 0 && !proc->is_broken && !proc->is_paused)
		rc = deliver(proc) ? td_pipe_fill(&proc->pipe) : TR_E_INPUT;
	stop_watching(proc);
	td_spawn_end(&proc->spawn, 0);
	close_pipe(proc);
	proc->died(proc->arg);
}

void td_net_proc_init(struct td_net_proc *proc)
{
	proc->pipe.fd = -1;
	ev_init(&proc->io, on_io);
	ev_init(&proc->death, on_death);
	proc->io.data = proc->death.data = proc;
}

int td_net_proc_start(struct td_net_proc *proc)
{
	const int size = SOCKET_BUFFER;
	int fds[2];
	int rc = 0;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
	        fds) != 0)
		return TR_E_IO;
	for (size_t i = 0; i < 2; i++)
		(void)setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size,
		    sizeof(size));
	rc = td_spawn_start(&proc->spawn, TD_CARRIER_ROLE, "fd=3", fds[1],
	    TD_PIPE_FD);
	(void)close(fds[1]);
	if (rc != 0) {
		(void)close(fds[0]);
		return rc;
	}
	td_pipe_init(&proc->pipe, fds[0], proc->queue_max);
	proc->is_broken = false;
	proc->born = ev_now(proc->loop);
	ev_io_set(&proc->io, fds[0], 0);
	set_events(proc);
	ev_io_set(&proc->death, proc->spawn.pidfd, EV_READ);
	ev_io_start(proc->loop, &proc->death);
	return 0;
}

void td_net_proc_stop(struct td_net_proc *proc)
{
	const struct timeval second = {.tv_sec = 1};

	if (proc->loop == NULL || proc->pipe.fd < 0)
		return;
	stop_watching(proc);
	/* The last frames, then the end of file that ends it. */
	(void)fcntl(proc->pipe.fd, F_SETFL, 0);
	(void)setsockopt(proc->pipe.fd, SOL_SOCKET, SO_SNDTIMEO, &second,
	    sizeof(second));
	if (td_pipe_flush(&proc->pipe) == 0)
		(void)shutdown(proc->pipe.fd, SHUT_WR);
	td_spawn_end(&proc->spawn, STOP_GRACE_MS);
	close_pipe(proc);
}

void td_net_proc_pause(struct td_net_proc *proc, bool stop_reading)
{
	if (proc->is_paused == stop_reading)
		return;
	proc->is_paused = stop_reading;
	set_events(proc);
	if (!stop_reading && proc->pipe.fd >= 0 && !proc->is_broken)
		ev_feed_event(proc->loop, &proc->io, EV_READ);
}
