/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stranger -- a bad neighbour for the end-to-end tests.
 *
 *   stranger key ADDRESS TOKEN            a CURVE key that nobody enrolled: prints "refused" or "let in"
 *   stranger frames ADDRESS TOKEN KEYFILE an enrolled unit's key in hostile hands: rubbish, oversize, endless parts
 * The token only yields the parent's public key.
 */
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define OVERSIZE (512 * 1024)
#define ROUNDS 12

static bool parent_key(const char *token, uint8_t key[static 32])
{
	uint8_t raw[512];
	size_t size;

	if (strlen(token) < 4 ||
	    sodium_base642bin(raw, sizeof(raw), token + 4, strlen(token + 4), " \n",
		&size, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	    size < 32)
		return false;
	memcpy(key, raw, 32);
	return true;
}

/* The line "WORD hex" of a key file. */
static bool key_line(const char *path, const char *word, uint8_t key[static 32])
{
	FILE *file = fopen(path, "r");
	char line[512];
	bool found = false;

	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL) {
		size_t size = strlen(word);

		if (strncmp(line, word, size) == 0 && line[size] == ' ')
			found = sodium_hex2bin(key, 32, line + size + 1,
			    strcspn(line + size + 1, "\n"), NULL, NULL, NULL) == 0;
	}
	if (file != NULL)
		fclose(file);
	return found;
}

static void *dealer(void *context, const uint8_t server[static 32],
    const uint8_t pk[static 32], const uint8_t sk[static 32])
{
	void *socket = zmq_socket(context, ZMQ_DEALER);
	int zero = 0;

	zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof(zero));
	zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server, 32);
	zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, pk, 32);
	zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, sk, 32);
	return socket;
}

/* The first thing that the handshake says; 0 after the time. */
static int handshake(void *monitor, int timeout_ms)
{
	zmq_msg_t part;
	uint16_t event = 0;

	zmq_setsockopt(monitor, ZMQ_RCVTIMEO, &timeout_ms, sizeof(timeout_ms));
	for (;;) {
		zmq_msg_init(&part);
		if (zmq_msg_recv(&part, monitor, 0) < 0)
			return 0;
		memcpy(&event, zmq_msg_data(&part), sizeof(event));
		zmq_msg_close(&part);
		zmq_msg_init(&part);
		zmq_msg_recv(&part, monitor, 0);
		zmq_msg_close(&part);
		if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ||
		    event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ||
		    event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL ||
		    event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)
			return event;
	}
}

static int try_key(void *context, const char *address, const uint8_t server[static 32])
{
	uint8_t pk[32], sk[32];
	void *socket, *monitor;
	int said;

	crypto_box_keypair(pk, sk);
	socket = dealer(context, server, pk, sk);
	zmq_socket_monitor(socket, "inproc://said", ZMQ_EVENT_ALL);
	monitor = zmq_socket(context, ZMQ_PAIR);
	zmq_connect(monitor, "inproc://said");
	zmq_connect(socket, address);
	said = handshake(monitor, 10000);
	puts(said == ZMQ_EVENT_HANDSHAKE_SUCCEEDED ? "let in" : "refused");
	zmq_close(socket);
	zmq_close(monitor);
	return 0;
}

static void send_rubbish(void *socket, int round, uint8_t *bytes)
{
	size_t size = (size_t[]){ 1, 17, 900, 60000, 200000, OVERSIZE }[round % 6];

	randombytes_buf(bytes, size);
	bytes[0] = (uint8_t)(round % 3); /* raw, "compressed", no such thing */
	if (round % 6 == 2)
		for (int i = 0; i < 40; i++)
			zmq_send(socket, bytes, 20, ZMQ_SNDMORE);
	zmq_send(socket, bytes, size, 0);
}

static int try_frames(void *context, const char *address,
    const uint8_t server[static 32], const char *keyfile)
{
	uint8_t pk[32], sk[32], *bytes = malloc(OVERSIZE);
	int timeout_ms = 3000;

	if (bytes == NULL || !key_line(keyfile, "curve-secret", sk))
		return 2;
	crypto_scalarmult_base(pk, sk);
	/* A peer that misbehaves is cut off; it comes again and again. */
	for (int round = 0; round < ROUNDS; round++) {
		void *socket = dealer(context, server, pk, sk);

		zmq_setsockopt(socket, ZMQ_SNDTIMEO, &timeout_ms, sizeof(timeout_ms));
		zmq_setsockopt(socket, ZMQ_RCVTIMEO, (int[]){ 500 }, sizeof(int));
		zmq_connect(socket, address);
		send_rubbish(socket, round, bytes);
		zmq_recv(socket, bytes, OVERSIZE, 0); /* whatever it says, or the time */
		zmq_close(socket);
	}
	free(bytes);
	return 0;
}

int main(int argc, char **argv)
{
	uint8_t server[32];
	void *context;
	int rc = 64;

	if (argc < 4 || sodium_init() < 0 || !parent_key(argv[3], server)) {
		fputs("usage: stranger key ADDRESS TOKEN | frames ADDRESS TOKEN KEYFILE\n", stderr);
		return 64;
	}
	context = zmq_ctx_new();
	if (strcmp(argv[1], "key") == 0)
		rc = try_key(context, argv[2], server);
	else if (strcmp(argv[1], "frames") == 0 && argc > 4)
		rc = try_frames(context, argv[2], server, argv[4]);
	zmq_ctx_term(context);
	return rc;
}
