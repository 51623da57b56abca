/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/waiting.h"

#include <string.h>

#include "proto/wire.h"
#include "replication/chain.h"
#include "replication/log.h"
#include "replication/unit.h"

#define OP_BYTES 200 /* a usual op; an estimate is enough for people */

int64_t rep_waiting_stamp(const struct rep_view *view, const struct rep_log *log, uint64_t seq)
{
	struct rep_chain_row row;
	int64_t ms = 0;

	if (seq > log->seq)
		return log->open != NULL ? rep_hlc_ms(log->open->hlc) : 0;
	if (rep_chain_find(view, log->handle, seq, &row) == 0) {
		struct wire_arena *arena = wire_arena_create();
		Terrace__Seg *seg;

		if (arena != NULL && wire_seg_decode(arena, row.bytes, &seg) == 0)
			ms = (int64_t)(seg->hlc >> 16);
		wire_arena_free(arena);
	}
	return ms;
}

void rep_waiting(const struct rep_node *node, const struct rep_view *view, struct tr_nid child, struct rep_waiting *out)
{
	unsigned way = child.v == 0 ? REP_WAY_UP : REP_WAY_DOWN;
	struct tr_nid top = child.v == 0 ? node->cert.nid : child;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < node->log_count; i++) {
		const struct rep_log *log = node->logs[i];
		uint64_t open = log->open != NULL ? log->open->count : 0;
		uint64_t acked = log->way[way].acked;
		int64_t ms;

		if (child.v != 0 && log->id.lane == TR_LANE_P)
			continue; /* one for all children; who lags is told by its policy version */
		if (log->seq + open <= acked || !rep_unit_under(node, log->id.scope, top))
			continue;
		out->ops += log->seq + open - acked;
		ms = rep_waiting_stamp(view, log, acked + 1);
		if (ms != 0 && (out->oldest_ms == 0 || ms < out->oldest_ms))
			out->oldest_ms = ms;
	}
	out->bytes = out->ops * OP_BYTES;
}
