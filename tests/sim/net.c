/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links between child and parent.  Harder than TCP: frames of an open
 * connection may vanish, come twice or overtake each other.  A cut lets
 * frames vanish without a word; the ends hear of it much later, or never.
 */
#include "tests/sim/evil.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

static struct sim_conn *conn_of(struct sim_world *world, uint64_t number)
{
	return number != 0 && number <= world->conn_count ? &world->conn[number - 1] : NULL;
}

static int64_t delay(struct sim_world *world)
{
	return sim_rng_between(&world->net_rng, world->weather.delay_ms_min,
	    world->weather.delay_ms_max);
}

static uint64_t new_conn(struct sim_world *world, unsigned child)
{
	if (world->conn_count == world->conn_cap) {
		world->conn_cap = world->conn_cap ? world->conn_cap * 2 : 64;
		world->conn = realloc(world->conn, world->conn_cap * sizeof(*world->conn));
		TR_ASSERT(world->conn != NULL);
	}
	world->conn[world->conn_count] = (struct sim_conn){.child = child};
	return ++world->conn_count;
}

static void push_down(struct sim_world *world, uint64_t number, bool at_parent,
    enum rep_down_why why, int64_t in_ms)
{
	unsigned child = world->conn[number - 1].child;
	unsigned host = at_parent ? world->host[child].parent : child;

	sim_heap_push(&world->heap, (struct sim_ev){
	    .at_ms = world->now_ms + in_ms, .kind = SIM_EV_DOWN, .host = host,
	    .life = world->host[host].life, .conn = number, .a = why});
}

static void dial(struct sim_world *world, unsigned host, const struct tr_key *user, const struct tr_key *pinned)
{
	struct sim_host *h = &world->host[host];
	uint64_t number = new_conn(world, host);
	struct sim_conn *c = &world->conn[number - 1];

	c->user = *user;
	c->is_enrolment = pinned == NULL;
	if (pinned != NULL)
		c->pinned = *pinned;
	world->counts.dials++;
	if (h->up_conn != 0)
		sim_net_close(world, host, REP_LINK_UP);
	h->up_conn = number;
	sim_heap_push(&world->heap, (struct sim_ev){
	    .at_ms = world->now_ms + 2 * delay(world) + 1, .kind = SIM_EV_UP,
	    .host = host, .life = h->life, .conn = number});
}

void sim_net_dial(struct sim_world *world, unsigned host, const struct tr_key *parent)
{
	if (world->host[host].parent == SIM_NONE)
		sim_fail(world, host, "link", "the top node dials");
	dial(world, host, &world->host[host].curve, parent);
}

void sim_net_dial_enrol(struct sim_world *world, unsigned host, const struct tr_key *user)
{
	dial(world, host, user, NULL);
}

uint64_t sim_net_conn(const struct sim_world *world, unsigned host, uint32_t link)
{
	if (link == REP_LINK_UP)
		return world->host[host].up_conn;
	for (size_t i = world->conn_count; i-- > 0;) {
		const struct sim_conn *c = &world->conn[i];

		if (c->parent_open && c->parent_link == link &&
		    world->host[c->child].parent == host)
			return i + 1;
	}
	return 0;
}

static void deliver(struct sim_world *world, uint64_t number, bool up,
    struct tr_bytes bytes, int64_t at_ms)
{
	unsigned child = world->conn[number - 1].child;
	unsigned to = up ? world->host[child].parent : child;
	uint8_t *copy = malloc(bytes.size + 1);

	TR_ASSERT(copy != NULL);
	memcpy(copy, bytes.data, bytes.size);
	if (world->weather.rubbish != 0 && bytes.size != 0 &&
	    sim_rng_chance(&world->net_rng, world->weather.rubbish)) {
		copy[sim_rng_below(&world->net_rng, bytes.size)] ^=
		    (uint8_t)(1u << sim_rng_below(&world->net_rng, 8));
		world->counts.rubbish++;
	}
	sim_heap_push(&world->heap, (struct sim_ev){
	    .at_ms = at_ms, .kind = SIM_EV_FRAME, .host = to,
	    .life = world->host[to].life, .conn = number, .a = up,
	    .bytes = copy, .size = bytes.size});
}

static bool is_cut(const struct sim_host *child, bool up)
{
	return up ? child->cut_up : child->cut_down;
}

