/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: no history of a few ops, in no order, comes to anything but what
 * docs/protocol.md 5 says.
 *
 * Method: for each family of letters (alphabet.c) all histories of 1 to `ops`
 * ops by three authors of one path, with everything that each op may have seen
 * (walk.c) and every letter at each place, are folded by the shipped merge:
 *   1. in every order that respects causes: one state, one verdict of each op,
 *      one value shown;
 *   2. compared with answer.c, which folds nothing: verdicts, values side by
 *      side, the one that is shown and the rule that is named, steps, elements,
 *      items, totals;
 *   3. without the violations: the same state but for their number;
 *   4. up to three ops (at one choice of times): for all sets S, T, U of ops that
 *      are closed and make up the history, (S with T) with U is S with (T with U),
 *      and it does not matter which of two takes what the other has.
 * For more ops 4. follows from 1.: what S lacks of T is folded on top of S in a
 * causal order, so the way from nothing over S to the union is one of the orders
 * of the union's history, and that is a history of this walk itself.
 * That an op is never folded twice is a matter of logs, not of merge:
 * tests/prop/prop_twice.c.
 *
 *     small [PART PARTS [FAMILY]]      of PARTS processes this one is PART
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "tests/lib/memview.h"
#include "tests/small/small.h"

#define TIME0 ((uint64_t)1790000000000 << 16)
#define TRIPLES_OPS 3
#define NOBODYS (1u << 31) /* a value that no op wrote */
#define STATES_LOG2 24

struct totals {
	uint64_t histories, orders, states, merges, violations, conflicts;
};

struct run {
	struct small_history h;
	struct small_answer a;
	struct memview *mv;
	struct rep_view view;
	struct rep_record *rec;
	struct rep_cause causes[SMALL_OPS_MAX];
	struct rep_seen seen[SMALL_OPS_MAX][SMALL_AUTHORS];
	struct tr_hash hash;
	unsigned verdicts; /* of the last fold: legal ops */
	uint64_t *states;  /* hash table of what was reached */
	int order[SMALL_OPS_MAX];
	uint64_t part, parts, next;
	struct totals t;
};

/* ---- one replica ---- */

static uint32_t handle(const struct run *r, int author)
{
	/* Differs from fold to fold; results must not. */
	return 1 + (uint32_t)(((uint64_t)author + r->t.orders) % SMALL_AUTHORS);
}

static void causes(struct run *r)
{
	for (int i = 0; i < r->h.count; i++) {
		const struct small_op *op = &r->h.ops[i];
		const struct small_author *a = &r->h.family->authors[op->author];
		uint64_t newest[SMALL_AUTHORS] = {0};
		size_t count = 0;

		for (int k = 0; k < i; k++)
			if ((op->seen >> k & 1) != 0 && r->h.ops[k].seq > newest[r->h.ops[k].author])
				newest[r->h.ops[k].author] = r->h.ops[k].seq;
		for (int k = 0; k < SMALL_AUTHORS; k++)
			if (k != op->author && newest[k] != 0)
				r->seen[i][count++] = (struct rep_seen){handle(r, k), newest[k]};
		r->causes[i] = (struct rep_cause){.dot = {handle(r, op->author), op->seq}, .author = {a->nid}, .inc = a->inc,
		    .level = a->level, .caps = a->caps, .path = {(const uint8_t *)a->path, strlen(a->path)}, .hlc = op->hlc,
		    .clockq = op->letter->bad_clock ? 0 : 1, .seen = r->seen[i], .seen_count = count};
	}
}

static void empty(struct run *r)
{
	static const struct tr_rec_id id = {{1, 2, 3}};
	const struct small_author *a = r->h.family->authors;
	struct tr_nid scope = {a[0].level > a[1].level ? a[0].nid : a[1].nid};

	causes(r);
	memview_rollback(r->mv);
	memview_begin(r->mv);
	rep_record_init(r->rec, r->h.family->kind, &id, scope, TR_LANE_R);
	r->verdicts = 0;
}

static void fold(struct run *r, int at)
{
	struct rep_applied applied;
	int rc = rep_merge_apply(r->rec, &r->view, &r->h.ops[at].op, &r->causes[at], &applied);

	TR_ASSERT(rc == 0);
	if (applied.verdict == REP_VALID)
		r->verdicts |= 1u << at;
}

