/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of an event:
 *
 *   door, carrier, timer -> td_engine_step()   rep_step() into the open transaction
 *                                              (more events of this turn)
 *   nothing left to read -> td_engine_commit() rep_flush, LMDB commit, rep_committed
 *                        -> td_engine_drain()  sends, dials, closes, traces
 *                        -> td_engine_answers_out()   the doors' callbacks
 *
 * "Nothing left to read" is libev's idle watcher; under load the prepare
 * watcher commits after TR_GROUP_EVENTS_MAX steps or TR_GROUP_MS_MAX.
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
#include "proto/limits.h"
#include "replication/sign.h"

#define FAILURES_MAX 8      /* in a row; then the store is given up */
#define HOLD_FIRST_MS 50     /* pause after the third failure in a row, doubled each time */
#define HOLD_AFTER 3
#define FULL_AGAIN_PERCENT (TR_STORE_STOP_PERCENT - 2)

bool td_engine_grow(void **list, size_t count, size_t *cap, size_t item)
{
	size_t more = *cap != 0 ? *cap * 2 : 16;
	void *grown;

	if (count < *cap)
		return true;
	grown = realloc(*list, more * item);
	if (grown == NULL)
		return false;
	*list = grown;
	*cap = more;
	return true;
}

/* ------------------------------------------------------------ node and failure */

/* On success the node is a new one; on failure the old one, if any, can still be looked into. */
static int node_load(struct td_engine *engine)
{
	struct rep_conf conf = {
		.keys = engine->keys->sign,
		.profile = engine->conf->profile,
		.root_hash = engine->keys->root_hash,
		.version = TERRACE_VERSION,
		.is_fenced = engine->fence != NULL,
		.fence = engine->fence != NULL ? td_fence_read(engine->fence) : NULL,
		.wall = td_sys_wall(),
		.mono = td_sys_mono(),
	};
	struct rep_node *node = NULL;
	int rc = td_store_begin(engine->store);

	td_sys_random(conf.seed, sizeof(conf.seed));
	if (rc == 0)
		rc = rep_create(&node, &conf, td_store_view(engine->store));
	if (rc == 0)
		rc = td_store_commit(engine->store); /* nothing to write: costs nothing */
	td_store_abort(engine->store);
	sodium_memzero(&conf, sizeof(conf));
	if (rc != 0) {
		rep_free(node);
		return rc;
	}
	rep_free(engine->node);
	engine->node = node;
	rep_set_full(node, engine->is_full);
	return 0;
}

void td_engine_die(struct td_engine *engine, int rc, const char *text)
{
	char quoted[400];

	if (engine->is_dead)
		return;
	engine->is_dead = true;
	td_log(TD_LOG_ERROR, "fatal", "code=%s text=%s", tr_err_code(rc),
	    td_log_quote(text, quoted, sizeof(quoted)));
	if (engine->hooks.fatal != NULL)
		engine->hooks.fatal(engine->hooks.arg, rc, text);
}

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
static void watch_room(struct td_engine *engine)
{
	int percent = td_store_percent(engine->store);

	if (percent >= TR_STORE_STOP_PERCENT)
		set_full(engine, true, percent);
	else if (percent < FULL_AGAIN_PERCENT)
		set_full(engine, false, percent);
	if (percent >= TR_STORE_WARN_PERCENT && !engine->is_warned)
		td_log(TD_LOG_WARN, "store-filling", "percent=%d stops_at=%d", percent, TR_STORE_STOP_PERCENT);
	engine->is_warned = percent >= TR_STORE_WARN_PERCENT;
}

static void arm(struct td_engine *engine);

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
	if (rc == TR_E_IO || (rc != TR_E_FULL && engine->failures >= FAILURES_MAX)) {
		td_engine_die(engine, rc, td_store_error(engine->store));
		return rc;
	}
	td_engine_close_all(engine); /* they say hello again to the new node */
	load_rc = node_load(engine);
	if (load_rc != 0) {
		td_engine_die(engine, load_rc, "the node could not be loaded again");
		return rc;
	}
	if (rc == TR_E_FULL)
		set_full(engine, true, td_store_percent(engine->store));
	hold(engine);
	arm(engine);
	return rc;
}

/* ------------------------------------------------------------- step and commit */

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

/* Before anything leaves: what a peer may have seen of us is behind the fence. */
static void keep_fence(struct td_engine *engine)
{
	struct rep_fence now;

	if (engine->fence == NULL)
		return;
	rep_fence(engine->node, &now);
	if (td_fence_write(engine->fence, &now) != 0)
		td_log(TD_LOG_ERROR, "fence", "path=%s text=\"could not be written\"", engine->conf->fence_file);
}

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
	keep_fence(engine);
	rep_committed(engine->node, batch);
	engine->batch = engine->done_batch;
	engine->done_batch = batch;
	engine->open = engine->done;
	engine->open.count = 0;
	engine->open.base = engine->next_ticket;
	engine->done = open;
	engine->is_draining = true;
	td_engine_drain(engine);
	engine->is_draining = false;
	rep_batch_reset(engine->done_batch);
	watch_room(engine);
	arm(engine);
	return 0;
}

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

