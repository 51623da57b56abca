/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late -- what was written to a case by those who had not yet seen that it
 * moved.  It stays in the old record and takes effect there.  Nothing is
 * stored of it: rep_record_late() derives it from the ops.
 */
#ifndef REPLICATION_LATE_H
#define REPLICATION_LATE_H

#include "replication/node.h"

/* After an op of node->record was folded: tells of it if it came late. */
void rep_late_fold(struct rep_node *node, const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_applied *applied);

#endif
