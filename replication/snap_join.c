/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All parts are here, and the records are what the top node signed: the switch.
 *
 * In one commit: first the chains are looked at, every new segment names the hash of the one before, up
 * to the head that the checkpoint names; only then is anything changed.  What
 * was here and lies above the checkpoint stays and is folded on top.
 */
#include "replication/snap_int.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/closed.h"
#include "replication/cut.h"
#include "replication/cut_fold.h"
#include "replication/floor.h"
#include "replication/incarnation.h"
#include "replication/keys.h"
#include "replication/later.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/lookup.h"
#include "replication/op.h"
#include "replication/own.h"
#include "replication/prune.h"
#include "replication/queue.h"
#include "replication/record_int.h"
#include "replication/refold.h"
#include "replication/take.h"
#include "replication/trust.h"
#include "replication/unit.h"

#define ID_SIZE sizeof(struct tr_rec_id)
#define KINDS 8

/* Which row a log of the checkpoint goes on from, and where. */
struct way {
	struct rep_log *row;  /* holds it already up to `before`; then what is new follows */
	uint64_t before;
	bool is_new;          /* something follows */
	struct rep_log tip;   /* row, as of `before`; the vector is ours */
	struct rep_log *head; /* the row that has it at the end */
};

struct join {
	struct rep_node *node;
	struct rep_snap *snap;
	struct rep_domain *domain;
	struct way ways[TR_VECTOR_MAX];
	struct rep_base *base;
	struct wire_arena *arena; /* for segments that another one names */
};

/* ------------------------------------------------------------------------ chains */

/* The next segment of a log that lies aside, behind `seq`.  0; TR_E_NOTFOUND; others. */
static int next_in(const struct join *j, struct wire_arena *arena, uint32_t place, uint64_t seq, struct rep_snap_seg *out,
    uint64_t *last)
{
	uint8_t at[13];
	struct tr_bytes key, value;
	int rc;

	rep_snap_seg_key(at, place, seq);
	rc = rep_seek(j->node->raw, REP_T_SNAP, rep_bytes(at, sizeof(at)), true, &key, &value);
	if (rc != 0)
		return rc;
	if (key.size != sizeof(at) || memcmp(key.data, at, 5) != 0)
		return TR_E_NOTFOUND;
	*last = wire_get_be64(key.data + 5);
	wire_arena_reset(arena);
	return rep_snap_seg_read(arena, value, out);
}

static int next_seg(const struct join *j, uint32_t place, uint64_t seq, struct rep_snap_seg *out, uint64_t *last)
{
	return next_in(j, j->node->arena, place, seq, out, last);
}

/* The row whose segment that ends there has this hash; NULL. */
static struct rep_log *row_with(struct rep_node *node, const struct rep_log *log, uint64_t seq, const struct tr_hash *hash)
{
	struct rep_log *row = rep_log_locate(node, log, seq, wire_get_le32(hash->b));
	struct tr_hash had;

	return row != NULL && rep_log_hash_at(node, row, seq, &had) == 0 && memcmp(had.b, hash->b, sizeof(had.b)) == 0 ? row : NULL;
}

/* How far is it here, and what follows? */
static int find_way(struct join *j, uint32_t place, struct rep_snap_seg *seg)
{
	const struct rep_ckpt_log *head = &j->snap->ckpt.f[place - 1];
	struct tr_log_id id = {head->author, head->inc, j->snap->scope, j->snap->lane};
	struct rep_log *log = rep_take_log(j->node, &id), *row;
	struct way *way = &j->ways[place - 1];
	uint64_t last = 0;
	int rc;

	if (log == NULL)
		return TR_E_LIMIT;
	way->row = rep_snap_head(j->node, j->domain, head);
	way->before = head->seq;
	if (way->row != NULL)
		return 0;
	way->is_new = true;
	while ((rc = next_seg(j, place, last, seg, &last)) == 0) {
		if (row_with(j->node, log, last, &seg->hash) != NULL)
			continue;
		way->before = seg->head.first - 1;
		row = way->before == 0 ? rep_branch_first(j->node, log) : row_with(j->node, log, way->before, &seg->head.prev);
		if (row == NULL)
			return TR_E_GAP;
		way->row = row;
		rc = rep_chain_tip(j->node, j->node->raw, row, way->before, &way->tip);
		return rc == TR_E_NOTFOUND ? TR_E_GAP : rc;
	}
	return rc == TR_E_NOTFOUND ? TR_E_GAP : rc;
}

