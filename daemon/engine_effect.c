/* SPDX-License-Identifier: Apache-2.0 */
/* What a committed group wants done: sends, answers, traces, bundles. */
#include <stdlib.h>

#include "daemon/engine_int.h"
#include "daemon/log.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "proto/limits.h"

#define IMPORT_GROUP 256 /* frames of a bundle in one commit */

/* --------------------------------------------------------------------- answers */

void td_engine_answer(struct td_engine *engine, struct engine_waiter *waiter, const struct rep_reply *reply)
{
	void *list = engine->answers;

	waiter->is_answered = true;
	if (waiter->fn == NULL)
		return;
	if (!td_engine_grow(&list, engine->answer_count, &engine->answer_cap, sizeof(*engine->answers))) {
		/* an answer that is lost would leave its client waiting for ever */
		td_engine_die(engine, TR_E_NOMEM, "no memory for answers");
		return;
	}
	engine->answers = list;
	engine->answers[engine->answer_count++] = (struct engine_answer){waiter->fn, waiter->arg, *reply};
	ev_idle_start(engine->loop, &engine->idle);
}

void td_engine_answer_all(struct td_engine *engine, struct engine_waiters *waiters, int rc)
{
	struct rep_reply reply = {.rc = rc};

	for (size_t i = 0; i < waiters->count; i++) {
		if (waiters->list[i].is_answered)
			continue;
		reply.ticket = waiters->base + i;
		td_engine_answer(engine, &waiters->list[i], &reply);
	}
	waiters->count = 0;
	waiters->base = engine->next_ticket;
}

void td_engine_answers_out(struct td_engine *engine)
{
	size_t count = engine->answer_count; /* what callbacks add waits for the next turn */

	for (size_t i = 0; i < count; i++) {
		struct engine_answer answer = engine->answers[i]; /* the list may move */

		engine->answers[i].fn = NULL;
		if (answer.fn != NULL)
			answer.fn(answer.arg, &answer.reply);
	}
	for (size_t i = count; i < engine->answer_count; i++)
		engine->answers[i - count] = engine->answers[i];
	engine->answer_count -= count;
}

static void forget_in(struct engine_waiters *waiters, const void *arg)
{
	for (size_t i = 0; i < waiters->count; i++)
		if (waiters->list[i].arg == arg)
			waiters->list[i].fn = NULL;
}

void td_engine_forget(struct td_engine *engine, void *arg)
{
	forget_in(&engine->open, arg);
	forget_in(&engine->done, arg);
	for (size_t i = 0; i < engine->answer_count; i++)
		if (engine->answers[i].arg == arg)
			engine->answers[i].fn = NULL;
}

static void on_reply(struct td_engine *engine, const struct rep_reply *reply)
{
	uint64_t i = reply->ticket - engine->done.base;

	if (reply->ticket < engine->done.base || i >= engine->done.count)
		return; /* of a node that was dropped */
	if (!engine->done.list[i].is_answered)
		td_engine_answer(engine, &engine->done.list[i], reply);
}

/* ---------------------------------------------------------------------- traces */

static bool has_id(const struct tr_rec_id *id)
{
	for (size_t i = 0; i < sizeof(id->b); i++)
		if (id->b[i] != 0)
			return true;
	return false;
}

/* Log line: peer by its code path, record by the first 8 digits that people use. */
static void trace_log(struct td_engine *engine, const struct rep_trace *trace)
{
	int level = td_log_level_of(rep_trace_level(trace->code));
	char peer[TR_UNIT_PATH_MAX + 8] = "", rec[24] = "", text[200] = "", quoted[160];
	char what[64];
	struct rep_unit_info unit;

	if (trace->peer.v != 0 && rep_unit_get(engine->node, trace->peer, &unit))
		snprintf(peer, sizeof(peer), "peer=%s ", unit.unit);
	else if (trace->peer.v != 0)
		snprintf(peer, sizeof(peer), "peer=%016llx ", (unsigned long long)trace->peer.v);
	if (has_id(&trace->rec))
		snprintf(rec, sizeof(rec), "record=%02x%02x%02x%02x ", trace->rec.b[0],
		    trace->rec.b[1], trace->rec.b[2], trace->rec.b[3]);
	if (trace->code == REP_TRACE_LINK_STATE)
		snprintf(what, sizeof(what), "from=%s to=%s", rep_link_state_name((enum rep_link_state)trace->a),
		    rep_link_state_name((enum rep_link_state)trace->b));
	else
		snprintf(what, sizeof(what), "a=%llu b=%llu", (unsigned long long)trace->a,
		    (unsigned long long)trace->b);
	if (trace->text != NULL)
		snprintf(text, sizeof(text), " text=%s", td_log_quote(trace->text, quoted, sizeof(quoted)));
	td_log(level < 0 ? TD_LOG_INFO : (enum td_log_level)level, rep_trace_code_name(trace->code),
	    "%s%s%s%s", peer, rec, what, text);
}

