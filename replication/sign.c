/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/sign.h"

#include <string.h>

#include <sodium.h>

#include "proto/err.h"

#define PURPOSE_MAX 24 /* its 0 byte among it */

struct message {
	size_t size;
	uint8_t b[PURPOSE_MAX + REP_SIGN_BODY_MAX];
};

static bool fill(struct message *m, const char *purpose, struct tr_bytes body)
{
	size_t size = strlen(purpose) + 1;

	TR_ASSERT(size <= PURPOSE_MAX);
	if (body.size > REP_SIGN_BODY_MAX)
		return false;
	memcpy(m->b, purpose, size);
	if (body.size > 0)
		memcpy(m->b + size, body.data, body.size);
	m->size = size + body.size;
	return true;
}

void rep_sign(const char *purpose, struct tr_bytes body,
    const uint8_t sign_sk[static 64], uint8_t sig[static 64])
{
	struct message m;

	TR_ASSERT(fill(&m, purpose, body));
	crypto_sign_detached(sig, NULL, m.b, m.size, sign_sk);
}

/* Only libsodium's single verification: others judge crafted keys otherwise. */
bool rep_sign_verify(const char *purpose, struct tr_bytes body,
    const uint8_t sig[static 64], const struct tr_key *sign_pk)
{
	struct message m;

	return fill(&m, purpose, body) &&
	    crypto_sign_verify_detached(sig, m.b, m.size, sign_pk->b) == 0;
}
