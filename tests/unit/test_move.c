/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the verdicts on a case that goes to another home: who may send it,
 * in which form, what follows, who may not verify it there. */
// needs: tests/lib/fold.o tests/lib/memview.o
#include "tests/unit/scene.h"

enum { MOVED_TO = 52, MOVED_UNIT = 53, MOVED_PATH = 54, MOVED_FROM = 55, FROM_UNIT = 56, FROM_PATH = 57,
	HANDLED_BY = 58 };

static const uint8_t id_a[16] = {1, 0xa}, id_b[16] = {1, 0xb};

/* ------------------------------------------------------------ verdicts */

static struct rep_op *move(struct fold *f, int author, const uint8_t *to, int64_t unit, const char *path)
{
	struct rep_op *op = fold_op(f, author, TR_OP_TRANSFER);

	fold_int(op, STATUS, REP_CASE_MOVED);
	fold_bytes(op, MOVED_TO, to, 16);
	fold_int(op, MOVED_UNIT, unit);
	fold_text(op, MOVED_PATH, path);
	fold_text(op, REASON, "across the road");
	return op;
}

static enum rep_why last_why(struct scene *s)
{
	enum rep_why why;

	scene_fold(s);
	why = s->n.applied[s->f.op_count - 1].why;
	scene_end(s);
	return why;
}

static void the_mover_stands_over_both(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	assert_int_equal(last_why(&s), REP_WHY_NONE);
	scene_begin(&s); /* a leaf, even one that says it may command */
	s.f.authors[s.leaf].caps = FOLD_STREET;
	move(&s.f, s.leaf, id_a, 77, "110101/s/c/d");
	assert_int_equal(last_why(&s), REP_WHY_BOTH);
	scene_begin(&s); /* beside the street */
	move(&s.f, s.street, id_a, 77, "110101/sx/d");
	assert_int_equal(last_why(&s), REP_WHY_BOTH);
	scene_begin(&s); /* to the street itself */
	move(&s.f, s.street, id_a, 77, "110101/s");
	assert_int_equal(last_why(&s), REP_WHY_BOTH);
	scene_begin(&s); /* nothing is known of the author's place */
	s.f.authors[s.street].path = "";
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	assert_int_equal(last_why(&s), REP_WHY_BOTH);
	scene_begin(&s);
	s.f.authors[s.street].caps = FOLD_LEAF;
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	assert_int_equal(last_why(&s), REP_WHY_CAP);
}

static void a_move_has_its_form(void **state)
{
	struct scene s;
	struct rep_op *op;

	(void)state;
	scene_begin(&s);
	move(&s.f, s.street, id_a, (int64_t)s.f.scope.v, "110101/s/c");
	assert_int_equal(last_why(&s), REP_WHY_HOME);
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d")->value_count--;
	assert_int_equal(last_why(&s), REP_WHY_REASON);
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d")->value_count = 2;
	assert_int_equal(last_why(&s), REP_WHY_FIELD);
	scene_begin(&s);
	fold_text(move(&s.f, s.street, id_a, 77, "110101/s/d"), TITLE, "and more");
	assert_int_equal(last_why(&s), REP_WHY_FIELD);
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d")->flags = TR_OPF_IMPORTED;
	assert_int_equal(last_why(&s), REP_WHY_FIELD);
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_TRANSFER), TITLE, "no move at all");
	assert_int_equal(last_why(&s), REP_WHY_FIELD);
	scene_begin(&s);
	fold_text(move(&s.f, s.street, id_a, 77, "110101/s/d"), NOTES, "and a note");
	assert_int_equal(last_why(&s), REP_WHY_FIELD);
	/* what a move writes is written by nothing else */
	for (uint16_t field = MOVED_TO; field <= HANDLED_BY; field++) {
		scene_begin(&s);
		op = fold_op(&s.f, s.street, TR_OP_SET);
		if (field == MOVED_UNIT || field == FROM_UNIT)
			fold_int(op, field, 77);
		else if (field == MOVED_TO || field == MOVED_FROM)
			fold_bytes(op, field, id_a, 16);
		else
			fold_text(op, field, "x");
		assert_int_equal(last_why(&s), REP_WHY_FIELD);
	}
	scene_begin(&s);
	fold_step(&s.f, s.street, REP_CASE_MOVED);
	assert_int_equal(last_why(&s), REP_WHY_STEP);
}

static void only_open_work_moves(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	fold_step(&s.f, s.street, REP_CASE_VOIDED);
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	assert_int_equal(last_why(&s), REP_WHY_ENDED);
}

