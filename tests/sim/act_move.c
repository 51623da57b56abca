/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases go to other homes while all else goes on: the old home does not know
 * yet and writes on, the street and the top node move the same case.
 *
 *  29   a case is open in one place: every copy is named by a move of the record
 *       that it came from, and of several copies one is left, unless the old
 *       record has its conflict for a person
 *  30   what came late is listed, and nothing else is: by the books
 *  31   who handled a case in a former home is known in the new one
 */
#include "tests/sim/part.h"

#include <inttypes.h>
#include <string.h>

#include "proto/err.h"
#include "replication/status.h"
#include "tests/sim/oracle.h"

static struct sim_fault sim_fault_move = {"move", 700, "cases go to other homes"};
static struct sim_fault sim_fault_unit_move = {"unit-move", 200, "a unit is closed, its work goes to another"};

static bool can_move(struct sim_world *world, unsigned host, unsigned r)
{
	return r != SIM_NONE && world->oracle->rec[r].kind == TR_KIND_CASE && sim_host_is_up(world, host) &&
	    sim_is_over(world, host, world->oracle->rec[r].home) &&
	    sim_oracle_holds(world, host, &world->oracle->rec[r].id, NULL);
}

/* A unit that the host stands over, but for itself; or any, to be refused. */
static unsigned target(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	bool any = sim_rng_chance(rng, 50);

	for (unsigned tries = 0; tries < 40; tries++) {
		unsigned h = (unsigned)sim_rng_below(rng, world->host_count);

		if (world->host[h].nid.v != 0 && (any || (h != host && sim_is_over(world, host, h))))
			return h;
	}
	return SIM_NONE;
}

static void transfer(struct sim_world *world, struct sim_rng *rng, unsigned host, unsigned r)
{
	unsigned to = target(world, rng, host);
	struct sim_put put;

	if (to == SIM_NONE || !can_move(world, host, r))
		return;
	sim_put_init(&put, TR_KIND_CASE);
	sim_put_rec(&put, &world->oracle->rec[r].id);
	sim_put_text(&put, "reason", "across the road");
	put.write.move_to = world->host[to].nid;
	sim_put_do(world, host, &put);
}

static unsigned above(struct sim_world *world, struct sim_rng *rng, unsigned home)
{
	unsigned up = 1 + (unsigned)sim_rng_below(rng, world->host[home].level + 1);

	while (up-- > 0 && world->host[home].parent != SIM_NONE)
		home = world->host[home].parent;
	return home;
}

static void act_transfer(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	unsigned r = sim_oracle_pick(world, rng, host, TR_KIND_CASE);
	unsigned home;

	if (r == SIM_NONE)
		return;
	home = world->oracle->rec[r].home;
	sim_thrown(world, &sim_fault_move);
	if (sim_rng_chance(rng, 300) && can_move(world, home, r)) {
		struct sim_put put;

		sim_put_init(&put, TR_KIND_CASE);
		sim_put_rec(&put, &world->oracle->rec[r].id);
		sim_put_status(&put, "self_handled");
		sim_put_do(world, home, &put);
		if (sim_rng_chance(rng, 500))
			sim_world_advance(world, sim_rng_between(rng, 0, 60000));
	}
	transfer(world, rng, above(world, rng, home), r);
	if (sim_rng_chance(rng, 600)) /* and somebody else at the same time */
		transfer(world, rng, above(world, rng, home), r);
	if (sim_rng_chance(rng, 300))
		sim_work_any(world, rng);
}

