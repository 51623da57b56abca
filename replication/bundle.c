/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/batch.h"
#include "replication/compare.h"
#include "replication/cut_fold.h"
#include "replication/head.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/on.h"
#include "replication/own.h"
#include "replication/plan.h"
#include "replication/queue.h"
#include "replication/receipt.h"
#include "replication/seat.h"
#include "replication/unit.h"

int rep_bundle_way(const struct rep_node *node, struct tr_nid peer, uint8_t *way)
{
	if (rep_unit_find(node, peer) == NULL)
		return TR_E_NOUNIT;
	if (peer.v == node->cert.nid.v)
		return TR_E_SCOPE;
	if (rep_unit_under(node, node->cert.nid, peer))
		*way = REP_WAY_UP;
	else if (rep_unit_under(node, peer, node->cert.nid))
		*way = REP_WAY_DOWN;
	else
		return TR_E_SCOPE;
	return 0;
}

struct rep_link *rep_bundle_link(struct rep_node *node, struct tr_nid peer)
{
	struct rep_link *link;
	uint8_t way;

	if (rep_bundle_way(node, peer, &way) != 0)
		return NULL;
	link = calloc(1, sizeof(*link));
	if (link == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return NULL;
	}
	link->node = node;
	link->number = UINT32_MAX;
	link->is_bundle = true;
	link->way = way;
	link->slot = REP_WAY_FILE;
	link->peer = peer;
	link->state = REP_LINK_LIVE;
	link->epoch = ++node->epochs;
	link->profile = TR_PROFILE_FIBRE;
	link->credit = UINT32_MAX;
	link->max_frame = TR_FRAME_DATA_MAX;
	link->last_error = "";
	link->session = 1;
	link->peer_serial = rep_unit_find(node, peer)->cert.serial;
	return link;
}

/* Messages that the writers put into the batch, as bundle effects or through emit. */
static int drain(struct rep_batch *batch, rep_bundle_emit *emit, void *ctx)
{
	const struct rep_effect *fx;
	int rc = 0;

	if (rep_batch_broken(batch))
		return TR_E_NOMEM;
	rep_committed(NULL, batch);
	while ((fx = rep_batch_next(batch)) != NULL && rc == 0)
		if (fx->kind == REP_FX_SEND)
			rc = emit(ctx, fx->bytes);
	rep_batch_reset(batch);
	return rc;
}

static uint64_t hint(struct rep_node *node, const struct rep_link *link, const struct rep_log *log)
{
	const struct rep_way *way = &log->way[link->way];

	if (log->id.lane == TR_LANE_P && link->way == REP_WAY_DOWN) {
		const struct rep_link *real = rep_link_of_peer(node, link->peer);

		way = real != NULL ? rep_queue_way_known(real, log) : NULL;
	}
	return way != NULL ? way->acked : 0;
}

/*
 * What the peer is known to have: an acknowledgement of the neighbour on that
 * side, or the frontier that came in its own bundle.  Else everything.
 */
static uint64_t has(struct rep_node *node, const struct rep_link *link, const struct rep_log *log)
{
	const struct rep_unit *peer = rep_unit_find(node, link->peer);
	bool neighbour = link->peer.v == node->cert.parent.v || peer->parent.v == node->cert.nid.v;
	uint64_t seq = neighbour ? hint(node, link, log) : 0;
	uint32_t at;
	size_t pos;

	if (rep_map_first(&link->frontier, log->handle, &pos, &at))
		seq = link->frontier_seq[at];
	else if (link->peer_done)
		seq = 0;
	if (seq < log->low)
		seq = log->low; /* dropped here: what comes behind goes, in full, in case the peer has that much */
	if (seq < log->fork)
		return log->fork;
	return seq < log->seq ? seq : log->seq;
}

static int write_scope(struct rep_node *node, struct rep_link *link, const struct rep_unit *scope,
    struct rep_batch *batch, rep_bundle_emit *emit, void *ctx)
{
	int rc = 0;

	for (struct rep_log *log = rep_queue_first(node, link, scope); log != NULL;
	     log = rep_queue_next(node, link, log))
		rep_queue_send(node, link, log);
	while (rc == 0 && node->rc == 0 && !rep_queue_is_empty(link)) {
		link->sent_first = link->sent_count = 0; /* no acknowledgement comes here */
		link->inflight = 0;
		rep_plan_send(node, link);
		rc = drain(batch, emit, ctx);
	}
	return rc != 0 ? rc : node->rc;
}

