/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who lacks it: parts are stored aside until all of them are here.  Nothing of
 * it is seen before, and what does not become whole is deleted again.
 */
#include "replication/snap_int.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/op.h"
#include "replication/queue.h"
#include "replication/take.h"
#include "replication/trust.h"
#include "replication/unit.h"

#define EVERY_MS 5          /* a slice; the rest of the time is for what comes in */
#define ROWS 1000           /* deleted in a slice */
#define PART_MS (300 * 1000) /* then somebody else is waited for */
#define BACKOFF_MS (60 * 1000)
#define BACKOFF_MAX 6       /* doublings */
#define OFFER_HEAD 13

void rep_snap_take_free(struct rep_node *node)
{
	free(node->snap);
	node->snap = NULL;
}

static void put_aside(struct rep_node *node, const void *key, size_t size, struct tr_bytes value)
{
	rep_node_put(node, REP_T_SNAP, rep_bytes(key, size), value);
}

static void go_to(struct rep_node *node, struct rep_snap *snap, enum rep_snap_phase phase)
{
	snap->phase = phase;
	snap->since_ms = snap->next_ms = node->mono_ms;
}

/* Nothing more of it is wanted: what lies aside goes, in slices. */
static void drop(struct rep_node *node)
{
	rep_node_del(node, REP_T_SNAP, rep_bytes("o", 1));
	rep_node_del(node, REP_T_SNAP, rep_bytes("t", 1));
	node->snap->is_over = true;
	node->snap->epoch = 0;
	go_to(node, node->snap, REP_SNAP_TIDY);
}

/* It was not what the top node signed: not from there again for a while. */
static void refuse(struct rep_node *node, int rc)
{
	struct rep_snap *snap = node->snap;
	struct rep_link *link = NULL;

	for (size_t i = 0; i < node->link_count; i++)
		if (node->links[i]->peer.v == snap->peer.v)
			link = node->links[i];
	if (link != NULL) {
		link->snap_refused += link->snap_refused < BACKOFF_MAX;
		link->snap_until_ms = node->mono_ms + ((int64_t)BACKOFF_MS << (link->snap_refused - 1));
	}
	if (rc != TR_E_BUSY && rc != TR_E_LIMIT) /* those are no fault of the state */
		rep_node_trace(node, REP_TRACE_SNAP_BAD, snap->peer, snap->scope.v, snap->lane, tr_err_code(rc));
	drop(node);
}

/* ------------------------------------------------------------------------ offer */

static int read_offer(struct rep_node *node, struct tr_bytes bytes, struct rep_snap *out)
{
	struct rep_cert cert;
	int rc = rep_snap_seg_read(node->arena, bytes, &out->offer);

	if (rc != 0)
		return rc;
	if (out->offer.head.log.author.v != node->top.nid.v || out->offer.head.log.scope.v != out->scope.v ||
	    out->offer.head.log.lane != out->lane || out->lane == TR_LANE_P)
		return TR_E_FORGED;
	rc = rep_trust_cert(node, node->top.nid, out->offer.head.serial, &cert);
	if (rc == 0 && !rep_seg_verify(out->offer.raw, out->offer.sig, &cert.sign_pk))
		rc = TR_E_FORGED;
	if (rc == 0)
		rc = rep_snap_ckpt(&out->offer, out->at_op, node->op, &out->ckpt);
	memcpy(out->id, out->offer.hash.b, sizeof(out->id));
	return rc;
}

/* What it speaks for is here already: the peer is told how much that is. */
static bool has_all(struct rep_node *node, struct rep_link *link, const struct rep_snap *snap)
{
	struct rep_domain *domain = rep_base_domain(node, snap->scope, snap->lane);
	bool all = domain != NULL;

	for (uint16_t i = 0; domain != NULL && i < snap->ckpt.count; i++) {
		struct rep_log *log = rep_snap_head(node, domain, &snap->ckpt.f[i]);

		all = all && log != NULL;
		if (log == NULL || link->is_bundle)
			continue;
		rep_queue_has(node, link, log, snap->ckpt.f[i].seq);
		rep_queue_ack(node, link, log);
	}
	if (domain != NULL)
		domain->is_behind = !all;
	return all;
}

