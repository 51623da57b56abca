/* SPDX-License-Identifier: Apache-2.0 */
/* The holder's side: offers, and the parts that are asked for. */
#include "replication/snap_int.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/floor.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/queue.h"
#include "replication/record_int.h"
#include "replication/refold.h"

#define BUSY_MS 1000          /* a part waits so long for a link that has better things to do */
#define AGAIN_MS (60 * 1000)  /* an offer that nobody took is repeated */
#define SOON_MS 1000          /* the op CKPT is not signed yet */
#define FLOOD_MS 100          /* between two offers that were asked for */
#define VISITS 256            /* records looked at for one part */

/* What one peer takes; outlives a session. */
struct rep_snap_serve {
	struct rep_domain *domain;
	struct rep_base *base;
	uint8_t id[REP_SNAP_ID];
	struct rep_ckpt_op ckpt;
	int64_t used_ms;
	bool is_due;                 /* a part is asked for: */
	uint8_t at[TR_SNAP_AT_MAX];
	size_t at_size;
	int64_t since_ms;
};

struct part {
	Terrace__Snap msg;
	ProtobufCBinaryData segs[TR_SNAP_PART_MAX];
	Terrace__SnapRow rows[TR_SNAP_PART_MAX], *list[TR_SNAP_PART_MAX];
	size_t used, want;
	uint8_t at[TR_SNAP_AT_MAX];
	size_t at_size;
	uint8_t data[2 * TR_FRAME_DATA_MAX + TR_SNAP_SEG_MAX];
};

void rep_snap_serve_free(struct rep_link *link)
{
	if (link->snap != NULL)
		free(link->snap->base);
	free(link->snap);
	link->snap = NULL;
}

bool rep_snap_is_served(const struct rep_node *node, const struct rep_domain *domain)
{
	for (size_t i = 0; i < node->link_count; i++) {
		const struct rep_snap_serve *s = node->links[i]->snap;

		if (s != NULL && s->domain == domain && node->mono_ms - s->used_ms < TR_SNAP_IDLE_MS &&
		    !rep_base_contains(s->base, domain->base))
			return true;
	}
	return false;
}

/* -------------------------------------------------------------------- offers */

static bool lacks(struct rep_node *node, struct rep_link *link, const struct rep_domain *domain)
{
	for (struct rep_log *log = rep_log_first_of_scope(node, domain->scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope)) {
		const struct rep_way *way;

		if (log->id.lane != domain->lane || log->low == 0 || !rep_queue_carries(node, link, &log->id))
			continue;
		way = rep_queue_way(link, log);
		if (!way->unsure && way->sent < log->low)
			return true;
	}
	return false;
}

/* The segment with the op of the base, as an offer. */
static size_t offer_of(struct rep_node *node, const struct rep_base *base, uint8_t *out, size_t cap, uint32_t *at,
    struct rep_snap_seg *seg)
{
	const struct rep_log *log = rep_log_get(node, base->at.log);
	struct rep_chain_row row;
	size_t size;
	int rc;

	if (log == NULL || base->at.seq > log->seq)
		return 0;
	rc = rep_chain_find(node->raw, log->handle, base->at.seq, &row);
	if (rep_node_broken(node, rc) || rc != 0)
		return 0;
	size = rep_snap_seg_write(node, NULL, log, &row, out, cap);
	rc = size > 0 ? rep_snap_seg_read(node->arena, rep_bytes(out, size), seg) : TR_E_DAMAGED;
	if (rep_node_broken(node, rc) || rc != 0 || base->at.seq < seg->head.first || base->at.seq - seg->head.first >= seg->op_count)
		return 0;
	*at = (uint32_t)(base->at.seq - seg->head.first);
	return size;
}

/* A base that is being taken stays until nobody asks on. */
static bool may_go_on(const struct rep_node *node, const struct rep_snap_serve *s, const struct rep_domain *domain)
{
	return s != NULL && s->domain == domain && node->mono_ms - s->used_ms < TR_SNAP_IDLE_MS &&
	    rep_base_contains(s->base, domain->floor) && rep_base_contains(s->base, domain->next_floor);
}

static struct rep_snap_serve *serve_new(struct rep_node *node, struct rep_link *link, struct rep_domain *domain)
{
	rep_snap_serve_free(link);
	if (domain->base == NULL)
		return NULL;
	link->snap = calloc(1, sizeof(*link->snap));
	if (link->snap == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return NULL;
	}
	link->snap->domain = domain;
	link->snap->base = rep_base_copy(node, domain->base);
	return link->snap;
}

