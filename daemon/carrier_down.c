/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ROUTER: children dial in.
 *
 * A connection is known by the number that ZAP gave it; a link is the newest
 * connection of one key.  ROUTER tells nothing about a lost connection, its
 * monitor does, by descriptor.  The monitor is emptied before ZAP is served:
 * a new connection can only come into being after our answer, so whatever
 * carries a reused descriptor or routing id is known to be another one.
 */
#include "daemon/address.h"
#include "daemon/carrier_int.h"
#include "daemon/curve.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "proto/limits.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

/* A CURVE handshake is several round trips: on 2G they take seconds each. */
enum { HANDSHAKE_MS = 20000, ENDPOINT_MAX = 256 };
enum { BIND_TRIES = 50, BIND_PAUSE_MS = 20 };
enum { EVENT_SIZE = 6 }; /* u16 event, i32 value, host order */

static const char MONITOR[] = "inproc://down-monitor";

/* The carrier of a daemon that was killed a moment ago may not be gone yet. */
static int bind_soon(void *router, const char *address)
{
	int rc = zmq_bind(router, address);

	for (int i = 0; rc != 0 && errno == EADDRINUSE && i < BIND_TRIES; i++) {
		(void)poll(NULL, 0, BIND_PAUSE_MS);
		rc = zmq_bind(router, address);
	}
	return rc;
}

int td_carrier_down_listen(struct td_carrier *carrier, const char *address,
    const char **why)
{
	char endpoint[ENDPOINT_MAX] = "", text[TD_ADDRESS_MAX + 1];
	struct td_address real;
	size_t size = sizeof(endpoint);
	int one = 1;

	carrier->router = zmq_socket(carrier->context, ZMQ_ROUTER);
	if (carrier->router == NULL ||
	    td_curve_limits(carrier->router, HANDSHAKE_MS) != 0 ||
	    td_curve_server(carrier->router, carrier->curve_sk) != 0 ||
	    zmq_setsockopt(carrier->router, ZMQ_ROUTER_MANDATORY, &one,
	        sizeof(one)) != 0 ||
	    zmq_socket_monitor(carrier->router, MONITOR,
	        ZMQ_EVENT_DISCONNECTED) != 0)
		goto fail;
	carrier->router_monitor = zmq_socket(carrier->context, ZMQ_PAIR);
	if (carrier->router_monitor == NULL ||
	    zmq_connect(carrier->router_monitor, MONITOR) != 0 ||
	    bind_soon(carrier->router, address) != 0 ||
	    zmq_getsockopt(carrier->router, ZMQ_LAST_ENDPOINT, endpoint,
	        &size) != 0)
		goto fail;
	if (td_address_parse(endpoint, true, &real, why) != 0)
		return TR_E_IO;
	td_address_print(&real, text);
	td_carrier_tell(carrier, TD_PIPE_LISTENING, 0,
	    (struct tr_bytes){(const uint8_t *)text, strlen(text)},
	    (struct tr_bytes){NULL, 0});
	return 0;

fail:
	*why = zmq_strerror(errno);
	return TR_E_IO;
}

