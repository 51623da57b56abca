/* SPDX-License-Identifier: Apache-2.0 */
/* A damaged segment: asked for, given, put in its place. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/mend.h"
#include "replication/queue.h"
#include "replication/unit.h"
#include "replication/verify.h"

#define WANT_MS 10000   /* how long an answer is waited for before another one is asked for */
#define SERVE_MS 1000   /* a peer asks once in so long; what comes faster is no repair */
#define SERVE_BYTES (64 * 1024)

/* --------------------------------------------------------------------- asking */

static struct rep_link *link_of(const struct rep_node *node, struct tr_nid peer)
{
	return peer.v == node->links[0]->peer.v ? node->links[0] : rep_link_of_child(node, peer);
}

static bool is_live(const struct rep_link *link)
{
	return link != NULL && link->state == REP_LINK_LIVE;
}

size_t rep_fault_holders(const struct rep_node *node, const struct rep_fault *fault, struct rep_fault_holder out[static 2])
{
	const struct rep_log *log = rep_log_get(node, fault->log);
	const struct rep_unit *child;
	size_t n = 0;

	if (fault->what != REP_FAULT_SEGMENT || log == NULL)
		return 0;
	if (!node->is_top && log->way[REP_WAY_UP].acked >= fault->last)
		out[n++].peer = node->links[0]->peer;
	child = rep_unit_child_towards(node, log->id.scope);
	if (child != NULL && log->way[REP_WAY_DOWN].acked >= fault->last)
		out[n++].peer = child->nid;
	for (size_t i = 0; i < n; i++)
		out[i].is_up = is_live(link_of(node, out[i].peer));
	return n;
}

int rep_mend_ask(struct rep_node *node, const struct rep_fault *fault)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Need need = TERRACE__NEED__INIT;
	struct rep_fault_holder holder[2];
	size_t n = rep_fault_holders(node, fault, holder), i = 0;
	struct rep_link *link;

	if (n == 0)
		return rep_log_get(node, fault->log) != NULL ? TR_E_NOPEER : TR_E_INPUT;
	while (i < n && !holder[i].is_up)
		i++;
	link = i < n ? link_of(node, holder[i].peer) : NULL;
	if (link == NULL)
		return TR_E_DOWN;
	if (link->want_log != 0 && node->mono_ms - link->want_ms < WANT_MS &&
	    (link->want_log != fault->log || link->want_last != fault->last))
		return TR_E_BUSY;
	if (link->want_log == fault->log && node->mono_ms - link->want_ms < 2 * SERVE_MS)
		return 0; /* it is on its way */
	rep_link_define(node, link, rep_log_get(node, fault->log));
	link->want_log = fault->log;
	link->want_first = fault->first;
	link->want_last = fault->last;
	link->want_ms = node->mono_ms;
	need.what = TR_NEED_SEGMENTS;
	need.log = fault->log;
	need.from = fault->first;
	need.to = fault->last;
	msg.m_case = TERRACE__MSG__M_NEED;
	msg.need = &need;
	rep_link_send(node, link, &msg);
	rep_node_trace(node, REP_TRACE_SEG_ASKED, link->peer, fault->first, fault->last, NULL);
	return 0;
}

/* --------------------------------------------------------------------- giving */

/* Segments from..to of the log, as many as one frame takes; what is damaged
 * here, too, is left out. */
static size_t collect(struct rep_node *node, struct rep_link *link, struct rep_log *log, const Terrace__Need *need,
    ProtobufCBinaryData out[static REP_MEND_SEGS_MAX], size_t n)
{
	union { const uint8_t *in; uint8_t *out; } cast; /* protobuf-c is not const correct */
	uint64_t seq = need->from > log->fork ? need->from : log->fork + 1;
	size_t bytes = 0;

	while (n < REP_MEND_SEGS_MAX && seq <= need->to && seq <= log->seq) {
		struct rep_chain_row row;
		Terrace__Seg *seg;

		int rc = rep_chain_find(node->raw, log->handle, seq, &row);

		if (rc == 0)
			rc = wire_seg_decode(node->arena, row.bytes, &seg);
		(void)rep_node_broken(node, rc);
		if (rc != 0 || seg->n_op == 0 || (n > 0 && bytes + row.bytes.size > SERVE_BYTES))
			break;
		for (size_t i = 0; i < seg->n_ctx; i++)
			if (rep_log_get(node, seg->ctx[i]->log) != NULL)
				rep_link_define(node, link, rep_log_get(node, seg->ctx[i]->log));
		cast.in = row.bytes.data; /* defining a log writes nothing */
		out[n++] = (ProtobufCBinaryData){row.bytes.size, cast.out};
		bytes += row.bytes.size;
		seq = row.last + 1;
	}
	return n;
}

