/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases as they come and go in Lewisham, spread over the communities.  A case
 * is drawn with the weekday and hour of its opening and all that followed:
 *   opened    community: CREATE                       1 op
 *   sent      street: FILED, DISPATCHED               2 ops
 *   updated   community: a note                       1 op
 *   closed    community: HANDLING, HANDLED; street: VERIFIED, CLOSED   4 ops
 *   reopened  street: REOPENED, DISPATCHED            2 ops
 * A step whose turn has not come at that node (the case is still on its way)
 * is tried again later, as people do.  In one case of ten both offices change
 * the same field within ten minutes: where the link is slow or cut, that is a conflict.
 */
#include "tests/city/put.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"

#define EDIT_PER_MILLE 100
#define RETRY_MS (10 * CITY_MINUTE)
#define RETRY_MAX_MS (4 * CITY_HOUR)
#define RESOLVE_MAX 20 /* conflicts that a street looks at in a morning */
#define RESOLVE_AT (9 * CITY_HOUR)

static const struct part {
	const char *status; /* NULL: not a step of the machine */
	bool by_street;
} parts[][5] = {
	[CITY_OPENED] = {{NULL, false}},
	[CITY_SENT] = {{"filed", true}, {"dispatched", true}},
	[CITY_UPDATED] = {{NULL, false}},
	[CITY_CLOSED] = {{"handling", false}, {"handled", false}, {"verified", true}, {"closed", true}},
	[CITY_REOPENED] = {{"reopened", true}, {"dispatched", true}},
};
static const uint8_t part_count[] = {1, 2, 1, 4, 2};

struct one {
	struct tr_rec_id id;
	int64_t opened_ms;
	uint32_t leaf;
	uint16_t pattern;
	uint8_t step, part, tries;
};

struct city_load {
	struct one *one;
	size_t count, cap;
	double cases_per_day;
	struct rep_record record; /* scratch */
};

static double span_days(const struct city *c)
{
	return (double)(c->end_ms - CITY_START_MS) / CITY_DAY;
}

/* Ops of a usual case that fall into the run. */
static double ops_per_case(const struct city *c)
{
	double sum = 0, span = span_days(c) * CITY_DAY;
	size_t n = city_pattern_count(c->pattern);

	for (size_t i = 0; i < n; i++) {
		enum city_step step;
		int64_t after;

		for (size_t k = 0; city_pattern_step(c->pattern, i, k, &step, &after); k++)
			if ((double)after < span)
				sum += part_count[step] * (1.0 - (double)after / span);
	}
	return sum / (double)n;
}

double city_load_cases_per_day(const struct city *c)
{
	return c->load->cases_per_day;
}

static void push(struct city *c, int64_t at_ms, enum city_ev_kind kind, uint32_t host, uint64_t v)
{
	if (at_ms < c->end_ms)
		city_heap_push(&c->heap, (struct city_ev){.at_ms = at_ms, .kind = kind, .host = host, .arg.v = v});
}

/* A day of the run with the weekday at which a drawn case was opened. */
static int64_t draw(struct city *c, struct sim_rng *rng, uint16_t *pattern)
{
	unsigned weeks = (c->conf.days + 6) / 7, weekday;
	int64_t at, day_ms;

	do {
		*pattern = (uint16_t)sim_rng_below(rng, city_pattern_count(c->pattern));
		city_pattern_opened(c->pattern, *pattern, &weekday, &day_ms);
		at = ((int64_t)sim_rng_below(rng, weeks) * 7 + weekday) * CITY_DAY + day_ms;
	} while (at >= c->end_ms - CITY_START_MS);
	return CITY_START_MS + at;
}

static void plan_leaf(struct city *c, uint32_t leaf)
{
	struct city_load *load = c->load;
	struct sim_rng rng = sim_rng_make(c->conf.seed, 0x6c6f6164000000u + leaf);
	double want = load->cases_per_day * span_days(c);
	uint64_t n = (uint64_t)want;

	n += sim_rng_below(&rng, 1000000) < (uint64_t)((want - floor(want)) * 1e6);
	for (; n > 0; n--) {
		struct one *one;

		load->one = tr_grow(load->one, load->count, &load->cap, sizeof(*one));
		TR_ASSERT(load->one != NULL);
		one = &load->one[load->count];
		*one = (struct one){.leaf = leaf};
		one->opened_ms = draw(c, &rng, &one->pattern);
		push(c, one->opened_ms, CITY_EV_CASE, leaf, load->count++);
	}
}

