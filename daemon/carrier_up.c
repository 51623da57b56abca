/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DEALER to the parent: one socket per dial, thrown away at its end.
 * When to dial again is the core's business, never ZeroMQ's.
 *
 *     OFF --dial--> DIALLING --handshake--> LIVE --lost, closed--> OFF
 *                      \--refused, no answer--> OFF
 */
#include "daemon/carrier_int.h"
#include "daemon/curve.h"
#include "proto/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { HANDSHAKE_MS = 60000, SPARE_MAX = 256, NAME_MAX_SIZE = 48 };
enum { EVENT_SIZE = 6 }; /* u16 event, i32 value, host order */

static void finish(struct td_carrier *carrier)
{
	struct td_carrier_up *up = &carrier->up;

	if (up->dealer != NULL) {
		(void)zmq_socket_monitor(up->dealer, NULL, 0);
		(void)zmq_close(up->dealer);
	}
	if (up->monitor != NULL)
		(void)zmq_close(up->monitor);
	up->dealer = up->monitor = NULL;
	td_carrier_queue_clear(&up->queue, &carrier->queued_bytes);
	up->state = TD_CARRIER_UP_OFF;
}

static void end(struct td_carrier *carrier, enum rep_down_why why,
    const char *text)
{
	td_carrier_tell_down(carrier, carrier->up.number, why, text);
	finish(carrier);
}

static int connect_it(struct td_carrier *carrier, const char *address)
{
	struct td_carrier_up *up = &carrier->up;
	char name[NAME_MAX_SIZE];
	int linger = 0;

	(void)snprintf(name, sizeof(name), "inproc://up-monitor-%u",
	    (unsigned)up->number);
	up->dealer = zmq_socket(carrier->context, ZMQ_DEALER);
	up->monitor = zmq_socket(carrier->context, ZMQ_PAIR);
	if (up->dealer == NULL || up->monitor == NULL ||
	    td_curve_limits(up->dealer, HANDSHAKE_MS) != 0 ||
	    td_curve_client(up->dealer, carrier->curve_pk, carrier->curve_sk,
	        up->server_pk.b) != 0 ||
	    zmq_setsockopt(up->monitor, ZMQ_LINGER, &linger, sizeof(linger)) !=
	        0 ||
	    zmq_socket_monitor(up->dealer, name,
	        ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
	            ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
	            ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
	            ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_CLOSED |
	            ZMQ_EVENT_DISCONNECTED) != 0 ||
	    zmq_connect(up->monitor, name) != 0 ||
	    zmq_connect(up->dealer, address) != 0)
		return TR_E_IO;
	return 0;
}

void td_carrier_up_dial(struct td_carrier *carrier, uint32_t number,
    const struct tr_key *server_pk, const char *address)
{
	struct td_carrier_up *up = &carrier->up;

	finish(carrier);
	up->number = number;
	up->server_pk = *server_pk;
	up->is_dying = false;
	up->bad_frames = 0;
	up->state = TD_CARRIER_UP_DIALLING;
	if (connect_it(carrier, address) != 0)
		end(carrier, REP_DOWN_UNREACHABLE, zmq_strerror(errno));
}

void td_carrier_up_close(struct td_carrier *carrier, uint32_t number)
{
	if (carrier->up.state != TD_CARRIER_UP_OFF &&
	    carrier->up.number == number)
		finish(carrier);
}

/* ------------------------------------------------------------ sending */

static int transmit(struct td_carrier *carrier, struct tr_bytes frame)
{
	if (zmq_send(carrier->up.dealer, frame.data, frame.size,
	        ZMQ_DONTWAIT) >= 0)
		return 0;
	return errno == EAGAIN || errno == EINTR ? TR_E_BUSY : TR_E_DOWN;
}

void td_carrier_up_send(struct td_carrier *carrier, uint32_t number,
    struct tr_bytes msg)
{
	struct td_carrier_up *up = &carrier->up;
	struct tr_bytes frame;
	int rc = TR_E_BUSY;

	if (up->state != TD_CARRIER_UP_LIVE || up->number != number ||
	    up->is_dying)
		return;
	if (td_codec_encode(carrier->codec, msg, &frame) != 0) {
		end(carrier, REP_DOWN_CLOSED, "message too large for a frame");
		return;
	}
	if (up->queue.first == NULL)
		rc = transmit(carrier, frame);
	if (rc == TR_E_BUSY)
		rc = td_carrier_queue_push(&up->queue, &carrier->queued_bytes,
		    frame);
	if (rc == TR_E_DOWN)
		end(carrier, REP_DOWN_CLOSED, "connection lost");
	else if (rc != 0)
		end(carrier, REP_DOWN_CLOSED, "too slow: its queue is full");
}

