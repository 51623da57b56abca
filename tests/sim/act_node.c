/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to one machine: crash, clock, disk, a pause, an old backup. */
#include "tests/sim/part.h"

#include "proto/err.h"

static struct sim_fault sim_fault_crash = {"crash", 600, "between steps, before and after a commit, while effects go out"};
struct sim_fault sim_fault_clock = {"clock", 600, "clocks off by up to ten years, jumping"};
static struct sim_fault sim_fault_full = {"full", 600, "writes refused, failed puts"};
static struct sim_fault sim_fault_pause = {"pause", 600, "links paused by hand"};
static struct sim_fault sim_fault_restore = {"restore", 250, "an old backup, with and without its fence"};

static void act_crash(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	unsigned when = (unsigned)sim_rng_below(rng, 4);
	int64_t ms = sim_rng_chance(rng, 700) ? sim_rng_between(rng, 1, 3000) : sim_rng_between(rng, 3000, 600000);

	if (!sim_host_is_up(world, host))
		return;
	world->host[host].crash_down_ms = ms;
	if (when == 0)
		sim_host_crash(world, host, ms); /* between two steps */
	else
		world->host[host].crash = when;
}

static void act_clock(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	int64_t skew = 0;

	switch (sim_rng_below(rng, 4)) {
	case 0: skew = sim_rng_between(rng, -315360000000, 315360000000); break; /* ten years */
	case 1: skew = sim_rng_between(rng, -86400000, 86400000); break;
	case 2: skew = sim_rng_between(rng, -5000, 5000); break;
	default: break;
	}
	world->host[host].skew_ms = skew;
	sim_log(world, host, "clock is off by %lld ms", (long long)skew);
}

static void act_pause(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct rep_event event = {.kind = REP_EV_PAUSE, .pause = (enum rep_pause)sim_rng_between(rng, 1, 3)};
	bool up = sim_rng_chance(rng, 500);

	if (host == 0)
		return;
	event.peer = world->host[up ? world->host[host].parent : host].nid;
	if (event.peer.v != 0)
		sim_host_step(world, up ? host : world->host[host].parent, &event);
}

static void act_full(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct sim_host *h = &world->host[host];

	if (!sim_host_is_up(world, host))
		return;
	if (sim_rng_chance(rng, 500)) {
		h->is_full = !h->is_full;
		rep_set_full(h->node, h->is_full);
	} else {
		memview_fail_after(h->store, sim_rng_between(rng, 0, 60), TR_E_FULL);
	}
}

/* Ops outside a segment may be signed a second time after its return, if it is
 * worked on before it meets its neighbours; with those: act_image.c. */
static void backup(struct sim_world *world, unsigned host)
{
	struct rep_self self;

	if (!sim_host_is_up(world, host))
		return;
	sim_host_commit(world, host);
	if (!sim_host_is_up(world, host))
		return;
	rep_inspect_self(world->host[host].node, &self);
	if (self.open_ops == 0)
		sim_host_backup(world, host);
}

static void act_restore(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	if (sim_rng_chance(rng, 400)) {
		for (unsigned i = 0; i < world->host_count; i++)
			backup(world, i);
	} else {
		sim_host_restore(world, host, sim_rng_between(rng, 1, 60000), sim_rng_chance(rng, 200));
	}
}

static void end(struct sim_world *world)
{
	for (unsigned i = 0; i < world->host_count; i++) {
		world->host[i].crash = SIM_CRASH_NONE;
		world->host[i].is_full = false;
		memview_fail_after(world->host[i].store, -1, 0);
	}
}

static struct sim_fault *const FAULTS[] = {&sim_fault_crash, &sim_fault_clock, &sim_fault_full, &sim_fault_pause,
    &sim_fault_restore, NULL};
static const struct sim_action ACTIONS[] = {
    {"restore", 4, {&sim_fault_restore}, act_restore},
    {"crash", 7, {&sim_fault_crash}, act_crash},
    {"clock", 3, {&sim_fault_clock}, act_clock},
    {"pause", 3, {&sim_fault_pause}, act_pause},
    {"full", 2, {&sim_fault_full}, act_full},
    {0},
};
static struct sim_part part = {.name = "node", .faults = FAULTS, .actions = ACTIONS, .end = end};
SIM_PART(part)
