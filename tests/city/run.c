/* SPDX-License-Identifier: Apache-2.0 */
/* The hands of the clock. */
#include "tests/city/city.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/err.h"

#define LOOK_EVENTS 16384 /* between two looks at the memory */

void city_fail(const struct city *c, const char *format, ...)
{
	va_list ap;

	fprintf(stderr, "city: seed %llu, %u districts, day %.3f: ", (unsigned long long)c->conf.seed,
	    c->conf.districts, (double)(c->now_ms - CITY_START_MS) / CITY_DAY);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

size_t city_run_memory(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long size = 0, resident = 0;

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu %lu", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void look(const struct city *c)
{
	size_t used = city_run_memory();

	if (c->conf.memory != 0 && used > c->conf.memory)
		city_fail(c, "stops before it takes more than %.1f GiB: give it more (MEMORY=GiB), or less to do (OPS=, DAYS=, DISTRICTS=)",
		    (double)c->conf.memory / (1 << 30));
	if (c->conf.verbose)
		fprintf(stderr, "%u districts, day %.3f: %llu events, %llu ops, %.2f GiB\n", c->conf.districts,
		    (double)(c->now_ms - CITY_START_MS) / CITY_DAY, (unsigned long long)c->counts.events,
		    (unsigned long long)c->counts.ops, (double)used / (1 << 30));
}

static void dispatch(struct city *c, const struct city_ev *ev)
{
	switch (ev->kind) {
	case CITY_EV_COMMIT: city_host_commit(c, ev->host); break;
	case CITY_EV_WAKE: city_host_on_wake(c, ev->host, ev->at_ms); break;
	case CITY_EV_STICK:
	case CITY_EV_STICK_THERE:
	case CITY_EV_STICK_BACK: city_stick_event(c, ev); break;
	case CITY_EV_CASE:
	case CITY_EV_EDIT:
	case CITY_EV_RESOLVE: city_load_event(c, ev); break;
	case CITY_EV_ORDER:
	case CITY_EV_RUNG: city_order_event(c, ev); break;
	default: city_net_event(c, ev); break;
	}
}

void city_run(struct city *c, int64_t until_ms)
{
	struct city_ev ev;

	while (c->heap.count > 0 && c->heap.ev[0].at_ms <= until_ms) {
		(void)city_heap_pop(&c->heap, &ev);
		TR_ASSERT(ev.at_ms >= c->now_ms);
		c->now_ms = ev.at_ms;
		dispatch(c, &ev);
		if (++c->counts.events % LOOK_EVENTS == 0 &&
		    (!c->conf.verbose || c->counts.events % (64 * LOOK_EVENTS) == 0))
			look(c);
	}
	c->now_ms = until_ms;
}
