/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: links between two nodes come up for known keys only, carry every
 * frame once and in order while they last, and say so when they end; one
 * hostile peer costs nobody else anything.
 * Method: td_net of parent and child in this program, each with a real carrier
 * process (this program again), over loopback; hostile peers are ZeroMQ used
 * by hand.  Nothing sleeps: the loop runs until a condition holds.
 */
#include "tests/net/hostile.h"
#include "tests/net/party.h"

#include "daemon/carrier.h"
#include "daemon/resolve.h"
#include "proto/limits.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>
#include <zmq.h>

enum {
	STREAM_FRAMES = 200000,
	STREAM_WINDOW = 2000,
	STREAM_SIZE = 40,
};

static const char ANY[] = "tcp://127.0.0.1:0";

struct pair {
	struct party parent, child;
	struct hostile hostile;
};

static int setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	party_init(&pair->parent);
	party_init(&pair->child);
	hostile_init(&pair->hostile);
	party_start(&pair->parent, ANY);
	party_start(&pair->child, NULL);
	td_net_allow(pair->parent.net, &pair->child.pk, true);
	*state = pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	hostile_fini(&pair->hostile);
	party_fini(&pair->child);
	party_fini(&pair->parent);
	free(pair);
	return 0;
}

static bool is_down(const void *arg)
{
	return !party_has_link(arg);
}

static bool had_a_down(const void *arg)
{
	return ((const struct party *)arg)->downs > 0;
}

static bool has_two_links(const void *arg)
{
	return ((const struct party *)arg)->ups == 2;
}

static bool had_a_frame(const void *arg)
{
	return ((const struct party *)arg)->frames > 0;
}

/* The pair still works: a frame goes from the child to the parent. */
static void expect_alive(struct pair *pair)
{
	const struct tr_bytes msg = {(const uint8_t *)"alive", 5};

	pair->parent.frames = 0;
	td_net_send(pair->child.net, REP_LINK_UP, msg);
	party_await(had_a_frame, &pair->parent, "a frame of the good child");
}

/* A frame to the child comes out of the pipe behind the permission. */
static void allow_hostile(struct pair *pair)
{
	const struct tr_bytes msg = {(const uint8_t *)"alive", 5};

	td_net_allow(pair->parent.net, &pair->hostile.pk, true);
	pair->child.frames = 0;
	td_net_send(pair->parent.net, 1, msg);
	party_await(had_a_frame, &pair->child, "a frame for the good child");
}

/* Lets the hostile key in and waits for its link. */
static uint32_t let_in(struct pair *pair)
{
	allow_hostile(pair);
	hostile_dial(&pair->hostile, pair->parent.address, &pair->parent.pk,
	    NULL);
	hostile_send(&pair->hostile, 1, 10, 0);
	party_await(has_two_links, &pair->parent, "the hostile link");
	assert_memory_equal(pair->parent.last_user.b, pair->hostile.pk.b, 32);
	pair->parent.downs = 0;
	return pair->parent.last_link;
}

/* -------------------------------------------------------------- admission */

static void known_key_gets_a_link_and_is_named(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	assert_int_equal(pair->child.last_link, REP_LINK_UP);
	assert_memory_equal(pair->child.last_user.b, pair->parent.pk.b, 32);
	assert_memory_equal(pair->parent.last_user.b, pair->child.pk.b, 32);
	assert_true(pair->parent.last_link > 0);
}

static void unknown_key_is_refused(void **state)
{
	struct pair *pair = *state;

	td_net_allow(pair->parent.net, &pair->child.pk, false);
	party_await(party_is_listening, &pair->parent, "the parent listens");
	td_net_dial(pair->child.net, pair->parent.address, &pair->parent.pk);
	party_await(had_a_down, &pair->child, "the refusal");
	assert_int_equal(pair->child.last_why, REP_DOWN_REFUSED_KEY);
	assert_int_equal(pair->child.ups, 0);
	assert_int_equal(pair->parent.ups, 0);
	/* Allowed now, at the next try. */
	td_net_allow(pair->parent.net, &pair->child.pk, true);
	party_connect(&pair->child, &pair->parent);
}

static void wrong_key_of_the_parent_is_noticed(void **state)
{
	struct pair *pair = *state;

	party_await(party_is_listening, &pair->parent, "the parent listens");
	td_net_dial(pair->child.net, pair->parent.address, &pair->child.pk);
	party_await(had_a_down, &pair->child, "the failure");
	assert_int_equal(pair->child.ups, 0);
	assert_int_equal(pair->parent.ups, 0);
}

