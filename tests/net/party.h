/* SPDX-License-Identifier: Apache-2.0 */
/*
 * party -- one node's network end in a test: a td_net with its own carrier,
 * what it was told, and waiting for a condition with a deadline.
 */
#ifndef TESTS_NET_PARTY_H
#define TESTS_NET_PARTY_H

#include "daemon/net.h"

#include <ev.h>

#define PARTY_LINKS_MAX 64
#define PARTY_WAIT_S    20.0

struct party {
	struct td_net *net;
	struct tr_key pk;
	uint8_t sk[32];
	char address[128]; /* as told by listening() */
	unsigned kills;    /* of its carrier, by the test */
	unsigned ups, downs, restarts, listens, fatals;
	uint32_t last_link; /* of the last link_up */
	struct tr_key last_user;
	enum rep_down_why last_why;
	char last_text[256];
	bool is_up[PARTY_LINKS_MAX];
	uint64_t frames;
	uint64_t expected, out_of_order; /* frames that carry a counter */
	void (
	    *on_frame)(struct party *party, uint32_t link, struct tr_bytes msg);
	uint64_t sent, window; /* for tests that stream */
};

extern struct ev_loop *party_loop;

void party_init(struct party *party); /* fresh keys */
void party_start(struct party *party, const char *listen);
void party_fini(struct party *party);
void party_kill(struct party *party); /* its carrier, with SIGKILL */
/* The loop runs until condition(arg) holds; the test fails after PARTY_WAIT_S. */
void party_await(bool (*condition)(const void *arg), const void *arg,
    const char *what);
/* Runs the loop once without waiting long. */
void party_turn(void);
/* child dials parent, both are up. */
void party_connect(struct party *child, struct party *parent);
/* The node itself ends a link: no link_down comes. */
void party_close(struct party *party, uint32_t link);

/* Conditions. */
bool party_has_link(const void *party);
bool party_has_no_link(const void *party);
bool party_is_listening(const void *party);

#endif
