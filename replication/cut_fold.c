/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/cut_fold.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/chain.h"
#include "replication/closed.h"
#include "replication/cut.h"
#include "replication/log.h"
#include "replication/lookup.h"
#include "replication/overlay.h"
#include "replication/own.h"
#include "replication/refold.h"
#include "replication/unit.h"

#define OVERLAY_BYTES ((size_t)16 << 20) /* one record with all its rows */

struct touched {
	struct tr_rec_id *ids;
	size_t count, cap;
	struct rep_op op;
};

static void note(struct rep_node *node, struct touched *t, struct tr_bytes entry)
{
	struct tr_rec_id *more;

	if (rep_op_decode(&t->op, entry) != 0 || !t->op.has_body || !rep_op_is_of_record(t->op.kind) ||
	    rep_schema_kind_name(t->op.type) == NULL)
		return;
	if (t->count > 0 && memcmp(t->ids[t->count - 1].b, t->op.rec.b, sizeof(t->op.rec.b)) == 0)
		return;
	more = tr_grow(t->ids, t->count, &t->cap, sizeof(*more));
	if (more == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	t->ids = more;
	t->ids[t->count++] = t->op.rec;
}

/* Records of the ops from..to of a row. */
static void gather(struct rep_node *node, struct touched *t, const struct rep_log *log, uint64_t from, uint64_t to)
{
	struct wire_arena *arena = wire_arena_create();
	uint64_t at = from > log->fork ? from : log->fork + 1;

	if (arena == NULL)
		rep_node_fail(node, TR_E_NOMEM);
	while (at <= to && at <= log->seq && node->rc == 0) {
		struct rep_chain_row row;
		Terrace__Seg *seg = NULL;
		int rc = rep_chain_find(node->view, log->handle, at, &row);

		wire_arena_reset(arena);
		if (rc == 0)
			rc = wire_seg_decode(arena, row.bytes, &seg);
		if (rc != 0) {
			rep_node_fail(node, rc == TR_E_NOTFOUND ? TR_E_DAMAGED : rc);
			break;
		}
		for (size_t i = 0; i < seg->n_op; i++)
			if (seg->first + i >= at && seg->first + i <= to)
				note(node, t, rep_bytes(seg->op[i].data, seg->op[i].len));
		at = row.last + 1;
	}
	for (uint32_t i = 0; log->open != NULL && i < log->open->count; i++)
		if (log->seq + 1 + i >= from && log->seq + 1 + i <= to)
			note(node, t, rep_own_entry(log->open, i));
	wire_arena_free(arena);
}

static void weigh(struct rep_node *node, struct touched *t, struct rep_log *log)
{
	uint64_t was = log->aside_from, now = log->serial != 0 ? rep_cut_weigh(node, log) : UINT64_MAX;

	if (was == now)
		return;
	gather(node, t, log, was < now ? was : now, (was < now ? now : was) - 1);
	log->aside_from = now;
	if (log->stored)
		rep_log_store(node, log);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tr_rec_id));
}

/* What else says something about a record: by source, by directive, that its unit is closed. */
static void around(struct rep_node *node, const struct tr_rec_id *id, bool before)
{
	static const uint8_t kinds[] = {TR_KIND_CASE, TR_KIND_DIRECTIVE};

	for (size_t i = 0; i < sizeof(kinds) && node->rc == 0; i++) {
		int rc = rep_record_load(node->record, node->view, kinds[i], id);

		if (rc != 0)
			continue; /* an error of the store is sticky; what cannot be read stays */
		if (before)
			rep_lookup_remove(node, node->view, node->record);
		else
			rep_lookup_add(node, node->view, node->record);
	}
	if (!before && node->rc == 0 && rep_record_load(node->record, node->view, TR_KIND_UNIT, id) == 0)
		rep_closed_take(node);
}

static void refold(struct rep_node *node, struct touched *t)
{
	struct rep_overlay *overlay;

	if (t->count == 0 || node->rc != 0)
		return;
	overlay = rep_overlay_create(node->view, OVERLAY_BYTES);
	if (overlay == NULL)
		rep_node_fail(node, TR_E_NOMEM);
	qsort(t->ids, t->count, sizeof(*t->ids), by_id);
	for (size_t i = 0; i < t->count && node->rc == 0; i++) {
		int rc;

		if (i > 0 && by_id(&t->ids[i], &t->ids[i - 1]) == 0)
			continue;
		rep_overlay_reset(overlay);
		rc = rep_refold(node, node->view, &t->ids[i], NULL, overlay);
		/* Ops of two records under one id, by a hostile signer: it stays as it was. */
		if (rc == TR_E_DAMAGED || rc == TR_E_GAP || rc == TR_E_LIMIT) {
			rep_node_trace_rec(node, REP_TRACE_REFOLD_BAD, node->cert.nid, 0, &t->ids[i], (uint64_t)-rc, 0);
			continue;
		}
		if (rc == 0)
			around(node, &t->ids[i], true);
		if (rc == 0)
			rc = rep_overlay_apply(overlay, node->view);
		if (rc != 0)
			rep_node_fail(node, rc);
		around(node, &t->ids[i], false);
	}
	rep_overlay_free(overlay);
}

static void fold_scope(struct rep_node *node, struct tr_nid scope)
{
	struct touched *t = calloc(1, sizeof(*t));
	struct tr_nid path[TR_LEVEL_MAX + 1];
	struct tr_nid up = scope;
	size_t n = 0;

	if (t == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	for (; up.v != 0 && n <= TR_LEVEL_MAX; n++) {
		path[n] = up;
		up = rep_unit_find(node, up) != NULL ? rep_unit_find(node, up)->parent : (struct tr_nid){0};
	}
	while (n-- > 0 && node->rc == 0)
		for (struct rep_log *log = rep_log_first_of_scope(node, scope); log != NULL;
		     log = rep_log_get(node, log->next_in_scope))
			if (log->id.author.v == path[n].v)
				weigh(node, t, log);
	refold(node, t);
	free(t->ids);
	free(t);
}

void rep_cut_fold(struct rep_node *node)
{
	if (!node->cuts_dirty)
		return;
	node->cuts_dirty = false;
	for (size_t i = 0; i < node->unit_count && node->rc == 0; i++) {
		if (!node->units[i]->cuts_dirty)
			continue;
		node->units[i]->cuts_dirty = false;
		fold_scope(node, node->units[i]->nid);
	}
}
