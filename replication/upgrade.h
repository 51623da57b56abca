/* SPDX-License-Identifier: Apache-2.0 */
/*
 * upgrade -- a store that an older program folded: the ops that it did not
 * understand are looked at again, and their records are folded anew, some at
 * every step until all are done.
 */
#ifndef REPLICATION_UPGRADE_H
#define REPLICATION_UPGRADE_H

#include "replication/node.h"

/* Fails with TR_E_NEWER if a newer program folded this store. */
void rep_upgrade_load(struct rep_node *node);
void rep_upgrade_step(struct rep_node *node);

#endif