static void nothing_follows_a_move(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	fold_see(&s.f, s.leaf, s.street);
	fold_text(fold_op(&s.f, s.leaf, TR_OP_SET), TITLE, "still mine?");
	fold_step(&s.f, s.leaf, REP_CASE_SELF_HANDLED);
	move(&s.f, s.street, id_b, 78, "110101/s/e");
	scene_fold(&s);
	for (int i = 2; i <= 4; i++)
		assert_int_equal(s.n.applied[i].why, REP_WHY_MOVED);
	assert_int_equal(rep_record_status(s.n.rec), REP_CASE_MOVED);
	assert_text(s.n.rec, TITLE, "noise at night");
	assert_text(s.n.rec, MOVED_PATH, "110101/s/d");
	assert_text(s.n.rec, REASON, "across the road");
	scene_end(&s);
}

static void two_who_move_it_are_a_conflict(void **state)
{
	struct rep_moved moved;
	uint16_t alive[8];
	struct scene s;
	int top;

	(void)state;
	scene_begin(&s);
	top = fold_author(&s.f, 0, FOLD_STREET);
	fold_see(&s.f, top, s.leaf);
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	move(&s.f, top, id_b, 78, "110101/t/e");
	fold_step(&s.f, s.leaf, REP_CASE_SELF_HANDLED); /* did not know */
	scene_fold(&s);
	assert_int_equal(rep_record_steps_alive(s.n.rec, alive, 8), 3);
	assert_true(rep_record_moved(s.n.rec, &moved));
	assert_memory_equal(moved.id.b, id_b, 16); /* nearest to the root */
	fold_node_done(&s.n);
	fold_see(&s.f, top, s.street);
	fold_see(&s.f, top, s.leaf);
	move(&s.f, top, id_a, 77, "110101/s/d"); /* a person decides for the other */
	scene_fold(&s);
	assert_int_equal(s.n.applied[4].why, REP_WHY_NONE);
	assert_int_equal(rep_record_steps_alive(s.n.rec, alive, 8), 1);
	assert_true(rep_record_moved(s.n.rec, &moved));
	assert_memory_equal(moved.id.b, id_a, 16);
	scene_end(&s);
}

static struct rep_op *arrive(struct fold *f, int author, uint8_t status, const char *handlers)
{
	struct rep_op *op = fold_op(f, author, TR_OP_CREATE);

	fold_text(op, TITLE, "noise at night");
	fold_int(op, STATUS, status);
	fold_bytes(op, MOVED_FROM, id_a, 16);
	fold_int(op, FROM_UNIT, 99);
	fold_text(op, FROM_PATH, "110101/s/b");
	if (handlers != NULL)
		fold_text(op, HANDLED_BY, handlers);
	return op;
}

static void who_handled_there_cannot_verify_here(void **state)
{
	static char list[128];
	struct rep_op *op;
	struct fold f;
	struct fold_node n;
	int street, leaf;
	size_t size;

	(void)state;
	fold_init(&f, TR_KIND_CASE);
	street = fold_author(&f, 1, FOLD_STREET);
	leaf = fold_author(&f, 2, FOLD_LEAF);
	size = rep_merge_handler_put(f.authors[leaf].nid, (struct tr_bytes){(const uint8_t *)"li", 2}, (uint8_t *)list, 64);
	size += rep_merge_handler_put(f.authors[street].nid, (struct tr_bytes){(const uint8_t *)"wang;9:", 7},
	    (uint8_t *)list + size, 64);
	list[size] = '\0';
	arrive(&f, street, REP_CASE_HANDLED, list);
	op = fold_step(&f, street, REP_CASE_VERIFIED);
	fold_actor(op, "wang;9:");
	op = fold_step(&f, street, REP_CASE_VERIFIED);
	fold_actor(op, "zhao");
	fold_node_init(&n, &f, 1);
	fold_apply_all(&n, &f);
	assert_int_equal(n.applied[0].why, REP_WHY_NONE);
	assert_int_equal(n.applied[1].why, REP_WHY_SAME_PERSON);
	assert_int_equal(n.applied[2].why, REP_WHY_NONE);
	assert_int_equal(rep_record_status(n.rec), REP_CASE_VERIFIED);
	fold_node_done(&n);
	fold_done(&f);
}

static enum rep_why arrives(uint8_t level, uint8_t status, int change)
{
	struct fold f;
	struct fold_node n;
	struct rep_op *op;
	enum rep_why why;
	int street, leaf;

