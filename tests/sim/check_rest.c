/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants at rest, when all faults are over: 9 (holders of a domain are
 * equal, nothing is held back), 7 (the same state from the same ops), 11 (no
 * acknowledged write lost, none twice), 14, 22.
 */
#include "tests/sim/oracle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "tests/sim/part.h"

static bool node_is_quiet(struct sim_world *world, unsigned host, const char **why)
{
	struct sim_host *h = &world->host[host];
	struct rep_link_info link;
	struct rep_self self;

	if (!sim_host_is_up(world, host)) {
		*why = "is down";
		return false;
	}
	rep_inspect_self(h->node, &self);
	if (self.open_ops != 0)
		*why = "has ops outside a segment";
	else if (!self.cert.registered)
		*why = "is not registered";
	else if (self.own_ops != self.receipt_ops)
		*why = "has ops without a receipt";
	if (*why != NULL)
		return false;
	for (size_t i = 0; rep_inspect_link(h->node, &h->view, i, &link); i++) {
		if (link.waiting_ops != 0)
			*why = "has ops waiting for a neighbour";
		else if (link.state != REP_LINK_LIVE && h->profile != TR_PROFILE_STICK &&
		    world->host[sim_host_of(world, link.peer)].profile != TR_PROFILE_STICK)
			*why = "has a link that is not live";
	}
	return *why == NULL;
}

static bool scope_is_equal(struct sim_world *world, unsigned scope, const char **why, unsigned *who)
{
	uint8_t want[16], have[16];

	rep_scope_digest(world->host[scope].node, world->host[scope].nid, want);
	for (unsigned h = world->host[scope].parent; h != SIM_NONE; h = world->host[h].parent) {
		rep_scope_digest(world->host[h].node, world->host[scope].nid, have);
		if (memcmp(want, have, sizeof(want)) != 0) {
			*why = "holds another history of a scope than its home";
			*who = h;
			return false;
		}
	}
	return true;
}

bool sim_check_is_quiet(struct sim_world *world, const char **why, unsigned *who)
{
	*why = NULL;
	for (*who = 0; *who < world->host_count; (*who)++)
		if (!node_is_quiet(world, *who, why))
			return false;
	for (unsigned s = 0; s < world->host_count; s++)
		if (!scope_is_equal(world, s, why, who))
			return false;
	for (unsigned r = 0; r < world->oracle->rec_count; r++) {
		if (!sim_check_delivered(world, r)) {
			*why = "does not know that its directive was delivered";
			*who = world->oracle->rec[r].issuer;
			world->suspect = world->oracle->rec[r].home;
			return false;
		}
	}
	return sim_part_is_quiet(world, why, who);
}

static void state_of(struct sim_world *world, unsigned host, const struct tr_rec_id *id, struct tr_hash *out)
{
	struct rep_record *rec = world->oracle->scratch;
	int rc = rep_record_find(rec, &world->host[host].view, id);

	if (rc != 0)
		sim_fail(world, host, "7", "has not a record of a scope it holds: %s", tr_err_code(rc));
	rc = rep_record_state_hash(rec, &world->host[host].view, out);
	if (rc != 0)
		sim_fail(world, host, "7", "state hash: %s", tr_err_code(rc));
}

/* Says what is missing, for the log of a failure. */
void sim_check_explain(struct sim_world *world, unsigned host)
{
	struct rep_unit_info unit;
	struct rep_log_info log;

	for (size_t i = 0; sim_host_is_up(world, host) && rep_inspect_unit(world->host[host].node, i, &unit); i++)
		sim_log(world, host, "  knows %s: HEAD %s hlc %" PRIx64 " own %" PRIu64 " here %" PRIu64 "%s", unit.title,
		    unit.has_head ? "yes" : "no", unit.head_hlc.v, unit.head_own_ops, unit.here_ops,
		    sim_host_of(world, unit.nid) == world->suspect ? " (it is about this one)" : "");

	for (size_t i = 0; sim_host_is_up(world, host) && rep_inspect_log(world->host[host].node, &i, &log);) {
		unsigned author = sim_host_of(world, log.id.author), scope = sim_host_of(world, log.id.scope);

		if (author != SIM_NONE && scope != SIM_NONE && log.seq != 0)
			sim_log(world, host, "  holds %s/%s lane %u seq %" PRIu64 " up %" PRIu64 " down %" PRIu64
			    " receipt %" PRIu64, world->host[author].name, world->host[scope].name, log.id.lane, log.seq,
			    log.up_acked, log.down_acked, log.receipt_seq);
	}
}

