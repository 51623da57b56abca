/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net -- the core process's end of the carrier: starts it, restarts it within
 * a second when it dies, frames the pipe, knows nothing of ZeroMQ itself.
 *
 * The carrier is `terraced` started again (fork + exec of /proc/self/exe, role
 * by argv[0] "terraced-carrier") with one end of a socketpair as fd 3; the CURVE secret and
 * the listen address go over the pipe.  Frames are zstd-compressed and
 * decompressed in the carrier.
 * Links: 0 = parent (dialled on request), others = children, numbers chosen by the
 *        carrier, never used twice in the core's life.
 * Back-pressure: td_net_send() queues at most TD_NET_QUEUE_MAX bytes; over
 *        that the link is closed (the core's credit windows keep it far below).
 * Threads: the core's loop only.
 */
#ifndef DAEMON_NET_H
#define DAEMON_NET_H

#include "proto/vocab.h"
#include "replication/rep.h"

#include <ev.h>

#define TD_NET_QUEUE_MAX (64u * 1024 * 1024)

struct td_net;

/* Called from the loop, never from inside a td_net_ call; td_net_stop() must
 * not be called from them. bytes are borrowed for the call.  Reading of the pipe
 * stops while td_net_pause(net, true) holds. */
struct td_net_calls {
	void (*link_up)(void *arg, uint32_t link, const struct tr_key *user);
	void (*link_down)(void *arg, uint32_t link, enum rep_down_why why, const char *text);
	void (*frame)(void *arg, uint32_t link, struct tr_bytes msg);
	void (*restarted)(void *arg); /* carrier died; all links are down (link_down was called for each) */
	void (*listening)(void *arg, const char *address); /* bound; real port if 0 was asked for */
	void (*fatal)(void *arg, const char *text); /* cannot listen: address in use, ... */
};

struct td_net_conf {
	uint8_t curve_pk[32];
	const uint8_t *curve_sk;   /* 32 bytes; copied into guarded memory: a restarted carrier needs it again */
	const char *listen;        /* "tcp://addr:port"; NULL = do not listen */
};

TR_MUST_CHECK int td_net_start(struct td_net **out, struct ev_loop *loop,
    const struct td_net_conf *conf, const struct td_net_calls *calls, void *arg);
void td_net_stop(struct td_net *net); /* ends the carrier, waits for it; NULL is fine */

/* address numeric or a name (resolved in a helper process, resolve.h; the next dial takes the next of several answers); server_pk = parent's CURVE key. */
void td_net_dial(struct td_net *net, const char *address, const struct tr_key *server_pk);
/* What is allowed before the loop first runs is known before the port is open. */
void td_net_allow(struct td_net *net, const struct tr_key *key, bool add);
void td_net_send(struct td_net *net, uint32_t link, struct tr_bytes msg);
/* The peer is told; no link_down() comes for it. */
void td_net_close(struct td_net *net, uint32_t link);
void td_net_pause(struct td_net *net, bool stop_reading);
pid_t td_net_pid(const struct td_net *net);

#endif
