/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: every edge of the two machines, who may take it and what it needs;
 * every pair that is no edge is refused. */
// needs: tests/lib/fold.o tests/lib/memview.o
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "replication/status.h"
#include "tests/lib/fold.h"

#define ALL_CAPS 0x7ffu

struct scene {
	struct fold f;
	struct fold_node n;
	int top, home;
};

/* A record in state `from`, by a first load of history. */
static void begin(struct scene *s, uint8_t kind, uint8_t from)
{
	struct rep_op *op;

	fold_init(&s->f, kind);
	s->top = fold_author(&s->f, 1, ALL_CAPS);
	s->home = fold_author(&s->f, 2, ALL_CAPS);
	op = fold_op(&s->f, s->top, TR_OP_CREATE);
	op->flags = TR_OPF_IMPORTED;
	fold_int(op, 40, from);
	fold_actor(op, "import");
	fold_see(&s->f, s->home, s->top);
}

static enum rep_why fold_last(struct scene *s)
{
	fold_node_init(&s->n, &s->f, 2);
	fold_apply_all(&s->n, &s->f);
	assert_int_equal(s->n.failed, 0);
	return s->n.applied[s->f.op_count - 1].why;
}

static void end(struct scene *s)
{
	fold_node_done(&s->n);
	fold_done(&s->f);
}

static enum rep_why one_step(uint8_t kind, uint8_t from, uint8_t to, bool home,
    uint32_t caps, bool bare)
{
	struct scene s;
	struct rep_op *op;
	enum rep_why why;
	int author;

	begin(&s, kind, from);
	author = home ? s.home : s.top;
	s.f.authors[author].caps = caps;
	op = fold_step(&s.f, author, to);
	if (bare)
		op->value_count = 1; /* the status alone */
	fold_actor(op, "zhang");
	why = fold_last(&s);
	assert_int_equal(rep_record_status(s.n.rec),
	    why == REP_WHY_NONE ? to : from);
	end(&s);
	return why;
}

static void every_move_is_allowed_with_its_caps_only(uint8_t kind)
{
	const struct rep_status_move *m;

	for (size_t i = 0; (m = rep_status_move_at(kind, i)) != NULL; i++) {
		bool home = m->who == REP_WHO_TARGET;
		enum rep_why bare = m->needs != 0 ? REP_WHY_REASON
						  : REP_WHY_NONE;

		if (m->to == REP_STATUS_BEFORE)
			continue;
		assert_int_equal(
		    one_step(kind, m->from, m->to, home, m->caps, false),
		    REP_WHY_NONE);
		assert_int_equal(
		    one_step(kind, m->from, m->to, home, m->caps, true), bare);
		if (m->caps != 0)
			assert_int_equal(one_step(kind, m->from, m->to, home,
			    ALL_CAPS & ~m->caps, false), REP_WHY_CAP);
		if (m->who != REP_WHO_ANY)
			assert_int_equal(one_step(kind, m->from, m->to, !home,
			    ALL_CAPS, false), REP_WHY_TARGET);
	}
}

static void case_moves_need_their_caps(void **state)
{
	(void)state;
	every_move_is_allowed_with_its_caps_only(TR_KIND_CASE);
}

static void directive_moves_need_the_right_side(void **state)
{
	(void)state;
	every_move_is_allowed_with_its_caps_only(TR_KIND_DIRECTIVE);
}

static void what_is_no_move_is_refused(uint8_t kind)
{
	for (uint8_t from = 1; from <= REP_STATUS_MAX; from++) {
		for (uint8_t to = 1; to <= REP_STATUS_MAX; to++) {
			if (rep_status_name(kind, from) == NULL ||
			    rep_status_name(kind, to) == NULL ||
			    rep_status_move(kind, from, to) != NULL ||
			    /* what moved is elsewhere: test_move.c */
			    (kind == TR_KIND_CASE && from == REP_CASE_MOVED) ||
			    /* history that begins suspended may go on anywhere */
			    (kind == TR_KIND_CASE && from == REP_CASE_SUSPENDED))
				continue;
			for (int home = 0; home < 2; home++)
				assert_int_equal(one_step(kind, from, to,
				    home != 0, ALL_CAPS, false), REP_WHY_STEP);
		}
	}
}

