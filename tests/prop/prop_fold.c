/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a record is a function of the set of its ops.
 *
 * Method: random histories of a few authors with random knowledge of each
 * other.  1. Small ones are folded in EVERY causal order, on nodes with
 * different log handles: one state hash.  2. Larger ones in random orders,
 * with and without a store between two ops.  3. What is alive is compared
 * with the plain definition: a valid write that no valid write of the same
 * group (step, element) had in its past.
 *
 *     prop_fold [seeds [only this seed]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/status.h"
#include "tests/lib/fold.h"

#define SMALL_OPS 6
#define LARGE_OPS 60
#define LARGE_ORDERS 12
#define ALL_CAPS 0x7ffu

struct run {
	uint64_t rng;
	struct fold f;
	struct fold_node replicas[FOLD_AUTHORS_MAX]; /* what each author holds */
	struct fold_node node;                       /* folds in other orders */
	struct tr_hash hash;
	uint64_t orders;
	int order[LARGE_OPS];
};

static uint64_t random_below(struct run *r, uint64_t n)
{
	r->rng ^= r->rng << 13;
	r->rng ^= r->rng >> 7;
	r->rng ^= r->rng << 17;
	return (r->rng * 0x2545f4914f6cdd1du >> 11) % n;
}

/* ------------------------------------------------------------- histories */

static const char *const words[] = {"", "a", "b", "spring", "east gate",
    "\xe5\xa4\x9c\xe9\x97\xb4\xe6\x96\xbd\xe5\xb7\xa5"};

static const char *random_word(struct run *r, bool empty)
{
	return words[(empty ? 0 : 1) + random_below(r, empty ? 6 : 5)];
}

static void random_values(struct run *r, struct rep_op *op)
{
	static const uint16_t texts[] = {10, 11, 14, 15, 22, 23};

	switch (random_below(r, 9)) {
	case 0:
	case 1:
		fold_text(op, texts[random_below(r, 6)], random_word(r, true));
		break;
	case 2:
		fold_int(op, 20, (int64_t)random_below(r, 5));
		if (random_below(r, 2) != 0)
			fold_int(op, 21, (int64_t)random_below(r, 5));
		break;
	case 3:
		fold_int(op, 30, 1 + (int64_t)random_below(r, 4));
		break;
	case 4:
		fold_int(op, 31, 1 + (int64_t)random_below(r, 9));
		break;
	case 5:
		fold_text(op, 60, random_word(r, false));
		break;
	case 6:
		fold_remove(op, 60, random_word(r, false));
		break;
	case 7:
		fold_text(op, 61, random_word(r, false));
		break;
	default:
		fold_int(op, 62, (int64_t)random_below(r, 20));
		break;
	}
}

static enum rep_why check_at(struct run *r, int author, int op)
{
	struct fold_node *n = &r->replicas[author];
	struct rep_seen seen[FOLD_AUTHORS_MAX];
	struct rep_cause cause = fold_cause(&r->f, n, op, seen);

	return rep_merge_check(n->rec, &r->f.ops[op].op, &cause, NULL);
}

/* A step, mostly one that the author's node would take. */
static void random_step(struct run *r, int author)
{
	struct rep_op *op = fold_op(&r->f, author, TR_OP_SET);
	int last = r->f.op_count - 1;
	size_t tries = random_below(r, 8) == 0 ? 1 : 24;

	if (random_below(r, 20) == 0)
		op->flags = TR_OPF_IMPORTED;
	fold_actor(op, random_word(r, true));
	fold_int(op, 40, 1);
	fold_text(op, 43, "why");
	fold_int(op, 46, 1);
	while (tries-- > 0) {
		op->values[0].i = 1 + (int64_t)random_below(r, REP_STATUS_MAX);
		if (check_at(r, author, last) == REP_WHY_NONE)
			break;
	}
	if (random_below(r, 4) == 0)
		random_values(r, op);
}

/* Writes one op somewhere and folds it there. */
static void random_op(struct run *r)
{
	int author = (int)random_below(r, (uint64_t)r->f.author_count);
	int other = (int)random_below(r, (uint64_t)r->f.author_count);
	struct rep_op *op;

	if (other != author && random_below(r, 3) != 0) {
		uint64_t have[FOLD_AUTHORS_MAX];

		memcpy(have, r->f.authors[author].seen, sizeof(have));
		fold_see(&r->f, author, other);
		for (int i = 0; i < r->f.op_count; i++) {
			const struct fold_op *o = &r->f.ops[i];

			if (o->author != author && o->seq > have[o->author] &&
			    o->seq <= r->f.authors[author].seen[o->author])
				fold_apply(&r->replicas[author], &r->f, i);
		}
	}
	if (random_below(r, 30) == 0) {
		op = fold_op(&r->f, author, TR_OP_CREATE);
		random_values(r, op);
	} else if (random_below(r, 2) == 0) {
		random_step(r, author);
	} else {
		op = fold_op(&r->f, author, TR_OP_SET);
		random_values(r, op);
		if (random_below(r, 3) == 0)
			random_values(r, op);
	}
	fold_apply(&r->replicas[author], &r->f, r->f.op_count - 1);
}

static void begin(struct run *r, uint64_t seed, int ops)
{
	int authors;

	r->rng = seed * 0x9e3779b97f4a7c15u + 0xd1b54a32d192ed03u;
	r->orders = 0;
	authors = 2 + (int)random_below(r, ops <= SMALL_OPS ? 2 : 5);
	fold_init(&r->f, TR_KIND_CASE);
	for (int i = 0; i < authors; i++) {
		bool some = random_below(r, 3) == 0;

		/* the last two are one node before and after a restore */
		fold_author(&r->f, (uint8_t)(i == 5 ? 4 : i),
		    some ? FOLD_LEAF : ALL_CAPS);
		r->f.authors[i].clockq = (uint8_t)random_below(r, 2);
		if (i == 5)
			r->f.authors[i].nid = r->f.authors[4].nid;
		fold_node_init(&r->replicas[i], &r->f, (uint32_t)i);
	}
	r->f.scope = r->f.authors[authors - 1].nid;
	for (int i = 0; i < authors; i++)
		r->replicas[i].rec->scope = r->f.scope;
	random_values(r, fold_op(&r->f, authors - 1, TR_OP_CREATE));
	fold_apply(&r->replicas[authors - 1], &r->f, 0);
	while (r->f.op_count < ops)
		random_op(r);
	fold_node_init(&r->node, &r->f, 7);
	fold_apply_all(&r->node, &r->f);
	r->hash = fold_hash(&r->node);
}

static void end(struct run *r)
{
	for (int i = 0; i < r->f.author_count; i++)
		fold_node_done(&r->replicas[i]);
	fold_node_done(&r->node);
	fold_done(&r->f);
}

/* ------------------------------------------------------------------ orders */

static bool same_state(struct run *r, const char *what, uint64_t seed)
{
	struct tr_hash hash = fold_hash(&r->node);

	r->orders++;
	if (memcmp(&hash, &r->hash, sizeof(hash)) == 0)
		return true;
	printf("prop_fold: seed %llu: another state by %s, order:",
	    (unsigned long long)seed, what);
	for (int i = 0; i < r->f.op_count; i++)
		printf(" %d", r->order[i]);
	printf("\n");
	return false;
}

static void fold_in_order(struct run *r, uint32_t salt, bool by_store)
{
	fold_node_reset(&r->node, &r->f, salt);
	r->node.by_store = by_store;
	for (int i = 0; i < r->f.op_count; i++)
		fold_apply(&r->node, &r->f, r->order[i]);
	TR_ASSERT(r->node.failed == 0);
}

/* Every causal order from position `at` on; depth is SMALL_OPS. */
static bool every_order(
    struct run *r, uint64_t seed, int at, uint64_t *have)
{
	if (at == r->f.op_count) {
		fold_in_order(r, (uint32_t)r->orders, r->orders % 4 == 3);
		return same_state(r, "a causal order", seed);
	}
	for (int op = 0; op < r->f.op_count; op++) {
		bool ok;

		if (!fold_ready(&r->f, op, have))
			continue;
		r->order[at] = op;
		have[r->f.ops[op].author]++;
		ok = every_order(r, seed, at + 1, have);
		have[r->f.ops[op].author]--;
		if (!ok)
			return false;
	}
	return true;
}

static void random_order(struct run *r)
{
	uint64_t have[FOLD_AUTHORS_MAX] = {0};

	for (int at = 0; at < r->f.op_count;) {
		int op = (int)random_below(r, (uint64_t)r->f.op_count);

		if (!fold_ready(&r->f, op, have))
			continue;
		r->order[at++] = op;
		have[r->f.ops[op].author]++;
	}
}

/* -------------------------------------------------------------- definition */

static bool writes_group(const struct fold_op *o, uint16_t group)
{
	for (size_t i = 0; i < o->op.value_count; i++) {
		const struct rep_field *f = rep_schema_field(
		    TR_KIND_CASE, o->op.values[i].field);

		if (f != NULL && f->group_id == group)
			return true;
	}
	return o->op.kind == TR_OP_CREATE && group == 40;
}

static bool writes_element(const struct fold_op *o, struct tr_bytes text,
    bool *adds)
{
	bool found = false;

	*adds = false;
	for (size_t i = 0; i < o->op.value_count; i++) {
		const struct rep_value *v = &o->op.values[i];

		if (v->field != 60 || v->t.size != text.size ||
		    memcmp(v->t.data, text.data, text.size) != 0)
			continue;
		found = true;
		if (v->act != TR_ACT_REMOVE)
			*adds = true; /* wins, also within one op */
	}
	return found;
}

static bool is_valid(const struct run *r, int op)
{
	return r->node.applied[op].verdict == REP_VALID;
}

/* Valid writes of a group that no valid write of it had in its past. */
static size_t alive_by_definition(const struct run *r, uint16_t group)
{
	size_t count = 0;

	for (int a = 0; a < r->f.op_count; a++) {
		bool alive = is_valid(r, a) && writes_group(&r->f.ops[a], group);

		for (int b = 0; alive && b < r->f.op_count; b++)
			if (is_valid(r, b) &&
			    writes_group(&r->f.ops[b], group) &&
			    fold_saw(&r->f, b, a))
				alive = false;
		count += alive;
	}
	return count;
}

static bool element_by_definition(const struct run *r, struct tr_bytes text)
{
	for (int a = 0; a < r->f.op_count; a++) {
		bool adds, other;
		bool alive = is_valid(r, a) &&
		    writes_element(&r->f.ops[a], text, &adds) && adds;

		for (int b = 0; alive && b < r->f.op_count; b++)
			if (is_valid(r, b) && fold_saw(&r->f, b, a) &&
			    writes_element(&r->f.ops[b], text, &other))
				alive = false;
		if (alive)
			return true;
	}
	return false;
}

static bool element_in_store(struct run *r, struct tr_bytes text)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	bool found = false;

	while (rep_record_rows(&r->node.view, &r->node.rec->id, 60, &cursor,
		   &row) == 0)
		if (row.text.size == text.size &&
		    memcmp(row.text.data, text.data, text.size) == 0)
			found = true;
	return found;
}