/* The hash of what is at that place: new, or here. */
static int hash_of(struct join *j, const struct rep_snap_ctx *ctx, struct tr_hash *out, struct rep_snap_seg *scratch)
{
	const struct way *way = ctx->place >= 1 && ctx->place <= j->snap->ckpt.count ? &j->ways[ctx->place - 1] : NULL;
	uint64_t last;
	int rc;

	if (way == NULL || ctx->seq == 0)
		return TR_E_INPUT;
	if (ctx->seq <= way->before)
		return rep_log_hash_at(j->node, way->row, ctx->seq, out) == 0 ? 0 : TR_E_GAP;
	rc = next_in(j, j->arena, ctx->place, ctx->seq - 1, scratch, &last);
	if (rc != 0 || last != ctx->seq)
		return rc != 0 && rc != TR_E_NOTFOUND ? rc : TR_E_GAP;
	*out = scratch->hash;
	return 0;
}

static void set_vec(struct rep_vec *vec, size_t *count, const struct rep_ckpt_log *log, uint64_t seq, const struct tr_hash *hash)
{
	size_t i = 0;

	while (i < *count && (vec[i].author.v != log->author.v || vec[i].inc != log->inc))
		i++;
	if (i == *count)
		++*count;
	vec[i] = (struct rep_vec){.author = log->author, .inc = log->inc, .seq = seq};
	memcpy(vec[i].h16, hash->b, 16);
}

/* Is it signed with this vector? */
static int check_vec(struct join *j, const struct rep_snap_seg *seg, struct rep_vec *vec, size_t *count,
    struct rep_snap_seg *scratch)
{
	struct rep_vec sorted[TR_VECTOR_MAX];
	struct tr_hash hash;

	for (uint16_t i = 0; i < seg->ctx_count; i++) {
		int rc = hash_of(j, &seg->ctx[i], &hash, scratch);

		if (rc != 0)
			return rc;
		if (*count == TR_VECTOR_MAX)
			return TR_E_LIMIT;
		set_vec(vec, count, &j->snap->ckpt.f[seg->ctx[i].place - 1], seg->ctx[i].seq, &hash);
	}
	memcpy(sorted, vec, *count * sizeof(vec[0]));
	rep_seg_ctxhash(sorted, *count, &hash);
	return memcmp(hash.b, seg->head.ctxhash.b, sizeof(hash.b)) == 0 ? 0 : TR_E_FORGED;
}

/* From what is here to the head that the checkpoint names, link by link. */
static int check_chain(struct join *j, uint32_t place, struct rep_snap_seg *seg, struct rep_snap_seg *scratch)
{
	const struct rep_ckpt_log *head = &j->snap->ckpt.f[place - 1];
	struct way *way = &j->ways[place - 1];
	struct tr_hash prev = way->tip.head;
	struct rep_vec vec[TR_VECTOR_MAX];
	uint64_t last = way->before;
	size_t count = 0;
	int rc = 0;

	for (uint16_t i = 0; i < way->tip.vec_count; i++) {
		const struct rep_log *other = rep_log_get(j->node, way->tip.vec[i].log);
		struct rep_vec *e = &vec[count++];

		*e = (struct rep_vec){.author = other->id.author, .inc = other->id.inc, .seq = way->tip.vec[i].seq};
		memcpy(e->h16, way->tip.vec[i].h16, 16);
	}
	while (rc == 0 && last < head->seq) {
		uint64_t before = last;

		rc = next_seg(j, place, before, seg, &last);
		if (rc == 0 && (seg->head.first != before + 1 || memcmp(seg->head.prev.b, prev.b, sizeof(prev.b)) != 0))
			rc = TR_E_FORGED;
		prev = seg->hash;
		if (rc == 0)
			rc = check_vec(j, seg, vec, &count, scratch);
	}
	if (rc != 0)
		return rc == TR_E_NOTFOUND ? TR_E_GAP : rc;
	return last == head->seq && memcmp(prev.b, head->h16, 16) == 0 ? 0 : TR_E_FORGED;
}

