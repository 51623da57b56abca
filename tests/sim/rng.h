/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rng -- the simulator's own dice: splitmix64, one stream per purpose, so that
 * leaving one action out does not change the throws of the others.
 */
#ifndef TESTS_SIM_RNG_H
#define TESTS_SIM_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_rng { uint64_t state; };

static inline uint64_t sim_rng_next(struct sim_rng *rng)
{
	uint64_t z = (rng->state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline struct sim_rng sim_rng_make(uint64_t seed, uint64_t stream)
{
	struct sim_rng rng = {seed};

	rng.state = sim_rng_next(&rng) ^ (stream * 0xd1342543de82ef95u);
	rng.state = sim_rng_next(&rng);
	return rng;
}

/* 0 .. n-1; n > 0. */
static inline uint64_t sim_rng_below(struct sim_rng *rng, uint64_t n)
{
	return sim_rng_next(rng) % n;
}

static inline int64_t sim_rng_between(struct sim_rng *rng, int64_t low, int64_t high)
{
	return low + (int64_t)sim_rng_below(rng, (uint64_t)(high - low) + 1);
}

static inline bool sim_rng_chance(struct sim_rng *rng, unsigned per_mille)
{
	return sim_rng_below(rng, 1000) < per_mille;
}

static inline void sim_rng_bytes(struct sim_rng *rng, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(sim_rng_next(rng) >> 56);
}

#endif
