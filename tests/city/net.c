/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links: a rate and a latency in each direction, and times at which nothing
 * passes.  As TCP: in order, nothing lost while both ends keep the connection;
 * what is sent into a cut waits for its end, and nobody is told of the cut.
 */
#include "tests/city/city.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define SYN_MS 20000 /* a dial into a cut gives up */

/* Bytes a second, up and down; milliseconds, one way; mean times. */
static const struct kind {
	int64_t rate[2], latency_ms, jitter_ms;
	double up_ms, down_ms;
} kinds[CITY_PROFILES] = {
	[CITY_FIBRE] = {{2500000, 2500000}, 8, 10, 12.0 * CITY_DAY, 3.0 * CITY_HOUR},
	[CITY_2G] = {{4000, 2000}, 450, 500, 1.5 * CITY_DAY, 40.0 * CITY_MINUTE},
	[CITY_STICK] = {{1, 1}, 0, 0, 0, 0},
};

bool city_net_is_whole(const struct city *c, uint32_t child)
{
	const struct city_link *l = &c->host[child].link;

	return l->cuts == 0 && l->child_conn != 0 && l->child_conn == l->parent_conn;
}

static void drop_held(struct city_link *l)
{
	struct city_frame *f = l->held, *next;

	for (; f != NULL; f = next) {
		next = f->next;
		free(f);
	}
	l->held = NULL;
	l->held_tail = &l->held;
}

static void put_on_wire(struct city *c, uint32_t child, struct city_frame *f)
{
	struct city_host *h = &c->host[child];
	const struct kind *k = &kinds[h->profile];
	struct city_way *way = &h->link.way[f->up];
	int64_t at;

	if (way->busy_ms < c->now_ms)
		way->busy_ms = c->now_ms;
	way->busy_ms += (f->size * 1000 + k->rate[f->up] - 1) / k->rate[f->up];
	at = way->busy_ms + h->link.latency_ms + sim_rng_between(&c->net_rng, 0, k->jitter_ms / 4);
	way->last_ms = at > way->last_ms ? at : way->last_ms;
	city_heap_push(&c->heap, (struct city_ev){
	    .at_ms = way->last_ms, .kind = CITY_EV_FRAME, .host = child, .arg.p = f});
}

static uint32_t child_at(const struct city *c, uint32_t host, uint32_t link)
{
	const struct city_host *h = &c->host[host];

	if (link == REP_LINK_UP)
		return host;
	for (uint32_t i = h->first_child; i < h->first_child + h->child_count; i++)
		if (c->host[i].link.parent_conn != 0 && c->host[i].link.parent_link == link)
			return i;
	return CITY_NONE;
}

void city_net_send(struct city *c, uint32_t host, uint32_t link, struct tr_bytes bytes)
{
	uint32_t child = child_at(c, host, link);
	bool up = link == REP_LINK_UP;
	struct city_link *l;
	struct city_frame *f;

	if (link == CITY_ENROL_LINK)
		city_found_answer(c, bytes);
	if (child == CITY_NONE)
		return;
	l = &c->host[child].link;
	if ((up ? l->child_conn : l->parent_conn) == 0)
		return; /* closed meanwhile */
	f = malloc(sizeof(*f) + bytes.size);
	TR_ASSERT(f != NULL);
	*f = (struct city_frame){.conn = up ? l->child_conn : l->parent_conn, .size = (uint32_t)bytes.size, .up = up};
	memcpy(f->data, bytes.data, bytes.size);
	city_watch_frame(c, host, child, up, bytes);
	if (l->cuts == 0) {
		put_on_wire(c, child, f);
		return;
	}
	*l->held_tail = f;
	l->held_tail = &f->next;
}

void city_net_dial(struct city *c, uint32_t host)
{
	struct city_host *h = &c->host[host];

	c->counts.dials++;
	h->link.child_conn = ++h->link.dialled;
	drop_held(&h->link);
	city_heap_push(&c->heap, (struct city_ev){
	    .at_ms = c->now_ms + (h->link.cuts != 0 ? SYN_MS : 2 * h->link.latency_ms + 1),
	    .kind = CITY_EV_UP, .host = host, .arg.v = h->link.child_conn});
}

static void tell_down(struct city *c, uint32_t child, bool at_parent, uint32_t conn, enum rep_down_why why)
{
	city_heap_push(&c->heap, (struct city_ev){
	    .at_ms = c->now_ms + c->host[child].link.latency_ms + 1, .kind = CITY_EV_DOWN, .host = child,
	    .arg.v = (uint64_t)conn << 8 | (uint64_t)at_parent << 4 | why});
}

void city_net_close(struct city *c, uint32_t host, uint32_t link)
{
	uint32_t child = child_at(c, host, link), conn;
	bool up = link == REP_LINK_UP;
	struct city_link *l;

	if (child == CITY_NONE)
		return;
	l = &c->host[child].link;
	conn = up ? l->child_conn : l->parent_conn;
	*(up ? &l->child_conn : &l->parent_conn) = 0;
	if (conn != 0 && l->cuts == 0)
		tell_down(c, child, up, conn, REP_DOWN_CLOSED);
}

static void on_up(struct city *c, const struct city_ev *ev)
{
	struct city_host *h = &c->host[ev->host];
	struct city_link *l = &h->link;
	struct rep_event event = {.kind = REP_EV_LINK_UP, .user = h->curve};

	if (h->node == NULL || l->child_conn != ev->arg.v)
		return;
	if (l->cuts != 0 || c->host[h->parent].node == NULL) {
		tell_down(c, ev->host, false, l->child_conn, REP_DOWN_UNREACHABLE);
		return;
	}
	l->parent_conn = l->child_conn;
	l->parent_link = event.link = ++c->host[h->parent].last_link;
	l->beat_ms = c->now_ms;
	city_host_step(c, h->parent, &event);
	event.link = REP_LINK_UP;
	event.user = (struct tr_key){{0}};
	city_host_step(c, ev->host, &event);
}

