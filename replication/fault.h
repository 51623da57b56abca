/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault -- does this store hold what its segments say?  Part of rep.h; the code
 * is in verify.c (finds) and mend.c (mends).
 *
 *   segments  each row against its hash, its chain and its author's signature
 *   index     each op is found under its record, and each entry is of an op
 *   records   each record against what its ops make of it (refold.h)
 *   sources   the look-ups by source and by directive
 *
 * What is derived is made again from the ops; a segment comes from a neighbour
 * that holds it.  Reading finds faults; a REP_EV_MEND event mends one.
 * Threads: none.
 */
#ifndef REPLICATION_FAULT_H
#define REPLICATION_FAULT_H

#include "replication/op.h"
#include "replication/view.h"

struct rep_node;

enum rep_fault_what {
	REP_FAULT_SEGMENT = 1, /* log, first, last, rc */
	REP_FAULT_INDEX,       /* rec, log, first: an op and its record's list of ops */
	REP_FAULT_RECORD,      /* rec, rc: 0 = another state than its ops make */
	REP_FAULT_SOURCE,      /* rec, or the row alone: look-up by source */
	REP_FAULT_DIRECTIVE,   /* rec: look-up by directive */
};

struct rep_fault {
	enum rep_fault_what what;
	int rc;                  /* what reading it said */
	struct tr_rec_id rec;
	uint32_t log;            /* handle */
	uint64_t first, last;
	bool is_extra;           /* a row that nothing stands behind */
	uint8_t key[TR_SOURCE_ID_MAX + 8]; /* is_extra: of that row */
	size_t key_size;
};

/* Zeroed first; copied freely. */
struct rep_verify_cursor {
	uint8_t phase;
	uint32_t log;            /* handle */
	uint64_t seq;
	uint8_t table;
	bool started, skip;
	uint8_t key[TR_SOURCE_ID_MAX + 8];
	size_t key_size;
};

struct rep_verify_sum {
	uint64_t segments, ops, records;
	uint64_t dropped;        /* of the ops: gone below a checkpoint, their segment's root stands for them */
	uint64_t unjudged;       /* segments that hang on one that cannot be read */
};

/*
 * On from the cursor, for about `budget` units of work (a segment, a record, 16
 * rows of an index).  0 and *found: a fault, go on behind it with the same
 * cursor; 0 and !*found: the budget is used up; TR_E_NOTFOUND: the end.
 * TR_E_IO, TR_E_NOMEM.
 */
TR_MUST_CHECK int rep_verify_next(const struct rep_node *node, const struct rep_view *view,
    struct rep_verify_cursor *cursor, size_t budget, struct rep_fault *fault, bool *found,
    struct rep_verify_sum *sum);
const char *rep_fault_name(enum rep_fault_what what); /* "segment" */

/* Is it still there?  0: no; TR_E_DAMAGED: yes; others. */
TR_MUST_CHECK int rep_fault_look(const struct rep_node *node, const struct rep_view *view, const struct rep_fault *fault);

/* Neighbours that acknowledged all of a damaged segment. */
struct rep_fault_holder {
	struct tr_nid peer;      /* 0: nobody */
	bool is_up;              /* it is connected */
};
/* The parent first; returns the count, at most 2. */
size_t rep_fault_holders(const struct rep_node *node, const struct rep_fault *fault, struct rep_fault_holder out[static 2]);


/* ------------------------------------------------------------ with a neighbour */

/*
 * REP_EV_AUDIT: compares derived state with a neighbour's, domain by domain,
 * where both hold the same ops.  Reply 0: it runs, see rep_audit_look();
 * TR_E_NOPEER, TR_E_DOWN, TR_E_BUSY (one at a time a link), TR_E_SCOPE.
 */
struct rep_audit_ask {
	uint64_t ticket;
	struct tr_nid peer;
	struct tr_nid unit;      /* only its subtree; 0 = all that both hold */
	uint32_t wait_ms;        /* how long domains that ops are under way for are tried again */
};

enum rep_audit_why {
	REP_AUDIT_DIFFERS = 1,   /* both have the record, in another state */
	REP_AUDIT_HERE,          /* only this node has it */
	REP_AUDIT_THERE,         /* only the neighbour has it */
	REP_AUDIT_DOMAIN,        /* the domain differs; records were not looked at */
};
struct rep_audit_diff {
	enum rep_audit_why why;
	struct tr_nid scope;
	uint8_t lane, kind;
	struct tr_rec_id rec;
};
#define REP_AUDIT_DIFFS_MAX 256

struct rep_audit_info {
	bool is_running;
	int rc;                  /* at the end: 0; TR_E_DOWN (the link was lost), TR_E_TIMEOUT (no answer), TR_E_BUSY */
	uint64_t hashed;         /* records hashed here so far */
	uint64_t domains, records; /* compared at a common frontier */
	uint64_t equal, differ;  /* of the domains */
	uint64_t under_way;      /* domains that the two did not hold alike in time */
	size_t diff_count;
	bool more;               /* further records differ that are not listed */
	const struct rep_audit_diff *diffs; /* until the next step */
};
/* The newest audit asked for with this neighbour; false: none since the start. */
bool rep_audit_look(const struct rep_node *node, struct tr_nid peer, struct rep_audit_info *out);

#endif