void city_load_start(struct city *c)
{
	c->load = calloc(1, sizeof(*c->load));
	TR_ASSERT(c->load != NULL);
	c->load->cases_per_day = c->conf.ops / ops_per_case(c);
	for (uint32_t i = 0; i < c->host_count; i++) {
		if (c->host[i].level == CITY_LEAF)
			plan_leaf(c, i);
		if (c->host[i].level == CITY_STREET)
			push(c, CITY_START_MS + RESOLVE_AT + (int64_t)sim_rng_below(&c->rng, CITY_HOUR),
			    CITY_EV_RESOLVE, i, 0);
	}
	c->counts.cases = c->load->count;
}

void city_load_free(struct city *c)
{
	if (c->load != NULL)
		free(c->load->one);
	free(c->load);
	c->load = NULL;
}

static void again(struct city *c, uint64_t i)
{
	struct one *one = &c->load->one[i];
	int64_t in_ms = RETRY_MS << (one->tries < 6 ? one->tries : 6);

	c->counts.retries++;
	one->tries++;
	push(c, c->now_ms + (in_ms < RETRY_MAX_MS ? in_ms : RETRY_MAX_MS), CITY_EV_CASE, one->leaf, i);
}

static void create(const struct one *one, struct city_put *put, char *source_id, size_t size, uint64_t i)
{
	static const char *const words[] = {"占道经营", "路面破损", "噪声扰民", "垃圾堆放", "路灯不亮", "积水"};

	snprintf(source_id, size, "%llu", (unsigned long long)i);
	city_put_text(put, "source", "12345");
	city_put_text(put, "source_id", source_id);
	city_put_text(put, "channel", "hotline");
	city_put_int(put, "reported_at", CITY_WALL_BASE - CITY_START_MS + one->opened_ms);
	city_put_text(put, "category", words[one->pattern % 6]);
	city_put_text(put, "title", words[i % 6]);
	city_put_int(put, "lat", 399000000 + (int64_t)(i % 1000) * 1000);
	city_put_int(put, "lon", 1164000000 + (int64_t)(one->pattern % 1000) * 1000);
}

static void on_case(struct city *c, uint64_t i)
{
	static const char note[] = "现场已查看，情况属实，已通知责任单位整改，三日内复查。";
	struct one *one = &c->load->one[i];
	struct city_put put;
	char source_id[24];
	enum city_step step;
	const struct part *part;
	uint32_t host;
	int64_t after;

	if (!city_pattern_step(c->pattern, one->pattern, one->step, &step, &after))
		return;
	part = &parts[step][one->part];
	host = part->by_street ? c->host[one->leaf].parent : one->leaf;
	city_put_init(&put, TR_KIND_CASE, CITY_T_CASE, i);
	if (step == CITY_OPENED) {
		create(one, &put, source_id, sizeof(source_id), i);
	} else {
		city_put_rec(&put, &one->id);
		if (part->status != NULL)
			city_put_status(&put, part->status);
		else
			city_put_add(&put, "notes", note);
	}
	if (!city_put_do(c, host, one->leaf, &put))
		again(c, i);
}

static void plan_edits(struct city *c, uint64_t i)
{
	const struct one *one = &c->load->one[i];
	int64_t at = c->now_ms + sim_rng_between(&c->rng, 10 * CITY_MINUTE, CITY_DAY);

	if (!sim_rng_chance(&c->rng, EDIT_PER_MILLE))
		return;
	push(c, at, CITY_EV_EDIT, one->leaf, i);
	push(c, at + sim_rng_between(&c->rng, 0, 10 * CITY_MINUTE), CITY_EV_EDIT, c->host[one->leaf].parent, i);
}

static void on_edit(struct city *c, uint32_t host, uint64_t i)
{
	const struct one *one = &c->load->one[i];
	struct city_put put;
	uint8_t other[16];
	char title[64];

	city_put_init(&put, TR_KIND_CASE, CITY_T_EDIT, i);
	city_put_rec(&put, &one->id);
	if (i % 3 == 0) { /* a question for people: which case it belongs to */
		sim_rng_bytes(&c->rng, other, sizeof(other));
		city_put_bytes(&put, "parent_case", other, sizeof(other));
	} else {
		snprintf(title, sizeof(title), "%s %llu", c->host[host].code, (unsigned long long)i);
		city_put_text(&put, "title", title);
	}
	(void)city_put_do(c, host, one->leaf, &put);
}

