/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a local write that cannot be is refused with what is wrong with it, and
 * leaves nothing behind. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/status.h"
#include "tests/lib/rig.h"

enum { SOURCE = 1, SOURCE_ID = 2, TITLE = 14, STATUS = 40, DIR_TITLE = 6, UNIT_TITLE = 4, POST = 10 };

/* Refused, and no record and no op is there that was not before. */
static void refused(struct rig *r, struct rep_write w, int rc)
{
	size_t recs = memview_rows(r->mv, REP_T_REC), ops = memview_rows(r->mv, REP_T_OPS), src = memview_rows(r->mv, REP_T_SRC);

	assert_int_equal(rig_write(r, w), rc);
	assert_int_equal(memview_rows(r->mv, REP_T_REC), recs);
	assert_int_equal(memview_rows(r->mv, REP_T_OPS), ops);
	assert_int_equal(memview_rows(r->mv, REP_T_SRC), src);
}

static void a_new_record_has_its_form(void **state)
{
	static struct rep_value many[TR_FIELDS_MAX + 1];
	struct rep_value one = rig_text(TITLE, "noise"), wrong[] = {rig_int(SOURCE, 3), rig_text(SOURCE_ID, "7"), rig_text(TITLE, "noise")},
			 by[] = {rig_text(SOURCE, "hotline"), rig_text(SOURCE_ID, "7"), rig_text(TITLE, "noise")};
	struct tr_dot saw = {1, 1};
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	for (size_t i = 0; i <= TR_FIELDS_MAX; i++)
		many[i] = rig_text(TITLE, "noise");
	refused(&r, (struct rep_write){.values = many, .value_count = TR_FIELDS_MAX + 1}, TR_E_LIMIT);
	refused(&r, (struct rep_write){.values = &one, .value_count = 1, .has_version = true}, TR_E_NOREC);
	refused(&r, (struct rep_write){.values = &one, .value_count = 1, .resolve_group = TITLE, .saw = &saw, .saw_count = 1}, TR_E_NOREC);
	refused(&r, (struct rep_write){.values = &one, .value_count = 1, .home = {4711}}, TR_E_SCOPE);
	assert_int_equal(r.reply.unit.v, 4711);
	refused(&r, (struct rep_write){.values = by, .value_count = 3, .must_exist = true}, TR_E_NOREC);
	refused(&r, (struct rep_write){.values = &one, .value_count = 1, .move_to = r.party[RIG_STREET].nid}, TR_E_NOREC);
	refused(&r, (struct rep_write){.values = wrong, .value_count = 3}, TR_E_TYPE);
	wrong[0] = rig_text(SOURCE, "hotline");
	wrong[1] = rig_int(SOURCE_ID, 7);
	refused(&r, (struct rep_write){.values = wrong, .value_count = 3}, TR_E_TYPE);
	assert_int_equal(rig_write(&r, (struct rep_write){.values = by, .value_count = 3}), 0);
	assert_true(r.reply.created);
	assert_int_equal(rig_write(&r, (struct rep_write){.values = by, .value_count = 3, .must_exist = true}), 0);
	assert_true(r.reply.unchanged);
	refused(&r, (struct rep_write){.values = by, .value_count = 3, .has_version = true, .if_version = 99}, TR_E_VERSION);
	rig_end(&r);
}

/* Each group that is touched is written whole, and an op has an end. */
static void an_edit_that_does_not_fit_an_op_is_refused(void **state)
{
	static struct rep_value many[TR_FIELDS_MAX];
	struct rep_value all[] = {rig_text(SOURCE, "hotline"), rig_text(SOURCE_ID, "7"), rig_text(TITLE, "noise"), rig_text(10, "event"), rig_text(11, "noise"),
	    rig_text(12, "night"), rig_int(13, 3), rig_int(20, 5), rig_int(21, 6)};
	struct rig r;
	size_t n = 0;

	(void)state;
	rig_begin(&r, RIG_TOP);
	assert_int_equal(rig_write(&r, (struct rep_write){.values = all, .value_count = 9}), 0);
	many[n++] = rig_text(10, "part");
	many[n++] = rig_int(20, 7);
	while (n < TR_FIELDS_MAX - 3)
		many[n++] = (struct rep_value){61, TR_ACT_ADD, REP_VALUE_TEXT, 0, UNIT_TEXT("a note")};
	/* 43 notes, four of a class, two of a place */
	refused(&r, (struct rep_write){.has_id = true, .id = r.reply.id, .values = many, .value_count = n}, TR_E_LIMIT);
	assert_int_equal(rig_write(&r, (struct rep_write){.has_id = true, .id = r.reply.id, .values = many, .value_count = n - 1}), 0);
	assert_false(r.reply.unchanged);
	rig_end(&r);
}