/* 0; TR_E_BUSY: not now; TR_E_DOWN: there is nobody. */
static int transmit(struct td_carrier *carrier, struct td_carrier_link *link,
    struct tr_bytes frame)
{
	if (zmq_send(carrier->router, link->route, sizeof(link->route),
	        ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0)
		return errno == EAGAIN || errno == EINTR ? TR_E_BUSY
		                                         : TR_E_DOWN;
	/* The route was taken, so the second part goes the same way. */
	if (zmq_send(carrier->router, frame.data, frame.size, ZMQ_DONTWAIT) < 0)
		return TR_E_DOWN;
	return 0;
}

static void unblock(struct td_carrier *carrier, struct td_carrier_link *link)
{
	struct td_carrier_link **at = &carrier->blocked;

	td_carrier_queue_clear(&link->queue, &carrier->queued_bytes);
	if (!link->is_blocked)
		return;
	while (*at != link)
		at = &(*at)->next_blocked;
	*at = link->next_blocked;
	link->is_blocked = false;
}

static void forget(struct td_carrier *carrier, struct td_carrier_link *link)
{
	unblock(carrier, link);
	td_carrier_peer_close(&carrier->table, link);
}

/* As far as it can be said at once. */
static void hang_up(struct td_carrier *carrier, struct td_carrier_link *link)
{
	const uint8_t closed = TD_CODEC_CLOSED;

	if (!link->is_dying)
		(void)transmit(carrier, link,
		    (struct tr_bytes){&closed, sizeof(closed)});
	forget(carrier, link);
}

/* The core does not know yet. */
static void drop(struct td_carrier *carrier, struct td_carrier_link *link,
    enum rep_down_why why, const char *text)
{
	td_carrier_tell_down(carrier, link->number, why, text);
	hang_up(carrier, link);
}

static void ban(struct td_carrier *carrier, struct td_carrier_peer *peer,
    const char *text)
{
	peer->banned_until_ms = td_sys_mono().ms + TD_CARRIER_BAN_MS;
	peer->bad_frames = 0;
	if (peer->link != NULL)
		drop(carrier, peer->link, REP_DOWN_HOSTILE, text);
}

static bool is_allowed(void *arg, const struct tr_key *key)
{
	struct td_carrier *carrier = arg;
	struct td_carrier_peer *peer =
	    td_carrier_peer_find(&carrier->table, key);

	return peer != NULL && peer->banned_until_ms <= td_sys_mono().ms;
}

void td_carrier_down_allow(struct td_carrier *carrier, const struct tr_key *key,
    bool add)
{
	struct td_carrier_peer *peer =
	    td_carrier_peer_find(&carrier->table, key);

	if (add && peer == NULL) {
		(void)td_carrier_peer_add(&carrier->table, key);
	} else if (add) {
		peer->banned_until_ms = 0;
	} else if (peer != NULL) {
		if (peer->link != NULL)
			drop(carrier, peer->link, REP_DOWN_CLOSED,
			    "its key is no longer allowed");
		td_carrier_peer_remove(&carrier->table, peer);
	}
}

void td_carrier_down_close(struct td_carrier *carrier, uint32_t number)
{
	struct td_carrier_link *link =
	    td_carrier_peer_link(&carrier->table, number);

	if (link != NULL)
		hang_up(carrier, link);
}

/* ------------------------------------------------------------ sending */

void td_carrier_down_send(struct td_carrier *carrier, uint32_t number,
    struct tr_bytes msg)
{
	struct td_carrier_link *link =
	    td_carrier_peer_link(&carrier->table, number);
	struct tr_bytes frame;
	int rc = TR_E_BUSY;

