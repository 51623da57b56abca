/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later -- ops that this version does not understand: where they are, so that
 * an upgrade finds exactly them and the records that they are of.
 */
#ifndef REPLICATION_LATER_H
#define REPLICATION_LATER_H

#include "replication/op.h"
#include "replication/known.h"
#include "replication/node.h"

#define REP_LATER_KEY 28 /* record id, handle be32, sequence be64 */
#define REP_LATER_ROW 5  /* why u8, number of the vocabulary be32 */

void rep_later_load(struct rep_node *node); /* is there any? */
/* Of an op whose record is not known `op->rec` is zero. */
void rep_later_keep(struct rep_node *node, const struct rep_log *log, uint64_t seq, const struct rep_op *op,
    enum rep_later why);
/* 0 and whether there are some of this record; errors of the view. */
TR_MUST_CHECK int rep_later_look(const struct rep_view *view, const struct tr_rec_id *id, bool *has);
/* Of this record; quick when nothing waits at all. */
bool rep_later_of(struct rep_node *node, const struct tr_rec_id *id);

#endif
