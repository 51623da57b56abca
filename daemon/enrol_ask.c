/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One DEALER, the token's own CURVE pair, one ENROLL, one ENROLLOK.
 * Anything but an answer is tried again until the time is over: a token is
 * typed in while somebody else still starts the parent.
 */
#include "daemon/enrol_int.h"

#include "daemon/codec.h"
#include "daemon/curve.h"
#include "daemon/resolve.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "proto/limits.h"

#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
	ALL_MS = 30000,
	REFUSED_MS =
	    3000, /* a parent that just started may not know the token yet */
	PAUSE_MS = 500,
	SPARE_MAX = 256,
	EVENT_SIZE = 6, /* u16 event, i32 value, host order */
};

static const char MONITOR[] = "inproc://enrol-monitor";

struct ask {
	const struct td_token *token;
	void *context, *dealer, *monitor;
	struct td_codec *codec;
	uint8_t curve_pk[32], curve_sk[32], mac_key[32];
	uint8_t *request; /* the encoded Msg */
	size_t request_size;
	uint32_t session;
	int64_t begin_ms, end_ms;
	unsigned turn;
	char *error; /* TD_ENROL_TEXT */
};

static int64_t now_ms(void)
{
	return td_sys_mono().ms;
}

static int make_request(struct ask *ask, struct tr_bytes want,
    const struct rep_sign_keys *keys)
{
	const struct tr_bytes id = {ask->token->id, sizeof(ask->token->id)};
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Enroll enroll = TERRACE__ENROLL__INIT;
	uint8_t id_copy[TR_TOKEN_ID_SIZE], sig[64], mac[32];
	uint8_t *want_copy = malloc(want.size);

	if (want_copy == NULL)
		return TR_E_NOMEM;
	memcpy(want_copy, want.data, want.size);
	memcpy(id_copy, id.data, sizeof(id_copy));
	rep_enroll_sign(id, want, keys, sig);
	rep_enroll_mac(ask->mac_key, id, want,
	    (struct tr_bytes){sig, sizeof(sig)}, mac);
	while (ask->session == 0)
		td_sys_random(&ask->session, sizeof(ask->session));
	enroll.token_id = (ProtobufCBinaryData){sizeof(id_copy), id_copy};
	enroll.want = (ProtobufCBinaryData){want.size, want_copy};
	enroll.self_sig = (ProtobufCBinaryData){sizeof(sig), sig};
	enroll.mac = (ProtobufCBinaryData){sizeof(mac), mac};
	msg.session = ask->session;
	msg.n = 1;
	msg.m_case = TERRACE__MSG__M_ENROLL;
	msg.enroll = &enroll;
	ask->request_size = wire_msg_size(&msg);
	ask->request = malloc(ask->request_size);
	if (ask->request != NULL)
		(void)wire_msg_encode(&msg, ask->request);
	free(want_copy);
	return ask->request == NULL ? TR_E_NOMEM : 0;
}

static void hang_up(struct ask *ask)
{
	if (ask->dealer != NULL) {
		(void)zmq_socket_monitor(ask->dealer, NULL, 0);
		(void)zmq_close(ask->dealer);
	}
	if (ask->monitor != NULL)
		(void)zmq_close(ask->monitor);
	ask->dealer = ask->monitor = NULL;
}