static void no_other_pair_is_a_move(void **state)
{
	(void)state;
	what_is_no_move_is_refused(TR_KIND_CASE);
	what_is_no_move_is_refused(TR_KIND_DIRECTIVE);
}

static void the_tables_are_whole(void **state)
{
	static const uint8_t kinds[] = {TR_KIND_CASE, TR_KIND_DIRECTIVE};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		const struct rep_status_move *m;

		for (size_t i = 0; (m = rep_status_move_at(kinds[k], i)) != NULL;
		     i++) {
			assert_non_null(rep_status_name(kinds[k], m->from));
			assert_true(m->to == REP_STATUS_BEFORE ||
			    rep_status_name(kinds[k], m->to) != NULL);
			/* no pair twice: the first one would hide the other */
			assert_ptr_equal(
			    rep_status_move(kinds[k], m->from, m->to), m);
		}
		/* an open state has a way out, and a closed one but reopening none */
		for (uint8_t from = 1; from <= REP_STATUS_MAX; from++) {
			size_t out = 0;

			for (size_t i = 0;
			     (m = rep_status_move_at(kinds[k], i)) != NULL; i++)
				out += m->from == from;
			if (rep_status_is_open(kinds[k], from))
				assert_true(out > 0);
			else
				assert_int_equal(out,
				    kinds[k] == TR_KIND_CASE &&
					from == REP_CASE_CLOSED);
		}
	}
	assert_null(rep_status_move_at(TR_KIND_STAFF, 0));
	assert_int_equal(rep_status_first(TR_KIND_STAFF), 0);
	assert_int_equal(rep_status_rank(TR_KIND_CASE, 0), -1);
	assert_int_equal(rep_status_rank(TR_KIND_CASE, 16), -1);
	assert_int_equal(rep_status_rank(TR_KIND_DIRECTIVE, 10), -1);
	assert_int_equal(rep_status_rank(TR_KIND_CASE, REP_CASE_VOIDED), 80);
}

static void a_create_without_history_begins_at_the_beginning(void **state)
{
	(void)state;
	for (uint8_t status = 0; status <= REP_STATUS_MAX; status++) {
		struct fold f;
		struct fold_node n;
		struct rep_op *op;
		bool first = status <= REP_CASE_REPORTED;

		fold_init(&f, TR_KIND_CASE);
		(void)fold_author(&f, 2, ALL_CAPS);
		op = fold_op(&f, 0, TR_OP_CREATE);
		if (status != 0)
			fold_int(op, 40, status);
		fold_node_init(&n, &f, 0);
		fold_apply_all(&n, &f);
		assert_int_equal(n.applied[0].why,
		    first ? REP_WHY_NONE : REP_WHY_STEP);
		assert_int_equal(rep_record_status(n.rec), first ? 1 : 0);
		fold_node_done(&n);
		fold_done(&f);
	}
}

static void business_time_comes_from_at_or_the_report(void **state)
{
	struct fold f;
	struct fold_node n;
	struct rep_op *op;

	(void)state;
	fold_init(&f, TR_KIND_CASE);
	(void)fold_author(&f, 2, ALL_CAPS);
	op = fold_op(&f, 0, TR_OP_CREATE);
	fold_int(op, 4, 1000);
	op = fold_step(&f, 0, REP_CASE_FILED);
	fold_int(op, 41, 2000);
	(void)fold_step(&f, 0, REP_CASE_DISPATCHED);
	fold_node_init(&n, &f, 0);
	n.by_store = true;
	fold_apply_all(&n, &f);
	assert_int_equal(n.rec->steps[0].at_ms, 1000);
	assert_int_equal(n.rec->steps[1].at_ms, 2000);
	assert_int_equal(n.rec->steps[2].at_ms, f.clock_ms);
	fold_node_done(&n);
	fold_done(&f);
}

/* ------------------------------------------------------------- suspension */

static void suspension_goes_back_to_the_state_before(void **state)
{
	static const uint8_t open[] = {REP_CASE_REPORTED, REP_CASE_FILED,
	    REP_CASE_RETURNED, REP_CASE_DISPATCHED, REP_CASE_HANDLING,
	    REP_CASE_REWORK, REP_CASE_HANDLED, REP_CASE_SELF_HANDLED,
	    REP_CASE_VERIFIED, REP_CASE_REOPENED};

	(void)state;
	for (size_t i = 0; i < sizeof(open); i++) {
		for (size_t j = 0; j < sizeof(open); j++) {
			struct scene s;

			begin(&s, TR_KIND_CASE, open[i]);
			(void)fold_step(&s.f, s.top, REP_CASE_SUSPENDED);
			(void)fold_step(&s.f, s.top, open[j]);
			assert_int_equal(fold_last(&s),
			    i == j ? REP_WHY_NONE : REP_WHY_STEP);
			end(&s);
		}
	}
}

