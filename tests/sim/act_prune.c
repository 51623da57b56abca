/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ops below a checkpoint are dropped, at every node, soon after it (14, 15):
 * never above the newest receipt of the top node, and no state is another one
 * afterwards.
 */
#include "tests/sim/part.h"

#include <inttypes.h>

#include "replication/base.h"
#include "tests/sim/oracle.h"

static struct sim_fault sim_fault_prune = {"prune", 500, "what a checkpoint speaks for is dropped soon"};

/*
 * A store that went back to before what its neighbours dropped gets it from
 * nobody (docs/protocol.md "Truncation"); a row of a record that is all that is
 * left of its ops cannot be found to be another one.
 */
static bool is_barred(const struct sim_world *world)
{
	static const char *const names[] = {"restore", "image", "raw", "rot", "rejoin", "stolen"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sim_throws(world, sim_fault_find(names[i])))
			return true;
	return false;
}

static void begin(struct sim_world *world)
{
	struct sim_rng rng = sim_rng_make(world->conf.seed, 0x7072756e);

	if (!sim_throws(world, &sim_fault_prune) || is_barred(world))
		return;
	world->keep_ms = sim_rng_between(&rng, 1, 60000);
	world->prune_ops = (uint64_t)sim_rng_between(&rng, 1, 8);
	for (unsigned i = 0; i < world->host_count; i++)
		sim_host_crash(world, i, 1); /* the configuration is read at the start */
}

static void on_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	(void)host;
	if (trace->code == REP_TRACE_TRUNCATED)
		sim_thrown(world, &sim_fault_prune);
}

/* Is there a receipt of the top node up to there? */
static bool has_receipt(const struct sim_world *world, const struct rep_log_info *log)
{
	const struct sim_oracle *o = world->oracle;

	if (sim_host_of(world, log->id.scope) == 0)
		return log->receipt_seq >= log->low; /* nobody is told of its own domains */
	for (unsigned i = 0; i < o->promise_count; i++)
		if (o->promise[i].receipt && o->promise[i].log.author.v == log->id.author.v &&
		    o->promise[i].log.inc == log->id.inc && o->promise[i].log.scope.v == log->id.scope.v &&
		    o->promise[i].log.lane == log->id.lane && o->promise[i].seq >= log->low)
			return true;
	return false;
}

/* Which neighbour that holds the domain lacks what was dropped: others get it from
 * their own, who keep it until then.  SIM_NONE: none does. */
static unsigned who_lacks(struct sim_world *world, unsigned host, unsigned scope, const struct rep_log_info *log)
{
	for (unsigned h = scope; h != SIM_NONE; h = h == 0 ? SIM_NONE : world->host[h].parent) {
		struct rep_log_info other;
		bool is_near = world->host[h].parent == host || world->host[host].parent == h;
		bool found = !is_near || h == host || !sim_host_is_up(world, h) || world->host[h].restores != 0;

		for (size_t i = 0; !found && rep_inspect_log(world->host[h].node, &i, &other);)
			found = other.id.author.v == log->id.author.v && other.id.inc == log->id.inc &&
			    other.id.scope.v == log->id.scope.v && other.id.lane == log->id.lane && other.seq >= log->low;
		if (!found)
			return h;
	}
	return SIM_NONE;
}

static void look(struct sim_world *world, unsigned host)
{
	struct rep_log_info log;

	for (size_t i = 0; rep_inspect_log(world->host[host].node, &i, &log);) {
		const struct rep_domain *domain;
		unsigned lacks;

		if (log.low == 0)
			continue;
		if (log.id.lane != TR_LANE_R && log.id.lane != TR_LANE_B)
			sim_fail(world, host, "14", "ops of lane %u are dropped", log.id.lane);
		domain = rep_base_find(world->host[host].node, log.id.scope, log.id.lane);
		if (domain == NULL || rep_base_seq(domain->base, log.handle) < log.low)
			sim_fail(world, host, "14", "dropped up to %" PRIu64 " of a log, no checkpoint speaks for that", log.low);
		if (!has_receipt(world, &log))
			sim_fail(world, host, "14", "dropped up to %" PRIu64 " of a log, there is no such receipt", log.low);
		lacks = who_lacks(world, host, sim_host_of(world, log.id.scope), &log);
		if (lacks != SIM_NONE)
			sim_fail(world, host, "14", "dropped up to %" PRIu64 " of a log of %s, %s has not got that far", log.low,
			    world->host[sim_host_of(world, log.id.author)].name, world->host[lacks].name);
	}
}

static struct sim_fault *const FAULTS[] = {&sim_fault_prune, NULL};
static struct sim_part part = {.name = "prune", .faults = FAULTS, .begin = begin, .trace = on_trace, .look = look};
SIM_PART(part)
