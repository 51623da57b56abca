/* SPDX-License-Identifier: Apache-2.0 */
/*
 * late -- what was written to a case by those who had not yet seen that it
 * moved.  It stays in the old record and takes effect there; here it gets a
 * row of the list `late_writes`, which a reader of the new record is shown.
 */
#ifndef REPLICATION_LATE_H
#define REPLICATION_LATE_H

#include "replication/node.h"

/* After an op of node->record was folded and stored. */
void rep_late_fold(struct rep_node *node, const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_applied *applied);

#endif
