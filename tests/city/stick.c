/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Communities without a link: every few days somebody carries a stick to the
 * street and the answer back.
 */
#include "tests/city/city.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define WAY_MS (3 * CITY_HOUR)

/* The frames of one file; arg.p of the events. */
struct stick {
	struct city_frame *answer, *file; /* lists */
};

static void push(struct city_frame ***tail, struct tr_bytes bytes)
{
	struct city_frame *f = malloc(sizeof(*f) + bytes.size);

	TR_ASSERT(f != NULL);
	*f = (struct city_frame){.size = (uint32_t)bytes.size};
	memcpy(f->data, bytes.data, bytes.size);
	**tail = f;
	*tail = &f->next;
}

static void drop(struct city_frame *list)
{
	while (list != NULL) {
		struct city_frame *next = list->next;

		free(list);
		list = next;
	}
}

void city_stick_keep(struct city_host *h, struct tr_bytes bytes)
{
	if (h->bundle_tail != NULL)
		push(&h->bundle_tail, bytes);
}

static int emit(void *ctx, struct tr_bytes msg)
{
	push(ctx, msg);
	return 0;
}

static void weigh(struct city *c, uint32_t leaf, uint32_t host, const struct city_frame *list)
{
	for (; list != NULL; list = list->next) {
		city_watch_frame(c, host, leaf, host == leaf, (struct tr_bytes){list->data, list->size});
		c->counts.stick_bytes += list->size;
	}
}

static struct city_frame *export(struct city *c, uint32_t leaf, uint32_t from, uint32_t to)
{
	struct city_host *h = &c->host[from];
	struct rep_event close = {.kind = REP_EV_CLOSE};
	struct city_frame *list = NULL, **tail = &list;
	int rc;

	if (h->node == NULL)
		return NULL;
	city_host_step(c, from, &close);
	city_host_commit(c, from);
	rc = rep_bundle_export(h->node, &h->view, c->host[to].nid, (struct tr_wall_ms){city_wall(c)}, emit, &tail);
	if (rc != 0)
		city_fail(c, "%s: bundle for %s: %s", h->code, c->host[to].code, tr_err_code(rc));
	c->counts.sticks++;
	weigh(c, leaf, from, list);
	return list;
}

/* Returns the answer. */
static struct city_frame *import(struct city *c, uint32_t leaf, uint32_t at, uint32_t from, const struct city_frame *list)
{
	struct city_host *h = &c->host[at];
	struct rep_event event = {.kind = REP_EV_BUNDLE_BEGIN, .peer = c->host[from].nid};
	struct city_frame *answer;

	if (h->node == NULL || list == NULL)
		return NULL;
	city_host_commit(c, at);
	h->bundle = NULL;
	h->bundle_tail = &h->bundle;
	city_host_step(c, at, &event);
	event.kind = REP_EV_BUNDLE_FRAME;
	for (; list != NULL; list = list->next) {
		event.frame = (struct tr_bytes){list->data, list->size};
		city_host_step(c, at, &event);
	}
	event.kind = REP_EV_BUNDLE_END;
	city_host_step(c, at, &event);
	city_host_commit(c, at);
	answer = h->bundle;
	h->bundle = NULL;
	h->bundle_tail = NULL;
	weigh(c, leaf, at, answer);
	return answer;
}

static void on_there(struct city *c, uint32_t leaf, struct stick *s)
{
	uint32_t street = c->host[leaf].parent;

	s->answer = import(c, leaf, street, leaf, s->file);
	drop(s->file);
	s->file = export(c, leaf, street, leaf);
}

/* The answer first: it says what the street has. */
static void on_back(struct city *c, uint32_t leaf, struct stick *s)
{
	uint32_t street = c->host[leaf].parent;

	drop(import(c, leaf, leaf, street, s->answer));
	drop(import(c, leaf, leaf, street, s->file)); /* its answer goes with the next stick */
	drop(s->answer);
	drop(s->file);
	free(s);
}

static struct stick *start(struct city *c, uint32_t leaf)
{
	struct stick *s = calloc(1, sizeof(*s));

	TR_ASSERT(s != NULL);
	s->file = export(c, leaf, leaf, c->host[leaf].parent);
	return s;
}

void city_stick_round(struct city *c, uint32_t leaf)
{
	struct stick *s = start(c, leaf);

	on_there(c, leaf, s);
	on_back(c, leaf, s);
}

static void next(struct city *c, uint32_t leaf, uint32_t kind, int64_t in_ms, struct stick *s)
{
	city_heap_push(&c->heap, (struct city_ev){
	    .at_ms = c->now_ms + in_ms, .kind = kind, .host = leaf, .arg.p = s});
}

void city_stick_event(struct city *c, const struct city_ev *ev)
{
	switch (ev->kind) {
	case CITY_EV_STICK:
		if (c->is_resting)
			return;
		next(c, ev->host, CITY_EV_STICK_THERE, WAY_MS, start(c, ev->host));
		next(c, ev->host, CITY_EV_STICK, sim_rng_between(&c->net_rng, 2 * CITY_DAY, 4 * CITY_DAY), NULL);
		break;
	case CITY_EV_STICK_THERE:
		on_there(c, ev->host, ev->arg.p);
		next(c, ev->host, CITY_EV_STICK_BACK, WAY_MS, ev->arg.p);
		break;
	case CITY_EV_STICK_BACK: on_back(c, ev->host, ev->arg.p); break;
	default: TR_UNREACHABLE("not an event of a stick");
	}
}

void city_stick_start(struct city *c)
{
	for (uint32_t i = 1; i < c->host_count; i++)
		if (c->host[i].profile == CITY_STICK)
			next(c, i, CITY_EV_STICK, sim_rng_between(&c->net_rng, 0, 3 * CITY_DAY), NULL);
}