/* False: there is nothing yet that could be offered. */
static bool offer(struct rep_node *node, struct rep_link *link, struct rep_domain *domain)
{
	struct rep_snap_serve *s = may_go_on(node, link->snap, domain) ? link->snap : serve_new(node, link, domain);
	struct rep_snap_seg *seg = malloc(sizeof(*seg));
	uint8_t *bytes = malloc(TR_SNAP_SEG_MAX);
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Snap snap = TERRACE__SNAP__INIT;
	size_t size = 0;

	if (seg == NULL || bytes == NULL)
		rep_node_fail(node, TR_E_NOMEM);
	else if (s != NULL && s->base != NULL)
		size = offer_of(node, s->base, bytes, TR_SNAP_SEG_MAX, &snap.at, seg);
	if (size > 0 && rep_snap_ckpt(seg, snap.at, node->op, &s->ckpt) == 0) {
		memcpy(s->id, seg->hash.b, sizeof(s->id));
		s->used_ms = node->mono_ms;
		for (uint16_t i = 0; i < s->base->count; i++)
			rep_link_define(node, link, rep_log_get(node, s->base->f[i].log));
		rep_link_define(node, link, rep_log_get(node, s->base->at.log));
		snap.scope = domain->scope.v;
		snap.lane = domain->lane;
		snap.ckpt = (ProtobufCBinaryData){sizeof(s->id), s->id};
		snap.offer = (ProtobufCBinaryData){size, bytes};
		msg.m_case = TERRACE__MSG__M_SNAP;
		msg.snap = &snap;
		rep_link_send(node, link, &msg);
	} else {
		rep_snap_serve_free(link);
		size = 0;
	}
	free(bytes);
	free(seg);
	return size > 0;
}

static void offer_some(struct rep_node *node, struct rep_link *link)
{
	bool found = false;

	for (size_t i = 0; i < node->domain_count && !found && node->rc == 0; i++) {
		struct rep_domain *domain = node->domains[(link->snap_domain + i) % node->domain_count];

		if (domain->base == NULL || domain->floor == NULL || !lacks(node, link, domain))
			continue;
		found = true;
		link->snap_ms = node->mono_ms + (offer(node, link, domain) ? AGAIN_MS : SOON_MS);
		link->snap_domain = (link->snap_domain + i) % node->domain_count;
	}
	if (found && link->snap_ms == node->mono_ms + SOON_MS) /* the next one's turn */
		link->snap_domain++;
	link->snap_lacks = found;
}

/* ---------------------------------------------------------------------- asked */

int rep_snap_need(struct rep_node *node, struct rep_link *link, const Terrace__Need *need)
{
	struct tr_nid scope = {need->scope};
	struct rep_domain *domain = rep_base_find(node, scope, (uint8_t)need->lane);
	struct rep_snap_serve *s = link->snap;

	if (!rep_queue_in_reach(node, link, scope) || need->at.len > sizeof(s->at))
		return TR_E_INPUT;
	if (domain == NULL || domain->base == NULL)
		return 0; /* it knows more than is held here: another neighbour's business */
	if (need->ckpt.len != REP_SNAP_ID || s == NULL || s->domain != domain ||
	    memcmp(need->ckpt.data, s->id, REP_SNAP_ID) != 0 || !may_go_on(node, s, domain)) {
		if (node->mono_ms < link->snap_ms - AGAIN_MS + FLOOD_MS)
			return 0; /* an offer was sent just now */
		link->snap_ms = node->mono_ms + (offer(node, link, domain) ? AGAIN_MS : SOON_MS);
		return 0;
	}
	if (s->is_due)
		return TR_E_INPUT; /* one at a time */
	s->is_due = true;
	s->since_ms = s->used_ms = node->mono_ms;
	s->at_size = need->at.len;
	if (need->at.len > 0)
		memcpy(s->at, need->at.data, need->at.len);
	return 0;
}

/* -------------------------------------------------------------------- segments */

static bool is_full(const struct part *p)
{
	return p->used >= p->want || p->msg.n_seg == TR_SNAP_PART_MAX || p->msg.n_row == TR_SNAP_PART_MAX;
}

/* So much of this chain the peer is known to hold. */
static uint64_t held(struct rep_node *node, struct rep_link *link, struct rep_log *row, uint64_t seq)
{
	for (; row != NULL; row = rep_log_get(node, row->parent)) {
		uint64_t acked = rep_queue_way(link, row)->acked;

		if (acked > row->fork)
			return acked < seq ? acked : seq;
		seq = row->fork;
	}
	return 0;
}