static void write_state(struct rep_node *node, struct rep_link *link)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;

	for (size_t i = 0; i < node->unit_count; i++) {
		const struct rep_unit *scope = node->units[i];

		if (scope->receipt_ctr != 0 && link->way == REP_WAY_DOWN && rep_queue_in_reach(node, link, scope->nid))
			rep_receipt_send(node, link, scope);
	}
	/* A machine that took the place of another: its child may know that one's key only, and not find it; its
	 * parent none, if that one is another, too, or went back to before it issued this one: it would shut it out. */
	rep_link_cert(node, link, node->cert.nid, node->cert.serial);
	rep_compare_send_full(node, link, false);
	if (link->way == REP_WAY_UP) {
		uint32_t xseq[2 * (TR_LEVEL_MAX + 1)];
		uint8_t sig[64];
		Terrace__Head head;

		rep_head_row(node, node->cert.nid, &head, sig, xseq);
		if (head.ctr != 0) {
			msg.m_case = TERRACE__MSG__M_HEAD;
			msg.head = &head;
			rep_link_send(node, link, &msg);
		}
	}
}

int rep_bundle_write(struct rep_node *node, struct rep_link *link, rep_bundle_emit *emit, void *ctx)
{
	struct rep_batch *kept = node->batch, *batch = rep_batch_create();
	int rc = batch != NULL ? 0 : TR_E_NOMEM;

	for (size_t i = 0; i < node->log_count && rc == 0; i++) {
		struct rep_log *log = node->logs[i];
		struct rep_way *way = rep_queue_way(link, log);

		way->sent = way->acked = has(node, link, log);
	}
	node->batch = batch;
	for (size_t i = 0; i < node->unit_count && rc == 0; i++)
		if (rep_queue_first(node, link, node->units[i]) != NULL)
			rc = write_scope(node, link, node->units[i], batch, emit, ctx);
	if (rc == 0) {
		write_state(node, link);
		rc = drain(batch, emit, ctx);
	}
	node->batch = kept;
	rep_batch_free(batch);
	return rc;
}

static int into_batch(void *ctx, struct tr_bytes msg)
{
	return rep_batch_bundle(ctx, msg) ? 0 : TR_E_NOMEM;
}

static void end(struct rep_node *node)
{
	struct rep_unit *unit;
	int rc;

	unit = rep_unit_find(node, node->bundle->peer);
	if (node->bundle->peer_done)
		rep_own_settled(node, node->bundle);
	rep_seat_bundle(node, node->bundle);
	rep_cut_fold(node);
	rep_own_close_new(node); /* a contact, as HELLO: what waits goes with the answer */
	rep_receipt_now(node);
	node->bundle->epoch = ++node->epochs;
	rep_map_clear(&node->bundle->certs_sent);
	rc = rep_bundle_write(node, node->bundle, into_batch, node->batch);
	if (rc != 0)
		rep_node_fail(node, rc);
	if (node->bundle->way == REP_WAY_DOWN)
		unit->waiting_dirty = node->counts_dirty = true;
	rep_link_free(node->bundle);
	node->bundle = NULL;
}

static void frame(struct rep_node *node, const struct rep_event *event)
{
	Terrace__Msg *msg;
	int rc = wire_msg_decode(node->arena, event->frame, &msg);

	if (rc == TR_E_NOMEM)
		rep_node_fail(node, rc);
	if (rc == 0)
		rc = rep_on_content(node, node->bundle, msg);
	if (rc != 0 && node->rc == 0) {
		node->bad_frames++;
		rep_node_trace(node, REP_TRACE_FRAME_BAD, node->bundle->peer, (uint64_t)-rc, 0, tr_err_code(rc));
	}
}

void rep_on_bundle(struct rep_node *node, const struct rep_event *event)
{
	if (event->kind == REP_EV_BUNDLE_BEGIN) {
		rep_link_free(node->bundle);
		node->bundle = rep_bundle_link(node, event->peer);
		if (node->bundle != NULL && event->serial != 0)
			node->bundle->peer_serial = event->serial;
		return;
	}
	if (node->bundle == NULL)
		return;
	if (event->kind == REP_EV_BUNDLE_FRAME) {
		frame(node, event);
		return;
	}
	rep_node_trace(node, REP_TRACE_BUNDLE_IN, node->bundle->peer, 0, 0, NULL);
	end(node);
}

int rep_bundle_export(struct rep_node *node, const struct rep_view *view, struct tr_nid peer,
    struct tr_wall_ms wall, int (*emit)(void *ctx, struct tr_bytes msg), void *ctx)
{
	struct rep_link *link;
	uint8_t way;
	int rc = rep_bundle_way(node, peer, &way);

	if (rc != 0)
		return rc;
	rep_node_view(node, view);
	node->wall_ms = wall.ms;
	node->rc = 0;
	wire_arena_reset(node->arena);
	link = rep_bundle_link(node, peer);
	if (link != NULL) /* which machine reads it nobody knows: a newer one has not the certificate that is thought its own */
		link->peer_serial = 0;
	rc = link != NULL ? rep_bundle_write(node, link, emit, ctx) : TR_E_NOMEM;
	rep_link_free(link);
	rep_node_unview(node);
	return rc != 0 ? rc : node->rc;
}
