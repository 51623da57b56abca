/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: form and authority of ops are checked on their own past, and a
 * violation changes nothing. */
// needs: tests/lib/fold.o tests/lib/memview.o
#include "tests/unit/scene.h"

/* ------------------------------------------------------------------ verdicts */

static void assert_why(struct scene *s, enum rep_why why, uint16_t field)
{
	const struct rep_applied *a;

	scene_fold(s);
	a = &s->n.applied[s->f.op_count - 1];
	assert_int_equal(a->why, why);
	assert_int_equal(a->why_field, field);
	assert_int_equal(a->verdict, why == REP_WHY_NONE ? REP_VALID
							 : REP_VIOLATION);
	assert_int_equal(s->n.rec->violations, why != REP_WHY_NONE);
	assert_int_equal(memview_rows(s->n.mv, REP_T_VIOLATION),
	    why != REP_WHY_NONE);
	scene_end(s);
}

static void form_is_checked(void **state)
{
	static const struct {
		uint16_t field;
		uint8_t type;
		int64_t i;
	} bad[] = {
	    {63, REP_VALUE_INT, 1},         /* no such field */
	    {TITLE, REP_VALUE_INT, 1},      /* not a text */
	    {16, REP_VALUE_TEXT, 0},        /* not a number */
	    {PRIORITY, REP_VALUE_INT, 9},   /* no such name */
	    {STATUS, REP_VALUE_INT, 99},
	    {STATUS, REP_VALUE_NONE, 0},
	    {LAT, REP_VALUE_INT, 1800000001},
	    {DUE_AT, REP_VALUE_INT, INT64_MAX}, /* of no calendar */
	    {DUE_AT, REP_VALUE_INT, INT64_MIN},
	    {VISITS, REP_VALUE_INT, INT64_MAX},
	    {RESPONSIBLE, REP_VALUE_INT, 0},
	    {DUPLICATE_OF, REP_VALUE_BYTES, 0}, /* not 16 bytes */
	    {DESCRIPTION, REP_VALUE_TEXT, 0},   /* personal */
	    {CAMPAIGN, REP_VALUE_TEXT, 0},      /* empty element */
	    {REASON, REP_VALUE_TEXT, 0},        /* of which step? */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct scene s;
		struct rep_op *op;

		scene_begin(&s);
		op = fold_op(&s.f, s.street, TR_OP_SET);
		fold_text(op, bad[i].field, "");
		op->values[0].type = bad[i].type;
		op->values[0].i = bad[i].i;
		assert_why(&s, REP_WHY_FIELD, bad[i].field);
	}
}

static void a_text_over_its_bound_and_a_field_twice_are_refused(void **state)
{
	static char long_text[1000];
	struct scene s;
	struct rep_op *op;

	(void)state;
	memset(long_text, 'a', 801);
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_SET), TITLE, long_text);
	assert_why(&s, REP_WHY_FIELD, TITLE);
	long_text[800] = 0;
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_SET), TITLE, long_text);
	assert_why(&s, REP_WHY_NONE, 0);
	scene_begin(&s);
	op = fold_op(&s.f, s.street, TR_OP_SET);
	fold_text(op, TITLE, "a");
	fold_text(op, TITLE, "b");
	assert_why(&s, REP_WHY_FIELD, TITLE);
}

static void authority_is_checked(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	fold_int(fold_op(&s.f, s.leaf, TR_OP_SET), PRIORITY, 3);
	assert_why(&s, REP_WHY_CAP, PRIORITY);
	scene_begin(&s);
	fold_int(fold_op(&s.f, s.street, TR_OP_SET), PRIORITY, 3);
	assert_why(&s, REP_WHY_NONE, 0);
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_SET), SOURCE, "x");
	assert_why(&s, REP_WHY_FIXED, SOURCE);
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_CREATE), TITLE, "again");
	assert_why(&s, REP_WHY_TWICE, 0);
	scene_begin(&s);
	fold_op(&s.f, s.leaf, TR_OP_SET)->flags = TR_OPF_IMPORTED;
	assert_why(&s, REP_WHY_IMPORT, 0);
	scene_begin(&s);
	fold_op(&s.f, s.leaf, TR_OP_SET)->type = TR_KIND_STAFF;
	assert_why(&s, REP_WHY_FIELD, 0);
}