static int dial(struct ask *ask, const char *text)
{
	struct td_address name, numeric;
	char address[TD_ADDRESS_MAX + 1];
	const char *why = NULL;
	int linger = 0;

	if (td_address_parse(text, false, &name, &why) != 0 ||
	    td_resolve_now(&name, ask->turn++, &numeric, &why) != 0) {
		(void)snprintf(ask->error, TD_ENROL_TEXT, "%s: %s", text, why);
		return TR_E_BUSY;
	}
	td_address_print(&numeric, address);
	ask->dealer = zmq_socket(ask->context, ZMQ_DEALER);
	ask->monitor = zmq_socket(ask->context, ZMQ_PAIR);
	if (ask->dealer == NULL || ask->monitor == NULL ||
	    td_curve_limits(ask->dealer, ALL_MS) != 0 ||
	    td_curve_client(ask->dealer, ask->curve_pk, ask->curve_sk,
	        ask->token->parent_pk.b) != 0 ||
	    zmq_setsockopt(ask->monitor, ZMQ_LINGER, &linger, sizeof(linger)) !=
	        0 ||
	    zmq_socket_monitor(ask->dealer, MONITOR,
	        ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
	            ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
	            ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
	            ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_CLOSED |
	            ZMQ_EVENT_DISCONNECTED) != 0 ||
	    zmq_connect(ask->monitor, MONITOR) != 0 ||
	    zmq_connect(ask->dealer, address) != 0) {
		(void)snprintf(ask->error, TD_ENROL_TEXT, "%s: %s", address,
		    zmq_strerror(errno));
		return TR_E_BUSY;
	}
	return 0;
}

static int send_request(struct ask *ask)
{
	struct tr_bytes frame;
	int rc = td_codec_encode(ask->codec,
	    (struct tr_bytes){ask->request, ask->request_size}, &frame);

	if (rc != 0)
		return rc;
	return zmq_send(ask->dealer, frame.data, frame.size, ZMQ_DONTWAIT) < 0
	           ? TR_E_BUSY
	           : 0;
}

/* 0: go on waiting; TR_E_BUSY: once more; TR_E_PERM: refused by ZAP. */
static int on_event(struct ask *ask)
{
	uint8_t event[EVENT_SIZE], spare[SPARE_MAX];
	uint16_t number = 0;

	if (zmq_recv(ask->monitor, event, sizeof(event), ZMQ_DONTWAIT) !=
	    EVENT_SIZE)
		return 0;
	(void)zmq_recv(ask->monitor, spare, sizeof(spare), ZMQ_DONTWAIT);
	memcpy(&number, event, sizeof(number));
	switch (number) {
	case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return send_request(ask);
	case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
		(void)snprintf(ask->error, TD_ENROL_TEXT,
		    _("the parent does not know this token: it was used, has "
		      "expired, or belongs to another node"));
		return TR_E_PERM;
	case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
	case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
		(void)snprintf(ask->error, TD_ENROL_TEXT,
		    _("%s: something answers there, but not the node that "
		      "the token names"),
		    ask->token->address);
		return TR_E_BUSY;
	default:
		(void)snprintf(ask->error, TD_ENROL_TEXT, _("%s: no answer"),
		    ask->token->address);
		return TR_E_BUSY;
	}
}

/* 0: it is the answer; TR_E_BUSY: something else, go on; TR_E_DOWN: the end. */
static int on_frame(struct ask *ask, zmq_msg_t *frame,
    struct td_enrol_answer *out)
{
	Terrace__Msg *msg = NULL;
	const struct tr_bytes bytes = {zmq_msg_data(frame),
	    zmq_msg_size(frame)};
	struct tr_bytes plain;
	int rc = 0;

	if (zmq_msg_more(frame))
		return TR_E_INPUT;
	if (td_codec_is_closed(bytes))
		return TR_E_DOWN;
	rc = td_codec_decode(ask->codec, bytes, &plain);
	wire_arena_reset(out->arena);
	if (rc == 0)
		rc = wire_msg_decode(out->arena, plain, &msg);
	if (rc != 0)
		return rc;
	if (msg->session != ask->session ||
	    msg->m_case != TERRACE__MSG__M_ENROLLOK)
		return TR_E_BUSY;
	out->ok = msg->enrollok;
	return 0;
}

