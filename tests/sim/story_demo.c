/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The demo's story in virtual time, on a bad network: the same federation,
 * the same events, minutes instead of machines.  Read it from the bottom up:
 * main() is the table of contents.
 *
 *     hub
 *      |-- street-1      |-- street-2      |-- street-3
 *      |    leaf a d g   |    leaf b e h   |    leaf c f     (f: no link, a stick)
 */
#include "tests/sim/oracle.h"
#include "tests/sim/put.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"

enum { HUB, STREET_1, STREET_2, STREET_3, LEAF_A, LEAF_B, LEAF_C, LEAF_D, LEAF_E, LEAF_F, LEAF_G, LEAF_H, HOSTS };

#define CASES 25

static struct sim_world *w;
static unsigned met;
static uint64_t seen[SIM_HOSTS_MAX][REP_TRACE_COUNT]; /* traces so far */
static struct rep_record rec;

static void expect(bool holds, unsigned host, const char *what)
{
	if (!holds)
		sim_fail(w, host, "story", "expected: %s", what);
	printf("%9.1f s  %-9s %s\n", (double)w->now_ms / 1000, w->host[host].name, what);
	met++;
}

static void on_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	(void)world;
	seen[host][trace->code]++;
}

/* The trace must come (again) within a time. */
static void expect_trace(unsigned host, int code, uint64_t before, int64_t within_s)
{
	for (int64_t s = 0; s < within_s && seen[host][code] == before; s++)
		sim_world_advance(w, 1000);
	expect(seen[host][code] > before, host, rep_trace_code_name(code));
}

static const struct rep_record *look(unsigned host, const struct tr_rec_id *id)
{
	return rep_record_find(&rec, &w->host[host].view, id) == 0 ? &rec : NULL;
}

static const struct sim_write *write_of(uint64_t ticket)
{
	return &w->oracle->write[ticket - 1];
}

static uint64_t new_case(unsigned host, const char *title)
{
	struct sim_put put;

	sim_put_init(&put, TR_KIND_CASE);
	sim_put_text(&put, "source", "hotline");
	sim_put_text(&put, "source_id", "%s-%" PRIu64, w->host[host].name, w->counts.writes);
	sim_put_text(&put, "category", "noise");
	sim_put_text(&put, "title", "%s", title);
	return sim_put_do(w, host, &put);
}

static uint64_t set_title(unsigned host, const struct tr_rec_id *id, const char *title)
{
	struct sim_put put;

	sim_put_init(&put, TR_KIND_CASE);
	sim_put_rec(&put, id);
	sim_put_text(&put, "title", "%s", title);
	return sim_put_do(w, host, &put);
}

static struct tr_rec_id id_of(uint64_t ticket)
{
	const struct sim_write *write = write_of(ticket);

	if (write->state != SIM_WRITE_ACKED)
		sim_fail(w, write->host, "story", "write w%" PRIu64 " was not acknowledged: %s", ticket,
		    tr_err_code(write->rc));
	return w->oracle->rec[write->rec].id;
}

static bool scope_equal(unsigned host, unsigned scope)
{
	uint8_t a[16], b[16];

	rep_scope_digest(w->host[host].node, w->host[scope].nid, a);
	rep_scope_digest(w->host[scope].node, w->host[scope].nid, b);
	return memcmp(a, b, sizeof(a)) == 0;
}

static bool all_equal(unsigned host, int64_t within_s)
{
	for (int64_t s = 0; s <= within_s; s++) {
		unsigned equal = 0;

		for (unsigned scope = STREET_1; scope < HOSTS; scope++)
			equal += scope_equal(host, scope);
		if (equal == HOSTS - 1)
			return true;
		sim_world_advance(w, 1000);
	}
	return false;
}

static void federation_is_founded(void)
{
	struct sim_conf conf = {.seed = 20261122, .faults = 0};
	static const char *const NAMES[] = {"hub", "street-1", "street-2", "street-3", "leaf-a", "leaf-b", "leaf-c",
	    "leaf-d", "leaf-e", "leaf-f", "leaf-g", "leaf-h"};

	conf.verbose = getenv("SIM_VERBOSE") != NULL;
	w = sim_world_create(&conf);
	w->on_trace = on_trace;
	for (unsigned i = 0; i < HOSTS; i++)
		sim_world_add(w, i == HUB ? SIM_NONE : i <= STREET_3 ? HUB : STREET_1 + (i - LEAF_A) % 3, NAMES[i]);
	sim_found_all(w);
	sim_world_advance(w, 30000);
	for (unsigned i = 0; i < HOSTS; i++) {
		struct rep_self self;

		rep_inspect_self(w->host[i].node, &self);
		expect(self.cert.registered, i, "joined, key countersigned by the hub");
	}
	/* From here on frames get lost, come twice, come late. */
	w->weather = (struct sim_weather){.delay_ms_min = 20, .delay_ms_max = 300, .loss = 10, .repeat = 30, .reorder = 10};
	sim_net_cut(w, LEAF_F, true, true, 0);
}

