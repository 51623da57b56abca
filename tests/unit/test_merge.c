/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: each merge kind gives the winner that its rule names, and losers stay
 * until somebody has seen them. */
// needs: tests/lib/fold.o tests/lib/memview.o
#include "tests/unit/scene.h"

/* ---------------------------------------------------------------- registers */

static void later_write_that_saw_the_first_replaces_it(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_SET), TITLE, "site noise");
	scene_fold(&s);
	assert_text(s.n.rec, TITLE, "site noise");
	assert_text(s.n.rec, SOURCE_ID, "2026-004471");
	assert_int_equal(cands(s.n.rec, TITLE), 1);
	assert_int_equal(rep_merge_rule(s.n.rec, TITLE), REP_RULE_ONLY);
	assert_true(s.n.applied[0].created);
	assert_false(s.n.applied[1].created);
	assert_int_equal(s.n.rec->version, 2);
	scene_end(&s);
}

/* Both write concurrently; street first by the clock, leaf second. */
static void both_write(struct scene *s, uint16_t field, int64_t a, int64_t b)
{
	fold_int(fold_op(&s->f, s->street, TR_OP_SET), field, a);
	fold_int(fold_op(&s->f, s->leaf, TR_OP_SET), field, b);
}

static void lww_takes_a_set_clock_then_the_later_one(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	both_write(&s, 16, 1, 2);
	scene_fold(&s);
	assert_int_equal(rep_record_value(s.n.rec, 16)->i, 2);
	assert_int_equal(rep_merge_rule(s.n.rec, 16), REP_RULE_TIME);
	scene_end(&s);

	scene_begin(&s);
	s.f.authors[s.leaf].clockq = 0; /* later, by a clock nobody set */
	both_write(&s, 16, 1, 2);
	scene_fold(&s);
	assert_int_equal(rep_record_value(s.n.rec, 16)->i, 1);
	assert_int_equal(rep_merge_rule(s.n.rec, 16), REP_RULE_CLOCK_QUALITY);
	assert_int_equal(cands(s.n.rec, 16), 2);
	scene_end(&s);
}

static void ground_takes_the_nearest_to_the_ground(void **state)
{
	struct scene s;
	struct rep_op *op;

	(void)state;
	scene_begin(&s);
	op = fold_op(&s.f, s.leaf, TR_OP_SET); /* the earlier one */
	fold_int(op, LAT, 312000000);
	fold_int(op, LON, 1214400000);
	fold_int(fold_op(&s.f, s.street, TR_OP_SET), LAT, 7);
	scene_fold(&s);
	assert_int_equal(rep_record_value(s.n.rec, LAT)->i, 312000000);
	assert_int_equal(rep_merge_rule(s.n.rec, PLACE_GROUP),
	    REP_RULE_NEAR_GROUND);
	scene_end(&s);
}

static void auth_takes_the_nearest_to_the_root_and_whole_groups(void **state)
{
	struct scene s;
	struct rep_op *op;

	(void)state;
	scene_begin(&s);
	s.f.authors[s.leaf].caps = FOLD_STREET;
	op = fold_op(&s.f, s.street, TR_OP_SET);
	fold_int(op, RESPONSIBLE, 77);
	fold_int(op, DUE_AT, 1000);
	op = fold_op(&s.f, s.leaf, TR_OP_SET); /* later */
	fold_int(op, RESPONSIBLE, 99);
	fold_text(op, ASSIGNEE, "wang");
	scene_fold(&s);
	assert_int_equal(rep_record_value(s.n.rec, RESPONSIBLE)->i, 77);
	assert_int_equal(rep_record_value(s.n.rec, DUE_AT)->i, 1000);
	/* nothing of the loser is mixed in */
	assert_text(s.n.rec, ASSIGNEE, NULL);
	assert_int_equal(rep_merge_rule(s.n.rec, ASSIGNMENT_GROUP),
	    REP_RULE_NEAR_ROOT);
	scene_end(&s);
}

static void different_groups_do_not_meet(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_SET), AGENCY, "water works");
	fold_text(fold_op(&s.f, s.leaf, TR_OP_SET), AREA, "east gate");
	scene_fold(&s);
	assert_text(s.n.rec, AGENCY, "water works");
	assert_text(s.n.rec, AREA, "east gate");
	assert_int_equal(s.n.applied[1].group_count, 0);
	assert_int_equal(s.n.applied[2].group_count, 0);
	scene_end(&s);
}

