/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and text: what keys, fixed layouts and every decoder share. */
#include "proto/wire.h"

#include <string.h>

#include "proto/pb.h"

int wire_hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

size_t wire_varint_put(uint8_t *out, uint64_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		out[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	out[n++] = (uint8_t)v;
	return n;
}

size_t wire_varint_get(struct tr_bytes in, uint64_t *v)
{
	struct tr_pb_reader r;

	if (in.size == 0)
		return 0;
	tr_pb_begin(&r, in);
	if (!tr_pb_varint(&r, v))
		return 0;
	return (size_t)(r.at - in.data);
}

static void put_le(uint8_t *out, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		out[i] = (uint8_t)(v >> (8 * i));
}

static void put_be(uint8_t *out, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		out[size - 1 - i] = (uint8_t)(v >> (8 * i));
}

static uint64_t get_le(const uint8_t *in, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)in[i] << (8 * i);
	return v;
}

static uint64_t get_be(const uint8_t *in, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size; i++)
		v = v << 8 | in[i];
	return v;
}

void wire_put_le32(uint8_t *out, uint32_t v)
{
	put_le(out, v, 4);
}

void wire_put_le64(uint8_t *out, uint64_t v)
{
	put_le(out, v, 8);
}

void wire_put_be16(uint8_t *out, uint16_t v)
{
	put_be(out, v, 2);
}

void wire_put_be32(uint8_t *out, uint32_t v)
{
	put_be(out, v, 4);
}

void wire_put_be64(uint8_t *out, uint64_t v)
{
	put_be(out, v, 8);
}

uint32_t wire_get_le32(const uint8_t *in)
{
	return (uint32_t)get_le(in, 4);
}

uint64_t wire_get_le64(const uint8_t *in)
{
	return get_le(in, 8);
}

uint16_t wire_get_be16(const uint8_t *in)
{
	return (uint16_t)get_be(in, 2);
}

uint32_t wire_get_be32(const uint8_t *in)
{
	return (uint32_t)get_be(in, 4);
}

uint64_t wire_get_be64(const uint8_t *in)
{
	return get_be(in, 8);
}

/* --- UTF-8 --- */

/* Eight bytes of ASCII without NUL? */
static bool is_plain8(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	/* The second term has a high bit wherever a byte of w is 0; it may err
	 * only towards "not plain". */
	return ((w | (w - 0x0101010101010101u)) & 0x8080808080808080u) == 0;
}

/* Size of the well-formed sequence at p; 0 if there is none (RFC 3629: no
 * overlong form, no surrogate, nothing above U+10FFFF). */
static size_t sequence_size(const uint8_t *p, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t size;

	if (p[0] >= 0x01 && p[0] <= 0x7f)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		size = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		size = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		size = 4;
	else
		return 0;
	if (left < size)
		return 0;
	switch (p[0]) {
	case 0xe0: low = 0xa0; break;
	case 0xed: high = 0x9f; break;
	case 0xf0: low = 0x90; break;
	case 0xf4: high = 0x8f; break;
	default: break;
	}
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < size; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return size;
}

bool wire_utf8_ok(struct tr_bytes text)
{
	size_t i = 0;

	while (i < text.size) {
		size_t n;

		if (text.size - i >= 8 && is_plain8(text.data + i)) {
			i += 8;
			continue;
		}
		n = sequence_size(text.data + i, text.size - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}
