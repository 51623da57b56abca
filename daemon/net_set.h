/* SPDX-License-Identifier: Apache-2.0 */
/*
 * net_set -- what net.c must remember to start a carrier afresh: the keys
 * that may come in, and the links that are up.
 *
 * Threads: none.
 */
#ifndef DAEMON_NET_SET_H
#define DAEMON_NET_SET_H

#include "proto/vocab.h"

struct td_net_set {
	struct tr_key *key;
	size_t key_count, key_cap;
	uint32_t *link; /* ascending */
	size_t link_count, link_cap;
};

void td_net_set_fini(struct td_net_set *set);
/* True if it was not there.  Out of memory aborts: the list must be whole. */
bool td_net_set_allow(struct td_net_set *set, const struct tr_key *key);
bool td_net_set_deny(struct td_net_set *set, const struct tr_key *key); /* true if it was there */
/* number is larger than all before. */
void td_net_set_up(struct td_net_set *set, uint32_t number);
bool td_net_set_is_up(const struct td_net_set *set, uint32_t number);
bool td_net_set_down(struct td_net_set *set, uint32_t number); /* true if it was up */

#endif