int rep_mend_need(struct rep_node *node, struct rep_link *link, const Terrace__Need *need)
{
	ProtobufCBinaryData list[REP_MEND_SEGS_MAX];
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Segs segs = TERRACE__SEGS__INIT;
	struct rep_log *log = rep_link_theirs(node, link, need->log);

	/* its LOGDEF was checked: the scope is in reach, the author on its path */
	if (log == NULL || need->from == 0 || need->from > need->to)
		return TR_E_INPUT;
	if (link->serve_ms != 0 && node->mono_ms - link->serve_ms < SERVE_MS)
		return TR_E_BUSY;
	link->serve_ms = node->mono_ms;
	/* of all branches: which of them is damaged there, the handle does not say */
	for (log = rep_branch_first(node, log); log != NULL; log = rep_branch_next(node, log)) {
		rep_link_define(node, link, log);
		segs.n_seg = collect(node, link, log, need, list, segs.n_seg);
	}
	segs.seg = list;
	if (segs.n_seg == 0)
		return 0; /* it asks somebody else, or again */
	msg.m_case = TERRACE__MSG__M_SEGS;
	msg.segs = &segs;
	rep_link_send(node, link, &msg);
	return 0;
}

/* --------------------------------------------------------------------- taking */

bool rep_mend_is_wanted(const struct rep_link *link, const struct rep_log *log, uint64_t first, uint64_t last)
{
	return link->want_log == log->handle /* never of a bundle */ && first >= link->want_first && last <= link->want_last;
}

/* Does the segment behind it name this one?  0, also if there is none to ask; TR_E_FORGED; errors of disk and memory. */
static int ask_next(struct rep_node *node, const struct rep_log *log, struct rep_log *tip,
    const struct rep_chain_seg *seg, struct wire_arena *arena)
{
	uint64_t last = seg->first + seg->count - 1;
	uint8_t header[TR_SEG_HEADER_SIZE];
	struct rep_chain_seg next = {.first = last + 1};
	struct rep_chain_row row, other;
	Terrace__Seg *msg;
	int rc;

	if (last == log->seq)
		return memcmp(seg->hash.b, log->head.b, sizeof(seg->hash.b)) == 0 ? 0 : TR_E_FORGED;
	rc = rep_verify_row(node->raw, log, last + 1, arena, &row, &msg);
	if (rep_node_broken(node, rc))
		return rc;
	if (rc != 0)
		return 0; /* damaged as well: the signature alone says it, and the next one's repair */
	rep_chain_read(msg, &next);
	for (; next.ctx_count < msg->n_ctx; next.ctx_count++) {
		struct rep_vec_entry *e = &next.ctx[next.ctx_count];

		e->log = msg->ctx[next.ctx_count]->log;
		e->seq = msg->ctx[next.ctx_count]->seq;
		rc = rep_chain_find(node->raw, e->log, e->seq, &other);
		if (rc != 0)
			return rep_node_broken(node, rc) ? rc : 0;
		memcpy(e->h16, other.hash.b, sizeof(e->h16));
	}
	tip->head = seg->hash;
	return rep_chain_header(node, tip, &next, header) == 0 && memcmp(next.hash.b, row.hash.b, sizeof(row.hash.b)) == 0
	    ? 0 : TR_E_FORGED;
}

int rep_mend_put(struct rep_node *node, struct rep_link *link, struct rep_log *log, struct rep_log *tip,
    const struct rep_chain_seg *seg)
{
	uint64_t last = seg->first + seg->count - 1;
	struct wire_arena *arena;
	int rc = 0;

	for (uint16_t i = 0; i < seg->ctx_count && rc == 0; i++)
		rc = rep_log_vec_set(node, tip, seg->ctx[i].log, seg->ctx[i].seq, seg->ctx[i].h16);
	if (rc != 0)
		return rc;
	arena = wire_arena_create(); /* the node's holds the segment */
	if (arena == NULL)
		return TR_E_NOMEM;
	rc = ask_next(node, log, tip, seg, arena);
	wire_arena_free(arena);
	if (rc == TR_E_FORGED)
		rep_node_trace(node, REP_TRACE_SEG_FORGED, log->id.author, seg->first, link->peer.v, NULL);
	if (rc != 0)
		return rc;
	tip->head = seg->hash;
	tip->handle = log->handle; /* the first segment of a branch goes on from another row, and does not lie there */
	rep_chain_put(node, tip, seg, node->wall_ms);
	rep_node_trace(node, REP_TRACE_SEG_REPAIRED, link->peer, seg->first, last, NULL);
	if (last >= link->want_last)
		link->want_log = 0;
	else
		link->want_first = last + 1;
	return node->rc;
}
