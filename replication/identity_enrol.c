/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token's secret gives a CURVE key pair for one use and a MAC key; both
 * sides derive the same.  In a MAC every part has its length (le32) in front.
 */
#include "replication/identity.h"

#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/sign.h"

#define PURPOSE "terrace/enroll/1"

static void derive(uint8_t out[static 32], const uint8_t *secret,
    const char *purpose)
{
	crypto_generichash(out, 32, (const uint8_t *)purpose, strlen(purpose),
	    secret, TR_TOKEN_SECRET_SIZE);
}

void rep_token_derive(const uint8_t secret[static TR_TOKEN_SECRET_SIZE],
    uint8_t curve_pk[static 32], uint8_t curve_sk[static 32],
    uint8_t mac_key[static 32])
{
	uint8_t seed[32];

	derive(seed, secret, "terrace/token/curve/1");
	crypto_box_seed_keypair(curve_pk, curve_sk, seed);
	sodium_memzero(seed, sizeof(seed));
	derive(mac_key, secret, "terrace/token/mac/1");
}

static void mac_add(crypto_generichash_state *state, struct tr_bytes part)
{
	uint8_t size[4];

	wire_put_le32(size, (uint32_t)part.size);
	crypto_generichash_update(state, size, sizeof(size));
	crypto_generichash_update(state, part.data, part.size);
}

static void mac_begin(crypto_generichash_state *state,
    const uint8_t mac_key[static 32], const char *purpose)
{
	struct tr_bytes p = {(const uint8_t *)purpose, strlen(purpose)};

	crypto_generichash_init(state, mac_key, 32, 32);
	mac_add(state, p);
}

void rep_enroll_mac(const uint8_t mac_key[static 32], struct tr_bytes token_id,
    struct tr_bytes want, struct tr_bytes self_sig, uint8_t mac[static 32])
{
	crypto_generichash_state state;

	mac_begin(&state, mac_key, "terrace/enroll/1");
	mac_add(&state, token_id);
	mac_add(&state, want);
	mac_add(&state, self_sig);
	crypto_generichash_final(&state, mac, 32);
	sodium_memzero(&state, sizeof(state));
}

void rep_enrollok_mac(const uint8_t mac_key[static 32],
    const struct tr_bytes *chain, size_t chain_count, struct tr_bytes root,
    uint8_t mac[static 32])
{
	crypto_generichash_state state;
	uint8_t count[4];

	mac_begin(&state, mac_key, "terrace/enrollok/1");
	wire_put_le32(count, (uint32_t)chain_count);
	crypto_generichash_update(&state, count, sizeof(count));
	for (size_t i = 0; i < chain_count; i++)
		mac_add(&state, chain[i]);
	mac_add(&state, root);
	crypto_generichash_final(&state, mac, 32);
	sodium_memzero(&state, sizeof(state));
}

struct request {
	uint8_t b[TR_TOKEN_ID_SIZE + TR_CERT_REQ_BYTES_MAX];
	struct tr_bytes body;
};

static bool fill(
    struct request *req, struct tr_bytes token_id, struct tr_bytes want)
{
	if (token_id.size != TR_TOKEN_ID_SIZE || want.size == 0 ||
	    want.size > TR_CERT_REQ_BYTES_MAX)
		return false;
	memcpy(req->b, token_id.data, TR_TOKEN_ID_SIZE);
	memcpy(req->b + TR_TOKEN_ID_SIZE, want.data, want.size);
	req->body = (struct tr_bytes){req->b, TR_TOKEN_ID_SIZE + want.size};
	return true;
}

void rep_enroll_sign(struct tr_bytes token_id, struct tr_bytes want,
    const struct rep_sign_keys *keys, uint8_t sig[static 64])
{
	struct request req;

	TR_ASSERT(fill(&req, token_id, want));
	rep_sign(PURPOSE, req.body, keys->sk, sig);
}

bool rep_enroll_verify(struct tr_bytes token_id, struct tr_bytes want,
    struct tr_bytes sig, const struct tr_key *pk)
{
	struct request req;

	return sig.size == 64 && fill(&req, token_id, want) &&
	    rep_key_ok(pk) && rep_sign_verify(PURPOSE, req.body, sig.data, pk);
}
