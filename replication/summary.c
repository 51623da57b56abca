/* SPDX-License-Identifier: Apache-2.0 */
/* SUMMARY: what a parent says of its children; soft state, newest per node, up only. */
#include "replication/head.h"

#include <string.h>

#include "proto/err.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/queue.h"
#include "replication/unit.h"
#include "replication/waiting.h"

#define EVERY_MS 5000
#define COUNTS_METERED_MS 600000 /* what waits for a child that is down: traffic for people only */

static enum tr_peer_state state_of(const struct rep_link *link)
{
	if (link == NULL || link->state == REP_LINK_NEVER)
		return TR_PEER_NEVER;
	if (link->state == REP_LINK_LIVE || link->state == REP_LINK_COMPARE)
		return TR_PEER_UP;
	if (link->seen_wall_ms == 0) /* paused before its first contact */
		return TR_PEER_NEVER;
	return link->state == REP_LINK_REFUSED ? TR_PEER_REFUSED : TR_PEER_DOWN;
}

/* A child of ours: from its link. */
static void observe(struct rep_node *node, struct rep_unit *unit)
{
	const struct rep_link *link = rep_link_of_child(node, unit->nid);
	struct rep_waiting waiting;

	unit->has_summary = true;
	unit->state = state_of(link);
	unit->summary_ms = node->wall_ms;
	if (rep_waiting(node, node->view, unit->nid, &waiting) != 0)
		rep_node_fail(node, TR_E_NOMEM);
	unit->waiting = waiting.ops;
	unit->waiting_bytes = waiting.bytes;
	unit->oldest_s = waiting.oldest_ms != 0 && waiting.oldest_ms < node->wall_ms
				 ? (uint64_t)(node->wall_ms - waiting.oldest_ms) / 1000
				 : 0;
	if (link != NULL) {
		unit->last_seen_ms = link->seen_wall_ms;
		memcpy(unit->version, link->version, sizeof(unit->version));
	}
}

static void send(struct rep_node *node, struct rep_link *up, const struct rep_unit *unit)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Summary s = TERRACE__SUMMARY__INIT;
	uint8_t version[sizeof(unit->version)];

	memcpy(version, unit->version, sizeof(version));
	s.nid = unit->nid.v;
	s.state = unit->state;
	s.waiting = unit->waiting;
	s.bytes = unit->waiting_bytes;
	s.oldest_s = (uint32_t)unit->oldest_s;
	s.last_seen_ms = (uint64_t)unit->last_seen_ms;
	s.policy = unit->policy;
	s.at_ms = (uint64_t)unit->summary_ms;
	s.version = (ProtobufCBinaryData){strlen(unit->version), version};
	msg.m_case = TERRACE__MSG__M_SUMMARY;
	msg.summary = &s;
	rep_link_send(node, up, &msg);
}

void rep_summary_flush(struct rep_node *node)
{
	struct rep_link *up = node->links[0];
	bool states = node->summaries_dirty && node->mono_ms >= node->summary_mono_ms;
	bool counts = node->counts_dirty && node->mono_ms >= node->counts_mono_ms;

	if (!states && !counts)
		return;
	if (states) {
		node->summaries_dirty = false;
		node->summary_mono_ms = node->mono_ms + EVERY_MS;
	}
	if (counts) {
		node->counts_dirty = false;
		node->counts_mono_ms = node->mono_ms + (up->profile == TR_PROFILE_FIBRE ? EVERY_MS : COUNTS_METERED_MS);
	}
	for (size_t i = 0; i < node->unit_count; i++) {
		struct rep_unit *unit = node->units[i];

		if (!unit->own_or_below || unit->nid.v == node->cert.nid.v)
			continue;
		if (!(states && (unit->summary_dirty || up->live_new)) && !(counts && unit->waiting_dirty))
			continue;
		unit->summary_dirty = unit->waiting_dirty = false;
		if (unit->parent.v == node->cert.nid.v) {
			observe(node, unit);
			/* It is on its way: look again until all is there. */
			if (unit->state == TR_PEER_UP && unit->waiting > 0)
				unit->waiting_dirty = node->counts_dirty = true;
		}
		if (!node->is_top && up->state == REP_LINK_LIVE && unit->has_summary)
			send(node, up, unit);
	}
	if (states)
		up->live_new = false;
}

void rep_summary_take(struct rep_node *node, const struct rep_link *link, const Terrace__Summary *msg)
{
	struct rep_unit *unit = rep_unit_find(node, (struct tr_nid){msg->nid});

	/* only about nodes below the child that says it */
	if (unit == NULL || link->way != REP_WAY_DOWN || unit->nid.v == link->peer.v ||
	    !rep_unit_under(node, unit->nid, link->peer) || msg->state > TR_PEER_REFUSED)
		return;
	unit->has_summary = true;
	unit->state = (enum tr_peer_state)msg->state;
	unit->waiting = msg->waiting;
	unit->waiting_bytes = msg->bytes;
	unit->oldest_s = msg->oldest_s;
	unit->last_seen_ms = (int64_t)msg->last_seen_ms;
	unit->summary_ms = (int64_t)msg->at_ms;
	unit->policy = msg->policy;
	memset(unit->version, 0, sizeof(unit->version));
	if (msg->version.len > 0 && msg->version.len < sizeof(unit->version))
		memcpy(unit->version, msg->version.data, msg->version.len);
	unit->summary_dirty = node->summaries_dirty = true;
}
