/* SPDX-License-Identifier: Apache-2.0 */
/*
 * receipt -- RECEIPT: the zone's top node says, signed, up to where it holds
 * a scope.  It flows down; the author knows end to end.
 *
 * Signed over the canonical form, sorted (author, inc, lane, seq, h16);
 * handles on the wire are transport only and rebuilt by the receiver.  A
 * receipt that names heads not yet here waits until they are.
 */
#ifndef REPLICATION_RECEIPT_H
#define REPLICATION_RECEIPT_H

#include "replication/node.h"

/*
 * 0 (kept, or waiting); TR_E_FORGED, TR_E_INPUT.  From above one that is older
 * than what is held, or another of the same counter, is answered with that: it
 * goes up to the top node, which has forgotten it and counts on from there.
 */
TR_MUST_CHECK int rep_receipt_take(struct rep_node *node, struct rep_link *link, const Terrace__Receipt *msg);
/* Top: makes what is due.  Others: tries what waits.  All: passes on downward. */
void rep_receipt_flush(struct rep_node *node);
/* Top: makes all that are due, at any rate: a stick is about to go back. */
void rep_receipt_now(struct rep_node *node);
/* Of the receipts held for the scopes under `top`: equal if these are, in any order. */
uint64_t rep_receipt_sum(const struct rep_node *node, struct tr_nid top);
/* Sends what is held for the child's reach once more. */
void rep_receipt_resend(struct rep_node *node, const struct rep_link *link);
/* Sends the one of a scope on a link (or into a bundle). */
void rep_receipt_send(struct rep_node *node, struct rep_link *link, const struct rep_unit *scope);
int64_t rep_receipt_deadline(const struct rep_node *node);
void rep_receipt_load(struct rep_node *node);
/* Top: no counter at or below `base` any more. */
void rep_receipt_rebase(struct rep_node *node, uint32_t base);
void rep_receipt_store_base(struct rep_node *node); /* in the first step after that */

/* Once a minute: alarms if own ops wait too long. */
void rep_receipt_check(struct rep_node *node);

#endif