	fold_init(&f, TR_KIND_CASE);
	street = fold_author(&f, 1, FOLD_STREET);
	leaf = fold_author(&f, 2, FOLD_STREET);
	op = arrive(&f, level == 1 ? street : leaf, status, NULL);
	if (change == 1)
		op->value_count--; /* without the path */
	else if (change == 2)
		op->values[4].t = (struct tr_bytes){(const uint8_t *)"110101/t/b", 10};
	else if (change == 3)
		op->values[3].i = (int64_t)f.scope.v;
	else if (change == 4)
		op->flags = TR_OPF_IMPORTED;
	fold_node_init(&n, &f, 1);
	fold_apply_all(&n, &f);
	why = n.applied[0].why;
	fold_node_done(&n);
	fold_done(&f);
	return why;
}

static void what_arrives_is_judged(void **state)
{
	(void)state;
	assert_int_equal(arrives(1, REP_CASE_HANDLING, 0), REP_WHY_NONE);
	assert_int_equal(arrives(2, REP_CASE_HANDLING, 0), REP_WHY_BOTH);
	assert_int_equal(arrives(1, REP_CASE_CLOSED, 0), REP_WHY_ENDED);
	assert_int_equal(arrives(1, REP_CASE_MOVED, 0), REP_WHY_ENDED);
	assert_int_equal(arrives(1, REP_CASE_HANDLING, 1), REP_WHY_FIELD);
	assert_int_equal(arrives(1, REP_CASE_HANDLING, 2), REP_WHY_BOTH);
	assert_int_equal(arrives(1, REP_CASE_HANDLING, 3), REP_WHY_HOME);
	assert_int_equal(arrives(1, REP_CASE_HANDLING, 4), REP_WHY_FIELD);
}

static void handler_lists_are_hostile(void **state)
{
	static const char *const bad[] = {"", "x", "0123456789abcde", "0123456789abcdef", "0123456789abcdef2:l;",
	    "0123456789abcdef2:li", "0123456789abcdefg2:li;", "0123456789abcdef99999999999999999999:x;",
	    "0123456789abcdef65:x;", "0123456789abcdef2;li;", "0123456789abcdeX2:li;", "0123456789abcdef2xli;",
	    "0123456789abcdef2li;;", "0123456789abcdef222", "0123456789abcdefli:2;"};
	struct tr_bytes list, actor;
	struct tr_nid nid;
	static uint8_t many[TR_ACTOR_MAX + 40];
	uint8_t out[200];

	(void)state;
	memset(many, 'a', sizeof(many));
	for (size_t size = 0; size <= sizeof(many); size++) { /* each size reads back, up to the bound */
		size_t put = rep_merge_handler_put((struct tr_nid){1}, (struct tr_bytes){many, size}, out, sizeof(out));

		list = (struct tr_bytes){out, put};
		assert_int_equal(put > 0, size <= TR_ACTOR_MAX);
		assert_int_equal(rep_merge_handler_next(&list, &nid, &actor), size <= TR_ACTOR_MAX);
		if (size <= TR_ACTOR_MAX) {
			assert_int_equal(actor.size, size);
			assert_int_equal(list.size, 0);
		}
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		list = (struct tr_bytes){(const uint8_t *)bad[i], strlen(bad[i])};
		assert_false(rep_merge_handler_next(&list, &nid, &actor));
	}
	assert_int_equal(rep_merge_handler_put((struct tr_nid){1}, (struct tr_bytes){NULL, 0}, out, 18), 0);
	assert_int_equal(rep_merge_handler_put((struct tr_nid){1}, (struct tr_bytes){NULL, 0}, out, 19), 19);
	list = (struct tr_bytes){out, 19};
	assert_true(rep_merge_handler_next(&list, &nid, &actor));
	assert_int_equal(nid.v, 1);
	assert_int_equal(actor.size, 0);
	assert_false(rep_merge_handler_next(&list, &nid, &actor));
}

/* Whoever came first: the list is the same, and has nobody twice. */
static void handler_lists_have_an_order(void **state)
{
	static const struct { uint64_t nid; const char *actor; } who[] = {{2, "li"}, {1, "wang"}, {2, ""}, {1, "an"}};
	static const char all[] = "00000000000000012:an;00000000000000014:wang;00000000000000020:;00000000000000022:li;";
	uint8_t list[sizeof(all) - 1];

	(void)state;
	for (size_t first = 0; first < 4; first++) {
		size_t size = 0;

		for (size_t i = 0; i < 8; i++) {
			size_t k = (first + 3 * i) % 4;

			assert_true(rep_merge_handler_add((struct tr_nid){who[k].nid},
			    (struct tr_bytes){(const uint8_t *)who[k].actor, strlen(who[k].actor)}, list, &size, sizeof(list)));
		}
		assert_int_equal(size, sizeof(list));
		assert_memory_equal(list, all, sizeof(list));
		assert_false(rep_merge_handler_add((struct tr_nid){3}, (struct tr_bytes){NULL, 0}, list, &size, sizeof(list)));
	}
}

