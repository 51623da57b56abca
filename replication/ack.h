/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ack -- the durable acknowledgement, both directions.  FRONTIER of mode
 * DELTA leaves only with a committed batch, so it speaks of what is on disk.
 */
#ifndef REPLICATION_ACK_H
#define REPLICATION_ACK_H

#include "replication/node.h"

/* The peer has up to there on disk.  0; TR_E_INPUT (more than was sent). */
TR_MUST_CHECK int rep_ack_take(struct rep_node *node, struct rep_link *link, const Terrace__Frontier *msg);
/* Sends what is due on a link. */
void rep_ack_send(struct rep_node *node, struct rep_link *link);
/* A segment left on the link.  false: no room, stop sending. */
bool rep_ack_sent(struct rep_node *node, struct rep_link *link, const struct rep_log *log,
    uint64_t last, size_t bytes, int64_t origin_ms);

/* The peer holds a log up to seq: if it is of lane P, and that is all of the top node's
 * documents, it uses the policy that is used here. */
void rep_ack_policy(struct rep_node *node, const struct rep_link *link, const struct rep_log *log, uint64_t seq);

#endif