/* Ops that are gone here lie in it. */
static bool covers(const struct join *j, const struct rep_base *base)
{
	for (uint16_t i = 0; base != NULL && i < base->count; i++) {
		bool found = false;

		for (uint16_t k = 0; k < j->snap->ckpt.count && !found; k++)
			found = rep_branch_has(j->node, j->ways[k].row, j->ways[k].before, base->f[i].log, base->f[i].seq);
		if (!found)
			return false;
	}
	return true;
}

static int check_chains(struct join *j, struct rep_snap_seg *seg)
{
	size_t branches = 0;
	int rc = 0;

	for (uint32_t place = 1; rc == 0 && place <= j->snap->ckpt.count; place++)
		rc = find_way(j, place, &seg[0]);
	if (rc == 0 && (!covers(j, j->domain->floor) || !covers(j, j->domain->next_floor)))
		rc = TR_E_BUSY; /* of a history that the top node lost: until a checkpoint is above both */
	for (uint32_t place = 1; rc == 0 && place <= j->snap->ckpt.count; place++) {
		const struct way *way = &j->ways[place - 1];

		if (!way->is_new)
			continue;
		rc = check_chain(j, place, &seg[0], &seg[1]);
		if (rc == 0 && way->before != way->row->seq && rep_branch_count(j->node, way->row) + 1 > REP_BRANCHES_MAX)
			rc = TR_E_LIMIT;
		branches += way->row->parent != 0 || way->before != way->row->seq;
	}
	if (rc == 0 && j->snap->ckpt.count + branches * REP_BRANCHES_MAX > TR_VECTOR_MAX)
		rc = TR_E_LIMIT;
	return rc;
}

/* -------------------------------------------------------------------- the switch */

/* Own ops that wait for their segment: it comes with the snapshot, or they had not seen it and are signed first. */
static void settle_open(struct join *j, struct rep_snap_seg *seg)
{
	struct rep_node *node = j->node;
	struct rep_open *next;

	for (struct rep_open *open = node->opens; open != NULL && node->rc == 0; open = next) {
		struct rep_log *log = open->log;
		uint32_t place = rep_snap_place(&j->snap->ckpt, log->id.author, log->id.inc);
		struct tr_hash leaves[TR_SEG_OPS_MAX], root;
		bool same = false;
		uint64_t last;
		int rc;

		next = open->next;
		if (log->id.scope.v != j->snap->scope.v || log->id.lane != j->snap->lane)
			continue;
		rc = TR_E_NOTFOUND;
		if (place != 0 && j->ways[place - 1].is_new && j->ways[place - 1].row == log && j->ways[place - 1].before == log->seq)
			rc = next_seg(j, place, log->seq, seg, &last);
		if (rep_node_broken(node, rc))
			return;
		if (rc == 0) {
			same = open->count == seg->head.count && open->hlc.v == seg->head.hlc.v && open->clockq == seg->head.clockq;
			for (uint32_t i = 0; same && i < open->count; i++)
				same = rep_op_leaf(&leaves[i], rep_own_entry(open, i)) == 0;
			if (same) {
				rep_seg_root(leaves, open->count, &root);
				same = memcmp(root.b, seg->head.root.b, sizeof(root.b)) == 0;
			}
		}
		if (same)
			(void)rep_own_forget(node, log);
		else
			rep_own_close(node, open);
	}
}

/* The rows that the logs end in. */
static void make_rows(struct join *j)
{
	for (uint16_t i = 0; i < j->snap->ckpt.count && j->node->rc == 0; i++) {
		struct way *way = &j->ways[i];

		way->head = way->row;
		if (!way->is_new || way->before == way->row->seq)
			continue;
		way->head = rep_log_branch(j->node, way->row, way->before);
		if (way->head == NULL) {
			rep_node_fail(j->node, TR_E_LIMIT);
			return;
		}
		rep_node_trace(j->node, REP_TRACE_FORK, way->row->id.author, way->before + 1, j->snap->peer.v, NULL);
		way->head->head = way->tip.head;
		way->head->vec = way->tip.vec;
		way->head->vec_count = way->tip.vec_count;
		way->head->vec_cap = way->tip.vec_cap;
		way->tip.vec = NULL;
	}
}