/* A count is this node's own; of others' rows it says nothing. */
static void a_count_adds_to_the_own_total(void **state)
{
	struct rep_value visits = {62, TR_ACT_SET, REP_VALUE_INT, 2, {NULL, 0}};
	struct rep_value one = rig_text(TITLE, "noise");
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	struct rig r;
	size_t rows = 0;

	(void)state;
	rig_begin(&r, RIG_TOP);
	assert_int_equal(rig_write(&r, (struct rep_write){.values = &one, .value_count = 1}), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(rig_write(&r, (struct rep_write){.has_id = true, .id = r.reply.id, .values = &visits, .value_count = 1}), 0);
	while (rep_record_rows(&r.view, &r.reply.id, 62, &cursor, &row) == 0) {
		assert_int_equal(row.i, 4);
		rows++;
	}
	assert_int_equal(rows, 1);
	rig_end(&r);
}

static void the_kind_is_part_of_the_name(void **state)
{
	struct rep_value one = rig_text(TITLE, "noise"), post = rig_text(POST, "grid worker");
	struct rig r;
	struct tr_rec_id id;

	(void)state;
	rig_begin(&r, RIG_TOP);
	assert_int_equal(rig_write(&r, (struct rep_write){.values = &one, .value_count = 1}), 0);
	id = r.reply.id;
	refused(&r, (struct rep_write){.kind = TR_KIND_STAFF, .has_id = true, .id = id, .must_exist = true, .values = &post,
			.value_count = 1}, TR_E_NOREC);
	refused(&r, (struct rep_write){.kind = TR_KIND_STAFF, .has_id = true, .id = id, .values = &post, .value_count = 1}, TR_E_EXISTS);
	rig_end(&r);
}

static void a_directive_goes_down_to_those_who_are_there(void **state)
{
	static struct tr_nid many[TR_TARGETS_MAX + 1];
	static struct rep_value values[TR_FIELDS_MAX];
	struct rep_value title = rig_text(DIR_TITLE, "clear the drains"), wrong = rig_int(DIR_TITLE, 3);
	struct tr_nid two[2];
	struct rep_write w = {.kind = TR_KIND_DIRECTIVE, .values = &title, .value_count = 1, .targets = many, .target_count = 1};
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	for (size_t i = 0; i <= TR_TARGETS_MAX; i++)
		many[i] = r.party[RIG_STREET].nid;
	w.target_count = TR_TARGETS_MAX + 1;
	refused(&r, w, TR_E_LIMIT);
	w.targets = two;
	w.target_count = 2;
	two[0] = r.party[RIG_STREET].nid;
	two[1] = (struct tr_nid){4711};
	refused(&r, w, TR_E_NOUNIT);
	assert_int_equal(r.reply.unit.v, 4711);
	two[1] = r.party[RIG_TOP].nid; /* itself */
	refused(&r, w, TR_E_SCOPE);
	two[1] = r.party[RIG_OTHER].nid;
	w.values = &wrong;
	refused(&r, w, TR_E_TYPE);
	for (size_t i = 0; i < TR_FIELDS_MAX; i++)
		values[i] = rig_text(DIR_TITLE, "clear the drains");
	w.values = values;
	w.value_count = TR_FIELDS_MAX;
	assert_int_not_equal(rig_write(&r, w), 0);
	w.values = &title;
	w.value_count = 1;
	assert_int_equal(rig_write(&r, w), 0);
	assert_true(r.reply.created);
	rig_end(&r);
	rig_begin(&r, RIG_STREET); /* beside it */
	w.targets = &r.party[RIG_OTHER].nid;
	w.target_count = 1;
	rig_connect(&r, RIG_TOP);
	rig_cert(&r, &r.party[RIG_OTHER]);
	assert_int_not_equal(rig_write(&r, w), 0);
	w.targets = &r.party[RIG_TOP].nid; /* above it */
	refused(&r, w, TR_E_SCOPE);
	rig_end(&r);
}

/* A unit's record is made by an invitation, and carries its title into the unit's own scope. */
static void a_unit_is_renamed(void **state)
{
	struct rep_invite invite = {.ticket = 1, .code = "009", .title = "a new place", .expires_ms = INT64_C(1890000000000)};
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = &invite};
	struct rep_value title = rig_text(UNIT_TITLE, "an old place"), number = rig_int(UNIT_TITLE, 4);
	struct rep_write w = {.kind = TR_KIND_UNIT, .has_id = true, .must_exist = true, .values = &title, .value_count = 1};
	struct rig r;
	bool some = false;
	size_t recs;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	while (rep_next_record(&r.view, TR_KIND_UNIT, some ? &w.id : NULL, &w.id) == 0)
		some = true; /* the newest */
	assert_true(some);
	recs = memview_rows(r.mv, REP_T_REC);
	assert_int_equal(rig_write(&r, w), 0);
	assert_int_equal(memview_rows(r.mv, REP_T_REC), recs + 1); /* of itself, in its own scope */
	assert_int_equal(rig_write(&r, w), 0);
	assert_true(r.reply.unchanged);
	w.values = &number;
	refused(&r, w, TR_E_TYPE);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_new_record_has_its_form),
	    cmocka_unit_test(an_edit_that_does_not_fit_an_op_is_refused),
	    cmocka_unit_test(a_count_adds_to_the_own_total),
	    cmocka_unit_test(the_kind_is_part_of_the_name),
	    cmocka_unit_test(a_directive_goes_down_to_those_who_are_there),
	    cmocka_unit_test(a_unit_is_renamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
