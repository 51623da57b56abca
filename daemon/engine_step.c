/* SPDX-License-Identifier: Apache-2.0 */
/* A step, its failure, the commit of a group and what that wants done. */
#include "daemon/engine_int.h"
#include "daemon/log.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "proto/limits.h"

#define FAILURES_MAX 8      /* in a row; then the store is given up */
#define HOLD_FIRST_MS 50     /* pause after the third failure in a row, doubled each time */
#define HOLD_AFTER 3
#define FULL_AGAIN_PERCENT (TR_STORE_STOP_PERCENT - 2)
#define FULL_PAUSE_MS 5000 /* a commit that did not fit: the links go first, then new lines */

/* ------------------------------------------------------- room, pauses, failure */

static void set_full(struct td_engine *engine, bool full, int percent)
{
	if (engine->is_full == full)
		return;
	engine->is_full = full;
	rep_set_full(engine->node, full);
	td_log(full ? TD_LOG_ERROR : TD_LOG_NOTICE, full ? "store-full" : "store-room",
	    "percent=%d intake=%s", percent, full ? "stopped" : "open");
}

/*
 * Also after each commit, not only each second: what is above the mark belongs
 * to acknowledgements and to what the neighbours send.
 */
void td_engine_watch_room(struct td_engine *engine)
{
	int percent = td_store_percent(engine->store);

	if (percent >= TR_STORE_STOP_PERCENT)
		set_full(engine, true, percent);
	else if (percent < FULL_AGAIN_PERCENT && td_sys_mono().ms >= engine->full_until_ms)
		set_full(engine, false, percent);
	if (percent >= TR_STORE_WARN_PERCENT && !engine->is_warned)
		td_log(TD_LOG_WARN, "store-filling", "percent=%d stops_at=%d", percent, TR_STORE_STOP_PERCENT);
	engine->is_warned = percent >= TR_STORE_WARN_PERCENT;
}

void td_engine_arm(struct td_engine *engine)
{
	int64_t due = rep_deadline(engine->node), left;

	if (engine->hold_until_ms > due)
		due = engine->hold_until_ms;
	ev_timer_stop(engine->loop, &engine->deadline);
	if (due == INT64_MAX)
		return;
	left = due - td_sys_mono().ms;
	ev_timer_set(&engine->deadline, left > 1 ? (double)left / 1000.0 : 0.001, 0.);
	ev_timer_start(engine->loop, &engine->deadline);
}

/* A store that fails again and again gets pauses that grow. */
static void hold(struct td_engine *engine)
{
	unsigned over = engine->failures > HOLD_AFTER ? engine->failures - HOLD_AFTER : 0;

	engine->hold_until_ms = over == 0 ? 0 :
	    td_sys_mono().ms + ((int64_t)HOLD_FIRST_MS << (over < 7 ? over : 7));
}

/*
 * Nothing of the open group is on disk, so nothing of it happened: it is
 * dropped, everybody is told, and the node is loaded again from the store.
 */
static int fail(struct td_engine *engine, int rc)
{
	char text[400];
	int load_rc;

	td_log(TD_LOG_ERROR, "commit-failed", "code=%s steps=%u text=%s", tr_err_code(rc), engine->steps,
	    td_log_quote(td_store_error(engine->store), text, sizeof(text)));
	td_store_abort(engine->store);
	td_engine_answer_all(engine, &engine->open, rc);
	rep_batch_reset(engine->batch);
	engine->steps = 0;
	engine->failures++;
	engine->lost++;
	if (rc == TR_E_IO || (rc != TR_E_FULL && engine->failures >= FAILURES_MAX)) {
		td_engine_die(engine, rc, td_store_error(engine->store));
		return rc;
	}
	td_engine_close_all(engine); /* they say hello again to the new node */
	load_rc = td_engine_node_load(engine);
	if (load_rc != 0) {
		td_engine_die(engine, load_rc, "the node could not be loaded again");
		return rc;
	}
	if (rc == TR_E_FULL) {
		engine->full_until_ms = td_sys_mono().ms + FULL_PAUSE_MS;
		set_full(engine, true, td_store_percent(engine->store));
	}
	hold(engine);
	td_engine_arm(engine);
	return rc;
}

/* ------------------------------------------------------------------------ step */