static struct tr_hash state(struct run *r)
{
	struct tr_hash hash;
	int rc = rep_record_state_hash(r->rec, &r->view, &hash);

	TR_ASSERT(rc == 0);
	return hash;
}

static bool is_same(const struct tr_hash *a, const struct tr_hash *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* The row of the record is what the next op is folded onto, after a restart. */
static void by_store(struct run *r)
{
	struct tr_rec_id id = r->rec->id;
	uint8_t kind = r->rec->kind;
	int rc = rep_record_store(r->rec, &r->view);

	TR_ASSERT(rc == 0);
	rc = rep_record_load(r->rec, &r->view, kind, &id);
	TR_ASSERT(rc == 0);
}

/* ---- failures ---- */

static void print_op(const struct run *r, int at)
{
	const struct small_op *op = &r->h.ops[at];

	(void)printf("  %d: log %d (level %d) %s%s%s at %llu, had seen", at, op->author, r->h.family->authors[op->author].level,
	    op->letter->name != NULL ? op->letter->name : "create", op->letter->actor != NULL ? " by " : "",
	    op->letter->actor != NULL ? op->letter->actor : "", (unsigned long long)((op->hlc.v - TIME0) >> 16));
	for (int i = 0; i < at; i++)
		if ((op->seen >> i & 1) != 0)
			(void)printf(" %d", i);
	(void)printf("\n");
}

static bool fails(const struct run *r, const char *what)
{
	(void)printf("small: %s: %s\n", r->h.family->name, what);
	for (int i = 0; i < r->h.count; i++)
		print_op(r, i);
	(void)printf("  order:");
	for (int i = 0; i < r->h.count; i++)
		(void)printf(" %d", r->order[i]);
	(void)printf("; legal by the documents %#x, by the core %#x\n", r->a.valid, r->verdicts);
	return false;
}

/* ---- 2. as the documents say ---- */

static int op_of(const struct run *r, struct tr_dot dot)
{
	for (int i = 0; i < r->h.count; i++)
		if (r->causes[i].dot.log == dot.log && r->causes[i].dot.seq == dot.seq)
			return i;
	return -1;
}

/* A person is shown who wrote a value and what it is: no other than in the op. */
static bool says_what_op_said(const struct run *r, const struct rep_cand *c)
{
	int at = op_of(r, c->dot);
	const struct rep_op *op = at >= 0 ? &r->h.ops[at].op : NULL;
	uint16_t next = c->value_first;

	if (op == NULL || c->author.v != r->causes[at].author.v || c->hlc.v != r->causes[at].hlc.v ||
	    c->actor.size != op->actor.size || memcmp(c->actor.data, op->actor.data, op->actor.size) != 0)
		return false;
	for (size_t i = 0; i < op->value_count; i++) {
		const struct rep_value *v = &op->values[i], *shown = &r->rec->values[next];
		const struct rep_field *f = rep_schema_field(r->h.family->kind, v->field);

		if (f->group_id != c->group)
			continue;
		if (shown->field != v->field || shown->type != v->type || shown->i != v->i || shown->t.size != v->t.size ||
		    (v->t.size > 0 && memcmp(shown->t.data, v->t.data, v->t.size) != 0))
			return false;
		next++;
	}
	return next == c->value_first + c->value_count;
}

static unsigned cands_of(const struct run *r, uint16_t group)
{
	uint16_t list[TR_CANDS_MAX];
	size_t n = rep_record_cands(r->rec, group, list, TR_CANDS_MAX);
	unsigned set = 0;

	for (size_t i = 0; i < n; i++)
		set |= says_what_op_said(r, &r->rec->cands[list[i]]) ? 1u << op_of(r, r->rec->cands[list[i]].dot) : NOBODYS;
	return set;
}

static unsigned steps_of(const struct run *r)
{
	uint16_t list[TR_STEPS_MAX];
	size_t n = rep_record_steps_alive(r->rec, list, TR_STEPS_MAX);
	unsigned set = 0;

	for (size_t i = 0; i < n; i++)
		set |= 1u << op_of(r, r->rec->steps[list[i]].dot);
	return set;
}

/* Two branches may say the same at the same time: which of the two is shown shows nothing. */
static bool is_same_op(const struct run *r, int a, int b)
{
	return a == b || (a >= 0 && b >= 0 && small_is_twin(&r->h, a, b));
}

static int shown_of(const struct run *r, uint16_t group)
{
	int shown = group == 40 ? rep_record_step_shown(r->rec) : rep_record_shown(r->rec, group);

	if (shown < 0)
		return -1;
	return op_of(r, group == 40 ? r->rec->steps[shown].dot : r->rec->cands[shown].dot);
}

/* Why did the others lose?  What is said must decide between the two. */
static bool is_explained(struct run *r, uint16_t group, unsigned side, int shown)
{
	const char *said = rep_rule_name(rep_merge_rule(r->rec, group)), *why = "the only value", *other;
	int second = -1;

	for (int i = 0; i < r->h.count; i++)
		if ((side >> i & 1) != 0 && i != shown && (second < 0 || small_wins(&r->h, group, i, second, &other)))
			second = i;
	if (second >= 0 && !small_wins(&r->h, group, shown, second, &why) && !small_is_twin(&r->h, shown, second))
		return false;
	r->t.conflicts += second >= 0;
	return strcmp(said, why) == 0;
}

static bool rows_are(struct run *r, uint16_t field)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	unsigned own = 0;
	int64_t total[SMALL_AUTHORS] = {0};
	int items = 0;
	bool ok = true, same = false;

	while (rep_record_rows(&r->view, &r->rec->id, field, &cursor, &row) == 0) {
		int at = op_of(r, row.dot), cell = r->h.ops[at].author;

		if (field == 60 && row.text.size == 4)
			same = true;
		else if (field == 60)
			own |= 1u << at;
		if (field == 62)
			total[r->h.family->branches && cell == SMALL_AUTHORS - 1 ? 0 : cell] = row.i;
		/* Of two branches with one time the order is that of a hash. */
		if (field == 61 && (items >= r->a.item_count || (at != r->a.items[items] && !r->h.family->branches)))
			ok = false;
		items++;
	}
	if (field == 60)
		return same == r->a.same && own == r->a.own;
	if (field == 62)
		return memcmp(total, r->a.total, sizeof(total)) == 0;
	return ok && items == r->a.item_count;
}