/* Who has not seen the record cannot say from where it goes. */
static void a_move_has_seen_what_it_moves(void **state)
{
	struct scene s;
	int top;

	(void)state;
	scene_begin(&s);
	top = fold_author(&s.f, 0, FOLD_STREET);
	move(&s.f, top, id_a, 77, "110101/s/d");
	assert_int_equal(last_why(&s), REP_WHY_NO_CREATE);
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	s.f.ops[s.f.op_count - 1].op.values[1].field = TITLE; /* without where to */
	assert_int_equal(last_why(&s), REP_WHY_FIELD);
}

/* Of two moves a person states one again, not a third one. */
static void a_third_move_settles_nothing(void **state)
{
	static const uint8_t id_c[16] = {1, 0xc};
	struct scene s;
	int top;

	(void)state;
	for (int third = 0; third < 2; third++) {
		scene_begin(&s);
		top = fold_author(&s.f, 0, FOLD_STREET);
		fold_see(&s.f, top, s.leaf);
		move(&s.f, s.street, id_a, 77, "110101/s/d");
		move(&s.f, top, id_b, 78, "110101/s/e");
		fold_see(&s.f, top, s.street);
		move(&s.f, top, third ? id_c : id_a, 77, "110101/s/d");
		assert_int_equal(last_why(&s), third ? REP_WHY_MOVED : REP_WHY_NONE);
	}
}

/* Of two copies of one case, one may go to the other, which lies in the same home. */
static void a_copy_may_go_to_another_copy(void **state)
{
	struct fold f;
	struct fold_node n;
	int street;

	(void)state;
	fold_init(&f, TR_KIND_CASE);
	street = fold_author(&f, 1, FOLD_STREET);
	(void)fold_author(&f, 2, FOLD_LEAF);
	arrive(&f, street, REP_CASE_HANDLING, NULL);
	move(&f, street, id_b, (int64_t)f.scope.v, "110101/s/c");
	fold_node_init(&n, &f, 1);
	fold_apply_all(&n, &f);
	assert_int_equal(n.applied[1].why, REP_WHY_NONE);
	assert_int_equal(rep_record_status(n.rec), REP_CASE_MOVED);
	fold_node_done(&n);
	fold_done(&f);
}

/* Of a unit without people's names it is the unit that handled it. */
static void a_handler_without_a_name_is_its_unit(void **state)
{
	char list[64];
	struct fold f;
	struct fold_node n;
	int street;
	size_t size;

	(void)state;
	fold_init(&f, TR_KIND_CASE);
	street = fold_author(&f, 1, FOLD_STREET);
	(void)fold_author(&f, 2, FOLD_LEAF);
	size = rep_merge_handler_put(f.authors[street].nid, (struct tr_bytes){NULL, 0}, (uint8_t *)list, sizeof(list) - 1);
	list[size] = '\0';
	arrive(&f, street, REP_CASE_HANDLED, list);
	fold_step(&f, street, REP_CASE_VERIFIED);
	fold_actor(fold_step(&f, street, REP_CASE_VERIFIED), "zhao");
	fold_node_init(&n, &f, 1);
	fold_apply_all(&n, &f);
	assert_int_equal(n.applied[1].why, REP_WHY_SAME_PERSON);
	assert_int_equal(n.applied[2].why, REP_WHY_NONE);
	fold_node_done(&n);
	fold_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_mover_stands_over_both),
	    cmocka_unit_test(a_move_has_its_form),
	    cmocka_unit_test(only_open_work_moves),
	    cmocka_unit_test(nothing_follows_a_move),
	    cmocka_unit_test(two_who_move_it_are_a_conflict),
	    cmocka_unit_test(who_handled_there_cannot_verify_here),
	    cmocka_unit_test(what_arrives_is_judged),
	    cmocka_unit_test(handler_lists_are_hostile),
	    cmocka_unit_test(handler_lists_have_an_order),
	    cmocka_unit_test(a_move_has_seen_what_it_moves),
	    cmocka_unit_test(a_third_move_settles_nothing),
	    cmocka_unit_test(a_copy_may_go_to_another_copy),
	    cmocka_unit_test(a_handler_without_a_name_is_its_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
