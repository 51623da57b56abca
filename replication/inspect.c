/* SPDX-License-Identifier: Apache-2.0 */
/* What a node says of itself, its links and the tree. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/chain.h"
#include "replication/cut.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/node.h"
#include "replication/reach.h"
#include "replication/unit.h"
#include "replication/waiting.h"

static uint64_t aside_of(const struct rep_node *node, const struct rep_unit *author)
{
	uint64_t n = 0;

	if (node->cut_count == 0)
		return 0;
	for (const struct rep_log *log = rep_log_get(node, author->first_own_log); log != NULL;
	     log = rep_log_get(node, log->next_by_author)) {
		uint64_t from = log->aside_from > log->fork ? log->aside_from : log->fork + 1;

		n += from <= log->seq ? log->seq - from + 1 : 0;
	}
	return n;
}

void rep_inspect_self(const struct rep_node *node, struct rep_self *out)
{
	const struct rep_unit *self = rep_unit_find(node, node->cert.nid);

	memset(out, 0, sizeof(*out));
	out->cert = node->cert;
	out->inc = node->inc;
	out->store = node->store_id;
	out->zone = node->root.zone;
	out->is_top = node->is_top;
	out->is_fenced = node->is_fenced;
	out->is_revoked = node->is_cut;
	out->newest_serial = self->cert.registered ? self->cert.serial : node->cert.serial;
	out->aside_ops = aside_of(node, self);
	out->profile = node->profile;
	out->root_hash = node->root_hash;
	for (const struct rep_log *log = rep_log_get(node, self->first_own_log); log != NULL;
	     log = rep_log_get(node, log->next_by_author)) {
		uint64_t open = log->open != NULL ? log->open->count : 0;

		out->open_ops += (uint32_t)open;
		out->own_ops += log->seq - log->fork + open;
		/* the top node is the one that receipts: what it holds is held */
		out->receipt_ops += (node->is_top ? log->seq + open : log->receipt_seq) - log->fork;
	}
	out->receipt_hlc = node->last_receipt_hlc;
	out->late_ops = node->late_ops;
	out->dark_ops = node->dark_ops;
	out->dark_s = rep_reach_dark_s(node);
	out->violations = node->violations;
	out->forged = node->forged;
	out->bad_frames = node->bad_frames;
	out->held_segments = node->held_segments;
	out->dropped_bytes = node->dropped_bytes;
	out->clock_offset_ms = node->has_offset ? node->offset_ms : 0;
	out->clockq = rep_node_clockq(node);
}

