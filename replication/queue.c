/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/queue.h"

#include <stdlib.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/log.h"
#include "replication/unit.h"

unsigned rep_queue_class(uint8_t lane)
{
	switch (lane) {
	case TR_LANE_E: return 0;
	case TR_LANE_P:
	case TR_LANE_X: return 1;
	case TR_LANE_R: return 2;
	default: return 3;
	}
}

/* Lane P of a node goes to all its children, each with a place of its own. */
static bool is_fan(const struct rep_link *link, const struct rep_log *log)
{
	return log->id.lane == TR_LANE_P && link->slot == REP_WAY_DOWN;
}

const struct rep_way *rep_queue_way_known(const struct rep_link *link, const struct rep_log *log)
{
	uint32_t at;
	size_t pos;

	if (!is_fan(link, log))
		return &log->way[link->slot];
	return rep_map_first(&link->fan, log->handle, &pos, &at) ? link->fan_way[at] : NULL;
}

static struct rep_way *fan_way(struct rep_link *link, const struct rep_log *log)
{
	struct rep_way **more, *way;
	uint32_t at;
	size_t pos;

	if (rep_map_first(&link->fan, log->handle, &pos, &at))
		return link->fan_way[at];
	more = tr_grow(link->fan_way, link->fan_count, &link->fan_cap, sizeof(struct rep_way *));
	if (more == NULL)
		return NULL;
	link->fan_way = more;
	way = calloc(1, sizeof(*way));
	if (way == NULL || !rep_map_add(&link->fan, log->handle, (uint32_t)link->fan_count)) {
		free(way);
		return NULL;
	}
	way->acked = log->fork;
	link->fan_way[link->fan_count++] = way;
	return way;
}

struct rep_way *rep_queue_way(struct rep_link *link, struct rep_log *log)
{
	struct rep_way *way = &log->way[link->slot];

	if (is_fan(link, log)) {
		way = fan_way(link, log);
		if (way == NULL) { /* a place to write until the step ends */
			rep_node_fail(link->node, TR_E_NOMEM);
			link->lost = (struct rep_way){.unsure = true, .ack_queued = true};
			return &link->lost;
		}
	}
	if (way->session != link->epoch) {
		way->session = link->epoch;
		way->sent = way->acked;
		way->said = 0;
		way->theirs = 0;
		way->theirs_count = way->entries = way->indexes = 0;
		way->defined = way->unsure = way->unknown = way->parted = way->index_sent = false;
		way->queued = way->ack_queued = false;
		way->next_send = way->next_ack = 0;
		way->over = 0;
	}
	return way;
}

bool rep_queue_in_reach(const struct rep_node *node, const struct rep_link *link, struct tr_nid scope)
{
	struct tr_nid below = link->way == REP_WAY_UP ? node->cert.nid : link->peer;

	return rep_unit_under(node, scope, below);
}

bool rep_queue_carries(const struct rep_node *node, const struct rep_link *link, const struct tr_log_id *id)
{
	struct tr_nid below = link->way == REP_WAY_UP ? node->cert.nid : link->peer;

	return rep_unit_under(node, id->scope, below) ||
	       (id->lane == TR_LANE_P && rep_unit_under(node, below, id->scope));
}

static struct rep_log *carried(const struct rep_node *node, const struct rep_link *link, struct rep_log *log)
{
	while (log != NULL && !rep_queue_carries(node, link, &log->id))
		log = rep_log_get(node, log->next_in_scope);
	return log;
}

struct rep_log *rep_queue_first(const struct rep_node *node, const struct rep_link *link, const struct rep_unit *scope)
{
	return carried(node, link, rep_log_get(node, scope->first_log));
}

struct rep_log *rep_queue_next(const struct rep_node *node, const struct rep_link *link, const struct rep_log *log)
{
	return carried(node, link, rep_log_get(node, log->next_in_scope));
}

struct rep_link *rep_queue_link(const struct rep_node *node, const struct rep_log *log, unsigned way)
{
	struct rep_link *link = NULL;

	if (way == REP_WAY_UP) {
		link = node->links[0];
		if (!rep_queue_carries(node, link, &log->id))
			return NULL;
	} else {
		const struct rep_unit *child = rep_unit_child_towards(node, log->id.scope);
		uint32_t number;
		size_t pos;

		for (bool ok = child != NULL && rep_map_first(&node->by_link, child->nid.v, &pos, &number);
		     ok; ok = rep_map_next(&node->by_link, child->nid.v, &pos, &number))
			if (node->links[number]->peer.v == child->nid.v)
				link = node->links[number];
	}
	return link != NULL && link->state == REP_LINK_LIVE ? link : NULL;
}

/* Whether it is to be in the queue, and is not. */
static bool enters(struct rep_link *link, struct rep_log *log)
{
	struct rep_way *way = rep_queue_way(link, log);

	if (way->queued || way->unsure || way->sent >= log->seq)
		return false;
	if (way->sent < log->low) { /* what it lacks was dropped here */
		link->snap_lacks = true;
		return false;
	}
	way->queued = true;
	way->next_send = 0;
	return true;
}

