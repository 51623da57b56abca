/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pb -- reads and writes the protobuf encoding field by field, without a
 * schema and without memory of its own.
 *
 * For what is signed and for what is hot: ops, certificates, the root.  The
 * reader is strict: no overlong varint, no group, nothing past the end.  The
 * caller refuses fields that come twice (tr_pb_once) and bounds the values.
 * Owns:    nothing; bytes are borrowed from the input.
 * Threads: none.
 */
#ifndef PROTO_PB_H
#define PROTO_PB_H

#include <string.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/vocab.h"

enum tr_pb_wire {
	TR_PB_VARINT = 0,
	TR_PB_FIXED64 = 1,
	TR_PB_BYTES = 2,
	TR_PB_FIXED32 = 5,
};

struct tr_pb_reader {
	const uint8_t *at, *end;
	uint64_t once;    /* numbers of the singular fields met, below 64 */
	unsigned unknown; /* fields that the caller did not know */
};

struct tr_pb_field {
	uint32_t number;
	uint32_t wire;         /* enum tr_pb_wire */
	uint64_t v;            /* VARINT, FIXED64, FIXED32 */
	struct tr_bytes bytes; /* BYTES; borrowed */
};

static inline void tr_pb_begin(struct tr_pb_reader *r, struct tr_bytes in)
{
	r->at = in.data;
	r->end = in.data + in.size;
	r->once = 0;
	r->unknown = 0;
}

/* False if cut short, overlong, or above 64 bits. */
static inline bool tr_pb_varint(struct tr_pb_reader *r, uint64_t *v)
{
	uint64_t sum = 0;

	for (unsigned shift = 0; shift < 70 && r->at < r->end; shift += 7) {
		uint8_t b = *r->at++;

		if (shift == 63 && b > 1)
			return false;
		sum |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80) {
			*v = sum;
			return b != 0 || shift == 0;
		}
	}
	return false;
}

static inline bool tr_pb_fixed(
    struct tr_pb_reader *r, unsigned size, uint64_t *v)
{
	uint64_t sum = 0;

	if ((size_t)(r->end - r->at) < size)
		return false;
	for (unsigned i = 0; i < size; i++)
		sum |= (uint64_t)r->at[i] << (8 * i);
	r->at += size;
	*v = sum;
	return true;
}

static inline bool tr_pb_span(struct tr_pb_reader *r, struct tr_bytes *out)
{
	uint64_t size;

	if (!tr_pb_varint(r, &size) || size > (size_t)(r->end - r->at))
		return false;
	out->data = r->at;
	out->size = (size_t)size;
	r->at += size;
	return true;
}

static inline bool tr_pb_more(const struct tr_pb_reader *r)
{
	return r->at < r->end;
}

/* The next field; tr_pb_more() must be true.  0; TR_E_INPUT. */
static inline int tr_pb_next(struct tr_pb_reader *r, struct tr_pb_field *f)
{
	uint64_t tag;
	bool ok;

	if (!tr_pb_varint(r, &tag) || tag > UINT32_MAX || tag >> 3 == 0)
		return TR_E_INPUT;
	f->v = 0;
	f->bytes = (struct tr_bytes){NULL, 0};
	f->number = (uint32_t)(tag >> 3);
	f->wire = (uint32_t)(tag & 7);
	switch (f->wire) {
	case TR_PB_VARINT: ok = tr_pb_varint(r, &f->v); break;
	case TR_PB_FIXED64: ok = tr_pb_fixed(r, 8, &f->v); break;
	case TR_PB_BYTES: ok = tr_pb_span(r, &f->bytes); break;
	case TR_PB_FIXED32: ok = tr_pb_fixed(r, 4, &f->v); break;
	default: ok = false; break;
	}
	return ok ? 0 : TR_E_INPUT;
}

/* A singular field must have this wire type and come once. */
static inline bool tr_pb_once(
    struct tr_pb_reader *r, const struct tr_pb_field *f, enum tr_pb_wire wire)
{
	uint64_t bit = (uint64_t)1 << (f->number & 63);

	if (f->wire != (uint32_t)wire || f->number > 63 || (r->once & bit) != 0)
		return false;
	r->once |= bit;
	return true;
}

/* The same for a uint32. */
static inline bool tr_pb_once_u32(struct tr_pb_reader *r,
    const struct tr_pb_field *f, uint64_t max, uint32_t *out)
{
	if (!tr_pb_once(r, f, TR_PB_VARINT) || f->v > max ||
	    f->v > UINT32_MAX)
		return false;
	*out = (uint32_t)f->v;
	return true;
}

/* The same for bytes of a fixed size; copied. */
static inline bool tr_pb_once_copy(struct tr_pb_reader *r,
    const struct tr_pb_field *f, uint8_t *out, size_t size)
{
	if (!tr_pb_once(r, f, TR_PB_BYTES) || f->bytes.size != size)
		return false;
	memcpy(out, f->bytes.data, size);
	return true;
}

/* Fields of later versions are passed over, a few of them. */
static inline int tr_pb_unknown(struct tr_pb_reader *r)
{
	return ++r->unknown > TR_SCAN_UNKNOWN_MAX ? TR_E_LIMIT : 0;
}

static inline int64_t tr_pb_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static inline uint64_t tr_pb_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v < 0 ? -1 : 0);
}

/* ----------------------------------------------------------------- writer */

/* Full = sticky: nothing is written any more, size is 0 at the end. */
struct tr_pb_writer {
	uint8_t *at, *end;
	bool full;
};

static inline size_t tr_pb_varint_size(uint64_t v)
{
	size_t n = 1;

	while (v >= 0x80) {
		v >>= 7;
		n++;
	}
	return n;
}

static inline void tr_pb_put_varint(struct tr_pb_writer *w, uint64_t v)
{
	if ((size_t)(w->end - w->at) < tr_pb_varint_size(v)) {
		w->full = true;
		w->end = w->at;
		return;
	}
	while (v >= 0x80) {
		*w->at++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*w->at++ = (uint8_t)v;
}

static inline void tr_pb_put_raw(
    struct tr_pb_writer *w, const void *data, size_t size)
{
	if ((size_t)(w->end - w->at) < size) {
		w->full = true;
		w->end = w->at;
		return;
	}
	if (size > 0)
		memcpy(w->at, data, size);
	w->at += size;
}

static inline void tr_pb_put_tag(
    struct tr_pb_writer *w, uint32_t number, enum tr_pb_wire wire)
{
	tr_pb_put_varint(w, (uint64_t)number << 3 | (uint64_t)wire);
}

/* proto3: a zero or empty value is left out. */
static inline void tr_pb_put_uint(
    struct tr_pb_writer *w, uint32_t number, uint64_t v)
{
	if (v == 0)
		return;
	tr_pb_put_tag(w, number, TR_PB_VARINT);
	tr_pb_put_varint(w, v);
}

static inline void tr_pb_put_fixed64(
    struct tr_pb_writer *w, uint32_t number, uint64_t v)
{
	uint8_t b[8];

	if (v == 0)
		return;
	for (unsigned i = 0; i < 8; i++)
		b[i] = (uint8_t)(v >> (8 * i));
	tr_pb_put_tag(w, number, TR_PB_FIXED64);
	tr_pb_put_raw(w, b, sizeof(b));
}

static inline void tr_pb_put_bytes(
    struct tr_pb_writer *w, uint32_t number, const void *data, size_t size)
{
	if (size == 0)
		return;
	tr_pb_put_tag(w, number, TR_PB_BYTES);
	tr_pb_put_varint(w, size);
	tr_pb_put_raw(w, data, size);
}

#endif
