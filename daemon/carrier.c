/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/carrier.h"

#include "daemon/address.h"
#include "daemon/carrier_int.h"
#include "daemon/curve.h"
#include "daemon/sandbox.h"
#include "proto/err.h"
#include "proto/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

enum {
	PIPE_OUT_MAX =
	    64 * 1024 * 1024, /* never met: peers are not read long before */
	RETRY_MS = 20,        /* see wait_for_work() */
	LINGER_MS = 300,      /* the last frames at the end */
	FDS_MAX = 6,
};

/* ------------------------------------------------- commands of the core */

static bool take_text(struct tr_bytes in, char *out, size_t cap)
{
	if (in.size >= cap || memchr(in.data, 0, in.size) != NULL)
		return false;
	memcpy(out, in.data, in.size);
	out[in.size] = '\0';
	return true;
}

static void on_start(struct td_carrier *carrier, const char *address)
{
	const char *why = NULL;

	carrier->has_start = true;
	if (address[0] != '\0' &&
	    td_carrier_down_listen(carrier, address, &why) != 0) {
		td_carrier_tell(carrier, TD_PIPE_FATAL, 0,
		    (struct tr_bytes){(const uint8_t *)why, strlen(why)},
		    (struct tr_bytes){NULL, 0});
		_exit(td_pipe_flush(&carrier->pipe) == 0 ? EX_UNAVAILABLE
		                                         : EX_OSERR);
	}
	/* The port is bound and the threads run: no more is needed. */
	if (td_sandbox_enter() != 0) {
		(void)fprintf(stderr,
		    "terraced-carrier: cannot enter the sandbox: this kernel "
		    "has no seccomp filter\n");
		_exit(EX_OSERR);
	}
}

static int on_conf(struct td_carrier *carrier, const struct td_pipe_msg *msg)
{
	if (carrier->has_conf || msg->body.size != 64 || msg->link == 0 ||
	    msg->link >= TD_PIPE_PARENT)
		return TR_E_INPUT;
	carrier->table.next_number = msg->link;
	memcpy(carrier->curve_pk, msg->body.data, 32);
	memcpy(carrier->curve_sk, msg->body.data + 32, 32);
	carrier->has_conf = true;
	return 0;
}

static int on_key(struct td_carrier *carrier, const struct td_pipe_msg *msg)
{
	char address[TD_ADDRESS_MAX + 1];
	struct tr_key key;

	if (msg->body.size < 32)
		return TR_E_INPUT;
	memcpy(key.b, msg->body.data, 32);
	if (msg->type != TD_PIPE_DIAL) {
		td_carrier_down_allow(carrier, &key,
		    msg->type == TD_PIPE_ALLOW);
		return 0;
	}
	if (!carrier->has_start || (msg->link & TD_PIPE_PARENT) == 0 ||
	    !take_text(
	        (struct tr_bytes){msg->body.data + 32, msg->body.size - 32},
	        address, sizeof(address)))
		return TR_E_INPUT;
	td_carrier_up_dial(carrier, msg->link, &key, address);
	return 0;
}

static int on_command(struct td_carrier *carrier, const struct td_pipe_msg *msg)
{
	bool is_parent = (msg->link & TD_PIPE_PARENT) != 0;
	char address[TD_ADDRESS_MAX + 1];

	if (!carrier->has_conf && msg->type != TD_PIPE_CONF)
		return TR_E_INPUT;
	switch (msg->type) {
	case TD_PIPE_CONF: return on_conf(carrier, msg);
	case TD_PIPE_ALLOW:
	case TD_PIPE_DENY:
	case TD_PIPE_DIAL: return on_key(carrier, msg);
	case TD_PIPE_START:
		if (carrier->has_start ||
		    !take_text(msg->body, address, sizeof(address)))
			return TR_E_INPUT;
		on_start(carrier, address);
		return 0;
	case TD_PIPE_FRAME:
		if (is_parent)
			td_carrier_up_send(carrier, msg->link, msg->body);
		else
			td_carrier_down_send(carrier, msg->link, msg->body);
		return 0;
	case TD_PIPE_CLOSE:
		if (is_parent)
			td_carrier_up_close(carrier, msg->link);
		else
			td_carrier_down_close(carrier, msg->link);
		return 0;
	default: return TR_E_INPUT;
	}
}

/* 0; TR_E_BUSY: nothing there; TR_E_DOWN: the core is gone. */
static int read_pipe(struct td_carrier *carrier)
{
	struct td_pipe_msg msg;
	int rc = td_pipe_fill(&carrier->pipe);

	if (rc != 0)
		return rc;
	while ((rc = td_pipe_next(&carrier->pipe, &msg)) == 0) {
		rc = on_command(carrier, &msg);
		if (rc != 0)
			return rc;
	}
	return rc == TR_E_BUSY ? 0 : rc;
}

/* ------------------------------------------------------------ the loop */

static bool is_held_back(const struct td_carrier *carrier)
{
	return td_pipe_waiting(&carrier->pipe) >= TD_CARRIER_PIPE_MAX;
}

