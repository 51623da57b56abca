/* SPDX-License-Identifier: Apache-2.0 */
/*
 * later -- loaded before libc into a real terraced (LD_PRELOAD): its wall clock
 * is ahead by TERRACE_LATER seconds, so that a test need not wait for days.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

typedef int clock_fn(clockid_t clock, struct timespec *out);

int clock_gettime(clockid_t clock, struct timespec *out)
{
	static clock_fn *real;
	static time_t ahead;
	int rc;

	if (real == NULL) {
		const char *text = getenv("TERRACE_LATER");

		*(void **)(void *)&real = dlsym(RTLD_NEXT, "clock_gettime");
		ahead = text != NULL ? (time_t)atoll(text) : 0;
	}
	rc = real(clock, out);
	if (rc == 0 && clock == CLOCK_REALTIME)
		out->tv_sec += ahead;
	return rc;
}
