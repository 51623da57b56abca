/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head -- HEAD: "this is what I hold", signed, up by every path.
 * SUMMARY: what a parent says of its children, soft state, up only.
 */
#ifndef REPLICATION_HEAD_H
#define REPLICATION_HEAD_H

#include "replication/node.h"

/* Fills a HEAD of this node, counter advanced and stored.  sig: 64 bytes; xseq: 2 * (level) entries. */
void rep_head_make(struct rep_node *node, Terrace__Head *out, uint8_t sig[static 64], uint32_t xseq[static 2 * (TR_LEVEL_MAX + 1)]);
/*
 * Verifies, keeps if newer, marks for passing on.  From below one that is older
 * than what is held is answered with that; from above one goes on down to
 * the unit itself, which counts on from there.
 * 0; TR_E_FORGED, TR_E_NOCERT, TR_E_INPUT.
 */
TR_MUST_CHECK int rep_head_take(struct rep_node *node, struct rep_link *link, const Terrace__Head *head);
/* Somebody above has heard of this counter of the own HEADs: it goes on behind it. */
void rep_head_catch_up(struct rep_node *node, uint32_t head_ctr);
/* The newest one held of a node as a message; ctr 0: none. */
void rep_head_row(struct rep_node *node, struct tr_nid nid, Terrace__Head *out,
    uint8_t sig[static 64], uint32_t xseq[static 2 * (TR_LEVEL_MAX + 1)]);
void rep_head_load(struct rep_node *node);
/* Sum of the counters of HEADs held for nodes under `top`, itself included. */
uint64_t rep_head_sum(const struct rep_node *node, struct tr_nid top);
/* To the parent: own HEAD when due, those of the subtree that are new. */
void rep_head_flush(struct rep_node *node);
/* Everything held for the subtree goes up again (a session whose sums differ). */
void rep_head_resend(struct rep_node *node);
/* Heads that say more than what arrives here: alarm after a while. */
void rep_head_check(struct rep_node *node);
/* mono; INT64_MAX if none is due. */
int64_t rep_head_deadline(const struct rep_node *node);

void rep_summary_take(struct rep_node *node, const struct rep_link *link, const Terrace__Summary *msg);
void rep_summary_flush(struct rep_node *node);

#endif