bool td_carrier_up_retry(struct td_carrier *carrier)
{
	struct td_carrier_up *up = &carrier->up;
	bool any = false;

	if (up->queue.first == NULL || up->is_dying)
		return false;
	while (up->queue.first != NULL) {
		struct td_carrier_frame *first = up->queue.first;
		int rc = transmit(carrier,
		    (struct tr_bytes){first->data, first->size});

		if (rc == TR_E_BUSY)
			break;
		if (rc != 0) {
			end(carrier, REP_DOWN_CLOSED, "connection lost");
			return true;
		}
		td_carrier_queue_pop(&up->queue, &carrier->queued_bytes);
		any = true;
	}
	/* Sending may have taken the edge that told of a message. */
	return any || (td_pipe_waiting(&carrier->pipe) < TD_CARRIER_PIPE_MAX &&
	                  td_carrier_socket_is_readable(up->dealer));
}

/* ------------------------------------------------------------ receiving */

static void on_event(struct td_carrier *carrier, unsigned event)
{
	struct td_carrier_up *up = &carrier->up;

	switch (event) {
	case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
		up->state = TD_CARRIER_UP_LIVE;
		td_carrier_tell(carrier, TD_PIPE_UP, up->number,
		    (struct tr_bytes){up->server_pk.b, 32},
		    (struct tr_bytes){NULL, 0});
		break;
	case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
		end(carrier, REP_DOWN_REFUSED_KEY,
		    "the parent does not let this key in");
		break;
	case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
		end(carrier, REP_DOWN_REFUSED_KEY,
		    "no Terrace node with the expected key answers there");
		break;
	case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		end(carrier, REP_DOWN_UNREACHABLE,
		    "cut off in the handshake: the parent is busy, "
		    "or has another key than expected");
		break;
	case ZMQ_EVENT_CLOSED:
	case ZMQ_EVENT_DISCONNECTED:
		if (up->state == TD_CARRIER_UP_LIVE)
			up->is_dying = true; /* its last messages first */
		else
			end(carrier, REP_DOWN_UNREACHABLE, "no answer");
		break;
	default: break;
	}
}

bool td_carrier_up_watch(struct td_carrier *carrier)
{
	uint8_t event[EVENT_SIZE], spare[SPARE_MAX];
	bool any = false;

	while (carrier->up.monitor != NULL &&
	       zmq_recv(carrier->up.monitor, event, sizeof(event),
	           ZMQ_DONTWAIT) == EVENT_SIZE) {
		uint16_t number = 0;

		memcpy(&number, event, sizeof(number));
		(void)zmq_recv(carrier->up.monitor, spare, sizeof(spare),
		    ZMQ_DONTWAIT);
		on_event(carrier, number);
		any = true;
	}
	return any;
}

static void take(struct td_carrier *carrier, zmq_msg_t *payload)
{
	struct td_carrier_up *up = &carrier->up;
	const struct tr_bytes frame = {zmq_msg_data(payload),
	    zmq_msg_size(payload)};
	struct tr_bytes msg;

	if (zmq_msg_more(payload)) {
		(void)td_carrier_socket_skip_parts(up->dealer);
		end(carrier, REP_DOWN_CLOSED,
		    "the parent sent a message of several parts");
		return;
	}
	if (td_codec_is_closed(frame)) {
		end(carrier, REP_DOWN_CLOSED, "closed by the parent");
		return;
	}
	if (td_codec_decode(carrier->codec, frame, &msg) == 0) {
		td_carrier_tell(carrier, TD_PIPE_FRAME, up->number, msg,
		    (struct tr_bytes){NULL, 0});
	} else if (++up->bad_frames >= TD_CARRIER_BAD_MAX) {
		end(carrier, REP_DOWN_CLOSED,
		    "the parent sent frames that cannot be read");
	}
}

bool td_carrier_up_read(struct td_carrier *carrier)
{
	struct td_carrier_up *up = &carrier->up;
	unsigned count = 0;

	while (up->state == TD_CARRIER_UP_LIVE && count < TD_CARRIER_BATCH &&
	       td_pipe_waiting(&carrier->pipe) < TD_CARRIER_PIPE_MAX) {
		zmq_msg_t payload;

		(void)zmq_msg_init(&payload);
		if (zmq_msg_recv(&payload, up->dealer, ZMQ_DONTWAIT) >= 0) {
			take(carrier, &payload);
			count++;
		} else if (errno == EAGAIN && up->is_dying) {
			end(carrier, REP_DOWN_CLOSED, "connection lost");
			count++;
		} else {
			break;
		}
		(void)zmq_msg_close(&payload);
	}
	return count > 0;
}