/* Ops that came whole are listed: they are in the state already. */
static void list_ops(struct rep_node *node, const struct rep_log *log, const struct rep_snap_seg *seg)
{
	for (uint32_t i = 0; i < seg->op_count; i++) {
		struct rep_key key;

		if (rep_op_decode(node->op, seg->ops[i]) != 0 || !rep_op_is_of_record(node->op->kind))
			continue;
		key = rep_key_ops(&node->op->rec, (struct tr_dot){log->handle, seg->head.first + i});
		rep_node_put(node, REP_T_OPS, rep_key_bytes(&key), rep_bytes("", 0));
	}
}

static void append(struct join *j, struct rep_log *log, const struct rep_snap_seg *from, struct rep_snap_seg *scratch)
{
	struct rep_chain_seg *seg = calloc(1, sizeof(*seg));
	struct tr_hash hash;
	int rc = seg != NULL ? 0 : TR_E_NOMEM;

	if (rc == 0) {
		seg->first = from->head.first;
		seg->count = from->head.count;
		seg->hlc = from->head.hlc;
		seg->clockq = from->head.clockq;
		seg->serial = from->head.serial;
		seg->is_dropped = from->op_count == 0;
		seg->root = from->head.root;
		for (uint32_t i = 0; i < from->op_count; i++)
			seg->ops[i] = from->ops[i];
		memcpy(seg->sig, from->sig, sizeof(seg->sig));
		seg->hash = from->hash;
		for (uint16_t i = 0; i < from->ctx_count && rc == 0; i++) {
			struct rep_vec_entry *e = &seg->ctx[seg->ctx_count++];

			e->log = rep_branch_holder(j->node, j->ways[from->ctx[i].place - 1].head, from->ctx[i].seq)->handle;
			e->seq = from->ctx[i].seq;
			rc = hash_of(j, &from->ctx[i], &hash, scratch);
			memcpy(e->h16, hash.b, 16);
		}
		if (seg->is_dropped)
			log->low = seg->first + seg->count - 1;
	}
	if (rc == 0)
		rc = rep_chain_append(j->node, log, seg, j->node->wall_ms);
	if (rc != 0)
		rep_node_fail(j->node, rc);
	else
		list_ops(j->node, log, from);
	free(seg);
}

static void append_all(struct join *j, struct rep_snap_seg *seg)
{
	bool is_own = false;

	for (uint32_t place = 1; place <= j->snap->ckpt.count && j->node->rc == 0; place++) {
		struct way *way = &j->ways[place - 1];
		uint64_t last = way->before;

		if (!way->is_new)
			continue;
		is_own = is_own || (way->row->id.author.v == j->node->cert.nid.v && way->row->id.inc == j->node->inc);
		while (last < j->snap->ckpt.f[place - 1].seq && j->node->rc == 0) {
			int rc = next_seg(j, place, last, &seg[0], &last);

			if (rc != 0)
				rep_node_fail(j->node, rc);
			else
				append(j, way->head, &seg[0], &seg[1]);
		}
	}
	/* our own signature in this incarnation, and it was not here */
	if (is_own && j->node->rc == 0)
		rep_incarnation_new(j->node);
}

/* The checkpoint with this node's handles, and with what its branches left. */
static struct rep_base *base_of(struct join *j)
{
	const struct rep_snap *snap = j->snap;
	struct tr_log_id id = snap->offer.head.log;
	struct rep_log *at = rep_take_log(j->node, &id);
	struct rep_base *base = rep_base_new(j->node, TR_VECTOR_MAX);

