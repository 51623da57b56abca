/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ops below a checkpoint are dropped, at every node, soon after it (14, 15):
 * never above the newest receipt of the top node, and no state is another one
 * afterwards.
 */
#include "tests/sim/part.h"

#include <inttypes.h>
#include <stdlib.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/base.h"
#include "tests/sim/oracle.h"

struct receipted { struct tr_log_id log; uint64_t seq; };

struct pruned {
	struct receipted *receipt; /* by the top node, of all times: also before its store went back */
	size_t count, cap;
	struct memview *first[SIM_HOSTS_MAX]; /* stores of the day their units joined */
};

static struct sim_part part;
static struct sim_fault sim_fault_blank = {"blank", 800, "with prune: a machine goes back to the day its unit joined"};
static struct sim_fault sim_fault_prune = {"prune", 500, "what a checkpoint speaks for is dropped soon"};

static struct pruned *pruned(struct sim_world *world)
{
	return sim_part_data(world, &part, sizeof(struct pruned));
}

static void begin(struct sim_world *world)
{
	struct sim_rng rng = sim_rng_make(world->conf.seed, 0x7072756e);

	/* Ops that come back unsigned, in a segment that is dropped: part of one cannot be told from others. */
	if (!sim_throws(world, &sim_fault_prune) || sim_throws(world, sim_fault_find("raw")))
		return;
	world->keep_ms = sim_rng_between(&rng, 1, 60000);
	world->ckpt_ops = (uint64_t)sim_rng_between(&rng, 1, 12); /* without checkpoints nothing is dropped */
	world->prune_ops = (uint64_t)sim_rng_between(&rng, 1, 8);
	world->snap_part = (uint32_t)sim_rng_between(&rng, 100, 3000);
	for (unsigned i = 0; i < world->host_count; i++) {
		sim_host_commit(world, i);
		pruned(world)->first[i] = memview_clone(world->host[i].store);
	}
	for (unsigned i = 0; i < world->host_count; i++)
		sim_host_crash(world, i, 1); /* the configuration is read at the start */
}

static bool is_all_signed(struct sim_world *world, unsigned host)
{
	struct rep_self self = {.open_ops = 1};

	if (sim_host_is_up(world, host))
		sim_host_commit(world, host);
	if (sim_host_is_up(world, host))
		rep_inspect_self(world->host[host].node, &self);
	return self.open_ops == 0;
}

static void work_apart(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	sim_world_advance(world, sim_rng_between(rng, 1, 1000));
	for (uint64_t n = 2 + sim_rng_below(rng, 6); n > 0; n--) {
		sim_work_at(world, rng, host);
		sim_world_advance(world, sim_rng_between(rng, 0, 2000));
	}
}

/* To the day it joined, or to its last backup.  It may be worked at before it finds its neighbours again. */
static void go_back(struct sim_world *world, struct sim_rng *rng, unsigned host, bool is_first, bool is_apart)
{
	struct sim_host *h = &world->host[host];
	struct memview *kept = h->backup;

	if ((is_first ? pruned(world)->first[host] : h->backup) == NULL || !is_all_signed(world, host))
		return;
	if (is_apart)
		sim_net_cut(world, host, true, true, sim_rng_between(rng, 10000, 90000));
	if (is_first)
		h->backup = pruned(world)->first[host];
	sim_host_restore(world, host, is_apart ? 1 : sim_rng_between(rng, 1, 60000), sim_rng_chance(rng, 500));
	h->backup = kept;
	sim_thrown(world, &sim_fault_blank);
	if (is_apart)
		work_apart(world, rng, host);
}

/* All that it had is at its neighbours, who have dropped part of it. */
static void act_blank(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	go_back(world, rng, host, sim_rng_chance(rng, 500), sim_rng_chance(rng, 600));
}

