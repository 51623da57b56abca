/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>
#include <zmq.h>

void hostile_init(struct hostile *hostile)
{
	memset(hostile, 0, sizeof(*hostile));
	hostile->context = zmq_ctx_new();
	assert_non_null(hostile->context);
	(void)crypto_box_keypair(hostile->pk.b, hostile->sk);
}

void hostile_dial(struct hostile *hostile, const char *address,
    const struct tr_key *server_pk, const char *route)
{
	int zero = 0, never = -1, one = 1,
	    timeout = server_pk == NULL ? 500 : 5000;
	void *socket = zmq_socket(hostile->context, ZMQ_DEALER);

	hostile->socket = socket;
	assert_int_equal(
	    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof(zero)), 0);
	assert_int_equal(
	    zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &never, sizeof(never)),
	    0);
	assert_int_equal(
	    zmq_setsockopt(socket, ZMQ_IMMEDIATE, &one, sizeof(one)), 0);
	assert_int_equal(
	    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &timeout, sizeof(timeout)), 0);
	if (route != NULL)
		assert_int_equal(zmq_setsockopt(socket, ZMQ_ROUTING_ID, route,
		                     strlen(route)),
		    0);
	if (server_pk != NULL) {
		assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY,
		                     server_pk->b, 32),
		    0);
		assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY,
		                     hostile->pk.b, 32),
		    0);
		assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY,
		                     hostile->sk, 32),
		    0);
	}
	assert_int_equal(zmq_connect(socket, address), 0);
}

void hostile_hang_up(struct hostile *hostile)
{
	if (hostile->socket != NULL)
		(void)zmq_close(hostile->socket);
	hostile->socket = NULL;
}

void hostile_send(struct hostile *hostile, unsigned parts, size_t size,
    uint8_t how)
{
	uint8_t *data = calloc(1, size);

	assert_non_null(data);
	data[0] = how;
	for (unsigned i = 0; i < parts; i++) {
		/* May block: the carrier that answers is another process. */
		(void)zmq_send(hostile->socket, data, size,
		    i + 1 < parts ? ZMQ_SNDMORE : 0);
	}
	free(data);
}

void hostile_fini(struct hostile *hostile)
{
	hostile_hang_up(hostile);
	(void)zmq_ctx_term(hostile->context);
}