static void one_bad_part_makes_the_whole_op_a_violation(void **state)
{
	struct scene s;
	struct rep_op *op;

	(void)state;
	scene_begin(&s);
	op = fold_op(&s.f, s.leaf, TR_OP_SET);
	fold_text(op, TITLE, "new title");
	fold_text(op, NOTES, "a note");
	fold_int(op, STATUS, REP_CASE_CLOSED);
	scene_fold(&s);
	assert_int_equal(s.n.applied[1].why, REP_WHY_STEP);
	assert_text(s.n.rec, TITLE, "noise at night");
	assert_int_equal(rows(&s.n, NOTES, NULL), 0);
	assert_int_equal(rep_record_status(s.n.rec), REP_CASE_REPORTED);
	assert_int_equal(s.n.rec->version, 1);
	/* it is kept to be shown, with its signer */
	assert_int_equal(s.n.rec->step_count, 2);
	assert_true((s.n.rec->steps[1].flags & REP_STEP_VIOLATION) != 0);
	{
		struct rep_violation_cursor cursor = {.started = false};
		struct rep_violation v;

		assert_int_equal(
		    rep_next_violation(&s.n.view, &cursor, &v), 0);
		assert_int_equal(v.why, REP_WHY_STEP);
		assert_int_equal(v.field, STATUS);
		assert_int_equal(v.status, REP_CASE_CLOSED);
		assert_int_equal(v.kind, TR_KIND_CASE);
		assert_int_equal(v.dot.seq, 2);
		assert_int_equal(rep_next_violation(&s.n.view, &cursor, &v),
		    TR_E_NOTFOUND);
	}
	scene_end(&s);
}

static void nothing_without_a_create_that_was_seen(void **state)
{
	struct fold f;
	struct fold_node n;
	int street, leaf;

	(void)state;
	fold_init(&f, TR_KIND_CASE);
	street = fold_author(&f, 1, FOLD_STREET);
	leaf = fold_author(&f, 2, FOLD_LEAF);
	fold_text(fold_op(&f, leaf, TR_OP_CREATE), TITLE, "a");
	fold_text(fold_op(&f, street, TR_OP_SET), TITLE, "b"); /* unseen */
	fold_node_init(&n, &f, 0);
	fold_apply_all(&n, &f);
	assert_int_equal(n.applied[1].why, REP_WHY_NO_CREATE);
	assert_text(n.rec, TITLE, "a");
	fold_node_done(&n);
	fold_done(&f);
}

static void two_creates_at_once_have_one_winner(void **state)
{
	struct fold f;
	struct fold_node n;
	int street, leaf;

	(void)state;
	fold_init(&f, TR_KIND_CASE);
	street = fold_author(&f, 1, FOLD_STREET);
	leaf = fold_author(&f, 2, FOLD_LEAF);
	fold_text(fold_op(&f, street, TR_OP_CREATE), SOURCE, "street");
	fold_text(fold_op(&f, leaf, TR_OP_CREATE), SOURCE, "leaf");
	fold_node_init(&n, &f, 0);
	fold_apply_all(&n, &f);
	assert_true(n.applied[0].created);
	assert_false(n.applied[1].created);
	assert_text(n.rec, SOURCE, "street");
	assert_int_equal(n.rec->created.log, n.rec->cands[0].dot.log);
	assert_int_equal(n.rec->violations, 0);
	fold_node_done(&n);
	fold_done(&f);
}

/* Whatever a modified leaf writes, it wins nothing that it may not write. */
static void a_modified_leaf_cannot_win(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	for (uint8_t status = 1; status <= REP_STATUS_MAX; status++)
		fold_step(&s.f, s.leaf, status);
	fold_int(fold_op(&s.f, s.leaf, TR_OP_SET), PRIORITY, 4);
	fold_see(&s.f, s.street, s.leaf);
	fold_step(&s.f, s.street, REP_CASE_FILED);
	scene_fold(&s);
	/* self_handled was the only step it could take, and it wins by rank
	 * until the street, which saw it, goes on: from there FILED is no step */
	assert_int_equal(rep_record_status(s.n.rec), REP_CASE_SELF_HANDLED);
	assert_null(rep_record_value(s.n.rec, PRIORITY));
	assert_int_equal(
	    s.n.applied[s.f.op_count - 1].why, REP_WHY_STEP);
	scene_end(&s);
}

