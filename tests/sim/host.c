/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One machine.  The order of rep.h, the same as in daemon/engine_step.c: begin,
 * steps, flush, commit, committed, effects.  It may crash at every seam.
 */
#include "tests/sim/sim.h"

#include "proto/err.h"

#include "tests/sim/attic.h"
#include "tests/sim/oracle.h"
#include "tests/sim/part.h"
#include "tests/sim/sweep.h"

#define CHECK_EVERY 4 /* steps of a host: rep_check() walks all its logs */
#define SPINS_MAX 2000 /* wake-ups at one moment: the core asks for time that does not pass */

bool sim_host_is_up(const struct sim_world *world, unsigned host)
{
	return world->host[host].node != NULL;
}

int64_t sim_host_wall(const struct sim_world *world, unsigned host)
{
	return SIM_WALL_BASE + world->now_ms + world->host[host].skew_ms;
}

int64_t sim_host_mono(const struct sim_world *world, unsigned host)
{
	const struct sim_host *h = &world->host[host];

	return h->mono_base + world->now_ms - h->boot_ms;
}

static void wake_at(struct sim_world *world, unsigned host, int64_t at_ms)
{
	struct sim_host *h = &world->host[host];

	if (h->wake_ms <= at_ms && h->wake_ms > world->now_ms)
		return;
	h->wake_ms = at_ms;
	sim_heap_push(&world->heap, (struct sim_ev){
	    .at_ms = at_ms, .kind = SIM_EV_WAKE, .host = host, .life = h->life});
}

void sim_host_view(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];

	h->view = memview_view(h->store);
	h->attic_view = sim_attic_view(world, host);
	h->core_view = badview_over(&h->bad, &h->attic_view);
	h->bad.ask = world->conf.sweep != NULL ? sim_sweep_store : NULL;
	h->bad.spoil = world->conf.sweep != NULL ? sim_sweep_row : NULL;
}

/* What the core allocates until core_end() may fail, and is on the host's account. */
static void core_begin(struct sim_host *h)
{
	h->memory.peak = h->memory.held;
	(void)nomem_charge(&h->memory);
	nomem_hold(false);
}

static void core_end(void)
{
	nomem_hold(true);
	(void)nomem_charge(NULL);
}

/* A process that could not start is started again. */
static int create(struct sim_world *world, unsigned host, const struct rep_conf *conf)
{
	struct sim_host *h = &world->host[host];
	int rc;

	sim_sweep_begin(world, host, NULL);
	core_begin(h);
	rc = rep_create(&h->node, conf, &h->core_view);
	core_end();
	sim_sweep_end(world, host, rc);
	if ((badview_has_failed(&h->bad) | nomem_has_failed()) && rc != 0) {
		sim_log(world, host, "could not start (%s), once more", tr_err_code(rc));
		memview_rollback(h->store);
		memview_begin(h->store);
		core_begin(h);
		rc = rep_create(&h->node, conf, &h->core_view);
		core_end();
	}
	return rc;
}

/* Whoever looks for damage may go on over a damaged row, rep_node_broken(); over a disk that fails nobody may. */
static bool took_for_answer(struct sim_host *h)
{
	return badview_has_failed(&h->bad) && h->bad.rc != TR_E_DAMAGED;
}

static void boot(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];
	struct rep_conf conf = {
	    .keys = h->sign,
	    .profile = h->profile,
	    .known = h->known,
	    .proto_min = h->proto_min,
	    .proto_max = h->proto_max,
	    .root_hash = world->root_hash,
	    .version = "sim",
	    .is_fenced = true,
	    .fence = h->has_fence ? &h->fence : NULL,
	    .wall = {sim_host_wall(world, host)},
	    .ckpt_ops = world->ckpt_ops,
	    .ckpt_ms = world->ckpt_ms,
	    .ckpt_slice = world->ckpt_slice,
	    .keep_ms = world->keep_ms,
	    .prune_ops = world->prune_ops,
	    .snap_part = world->snap_part,
	};
	int rc;

	h->boot_ms = world->now_ms;
	h->mono_base = sim_rng_between(&world->host_rng, 1, 1000000);
	conf.mono.ms = h->mono_base;
	sim_rng_bytes(&world->host_rng, conf.seed, sizeof(conf.seed));
	memview_begin(h->store);
	rc = create(world, host, &conf);
	if (rc != 0)
		sim_fail(world, host, "start", "rep_create: %s", tr_err_code(rc));
	memview_commit(h->store);
	(void)nomem_charge(&h->memory);
	h->batch = rep_batch_create();
	(void)nomem_charge(NULL);
	TR_ASSERT(h->batch != NULL);
	h->life++;
	h->wake_ms = 0;
	rep_set_full(h->node, h->is_full);
	sim_log(world, host, "starts");
	wake_at(world, host, world->now_ms);
}

