/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants that hold in one store at any moment: 1, 2, 3 (segments verify,
 * chain and body), 4 (nothing off the path), 6 (applied sets are closed), 10;
 * and after a restart 12, 13 (what was promised is there).
 */
#include "tests/sim/oracle.h"

#include <inttypes.h>
#include <string.h>

#include "proto/err.h"

#include "tests/sim/part.h"

static void check_log(struct sim_world *world, unsigned host, const struct rep_log_info *log)
{
	struct sim_host *h = &world->host[host];
	struct rep_verify_sum sum = {0};
	uint64_t next = 1;
	unsigned scope = sim_host_of(world, log->id.scope), author = sim_host_of(world, log->id.author);
	int rc;

	if (scope == SIM_NONE || author == SIM_NONE)
		sim_fail(world, host, "4", "log of an unknown unit");
	if (!sim_is_over(world, host, scope) &&
	    (log->id.lane != TR_LANE_P || author != scope || !sim_is_over(world, scope, host)))
		sim_fail(world, host, "4", "holds a log of %s's scope", world->host[scope].name);
	if (!sim_is_over(world, author, scope))
		sim_fail(world, host, "1", "%s wrote in %s's scope", world->host[author].name,
		    world->host[scope].name);
	for (uint64_t from = 1; next != 0; from = next) {
		rc = rep_verify_log(h->node, &h->view, log->handle, from, 1000, &next, &sum);
		if (rc != 0)
			sim_fail(world, host, "3", "log of %s in %s: %s at %" PRIu64, world->host[author].name,
			    world->host[scope].name, tr_err_code(rc), next);
	}
}

struct closed { struct sim_world *world; unsigned host, rec; uint64_t have[SIM_PAST_WORDS]; };

static void collect(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	struct closed *c = arg;

	(void)op;
	(void)cause;
	if (c->have[index / 64] & (1ull << (index % 64)))
		sim_fail(c->world, c->host, "11", "an op is listed twice");
	c->have[index / 64] |= 1ull << (index % 64);
}

static void check_closed(struct sim_world *world, unsigned host, unsigned r)
{
	struct closed c = {.world = world, .host = host, .rec = r};
	const struct sim_rec *rec;

	sim_oracle_ops(world, host, r, collect, &c);
	rec = &world->oracle->rec[r];
	for (unsigned i = 0; i < rec->op_count; i++) {
		if ((c.have[i / 64] >> (i % 64) & 1) == 0 || !rec->op[i].has_past)
			continue;
		for (unsigned w = 0; w < SIM_PAST_WORDS; w++)
			if ((rec->op[i].past[w] & ~c.have[w]) != 0)
				sim_fail(world, host, "6", "write w%" PRIu64 " is applied without all that it had seen",
				    rec->op[i].ticket);
	}
}

static void check_scopes(struct sim_world *world, unsigned host)
{
	struct rep_record *rec = world->oracle->scratch;
	struct sim_host *h = &world->host[host];

	for (uint8_t kind = TR_KIND_CASE; kind <= TR_KIND_UNIT; kind++) {
		struct tr_rec_id id, *after = NULL;
		struct tr_rec_id last;

		while (rep_next_record(&h->view, kind, after, &id) == 0) {
			unsigned home;

			if (rep_record_load(rec, &h->view, kind, &id) != 0)
				sim_fail(world, host, "store", "a listed record does not load");
			home = sim_host_of(world, rec->scope);
			if (home == SIM_NONE || !sim_is_over(world, host, home))
				sim_fail(world, host, "4", "holds a record of %s",
				    home == SIM_NONE ? "nobody" : world->host[home].name);
			last = id;
			after = &last;
		}
	}
}

/* False while the issuer does not know; fails when it knows what is not so (22). */
bool sim_check_delivered(struct sim_world *world, unsigned r)
{
	const struct sim_rec *rec = &world->oracle->rec[r];
	struct rep_record *scratch = world->oracle->scratch;
	struct tr_hlc at;

	if (rec->kind != TR_KIND_DIRECTIVE || rec->issuer == SIM_NONE || !sim_host_is_up(world, rec->issuer))
		return true;
	if (!sim_oracle_holds(world, rec->issuer, &rec->id, NULL) && world->host[rec->issuer].restores != 0)
		return true; /* it was written after the backup that came back, and seen by nobody */
	if (rep_record_find(scratch, &world->host[rec->issuer].view, &rec->id) != 0 && sim_seat_is_gone(world, rec->issuer, r))
		return true;
	if (rep_record_find(scratch, &world->host[rec->issuer].view, &rec->id) != 0)
		sim_fail(world, rec->issuer, "11", "a directive is gone at its issuer");
	if (scratch->created.log == 0) /* its CREATE is set aside: nobody is asked to do anything */
		return true;
	if (!rep_directive_delivered(world->host[rec->issuer].node, scratch, &at))
		return false;
	if (!sim_oracle_holds(world, rec->home, &rec->id, NULL) && world->host[rec->home].restores == 0 &&
	    !rep_later_has(&world->host[rec->home].view, &rec->id))
		sim_fail(world, rec->issuer, "22", "shows as delivered what %s has not", world->host[rec->home].name);
	return true;
}

void sim_check_store(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];
	struct rep_log_info log;

	for (size_t i = 0; rep_inspect_log(h->node, &i, &log);)
		check_log(world, host, &log);
	check_scopes(world, host);
	for (unsigned r = 0; r < world->oracle->rec_count; r++) {
		if (world->oracle->rec[r].issuer == host)
			(void)sim_check_delivered(world, r);
		if (!sim_is_over(world, host, world->oracle->rec[r].home) ||
		    !sim_oracle_holds(world, host, &world->oracle->rec[r].id, NULL))
			continue;
		check_closed(world, host, r);
		if (!rep_later_has(&world->host[host].view, &world->oracle->rec[r].id))
			sim_check_fold(world, host, r);
	}
	sim_part_look(world, host);
	sim_check_refold(world, host);
}

static bool find_seq(struct sim_world *world, unsigned host, const struct tr_log_id *id, uint64_t *seq)
{
	struct rep_log_info log;
	bool found = false;

	for (size_t i = 0; rep_inspect_log(world->host[host].node, &i, &log);) {
		if (log.id.author.v == id->author.v && log.id.inc == id->inc && log.id.scope.v == id->scope.v &&
		    log.id.lane == id->lane) {
			*seq = log.seq > *seq ? log.seq : *seq; /* of all branches */
			found = true;
		}
	}
	return found;
}

void sim_check_restart(struct sim_world *world, unsigned host)
{
	const struct sim_oracle *o = world->oracle;

	for (unsigned i = 0; i < o->promise_count; i++) {
		const struct sim_promise *p = &o->promise[i];
		uint64_t seq = 0;

		if (p->host != host)
			continue;
		if (!find_seq(world, host, &p->log, &seq) || seq < p->seq)
			sim_fail(world, host, p->receipt ? "13" : "12",
			    "promised seq %" PRIu64 " of a log, has %" PRIu64 " after a restart", p->seq, seq);
	}
	sim_part_restart(world, host);
}