static void put_seg_at(struct part *p, uint32_t place, uint64_t seq)
{
	p->at_size = rep_snap_seg_key(p->at, place, seq);
}

/* Segments of one log from `seq` on.  False: damaged. */
static bool put_log(struct rep_node *node, struct rep_link *link, const struct rep_snap_serve *s, struct part *p,
    uint32_t place, uint64_t seq)
{
	const struct rep_ckpt_log *head = &s->ckpt.f[place - 1];
	struct rep_log *log = rep_snap_head(node, s->domain, head);

	if (log == NULL)
		return false;
	if (seq == 0)
		seq = held(node, link, log, head->seq) + 1;
	while (seq <= head->seq) {
		const struct rep_log *row = rep_branch_holder(node, log, seq);
		struct rep_chain_row seg;
		size_t size;
		int rc;

		if (is_full(p)) {
			put_seg_at(p, place, seq);
			return true;
		}
		rc = rep_chain_find(node->raw, row->handle, seq, &seg);
		if (rep_node_broken(node, rc) || rc != 0)
			return false;
		size = rep_snap_seg_write(node, &s->ckpt, row, &seg, p->data + p->used, sizeof(p->data) - p->used);
		if (size == 0)
			return false;
		p->segs[p->msg.n_seg++] = (ProtobufCBinaryData){size, p->data + p->used};
		p->used += size;
		seq = seg.last + 1;
	}
	put_seg_at(p, place + 1, 0);
	return true;
}

/* --------------------------------------------------------------------- records */

static uint32_t place_of(void *ctx, struct tr_nid author, uint64_t inc, uint64_t seq)
{
	uint32_t place = rep_snap_place(ctx, author, inc);

	return place != 0 && seq <= ((struct rep_ckpt_op *)ctx)->f[place - 1].seq ? place : UINT32_MAX;
}

/* What it was at the base. */
static int rows_of(struct rep_node *node, const struct rep_snap_serve *s, const struct tr_rec_id *id,
    struct rep_overlay *overlay)
{
	static const struct rep_floor stored;
	struct rep_seen limit[TR_VECTOR_MAX];
	struct rep_refold how = {.limit = limit, .limit_count = rep_base_limit(s->base, limit)};
	bool moved;
	int rc = rep_base_moved(node->raw, s->base, id, &moved);

	if (rc != 0)
		return rc;
	if (moved)
		return rep_refold(node, node->raw, id, &how, overlay);
	return rep_floor_fill(node->raw, id, &stored, rep_overlay_view(overlay));
}

static bool put_row(struct part *p, uint32_t table, struct tr_bytes key, struct tr_bytes value)
{
	Terrace__SnapRow *row = &p->rows[p->msg.n_row];

	if (key.size + value.size > sizeof(p->data) - p->used)
		return false;
	terrace__snap_row__init(row);
	memcpy(p->data + p->used, key.data, key.size);
	memcpy(p->data + p->used + key.size, value.data, value.size);
	row->table = table;
	row->key = (ProtobufCBinaryData){key.size, p->data + p->used};
	row->value = (ProtobufCBinaryData){value.size, p->data + p->used + key.size};
	p->used += key.size + value.size;
	p->list[p->msg.n_row++] = row;
	return true;
}

static int put_record(struct rep_node *node, const struct rep_snap_serve *s, struct part *p, struct rep_overlay *overlay,
    const struct rep_change_row *row)
{
	uint8_t bytes[TR_RECORD_BYTES_MAX];
	struct rep_record *rec = node->record;
	struct tr_rec_id id;
	struct rep_ckpt_op ckpt = s->ckpt;
	size_t size;
	int rc;

	memcpy(id.b, row->key.data + 1, sizeof(id.b));
	rc = rep_record_load(rec, rep_overlay_view(overlay), row->key.data[0], &id);
	if (rc != 0)
		return rc;
	if (rec->scope.v != s->domain->scope.v || rec->lane != s->domain->lane)
		return 0; /* two records under one id */
	rc = rep_record_carry(rec, place_of, &ckpt);
	size = rc == 0 ? rep_record_pack(rec, bytes, sizeof(bytes)) : 0;
	if (rc != 0 || size == 0)
		return rc != 0 ? rc : TR_E_DAMAGED;
	return put_row(p, TR_SNAP_RECORD, row->key, rep_bytes(bytes, size)) ? 0 : TR_E_LIMIT;
}

