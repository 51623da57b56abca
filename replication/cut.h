/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cut -- what a key signed counts up to here, and no further.
 *
 * A CUT lies in lane X of each scope at or below the unit whose key is cut,
 * written by somebody above that unit.  It names heads: segments of that
 * serial which lie on the chain of one of them count, the others are set
 * aside: stored, chained, sent on and digested like all, but not folded.
 * Several CUTs add up, so their order does not matter, and a later one brings
 * back what an earlier one set aside.
 *
 * Which logs are set aside from where is kept in the log's row (aside_from)
 * and follows from segments and CUTs alone: a CUT that comes late folds the
 * records again without what it cuts.
 */
#ifndef REPLICATION_CUT_H
#define REPLICATION_CUT_H

#include "replication/node.h"

/* The op at (row, seq) is set aside. */
static inline bool rep_cut_is_aside(const struct rep_log *log, uint64_t seq)
{
	return seq >= log->aside_from;
}

/* Fields of the op. */
enum { REP_CUT_F_NID = 1, REP_CUT_F_SERIAL, REP_CUT_F_HEADS, REP_CUT_F_REASON };
#define REP_CUT_HEAD_SIZE 33  /* inc(8) lane(1) seq(8) h16(16) */
#define REP_CUT_HEADS_MAX 480 /* an author has at most 64 logs in a domain, shared with those above it; fits one value */
static_assert(REP_CUT_HEADS_MAX * REP_CUT_HEAD_SIZE <= TR_TEXT_MAX, "a CUT fits an op");

/* A CUT op came (or was written here).  False: its writer may not say that. */
bool rep_cut_take(struct rep_node *node, const struct rep_log *log, uint64_t seq, struct tr_hlc hlc,
    const struct rep_op *op);
/* A segment was added to a row: does a CUT speak of it?  Before it is folded. */
void rep_cut_grown(struct rep_node *node, struct rep_log *log, bool is_first);
/* Not if its writer's own key is cut before it. */
bool rep_cut_counts(const struct rep_node *node, const struct rep_cut *cut);
/* First op of a row that the CUTs set aside; UINT64_MAX if none does. */
uint64_t rep_cut_weigh(struct rep_node *node, const struct rep_log *log);
/* Is a CUT of that key in force?  Only of units whose scope is held here. */
bool rep_cut_is_cut(const struct rep_node *node, struct tr_nid nid, uint32_t serial);
/* Did this node itself write one in that scope? */
bool rep_cut_is_mine(const struct rep_node *node, struct tr_nid scope, struct tr_nid nid, uint32_t serial);
/* A checkpoint of the top node covers the row up to `seq`: that counts whatever is cut. */
void rep_cut_keep(struct rep_node *node, uint32_t row, uint64_t seq);
void rep_cut_load(struct rep_node *node); /* rows of REP_T_CUT */
void rep_cut_free(struct rep_node *node);

#endif
