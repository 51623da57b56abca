/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the job that empties a closed unit goes on where it was, looks again
 * when something comes late, and does nothing on what it cannot read. */
// needs: tests/lib/fold.o tests/lib/rig.o tests/lib/memview.o
#include <stdio.h>

#include "tests/unit/scene.h"

#include "replication/closed.h"
#include "replication/keys.h"
#include "replication/unit.h"
#include "tests/lib/rig.h"

enum { F_NID = 1, F_TITLE = 4, F_STATE, F_SUCCESSOR, F_SUCCESSOR_PATH, F_CLOSED_REASON };
#define CLOSED 2

static struct tr_bytes text(const char *t)
{
	return (struct tr_bytes){(const uint8_t *)t, strlen(t)};
}

static struct rep_value val(uint16_t field, const char *t)
{
	return (struct rep_value){field, TR_ACT_SET, REP_VALUE_TEXT, 0, text(t)};
}

static struct rep_value num(uint16_t field, int64_t i)
{
	return (struct rep_value){field, TR_ACT_SET, REP_VALUE_INT, i, {NULL, 0}};
}

static int put(struct rig *r, struct rep_write w)
{
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	w.kind = w.kind != 0 ? w.kind : TR_KIND_CASE;
	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
	return r->reply.rc;
}

static struct tr_rec_id case_in(struct rig *r, enum rig_who home)
{
	struct rep_value title = val(TITLE, "a pothole");

	assert_int_equal(put(r, (struct rep_write){.home = r->party[home].nid, .values = &title, .value_count = 1}), 0);
	return r->reply.id;
}

static int close_unit(struct rig *r, enum rig_who from, enum rig_who to, const char *why)
{
	struct rep_value reason = val(F_CLOSED_REASON, why);

	return put(r, (struct rep_write){.kind = TR_KIND_UNIT, .home = r->party[from].nid, .move_to = r->party[to].nid,
			  .values = &reason, .value_count = 1, .actor = text("chen")});
}

static bool is_in(struct rig *r, const struct tr_rec_id *id, enum rig_who home)
{
	static struct rep_record rec;
	struct rep_moved gone;

	assert_int_equal(rep_record_load(&rec, &r->view, TR_KIND_CASE, id), 0);
	if (rep_record_moved(&rec, &gone))
		assert_int_equal(rep_record_load(&rec, &r->view, TR_KIND_CASE, &gone.id), 0);
	return rec.scope.v == r->party[home].nid.v;
}

static void tick(struct rig *r, unsigned times)
{
	while (times-- > 0)
		rig_wait(r, 30);
	assert_int_equal(r->rc, 0);
}

static void begin(struct rig *r)
{
	rig_begin(r, RIG_TOP);
	rig_connect(r, RIG_STREET);
	rig_cert(r, &r->party[RIG_LEAF]);
}

static struct tr_hash send(struct rig *r, enum rig_who author, enum rig_who scope, uint8_t lane, uint32_t h, struct rep_op *op)
{
	static uint8_t entry[2048], out[4096];
	struct tr_log_id log = {r->party[author].nid, 50 + h, r->party[scope].nid, lane};
	struct tr_bytes bytes = {entry, rep_op_encode(op, entry, sizeof(entry))}, s;
	struct rig_seg seg = {author, log, h, 1, &bytes, 1, {{0}}, 1};
	struct tr_hash hash;

	assert_true(bytes.size > 0);
	rig_logdef(r, h, log);
	s = rig_segment(r, &seg, out, sizeof(out), &hash);
	rig_segs(r, &s, 1);
	assert_int_equal(r->rc, 0);
	return hash;
}