static void client_without_curve_is_refused(void **state)
{
	struct pair *pair = *state;
	struct party *parent = &pair->parent;

	party_connect(&pair->child, parent);
	hostile_dial(&pair->hostile, parent->address, NULL, NULL);
	hostile_send(&pair->hostile, 1, 10, 0);
	expect_alive(pair);
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
	expect_alive(pair);
	assert_int_equal(pair->parent.ups, 1);
}

static void removed_key_loses_its_link(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	td_net_allow(pair->parent.net, &pair->child.pk, false);
	party_await(is_down, &pair->parent, "the link is dropped");
	assert_int_equal(pair->parent.downs, 1);
}

/* ------------------------------------------------------------ the stream */

static void count_frame(struct party *party, uint32_t link, struct tr_bytes msg)
{
	uint64_t number = 0;

	(void)link;
	if (msg.size != STREAM_SIZE)
		return;
	memcpy(&number, msg.data, sizeof(number));
	if (number != party->expected)
		party->out_of_order++;
	party->expected = number + 1;
}

static void pump(struct party *from, const struct party *to, uint32_t link)
{
	uint8_t body[STREAM_SIZE] = {0};

	while (from->sent < STREAM_FRAMES &&
	       from->sent < to->expected + STREAM_WINDOW) {
		memcpy(body, &from->sent, sizeof(from->sent));
		td_net_send(from->net, link,
		    (struct tr_bytes){body, sizeof(body)});
		from->sent++;
	}
}

/* What was received when the streams were last pumped. */
static uint64_t received;

static bool stream_moves(const void *arg)
{
	const struct pair *pair = arg;

	return pair->parent.expected + pair->child.expected > received;
}

static void small_frames_pass_both_ways_in_order(void **state)
{
	struct pair *pair = *state;
	struct party *parent = &pair->parent, *child = &pair->child;

	party_connect(child, parent);
	parent->on_frame = child->on_frame = count_frame;
	while (parent->expected < STREAM_FRAMES ||
	       child->expected < STREAM_FRAMES) {
		pump(child, parent, REP_LINK_UP);
		pump(parent, child, parent->last_link);
		received = parent->expected + child->expected;
		party_await(stream_moves, pair, "the stream moves");
	}
	assert_int_equal(parent->out_of_order, 0);
	assert_int_equal(child->out_of_order, 0);
	assert_int_equal(parent->downs + child->downs, 0);
}

static void check_large(struct party *party, uint32_t link, struct tr_bytes msg)
{
	(void)link;
	if (msg.size < 1000)
		return;
	party->expected++;
	for (size_t i = 0; i < msg.size; i++) {
		if (msg.data[i] != (uint8_t)(i % 251 * (i / 251)))
			party->out_of_order++;
	}
}

static bool has_ten(const void *arg)
{
	return ((const struct party *)arg)->expected == 10;
}

static void large_frames_pass_compressed(void **state)
{
	struct pair *pair = *state;
	const size_t size = 200 * 1024;
	uint8_t *body = malloc(size);

	for (size_t i = 0; i < size; i++)
		body[i] = (uint8_t)(i % 251 * (i / 251));
	party_connect(&pair->child, &pair->parent);
	pair->parent.on_frame = check_large;
	for (unsigned i = 0; i < 10; i++)
		td_net_send(pair->child.net, REP_LINK_UP,
		    (struct tr_bytes){body, size});
	party_await(has_ten, &pair->parent, "ten large frames");
	assert_int_equal(pair->parent.out_of_order, 0);
	free(body);
}

static void pause_holds_frames_back_and_loses_none(void **state)
{
	struct pair *pair = *state;
	struct party *parent = &pair->parent;

	party_connect(&pair->child, parent);
	parent->on_frame = count_frame;
	td_net_pause(parent->net, true);
	pump(&pair->child, parent, REP_LINK_UP);
	for (unsigned i = 0; i < 10; i++)
		party_turn();
	assert_int_equal(parent->expected, 0);
	td_net_pause(parent->net, false);
	while (parent->expected < STREAM_WINDOW)
		party_turn();
	assert_int_equal(parent->out_of_order, 0);
}

/* ----------------------------------------------------------- hostile peers */

static void oversize_frame_ends_only_its_link(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	(void)let_in(pair);
	hostile_send(&pair->hostile, 1, TR_FRAME_MAX + 1, 0);
	party_await(had_a_down, &pair->parent, "the link ends");
	assert_int_equal(pair->parent.downs, 1);
	expect_alive(pair);
}

