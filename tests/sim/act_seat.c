/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seats: machines that are lost and replaced by others with keys of higher
 * serials, old machines that come back, stolen copies that are used beside
 * the rightful machine and cut off afterwards, half of the tree being dark
 * (18, 20, 25, 27, 28 of the design's invariants).
 */
#include "tests/sim/seat.h"

#include <inttypes.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"

#include "tests/sim/evil.h"
#include "tests/sim/oracle.h"

#define INVITE_AGAIN_MS 30000
#define JOIN_ROUNDS_MAX 2000
#define TICKET (1ull << 41)

static struct sim_fault sim_fault_rejoin = {"rejoin", 250, "a machine is lost and another takes its place, the old one may come back"};
static struct sim_fault sim_fault_stolen = {"stolen", 200, "a copied machine is used beside the rightful one, then its key is cut"};
static struct sim_part part;

struct seats *sim_seats(struct sim_world *world)
{
	return sim_part_data(world, &part, sizeof(struct seats));
}

/* ------------------------------------------------------------------ machines */

static struct machine take_out(struct sim_host *h)
{
	return (struct machine){h->store, h->fence, h->has_fence, h->sign, h->curve, h->seal};
}

static void put_in(struct sim_world *world, unsigned host, const struct machine *m)
{
	struct sim_host *h = &world->host[host];

	h->store = m->store;
	h->fence = m->fence;
	h->has_fence = m->has_fence;
	h->sign = m->sign;
	h->curve = m->curve;
	h->seal = m->seal;
	sim_host_view(world, host);
	h->restores++;
	h->rollbacks++;
	world->counts.restores++;
	sim_host_replaced(world, host);
	sim_oracle_restored(world, host);
}

static void change_places(struct sim_world *world, unsigned host)
{
	struct seat *s = &sim_seats(world)->host[host];
	struct machine now;

	sim_log(world, host, "%s machine is put in", s->is_other_in ? "the rightful" : s->use == USE_OLD ? "the old" : "the thief's");
	sim_host_crash(world, host, 1);
	now = take_out(&world->host[host]);
	put_in(world, host, &s->other);
	s->other = now;
	s->is_other_in = !s->is_other_in;
}

static void forget_other(struct seat *s)
{
	memview_free(s->other.store);
	s->other.store = NULL;
	s->use = USE_NONE;
}

static void make_keys(struct sim_host *h, struct sim_rng *rng)
{
	uint8_t seed[32], sk[32];

	sim_rng_bytes(rng, seed, sizeof(seed));
	crypto_sign_seed_keypair(h->sign.pk.b, h->sign.sk, seed);
	sim_rng_bytes(rng, sk, sizeof(sk));
	crypto_scalarmult_base(h->curve.b, sk);
	sim_rng_bytes(rng, sk, sizeof(sk));
	crypto_scalarmult_base(h->seal.b, sk);
}

/* --------------------------------------------------------------- joining again */

static void invite(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];
	struct seat *s = &sim_seats(world)->host[host];
	struct rep_invite inv = {.ticket = TICKET + host, .again = true,
	    .expires_ms = sim_host_wall(world, h->parent) + 24 * 3600000};
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = &inv};

	if (h->is_founded || !sim_host_is_up(world, h->parent) || world->now_ms < s->invite_ms)
		return;
	s->invite_ms = world->now_ms + INVITE_AGAIN_MS;
	make_keys(h, &sim_seats(world)->rng); /* a new token, a new try: the certificate of the last may be on its way */
	sim_rng_bytes(&sim_seats(world)->rng, h->token_id, sizeof(h->token_id));
	sim_rng_bytes(&sim_seats(world)->rng, h->secret, sizeof(h->secret));
	memcpy(inv.code, h->code, sizeof(inv.code));
	memcpy(inv.title, h->name, sizeof(h->name));
	memcpy(inv.token_id, h->token_id, sizeof(inv.token_id));
	memcpy(inv.secret, h->secret, sizeof(inv.secret));
	sim_log(world, host, "is invited again");
	sim_host_step(world, h->parent, &event);
}

/* What its parent and those above kept is from before it joined: they would not know it.
 * Who runs them makes a new backup. */
static void on_joined(struct sim_world *world, unsigned host)
{
	sim_log(world, host, "has joined again");
	sim_seats(world)->host[host].is_lost = false;
	for (unsigned up = world->host[host].parent; up != SIM_NONE; up = world->host[up].parent)
		sim_host_replaced(world, up);
}

