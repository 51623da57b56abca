/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: header, Merkle root, context hash and signature of a segment are
 * those of docs/protocol.md.  Method: golden bytes of a second
 * implementation, and the recursive definition of RFC 9162 beside ours.
 */
#include "tests/unit/unit.h"

#include <sodium.h>

#include "replication/segment.h"
#include "replication/sign.h"

static void keys_from(uint8_t fill, struct tr_key *pk, uint8_t sk[64])
{
	uint8_t seed[32];

	memset(seed, fill, sizeof(seed));
	crypto_sign_seed_keypair(pk->b, sk, seed);
}

static struct rep_seg_head sample(void)
{
	struct rep_seg_head head = {
	    .log = {{0x1122334455667788}, 0x99aabbccddeeff00, {0x0102030405060708}, TR_LANE_R},
	    .serial = 0x0a0b0c0d,
	    .first = 0x1000000001,
	    .count = 64,
	    .hlc = {0x0190000000000007},
	    .clockq = 2,
	};

	memset(head.prev.b, 0xa1, 32);
	memset(head.root.b, 0xb2, 32);
	memset(head.ctxhash.b, 0xc3, 32);
	return head;
}

static void golden_header_hash_and_signature(void **state)
{
	struct rep_seg_head head = sample();
	uint8_t bytes[TR_SEG_HEADER_SIZE], sig[64], sk[64];
	struct tr_hash hash;
	struct tr_key pk;

	(void)state;
	keys_from(1, &pk, sk);
	rep_seg_head_encode(&head, bytes);
	unit_golden_check("seg-header", bytes, sizeof(bytes));
	rep_seg_hash(bytes, &hash);
	unit_golden_check("seg-hash", hash.b, 32);
	rep_seg_sign(bytes, sk, sig);
	unit_golden_check("seg-sig", sig, 64);
	assert_true(rep_seg_verify(bytes, sig, &pk));
}

static void any_changed_bit_breaks_the_signature(void **state)
{
	struct rep_seg_head head = sample();
	uint8_t bytes[TR_SEG_HEADER_SIZE], sig[64], sk[64];
	struct tr_key pk, other;

	(void)state;
	keys_from(2, &other, sk);
	keys_from(1, &pk, sk);
	rep_seg_head_encode(&head, bytes);
	rep_seg_sign(bytes, sk, sig);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] ^= 1;
		assert_false(rep_seg_verify(bytes, sig, &pk));
		bytes[i] ^= 1;
	}
	for (size_t i = 0; i < sizeof(sig); i++) {
		sig[i] ^= 0x10;
		assert_false(rep_seg_verify(bytes, sig, &pk));
		sig[i] ^= 0x10;
	}
	assert_false(rep_seg_verify(bytes, sig, &other));
	assert_true(rep_seg_verify(bytes, sig, &pk));
}

static void a_signature_serves_one_purpose_only(void **state)
{
	static uint8_t body[REP_SIGN_BODY_MAX + 1];
	struct tr_bytes part = {body, REP_SIGN_BODY_MAX};
	uint8_t sig[64], sk[64];
	struct tr_key pk;

	(void)state;
	keys_from(1, &pk, sk);
	rep_sign("terrace/head/1", part, sk, sig);
	assert_true(rep_sign_verify("terrace/head/1", part, sig, &pk));
	assert_false(rep_sign_verify("terrace/receipt/1", part, sig, &pk));
	part.size++; /* longer than anything is ever signed */
	assert_false(rep_sign_verify("terrace/head/1", part, sig, &pk));
}

/* RFC 9162, 2.1.1, as it is written there. */
static void merkle(const struct tr_hash *leaves, size_t n, struct tr_hash *out)
{
	uint8_t pair[65] = {1};
	struct tr_hash half[2];
	size_t k = 1;

	if (n == 1) {
		*out = leaves[0];
		return;
	}
	while (k * 2 < n)
		k *= 2;
	merkle(leaves, k, &half[0]);
	merkle(leaves + k, n - k, &half[1]);
	memcpy(pair + 1, half[0].b, 32);
	memcpy(pair + 33, half[1].b, 32);
	crypto_generichash(out->b, 32, pair, sizeof(pair), NULL, 0);
}

static void the_root_is_that_of_rfc_9162_for_every_count(void **state)
{
	struct tr_hash leaves[TR_SEG_OPS_MAX], scratch[TR_SEG_OPS_MAX], want, got;
	uint64_t seed = 5;

	(void)state;
	unit_random_fill(&seed, leaves, sizeof(leaves));
	for (size_t n = 1; n <= TR_SEG_OPS_MAX; n++) {
		memcpy(scratch, leaves, sizeof(leaves));
		rep_seg_root(scratch, n, &got);
		merkle(leaves, n, &want);
		assert_memory_equal(got.b, want.b, 32);
	}
	for (size_t i = 0; i < 5; i++)
		memset(leaves[i].b, (int)i, 32);
	rep_seg_root(leaves, 5, &got);
	unit_golden_check("seg-root5", got.b, 32);
}

static void the_context_hash_does_not_depend_on_order(void **state)
{
	struct rep_vec vec[6];
	struct tr_hash first, again;
	uint64_t seed = 6;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		vec[i].author.v = i / 2 == 2 ? 0xffffffff00000000 : 10 + i / 2;
		vec[i].inc = 100 - i;
		vec[i].seq = 1000 + (6 - i);
		memset(vec[i].h16, (int)(0x40 + i), 16);
	}
	rep_seg_ctxhash(vec, 6, &first);
	unit_golden_check("seg-ctxhash", first.b, 32);
	for (unsigned round = 0; round < 100; round++) {
		for (size_t i = 5; i > 0; i--) {
			size_t j = unit_random(&seed) % (i + 1);
			struct rep_vec swap = vec[i];

			vec[i] = vec[j];
			vec[j] = swap;
		}
		rep_seg_ctxhash(vec, 6, &again);
		assert_memory_equal(first.b, again.b, 32);
	}
	vec[0].seq++;
	rep_seg_ctxhash(vec, 6, &again);
	assert_memory_not_equal(first.b, again.b, 32);
	rep_seg_ctxhash(NULL, 0, &again); /* nothing seen yet */
	unit_golden_check("seg-ctxhash0", again.b, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_header_hash_and_signature),
	    cmocka_unit_test(any_changed_bit_breaks_the_signature),
	    cmocka_unit_test(a_signature_serves_one_purpose_only),
	    cmocka_unit_test(the_root_is_that_of_rfc_9162_for_every_count),
	    cmocka_unit_test(the_context_hash_does_not_depend_on_order),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