static void ending_a_suspension_needs_command(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, TR_KIND_CASE, REP_CASE_HANDLING);
	(void)fold_step(&s.f, s.top, REP_CASE_SUSPENDED);
	s.f.authors[s.home].caps = FOLD_LEAF;
	fold_see(&s.f, s.home, s.top);
	(void)fold_step(&s.f, s.home, REP_CASE_HANDLING);
	assert_int_equal(fold_last(&s), REP_WHY_CAP);
	end(&s);
}

/* ------------------------------------------- who handled does not verify */

static enum rep_why verify(const char *handler, int handler_at,
    const char *verifier, int verifier_at, uint32_t flags)
{
	struct scene s;
	struct rep_op *op;
	enum rep_why why;

	begin(&s, TR_KIND_CASE, REP_CASE_HANDLING);
	op = fold_step(&s.f, handler_at, REP_CASE_HANDLED);
	fold_actor(op, handler);
	op->flags = flags;
	fold_see(&s.f, s.top, s.home);
	fold_see(&s.f, s.home, s.top);
	fold_actor(
	    fold_step(&s.f, verifier_at, REP_CASE_VERIFIED), verifier);
	why = fold_last(&s);
	end(&s);
	return why;
}

static void who_handled_it_cannot_verify_it(void **state)
{
	(void)state;
	assert_int_equal(verify("li", 1, "li", 1, 0), REP_WHY_SAME_PERSON);
	assert_int_equal(verify("", 0, "", 0, 0), REP_WHY_SAME_PERSON);
	assert_int_equal(verify("li", 1, "wang", 1, 0), REP_WHY_NONE);
	assert_int_equal(verify("li", 1, "lin", 1, 0), REP_WHY_NONE);
	/* the same name in two units is two people */
	assert_int_equal(verify("li", 1, "li", 0, 0), REP_WHY_NONE);
	/* who loaded history did not handle */
	assert_int_equal(
	    verify("li", 1, "li", 1, TR_OPF_IMPORTED), REP_WHY_NONE);
}

static void a_handler_of_an_earlier_round_counts(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, TR_KIND_CASE, REP_CASE_HANDLING);
	fold_actor(fold_step(&s.f, s.top, REP_CASE_HANDLED), "li");
	(void)fold_step(&s.f, s.top, REP_CASE_REWORK);
	(void)fold_step(&s.f, s.top, REP_CASE_HANDLING);
	fold_actor(fold_step(&s.f, s.top, REP_CASE_HANDLED), "wang");
	fold_actor(fold_step(&s.f, s.top, REP_CASE_VERIFIED), "li");
	assert_int_equal(fold_last(&s), REP_WHY_SAME_PERSON);
	end(&s);
}

static void ending_a_suspension_makes_no_handler(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, TR_KIND_CASE, REP_CASE_HANDLING);
	fold_actor(fold_step(&s.f, s.top, REP_CASE_HANDLED), "li");
	(void)fold_step(&s.f, s.top, REP_CASE_SUSPENDED);
	fold_actor(fold_step(&s.f, s.top, REP_CASE_HANDLED), "wang");
	fold_actor(fold_step(&s.f, s.top, REP_CASE_VERIFIED), "wang");
	assert_int_equal(fold_last(&s), REP_WHY_NONE);
	end(&s);
}

/* ---------------------------------------------------- conflicts of status */

