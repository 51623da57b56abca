/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold -- an op that is in order, verified and stored takes effect: the
 * record, its indexes, and for certificates and units the node's own tables.
 */
#ifndef REPLICATION_FOLD_H
#define REPLICATION_FOLD_H

#include "replication/node.h"

#define REP_SEEN_MAX (2 * TR_VECTOR_MAX) /* a vector, and the rows that its branches left */

/* What the ops of one segment share. */
struct rep_fold {
	struct rep_log *log;
	uint8_t level;
	uint32_t caps;
	struct tr_bytes path; /* of the author's unit; borrowed */
	struct tr_hlc hlc; /* of the first op */
	uint8_t clockq;
	struct rep_seen seen[REP_SEEN_MAX];
	size_t seen_count;
};

/* seen[]: the author's vector, and what lies below it and below the own log in the rows they left.
 * False: more rows than there can be. */
bool rep_fold_seen(const struct rep_node *node, struct rep_fold *fold);
/* Stamp of an op: the segment's, moved by dt_ms (no decoded one is below 0), a day at most. */
static inline struct tr_hlc rep_fold_hlc(struct tr_hlc base, int64_t dt_ms)
{
	int64_t most = (int64_t)24 * 3600 * 1000;

	return (struct tr_hlc){base.v + ((uint64_t)(dt_ms < most ? dt_ms : most) << 16)};
}
void rep_fold_cause(const struct rep_fold *fold, uint64_t seq, int64_t dt_ms, struct rep_cause *out);
/*
 * Decodes and applies one op entry.  Content never fails; only store errors
 * (sticky in node->rc).  node->record holds the record afterwards if the op was one of a record.
 */
void rep_fold_entry(struct rep_node *node, const struct rep_fold *fold, uint64_t seq, struct tr_bytes entry);
/* The same for an op that is decoded already; `loaded`: node->record holds the record (or its empty form). */
void rep_fold_op(struct rep_node *node, const struct rep_fold *fold, uint64_t seq,
    const struct rep_op *op, bool loaded, struct rep_applied *applied);

/* What a valid op of a record writes besides it: source, directive, unit. */
void rep_fold_index(struct rep_node *node, const struct rep_fold *fold, const struct rep_op *op);
/* Where a unit stands: said also by an op that a CUT sets aside, since what lies there is carried by everybody alike. */
static inline bool rep_fold_is_place(const struct rep_op *op)
{
	return op->kind == TR_OP_CREATE && op->type == TR_KIND_UNIT;
}

#endif