static void message_of_many_parts_is_banned(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	(void)let_in(pair);
	hostile_send(&pair->hostile, 1000, 100, 0);
	party_await(had_a_down, &pair->parent, "the ban");
	assert_non_null(strstr(pair->parent.last_text, "hostile"));
	/* What it sends now is nobody's. */
	hostile_send(&pair->hostile, 1, 100, 0);
	expect_alive(pair);
	assert_int_equal(pair->parent.ups, 2);
}

static void unreadable_frames_are_banned_at_last(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	(void)let_in(pair);
	for (unsigned i = 0; i < 3; i++)
		hostile_send(&pair->hostile, 1, 100, (uint8_t)(7 + i));
	party_await(had_a_down, &pair->parent, "the ban");
	assert_non_null(strstr(pair->parent.last_text, "hostile"));
	/* The core may forgive: allow again lifts the ban. */
	td_net_allow(pair->parent.net, &pair->hostile.pk, true);
	hostile_hang_up(&pair->hostile);
	pair->parent.ups = 1;
	(void)let_in(pair);
	expect_alive(pair);
}

static void chosen_routing_id_is_banned(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	allow_hostile(pair);
	hostile_dial(&pair->hostile, pair->parent.address, &pair->parent.pk,
	    "child");
	hostile_send(&pair->hostile, 1, 100, 0);
	hostile_send(&pair->hostile, 1, 100, 0);
	expect_alive(pair);
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
	slow = let_in(pair);
	while (pair->parent.is_up[slow]) {
		td_net_send(pair->parent.net, slow,
		    (struct tr_bytes){body, size});
		party_turn();
	}
	assert_non_null(strstr(pair->parent.last_text, "slow"));
	expect_alive(pair);
	pair->child.frames = 0;
	td_net_send(pair->parent.net, 1, (struct tr_bytes){body, size});
	party_await(had_a_frame, &pair->child, "a frame for the good child");
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
	first = let_in(pair);
	hostile_dial(&second, pair->parent.address, &pair->parent.pk, NULL);
	hostile_send(&second, 1, 10, 0);
	party_await(is_up_again, &pair->parent, "the second takes over");
	assert_false(pair->parent.is_up[first]);
	/* The first is still connected but no longer heard. */
	hostile_send(&pair->hostile, 1, 10, 0);
	expect_alive(pair);
	assert_int_equal(pair->parent.ups, 3);
	(void)zmq_close(second.socket);
	party_await(had_a_down, &pair->parent, "the end of the second");
}

/* ------------------------------------------------------- ends and restarts */

static void lost_child_is_noticed_at_once(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	party_close(&pair->child, REP_LINK_UP);
	party_await(is_down, &pair->parent, "the parent notices");
	assert_int_equal(pair->child.downs, 0); /* it asked for it */
	party_connect(&pair->child, &pair->parent);
}

static void last_frame_before_the_end_arrives(void **state)
{
	struct pair *pair = *state;

	for (unsigned i = 0; i < 20; i++) {
		party_connect(&pair->child, &pair->parent);
		pair->parent.frames = 0;
		td_net_send(pair->child.net, REP_LINK_UP,
		    (struct tr_bytes){(const uint8_t *)"bye", 3});
		party_await(had_a_frame, &pair->parent, "the last frame");
		party_close(&pair->child, REP_LINK_UP);
		party_await(is_down, &pair->parent, "the end");
	}
}

static void closed_link_of_a_child_comes_back_as_a_new_one(void **state)
{
	struct pair *pair = *state;
	uint32_t link = 0;

	party_connect(&pair->child, &pair->parent);
	link = pair->parent.last_link;
	party_close(&pair->parent, link);
	td_net_send(pair->child.net, REP_LINK_UP,
	    (struct tr_bytes){(const uint8_t *)"again", 5});
	party_await(has_two_links, &pair->parent, "a new link");
	assert_int_equal(pair->parent.last_link, link + 1);
}

static bool has_restarted(const void *arg)
{
	return ((const struct party *)arg)->restarts == 1;
}

static bool listens_again(const void *arg)
{
	return ((const struct party *)arg)->listens == 2;
}

