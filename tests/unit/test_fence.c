/* SPDX-License-Identifier: Apache-2.0 */
// needs: daemon/fence.o
/* The fence file: what it said comes back, what is damaged is no fence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/fence.h"
#include "proto/err.h"

static char path[64];

static int begin(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/terrace-fence-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static const struct rep_fence said = {.store = 1, .inc = 2, .own_ops = 3, .head_ctr = 4, .receipt_ctr = 5, .receipt_sum = 6};

static void what_was_written_is_read(void **state)
{
	char error[200];
	struct td_fence *fence = td_fence_open(path, error, sizeof(error));

	(void)state;
	assert_non_null(fence);
	assert_null(td_fence_read(fence));
	assert_int_equal(td_fence_write(fence, &said), 0);
	td_fence_close(fence);
	fence = td_fence_open(path, error, sizeof(error));
	assert_non_null(td_fence_read(fence));
	assert_memory_equal(td_fence_read(fence), &said, sizeof(said));
	td_fence_close(fence);
}

static void a_damaged_one_is_none(void **state)
{
	char error[200];
	struct td_fence *fence = td_fence_open(path, error, sizeof(error));
	FILE *f;

	(void)state;
	assert_int_equal(td_fence_write(fence, &said), 0);
	td_fence_close(fence);
	f = fopen(path, "r+b");
	assert_int_equal(fseek(f, 17, SEEK_SET), 0);
	fputc(0x55, f);
	fclose(f);
	fence = td_fence_open(path, error, sizeof(error));
	assert_null(td_fence_read(fence));
	td_fence_close(fence);
	assert_int_equal(truncate(path, 20), 0);
	fence = td_fence_open(path, error, sizeof(error));
	assert_null(td_fence_read(fence));
	td_fence_close(fence);
}

/* The engine ends then, before anybody hears of what was committed. */
static void a_full_disk_is_said(void **state)
{
	char error[200];
	struct td_fence *fence = td_fence_open("/dev/full", error, sizeof(error));

	(void)state;
	assert_non_null(fence);
	assert_int_equal(td_fence_write(fence, &said), TR_E_IO);
	td_fence_close(fence);
	assert_null(td_fence_open("/none/fence", error, sizeof(error)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_was_written_is_read, begin, end),
	    cmocka_unit_test_setup_teardown(a_damaged_one_is_none, begin, end),
	    cmocka_unit_test(a_full_disk_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
