/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record -- a folded record: per field group the values that nobody has seen
 * and overwritten, and the path of its status.
 *
 * Owns:    its buffers; one struct is reused for many records.
 * Limits:  TR_CANDS_MAX, TR_STEPS_MAX, TR_RECORD_BYTES_MAX.
 * Threads: none.
 * See:     docs/protocol.md, "Merge rules".
 */
#ifndef REPLICATION_RECORD_H
#define REPLICATION_RECORD_H

#include "replication/op.h"
#include "replication/policy.h"
#include "replication/schema.h"
#include "replication/view.h"

/* One value of a register group, with the op that wrote it. */
struct rep_cand {
	uint16_t group;      /* rep_field.group_id */
	struct tr_dot dot;
	struct tr_nid author;
	uint64_t inc;
	struct tr_hlc hlc;
	uint8_t level;
	uint8_t clockq;
	struct tr_bytes actor;   /* into the record's buffer */
	uint16_t value_first;    /* into rep_record.values */
	uint16_t value_count;
};

enum rep_step_flag {
	REP_STEP_VIOLATION = 1u << 0,
	REP_STEP_IMPORTED = 1u << 1,
	REP_STEP_CREATE = 1u << 2,
	/* Brought back a state that was there (the end of a suspension, a choice
	 * in a conflict): its author did not handle anything. */
	REP_STEP_RESTORED = 1u << 3,
	/* A later legal step overwrote it: no candidate any more. */
	REP_STEP_OVER = 1u << 4,
};

/*
 * One status step; every CREATE is one (status 0 for kinds without a status).
 * All legal ones are kept: verdicts of later ops are decided on the steps that
 * THEY had seen.  Step e is alive for an op that has seen e and no legal step
 * with e in its `under`.  Kept at the overwriting step and not at e: what an
 * op overwrites is settled by its own past, so its bound is, too, and every
 * node decides alike whatever arrived first.
 * Violations overwrite nothing and are never alive; some are kept to be shown.
 */
struct rep_step {
	struct tr_dot dot;
	struct tr_nid author;
	uint64_t inc;
	struct tr_hlc hlc;
	int64_t at_ms;           /* business time; = wall part of hlc if none was given */
	uint8_t level;
	uint8_t clockq;
	uint8_t status;          /* enum value of the kind's status machine */
	uint8_t flags;
	struct tr_bytes actor;
	uint16_t value_first, value_count; /* status, role, reason, applicant, ... */
	uint8_t under_count;     /* the steps that were alive for it */
	uint16_t under[TR_STEP_OVER_MAX]; /* indexes into rep_record.steps */
};

#define REP_RECORD_VALUES_MAX 2048

struct rep_record {
	/* Decides what is shown, nothing else.  Set once by whoever owns the record,
	 * NULL = no policy; loading and initialising leave it alone. */
	const struct rep_policy *policy;
	uint8_t kind;
	uint8_t lane;
	struct tr_nid scope;     /* home */
	struct tr_rec_id id;
	uint32_t version;        /* valid ops applied to it here; the form's token */
	struct tr_hlc changed;   /* largest hlc of an applied valid op */
	struct tr_dot created;   /* the CREATE that is shown; seq 0: none came yet */
	uint32_t violations;
	uint32_t list_count;     /* items in lists, all fields */
	uint16_t cand_count, step_count, value_count;
	struct rep_cand cands[TR_CANDS_MAX];
	struct rep_step steps[TR_STEPS_MAX];
	struct rep_value values[REP_RECORD_VALUES_MAX];
	size_t row_bound;        /* the encoded row is not larger than this */
	size_t data_size;
	uint8_t data[TR_RECORD_BYTES_MAX + TR_OP_BYTES_MAX + TR_SEG_BYTES_MAX];
};

/*
 * Loads a record.  0; TR_E_NOTFOUND; TR_E_DAMAGED; TR_E_NEWER (state version).
 * `out` is complete in itself afterwards, nothing is borrowed from the view.
 */
