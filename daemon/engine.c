/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of an event:
 *
 *   door, carrier, timer -> td_engine_step()   rep_step() into the open transaction
 *                                              (more events of this turn)
 *   nothing left to read -> td_engine_commit() rep_flush, LMDB commit, rep_committed
 *                                              sends, dials, closes, traces
 *                        -> td_engine_answers_out()   the doors' callbacks
 *
 * "Nothing left to read" is libev's idle watcher; under load the prepare
 * watcher commits after TR_GROUP_EVENTS_MAX steps or TR_GROUP_MS_MAX.
 * Here: the loop's watchers, start and stop, the doors.  engine_step.c has the rest.
 */
#include "daemon/engine.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "daemon/engine_int.h"
#include "daemon/fence.h"
#include "daemon/log.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "proto/grow.h"
#include "proto/limits.h"

/* -------------------------------------------------------------- nothing left to read */

static void quiet(struct td_engine *engine)
{
	if (!td_store_is_open(engine->store) && engine->answer_count == 0)
		ev_idle_stop(engine->loop, &engine->idle);
}

static void on_idle(struct ev_loop *loop, ev_idle *watcher, int events)
{
	struct td_engine *engine = watcher->data;

	(void)loop, (void)events;
	(void)td_engine_commit(engine); /* its errors were handled there */
	td_engine_answers_out(engine);
	quiet(engine);
}

static void on_prepare(struct ev_loop *loop, ev_prepare *watcher, int events)
{
	struct td_engine *engine = watcher->data;

	(void)loop, (void)events;
	engine->read_is_fresh = false;
	if (td_store_is_open(engine->store) && (engine->steps >= TR_GROUP_EVENTS_MAX ||
	    td_sys_mono().ms - engine->opened_ms >= TR_GROUP_MS_MAX))
		(void)td_engine_commit(engine);
	td_engine_answers_out(engine);
}

/* ---------------------------------------------------------------------- timers */

static void on_deadline(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct td_engine *engine = watcher->data;
	struct rep_event event = {.kind = REP_EV_TICK};

	(void)loop, (void)events;
	if (td_engine_step(engine, &event) != 0 && !engine->is_dead)
		td_engine_arm(engine); /* a commit, which arms it else, does not come */
}

static void on_second(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct td_engine *engine = watcher->data;

	(void)loop, (void)events;
	if (!engine->is_dead)
		td_engine_watch_room(engine);
}

static void watchers_start(struct td_engine *engine)
{
	ev_prepare_init(&engine->prepare, on_prepare);
	ev_idle_init(&engine->idle, on_idle);
	/* The first turn of the loop: the doors are open then and miss nothing. */
	ev_timer_init(&engine->deadline, on_deadline, 0.001, 0.);
	ev_timer_init(&engine->second, on_second, 0.001, 1.);
	engine->prepare.data = engine->idle.data = engine;
	engine->deadline.data = engine->second.data = engine;
	ev_prepare_start(engine->loop, &engine->prepare);
	ev_timer_start(engine->loop, &engine->deadline);
	ev_timer_start(engine->loop, &engine->second);
}

/* -------------------------------------------------------------- start and stop */

int td_engine_start(struct td_engine **out, struct ev_loop *loop,
    struct td_store *store, const struct td_conf *conf)
{
	struct td_engine *engine = calloc(1, sizeof(*engine));
	int rc = TR_E_NOMEM;

	if (engine == NULL)
		return rc;
	engine->loop = loop;
	engine->store = store;
	engine->conf = conf;
	engine->start_ms = td_sys_wall().ms;
	engine->next_ticket = engine->open.base = 1;
	engine->link_floor = engine->link_top = 1;
	engine->batch = rep_batch_create();
	engine->done_batch = rep_batch_create();
	if (engine->batch == NULL || engine->done_batch == NULL)
		goto fail;
	rc = td_engine_node_keys(engine);
	if (rc != 0)
		goto fail;
	rc = td_engine_node_fence(engine);
	if (rc != 0)
		goto fail;
	rc = td_engine_node_load(engine);
	if (rc != 0) {
		td_log(TD_LOG_ERROR, "node", "code=%s store=%s text=\"%s\"", tr_err_code(rc), conf->store_path,
		    rc == TR_E_FORGED ? "node.key is not the key of this store's certificate, or the store was changed"
				      : tr_err_message(rc));
		goto fail;
	}
	rc = td_engine_node_unit(engine);
	if (rc != 0)
		goto fail;
	rc = td_engine_net_start(engine);
	if (rc != 0) {
		td_log(TD_LOG_ERROR, "carrier", "code=%s", tr_err_code(rc));
		goto fail;
	}
	watchers_start(engine);
	*out = engine;
	return 0;

fail:
	td_engine_stop(engine);
	return rc;
}

void td_engine_flush(struct td_engine *engine)
{
	if (engine->node != NULL && !engine->is_dead)
		(void)td_engine_commit(engine); /* a failure was answered to those who wait */
	td_engine_answers_out(engine);
}

