/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/evil.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

/* The core looks once a minute; a minute more for what was on its way. */
#define NOTICE_MS (10 * 60 * 1000 + 3 * 60 * 1000)

static struct sim_fault sim_fault_evil = {"evil", 150, "a street's relay forges, truncates, replays, reorders, withholds, lies"};
static struct sim_part part;

const char *sim_evil_name(enum evil_trick trick, char out[static 16])
{
	const char *at = EVIL_TRICK_NAMES;

	for (unsigned i = 0; i < trick; i++)
		at += strcspn(at, "|") + 1;
	snprintf(out, 16, "%.*s", (int)strcspn(at, "|"), at);
	return out;
}

struct evil *sim_evil(struct sim_world *world)
{
	return sim_part_data(world, &part, sizeof(struct evil));
}

bool sim_evil_touches(struct sim_world *world, uint64_t conn)
{
	const struct evil *evil = sim_evil(world);
	unsigned child = world->conn[conn - 1].child;

	return evil->is_on && !world->conn[conn - 1].is_enrolment &&
	       (child == evil->host || world->host[child].parent == evil->host);
}

bool sim_evil_knows(struct sim_world *world, unsigned host)
{
	const struct evil *evil = sim_evil(world);

	return evil->was_on && (host == evil->host || world->host[host].parent == evil->host ||
	    world->host[evil->host].parent == host);
}

static void draw_tricks(struct sim_world *world, struct evil *evil, struct sim_rng *rng)
{
	unsigned often = sim_rng_chance(rng, 300) ? 1000 : 50 + (unsigned)sim_rng_below(rng, 300);
	unsigned child = (unsigned)sim_rng_below(rng, world->host_count);
	char name[16];

	memset(evil->chance, 0, sizeof(evil->chance));
	/* A few at a time: a relay that does everything at once is cut off at once. */
	for (uint64_t n = 1 + sim_rng_below(rng, 3); n > 0; n--) {
		unsigned trick = (unsigned)sim_rng_below(rng, EVIL_TRICKS);
		bool is_rare = trick == EVIL_FLIP || trick == EVIL_REPLAY || trick == EVIL_SESSION || trick == EVIL_TWICE;

		evil->chance[trick] = is_rare && often > 200 ? 200 : often;
		sim_log(world, evil->host, "evil: %s, %u of 1000", sim_evil_name(trick, name), evil->chance[trick]);
	}
	if (sim_fault_find("blank") != NULL && sim_throws(world, sim_fault_find("blank")))
		evil->chance[EVIL_STATE] = 500; /* snapshots are few */
	evil->victim = world->host[child].parent == evil->host && sim_rng_chance(rng, 500) ? child : SIM_NONE;
}

static void turn(struct sim_world *world, struct evil *evil, unsigned host)
{
	evil->host = host;
	evil->is_on = evil->was_on = true;
	evil->rng = sim_rng_make(world->conf.seed, 5);
	sim_host_crash(world, host, 1); /* its sessions begin anew, in the liar's hands */
}

/* Turns a street into a liar, or gives the one there is other tricks. */
static void act_evil(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct evil *evil = sim_evil(world);

	while (host != 0 && world->host[host].level > 1)
		host = world->host[host].parent;
	if (!evil->is_on && host == 0)
		return;
	if (!evil->is_on)
		turn(world, evil, host);
	draw_tricks(world, evil, rng);
}

void sim_evil_set(struct sim_world *world, unsigned host, enum evil_trick trick, unsigned chance, unsigned victim)
{
	struct evil *evil = sim_evil(world);

	if (evil->is_on && evil->host != host)
		sim_evil_over(world);
	if (!evil->is_on) {
		memset(evil->chance, 0, sizeof(evil->chance));
		turn(world, evil, host);
	}
	evil->chance[trick] = chance;
	evil->victim = victim;
}

/* Long enough for what is withheld to be noticed. */
static void act_wait(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	(void)host;
	for (uint64_t n = 15 + sim_rng_below(rng, 15); n > 0; n--) {
		sim_world_advance(world, 60000);
		sim_part_tick(world);
	}
}

/* 16: the top knows from a HEAD that ops are missing, longer than the limit. */
static void look_at_heads(struct sim_world *world, struct evil *evil)
{
	for (unsigned i = 1; i < world->host_count; i++) {
		struct rep_unit_info unit;

		if (!sim_host_is_up(world, 0) || !rep_unit_get(world->host[0].node, world->host[i].nid, &unit))
			continue;
		if (unit.head_own_ops <= unit.here_ops || evil->top_life[i] != world->host[0].life ||
		    evil->here_ops[i] != unit.here_ops || evil->differs_ms[i] == 0) {
			evil->differs_ms[i] = unit.head_own_ops > unit.here_ops ? world->now_ms : 0;
			evil->here_ops[i] = unit.here_ops;
			evil->top_life[i] = world->host[0].life;
			continue;
		}
		if (world->now_ms - evil->differs_ms[i] > NOTICE_MS && !evil->alarmed[i])
			sim_fail(world, 0, "16", "%s says that it has %" PRIu64 " ops, here are %" PRIu64
			    " for %" PRId64 " s, and no alarm", world->host[i].name, unit.head_own_ops, unit.here_ops,
			    (world->now_ms - evil->differs_ms[i]) / 1000);
	}
}

