/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a HEAD counts if its unit has a place below this node and a key in use,
 * and came by the way that such a HEAD comes. */
// needs: tests/fuzz/town.o tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/unit.h"
#include "tests/fuzz/town.h"
#include "tests/lib/rig.h"

static struct rig r;

static uint64_t bad_frames(void)
{
	struct rep_self self;

	rep_inspect_self(r.node, &self);
	return self.bad_frames;
}

static bool has_head(enum rig_who who, uint32_t ctr)
{
	const struct rep_unit *unit = rep_unit_find(r.node, r.party[who].nid);

	return unit != NULL && unit->has_head && unit->head_ctr == ctr;
}

static void who_is_not_known_says_nothing(void **state)
{
	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	town_head(&r, RIG_LEAF, 3, 0); /* nobody has shown its certificate */
	assert_int_equal(bad_frames(), 1);
	assert_false(has_head(RIG_LEAF, 3));
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	town_head(&r, RIG_LEAF, 3, 0);
	assert_true(has_head(RIG_LEAF, 3));
	r.party[RIG_LEAF].cert.serial = 2; /* by a key that nobody has approved */
	town_head(&r, RIG_LEAF, 4, 0);
	assert_true(has_head(RIG_LEAF, 3));
	assert_int_equal(bad_frames(), 1);
	r.party[RIG_LEAF].cert.serial = 1;
	town_head(&r, RIG_LEAF, 5, 7); /* another place in the directives: the time of the HEAD is that of the place */
	assert_true(has_head(RIG_LEAF, 5));
	assert_int_equal(rig_restart(&r), 0);
	assert_true(has_head(RIG_LEAF, 5));
	assert_int_equal(r.rc, 0);
	rig_end(&r);
}

/* Invited, and not here yet. */
static void who_has_not_joined_says_nothing(void **state)
{
	struct rep_invite invite = {.code = "009", .title = "a new place", .expires_ms = INT64_C(1890000000000)};
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = &invite};

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	r.party[RIG_LEAF].nid = r.reply.unit;
	rig_connect(&r, RIG_STREET);
	town_head(&r, RIG_LEAF, 3, 0);
	assert_int_equal(bad_frames(), 1);
	assert_false(has_head(RIG_LEAF, 3));
	rig_end(&r);
}

/* Its own of a key that it has no more: nothing to count on from. */
static void its_own_of_another_key_is_passed_over(void **state)
{
	struct rep_fence fence;

	(void)state;
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_TOP);
	r.party[RIG_STREET].cert.serial = 2;
	town_head(&r, RIG_STREET, 700, 0);
	rep_fence(r.node, &fence);
	assert_true(fence.head_ctr < 700);
	assert_int_equal(bad_frames(), 0);
	r.party[RIG_STREET].cert.serial = 1;
	town_head(&r, RIG_STREET, 700, 0);
	rep_fence(r.node, &fence);
	assert_int_equal(fence.head_ctr, 700);
	rig_end(&r);
}

static void nobody_above_or_beside_has_one_here(void **state)
{
	(void)state;
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_TOP);
	town_head(&r, RIG_TOP, 3, 0);
	assert_int_equal(bad_frames(), 1);
	assert_false(has_head(RIG_TOP, 3));
	rig_connect(&r, RIG_TOP);
	rig_cert(&r, &r.party[RIG_OTHER]);
	town_head(&r, RIG_OTHER, 3, 0);
	assert_false(has_head(RIG_OTHER, 3));
	rig_connect(&r, RIG_LEAF);
	town_head(&r, RIG_STREET, 700, 0); /* its own, from below */
	assert_false(has_head(RIG_STREET, 700));
	assert_true(bad_frames() >= 2);
	assert_int_equal(r.rc, 0);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_is_not_known_says_nothing),
	    cmocka_unit_test(who_has_not_joined_says_nothing),
	    cmocka_unit_test(its_own_of_another_key_is_passed_over),
	    cmocka_unit_test(nobody_above_or_beside_has_one_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
