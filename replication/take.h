/* SPDX-License-Identifier: Apache-2.0 */
/*
 * take -- a segment from outside: order, causes, signature, authority; then
 * it is stored, folded and acknowledged with the next commit.
 */
#ifndef REPLICATION_TAKE_H
#define REPLICATION_TAKE_H

#include "replication/node.h"

/* 0 also for what was known; TR_E_INPUT, TR_E_FORGED, TR_E_GAP, TR_E_NOCERT, TR_E_SCOPE: not taken. */
TR_MUST_CHECK int rep_take_segment(struct rep_node *node, struct rep_link *link, struct tr_bytes encoded);
/* A log that the peer defines.  0; TR_E_INPUT, TR_E_SCOPE, TR_E_LIMIT.
 * If its unit is not known yet, it is looked at again by rep_take_defs(). */
TR_MUST_CHECK int rep_take_logdef(struct rep_node *node, struct rep_link *link, const Terrace__LogDef *def);
/* The sender believes that the certificate is here: this store is older than that. */
void rep_take_ask_cert(struct rep_node *node, struct rep_link *link, struct tr_nid nid, uint32_t serial);
/* A log that has a place in its domain, found or made.  NULL: it has none, or no memory (sticky). */
struct rep_log *rep_take_log(struct rep_node *node, const struct tr_log_id *id);
/* Definitions whose unit was declared meanwhile. */
void rep_take_defs(struct rep_node *node, struct rep_link *link);
/* True if the handle was defined, but its unit is not known yet. */
bool rep_take_is_waiting(const struct rep_link *link, uint32_t handle);

#endif