static void a_supervisor_may_choose_among_concurrent_states(void **state)
{
	struct scene s;

	(void)state;
	for (int supervisor = 0; supervisor < 2; supervisor++) {
		begin(&s, TR_KIND_CASE, REP_CASE_REPORTED);
		(void)fold_step(&s.f, s.top, REP_CASE_VOIDED);
		(void)fold_step(&s.f, s.home, REP_CASE_SELF_HANDLED);
		fold_see(&s.f, s.home, s.top);
		s.f.authors[s.home].caps =
		    supervisor != 0 ? TR_CAP_SUPERVISE : TR_CAP_HANDLE;
		(void)fold_step(&s.f, s.home, REP_CASE_SELF_HANDLED);
		if (supervisor != 0) {
			assert_int_equal(fold_last(&s), REP_WHY_NONE);
			assert_int_equal(rep_record_status(s.n.rec),
			    REP_CASE_SELF_HANDLED);
			assert_int_equal(
			    rep_merge_rule(s.n.rec, 40), REP_RULE_ONLY);
		} else {
			assert_int_equal(fold_last(&s), REP_WHY_CAP);
			assert_int_equal(
			    rep_record_status(s.n.rec), REP_CASE_VOIDED);
		}
		end(&s);
	}
}

static void a_state_alone_cannot_be_stated_again(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, TR_KIND_CASE, REP_CASE_FILED);
	(void)fold_step(&s.f, s.top, REP_CASE_FILED);
	assert_int_equal(fold_last(&s), REP_WHY_STEP);
	end(&s);
}

static void equal_ranks_go_by_nearness_to_the_root(void **state)
{
	struct scene s;

	(void)state;
	begin(&s, TR_KIND_CASE, REP_CASE_REPORTED);
	fold_actor(fold_step(&s.f, s.top, REP_CASE_FILED), "top");
	fold_actor(fold_step(&s.f, s.home, REP_CASE_FILED), "home");
	(void)fold_last(&s);
	assert_int_equal(
	    s.n.rec->steps[rep_record_step_shown(s.n.rec)].level, 1);
	assert_int_equal(rep_merge_rule(s.n.rec, 40), REP_RULE_NEAR_ROOT);
	end(&s);
}

/* -------------------------------------------------------------- directive */

static void only_the_issuers_side_confirms(void **state)
{
	struct fold f;
	struct fold_node n;
	int hub, street, leaf;

	(void)state;
	fold_init(&f, TR_KIND_DIRECTIVE);
	hub = fold_author(&f, 0, FOLD_STREET);
	street = fold_author(&f, 1, FOLD_STREET);
	leaf = fold_author(&f, 2, FOLD_STREET);
	fold_text(fold_op(&f, street, TR_OP_CREATE), 6, "clear the drains");
	fold_see(&f, leaf, street);
	(void)fold_step(&f, leaf, REP_DIR_ACKNOWLEDGED);
	(void)fold_step(&f, leaf, REP_DIR_DONE);
	(void)fold_step(&f, leaf, REP_DIR_CONFIRMED); /* it holds DIRECT, too */
	fold_see(&f, hub, leaf);
	fold_int(fold_op(&f, leaf, TR_OP_SET), 20, 99); /* its own due date */
	fold_int(fold_op(&f, hub, TR_OP_SET), 20, 100);
	(void)fold_step(&f, hub, REP_DIR_CONFIRMED);
	fold_int(fold_op(&f, leaf, TR_OP_NOTE), 62, 50);
	fold_text(fold_op(&f, hub, TR_OP_NOTE), 61, "not mine");
	fold_node_init(&n, &f, 5);
	fold_apply_all(&n, &f);
	assert_int_equal(n.applied[2].why, REP_WHY_NONE);
	assert_int_equal(n.applied[3].why, REP_WHY_TARGET);
	assert_int_equal(n.applied[4].why, REP_WHY_TARGET);
	assert_int_equal(n.applied[4].why_field, 20);
	assert_int_equal(n.applied[5].why, REP_WHY_NONE);
	assert_int_equal(n.applied[6].why, REP_WHY_NONE);
	assert_int_equal(n.applied[7].why, REP_WHY_NONE);
	assert_int_equal(n.applied[8].why, REP_WHY_TARGET);
	assert_int_equal(rep_record_status(n.rec), REP_DIR_CONFIRMED);
	assert_int_equal(rep_record_value(n.rec, 20)->i, 100);
	fold_node_done(&n);
	fold_done(&f);
}

