/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/prune.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/chain.h"
#include "replication/floor.h"
#include "replication/keys.h"
#include "replication/later.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/op.h"
#include "replication/refold.h"
#include "replication/record.h"
#include "replication/snap.h"
#include "replication/status.h"
#include "replication/unit.h"

#define HOUR_MS ((int64_t)3600 * 1000)
#define AGAIN_MS ((int64_t)10 * 1000)
#define MINUTE_MS ((int64_t)60 * 1000)
#define EVERY_MS 5        /* a slice; the rest of the time is for what comes in */
#define SEGMENTS 32       /* in a slice */
#define OVERLAY_MAX ((size_t)256 * 1024 * 1024) /* the largest record has 10,000 notes of 16 KiB */
#define OPS_KEY (sizeof(struct tr_rec_id) + 12)

struct rep_prune {
	struct rep_domain *domain;
	bool is_dropping;         /* the second pass */
	bool is_started;
	struct rep_base_entry at; /* the record done last */
	uint16_t log;             /* in the floor's frontier */
	uint64_t seq;             /* the next one there */
	uint64_t ops, bytes;      /* that were dropped */
};

static void end(struct rep_node *node)
{
	free(node->prune);
	node->prune = NULL;
}

void rep_prune_stop(struct rep_node *node, const struct rep_domain *domain)
{
	if (node->prune != NULL && node->prune->domain == domain)
		end(node);
}

void rep_prune_free(struct rep_node *node)
{
	end(node);
}

/* --------------------------------------------------------------- what may go */

/* What a neighbour said before this node's start is a hint: this store, or that one, may have gone back since. */
static uint64_t acked_by(const struct rep_link *link, const struct rep_log *log, unsigned way)
{
	return link != NULL && link->was_live ? log->way[way].acked : 0;
}

/* All who hold the log have it up to there, and the top node has said so. */
static uint64_t limit_of(const struct rep_node *node, const struct rep_log *log, uint64_t base)
{
	uint64_t limit = log->receipt_seq < base ? log->receipt_seq : base, acked;

	if (!node->is_top) {
		acked = acked_by(node->links[0], log, REP_WAY_UP);
		limit = acked < limit ? acked : limit;
	}
	if (log->id.scope.v != node->cert.nid.v) {
		const struct rep_unit *child = rep_unit_child_towards(node, log->id.scope);

		acked = acked_by(child != NULL ? rep_link_of_child(node, child->nid) : NULL, log, REP_WAY_DOWN);
		limit = acked < limit ? acked : limit;
	}
	return limit;
}

static bool is_old(struct rep_node *node, const Terrace__Seg *seg)
{
	return rep_node_now_ms(node) - (int64_t)(seg->hlc >> 16) >= node->keep_ms;
}

/* The segment with that op, or the one behind it.  False: none, or it cannot be read. */
static bool segment(struct rep_node *node, const struct rep_log *log, uint64_t seq, struct rep_chain_row *row,
    Terrace__Seg **seg)
{
	int rc = rep_chain_find(node->raw, log->handle, seq, row);

	wire_arena_reset(node->arena);
	if (rc == 0)
		rc = wire_seg_decode(node->arena, row->bytes, seg);
	return !rep_node_broken(node, rc) && rc == 0;
}

enum rep_hold rep_prune_hold(const struct rep_node *node, const struct rep_domain *domain)
{
	const struct rep_base *base = domain->base;
	uint64_t could = 0, may = 0;

	if (domain->lane != TR_LANE_R && domain->lane != TR_LANE_B)
		return REP_HOLD_LANE;
	if (domain->differs != NULL) /* the ops are all there is to find out why, and to mend it */
		return REP_HOLD_DIFFERS;
	if (rep_base_is_forked(node, domain))
		return REP_HOLD_FORKED;
	if (base == NULL)
		return REP_HOLD_NO_CKPT;
	if (rep_base_is_cut(node, base))
		return REP_HOLD_CUT;
	for (uint16_t i = 0; i < base->count; i++) {
		const struct rep_log *log = rep_log_get(node, base->f[i].log);

		could += base->f[i].seq > log->low;
		may += limit_of(node, log, base->f[i].seq) > log->low;
	}
	return could > 0 && may == 0 ? REP_HOLD_UNSEEN : REP_HOLD_NONE;
}