/* The machine is gone with all that is on it. */
void sim_seat_lose(struct sim_world *world, struct sim_rng *rng, unsigned host, bool keep)
{
	struct sim_host *h = &world->host[host];
	struct seat *s = &sim_seats(world)->host[host];
	struct machine next = {.store = memview_create()};

	if (sim_host_is_up(world, host))
		sim_host_crash(world, host, 1);
	sim_log(world, host, "the machine is lost%s", keep ? ", it may come back" : "");
	if (keep) {
		forget_other(s);
		s->other = take_out(h);
		s->use = USE_OLD;
	} else {
		memview_free(h->store);
	}
	h->is_founded = false;
	put_in(world, host, &next);
	s->is_lost = true;
	s->invite_ms = world->now_ms + sim_rng_between(rng, 0, 60000);
}

bool sim_seat_is_free(struct sim_world *world, unsigned host)
{
	const struct seat *s = &sim_seats(world)->host[host];

	return host != 0 && !s->is_lost && !s->is_other_in && world->host[host].is_founded &&
	    !sim_evil_knows(world, host) && !sim_evil_knows(world, world->host[host].parent);
}

static void act_rejoin(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct seat *s = &sim_seats(world)->host[host];

	if (s->is_other_in || (s->use == USE_OLD && !s->is_lost && sim_rng_chance(rng, 700))) {
		change_places(world, host);
		return;
	}
	if (!sim_seat_is_free(world, host))
		return;
	sim_seat_lose(world, rng, host, s->use == USE_NONE && sim_rng_chance(rng, 600));
}

/* --------------------------------------------------------------------- stolen */

/* Ops outside a segment would be signed by both, in two branches. */
void sim_seat_steal(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];
	struct seat *s = &sim_seats(world)->host[host];
	struct rep_self self;

	if (sim_host_is_up(world, host))
		sim_host_commit(world, host);
	if (!sim_host_is_up(world, host))
		return;
	rep_inspect_self(h->node, &self);
	if (self.open_ops != 0)
		return;
	forget_other(s);
	s->other = take_out(h);
	s->other.store = memview_clone(h->store);
	s->use = USE_THIEF;
	s->was_cut = s->is_accepted = false;
	s->first_bad = 0;
	sim_log(world, host, "the machine is copied by a thief");
}

static void key_act(struct sim_world *world, unsigned by, unsigned unit, enum rep_key_what what, const struct rep_key_act *bounds)
{
	struct rep_key_act act = {.ticket = TICKET + SIM_HOSTS_MAX, .what = what, .unit = world->host[unit].nid};
	struct rep_event event = {.kind = REP_EV_KEY, .key_act = &act};

	if (bounds != NULL) {
		act.from_ms = bounds->from_ms;
		act.from_seq = bounds->from_seq;
	}
	sim_host_step(world, by, &event);
	sim_host_commit(world, by);
}

/* A wider CUT takes nothing away (20). */
static void accept(struct sim_world *world, unsigned by, unsigned host)
{
	uint64_t before[512];
	struct rep_log_info log;

	for (size_t i = 0, k = 0; k < 512 && rep_inspect_log(world->host[by].node, &i, &log); k++)
		before[k] = log.aside_from;
	sim_log(world, by, "lets in what the cut keys of %s wrote", world->host[host].name);
	key_act(world, by, host, REP_KEY_ACCEPT, NULL);
	if (!sim_host_is_up(world, by))
		return;
	for (size_t i = 0, k = 0; k < 512 && rep_inspect_log(world->host[by].node, &i, &log); k++)
		if (log.aside_from < before[k] && before[k] != UINT64_MAX)
			sim_fail(world, by, "20", "a wider CUT sets more aside: from %" PRIu64 ", was %" PRIu64, log.aside_from, before[k]);
	sim_seats(world)->host[host].is_accepted = true;
}

bool sim_seat_cut_by(struct sim_world *world, struct sim_rng *rng, unsigned by, unsigned host)
{
	struct seat *s = &sim_seats(world)->host[host];
	struct rep_key_act bounds = {.from_ms = 0};
	struct rep_unit_info unit;

	if (!sim_host_is_up(world, by) || !rep_unit_get(world->host[by].node, world->host[host].nid, &unit) ||
	    !unit.registered || unit.revoked)
		return false;
	if (sim_rng_chance(rng, 300))
		bounds.from_ms = sim_host_wall(world, by) - sim_rng_between(rng, 0, 600000);
	else if (sim_rng_chance(rng, 200))
		bounds.from_seq = (uint64_t)sim_rng_between(rng, 1, 8);
	sim_log(world, by, "cuts key %u of %s", unit.serial, world->host[host].name);
	key_act(world, by, host, REP_KEY_REVOKE, &bounds);
	if (!sim_host_is_up(world, by) || !rep_unit_get(world->host[by].node, world->host[host].nid, &unit) || !unit.revoked)
		return false;
	s->was_cut = true;
	s->cut_serial = unit.serial;
	s->first_bad = world->oracle->write_count + 1;
	return true;
}

