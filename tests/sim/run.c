/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/err.h"

#include "tests/sim/oracle.h"
#include "tests/sim/part.h"
#include "tests/sim/sweep.h"

#define REST_MS (20 * 60 * 1000) /* virtual: time to come to rest after the last fault, once everybody has dialled again */
#define LOOK_MS 5000
#define IDLE_MS (10 * 60 * 1000)
#define IDLE_FRAMES_MAX 200           /* a link and ten idle minutes: beats, nothing else */

void sim_trace(struct sim_world *world, uint64_t word)
{
	for (unsigned i = 0; i < 8; i++) {
		world->trace ^= (word >> (8 * i)) & 0xff;
		world->trace *= 0x100000001b3u;
	}
}

void sim_trace_bytes(struct sim_world *world, struct tr_bytes bytes)
{
	for (size_t i = 0; i < bytes.size; i++) {
		world->trace ^= bytes.data[i];
		world->trace *= 0x100000001b3u;
	}
}

void sim_log(struct sim_world *world, unsigned host, const char *format, ...)
{
	va_list ap;

	if (!world->conf.verbose)
		return;
	printf("%10.3f %5u %-10s ", (double)world->now_ms / 1000, world->action,
	    host == SIM_NONE ? "-" : world->host[host].name);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	putchar('\n');
}

void sim_fail(struct sim_world *world, unsigned host, const char *invariant, const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "seed %" PRIu64 " time %.3f action %u host %s: invariant %s: ", world->conf.seed,
	    (double)world->now_ms / 1000, world->action, host == SIM_NONE ? "-" : world->host[host].name, invariant);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	fflush(stderr);
	if (world->conf.report_fd != 0 && write(world->conf.report_fd, invariant, strlen(invariant)) < 0)
		_Exit(2);
	_Exit(1);
}

bool sim_is_over(const struct sim_world *world, unsigned above, unsigned below)
{
	above = world->host[above].place;
	for (unsigned h = world->host[below].place; h != SIM_NONE; h = world->host[h].parent)
		if (h == above)
			return true;
	return false;
}

bool sim_is_same_log(const struct tr_log_id *a, const struct tr_log_id *b)
{
	return a->author.v == b->author.v && a->inc == b->inc && a->scope.v == b->scope.v && a->lane == b->lane;
}

unsigned sim_host_of(const struct sim_world *world, struct tr_nid nid)
{
	for (unsigned i = 0; i < world->host_count && nid.v != 0; i++)
		if (world->host[i].nid.v == nid.v)
			return i;
	return SIM_NONE;
}

struct sim_world *sim_world_create(const struct sim_conf *conf)
{
	struct sim_world *world = calloc(1, sizeof(*world));

	TR_ASSERT(world != NULL);
	(void)sim_part_all();
	world->conf = *conf;
	nomem_hold(true); /* the simulator's own allocations do not fail */
	sim_bound_begin(world);
	world->net_rng = sim_rng_make(conf->seed, 1);
	world->host_rng = sim_rng_make(conf->seed, 2);
	world->weather = (struct sim_weather){.delay_ms_min = 2, .delay_ms_max = 10};
	world->trace = 0xcbf29ce484222325u;
	world->oracle = sim_oracle_create();
	return world;
}

void sim_world_free(struct sim_world *world)
{
	sim_bound_end();
	(void)nomem_has_failed();
	nomem_hold(false);
	for (unsigned i = 0; i < SIM_HOSTS_MAX; i++) {
		rep_free(world->host[i].node);
		rep_batch_free(world->host[i].batch);
		memview_free(world->host[i].store);
		memview_free(world->host[i].backup);
	}
	sim_part_free_data(world);
	sim_heap_fini(&world->heap);
	sim_oracle_free(world->oracle);
	sim_stick_box_free(world->sticks);
	free(world->conn);
	free(world);
}

unsigned sim_world_add(struct sim_world *world, unsigned parent, const char *name)
{
	unsigned index = world->host_count++;
	struct sim_host *h = &world->host[index];
	struct sim_host above;
	char code[TR_UNIT_CODE_MAX + 1] = "";

	TR_ASSERT(index < SIM_TWIN);
	h->index = h->place = index;
	h->parent = parent;
	h->profile = TR_PROFILE_FIBRE;
	h->store = memview_create();
	sim_host_view(world, (unsigned)(h - world->host));
	if (parent == SIM_NONE) {
		snprintf(h->code, sizeof(h->code), "110101");
		snprintf(h->unit, sizeof(h->unit), "110101");
		snprintf(h->name, sizeof(h->name), "%s", name != NULL ? name : "hub");
		return index;
	}
	h->level = world->host[parent].level + 1;
	above = world->host[parent];
	snprintf(code, sizeof(code), "%.20s%03u", above.code, ++world->host[parent].child_count);
	snprintf(h->unit, sizeof(h->unit), "%.100s/%s", above.unit, code);
	memcpy(h->code, code, sizeof(code));
	if (name != NULL)
		snprintf(h->name, sizeof(h->name), "%s", name);
	else
		snprintf(h->name, sizeof(h->name), "%s-%u", h->level == 1 ? "street" : h->level == 2 ? "leaf" : "grid", index);
	return index;
}