/* Every record at the top, against all other holders. */
static void check_states(struct sim_world *world)
{
	size_t holds[SIM_HOSTS_MAX] = {0}, has[SIM_HOSTS_MAX] = {0};

	for (uint8_t kind = TR_KIND_CASE; kind <= TR_KIND_UNIT; kind++) {
		struct tr_rec_id id, last, *after = NULL;

		for (; rep_next_record(&world->host[0].view, kind, after, &id) == 0; after = &last) {
			struct tr_hash want, have;
			unsigned home;

			last = id;
			state_of(world, 0, &id, &want);
			sim_trace_bytes(world, (struct tr_bytes){want.b, sizeof(want.b)});
			home = sim_host_of(world, world->oracle->scratch->scope);
			for (unsigned h = home; h != SIM_NONE; h = world->host[h].parent) {
				holds[h]++;
				state_of(world, h, &id, &have);
				if (memcmp(&want, &have, sizeof(want)) != 0)
					sim_fail(world, h, "7", "a %s has another state than at the top",
					    rep_schema_kind_name(kind));
			}
		}
		for (unsigned h = 0; h < world->host_count; h++)
			for (after = NULL; rep_next_record(&world->host[h].view, kind, after, &id) == 0; after = &last) {
				last = id;
				has[h]++;
			}
	}
	for (unsigned h = 0; h < world->host_count; h++)
		if (holds[h] != has[h])
			sim_fail(world, h, "7", "has %zu records, the top says %zu", has[h], holds[h]);
}

struct tally { struct sim_world *world; unsigned rec; unsigned *seen; };

static void tally_op(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	struct tally *t = arg;
	uint64_t ticket = 0;

	(void)cause;
	(void)index;
	for (size_t i = 1; op->kind != TR_OP_NOTE && i < op->actor.size && op->actor.data[0] == 'w'; i++)
		ticket = ticket * 10 + (uint64_t)(op->actor.data[i] - '0');
	if (ticket != 0 && ticket <= t->world->oracle->write_count)
		t->seen[ticket - 1]++;
}

/* No acknowledged write lost at any holder, none twice, no refused one present. */
static void check_writes(struct sim_world *world)
{
	const struct sim_oracle *o = world->oracle;
	unsigned *seen = calloc(o->write_count + 1u, sizeof(*seen));

	TR_ASSERT(seen != NULL);
	for (unsigned h = 0; h < world->host_count; h++) {
		memset(seen, 0, o->write_count * sizeof(*seen));
		for (unsigned r = 0; r < o->rec_count; r++) {
			struct tally t = {world, r, seen};

			if (sim_is_over(world, h, o->rec[r].home))
				sim_oracle_ops(world, h, r, tally_op, &t);
		}
		for (unsigned i = 0; i < o->write_count; i++) {
			const struct sim_write *w = &o->write[i];
			bool is_kept = w->state == SIM_WRITE_ACKED || w->state == SIM_WRITE_DURABLE;
			unsigned want = is_kept && w->rec != SIM_NONE && sim_is_over(world, h, o->rec[w->rec].home)
			    ? w->expect : 0;

			if (w->kind == TR_KIND_DIRECTIVE && !w->has_rec && (want == 0 || !sim_is_over(world, h, w->host)))
				continue; /* its records are spread over many scopes */
			if (is_kept && w->copy != SIM_NONE && sim_is_over(world, h, o->rec[w->copy].home))
				want += w->copy_expect;
			if (w->is_spread)
				continue;
			if (w->is_uncertain && (seen[i] == 0 || w->kind == TR_KIND_DIRECTIVE || w->copy != SIM_NONE))
				continue; /* equal at all holders: check_states */
			if (seen[i] != want)
				sim_fail(world, h, "11", "write w%" PRIu64 " of %s (state %d): %u ops here, %u at its writer",
				    w->ticket, world->host[w->host].name, w->state, seen[i], want);
		}
	}
	free(seen);
}

/* Nothing of the own log was dropped: it begins at 1 and verifies to its head (14). */
void sim_check_rest(struct sim_world *world)
{
	for (unsigned h = 0; h < world->host_count; h++) {
		sim_check_store(world, h);
		sim_check_verify(world, h);
	}
	check_states(world);
	check_writes(world);
	sim_part_rest(world);
}
