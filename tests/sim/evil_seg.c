/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/evil.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "replication/op.h"
#include "replication/segment.h"

/* flag(1) len OpHead len OpBody -> flag(0) len OpHead hash(32) */
static size_t strip_op(ProtobufCBinaryData op, uint8_t *out)
{
	uint64_t head, body;
	size_t at = 1, n;

	if (op.len < 2 || op.data[0] != 1)
		return 0;
	n = wire_varint_get((struct tr_bytes){op.data + at, op.len - at}, &head);
	if (n == 0 || head > op.len - at - n)
		return 0;
	at += n + head;
	n = wire_varint_get((struct tr_bytes){op.data + at, op.len - at}, &body);
	if (n == 0 || body != op.len - at - n)
		return 0;
	out[0] = 0;
	memcpy(out + 1, op.data + 1, at - 1);
	crypto_generichash(out + at, 32, op.data + at + n, body, NULL, 0);
	return at + 32;
}

static size_t pack(const Terrace__Seg *seg, uint8_t *out, size_t cap)
{
	size_t size = terrace__seg__get_packed_size(seg);

	return size <= cap ? terrace__seg__pack(seg, out) : 0;
}

/* As it is kept by who dropped the ops: a form that never leaves a store. */
static size_t strip_all(const Terrace__Seg *seg, uint8_t *out, size_t cap)
{
	struct tr_hash leaves[TR_SEG_OPS_MAX], root;
	Terrace__Seg copy = *seg;

	for (size_t i = 0; i < seg->n_op; i++)
		if (rep_op_leaf(&leaves[i], (struct tr_bytes){seg->op[i].data, seg->op[i].len}) != 0)
			return 0;
	rep_seg_root(leaves, seg->n_op, &root);
	copy.n_op = 0;
	copy.root = (ProtobufCBinaryData){sizeof(root.b), root.b};
	return pack(&copy, out, cap);
}

size_t sim_evil_strip(const Terrace__Seg *seg, uint8_t *out, size_t cap)
{
	Terrace__Seg copy = *seg;
	ProtobufCBinaryData op[TR_SEG_OPS_MAX];
	uint8_t *bytes;
	size_t used = 0, size = 0;

	if (seg->n_op == 0 || seg->n_op > TR_SEG_OPS_MAX)
		return 0;
	if (seg->first % 2 == 0)
		return strip_all(seg, out, cap);
	for (size_t i = 0; i < seg->n_op; i++)
		size += seg->op[i].len + 64;
	bytes = malloc(size + 1);
	TR_ASSERT(bytes != NULL);
	for (size_t i = 0; i < seg->n_op; i++) {
		size_t n = strip_op(seg->op[i], bytes + used);

		op[i] = n != 0 ? (ProtobufCBinaryData){n, bytes + used} : seg->op[i];
		used += n;
	}
	copy.op = op;
	size = used != 0 ? pack(&copy, out, cap) : 0;
	free(bytes);
	return size;
}

size_t sim_evil_cut(const Terrace__Seg *seg, uint8_t *out, size_t cap)
{
	Terrace__Seg copy = *seg;

	if (seg->n_op < 2)
		return 0;
	copy.n_op = seg->n_op / 2;
	copy.count = (uint32_t)copy.n_op;
	return pack(&copy, out, cap);
}
