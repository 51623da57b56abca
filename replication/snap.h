/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snap -- a domain that a neighbour cannot get op by op any more, because ops
 * that it lacks were dropped here (prune.h): its state at a checkpoint
 * (docs/protocol.md "Snapshots").
 *
 *   holder                              who lacks it
 *   SNAP: the op CKPT, signed   ------>  is it the top node's, and of use?
 *   SNAP: a part                <----->  NEED {domain, checkpoint, where to go on}
 *   ...                                  parts lie aside, in REP_T_SNAP
 *                                        root and chains are what CKPT says:
 *                                        all of it takes effect in one commit
 *         <------------------------------ FRONTIER delta
 *
 * The holder keeps no account of what was asked: a part follows from where it
 * begins.  So a session that breaks costs nothing that is here already.
 */
#ifndef REPLICATION_SNAP_H
#define REPLICATION_SNAP_H

#include "replication/base.h"

#define REP_SNAP_ID 16       /* names a checkpoint: begin of the hash of its segment */

/* ---- the holder (snap_serve.c) ---- */

/* NEED of a snapshot.  0; TR_E_INPUT. */
TR_MUST_CHECK int rep_snap_need(struct rep_node *node, struct rep_link *link, const Terrace__Need *need);
/* Offers and parts that are due. */
void rep_snap_serve_flush(struct rep_node *node);
int64_t rep_snap_serve_deadline(const struct rep_node *node);
/* Who lacked them got further: the next domain. */
static inline void rep_snap_again(const struct rep_node *node, struct rep_link *link)
{
	link->snap_lacks = true;
	link->snap_ms = node->mono_ms;
}
/* Somebody takes this domain at an older checkpoint than its base: the floor stays where it is. */
bool rep_snap_is_served(const struct rep_node *node, const struct rep_domain *domain);
void rep_snap_serve_free(struct rep_link *link);

/* ---- who lacks it (snap_take.c) ---- */

/* SNAP.  0; TR_E_INPUT, TR_E_FORGED, TR_E_NOCERT, TR_E_NOMEM. */
TR_MUST_CHECK int rep_snap_take(struct rep_node *node, struct rep_link *link, const Terrace__Snap *msg);
/* The next slice of what there is to do. */
void rep_snap_take_flush(struct rep_node *node);
int64_t rep_snap_take_deadline(const struct rep_node *node);
void rep_snap_take_free(struct rep_node *node);

#endif
