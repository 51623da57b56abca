/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whatever an op holds, folding it gives an answer, the same one at the
 * door and in the fold, and the record stays storable and comes back equal.
 *
 * Method: ops with random kinds, types, fields, actions, numbers and texts,
 * folded by nodes that store and load between two ops or do not.
 *
 *     prop_hostile [seeds [only this seed]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "tests/lib/fold.h"

#define OPS 120

static uint64_t rng;
static char text[9000];

static uint64_t random_below(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (rng * 0x2545f4914f6cdd1du >> 11) % n;
}

static int64_t random_int(void)
{
	switch (random_below(4)) {
	case 0: return (int64_t)random_below(16);
	case 1: return (int64_t)random_below(UINT64_MAX);
	case 2: return random_below(2) != 0 ? INT64_MAX : INT64_MIN;
	default: return -(int64_t)random_below(100);
	}
}

static struct tr_bytes random_text(void)
{
	static const size_t sizes[] = {0, 1, 8, 16, 64, 200, 800, 8192};
	size_t size = sizes[random_below(8)];

	return (struct tr_bytes){(const uint8_t *)text + random_below(200), size};
}

static void random_op(struct fold *f)
{
	int author = (int)random_below((uint64_t)f->author_count);
	struct rep_op *op = fold_op(f, author, TR_OP_SET);
	size_t count = random_below(4) == 0 ? random_below(TR_FIELDS_MAX + 1)
					    : random_below(4);

	if (random_below(3) == 0)
		fold_see(f, author, (int)random_below((uint64_t)f->author_count));
	op->kind = (uint32_t)(random_below(8) == 0 ? random_below(16)
						   : 1 + random_below(5));
	if (random_below(16) == 0)
		op->type = (uint8_t)random_below(256);
	op->flags = (uint32_t)random_below(2);
	op->actor = random_text();
	if (random_below(16) != 0)
		op->actor.size %= TR_ACTOR_MAX + 1;
	for (size_t i = 0; i < count; i++) {
		struct rep_value *v = &op->values[op->value_count++];

		v->field = (uint16_t)random_below(70);
		v->act = (uint8_t)(random_below(4) == 0 ? random_below(5) : 0);
		v->type = (uint8_t)(random_below(16) == 0 ? random_below(256)
							  : random_below(4));
		v->i = random_int();
		if (v->type == REP_VALUE_TEXT || v->type == REP_VALUE_BYTES)
			v->t = random_text();
	}
}

static bool applied_kind(const struct fold_op *o)
{
	return o->op.kind >= TR_OP_CREATE && o->op.kind <= TR_OP_COUNT;
}

static bool one_seed(uint64_t seed, uint64_t *valid)
{
	static const uint8_t kinds[] = {TR_KIND_CASE, TR_KIND_STAFF,
	    TR_KIND_DIRECTIVE, TR_KIND_UNIT};
	struct fold f;
	struct fold_node *n = calloc(2, sizeof(*n));
	struct tr_hash a, b;

	TR_ASSERT(n != NULL);
	rng = seed * 0x9e3779b97f4a7c15u + 1;
	fold_init(&f, kinds[seed % 4]);
	for (uint8_t i = 0; i < 3; i++)
		(void)fold_author(&f, i, 0x7ff);
	(void)fold_op(&f, 2, TR_OP_CREATE); /* so that not all is refused */
	fold_see(&f, 0, 2);
	while (f.op_count < OPS)
		random_op(&f);
	for (int k = 0; k < 2; k++) {
		fold_node_init(&n[k], &f, (uint32_t)k);
		n[k].by_store = k == 1;
		for (int i = 0; i < f.op_count; i++) {
			if (!applied_kind(&f.ops[i]))
				continue;
			fold_apply(&n[k], &f, i);
			*valid += n[k].applied[i].verdict == REP_VALID;
		}
		TR_ASSERT(n[k].failed == 0);
	}
	a = fold_hash(&n[0]);
	b = fold_hash(&n[1]);
	fold_node_done(&n[0]);
	fold_node_done(&n[1]);
	free(n);
	fold_done(&f);
	return memcmp(&a, &b, sizeof(a)) == 0;
}

int main(int argc, char **argv)
{
	uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 150;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	uint64_t valid = 0;

	if (argc > 2)
		seeds = 1;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	for (uint64_t seed = first; seed < first + seeds; seed++) {
		if (one_seed(seed, &valid))
			continue;
		printf("prop_hostile: seed %llu: two states\n",
		    (unsigned long long)seed);
		return 1;
	}
	printf("prop_hostile: %llu seeds, %llu ops, %llu of them valid\n",
	    (unsigned long long)seeds,
	    (unsigned long long)(seeds * 2 * (OPS - 1)),
	    (unsigned long long)valid);
	return 0;
}
