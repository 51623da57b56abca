/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people do: new cases, edits of every merge kind by every node of the
 * path, status steps, directives with their receipts, conflicts settled.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/sim/oracle.h"
#include "tests/sim/put.h"

static const char *const WORDS[] = {"noise", "lamp", "pothole", "waste", "water"};
static const char *const CASE_STEPS[] = {"filed", "dispatched", "handling", "handled", "verified", "closed",
    "returned", "rework", "reopened", "suspended", "voided", "duplicate", "self_handled"};
static const char *const TARGET_STEPS[] = {"acknowledged", "accepted", "declined", "done"};
static const char *const ISSUER_STEPS[] = {"confirmed", "sent_back", "withdrawn"};

#define PICK(rng, list) ((list)[sim_rng_below((rng), sizeof(list) / sizeof((list)[0]))])

/* A host at or below `host`. */
static unsigned below(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	for (;;) {
		unsigned h = (unsigned)sim_rng_below(rng, world->host_count);

		if (sim_is_over(world, host, h) && world->host[h].nid.v != 0)
			return h;
	}
}

static unsigned path_host(struct sim_world *world, struct sim_rng *rng, unsigned home)
{
	unsigned up = (unsigned)sim_rng_below(rng, world->host[home].level + 1);

	while (up-- > 0)
		home = world->host[home].parent;
	return home;
}

static void new_case(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct sim_put put;

	sim_put_init(&put, TR_KIND_CASE);
	sim_put_text(&put, "source", "sim");
	sim_put_text(&put, "source_id", "c%" PRIu64, sim_rng_next(rng));
	sim_put_text(&put, "category", "%s", PICK(rng, WORDS));
	sim_put_text(&put, "title", "%s at %u", PICK(rng, WORDS), (unsigned)sim_rng_below(rng, 100));
	sim_put_int(&put, "reported_at", sim_host_wall(world, host));
	if (sim_rng_chance(rng, 500)) {
		sim_put_int(&put, "lat", 399000000);
		sim_put_int(&put, "lon", 1164000000);
	}
	if (sim_rng_chance(rng, 200))
		sim_put_int(&put, "priority", sim_rng_between(rng, 1, 4));
	if (sim_rng_chance(rng, 200))
		sim_put_add(&put, "notes", "first note");
	put.write.bulk = sim_rng_chance(rng, 150);
	if (sim_rng_chance(rng, 400))
		put.write.home = world->host[below(world, rng, host)].nid;
	sim_put_do(world, host, &put);
}

static void edit_field(struct sim_world *world, struct sim_rng *rng, unsigned host, struct sim_put *put,
    const struct sim_rec *rec)
{
	char text[64];

	switch (sim_rng_below(rng, 10)) {
	case 0: sim_put_text(put, "category", "%s", PICK(rng, WORDS)); break;
	case 1: sim_put_text(put, "title", "%s %u", PICK(rng, WORDS), (unsigned)sim_rng_below(rng, 9)); break;
	case 2:
		sim_put_int(put, "lat", sim_rng_between(rng, 398000000, 399999999));
		sim_put_int(put, "lon", sim_rng_between(rng, 1163000000, 1164999999));
		break;
	case 3: sim_put_text(put, "grid", "g%u", (unsigned)sim_rng_below(rng, 20)); break;
	case 4: sim_put_int(put, "priority", sim_rng_between(rng, 1, 4)); break;
	case 5:
		sim_put_text(put, "assignee", "p%u", (unsigned)sim_rng_below(rng, 9));
		sim_put_int(put, "due_at", sim_host_wall(world, host) + sim_rng_between(rng, 1, 100) * 3600000);
		break;
	case 6: sim_put_add(put, "campaign", PICK(rng, WORDS)); break;
	case 7: sim_put_remove(put, "campaign", PICK(rng, WORDS)); break;
	case 8:
		snprintf(text, sizeof(text), "note %u", (unsigned)sim_rng_below(rng, 1000000));
		sim_put_add(put, "notes", text);
		break;
	case 9: sim_put_int(put, "visits", sim_rng_between(rng, 1, 3)); break;
	default: break;
	}
	(void)rec;
}

static void edit_case(struct sim_world *world, struct sim_rng *rng, unsigned host, unsigned r)
{
	const struct sim_rec *rec = &world->oracle->rec[r];
	struct sim_put put;

	sim_put_init(&put, TR_KIND_CASE);
	sim_put_rec(&put, &rec->id);
	edit_field(world, rng, host, &put, rec);
	if (sim_rng_chance(rng, 100)) {
		unsigned other = sim_oracle_pick(world, rng, host, TR_KIND_CASE);
		struct rep_value *v = &put.values[put.write.value_count];

		if (other != SIM_NONE && other != r) {
			*v = (struct rep_value){.field = 50, .type = REP_VALUE_BYTES};
			v->t = (struct tr_bytes){world->oracle->rec[other].id.b, 16};
			put.write.value_count++;
		}
	}
	sim_put_do(world, host, &put);
}

