/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beats by arithmetic.  On a whole link whose ends are both in session nothing
 * but PING and its answer would pass, 700 million times in 30 days.  They are
 * counted, and both ends are told that they were heard, whenever somebody looks.
 * A cut link is left to the core: it finds out by silence.
 *
 * This file alone reaches into the core's structs.
 */
#include "tests/city/city.h"

#include "replication/link.h"
#include "replication/step.h"

#define PING_BYTES 20 /* of this size when measured: session, count, number, time */
#define PONG_BYTES 29

static bool in_session(const struct rep_link *link)
{
	return link->state == REP_LINK_LIVE || link->state == REP_LINK_COMPARE;
}

static uint32_t child_of(const struct city *c, uint32_t host, size_t i)
{
	return i == 0 ? host : city_host_of(c, c->host[host].node->links[i]->peer);
}

static bool is_idle_link(const struct city *c, uint32_t child, const struct rep_link *link)
{
	return child != CITY_NONE && child != 0 && in_session(link) && !link->paused && city_net_is_whole(c, child);
}

static struct rep_link *parents_end(const struct city *c, uint32_t child)
{
	const struct city_host *h = &c->host[child];
	struct rep_link *link = rep_link_find(c->host[h->parent].node, h->link.parent_link);

	return link != NULL && in_session(link) ? link : NULL;
}

static void heard(struct rep_node *node, struct rep_link *link, int64_t mono_ms)
{
	(void)node;
	if (link->rx_ms < mono_ms)
		link->rx_ms = mono_ms;
	if (link->tx_ms < mono_ms)
		link->tx_ms = mono_ms;
}

void city_idle_link(struct city *c, uint32_t child)
{
	struct city_host *h = &c->host[child];
	struct rep_link *up, *down;
	int64_t mono_ms = c->now_ms + 1, beat_ms, from;

	if (h->node == NULL || !city_net_is_whole(c, child))
		return;
	up = h->node->links[0];
	down = parents_end(c, child);
	if (!in_session(up) || down == NULL)
		return;
	beat_ms = (int64_t)up->beat_s * 1000;
	from = up->tx_ms > h->link.beat_ms ? up->tx_ms : h->link.beat_ms;
	if (mono_ms > from && from > 0) {
		uint64_t beats = (uint64_t)((mono_ms - from) / beat_ms);

		h->link.way[1].bytes[CITY_C_BEAT] += beats * PING_BYTES;
		h->link.way[0].bytes[CITY_C_BEAT] += beats * PONG_BYTES;
		h->link.way[0].frames += beats;
		h->link.way[1].frames += beats;
		h->link.beat_ms = from + (int64_t)beats * beat_ms;
	}
	heard(h->node, up, mono_ms);
	heard(c->host[h->parent].node, down, mono_ms);
	if (h->node->has_offset) /* a beat compares the clocks */
		h->node->offset_mono_ms = mono_ms;
}

void city_idle_catch_up(struct city *c, uint32_t host)
{
	const struct city_host *h = &c->host[host];

	if (host != 0)
		city_idle_link(c, host);
	for (uint32_t i = 0; i < h->child_count; i++)
		city_idle_link(c, h->first_child + i);
}

bool city_idle_has_slept(const struct city *c, uint32_t host)
{
	return c->now_ms + 1 - c->host[host].node->check_mono_ms >= CITY_MINUTE;
}

/* As rep_link_deadline(), the beat left out. */
static int64_t work_deadline(const struct rep_node *node, const struct rep_link *link)
{
	int64_t at = INT64_MAX;

	if (rep_link_has_news(node, link))
		return node->mono_ms;
	if (link->state == REP_LINK_COMPARE)
		at = link->deadline_ms;
	else if (link->ack_head != 0)
		at = link->ack_since_ms + 2000;
	if (link->mend_ms != 0 && link->mend_ms < at)
		at = link->mend_ms;
	return at;
}

int64_t city_idle_deadline(struct city *c, uint32_t host)
{
	const struct city_host *h = &c->host[host];
	const struct rep_node *node = h->node;
	int64_t at = h->hour_ms + CITY_HOUR + 1, due = rep_step_due(node);

	at = due < at ? due : at;
	for (size_t i = 0; i < node->link_count; i++) {
		const struct rep_link *link = node->links[i];

		due = is_idle_link(c, child_of(c, host, i), link) ? work_deadline(node, link) : rep_link_deadline(node, link);
		at = due < at ? due : at;
	}
	return at == INT64_MAX ? at : at - 1; /* mono runs one ahead of now */
}