/* Through the weather. */
static void carry(struct sim_world *world, uint64_t number, bool up, struct tr_bytes bytes)
{
	struct sim_conn *c = &world->conn[number - 1];
	const struct sim_weather *w = &world->weather;
	int64_t at;

	if (sim_rng_chance(&world->net_rng, w->loss)) {
		world->counts.lost++;
		return;
	}
	if (c->busy_ms[up] < world->now_ms)
		c->busy_ms[up] = world->now_ms;
	if (w->rate != 0)
		c->busy_ms[up] += (int64_t)bytes.size * 1000 / w->rate;
	at = c->busy_ms[up] + delay(world);
	if (sim_rng_chance(&world->net_rng, w->reorder)) {
		world->counts.late++;
		at += sim_rng_between(&world->net_rng, 1, 3000);
	} else {
		if (at < c->last_ms[up])
			at = c->last_ms[up];
		c->last_ms[up] = at;
	}
	deliver(world, number, up, bytes, at);
	if (sim_rng_chance(&world->net_rng, w->repeat)) {
		world->counts.repeated++;
		deliver(world, number, up, bytes,
		    at + sim_rng_between(&world->net_rng, 0, 5000));
	}
}

void sim_net_send(struct sim_world *world, unsigned host, uint32_t link, struct tr_bytes bytes)
{
	bool up = link == REP_LINK_UP;
	uint64_t number = sim_net_conn(world, host, link);
	struct sim_conn *c = conn_of(world, number);

	if (c == NULL || !(up ? c->child_open : c->parent_open))
		return; /* gone meanwhile: bytes vanish */
	world->counts.frames++;
	world->counts.frame_bytes += bytes.size;
	if (is_cut(&world->host[c->child], up)) {
		/* TCP gives up at some time; each end for itself. */
		push_down(world, number, !up, REP_DOWN_CLOSED,
		    sim_rng_between(&world->net_rng, 5000, 60000));
		return;
	}
	if (sim_evil_touches(world, number))
		sim_evil_pass(world, number, up, bytes, carry);
	else
		carry(world, number, up, bytes);
}

void sim_net_close(struct sim_world *world, unsigned host, uint32_t link)
{
	uint64_t number = sim_net_conn(world, host, link);
	struct sim_conn *c = conn_of(world, number);
	bool up = link == REP_LINK_UP;

	if (c == NULL)
		return;
	if (up) {
		c->child_open = false;
		world->host[host].up_conn = 0;
	} else {
		c->parent_open = false;
	}
	push_down(world, number, up, REP_DOWN_CLOSED,
	    is_cut(&world->host[c->child], up)
	    ? sim_rng_between(&world->net_rng, 20000, 120000) : delay(world) + 1);
}

void sim_net_allow(struct sim_world *world, unsigned host, const struct tr_key *key, bool add)
{
	struct sim_host *h = &world->host[host];

	for (unsigned i = 0; i < h->allow_count; i++) {
		if (memcmp(h->allow[i].b, key->b, sizeof(key->b)) != 0)
			continue;
		if (!add)
			h->allow[i] = h->allow[--h->allow_count];
		return;
	}
	if (!add)
		return;
	if (h->allow_count == SIM_ALLOW_MAX)
		sim_fail(world, host, "link", "more keys allowed than there are units");
	h->allow[h->allow_count++] = *key;
}

static bool is_allowed(const struct sim_host *h, const struct tr_key *key)
{
	for (unsigned i = 0; i < h->allow_count; i++)
		if (memcmp(h->allow[i].b, key->b, sizeof(key->b)) == 0)
			return true;
	return false;
}

/* The machine is gone: its ends are closed, the others hear of it. */
void sim_net_host_gone(struct sim_world *world, unsigned host)
{
	for (size_t i = 0; i < world->conn_count; i++) {
		struct sim_conn *c = &world->conn[i];
		bool is_child = c->child == host;

		if (!is_child && world->host[c->child].parent != host)
			continue;
		if (is_child && c->child_open)
			push_down(world, i + 1, true, REP_DOWN_CLOSED, delay(world) + 1);
		if (!is_child && c->parent_open)
			push_down(world, i + 1, false, REP_DOWN_CLOSED, delay(world) + 1);
		if (is_child)
			c->child_open = false;
		else
			c->parent_open = false;
	}
	world->host[host].up_conn = 0;
	world->host[host].allow_count = 0;
}

