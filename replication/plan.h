/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan -- what a neighbour gets next, within its credit.
 *
 * Class E first, and an eighth of the window is left to it.  Then a frame of X
 * and a frame of what is below it by turns; there R has four bytes where B has
 * one.  Inside a class scopes take turns by deficit round robin (Shreedhar,
 * Varghese 1995), in bytes, and the logs of a scope share its turn; each log
 * goes after what its segments had seen.
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