static bool is_live(struct sim_world *world, unsigned host)
{
	struct rep_link_info link;

	return rep_inspect_link(world->host[host].node, &world->host[host].view, 0, &link) && link.is_parent &&
	       link.state == REP_LINK_LIVE;
}

/* Every session between it and the top node stands; what the liar says of that is another matter. */
static bool is_way_whole(struct sim_world *world, unsigned host)
{
	for (; host != 0; host = world->host[host].parent)
		if (host == SIM_NONE || !sim_host_is_up(world, host) || !is_live(world, host))
			return false;
	return sim_host_is_up(world, 0);
}

/* 17: own ops without a receipt while the way to the top node is whole, longer than the limit.  Who
 * is told that it is not waits for a day: scenarios/dark-lie.scn. */
static void look_at_receipts(struct sim_world *world, struct evil *evil)
{
	bool is_told = evil->is_on && evil->chance[EVIL_DARK] != 0;

	for (unsigned i = 1; i < world->host_count; i++) {
		struct sim_host *h = &world->host[i];
		struct rep_self self;

		if (!sim_host_is_up(world, i) || h->profile != TR_PROFILE_FIBRE)
			continue;
		rep_inspect_self(h->node, &self);
		if (is_told || evil->live_ms[i] == 0 || !is_way_whole(world, i) || evil->life[i] != h->life ||
		    self.receipt_ops != evil->receipt_ops[i] || self.own_ops - self.open_ops <= self.receipt_ops) {
			bool waits = !is_told && is_way_whole(world, i) && self.own_ops - self.open_ops > self.receipt_ops;

			evil->live_ms[i] = waits ? world->now_ms : 0;
			evil->life[i] = h->life;
			evil->receipt_ops[i] = self.receipt_ops;
			continue;
		}
		if (world->now_ms - evil->live_ms[i] > NOTICE_MS && self.late_ops == 0)
			sim_fail(world, i, "17", "%" PRIu64 " own ops, %" PRIu64 " receipted for %" PRId64 " s, and no alarm",
			    self.own_ops, self.receipt_ops, (world->now_ms - evil->live_ms[i]) / 1000);
	}
}

static void tick(struct sim_world *world)
{
	struct evil *evil = sim_evil(world);

	look_at_heads(world, evil);
	look_at_receipts(world, evil);
}

static void on_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	struct evil *evil = sim_evil(world);
	unsigned unit = sim_host_of(world, trace->peer);

	if (trace->code == REP_TRACE_LINK_STATE && trace->a == REP_LINK_LIVE)
		evil->live_ms[host] = 0;
	if (trace->code != REP_TRACE_HEAD_DIFFERS || host != 0 || unit == SIM_NONE)
		return;
	evil->alarmed[unit] = true;
	world->counts.differs++;
}

static bool excuses(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	unsigned up = host;

	if (trace->code == REP_TRACE_RECEIPT_LATE || trace->code == REP_TRACE_RECEIPT_DARK)
		while (up != SIM_NONE && up != sim_evil(world)->host)
			up = world->host[up].parent;
	return sim_evil_knows(world, host) || (up != SIM_NONE && sim_evil(world)->was_on && up != host);
}

void sim_evil_over(struct sim_world *world)
{
	struct evil *evil = sim_evil(world);

	if (!evil->is_on)
		return;
	evil->is_on = false;
	for (unsigned i = 0; i < EVIL_TRICKS; i++)
		world->counts.tricks[i] += evil->done[i];
	sim_host_crash(world, evil->host, 1);
}

static void release(struct sim_world *world)
{
	struct evil *evil = sim_evil(world);

	for (unsigned i = 0; i < EVIL_KEEP; i++)
		free(evil->kept[i].data);
	free(evil->count[0]);
	free(evil->count[1]);
}

static struct sim_fault *const FAULTS[] = {&sim_fault_evil, NULL};
static const struct sim_action ACTIONS[] = {
    {"evil", 4, {&sim_fault_evil}, act_evil},
    {"wait", 1, {&sim_fault_evil}, act_wait},
    {0},
};
static struct sim_part part = {.name = "evil", .faults = FAULTS, .actions = ACTIONS, .tick = tick, .trace = on_trace,
    .excuses = excuses, .end = sim_evil_over, .free = release};
SIM_PART(part)
