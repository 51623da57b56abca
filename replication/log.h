/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log -- the logs that this node holds, in memory and as rows.
 */
#ifndef REPLICATION_LOG_H
#define REPLICATION_LOG_H

#include "replication/node.h"

/* First row of a log; see branch.h for the others.  NULL. */
struct rep_log *rep_log_find(const struct rep_node *node, const struct tr_log_id *id);
struct rep_log *rep_log_get(const struct rep_node *node, uint32_t handle);              /* NULL */
/* Found or made; NULL: no memory (sticky) or TR_LOGS_MAX. */
struct rep_log *rep_log_make(struct rep_node *node, const struct tr_log_id *id);
/* One more row of the same log, that leaves `from` after `fork`.  NULL: as above. */
struct rep_log *rep_log_branch(struct rep_node *node, struct rep_log *from, uint64_t fork);
void rep_log_store(struct rep_node *node, struct rep_log *log);
void rep_log_load(struct rep_node *node);
/* Hash of the segment on this row's chain that ends at seq.  0; TR_E_NOTFOUND. */
int rep_log_hash_at(struct rep_node *node, const struct rep_log *log, uint64_t seq, struct tr_hash *out);
/* The row of a log (any of its rows given) that stores a segment ending at seq whose hash begins like that;
 * NULL.  Four bytes are a hint: what hangs on it is bound by a signature. */
struct rep_log *rep_log_locate(struct rep_node *node, const struct rep_log *log, uint64_t seq, uint32_t h4);
/* Entry of the author's vector; NULL if none. */
struct rep_vec_entry *rep_log_vec(const struct rep_log *log, uint32_t other);
/* Adds, in place of all that lies below it on its chain; false: TR_VECTOR_MAX or no memory. */
TR_MUST_CHECK int rep_log_vec_set(const struct rep_node *node, struct rep_log *log, uint32_t other, uint64_t seq,
    const uint8_t h16[static 16]);
/* First log of a scope; go on with rep_log_get(log->next_in_scope). */
struct rep_log *rep_log_first_of_scope(const struct rep_node *node, struct tr_nid scope);
void rep_log_free(struct rep_log *log);

/* Nothing of its own is stored. */
static inline bool rep_log_is_empty(const struct rep_log *log)
{
	return log->seq == log->fork;
}

/*
 * REP_T_SEG value: hash(32) received ms(8) count(2), `count` entries handle(4)
 * seq(8), then the encoded Seg.  The entries are the author's whole vector as
 * of this segment, own log left out: the Seg itself says only what changed,
 * and what a single op had seen must not cost a walk from the log's start.
 */
#define REP_SEG_ROW_HEAD 42
#define REP_SEG_ROW_ENTRY 12
#define REP_SEG_ROW_MAX (REP_SEG_ROW_HEAD + TR_VECTOR_MAX * REP_SEG_ROW_ENTRY + TR_SEG_BYTES_MAX)
/* Row of REP_T_OPEN: hlc(8) and clockq(1) of the segment to come, then the op entry. */
#define REP_OPEN_ROW_HEAD 9

/* Digest over the logs of a scope that have ops: 16 bytes.  only_p: of lane P alone. */
void rep_log_digest_scope(const struct rep_node *node, struct tr_nid scope, bool only_p, uint8_t out[static 16]);
/* Of the logs of one domain. */
void rep_log_digest_domain(const struct rep_node *node, struct tr_nid scope, uint8_t lane, uint8_t out[static 16]);
/* Over all logs by one author: first 8 bytes as a number. */
uint64_t rep_log_digest_author(const struct rep_node *node, const struct rep_unit *author);
/* Over every log whose scope lies at or under `top`, and lane P of the units
 * above it; nid 0 = all. */
void rep_log_digest_reach(const struct rep_node *node, struct tr_nid top, uint8_t out[static 16]);

#endif
