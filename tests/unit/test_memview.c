/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the store in memory keeps the order and the errors of view.h, and a
 * rollback brings every row back. */
// needs: tests/lib/memview.o
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "tests/lib/memview.h"

#define ROWS 5000

static struct tr_bytes bytes(const char *text)
{
	return (struct tr_bytes){(const uint8_t *)text, strlen(text)};
}

static struct memview *filled(void)
{
	struct memview *mv = memview_create();
	struct rep_view view = memview_view(mv);
	char key[12];

	for (int i = 0; i < ROWS; i++) {
		(void)snprintf(key, sizeof(key), "%06d", i * 7919 % ROWS);
		assert_int_equal(
		    rep_put(&view, REP_T_REC, bytes(key), bytes(key)), 0);
	}
	return mv;
}

static void rows_come_in_key_order(void **state)
{
	struct memview *mv = filled();
	struct rep_view view = memview_view(mv);
	struct tr_bytes key, value;
	char want[12];
	int count = 0, rc;

	(void)state;
	rc = rep_seek(&view, REP_T_REC, bytes(""), false, &key, &value);
	for (; rc == 0; count++) {
		(void)snprintf(want, sizeof(want), "%06d", count);
		assert_memory_equal(key.data, want, 6);
		assert_memory_equal(value.data, want, 6);
		rc = rep_seek(&view, REP_T_REC, key, true, &key, &value);
	}
	assert_int_equal(rc, TR_E_NOTFOUND);
	assert_int_equal(count, ROWS);
	assert_int_equal(memview_rows(mv, REP_T_REC), ROWS);
	assert_int_equal(memview_rows(mv, REP_T_ROW), 0);
	/* a shorter key comes first */
	assert_int_equal(rep_seek_before(
	    &view, REP_T_REC, bytes("0000010"), &key, &value), 0);
	assert_memory_equal(key.data, "000001", 6);
	assert_int_equal(rep_seek_before(
	    &view, REP_T_REC, bytes("000000"), &key, &value), TR_E_NOTFOUND);
	assert_int_equal(
	    rep_get(&view, REP_T_REC, bytes("zz"), &value), TR_E_NOTFOUND);
	memview_free(mv);
}

static void rollback_brings_every_row_back(void **state)
{
	struct memview *mv = filled();
	struct rep_view view = memview_view(mv);
	size_t size = memview_bytes(mv);
	struct tr_bytes value;

	(void)state;
	memview_begin(mv);
	assert_int_equal(rep_del(&view, REP_T_REC, bytes("000005")), 0);
	assert_int_equal(
	    rep_put(&view, REP_T_REC, bytes("000005"), bytes("x")), 0);
	assert_int_equal(
	    rep_put(&view, REP_T_REC, bytes("000006"), bytes("y")), 0);
	assert_int_equal(rep_put(&view, REP_T_REC, bytes("new"), bytes("z")), 0);
	assert_int_equal(rep_del(&view, REP_T_REC, bytes("new")), 0);
	assert_int_equal(rep_del(&view, REP_T_REC, bytes("000007")), 0);
	assert_int_equal(rep_del(&view, REP_T_REC, bytes("never")), 0);
	memview_rollback(mv);
	assert_int_equal(memview_bytes(mv), size);
	assert_int_equal(memview_rows(mv, REP_T_REC), ROWS);
	for (int i = 5; i < 8; i++) {
		char key[12];

		(void)snprintf(key, sizeof(key), "%06d", i);
		assert_int_equal(
		    rep_get(&view, REP_T_REC, bytes(key), &value), 0);
		assert_int_equal(value.size, 6);
		assert_memory_equal(value.data, key, 6);
	}
	memview_free(mv);
}

static void planned_failure_sticks_until_rollback(void **state)
{
	struct memview *mv = memview_create();
	struct rep_view view = memview_view(mv);

	(void)state;
	memview_begin(mv);
	memview_fail_after(mv, 1, TR_E_FULL);
	assert_int_equal(rep_put(&view, REP_T_ROW, bytes("a"), bytes("")), 0);
	assert_int_equal(
	    rep_put(&view, REP_T_ROW, bytes("b"), bytes("")), TR_E_FULL);
	assert_int_equal(rep_del(&view, REP_T_ROW, bytes("a")), TR_E_FULL);
	memview_rollback(mv);
	assert_int_equal(memview_rows(mv, REP_T_ROW), 0);
	assert_int_equal(rep_put(&view, REP_T_ROW, bytes("b"), bytes("")), 0);
	assert_int_equal(memview_writes(mv), 4);
	memview_free(mv);
}

static void clone_is_a_copy_of_its_own(void **state)
{
	struct memview *mv = filled(), *copy = memview_clone(mv);
	struct rep_view view = memview_view(mv), other = memview_read_view(copy);
	struct tr_bytes value;

	(void)state;
	assert_int_equal(memview_bytes(copy), memview_bytes(mv));
	assert_int_equal(rep_del(&view, REP_T_REC, bytes("000001")), 0);
	memview_free(mv);
	assert_int_equal(rep_get(&other, REP_T_REC, bytes("000001"), &value), 0);
	assert_null(other.ops->put);
	memview_free(copy);
	memview_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_come_in_key_order),
	    cmocka_unit_test(rollback_brings_every_row_back),
	    cmocka_unit_test(planned_failure_sticks_until_rollback),
	    cmocka_unit_test(clone_is_a_copy_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
