/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One action: some time passes, then something happens.  Each action has dice
 * of its own, so that a run without it throws the same for all the others.
 */
#include "tests/sim/part.h"

#include "proto/err.h"

static int64_t pause_ms(struct sim_rng *rng)
{
	uint64_t dice = sim_rng_below(rng, 100);

	if (dice < 40)
		return sim_rng_between(rng, 0, 200);
	if (dice < 75)
		return sim_rng_between(rng, 0, 3000);
	if (dice < 95)
		return sim_rng_between(rng, 1000, 40000);
	return sim_rng_between(rng, 40000, 600000);
}

static bool is_thrown(struct sim_world *world, const struct sim_action *action)
{
	bool thrown = false;

	if (action->fault[0] == NULL)
		return true;
	for (unsigned i = 0; i < SIM_ACTION_FAULTS && action->fault[i] != NULL; i++) {
		if (sim_throws(world, action->fault[i])) {
			sim_thrown(world, action->fault[i]);
			thrown = true;
		}
	}
	return thrown;
}

static unsigned weight_of_all(void)
{
	unsigned sum = 0;

	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		for (const struct sim_action *a = p->actions; a != NULL && a->name != NULL; a++)
			sum += a->weight;
	return sum;
}

static const struct sim_action *pick(unsigned dice)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next) {
		for (const struct sim_action *a = p->actions; a != NULL && a->name != NULL; a++) {
			if (dice < a->weight)
				return a;
			dice -= a->weight;
		}
	}
	TR_UNREACHABLE("dice above the sum of all weights");
}

void sim_act(struct sim_world *world, unsigned index)
{
	struct sim_rng rng = sim_rng_make(world->conf.seed, 0x10000u + index);
	const struct sim_action *action;
	unsigned host;

	world->action = index;
	if (index == 0)
		sim_act_weather(world, &rng, 0);
	sim_world_advance(world, pause_ms(&rng));
	sim_part_tick(world);
	action = pick((unsigned)sim_rng_below(&rng, weight_of_all()));
	host = (unsigned)sim_rng_below(&rng, world->host_count);
	if (is_thrown(world, action))
		action->fn(world, &rng, host);
	else
		sim_work_any(world, &rng);
}
