/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/segment.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/sign.h"

#define ALG_ED25519_BLAKE2B 1

#define PURPOSE "terrace/seg/1"

static void blake2b256(uint8_t *out, const void *in, size_t size)
{
	crypto_generichash(out, 32, in, size, NULL, 0);
}

void rep_seg_head_encode(const struct rep_seg_head *head,
    uint8_t out[static TR_SEG_HEADER_SIZE])
{
	uint8_t *p = out;

	memcpy(p, "TSEG1", 5);
	p[5] = ALG_ED25519_BLAKE2B;
	wire_put_le64(p + 6, head->log.author.v);
	wire_put_le64(p + 14, head->log.inc);
	wire_put_le64(p + 22, head->log.scope.v);
	p[30] = head->log.lane;
	wire_put_le32(p + 31, head->serial);
	wire_put_le64(p + 35, head->first);
	wire_put_le32(p + 43, head->count);
	wire_put_le64(p + 47, head->hlc.v);
	p[55] = head->clockq;
	memcpy(p + 56, head->prev.b, 32);
	memcpy(p + 88, head->root.b, 32);
	memcpy(p + 120, head->ctxhash.b, 32);
}

bool rep_seg_head_decode(struct rep_seg_head *head, const uint8_t in[static TR_SEG_HEADER_SIZE])
{
	if (memcmp(in, "TSEG1", 5) != 0 || in[5] != ALG_ED25519_BLAKE2B)
		return false;
	head->log.author.v = wire_get_le64(in + 6);
	head->log.inc = wire_get_le64(in + 14);
	head->log.scope.v = wire_get_le64(in + 22);
	head->log.lane = in[30];
	head->serial = wire_get_le32(in + 31);
	head->first = wire_get_le64(in + 35);
	head->count = wire_get_le32(in + 43);
	head->hlc.v = wire_get_le64(in + 47);
	head->clockq = in[55];
	memcpy(head->prev.b, in + 56, 32);
	memcpy(head->root.b, in + 88, 32);
	memcpy(head->ctxhash.b, in + 120, 32);
	return true;
}

void rep_seg_hash(
    const uint8_t header[static TR_SEG_HEADER_SIZE], struct tr_hash *out)
{
	blake2b256(out->b, header, TR_SEG_HEADER_SIZE);
}

static int vec_order(const void *a, const void *b)
{
	const struct rep_vec *x = a, *y = b;

	if (x->author.v != y->author.v)
		return x->author.v < y->author.v ? -1 : 1;
	if (x->inc != y->inc)
		return x->inc < y->inc ? -1 : 1;
	if (x->seq != y->seq) /* heads of two branches of one log */
		return x->seq < y->seq ? -1 : 1;
	return memcmp(x->h16, y->h16, sizeof(x->h16));
}

void rep_seg_ctxhash(struct rep_vec *entries, size_t count, struct tr_hash *out)
{
	crypto_generichash_state state;
	uint8_t row[40];

	/* Already in order is the usual case and qsort may allocate. */
	for (size_t i = 1; i < count; i++) {
		if (vec_order(&entries[i - 1], &entries[i]) > 0) {
			qsort(entries, count, sizeof(*entries), vec_order);
			break;
		}
	}
	crypto_generichash_init(&state, NULL, 0, sizeof(out->b));
	for (size_t i = 0; i < count; i++) {
		wire_put_le64(row, entries[i].author.v);
		wire_put_le64(row + 8, entries[i].inc);
		wire_put_le64(row + 16, entries[i].seq);
		memcpy(row + 24, entries[i].h16, 16);
		crypto_generichash_update(&state, row, sizeof(row));
	}
	crypto_generichash_final(&state, out->b, sizeof(out->b));
}

/*
 * RFC 9162 splits n leaves at the largest power of two below n.  Joining
 * neighbours level by level and carrying an odd last node up unchanged gives
 * the same tree.
 */
void rep_seg_root(struct tr_hash *leaves, size_t count, struct tr_hash *out)
{
	uint8_t pair[1 + 32 + 32];

	TR_ASSERT(count >= 1 && count <= TR_SEG_OPS_MAX);
	pair[0] = 0x01;
	while (count > 1) {
		size_t joined = 0;

		for (size_t i = 0; i + 1 < count; i += 2) {
			memcpy(pair + 1, leaves[i].b, 32);
			memcpy(pair + 33, leaves[i + 1].b, 32);
			blake2b256(leaves[joined++].b, pair, sizeof(pair));
		}
		if (count % 2 == 1)
			leaves[joined++] = leaves[count - 1];
		count = joined;
	}
	*out = leaves[0];
}

void rep_seg_sign(const uint8_t header[static TR_SEG_HEADER_SIZE],
    const uint8_t sign_sk[static 64], uint8_t sig[static 64])
{
	struct tr_bytes body = {header, TR_SEG_HEADER_SIZE};

	rep_sign(PURPOSE, body, sign_sk, sig);
}

bool rep_seg_verify(const uint8_t header[static TR_SEG_HEADER_SIZE],
    const uint8_t sig[static 64], const struct tr_key *sign_pk)
{
	struct tr_bytes body = {header, TR_SEG_HEADER_SIZE};

	return rep_sign_verify(PURPOSE, body, sig, sign_pk);
}