static void wake(struct sim_world *world, const struct sim_ev *ev)
{
	struct sim_host *h = &world->host[ev->host];
	struct rep_event tick = {.kind = REP_EV_TICK};

	if (h->node == NULL)
		return;
	h->wake_ms = 0;
	if (rep_deadline(h->node) <= sim_host_mono(world, ev->host) || h->boot_ms == world->now_ms)
		sim_host_step(world, ev->host, &tick);
	else
		sim_host_wake(world, ev->host);
}

static void happen(struct sim_world *world, struct sim_ev *ev)
{
	bool is_stale = ev->life != world->host[ev->host].life;

	world->counts.events++;
	sim_trace(world, (uint64_t)ev->at_ms ^ ((uint64_t)ev->kind << 56) ^ ((uint64_t)ev->host << 48));
	switch (ev->kind) {
	case SIM_EV_START: sim_host_boot(world, ev->host); break;
	case SIM_EV_HEAL: sim_net_event(world, ev); break;
	case SIM_EV_WAKE:
		if (!is_stale)
			wake(world, ev);
		break;
	case SIM_EV_COMMIT:
		if (!is_stale)
			sim_host_commit(world, ev->host);
		break;
	default:
		if (!is_stale)
			sim_net_event(world, ev);
		break;
	}
	free(ev->bytes);
}

void sim_world_run(struct sim_world *world, int64_t until_ms)
{
	struct sim_ev ev;

	while (sim_heap_next_ms(&world->heap) <= until_ms) {
		sim_heap_pop(&world->heap, &ev);
		world->now_ms = ev.at_ms;
		happen(world, &ev);
	}
	world->now_ms = until_ms;
}

void sim_world_advance(struct sim_world *world, int64_t ms)
{
	sim_world_run(world, world->now_ms + ms);
}

static bool up_link(struct sim_world *world, unsigned host, struct rep_link_info *out)
{
	return host != 0 && rep_inspect_link(world->host[host].node, &world->host[host].view, 0, out);
}

/* Nobody is told to dial: each goes on waiting as long as it would have. */
static void end_faults(struct sim_world *world)
{
	struct rep_event resume = {.kind = REP_EV_PAUSE, .pause = REP_RESUME};

	sim_part_end(world);
	for (unsigned i = 0; i < world->host_count; i++) {
		sim_host_boot(world, i);
		rep_set_full(world->host[i].node, world->host[i].is_full);
	}
	for (unsigned i = 0; i < world->host_count; i++) {
		struct rep_link_info link;

		for (size_t n = 0; rep_inspect_link(world->host[i].node, &world->host[i].view, n, &link); n++) {
			resume.peer = link.peer;
			if (link.state == REP_LINK_PAUSED)
				sim_host_step(world, i, &resume);
		}
	}
}

/* The longest that a link may wait before it is dialled again. */
static int64_t patience_ms(struct sim_world *world)
{
	int64_t most = 0;

	for (unsigned i = 0; i < world->host_count; i++) {
		struct rep_link_info link;
		int64_t ms = TR_BACKOFF_MAX_MS * 12 / 10;

		if (!up_link(world, i, &link) || world->host[i].profile == TR_PROFILE_STICK || link.state == REP_LINK_LIVE)
			continue;
		if (world->host[i].profile != TR_PROFILE_FIBRE)
			ms = TR_BACKOFF_METERED_MAX_MS * (int64_t)12 / 10;
		else if (link.state == REP_LINK_REFUSED || strcmp(link.last_error, "key refused by the parent") == 0)
			ms = TR_BACKOFF_REFUSED_MAX_MS * (int64_t)15 / 10;
		most = ms > most ? ms : most;
	}
	return most;
}

static void check_idle(struct sim_world *world)
{
	int64_t held[SIM_HOSTS_MAX] = {0};
	uint64_t before;

	sim_world_advance(world, 60000);
	for (unsigned i = 0; i < world->host_count; i++)
		held[i] = world->host[i].memory.held;
	before = world->counts.frames;
	sim_world_advance(world, IDLE_MS);
	if (world->counts.frames - before > (uint64_t)IDLE_FRAMES_MAX * world->host_count)
		sim_fail(world, SIM_NONE, "24", "%" PRIu64 " frames in ten idle minutes", world->counts.frames - before);
	sim_bound_idle(world, held);
}