/* Does it lie above what was dropped here?  If not it is of a history that the
 * top node lost: a later checkpoint will be above both. */
static bool is_above(const struct rep_node *node, const struct rep_snap *snap)
{
	const struct rep_domain *domain = rep_base_find(node, snap->scope, snap->lane);
	const struct rep_base *base = domain != NULL ? domain->floor : NULL;

	for (uint16_t i = 0; base != NULL && i < base->count; i++) {
		const struct rep_log *log = rep_log_get(node, base->f[i].log);
		uint32_t place = rep_snap_place(&snap->ckpt, log->id.author, log->id.inc);

		if (place == 0 || snap->ckpt.f[place - 1].seq < base->f[i].seq)
			return false;
	}
	return true;
}

/* Who is asked for it; NULL: nobody, or its session ended. */
static struct rep_link *asked(const struct rep_node *node)
{
	for (size_t i = 0; i < node->link_count; i++)
		if (node->snap->epoch != 0 && node->links[i]->epoch == node->snap->epoch && node->links[i]->state == REP_LINK_LIVE)
			return node->links[i];
	return NULL;
}

static bool is_asked(const struct rep_node *node)
{
	const struct rep_snap *snap = node->snap;

	return snap != NULL && (asked(node) != NULL || snap->phase == REP_SNAP_CHECK ||
	    (snap->phase == REP_SNAP_TIDY && snap->is_over));
}

static bool is_same(const struct rep_snap *a, const struct rep_snap *b)
{
	return a != NULL && !a->is_over && a->scope.v == b->scope.v && a->lane == b->lane && memcmp(a->id, b->id, sizeof(a->id)) == 0;
}

static void begin(struct rep_node *node, struct rep_link *link, struct rep_snap *snap, struct tr_bytes offer)
{
	uint8_t *row = malloc(OFFER_HEAD + offer.size);

	if (row == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		free(snap);
		return;
	}
	rep_snap_take_free(node);
	node->snap = snap;
	snap->epoch = link->epoch;
	snap->link = link->number;
	snap->peer = link->peer;
	go_to(node, snap, REP_SNAP_TIDY);
	wire_put_be64(row, snap->scope.v);
	row[8] = snap->lane;
	wire_put_be32(row + 9, snap->at_op);
	memcpy(row + OFFER_HEAD, offer.data, offer.size);
	put_aside(node, "o", 1, rep_bytes(row, OFFER_HEAD + offer.size));
	rep_node_del(node, REP_T_SNAP, rep_bytes("t", 1));
	free(row);
}

static int take_offer(struct rep_node *node, struct rep_link *link, const Terrace__Snap *msg)
{
	struct rep_snap *snap = calloc(1, sizeof(*snap));
	struct tr_bytes offer = rep_bytes(msg->offer.data, msg->offer.len);
	int rc;

	if (snap == NULL)
		return TR_E_NOMEM;
	snap->scope.v = msg->scope;
	snap->lane = (uint8_t)msg->lane;
	snap->at_op = msg->at;
	rc = read_offer(node, offer, snap);
	if (rc == TR_E_NOCERT) {
		rep_take_ask_cert(node, link, node->top.nid, snap->offer.head.serial);
		rc = 0;
	} else if (rc == 0 && (memcmp(snap->id, msg->ckpt.data, sizeof(snap->id)) != 0 || snap->ckpt.state_ver != TR_STATE_VER))
		rc = snap->ckpt.state_ver != TR_STATE_VER ? 0 : TR_E_INPUT; /* another version's is of no use here */
	else if (rc == 0 && !node->is_full && !has_all(node, link, snap) && is_above(node, snap) && node->mono_ms >= link->snap_until_ms) {
		if (is_asked(node)) {
			link->snap_offered = true;
			link->snap_scope = snap->scope;
			link->snap_lane = snap->lane;
		} else if (is_same(node->snap, snap)) {
			node->snap->epoch = link->epoch; /* goes on where it was */
			node->snap->link = link->number;
			node->snap->peer = link->peer;
			if (node->snap->phase == REP_SNAP_IDLE || node->snap->phase == REP_SNAP_WAIT)
				go_to(node, node->snap, REP_SNAP_ASK);
		} else {
			begin(node, link, snap, offer);
			return 0;
		}
	}
	free(snap);
	return rc;
}

