/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mend -- what is derived is made again from the ops; a damaged segment is
 * replaced by the copy of a neighbour.  What the author signed is never
 * changed: a segment is taken only if it is the one that the chain names.
 */
#ifndef REPLICATION_MEND_H
#define REPLICATION_MEND_H

#include "replication/chain.h"
#include "replication/node.h"

#define REP_MEND_SEGS_MAX 16   /* that one NEED asks for */

/* REP_EV_MEND. */
void rep_mend_on(struct rep_node *node, const struct rep_mend *mend);
/* NEED {segments} of a peer: 0; TR_E_* = it was refused.  In mend_seg.c, as what follows. */
int rep_mend_need(struct rep_node *node, struct rep_link *link, const Terrace__Need *need);
/* Asks a neighbour that has them; 0; TR_E_DOWN, TR_E_NOPEER, TR_E_LIMIT. */
int rep_mend_ask(struct rep_node *node, const struct rep_fault *fault);
/* A segment that is here already came again: is it one that was asked for? */
bool rep_mend_is_wanted(const struct rep_link *link, const struct rep_log *log, uint64_t first, uint64_t last);
/*
 * Replaces the row of a segment whose signature holds, if the chain names this
 * one: the head, or the segment behind it.  `tip` is the log as it was before
 * the segment (rep_chain_tip) and is changed.  0; TR_E_FORGED and nothing is
 * replaced; TR_E_LIMIT.
 */
TR_MUST_CHECK int rep_mend_put(struct rep_node *node, struct rep_link *link, struct rep_log *log, struct rep_log *tip,
    const struct rep_chain_seg *seg);

#endif