	if (base == NULL)
		return NULL;
	if (at != NULL && !at->stored)
		rep_log_store(j->node, at); /* its handle is taken */
	base->number = snap->ckpt.number;
	base->records = snap->ckpt.records;
	base->root = snap->ckpt.root;
	base->ms = rep_hlc_ms(snap->offer.head.hlc);
	base->at = (struct tr_dot){at != NULL ? at->handle : 0, snap->offer.head.first + snap->at_op};
	for (uint16_t i = 0; i < snap->ckpt.count; i++) {
		uint64_t seq = snap->ckpt.f[i].seq;

		for (const struct rep_log *row = j->ways[i].head; row != NULL && seq > 0; row = rep_log_get(j->node, row->parent)) {
			struct rep_vec_entry *e = &base->f[base->count];
			struct tr_hash hash;

			row = rep_branch_holder(j->node, row, seq);
			if (rep_log_hash_at(j->node, row, seq, &hash) != 0) {
				rep_node_fail(j->node, TR_E_DAMAGED);
				break;
			}
			e->log = row->handle;
			e->seq = seq;
			memcpy(e->h16, hash.b, 16);
			base->count++;
			seq = row->fork;
		}
	}
	return base;
}

static void set_bases(struct join *j)
{
	struct rep_domain *domain = j->domain;
	struct rep_base *base = base_of(j), *floor = base != NULL ? rep_base_copy(j->node, base) : NULL;
	uint64_t number = domain->floor != NULL ? domain->floor->number : 0;

	if (floor == NULL) {
		free(base);
		return;
	}
	if (domain->next_floor != NULL && domain->next_floor->number > number)
		number = domain->next_floor->number;
	floor->number = number + 1;
	rep_prune_stop(j->node, domain);
	rep_base_set(j->node, domain, 'n', NULL);
	rep_base_set(j->node, domain, 'f', floor);
	rep_base_set(j->node, domain, 'b', base);
	if (domain->want != NULL && rep_base_contains(base, domain->want))
		rep_base_set(j->node, domain, 'w', NULL);
	if (domain->differs != NULL && rep_base_contains(base, domain->differs))
		rep_base_set(j->node, domain, 'd', NULL); /* it is what the top node has now */
	for (uint16_t i = 0; i < floor->count; i++)
		rep_cut_keep(j->node, floor->f[i].log, floor->f[i].seq);
	domain->is_behind = false;
	rep_base_queue(j->node, domain);
	j->base = floor;
}

static void index_record(struct rep_node *node, const struct rep_log *log, const struct tr_rec_id *id)
{
	for (uint8_t kind = 1; kind < KINDS; kind++) {
		int rc = rep_record_load(node->record, node->raw, kind, id);

		if (rep_node_broken(node, rc) || rc != 0)
			continue;
		rep_base_meet(node, log, kind, id);
		rep_lookup_add(node, node->view, node->record);
	}
}

/* Ops that an older version waits to understand, and whose effect is in the state now. */
static void forget_later(struct join *j, const struct tr_rec_id *id)
{
	uint8_t at[REP_LATER_KEY];
	struct tr_bytes from = rep_bytes(at, ID_SIZE), key;

	memcpy(at, id->b, ID_SIZE);
	while (j->node->has_later && j->node->rc == 0 &&
	    rep_seek(j->node->view, REP_T_LATER, from, from.size > ID_SIZE, &key, NULL) == 0 && key.size == sizeof(at) &&
	    memcmp(key.data, id->b, ID_SIZE) == 0) {
		memcpy(at, key.data, sizeof(at));
		from = rep_bytes(at, sizeof(at));
		if (rep_base_has(j->base, (struct tr_dot){wire_get_be32(at + ID_SIZE), wire_get_be64(at + ID_SIZE + 4)}))
			rep_node_del(j->node, REP_T_LATER, from);
	}
}

/* With this node's handles. */
static uint32_t handle_of(void *ctx, struct tr_nid author, uint64_t inc, uint64_t seq)
{
	struct join *j = ctx;
	uint32_t place = rep_snap_place(&j->snap->ckpt, author, inc);

	return place != 0 && seq <= j->snap->ckpt.f[place - 1].seq
	    ? rep_branch_holder(j->node, j->ways[place - 1].head, seq)->handle
	    : UINT32_MAX;
}

