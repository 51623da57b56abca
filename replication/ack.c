/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/ack.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/queue.h"
#include "replication/snap.h"
#include "replication/unit.h"

#define SENT_MAX 8192
#define ACK_METERED_BYTES (TR_CREDIT_METERED / 2) /* before the window is full */
#define ACK_METERED_MS 2000

static struct rep_sent *sent_at(const struct rep_link *link, size_t i)
{
	return &link->sent[(link->sent_first + i) % link->sent_cap];
}

static bool grow(struct rep_node *node, struct rep_link *link)
{
	size_t cap = link->sent_cap ? link->sent_cap * 2 : 64;
	struct rep_sent *more;

	if (link->sent_count < link->sent_cap)
		return true;
	if (cap > SENT_MAX)
		return false;
	more = calloc(cap, sizeof(*more));
	if (more == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return false;
	}
	for (size_t i = 0; i < link->sent_count; i++)
		more[i] = *sent_at(link, i);
	free(link->sent);
	link->sent = more;
	link->sent_cap = cap;
	link->sent_first = 0;
	return true;
}

bool rep_ack_sent(struct rep_node *node, struct rep_link *link, const struct rep_log *log,
    uint64_t last, size_t bytes, int64_t origin_ms)
{
	if (!grow(node, link))
		return false;
	link->sent_count++;
	*sent_at(link, link->sent_count - 1) =
	    (struct rep_sent){log->handle, last, (uint32_t)bytes, origin_ms};
	link->inflight += bytes;
	return true;
}

static void delay(struct rep_node *node, struct rep_link *link, int64_t origin_ms)
{
	int64_t ms = rep_node_now_ms(node) - origin_ms;

	if (ms < 0)
		ms = 0;
	if (ms > UINT32_MAX)
		ms = UINT32_MAX;
	link->delays[link->delay_count++ % REP_DELAYS] = (uint32_t)ms;
}

static void release(struct rep_node *node, struct rep_link *link)
{
	while (link->sent_count > 0) {
		const struct rep_sent *s = sent_at(link, 0);
		struct rep_log *log = rep_log_get(node, s->log);

		if (rep_queue_way(link, log)->acked < s->last)
			break;
		link->inflight -= s->bytes;
		delay(node, link, s->origin_ms);
		link->sent_first = (link->sent_first + 1) % link->sent_cap;
		link->sent_count--;
	}
}

/* It verified a segment of this author: no need to send the certificate again. */
static void note_cert(struct rep_node *node, struct rep_link *link, const struct rep_log *log)
{
	const struct rep_unit *unit = rep_unit_find(node, log->id.author);
	struct rep_key key = rep_key_peer_cert(link->peer, log->id.author, log->serial);
	uint8_t row[1];

	if (!rep_link_has_sent(link, log->id.author, log->serial))
		return;
	row[0] = unit->cert.registered && unit->cert.serial == log->serial;
	rep_node_put(node, REP_T_PEER, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
}

void rep_ack_policy(struct rep_node *node, const struct rep_link *link, const struct rep_log *log, uint64_t seq)
{
	struct rep_unit *unit = rep_unit_find(node, link->peer);

	if (log->id.lane != TR_LANE_P || seq != log->seq || log->id.author.v != node->top.nid.v ||
	    unit->policy >= node->policy.version)
		return;
	unit->policy = node->policy.version;
	if (link->way == REP_WAY_DOWN)
		unit->summary_dirty = node->summaries_dirty = true;
}

/* The row, and those below it that it left. */
static void store_acked(struct rep_node *node, struct rep_log *log)
{
	for (; log != NULL; log = rep_log_get(node, log->parent))
		rep_log_store(node, log);
}

int rep_ack_take(struct rep_node *node, struct rep_link *link, const Terrace__Frontier *msg)
{
	for (size_t i = 0; i < msg->n_e; i++) {
		struct rep_log *log = rep_log_get(node, msg->e[i]->log);
		uint64_t before;

		if (log == NULL || log->id.author.v == 0 || !rep_queue_carries(node, link, &log->id))
			return TR_E_INPUT;
		/* which branch it is of, the place says and not the handle */
		log = rep_log_locate(node, log, msg->e[i]->seq, msg->e[i]->h4);
		if (log == NULL)
			continue;
		before = rep_queue_way(link, log)->acked;
		rep_queue_has(node, link, log, msg->e[i]->seq);
		if (before < log->low) /* by a snapshot: the next one */
			rep_snap_again(node, link);
		if (rep_queue_way(link, log)->acked == before)
			continue;
		rep_ack_policy(node, link, log, rep_queue_way(link, log)->acked);
		store_acked(node, log);
		if (before == 0)
			note_cert(node, link, log);
	}
	if (msg->credit != 0 && msg->credit <= TR_CREDIT_FIBRE)
		link->credit = msg->credit;
	release(node, link);
	return 0;
}

static bool is_due(const struct rep_node *node, const struct rep_link *link)
{
	if (link->ack_head == 0)
		return false;
	if (link->profile == TR_PROFILE_FIBRE)
		return true;
	return link->ack_bytes >= ACK_METERED_BYTES || node->mono_ms - link->ack_since_ms >= ACK_METERED_MS;
}

void rep_ack_send(struct rep_node *node, struct rep_link *link)
{
	Terrace__FEnt ents[TR_FRONTIER_ENTRIES_MAX];
	Terrace__FEnt *list[TR_FRONTIER_ENTRIES_MAX];

	while (is_due(node, link)) {
		Terrace__Msg msg = TERRACE__MSG__INIT;
		Terrace__Frontier f = TERRACE__FRONTIER__INIT;
		struct rep_log *log;
		size_t n = 0;

		while (n < TR_FRONTIER_ENTRIES_MAX && (log = rep_queue_take_ack(node, link)) != NULL) {
			uint32_t theirs = rep_queue_way(link, rep_branch_first(node, log))->theirs;
			uint64_t seq = rep_queue_way(link, log)->acked;
			struct tr_hash hash;

			/* a place that it has itself: of another branch it would understand nothing */
			if (theirs == 0 || rep_log_hash_at(node, log, seq, &hash) != 0)
				continue;
			terrace__fent__init(&ents[n]);
			ents[n].log = theirs;
			ents[n].seq = seq;
			ents[n].h4 = wire_get_le32(hash.b);
			list[n] = &ents[n];
			n++;
		}
		f.mode = TR_FRONTIER_DELTA;
		f.n_e = n;
		f.e = list;
		msg.m_case = TERRACE__MSG__M_FRONTIER;
		msg.frontier = &f;
		if (n > 0)
			rep_link_send(node, link, &msg);
		link->ack_bytes = 0;
	}
}