static bool is_due(struct rep_node *node, const struct rep_domain *domain)
{
	const struct rep_base *base = domain->base;
	struct rep_chain_row row;
	Terrace__Seg *seg;
	uint64_t ops = 0;
	bool old = false;

	if (domain->next_floor != NULL && domain->differs == NULL)
		return true; /* it was cut short */
	if (rep_prune_hold(node, domain) != REP_HOLD_NONE || domain->is_behind ||
	    rep_snap_is_served(node, domain))
		return false;
	for (uint16_t i = 0; i < base->count; i++) {
		const struct rep_log *log = rep_log_get(node, base->f[i].log);
		uint64_t limit = limit_of(node, log, base->f[i].seq);

		if (limit <= log->low)
			continue;
		ops += limit - log->low;
		old = old || (segment(node, log, log->low + 1, &row, &seg) && is_old(node, seg));
	}
	return old && ops >= (node->prune_ops != 0 ? node->prune_ops : rep_base_due(node, domain));
}

/* mono; INT64_MAX: not at all.  A clock that was compared with nobody's may be years ahead. */
static int64_t scan_at(const struct rep_node *node)
{
	int64_t every = node->keep_ms < MINUTE_MS ? MINUTE_MS : node->keep_ms < HOUR_MS ? node->keep_ms : HOUR_MS;

	if (node->keep_ms == 0 || rep_node_clockq(node) < 2)
		return INT64_MAX;
	if (node->prune_again_ms > node->prune_scan_ms)
		return node->prune_again_ms;
	return node->prune_scan_ms == 0 ? node->mono_ms : node->prune_scan_ms + every;
}

void rep_prune_tick(struct rep_node *node)
{
	bool waits = false;

	if (node->mono_ms < scan_at(node))
		return;
	node->prune_scan_ms = node->mono_ms;
	for (size_t i = 0; i < node->domain_count && node->rc == 0; i++) {
		waits = waits || rep_prune_hold(node, node->domains[i]) == REP_HOLD_UNSEEN;
		if (!node->domains[i]->prune_due && is_due(node, node->domains[i])) {
			node->domains[i]->prune_due = true;
			node->prune_left++;
		}
	}
	if (waits) /* after a start nobody has said yet what it has */
		node->prune_again_ms = node->mono_ms + AGAIN_MS;
}

/* ------------------------------------------------------------ the first pass */