/* ------------------------------------------------------------------------- parts */

static int take_seg(struct rep_node *node, struct rep_link *link, struct rep_snap *snap, struct tr_bytes bytes)
{
	struct rep_snap_seg *seg = malloc(sizeof(*seg));
	uint8_t key[13];
	struct rep_cert cert;
	uint32_t place;
	int rc = seg != NULL ? rep_snap_seg_read(node->arena, bytes, seg) : TR_E_NOMEM;

	if (rc == 0) {
		place = rep_snap_place(&snap->ckpt, seg->head.log.author, seg->head.log.inc);
		if (place == 0 || seg->head.log.scope.v != snap->scope.v || seg->head.log.lane != snap->lane ||
		    seg->head.first + seg->head.count - 1 > snap->ckpt.f[place - 1].seq)
			rc = TR_E_INPUT;
	}
	if (rc == 0)
		rc = rep_trust_cert(node, seg->head.log.author, seg->head.serial, &cert);
	if (rc == TR_E_NOCERT)
		rep_take_ask_cert(node, link, seg->head.log.author, seg->head.serial);
	if (rc == 0 && !rep_seg_verify(seg->raw, seg->sig, &cert.sign_pk))
		rc = TR_E_FORGED;
	if (rc == 0)
		put_aside(node, key, rep_snap_seg_key(key, place, seg->head.first + seg->head.count - 1), bytes);
	free(seg);
	return rc;
}

static int take_row(struct rep_node *node, const Terrace__SnapRow *row)
{
	uint8_t key[1 + sizeof(struct tr_rec_id) + 1 + TR_SNAP_KEY_MAX];
	size_t id = row->table == TR_SNAP_RECORD ? 1 : 0; /* where it is in the key */

	if (row->key.len > TR_SNAP_KEY_MAX || row->key.len < id + sizeof(struct tr_rec_id) ||
	    (row->table == TR_SNAP_RECORD && row->key.len != 1 + sizeof(struct tr_rec_id)))
		return TR_E_INPUT;
	key[0] = 'r';
	memcpy(key + 1, row->key.data + id, sizeof(struct tr_rec_id));
	key[1 + sizeof(struct tr_rec_id)] = (uint8_t)row->table;
	memcpy(key + 2 + sizeof(struct tr_rec_id), row->key.data, row->key.len);
	put_aside(node, key, 2 + sizeof(struct tr_rec_id) + row->key.len, rep_bytes(row->value.data, row->value.len));
	return 0;
}

/* A place lies behind the one before, or it would never end. */
static bool is_behind(const struct rep_snap *snap, struct tr_bytes next)
{
	size_t size = snap->at_size < next.size ? snap->at_size : next.size;
	int c;

	if (snap->at_size == 0 || next.size == 0)
		return true;
	if (snap->at[0] != next.data[0])
		return snap->at[0] == 's';
	c = memcmp(next.data, snap->at, size);
	return c > 0 || (c == 0 && next.size > snap->at_size);
}

