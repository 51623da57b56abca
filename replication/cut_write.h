/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut_write -- this node cuts a key of a unit below it.
 */
#ifndef REPLICATION_CUT_WRITE_H
#define REPLICATION_CUT_WRITE_H

#include "replication/node.h"

/* In every scope of the unit's subtree: what is held there of the key counts, up to the bounds of
 * `act` (NULL: all that is held), and nothing more. */
void rep_cut_write(struct rep_node *node, struct tr_nid nid, uint32_t serial, uint8_t reason,
    const struct rep_key_act *act);
/* Units were declared below a unit that this node has cut: they get its CUT too. */
void rep_cut_extend(struct rep_node *node);

#endif
