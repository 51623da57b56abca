/* SPDX-License-Identifier: Apache-2.0 */
/*
 * merge -- folds one op into a record.
 *
 * The result depends only on the set of ops folded, not on their order, as
 * long as each op comes after everything that it had seen (the caller holds
 * others back).  Rules: docs/protocol.md "Merge rules"; a dot per value as in
 * dotted version vectors (Preguica et al. 2010).
 */
#ifndef REPLICATION_MERGE_H
#define REPLICATION_MERGE_H

#include "replication/record.h"

enum rep_verdict { REP_VALID = 0, REP_VIOLATION = 1 };

/* Why an op is a violation; also the reasons of a refused local write. */
enum rep_why {
	REP_WHY_NONE = 0,
	REP_WHY_CAP,        /* author lacks the cap */
	REP_WHY_STEP,       /* the machine has no such move */
	REP_WHY_SAME_PERSON,/* handler verifies */
	REP_WHY_NO_CREATE,  /* nothing created in its past */
	REP_WHY_FIXED,      /* a fixed field, set again */
	REP_WHY_TWICE,      /* created twice */
	REP_WHY_FIELD,      /* a field not of this kind, or of a wrong type */
	REP_WHY_REASON,     /* this step needs a reason (or applicant, approver, until) */
	REP_WHY_TARGET,     /* not the node whose scope it is */
	REP_WHY_LIMIT,      /* a bound of the record was reached */
	REP_WHY_IMPORT,     /* history, by a unit without IMPORT */
	REP_WHY_MOVED,      /* after it went to another home */
	REP_WHY_BOTH,       /* a move by a unit that does not stand over both homes */
	REP_WHY_ENDED,      /* a move of what is closed */
	REP_WHY_HOME,       /* a move to its own home */
};

/* moved_from and the like: written by the CREATE of what came from elsewhere. */
bool rep_merge_is_came_field(uint16_t field);
/* Who handled a case, as text that goes along with it (field handled_by).
 * Size written; 0: no room. */
size_t rep_merge_handler_put(
    struct tr_nid nid, struct tr_bytes actor, uint8_t *out, size_t cap);
/* Adds to such a list of *size bytes; each is there once, in the order of the
 * bytes, so that who says the same says it alike.  False: no room. */
bool rep_merge_handler_add(struct tr_nid nid, struct tr_bytes actor,
    uint8_t *list, size_t *size, size_t cap);
/* Takes the first off the list; false at its end, or where it is malformed. */
bool rep_merge_handler_next(
    struct tr_bytes *list, struct tr_nid *nid, struct tr_bytes *actor);
bool rep_merge_same_actor(struct tr_bytes a, struct tr_bytes b);

struct rep_applied {
	enum rep_verdict verdict;
	enum rep_why why;
	uint16_t why_field;       /* 0 if none */
	uint8_t status_before, status_after; /* shown */
	bool created;             /* this was the record's first valid CREATE */
	uint8_t group_count;      /* groups whose number of candidates this op changed across 1 */
	struct { uint16_t group; bool open; } groups[TR_FIELDS_MAX]; /* open: two or more now */
};

/*
 * Decides on an op without changing anything: what rep_merge_apply() would
 * say.  Used for local writes before they are signed.  `self` in cause is
 * the node that would write.
 */
enum rep_why rep_merge_check(const struct rep_record *rec,
    const struct rep_op *op, const struct rep_cause *cause, uint16_t *field);

/*
 * Folds one op.  A violation is listed (REP_T_VIOLATION, steps) but drops no
 * value and is no candidate.  List, set and count rows are written to the
 * view; the record itself is stored by the caller with rep_record_store().
 * The caller has put op, dot into REP_T_OPS.  Texts of the op may lie in the
 * record's own buffer only if nothing was folded since it was loaded: a fold
 * may have to compact the buffer first.
 * 0; put errors (the transaction is dead then).  Never fails for its content.
 */
TR_MUST_CHECK int rep_merge_apply(struct rep_record *rec,
    const struct rep_view *view, const struct rep_op *op,
    const struct rep_cause *cause, struct rep_applied *out);

/* What was no candidate, with its signer (rep_log_of(dot.log)); cursor zeroed
 * first.  In order of (record, log, sequence).  0; TR_E_NOTFOUND at the end. */
struct rep_violation {
	struct tr_rec_id rec;
	struct tr_dot dot;
	enum rep_why why;
	uint16_t field;          /* 0 if none */
	uint8_t kind;            /* of the record */
	uint8_t status;          /* that it tried to state; 0 if none */
	struct tr_hlc hlc;
};
struct rep_violation_cursor { bool started; uint8_t key[28]; };
TR_MUST_CHECK int rep_next_violation(const struct rep_view *view,
    struct rep_violation_cursor *cursor, struct rep_violation *out);

/* The step whose state a suspension interrupted (or the step itself, if it is
 * none); -1 if there was none. */
int rep_merge_step_before(const struct rep_record *rec, int suspended);

/* Which rule made the shown value win against the best of the others. */
enum rep_rule rep_merge_rule(const struct rep_record *rec, uint16_t group_id);
const char *rep_rule_name(enum rep_rule rule); /* "nearest to the root" */
const char *rep_why_name(enum rep_why why);

/*
 * BLAKE2b-256 over the record's canonical state: dots as (author, inc, seq),
 * never local handles; rows included; TR_STATE_VER in front.  Two nodes that
 * folded the same ops get the same hash.  0; get errors.
 */
TR_MUST_CHECK int rep_record_state_hash(const struct rep_record *rec,
    const struct rep_view *view, struct tr_hash *out);

#endif