static void cases_go_up(void)
{
	for (unsigned n = 0; n < CASES; n++) {
		for (unsigned leaf = LEAF_A; leaf < HOSTS; leaf++)
			if (leaf != LEAF_F)
				new_case(leaf, "lamp is out");
		sim_world_advance(w, 200);
	}
	for (unsigned leaf = LEAF_A; leaf < HOSTS; leaf++) {
		for (int s = 0; s < 600 && !(scope_equal(HUB, leaf) && scope_equal(w->host[leaf].parent, leaf)); s++)
			sim_world_advance(w, 1000);
		if (leaf != LEAF_F)
			expect(scope_equal(HUB, leaf), leaf, "all cases are at the street and the hub");
	}
}

/* Lets the engine commit, then gives the record of an acknowledged write. */
static struct tr_rec_id done(uint64_t ticket)
{
	sim_world_advance(w, 100);
	return id_of(ticket);
}

static void both_sides_edit_while_cut_off(void)
{
	struct tr_rec_id id = done(new_case(LEAF_B, "noise at night"));
	uint64_t opened, closed;
	uint16_t at[TR_CANDS_MAX];
	char first[32], second[32];
	struct sim_put put;

	sim_world_advance(w, 60000);
	expect(look(STREET_2, &id) != NULL, STREET_2, "holds the case of leaf-b");
	sim_net_cut(w, LEAF_B, true, true, 0);
	sim_net_cut(w, STREET_2, true, true, 0);
	sim_world_advance(w, 30000);
	opened = seen[STREET_2][REP_TRACE_CONFLICT_OPEN];
	done(set_title(LEAF_B, &id, "noise, a pump"));
	sim_world_advance(w, 5000);
	done(set_title(STREET_2, &id, "noise, a building site"));
	expect(!scope_equal(STREET_2, LEAF_B), STREET_2, "goes on writing, cut off from leaf-b and the hub");
	sim_world_advance(w, 600000);
	sim_net_heal(w, LEAF_B);
	expect_trace(STREET_2, REP_TRACE_CONFLICT_OPEN, opened, 600);
	sim_net_heal(w, STREET_2);
	for (int s = 0; s < 900 && !scope_equal(HUB, LEAF_B); s++)
		sim_world_advance(w, 1000);
	expect(scope_equal(HUB, LEAF_B), HUB, "has caught up with street-2 and leaf-b");
	expect(look(HUB, &id) != NULL && rep_record_cands(&rec, 14, at, TR_CANDS_MAX) == 2, HUB,
	    "shows both titles and who wrote them");
	snprintf(first, sizeof(first), "%.*s", (int)rec.cands[at[0]].actor.size, (const char *)rec.cands[at[0]].actor.data);
	snprintf(second, sizeof(second), "%.*s", (int)rec.cands[at[1]].actor.size, (const char *)rec.cands[at[1]].actor.data);
	printf("%21s candidates by %s and %s, shown by rule: %s\n", "", first, second,
	    rep_rule_name(rep_merge_rule(&rec, 14)));
	closed = seen[LEAF_B][REP_TRACE_CONFLICT_CLOSED];
	sim_put_init(&put, TR_KIND_CASE);
	sim_put_rec(&put, &id);
	put.write.resolve_group = 14;
	put.saw[0] = rec.cands[at[0]].dot;
	put.saw[1] = rec.cands[at[1]].dot;
	put.write.saw_count = 2;
	sim_put_text(&put, "title", "noise, a pump on a building site");
	done(sim_put_do(w, HUB, &put));
	expect_trace(LEAF_B, REP_TRACE_CONFLICT_CLOSED, closed, 600);
}

static uint64_t directive_step(unsigned host, const struct tr_rec_id *id, const char *status)
{
	struct sim_put put;

	sim_put_init(&put, TR_KIND_DIRECTIVE);
	sim_put_rec(&put, id);
	sim_put_status(&put, status);
	return sim_put_do(w, host, &put);
}

static uint8_t rung(unsigned host, const struct tr_rec_id *id)
{
	return look(host, id) != NULL ? rep_record_status(&rec) : 0;
}

static bool delivered(const struct tr_rec_id *id)
{
	struct tr_hlc at;

	return look(HUB, id) != NULL && rep_directive_delivered(w->host[HUB].node, &rec, &at);
}

static void wait_for_rung(const struct tr_rec_id *id, uint8_t want, unsigned host, const char *what)
{
	for (int s = 0; s < 900 && rung(HUB, id) != want; s++)
		sim_world_advance(w, 1000);
	expect(rung(HUB, id) == want, host, what);
}

static void wait_delivered(const struct tr_rec_id *id, unsigned host, const char *what)
{
	for (int s = 0; s < 900 && !delivered(id); s++)
		sim_world_advance(w, 1000);
	expect(delivered(id), host, what);
}