static void the_verdict_rests_on_the_ops_own_past(void **state)
{
	struct scene s;
	int closer;

	(void)state;
	scene_begin(&s);
	fold_step(&s.f, s.street, REP_CASE_FILED);
	fold_step(&s.f, s.street, REP_CASE_DISPATCHED);
	/* the leaf did not see them: for it the case is still REPORTED */
	fold_step(&s.f, s.leaf, REP_CASE_HANDLING);
	fold_step(&s.f, s.leaf, REP_CASE_SELF_HANDLED);
	closer = s.f.op_count - 2;
	scene_fold(&s);
	assert_int_equal(s.n.applied[closer].why, REP_WHY_STEP);
	assert_int_equal(s.n.applied[closer + 1].why, REP_WHY_NONE);
	/* concurrent legal moves: rank decides, both are candidates */
	assert_int_equal(rep_record_status(s.n.rec), REP_CASE_SELF_HANDLED);
	assert_int_equal(rep_merge_rule(s.n.rec, STATUS), REP_RULE_RANK);
	{
		uint16_t alive[4];

		assert_int_equal(rep_record_steps_alive(s.n.rec, alive, 4), 2);
		assert_int_equal(rep_record_steps_alive(s.n.rec, alive, 1), 1);
	}
	assert_true(s.n.applied[closer + 1].groups[0].open);
	assert_int_equal(
	    s.n.applied[closer + 1].status_before, REP_CASE_DISPATCHED);
	assert_int_equal(
	    s.n.applied[closer + 1].status_after, REP_CASE_SELF_HANDLED);
	/* a step that saw both goes on from the shown one and ends it */
	fold_see(&s.f, s.street, s.leaf);
	fold_step(&s.f, s.street, REP_CASE_VERIFIED);
	fold_apply(&s.n, &s.f, s.f.op_count - 1);
	assert_int_equal(rep_record_status(s.n.rec), REP_CASE_VERIFIED);
	assert_int_equal(rep_merge_rule(s.n.rec, STATUS), REP_RULE_ONLY);
	assert_false(s.n.applied[s.f.op_count - 1].groups[0].open);
	scene_end(&s);
}

static void a_bound_of_steps_is_met_by_the_past(void **state)
{
	struct scene s;
	int last = 0;

	(void)state;
	scene_begin(&s);
	fold_step(&s.f, s.street, REP_CASE_FILED);
	for (int i = 0; i < 400; i++) {
		fold_step(&s.f, s.street, REP_CASE_SUSPENDED);
		fold_step(&s.f, s.street, REP_CASE_FILED);
	}
	scene_fold(&s);
	for (int i = 0; i < s.f.op_count; i++)
		if (s.n.applied[i].why == REP_WHY_NONE)
			last = i;
	assert_in_range(last, 100, 300);
	assert_int_equal(s.n.applied[last + 1].why, REP_WHY_LIMIT);
	scene_end(&s);
}

static void a_failing_store_is_reported(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_NOTE), NOTES, "a note");
	fold_text(fold_op(&s.f, s.leaf, TR_OP_SET), SOURCE, "violation");
	fold_node_init(&s.n, &s.f, 3);
	fold_apply(&s.n, &s.f, 0);
	memview_begin(s.n.mv);
	memview_fail_after(s.n.mv, 0, TR_E_FULL);
	fold_apply(&s.n, &s.f, 1);
	assert_int_equal(s.n.failed, TR_E_FULL);
	s.n.failed = 0;
	fold_apply(&s.n, &s.f, 2);
	assert_int_equal(s.n.failed, TR_E_FULL);
	memview_rollback(s.n.mv);
	scene_end(&s);
}

static void ops_of_later_versions_change_nothing(void **state)
{
	struct scene s;
	struct tr_hash before, after;

	(void)state;
	scene_begin(&s);
	fold_node_init(&s.n, &s.f, 3);
	fold_apply(&s.n, &s.f, 0);
	before = fold_hash(&s.n);
	fold_op(&s.f, s.street, (enum tr_op_kind)13);
	{
		struct rep_seen seen[FOLD_AUTHORS_MAX];
		struct rep_cause cause = fold_cause(&s.f, &s.n, 1, seen);

		assert_int_equal(rep_merge_apply(s.n.rec, &s.n.view,
		    &s.f.ops[1].op, &cause, &s.n.applied[1]), 0);
	}
	after = fold_hash(&s.n);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(s.n.applied[1].verdict, REP_VALID);
	scene_end(&s);
}

static void every_rule_and_reason_has_words(void **state)
{
	(void)state;
	for (int i = REP_RULE_ONLY; i <= REP_RULE_AUTHOR; i++)
		assert_string_not_equal(rep_rule_name((enum rep_rule)i), "unknown");
	for (int i = REP_WHY_NONE; i <= REP_WHY_HOME; i++)
		assert_string_not_equal(rep_why_name((enum rep_why)i), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(form_is_checked),
	    cmocka_unit_test(a_text_over_its_bound_and_a_field_twice_are_refused),
	    cmocka_unit_test(authority_is_checked),
	    cmocka_unit_test(one_bad_part_makes_the_whole_op_a_violation),
	    cmocka_unit_test(nothing_without_a_create_that_was_seen),
	    cmocka_unit_test(two_creates_at_once_have_one_winner),
	    cmocka_unit_test(a_modified_leaf_cannot_win),
	    cmocka_unit_test(the_verdict_rests_on_the_ops_own_past),
	    cmocka_unit_test(a_bound_of_steps_is_met_by_the_past),
	    cmocka_unit_test(a_failing_store_is_reported),
	    cmocka_unit_test(ops_of_later_versions_change_nothing),
	    cmocka_unit_test(every_rule_and_reason_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