static int put_item(const struct rep_snap_serve *s, struct part *p, const struct rep_change_row *row)
{
	struct rep_carried *out = malloc(sizeof(*out));
	struct rep_ckpt_op ckpt = s->ckpt;
	struct rep_row item;
	uint32_t place = UINT32_MAX;
	int rc = out != NULL ? 0 : TR_E_NOMEM;

	if (rc == 0 && rep_record_row_read(&item, row->key, row->value))
		place = place_of(&ckpt, item.author, item.inc, item.dot.seq);
	if (rc == 0 && (place == UINT32_MAX || !rep_record_row_carry(out, row->key, row->value, place)))
		rc = TR_E_DAMAGED;
	if (rc == 0 && !put_row(p, TR_SNAP_ROW, rep_bytes(out->key, out->key_size), rep_bytes(out->value, out->value_size)))
		rc = TR_E_LIMIT;
	free(out);
	return rc;
}

/* A place among the records: the id, and the row of it that went last. */
static void put_row_at(struct part *p, const struct tr_rec_id *id, const struct rep_change_row *row)
{
	p->at[0] = 'r';
	memcpy(p->at + 1, id->b, sizeof(id->b));
	p->at_size = 1 + sizeof(id->b);
	if (row == NULL)
		return;
	p->at[p->at_size] = (uint8_t)row->table;
	memcpy(p->at + p->at_size + 1, row->key.data, row->key.size);
	p->at_size += 1 + row->key.size;
}

/* Rows of one record behind `after`.  0; TR_E_BUSY: the part is full. */
static int put_rows(struct rep_node *node, const struct rep_snap_serve *s, struct part *p, const struct tr_rec_id *id,
    const struct rep_change_row *after)
{
	struct rep_overlay *overlay = rep_overlay_create(node->raw, REP_SNAP_OVERLAY);
	struct rep_change_row row;
	int rc = overlay != NULL ? rows_of(node, s, id, overlay) : TR_E_NOMEM;

	for (; rc == 0 && rep_overlay_next(overlay, after, &row); after = &row) {
		if (row.value.data == NULL || (row.table != REP_T_REC && row.table != REP_T_ROW))
			continue;
		if (row.key.size > TR_SNAP_KEY_MAX)
			rc = TR_E_DAMAGED;
		else if (row.table == REP_T_REC)
			rc = put_record(node, s, p, overlay, &row);
		else
			rc = put_item(s, p, &row);
		if (rc == 0 && is_full(p)) {
			put_row_at(p, id, &row);
			rc = TR_E_BUSY;
		}
	}
	rep_overlay_free(overlay);
	return rc;
}

/* Records from the place on.  0; TR_E_BUSY: there are more. */
static int put_records(struct rep_node *node, const struct rep_snap_serve *s, struct part *p)
{
	struct rep_change_row after = {.table = REP_T_META};
	struct rep_base_entry at = {.kind = 0};
	uint8_t key[TR_SNAP_AT_MAX] = {0}; /* gcc with the sanitizers does not see that a place is read first */
	bool is_first = p->at_size == 1, is_within = p->at_size > 1 + sizeof(at.id);
	int rc = 0;

	if (!is_first)
		memcpy(at.id.b, p->at + 1, sizeof(at.id.b));
	if (is_within) {
		after.key = rep_bytes(key, p->at_size - 2 - sizeof(at.id));
		after.table = (enum rep_table)p->at[1 + sizeof(at.id)];
		memcpy(key, p->at + 2 + sizeof(at.id), after.key.size);
		rc = put_rows(node, s, p, &at.id, &after);
	}
	for (int i = 0; rc == 0; i++) {
		struct tr_rec_id had = at.id;

		at.kind = is_first ? 0 : UINT8_MAX; /* behind all kinds of that id */
		rc = rep_base_next(node->raw, s->domain, is_first ? NULL : &at, &at);
		if (rc == TR_E_NOTFOUND) {
			p->at_size = 0;
			return 0;
		}
		if (rc == 0 && (i == VISITS || is_full(p))) {
			if (is_first) {
				p->at_size = 1;
			} else {
				put_row_at(p, &had, NULL);
			}
			return TR_E_BUSY;
		}
		is_first = false;
		if (rc == 0)
			rc = put_rows(node, s, p, &at.id, NULL);
	}
	return rc;
}

/* ------------------------------------------------------------------------ part */