void td_engine_stop(struct td_engine *engine)
{
	if (engine == NULL)
		return;
	td_engine_flush(engine);
	ev_prepare_stop(engine->loop, &engine->prepare);
	ev_idle_stop(engine->loop, &engine->idle);
	ev_timer_stop(engine->loop, &engine->deadline);
	ev_timer_stop(engine->loop, &engine->second);
	td_net_stop(engine->net);
	td_store_abort(engine->store);
	rep_free(engine->node);
	rep_batch_free(engine->batch);
	rep_batch_free(engine->done_batch);
	td_fence_close(engine->fence);
	td_keyfile_wipe(engine->keys);
	sodium_free(engine->keys);
	free(engine->open.list);
	free(engine->done.list);
	free(engine->answers);
	free(engine->links);
	free(engine->allowed);
	free(engine->watchers);
	free(engine);
}

void td_engine_set_hooks(struct td_engine *engine, const struct td_engine_hooks *hooks)
{
	engine->hooks = *hooks;
	if (hooks->listening != NULL && engine->listen_address[0] != '\0')
		hooks->listening(hooks->arg, engine->listen_address);
}

int td_engine_set_conf(struct td_engine *engine, const struct td_conf *conf)
{
	if (strcmp(conf->unit, engine->conf->unit) != 0)
		return TR_E_CONF;
	engine->conf = conf;
	rep_set_keep(engine->node, conf->keep_ms);
	if (!engine->is_dead)
		td_engine_arm(engine); /* there may be something to drop at once */
	return 0;
}

/* ------------------------------------------------------------------- the doors */

/* Registers who waits; 0 if there is no memory. */
static uint64_t ticket_take(struct td_engine *engine, td_reply_fn *fn, void *arg)
{
	struct engine_waiters *open = &engine->open;
	struct engine_waiter *list = tr_grow(open->list, open->count, &open->cap, sizeof(*list));

	if (list == NULL)
		return 0;
	open->list = list;
	open->list[open->count++] = (struct engine_waiter){fn, arg, false};
	return engine->next_ticket++;
}

/* A ticketed event: whatever happens, fn gets exactly one answer, later. */
static void ask(struct td_engine *engine, struct rep_event *event, uint64_t *ticket,
    td_reply_fn *fn, void *arg)
{
	struct rep_reply reply = {.rc = TR_E_NOMEM};
	struct engine_waiter waiter = {fn, arg, false};
	uint64_t mine = ticket_take(engine, fn, arg);
	int rc;

	*ticket = mine;
	if (mine == 0) {
		td_engine_answer(engine, &waiter, &reply);
		return;
	}
	rc = td_engine_step(engine, event);
	if (rc == 0)
		return;
	/* refused before it was a step, so the failure did not answer it */
	if (engine->open.count > 0 && !engine->open.list[engine->open.count - 1].is_answered &&
	    engine->open.base + engine->open.count - 1 == mine) {
		reply.rc = rc;
		reply.ticket = mine;
		td_engine_answer(engine, &engine->open.list[engine->open.count - 1], &reply);
	}
}

void td_engine_write(struct td_engine *engine, struct rep_write *write, td_reply_fn *fn, void *arg)
{
	struct rep_event event = {.kind = REP_EV_WRITE, .write = write};

	ask(engine, &event, &write->ticket, fn, arg);
}

void td_engine_policy(struct td_engine *engine, struct rep_policy_send *send, td_reply_fn *fn, void *arg)
{
	struct rep_event event = {.kind = REP_EV_POLICY, .policy = send};

	ask(engine, &event, &send->ticket, fn, arg);
}

void td_engine_invite(struct td_engine *engine, struct rep_invite *invite, td_reply_fn *fn, void *arg)
{
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = invite};

	ask(engine, &event, &invite->ticket, fn, arg);
}

void td_engine_key(struct td_engine *engine, struct rep_key_act *act, td_reply_fn *fn, void *arg)
{
	struct rep_event event = {.kind = REP_EV_KEY, .key_act = act};

	ask(engine, &event, &act->ticket, fn, arg);
}

void td_engine_mend(struct td_engine *engine, struct rep_mend *mend, td_reply_fn *fn, void *arg)
{
	struct rep_event event = {.kind = REP_EV_MEND, .mend = mend};

	ask(engine, &event, &mend->ticket, fn, arg);
}

void td_engine_audit(struct td_engine *engine, struct rep_audit_ask *audit, td_reply_fn *fn, void *arg)
{
	struct rep_event event = {.kind = REP_EV_AUDIT, .audit = audit};

	ask(engine, &event, &audit->ticket, fn, arg);
}

void td_engine_pause(struct td_engine *engine, struct tr_nid peer, enum rep_pause what)
{
	struct rep_event event = {.kind = REP_EV_PAUSE, .peer = peer, .pause = what};

	(void)td_engine_step(engine, &event);
}
