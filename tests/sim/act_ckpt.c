/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints, at intervals that a run of some hundred ops meets.  At rest all
 * holders of a domain have found the newest one equal to their own state (15).
 */
#include "tests/sim/part.h"

#include <inttypes.h>
#include <string.h>

static struct sim_fault sim_fault_ckpt = {"ckpt", 850, "checkpoints come often"};

static void begin(struct sim_world *world)
{
	struct sim_rng rng = sim_rng_make(world->conf.seed, 0x636b7074);

	if (!sim_throws(world, &sim_fault_ckpt))
		return; /* as in the field: none in a run */
	world->ckpt_ops = (uint64_t)sim_rng_between(&rng, 3, 60);
	world->ckpt_slice = (uint32_t)sim_rng_between(&rng, 1, 8);
	world->ckpt_ms = sim_rng_chance(&rng, 300) ? sim_rng_between(&rng, 60000, 1800000) : 0;
	for (unsigned i = 0; i < world->host_count; i++)
		sim_host_crash(world, i, 1); /* the configuration is read at the start */
}

static void on_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	if (trace->code == REP_TRACE_CKPT)
		sim_thrown(world, &sim_fault_ckpt);
	if (trace->code == REP_TRACE_CKPT_DIFFERS && !world->is_astray && !sim_part_excuses(world, host, trace))
		sim_fail(world, host, "15", "lane %" PRIu64 " of %s: the state differs from the top node's at %" PRIu64 " %s",
		    trace->a, world->host[sim_host_of(world, trace->peer)].name, trace->b, trace->text != NULL ? trace->text : "");
}

static bool find(struct sim_world *world, unsigned host, const struct rep_ckpt_info *want, struct rep_ckpt_info *out)
{
	for (size_t i = 0; rep_inspect_ckpt(world->host[host].node, i, out); i++)
		if (out->scope.v == want->scope.v && out->lane == want->lane)
			return true;
	return false;
}

static bool is_quiet(struct sim_world *world, const char **why, unsigned *who)
{
	struct rep_ckpt_info top, have;

	for (size_t i = 0; rep_inspect_ckpt(world->host[0].node, i, &top); i++) {
		if (top.number == 0 || top.stopped)
			continue;
		for (*who = sim_host_of(world, top.scope); *who != 0 && *who != SIM_NONE; *who = world->host[*who].parent) {
			if (find(world, *who, &top, &have) && (have.stopped || (!have.waiting && have.number == top.number &&
			    memcmp(have.root.b, top.root.b, 32) == 0 && have.records == top.records)))
				continue;
			*why = "has not the checkpoint of the top node";
			return false;
		}
	}
	return true;
}

static struct sim_fault *const FAULTS[] = {&sim_fault_ckpt, NULL};
static struct sim_part part = {.name = "ckpt", .faults = FAULTS, .begin = begin, .trace = on_trace, .is_quiet = is_quiet};
SIM_PART(part)
