/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sys.h"

#include <time.h>

#include <sodium.h>

#include "proto/err.h"

static int64_t now_us(clockid_t clock)
{
	struct timespec ts;

	TR_ASSERT(clock_gettime(clock, &ts) == 0);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct tr_wall_ms td_sys_wall(void)
{
	return (struct tr_wall_ms){now_us(CLOCK_REALTIME) / 1000};
}

struct tr_mono_ms td_sys_mono(void)
{
	return (struct tr_mono_ms){now_us(CLOCK_MONOTONIC) / 1000};
}

uint64_t td_sys_mono_us(void)
{
	return (uint64_t)now_us(CLOCK_MONOTONIC);
}

void td_sys_random(void *out, size_t size)
{
	randombytes_buf(out, size);
}
