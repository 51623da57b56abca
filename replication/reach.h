/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach -- is the way to the top node whole, as far as those on it say?
 *
 * A parent says in WELCOME and PING for how long it has not reached the top
 * node; so a unit can tell an outage further up from a relay that holds
 * something back (receipt_late.c).  It is a claim and proves nothing: who lies
 * gains a day, and is seen to say so (docs/protocol.md section 9).
 *
 * Threads: none.
 */
#ifndef REPLICATION_REACH_H
#define REPLICATION_REACH_H

#include "replication/node.h"

/* As far as this node knows. */
bool rep_reach_is_whole(const struct rep_node *node);
/* Seconds since this node knew the way to be whole; 0: it is, or this is the top node. */
uint32_t rep_reach_dark_s(const struct rep_node *node);
/* The parent says so of itself. */
void rep_reach_take(struct rep_node *node, uint32_t dark_s);
/* Counts the time until now: when the link to the parent changes, and once a minute. */
void rep_reach_pass(struct rep_node *node);

#endif