static void add_socket(struct pollfd *fds, nfds_t *count, void *socket)
{
	size_t size = sizeof(int);

	if (socket == NULL)
		return;
	if (zmq_getsockopt(socket, ZMQ_FD, &fds[*count].fd, &size) != 0)
		return;
	fds[*count].events = POLLIN;
	(*count)++;
}

/*
 * ZMQ_FD only tells that a socket has commands to process, once; so every
 * turn asks all sockets, and we sleep after a turn in which nothing moved.
 * What may be lost: while one blocked link was tried, the news that another
 * may go on.  Hence the short time-out as long as a link is blocked.
 */
static void wait_for_work(struct td_carrier *carrier)
{
	struct pollfd fds[FDS_MAX] = {{.fd = carrier->pipe.fd}};
	nfds_t count = 1;
	bool is_blocked =
	    carrier->blocked != NULL || carrier->up.queue.first != NULL;

	fds[0].events = POLLIN;
	if (td_pipe_waiting(&carrier->pipe) > 0)
		fds[0].events |= POLLOUT;
	add_socket(fds, &count, carrier->zap);
	add_socket(fds, &count, carrier->router);
	add_socket(fds, &count, carrier->router_monitor);
	add_socket(fds, &count, carrier->up.dealer);
	add_socket(fds, &count, carrier->up.monitor);
	(void)poll(fds, count, is_blocked ? RETRY_MS : -1);
}

/* One turn.  0: go on; TR_E_BUSY: nothing moved; else the end. */
static int turn(struct td_carrier *carrier)
{
	int rc = read_pipe(carrier);
	bool any = rc == 0;

	if (rc != 0 && rc != TR_E_BUSY)
		return rc;
	any = td_carrier_down_admit(carrier) || any;
	any = td_carrier_up_watch(carrier) || any;
	if (is_held_back(carrier)) {
		/* Take the edges, else poll() would not sleep. */
		if (carrier->router != NULL)
			(void)td_carrier_socket_is_readable(carrier->router);
		if (carrier->up.dealer != NULL)
			(void)td_carrier_socket_is_readable(carrier->up.dealer);
	} else {
		any = td_carrier_down_read(carrier) || any;
		any = td_carrier_up_read(carrier) || any;
	}
	any = td_carrier_down_retry(carrier) || any;
	any = td_carrier_up_retry(carrier) || any;
	rc = td_pipe_flush(&carrier->pipe);
	if (rc != 0)
		return rc;
	return any ? 0 : TR_E_BUSY;
}

static void close_gently(void *socket)
{
	int linger = LINGER_MS;

	if (socket == NULL)
		return;
	(void)zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
	(void)zmq_close(socket);
}

/* The core closed the pipe: what it said last still leaves. */
static void finish(struct td_carrier *carrier)
{
	(void)td_carrier_down_retry(carrier);
	(void)td_carrier_up_retry(carrier);
	if (carrier->router != NULL)
		(void)zmq_socket_monitor(carrier->router, NULL, 0);
	if (carrier->up.dealer != NULL)
		(void)zmq_socket_monitor(carrier->up.dealer, NULL, 0);
	close_gently(carrier->router_monitor);
	close_gently(carrier->up.monitor);
	close_gently(carrier->up.dealer);
	close_gently(carrier->router);
	close_gently(carrier->zap);
	(void)zmq_ctx_term(carrier->context);
	sodium_memzero(carrier->curve_sk, sizeof(carrier->curve_sk));
	td_pipe_fini(&carrier->pipe);
}

static int start(struct td_carrier *carrier)
{
	int type = 0;
	socklen_t size = sizeof(type);

	if (getsockopt(TD_PIPE_FD, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
	    type != SOCK_STREAM) {
		(void)fprintf(stderr,
		    "terraced-carrier: is started by terraced, not by hand\n");
		return EX_USAGE;
	}
	if (fcntl(TD_PIPE_FD, F_SETFL, O_NONBLOCK) != 0 || sodium_init() < 0)
		return EX_OSERR;
	/* ROUTER numbers its peers from rand(); they must not be guessed. */
	srand(randombytes_random());
	td_pipe_init(&carrier->pipe, TD_PIPE_FD, PIPE_OUT_MAX);
	carrier->codec = td_codec_create();
	carrier->context = zmq_ctx_new();
	if (carrier->codec == NULL || carrier->context == NULL)
		return EX_OSERR;
	/* Starts ZeroMQ's threads: none can be made in the sandbox. */
	carrier->zap = td_curve_zap_open(carrier->context);
	return carrier->zap == NULL ? EX_OSERR : 0;
}

int td_carrier_main(int argc, char **argv)
{
	static struct td_carrier carrier; /* 20 KiB of tables */
	int rc = 0;

	(void)argc;
	(void)argv;
	td_sandbox_limits();
	rc = start(&carrier);
	if (rc != 0)
		return rc;
	do {
		rc = turn(&carrier);
		if (rc == TR_E_BUSY) {
			wait_for_work(&carrier);
			rc = 0;
		}
	} while (rc == 0);
	finish(&carrier);
	td_codec_free(carrier.codec);
	return rc == TR_E_DOWN ? EX_OK : EX_SOFTWARE;
}
