/* SPDX-License-Identifier: Apache-2.0 */
/*
 * incarnation -- a doubt about the own past opens a new log; the old one is
 * never written again.
 */
#ifndef REPLICATION_INCARNATION_H
#define REPLICATION_INCARNATION_H

#include "replication/node.h"

/* A neighbour knows more of the own past than this store: closes open ops of the
 * old incarnation, takes a random new one, stores it.  The counters leap. */
void rep_incarnation_new(struct rep_node *node);
/* A new one, and open ops are left: this store was put back, so they may have been signed and sent. */
void rep_incarnation_begin(struct rep_node *node);
/* Is this store behind its fence?  The counter of HEAD catches up with it. */
bool rep_incarnation_doubt(struct rep_node *node, const struct rep_fence *fence);
void rep_incarnation_store(struct rep_node *node);

#endif