static void conflict_opens_and_closes_with_a_write_that_saw_all(void **state)
{
	struct scene s;
	uint16_t order[4];

	(void)state;
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_SET), CATEGORY, "a");
	fold_text(fold_op(&s.f, s.leaf, TR_OP_SET), CATEGORY, "b");
	fold_see(&s.f, s.street, s.leaf);
	fold_text(fold_op(&s.f, s.street, TR_OP_SET), CATEGORY, "b");
	fold_node_init(&s.n, &s.f, 0);
	for (int i = 0; i < 3; i++)
		fold_apply(&s.n, &s.f, i);
	assert_int_equal(s.n.applied[1].group_count, 0);
	assert_int_equal(s.n.applied[2].group_count, 1);
	assert_int_equal(s.n.applied[2].groups[0].group, CLASS_GROUP);
	assert_true(s.n.applied[2].groups[0].open);
	assert_int_equal(
	    rep_record_cands(s.n.rec, CLASS_GROUP, order, 4), 2);
	assert_true(s.n.rec->cands[order[0]].author.v <
	    s.n.rec->cands[order[1]].author.v);
	assert_int_equal(
	    rep_record_cands(s.n.rec, CLASS_GROUP, order, 1), 1);

	fold_apply(&s.n, &s.f, 3);
	assert_int_equal(s.n.applied[3].group_count, 1);
	assert_false(s.n.applied[3].groups[0].open);
	assert_int_equal(cands(s.n.rec, CLASS_GROUP), 1);
	assert_text(s.n.rec, CATEGORY, "b");
	scene_end(&s);
}

static void a_write_that_saw_one_side_leaves_the_other(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_SET), TITLE, "street 1");
	fold_text(fold_op(&s.f, s.leaf, TR_OP_SET), TITLE, "leaf 1");
	fold_text(fold_op(&s.f, s.leaf, TR_OP_SET), TITLE, "leaf 2");
	scene_fold(&s);
	assert_int_equal(cands(s.n.rec, TITLE), 2);
	assert_text(s.n.rec, TITLE, "leaf 2");
	scene_end(&s);
}

static void equal_values_still_count_as_two(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_SET), TITLE, "same");
	fold_text(fold_op(&s.f, s.leaf, TR_OP_SET), TITLE, "same");
	scene_fold(&s);
	assert_int_equal(cands(s.n.rec, TITLE), 2);
	scene_end(&s);
}

static void a_cleared_value_wins_and_shows_nothing(void **state)
{
	struct scene s;
	struct rep_op *op;

	(void)state;
	scene_begin(&s);
	op = fold_op(&s.f, s.street, TR_OP_SET);
	fold_text(op, TITLE, "");
	op->values[0].type = REP_VALUE_NONE;
	scene_fold(&s);
	assert_text(s.n.rec, TITLE, NULL);
	assert_int_equal(cands(s.n.rec, TITLE), 1);
	scene_end(&s);
}

static void ask_stays_open_until_a_person_decides(void **state)
{
	static const char a[16] = "0123456789abcdef", b[16] = "fedcba9876543210";
	struct scene s;

	(void)state;
	scene_begin(&s);
	for (int i = 0; i < 2; i++) {
		struct rep_op *op =
		    fold_op(&s.f, i == 0 ? s.street : s.leaf, TR_OP_SET);

		op->values[op->value_count++] = (struct rep_value){
		    .field = DUPLICATE_OF, .type = REP_VALUE_BYTES,
		    .t = {(const uint8_t *)(i == 0 ? a : b), 16}};
	}
	scene_fold(&s);
	assert_int_equal(cands(s.n.rec, DUPLICATE_OF), 2);
	assert_memory_equal(
	    rep_record_value(s.n.rec, DUPLICATE_OF)->t.data, b, 16);
	scene_end(&s);
}

/* --------------------------------------------------------- sets, lists, counts */

static void concurrent_add_survives_a_remove(void **state)
{
	struct scene s;
	struct rep_row row;

	(void)state;
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.leaf, TR_OP_TAG), CAMPAIGN, "spring");
	fold_text(fold_op(&s.f, s.leaf, TR_OP_TAG), CAMPAIGN, "flood watch");
	fold_see(&s.f, s.street, s.leaf);
	fold_remove(fold_op(&s.f, s.street, TR_OP_TAG), CAMPAIGN, "spring");
	fold_remove(fold_op(&s.f, s.street, TR_OP_TAG), CAMPAIGN, "flood watch");
	fold_text(fold_op(&s.f, s.leaf, TR_OP_TAG), CAMPAIGN, "spring");
	scene_fold(&s);
	assert_int_equal(rows(&s.n, CAMPAIGN, &row), 1);
	assert_int_equal(row.text.size, 6);
	assert_memory_equal(row.text.data, "spring", 6);
	scene_end(&s);
}

