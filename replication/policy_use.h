/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_use -- which document a node uses: the one with the highest version,
 * kept in META, never a lower one again.
 */
#ifndef REPLICATION_POLICY_USE_H
#define REPLICATION_POLICY_USE_H

#include "replication/node.h"

#define REP_POLICY_VALUE 1 /* field of a POLICY op */

void rep_policy_load(struct rep_node *node);
/* A POLICY op of that log, in order and verified.  What is not the top node's is traced. */
void rep_policy_take(struct rep_node *node, const struct tr_log_id *log, const struct rep_cause *cause,
    const struct rep_op *op);
/* From now on; `bytes` are the document as signed. */
void rep_policy_use(struct rep_node *node, const struct rep_policy_doc *doc, const struct rep_cause *cause,
    struct tr_bytes bytes);
/* These very bytes are in use. */
bool rep_policy_is_used(struct rep_node *node, struct tr_bytes bytes);

#endif