static bool is_as_written(struct run *r)
{
	bool is_case = r->h.family->kind == TR_KIND_CASE;

	if (r->verdicts != r->a.valid)
		return fails(r, "another verdict");
	if (steps_of(r) != r->a.steps || !is_same_op(r, shown_of(r, 40), r->a.step_shown))
		return fails(r, "other states side by side, or another one shown");
	if (!is_explained(r, 40, r->a.steps, r->a.step_shown))
		return fails(r, "the state that is shown is not there for the rule that is named");
	for (uint16_t group = 1; group < 60; group++) {
		if (group == 40 || rep_schema_field(r->h.family->kind, group) == NULL)
			continue;
		if (cands_of(r, group) != r->a.cands[group] ||
		    !is_same_op(r, shown_of(r, group), r->a.shown[group]))
			return fails(r, "other values side by side, or another one shown");
		if (!is_explained(r, group, r->a.cands[group], r->a.shown[group]))
			return fails(r, "the value that is shown is not there for the rule that is named");
	}
	if (!rows_are(r, 61) || (is_case && (!rows_are(r, 60) || !rows_are(r, 62))))
		return fails(r, "other elements, items or totals");
	return true;
}

/* ---- 1. orders, 3. violations ---- */

static void count_state(struct run *r)
{
	uint64_t v, at;

	memcpy(&v, r->hash.b, sizeof(v));
	v |= 1;
	for (at = v >> (64 - STATES_LOG2); r->states[at] != 0 && r->states[at] != v;)
		at = (at + 1) & ((1u << STATES_LOG2) - 1);
	r->t.states += r->states[at] == 0;
	r->states[at] = v;
	TR_ASSERT(r->t.states < 3u << (STATES_LOG2 - 2));
}

static bool same_values(struct run *r)
{
	for (uint16_t group = 1; group < 60; group++)
		if (r->a.cands[group] != 0 && !is_same_op(r, shown_of(r, group), r->a.shown[group]))
			return fails(r, "another value shown after another order");
	return is_same_op(r, shown_of(r, 40), r->a.step_shown) || fails(r, "another state shown after another order");
}