static int take_part(struct rep_node *node, struct rep_link *link, const Terrace__Snap *msg)
{
	struct rep_snap *snap = node->snap;
	struct tr_bytes next = rep_bytes(msg->next.data, msg->next.len);
	int rc = is_behind(snap, next) ? 0 : TR_E_INPUT;

	for (size_t i = 0; i < msg->n_seg && rc == 0 && node->rc == 0; i++) {
		snap->bytes += msg->seg[i].len;
		rc = take_seg(node, link, snap, rep_bytes(msg->seg[i].data, msg->seg[i].len));
	}
	for (size_t i = 0; i < msg->n_row && rc == 0 && node->rc == 0; i++) {
		snap->bytes += msg->row[i]->key.len + msg->row[i]->value.len;
		rc = take_row(node, msg->row[i]);
	}
	if (rc == 0 && (snap->bytes > TR_SNAP_BYTES_MAX || next.size > sizeof(snap->at)))
		rc = TR_E_LIMIT;
	if (rc == TR_E_NOCERT) { /* it comes; then this part again */
		snap->epoch = 0;
		go_to(node, snap, REP_SNAP_IDLE);
		return 0;
	}
	if (rc != 0) {
		if (rc != TR_E_NOMEM)
			refuse(node, rc);
		return rc;
	}
	snap->at_size = next.size;
	if (next.size > 0)
		memcpy(snap->at, next.data, next.size);
	put_aside(node, "t", 1, next.size > 0 ? next : rep_bytes("e", 1));
	go_to(node, snap, next.size > 0 ? REP_SNAP_ASK : REP_SNAP_CHECK);
	return 0;
}

int rep_snap_take(struct rep_node *node, struct rep_link *link, const Terrace__Snap *msg)
{
	struct rep_snap *snap = node->snap;

	if (!rep_queue_in_reach(node, link, (struct tr_nid){msg->scope}))
		return TR_E_SCOPE;
	if (msg->offer.len != 0)
		return take_offer(node, link, msg);
	if (snap == NULL || snap->epoch != link->epoch || snap->phase != REP_SNAP_WAIT || msg->scope != snap->scope.v ||
	    msg->lane != snap->lane || memcmp(msg->ckpt.data, snap->id, sizeof(snap->id)) != 0)
		return 0; /* of one that is not wanted any more */
	return take_part(node, link, msg);
}

/* ---------------------------------------------------------------------- slices */

static void ask(struct rep_node *node, struct rep_link *link, struct tr_nid scope, uint8_t lane, const struct rep_snap *snap)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Need need = TERRACE__NEED__INIT;
	union { const uint8_t *in; uint8_t *out; } cast;

	need.what = TR_NEED_SNAPSHOT;
	need.scope = scope.v;
	need.lane = lane;
	if (snap != NULL) {
		cast.in = snap->id;
		need.ckpt = (ProtobufCBinaryData){sizeof(snap->id), cast.out};
		cast.in = snap->at;
		need.at = (ProtobufCBinaryData){snap->at_size, cast.out};
	}
	msg.m_case = TERRACE__MSG__M_NEED;
	msg.need = &need;
	rep_link_send(node, link, &msg);
}

/* The next one of those that were offered meanwhile. */
static void next_offer(struct rep_node *node)
{
	for (size_t i = 0; i < node->link_count; i++) {
		struct rep_link *link = node->links[i];

		if (!link->snap_offered || link->state != REP_LINK_LIVE)
			continue;
		link->snap_offered = false;
		ask(node, link, link->snap_scope, link->snap_lane, NULL);
		return;
	}
}

/* True: nothing lies aside any more, but what was offered last. */
static bool tidy(struct rep_node *node)
{
	uint8_t at[256];
	struct tr_bytes from = rep_bytes("p", 1), key;

	for (int i = 0; i < ROWS && node->rc == 0; i++) {
		int rc = rep_seek(node->raw, REP_T_SNAP, from, true, &key, NULL);

		if (rc == TR_E_NOTFOUND)
			return true;
		if (rc != 0 || key.size > sizeof(at)) {
			rep_node_fail(node, rc != 0 ? rc : TR_E_DAMAGED);
			return false;
		}
		memcpy(at, key.data, key.size);
		from = rep_bytes(at, key.size);
		rep_node_del(node, REP_T_SNAP, from);
	}
	return false;
}

static void tidied(struct rep_node *node)
{
	if (!node->snap->is_over) {
		go_to(node, node->snap, asked(node) != NULL ? REP_SNAP_ASK : REP_SNAP_IDLE);
		return;
	}
	rep_snap_take_free(node);
	next_offer(node);
}

