/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: links between two nodes come up for known keys only, carry every
 * frame once and in order while they last, and say so when they end.
 * Method: td_net of parent and child in this program, each with a real carrier
 * process (this program again), over loopback.  Nothing sleeps: the loop runs
 * until a condition holds.
 */
#include "tests/net/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	STREAM_FRAMES = 200000,
	STREAM_WINDOW = 2000,
	STREAM_SIZE = 40,
};

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
	party_await(pair_had_a_down, &pair->child, "the refusal");
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
	party_await(pair_had_a_down, &pair->child, "the failure");
	assert_int_equal(pair->child.ups, 0);
	assert_int_equal(pair->parent.ups, 0);
}

static void removed_key_loses_its_link(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	td_net_allow(pair->parent.net, &pair->child.pk, false);
	party_await(party_has_no_link, &pair->parent, "the link is dropped");
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

/* ------------------------------------------------------- ends and restarts */

static void lost_child_is_noticed_at_once(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	party_close(&pair->child, REP_LINK_UP);
	party_await(party_has_no_link, &pair->parent, "the parent notices");
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
		party_await(pair_had_a_frame, &pair->parent, "the last frame");
		party_close(&pair->child, REP_LINK_UP);
		party_await(party_has_no_link, &pair->parent, "the end");
	}
}

static void child_learns_that_its_link_was_closed(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	party_close(&pair->parent, pair->parent.last_link);
	party_await(pair_had_a_down, &pair->child, "the child is told");
	assert_int_equal(pair->child.last_why, REP_DOWN_CLOSED);
	party_connect(&pair->child, &pair->parent);
	assert_int_equal(pair->parent.ups, 2);
	assert_int_equal(pair->parent.downs, 0);
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
	party_kill(&pair->parent);
	party_await(has_restarted, &pair->parent, "the parent notices");
	party_await(party_has_no_link, &pair->child, "the child notices");
	assert_int_equal(pair->parent.downs, 1);
	party_await(listens_again, &pair->parent, "it listens again");
	assert_string_equal(pair->parent.address, before);
	party_connect(&pair->child, &pair->parent);
	assert_int_equal(pair->parent.last_link, 2);
	pair_expect_alive(pair);
}

static void killed_carrier_of_the_child_comes_back(void **state)
{
	struct pair *pair = *state;

	party_connect(&pair->child, &pair->parent);
	party_kill(&pair->child);
	party_await(has_restarted, &pair->child, "the child notices");
	assert_int_equal(pair->child.downs, 1);
	party_await(party_has_no_link, &pair->parent, "the parent notices");
	/* A dial that comes before the new carrier waits for it. */
	party_connect(&pair->child, &pair->parent);
	pair_expect_alive(pair);
}

static void nobody_at_the_address_is_unreachable(void **state)
{
	struct pair *pair = *state;

	td_net_dial(pair->child.net, "tcp://127.0.0.1:1", &pair->parent.pk);
	party_await(pair_had_a_down, &pair->child, "the failure");
	assert_int_equal(pair->child.last_why, REP_DOWN_UNREACHABLE);
	pair->child.downs = 0;
	td_net_dial(pair->child.net, "nonsense", &pair->parent.pk);
	party_await(pair_had_a_down, &pair->child, "the failure");
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    PAIR_CASE(known_key_gets_a_link_and_is_named),
	    PAIR_CASE(unknown_key_is_refused),
	    PAIR_CASE(wrong_key_of_the_parent_is_noticed),
	    PAIR_CASE(removed_key_loses_its_link),
	    PAIR_CASE(small_frames_pass_both_ways_in_order),
	    PAIR_CASE(large_frames_pass_compressed),
	    PAIR_CASE(pause_holds_frames_back_and_loses_none),
	    PAIR_CASE(lost_child_is_noticed_at_once),
	    PAIR_CASE(last_frame_before_the_end_arrives),
	    PAIR_CASE(child_learns_that_its_link_was_closed),
	    PAIR_CASE(killed_carrier_of_the_parent_comes_back),
	    PAIR_CASE(killed_carrier_of_the_child_comes_back),
	    PAIR_CASE(nobody_at_the_address_is_unreachable),
	    PAIR_CASE(name_is_resolved),
	    PAIR_CASE(port_in_use_is_fatal_and_named),
	};
	int role = pair_start(argc, argv);

	return role >= 0 ? role : cmocka_run_group_tests(tests, NULL, NULL);
}