/* Its state there, and what was here above that on top. */
static int put_record(struct join *j, const struct tr_rec_id *id)
{
	struct rep_node *node = j->node;
	struct rep_floor floor = {j->snap->scope, j->snap->lane, j->base->number};
	struct rep_overlay *rows = rep_overlay_create(node->raw, REP_SNAP_OVERLAY);
	struct rep_overlay *made = rep_overlay_create(node->raw, REP_SNAP_OVERLAY);
	bool moved = false;
	int rc = rows != NULL && made != NULL ? rep_snap_rows(node, j->snap, id, handle_of, j, rows) : TR_E_NOMEM;

	if (rc == 0) {
		rep_floor_set(node, id, &floor, rows);
		rc = node->rc;
	}
	if (rc == 0)
		rc = rep_refold(node, node->raw, id, NULL, made);
	if (rc == 0)
		rc = rep_overlay_apply(made, node->view);
	if (rc == 0)
		rc = rep_base_moved(node->raw, j->base, id, &moved);
	if (rc == 0 && !moved) { /* what is stored is its state there */
		floor.copy = 0;
		rep_floor_set(node, id, &floor, NULL);
	}
	if (rc == 0) {
		forget_later(j, id);
		index_record(node, j->ways[0].head, id);
	}
	rep_overlay_free(rows);
	rep_overlay_free(made);
	return rc;
}

static void put_records(struct join *j)
{
	struct tr_rec_id id;
	bool is_first = true;

	while (j->node->rc == 0) {
		int rc = rep_snap_next_record(j->node, is_first ? NULL : &id, &id);

		if (rc == TR_E_NOTFOUND)
			return;
		is_first = false;
		wire_arena_reset(j->node->arena);
		if (rc == 0)
			rc = put_record(j, &id);
		if (rc != 0)
			rep_node_fail(j->node, rc);
	}
}

/* Others are told, and CUTs look again at what is fixed now. */
static void tell(struct join *j)
{
	struct rep_node *node = j->node;
	struct rep_unit *peer = rep_unit_find(node, j->snap->peer);

	for (uint16_t i = 0; i < j->base->count; i++)
		rep_cut_grown(node, rep_log_get(node, j->base->f[i].log), true);
	rep_cut_fold(node);
	for (size_t i = 0; i < node->link_count; i++) {
		struct rep_link *link = node->links[i];

		for (uint16_t k = 0; link->epoch == j->snap->epoch && link->state == REP_LINK_LIVE && k < j->snap->ckpt.count; k++) {
			rep_queue_has(node, link, j->ways[k].head, j->snap->ckpt.f[k].seq);
			rep_queue_ack(node, link, j->ways[k].head);
		}
	}
	if (peer != NULL)
		peer->claims = 0;
	for (uint16_t i = 0; i < j->snap->ckpt.count; i++)
		rep_closed_wake(node, j->snap->scope, j->snap->ckpt.f[i].author);
	rep_node_trace(node, REP_TRACE_SNAP, j->snap->peer, j->snap->scope.v, j->snap->lane, NULL);
}

int rep_snap_join(struct rep_node *node, struct rep_snap *snap)
{
	struct join *j = calloc(1, sizeof(*j));
	struct rep_snap_seg *seg = malloc(2 * sizeof(*seg));
	int rc = j != NULL && seg != NULL ? 0 : TR_E_NOMEM;

	if (rc == 0) {
		j->node = node;
		j->snap = snap;
		j->domain = rep_base_domain(node, snap->scope, snap->lane);
		j->arena = wire_arena_create();
		rc = j->domain != NULL && j->arena != NULL ? check_chains(j, seg) : TR_E_NOMEM;
	}
	if (rc == 0) {
		settle_open(j, &seg[0]);
		make_rows(j);
		append_all(j, seg);
		if (node->rc == 0)
			set_bases(j);
		put_records(j);
		if (node->rc == 0)
			rep_later_load(node);
		if (node->rc == 0)
			tell(j);
		rc = node->rc;
	}
	for (uint16_t i = 0; j != NULL && i < snap->ckpt.count; i++)
		free(j->ways[i].tip.vec);
	if (j != NULL)
		wire_arena_free(j->arena);
	free(seg);
	free(j);
	return rc;
}
