/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step -- when a node has work of its own, its links and its clockwork left
 * out: for who drives those in another way than rep_deadline() says.
 */
#ifndef REPLICATION_STEP_H
#define REPLICATION_STEP_H

#include "replication/node.h"

/* Mono; INT64_MAX: nothing waits. */
int64_t rep_step_due(const struct rep_node *node);

#endif
