/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: numbers have one form and text is UTF-8.  Method: edges, all short
 * byte strings, and the definition of UTF-8 beside our fast reader.
 */
#include "tests/unit/unit.h"

#include "proto/limits.h"
#include "proto/wire.h"

static void varints_have_one_form(void **state)
{
	static const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX,
	    TR_SEQ_MAX, UINT64_MAX};
	uint8_t b[16];
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		size_t n = wire_varint_put(b, values[i]);

		assert_int_equal(wire_varint_get((struct tr_bytes){b, n}, &v), n);
		assert_true(v == values[i]);
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(wire_varint_get((struct tr_bytes){b, cut}, &v), 0);
		b[n - 1] |= 0x80; /* the same with a needless last byte */
		b[n] = 0;
		assert_int_equal(wire_varint_get((struct tr_bytes){b, n + 1}, &v), 0);
	}
}

static void integers_have_their_byte_order(void **state)
{
	uint8_t b[8];

	(void)state;
	wire_put_le32(b, 0x01020304);
	assert_memory_equal(b, "\4\3\2\1", 4);
	assert_int_equal(wire_get_le32(b), 0x01020304);
	wire_put_be32(b, 0x01020304);
	assert_memory_equal(b, "\1\2\3\4", 4);
	assert_int_equal(wire_get_be32(b), 0x01020304);
	wire_put_be16(b, 0x0102);
	assert_memory_equal(b, "\1\2", 2);
	assert_int_equal(wire_get_be16(b), 0x0102);
	wire_put_be64(b, 0x0102030405060708);
	assert_memory_equal(b, "\1\2\3\4\5\6\7\10", 8);
	assert_true(wire_get_be64(b) == 0x0102030405060708);
	wire_put_le64(b, 0x0102030405060708);
	assert_memory_equal(b, "\10\7\6\5\4\3\2\1", 8);
	assert_true(wire_get_le64(b) == 0x0102030405060708);
}

/* The definition: decode by the lead byte, then ask whether the code point
 * needed that many bytes and may exist. */
static bool utf8_slow(const uint8_t *p, size_t n)
{
	static const uint32_t least[5] = {0, 1, 0x80, 0x800, 0x10000};

	for (size_t i = 0; i < n;) {
		size_t size = p[i] < 0x80 ? 1 : p[i] >> 5 == 6 ? 2 : p[i] >> 4 == 14 ? 3
		    : p[i] >> 3 == 30 ? 4 : 0;
		uint32_t c = size == 1 ? p[i] : p[i] & (0x7fu >> size);

		if (size == 0 || size > n - i)
			return false;
		for (size_t k = 1; k < size; k++) {
			if (p[i + k] >> 6 != 2)
				return false;
			c = c << 6 | (p[i + k] & 0x3f);
		}
		if (c < least[size] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
		i += size;
	}
	return true;
}

static void utf8_is_judged_as_by_its_definition(void **state)
{
	uint64_t seed = 3;
	uint8_t b[24];

	(void)state;
	for (uint32_t v = 0; v < 1u << 24; v += v < 1u << 16 ? 1 : 97) { /* all of 2, many of 3 bytes */
		b[0] = (uint8_t)v;
		b[1] = (uint8_t)(v >> 8);
		b[2] = (uint8_t)(v >> 16);
		for (size_t n = 0; n <= 3; n++)
			assert_true(wire_utf8_ok((struct tr_bytes){b, n}) == utf8_slow(b, n));
	}
	for (unsigned i = 0; i < 300000; i++) { /* mostly good text with one bad place */
		static const char text[] = "ab cd路灯不亮ef\xf0\x9f\x98\x80";
		size_t n = 8 + i % 16;

		memcpy(b, text, 21);
		memcpy(b + 21, "xyz", 3);
		b[unit_random(&seed) % n] = (uint8_t)unit_random(&seed);
		assert_true(wire_utf8_ok((struct tr_bytes){b, n}) == utf8_slow(b, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(varints_have_one_form),
	    cmocka_unit_test(integers_have_their_byte_order),
	    cmocka_unit_test(utf8_is_judged_as_by_its_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