static void work_there(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	for (uint64_t n = sim_rng_below(rng, 6); n > 0; n--) {
		sim_work_at(world, rng, host);
		sim_world_advance(world, sim_rng_between(rng, 0, 5000));
	}
}

static void act_stolen(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct seat *s = &sim_seats(world)->host[host];
	unsigned by = world->host[host].parent;

	if (s->is_other_in) {
		work_there(world, rng, host);
		change_places(world, host);
		return;
	}
	if (host == 0 || s->is_lost)
		return;
	if (s->was_cut && !s->is_accepted && sim_rng_chance(rng, 300)) {
		for (; by != 0 && sim_rng_chance(rng, 400);)
			by = world->host[by].parent;
		if (sim_host_is_up(world, by))
			accept(world, by, host);
		return;
	}
	if (s->use == USE_NONE && sim_seat_is_free(world, host)) {
		sim_seat_steal(world, host);
		return;
	}
	if (s->use != USE_THIEF || !sim_seat_is_free(world, host))
		return;
	if (!s->was_cut && sim_rng_chance(rng, 400)) {
		for (; by != 0 && sim_rng_chance(rng, 500);)
			by = world->host[by].parent;
		if (sim_seat_cut_by(world, rng, by, host))
			sim_seat_lose(world, rng, host, false); /* its key is no good any more */
		return;
	}
	if (sim_rng_chance(rng, 500))
		sim_net_cut(world, host, true, true, sim_rng_between(rng, 1, 60000));
	change_places(world, host);
	sim_world_advance(world, sim_rng_between(rng, 2, 1000));
	work_there(world, rng, host);
}

/* ------------------------------------------------------------------ operators */

/* The top node's operator looks at what waits. */
static bool approve_all(struct sim_world *world)
{
	struct rep_unit_info unit;
	bool waits = false;

	if (!sim_host_is_up(world, 0))
		return false;
	for (unsigned i = 1; i < world->host_count; i++) {
		if (!sim_host_is_up(world, 0) || !rep_unit_get(world->host[0].node, world->host[i].nid, &unit) ||
		    unit.waiting_serial == 0)
			continue;
		sim_log(world, 0, "approves key %u of %s", unit.waiting_serial, world->host[i].name);
		key_act(world, 0, i, REP_KEY_APPROVE, NULL);
		waits = true;
	}
	return waits;
}

/* Its parent and a thief's copy of that have given one number to two machines: the other's joins again. */
static bool is_taken(struct sim_world *world, unsigned by, unsigned host, uint32_t serial)
{
	const struct sim_host *h = &world->host[host];
	struct rep_cert cert;
	struct tr_bytes row;

	return sim_host_is_up(world, by) && !sim_seats(world)->host[by].is_other_in &&
	    rep_cert_of(&world->host[by].view, h->nid, &row) == 0 && rep_cert_decode(row, &cert) == 0 && cert.serial == serial &&
	    memcmp(cert.sign_pk.b, h->sign.pk.b, sizeof(cert.sign_pk.b)) != 0;
}

/* The node that cut its key went down over it: who runs it learns it later. */
static void bury(struct sim_world *world, unsigned host)
{
	struct rep_unit_info unit;
	struct rep_self self;
	bool is_out;

	if (sim_seats(world)->host[host].is_other_in || !sim_host_is_up(world, host) || !sim_host_is_up(world, 0) ||
	    !rep_unit_get(world->host[0].node, world->host[host].nid, &unit))
		return;
	rep_inspect_self(world->host[host].node, &self);
	is_out = self.cert.serial == unit.serial ? unit.revoked : unit.registered && self.cert.serial < unit.serial;
	if (is_out || is_taken(world, world->host[host].parent, host, self.cert.serial) ||
	    (unit.registered && is_taken(world, 0, host, self.cert.serial)))
		sim_seat_lose(world, &sim_seats(world)->rng, host, false);
}