static bool as_defined(struct run *r, uint64_t seed)
{
	static const uint16_t groups[] = {10, 14, 15, 20, 22, 23, 30, 31};
	uint16_t out[TR_STEPS_MAX];
	bool ok = alive_by_definition(r, 40) ==
	    rep_record_steps_alive(r->node.rec, out, TR_STEPS_MAX);

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (alive_by_definition(r, groups[i]) !=
		    rep_record_cands(r->node.rec, groups[i], out, TR_CANDS_MAX))
			ok = false;
	for (size_t i = 1; i < sizeof(words) / sizeof(words[0]); i++) {
		struct tr_bytes text = {
		    (const uint8_t *)words[i], strlen(words[i])};

		if (element_by_definition(r, text) != element_in_store(r, text))
			ok = false;
	}
	if (!ok)
		printf("prop_fold: seed %llu: not as defined\n",
		    (unsigned long long)seed);
	return ok;
}

/* -------------------------------------------------------------------- runs */

struct totals {
	uint64_t orders, ops, violations;
};

static bool small_run(struct run *r, uint64_t seed, struct totals *t)
{
	uint64_t have[FOLD_AUTHORS_MAX] = {0};
	bool ok;

	begin(r, seed, 2 + (int)(seed % (SMALL_OPS - 1)));
	ok = as_defined(r, seed) && every_order(r, seed, 0, have);
	t->orders += r->orders;
	t->ops += (uint64_t)r->f.op_count;
	t->violations += r->node.rec->violations;
	end(r);
	return ok;
}

