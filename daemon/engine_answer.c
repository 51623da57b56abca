/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits for an answer, and the answers that wait for their commit. */
#include "daemon/engine_int.h"
#include "proto/err.h"
#include "proto/grow.h"

void td_engine_answer(struct td_engine *engine, struct engine_waiter *waiter, const struct rep_reply *reply)
{
	struct engine_answer *list;

	waiter->is_answered = true;
	if (waiter->fn == NULL)
		return;
	list = tr_grow(engine->answers, engine->answer_count, &engine->answer_cap, sizeof(*list));
	if (list == NULL) {
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
