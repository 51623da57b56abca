/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: ops that are acknowledged and not yet signed are there after a start,
 * all of them, or the store is said to be damaged. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "tests/lib/rig.h"

static int put(struct rig *r, const char *title)
{
	struct rep_value value = {14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(title)};
	struct rep_write w = {.kind = TR_KIND_CASE, .values = &value, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
	return r->reply.rc;
}

/* A leaf that is alone, with ops that wait for their segment. */
static size_t begin(struct rig *r, unsigned count)
{
	rig_begin(r, RIG_LEAF);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(put(r, "noise"), 0);
	return memview_rows(r->mv, REP_T_OPEN);
}

static void they_are_there_after_a_start(void **state)
{
	struct rig r;
	size_t open;
	struct rep_self self;

	(void)state;
	open = begin(&r, 5);
	assert_int_equal(open, 5);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(memview_rows(r.mv, REP_T_OPEN), 5);
	assert_int_equal(put(&r, "more noise"), 0);
	rig_connect(&r, RIG_STREET); /* a contact: what waits is signed and goes */
	rig_wait(&r, 1000);
	assert_int_equal(memview_rows(r.mv, REP_T_OPEN), 0);
	assert_true(r.frames[TERRACE__MSG__M_SEGS] > 0);
	rep_inspect_self(r.node, &self);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(r.rc, 0);
	rep_check(r.node, &r.view);
	rig_end(&r);
}

/* A segment is full at so many ops: what is left over waits. */
static void a_full_segment_is_signed_at_once(void **state)
{
	struct rig r;

	(void)state;
	assert_int_equal(begin(&r, TR_SEG_OPS_MAX + 3), 3);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(memview_rows(r.mv, REP_T_OPEN), 3);
	rig_end(&r);
}

static void a_row_that_does_not_fit_is_damage(void **state)
{
	static uint8_t big[REP_OPEN_ROW_HEAD + TR_OP_BYTES_MAX + 1];
	static const struct { size_t key; int handle; int64_t seq; size_t size; } rows[] = {
	    {11, 0, 3, 40}, {13, 0, 3, 40}, /* no key of this table */
	    {12, 900, 3, 40},               /* of a log that is not */
	    {12, 0, 3, REP_OPEN_ROW_HEAD - 1},
	    {12, 0, 3, sizeof(big)},
	    {12, 0, 4, 40},                 /* one is missing before it */
	    {12, 0, -1, 40},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tr_bytes key, row;
		uint8_t k[16] = {0};
		struct rig r;

		begin(&r, 2);
		assert_int_equal(rep_seek(&r.view, REP_T_OPEN, (struct tr_bytes){NULL, 0}, false, &key, &row), 0);
		memcpy(k, key.data, 12);
		wire_put_be32(k, wire_get_be32(k) + (uint32_t)rows[i].handle);
		wire_put_be64(k + 4, wire_get_be64(k + 4) - 1 + (uint64_t)rows[i].seq);
		assert_int_equal(rep_put(&r.view, REP_T_OPEN, (struct tr_bytes){k, rows[i].key}, (struct tr_bytes){big, rows[i].size}), 0);
		assert_int_equal(rig_restart(&r), TR_E_DAMAGED);
		rig_end(&r);
	}
}

/* More than a segment takes, in number or in bytes. */
static void more_than_a_segment_is_damage(void **state)
{
	static uint8_t big[REP_OPEN_ROW_HEAD + TR_OP_BYTES_MAX];

	(void)state;
	for (int bytes = 0; bytes < 2; bytes++) {
		struct tr_bytes key, row;
		uint8_t k[12];
		struct rig r;
		int rc = 0;

		begin(&r, 1);
		assert_int_equal(rep_seek(&r.view, REP_T_OPEN, (struct tr_bytes){NULL, 0}, false, &key, &row), 0);
		memcpy(k, key.data, 12);
		for (unsigned i = 1; rc == 0 && i <= TR_SEG_OPS_MAX; i++) {
			wire_put_be64(k + 4, wire_get_be64(k + 4) + 1);
			assert_int_equal(rep_put(&r.view, REP_T_OPEN, (struct tr_bytes){k, 12},
					     (struct tr_bytes){big, bytes ? sizeof(big) : REP_OPEN_ROW_HEAD + 40u}), 0);
			rc = rig_restart(&r);
			assert_int_equal(rc, (bytes ? i * (size_t)TR_OP_BYTES_MAX + 100 > TR_SEG_BYTES_SOFT + TR_OP_BYTES_MAX
						    : i >= TR_SEG_OPS_MAX) ? TR_E_DAMAGED : 0);
		}
		assert_int_equal(rc, TR_E_DAMAGED);
		rig_end(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(they_are_there_after_a_start),
	    cmocka_unit_test(a_full_segment_is_signed_at_once),
	    cmocka_unit_test(a_row_that_does_not_fit_is_damage),
	    cmocka_unit_test(more_than_a_segment_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