static void arm(struct td_engine *engine)
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

static void on_deadline(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct td_engine *engine = watcher->data;
	struct rep_event event = {.kind = REP_EV_TICK};

	(void)loop, (void)events;
	if (td_engine_step(engine, &event) != 0 && !engine->is_dead)
		arm(engine); /* a commit, which arms it else, does not come */
}

static void on_second(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct td_engine *engine = watcher->data;

	(void)loop, (void)events;
	if (!engine->is_dead)
		watch_room(engine);
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

static int keys_load(struct td_engine *engine)
{
	char text[400], quoted[500];
	int rc;

	engine->keys = sodium_malloc(sizeof(*engine->keys)); /* locked, guarded */
	if (engine->keys == NULL)
		return TR_E_NOMEM;
	memset(engine->keys, 0, sizeof(*engine->keys));
	rc = td_keyfile_load(engine->conf->key_file, engine->keys, text, sizeof(text));
	if (rc != 0)
		td_log(TD_LOG_ERROR, "key", "code=%s text=%s", tr_err_code(rc),
		    td_log_quote(text, quoted, sizeof(quoted)));
	return rc;
}

/* A node without a fence works; only a restored store goes unnoticed. */
static void fence_open(struct td_engine *engine)
{
	char text[400], quoted[500];

	engine->fence = td_fence_open(engine->conf->fence_file, text, sizeof(text));
	if (engine->fence == NULL)
		td_log(TD_LOG_ERROR, "fence", "text=%s", td_log_quote(text, quoted, sizeof(quoted)));
}

static int unit_check(struct td_engine *engine)
{
	struct rep_self self;

	rep_inspect_self(engine->node, &self);
	if (strcmp(self.cert.unit, engine->conf->unit) == 0)
		return 0;
	td_log(TD_LOG_ERROR, "unit", "configured=%s certificate=%s", engine->conf->unit, self.cert.unit);
	return TR_E_CONF;
}

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
	rc = keys_load(engine);
	if (rc != 0)
		goto fail;
	fence_open(engine);
	rc = node_load(engine);
	if (rc != 0) {
		td_log(TD_LOG_ERROR, "node", "code=%s store=%s", tr_err_code(rc), conf->store_path);
		goto fail;
	}
	rc = unit_check(engine);
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

/* ------------------------------------------------------------------- the doors */

/* Registers who waits; 0 if there is no memory. */
static uint64_t ticket_take(struct td_engine *engine, td_reply_fn *fn, void *arg)
{
	struct engine_waiters *open = &engine->open;
	void *list = open->list;

	if (!td_engine_grow(&list, open->count, &open->cap, sizeof(*open->list)))
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

void td_engine_invite(struct td_engine *engine, struct rep_invite *invite, td_reply_fn *fn, void *arg)
{
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = invite};

	ask(engine, &event, &invite->ticket, fn, arg);
}

void td_engine_pause(struct td_engine *engine, struct tr_nid peer, enum rep_pause what)
{
	struct rep_event event = {.kind = REP_EV_PAUSE, .peer = peer, .pause = what};

	(void)td_engine_step(engine, &event);
}

/* ----------------------------------------------------------------- looking in */

const struct rep_node *td_engine_node(const struct td_engine *engine)
{
	return engine->node;
}

const struct rep_view *td_engine_read(struct td_engine *engine)
{
	if (!engine->read_is_fresh)
		engine->read = td_store_read(engine->store);
	engine->read_is_fresh = true;
	return engine->read;
}

struct td_store *td_engine_store(struct td_engine *engine)
{
	return engine->store;
}

const struct td_conf *td_engine_conf(const struct td_engine *engine)
{
	return engine->conf;
}

int td_engine_set_conf(struct td_engine *engine, const struct td_conf *conf)
{
	if (strcmp(conf->unit, engine->conf->unit) != 0)
		return TR_E_CONF;
	engine->conf = conf;
	return 0;
}

int64_t td_engine_start_ms(const struct td_engine *engine)
{
	return engine->start_ms;
}

bool td_engine_is_full(const struct td_engine *engine)
{
	return engine->is_full;
}

const char *td_engine_listen_address(const struct td_engine *engine)
{
	return engine->listen_address;
}

void td_engine_sign(const struct td_engine *engine, const char *purpose, struct tr_bytes msg, uint8_t sig[static 64])
{
	rep_sign(purpose, msg, engine->keys->sign.sk, sig);
}