void sim_host_boot(struct sim_world *world, unsigned host)
{
	if (world->host[host].node != NULL || !world->host[host].is_founded)
		return;
	boot(world, host);
	rep_check(world->host[host].node, &world->host[host].view);
	sim_check_restart(world, host);
	sim_sweep_struck(world);
}

static void halt(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];

	if (h->in_txn)
		memview_rollback(h->store);
	h->in_txn = false;
	(void)nomem_charge(&h->memory);
	rep_free(h->node);
	rep_batch_free(h->batch);
	(void)nomem_charge(NULL);
	h->node = NULL;
	h->batch = NULL;
	h->held_max = 0;
	if (h->memory.held != 0)
		sim_fail(world, host, "24", "%lld bytes are left of a node that is gone", (long long)h->memory.held);
	h->life++;
	h->crash = SIM_CRASH_NONE;
	sim_net_host_gone(world, host);
	sim_oracle_host_gone(world, host);
}

void sim_host_crash(struct sim_world *world, unsigned host, int64_t down_ms)
{
	if (!sim_host_is_up(world, host))
		return;
	sim_log(world, host, "crashes, down for %lld ms", (long long)down_ms);
	world->counts.crashes++;
	halt(world, host);
	sim_heap_push(&world->heap, (struct sim_ev){
	    .at_ms = world->now_ms + down_ms, .kind = SIM_EV_START, .host = host});
}

void sim_host_backup(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];

	sim_host_commit(world, host);
	memview_free(h->backup);
	h->backup = memview_clone(h->store);
	sim_log(world, host, "backup is made");
}

void sim_host_restore(struct sim_world *world, unsigned host, int64_t down_ms, bool lose_fence)
{
	struct sim_host *h = &world->host[host];

	if (h->backup == NULL || !sim_host_is_up(world, host))
		return;
	sim_log(world, host, "old backup is restored%s", lose_fence ? ", fence lost" : "");
	sim_host_crash(world, host, down_ms);
	memview_free(h->store);
	h->store = memview_clone(h->backup);
	sim_host_view(world, host);
	h->has_fence = h->has_fence && !lose_fence;
	h->restores++;
	h->fences_lost += lose_fence;
	world->counts.restores++;
	sim_oracle_restored(world, host);
}

void sim_host_replaced(struct sim_world *world, unsigned host)
{
	memview_free(world->host[host].backup);
	world->host[host].backup = NULL;
	sim_stick_forget(world, host);
	sim_part_replaced(world, host);
}

/* The engine's answer to a store or a heap that failed: abort, throw the node away, load again. */
static void store_failed(struct sim_world *world, unsigned host, int rc)
{
	bool broken = badview_has_failed(&world->host[host].bad) | nomem_has_failed();

	if (rc != TR_E_FULL && !broken)
		sim_fail(world, host, "store", "step gave %s", tr_err_code(rc));
	sim_log(world, host, "%s, node loaded again", tr_err_code(rc));
	halt(world, host);
	boot(world, host);
	sim_check_restart(world, host);
	sim_sweep_struck(world);
}

void sim_host_step(struct sim_world *world, unsigned host, struct rep_event *event)
{
	struct sim_host *h = &world->host[host];
	int64_t before;
	int rc;

	if (!sim_host_is_up(world, host))
		return;
	if (!h->in_txn) {
		int64_t in_ms = sim_rng_chance(&world->host_rng, 500)
		    ? 0 : sim_rng_between(&world->host_rng, 1, 20);

		memview_begin(h->store);
		h->in_txn = true;
		sim_heap_push(&world->heap, (struct sim_ev){
		    .at_ms = world->now_ms + in_ms, .kind = SIM_EV_COMMIT,
		    .host = host, .life = h->life});
	}
	event->wall.ms = sim_host_wall(world, host);
	event->mono.ms = sim_host_mono(world, host);
	sim_sweep_begin(world, host, event);
	before = h->memory.held;
	core_begin(h);
	rc = rep_step(h->node, &h->core_view, event, h->batch);
	core_end();
	sim_sweep_end(world, host, rc);
	if (rc == 0 && took_for_answer(h))
		sim_fail(world, host, "store", "event %d took a failed read for an answer", event->kind);
	if (rc != 0) {
		store_failed(world, host, rc);
		return;
	}
	sim_bound_step(world, host, before, event->frame.size);
	if (++h->steps % CHECK_EVERY == 0 && !h->is_rotten) /* and before each commit */
		rep_check(h->node, &h->view);
}