static void directive_comes_down_and_receipts_go_up(void)
{
	static const unsigned TARGETS[] = {STREET_1, LEAF_A, LEAF_D, LEAF_G};
	struct tr_rec_id at[4];
	struct sim_put put;
	const struct sim_write *write;
	uint64_t ticket;

	sim_net_cut(w, LEAF_G, true, true, 0);
	sim_world_advance(w, 20000);
	sim_put_init(&put, TR_KIND_DIRECTIVE);
	sim_put_text(&put, "title", "clear the drains");
	for (unsigned i = 0; i < 4; i++)
		put.targets[put.write.target_count++] = w->host[TARGETS[i]].nid;
	ticket = sim_put_do(w, HUB, &put);
	(void)done(ticket);
	write = write_of(ticket);
	for (unsigned r = write->rec; r < w->oracle->rec_count; r++)
		for (unsigned i = 0; i < 4; i++)
			if (w->oracle->rec[r].home == TARGETS[i])
				at[i] = w->oracle->rec[r].id;
	for (unsigned i = 0; i < 3; i++)
		wait_delivered(&at[i], TARGETS[i], "directive delivered, says its signed HEAD");
	expect(!delivered(&at[3]), LEAF_G, "directive not delivered: the unit is dark");
	expect(look(LEAF_B, &at[1]) == NULL, LEAF_B, "sees nothing of a directive to others");
	done(directive_step(LEAF_A, &at[1], "acknowledged"));
	wait_for_rung(&at[1], 2, LEAF_A, "directive acknowledged");
	done(directive_step(LEAF_A, &at[1], "accepted"));
	wait_for_rung(&at[1], 3, LEAF_A, "directive accepted");
	done(directive_step(LEAF_A, &at[1], "done"));
	wait_for_rung(&at[1], 5, LEAF_A, "directive done");
	sim_world_advance(w, 3600000);
	expect(!delivered(&at[3]), LEAF_G, "still dark after an hour");
	sim_net_heal(w, LEAF_G);
	wait_delivered(&at[3], LEAF_G, "back, directive delivered late");
	done(directive_step(LEAF_G, &at[3], "acknowledged"));
	wait_for_rung(&at[3], 2, LEAF_G, "late receipt is at the hub");
}

static void stick_serves_a_unit_without_a_link(void)
{
	struct tr_rec_id id = done(new_case(LEAF_F, "well is dry"));
	struct rep_self self;

	sim_world_advance(w, 60000);
	expect(look(STREET_3, &id) == NULL, LEAF_F, "has a case that nobody else has");
	sim_stick_round(w, LEAF_F);
	expect(look(STREET_3, &id) != NULL, STREET_3, "read the stick of leaf-f");
	for (int s = 0; s < 600 && look(HUB, &id) == NULL; s++)
		sim_world_advance(w, 1000);
	expect(look(HUB, &id) != NULL, HUB, "holds the case that came on a stick");
	sim_world_advance(w, 60000);
	sim_stick_round(w, LEAF_F);
	rep_inspect_self(w->host[LEAF_F].node, &self);
	expect(self.own_ops == self.receipt_ops, LEAF_F, "the hub's receipt came back on the stick");
}

static void crash_in_the_middle_of_writing(void)
{
	uint64_t ticket[20];
	unsigned acked = 0, there = 0;

	w->host[LEAF_C].crash_down_ms = 3000;
	for (unsigned i = 0; i < 20; i++) {
		if (i == 10)
			w->host[LEAF_C].crash = SIM_CRASH_BEFORE_COMMIT;
		ticket[i] = new_case(LEAF_C, "written into a crash");
		sim_world_advance(w, i < 9 ? 50 : 0);
	}
	sim_world_advance(w, 10000);
	expect(sim_host_is_up(w, LEAF_C), LEAF_C, "is up again after its crash");
	for (unsigned i = 0; i < 20; i++) {
		const struct sim_write *write = ticket[i] != 0 ? write_of(ticket[i]) : NULL;

		if (write == NULL || write->state != SIM_WRITE_ACKED)
			continue;
		acked++;
		there += look(LEAF_C, &w->oracle->rec[write->rec].id) != NULL;
	}
	printf("%21s %u of 20 writes were answered before the crash\n", "", acked);
	expect(acked > 0 && acked < 20, LEAF_C, "was killed between answers");
	expect(there == acked, LEAF_C, "nothing that was acknowledged is missing");
}

int main(void)
{
	if (sodium_init() < 0)
		return 71;
	federation_is_founded();
	cases_go_up();
	both_sides_edit_while_cut_off();
	directive_comes_down_and_receipts_go_up();
	stick_serves_a_unit_without_a_link();
	crash_in_the_middle_of_writing();
	w->host[LEAF_F].profile = TR_PROFILE_STICK; /* its cut ends: the end of the story for all */
	sim_world_rest(w);
	expect(all_equal(HUB, 0), HUB, "all stores are equal, every invariant holds");
	printf("%u expectations met, trace %016" PRIx64 "\n", met, w->trace);
	sim_world_free(w);
	return 0;
}
