/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/party.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

struct ev_loop *party_loop;

static void on_up(void *arg, uint32_t link, const struct tr_key *user)
{
	struct party *party = arg;

	assert_in_range(link, 0, PARTY_LINKS_MAX - 1);
	assert_false(party->is_up[link]);
	party->is_up[link] = true;
	party->ups++;
	party->last_link = link;
	party->last_user = *user;
}

static void on_down(void *arg, uint32_t link, enum rep_down_why why,
    const char *text)
{
	struct party *party = arg;

	assert_in_range(link, 0, PARTY_LINKS_MAX - 1);
	party->is_up[link] = false;
	party->downs++;
	party->last_why = why;
	(void)snprintf(party->last_text, sizeof(party->last_text), "%s", text);
}

static void on_frame(void *arg, uint32_t link, struct tr_bytes msg)
{
	struct party *party = arg;

	assert_true(party->is_up[link]);
	party->frames++;
	if (party->on_frame != NULL)
		party->on_frame(party, link, msg);
}

static void on_restarted(void *arg)
{
	struct party *party = arg;

	for (unsigned i = 0; i < PARTY_LINKS_MAX; i++)
		assert_false(party->is_up[i]);
	party->restarts++;
}

static void on_listening(void *arg, const char *address)
{
	struct party *party = arg;

	(void)snprintf(party->address, sizeof(party->address), "%s", address);
	party->listens++;
}

static void on_fatal(void *arg, const char *text)
{
	struct party *party = arg;

	(void)snprintf(party->last_text, sizeof(party->last_text), "%s", text);
	party->fatals++;
}

void party_init(struct party *party)
{
	memset(party, 0, sizeof(*party));
	(void)crypto_box_keypair(party->pk.b, party->sk);
}

void party_start(struct party *party, const char *listen)
{
	const struct td_net_calls calls = {on_up, on_down, on_frame,
	    on_restarted, on_listening, on_fatal};
	struct td_net_conf conf = {.curve_sk = party->sk, .listen = listen};

	memcpy(conf.curve_pk, party->pk.b, 32);
	assert_int_equal(
	    td_net_start(&party->net, party_loop, &conf, &calls, party), 0);
}

void party_kill(struct party *party)
{
	assert_int_equal(kill(td_net_pid(party->net), SIGKILL), 0);
	party->kills++;
}

void party_fini(struct party *party)
{
	td_net_stop(party->net);
	party->net = NULL;
}

static void on_deadline(struct ev_loop *loop, ev_timer *timer, int events)
{
	bool *is_late = timer->data;

	(void)events;
	*is_late = true;
	ev_break(loop, EVBREAK_ONE);
}

void party_await(bool (*condition)(const void *arg), const void *arg,
    const char *what)
{
	bool is_late = false;
	ev_timer timer;

	ev_now_update(party_loop);
	ev_timer_init(&timer, on_deadline, PARTY_WAIT_S, 0.);
	timer.data = &is_late;
	ev_timer_start(party_loop, &timer);
	while (!condition(arg) && !is_late)
		ev_run(party_loop, EVRUN_ONCE);
	ev_timer_stop(party_loop, &timer);
	if (is_late)
		fail_msg("waited in vain: %s", what);
}

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)timer;
	(void)events;
	ev_break(loop, EVBREAK_ONE);
}

void party_turn(void)
{
	ev_timer timer;

	ev_timer_init(&timer, on_tick, 0.01, 0.);
	ev_timer_start(party_loop, &timer);
	ev_run(party_loop, EVRUN_ONCE);
	ev_timer_stop(party_loop, &timer);
}

bool party_has_link(const void *arg)
{
	const struct party *party = arg;

	for (unsigned i = 0; i < PARTY_LINKS_MAX; i++) {
		if (party->is_up[i])
			return true;
	}
	return false;
}

bool party_has_no_link(const void *arg)
{
	return !party_has_link(arg);
}

bool party_is_listening(const void *arg)
{
	const struct party *party = arg;

	return party->address[0] != '\0';
}

void party_connect(struct party *child, struct party *parent)
{
	const struct tr_bytes hello = {(const uint8_t *)"hello", 5};

	party_await(party_is_listening, parent, "the parent listens");
	td_net_dial(child->net, parent->address, &parent->pk);
	party_await(party_has_link, child, "the child's link");
	td_net_send(child->net, REP_LINK_UP, hello);
	party_await(party_has_link, parent, "the parent's link");
}

void party_close(struct party *party, uint32_t link)
{
	td_net_close(party->net, link);
	party->is_up[link] = false;
}
