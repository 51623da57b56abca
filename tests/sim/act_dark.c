/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Half of the tree is dark: streets with all below them and single leaves are
 * cut off.  On both sides machines are lost, replaced and copied, the dark ones
 * invite theirs again, the top node cuts keys of units that it cannot reach.
 * Then all is connected again (25, 27, 28 of the design's invariants; act_seat.c).
 */
#include "tests/sim/seat.h"

#define DARK_MIN 8 /* actions long */
#define DARK_MAX 50

struct dark {
	int64_t left;             /* actions until it is light again; 0: no darkness */
	unsigned last;            /* whose machine was lost last, in the dark; 0: nobody's */
	bool is_cut[SIM_HOSTS_MAX];
	bool was_lost[SIM_HOSTS_MAX]; /* in this darkness */
};

static struct sim_fault sim_fault_dark = {"dark", 200, "half of the tree is cut off, new keys come into use on both sides"};
static struct sim_part part;

static struct dark *dark(struct sim_world *world)
{
	return sim_part_data(world, &part, sizeof(struct dark));
}

static void fall(struct sim_world *world, struct sim_rng *rng)
{
	struct dark *d = dark(world);

	d->left = sim_rng_between(rng, DARK_MIN, DARK_MAX);
	for (unsigned i = 1; i < world->host_count; i++) {
		d->is_cut[i] = sim_rng_chance(rng, world->host[i].parent == 0 ? 500 : 150);
		if (d->is_cut[i])
			sim_net_cut(world, i, true, true, 0);
	}
	sim_thrown(world, &sim_fault_dark);
}

static bool is_dark(const struct sim_world *world, const struct dark *d, unsigned host)
{
	for (; host != 0; host = world->host[host].parent)
		if (d->is_cut[host])
			return true;
	return false;
}

/* One below a dark unit, or, when it has joined again there, that unit: what it has said nobody else has heard. */
static unsigned choose(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct dark *d = dark(world);
	unsigned above = world->host[d->last].parent;

	if (d->last != 0 && !sim_seats(world)->host[d->last].is_lost && sim_rng_chance(rng, 700)) {
		d->last = 0;
		return above;
	}
	for (int i = 0; i < 4 && (host == 0 || !is_dark(world, d, world->host[host].parent)); i++)
		host = (unsigned)sim_rng_below(rng, world->host_count);
	return host;
}

static void act_dark(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct dark *d = dark(world);
	struct seat *s;

	if (d->left == 0)
		fall(world, rng);
	host = choose(world, rng, host);
	s = &sim_seats(world)->host[host];
	if (d->was_lost[host] || !sim_seat_is_free(world, host))
		return;
	if (s->use == USE_THIEF && !s->was_cut && is_dark(world, d, host)) {
		if (!sim_seat_cut_by(world, rng, 0, host))
			return;
		sim_seat_lose(world, rng, host, false);
	} else if (s->use == USE_NONE && sim_rng_chance(rng, 150)) {
		sim_seat_steal(world, host);
		return;
	} else {
		sim_seat_lose(world, rng, host, s->use == USE_NONE && sim_rng_chance(rng, 500));
	}
	d->was_lost[host] = true;
	d->last = is_dark(world, d, world->host[host].parent) ? host : 0;
}

static void tick(struct sim_world *world)
{
	struct dark *d = dark(world);

	if (d->left == 0)
		return;
	d->left--;
	for (unsigned i = 1; i < world->host_count; i++) {
		if (d->is_cut[i] && d->left == 0)
			sim_net_heal(world, i);
		else if (d->is_cut[i]) /* another cut of the same link may have ended */
			world->host[i].cut_up = world->host[i].cut_down = true;
		d->is_cut[i] = d->is_cut[i] && d->left != 0;
		d->was_lost[i] = d->was_lost[i] && d->left != 0;
	}
}

static struct sim_fault *const FAULTS[] = {&sim_fault_dark, NULL};
static const struct sim_action ACTIONS[] = {
    {"dark", 12, {&sim_fault_dark}, act_dark},
    {0},
};
static struct sim_part part = {.name = "dark", .faults = FAULTS, .actions = ACTIONS, .tick = tick};
SIM_PART(part)
