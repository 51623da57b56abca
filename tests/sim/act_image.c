/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of whole machines: store and fence go back together, so the machine
 * notices nothing and writes on from an old head.  Its peers see two histories
 * of one log, keep both, and it begins a new incarnation (5 and 19 of the
 * design's invariants).
 */
#include "tests/sim/part.h"

#include <inttypes.h>

#include "tests/sim/oracle.h"

struct image {
	struct memview *store;
	struct rep_fence fence;
	bool has_fence;
};

struct images {
	struct image host[SIM_HOSTS_MAX];
	unsigned forks[SIM_HOSTS_MAX][SIM_HOSTS_MAX]; /* where, whose */
};

static struct sim_fault sim_fault_image = {"image", 350, "a machine goes back in time, fence and all"};
static struct sim_fault sim_fault_raw = {"raw", 250, "a copy of a store with unsigned ops is put back, and noticed"};
static struct sim_part part;

static struct images *images(struct sim_world *world)
{
	return sim_part_data(world, &part, sizeof(struct images));
}

/* Ops outside a segment would be signed a second time, in another branch: twice there. */
static bool is_all_signed(struct sim_world *world, unsigned host)
{
	struct rep_self self;

	if (sim_host_is_up(world, host))
		sim_host_commit(world, host);
	if (!sim_host_is_up(world, host))
		return false;
	rep_inspect_self(world->host[host].node, &self);
	return self.open_ops == 0;
}

static void take_image(struct sim_world *world, unsigned host)
{
	struct image *im = &images(world)->host[host];

	if (!is_all_signed(world, host))
		return;
	memview_free(im->store);
	im->store = memview_clone(world->host[host].store);
	im->fence = world->host[host].fence;
	im->has_fence = world->host[host].has_fence;
	sim_log(world, host, "image is made");
}

/* swap: the machine that is taken away may come back in its turn: two of them, with one key. */
static void go_back(struct sim_world *world, unsigned host, int64_t down_ms, bool swap)
{
	struct image *im = &images(world)->host[host];
	struct sim_host *h = &world->host[host];
	struct image now;

	if (im->store == NULL)
		return;
	swap &= is_all_signed(world, host);
	if (!sim_host_is_up(world, host))
		return;
	sim_log(world, host, "the machine's image is put back%s", swap ? ", it is kept" : "");
	sim_host_crash(world, host, down_ms);
	now = (struct image){h->store, h->fence, h->has_fence};
	h->store = memview_clone(im->store);
	sim_host_view(world, host);
	h->fence = im->fence;
	h->has_fence = im->has_fence;
	memview_free(swap ? im->store : now.store);
	if (swap)
		*im = now;
	h->restores++;
	h->rollbacks++;
	world->counts.restores++;
	sim_oracle_restored(world, host);
}

/* Somebody works there before the machine finds its neighbours again. */
static void work_there(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	for (uint64_t n = sim_rng_below(rng, 6); n > 0; n--) {
		sim_work_at(world, rng, host);
		sim_world_advance(world, sim_rng_between(rng, 0, 2000));
	}
}

/* From its parent; the top node from all below it. */
static void cut_off(struct sim_world *world, unsigned host, int64_t ms)
{
	if (host != 0)
		sim_net_cut(world, host, true, true, ms);
	for (unsigned i = 1; host == 0 && i < world->host_count; i++)
		if (world->host[i].parent == 0)
			sim_net_cut(world, i, true, true, ms);
}

static void act_image(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	if (sim_rng_chance(rng, 400)) {
		for (unsigned i = 0; i < world->host_count; i++)
			take_image(world, i);
		return;
	}
	if (images(world)->host[host].store == NULL)
		take_image(world, host);
	work_there(world, rng, host);
	if (sim_rng_chance(rng, 500))
		sim_world_advance(world, sim_rng_between(rng, 0, 30000));
	cut_off(world, host, sim_rng_between(rng, 1, 60000));
	go_back(world, host, 1, sim_rng_chance(rng, 300));
	sim_world_advance(world, sim_rng_between(rng, 1, 1000));
	work_there(world, rng, host);
}

static bool is_live(const struct sim_world *world, unsigned host)
{
	const struct sim_host *h = &world->host[host];
	struct rep_link_info link;

	return sim_host_is_up(world, host) && !h->in_txn && rep_inspect_link(h->node, &h->view, 0, &link) &&
	    link.is_parent && link.state == REP_LINK_LIVE;
}

static unsigned open_ops(const struct sim_world *world, unsigned host)
{
	struct rep_self self = {.open_ops = 0};

	if (sim_host_is_up(world, host))
		rep_inspect_self(world->host[host].node, &self);
	return self.open_ops;
}

/*
 * A raw copy of a store with ops that wait for their segment.  They are signed
 * and sent, then the copy is put back, and that is noticed: they come back
 * signed and are not signed again.  Nobody works there in between, and nobody
 * lies to it about what it holds: who cannot know signs them again, which is a
 * fork like any.
 */
static void act_raw(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct sim_weather weather = world->weather;
	unsigned parent = world->host[host].parent;

	if (host == 0 || world->host[host].child_count != 0 || !is_live(world, host) ||
	    sim_throws(world, &sim_fault_rubbish) ||
	    (sim_fault_find("evil") != NULL && sim_throws(world, sim_fault_find("evil"))))
		return;
	world->host[host].crash = world->host[parent].crash = SIM_CRASH_NONE;
	sim_net_cut(world, host, true, true, 2000);
	sim_host_crash(world, host, 1);
	sim_world_advance(world, sim_rng_between(rng, 2, 10));
	for (int64_t n = sim_rng_between(rng, 1, 3); n > 0; n--)
		sim_work_at(world, rng, host);
	if (sim_host_is_up(world, host))
		sim_host_backup(world, host);
	if (sim_rng_chance(rng, 500))
		sim_work_at(world, rng, host);
	for (unsigned i = 0; i < 20 && !is_live(world, host); i++)
		sim_world_advance(world, 10000);
	sim_world_advance(world, sim_rng_between(rng, 0, 3000));
	if (is_live(world, host))
		sim_host_restore(world, host, sim_rng_between(rng, 1, 2000), sim_rng_chance(rng, 200));
	memview_free(world->host[host].backup);
	world->host[host].backup = NULL;
	/* In bad weather no session might live long enough, and then work goes on there. */
	world->weather = (struct sim_weather){.delay_ms_min = 2, .delay_ms_max = 10};
	for (unsigned i = 0; i < 200 && (!is_live(world, host) || open_ops(world, host) != 0); i++) {
		sim_net_heal(world, host);
		sim_world_advance(world, 10000);
	}
	world->weather = weather;
}

/* Whose machine went back may be forked, may begin anew, and nobody else. */
static bool excuses(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	unsigned author = sim_host_of(world, trace->peer);

	(void)host;
	return trace->code == REP_TRACE_FORK && author != SIM_NONE && world->host[author].rollbacks != 0;
}

static void on_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	if (trace->code != REP_TRACE_FORK)
		return;
	world->counts.forks++;
	if (sim_host_of(world, trace->peer) != SIM_NONE)
		images(world)->forks[host][sim_host_of(world, trace->peer)]++;
}

