/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One action: some time passes, then something happens.  Each action has dice
 * of its own, so that a run without it throws the same for all the others.
 */
#include "tests/sim/sim.h"

#include "proto/err.h"

typedef void act_fn(struct sim_world *world, struct sim_rng *rng, unsigned host);

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
	sim_work_flood(world, rng, host);
}

static void act_cut(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	unsigned kind = (unsigned)sim_rng_below(rng, 4);
	int64_t ms = sim_rng_chance(rng, 300) ? sim_rng_between(rng, 1, 5000) : sim_rng_between(rng, 5000, 1200000);

	if (host != 0)
		sim_net_cut(world, host, kind != 1, kind != 2, ms);
}

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

static void act_weather(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct sim_weather w = {.delay_ms_min = sim_rng_between(rng, 1, 40)};

	(void)host;
	w.delay_ms_max = w.delay_ms_min + sim_rng_between(rng, 0, 400);
	if ((world->faults & SIM_F_LOSS) != 0)
		w.loss = (unsigned)sim_rng_below(rng, 120);
	if ((world->faults & SIM_F_REPEAT) != 0)
		w.repeat = (unsigned)sim_rng_below(rng, 150);
	if ((world->faults & SIM_F_REORDER) != 0)
		w.reorder = (unsigned)sim_rng_below(rng, 120);
	if ((world->faults & SIM_F_RUBBISH) != 0)
		w.rubbish = (unsigned)sim_rng_below(rng, 60);
	if ((world->faults & SIM_F_RATE) != 0 && sim_rng_chance(rng, 500))
		w.rate = sim_rng_between(rng, 2000, 200000);
	if (sim_rng_chance(rng, 300))
		w.loss = w.repeat = w.reorder = w.rubbish = 0;
	world->weather = w;
	sim_log(world, SIM_NONE, "weather: loss %u repeat %u reorder %u rubbish %u rate %lld delay %lld..%lld", w.loss,
	    w.repeat, w.reorder, w.rubbish, (long long)w.rate, (long long)w.delay_ms_min, (long long)w.delay_ms_max);
}

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

/* An image with open ops would be signed a second time after its return: two
 * branches of one log, which this version tells apart but does not join. */
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
	/* A restored top node needs a new seat: not in this version. */
	if (host == 0 || sim_rng_chance(rng, 400)) {
		for (unsigned i = 1; i < world->host_count; i++)
			backup(world, i);
	} else {
		sim_host_restore(world, host, sim_rng_between(rng, 1, 60000), sim_rng_chance(rng, 200));
	}
}

static void act_look(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	(void)rng;
	if (sim_host_is_up(world, host))
		sim_host_commit(world, host); /* ops of an open transaction cannot be read back */
	if (sim_host_is_up(world, host))
		sim_check_store(world, host);
}

static const struct {
	unsigned weight;
	uint32_t fault;
	act_fn *fn;
} ACTS[] = {
    {49, 0, act_work},
    {4, SIM_F_RESTORE, act_restore},
    {1, SIM_F_FLOOD, act_flood},
    {4, 0, act_burst},
    {2, 0, act_look},
    {7, SIM_F_CUT, act_cut},
    {7, SIM_F_CRASH, act_crash},
    {3, SIM_F_CLOCK, act_clock},
    {5, SIM_F_LOSS | SIM_F_REPEAT | SIM_F_REORDER | SIM_F_RATE | SIM_F_RUBBISH, act_weather},
    {6, SIM_F_STICK, act_export},
    {8, SIM_F_STICK, act_import},
    {3, SIM_F_PAUSE, act_pause},
    {2, SIM_F_FULL, act_full},
};

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

void sim_act(struct sim_world *world, unsigned index)
{
	struct sim_rng rng = sim_rng_make(world->conf.seed, 0x10000u + index);
	unsigned dice, host;

	world->action = index;
	if (index == 0)
		act_weather(world, &rng, 0);
	sim_world_advance(world, pause_ms(&rng));
	dice = (unsigned)sim_rng_below(&rng, 101);
	host = (unsigned)sim_rng_below(&rng, world->host_count);
	for (size_t i = 0; i < sizeof(ACTS) / sizeof(ACTS[0]); i++) {
		if (dice >= ACTS[i].weight) {
			dice -= ACTS[i].weight;
			continue;
		}
		if (ACTS[i].fault == 0 || (world->faults & ACTS[i].fault) != 0)
			ACTS[i].fn(world, &rng, host);
		else
			act_work(world, &rng, host);
		return;
	}
}
