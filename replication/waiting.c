/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/waiting.h"

#include <string.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/chain.h"
#include "replication/log.h"
#include "replication/unit.h"

#define OP_BYTES 200 /* a usual op; an estimate is enough for people */

static int64_t stamp(const struct rep_view *view, struct wire_arena *arena, const struct rep_log *log, uint64_t seq)
{
	struct rep_chain_row row;
	Terrace__Seg *seg;

	if (seq > log->seq)
		return log->open != NULL ? rep_hlc_ms(log->open->hlc) : 0;
	wire_arena_reset(arena);
	if (rep_chain_find(view, log->handle, seq, &row) != 0 || wire_seg_decode(arena, row.bytes, &seg) != 0)
		return 0;
	return (int64_t)(seg->hlc >> 16);
}

int64_t rep_waiting_stamp(const struct rep_view *view, const struct rep_log *log, uint64_t seq)
{
	struct wire_arena *arena = wire_arena_create();
	int64_t ms = arena != NULL ? stamp(view, arena, log, seq) : 0;

	wire_arena_free(arena);
	return ms;
}

static void add(const struct rep_view *view, struct wire_arena **arena, const struct rep_log *log, unsigned way,
    struct rep_waiting *out, int *rc)
{
	uint64_t open = log->open != NULL ? log->open->count : 0;
	uint64_t acked = log->way[way].acked;
	int64_t ms = 0;

	if (way == REP_WAY_DOWN && log->id.lane == TR_LANE_P)
		return; /* one for all children; who lags is told by its policy version */
	if (log->seq + open <= acked)
		return;
	if (*arena == NULL)
		*arena = wire_arena_create();
	out->ops += log->seq + open - acked;
	if (*arena != NULL)
		ms = stamp(view, *arena, log, acked + 1);
	else
		*rc = TR_E_NOMEM;
	if (ms != 0 && (out->oldest_ms == 0 || ms < out->oldest_ms))
		out->oldest_ms = ms;
}

int rep_waiting(const struct rep_node *node, const struct rep_view *view, struct tr_nid child, struct rep_waiting *out)
{
	unsigned way = child.v == 0 ? REP_WAY_UP : REP_WAY_DOWN;
	const struct rep_unit *top = rep_unit_find(node, child.v == 0 ? node->cert.nid : child);
	struct wire_arena *arena = NULL;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	for (const struct rep_unit *scope = top; scope != NULL; scope = rep_unit_next(top, scope))
		for (const struct rep_log *log = rep_log_get(node, scope->first_log); log != NULL;
		     log = rep_log_get(node, log->next_in_scope))
			add(view, &arena, log, way, out, &rc);
	wire_arena_free(arena);
	out->bytes = out->ops * OP_BYTES;
	return rc;
}