static void step_case(struct sim_world *world, struct sim_rng *rng, unsigned host, unsigned r)
{
	struct sim_put put;

	sim_put_init(&put, TR_KIND_CASE);
	sim_put_rec(&put, &world->oracle->rec[r].id);
	sim_put_status(&put, PICK(rng, CASE_STEPS));
	sim_put_do(world, host, &put);
}

/* Tries the moves in turn until the machine takes one: cases get on in life. */
static void step_case_on(struct sim_world *world, struct sim_rng *rng, unsigned host, unsigned r)
{
	struct rep_record *rec = world->oracle->scratch;
	const struct rep_field *f = rep_schema_by_name(TR_KIND_CASE, "status", 6);
	const char *now, *next = "filed";
	struct sim_put put;

	if (rep_record_find(rec, &world->host[host].view, &world->oracle->rec[r].id) != 0)
		return;
	now = rep_schema_value_name(f, rep_record_status(rec));
	if (now == NULL || strcmp(now, "reported") == 0)
		next = "filed";
	else if (strcmp(now, "filed") == 0 || strcmp(now, "reopened") == 0 || strcmp(now, "returned") == 0)
		next = "dispatched";
	else if (strcmp(now, "dispatched") == 0 || strcmp(now, "rework") == 0)
		next = "handling";
	else if (strcmp(now, "handling") == 0)
		next = "handled";
	else if (strcmp(now, "handled") == 0)
		next = sim_rng_chance(rng, 700) ? "verified" : "rework";
	else if (strcmp(now, "verified") == 0)
		next = "closed";
	else if (strcmp(now, "closed") == 0)
		next = "reopened";
	sim_put_init(&put, TR_KIND_CASE);
	sim_put_rec(&put, &world->oracle->rec[r].id);
	sim_put_status(&put, next);
	sim_put_do(world, host, &put);
}

static void send_directive(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct sim_put put;

	sim_put_init(&put, TR_KIND_DIRECTIVE);
	sim_put_text(&put, "title", "clear the drains %u", (unsigned)sim_rng_below(rng, 1000));
	sim_put_text(&put, "body", "before the rain");
	if (sim_rng_chance(rng, 100))
		sim_put_int(&put, "priority", 3);
	for (unsigned i = 0; i < world->host_count; i++)
		if (i != host && sim_is_over(world, host, i) && world->host[i].nid.v != 0 && sim_rng_chance(rng, 500))
			put.targets[put.write.target_count++] = world->host[i].nid;
	if (put.write.target_count != 0)
		sim_put_do(world, host, &put);
}

static void step_directive(struct sim_world *world, struct sim_rng *rng, unsigned r)
{
	const struct sim_rec *rec = &world->oracle->rec[r];
	bool by_target = sim_rng_chance(rng, 700);
	unsigned host = by_target || rec->issuer == SIM_NONE ? rec->home : rec->issuer;
	struct sim_put put;

	sim_put_init(&put, TR_KIND_DIRECTIVE);
	sim_put_rec(&put, &rec->id);
	if (by_target && sim_rng_chance(rng, 150)) {
		sim_put_add(&put, "progress", "half of it");
		sim_put_int(&put, "percent", sim_rng_between(rng, 0, 100));
	} else {
		sim_put_status(&put, by_target ? PICK(rng, TARGET_STEPS) : PICK(rng, ISSUER_STEPS));
	}
	if (sim_is_over(world, host, rec->home) && sim_host_is_up(world, host) &&
	    sim_oracle_holds(world, host, &rec->id, NULL))
		sim_put_do(world, host, &put);
}

/* A person looks at an open conflict and decides. */
static void resolve(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct rep_conflict_cursor cursor = {0};
	struct rep_conflict c;
	struct rep_record *rec = world->oracle->scratch;
	const struct rep_field *field;
	uint16_t at[TR_CANDS_MAX];
	struct sim_put put;
	size_t n;

	if (rep_next_conflict(&world->host[host].view, &cursor, &c) != 0 ||
	    sim_oracle_rec(world, &c.rec) == SIM_NONE)
		return;
	if (rep_record_find(rec, &world->host[host].view, &c.rec) != 0)
		return;
	field = rep_schema_field(c.kind, c.group);
	if (field == NULL || field->merge == REP_MERGE_FLOW)
		return;
	n = rep_record_cands(rec, c.group, at, TR_CANDS_MAX);
	if (n < 2)
		return;
	sim_put_init(&put, c.kind);
	sim_put_rec(&put, &c.rec);
	put.write.resolve_group = c.group;
	for (size_t i = 0; i < n; i++)
		put.saw[put.write.saw_count++] = rec->cands[at[i]].dot;
	n = sim_rng_below(rng, n);
	for (unsigned i = 0; i < rec->cands[at[n]].value_count; i++)
		put.values[put.write.value_count++] = rec->values[rec->cands[at[n]].value_first + i];
	sim_put_do(world, host, &put);
}