	/* A dying link's routing id may belong to somebody else by now. */
	if (link == NULL || link->is_dying)
		return;
	if (td_codec_encode(carrier->codec, msg, &frame) != 0) {
		drop(carrier, link, REP_DOWN_CLOSED, "message too large for a frame");
		return;
	}
	if (link->queue.first == NULL)
		rc = transmit(carrier, link, frame);
	if (rc == TR_E_BUSY) {
		rc = td_carrier_queue_push(&link->queue, &carrier->queued_bytes,
		    frame);
		if (rc != 0) {
			drop(carrier, link, REP_DOWN_CLOSED, "too slow: its queue is full");
			return;
		}
		if (!link->is_blocked) {
			link->is_blocked = true;
			link->next_blocked = carrier->blocked;
			carrier->blocked = link;
		}
	} else if (rc != 0) {
		link->peer->over = link->connection;
		drop(carrier, link, REP_DOWN_CLOSED, "connection lost");
	}
}

/* True if something went out. */
static bool retry_link(struct td_carrier *carrier, struct td_carrier_link *link)
{
	bool any = false;

	while (link->queue.first != NULL) {
		struct td_carrier_frame *first = link->queue.first;
		int rc = transmit(carrier, link,
		    (struct tr_bytes){first->data, first->size});

		if (rc == TR_E_BUSY)
			return any;
		if (rc != 0) {
			link->peer->over = link->connection;
			drop(carrier, link, REP_DOWN_CLOSED, "connection lost");
			return true;
		}
		td_carrier_queue_pop(&link->queue, &carrier->queued_bytes);
		any = true;
	}
	unblock(carrier, link);
	return true;
}

bool td_carrier_down_retry(struct td_carrier *carrier)
{
	struct td_carrier_link *link = carrier->blocked;
	bool any = false;

	while (link != NULL) {
		struct td_carrier_link *next = link->next_blocked;

		if (!link->is_dying && retry_link(carrier, link))
			any = true;
		link = next;
	}
	/* Sending may have taken the edge that told of a message. */
	return any ||
	       (carrier->router != NULL && carrier->blocked != NULL &&
	           td_pipe_waiting(&carrier->pipe) < TD_CARRIER_PIPE_MAX &&
	           td_carrier_socket_is_readable(carrier->router));
}

/* ------------------------------------------------------------ receiving */

static bool read_monitor(struct td_carrier *carrier)
{
	uint8_t event[EVENT_SIZE], spare[ENDPOINT_MAX];
	bool any = false;

	while (carrier->router_monitor != NULL &&
	       zmq_recv(carrier->router_monitor, event, sizeof(event),
	           ZMQ_DONTWAIT) == EVENT_SIZE) {
		struct td_carrier_link *link = NULL;
		int32_t fd = 0;

		memcpy(&fd, event + 2, sizeof(fd));
		(void)zmq_recv(carrier->router_monitor, spare, sizeof(spare),
		    ZMQ_DONTWAIT);
		while ((link = td_carrier_peer_next(&carrier->table, link)) !=
		       NULL) {
			if (link->fd == fd)
				link->is_dying = true;
		}
		carrier->any_dying = true;
		any = true;
	}
	return any;
}

bool td_carrier_down_admit(struct td_carrier *carrier)
{
	bool any = read_monitor(carrier);

	return td_curve_zap_serve(carrier->zap, &carrier->connections,
	           is_allowed, carrier) ||
	       any;
}

static void bury_the_dead(struct td_carrier *carrier)
{
	struct td_carrier_link *link =
	    td_carrier_peer_next(&carrier->table, NULL);

	while (link != NULL) {
		struct td_carrier_link *next =
		    td_carrier_peer_next(&carrier->table, link);

		if (link->is_dying) {
			link->peer->over = link->connection;
			drop(carrier, link, REP_DOWN_CLOSED, "connection lost");
		}
		link = next;
	}
	carrier->any_dying = false;
}

/* The link of a message; NULL if it is nobody's. */
static struct td_carrier_link *whose(struct td_carrier *carrier,
    zmq_msg_t *route, zmq_msg_t *payload)
{
	struct td_carrier_peer *peer = NULL;
	struct td_carrier_link *link = NULL;
	struct tr_key key;
	uint64_t connection = 0;

	if (td_curve_whose(payload, &key, &connection) != 0)
		return NULL;
	peer = td_carrier_peer_find(&carrier->table, &key);
	if (peer == NULL || connection <= peer->over ||
	    peer->banned_until_ms > td_sys_mono().ms)
		return NULL;
	link = peer->link;
	if (link != NULL && link->connection == connection)
		return link;
	/* Our own program never chooses its routing id. */
	if (zmq_msg_size(route) != sizeof(link->route) ||
	    ((const uint8_t *)zmq_msg_data(route))[0] != 0) {
		ban(carrier, peer, "hostile: chose a routing id");
		return NULL;
	}
	if (link != NULL)
		drop(carrier, link, REP_DOWN_CLOSED, "replaced by a newer connection");
	link = td_carrier_peer_open(&carrier->table, peer);
	if (link == NULL)
		return NULL;
	peer->over = connection - 1;
	link->connection = connection;
	link->fd = zmq_msg_get(payload, ZMQ_SRCFD);
	memcpy(link->route, zmq_msg_data(route), sizeof(link->route));
	td_carrier_tell(carrier, TD_PIPE_UP, link->number,
	    (struct tr_bytes){key.b, 32}, (struct tr_bytes){NULL, 0});
	return link;
}

static void take(struct td_carrier *carrier, zmq_msg_t *route,
    zmq_msg_t *payload, unsigned parts)
{
	struct td_carrier_link *link = whose(carrier, route, payload);
	struct td_carrier_peer *peer = link == NULL ? NULL : link->peer;
	struct tr_bytes msg;

	if (link == NULL)
		return;
	if (parts > TR_FRAME_PARTS_MAX) {
		ban(carrier, peer, "hostile: message of many parts");
		return;
	}
	if (parts == 2 &&
	    td_codec_decode(carrier->codec,
	        (struct tr_bytes){zmq_msg_data(payload), zmq_msg_size(payload)},
	        &msg) == 0) {
		td_carrier_tell(carrier, TD_PIPE_FRAME, link->number, msg,
		    (struct tr_bytes){NULL, 0});
		return;
	}
	if (++peer->bad_frames >= TD_CARRIER_BAD_MAX)
		ban(carrier, peer, "hostile: frames that cannot be read");
}

bool td_carrier_down_read(struct td_carrier *carrier)
{
	unsigned count = 0;

	if (carrier->router == NULL)
		return false;
	while (count < TD_CARRIER_BATCH &&
	       td_pipe_waiting(&carrier->pipe) < TD_CARRIER_PIPE_MAX) {
		zmq_msg_t route, payload;
		unsigned parts = 1;

		(void)zmq_msg_init(&route);
		(void)zmq_msg_init(&payload);
		if (zmq_msg_recv(&route, carrier->router, ZMQ_DONTWAIT) < 0) {
			if (errno == EAGAIN && carrier->any_dying)
				bury_the_dead(carrier);
			return count > 0;
		}
		if (zmq_msg_more(&route) &&
		    zmq_msg_recv(&payload, carrier->router, ZMQ_DONTWAIT) >=
		        0) {
			parts = 2;
			if (zmq_msg_more(&payload))
				parts += td_carrier_socket_skip_parts(carrier->router);
			take(carrier, &route, &payload, parts);
		}
		(void)zmq_msg_close(&route);
		(void)zmq_msg_close(&payload);
		count++;
	}
	return count > 0;
}
