/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write -- one op of this node, decided on as every other node will, then
 * written.  node->record is its record, loaded or empty.
 */
#ifndef REPLICATION_WRITE_H
#define REPLICATION_WRITE_H

#include "replication/node.h"

/* 0; what rep_write_error() makes of a violation, TR_E_SCOPE, TR_E_SIZE, TR_E_NOMEM:
 * then nothing was written.  node->record is as the op left it afterwards. */
int rep_write_op(struct rep_node *node, struct rep_op *op, struct tr_nid scope, uint8_t lane, struct rep_reply *r);
/* The same answer, and nothing is written. */
int rep_write_check(struct rep_node *node, const struct rep_op *op, struct tr_nid scope, uint8_t lane, struct rep_reply *r);
int rep_write_error(enum rep_why why);

#endif
