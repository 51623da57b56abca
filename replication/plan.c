/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/plan.h"

#include <string.h>

#include "proto/err.h"
#include "replication/ack.h"
#include "replication/chain.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/queue.h"
#include "replication/unit.h"

#define DEPTH_MAX TR_VECTOR_MAX
#define RUN_MAX 16 /* segments of one log before the next log's turn */
#define SEGS_PER_FRAME_MAX 1024

/* Bytes a class may send a round.  E and X go first; while lower classes wait
 * the shares keep those from starving (docs/protocol.md "Scheduler"). */
static const int32_t quantum[REP_CLASSES] = {96 * 1024, 64 * 1024, 64 * 1024, 16 * 1024};

struct frame {
	Terrace__Segs segs;
	ProtobufCBinaryData list[SEGS_PER_FRAME_MAX];
	size_t bytes;
};

static size_t frame_max(const struct rep_link *link)
{
	size_t max = link->max_frame;

	if (link->profile != TR_PROFILE_FIBRE && max > 4 * 1024)
		max = 4 * 1024;
	return max;
}

/*
 * A unit is declared in its parent's scope: the peer can place nothing of the
 * unit's own scope before it has that.  The scope at the top of this link's
 * reach is known to both ends.
 */
static struct rep_log *declaration(struct rep_node *node, struct rep_link *link, const struct rep_log *log)
{
	struct tr_nid top = link->way == REP_WAY_UP ? node->cert.nid : link->peer;
	const struct rep_unit *scope = rep_unit_find(node, log->id.scope);
	struct rep_log *other;

	if (scope == NULL || scope->nid.v == top.v || scope->parent.v == 0)
		return NULL;
	for (other = rep_log_first_of_scope(node, scope->parent); other != NULL;
	     other = rep_log_get(node, other->next_in_scope)) {
		const struct rep_way *way = rep_queue_way(link, other);

		if (other->id.author.v == scope->parent.v && other->id.lane == TR_LANE_X &&
		    way->sent < other->seq && !way->unsure)
			return other;
	}
	return NULL;
}

/* What a branch left, up to where it left it. */
static struct rep_log *lower(struct rep_node *node, struct rep_link *link, const struct rep_log *log)
{
	struct rep_log *from = rep_log_get(node, log->parent);

	return from != NULL && rep_queue_way(link, from)->sent < log->fork ? from : NULL;
}

/* The log whose next segment may go now: `log`, or one that it waits for. */
static struct rep_log *ready(struct rep_node *node, struct rep_link *link, struct rep_log *log,
    struct rep_chain_row *row, Terrace__Seg **seg)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		struct rep_way *way = rep_queue_way(link, log);
		struct rep_log *before = declaration(node, link, log);
		int rc;

		if (way->sent >= log->seq || way->sent < log->low || way->unsure)
			return NULL;
		if (before == NULL && way->sent == log->fork)
			before = lower(node, link, log);
		rc = rep_chain_find(node->view, log->handle, way->sent + 1, row);
		if (rc == 0)
			rc = wire_seg_decode(node->arena, row->bytes, seg);
		if (rc != 0) {
			rep_node_fail(node, rc == TR_E_IO || rc == TR_E_NOMEM ? rc : TR_E_DAMAGED);
			return NULL;
		}
		for (size_t i = 0; i < (*seg)->n_ctx && before == NULL; i++) {
			struct rep_log *other = rep_log_get(node, (*seg)->ctx[i]->log);

			if (other != NULL && rep_queue_way(link, other)->sent < (*seg)->ctx[i]->seq)
				before = other;
		}
		if (before == NULL)
			return log;
		log = before;
	}
	return NULL;
}

static void flush_frame(struct rep_node *node, struct rep_link *link, struct frame *frame)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;

	if (frame->segs.n_seg == 0)
		return;
	msg.m_case = TERRACE__MSG__M_SEGS;
	msg.segs = &frame->segs;
	rep_link_send(node, link, &msg);
	frame->segs.n_seg = 0;
	frame->bytes = 0;
}

static void start_frame(struct frame *frame)
{
	terrace__segs__init(&frame->segs);
	frame->segs.seg = frame->list;
	frame->bytes = 0;
}