static bool fold_order(struct run *r)
{
	struct tr_hash hash;

	r->t.orders++;
	empty(r);
	for (int i = 0; i < r->h.count; i++) {
		fold(r, r->order[i]);
		if (r->t.orders % 16 == 0)
			by_store(r);
	}
	hash = state(r);
	if (!is_same(&hash, &r->hash))
		return fails(r, "another state after another order");
	if (r->verdicts != r->a.valid)
		return fails(r, "another verdict after another order");
	return same_values(r);
}

/* Depth is the number of ops. */
static bool every_order(struct run *r, int at, unsigned have)
{
	if (at == r->h.count)
		return fold_order(r);
	for (int op = 0; op < r->h.count; op++) {
		if ((have >> op & 1) != 0 || (r->h.ops[op].seen & ~have) != 0)
			continue;
		r->order[at] = op;
		if (!every_order(r, at + 1, have | 1u << op))
			return false;
	}
	return true;
}

static bool without_violations(struct run *r)
{
	struct tr_hash hash;
	uint32_t left_out = 0;

	empty(r);
	for (int i = 0; i < r->h.count; i++)
		if ((r->a.valid >> i & 1) != 0)
			fold(r, i);
		else
			left_out++;
	r->t.violations += left_out;
	TR_ASSERT(r->rec->violations == 0);
	r->rec->violations = left_out;
	hash = state(r);
	return is_same(&hash, &r->hash) || fails(r, "a violation changed more than the number of violations");
}

/* ---- 4. merging ---- */

static bool is_closed(const struct run *r, unsigned set)
{
	for (int i = 0; i < r->h.count; i++)
		if ((set >> i & 1) != 0 && (r->h.ops[i].seen & ~set) != 0)
			return false;
	return true;
}

/* `first` takes what it lacks of `second`, and then of `third`. */
static bool merges_to_all(struct run *r, unsigned first, unsigned second, unsigned third)
{
	const unsigned sets[3] = {first, second & ~first, third & ~first & ~second};
	struct tr_hash hash;
	int at = 0;

	r->t.merges++;
	empty(r);
	for (int s = 0; s < 3; s++)
		for (int i = 0; i < r->h.count; i++)
			if ((sets[s] >> i & 1) != 0) {
				fold(r, i);
				r->order[at++] = i;
			}
	hash = state(r);
	return is_same(&hash, &r->hash) || fails(r, "another state after merging in another order");
}

/* The three in one order of their masks: which of them is first, merges_to_all() turns around. */
static bool merges(struct run *r)
{
	unsigned all = (1u << r->h.count) - 1;

	for (unsigned s = 0; s <= all; s++)
		for (unsigned t = s; is_closed(r, s) && t <= all; t++)
			for (unsigned u = t; is_closed(r, t) && u <= all; u++) {
				if (!is_closed(r, u) || (s | t | u) != all)
					continue;
				/* (S with T) with U; (U with T) with S */
				if (!merges_to_all(r, s, t, u) || !merges_to_all(r, u, t, s))
					return false;
			}
	return true;
}

/* ---- histories ---- */

static int begins_at(const struct run *r)
{
	return r->h.family->creator >= 0;
}

static bool one_history(struct run *r, bool with_merges)
{
	for (int i = 0; i < r->h.count; i++)
		r->order[i] = i;
	small_answer(&r->h, &r->a);
	empty(r);
	for (int i = 0; i < r->h.count; i++)
		fold(r, i);
	r->hash = state(r);
	r->t.histories++;
	count_state(r);
	if (!is_as_written(r) || !without_violations(r) || !every_order(r, 0, 0))
		return false;
	return !with_merges || r->h.count - begins_at(r) > TRIPLES_OPS || merges(r);
}

static void stamp(struct run *r, int at, unsigned time)
{
	r->h.ops[at].hlc.v = TIME0 + ((uint64_t)(1 + time) << 16);
}

/* How many ops are before it, one behind the other. */
static unsigned depth(const struct run *r, int at)
{
	unsigned most = 0;

	for (int i = 0; i < at; i++)
		if ((r->h.ops[at].seen >> i & 1) != 0 && depth(r, i) + 1 > most)
			most = depth(r, i) + 1;
	return most;
}