/* A person looks at a case that two have moved, or that was written to late. */
static void act_settle(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct rep_record *rec = world->oracle->scratch;
	unsigned r = SIM_NONE;
	uint16_t alive[TR_STEPS_MAX];
	const struct rep_step *chosen = NULL;
	struct sim_put put;
	size_t n;

	if (sim_rng_chance(rng, 500))
		host = 0; /* who stands over all copies */
	if (sim_host_is_up(world, host))
		r = sim_oracle_pick(world, rng, host, TR_KIND_CASE);
	for (unsigned i = 0; i < world->oracle->rec_count && r != SIM_NONE; i++) {
		unsigned at = (r + i) % world->oracle->rec_count;

		if (!can_move(world, host, at))
			continue;
		rec->policy = rep_policy_of(world->host[host].node);
		if (rep_record_find(rec, &world->host[host].view, &world->oracle->rec[at].id) != 0)
			continue;
		n = rep_record_steps_alive(rec, alive, TR_STEPS_MAX);
		if (rep_record_status(rec) != REP_CASE_MOVED || n < 2)
			continue;
		sim_put_init(&put, TR_KIND_CASE);
		sim_put_rec(&put, &rec->id);
		put.write.resolve_group = 40;
		for (size_t k = 0; k < n; k++) {
			put.saw[put.write.saw_count++] = rec->steps[alive[k]].dot;
			if (rec->steps[alive[k]].status == REP_CASE_MOVED && (chosen == NULL || sim_rng_chance(rng, 500)))
				chosen = &rec->steps[alive[k]];
		}
		for (unsigned v = 0; v < chosen->value_count; v++)
			put.values[put.write.value_count++] = rec->values[chosen->value_first + v];
		sim_put_do(world, host, &put);
		return;
	}
}

