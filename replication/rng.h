/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rng -- the node's own generator: keyed BLAKE2b over a counter, seeded from
 * outside.  Same seed, same numbers.
 */
#ifndef REPLICATION_RNG_H
#define REPLICATION_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rep_rng {
	uint8_t key[32];
	uint64_t counter;
	uint8_t block[64];
	size_t left; /* unused bytes at the end of block */
};

void rep_rng_init(struct rep_rng *rng, const uint8_t seed[static 32]);
void rep_rng_bytes(struct rep_rng *rng, uint8_t *out, size_t size);
uint64_t rep_rng_u64(struct rep_rng *rng);
/* Not 0. */
uint64_t rep_rng_id(struct rep_rng *rng);
/* 0 .. bound-1; bound > 0. */
uint64_t rep_rng_below(struct rep_rng *rng, uint64_t bound);

#endif