static bool is_place(const struct part *p, const struct rep_ckpt_op *ckpt)
{
	if (p->at[0] == 's')
		return p->at_size == 13 && wire_get_be32(p->at + 1) >= 1 && wire_get_be32(p->at + 1) <= ckpt->count + 1u &&
		    wire_get_be64(p->at + 5) <= TR_SEQ_MAX;
	return p->at[0] == 'r' && (p->at_size == 1 || p->at_size == 1 + sizeof(struct tr_rec_id) ||
	    (p->at_size > 2 + sizeof(struct tr_rec_id) && (p->at[1 + sizeof(struct tr_rec_id)] == REP_T_REC ||
	    p->at[1 + sizeof(struct tr_rec_id)] == REP_T_ROW)));
}

/* 0; TR_E_INPUT: there is no such place; TR_E_DAMAGED...: it cannot be made here. */
static int fill(struct rep_node *node, struct rep_link *link, const struct rep_snap_serve *s, struct part *p)
{
	int rc;

	memcpy(p->at, s->at, s->at_size);
	p->at_size = s->at_size;
	if (p->at_size == 0)
		put_seg_at(p, 1, 0);
	if (!is_place(p, &s->ckpt))
		return TR_E_INPUT;
	while (p->at[0] == 's' && wire_get_be32(p->at + 1) <= s->ckpt.count && !is_full(p))
		if (!put_log(node, link, s, p, wire_get_be32(p->at + 1), wire_get_be64(p->at + 5)))
			return TR_E_DAMAGED;
	if (p->at[0] == 's' && wire_get_be32(p->at + 1) > s->ckpt.count) {
		p->at[0] = 'r';
		p->at_size = 1;
	}
	if (p->at[0] == 's' || is_full(p))
		return 0;
	rc = put_records(node, s, p);
	return rc == TR_E_BUSY ? 0 : rc;
}

static void send_part(struct rep_node *node, struct rep_link *link, struct rep_snap_serve *s)
{
	struct part *p = malloc(sizeof(*p));
	Terrace__Msg msg = TERRACE__MSG__INIT;
	int rc = p != NULL ? 0 : TR_E_NOMEM;

	s->is_due = false;
	if (rc == 0) {
		terrace__snap__init(&p->msg);
		p->msg.seg = p->segs;
		p->msg.row = p->list;
		p->used = p->at_size = 0;
		p->want = rep_link_is_metered(link) ? 4 * 1024 : TR_FRAME_DATA_MAX;
		if (p->want > link->max_frame)
			p->want = link->max_frame;
		if (node->snap_part != 0 && node->snap_part < p->want)
			p->want = node->snap_part;
		rc = fill(node, link, s, p);
	}
	if (rc == 0) {
		p->msg.scope = s->domain->scope.v;
		p->msg.lane = s->domain->lane;
		p->msg.ckpt = (ProtobufCBinaryData){sizeof(s->id), s->id};
		p->msg.next = (ProtobufCBinaryData){p->at_size, p->at};
		msg.m_case = TERRACE__MSG__M_SNAP;
		msg.snap = &p->msg;
		rep_link_send(node, link, &msg);
		link->snap_ms = node->mono_ms + AGAIN_MS;
	}
	free(p);
	wire_arena_reset(node->arena);
	if (!rep_node_broken(node, rc) && rc != 0 && node->rc == 0)
		rep_node_trace(node, REP_TRACE_SNAP_UNMADE, s->domain->scope, s->domain->lane, (uint64_t)-rc, tr_err_code(rc));
}

void rep_snap_serve_flush(struct rep_node *node)
{
	for (size_t i = 0; i < node->link_count && node->rc == 0; i++) {
		struct rep_link *link = node->links[i];
		struct rep_snap_serve *s = link->snap;

		if (link->state != REP_LINK_LIVE)
			continue;
		if (link->snap_epoch != link->epoch) { /* what was offered and asked before is forgotten there */
			link->snap_epoch = link->epoch;
			link->snap_ms = node->mono_ms;
			if (s != NULL)
				s->is_due = false;
		}
		if (s != NULL && s->is_due && (link->sent_count == 0 || node->mono_ms - s->since_ms >= BUSY_MS))
			send_part(node, link, s);
		else if (link->snap_lacks && node->mono_ms >= link->snap_ms)
			offer_some(node, link);
	}
}

int64_t rep_snap_serve_deadline(const struct rep_node *node)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < node->link_count; i++) {
		const struct rep_link *link = node->links[i];
		int64_t due = link->snap_lacks ? link->snap_ms : INT64_MAX;

		if (link->state != REP_LINK_LIVE)
			continue;
		if (link->snap != NULL && link->snap->is_due && link->snap->since_ms + BUSY_MS < due)
			due = link->snap->since_ms + BUSY_MS;
		at = due < at ? due : at;
	}
	return at;
}
