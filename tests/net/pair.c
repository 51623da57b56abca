/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/net/pair.h"

#include "daemon/carrier.h"
#include "daemon/resolve.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

static const char ANY[] = "tcp://127.0.0.1:0";

int pair_setup(void **state)
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

int pair_teardown(void **state)
{
	struct pair *pair = *state;

	/* No carrier died that was not killed. */
	assert_int_equal(pair->parent.restarts, pair->parent.kills);
	assert_int_equal(pair->child.restarts, pair->child.kills);
	hostile_fini(&pair->hostile);
	party_fini(&pair->child);
	party_fini(&pair->parent);
	free(pair);
	return 0;
}

bool pair_had_a_down(const void *arg)
{
	return ((const struct party *)arg)->downs > 0;
}

bool pair_has_two_links(const void *arg)
{
	return ((const struct party *)arg)->ups == 2;
}

bool pair_had_a_frame(const void *arg)
{
	return ((const struct party *)arg)->frames > 0;
}

/* The pair still works: a frame goes from the child to the parent. */
void pair_expect_alive(struct pair *pair)
{
	const struct tr_bytes msg = {(const uint8_t *)"alive", 5};

	pair->parent.frames = 0;
	td_net_send(pair->child.net, REP_LINK_UP, msg);
	party_await(pair_had_a_frame, &pair->parent,
	    "a frame of the good child");
}

/* A frame to the child comes out of the pipe behind the permission. */
void pair_allow_hostile(struct pair *pair)
{
	const struct tr_bytes msg = {(const uint8_t *)"alive", 5};

	td_net_allow(pair->parent.net, &pair->hostile.pk, true);
	pair->child.frames = 0;
	td_net_send(pair->parent.net, 1, msg);
	party_await(pair_had_a_frame, &pair->child,
	    "a frame for the good child");
}

/* Lets the hostile key in and waits for its link. */
uint32_t pair_let_in(struct pair *pair)
{
	pair_allow_hostile(pair);
	hostile_dial(&pair->hostile, pair->parent.address, &pair->parent.pk,
	    NULL);
	hostile_send(&pair->hostile, 1, 10, 0);
	party_await(pair_has_two_links, &pair->parent, "the hostile link");
	assert_memory_equal(pair->parent.last_user.b, pair->hostile.pk.b, 32);
	pair->parent.downs = 0;
	return pair->parent.last_link;
}

int pair_start(int argc, char **argv)
{
	if (strcmp(argv[0], TD_CARRIER_ROLE) == 0)
		return td_carrier_main(argc, argv);
	if (strcmp(argv[0], TD_RESOLVE_ROLE) == 0)
		return td_resolve_main(argc, argv);
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	party_loop = ev_default_loop(0);
	return party_loop == NULL || sodium_init() < 0 ? 1 : -1;
}