static void on_down(struct sim_world *world, const struct sim_ev *ev)
{
	struct sim_conn *c = &world->conn[ev->conn - 1];
	bool is_child = c->child == ev->host;
	struct rep_event event = {.kind = REP_EV_LINK_DOWN, .down = ev->a};

	if (is_child) {
		if (world->host[ev->host].up_conn != ev->conn)
			return;
		c->child_open = false;
		world->host[ev->host].up_conn = 0;
		event.link = REP_LINK_UP;
	} else {
		if (!c->parent_open)
			return;
		c->parent_open = false;
		event.link = c->parent_link;
	}
	sim_log(world, ev->host, "link %u down", event.link);
	if (!c->is_enrolment || !is_child)
		sim_host_step(world, ev->host, &event);
}

static void on_up(struct sim_world *world, const struct sim_ev *ev)
{
	struct sim_conn *c = &world->conn[ev->conn - 1];
	struct sim_host *child = &world->host[ev->host];
	struct sim_host *parent = &world->host[child->parent];
	struct rep_event event = {.kind = REP_EV_LINK_UP, .user = c->user};

	if (child->up_conn != ev->conn)
		return;
	if (!sim_host_is_up(world, child->parent) || child->cut_up || child->cut_down) {
		push_down(world, ev->conn, false, REP_DOWN_UNREACHABLE,
		    sim_rng_between(&world->net_rng, 1, 4000));
		return;
	}
	if (!c->is_enrolment && memcmp(c->pinned.b, parent->curve.b, sizeof(c->pinned.b)) != 0) {
		/* CURVE says nothing to a stranger: it looks as if nobody were there */
		push_down(world, ev->conn, false, REP_DOWN_UNREACHABLE, 5000);
		return;
	}
	if (!is_allowed(parent, &c->user)) {
		push_down(world, ev->conn, false, REP_DOWN_REFUSED_KEY, delay(world));
		return;
	}
	c->child_open = c->parent_open = true;
	c->parent_link = ++parent->last_link;
	sim_log(world, ev->host, "link up, number %u at %s", c->parent_link, parent->name);
	event.link = c->parent_link;
	sim_host_step(world, child->parent, &event);
	event.link = REP_LINK_UP;
	event.user = (struct tr_key){{0}};
	if (c->is_enrolment)
		sim_found_link_up(world, ev->host, ev->conn);
	else
		sim_host_step(world, ev->host, &event);
}

static void on_frame(struct sim_world *world, const struct sim_ev *ev)
{
	const struct sim_conn *c = &world->conn[ev->conn - 1];
	struct tr_bytes bytes = {ev->bytes, ev->size};
	struct rep_event event = {
	    .kind = REP_EV_FRAME,
	    .link = ev->a ? c->parent_link : REP_LINK_UP,
	    .frame = bytes,
	};

	if (ev->a ? !c->parent_open : !c->child_open)
		return;
	if (!ev->a && world->host[ev->host].up_conn != ev->conn)
		return;
	if (c->is_enrolment && !ev->a)
		sim_found_answer(world, ev->host, bytes);
	else
		sim_host_step(world, ev->host, &event);
}

void sim_net_event(struct sim_world *world, const struct sim_ev *ev)
{
	switch (ev->kind) {
	case SIM_EV_UP: on_up(world, ev); break;
	case SIM_EV_DOWN: on_down(world, ev); break;
	case SIM_EV_FRAME: on_frame(world, ev); break;
	case SIM_EV_HEAL: sim_net_heal(world, ev->host); break;
	default: TR_UNREACHABLE("not an event of the network");
	}
}

void sim_net_cut(struct sim_world *world, unsigned host, bool up, bool down, int64_t heal_in_ms)
{
	struct sim_host *h = &world->host[host];

	h->cut_up = up;
	h->cut_down = down;
	world->counts.cuts++;
	sim_log(world, host, "cut%s%s for %lld ms", up ? " up" : "", down ? " down" : "",
	    (long long)heal_in_ms);
	if (heal_in_ms != 0)
		sim_heap_push(&world->heap, (struct sim_ev){
		    .at_ms = world->now_ms + heal_in_ms, .kind = SIM_EV_HEAL, .host = host});
}

void sim_net_heal(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];

	if (h->cut_up || h->cut_down)
		sim_log(world, host, "cut ends");
	h->cut_up = h->cut_down = false;
}
