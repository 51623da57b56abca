/* SPDX-License-Identifier: Apache-2.0 */
/* What people do all day, and a look at a store in between. */
#include "tests/sim/part.h"

static struct sim_fault sim_fault_flood = {"flood", 150, "much at once: beyond window, frame and segment"};
static struct sim_fault sim_fault_load = {"load", 200, "all lanes of many scopes over thin links, and an emergency"};

static void act_work(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	(void)host;
	sim_work_any(world, rng);
}

static void act_burst(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	(void)host;
	for (uint64_t n = 5 + sim_rng_below(rng, 20); n > 0; n--) {
		sim_work_any(world, rng);
		if (sim_rng_chance(rng, 300))
			sim_world_advance(world, sim_rng_between(rng, 0, 30));
	}
}

static void act_flood(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	if (sim_throws(world, &sim_fault_load) && (!sim_throws(world, &sim_fault_flood) || sim_rng_chance(rng, 500)))
		sim_load(world, rng);
	else
		sim_work_flood(world, rng, host);
}

static void act_look(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	(void)rng;
	if (sim_host_is_up(world, host))
		sim_host_commit(world, host); /* ops of an open transaction cannot be read back */
	if (sim_host_is_up(world, host))
		sim_check_store(world, host);
}

static struct sim_fault *const FAULTS[] = {&sim_fault_flood, &sim_fault_load, NULL};
static const struct sim_action ACTIONS[] = {
    {"work", 49, {0}, act_work},
    {"burst", 4, {0}, act_burst},
    {"look", 2, {0}, act_look},
    {"flood", 1, {&sim_fault_flood, &sim_fault_load}, act_flood},
    {0},
};
static struct sim_part part = {.name = "work", .faults = FAULTS, .actions = ACTIONS};
SIM_PART(part)
