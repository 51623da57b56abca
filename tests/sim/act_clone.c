/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk that is copied, and both machines run: one key, two addresses, at the
 * same time.  Both are worked at, both dial the parent, which serves the one
 * that came last.  After a while somebody finds out and switches one of them
 * off; what only that one holds may be lost, what was acknowledged to it may
 * not (5, 11, 12, 19 of the design's invariants).
 */
#include "tests/sim/part.h"

#include <inttypes.h>
#include <stdlib.h>

#include "proto/err.h"

#include "tests/sim/evil.h"
#include "tests/sim/oracle.h"

struct disk {
	struct memview *store;
	struct rep_fence fence;
	bool has_fence;
	unsigned host;
};

struct clones {
	struct disk disk;       /* copied, not run yet */
	int64_t until_ms;       /* when one of the two is switched off */
	unsigned limits[SIM_HOSTS_MAX]; /* where so often no further history was taken */
	bool had_ten[SIM_HOSTS_MAX]; /* of one unit once: its share of a domain's vectors has an end */
	struct sim_rng rng;
};

static struct sim_fault sim_fault_clone = {"clone", 300, "a disk is copied, two machines with one key run at once"};
static struct sim_fault sim_fault_clones = {"clones", 120, "one disk is copied ten times, each copy is worked at for a while"};
static struct sim_part part;

static struct clones *clones(struct sim_world *world)
{
	return sim_part_data(world, &part, sizeof(struct clones));
}

static bool is_running(const struct sim_world *world)
{
	return world->host[SIM_TWIN].is_founded;
}

/* Ops outside a segment would be signed by both, and be there twice. */
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

static bool copy_disk(struct sim_world *world, unsigned host)
{
	const struct sim_host *h = &world->host[host];
	struct disk *disk = &clones(world)->disk;

	if (host == 0 || !is_all_signed(world, host))
		return false;
	memview_free(disk->store);
	*disk = (struct disk){memview_clone(h->store), h->fence, h->has_fence, host};
	sim_log(world, host, "its disk is copied");
	return true;
}

/* A copy of the copy: the disk stays. */
static void switch_on(struct sim_world *world)
{
	const struct disk *disk = &clones(world)->disk;
	unsigned host = disk->host;
	struct sim_host *h = &world->host[host], *twin = &world->host[SIM_TWIN];
	uint64_t life = twin->life + 1;

	world->counts.restores++;
	h->twins++;
	h->rollbacks++;
	h->restores++;
	*twin = (struct sim_host){.index = SIM_TWIN, .place = host, .parent = h->parent, .level = h->level, .nid = h->nid,
	    .sign = h->sign, .curve = h->curve, .seal = h->seal, .profile = h->profile, .caps = h->caps, .known = h->known,
	    .proto_min = h->proto_min, .proto_max = h->proto_max, .skew_ms = h->skew_ms, .fence = disk->fence,
	    .has_fence = disk->has_fence, .is_founded = true, .life = life, .last_link = twin->last_link};
	twin->restores = (unsigned)world->counts.restores; /* no two of them are the same machine */
	twin->twins = twin->rollbacks = 1;
	twin->store = memview_clone(disk->store);
	snprintf(twin->name, sizeof(twin->name), "%.20s'", h->name);
	snprintf(twin->code, sizeof(twin->code), "%s", h->code);
	snprintf(twin->unit, sizeof(twin->unit), "%s", h->unit);
	sim_host_view(world, SIM_TWIN);
	sim_log(world, host, "the copy of its disk runs beside it");
	sim_host_boot(world, SIM_TWIN);
}

static bool is_live(const struct sim_world *world, unsigned host)
{
	const struct sim_host *h = &world->host[host];
	struct rep_link_info link;

	return sim_host_is_up(world, host) && !h->in_txn && rep_inspect_link(h->node, &h->view, 0, &link) &&
	    link.is_parent && link.state == REP_LINK_LIVE;
}

/* It believes that its parent has all of it. */
static bool is_settled(struct sim_world *world, unsigned machine)
{
	const struct sim_host *h = &world->host[machine];
	struct rep_link_info link;

	return is_all_signed(world, machine) && h->up_conn != 0 && world->conn[h->up_conn - 1].parent_open &&
	    rep_inspect_link(h->node, &h->view, 0, &link) && link.is_parent && link.state == REP_LINK_LIVE &&
	    link.waiting_ops == 0;
}

/* For good.  The other one is the unit from now on. */
static void switch_off(struct sim_world *world, unsigned machine)
{
	struct sim_host *twin = &world->host[SIM_TWIN], *h = &world->host[twin->place];
	bool settled;

	sim_log(world, machine, "is switched off for good");
	if (sim_host_is_up(world, machine))
		sim_host_commit(world, machine);
	if (sim_host_is_up(world, machine) && machine == SIM_TWIN)
		sim_check_store(world, machine);
	settled = is_settled(world, machine);
	sim_host_crash(world, machine, 1);
	sim_oracle_switched_off(world, machine, settled);
	sim_host_crash(world, SIM_TWIN, 1);
	if (machine != SIM_TWIN) {
		memview_free(h->store);
		h->store = twin->store;
		h->fence = twin->fence;
		h->has_fence = twin->has_fence;
		h->restores++;
		sim_host_view(world, machine);
		sim_image_took_over(world, machine);
	} else {
		memview_free(twin->store);
	}
	twin->store = NULL;
	twin->is_founded = false;
}

static void end_it(struct sim_world *world, struct sim_rng *rng)
{
	if (is_running(world))
		switch_off(world, sim_rng_chance(rng, 600) ? SIM_TWIN : world->host[SIM_TWIN].place);
}

static void act_clone(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	if (is_running(world)) {
		for (uint64_t n = sim_rng_below(rng, 5); n > 0; n--) {
			sim_work_at(world, rng, SIM_TWIN);
			if (sim_rng_chance(rng, 400))
				sim_work_at(world, rng, world->host[SIM_TWIN].place);
			sim_world_advance(world, sim_rng_between(rng, 0, 2000));
		}
		if (sim_host_is_up(world, SIM_TWIN) && sim_rng_chance(rng, 200))
			sim_host_crash(world, SIM_TWIN, sim_rng_between(rng, 1, 3000));
		return;
	}
	if (sim_rng_chance(rng, 600) || clones(world)->disk.store == NULL) {
		if (!copy_disk(world, host) || sim_rng_chance(rng, 300))
			return; /* it is run later */
	}
	switch_on(world);
	if (sim_rng_chance(rng, 400)) /* it is carried elsewhere first */
		sim_net_cut(world, SIM_TWIN, true, true, sim_rng_between(rng, 1, 120000));
	clones(world)->until_ms = world->now_ms + sim_rng_between(rng, 1000, 900000);
	for (uint64_t n = sim_rng_below(rng, 4); n > 0; n--) {
		sim_work_at(world, rng, sim_rng_chance(rng, 500) ? SIM_TWIN : world->host[SIM_TWIN].place);
		sim_world_advance(world, sim_rng_between(rng, 0, 1000));
	}
}

/* Into the log that all of them have. */
static void new_case(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct sim_put put;

	sim_put_init(&put, TR_KIND_CASE);
	sim_put_text(&put, "source", "sim");
	sim_put_text(&put, "source_id", "d%" PRIu64, sim_rng_next(rng));
	sim_put_text(&put, "category", "lamp");
	sim_put_text(&put, "title", "seen by one of ten");
	sim_put_do(world, host, &put);
}

/* Whatever the ten do, somebody beside them is served (9). */
static void check_service(struct sim_world *world, struct sim_rng *rng, unsigned busy)
{
	unsigned parent = world->host[busy].parent, h = 1;

	while (h < world->host_count && (h == busy || world->host[h].parent != parent || !is_live(world, h)))
		h++;
	if (h == world->host_count || sim_evil_knows(world, parent))
		return;
	new_case(world, rng, h);
	for (unsigned i = 0; i < 60; i++) {
		if (!is_live(world, h) || !sim_host_is_up(world, parent) || is_settled(world, h))
			return;
		sim_world_advance(world, 1000);
	}
	sim_fail(world, parent, "9", "%s is not served while another unit has too many histories", world->host[h].name);
}

/* The machine that they were copied from has heard of them, and writes into a log of its own again:
 * of the one that they share nobody can write any more. */
static void outlive(struct sim_world *world, unsigned host)
{
	for (unsigned i = 0; i < 200 && !is_live(world, host); i++) {
		sim_net_heal(world, host);
		sim_world_advance(world, 10000);
	}
	sim_host_replaced(world, host); /* backups and images share it, too */
}

/* Each of them writes what all the others did not see.  The ninth history is one too many. */
static void act_clones(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct sim_weather weather = world->weather;
	unsigned parent = world->host[host].parent, limits = 0, restores = 0, came = 0;

	if (is_running(world) || host == 0 || clones(world)->had_ten[host] || !is_live(world, host) ||
	    !is_settled(world, host) || !copy_disk(world, host))
		return;
	world->host[host].crash = world->host[parent].crash = SIM_CRASH_NONE;
	clones(world)->had_ten[host] = true;
	limits = clones(world)->limits[parent];
	restores = world->host[parent].restores;
	world->weather = (struct sim_weather){.delay_ms_min = 2, .delay_ms_max = 10};
	for (unsigned i = 0; i < 10; i++) {
		unsigned ops = world->oracle->rec_count;
		bool met = false;

		switch_on(world);
		sim_net_cut(world, SIM_TWIN, true, true, 2000);
		for (int64_t n = sim_rng_between(rng, 1, 3); n > 0; n--)
			new_case(world, rng, SIM_TWIN);
		for (int64_t s = sim_rng_between(rng, 5, 60); s > 0; s--) {
			sim_world_advance(world, 1000);
			met |= is_live(world, SIM_TWIN);
		}
		came += ops != world->oracle->rec_count && met;
		if (i == 9)
			check_service(world, rng, host);
		switch_off(world, SIM_TWIN);
	}
	outlive(world, host);
	world->weather = weather;
	if (came > 8 && !sim_evil_knows(world, parent) && clones(world)->limits[parent] == limits && world->host[parent].restores == restores)
		sim_fail(world, parent, "19", "%u histories of one log of %s, nobody said that this is too many", came,
		    world->host[host].name);
}

static void on_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	clones(world)->limits[host] += trace->code == REP_TRACE_FORK_LIMIT;
}

