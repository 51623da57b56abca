/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two versions in one federation.  The older one (vocabulary 1, protocol 1)
 * does not know some kinds of ops and records, fields or words; the newer one
 * writes them.  One node after the other is upgraded in the middle of it all,
 * and at the end every one.
 *
 *   3   nothing that an older node passes on or writes is called a violation
 *   7 9 after the upgrade all holders are equal and nothing waits any more
 */
#include "tests/sim/part.h"

#include <string.h>

#include "proto/err.h"
#include "replication/status.h"

#define OLD 1
#define NEW 2

static struct sim_fault sim_fault_version = {"version", 350, "older programs in between, upgraded one by one"};
static struct sim_part part;

struct versions {
	bool is_on;
	struct rep_known old;
	uint64_t negotiated;     /* sessions of protocol 2 */
};

static struct versions *mine(struct sim_world *world)
{
	return sim_part_data(world, &part, sizeof(struct versions));
}

/* What the older program lacks; units and certificates it has. */
static struct rep_known older(struct sim_rng *rng)
{
	static const uint16_t fields[] = {0, 13, 15, 22, 33, 46, 60};
	static const uint8_t statuses[] = {0, REP_CASE_DISPATCHED, REP_CASE_HANDLED, REP_CASE_CLOSED};
	static const uint32_t kinds[] = {0, TR_KIND_STAFF, TR_KIND_DIRECTIVE};
	static const uint32_t ops[] = {0, TR_OP_TRANSFER, TR_OP_POLICY, TR_OP_NOTE};
	uint32_t no_kind = kinds[sim_rng_below(rng, 3)], no_op = ops[sim_rng_below(rng, 4)];
	struct rep_known known = {.number = OLD,
	    .field_max = fields[sim_rng_below(rng, sizeof(fields) / sizeof(fields[0]))],
	    .status_max = statuses[sim_rng_below(rng, sizeof(statuses))]};

	if (no_kind != 0)
		known.kinds = ~(1u << no_kind);
	if (no_op != 0)
		known.ops = ~((uint64_t)1 << no_op);
	return known;
}

static void install(struct sim_world *world, unsigned host, const struct rep_known *known, int64_t down_ms)
{
	struct sim_host *h = &world->host[host];

	sim_log(world, host, "runs version %u", known->number);
	h->known = *known;
	h->proto_min = 1;
	h->proto_max = known->number;
	sim_host_crash(world, host, down_ms);
}

static void begin(struct sim_world *world)
{
	struct sim_rng rng = sim_rng_make(world->conf.seed, 0x7e55);
	struct versions *v = mine(world);

	if (!sim_throws(world, &sim_fault_version))
		return;
	v->is_on = true;
	v->old = older(&rng);
	for (unsigned i = 0; i < world->host_count; i++)
		install(world, i, sim_rng_chance(&rng, 600) ? &v->old : &(struct rep_known){.number = NEW}, 1);
	sim_world_advance(world, 100);
}

static void act_upgrade(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	if (!mine(world)->is_on || world->host[host].known.number != OLD || !sim_host_is_up(world, host))
		return;
	sim_thrown(world, &sim_fault_version);
	install(world, host, &(struct rep_known){.number = NEW}, sim_rng_between(rng, 1, 5000));
}

static void end(struct sim_world *world)
{
	for (unsigned i = 0; mine(world)->is_on && i < world->host_count; i++)
		if (world->host[i].known.number == OLD)
			install(world, i, &(struct rep_known){.number = NEW}, 1);
}

static void frame(struct sim_world *world, unsigned host, uint32_t link, const Terrace__Msg *msg)
{
	const struct sim_host *h = &world->host[host];

	(void)link;
	if (msg->m_case != TERRACE__MSG__M_WELCOME || msg->welcome->verdict != TR_VERDICT_OK || h->proto_max == 0)
		return;
	if (msg->welcome->proto < 1 || msg->welcome->proto > h->proto_max)
		sim_fail(world, host, "version", "chose protocol %u", msg->welcome->proto);
	mine(world)->negotiated += msg->welcome->proto == NEW;
}

static bool is_quiet(struct sim_world *world, const char **why, unsigned *who)
{
	for (*who = 0; *who < world->host_count; (*who)++) {
		*why = "has ops that it does not understand, after the upgrade";
		if (rep_later_any(world->host[*who].node))
			return false;
	}
	*why = NULL;
	return true;
}

static struct sim_fault *const FAULTS[] = {&sim_fault_version, NULL};
static const struct sim_action ACTIONS[] = {
    {"upgrade", 2, {&sim_fault_version}, act_upgrade},
    {0},
};
static struct sim_part part = {.name = "version", .faults = FAULTS, .actions = ACTIONS, .begin = begin, .end = end,
    .frame = frame, .is_quiet = is_quiet};
SIM_PART(part)
