/* SPDX-License-Identifier: Apache-2.0 */
/* One machine, in the order of rep.h: begin, steps, flush, commit, committed, effects. */
#include "tests/city/city.h"

#include <stdio.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"

#define SPINS_MAX 3000 /* wake-ups in a minute: the core asks for time that has passed */
#define COMMIT_MS 8 /* a flush of the disk; what comes meanwhile is in the same group */

int64_t city_wall(const struct city *c)
{
	return CITY_WALL_BASE - CITY_START_MS + c->now_ms;
}

static struct tr_mono_ms mono(const struct city *c)
{
	return (struct tr_mono_ms){c->now_ms + 1};
}

uint32_t city_host_of(const struct city *c, struct tr_nid nid)
{
	uint32_t host;
	size_t pos;

	return rep_map_first(&c->by_nid, nid.v, &pos, &host) ? host : CITY_NONE;
}

void city_host_boot(struct city *c, uint32_t host)
{
	static const enum tr_profile profiles[] = {TR_PROFILE_FIBRE, TR_PROFILE_METERED, TR_PROFILE_STICK};
	struct city_host *h = &c->host[host];
	struct rep_conf conf = {
	    .keys = h->sign,
	    .profile = profiles[h->profile],
	    .root_hash = c->root_hash,
	    .version = "city",
	    .wall = {city_wall(c)},
	    .mono = mono(c),
	};
	int rc;

	if (h->node != NULL)
		return;
	sim_rng_bytes(&c->rng, conf.seed, sizeof(conf.seed));
	rc = rep_create(&h->node, &conf, &h->view);
	if (rc != 0)
		city_fail(c, "%s: rep_create: %s", h->code, tr_err_code(rc));
	h->wake_ms = 0;
	h->hour_ms = c->now_ms;
	city_host_wake(c, host);
}

static struct rep_batch *batch_take(struct city *c)
{
	struct rep_batch *batch;

	if (c->batch_count > 0)
		return c->batch[--c->batch_count];
	batch = rep_batch_create();
	TR_ASSERT(batch != NULL);
	return batch;
}

static void batch_back(struct city *c, struct rep_batch *batch)
{
	rep_batch_reset(batch);
	c->batch = tr_grow(c->batch, c->batch_count, &c->batch_cap, sizeof(struct rep_batch *));
	TR_ASSERT(c->batch != NULL);
	c->batch[c->batch_count++] = batch;
}

static void step(struct city *c, uint32_t host, struct rep_event *event)
{
	struct city_host *h = &c->host[host];
	int rc;

	if (h->batch == NULL) {
		h->batch = batch_take(c);
		city_heap_push(&c->heap, (struct city_ev){
		    .at_ms = c->now_ms + COMMIT_MS, .kind = CITY_EV_COMMIT, .host = host});
	}
	event->wall.ms = city_wall(c);
	event->mono = mono(c);
	rc = rep_step(h->node, &h->view, event, h->batch);
	if (rc != 0)
		city_fail(c, "%s: rep_step: %s", h->code, tr_err_code(rc));
}

/* Who slept for more than a minute looks around first, as it would have done
 * each minute: what happens now is not taken for something that has lasted. */
void city_host_step(struct city *c, uint32_t host, struct rep_event *event)
{
	struct rep_event tick = {.kind = REP_EV_TICK};

	if (c->host[host].node == NULL)
		return;
	if (event->kind != REP_EV_TICK && city_idle_has_slept(c, host)) {
		city_idle_catch_up(c, host);
		step(c, host, &tick);
	}
	step(c, host, event);
}

