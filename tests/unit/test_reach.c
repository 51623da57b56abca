/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: time counts as contact with the top node as long as the way is whole, as
 * the parent says; and what was counted before it was known to be broken does not. */
#include "tests/unit/unit.h"

#include "replication/reach.h"

#define BEAT_S 30

struct leaf {
	struct rep_node node;
	struct rep_link up, *links[1];
};

static struct leaf *leaf_new(void)
{
	struct leaf *l = calloc(1, sizeof(*l));

	assert_non_null(l);
	l->links[0] = &l->up;
	l->node.links = l->links;
	l->node.link_count = 1;
	l->node.profile = TR_PROFILE_FIBRE;
	l->up.beat_s = BEAT_S;
	l->node.mono_ms = l->node.reach_mono_ms = l->node.whole_mono_ms = 5000;
	return l;
}

static void at(struct leaf *l, int64_t s)
{
	l->node.mono_ms = 5000 + s * 1000;
}

/* The parent says something. */
static void hears(struct leaf *l, int64_t s, uint32_t dark_s)
{
	at(l, s);
	l->up.rx_ms = l->node.mono_ms;
	rep_reach_take(&l->node, dark_s);
}

static void state(struct leaf *l, enum rep_link_state state)
{
	rep_reach_pass(&l->node);
	l->up.state = state;
	rep_reach_pass(&l->node);
}

static void contact_is_a_session_with_a_whole_way(void **st)
{
	struct leaf *l = leaf_new();

	(void)st;
	at(l, 10);
	assert_int_equal(rep_reach_dark_s(&l->node), 11);
	hears(l, 10, 0);
	assert_int_equal(l->node.contact_ms, 0);
	state(l, REP_LINK_LIVE);
	assert_true(rep_reach_is_whole(&l->node));
	for (int64_t s = 20; s <= 100; s += 20)
		hears(l, s, 0);
	assert_int_equal(l->node.contact_ms, 90000);
	assert_int_equal(l->node.session_ms, 90000);
	assert_int_equal(rep_reach_dark_s(&l->node), 0);
	state(l, REP_LINK_OFF);
	assert_false(rep_reach_is_whole(&l->node));
	at(l, 200);
	rep_reach_pass(&l->node);
	assert_int_equal(l->node.contact_ms, 90000);
	assert_int_equal(l->node.session_ms, 90000);
	assert_int_equal(rep_reach_dark_s(&l->node), 101);
	free(l);
}

/* The parent finds out late, and says since when. */
static void what_was_no_contact_is_taken_back(void **st)
{
	struct leaf *l = leaf_new();

	(void)st;
	state(l, REP_LINK_LIVE);
	hears(l, 0, 0);
	for (int64_t s = 30; s <= 300; s += 30)
		hears(l, s, 0);
	hears(l, 310, 100);
	assert_int_equal(l->node.contact_ms, 210000);
	assert_int_equal(rep_reach_dark_s(&l->node), 101);
	hears(l, 340, 130);
	assert_int_equal(l->node.contact_ms, 210000);
	hears(l, 350, 0);
	hears(l, 380, 0);
	assert_int_equal(l->node.contact_ms, 240000);
	/* no more than was counted since then, whatever it says */
	hears(l, 390, UINT32_MAX);
	assert_int_equal(l->node.contact_ms, 210000);
	assert_int_equal(rep_reach_dark_s(&l->node), 1000000000);
	assert_int_equal(l->node.session_ms, 390000);
	free(l);
}

/* Nothing is heard for two beats: since the last word. */
static void silence_is_no_contact(void **st)
{
	struct leaf *l = leaf_new();

	(void)st;
	hears(l, 0, 0);
	state(l, REP_LINK_LIVE);
	hears(l, 100, 0);
	assert_int_equal(l->node.contact_ms, 100000);
	at(l, 100 + 2 * BEAT_S);
	rep_reach_pass(&l->node);
	assert_true(rep_reach_is_whole(&l->node));
	assert_int_equal(l->node.contact_ms, 160000);
	at(l, 101 + 2 * BEAT_S);
	rep_reach_pass(&l->node);
	assert_false(rep_reach_is_whole(&l->node));
	assert_int_equal(l->node.contact_ms, 100000);
	assert_int_equal(rep_reach_dark_s(&l->node), 62);
	free(l);
}

static void on_sticks_all_time_counts(void **st)
{
	struct leaf *l = leaf_new();

	(void)st;
	l->node.profile = TR_PROFILE_STICK;
	at(l, 1000);
	rep_reach_pass(&l->node);
	assert_int_equal(l->node.contact_ms, 1000000);
	assert_int_equal(l->node.session_ms, 1000000);
	assert_false(rep_reach_is_whole(&l->node));
	l->node.is_top = true;
	assert_true(rep_reach_is_whole(&l->node));
	assert_int_equal(rep_reach_dark_s(&l->node), 0);
	free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(contact_is_a_session_with_a_whole_way),
	    cmocka_unit_test(what_was_no_contact_is_taken_back),
	    cmocka_unit_test(silence_is_no_contact),
	    cmocka_unit_test(on_sticks_all_time_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
