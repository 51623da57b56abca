/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read or write of the store fails once, or the heap gives nothing once, at
 * any call of the core: the step says so, the node is loaded again, and no
 * failed read was taken for a row that is not there.
 */
#include "tests/sim/part.h"

#include "proto/err.h"

#include "tests/lib/nomem.h"

static struct sim_fault sim_fault_break = {"break", 250, "one call of the store, or one allocation, fails"};

static void act_break(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	static const int rcs[] = {TR_E_IO, TR_E_DAMAGED, TR_E_IO};
	int64_t after = sim_rng_between(rng, 0, sim_rng_chance(rng, 500) ? 20 : 400);
	unsigned what = (unsigned)sim_rng_below(rng, 4);

	if (!sim_host_is_up(world, host))
		return;
	if (what == 3) {
		nomem_arm(after);
		sim_log(world, host, "an allocation will fail after %lld", (long long)after);
	} else {
		badview_arm(&world->host[host].bad, after, rcs[what]);
		sim_log(world, host, "a call of the store will fail after %lld", (long long)after);
	}
}

static void end(struct sim_world *world)
{
	(void)nomem_has_failed();
	for (unsigned i = 0; i < world->host_count; i++)
		(void)badview_has_failed(&world->host[i].bad);
}

static struct sim_fault *const FAULTS[] = {&sim_fault_break, NULL};
static const struct sim_action ACTIONS[] = {{"break", 4, {&sim_fault_break}, act_break}, {0}};
static struct sim_part part = {.name = "break", .faults = FAULTS, .actions = ACTIONS, .end = end};
SIM_PART(part)
