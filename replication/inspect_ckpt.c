/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of checkpoints, and what truncation (prune.h) has taken out of the history. */
#include <string.h>

#include "proto/err.h"
#include "replication/chain.h"
#include "replication/cut.h"
#include "replication/floor.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/prune.h"

#define ID_SIZE sizeof(struct tr_rec_id)
#define OPS_KEY (ID_SIZE + 12)

/* None can be compared here, or written. */
static bool is_stopped(const struct rep_node *node, const struct rep_domain *d)
{
	bool stopped = rep_base_is_forked(node, d) || (d->want != NULL && rep_base_is_cut(node, d->want));

	for (const struct rep_log *log = rep_log_first_of_scope(node, d->scope); d->make_due && log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		stopped = stopped || (log->id.lane == d->lane && log->seq >= log->aside_from);
	return stopped;
}

bool rep_inspect_ckpt(const struct rep_node *node, size_t i, struct rep_ckpt_info *out)
{
	const struct rep_domain *d = i < node->domain_count ? node->domains[i] : NULL;

	if (d == NULL)
		return false;
	memset(out, 0, sizeof(*out));
	out->scope = d->scope;
	out->lane = d->lane;
	out->waiting = d->want != NULL;
	for (const struct rep_log *log = rep_log_first_of_scope(node, d->scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		out->dropped += log->id.lane == d->lane ? log->low : 0;
	out->hold = rep_prune_hold(node, d);
	out->is_diverged = d->differs != NULL;
	out->stopped = is_stopped(node, d);
	if (d->base != NULL) {
		out->number = d->base->number;
		out->records = d->base->records;
		out->ms = d->base->ms;
		out->root = d->base->root;
	}
	return true;
}

/* The row of a dropped segment stays, with its stamp.  0: it cannot be read, or came in no segment. */
static int64_t stamp_at(const struct rep_view *view, const struct rep_log *log, struct wire_arena *arena)
{
	struct rep_chain_row row;
	Terrace__Seg *seg;

	wire_arena_reset(arena);
	if (rep_chain_find(view, log->handle, log->low, &row) != 0 || row.last != log->low ||
	    wire_seg_decode(arena, row.bytes, &seg) != 0)
		return 0;
	return (int64_t)(seg->hlc >> 16);
}

int64_t rep_dropped_until(const struct rep_node *node, const struct rep_view *view, struct tr_nid scope, uint8_t lane)
{
	const struct rep_domain *domain = rep_base_find(node, scope, lane);
	struct wire_arena *arena = wire_arena_create();
	int64_t until = 0;
	bool any = false;

	for (const struct rep_log *log = rep_log_first_of_scope(node, scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope)) {
		int64_t ms = log->id.lane == lane && log->low > 0 && arena != NULL ? stamp_at(view, log, arena) : 0;

		any = any || (log->id.lane == lane && log->low > 0);
		until = ms > until ? ms : until;
	}
	wire_arena_free(arena);
	if (any && until == 0 && domain != NULL && domain->floor != NULL)
		until = domain->floor->ms;
	return until;
}

/* Refused, or not understood yet: listed under its record, without effect there. */
static int look(const struct rep_view *view, struct tr_bytes key, bool *in)
{
	static const enum rep_table out_of[] = {REP_T_VIOLATION, REP_T_LATER};
	struct tr_bytes row;

	*in = true;
	for (size_t i = 0; i < sizeof(out_of) / sizeof(out_of[0]) && *in; i++) {
		int rc = rep_get(view, out_of[i], key, &row);

		if (rc != 0 && rc != TR_E_NOTFOUND)
			return rc;
		*in = rc == TR_E_NOTFOUND;
	}
	return 0;
}

/* Ops in effect that are here; another domain's under the same id are not the record's own. */
static int count_here(const struct rep_node *node, const struct rep_view *view, const struct rep_record *rec, uint64_t *out)
{
	uint8_t at[OPS_KEY];
	struct tr_bytes from = {at, ID_SIZE}, key;
	bool in;
	int rc;

	*out = 0;
	memcpy(at, rec->id.b, ID_SIZE);
	while ((rc = rep_seek(view, REP_T_OPS, from, from.size > ID_SIZE, &key, NULL)) == 0) {
		const struct rep_log *log;
		struct tr_dot dot;

		if (key.size != OPS_KEY || memcmp(key.data, rec->id.b, ID_SIZE) != 0)
			return 0;
		memcpy(at, key.data, sizeof(at));
		from.size = sizeof(at);
		dot = (struct tr_dot){wire_get_be32(at + ID_SIZE), wire_get_be64(at + ID_SIZE + 4)};
		log = rep_log_get(node, dot.log);
		if (log == NULL || log->id.scope.v != rec->scope.v || log->id.lane != rec->lane || rep_cut_is_aside(log, dot.seq))
			continue;
		rc = look(view, from, &in);
		if (rc != 0)
			return rc;
		*out += in;
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

bool rep_record_dropped(const struct rep_node *node, const struct rep_view *view, const struct rep_record *rec,
    struct rep_dropped *out)
{
	const struct rep_base *base;
	struct rep_floor floor;
	uint64_t here;

	if (rep_floor_find(view, &rec->id, &floor) != 0 || count_here(node, view, rec, &here) != 0 || here >= rec->version)
		return false;
	base = rep_floor_base(node, &floor);
	out->ops = rec->version - here; /* each legal op counts one up */
	out->until_ms = rep_dropped_until(node, view, floor.scope, floor.lane);
	out->ckpt_ms = base != NULL ? base->ms : 0;
	return true;
}
