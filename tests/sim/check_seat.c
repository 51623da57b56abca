/* SPDX-License-Identifier: Apache-2.0 */
/* What holds of seats and keys: 18, 20, 25, 27, 28 of the design's invariants. */
#include "tests/sim/seat.h"

#include <inttypes.h>
#include <string.h>

#include "tests/sim/oracle.h"

bool sim_seat_is_cut(const struct sim_world *world, unsigned host, struct tr_dot dot)
{
	const struct rep_node *node = world->host[host].node;
	struct rep_cut_info cut;
	struct rep_log_info log;

	if (!rep_log_of(node, dot.log, &log))
		return false;
	for (size_t i = 0; rep_inspect_cut(node, i, &cut); i++)
		if (cut.unit.v == log.id.author.v && cut.serial == log.serial)
			return true;
	return false;
}

struct gone { const struct rep_node *node; unsigned count, aside; };

static void count_aside(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	struct gone *g = arg;
	struct rep_cut_info by;

	(void)index;
	(void)op;
	g->count++;
	g->aside += rep_is_aside(g->node, cause->dot, &by);
}

bool sim_seat_is_gone(struct sim_world *world, unsigned host, unsigned rec)
{
	struct gone g = {.node = world->host[host].node};

	sim_oracle_ops(world, host, rec, count_aside, &g);
	return g.count != 0 && g.aside == g.count;
}

/*
 * One number for two keys: who signed both may have gone back to before the
 * first, or the old machine and the new one of that unit did not know of each
 * other.  Of a signer whose machine was always the same one it is a lie.
 */
static bool is_twice(const struct sim_world *world, struct tr_nid signer)
{
	unsigned host = sim_host_of(world, signer);

	return host != SIM_NONE && world->host[host].rollbacks != 0;
}

/* All the evidence that a host has is of that kind, and it has some. */
static bool has_twice(struct sim_world *world, unsigned host)
{
	const struct sim_host *h = &world->host[host];
	struct rep_evidence_info info;
	size_t n = 0;

	for (; rep_inspect_evidence(h->node, &h->view, n, &info); n++)
		if (!is_twice(world, info.signer))
			return false;
	return n > 0;
}

/* What follows from a key that was used by two. */
bool sim_seat_excuses(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	unsigned author = sim_host_of(world, trace->peer);

	if (trace->code == REP_TRACE_FORK)
		return author != SIM_NONE && world->host[author].rollbacks != 0;
	if (trace->code == REP_TRACE_CERT_CHANGED_KEY)
		return has_twice(world, host);
	if (trace->code == REP_TRACE_OP_VIOLATION) /* it had seen what is set aside now */
		return sim_throws(world, sim_fault_find("stolen")) || sim_throws(world, sim_fault_find("rejoin")) ||
		    sim_throws(world, sim_fault_find("dark"));
	return false;
}

void sim_seat_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	if ((trace->code == REP_TRACE_CUT_VIOLATION || trace->code == REP_TRACE_REFOLD_BAD ||
		(trace->code == REP_TRACE_EVIDENCE && !is_twice(world, (struct tr_nid){trace->b}))) &&
	    !sim_throws(world, &sim_fault_rubbish) && !world->is_astray)
		sim_fail(world, host, "3", "alarm among honest nodes: %s", rep_trace_code_name(trace->code));
}

/* 25: a session by a key before the newest that is registered here is refused. */
void sim_seat_frame(struct sim_world *world, unsigned host, uint32_t link, const Terrace__Msg *msg)
{
	struct rep_unit_info unit;

	if (msg->m_case != TERRACE__MSG__M_WELCOME || msg->welcome->verdict != TR_VERDICT_OK)
		return;
	for (size_t i = world->conn_count; i-- > 0;) {
		const struct sim_conn *c = &world->conn[i];
		const struct seat *s = &sim_seats(world)->host[c->child];
		const struct sim_host *h = &world->host[c->child];
		const struct tr_key *newest = s->is_other_in ? &s->other.curve : &h->curve;

		if (c->parent_link != link || h->parent != host || !c->parent_open)
			continue;
		if (s->use != USE_OLD || memcmp(c->user.b, newest->b, sizeof(newest->b)) == 0 ||
		    !rep_unit_get(world->host[host].node, h->nid, &unit) || !unit.registered || s->is_lost ||
		    unit.serial < s->seen[host] || s->seen[host] < 2)
			return;
		sim_fail(world, host, "25", "a session with the machine that key %u of %s has replaced", unit.serial, h->name);
	}
}

/* 20, 27, 28. */
void sim_seat_look(struct sim_world *world, unsigned host)
{
	struct rep_unit_info unit;
	struct rep_log_info log;

	for (unsigned u = 1; u < world->host_count; u++) {
		struct seat *s = &sim_seats(world)->host[u];

		if (!rep_unit_get(world->host[host].node, world->host[u].nid, &unit) || !unit.registered)
			unit.serial = 0;
		if (s->life[host] == world->host[host].restores && unit.serial < s->seen[host])
			sim_fail(world, host, s->seen[host] != 0 && unit.serial == 0 ? "27" : "28",
			    "serial of %s went back from %u to %u", world->host[u].name, s->seen[host], unit.serial);
		s->seen[host] = unit.serial;
		s->life[host] = world->host[host].restores;
	}
	for (size_t i = 0; rep_inspect_log(world->host[host].node, &i, &log);)
		if (log.aside_from <= log.kept_seq)
			sim_fail(world, host, "20", "what a checkpoint covers is set aside");
}

struct hunt { struct sim_world *world; unsigned host; const struct seat *seat; struct tr_nid nid; };

/* Written with the stolen key after it was cut. */
static void hunt(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	const struct hunt *h = arg;
	const struct sim_oracle *o = h->world->oracle;
	struct rep_cut_info by;
	struct rep_log_info log;
	uint64_t ticket = 0;

	(void)index;
	for (size_t i = 1; i < op->actor.size && op->actor.data[0] == 'w'; i++)
		ticket = ticket * 10 + (uint64_t)(op->actor.data[i] - '0');
	if (cause->author.v != h->nid.v || ticket < h->seat->first_bad || ticket > o->write_count ||
	    !rep_log_of(h->world->host[h->host].node, cause->dot.log, &log) || log.serial != h->seat->cut_serial)
		return;
	if (!rep_is_aside(h->world->host[h->host].node, cause->dot, &by))
		sim_fail(h->world, h->host, "25", "write w%" PRIu64 " by a cut key counts", ticket);
}

void sim_seat_rest(struct sim_world *world)
{
	for (unsigned u = 1; u < world->host_count; u++) {
		const struct seat *s = &sim_seats(world)->host[u];

		if (!s->was_cut || s->is_accepted)
			continue;
		for (unsigned h = 0; h < world->host_count; h++) {
			struct hunt job = {world, h, s, world->host[u].nid};

			for (unsigned r = 0; r < world->oracle->rec_count; r++)
				if (sim_is_over(world, h, world->oracle->rec[r].home))
					sim_oracle_ops(world, h, r, hunt, &job);
		}
	}
}