static bool large_run(struct run *r, uint64_t seed, struct totals *t)
{
	bool ok;

	begin(r, seed ^ 0x5ca1ab1e00000000u, LARGE_OPS);
	ok = as_defined(r, seed);
	for (uint32_t i = 0; ok && i < LARGE_ORDERS; i++) {
		random_order(r);
		fold_in_order(r, i, i % 2 == 1);
		ok = same_state(r, "a random order", seed);
	}
	t->orders += r->orders;
	t->ops += (uint64_t)r->f.op_count;
	t->violations += r->node.rec->violations;
	end(r);
	return ok;
}

int main(int argc, char **argv)
{
	uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 150;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	struct run *r = calloc(1, sizeof(*r));
	struct totals t = {0};
	bool ok = r != NULL;

	if (argc > 2)
		seeds = 1;
	for (uint64_t seed = first; ok && seed < first + seeds; seed++)
		ok = small_run(r, seed, &t) && large_run(r, seed, &t);
	free(r);
	if (!ok)
		return 1;
	printf("prop_fold: %llu seeds, %llu ops (%llu violations), "
	       "%llu orders: one state each\n",
	    (unsigned long long)seeds, (unsigned long long)t.ops,
	    (unsigned long long)t.violations, (unsigned long long)t.orders);
	return 0;
}