/* What the closed unit wrote before it heard of it comes after the job had gone by. */
static void what_comes_late_is_moved_too(void **state)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{3, 1}}, .value_count = 1};
	struct tr_rec_id first;
	struct rig r;

	(void)state;
	begin(&r);
	first = case_in(&r, RIG_LEAF);
	tick(&r, 1);
	assert_int_equal(close_unit(&r, RIG_LEAF, RIG_OTHER, "two became one"), 0);
	tick(&r, 6);
	assert_true(is_in(&r, &first, RIG_OTHER));
	assert_int_equal(r.traces[REP_TRACE_UNIT_MOVED], 1);
	op.values[0] = val(TITLE, "late");
	send(&r, RIG_LEAF, RIG_LEAF, TR_LANE_R, 4, &op);
	tick(&r, 12);
	assert_true(is_in(&r, &op.rec, RIG_OTHER));
	assert_int_equal(r.traces[REP_TRACE_UNIT_MOVED], 2);
	/* and over a start: the last look may have been cut off */
	assert_int_equal(rig_restart(&r), 0);
	tick(&r, 12);
	assert_int_equal(r.traces[REP_TRACE_UNIT_MOVED], 3);
	rig_end(&r);
}

static void a_job_that_is_damaged_is_said(void **state)
{
	static const struct { size_t size; uint8_t version; int rc; } rows[] = {
	    {29, 1, TR_E_DAMAGED}, {30 + TR_ACTOR_MAX + 1, 1, TR_E_DAMAGED}, {30, 2, TR_E_DAMAGED}, {30, 1, 0}, {0, 0, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t row[30 + TR_ACTOR_MAX + 1] = {rows[i].version, 1};
		struct tr_rec_id id;
		struct rep_key key;
		struct rig r;
		char name[32];

		begin(&r);
		id = case_in(&r, RIG_LEAF);
		tick(&r, 1);
		assert_int_equal(close_unit(&r, RIG_LEAF, RIG_OTHER, "two became one"), 0);
		snprintf(name, sizeof(name), "move%016llx", (unsigned long long)r.party[RIG_LEAF].nid.v);
		key = rep_key_name(name);
		if (rows[i].size == 0)
			assert_int_equal(rep_del(&r.view, REP_T_META, rep_key_bytes(&key)), 0);
		else
			assert_int_equal(rep_put(&r.view, REP_T_META, rep_key_bytes(&key), (struct tr_bytes){row, rows[i].size}), 0);
		assert_int_equal(rig_restart(&r), rows[i].rc);
		if (rows[i].rc == 0) {
			tick(&r, 6);
			assert_int_equal(is_in(&r, &id, RIG_OTHER), rows[i].size != 0);
		}
		rig_end(&r);
	}
}

/* Its job goes while it runs: nothing more is done, and nothing spins. */
static void a_job_that_is_lost_ends(void **state)
{
	(void)state;
	for (int how = 0; how < 3; how++) {
		struct tr_rec_id id, unit;
		struct rep_key key;
		struct rig r;
		char name[32];

		begin(&r);
		id = case_in(&r, RIG_LEAF);
		tick(&r, 1);
		assert_int_equal(close_unit(&r, RIG_LEAF, RIG_OTHER, "two became one"), 0);
		unit = rep_closed_id(r.party[RIG_LEAF].nid);
		if (how == 0) {
			snprintf(name, sizeof(name), "move%016llx", (unsigned long long)r.party[RIG_LEAF].nid.v);
			key = rep_key_name(name);
			assert_int_equal(rep_del(&r.view, REP_T_META, rep_key_bytes(&key)), 0);
		} else if (how == 1) {
			rep_unit_find(r.node, r.party[RIG_LEAF].nid)->closed = false; /* somebody above opened it again */
		} else {
			uint8_t rec[17] = {TR_KIND_UNIT};

			memcpy(rec + 1, unit.b, 16);
			assert_int_equal(rep_del(&r.view, REP_T_REC, (struct tr_bytes){rec, 17}), 0);
		}
		rep_unit_find(r.node, r.party[RIG_LEAF].nid)->move_again = true;
		tick(&r, 6);
		assert_true(is_in(&r, &id, RIG_LEAF));
		assert_int_equal(r.traces[REP_TRACE_UNIT_MOVED], 0);
		assert_false(rep_unit_find(r.node, r.party[RIG_LEAF].nid)->move_due);
		assert_false(rep_unit_find(r.node, r.party[RIG_LEAF].nid)->move_again);
		rig_end(&r);
	}
}

/* Those below go first; a closed one is nobody's child any more. */
static void a_unit_goes_after_those_below_it(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	assert_int_equal(close_unit(&r, RIG_STREET, RIG_OTHER, "no more"), TR_E_EXISTS);
	assert_int_equal(r.reply.unit.v, r.party[RIG_LEAF].nid.v);
	assert_int_equal(close_unit(&r, RIG_LEAF, RIG_OTHER, "no more"), 0);
	assert_int_equal(close_unit(&r, RIG_STREET, RIG_OTHER, "no more"), 0);
	assert_true(rep_unit_find(r.node, r.party[RIG_STREET].nid)->closed);
	rig_end(&r);
}

static void who_may_not_close_writes_nothing(void **state)
{
	static char long_reason[4000];
	struct rep_value two[2] = {val(F_CLOSED_REASON, "a"), val(F_TITLE, "b")};
	struct rep_write w = {.kind = TR_KIND_UNIT, .values = two, .value_count = 2};
	struct rig r;
	size_t rows;

	(void)state;
	begin(&r);
	rows = memview_rows(r.mv, REP_T_META);
	assert_int_not_equal(close_unit(&r, RIG_LEAF, RIG_OTHER, ""), 0); /* without a reason the work could not be moved */
	memset(long_reason, 'x', sizeof(long_reason) - 1);
	assert_int_not_equal(close_unit(&r, RIG_LEAF, RIG_OTHER, long_reason), 0);
	w.home = r.party[RIG_LEAF].nid;
	w.move_to = r.party[RIG_OTHER].nid;
	assert_int_equal(put(&r, w), TR_E_INPUT);
	r.node->cert.caps = 0;
	assert_int_equal(close_unit(&r, RIG_LEAF, RIG_OTHER, "no more"), TR_E_AUTH);
	assert_false(rep_unit_find(r.node, r.party[RIG_LEAF].nid)->closed);
	assert_int_equal(memview_rows(r.mv, REP_T_META), rows);
	rig_end(&r);
	/* a street: what lies above it is not its own to give */
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_TOP);
	assert_int_equal(close_unit(&r, RIG_LEAF, RIG_TOP, "no more"), TR_E_SCOPE);
	assert_int_equal(r.reply.unit.v, r.party[RIG_TOP].nid.v);
	assert_int_equal(close_unit(&r, RIG_TOP, RIG_LEAF, "no more"), TR_E_SCOPE);
	assert_int_equal(close_unit(&r, RIG_LEAF, RIG_OTHER, "no more"), TR_E_NOUNIT);
	rig_end(&r);
}