void rep_queue_send(struct rep_node *node, struct rep_link *link, struct rep_log *log)
{
	unsigned cls = rep_queue_class(log->id.lane);

	if (!enters(link, log))
		return;
	if (link->queue_head[cls] == 0)
		link->queue_head[cls] = log->handle;
	else
		rep_queue_way(link, rep_log_get(node, link->queue_tail[cls]))->next_send = log->handle;
	link->queue_tail[cls] = log->handle;
}

void rep_queue_again(struct rep_link *link, struct rep_log *log)
{
	struct rep_way *way = rep_queue_way(link, log);
	unsigned cls = rep_queue_class(log->id.lane);

	if (!enters(link, log))
		return;
	way->next_send = link->queue_head[cls];
	if (link->queue_head[cls] == 0)
		link->queue_tail[cls] = log->handle;
	link->queue_head[cls] = log->handle;
}

void rep_queue_raise(const struct rep_node *node, struct rep_link *link, struct rep_log *log, uint64_t seq)
{
	for (; log != NULL && seq > 0; log = rep_log_get(node, log->parent)) {
		struct rep_way *way = rep_queue_way(link, log);

		if (way->sent < seq)
			way->sent = seq;
		if (way->acked < seq && !way->unsure)
			way->acked = seq;
		seq = log->fork;
	}
}

void rep_queue_sure(struct rep_node *node, struct rep_link *link, struct rep_log *log)
{
	struct rep_way *way = rep_queue_way(link, log);

	if (!way->unsure)
		return;
	way->unsure = false;
	way->acked = way->sent;
	rep_log_store(node, log);
	if (link->state == REP_LINK_LIVE)
		rep_queue_send(node, link, log);
}

void rep_queue_has(struct rep_node *node, struct rep_link *link, struct rep_log *log, uint64_t seq)
{
	rep_queue_raise(node, link, log, seq);
	for (; log != NULL; log = rep_log_get(node, log->parent)) {
		rep_queue_sure(node, link, log);
		if (log->low != 0 && link->state == REP_LINK_LIVE)
			rep_queue_send(node, link, log); /* it was not to be had behind what was dropped; now it is */
	}
}

/* The levels above are told how much waits for a child that is away. */
static void note_waiting(struct rep_node *node, const struct rep_log *log)
{
	struct rep_unit *child = rep_unit_child_towards(node, log->id.scope);

	if (child != NULL)
		child->waiting_dirty = node->counts_dirty = true;
}

static void offer_to_all(struct rep_node *node, struct rep_log *log)
{
	for (size_t i = 1; i < node->link_count; i++)
		if (node->links[i]->state == REP_LINK_LIVE && node->links[i]->peer.v != 0 &&
		    rep_queue_carries(node, node->links[i], &log->id))
			rep_queue_send(node, node->links[i], log);
}

void rep_queue_offer(struct rep_node *node, struct rep_log *log)
{
	if (log->id.lane == TR_LANE_P) {
		struct rep_link *up = rep_queue_link(node, log, REP_WAY_UP);

		if (up != NULL)
			rep_queue_send(node, up, log);
		offer_to_all(node, log);
		return;
	}
	for (unsigned way = 0; way < 2; way++) {
		struct rep_link *link = rep_queue_link(node, log, way);

		if (link != NULL)
			rep_queue_send(node, link, log);
		else if (way == REP_WAY_DOWN && !node->is_top)
			note_waiting(node, log);
	}
}

struct rep_log *rep_queue_take(struct rep_node *node, struct rep_link *link, unsigned cls)
{
	struct rep_log *log = rep_log_get(node, link->queue_head[cls]);
	struct rep_way *way;

	if (log == NULL)
		return NULL;
	way = rep_queue_way(link, log);
	link->queue_head[cls] = way->next_send;
	if (link->queue_head[cls] == 0)
		link->queue_tail[cls] = 0;
	way->queued = false;
	way->next_send = 0;
	return log;
}

bool rep_queue_is_empty(const struct rep_link *link)
{
	for (unsigned cls = 0; cls < REP_CLASSES; cls++)
		if (link->queue_head[cls] != 0)
			return false;
	return true;
}

void rep_queue_ack(struct rep_node *node, struct rep_link *link, struct rep_log *log)
{
	struct rep_way *way = rep_queue_way(link, log);

	if (way->ack_queued)
		return;
	way->ack_queued = true;
	way->next_ack = 0;
	if (link->ack_head == 0) {
		link->ack_head = log->handle;
		link->ack_since_ms = node->mono_ms;
	} else {
		rep_queue_way(link, rep_log_get(node, link->ack_tail))->next_ack = log->handle;
	}
	link->ack_tail = log->handle;
}

struct rep_log *rep_queue_take_ack(struct rep_node *node, struct rep_link *link)
{
	struct rep_log *log = rep_log_get(node, link->ack_head);
	struct rep_way *way;

	if (log == NULL)
		return NULL;
	way = rep_queue_way(link, log);
	link->ack_head = way->next_ack;
	if (link->ack_head == 0)
		link->ack_tail = 0;
	way->ack_queued = false;
	way->next_ack = 0;
	return log;
}

void rep_queue_clear(struct rep_node *node, struct rep_link *link)
{
	for (unsigned cls = 0; cls < REP_CLASSES; cls++)
		while (rep_queue_take(node, link, cls) != NULL)
			;
	while (rep_queue_take_ack(node, link) != NULL)
		;
}
