/* SPDX-License-Identifier: Apache-2.0 */
/* waiting -- how much of the logs held here a neighbour has not acknowledged, and since when. */
#ifndef REPLICATION_WAITING_H
#define REPLICATION_WAITING_H

#include "replication/node.h"

struct rep_waiting {
	uint64_t ops, bytes;
	int64_t oldest_ms; /* wall time of the oldest of them; 0 = none */
};

/* child: the neighbour on the way down; 0 nid = the parent.
 * 0; TR_E_NOMEM, and nothing is known about the oldest. */
int rep_waiting(const struct rep_node *node, const struct rep_view *view, struct tr_nid child, struct rep_waiting *out);

/* Wall time of the segment that a sequence of the log lies in; 0 if unknown. */
int64_t rep_waiting_stamp(const struct rep_view *view, const struct rep_log *log, uint64_t seq);

#endif