static void invite_all(struct sim_world *world)
{
	for (unsigned i = 1; i < world->host_count; i++)
		if (sim_seats(world)->host[i].is_lost && world->host[i].is_founded)
			on_joined(world, i);
		else if (sim_seats(world)->host[i].is_lost)
			invite(world, i);
		else
			bury(world, i);
}

static void begin(struct sim_world *world)
{
	sim_seats(world)->rng = sim_rng_make(world->conf.seed, 0x73656174);
}

static void tick(struct sim_world *world)
{
	invite_all(world);
	if (sim_rng_chance(&sim_seats(world)->rng, 200))
		approve_all(world);
}

/* A child does not find its parent's new machine: it knows the old one's key.  A stick tells it. */
static bool knows_parent(struct sim_world *world, unsigned child)
{
	const struct sim_host *h = &world->host[child], *parent = &world->host[h->parent];
	struct rep_cert cert;
	struct tr_bytes row;

	return rep_cert_of(&h->view, parent->nid, &row) == 0 && rep_cert_decode(row, &cert) == 0 &&
	    memcmp(cert.curve_pk.b, parent->curve.b, sizeof(cert.curve_pk.b)) == 0;
}

/* A parent's machine may go back to before it issued the key of its child, and nobody else had heard of it. */
static bool knows_child(struct sim_world *world, unsigned child)
{
	struct rep_unit_info unit;
	struct rep_self self;

	rep_inspect_self(world->host[child].node, &self);
	return !rep_unit_get(world->host[world->host[child].parent].node, world->host[child].nid, &unit) ||
	    unit.serial == self.cert.serial || unit.waiting_serial == self.cert.serial;
}

/* Who paused a link goes on. */
static void resume_all(struct sim_world *world)
{
	struct rep_event resume = {.kind = REP_EV_PAUSE, .pause = REP_RESUME};

	for (unsigned i = 1; i < world->host_count; i++) {
		unsigned parent = world->host[i].parent;

		resume.peer = world->host[parent].nid;
		sim_host_step(world, i, &resume);
		resume.peer = world->host[i].nid;
		sim_host_step(world, parent, &resume);
	}
}

static void operate(struct sim_world *world)
{
	approve_all(world);
	for (unsigned i = 1; i < world->host_count; i++) {
		unsigned up = world->host[i].parent;
		struct rep_unit_info unit;

		if (sim_host_is_up(world, i) && sim_host_is_up(world, up) && !(knows_parent(world, i) && knows_child(world, i)) &&
		    rep_unit_get(world->host[up].node, world->host[i].nid, &unit)) /* it has learnt again who its children are */
			sim_stick_round(world, i);
	}
}

/* All faults are over: the rightful machines are in, and have joined. */
static void end(struct sim_world *world)
{
	unsigned rounds = 0;
	bool is_done = false;

	for (unsigned i = 1; i < world->host_count; i++)
		if (sim_seats(world)->host[i].is_other_in)
			change_places(world, i);
	while (!is_done) {
		is_done = true;
		for (unsigned i = 0; i < world->host_count; i++) {
			sim_host_boot(world, i);
			if (sim_host_is_up(world, i))
				rep_set_full(world->host[i].node, false);
		}
		resume_all(world);
		invite_all(world);
		operate(world);
		for (unsigned i = 1; i < world->host_count; i++)
			is_done &= !sim_seats(world)->host[i].is_lost;
		if (!is_done)
			sim_world_advance(world, 5000);
		if (++rounds > JOIN_ROUNDS_MAX)
			sim_fail(world, SIM_NONE, "9", "a unit does not join again");
	}
	sim_seats(world)->is_over = true;
}

static void free_machines(struct sim_world *world)
{
	for (unsigned i = 0; i < world->host_count; i++)
		memview_free(sim_seats(world)->host[i].other.store);
}

static struct sim_fault *const FAULTS[] = {&sim_fault_rejoin, &sim_fault_stolen, NULL};
static const struct sim_action ACTIONS[] = {
    {"rejoin", 3, {&sim_fault_rejoin}, act_rejoin},
    {"stolen", 5, {&sim_fault_stolen}, act_stolen},
    {0},
};
static struct sim_part part = {.name = "seat", .faults = FAULTS, .actions = ACTIONS, .begin = begin, .tick = tick, .end = end,
    .excuses = sim_seat_excuses, .trace = sim_seat_trace, .frame = sim_seat_frame, .look = sim_seat_look, .operate = operate, .rest = sim_seat_rest,
    .free = free_machines};
SIM_PART(part)