static int read_frame(struct ask *ask, struct td_enrol_answer *out)
{
	zmq_msg_t frame;
	int rc = TR_E_BUSY;

	(void)zmq_msg_init(&frame);
	if (zmq_msg_recv(&frame, ask->dealer, ZMQ_DONTWAIT) >= 0)
		rc = on_frame(ask, &frame, out);
	(void)zmq_msg_close(&frame);
	return rc;
}

/* One connection.  0; TR_E_BUSY, TR_E_PERM: see on_event(). */
static int try_once(struct ask *ask, const char *address,
    struct td_enrol_answer *out)
{
	int rc = dial(ask, address);

	while (rc == 0 && now_ms() < ask->end_ms) {
		zmq_pollitem_t items[2] = {
		    {.socket = ask->dealer, .events = ZMQ_POLLIN},
		    {.socket = ask->monitor, .events = ZMQ_POLLIN},
		};

		(void)zmq_poll(items, 2, (long)(ask->end_ms - now_ms()));
		/* The answer first: the parent may hang up behind it. */
		if ((items[0].revents & ZMQ_POLLIN) != 0) {
			rc = read_frame(ask, out);
			if (rc == TR_E_DOWN)
				break;
			if (rc != TR_E_BUSY)
				return rc;
			rc = 0;
		} else if ((items[1].revents & ZMQ_POLLIN) != 0) {
			rc = on_event(ask);
		}
	}
	if (rc == 0 || rc == TR_E_DOWN) {
		(void)snprintf(ask->error, TD_ENROL_TEXT,
		    _("%s: connected, but no answer came"),
		    ask->token->address);
		rc = TR_E_BUSY;
	}
	return rc;
}

static int keep_trying(struct ask *ask, const char *address,
    struct td_enrol_answer *out)
{
	bool has_said = false;
	int rc = 0;

	for (;;) {
		rc = try_once(ask, address, out);
		hang_up(ask);
		if (rc == TR_E_PERM && now_ms() > ask->begin_ms + REFUSED_MS)
			return TR_E_REFUSED;
		if (rc != TR_E_BUSY && rc != TR_E_PERM)
			return rc;
		if (now_ms() + PAUSE_MS >= ask->end_ms)
			return TR_E_TIMEOUT;
		if (rc == TR_E_BUSY && !has_said) {
			(void)td_enrol_say(0, _("%s; trying for %d s"),
			    ask->error, ALL_MS / 1000);
			has_said = true;
		}
		(void)poll(NULL, 0, PAUSE_MS);
	}
}

int td_enrol_ask(const struct td_token *token, const char *address,
    struct tr_bytes want, const struct rep_sign_keys *keys,
    struct td_enrol_answer *out, char error[static TD_ENROL_TEXT])
{
	struct td_enrol_answer answer = {wire_arena_create(), NULL};
	struct ask ask = {.token = token, .error = error};
	int rc = TR_E_NOMEM;

	(void)snprintf(error, TD_ENROL_TEXT, "%s", _("out of memory"));
	rep_token_derive(token->secret, ask.curve_pk, ask.curve_sk,
	    ask.mac_key);
	ask.begin_ms = now_ms();
	ask.end_ms = ask.begin_ms + ALL_MS;
	ask.codec = td_codec_create();
	ask.context = zmq_ctx_new();
	if (answer.arena != NULL && ask.codec != NULL && ask.context != NULL)
		rc = make_request(&ask, want, keys);
	if (rc == 0)
		rc = keep_trying(&ask, address, &answer);
	if (rc == TR_E_INPUT || rc == TR_E_LIMIT || rc == TR_E_UTF8)
		(void)snprintf(error, TD_ENROL_TEXT, "%s",
		    _("the parent's answer cannot be read"));
	if (ask.context != NULL)
		(void)zmq_ctx_term(ask.context);
	td_codec_free(ask.codec);
	free(ask.request);
	sodium_memzero(&ask, sizeof(ask));
	if (rc == 0)
		*out = answer;
	else
		wire_arena_free(answer.arena);
	return rc;
}