void sim_world_rest(struct sim_world *world)
{
	int64_t since = world->now_ms, until;
	const char *why = "";
	unsigned who = 0;

	sim_log(world, SIM_NONE, "all faults end");
	end_faults(world);
	until = world->now_ms + REST_MS + patience_ms(world);
	for (unsigned round = 0; !sim_check_is_quiet(world, &why, &who); round++) {
		if (world->now_ms >= until)
			sim_check_explain(world, who);
		if (world->now_ms >= until)
			sim_fail(world, who, "9", "%s, %d minutes after the last fault", why, (int)((until - since) / 60000));
		sim_part_operate(world);
		for (unsigned i = 1; i < world->host_count && round % 6 == 5; i++)
			if (world->host[i].profile == TR_PROFILE_STICK)
				sim_stick_round(world, i);
		sim_world_advance(world, LOOK_MS);
	}
	sim_log(world, SIM_NONE, "at rest");
	world->counts.rests++;
	world->counts.rest_ms += (uint64_t)(world->now_ms - since);
	world->counts.rest_ms_max = world->now_ms - since;
	check_idle(world);
	sim_check_rest(world);
}

/* Default: a hub, three streets, eight communities; some seeds have other trees. */
static void make_tree(struct sim_world *world)
{
	struct sim_rng rng = sim_rng_make(world->conf.seed, 3);
	unsigned streets = 3, below = 8, extra = 0;

	if (sim_rng_chance(&rng, 500)) {
		streets = 1 + (unsigned)sim_rng_below(&rng, 3);
		below = (unsigned)sim_rng_below(&rng, 6);
		extra = (unsigned)sim_rng_below(&rng, 3);
	}
	sim_world_add(world, SIM_NONE, NULL);
	for (unsigned i = 0; i < streets; i++)
		sim_world_add(world, 0, NULL);
	for (unsigned i = 0; i < below; i++)
		sim_world_add(world, 1 + i % streets, NULL);
	for (unsigned i = 0; i < extra && below != 0; i++)
		sim_world_add(world, 1 + streets + (unsigned)sim_rng_below(&rng, below), NULL);
	for (unsigned i = 1; i < world->host_count; i++) {
		if (sim_rng_chance(&rng, 250))
			world->host[i].profile = (enum tr_profile)sim_rng_between(&rng, TR_PROFILE_METERED, TR_PROFILE_BURST);
		if (sim_rng_chance(&rng, 300))
			world->host[i].caps = rep_caps_default(1) & rep_caps_default(world->host[i].level == 1 ? 1 : 2);
	}
}

static bool is_skipped(const struct sim_conf *conf, unsigned action)
{
	for (unsigned i = 0; i < conf->skip_count; i++)
		if (action >= conf->skip[i].from && action < conf->skip[i].to)
			return true;
	return false;
}

/* Each fault has dice of its own: one more changes nothing for the others. */
static uint64_t choose_faults(const struct sim_conf *conf)
{
	struct sim_rng fine = sim_rng_make(conf->seed, 4);
	const struct sim_fault *f;
	uint64_t chosen = 0;

	if (sim_rng_chance(&fine, 100))
		return 0; /* a fine day */
	for (unsigned i = 0; (f = sim_fault_at(i)) != NULL; i++) {
		uint64_t stream = 0xcbf29ce484222325u;
		struct sim_rng rng;

		for (const char *c = f->name; *c != '\0'; c++)
			stream = (stream ^ (uint8_t)*c) * 0x100000001b3u;
		rng = sim_rng_make(conf->seed, stream);
		if (sim_rng_chance(&rng, f->chance))
			chosen |= f->bit & conf->faults;
	}
	return chosen;
}

void sim_run_seed(const struct sim_conf *conf, struct sim_counts *counts, uint64_t *trace)
{
	struct sim_world *world = sim_world_create(conf);

	world->faults = choose_faults(conf);
	make_tree(world);
	sim_found_all(world);
	sim_part_begin(world);
	for (unsigned i = 0; i < conf->steps; i++)
		if (!is_skipped(conf, i))
			sim_act(world, i);
	world->action = conf->steps;
	sim_world_rest(world);
	sim_sweep_look(world);
	world->counts.held_max = (uint64_t)nomem_peak();
	*counts = world->counts;
	*trace = world->trace;
	sim_world_free(world);
}