static void trace(struct city *c, uint32_t host, const struct rep_trace *t)
{
	switch (t->code) {
	case REP_TRACE_CONFLICT_OPEN: c->counts.conflicts_opened += host == 0; break;
	case REP_TRACE_CONFLICT_CLOSED: c->counts.conflicts_settled += host == 0; break;
	case REP_TRACE_OP_VIOLATION: c->counts.violations++; break;
	case REP_TRACE_DIRECTIVE_IN: city_order_trace(c, host, t); break;
	case REP_TRACE_HEAD_DIFFERS: c->counts.alarms++; break;
	case REP_TRACE_RECEIPT_LATE: c->counts.late++; break;
	case REP_TRACE_RECEIPT_DARK: c->counts.dark++; break;
	case REP_TRACE_CERT_BAD:
	case REP_TRACE_SEG_FORGED:
	case REP_TRACE_SEG_SCOPE:
	case REP_TRACE_FORK:
	case REP_TRACE_FORK_LIMIT:
	case REP_TRACE_HEAD_BAD:
	case REP_TRACE_RECEIPT_BAD:
		c->counts.forged++;
		break;
	default: break;
	}
	if (c->conf.verbose && strcmp(rep_trace_level(t->code), "error") == 0)
		fprintf(stderr, "day %.3f %s %s: %s\n", (double)(c->now_ms - CITY_START_MS) / CITY_DAY,
		    c->host[host].code, rep_trace_code_name(t->code), t->text != NULL ? t->text : "");
}

static void effect(struct city *c, uint32_t host, const struct rep_effect *fx)
{
	switch (fx->kind) {
	case REP_FX_SEND: city_net_send(c, host, fx->link, fx->bytes); break;
	case REP_FX_DIAL: city_net_dial(c, host); break;
	case REP_FX_CLOSE: city_net_close(c, host, fx->link); break;
	case REP_FX_REPLY: city_load_reply(c, host, &fx->reply); break;
	case REP_FX_TRACE: trace(c, host, &fx->trace); break;
	case REP_FX_BUNDLE: city_stick_keep(&c->host[host], fx->bytes); break;
	case REP_FX_ALLOW: break; /* who may connect is the carrier's business; nobody else is here */
	}
}

void city_host_commit(struct city *c, uint32_t host)
{
	struct city_host *h = &c->host[host];
	struct rep_batch *batch = h->batch;
	const struct rep_effect *fx;
	int rc;

	if (batch == NULL)
		return;
	c->counts.commits++;
	rc = rep_flush(h->node, &h->view, (struct tr_wall_ms){city_wall(c)}, mono(c), batch);
	if (rc != 0)
		city_fail(c, "%s: rep_flush: %s", h->code, tr_err_code(rc));
	h->batch = NULL;
	city_watch_commit(c, host);
	rep_committed(h->node, batch);
	while ((fx = rep_batch_next(batch)) != NULL)
		effect(c, host, fx);
	batch_back(c, batch);
	city_host_wake(c, host);
}

void city_host_wake(struct city *c, uint32_t host)
{
	struct city_host *h = &c->host[host];
	int64_t at = city_idle_deadline(c, host);

	at = at < c->now_ms ? c->now_ms : at;
	if (h->wake_ms != 0 && h->wake_ms <= at)
		return; /* it looks again then */
	h->wake_ms = at;
	city_heap_push(&c->heap, (struct city_ev){.at_ms = at, .kind = CITY_EV_WAKE, .host = host});
}

void city_host_on_wake(struct city *c, uint32_t host, int64_t at_ms)
{
	struct city_host *h = &c->host[host];
	struct rep_event tick = {.kind = REP_EV_TICK};

	if (h->node == NULL || h->wake_ms != at_ms)
		return;
	h->wake_ms = 0;
	if (h->batch != NULL)
		return; /* the commit sets the alarm again */
	if (city_idle_deadline(c, host) > c->now_ms) {
		city_host_wake(c, host);
		return;
	}
	if (c->now_ms - h->hour_ms >= CITY_HOUR)
		h->hour_ms = c->now_ms;
	if (c->now_ms - h->spin_ms >= CITY_MINUTE) {
		h->spin_ms = c->now_ms;
		h->spins = 0;
	}
	if (++h->spins > SPINS_MAX)
		city_fail(c, "%s: its deadline stays in the past, %u wake-ups", h->code, h->spins);
	city_idle_catch_up(c, host);
	city_host_step(c, host, &tick);
}

/* The power goes: what was not committed is lost, the store stays. */
void city_host_power_off(struct city *c, uint32_t host)
{
	struct city_host *h = &c->host[host];

	if (h->node == NULL)
		return;
	city_host_commit(c, host);
	rep_free(h->node);
	h->node = NULL;
	h->wake_ms = 0;
	city_net_gone(c, host);
}
