/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/rng.h"

#include <string.h>

#include <sodium/crypto_generichash.h>

#include "proto/err.h"

void rep_rng_init(struct rep_rng *rng, const uint8_t seed[static 32])
{
	memset(rng, 0, sizeof(*rng));
	memcpy(rng->key, seed, sizeof(rng->key));
}

static void refill(struct rep_rng *rng)
{
	rng->counter++;
	crypto_generichash(rng->block, sizeof(rng->block),
	    (const unsigned char *)&rng->counter, sizeof(rng->counter),
	    rng->key, sizeof(rng->key));
	rng->left = sizeof(rng->block);
}

void rep_rng_bytes(struct rep_rng *rng, uint8_t *out, size_t size)
{
	while (size > 0) {
		size_t n;

		if (rng->left == 0)
			refill(rng);
		n = size < rng->left ? size : rng->left;
		memcpy(out, rng->block + sizeof(rng->block) - rng->left, n);
		rng->left -= n;
		out += n;
		size -= n;
	}
}

uint64_t rep_rng_u64(struct rep_rng *rng)
{
	uint64_t v;

	rep_rng_bytes(rng, (uint8_t *)&v, sizeof(v));
	return v;
}

uint64_t rep_rng_id(struct rep_rng *rng)
{
	uint64_t v;

	do {
		v = rep_rng_u64(rng);
	} while (v == 0);
	return v;
}

uint64_t rep_rng_below(struct rep_rng *rng, uint64_t bound)
{
	TR_ASSERT(bound > 0);
	return rep_rng_u64(rng) % bound;
}