static void killed_carrier_of_the_parent_comes_back(void **state)
{
	struct pair *pair = *state;
	char before[128];

	party_connect(&pair->child, &pair->parent);
	memcpy(before, pair->parent.address, sizeof(before));
	assert_int_equal(kill(td_net_pid(pair->parent.net), SIGKILL), 0);
	party_await(has_restarted, &pair->parent, "the parent notices");
	party_await(is_down, &pair->child, "the child notices");
	assert_int_equal(pair->parent.downs, 1);
	party_await(listens_again, &pair->parent, "it listens again");
	assert_string_equal(pair->parent.address, before);
	party_connect(&pair->child, &pair->parent);
	assert_int_equal(pair->parent.last_link, 2);
	expect_alive(pair);
}

static void killed_carrier_of_the_child_comes_back(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	assert_int_equal(kill(td_net_pid(pair->child.net), SIGKILL), 0);
	party_await(has_restarted, &pair->child, "the child notices");
	assert_int_equal(pair->child.downs, 1);
	party_await(is_down, &pair->parent, "the parent notices");
	/* A dial that comes before the new carrier waits for it. */
	party_connect(&pair->child, &pair->parent);
	expect_alive(pair);
}

static void nobody_at_the_address_is_unreachable(void **state)
{
	struct pair *pair = *state;

	td_net_dial(pair->child.net, "tcp://127.0.0.1:1", &pair->parent.pk);
	party_await(had_a_down, &pair->child, "the failure");
	assert_int_equal(pair->child.last_why, REP_DOWN_UNREACHABLE);
	pair->child.downs = 0;
	td_net_dial(pair->child.net, "nonsense", &pair->parent.pk);
	party_await(had_a_down, &pair->child, "the failure");
	assert_int_equal(pair->child.last_why, REP_DOWN_UNREACHABLE);
}

static void name_is_resolved(void **state)
{
	struct pair *pair = *state;
	char name[128];

	party_await(party_is_listening, &pair->parent, "the parent listens");
	(void)snprintf(name, sizeof(name), "tcp://localhost%s",
	    strrchr(pair->parent.address, ':'));
	/* localhost may also be ::1, where nobody listens: the next try takes
	 * the next address. */
	while (!party_has_link(&pair->child)) {
		unsigned downs = pair->child.downs;

		assert_in_range(downs, 0, 3);
		td_net_dial(pair->child.net, name, &pair->parent.pk);
		while (
		    pair->child.downs == downs && !party_has_link(&pair->child))
			party_turn();
	}
}

static bool had_a_fatal(const void *arg)
{
	return ((const struct party *)arg)->fatals == 1;
}

static void port_in_use_is_fatal_and_named(void **state)
{
	struct pair *pair = *state;
	struct party second;

	party_await(party_is_listening, &pair->parent, "the parent listens");
	party_init(&second);
	party_start(&second, pair->parent.address);
	party_await(had_a_fatal, &second, "the failure");
	assert_non_null(strstr(second.last_text, pair->parent.address));
	assert_non_null(strstr(second.last_text, "in use"));
	party_fini(&second);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    CASE(known_key_gets_a_link_and_is_named),
	    CASE(unknown_key_is_refused),
	    CASE(wrong_key_of_the_parent_is_noticed),
	    CASE(client_without_curve_is_refused),
	    CASE(rubbish_on_the_port_is_refused),
	    CASE(removed_key_loses_its_link),
	    CASE(small_frames_pass_both_ways_in_order),
	    CASE(large_frames_pass_compressed),
	    CASE(pause_holds_frames_back_and_loses_none),
	    CASE(oversize_frame_ends_only_its_link),
	    CASE(message_of_many_parts_is_banned),
	    CASE(unreadable_frames_are_banned_at_last),
	    CASE(chosen_routing_id_is_banned),
	    CASE(slow_reader_is_dropped_and_others_are_served),
	    CASE(newest_connection_of_a_key_wins),
	    CASE(lost_child_is_noticed_at_once),
	    CASE(last_frame_before_the_end_arrives),
	    CASE(closed_link_of_a_child_comes_back_as_a_new_one),
	    CASE(killed_carrier_of_the_parent_comes_back),
	    CASE(killed_carrier_of_the_child_comes_back),
	    CASE(nobody_at_the_address_is_unreachable),
	    CASE(name_is_resolved),
	    CASE(port_in_use_is_fatal_and_named),
	};

	if (strcmp(argv[0], TD_CARRIER_ROLE) == 0)
		return td_carrier_main(argc, argv);
	if (strcmp(argv[0], TD_RESOLVE_ROLE) == 0)
		return td_resolve_main(argc, argv);
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	party_loop = ev_default_loop(0);
	if (party_loop == NULL || sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