/* Who holds the scope learns it, and it is not his job. */
static void who_did_not_close_it_moves_nothing(void **state)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_UNIT, .value_count = 5};
	struct tr_rec_id id;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_STREET);
	id = case_in(&r, RIG_LEAF);
	rig_connect(&r, RIG_TOP);
	op.rec = rep_closed_id(r.party[RIG_LEAF].nid);
	op.values[0] = num(F_NID, (int64_t)r.party[RIG_LEAF].nid.v);
	op.values[1] = num(F_STATE, CLOSED);
	op.values[2] = num(F_SUCCESSOR, (int64_t)r.party[RIG_OTHER].nid.v);
	op.values[3] = val(F_SUCCESSOR_PATH, r.party[RIG_OTHER].cert.unit);
	op.values[4] = val(F_CLOSED_REASON, "two became one");
	send(&r, RIG_TOP, RIG_LEAF, TR_LANE_X, 4, &op);
	assert_int_equal(r.traces[REP_TRACE_OP_VIOLATION], 0);
	for (int again = 0; again < 2; again++) {
		struct rep_unit *leaf = rep_unit_find(r.node, r.party[RIG_LEAF].nid);

		assert_true(leaf->closed);
		assert_false(leaf->is_mover || leaf->move_due);
		tick(&r, 6);
		assert_true(is_in(&r, &id, RIG_LEAF));
		assert_int_equal(put(&r, (struct rep_write){.home = leaf->nid}), TR_E_SUCCEEDED);
		assert_int_equal(rig_restart(&r), 0);
	}
	rig_end(&r);
}

