/* SPDX-License-Identifier: Apache-2.0 */
/* What the network does: cuts of one or both directions, and its weather. */
#include "tests/sim/part.h"

static struct sim_fault sim_fault_loss = {"loss", 600, "frames vanish"};
static struct sim_fault sim_fault_repeat = {"repeat", 600, "frames come twice"};
static struct sim_fault sim_fault_reorder = {"reorder", 600, "frames overtake each other"};
static struct sim_fault sim_fault_rate = {"rate", 600, "2 to 200 KB a second"};
struct sim_fault sim_fault_rubbish = {"rubbish", 150, "a bit of a frame is flipped"};
static struct sim_fault sim_fault_cut = {"cut", 600, "one or both directions of a link are dark"};

static void act_cut(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	unsigned kind = (unsigned)sim_rng_below(rng, 4);
	int64_t ms = sim_rng_chance(rng, 300) ? sim_rng_between(rng, 1, 5000) : sim_rng_between(rng, 5000, 1200000);

	if (host != 0)
		sim_net_cut(world, host, kind != 1, kind != 2, ms);
}

void sim_act_weather(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct sim_weather w = {.delay_ms_min = sim_rng_between(rng, 1, 40)};

	(void)host;
	w.delay_ms_max = w.delay_ms_min + sim_rng_between(rng, 0, 400);
	if (sim_throws(world, &sim_fault_loss))
		w.loss = (unsigned)sim_rng_below(rng, 120);
	if (sim_throws(world, &sim_fault_repeat))
		w.repeat = (unsigned)sim_rng_below(rng, 150);
	if (sim_throws(world, &sim_fault_reorder))
		w.reorder = (unsigned)sim_rng_below(rng, 120);
	if (sim_throws(world, &sim_fault_rubbish))
		w.rubbish = (unsigned)sim_rng_below(rng, 60);
	if (sim_throws(world, &sim_fault_rate) && sim_rng_chance(rng, 500))
		w.rate = sim_rng_between(rng, 2000, 200000);
	if (sim_rng_chance(rng, 300))
		w.loss = w.repeat = w.reorder = w.rubbish = 0;
	world->weather = w;
	sim_log(world, SIM_NONE, "weather: loss %u repeat %u reorder %u rubbish %u rate %lld delay %lld..%lld", w.loss,
	    w.repeat, w.reorder, w.rubbish, (long long)w.rate, (long long)w.delay_ms_min, (long long)w.delay_ms_max);
}

static void end(struct sim_world *world)
{
	world->weather = (struct sim_weather){.delay_ms_min = 2, .delay_ms_max = 10};
	for (unsigned i = 0; i < world->host_count; i++) {
		/* A peer that lied goes on lying in its session; new ones begin. */
		if (sim_throws(world, &sim_fault_rubbish))
			sim_host_crash(world, i, 1);
		sim_net_heal(world, i);
	}
}

static struct sim_fault *const FAULTS[] = {&sim_fault_loss, &sim_fault_repeat, &sim_fault_reorder, &sim_fault_rate,
    &sim_fault_rubbish, &sim_fault_cut, NULL};
static const struct sim_action ACTIONS[] = {
    {"cut", 7, {&sim_fault_cut}, act_cut},
    {"weather", 5, {&sim_fault_loss, &sim_fault_repeat, &sim_fault_reorder, &sim_fault_rate, &sim_fault_rubbish},
	sim_act_weather},
    {0},
};
static struct sim_part part = {.name = "net", .faults = FAULTS, .actions = ACTIONS, .end = end};
SIM_PART(part)
