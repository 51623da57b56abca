/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/nomem.h"

#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static int64_t left = -1;
static int held;
static bool failed;

void nomem_arm(int64_t after)
{
	left = after;
	failed = false;
}

void nomem_hold(bool hold)
{
	held += hold ? 1 : -1;
}

bool nomem_has_failed(void)
{
	bool was = failed;

	nomem_arm(-1);
	return was;
}

static bool fails(void)
{
	if (held > 0 || left < 0 || left-- > 0)
		return false;
	failed = true;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}
