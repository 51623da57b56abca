/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signature that was verified once is the same for every other holder: the
 * answer is kept.  Linked in front of replication/sign.c with --wrap; what is
 * asked for the first time goes to libsodium, bit for bit.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "replication/sign.h"

#define SLOTS 65536 /* of 24 bytes; an older answer makes room */

struct slot { uint8_t key[16]; uint8_t state; }; /* 0 free, 1 bad, 2 good */

bool __real_rep_sign_verify(const char *purpose, struct tr_bytes body, const uint8_t sig[static 64],
    const struct tr_key *sign_pk);
bool __wrap_rep_sign_verify(const char *purpose, struct tr_bytes body, const uint8_t sig[static 64],
    const struct tr_key *sign_pk);

static struct slot slots[SLOTS];

bool __wrap_rep_sign_verify(const char *purpose, struct tr_bytes body, const uint8_t sig[static 64],
    const struct tr_key *sign_pk)
{
	crypto_generichash_state h;
	struct slot *slot;
	uint8_t key[16];
	uint16_t at;

	crypto_generichash_init(&h, NULL, 0, sizeof(key));
	crypto_generichash_update(&h, (const uint8_t *)purpose, strlen(purpose) + 1);
	crypto_generichash_update(&h, sig, 64);
	crypto_generichash_update(&h, sign_pk->b, sizeof(sign_pk->b));
	crypto_generichash_update(&h, body.data, body.size);
	crypto_generichash_final(&h, key, sizeof(key));
	memcpy(&at, key, sizeof(at));
	slot = &slots[at % SLOTS];
	if (slot->state == 0 || memcmp(slot->key, key, sizeof(key)) != 0) {
		memcpy(slot->key, key, sizeof(key));
		slot->state = __real_rep_sign_verify(purpose, body, sig, sign_pk) ? 2 : 1;
	}
	return slot->state == 2;
}
