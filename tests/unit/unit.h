/* SPDX-License-Identifier: Apache-2.0 */
/*
 * unit -- what unit tests share: cmocka with its headers, a small seeded
 * generator, and golden files.
 *
 * A golden file is tests/data/golden/NAME.hex: the bytes that the formats of
 * version 1 give for fixed keys.  They are on disks and sticks, so a test that
 * differs from one has found a break, not an outdated file.  They were made by
 * tests/data/golden/make.py, a second implementation.
 */
#ifndef TESTS_UNIT_UNIT_H
#define TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/vocab.h"

#define UNIT_GOLDEN_DIR "tests/data/golden"

#define UNIT_BYTES(array) ((struct tr_bytes){(const uint8_t *)(array), sizeof(array)})
#define UNIT_TEXT(text)   ((struct tr_bytes){(const uint8_t *)(text), strlen(text)})

static inline uint64_t unit_random(uint64_t *seed) /* splitmix64 */
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline void unit_random_fill(uint64_t *seed, void *out, size_t size)
{
	uint8_t *p = out;

	for (size_t i = 0; i < size; i++)
		p[i] = (uint8_t)unit_random(seed);
}

/* Size of the golden file's bytes; fails the test if there is no such file. */
static inline size_t unit_golden_read(const char *name, uint8_t *out, size_t cap)
{
	char path[256];
	unsigned v;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), UNIT_GOLDEN_DIR "/%s.hex", name);
	f = fopen(path, "r");
	if (f == NULL)
		fail_msg("cannot read %s", path);
	while (fscanf(f, "%2x", &v) == 1) {
		assert_true(n < cap);
		out[n++] = (uint8_t)v;
	}
	fclose(f);
	return n;
}

static inline void unit_golden_check(const char *name, const void *data, size_t size)
{
	static uint8_t want[64 * 1024];
	size_t n = unit_golden_read(name, want, sizeof(want));

	assert_int_equal(n, size);
	assert_memory_equal(want, data, size);
}

#endif
