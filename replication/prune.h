/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prune -- ops that everybody has and that a checkpoint speaks for are dropped,
 * if the configuration says so (docs/protocol.md "Truncation").
 *
 * An op goes only if it lies at or below the domain's base, which this node has
 * found equal to the top node's state, at or below the newest RECEIPT, was
 * acknowledged by each neighbour that holds the domain, and is old enough.
 * Only lanes R and B: what is needed to judge a signature is never dropped.
 *
 * Two passes over a domain, a few rows between two commits, each of which can
 * be the last: the records are given their state at the base (floor.h), then
 * the segments lose their ops.  Number, hash, vector, root and signature of a
 * segment stay: chains are checked, branches and old sticks placed as before.
 */
#ifndef REPLICATION_PRUNE_H
#define REPLICATION_PRUNE_H

#include "replication/base.h"

struct rep_prune;

void rep_prune_tick(struct rep_node *node);  /* now and then: looks where there is something to drop */
void rep_prune_flush(struct rep_node *node); /* a slice of it */
/* Another time to keep; it is looked at in the next tick. */
void rep_prune_keep(struct rep_node *node, int64_t keep_ms);
int64_t rep_prune_deadline(const struct rep_node *node);
/* What stands in the way of dropping ops of the domain, but for their age and number. */
enum rep_hold rep_prune_hold(const struct rep_node *node, const struct rep_domain *domain);
/* The pass over this domain ends where it is. */
void rep_prune_stop(struct rep_node *node, const struct rep_domain *domain);
void rep_prune_free(struct rep_node *node);

#endif
