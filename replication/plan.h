/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan -- what a neighbour gets next: classes by deficit round robin
 * (Shreedhar, Varghese 1995), inside a class round robin over logs, each log
 * after what its segments had seen; within the peer's credit.
 */
#ifndef REPLICATION_PLAN_H
#define REPLICATION_PLAN_H

#include "replication/node.h"

void rep_plan_send_all(struct rep_node *node);
/* One link by itself, as if there were no other. */
void rep_plan_send(struct rep_node *node, struct rep_link *link);
/* Size of the scratch that node->frame points to. */
size_t rep_plan_scratch(void);

#endif