/* Nothing more is taken of a key that ten machines had. */
static bool excuses(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	unsigned author = sim_host_of(world, trace->peer);

	(void)host;
	return trace->code == REP_TRACE_FORK_LIMIT && author != SIM_NONE && world->host[author].twins >= 8;
}

static void begin(struct sim_world *world)
{
	clones(world)->rng = sim_rng_make(world->conf.seed, 0x636c6f6e);
}

static void tick(struct sim_world *world)
{
	struct sim_rng *rng = &clones(world)->rng;

	if (!is_running(world))
		return;
	if (world->now_ms >= clones(world)->until_ms)
		end_it(world, rng);
	else if (sim_rng_chance(rng, 300))
		sim_work_at(world, rng, SIM_TWIN);
}

/* Another machine sits there, with another key or another past: its copy is none of it any more. */
static void on_replaced(struct sim_world *world, unsigned host)
{
	struct disk *disk = &clones(world)->disk;

	if (is_running(world) && world->host[SIM_TWIN].place == host)
		switch_off(world, SIM_TWIN);
	if (disk->store != NULL && disk->host == host) {
		memview_free(disk->store);
		disk->store = NULL;
	}
}

static void end(struct sim_world *world)
{
	end_it(world, &clones(world)->rng);
}

static void free_disk(struct sim_world *world)
{
	memview_free(clones(world)->disk.store);
}

static struct sim_fault *const FAULTS[] = {&sim_fault_clone, &sim_fault_clones, NULL};
static const struct sim_action ACTIONS[] = {
    {"clone", 5, {&sim_fault_clone}, act_clone},
    {"clones", 1, {&sim_fault_clones}, act_clones},
    {0},
};
static struct sim_part part = {.name = "clone", .faults = FAULTS, .actions = ACTIONS, .begin = begin, .tick = tick,
    .end = end, .excuses = excuses, .trace = on_trace, .replaced = on_replaced, .free = free_disk};
SIM_PART(part)
