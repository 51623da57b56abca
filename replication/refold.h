/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refold -- what the ops make of one record: its ops are gathered from their
 * segments (and from own open ones), put in a causal order and folded into an
 * overlay, in which everything that was derived from them before is hidden.
 *
 * Ops come before others that had seen them; of two that had not seen each
 * other either may be first: the state is the same (docs/protocol.md 5).
 *
 * A record whose oldest ops were dropped is gone on with from its state at the
 * floor (floor.h).
 *
 * Reads:   REP_T_FLOOR, REP_T_OPS, SEG, CERT of the view, and the node's open ops.
 * Writes:  only the overlay: REC, ROW, VIOLATION, CONFLICT of that record.
 *          Never OPS, SRC, DIR, UNIT: they do not depend on the order.
 * Threads: none.
 */
#ifndef REPLICATION_REFOLD_H
#define REPLICATION_REFOLD_H

#include "replication/fold.h"
#include "replication/overlay.h"

/* Ops of one record that a refold takes on. */
#define REP_REFOLD_OPS_MAX (1u << 20)
#define REP_REFOLD_KINDS 8 /* of records: enum tr_kind, below this */

struct rep_refold {
	/*
	 * Only ops at or below this frontier count: (log handle, sequence), a log
	 * that is not named has none.  Causally closed, or the result means
	 * nothing.  NULL: all ops count.
	 */
	const struct rep_seen *limit;
	size_t limit_count;
	/*
	 * Called for each op in its turn, in causal order; false: it is set aside
	 * as if it had never been written.  NULL: all are taken.  It reads through
	 * `into`, the overlay as folded so far, but for the record itself, which
	 * is stored at the end.
	 */
	bool (*takes)(void *ctx, const struct rep_fold *fold, uint64_t seq, const struct rep_op *op);
	void *ctx;
	/* out; ops that a CUT sets aside are never taken */
	size_t folded;  /* ops that were taken */
	size_t aside;   /* ops that were not */
};

/*
 * Refolds `id`, in every kind that has it (two kinds may share an id, rows and
 * ops are kept by id).  The overlay lies over `view`, or over a view with the
 * same segments; rows of the record that it had before are replaced.  A record
 * of which no op counts is deleted there.
 *
 *     rep_refold(node, view, &id, &how, overlay)           how may be NULL
 *     rep_record_load(rec, rep_overlay_view(overlay), kind, &id)
 *     rep_record_state_hash(rec, rep_overlay_view(overlay), &hash)
 *
 * 0; TR_E_GAP: the segment of an op is not here, or the limit lies below the floor; TR_E_DAMAGED: it cannot be
 * read or is not what the index says; TR_E_LIMIT: the overlay's bound or
 * REP_REFOLD_OPS_MAX; TR_E_NOMEM, TR_E_IO.  After an error the overlay holds
 * part of the changes: reset it.
 */
TR_MUST_CHECK int rep_refold(const struct rep_node *node, const struct rep_view *view,
    const struct tr_rec_id *id, struct rep_refold *how, struct rep_overlay *into);

/*
 * Is what is stored of `id` what the refold made of it?  Compares the overlay
 * with the view below: rows byte for byte, the record by its state, version,
 * newest stamp and counts.  A stored row that cannot be read differs.
 * 0; TR_E_IO, TR_E_NOMEM.
 */
TR_MUST_CHECK int rep_refold_compare(const struct rep_view *view, const struct tr_rec_id *id,
    struct rep_overlay *folded, bool *equal);

/* Hides what is derived from the record's ops: REC, ROW, VIOLATION, CONFLICT.
 * 0; errors of seek and of the overlay. */
TR_MUST_CHECK int rep_refold_clear(const struct tr_rec_id *id, const struct rep_view *overlay);

#endif
