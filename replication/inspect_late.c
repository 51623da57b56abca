/* SPDX-License-Identifier: Apache-2.0 */
/* Which ops of a case that moved were written by those who did not know. */
#include <string.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/chain.h"
#include "replication/cut.h"
#include "replication/fold.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/own.h"
#include "replication/status.h"

#define MOVES_MAX 16

/* What one TRANSFER had seen. */
struct sight {
	struct rep_cause cause;
	struct rep_seen seen[REP_SEEN_MAX];
};

static int look(const struct rep_node *node, const struct rep_view *view, struct tr_dot dot, struct sight *out)
{
	struct rep_log *log = rep_log_get(node, dot.log);
	struct rep_seen vec[TR_VECTOR_MAX];
	struct rep_chain_row row;
	struct rep_fold fold;
	size_t n;
	int rc = 0;

	if (log == NULL)
		return TR_E_DAMAGED;
	out->cause = (struct rep_cause){.dot = dot, .seen = out->seen};
	if (dot.seq > log->seq) { /* not signed yet: had seen what is here */
		if (!rep_own_seen(node, log, &fold))
			return TR_E_LIMIT;
		out->cause.seen_count = fold.seen_count;
		memcpy(out->seen, fold.seen, fold.seen_count * sizeof(fold.seen[0]));
		return 0;
	}
	rc = rep_chain_find(view, dot.log, dot.seq, &row);
	if (rc != 0)
		return rc;
	if (log->parent != 0 &&
	    !rep_branch_see(node, log->parent, log->fork, out->seen, &out->cause.seen_count, REP_SEEN_MAX))
		rc = TR_E_LIMIT;
	n = rep_chain_vec(&row, vec);
	for (size_t i = 0; i < n && rc == 0; i++)
		if (!rep_branch_see(node, vec[i].log, vec[i].seq, out->seen, &out->cause.seen_count, REP_SEEN_MAX))
			rc = TR_E_LIMIT;
	return rc;
}

static bool is_move(const struct rep_step *s)
{
	return s->status == REP_CASE_MOVED && (s->flags & REP_STEP_VIOLATION) == 0;
}

/* 1: some TRANSFER had not seen it; 0: all had; or an error. */
static int is_late(const struct rep_node *node, const struct rep_view *view, const struct rep_record *rec, struct tr_dot dot)
{
	struct sight sight;
	unsigned moves = 0;

	for (uint16_t i = 0; i < rec->step_count && moves < MOVES_MAX; i++) {
		int rc;

		if (!is_move(&rec->steps[i]))
			continue;
		moves++;
		rc = look(node, view, rec->steps[i].dot, &sight);
		if (rc != 0)
			return rc;
		if (!rep_cause_has(&sight.cause, dot))
			return 1;
	}
	return 0;
}

int rep_record_late(const struct rep_node *node, const struct rep_view *view, const struct rep_record *rec,
    struct rep_ops_cursor *cursor, struct rep_op *op, struct rep_cause *cause, uint32_t *serial)
{
	for (;;) {
		int rc = rep_record_op(node, view, &rec->id, cursor, op, cause, serial), late;
		const struct rep_log *log;
		struct rep_key key;
		struct tr_bytes row;

		if (rc != 0)
			return rc;
		log = rep_log_get(node, cause->dot.log);
		if (op->kind == TR_OP_TRANSFER || (log != NULL && rep_cut_is_aside(log, cause->dot.seq)))
			continue;
		key = rep_key_ops(&rec->id, cause->dot);
		if (rep_get(view, REP_T_VIOLATION, rep_key_bytes(&key), &row) == 0)
			continue;
		late = is_late(node, view, rec, cause->dot);
		if (late != 0)
			return late > 0 ? 0 : late;
	}
}
