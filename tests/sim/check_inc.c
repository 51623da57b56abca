/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 18: after a noticed restore nothing new is written into an old incarnation.
 * What may still be signed there are the ops that waited unsigned in the store
 * that was put back (docs/decisions/0019-*.md), and no more of them.
 */
#include <stdlib.h>

#include "proto/err.h"

#include "tests/sim/oracle.h"
#include "tests/sim/part.h"

struct place { struct tr_log_id log; uint64_t seq; };

struct places { struct place *at; unsigned count, cap; };

struct incs {
	struct host_inc {
		uint64_t inc;
		uint32_t open;           /* ops that may still be signed in an older one */
		struct places chain;     /* how far the older ones had come when this one began */
	} host[SIM_HOSTS_MAX];
};

static struct sim_part part;

static struct host_inc *inc_of(struct sim_world *world, unsigned host)
{
	return &((struct incs *)sim_part_data(world, &part, sizeof(struct incs)))->host[host];
}

static void push(struct places *p, const struct tr_log_id *log, uint64_t seq)
{
	if (p->count == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 32;
		p->at = realloc(p->at, p->cap * sizeof(*p->at));
		TR_ASSERT(p->at != NULL);
	}
	p->at[p->count++] = (struct place){*log, seq};
}

/* What an own log of an older incarnation holds is as it is from here on. */
static void begin(struct sim_world *world, unsigned host)
{
	struct host_inc *in = inc_of(world, host);
	struct rep_self self;
	struct rep_log_info log;

	if (!sim_host_is_up(world, host))
		return;
	rep_inspect_self(world->host[host].node, &self);
	if (in->inc == self.inc)
		return;
	in->inc = self.inc;
	in->open = self.open_ops;
	in->chain.count = 0;
	for (size_t i = 0; rep_inspect_log(world->host[host].node, &i, &log);)
		if (log.id.author.v == world->host[host].nid.v)
			push(&in->chain, &log.id, log.seq);
}

static void on_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	if (trace->code == REP_TRACE_NEW_INC)
		begin(world, host);
}

static bool is_known(const struct places *p, const struct tr_log_id *log, uint64_t seq)
{
	for (unsigned i = 0; i < p->count; i++)
		if (sim_is_same_log(&p->at[i].log, log) && p->at[i].seq >= seq)
			return true;
	return false;
}

void sim_check_old_inc(struct sim_world *world, unsigned host, const struct tr_log_id *log, uint64_t first, uint32_t count)
{
	struct host_inc *in = inc_of(world, host);

	begin(world, host); /* the trace may have been lost with a crash */
	if (log->inc == in->inc || is_known(&in->chain, log, first + count - 1))
		return;
	if (count > in->open)
		sim_fail(world, host, "18", "signs %u ops from %llu on in an old incarnation, %u waited for that", count,
		    (unsigned long long)first, in->open);
	in->open -= count;
}

static void end(struct sim_world *world)
{
	for (unsigned i = 0; i < SIM_HOSTS_MAX; i++)
		free(inc_of(world, i)->chain.at);
}

static struct sim_part part = {.name = "incarnation", .restart = begin, .trace = on_trace, .free = end};
SIM_PART(part)