/* The case gets on: its next part, or what followed in the real one. */
static void on_done(struct city *c, uint64_t i, const struct rep_reply *reply)
{
	struct one *one = &c->load->one[i];
	enum city_step step;
	int64_t after, at;

	(void)city_pattern_step(c->pattern, one->pattern, one->step, &step, &after);
	one->tries = 0;
	if (step == CITY_OPENED) {
		one->id = reply->id;
		plan_edits(c, i);
	}
	if (++one->part < part_count[step]) {
		push(c, c->now_ms + sim_rng_between(&c->rng, CITY_MINUTE, 30 * CITY_MINUTE), CITY_EV_CASE, one->leaf, i);
		return;
	}
	one->part = 0;
	one->step++;
	if (!city_pattern_step(c->pattern, one->pattern, one->step, &step, &after))
		return;
	at = one->opened_ms + after;
	push(c, at > c->now_ms + 1000 ? at : c->now_ms + 1000, CITY_EV_CASE, one->leaf, i);
}

void city_load_reply(struct city *c, uint32_t host, const struct rep_reply *reply)
{
	uint64_t i = reply->ticket & (((uint64_t)1 << 56) - 1);

	if (c->joining != NULL) {
		city_found_reply(c, reply);
		return;
	}
	c->counts.replies++;
	c->counts.refused += reply->rc != 0;
	switch (reply->ticket >> 56) {
	case CITY_T_CASE:
		if (reply->rc == 0)
			on_done(c, i, reply);
		else if (reply->rc == TR_E_STEP || reply->rc == TR_E_NOREC || reply->rc == TR_E_NOTFOUND)
			again(c, i);
		else
			city_fail(c, "%s: a write was refused: %s", c->host[host].code, tr_err_code(reply->rc));
		break;
	case CITY_T_RUNG:
		if (reply->rc == 0)
			city_order_rung(c, host, &reply->id, (unsigned)i + 1);
		break;
	case CITY_T_RESOLVE: c->counts.resolves += reply->rc == 0; break;
	default: break;
	}
}

/* A person looks at the open conflicts of the street and decides. */
static void resolve_one(struct city *c, uint32_t street, const struct rep_conflict *conflict)
{
	struct rep_record *rec = &c->load->record;
	struct city_host *h = &c->host[street];
	uint16_t at[TR_CANDS_MAX];
	struct tr_dot saw[8];
	struct city_put put;
	size_t n;

	if (rep_record_load(rec, &h->view, conflict->kind, &conflict->rec) != 0)
		return;
	n = rep_record_cands(rec, conflict->group, at, TR_CANDS_MAX);
	if (n < 2 || n > 8)
		return;
	city_put_init(&put, conflict->kind, CITY_T_RESOLVE, 0);
	city_put_rec(&put, &conflict->rec);
	put.write.resolve_group = conflict->group;
	put.write.saw = saw;
	for (size_t i = 0; i < n; i++)
		saw[put.write.saw_count++] = rec->cands[at[i]].dot;
	for (unsigned i = 0; i < rec->cands[at[0]].value_count && i < 16; i++)
		put.values[put.write.value_count++] = rec->values[rec->cands[at[0]].value_first + i];
	(void)city_put_do(c, street, city_host_of(c, rec->scope), &put);
}

static void on_resolve(struct city *c, uint32_t street)
{
	struct rep_conflict_cursor cursor = {0};
	struct rep_conflict conflict;

	push(c, c->now_ms + CITY_DAY, CITY_EV_RESOLVE, street, 0);
	for (int i = 0; i < RESOLVE_MAX && c->host[street].node != NULL &&
	     rep_next_conflict(&c->host[street].view, &cursor, &conflict) == 0; i++)
		resolve_one(c, street, &conflict);
}

void city_load_event(struct city *c, const struct city_ev *ev)
{
	switch (ev->kind) {
	case CITY_EV_CASE: on_case(c, ev->arg.v); break;
	case CITY_EV_EDIT: on_edit(c, ev->host, ev->arg.v); break;
	case CITY_EV_RESOLVE: on_resolve(c, ev->host); break;
	default: TR_UNREACHABLE("not an event of the load");
	}
}