TR_MUST_CHECK int rep_record_load(struct rep_record *out,
    const struct rep_view *view, uint8_t kind, const struct tr_rec_id *id);
/* As load, but the kind is not known. */
TR_MUST_CHECK int rep_record_find(struct rep_record *out,
    const struct rep_view *view, const struct tr_rec_id *id);
/* 0; TR_E_LIMIT if it became larger than TR_RECORD_BYTES_MAX; put errors. */
TR_MUST_CHECK int rep_record_store(const struct rep_record *rec,
    const struct rep_view *view);
/* Home and lane of a stored row, without reading the rest; false if it is none. */
bool rep_record_home(struct tr_bytes row, struct tr_nid *scope, uint8_t *lane);
/* An empty record before its CREATE. */
void rep_record_init(struct rep_record *rec, uint8_t kind,
    const struct tr_rec_id *id, struct tr_nid scope, uint8_t lane);

/* What decided between two concurrent values; see rep_merge_rule(). */
enum rep_rule {
	REP_RULE_ONLY = 0, REP_RULE_RANK, REP_RULE_NEAR_ROOT, REP_RULE_NEAR_GROUND,
	REP_RULE_CLOCK_QUALITY, REP_RULE_TIME, REP_RULE_AUTHOR,
};

/* Index of the value of a register group that is shown; -1 if there is none. */
int rep_record_shown(const struct rep_record *rec, uint16_t group_id);
/* Shown value of a field (registers, and the fields of the shown status
 * step); NULL if none or cleared.  Sets, lists and counts: rep_record_rows. */
const struct rep_value *rep_record_value(const struct rep_record *rec, uint16_t field_id);
/* Index of the status step that is shown; -1 if none.  Other alive legal steps = conflict. */
int rep_record_step_shown(const struct rep_record *rec);
/* Indexes of all alive legal steps, ordered by (author, inc, seq); returns the count. */
size_t rep_record_steps_alive(const struct rep_record *rec, uint16_t *out, size_t cap);
/* 0 if there is no step. */
uint8_t rep_record_status(const struct rep_record *rec);
/* Indexes into cands of a group, ordered by (author, inc, seq): candidates A..H. */
size_t rep_record_cands(const struct rep_record *rec, uint16_t group_id, uint16_t *out, size_t cap);

/* The other home of a case that moved, and its record there. */
struct rep_moved {
	struct tr_rec_id id;
	struct tr_nid unit;
	struct tr_bytes path; /* code path, into the record */
};
/* It went on elsewhere: where (of several, the one that is shown). */
bool rep_record_moved(const struct rep_record *rec, struct rep_moved *out);
/* It came from elsewhere. */
bool rep_record_came(const struct rep_record *rec, struct rep_moved *out);

/* An item of a list or set, or a cell of a count. */
struct rep_row {
	uint16_t field;
	struct tr_dot dot;
	struct tr_nid author;
	uint64_t inc;
	struct tr_hlc hlc;
	int64_t at_ms;
	struct tr_bytes actor;
	struct tr_bytes text;    /* LIST, SET */
	int64_t i;               /* COUNT: the cell's total; LIST: percent of a progress report, -1 if none */
};
/*
 * Walks the rows of one field: lists in (hlc, author, seq) order, sets by
 * text (each element once), counts by (author, inc).  A progress report of a
 * directive is one row of field `progress`.  `cursor` is zeroed by the caller
 * before the first call.  0; TR_E_NOTFOUND at the end; others.
 * Texts are borrowed until the next write of the transaction.
 */
struct rep_row_cursor { bool started; uint8_t key[80]; size_t key_size; };
TR_MUST_CHECK int rep_record_rows(const struct rep_view *view,
    const struct tr_rec_id *id, uint16_t field, struct rep_row_cursor *cursor,
    struct rep_row *out);

#endif
