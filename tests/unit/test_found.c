/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the first rows of a store are all there or the caller hears of it, and
 * nothing is founded upon a root or a chain that is not the one that was meant. */
// needs: tests/lib/rig.o tests/lib/memview.o tests/lib/badview.o tests/lib/nomem.o
// libs: $(NOMEM_LDFLAGS)
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "tests/lib/badview.h"
#include "tests/lib/rig.h"

#define CALLS_MAX 100

struct scene {
	struct rig r;
	struct memview *mv;
	struct rep_view view, bad_view;
	struct badview bad;
	struct tr_bytes root, chain[TR_CHAIN_MAX + 1];
	struct tr_hash hash;
};

/* A store with nothing in it, and what the leaf would be founded upon. */
static void begin(struct scene *s)
{
	static const enum rig_who path[] = {RIG_TOP, RIG_STREET, RIG_LEAF};

	memset(s, 0, sizeof(*s));
	rig_begin(&s->r, RIG_TOP);
	s->mv = memview_create();
	s->view = memview_view(s->mv);
	s->bad_view = badview_over(&s->bad, &s->view);
	s->root = (struct tr_bytes){s->r.root, s->r.root_size};
	for (size_t i = 0; i < 3; i++)
		s->chain[i] = (struct tr_bytes){s->r.party[path[i]].bytes, s->r.party[path[i]].size};
	rep_root_hash(s->root, &s->hash);
	memview_begin(s->mv);
}

static void end(struct scene *s)
{
	memview_rollback(s->mv);
	memview_free(s->mv);
	rig_end(&s->r);
}

static int found(struct scene *s, size_t count)
{
	const uint8_t seed[32] = {7};

	return rep_found(&s->bad_view, s->root, s->chain, count, &s->hash, seed, (struct tr_wall_ms){s->r.wall_ms});
}

static void each_call_that_fails_is_heard_of(void **state)
{
	struct scene s;
	int64_t n = 0;
	int rc;

	(void)state;
	begin(&s);
	do {
		badview_arm(&s.bad, n, TR_E_IO);
		rc = found(&s, 3);
		assert_int_equal(rc, badview_has_failed(&s.bad) ? TR_E_IO : 0);
		if (rc != 0) {
			memview_rollback(s.mv);
			memview_begin(s.mv);
		}
		n++;
	} while (rc != 0 && n < CALLS_MAX);
	assert_int_equal(rc, 0);
	assert_true(n > 10);
	assert_int_equal(found(&s, 3), TR_E_EXISTS);
	end(&s);
}

static void only_upon_the_pinned_root(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.hash.b[31] ^= 1;
	assert_int_equal(found(&s, 3), TR_E_FORGED);
	s.root.size--;
	rep_root_hash(s.root, &s.hash);
	assert_true(found(&s, 3) < 0); /* the hash fits, and it is no root */
	end(&s);
}

static void only_with_a_whole_chain(void **state)
{
	struct scene s;
	struct tr_bytes street;

	(void)state;
	begin(&s);
	assert_int_equal(found(&s, 0), TR_E_INPUT);
	assert_int_equal(found(&s, TR_CHAIN_MAX + 1), TR_E_INPUT);
	street = s.chain[1];
	s.chain[1] = s.chain[2]; /* the leaf is not below the top */
	assert_int_equal(found(&s, 2), TR_E_FORGED);
	s.chain[1] = street;
	s.chain[0] = street; /* it is not the root's */
	assert_true(found(&s, 1) < 0);
	end(&s);
}

static void a_clock_before_1970_is_no_stamp(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	s.r.wall_ms = -1;
	assert_int_equal(found(&s, 3), 0);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_call_that_fails_is_heard_of),
	    cmocka_unit_test(only_upon_the_pinned_root),
	    cmocka_unit_test(only_with_a_whole_chain),
	    cmocka_unit_test(a_clock_before_1970_is_no_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