static void effect(struct sim_world *world, unsigned host, const struct rep_effect *fx)
{
	struct sim_host *h = &world->host[host];

	sim_trace(world, ((uint64_t)fx->kind << 56) ^ ((uint64_t)host << 48) ^ fx->link);
	switch (fx->kind) {
	case REP_FX_SEND:
		sim_trace_bytes(world, fx->bytes);
		sim_watch_frame(world, host, fx->link, fx->bytes);
		sim_net_send(world, host, fx->link, fx->bytes);
		break;
	case REP_FX_DIAL: sim_net_dial(world, host, &fx->key); break;
	case REP_FX_CLOSE: sim_net_close(world, host, fx->link); break;
	case REP_FX_ALLOW: sim_net_allow(world, host, &fx->key, fx->allow); break;
	case REP_FX_REPLY:
		sim_trace(world, fx->reply.ticket ^ ((uint64_t)(uint32_t)fx->reply.rc << 32));
		sim_oracle_reply(world, host, &fx->reply, true);
		sim_found_reply(world, host, &fx->reply);
		if (world->on_reply != NULL)
			world->on_reply(world, host, &fx->reply);
		break;
	case REP_FX_TRACE: sim_watch_trace(world, host, &fx->trace); break;
	case REP_FX_BUNDLE:
		if (h->bundle != NULL) {
			sim_watch_stick(world, host, fx->bytes);
			sim_frames_push(h->bundle, fx->bytes);
		}
		break;
	}
}

/* After a commit that nobody hears of: the writes are durable all the same, and
 * what would have been told was decided on. */
static void drain_unheard(struct sim_world *world, unsigned host)
{
	const struct rep_effect *fx;

	while ((fx = rep_batch_next(world->host[host].batch)) != NULL) {
		if (fx->kind == REP_FX_REPLY)
			sim_oracle_reply(world, host, &fx->reply, false);
		else if (fx->kind == REP_FX_TRACE)
			sim_part_trace(world, host, &fx->trace);
	}
}

static void drain(struct sim_world *world, unsigned host, int64_t effects_max)
{
	struct sim_host *h = &world->host[host];
	const struct rep_effect *fx;

	for (int64_t i = 0; i < effects_max; i++) {
		fx = rep_batch_next(h->batch);
		if (fx == NULL)
			return;
		effect(world, host, fx);
	}
}

#ifdef SIM_MUTANT_ACK_FIRST
#define ACK_FIRST true
#else
#define ACK_FIRST false
#endif

static bool crash_if(struct sim_world *world, unsigned host, enum sim_crash when)
{
	if (world->host[host].crash != when)
		return false;
	sim_log(world, host, "crash: %s", when == SIM_CRASH_BEFORE_COMMIT ? "before the commit"
	    : when == SIM_CRASH_AFTER_COMMIT ? "after the commit" : "while effects go out");
	sim_host_crash(world, host, world->host[host].crash_down_ms);
	return true;
}

void sim_host_commit(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];
	int64_t before = h->memory.held;
	int rc;

	if (!h->in_txn)
		return;
	sim_sweep_begin(world, host, NULL);
	core_begin(h);
	rc = rep_flush(h->node, &h->core_view, (struct tr_wall_ms){sim_host_wall(world, host)},
	    (struct tr_mono_ms){sim_host_mono(world, host)}, h->batch);
	core_end();
	sim_sweep_end(world, host, rc);
	if (rc == 0 && took_for_answer(h))
		sim_fail(world, host, "store", "flush took a failed read for an answer");
	if (rc != 0) {
		store_failed(world, host, rc);
		return;
	}
	sim_bound_step(world, host, before, 0);
	if (!h->is_rotten)
		rep_check(h->node, &h->view);
	if (ACK_FIRST) {
		rep_committed(h->node, h->batch);
		drain(world, host, INT64_MAX);
	}
	if (crash_if(world, host, SIM_CRASH_BEFORE_COMMIT))
		return;
	memview_commit(h->store);
	h->in_txn = false;
	if (h->crash != SIM_CRASH_AFTER_COMMIT) {
		rep_fence(h->node, &h->fence);
		h->has_fence = true;
	}
	if (!ACK_FIRST)
		rep_committed(h->node, h->batch);
	if (h->crash == SIM_CRASH_IN_EFFECTS)
		drain(world, host, sim_rng_between(&world->host_rng, 0, 5));
	if (h->crash == SIM_CRASH_IN_EFFECTS || h->crash == SIM_CRASH_AFTER_COMMIT) {
		drain_unheard(world, host);
		crash_if(world, host, h->crash);
		return;
	}
	drain(world, host, INT64_MAX);
	(void)nomem_charge(&h->memory);
	rep_batch_reset(h->batch);
	(void)nomem_charge(NULL);
	sim_bound_held(world, host);
	sim_host_wake(world, host);
}

/* Sets the alarm for the core's next deadline. */
void sim_host_wake(struct sim_world *world, unsigned host)
{
	int64_t deadline = rep_deadline(world->host[host].node);
	int64_t in_ms;

	if (deadline == INT64_MAX)
		return;
	in_ms = deadline - sim_host_mono(world, host);
	if (in_ms > 0)
		world->host[host].spins = 0;
	else if (++world->host[host].spins > SPINS_MAX)
		sim_fail(world, host, "progress", "deadline stays in the past, %u wake-ups", SPINS_MAX);
	wake_at(world, host, world->now_ms + (in_ms > 0 ? in_ms : 0));
}