static void staff(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	unsigned r = sim_oracle_pick(world, rng, host, TR_KIND_STAFF);
	struct sim_put put;

	sim_put_init(&put, TR_KIND_STAFF);
	if (r == SIM_NONE || sim_rng_chance(rng, 300))
		sim_put_text(&put, "staff_id", "s%" PRIu64, sim_rng_next(rng));
	else
		sim_put_rec(&put, &world->oracle->rec[r].id);
	sim_put_text(&put, "post", "%s", PICK(rng, WORDS));
	if (sim_rng_chance(rng, 400))
		sim_put_add(&put, "skills", PICK(rng, WORDS));
	if (sim_rng_chance(rng, 300))
		sim_put_int(&put, "state", sim_rng_between(rng, 1, 2));
	sim_put_do(world, host, &put);
}

static void do_case(struct sim_world *world, struct sim_rng *rng, unsigned dice)
{
	unsigned r = sim_oracle_pick(world, rng, (unsigned)sim_rng_below(rng, world->host_count), TR_KIND_CASE);
	unsigned host;

	if (r == SIM_NONE)
		return;
	host = path_host(world, rng, world->oracle->rec[r].home);
	if (!sim_host_is_up(world, host) || !sim_oracle_holds(world, host, &world->oracle->rec[r].id, NULL))
		return;
	if (dice < 65)
		edit_case(world, rng, host, r);
	else if (dice < 78)
		step_case_on(world, rng, host, r);
	else
		step_case(world, rng, host, r);
}

/* An application that heard no answer asks again, with the same key. */
static void again(struct sim_world *world, unsigned host)
{
	uint64_t ticket = sim_oracle_unheard(world, host);
	struct sim_put put;

	if (ticket == 0)
		return;
	sim_put_copy(&put, world->oracle->write[ticket - 1].again);
	if (!put.write.has_id || sim_oracle_holds(world, host, &put.write.id, NULL))
		sim_put_do(world, host, &put);
}

/* Much at once: more than a window, a frame, a segment holds. */
void sim_work_flood(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	char note[3000];
	unsigned r = sim_oracle_pick(world, rng, host, TR_KIND_CASE);
	unsigned count = 50 + (unsigned)sim_rng_below(rng, 250);

	memset(note, 'x', sizeof(note));
	for (unsigned i = 0; i < count && sim_host_is_up(world, host); i++) {
		struct sim_put put;

		sim_put_init(&put, TR_KIND_CASE);
		sim_put_text(&put, "source", "sim");
		sim_put_text(&put, "source_id", "f%" PRIu64, sim_rng_next(rng));
		sim_put_text(&put, "category", "%s", PICK(rng, WORDS));
		put.write.bulk = sim_rng_chance(rng, 500);
		if (r != SIM_NONE && i % 16 == 0) {
			sim_put_init(&put, TR_KIND_CASE);
			sim_put_rec(&put, &world->oracle->rec[r].id);
		}
		note[sim_rng_below(rng, sizeof(note) - 1)] = '\0';
		if (note[0] != '\0')
			sim_put_add(&put, "notes", note);
		memset(note, 'y', sizeof(note));
		sim_put_do(world, host, &put);
		if (i % 40 == 39)
			sim_world_advance(world, sim_rng_between(rng, 0, 30));
	}
}

void sim_work_at(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	unsigned dice = (unsigned)sim_rng_below(rng, 100), r;

	if (!sim_host_is_up(world, host))
		return;
	r = sim_oracle_pick(world, rng, host, TR_KIND_CASE);
	if (dice >= 90)
		send_directive(world, rng, host);
	else if (dice < 30 || r == SIM_NONE)
		new_case(world, rng, host);
	else if (dice < 60)
		edit_case(world, rng, host, r);
	else
		step_case_on(world, rng, host, r);
}

void sim_work_any(struct sim_world *world, struct sim_rng *rng)
{
	unsigned dice = (unsigned)sim_rng_below(rng, 100);
	unsigned host = (unsigned)sim_rng_below(rng, world->host_count);
	unsigned r;

	/* Drawn before anything is looked at: the throws are the same in a twin run. */
	if (dice >= 20 && dice < 80) {
		do_case(world, rng, dice);
		return;
	}
	if (!sim_host_is_up(world, host))
		return;
	if (dice < 20) {
		new_case(world, rng, host);
	} else if (dice < 84) {
		send_directive(world, rng, host);
	} else if (dice < 92) {
		r = sim_oracle_pick(world, rng, host, TR_KIND_DIRECTIVE);
		if (r != SIM_NONE)
			step_directive(world, rng, r);
	} else if (dice < 94) {
		staff(world, rng, host);
	} else if (dice < 96) {
		again(world, host);
	} else {
		resolve(world, rng, host);
	}
}