static void check(struct rep_node *node)
{
	int rc = rep_snap_check(node, node->snap);

	if (rc == TR_E_BUSY)
		return;
	if (rc == 0)
		rc = rep_snap_join(node, node->snap);
	if (rep_node_broken(node, rc) || node->rc != 0)
		return;
	if (rc != 0)
		refuse(node, rc);
	else
		drop(node);
}

/* It has less of the domain than others, as it had before the start. */
static void mark_behind(struct rep_node *node)
{
	struct rep_domain *domain = rep_base_domain(node, node->snap->scope, node->snap->lane);

	if (domain != NULL)
		domain->is_behind = true;
}

/* What was under way when the node went down. */
static void load(struct rep_node *node)
{
	struct rep_snap *snap = calloc(1, sizeof(*snap));
	struct tr_bytes row, key;
	int rc = snap != NULL ? rep_seek(node->raw, REP_T_SNAP, rep_bytes("", 0), false, &key, NULL) : TR_E_NOMEM;

	node->snap_loaded = true;
	if (rc == TR_E_NOTFOUND) {
		free(snap);
		return;
	}
	if (rep_node_broken(node, rc) || rc != 0) {
		free(snap);
		rep_node_fail(node, rc);
		return;
	}
	node->snap = snap;
	rc = rep_get(node->raw, REP_T_SNAP, rep_bytes("o", 1), &row);
	if (rep_node_broken(node, rc))
		return;
	if (rc == 0 && row.size > OFFER_HEAD) {
		snap->scope.v = wire_get_be64(row.data);
		snap->lane = row.data[8];
		snap->at_op = wire_get_be32(row.data + 9);
		rc = read_offer(node, rep_bytes(row.data + OFFER_HEAD, row.size - OFFER_HEAD), snap);
	}
	if (rep_node_broken(node, rc) || rc != 0) {
		drop(node);
		return;
	}
	rc = rep_get(node->raw, REP_T_SNAP, rep_bytes("t", 1), &row);
	if (rep_node_broken(node, rc))
		return;
	if (rc != 0 || row.size == 0 || row.size > sizeof(snap->at)) { /* it had not begun */
		mark_behind(node);
		go_to(node, snap, REP_SNAP_TIDY);
		return;
	}
	snap->at_size = row.size;
	memcpy(snap->at, row.data, row.size);
	mark_behind(node);
	go_to(node, snap, row.data[0] == 'e' ? REP_SNAP_CHECK : REP_SNAP_IDLE);
}

void rep_snap_take_flush(struct rep_node *node)
{
	struct rep_snap *snap;
	struct rep_link *link;

	if (!node->snap_loaded)
		load(node);
	snap = node->snap;
	if (snap == NULL || node->rc != 0 || node->mono_ms < snap->next_ms)
		return;
	snap->next_ms = node->mono_ms + EVERY_MS;
	link = asked(node);
	switch (snap->phase) {
	case REP_SNAP_TIDY:
		if (tidy(node))
			tidied(node);
		break;
	case REP_SNAP_ASK:
		if (link == NULL) {
			go_to(node, snap, REP_SNAP_IDLE);
		} else {
			ask(node, link, snap->scope, snap->lane, snap);
			go_to(node, snap, REP_SNAP_WAIT);
		}
		break;
	case REP_SNAP_WAIT:
		if (link == NULL || node->mono_ms - snap->since_ms >= PART_MS) {
			snap->epoch = 0;
			go_to(node, snap, REP_SNAP_IDLE);
			next_offer(node);
		}
		break;
	case REP_SNAP_CHECK: check(node); break;
	case REP_SNAP_IDLE: break;
	}
}

int64_t rep_snap_take_deadline(const struct rep_node *node)
{
	const struct rep_snap *snap = node->snap;

	if (!node->snap_loaded)
		return node->mono_ms;
	if (snap == NULL || snap->phase == REP_SNAP_IDLE)
		return INT64_MAX;
	return snap->phase == REP_SNAP_WAIT ? snap->since_ms + PART_MS : snap->next_ms;
}
