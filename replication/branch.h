/* SPDX-License-Identifier: Apache-2.0 */
/*
 * branch -- the rows of one log.  A log has one row until its author's store
 * was put back, or its disk copied, and two histories of it come together: each
 * further one is a row that left another one after a segment.  All of them are
 * kept, sent on and folded.
 *
 * A place is (row that stores it, sequence); on the chain of a row lie its own
 * segments and those of the rows that it left, up to where it left them.
 */
#ifndef REPLICATION_BRANCH_H
#define REPLICATION_BRANCH_H

#include "replication/node.h"

#define REP_BRANCHES_MAX 8 /* rows of one log; then its author is blocked */

struct rep_log *rep_branch_first(const struct rep_node *node, const struct rep_log *log);
struct rep_log *rep_branch_next(const struct rep_node *node, const struct rep_log *log); /* NULL at the end */
size_t rep_branch_count(const struct rep_node *node, const struct rep_log *log);
/* Highest sequence held of any branch. */
uint64_t rep_branch_top(const struct rep_node *node, const struct rep_log *log);
/* The row on this one's chain that stores seq; for 0 the first one of the chain. */
struct rep_log *rep_branch_holder(const struct rep_node *node, const struct rep_log *log, uint64_t seq);
/* Does the place (row, seq) lie on the chain of `head`, at or below head_seq? */
bool rep_branch_has(const struct rep_node *node, const struct rep_log *head, uint64_t head_seq, uint32_t row, uint64_t seq);
/*
 * What has been seen by one who saw (row, seq): added to seen[0..*count), with
 * all that lies below it in the rows that this one left; the highest of a row
 * stays.  false: more than `cap`.
 */
bool rep_branch_see(const struct rep_node *node, uint32_t row, uint64_t seq, struct rep_seen *seen, size_t *count, size_t cap);

#endif
