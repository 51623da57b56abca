/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a seed may hold: nodes, stores, network, books, all that is allocated.
 * A seed that needs more says so and ends, with an exit code of its own; the
 * machine does not notice.
 */
#include <inttypes.h>
#include <unistd.h>

#include "tests/sim/sim.h"

enum { NODES, STORES, BACKUPS, SUMS };

struct sum { int64_t bytes, most; const char *whose; };

static void add(struct sum *sum, int64_t bytes, const char *whose)
{
	sum->bytes += bytes;
	if (bytes > sum->most) {
		sum->most = bytes;
		sum->whose = whose;
	}
}

static double mib(int64_t bytes)
{
	return (double)bytes / (1 << 20);
}

/* What a store costs beside its rows is among the rest. */
static void say_what(const struct sim_world *world)
{
	static const char *const NAMES[SUMS] = {"nodes", "stores", "backups"};
	int64_t rest = nomem_held(), frames = 0;
	struct sum sums[SUMS] = {0};

	for (unsigned i = 0; i < world->host_count; i++) {
		const struct sim_host *h = &world->host[i];

		add(&sums[NODES], h->memory.held, h->name);
		add(&sums[STORES], h->store != NULL ? (int64_t)memview_bytes(h->store) : 0, h->name);
		add(&sums[BACKUPS], h->backup != NULL ? (int64_t)memview_bytes(h->backup) : 0, h->name);
	}
	for (size_t i = 0; i < world->heap.count; i++)
		frames += (int64_t)world->heap.ev[i].size;
	for (int i = 0; i < SUMS; i++) {
		rest -= sums[i].bytes;
		if (sums[i].bytes != 0)
			fprintf(stderr, "%s %.1f (%s %.1f), ", NAMES[i], mib(sums[i].bytes), sums[i].whose, mib(sums[i].most));
	}
	fprintf(stderr, "frames on their way %.1f, the simulator's books %.1f\n", mib(frames), mib(rest - frames));
}

_Noreturn static void over(void *ctx)
{
	const struct sim_world *world = ctx;

	nomem_bound(0, NULL, NULL);
	fflush(stdout);
	fprintf(stderr, "seed %" PRIu64 " time %.3f action %u: stopped, it needs more memory than its bound of %.0f MiB "
	    "(--memory); MiB held: ", world->conf.seed, (double)world->now_ms / 1000, world->action,
	    mib(world->conf.memory));
	say_what(world);
	if (world->conf.report_fd != 0 && write(world->conf.report_fd, "memory", 6) < 0)
		_Exit(2);
	_Exit(SIM_EXIT_MEMORY);
}

void sim_bound_begin(struct sim_world *world)
{
	nomem_bound(world->conf.memory != 0 ? nomem_held() + world->conf.memory : 0, over, world);
}

void sim_bound_end(void)
{
	nomem_bound(0, NULL, NULL);
}