static void element_that_two_added_is_shown_once(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.leaf, TR_OP_TAG), CAMPAIGN, "spring");
	fold_text(fold_op(&s.f, s.street, TR_OP_TAG), CAMPAIGN, "spring");
	fold_text(fold_op(&s.f, s.street, TR_OP_TAG), CAMPAIGN, "springs");
	scene_fold(&s);
	assert_int_equal(rows(&s.n, CAMPAIGN, NULL), 2);
	assert_int_equal(memview_rows(s.n.mv, REP_T_ROW), 3);
	/* an add that saw both takes their place; one remove is then enough */
	fold_see(&s.f, s.street, s.leaf);
	fold_text(fold_op(&s.f, s.street, TR_OP_TAG), CAMPAIGN, "spring");
	fold_apply(&s.n, &s.f, s.f.op_count - 1);
	assert_int_equal(memview_rows(s.n.mv, REP_T_ROW), 2);
	fold_remove(fold_op(&s.f, s.street, TR_OP_TAG), CAMPAIGN, "spring");
	fold_apply(&s.n, &s.f, s.f.op_count - 1);
	assert_int_equal(rows(&s.n, CAMPAIGN, NULL), 1);
	scene_end(&s);
}

static void notes_are_all_kept_in_time_order(void **state)
{
	struct scene s;
	struct rep_row row;
	struct rep_op *op;

	(void)state;
	scene_begin(&s);
	op = fold_op(&s.f, s.street, TR_OP_NOTE);
	fold_text(op, NOTES, "first");
	fold_text(op, NOTES, "second");
	fold_text(op, NOTES, "second");
	fold_actor(op, "zhao");
	op = fold_op(&s.f, s.leaf, TR_OP_NOTE);
	fold_text(op, NOTES, "third");
	fold_int(op, AT, 12345);
	fold_node_init(&s.n, &s.f, 1);
	fold_apply(&s.n, &s.f, 0);
	fold_apply(&s.n, &s.f, 2); /* the later one arrives first */
	fold_apply(&s.n, &s.f, 1);
	assert_int_equal(rows(&s.n, NOTES, &row), 4);
	assert_memory_equal(row.text.data, "third", 5);
	assert_int_equal(row.at_ms, 12345);
	assert_int_equal(row.i, -1);
	assert_int_equal(row.author.v, s.f.authors[s.leaf].nid.v);
	assert_int_equal(s.n.rec->list_count, 4);
	/* a full list refuses at the door, but what is signed is kept */
	s.n.rec->list_count = TR_LIST_MAX;
	fold_text(fold_op(&s.f, s.street, TR_OP_NOTE), NOTES, "one too many");
	{
		struct rep_seen seen[FOLD_AUTHORS_MAX];
		struct rep_cause cause = fold_cause(&s.f, &s.n, 3, seen);

		assert_int_equal(rep_merge_check(s.n.rec, &s.f.ops[3].op,
		    &cause, NULL), REP_WHY_LIMIT);
		assert_int_equal(rep_merge_apply(s.n.rec, &s.n.view,
		    &s.f.ops[3].op, &cause, &s.n.applied[3]), 0);
	}
	assert_int_equal(s.n.applied[3].verdict, REP_VALID);
	assert_int_equal(rows(&s.n, NOTES, NULL), 5);
	scene_end(&s);
}

static void counts_sum_the_largest_total_of_each_author(void **state)
{
	struct scene s;
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	int64_t sum = 0;

	(void)state;
	scene_begin(&s);
	fold_int(fold_op(&s.f, s.leaf, TR_OP_COUNT), VISITS, 2);
	fold_int(fold_op(&s.f, s.leaf, TR_OP_COUNT), VISITS, 3);
	fold_int(fold_op(&s.f, s.leaf, TR_OP_COUNT), VISITS, 1);
	fold_int(fold_op(&s.f, s.street, TR_OP_COUNT), VISITS, 4);
	fold_int(fold_op(&s.f, s.street, TR_OP_COUNT), VISITS, -1);
	scene_fold(&s);
	while (rep_record_rows(
		   &s.n.view, &s.n.rec->id, VISITS, &cursor, &row) == 0)
		sum += row.i;
	assert_int_equal(sum, 7);
	assert_int_equal(s.n.applied[5].why, REP_WHY_FIELD);
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(later_write_that_saw_the_first_replaces_it),
	    cmocka_unit_test(lww_takes_a_set_clock_then_the_later_one),
	    cmocka_unit_test(ground_takes_the_nearest_to_the_ground),
	    cmocka_unit_test(auth_takes_the_nearest_to_the_root_and_whole_groups),
	    cmocka_unit_test(different_groups_do_not_meet),
	    cmocka_unit_test(conflict_opens_and_closes_with_a_write_that_saw_all),
	    cmocka_unit_test(a_write_that_saw_one_side_leaves_the_other),
	    cmocka_unit_test(equal_values_still_count_as_two),
	    cmocka_unit_test(a_cleared_value_wins_and_shows_nothing),
	    cmocka_unit_test(ask_stays_open_until_a_person_decides),
	    cmocka_unit_test(concurrent_add_survives_a_remove),
	    cmocka_unit_test(element_that_two_added_is_shown_once),
	    cmocka_unit_test(notes_are_all_kept_in_time_order),
	    cmocka_unit_test(counts_sum_the_largest_total_of_each_author),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
