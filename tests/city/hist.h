/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hist -- times in milliseconds, counted in steps of about 3 %.
 * A plain value: it goes through a pipe as it is.
 */
#ifndef TESTS_CITY_HIST_H
#define TESTS_CITY_HIST_H

#include <stdint.h>

#define CITY_HIST_SLOTS (32 * 30)

struct city_hist {
	uint64_t count, max;
	uint32_t slot[CITY_HIST_SLOTS];
};

void city_hist_add(struct city_hist *h, int64_t ms);
/* Upper edge of the slot in which that share (per mille) of the values is reached. */
int64_t city_hist_at(const struct city_hist *h, unsigned per_mille);

#endif
