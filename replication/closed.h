/* SPDX-License-Identifier: Apache-2.0 */
/*
 * closed -- what a unit's own record says of it: that it is closed, who goes on
 * with its work, how it is called.  It lies in the unit's own scope (lane X)
 * and is written from above, so that the unit itself knows.
 */
#ifndef REPLICATION_CLOSED_H
#define REPLICATION_CLOSED_H

#include "replication/node.h"

#define REP_CLOSED_PIECE_MS 20 /* between two pieces of the job of move.h */

/* Id of a unit's own record: whoever makes it makes the same. */
struct tr_rec_id rep_closed_id(struct tr_nid unit);
/* node->record is a unit's, and was folded or loaded. */
void rep_closed_take(struct rep_node *node);
/* TR_E_SUCCEEDED with the successor in the reply, if the unit is closed. */
int rep_closed_check(const struct rep_node *node, struct tr_nid unit, struct rep_reply *r);
/* An op was folded in that scope: if it is a closed one, the job looks again. */
void rep_closed_wake(struct rep_node *node, struct tr_nid scope, struct tr_nid author);
/* The job of some unit has work: it goes on after the pause between two pieces. */
void rep_closed_soon(struct rep_node *node);

#endif