/* A backup, then work, long enough ago to be dropped; and the machine goes back to before that, or all that it knows does. */
static void act_age(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct sim_host *h = &world->host[host];
	struct rep_fence fence;
	bool has_fence, unnoticed = host != 0 && sim_rng_chance(rng, 400) && sim_throws(world, sim_fault_find("image"));

	if (pruned(world)->first[host] == NULL || !is_all_signed(world, host))
		return;
	sim_host_backup(world, host);
	fence = h->fence;
	has_fence = h->has_fence;
	for (uint64_t n = 4 + sim_rng_below(rng, 12); n > 0; n--) {
		sim_work_at(world, rng, host);
		sim_world_advance(world, sim_rng_between(rng, 0, 500));
	}
	sim_world_advance(world, sim_rng_between(rng, 90000, 180000));
	if (!unnoticed || !is_all_signed(world, host)) {
		go_back(world, rng, host, false, sim_rng_chance(rng, 800));
		return;
	}
	sim_net_cut(world, host, true, true, sim_rng_between(rng, 10000, 90000));
	sim_host_restore(world, host, 1, false);
	h->fence = fence;
	h->has_fence = has_fence;
	h->rollbacks++;
	sim_thrown(world, &sim_fault_blank);
	work_apart(world, rng, host);
}

static void drop_store(struct sim_world *world, unsigned host)
{
	memview_free(pruned(world)->first[host]);
	pruned(world)->first[host] = NULL;
}

static void free_stores(struct sim_world *world)
{
	for (unsigned i = 0; i < SIM_HOSTS_MAX; i++)
		memview_free(pruned(world)->first[i]);
	free(pruned(world)->receipt);
}

static void on_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	(void)host;
	world->counts.snapshots += trace->code == REP_TRACE_SNAP;
	if (trace->code == REP_TRACE_TRUNCATED)
		sim_thrown(world, &sim_fault_prune);
}

static struct receipted *receipt_of(struct pruned *p, const struct tr_log_id *id)
{
	struct receipted *more;

	for (size_t i = 0; i < p->count; i++)
		if (p->receipt[i].log.author.v == id->author.v && p->receipt[i].log.inc == id->inc &&
		    p->receipt[i].log.scope.v == id->scope.v && p->receipt[i].log.lane == id->lane)
			return &p->receipt[i];
	more = tr_grow(p->receipt, p->count, &p->cap, sizeof(*more));
	TR_ASSERT(more != NULL);
	p->receipt = more;
	p->receipt[p->count] = (struct receipted){*id, 0};
	return &p->receipt[p->count++];
}

static void on_stick(struct sim_world *world, unsigned host, const Terrace__Msg *msg)
{
	for (size_t i = 0; host == 0 && msg->m_case == TERRACE__MSG__M_RECEIPT && i < msg->receipt->n_f; i++) {
		struct rep_log_info log;
		struct receipted *r;

		if (!rep_log_of(world->host[0].node, msg->receipt->f[i]->log, &log))
			continue;
		r = receipt_of(pruned(world), &log.id);
		r->seq = msg->receipt->f[i]->seq > r->seq ? msg->receipt->f[i]->seq : r->seq;
	}
}

static void on_frame(struct sim_world *world, unsigned host, uint32_t link, const Terrace__Msg *msg)
{
	(void)link;
	on_stick(world, host, msg);
}

/* Is there a receipt of the top node up to there? */
static bool has_receipt(struct sim_world *world, const struct rep_log_info *log)
{
	if (sim_host_of(world, log->id.scope) == 0)
		return log->receipt_seq >= log->low; /* nobody is told of its own domains */
	return receipt_of(pruned(world), &log->id)->seq >= log->low;
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

static struct sim_fault *const FAULTS[] = {&sim_fault_prune, &sim_fault_blank, NULL};
static const struct sim_action ACTIONS[] = {
    {"blank", 5, {&sim_fault_blank}, act_blank},
    {"age", 3, {&sim_fault_blank}, act_age},
    {0},
};
static struct sim_part part = {.name = "prune", .faults = FAULTS, .actions = ACTIONS, .frame = on_frame, .stick = on_stick, .replaced = drop_store, .free = free_stores, .begin = begin, .trace = on_trace, .look = look};
SIM_PART(part)