/* All times of up to three ops: 0..2 each, without gaps. */
static bool all_times(struct run *r)
{
	int first = begins_at(r), n = r->h.count - first;
	unsigned end = n == 1 ? 1 : n == 2 ? 9 : 27;

	for (unsigned code = 0; code < end; code++) {
		unsigned used = 0;

		for (unsigned i = 0, c = code; i < (unsigned)n; i++, c /= 3) {
			stamp(r, first + (int)i, c % 3);
			used |= 1u << c % 3;
		}
		if ((used == 1 || used == 3 || used == 7) && !one_history(r, code == 0))
			return false;
	}
	return true;
}

static bool every_time(struct run *r)
{
	int ways = r->h.family->times == SMALL_TWO ? 2 : 4, first = begins_at(r);

	if (r->h.family->times == SMALL_ALL && r->h.count - first <= 3)
		return all_times(r);
	for (int way = 0; way < ways; way++) {
		for (int i = first; i < r->h.count; i++)
			stamp(r, i, way == 0 ? (unsigned)i : way == 1 ? (unsigned)(r->h.count - i) : way == 2 ? 0 : depth(r, i));
		if (!one_history(r, way == 0))
			return false;
	}
	return true;
}

static void number(struct run *r)
{
	uint64_t seq[SMALL_AUTHORS] = {0};

	/* A branch goes on behind what both have. */
	if (r->h.family->branches && r->h.family->creator == 0)
		seq[SMALL_AUTHORS - 1] = 1;
	for (int i = 0; i < r->h.count; i++)
		r->h.ops[i].seq = ++seq[r->h.ops[i].author];
}

static bool every_letter(void *ctx, struct small_history *h)
{
	struct run *r = ctx;
	int first = begins_at(r), n = h->count - first, letters = h->family->letter_count;
	int spell[SMALL_OPS_MAX] = {0}, at = 0;

	number(r);
	while (at < n) {
		if (r->next++ % r->parts == r->part) {
			for (int i = 0; i < h->count; i++) {
				if (i >= first)
					h->ops[i].letter = &h->family->letters[spell[i - first]];
				small_write(h, i);
			}
			if (!every_time(r))
				return false;
		}
		for (at = 0; at < n && ++spell[at] == letters; at++)
			spell[at] = 0;
	}
	return true;
}

static bool one_family(struct run *r, const struct small_family *family)
{
	struct totals before = r->t;

	r->h.ops[0].hlc.v = TIME0;
	for (int ops = 1; ops <= family->ops; ops++)
		if (!small_walk(family, ops, &r->h, every_letter, r))
			return false;
	(void)printf("  ok    %s: %llu histories, %llu orders\n", family->name,
	    (unsigned long long)(r->t.histories - before.histories), (unsigned long long)(r->t.orders - before.orders));
	return true;
}

int main(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof(*r));
	int passed = 0, failed = 0;

	TR_ASSERT(r != NULL);
	r->part = argc > 2 ? strtoull(argv[1], NULL, 10) : 0;
	r->parts = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	r->states = calloc((size_t)1 << STATES_LOG2, sizeof(*r->states));
	r->rec = calloc(1, sizeof(*r->rec));
	r->mv = memview_create();
	TR_ASSERT(r->states != NULL);
	TR_ASSERT(r->rec != NULL);
	r->view = memview_view(r->mv);
	memview_begin(r->mv);
	for (int i = 0; i < small_family_count; i++) {
		if (argc > 3 && strcmp(argv[3], small_families[i].name) != 0)
			continue;
		if (one_family(r, &small_families[i]))
			passed++;
		else
			failed++;
		(void)fflush(stdout);
	}
	(void)printf("totals: %llu histories, %llu orders, %llu states, %llu merges, %llu violations, %llu conflicts, %d passed, %d failed\n",
	    (unsigned long long)r->t.histories, (unsigned long long)r->t.orders, (unsigned long long)r->t.states,
	    (unsigned long long)r->t.merges, (unsigned long long)r->t.violations, (unsigned long long)r->t.conflicts, passed, failed);
	memview_free(r->mv);
	free(r->rec);
	free(r->states);
	free(r);
	return failed != 0;
}
