/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/city/hist.h"

#include <stddef.h>

/* 0..63 one by one, then 32 slots for each doubling. */
static size_t slot_of(uint64_t v)
{
	unsigned shift = 0;

	while (v >> shift > 63)
		shift++;
	return shift * 32u + (size_t)(v >> shift);
}

static uint64_t edge_of(size_t slot)
{
	uint64_t shift = slot < 64 ? 0 : slot / 32 - 1;

	return ((slot - shift * 32 + 1) << shift) - 1;
}

void city_hist_add(struct city_hist *h, int64_t ms)
{
	uint64_t v = ms > 0 ? (uint64_t)ms : 0;
	size_t slot = slot_of(v);

	h->slot[slot < CITY_HIST_SLOTS ? slot : CITY_HIST_SLOTS - 1]++;
	h->count++;
	if (v > h->max)
		h->max = v;
}

int64_t city_hist_at(const struct city_hist *h, unsigned per_mille)
{
	uint64_t want = (h->count * per_mille + 999) / 1000, sum = 0;

	for (size_t i = 0; i < CITY_HIST_SLOTS; i++) {
		sum += h->slot[i];
		if (sum >= want && sum > 0)
			return (int64_t)(edge_of(i) < h->max ? edge_of(i) : h->max);
	}
	return (int64_t)h->max;
}
