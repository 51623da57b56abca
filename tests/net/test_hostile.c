/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whoever keeps no rule is refused or dropped, named, and costs nobody
 * else anything.
 * Method: a good child beside a hostile peer, which is ZeroMQ or a socket used
 * by hand; after each attack the good child's frames still arrive.
 */
#include "tests/net/pair.h"

#include "proto/limits.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>
#include <zmq.h>

static void client_without_curve_is_refused(void **state)
{
	struct pair *pair = *state;
	struct party *parent = &pair->parent;

	party_connect(&pair->child, parent);
	hostile_dial(&pair->hostile, parent->address, NULL, NULL);
	hostile_send(&pair->hostile, 1, 10, 0);
	pair_expect_alive(pair);
	assert_int_equal(parent->ups, 1);
}

static void rubbish_on_the_port_is_refused(void **state)
{
	struct pair *pair = *state;
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint8_t rubbish[4096];
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint8_t byte = 0;

	party_connect(&pair->child, &pair->parent);
	to.sin_port =
	    htons((uint16_t)atoi(strrchr(pair->parent.address, ':') + 1));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	randombytes_buf(rubbish, sizeof(rubbish));
	assert_true(send(fd, rubbish, sizeof(rubbish), MSG_NOSIGNAL) > 0);
	while (recv(fd, &byte, 1, 0) > 0)
		continue; /* ends: the carrier hangs up */
	(void)close(fd);
	pair_expect_alive(pair);
	assert_int_equal(pair->parent.ups, 1);
}

static void oversize_frame_ends_only_its_link(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	(void)pair_let_in(pair);
	hostile_send(&pair->hostile, 1, TR_FRAME_MAX + 1, 0);
	party_await(pair_had_a_down, &pair->parent, "the link ends");
	assert_int_equal(pair->parent.downs, 1);
	pair_expect_alive(pair);
}

static void message_of_many_parts_is_banned(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	(void)pair_let_in(pair);
	hostile_send(&pair->hostile, 1000, 100, 0);
	party_await(pair_had_a_down, &pair->parent, "the ban");
	assert_non_null(strstr(pair->parent.last_text, "hostile"));
	/* What it sends now is nobody's. */
	hostile_send(&pair->hostile, 1, 100, 0);
	pair_expect_alive(pair);
	assert_int_equal(pair->parent.ups, 2);
}

static void unreadable_frames_are_banned_at_last(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	(void)pair_let_in(pair);
	for (unsigned i = 0; i < 3; i++)
		hostile_send(&pair->hostile, 1, 100, (uint8_t)(7 + i));
	party_await(pair_had_a_down, &pair->parent, "the ban");
	assert_non_null(strstr(pair->parent.last_text, "hostile"));
	/* The core may forgive: allow again lifts the ban. */
	td_net_allow(pair->parent.net, &pair->hostile.pk, true);
	hostile_hang_up(&pair->hostile);
	pair->parent.ups = 1;
	(void)pair_let_in(pair);
	pair_expect_alive(pair);
}

static void chosen_routing_id_is_banned(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	pair_allow_hostile(pair);
	hostile_dial(&pair->hostile, pair->parent.address, &pair->parent.pk,
	    "child");
	hostile_send(&pair->hostile, 1, 100, 0);
	hostile_send(&pair->hostile, 1, 100, 0);
	pair_expect_alive(pair);
	assert_int_equal(pair->parent.ups, 1);
}

static void slow_reader_is_dropped_and_others_are_served(void **state)
{
	struct pair *pair = *state;
	const size_t size = 60 * 1024;
	uint8_t *body = malloc(size);
	uint32_t slow = 0;

	randombytes_buf(body, size);
	party_connect(&pair->child, &pair->parent);
	slow = pair_let_in(pair);
	while (pair->parent.is_up[slow]) {
		td_net_send(pair->parent.net, slow,
		    (struct tr_bytes){body, size});
		party_turn();
	}
	assert_non_null(strstr(pair->parent.last_text, "slow"));
	pair_expect_alive(pair);
	pair->child.frames = 0;
	td_net_send(pair->parent.net, 1, (struct tr_bytes){body, size});
	party_await(pair_had_a_frame, &pair->child,
	    "a frame for the good child");
	free(body);
}

static bool is_up_again(const void *arg)
{
	const struct party *party = arg;

	return party->ups == 3 && party->downs == 1;
}

static void newest_connection_of_a_key_wins(void **state)
{
	struct pair *pair = *state;
	struct hostile second = pair->hostile;
	uint32_t first = 0;

	party_connect(&pair->child, &pair->parent);
	first = pair_let_in(pair);
	hostile_dial(&second, pair->parent.address, &pair->parent.pk, NULL);
	hostile_send(&second, 1, 10, 0);
	party_await(is_up_again, &pair->parent, "the second takes over");
	assert_false(pair->parent.is_up[first]);
	/* The first is still connected but no longer heard. */
	hostile_send(&pair->hostile, 1, 10, 0);
	pair_expect_alive(pair);
	assert_int_equal(pair->parent.ups, 3);
	(void)zmq_close(second.socket);
	party_await(pair_had_a_down, &pair->parent, "the end of the second");
}

static void closed_peer_that_goes_on_gets_a_new_link(void **state)
{
	struct pair *pair = *state;
	uint32_t link = 0;

	party_connect(&pair->child, &pair->parent);
	link = pair_let_in(pair);
	party_close(&pair->parent, link);
	while (pair->parent.ups == 2) {
		hostile_send(&pair->hostile, 1, 10, 0);
		party_turn();
	}
	assert_int_equal(pair->parent.last_link, link + 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    PAIR_CASE(client_without_curve_is_refused),
	    PAIR_CASE(rubbish_on_the_port_is_refused),
	    PAIR_CASE(oversize_frame_ends_only_its_link),
	    PAIR_CASE(message_of_many_parts_is_banned),
	    PAIR_CASE(unreadable_frames_are_banned_at_last),
	    PAIR_CASE(chosen_routing_id_is_banned),
	    PAIR_CASE(slow_reader_is_dropped_and_others_are_served),
	    PAIR_CASE(newest_connection_of_a_key_wins),
	    PAIR_CASE(closed_peer_that_goes_on_gets_a_new_link),
	};
	int role = pair_start(argc, argv);

	return role >= 0 ? role : cmocka_run_group_tests(tests, NULL, NULL);
}