/* On a stick nobody can ask what comes before: the first of a run says it. */
static struct tr_bytes in_full(struct rep_node *node, struct rep_link *link, struct rep_log *log,
    const struct rep_chain_row *row, const Terrace__Seg *seg)
{
	const struct rep_way *way = rep_queue_way(link, log);
	struct rep_seen seen[TR_VECTOR_MAX];
	size_t size = 0;

	if (link->is_bundle && way->sent == way->acked)
		size = rep_chain_full(node, log, row, seg, node->seg_row, TR_SEG_BYTES_MAX);
	if (size == 0)
		return row->bytes;
	for (size_t i = rep_chain_vec(row, seen); i-- > 0;)
		rep_link_define(node, link, rep_log_get(node, seen[i].log));
	return rep_bytes(node->seg_row, size);
}

/* One segment of this log (or of what it waits for) into the frame. */
static bool add_one(struct rep_node *node, struct rep_link *link, struct rep_log *log, struct frame *frame)
{
	struct rep_chain_row row;
	Terrace__Seg *seg;
	union { const uint8_t *in; uint8_t *out; } cast;
	struct rep_log *from = ready(node, link, log, &row, &seg);
	struct tr_bytes bytes;

	if (from == NULL)
		return false;
	bytes = in_full(node, link, from, &row, seg);
	if (frame->segs.n_seg == SEGS_PER_FRAME_MAX ||
	    (frame->segs.n_seg > 0 && frame->bytes + bytes.size > frame_max(link)))
		flush_frame(node, link, frame);
	for (size_t i = 0; i < seg->n_ctx; i++)
		rep_link_define(node, link, rep_log_get(node, seg->ctx[i]->log));
	rep_link_define(node, link, from);
	if (!rep_ack_sent(node, link, from, row.last, row.bytes.size, (int64_t)(seg->hlc >> 16)))
		return false;
	/* the row may have moved: defining a log reads the store, writes nothing */
	cast.in = bytes.data;
	frame->list[frame->segs.n_seg++] = (ProtobufCBinaryData){bytes.size, cast.out};
	frame->bytes += bytes.size + 4;
	rep_queue_way(link, from)->sent = row.last;
	node->inflight += row.bytes.size;
	if (bytes.data == node->seg_row)
		flush_frame(node, link, frame); /* the next one is made in the same place */
	return true;
}

static bool lower_waits(const struct rep_link *link, unsigned cls)
{
	for (unsigned c = cls + 1; c < REP_CLASSES; c++)
		if (link->queue_head[c] != 0)
			return true;
	return false;
}

/* Whether another segment may go: all peers together have a bound too, and one
 * that does not read must not use it up. */
static bool has_room(const struct rep_node *node, const struct rep_link *link)
{
	return link->inflight < link->credit &&
	       (node->inflight < TR_CREDIT_ALL || link->inflight < TR_CREDIT_SHARE);
}

/* A class's turn: until its deficit, the credit or its queue is used up. */
static void send_class(struct rep_node *node, struct rep_link *link, unsigned cls, struct frame *frame)
{
	link->deficit[cls] += quantum[cls];
	while (link->deficit[cls] > 0 && has_room(node, link) && node->rc == 0) {
		struct rep_log *log = rep_queue_take(node, link, cls);
		uint64_t before = link->inflight;
		bool more = true;

		if (log == NULL)
			break;
		for (int i = 0; i < RUN_MAX && more && has_room(node, link); i++)
			more = add_one(node, link, log, frame);
		if (lower_waits(link, cls))
			link->deficit[cls] -= (int32_t)(link->inflight - before);
		rep_queue_send(node, link, log); /* no-op when all is sent */
		if (!more && link->inflight == before)
			break;
	}
	if (link->queue_head[cls] == 0 || link->deficit[cls] > quantum[cls])
		link->deficit[cls] = 0;
}

static void send_link(struct rep_node *node, struct rep_link *link)
{
	struct frame *frame = node->frame;
	uint64_t before;

	if (link->state != REP_LINK_LIVE || rep_queue_is_empty(link))
		return;
	do {
		before = link->inflight;
		for (unsigned cls = 0; cls < REP_CLASSES; cls++) {
			start_frame(frame);
			send_class(node, link, cls, frame);
			flush_frame(node, link, frame);
		}
	} while (link->inflight > before && has_room(node, link) && node->rc == 0);
	wire_arena_reset(node->arena);
}

void rep_plan_send(struct rep_node *node, struct rep_link *link)
{
	node->inflight = link->inflight;
	send_link(node, link);
}

void rep_plan_send_all(struct rep_node *node)
{
	node->inflight = 0;
	for (size_t i = 0; i < node->link_count; i++)
		node->inflight += node->links[i]->inflight;
	for (size_t i = 0; i < node->link_count && node->rc == 0; i++)
		send_link(node, node->links[i]);
}

size_t rep_plan_scratch(void)
{
	return sizeof(struct frame);
}