int td_engine_step(struct td_engine *engine, struct rep_event *event)
{
	int rc;

	event->wall = td_sys_wall();
	event->mono = td_sys_mono();
	if (engine->is_dead)
		return TR_E_IO;
	if (engine->hold_until_ms > event->mono.ms)
		return engine->is_full ? TR_E_FULL : TR_E_BUSY;
	if (!td_store_is_open(engine->store)) {
		rc = td_store_begin(engine->store);
		if (rc != 0)
			return fail(engine, rc);
		engine->opened_ms = event->mono.ms;
		engine->steps = 0;
		ev_idle_start(engine->loop, &engine->idle);
	}
	engine->steps++;
	rc = rep_step(engine->node, td_store_view(engine->store), event, engine->batch);
	return rc == 0 ? 0 : fail(engine, rc);
}

/* --------------------------------------------------------------------- effects */

static void on_reply(struct td_engine *engine, const struct rep_reply *reply)
{
	uint64_t i = reply->ticket - engine->done.base;

	if (reply->ticket < engine->done.base || i >= engine->done.count)
		return; /* of a node that was dropped */
	if (!engine->done.list[i].is_answered)
		td_engine_answer(engine, &engine->done.list[i], reply);
}

static void on_bundle(struct td_engine *engine, struct tr_bytes msg)
{
	if (engine->bundle_emit != NULL && engine->bundle_rc == 0)
		engine->bundle_rc = engine->bundle_emit(engine->bundle_arg, msg);
}

/* Whom it cannot dial, the core hears at once, as of any other that is out of reach. */
static void dial(struct td_engine *engine, const struct tr_key *key)
{
	struct rep_event event = {.kind = REP_EV_LINK_DOWN, .link = REP_LINK_UP, .down = REP_DOWN_UNREACHABLE};

	if (td_engine_dial(engine, key) != 0)
		(void)td_engine_step(engine, &event);
}

static void carry_out(struct td_engine *engine, const struct rep_effect *effect)
{
	switch (effect->kind) {
	case REP_FX_SEND: td_net_send(engine->net, effect->link, effect->bytes); break;
	case REP_FX_DIAL: dial(engine, &effect->key); break;
	case REP_FX_CLOSE: td_engine_close(engine, effect->link); break;
	case REP_FX_ALLOW: td_engine_allow(engine, &effect->key, effect->allow); break;
	case REP_FX_REPLY: on_reply(engine, &effect->reply); break;
	case REP_FX_TRACE: td_engine_trace(engine, &effect->trace); break;
	case REP_FX_BUNDLE: on_bundle(engine, effect->bytes); break;
	}
}

static void drain(struct td_engine *engine)
{
	const struct rep_effect *effect;

	while ((effect = rep_batch_next(engine->done_batch)) != NULL)
		carry_out(engine, effect);
	/* The core answers a write in the step that takes it. */
	td_engine_answer_all(engine, &engine->done, TR_E_INTERNAL);
}

/* ---------------------------------------------------------------------- commit */

int td_engine_commit(struct td_engine *engine)
{
	struct rep_batch *batch = engine->batch;
	struct engine_waiters open = engine->open;
	int rc;

	TR_ASSERT(!engine->is_draining);
	if (!td_store_is_open(engine->store))
		return 0;
	rc = rep_flush(engine->node, td_store_view(engine->store), td_sys_wall(), td_sys_mono(), batch);
	if (rc == 0)
		rc = td_store_commit(engine->store);
	if (rc != 0)
		return fail(engine, rc);
	engine->read_is_fresh = false;
	engine->failures = 0;
	engine->hold_until_ms = 0;
	rc = td_engine_node_keep_fence(engine);
	if (rc != 0) {
		/* It is on disk, but nobody hears of it: who waits asks the next daemon. */
		td_engine_answer_all(engine, &engine->open, rc);
		rep_batch_reset(batch);
		td_engine_die(engine, rc, "the fence file could not be written");
		return rc;
	}
	rep_committed(engine->node, batch);
	engine->batch = engine->done_batch;
	engine->done_batch = batch;
	engine->open = engine->done;
	engine->open.count = 0;
	engine->open.base = engine->next_ticket;
	engine->done = open;
	engine->is_draining = true;
	drain(engine);
	engine->is_draining = false;
	rep_batch_reset(engine->done_batch);
	td_engine_watch_room(engine);
	td_engine_arm(engine);
	return 0;
}