/* 19: what parted is held as branches, and whoever holds one has said so. */
static void check_forks(struct sim_world *world)
{
	for (unsigned h = 0; h < world->host_count; h++) {
		unsigned rows[SIM_HOSTS_MAX] = {0};
		struct rep_log_info log;

		for (size_t i = 0; rep_inspect_log(world->host[h].node, &i, &log);)
			rows[sim_host_of(world, log.id.author)] += log.parent != 0;
		for (unsigned a = 0; a < world->host_count; a++) {
			if (rows[a] > images(world)->forks[h][a])
				sim_fail(world, h, "19", "%u branches of logs of %s, %u were told", rows[a],
				    world->host[a].name, images(world)->forks[h][a]);
			if (rows[a] != 0 && world->host[a].rollbacks == 0 && !world->is_astray)
				sim_fail(world, h, "5", "a log of %s has branches, its store never went back",
				    world->host[a].name);
		}
	}
}

void sim_image_took_over(struct sim_world *world, unsigned host)
{
	for (unsigned a = 0; a < world->host_count; a++)
		images(world)->forks[host][a] += images(world)->forks[SIM_TWIN][a];
}

static void drop_image(struct sim_world *world, unsigned host)
{
	memview_free(images(world)->host[host].store);
	images(world)->host[host].store = NULL;
}

static void end_images(struct sim_world *world)
{
	for (unsigned i = 0; i < world->host_count; i++)
		memview_free(images(world)->host[i].store);
}

static struct sim_fault *const FAULTS[] = {&sim_fault_image, &sim_fault_raw, NULL};
static const struct sim_action ACTIONS[] = {
    {"image", 6, {&sim_fault_image}, act_image},
    {"raw", 4, {&sim_fault_raw}, act_raw},
    {0},
};
static struct sim_part part = {.name = "image", .faults = FAULTS, .actions = ACTIONS, .excuses = excuses,
    .trace = on_trace, .replaced = drop_image, .rest = check_forks, .free = end_images};
SIM_PART(part)
