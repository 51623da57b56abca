/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_int -- what the files of record share with each other, with merge and
 * with what moves records (on_transfer.c); nobody else includes this.
 */
#ifndef REPLICATION_RECORD_INT_H
#define REPLICATION_RECORD_INT_H

#include "replication/record.h"

/* -------------------------------------------------- order (record_order.c) */

/* What decides between two concurrent values. */
struct rep_weight {
	int rank; /* of the status; 0 elsewhere */
	bool has_moved; /* no policy brings back here what lives elsewhere */
	uint8_t level;
	uint8_t clockq;
	struct tr_hlc hlc;
	struct tr_nid author;
	uint64_t inc;
	uint64_t seq;
	/* what the op says: two branches of a log have two ops for one place */
	struct tr_bytes actor;
	const struct rep_value *values;
	uint16_t value_count;
};

/* > 0 if a wins, < 0 if b does, 0 only for ops that say the same.  *rule: why. */
int rep_record_weigh(enum rep_merge_kind merge, const struct rep_weight *a,
    const struct rep_weight *b, enum rep_rule *rule);
struct rep_weight rep_record_cand_weight(
    const struct rep_record *rec, const struct rep_cand *cand);
/* By the ranks of status.c: for verdicts, which no policy touches. */
struct rep_weight rep_record_step_weight(
    const struct rep_record *rec, const struct rep_step *step);
/* By the ranks of the policy: for what is shown. */
struct rep_weight rep_record_step_shown_weight(
    const struct rep_record *rec, const struct rep_step *step);
/* Order by (author, inc, seq), as of memcmp; of two branches of one log by
 * time, then by what the ops say.  0: they say the same. */
int rep_record_dot_order(
    const struct rep_weight *a, const struct rep_weight *b);

/* Best step among `count` indexes, for a verdict; -1 if count is 0. */
int rep_record_best_step(
    const struct rep_record *rec, const uint16_t *steps, size_t count);
/* A legal step, with a status, that nothing overwrote. */
bool rep_record_step_is_alive(const struct rep_step *step);

/* ---------------------------------------------------- row (record_pack.c) */

/* Encodes the record row.  Size; 0 if it is larger than `cap`. */
size_t rep_record_pack(const struct rep_record *rec, uint8_t *out, size_t cap);
/* Fills all but kind and id from a row that lies in rec->data.
 * 0; TR_E_DAMAGED; TR_E_NEWER. */
TR_MUST_CHECK int rep_record_unpack(struct rep_record *rec, size_t size);
/* Rewrites the buffers without what was dropped: row_bound becomes exact.
 * Indexes of cands and steps stay.  0; TR_E_LIMIT and nothing is changed. */
TR_MUST_CHECK int rep_record_compact(struct rep_record *rec);

/* Sets rec->created: derived from the steps, the row does not hold it. */
void rep_record_find_created(struct rep_record *rec);

/* ------------------------------------------- sets, lists (record_rows.c) */

/* Writes the list, set and count rows of a valid op. */
TR_MUST_CHECK int rep_record_rows_apply(const struct rep_record *rec,
    const struct rep_view *view, const struct rep_op *op,
    const struct rep_cause *cause, int64_t at_ms);
/* List items that the op would add. */
uint32_t rep_record_rows_items(
    const struct rep_record *rec, const struct rep_op *op);
/* As rep_record_rows, with an element of a set for each of its adders. */
TR_MUST_CHECK int rep_record_rows_all(const struct rep_view *view,
    const struct tr_rec_id *id, uint16_t field, struct rep_row_cursor *cursor,
    struct rep_row *out);

/* ---------------------------------------- to another store (record_carry.c) */

#define REP_CARRY_VALUE_MAX (96 + TR_ACTOR_MAX + TR_TEXT_MAX)

/* A row of REP_T_ROW with another log handle, its key made again from what it says. */
struct rep_carried {
	uint8_t key[80], value[REP_CARRY_VALUE_MAX];
	size_t key_size, value_size;
};
/*
 * Another handle for each op of a record, as `handle` says it for the op's log
 * and sequence (UINT32_MAX: there is none); and the steps that are kept only to
 * be shown go: they are no part of the state.  0; TR_E_DAMAGED.
 */
TR_MUST_CHECK int rep_record_carry(struct rep_record *rec,
    uint32_t (*handle)(void *ctx, struct tr_nid author, uint64_t inc, uint64_t seq), void *ctx);
/* What a stored row says.  False: damaged. */
bool rep_record_row_read(struct rep_row *row, struct tr_bytes key, struct tr_bytes value);
/* False: damaged. */
bool rep_record_row_carry(struct rep_carried *out, struct tr_bytes key, struct tr_bytes value, uint32_t handle);

/* Field numbers of schema.def that have a meaning of their own. */
enum {
	REP_FIELD_NID = 1, /* of a unit */
	REP_FIELD_REPORTED_AT = 4,
	REP_FIELD_STATE = 5, /* of a unit */
	REP_FIELD_STATUS = 40,
	REP_FIELD_AT = 41,
	REP_FIELD_REASON = 43,
	REP_FIELD_UNTIL = 46,
	REP_FIELD_MOVED_TO = 52,
	REP_FIELD_MOVED_UNIT = 53,
	REP_FIELD_MOVED_PATH = 54,
	REP_FIELD_MOVED_FROM = 55,
	REP_FIELD_FROM_UNIT = 56,
	REP_FIELD_FROM_PATH = 57,
	REP_FIELD_HANDLED_BY = 58,
	REP_FIELD_PERCENT = 62, /* of a directive */
};

#endif
