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
#define SEGS_PER_FRAME_MAX 1024
#define TURNS 4  /* a frame has room for so many scopes' turns */
#define SHARE_R 4 /* frames, where lane B has one */

enum { CLASS_E, CLASS_X, CLASS_R, CLASS_B };

struct frame {
	Terrace__Segs segs;
	ProtobufCBinaryData list[SEGS_PER_FRAME_MAX];
	size_t bytes, max;
	bool is_full; /* the next segment goes into another */
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

static void start_frame(struct frame *frame, size_t max)
{
	terrace__segs__init(&frame->segs);
	frame->segs.seg = frame->list;
	frame->bytes = 0;
	frame->max = max;
	frame->is_full = false;
}

static void flush_frame(struct rep_node *node, struct rep_link *link, struct frame *frame)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;

	if (frame->segs.n_seg == 0)
		return;
	msg.m_case = TERRACE__MSG__M_SEGS;
	msg.segs = &frame->segs;
	rep_link_send(node, link, &msg);
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

/* One segment of this log (or of what it waits for) into the frame, if it has room. */
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
	    (frame->segs.n_seg > 0 && frame->bytes + bytes.size > frame->max)) {
		frame->is_full = true;
		return false;
	}
	for (size_t i = 0; i < seg->n_ctx; i++)
		rep_link_define(node, link, rep_log_get(node, seg->ctx[i]->log));
	rep_link_define(node, link, from);
	if (!rep_ack_sent(node, link, from, row.last, row.bytes.size, (int64_t)(seg->hlc >> 16)))
		return false;
	/* the row may have moved: defining a log reads the store, writes nothing */
	cast.in = bytes.data;
	frame->list[frame->segs.n_seg++] = (ProtobufCBinaryData){bytes.size, cast.out};
	frame->bytes += bytes.size + 4;
	frame->is_full = bytes.data == node->seg_row; /* the next one is made in the same place */
	rep_queue_way(link, from)->sent = row.last;
	node->inflight += row.bytes.size;
	return true;
}

/*
 * Whether another segment may go: all peers together have a bound too, and one
 * that does not read must not use it up.  An eighth is left to emergencies: they
 * wait for no acknowledgement.
 */
static bool has_room(const struct rep_node *node, const struct rep_link *link, unsigned cls)
{
	uint64_t eighths = cls == CLASS_E ? 8 : 7;

	return link->inflight < link->credit * eighths / 8 &&
	       (node->inflight < TR_CREDIT_ALL * eighths / 8 || link->inflight < TR_CREDIT_SHARE * eighths / 8);
}

/* A log's part of the turn of its scope, in bytes: the scope's logs of this lane share it. */
static int32_t turn_of(struct rep_node *node, struct rep_link *link, const struct rep_log *log)
{
	int32_t turn = (int32_t)(frame_max(link) / TURNS), logs = 1;

	for (struct rep_log *other = rep_log_first_of_scope(node, log->id.scope); other != NULL;
	     other = rep_log_get(node, other->next_in_scope))
		if (other->id.lane == log->id.lane && rep_queue_way(link, other)->queued)
			logs++;
	return turn / logs > 0 ? turn / logs : 1;
}

/* A log's turn, that has just been taken from its queue.  False: it can send nothing. */
static bool send_turn(struct rep_node *node, struct rep_link *link, struct rep_log *log, unsigned cls, struct frame *frame)
{
	struct rep_way *way = rep_queue_way(link, log);
	int32_t turn = turn_of(node, link, log), left = way->over < 0 ? -way->over : turn - way->over, sent = 0;
	uint64_t before = link->inflight;

	if (left <= 0) {
		way->over -= turn;
		return true;
	}
	while (sent < left && !frame->is_full && has_room(node, link, cls) && add_one(node, link, log, frame))
		sent = (int32_t)(link->inflight - before);
	way->over = sent >= left || frame->is_full || !has_room(node, link, cls) ? sent - left : 0;
	return sent > 0 || frame->is_full;
}

