/* SPDX-License-Identifier: Apache-2.0 */
/* A segment that does not verify: is it at fault, or one that it hangs on? */
#include "replication/verify.h"

#include <stdlib.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/chain.h"
#include "replication/log.h"

struct place {
	const struct rep_node *node;
	const struct rep_view *view;
	struct wire_arena *arena;
};

int rep_verify_row(const struct rep_view *view, const struct rep_log *log, uint64_t first,
    struct wire_arena *arena, struct rep_chain_row *row, Terrace__Seg **seg)
{
	int rc = rep_chain_find(view, log->handle, first, row);

	if (rc != 0)
		return rc == TR_E_NOTFOUND ? TR_E_GAP : rc;
	wire_arena_reset(arena);
	rc = wire_seg_decode(arena, row->bytes, seg);
	if (rc != 0)
		return rc == TR_E_NOMEM ? rc : TR_E_DAMAGED;
	if ((*seg)->first > first) /* a row is gone, unless it is this one that says where it begins wrongly */
		return row->last - (*seg)->first == (*seg)->count - 1ull ? TR_E_GAP : TR_E_DAMAGED;
	return (*seg)->first == first && row->last == first + (*seg)->count - 1 ? 0 : TR_E_DAMAGED;
}

/*
 * Is a row gone that another one names?  Causes are here before effects: what
 * would lie beyond the end of its log never was, and who names it is damaged.
 */
static bool is_missing(const struct place *w, uint32_t handle, uint64_t seq)
{
	const struct rep_log *log = rep_log_get(w->node, handle);
	struct rep_chain_row row;

	return log != NULL && seq <= log->seq && rep_chain_find(w->view, handle, seq, &row) != 0;
}

/* Is the row that ends there at fault itself?  What hangs on it does not verify
 * either, and the same segment put in its place again would not help.  0; TR_E_IO, TR_E_NOMEM. */
static int is_shaken(struct place *w, uint32_t handle, uint64_t seq, bool *shaken)
{
	const struct rep_log *log = rep_log_get(w->node, handle);
	struct rep_verify_sum sum = {0};
	struct rep_chain_row row;
	Terrace__Seg *seg;
	uint64_t next;
	int rc;

	if (log == NULL || seq == 0 || seq > log->seq)
		return 0;
	log = rep_branch_holder(w->node, log, seq); /* what a branch left is in another row */
	rc = rep_chain_find(w->view, log->handle, seq, &row);
	if (rc == 0) {
		wire_arena_reset(w->arena);
		rc = wire_seg_decode(w->arena, row.bytes, &seg);
	}
	if (rc == 0)
		rc = rep_verify_log(w->node, w->view, log->handle, seg->first, 1, &next, &sum);
	*shaken |= rc != 0;
	return rep_verify_is_fatal(rc) ? rc : 0;
}

int rep_verify_is_own(const struct rep_node *node, const struct rep_view *view, const struct rep_log *log, uint64_t first,
    struct wire_arena *arena, bool *own)
{
	struct place walk = {node, view, arena}, *w = &walk;
	struct rep_seen seen[TR_VECTOR_MAX];
	struct rep_chain_row row;
	bool shaken = false;
	Terrace__Seg *seg;
	struct rep_log tip;
	size_t count;
	int rc;

	*own = true;
	rc = rep_verify_row(w->view, log, first, w->arena, &row, &seg);
	if (rc != 0)
		return rep_verify_is_fatal(rc) ? rc : 0;
	count = rep_chain_vec(&row, seen);
	for (size_t i = 0; i < seg->n_ctx; i++)
		shaken |= is_missing(w, seg->ctx[i]->log, seg->ctx[i]->seq);
	for (size_t i = 0; i < count && rc == 0 && !shaken; i++)
		rc = is_shaken(w, seen[i].log, seen[i].seq, &shaken);
	if (rc == 0 && !shaken)
		rc = is_shaken(w, log->handle, first - 1, &shaken);
	*own = !shaken;
	if (rc != 0 || shaken)
		return rc;
	rc = rep_chain_tip(w->node, w->view, log, first - 1, &tip);
	*own = rc == 0;
	if (rc == 0)
		free(tip.vec);
	return rep_verify_is_fatal(rc) ? rc : 0;
}
