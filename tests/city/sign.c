/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keyed hash in the place of replication/sign.c, for the city run only: the
 * key of both ends is the public one, so it proves nothing to an enemy, and
 * there is none here.  Real signatures stay in every other test.
 */
#include "replication/sign.h"

#include <string.h>

#include <sodium/crypto_generichash.h>

#include "tests/city/count.h"

struct city_signed city_signed;

static void tag(const char *purpose, struct tr_bytes body, const uint8_t *key, uint8_t out[static 64])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, 32, 64);
	crypto_generichash_update(&state, (const unsigned char *)purpose, strlen(purpose) + 1);
	crypto_generichash_update(&state, body.data, body.size);
	crypto_generichash_final(&state, out, 64);
}

void rep_sign(const char *purpose, struct tr_bytes body, const uint8_t sign_sk[static 64], uint8_t sig[static 64])
{
	city_signed.made++;
	tag(purpose, body, sign_sk + 32, sig); /* an Ed25519 secret ends with its public key */
}

bool rep_sign_verify(const char *purpose, struct tr_bytes body, const uint8_t sig[static 64],
    const struct tr_key *sign_pk)
{
	uint8_t want[64];

	city_signed.checked++;
	tag(purpose, body, sign_pk->b, want);
	return memcmp(want, sig, sizeof(want)) == 0;
}
