/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directives: each district one a day to a twentieth of its communities, one in
 * ten an emergency.  The community acknowledges within hours and reports it done
 * a day later.
 */
#include "tests/city/put.h"

#include <stdlib.h>

#include "proto/err.h"

#define SHARE 20
#define ORDER_AT (10 * CITY_HOUR)

struct rung {
	struct tr_rec_id id;
	unsigned next; /* 0 acknowledged, 1 done */
};

void city_order_start(struct city *c)
{
	for (uint32_t i = 1; i < c->host_count && c->host[i].level == CITY_DISTRICT; i++)
		city_heap_push(&c->heap, (struct city_ev){
		    .at_ms = CITY_START_MS + ORDER_AT + sim_rng_between(&c->rng, 0, CITY_HOUR),
		    .kind = CITY_EV_ORDER, .host = i});
}

static void on_order(struct city *c, uint32_t district)
{
	struct tr_nid *targets = calloc(c->leaf_count, sizeof(*targets));
	uint32_t *hosts = calloc(c->leaf_count, sizeof(*hosts));
	struct city_put put;

	TR_ASSERT(targets != NULL);
	TR_ASSERT(hosts != NULL);
	city_put_init(&put, TR_KIND_DIRECTIVE, CITY_T_ORDER, 0);
	city_put_text(&put, "title", "汛期排水口清理");
	city_put_text(&put, "body", "请各社区于今日内清理辖区排水口，完成后回报。");
	if (sim_rng_chance(&c->rng, 100))
		city_put_int(&put, "priority", 3);
	put.write.targets = targets;
	for (uint32_t i = 0; i < c->host_count; i++) {
		if (c->host[i].level != CITY_LEAF || city_watch_above(c, i, CITY_DISTRICT) != district ||
		    sim_rng_below(&c->rng, SHARE) != 0)
			continue;
		hosts[put.write.target_count] = i;
		targets[put.write.target_count++] = c->host[i].nid;
	}
	if (put.write.target_count > 0 && city_put_do(c, district, CITY_NONE, &put)) {
		c->counts.orders += put.write.target_count;
		for (size_t i = 0; i < put.write.target_count; i++)
			city_watch_made(c, district, hosts[i]);
	}
	free(targets);
	free(hosts);
	if (c->now_ms + CITY_DAY < c->end_ms)
		city_heap_push(&c->heap, (struct city_ev){
		    .at_ms = c->now_ms + CITY_DAY, .kind = CITY_EV_ORDER, .host = district});
}

static void plan(struct city *c, uint32_t leaf, const struct tr_rec_id *id, unsigned next, int64_t in_ms)
{
	struct rung *rung;

	if (c->now_ms + in_ms >= c->end_ms)
		return;
	rung = malloc(sizeof(*rung));
	TR_ASSERT(rung != NULL);
	*rung = (struct rung){*id, next};
	city_heap_push(&c->heap, (struct city_ev){
	    .at_ms = c->now_ms + in_ms, .kind = CITY_EV_RUNG, .host = leaf, .arg.p = rung});
}

void city_order_trace(struct city *c, uint32_t host, const struct rep_trace *trace)
{
	if (c->host[host].level == CITY_LEAF && !c->is_resting)
		plan(c, host, &trace->rec, 0, sim_rng_between(&c->rng, 5 * CITY_MINUTE, 5 * CITY_HOUR));
}

void city_order_rung(struct city *c, uint32_t host, const struct tr_rec_id *id, unsigned next)
{
	c->counts.rungs++;
	if (next == 1)
		plan(c, host, id, 1, CITY_DAY);
}

static void on_rung(struct city *c, uint32_t leaf, const struct rung *rung)
{
	static const char *const names[] = {"acknowledged", "done"};
	struct city_put put;

	city_put_init(&put, TR_KIND_DIRECTIVE, CITY_T_RUNG, rung->next);
	city_put_rec(&put, &rung->id);
	city_put_status(&put, names[rung->next]);
	if (!city_put_do(c, leaf, leaf, &put)) /* no power: later */
		plan(c, leaf, &rung->id, rung->next, CITY_HOUR);
}

void city_order_event(struct city *c, const struct city_ev *ev)
{
	if (ev->kind == CITY_EV_ORDER) {
		on_order(c, ev->host);
		return;
	}
	on_rung(c, ev->host, ev->arg.p);
	free(ev->arg.p);
}