static void on_down(struct city *c, const struct city_ev *ev)
{
	struct city_host *h = &c->host[ev->host];
	uint32_t conn = (uint32_t)(ev->arg.v >> 8);
	bool at_parent = (ev->arg.v >> 4 & 1) != 0;
	struct rep_event event = {.kind = REP_EV_LINK_DOWN, .down = (enum rep_down_why)(ev->arg.v & 15)};
	uint32_t *end = at_parent ? &h->link.parent_conn : &h->link.child_conn;

	if (*end != conn)
		return;
	*end = 0;
	event.link = at_parent ? h->link.parent_link : REP_LINK_UP;
	city_host_step(c, at_parent ? h->parent : ev->host, &event);
}

static void on_frame(struct city *c, const struct city_ev *ev)
{
	struct city_frame *f = ev->arg.p;
	struct city_link *l = &c->host[ev->host].link;
	struct rep_event event = {
	    .kind = REP_EV_FRAME,
	    .link = f->up ? l->parent_link : REP_LINK_UP,
	    .frame = {f->data, f->size},
	};

	if ((f->up ? l->parent_conn : l->child_conn) == f->conn)
		city_host_step(c, f->up ? c->host[ev->host].parent : ev->host, &event);
	free(f);
}

static void schedule(struct city *c, uint32_t child, double mean_ms, uint32_t kind)
{
	double u = (double)(sim_rng_next(&c->net_rng) >> 11) / 9007199254740992.0;
	int64_t in_ms = (int64_t)(-log(1.0 - u) * mean_ms) + 1000;

	city_heap_push(&c->heap, (struct city_ev){.at_ms = c->now_ms + in_ms, .kind = kind, .host = child});
}

static void on_cut(struct city *c, uint32_t child)
{
	struct city_host *h = &c->host[child];

	if (c->is_resting)
		return;
	city_idle_link(c, child); /* heard until now */
	h->link.cuts = 1;
	c->counts.cuts++;
	schedule(c, child, kinds[h->profile].down_ms, CITY_EV_HEAL);
	/* both ends now wait for beats that do not come */
	if (h->node != NULL)
		city_host_wake(c, child);
	if (c->host[h->parent].node != NULL)
		city_host_wake(c, h->parent);
}

static void heal(struct city *c, uint32_t child)
{
	struct city_link *l = &c->host[child].link;
	struct city_frame *f = l->held, *next;

	l->cuts = 0;
	l->held = NULL;
	l->held_tail = &l->held;
	for (; f != NULL; f = next) {
		next = f->next;
		f->next = NULL;
		put_on_wire(c, child, f);
	}
}

static void on_heal(struct city *c, uint32_t child)
{
	if (c->host[child].link.cuts == 0)
		return;
	heal(c, child);
	schedule(c, child, kinds[c->host[child].profile].up_ms, CITY_EV_CUT);
}

void city_net_gone(struct city *c, uint32_t host)
{
	struct city_link *l = &c->host[host].link;

	l->child_conn = 0; /* nobody hears of it: the parent finds out by silence */
	drop_held(l);
	if (c->host[c->host[host].parent].node != NULL)
		city_host_wake(c, c->host[host].parent);
}

void city_net_event(struct city *c, const struct city_ev *ev)
{
	switch (ev->kind) {
	case CITY_EV_FRAME: on_frame(c, ev); break;
	case CITY_EV_UP: on_up(c, ev); break;
	case CITY_EV_DOWN: on_down(c, ev); break;
	case CITY_EV_CUT: on_cut(c, ev->host); break;
	case CITY_EV_HEAL: on_heal(c, ev->host); break;
	case CITY_EV_POWER_OFF:
		if (!c->is_resting) {
			city_idle_link(c, ev->host);
			city_host_power_off(c, ev->host);
			c->counts.power_cuts++;
		}
		break;
	case CITY_EV_POWER_ON: city_host_boot(c, ev->host); break;
	default: TR_UNREACHABLE("not an event of the network");
	}
}

/* A village without power for days: one community in fifty, once. */
static void plan_power_cut(struct city *c, uint32_t leaf)
{
	int64_t at, span = c->end_ms - CITY_START_MS;

	if (!sim_rng_chance(&c->net_rng, 20))
		return;
	at = c->now_ms + (int64_t)sim_rng_below(&c->net_rng, (uint64_t)span);
	city_heap_push(&c->heap, (struct city_ev){.at_ms = at, .kind = CITY_EV_POWER_OFF, .host = leaf});
	at += sim_rng_between(&c->net_rng, CITY_DAY, 5 * CITY_DAY);
	city_heap_push(&c->heap, (struct city_ev){.at_ms = at, .kind = CITY_EV_POWER_ON, .host = leaf});
}

void city_net_start(struct city *c)
{
	for (uint32_t i = 1; i < c->host_count; i++) {
		if (c->host[i].profile != CITY_STICK)
			schedule(c, i, kinds[c->host[i].profile].up_ms, CITY_EV_CUT);
		if (c->host[i].level == CITY_LEAF)
			plan_power_cut(c, i);
	}
}

void city_net_heal_all(struct city *c)
{
	for (uint32_t i = 1; i < c->host_count; i++) {
		if (c->host[i].link.cuts != 0)
			heal(c, i);
		city_host_boot(c, i);
	}
}