const char *rep_link_state_name(enum rep_link_state state)
{
	static const char *const names[] = {"down", "dialling", "hello", "comparing", "up",
	    "refused", "paused", "never", "enrolling", "fenced"};

	TR_ASSERT((unsigned)state < sizeof(names) / sizeof(names[0]));
	return names[state];
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void fill_delays(const struct rep_link *link, struct rep_link_info *out)
{
	uint32_t sorted[REP_DELAYS];
	size_t n = link->delay_count < REP_DELAYS ? link->delay_count : REP_DELAYS;

	if (n == 0)
		return;
	memcpy(sorted, link->delays, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_value);
	out->delay_p50_ms = sorted[n / 2];
	out->delay_p95_ms = sorted[n * 95 / 100];
}

bool rep_inspect_link(const struct rep_node *node, const struct rep_view *view, size_t i, struct rep_link_info *out)
{
	const struct rep_link *link = NULL;
	struct rep_waiting waiting;
	size_t at = 0;

	for (size_t k = node->is_top ? 1 : 0; k < node->link_count; k++) {
		if (node->links[k]->peer.v == 0)
			continue; /* somebody who is enrolling */
		if (at++ == i) {
			link = node->links[k];
			break;
		}
	}
	if (link == NULL)
		return false;
	memset(out, 0, sizeof(*out));
	out->peer = link->peer;
	out->is_parent = link->way == REP_WAY_UP;
	out->state = link->paused ? REP_LINK_PAUSED : link->state;
	out->last_seen_ms = link->seen_wall_ms;
	out->state_since_ms = link->since_wall_ms;
	out->next_try_ms = link->state == REP_LINK_OFF || link->state == REP_LINK_REFUSED ? link->next_try_ms : 0;
	out->tries = link->tries;
	out->last_error = link->last_error;
	out->rtt_ms = link->rtt_ms;
	out->sent_bytes = link->sent_bytes;
	out->received_bytes = link->received_bytes;
	out->sent_frames = link->sent_frames;
	out->received_frames = link->received_frames;
	out->bad_frames = link->bad_frames;
	memcpy(out->version, link->version, sizeof(out->version));
	out->policy = rep_unit_find(node, link->peer) != NULL ? rep_unit_find(node, link->peer)->policy : 0;
	fill_delays(link, out);
	(void)rep_waiting(node, view, link->way == REP_WAY_UP ? (struct tr_nid){0} : link->peer, &waiting);
	out->waiting_ops = waiting.ops;
	out->waiting_bytes = waiting.bytes;
	out->oldest_ms = waiting.oldest_ms;
	return true;
}

static void fill_unit(const struct rep_node *node, const struct rep_unit *unit, struct rep_unit_info *out)
{
	memset(out, 0, sizeof(*out));
	out->nid = unit->nid;
	out->parent = unit->parent;
	out->level = unit->level;
	out->joined = unit->has_cert;
	out->waiting_serial = unit->has_next ? unit->next.serial : 0;
	out->revoked = unit->has_cert && node->cut_count > 0 && rep_cut_is_cut(node, unit->nid, unit->cert.serial);
	out->aside_ops = aside_of(node, unit);
	out->serial = unit->has_cert ? unit->cert.serial : 0;
	out->caps = unit->has_cert ? unit->cert.caps : unit->caps;
	out->registered = unit->has_cert && unit->cert.registered;
	out->is_self = unit->nid.v == node->cert.nid.v;
	out->in_subtree = unit->own_or_below;
	memcpy(out->unit, unit->unit, sizeof(out->unit));
	memcpy(out->title, unit->title, sizeof(out->title));
	out->closed = unit->closed;
	out->successor = unit->successor;
	memcpy(out->successor_path, unit->successor_path, sizeof(out->successor_path));
	out->has_head = unit->has_head;
	out->head_hlc = unit->head_hlc;
	out->head_own_ops = unit->head_own_ops;
	out->head_unsent = unit->head_unsent;
	out->head_oldest_s = unit->head_oldest_s;
	out->here_ops = unit->here_ops;
	out->has_summary = unit->has_summary;
	out->state = unit->state;
	out->waiting = unit->waiting;
	out->waiting_bytes = unit->waiting_bytes;
	out->oldest_s = unit->oldest_s;
	out->last_seen_ms = unit->last_seen_ms;
	out->summary_ms = unit->summary_ms;
	memcpy(out->version, unit->version, sizeof(out->version));
	out->policy = unit->nid.v == node->cert.nid.v ? node->policy.version : unit->policy;
}

static bool is_listed(const struct rep_unit *unit)
{
	return unit->own_or_below || unit->on_path;
}

bool rep_inspect_unit(const struct rep_node *node, size_t i, struct rep_unit_info *out)
{
	for (size_t k = 0; k < node->order_count; k++)
		if (is_listed(node->order[k]) && i-- == 0) {
			fill_unit(node, node->order[k], out);
			return true;
		}
	return false;
}

bool rep_unit_get(const struct rep_node *node, struct tr_nid nid, struct rep_unit_info *out)
{
	const struct rep_unit *unit = rep_unit_find(node, nid);

	if (unit == NULL)
		return false;
	fill_unit(node, unit, out);
	return true;
}

bool rep_unit_is_under(const struct rep_node *node, struct tr_nid below, struct tr_nid above)
{
	return rep_unit_under(node, below, above);
}

/* name is the whole path or a tail that begins at a slash. */
static bool fits(const char *path, const char *name)
{
	size_t p = strlen(path), n = strlen(name);

	if (n == 0 || n > p || memcmp(path + p - n, name, n) != 0)
		return false;
	return n == p || path[p - n - 1] == '/';
}

int rep_find_unit(const struct rep_node *node, const char *name, struct tr_nid *out)
{
	const struct rep_unit *found = NULL;

	for (size_t i = 0; i < node->order_count; i++) {
		const struct rep_unit *unit = node->order[i];

		if (!is_listed(unit) || !fits(unit->unit, name))
			continue;
		if (strcmp(unit->unit, name) == 0) {
			*out = unit->nid;
			return 0;
		}
		if (found != NULL)
			return TR_E_AMBIGUOUS;
		found = unit;
	}
	if (found == NULL)
		return TR_E_NOUNIT;
	*out = found->nid;
	return 0;
}

static void fill_log(const struct rep_log *log, struct rep_log_info *out)
{
	out->handle = log->handle;
	out->serial = log->serial;
	out->aside_from = log->aside_from;
	out->kept_seq = log->kept_seq;
	out->id = log->id;
	out->parent = log->parent;
	out->fork = log->fork;
	out->seq = log->seq;
	out->head = log->head;
	out->up_acked = log->way[REP_WAY_UP].acked;
	out->down_acked = log->way[REP_WAY_DOWN].acked;
	out->receipt_seq = log->receipt_seq;
	out->low = log->low;
}

bool rep_inspect_log(const struct rep_node *node, size_t *cursor, struct rep_log_info *out)
{
	while (*cursor < node->log_count) {
		const struct rep_log *log = node->logs[(*cursor)++];

		if (rep_log_is_empty(log))
			continue;
		fill_log(log, out);
		return true;
	}
	return false;
}

bool rep_log_of(const struct rep_node *node, uint32_t handle, struct rep_log_info *out)
{
	const struct rep_log *log = rep_log_get(node, handle);

	if (log == NULL || log->id.author.v == 0)
		return false;
	fill_log(log, out);
	return true;
}

static void fill_cut(const struct rep_node *node, const struct rep_cut *cut, struct rep_cut_info *out)
{
	out->unit = cut->nid;
	out->scope = cut->scope;
	out->by = cut->by;
	out->serial = cut->serial;
	out->hlc = cut->hlc;
	out->reason = cut->reason;
	out->heads = cut->head_count;
	out->counts = rep_cut_counts(node, cut);
}

bool rep_inspect_cut(const struct rep_node *node, size_t i, struct rep_cut_info *out)
{
	if (i >= node->cut_count)
		return false;
	fill_cut(node, &node->cuts[i], out);
	return true;
}

bool rep_is_aside(const struct rep_node *node, struct tr_dot dot, struct rep_cut_info *by)
{
	const struct rep_log *log = rep_log_get(node, dot.log);
	const struct rep_cut *best = NULL;

	if (log == NULL || !rep_cut_is_aside(log, dot.seq))
		return false;
	for (size_t i = 0; i < node->cut_count; i++) {
		const struct rep_cut *cut = &node->cuts[i];

		if (cut->nid.v == log->id.author.v && cut->scope.v == log->id.scope.v && cut->serial == log->serial &&
		    rep_cut_counts(node, cut) && (best == NULL || cut->hlc.v > best->hlc.v))
			best = cut;
	}
	if (best != NULL)
		fill_cut(node, best, by);
	return best != NULL;
}

void rep_scope_digest(const struct rep_node *node, struct tr_nid scope, uint8_t out[static 16])
{
	rep_log_digest_scope(node, scope, false, out);
}

int rep_trace_op(const struct rep_node *node, const struct rep_view *view, struct tr_dot dot, struct rep_op_trace *out)
{
	const struct rep_log *log = rep_log_get(node, dot.log);
	struct rep_chain_row row;

	if (log == NULL)
		return TR_E_NOTFOUND;
	memset(out, 0, sizeof(*out));
	out->log = log->id;
	out->dot = dot;
	out->in_segment = dot.seq <= log->seq;
	out->hlc.v = (uint64_t)rep_waiting_stamp(view, log, dot.seq) << 16;
	if (out->in_segment && rep_chain_find(view, dot.log, dot.seq, &row) == 0)
		out->received_ms = row.received_ms;
	out->has_parent = !node->is_top;
	out->has_child = rep_unit_child_towards(node, log->id.scope) != NULL;
	out->up_acked = out->has_parent && log->way[REP_WAY_UP].acked >= dot.seq;
	out->down_acked = out->has_child && log->way[REP_WAY_DOWN].acked >= dot.seq;
	out->receipt = node->is_top ? out->in_segment : log->receipt_seq >= dot.seq;
	return 0;
}
