/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipe -- messages between core and carrier over a stream socket.
 *
 * Frame: size of body u32 le | type u8 | link u32 le | body.
 * Both ends buffer, so that one system call moves many messages.  A frame
 * that breaks a bound means that the other end is broken or taken over: the
 * reader gets TR_E_INPUT and must give the pipe up.
 * Owns:    its buffers, not the descriptor.
 * Threads: none.
 */
#ifndef DAEMON_PIPE_H
#define DAEMON_PIPE_H

#include "proto/vocab.h"

#define TD_PIPE_FD 3 /* the carrier's end */

enum td_pipe_type {
	/* core -> carrier */
	TD_PIPE_CONF = 1, /* link: first link number; CURVE public, secret */
	TD_PIPE_ALLOW,    /* key */
	TD_PIPE_DENY,     /* key */
	TD_PIPE_START,    /* listen address, may be empty; once, after the first ALLOWs */
	TD_PIPE_DIAL,     /* server key, numeric address */
	TD_PIPE_CLOSE,    /* link */
	/* both ways */
	TD_PIPE_FRAME,    /* one Msg, not compressed */
	/* carrier -> core */
	TD_PIPE_UP,       /* the peer's key */
	TD_PIPE_DOWN,     /* enum rep_down_why u8, text */
	TD_PIPE_LISTENING, /* real address */
	TD_PIPE_FATAL,    /* text; the carrier ends */
	TD_PIPE_TYPE_END
};

/* The parent's link has this bit and the number of the dial, so that what an
 * earlier dial left in the pipe is not taken for the present one. */
#define TD_PIPE_PARENT 0x80000000u

struct td_pipe_buffer {
	uint8_t *data;
	size_t head, tail, cap; /* used: head..tail */
};

struct td_pipe {
	int fd;
	size_t out_max;
	struct td_pipe_buffer in, out;
};

struct td_pipe_msg {
	enum td_pipe_type type;
	uint32_t link;
	struct tr_bytes body; /* until the next td_pipe_fill() */
};

/* fd: non-blocking stream socket.  out_max: td_pipe_put() says full above it. */
void td_pipe_init(struct td_pipe *pipe, int fd, size_t out_max);
void td_pipe_fini(struct td_pipe *pipe); /* wipes what is left */

/*
 * Reads once, as much as there is room for.
 * 0: something came; TR_E_BUSY: nothing there; TR_E_DOWN: other end closed;
 * TR_E_IO, TR_E_NOMEM.
 */
TR_MUST_CHECK int td_pipe_fill(struct td_pipe *pipe);
/* 0; TR_E_BUSY: no whole message yet; TR_E_INPUT: broken. */
TR_MUST_CHECK int td_pipe_next(struct td_pipe *pipe, struct td_pipe_msg *out);

/* Appends a message of two parts.  0; TR_E_FULL (frames only), TR_E_SIZE, TR_E_NOMEM. */
TR_MUST_CHECK int td_pipe_put(struct td_pipe *pipe, enum td_pipe_type type,
    uint32_t link, struct tr_bytes a, struct tr_bytes b);
/* Writes what the socket takes.  0, also when something is left; TR_E_DOWN. */
TR_MUST_CHECK int td_pipe_flush(struct td_pipe *pipe);
size_t td_pipe_waiting(const struct td_pipe *pipe); /* bytes to write */

#endif
