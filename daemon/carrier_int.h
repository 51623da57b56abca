/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carrier_int -- what the carrier's own files share.  Nobody else includes it.
 *
 *     carrier.c        loop, commands of the core
 *     carrier_down.c   ROUTER: children           carrier_peer.c   its tables
 *     carrier_up.c     DEALER: the parent
 *     carrier_queue.c  frames that a slow peer did not take yet
 *     carrier_tell.c   words to the core
 *     carrier_socket.c what both sides ask of a socket
 */
#ifndef DAEMON_CARRIER_INT_H
#define DAEMON_CARRIER_INT_H

#include "daemon/codec.h"
#include "daemon/pipe.h"
#include "replication/rep.h"

#define TD_CARRIER_QUEUE_MAX (4u * 1024 * 1024)      /* one link */
#define TD_CARRIER_QUEUE_ALL_MAX (64u * 1024 * 1024) /* all links */
#define TD_CARRIER_PIPE_MAX (4u * 1024 * 1024) /* above it peers are not read */
#define TD_CARRIER_BAD_MAX 3          /* bad frames before a peer is hostile */
#define TD_CARRIER_BAN_MS (5 * 60 * 1000)
#define TD_CARRIER_BATCH 256          /* messages of one socket in one turn */

/* ---- carrier_queue.c ---- */
struct td_carrier_frame {
	struct td_carrier_frame *next;
	size_t size;
	uint8_t data[];
};

struct td_carrier_queue {
	struct td_carrier_frame *first, *last;
	size_t bytes; /* with the overhead of each frame */
};

/* 0; TR_E_FULL (this queue or the sum of all), TR_E_NOMEM. */
TR_MUST_CHECK int td_carrier_queue_push(struct td_carrier_queue *queue,
    size_t *all_bytes, struct tr_bytes frame);
void td_carrier_queue_pop(struct td_carrier_queue *queue, size_t *all_bytes);
void td_carrier_queue_clear(struct td_carrier_queue *queue, size_t *all_bytes);

/* ---- carrier_peer.c ---- */
struct td_carrier_link {
	struct td_carrier_link *next;      /* bucket by number */
	struct td_carrier_link *next_blocked;
	struct td_carrier_peer *peer;
	uint32_t number;
	uint64_t connection;               /* as ZAP counted it */
	int fd;                            /* of the connection, -1 unknown */
	uint8_t route[5];                  /* routing id */
	bool is_dying;                     /* connection is gone; its last messages are being read */
	bool is_blocked;                   /* in the list of those with a queue */
	struct td_carrier_queue queue;
};

struct td_carrier_peer {               /* one key of the allow list */
	struct td_carrier_peer *next;      /* bucket by key */
	struct tr_key key;
	struct td_carrier_link *link;      /* NULL = not connected */
	uint64_t over;                     /* connections up to this number do not count any more */
	unsigned bad_frames;
	int64_t banned_until_ms;           /* mono; 0 = not banned */
};

#define TD_CARRIER_BUCKETS 1024

struct td_carrier_table {
	struct td_carrier_peer *peer[TD_CARRIER_BUCKETS];
	struct td_carrier_link *link[TD_CARRIER_BUCKETS];
	unsigned link_count;
	uint32_t next_number;
};

struct td_carrier_peer *td_carrier_peer_find(struct td_carrier_table *table,
    const struct tr_key *key);
/* NULL if out of memory. */
struct td_carrier_peer *td_carrier_peer_add(struct td_carrier_table *table,
    const struct tr_key *key);
/* It has no link any more. */
void td_carrier_peer_remove(struct td_carrier_table *table,
    struct td_carrier_peer *peer);
struct td_carrier_link *td_carrier_peer_link(struct td_carrier_table *table,
    uint32_t number);
/* NULL: too many, or out of memory. */
struct td_carrier_link *td_carrier_peer_open(struct td_carrier_table *table,
    struct td_carrier_peer *peer);
/* Its queue is empty and it is not in the blocked list. */
void td_carrier_peer_close(struct td_carrier_table *table,
    struct td_carrier_link *link);
/* Next link in no special order; NULL first and last. */
struct td_carrier_link *td_carrier_peer_next(struct td_carrier_table *table,
    const struct td_carrier_link *link);

/* ---- the carrier ---- */
enum td_carrier_up_state { TD_CARRIER_UP_OFF, TD_CARRIER_UP_DIALLING, TD_CARRIER_UP_LIVE };

struct td_carrier_up {
	void *dealer, *monitor;
	enum td_carrier_up_state state;
	uint32_t number;                   /* TD_PIPE_PARENT | number of the dial */
	struct tr_key server_pk;
	bool is_dying;
	unsigned bad_frames;
	struct td_carrier_queue queue;
};

struct td_carrier {
	void *context, *zap;
	void *router, *router_monitor;     /* NULL = a leaf */
	struct td_carrier_up up;
	struct td_carrier_table table;
	struct td_carrier_link *blocked;
	size_t queued_bytes;
	uint64_t connections;              /* let in by ZAP so far */
	bool any_dying;
	struct td_pipe pipe;
	struct td_codec *codec;
	uint8_t curve_pk[32], curve_sk[32];
	bool has_conf, has_start;
};

/* ---- carrier_tell.c ---- */
/* To the core; the pipe out of memory ends the process. */
void td_carrier_tell(struct td_carrier *carrier, enum td_pipe_type type,
    uint32_t link, struct tr_bytes a, struct tr_bytes b);
void td_carrier_tell_down(struct td_carrier *carrier, uint32_t link,
    enum rep_down_why why, const char *text);

/* ---- carrier_socket.c ---- */
/* True if the socket has a message.  Also takes the edge of its ZMQ_FD. */
bool td_carrier_socket_is_readable(void *socket);
/* Reads and drops the parts that follow; their count. */
unsigned td_carrier_socket_skip_parts(void *socket);

/* ---- carrier_down.c ---- */
/* 0; TR_E_IO and *why if the address cannot be bound. */
TR_MUST_CHECK int td_carrier_down_listen(struct td_carrier *carrier,
    const char *address, const char **why);
void td_carrier_down_allow(struct td_carrier *carrier, const struct tr_key *key, bool add);
void td_carrier_down_send(struct td_carrier *carrier, uint32_t number, struct tr_bytes msg);
void td_carrier_down_close(struct td_carrier *carrier, uint32_t number); /* the core knows */
/* Monitor, then ZAP: in this order, see there.  True if something happened. */
bool td_carrier_down_admit(struct td_carrier *carrier);
bool td_carrier_down_read(struct td_carrier *carrier);
bool td_carrier_down_retry(struct td_carrier *carrier);

/* ---- carrier_up.c ---- */
void td_carrier_up_dial(struct td_carrier *carrier, uint32_t number,
    const struct tr_key *server_pk, const char *address);
void td_carrier_up_send(struct td_carrier *carrier, uint32_t number, struct tr_bytes msg);
void td_carrier_up_close(struct td_carrier *carrier, uint32_t number);
bool td_carrier_up_watch(struct td_carrier *carrier); /* monitor */
bool td_carrier_up_read(struct td_carrier *carrier);
bool td_carrier_up_retry(struct td_carrier *carrier);

#endif