/* A frame of that class, of so many bytes or one segment.  Returns what is in flight with it; 0: nothing can go. */
static int32_t send_frame(struct rep_node *node, struct rep_link *link, unsigned cls, int32_t max)
{
	struct frame *frame = node->frame;
	uint64_t before = link->inflight;
	uint32_t stuck = 0; /* the first in the queue that could send nothing, since another could */
	struct rep_log *log;

	start_frame(frame, (size_t)max);
	while (!frame->is_full && has_room(node, link, cls) && node->rc == 0 &&
	    (log = rep_queue_take(node, link, cls)) != NULL) {
		bool is_round = log->handle == stuck;
		bool goes_on = !is_round && send_turn(node, link, log, cls, frame);

		if (rep_queue_way(link, log)->over < 0)
			rep_queue_again(link, log); /* the frame or the window ended its turn */
		else
			rep_queue_send(node, link, log); /* if there is more: behind the others */
		if (is_round)
			break;
		if (goes_on)
			stuck = 0;
		else if (stuck == 0 && rep_queue_way(link, log)->queued)
			stuck = log->handle;
	}
	flush_frame(node, link, frame);
	return (int32_t)(link->inflight - before);
}

/* A frame of R or B.  While both wait, R has SHARE_R bytes where B has one. */
static int32_t send_lower(struct rep_node *node, struct rep_link *link, int32_t max)
{
	int32_t frame = (int32_t)frame_max(link), sent;
	bool is_r;

	if (link->queue_head[CLASS_R] == 0 || link->queue_head[CLASS_B] == 0) {
		link->share_r = link->share_b = 0;
		return send_frame(node, link, link->queue_head[CLASS_R] != 0 ? CLASS_R : CLASS_B, max);
	}
	while (link->share_r <= 0 && link->share_b <= 0) {
		link->share_r += SHARE_R * frame;
		link->share_b += frame;
	}
	is_r = link->share_r > 0;
	sent = send_frame(node, link, is_r ? CLASS_R : CLASS_B, max);
	*(is_r ? &link->share_r : &link->share_b) -= sent;
	return sent > 0 ? sent : send_frame(node, link, is_r ? CLASS_B : CLASS_R, max);
}

/* X and what is below it, a frame each in turn; X begins.  A turn that the window cuts short goes on when there is room. */
static void send_turns(struct rep_node *node, struct rep_link *link)
{
	int32_t frame = (int32_t)frame_max(link), sent;

	if (link->queue_head[CLASS_X] == 0 || (link->queue_head[CLASS_R] == 0 && link->queue_head[CLASS_B] == 0)) {
		link->is_lower_turn = true;
		link->turn_left = 0;
		(void)(link->queue_head[CLASS_X] != 0 ? send_frame(node, link, CLASS_X, frame) : send_lower(node, link, frame));
		return;
	}
	if (link->turn_left <= 0) {
		link->is_lower_turn = !link->is_lower_turn;
		link->turn_left = frame;
	}
	sent = link->is_lower_turn ? send_lower(node, link, link->turn_left) : send_frame(node, link, CLASS_X, link->turn_left);
	link->turn_left = has_room(node, link, CLASS_X) ? 0 : link->turn_left - sent;
	if (sent == 0) /* all of them wait for something */
		(void)(link->is_lower_turn ? send_frame(node, link, CLASS_X, frame) : send_lower(node, link, frame));
}

static void send_link(struct rep_node *node, struct rep_link *link)
{
	uint64_t before;

	if (link->state != REP_LINK_LIVE || rep_queue_is_empty(link))
		return;
	do {
		before = link->inflight;
		while (send_frame(node, link, CLASS_E, (int32_t)frame_max(link)) > 0)
			;
		send_turns(node, link);
	} while (link->inflight > before && node->rc == 0);
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
