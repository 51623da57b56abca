/* SPDX-License-Identifier: Apache-2.0 */
/* Sticks: written, kept, lost, read twice, in any order, anywhere. */
#include "tests/sim/part.h"

static struct sim_fault sim_fault_stick = {"stick", 600, "bundles are written and read at any time, at any node"};

static void act_export(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	unsigned to = (unsigned)sim_rng_below(rng, world->host_count);

	if (to != host && (sim_is_over(world, to, host) || sim_is_over(world, host, to)) &&
	    world->host[to].nid.v != 0)
		sim_stick_export(world, host, to);
}

static void act_import(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	(void)host;
	sim_stick_import_any(world, rng);
}

static struct sim_fault *const FAULTS[] = {&sim_fault_stick, NULL};
static const struct sim_action ACTIONS[] = {
    {"export", 6, {&sim_fault_stick}, act_export},
    {"import", 8, {&sim_fault_stick}, act_import},
    {0},
};
static struct sim_part part = {.name = "stick", .faults = FAULTS, .actions = ACTIONS};
SIM_PART(part)