/* A unit without others below it is closed; nobody's mark is on what its job writes. */
static void act_unit_move(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	static const char why[] = "reform";
	unsigned from = target(world, rng, host), to = target(world, rng, host);
	struct rep_value reason = {.field = 8, .type = REP_VALUE_TEXT, .t = {(const uint8_t *)why, sizeof(why) - 1}};
	struct rep_write w = {.kind = TR_KIND_UNIT, .values = &reason, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	if (from == SIM_NONE || to == SIM_NONE || !sim_host_is_up(world, host))
		return;
	w.home = world->host[from].nid;
	w.move_to = world->host[to].nid;
	sim_thrown(world, &sim_fault_unit_move);
	sim_host_step(world, host, &event);
}

/* At rest nothing open is left in a closed unit. */
static bool is_quiet(struct sim_world *world, const char **why, unsigned *who)
{
	struct rep_record *rec = world->oracle->scratch;
	struct tr_rec_id id, last, *after = NULL;
	struct rep_unit_info unit;

	if (!sim_throws(world, &sim_fault_unit_move) || world->counts.restores > 0)
		return true;
	rec->policy = rep_policy_of(world->host[0].node);
	for (; rep_next_record(&world->host[0].view, TR_KIND_CASE, after, &id) == 0; after = &last) {
		last = id;
		if (rep_record_load(rec, &world->host[0].view, TR_KIND_CASE, &id) != 0 ||
		    !rep_unit_get(world->host[0].node, rec->scope, &unit) || !unit.closed ||
		    !rep_status_is_open(TR_KIND_CASE, rep_record_status(rec)))
			continue;
		*why = "has open work in a closed unit";
		*who = sim_host_of(world, rec->scope);
		return false;
	}
	return true;
}

/* ------------------------------------------------------------------- rest */

static bool names(const struct rep_record *rec, const struct rep_step *s, const struct tr_rec_id *copy)
{
	for (unsigned v = 0; v < s->value_count; v++) {
		const struct rep_value *value = &rec->values[s->value_first + v];

		if (s->status == REP_CASE_MOVED && value->field == 52 && memcmp(value->t.data, copy->b, 16) == 0)
			return true;
	}
	return false;
}

static bool is_named_by(const struct rep_record *rec, const struct tr_rec_id *copy)
{
	for (unsigned i = 0; i < rec->step_count; i++)
		if (names(rec, &rec->steps[i], copy))
			return true;
	return false;
}

static bool load(struct sim_world *world, struct rep_record *rec, const struct tr_rec_id *id)
{
	rec->policy = rep_policy_of(world->host[0].node);
	return rep_record_load(rec, &world->host[0].view, TR_KIND_CASE, id) == 0;
}

/* Half of a commit may be gone with a store that was put back: its writer is
 * told (record show), and a person mends it. */
static bool may_be_torn(struct sim_world *world)
{
	return world->counts.restores > 0;
}

/* Different targets of the moves of `rec`; how many of them are still open. */
static void targets(struct sim_world *world, unsigned r, struct rep_record *rec)
{
	struct tr_rec_id list[16];
	unsigned count = 0, open = 0, named = 0;

	for (unsigned i = 0; i < rec->step_count; i++) {
		const struct rep_step *s = &rec->steps[i];

		for (unsigned v = 0; v < s->value_count && s->status == REP_CASE_MOVED && count < 16; v++) {
			const struct rep_value *value = &rec->values[s->value_first + v];
			bool known = false;

			if (value->field != 52)
				continue;
			named += rep_record_step_shown(rec) >= 0 && (s->flags & REP_STEP_OVER) == 0;
			for (unsigned k = 0; k < count; k++)
				known |= memcmp(list[k].b, value->t.data, 16) == 0;
			if (!known)
				memcpy(list[count++].b, value->t.data, 16);
		}
	}
	for (unsigned k = 0; k < count; k++) {
		struct rep_moved came;

		if (!load(world, rec, &list[k])) {
			if (!may_be_torn(world))
				sim_fail(world, 0, "29", "record %u went to a record that is not there", r);
			continue;
		}
		open += rep_status_is_open(TR_KIND_CASE, rep_record_status(rec));
		if (!rep_record_came(rec, &came))
			sim_fail(world, 0, "29", "record %u went to one that did not come from anywhere", r);
	}
	if (open > 1 && named < 2)
		sim_fail(world, 0, "29", "record %u is open in %u places and nobody is asked", r, open);
}

static void check_came(struct sim_world *world, unsigned r, struct rep_record *rec)
{
	struct tr_rec_id id = rec->id;
	struct rep_moved came;

	if (!rep_record_came(rec, &came))
		return;
	if (!load(world, rec, &came.id)) {
		if (!may_be_torn(world))
			sim_fail(world, 0, "29", "record %u came from a record that is not there", r);
	} else if (!is_named_by(rec, &id) && !may_be_torn(world)) {
		sim_fail(world, 0, "29", "record %u came from one that does not say so", r);
	}
}

struct late {
	struct sim_world *world;
	unsigned host, rec, moves, late;
	bool is_complete;
	unsigned move[64];
	uint64_t kind[SIM_PAST_WORDS]; /* ops that are no moves */
};

static void note(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	struct late *l = arg;
	struct rep_cut_info by;

	if (rep_is_aside(l->world->host[l->host].node, cause->dot, &by))
		return;
	if (!l->world->oracle->rec[l->rec].op[index].has_past)
		l->is_complete = false;
	if (op->kind == TR_OP_TRANSFER && l->moves < 64)
		l->move[l->moves++] = index;
	else
		l->kind[index / 64] |= 1ull << (index % 64);
}

static void check_late(struct sim_world *world, unsigned host, unsigned r, struct rep_record *rec)
{
	struct late l = {.world = world, .host = host, .rec = r, .is_complete = true};
	struct rep_ops_cursor cursor = {.started = false};
	struct rep_cause cause;
	uint32_t serial;
	unsigned have = 0;

	sim_oracle_ops(world, host, r, note, &l);
	for (unsigned i = 0; i < SIM_PAST_WORDS * 64 && l.is_complete; i++) {
		bool late = false;

		for (unsigned m = 0; m < l.moves; m++)
			late |= (world->oracle->rec[r].op[l.move[m]].past[i / 64] >> (i % 64) & 1) == 0;
		l.late += late && (l.kind[i / 64] >> (i % 64) & 1) != 0;
	}
	while (rep_record_late(world->host[host].node, &world->host[host].view, rec, &cursor, world->oracle->op_scratch,
		   &cause, &serial) == 0)
		have++;
	if (l.is_complete && have != l.late)
		sim_fail(world, host, "30", "record %u has %u late writes, by the books %u", r, have, l.late);
}

/* The steps that the move to `copy` had seen, from the one it overwrote on. */
static void mark_past(const struct rep_record *old, const struct tr_rec_id *copy, bool past[static TR_STEPS_MAX])
{
	memset(past, 0, TR_STEPS_MAX * sizeof(past[0]));
	for (unsigned i = old->step_count; i-- > 0;) {
		const struct rep_step *s = &old->steps[i];

		/* One that states it again, to settle what came late, brings nothing. */
		if (!past[i] && (!names(old, s, copy) || (s->flags & REP_STEP_RESTORED) != 0))
			continue;
		for (unsigned u = 0; u < s->under_count; u++)
			past[s->under[u]] = true; /* an earlier one */
	}
}

/* Every handling step of a former home is in the list that was brought along. */
static void check_handlers(struct sim_world *world, unsigned r, struct rep_record *rec, struct rep_record *old)
{
	const struct rep_value *v = rep_record_value(rec, 58);
	bool past[TR_STEPS_MAX];
	struct rep_moved came;

	if (!rep_record_came(rec, &came) || !load(world, old, &came.id))
		return;
	mark_past(old, &rec->id, past);
	for (unsigned i = 0; i < old->step_count; i++) {
		const struct rep_step *s = &old->steps[i];
		struct tr_bytes list = v != NULL ? v->t : (struct tr_bytes){NULL, 0}, actor;
		struct tr_nid nid;
		bool found = false;

		if ((s->status != REP_CASE_HANDLED && s->status != REP_CASE_SELF_HANDLED) ||
		    (s->flags & (REP_STEP_VIOLATION | REP_STEP_IMPORTED | REP_STEP_RESTORED)) != 0)
			continue;
		if (!past[i])
			continue; /* late */
		while (rep_merge_handler_next(&list, &nid, &actor))
			found |= nid.v == s->author.v && rep_merge_same_actor(actor, s->actor);
		if (!found && !may_be_torn(world))
			sim_fail(world, 0, "31", "record %u does not know who handled it before", r);
	}
}

static void rest(struct sim_world *world)
{
	struct rep_record *rec = world->oracle->scratch, *old = world->oracle->scratch2;

	for (unsigned r = 0; r < world->oracle->rec_count; r++) {
		const struct sim_rec *book = &world->oracle->rec[r];

		if (book->kind != TR_KIND_CASE || !load(world, rec, &book->id))
			continue;
		check_handlers(world, r, rec, old);
		if (load(world, rec, &book->id))
			check_came(world, r, rec);
		for (unsigned h = book->home; h != SIM_NONE; h = world->host[h].parent)
			if (rep_record_load(rec, &world->host[h].view, TR_KIND_CASE, &book->id) == 0 &&
			    rep_record_status(rec) == REP_CASE_MOVED)
				check_late(world, h, r, rec);
		if (load(world, rec, &book->id))
			targets(world, r, rec);
	}
}

static struct sim_fault *const FAULTS[] = {&sim_fault_move, &sim_fault_unit_move, NULL};
static const struct sim_action ACTIONS[] = {
    {"transfer", 6, {&sim_fault_move}, act_transfer},
    {"settle", 6, {&sim_fault_move}, act_settle},
    {"unit-move", 1, {&sim_fault_unit_move}, act_unit_move},
    {0},
};
static struct sim_part part = {.name = "move", .faults = FAULTS, .actions = ACTIONS, .is_quiet = is_quiet, .rest = rest};
SIM_PART(part)
