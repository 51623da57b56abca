/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record_int -- what the files of record and merge share; nobody else
 * includes this.
 */
#ifndef REPLICATION_RECORD_INT_H
#define REPLICATION_RECORD_INT_H

#include "replication/merge.h"

/* -------------------------------------------------- order (record_order.c) */

/* What decides between two concurrent values. */
struct rep_weight {
	int rank; /* of the status; 0 elsewhere */
	uint8_t level;
	uint8_t clockq;
	struct tr_hlc hlc;
	struct tr_nid author;
	uint64_t inc;
	uint64_t seq;
};

/* > 0 if a wins, < 0 if b does, never 0 for two different ops.  *rule: why. */
int rep_record_weigh(enum rep_merge_kind merge, const struct rep_weight *a,
    const struct rep_weight *b, enum rep_rule *rule);
struct rep_weight rep_record_cand_weight(const struct rep_cand *cand);
struct rep_weight rep_record_step_weight(
    const struct rep_record *rec, const struct rep_step *step);
/* Order by (author, inc, seq), as of memcmp. */
int rep_record_dot_order(
    const struct rep_weight *a, const struct rep_weight *b);

/* Best step among `count` indexes; -1 if count is 0. */
int rep_record_best_step(
    const struct rep_record *rec, const uint16_t *steps, size_t count);
/* Merge kind of a register or flow group. */
enum rep_merge_kind rep_record_group_merge(
    const struct rep_record *rec, uint16_t group);
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

/* ------------------------------------------------ verdict (merge_check.c) */

struct rep_decision {
	enum rep_why why;
	uint16_t field;          /* which one; 0 if none */
	uint64_t groups;         /* register groups in the op, by id */
	bool has_rows;           /* sets, lists, counts */
	/* Group of each value, so that folding looks nothing up; 0 for rows. */
	uint8_t value_group[TR_FIELDS_MAX];
	size_t need;             /* at most so many bytes of row */
	int64_t at_ms;           /* business time */
	bool has_status;         /* a known status was stated, also in a violation */
	bool has_step;
	uint8_t status;
	uint8_t step_flags;
	uint8_t under_count;
	uint16_t under[TR_STEP_OVER_MAX];
};

/* The verdict: a function of the op, its cause and the part of the record
 * that it had seen.  Changes nothing. */
void rep_merge_decide(const struct rep_record *rec, const struct rep_op *op,
    const struct rep_cause *cause, struct rep_decision *out);

/* Steps that the op may move, decided on its own past. */
struct rep_past {
	bool seen[TR_STEPS_MAX];  /* legal and in its past; of step_count */
	bool overwritten[TR_STEPS_MAX];
	size_t seen_count;
	size_t bytes;             /* of the seen ones, in a row */
	uint16_t alive[TR_STEPS_MAX];
	size_t alive_count;
	int created;              /* best CREATE seen; -1 if none */
};

/* Whether the status step is legal; fills the step part of `d`.
 * `exempt`: imported history. */
enum rep_why rep_merge_decide_step(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_past *past, bool exempt, struct rep_decision *d);
/* DIRECT, and the issuer's level or nearer to the root. */
enum rep_why rep_merge_decide_issuer(const struct rep_record *rec,
    const struct rep_cause *cause, const struct rep_past *past, bool exempt);

/* Field numbers of schema.def that have a meaning of their own. */
enum {
	REP_FIELD_REPORTED_AT = 4,
	REP_FIELD_STATUS = 40,
	REP_FIELD_AT = 41,
	REP_FIELD_REASON = 43,
	REP_FIELD_UNTIL = 46,
	REP_FIELD_PERCENT = 62, /* of a directive */
};

#endif
