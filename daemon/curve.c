/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/curve.h"

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In Debian's libzmq 4.3.4 it works, but zmq.h hides it behind DRAFT. */
#define ZAP_ENFORCE_DOMAIN 93

enum {
	LINK_HWM = 4,
	CONNECT_MS =
	    60000, /* the core gives up earlier, by the link's profile */
	RECONNECT_MS = 3600000,
	ZAP_PARTS =
	    7, /* version, request, domain, address, identity, mechanism, key */
	ZAP_PART_MAX = 256,
	HEX_SIZE = 65,
};

static const char DOMAIN[] = "terrace";

static int set_int(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof(value));
}

int td_curve_limits(void *socket, int handshake_ms)
{
	int64_t frame_max = TR_FRAME_MAX;
	int bad = 0;

	bad |= set_int(socket, ZMQ_LINGER, 0);
	bad |= set_int(socket, ZMQ_IMMEDIATE, 1);
	bad |= set_int(socket, ZMQ_SNDHWM, LINK_HWM);
	bad |= set_int(socket, ZMQ_RCVHWM, LINK_HWM);
	bad |= set_int(socket, ZMQ_IPV6, 1);
	/* Never by itself: we close the socket first.  Not -1, "off": that way
	 * ZeroMQ 4.3.4 forgets the endpoint when a connection ends, asks the kernel
	 * for its interfaces on that occasion, and aborts in the sandbox. */
	bad |= set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
	bad |= set_int(socket, ZMQ_HANDSHAKE_IVL, handshake_ms);
	bad |= set_int(socket, ZMQ_CONNECT_TIMEOUT, CONNECT_MS);
	bad |= set_int(socket, ZMQ_BACKLOG, 1024);
	bad |= zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_max,
	    sizeof(frame_max));
	return bad == 0 ? 0 : TR_E_INTERNAL;
}

int td_curve_server(void *socket, const uint8_t secret[static 32])
{
	int bad = 0;

	bad |= set_int(socket, ZMQ_CURVE_SERVER, 1);
	bad |= zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, 32);
	bad |= zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, DOMAIN, strlen(DOMAIN));
	bad |= set_int(socket, ZAP_ENFORCE_DOMAIN, 1);
	return bad == 0 ? 0 : TR_E_INTERNAL;
}

int td_curve_client(void *socket, const uint8_t pk[static 32],
    const uint8_t sk[static 32], const uint8_t server_pk[static 32])
{
	int bad = 0;

	bad |= zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_pk, 32);
	bad |= zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, pk, 32);
	bad |= zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, sk, 32);
	return bad == 0 ? 0 : TR_E_INTERNAL;
}

void *td_curve_zap_open(void *context)
{
	void *zap = zmq_socket(context, ZMQ_REP);

	if (zap == NULL)
		return NULL;
	if (set_int(zap, ZMQ_LINGER, 0) != 0 ||
	    zmq_bind(zap, "inproc://zeromq.zap.01") != 0) {
		(void)zmq_close(zap);
		return NULL;
	}
	return zap;
}

struct request {
	uint8_t part[ZAP_PARTS][ZAP_PART_MAX];
	size_t size[ZAP_PARTS];
	size_t count;
};

static bool read_request(void *zap, struct request *request)
{
	int more = 1;
	size_t size = sizeof(more);

	request->count = 0;
	while (more != 0) {
		uint8_t spare[ZAP_PART_MAX];
		bool fits = request->count < ZAP_PARTS;
		int n =
		    zmq_recv(zap, fits ? request->part[request->count] : spare,
		        ZAP_PART_MAX, ZMQ_DONTWAIT);

		if (n < 0)
			return false;
		if (fits)
			request->size[request->count] =
			    n > ZAP_PART_MAX ? 0 : (size_t)n;
		request->count++;
		if (zmq_getsockopt(zap, ZMQ_RCVMORE, &more, &size) != 0)
			return false;
	}
	return true;
}

static bool part_is(const struct request *request, size_t i, const char *text)
{
	return request->size[i] == strlen(text) &&
	       memcmp(request->part[i], text, strlen(text)) == 0;
}

/* ZAP metadata: name size u8, name, value size u32 be, value. */
static size_t put_number(uint8_t *out, uint64_t number)
{
	const size_t name = strlen(TD_CURVE_MSG_CONNECTION);
	int digits =
	    snprintf((char *)out + 1 + name + 4, 21, "%" PRIu64, number);

	out[0] = (uint8_t)name;
	memcpy(out + 1, TD_CURVE_MSG_CONNECTION, name);
	wire_put_be32(out + 1 + name, (uint32_t)digits);
	return 1 + name + 4 + (size_t)digits;
}

static void answer(void *zap, const struct request *request, bool is_in,
    uint64_t number)
{
	char hex[HEX_SIZE] = "";
	uint8_t properties[64];
	size_t size = 0;

	if (is_in) {
		(void)sodium_bin2hex(hex, sizeof(hex), request->part[6], 32);
		size = put_number(properties, number);
	}
	(void)zmq_send(zap, "1.0", 3, ZMQ_SNDMORE);
	(void)zmq_send(zap, request->part[1],
	    request->count > 1 ? request->size[1] : 0, ZMQ_SNDMORE);
	(void)zmq_send(zap, is_in ? "200" : "400", 3, ZMQ_SNDMORE);
	(void)zmq_send(zap, is_in ? "OK" : "no", 2, ZMQ_SNDMORE);
	(void)zmq_send(zap, hex, strlen(hex), ZMQ_SNDMORE);
	(void)zmq_send(zap, properties, size, 0);
}

bool td_curve_zap_serve(void *zap, uint64_t *number,
    bool (*allowed)(void *arg, const struct tr_key *key), void *arg)
{
	struct request request;
	bool any = false;

	while (read_request(zap, &request)) {
		struct tr_key key;
		bool is_in =
		    request.count == ZAP_PARTS && part_is(&request, 0, "1.0") &&
		    part_is(&request, 2, DOMAIN) &&
		    part_is(&request, 5, "CURVE") && request.size[6] == 32;

		if (is_in) {
			memcpy(key.b, request.part[6], 32);
			is_in = allowed(arg, &key);
		}
		if (is_in)
			++*number;
		answer(zap, &request, is_in, *number);
		any = true;
	}
	return any;
}

int td_curve_whose(zmq_msg_t *msg, struct tr_key *key, uint64_t *number)
{
	const char *hex = zmq_msg_gets(msg, "User-Id");
	const char *count = zmq_msg_gets(msg, TD_CURVE_MSG_CONNECTION);
	size_t size = 0;
	uint64_t value = 0;

	if (hex == NULL || count == NULL || strlen(hex) != HEX_SIZE - 1)
		return TR_E_PERM;
	value = strtoull(count, NULL, 10);
	if (value == 0 ||
	    sodium_hex2bin(key->b, 32, hex, strlen(hex), NULL, &size, NULL) !=
	        0 ||
	    size != 32)
		return TR_E_PERM;
	*number = value;
	return 0;
}
