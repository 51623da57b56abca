/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node may hold (24), and what a seed may hold: nodes, stores, network, books, all that is allocated.
 * A seed that needs more says so and ends, with an exit code of its own; the
 * machine does not notice.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/sim/sim.h"

/*
 * A node holds its own scratch, a row for each log and unit, a segment being
 * filled for each log of its own, and for each neighbour a session.
 */
#define NODE_BYTES (1500 * 1024) /* with one more block of decoded frames */
#define LOG_BYTES (4 * 1024)
#define UNIT_BYTES (4 * 1024)
#define OPEN_BYTES (60 * 1024)
#define LINK_BYTES (48 * 1024)
#define STEP_BYTES (3 * 1024 * 1024) /* while it works on one event: records, vectors, and what goes out: 2 MiB a link */
#define IDLE_BYTES (64 * 1024)   /* checkpoints that were due open a segment, */
#define BASE_BYTES (4 * 1024)    /* and the first one of a domain leaves its frontier */

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

static int64_t allowed(const struct sim_host *h)
{
	int64_t bytes = NODE_BYTES;
	struct rep_unit_info unit;
	struct rep_link_info link;
	struct rep_log_info log;

	for (size_t i = 0; rep_inspect_log(h->node, &i, &log);)
		bytes += LOG_BYTES + (log.id.author.v == h->nid.v ? OPEN_BYTES : 0);
	for (size_t i = 0; rep_inspect_unit(h->node, i, &unit); i++)
		bytes += UNIT_BYTES;
	for (size_t i = 0; rep_inspect_link(h->node, &h->view, i, &link); i++)
		bytes += LINK_BYTES;
	return bytes;
}

void sim_bound_step(struct sim_world *world, unsigned host, int64_t before, size_t frame)
{
	struct sim_host *h = &world->host[host];
	int64_t step = h->memory.peak - before, step_max = STEP_BYTES + TR_ARENA_BASE + (int64_t)(TR_ARENA_FACTOR * frame);

	if (step > step_max)
		sim_fail(world, host, "24", "one event of %zu bytes takes %lld bytes of memory", frame, (long long)step);
}

void sim_bound_held(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];

	if (h->memory.held <= h->held_max)
		return;
	h->held_max = h->memory.held;
	if (h->held_max > allowed(h))
		sim_fail(world, host, "24", "the node holds %lld bytes, %lld are its bound", (long long)h->held_max,
		    (long long)allowed(h));
}

void sim_bound_idle(struct sim_world *world, const int64_t before[static SIM_HOSTS_MAX])
{
	for (unsigned i = 0; i < world->host_count; i++) {
		const struct sim_host *h = &world->host[i];
		int64_t most = IDLE_BYTES + (int64_t)world->host_count * BASE_BYTES;

		if (h->memory.held > before[i] + most)
			sim_fail(world, i, "24", "holds %lld bytes more after an idle time",
			    (long long)(h->memory.held - before[i]));
	}
}