static void a_progress_report_is_one_row(void **state)
{
	struct fold f;
	struct fold_node n;
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	struct rep_op *op;

	(void)state;
	fold_init(&f, TR_KIND_DIRECTIVE);
	(void)fold_author(&f, 1, FOLD_STREET);
	(void)fold_op(&f, 0, TR_OP_CREATE);
	op = fold_op(&f, 0, TR_OP_NOTE);
	fold_int(op, 62, 40);
	fold_text(op, 61, "half of the drains");
	fold_int(fold_op(&f, 0, TR_OP_NOTE), 62, 80);
	fold_int(fold_op(&f, 0, TR_OP_NOTE), 62, 101);
	fold_node_init(&n, &f, 5);
	fold_apply_all(&n, &f);
	assert_int_equal(n.applied[3].why, REP_WHY_FIELD);
	assert_int_equal(
	    rep_record_rows(&n.view, &n.rec->id, 61, &cursor, &row), 0);
	assert_int_equal(row.i, 40);
	assert_int_equal(row.text.size, 18);
	assert_int_equal(
	    rep_record_rows(&n.view, &n.rec->id, 61, &cursor, &row), 0);
	assert_int_equal(row.i, 80);
	assert_int_equal(row.text.size, 0);
	assert_int_not_equal(
	    rep_record_rows(&n.view, &n.rec->id, 61, &cursor, &row), 0);
	assert_int_equal(n.rec->list_count, 2);
	fold_node_done(&n);
	fold_done(&f);
}

static void staff_needs_roster_and_a_unit_its_parent(void **state)
{
	struct fold f;
	struct fold_node n;

	(void)state;
	fold_init(&f, TR_KIND_STAFF);
	(void)fold_author(&f, 1, FOLD_STREET);
	(void)fold_author(&f, 2, TR_CAP_INTAKE);
	fold_text(fold_op(&f, 0, TR_OP_CREATE), 1, "G-17");
	fold_see(&f, 1, 0);
	fold_text(fold_op(&f, 1, TR_OP_SET), 10, "grid lead");
	fold_text(fold_op(&f, 0, TR_OP_SET), 10, "grid worker");
	fold_int(fold_op(&f, 0, TR_OP_SET), 40, 1);
	fold_node_init(&n, &f, 0);
	n.by_store = true;
	fold_apply_all(&n, &f);
	assert_int_equal(n.applied[1].why, REP_WHY_CAP);
	assert_int_equal(n.applied[2].why, REP_WHY_NONE);
	assert_int_equal(n.applied[3].why, REP_WHY_FIELD);
	assert_int_equal(rep_record_status(n.rec), 0);
	assert_int_equal(rep_record_step_shown(n.rec), -1);
	assert_true(n.rec->created.seq != 0);
	fold_node_done(&n);
	fold_done(&f);

	fold_init(&f, TR_KIND_UNIT);
	(void)fold_author(&f, 1, ALL_CAPS);
	(void)fold_author(&f, 2, 0);
	fold_int(fold_op(&f, 0, TR_OP_CREATE), 1, 77);
	fold_int(fold_op(&f, 1, TR_OP_CREATE), 1, 77);
	fold_text(fold_op(&f, 1, TR_OP_SET), 4, "East Gate");
	fold_node_init(&n, &f, 0);
	fold_apply_all(&n, &f);
	assert_int_equal(n.applied[0].why, REP_WHY_TARGET);
	assert_int_equal(n.applied[1].why, REP_WHY_NONE);
	assert_int_equal(n.applied[2].why, REP_WHY_NONE);
	fold_node_done(&n);
	fold_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(case_moves_need_their_caps),
	    cmocka_unit_test(directive_moves_need_the_right_side),
	    cmocka_unit_test(no_other_pair_is_a_move),
	    cmocka_unit_test(the_tables_are_whole),
	    cmocka_unit_test(a_create_without_history_begins_at_the_beginning),
	    cmocka_unit_test(business_time_comes_from_at_or_the_report),
	    cmocka_unit_test(suspension_goes_back_to_the_state_before),
	    cmocka_unit_test(ending_a_suspension_needs_command),
	    cmocka_unit_test(who_handled_it_cannot_verify_it),
	    cmocka_unit_test(a_handler_of_an_earlier_round_counts),
	    cmocka_unit_test(ending_a_suspension_makes_no_handler),
	    cmocka_unit_test(a_supervisor_may_choose_among_concurrent_states),
	    cmocka_unit_test(a_state_alone_cannot_be_stated_again),
	    cmocka_unit_test(equal_ranks_go_by_nearness_to_the_root),
	    cmocka_unit_test(only_the_issuers_side_confirms),
	    cmocka_unit_test(a_progress_report_is_one_row),
	    cmocka_unit_test(staff_needs_roster_and_a_unit_its_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
