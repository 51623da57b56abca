/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge_int -- what the files of merge share; nobody else includes this.
 */
#ifndef REPLICATION_MERGE_INT_H
#define REPLICATION_MERGE_INT_H

#include "replication/merge.h"
#include "replication/record_int.h"

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
	bool moved;               /* it had gone to another home */
};

/* Whether the status step is legal; fills the step part of `d`.
 * `exempt`: imported history. */
enum rep_why rep_merge_decide_step(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_past *past, bool exempt, struct rep_decision *d);
/* ----------------------------- to another home, from another (merge_move.c) */

/* A TRANSFER; its form, its author, the state before. */
enum rep_why rep_merge_decide_move(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_past *past, struct rep_decision *d);
/* A CREATE that brings a case from another home. */
enum rep_why rep_merge_decide_came(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause,
    struct rep_decision *d);
/* moved_*: written by a TRANSFER only. */
bool rep_merge_is_move_field(uint16_t field);
/* Had the op's author handled it in a former home? */
bool rep_merge_came_handled(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause);

/* DIRECT, and the issuer's level or nearer to the root. */
enum rep_why rep_merge_decide_issuer(const struct rep_record *rec,
    const struct rep_cause *cause, const struct rep_past *past, bool exempt);

#endif