/* Has the record ops at or below the floor, and none in other domains? */
static int look(struct rep_node *node, const struct rep_domain *domain, const struct tr_rec_id *id, bool *below, bool *alone)
{
	uint8_t at[OPS_KEY];
	struct tr_bytes from = rep_bytes(at, sizeof(*id)), key;
	int rc;

	*below = false;
	*alone = true;
	memcpy(at, id->b, sizeof(*id));
	while ((rc = rep_seek(node->raw, REP_T_OPS, from, from.size > sizeof(*id), &key, NULL)) == 0) {
		const struct rep_log *log;
		struct tr_dot dot;

		if (key.size != OPS_KEY || memcmp(key.data, id->b, sizeof(*id)) != 0)
			return 0;
		dot = (struct tr_dot){wire_get_be32(key.data + sizeof(*id)), wire_get_be64(key.data + sizeof(*id) + 4)};
		log = rep_log_get(node, dot.log);
		*alone = *alone && log != NULL && log->id.scope.v == domain->scope.v && log->id.lane == domain->lane;
		*below = *below || rep_base_has(domain->next_floor, dot);
		memcpy(at, key.data, sizeof(at));
		from = rep_bytes(at, sizeof(at));
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

/* As it was at the new floor. */
static int copy(struct rep_node *node, const struct rep_domain *domain, const struct tr_rec_id *id)
{
	struct rep_floor floor = {domain->scope, domain->lane, domain->next_floor->number};
	struct rep_seen limit[TR_VECTOR_MAX];
	struct rep_refold how = {.limit = limit, .limit_count = rep_base_limit(domain->next_floor, limit)};
	struct rep_overlay *overlay = rep_overlay_create(node->raw, OVERLAY_MAX);
	int rc = overlay != NULL ? rep_refold(node, node->raw, id, &how, overlay) : TR_E_NOMEM;

	if (rc == 0)
		rep_floor_set(node, id, &floor, overlay);
	rep_overlay_free(overlay);
	return rc;
}

/* 0; errors of refold: an unmarked record that cannot be marked keeps its ops. */
static int visit(struct rep_node *node, const struct rep_domain *domain, const struct tr_rec_id *id)
{
	struct rep_floor floor = {domain->scope, domain->lane, 0}, had;
	bool below, alone, moved;
	int said = rep_floor_find(node->raw, id, &had), rc;

	if (said != 0 && said != TR_E_NOTFOUND)
		return said;
	if (said == 0 && (had.scope.v != domain->scope.v || had.lane != domain->lane))
		return 0; /* two domains use one id: somebody's fault, it costs disk */
	rc = look(node, domain, id, &below, &alone);
	if (rc != 0 || (said == TR_E_NOTFOUND && (!below || !alone || rep_later_of(node, id))))
		return rc;
	rc = rep_base_moved(node->raw, domain->next_floor, id, &moved);
	if (rc != 0)
		return rc;
	if (moved)
		rc = copy(node, domain, id);
	else
		rep_floor_set(node, id, &floor, NULL);
	return said == TR_E_NOTFOUND && (rc == TR_E_DAMAGED || rc == TR_E_GAP || rc == TR_E_LIMIT) ? 0 : rc;
}

static void raise_floor(struct rep_node *node)
{
	struct rep_domain *domain = node->prune->domain;
	struct rep_base *next = domain->next_floor;

	domain->next_floor = NULL;
	rep_base_set(node, domain, 'n', NULL);
	rep_base_set(node, domain, 'f', next);
	node->prune->is_dropping = true;
	node->prune->log = 0;
	node->prune->seq = 0;
}

/* True: nothing more can be done now. */
static bool mark_some(struct rep_node *node)
{
	struct rep_prune *job = node->prune;

	for (uint32_t i = 0; i < node->ckpt_slice && node->rc == 0; i++) {
		int rc = rep_base_next(node->raw, job->domain, job->is_started ? &job->at : NULL, &job->at);

		if (rc == TR_E_NOTFOUND) {
			raise_floor(node);
			return false;
		}
		job->is_started = true;
		if (rc == 0)
			rc = visit(node, job->domain, &job->at.id);
		if (rep_node_broken(node, rc) || rc != 0)
			return true; /* a marked record cannot be read: the floor stays until it is mended */
	}
	return node->rc != 0;
}

/* ----------------------------------------------------------- the second pass */

/* Of a case that went to another home every op is needed: which of them came late is asked of it. */
static bool has_gone(struct rep_node *node, const struct rep_op *op)
{
	struct rep_record *rec = node->record;
	int rc;

	if (op->type != TR_KIND_CASE)
		return false;
	rc = rep_record_load(rec, node->raw, op->type, &op->rec);
	if (rep_node_broken(node, rc) || rc != 0)
		return true;
	for (uint16_t i = 0; i < rec->step_count; i++)
		if (rec->steps[i].status == REP_CASE_MOVED)
			return true;
	return false;
}

/* Nothing that the op says is needed beyond the floors. */
static bool is_spent(struct rep_node *node, const struct rep_domain *domain, struct tr_bytes entry)
{
	struct rep_op *op = node->op;
	struct rep_floor floor;
	int rc;

	if (rep_op_decode(op, entry) != 0 || !op->has_body)
		return false;
	if (op->kind == TR_OP_CKPT)
		return true; /* an older one */
	rc = rep_floor_find(node->raw, &op->rec, &floor);
	return !rep_node_broken(node, rc) && rc == 0 && rep_op_is_of_record(op->kind) && floor.scope.v == domain->scope.v && floor.lane == domain->lane && !has_gone(node, op);
}

static void drop_segment(struct rep_node *node, struct rep_log *log, const Terrace__Seg *seg, uint64_t last)
{
	for (size_t i = 0; i < seg->n_op && node->rc == 0; i++) {
		struct rep_op *op = node->op;
		struct rep_key key;

		if (rep_op_decode(op, rep_bytes(seg->op[i].data, seg->op[i].len)) != 0 || op->kind == TR_OP_CKPT)
			continue;
		key = rep_key_ops(&op->rec, (struct tr_dot){log->handle, seg->first + i});
		rep_node_del(node, REP_T_OPS, rep_key_bytes(&key));
	}
	node->prune->bytes += rep_chain_drop(node, log, last);
	node->prune->ops += last + 1 - seg->first;
	log->low = last;
	rep_log_store(node, log);
}

/* False: nothing more of this log may go. */
static bool drop_one(struct rep_node *node, struct rep_log *log, uint64_t limit)
{
	struct rep_prune *job = node->prune;
	struct rep_chain_row row;
	Terrace__Seg *seg;
	bool spent;

	if (job->seq > limit || !segment(node, log, job->seq, &row, &seg) || row.last > limit || !is_old(node, seg))
		return false;
	job->seq = row.last + 1;
	spent = seg->n_op > 0;
	for (size_t i = 0; i < seg->n_op && spent; i++)
		spent = is_spent(node, job->domain, rep_bytes(seg->op[i].data, seg->op[i].len));
	if (spent)
		drop_segment(node, log, seg, row.last);
	return node->rc == 0;
}

/* True: all of it is done. */
static bool drop_some(struct rep_node *node)
{
	struct rep_prune *job = node->prune;
	const struct rep_base *floor = job->domain->floor;

	for (int i = 0; i < SEGMENTS && node->rc == 0; i++) {
		struct rep_log *log = job->log < floor->count ? rep_log_get(node, floor->f[job->log].log) : NULL;

		if (log == NULL)
			return true;
		if (job->seq == 0)
			job->seq = log->low + 1;
		if (!drop_one(node, log, limit_of(node, log, floor->f[job->log].seq))) {
			job->log++;
			job->seq = 0;
		}
	}
	return node->rc != 0;
}

/* ----------------------------------------------------------------------- job */

static struct rep_domain *pop(struct rep_node *node)
{
	for (size_t i = 0; i < node->domain_count; i++)
		if (node->domains[i]->prune_due) {
			node->domains[i]->prune_due = false;
			node->prune_left--;
			return node->domains[i];
		}
	node->prune_left = 0;
	return NULL;
}

static void start(struct rep_node *node)
{
	struct rep_domain *domain = pop(node);
	struct rep_base *next;

	if (domain == NULL || !is_due(node, domain))
		return;
	node->prune = calloc(1, sizeof(*node->prune));
	if (node->prune == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	node->prune->domain = domain;
	if (domain->next_floor != NULL)
		return;
	if (rep_base_contains(domain->floor, domain->base)) {
		node->prune->is_dropping = true;
		return;
	}
	next = rep_base_copy(node, domain->base);
	if (next == NULL)
		return;
	next->number = domain->floor != NULL ? domain->floor->number + 1 : 1;
	rep_base_set(node, domain, 'n', next);
}

void rep_prune_flush(struct rep_node *node)
{
	struct rep_prune *job = node->prune;

	if ((job == NULL && node->prune_left == 0) || node->mono_ms < node->prune_ms)
		return;
	node->prune_ms = node->mono_ms + EVERY_MS;
	if (job == NULL) {
		start(node);
		return;
	}
	if (job->domain->differs == NULL && !(job->is_dropping ? drop_some(node) : mark_some(node)))
		return;
	node->dropped_bytes += job->bytes;
	if (job->ops > 0)
		rep_node_trace(node, REP_TRACE_TRUNCATED, job->domain->scope, job->ops, job->bytes, NULL);
	end(node);
}

void rep_prune_keep(struct rep_node *node, int64_t keep_ms)
{
	keep_ms = keep_ms > 0 ? keep_ms : 0;
	if (keep_ms == node->keep_ms)
		return;
	end(node);
	for (size_t i = 0; i < node->domain_count; i++)
		node->domains[i]->prune_due = false;
	node->prune_left = 0;
	node->prune_scan_ms = 0;
	node->keep_ms = keep_ms;
}

int64_t rep_prune_deadline(const struct rep_node *node)
{
	return node->prune != NULL || node->prune_left > 0 ? node->prune_ms : scan_at(node);
}
