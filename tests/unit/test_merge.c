/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: each merge kind gives the winner that its rule names, losers stay
 * until somebody has seen them, and verdicts rest on the op's own past. */
// needs: tests/lib/fold.o tests/lib/memview.o
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "replication/status.h"
#include "tests/lib/fold.h"

enum { TITLE = 14, AGENCY = 15, LAT = 20, LON = 21, AREA = 23, PRIORITY = 30,
	RESPONSIBLE = 31, ASSIGNEE = 33, DUE_AT = 37, STATUS = 40, AT = 41,
	REASON = 43, DUPLICATE_OF = 50, CAMPAIGN = 60, NOTES = 61,
	VISITS = 62, CATEGORY = 11, SUBCATEGORY = 12, SOURCE = 1,
	SOURCE_ID = 2, REPORTED_AT = 4, DESCRIPTION = 5 };
enum { CLASS_GROUP = 10, PLACE_GROUP = 20, ASSIGNMENT_GROUP = 31 };

/* A case made by a community, seen by its street; both then part. */
struct scene {
	struct fold f;
	struct fold_node n;
	int street, leaf;
};

static void scene_begin(struct scene *s)
{
	struct rep_op *op;

	fold_init(&s->f, TR_KIND_CASE);
	s->street = fold_author(&s->f, 1, FOLD_STREET);
	s->leaf = fold_author(&s->f, 2, FOLD_LEAF);
	op = fold_op(&s->f, s->leaf, TR_OP_CREATE);
	fold_text(op, SOURCE, "hotline");
	fold_text(op, SOURCE_ID, "2026-004471");
	fold_text(op, TITLE, "noise at night");
	fold_actor(op, "li");
	fold_see(&s->f, s->street, s->leaf);
}

static void scene_fold(struct scene *s)
{
	fold_node_init(&s->n, &s->f, 3);
	fold_apply_all(&s->n, &s->f);
	assert_int_equal(s->n.failed, 0);
}

static void scene_end(struct scene *s)
{
	fold_node_done(&s->n);
	fold_done(&s->f);
}

static void assert_text(
    const struct rep_record *rec, uint16_t field, const char *text)
{
	const struct rep_value *v = rep_record_value(rec, field);

	if (text == NULL) {
		assert_null(v);
		return;
	}
	assert_non_null(v);
	assert_int_equal(v->type, REP_VALUE_TEXT);
	assert_int_equal(v->t.size, strlen(text));
	assert_memory_equal(v->t.data, text, v->t.size);
}

static size_t cands(const struct rep_record *rec, uint16_t group)
{
	uint16_t out[TR_CANDS_MAX];

	return rep_record_cands(rec, group, out, TR_CANDS_MAX);
}

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

static size_t rows(struct fold_node *n, uint16_t field, struct rep_row *last)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	size_t count = 0;
	int rc;

	while ((rc = rep_record_rows(
		    &n->view, &n->rec->id, field, &cursor, &row)) == 0) {
		count++;
		if (last != NULL)
			*last = row;
	}
	assert_int_equal(rc, TR_E_NOTFOUND);
	return count;
}

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
	assert_why(&s, REP_WHY_CAP, 0);
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
	for (int i = REP_WHY_NONE; i <= REP_WHY_LIMIT; i++)
		assert_string_not_equal(rep_why_name((enum rep_why)i), "unknown");
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
