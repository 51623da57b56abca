/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut_fold -- what a change of the CUTs does to logs and records of a scope.
 */
#ifndef REPLICATION_CUT_FOLD_H
#define REPLICATION_CUT_FOLD_H

#include "replication/node.h"

/* Weighs every log of the scopes that a CUT came into, from the top author
 * down: a CUT whose own writer is cut before it is none.  Records that this
 * touches are folded again. */
void rep_cut_fold(struct rep_node *node);

#endif