/* A unit that was renamed has such a record already; a start reads it, too. */
static void a_renamed_unit_is_closed_on_top_of_its_title(void **state)
{
	struct rep_invite invite = {.code = "009", .title = "before", .expires_ms = INT64_C(1790000900000), .token_id = {7},
	    .secret = {8}};
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = &invite};
	struct rep_value reason = val(F_CLOSED_REASON, "no more"), title;
	struct tr_rec_id declared;
	struct tr_nid unit;
	struct rig r;

	(void)state;
	begin(&r);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	unit = r.reply.unit;
	assert_int_equal(rep_next_record(&r.view, TR_KIND_UNIT, NULL, &declared), 0);
	for (int i = 0; i < 2; i++) {
		title = val(F_TITLE, i == 0 ? "after" : "long after");
		assert_int_equal(put(&r, (struct rep_write){.kind = TR_KIND_UNIT, .has_id = true, .id = declared,
				     .values = &title, .value_count = 1}), 0);
		assert_string_equal(rep_unit_find(r.node, unit)->title, i == 0 ? "after" : "long after");
	}
	assert_int_equal(rig_restart(&r), 0);
	assert_string_equal(rep_unit_find(r.node, unit)->title, "long after");
	assert_false(rep_unit_find(r.node, unit)->closed);
	assert_int_equal(put(&r, (struct rep_write){.kind = TR_KIND_UNIT, .home = unit, .move_to = r.party[RIG_OTHER].nid,
			     .values = &reason, .value_count = 1}), 0);
	assert_int_equal(rig_restart(&r), 0);
	assert_true(rep_unit_find(r.node, unit)->closed);
	assert_string_equal(rep_unit_find(r.node, unit)->title, "long after");
	rig_end(&r);
}

/* Directives of one who may not direct any more stay with the old target, and are counted. */
static void what_may_not_be_issued_again_stays(void **state)
{
	struct rep_value dir = val(6, "clear the drains");
	struct tr_rec_id directive, all[4];
	struct rig r;

	(void)state;
	begin(&r);
	assert_int_equal(put(&r, (struct rep_write){.kind = TR_KIND_DIRECTIVE, .values = &dir, .value_count = 1,
			     .targets = &r.party[RIG_LEAF].nid, .target_count = 1}), 0);
	directive = r.reply.directive_id;
	tick(&r, 1);
	assert_int_equal(close_unit(&r, RIG_LEAF, RIG_OTHER, "two became one"), 0);
	r.node->cert.caps &= ~(uint32_t)TR_CAP_DIRECT;
	tick(&r, 12);
	assert_int_equal(r.traces[REP_TRACE_UNIT_MOVED], 1);
	assert_int_equal(rep_find_directive(&r.view, &directive, NULL, all, 4), 1);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_comes_late_is_moved_too),
	    cmocka_unit_test(a_job_that_is_damaged_is_said),
	    cmocka_unit_test(a_job_that_is_lost_ends),
	    cmocka_unit_test(a_unit_goes_after_those_below_it),
	    cmocka_unit_test(who_may_not_close_writes_nothing),
	    cmocka_unit_test(who_did_not_close_it_moves_nothing),
	    cmocka_unit_test(a_renamed_unit_is_closed_on_top_of_its_title),
	    cmocka_unit_test(what_may_not_be_issued_again_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
