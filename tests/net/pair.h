/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pair -- a parent and a child over loopback, and a hostile peer at hand.
 */
#ifndef TESTS_NET_PAIR_H
#define TESTS_NET_PAIR_H

#include "tests/net/hostile.h"
#include "tests/net/party.h"

struct pair {
	struct party parent, child;
	struct hostile hostile;
};

/* For cmocka. */
int pair_setup(void **state);
int pair_teardown(void **state);
/* This program in a helper role: its exit code; else -1, and all is ready. */
int pair_start(int argc, char **argv);

/* The pair still works: a frame goes from the child to the parent. */
void pair_expect_alive(struct pair *pair);
/* The parent allows the hostile key, and its carrier knows. */
void pair_allow_hostile(struct pair *pair);
/* ... and the hostile peer has a link, the parent's second. */
uint32_t pair_let_in(struct pair *pair);

/* Conditions, of a party. */
bool pair_had_a_down(const void *party);
bool pair_had_a_frame(const void *party);
bool pair_has_two_links(const void *party);

#define PAIR_CASE(name) \
	cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)

#endif