static void on_trace(struct td_engine *engine, const struct rep_trace *trace)
{
	int64_t now = td_sys_wall().ms;

	trace_log(engine, trace);
	for (size_t i = 0; i < engine->watcher_count; i++)
		if (engine->watchers[i].fn != NULL)
			engine->watchers[i].fn(engine->watchers[i].arg, now, trace);
}

void td_engine_watch(struct td_engine *engine, td_trace_fn *fn, void *arg)
{
	void *list = engine->watchers;

	for (size_t i = 0; i < engine->watcher_count; i++) {
		if (engine->watchers[i].fn == NULL) { /* the place of one that left */
			engine->watchers[i] = (struct engine_watcher){fn, arg};
			return;
		}
	}
	if (!td_engine_grow(&list, engine->watcher_count, &engine->watcher_cap, sizeof(*engine->watchers)))
		return; /* it sees no traces; nothing else is lost */
	engine->watchers = list;
	engine->watchers[engine->watcher_count++] = (struct engine_watcher){fn, arg};
}

void td_engine_unwatch(struct td_engine *engine, void *arg)
{
	for (size_t i = 0; i < engine->watcher_count; i++)
		if (engine->watchers[i].arg == arg)
			engine->watchers[i].fn = NULL;
}

/* --------------------------------------------------------------------- effects */

static void on_bundle(struct td_engine *engine, struct tr_bytes msg)
{
	if (engine->bundle_emit != NULL && engine->bundle_rc == 0)
		engine->bundle_rc = engine->bundle_emit(engine->bundle_arg, msg);
}

static void carry_out(struct td_engine *engine, const struct rep_effect *effect)
{
	switch (effect->kind) {
	case REP_FX_SEND: td_net_send(engine->net, effect->link, effect->bytes); break;
	case REP_FX_DIAL: td_engine_dial(engine); break;
	case REP_FX_CLOSE: td_engine_close(engine, effect->link); break;
	case REP_FX_ALLOW: td_engine_allow(engine, &effect->key, effect->allow); break;
	case REP_FX_REPLY: on_reply(engine, &effect->reply); break;
	case REP_FX_TRACE: on_trace(engine, &effect->trace); break;
	case REP_FX_BUNDLE: on_bundle(engine, effect->bytes); break;
	}
}

void td_engine_drain(struct td_engine *engine)
{
	const struct rep_effect *effect;

	while ((effect = rep_batch_next(engine->done_batch)) != NULL)
		carry_out(engine, effect);
	/* The core answers a write in the step that takes it. */
	td_engine_answer_all(engine, &engine->done, TR_E_INTERNAL);
}

/* --------------------------------------------------------------------- bundles */

static int import_frames(struct td_engine *engine, int (*next)(void *, struct tr_bytes *), void *ctx)
{
	struct rep_event event = {.kind = REP_EV_BUNDLE_FRAME};
	unsigned in_group = 0;
	int rc;

	while ((rc = next(ctx, &event.frame)) == 0) {
		rc = td_engine_step(engine, &event);
		if (rc == 0 && ++in_group % IMPORT_GROUP == 0)
			rc = td_engine_commit(engine);
		if (rc != 0)
			return rc;
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

int td_engine_bundle_import(struct td_engine *engine, struct tr_nid from,
    int (*next)(void *ctx, struct tr_bytes *msg), void *ctx, td_emit_fn *emit, void *arg)
{
	struct rep_event event = {.kind = REP_EV_BUNDLE_BEGIN, .peer = from};
	int rc = td_engine_commit(engine), end_rc;

	if (rc == 0)
		rc = td_engine_step(engine, &event);
	if (rc != 0)
		return rc;
	rc = import_frames(engine, next, ctx);
	/* Also after an error: what came in counts, and the core leaves its bundle. */
	event.kind = REP_EV_BUNDLE_END;
	end_rc = td_engine_step(engine, &event);
	engine->bundle_emit = rc == 0 ? emit : NULL;
	engine->bundle_arg = arg;
	engine->bundle_rc = 0;
	if (end_rc == 0)
		end_rc = td_engine_commit(engine);
	engine->bundle_emit = NULL;
	if (rc == 0)
		rc = end_rc != 0 ? end_rc : engine->bundle_rc;
	return rc;
}

int td_engine_bundle_export(struct td_engine *engine, struct tr_nid to, td_emit_fn *emit, void *arg)
{
	struct rep_event close = {.kind = REP_EV_CLOSE}; /* what is not signed cannot travel */
	int rc = td_engine_step(engine, &close);

	if (rc == 0)
		rc = td_engine_commit(engine); /* and what is not on disk does not go on a stick */
	if (rc != 0)
		return rc;
	return rep_bundle_export(engine->node, td_engine_read(engine), to, td_sys_wall(), emit, arg);
}
