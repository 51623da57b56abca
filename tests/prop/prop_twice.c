/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what comes twice, late or in another order changes nothing.
 *
 * Method: every way in which up to three ops of one record can have been
 * written on a path of three nodes (tests/small/walk.c), with some letters, by
 * whole cores: what an op had seen, its author read from sticks that were
 * written right behind those ops.  At the end each node reads all sticks in an
 * order of its own, each stick twice, then all of them backwards.  Afterwards
 * the three hold one state, and the second reading changed none.
 *
 *     prop_twice [seeds [only this seed]]      seeds turn the orders around
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "tests/oracle/place.h"
#include "tests/small/small.h"

#define NODES 3
#define STICKS (3 * NODES)
#define HISTORIES 8 /* in one tree: sticks carry all that was never acknowledged */

/* leaf, street, top */
static const unsigned node_of[NODES] = {3, 1, 0};
static const struct small_author nobody[SMALL_AUTHORS];

struct stick {
	unsigned from, to;
	struct place_frames frames;
};

struct run {
	struct place place;
	struct tr_rec_id rec;
	struct stick sticks[STICKS];
	size_t count;
	uint64_t seed, histories, ops, sticks_read;
	struct rep_record *scratch;
};

static struct rep_reply *write_op(struct run *r, unsigned node, const struct rep_op *op, bool creates)
{
	struct rep_write w = {.kind = TR_KIND_CASE, .has_id = !creates, .must_exist = !creates, .id = r->rec,
	    .values = op->values, .value_count = op->value_count, .actor = op->actor};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	if (creates)
		w.home = r->place.n[node].nid;
	place_step(&r->place, node, &event);
	return &r->place.n[node].reply;
}

static void read_stick(struct run *r, unsigned node, const struct stick *s)
{
	place_stick_read(&r->place, node, s->from, &s->frames, NULL);
	r->sticks_read++;
}

/* Right behind an op: it carries what its author had seen, and itself. */
static void write_sticks(struct run *r, int author)
{
	for (int to = 0; to < NODES; to++) {
		struct stick *s = &r->sticks[r->count++];

		TR_ASSERT(r->count <= STICKS);
		s->from = node_of[author];
		s->to = node_of[to];
		if (to != author)
			place_stick_write(&r->place, s->from, s->to, &s->frames);
	}
}

static struct tr_hash state_at(struct run *r, int n)
{
	struct rep_view *view = &r->place.n[node_of[n]].view;
	struct tr_hash hash;
	int rc = rep_record_find(r->scratch, view, &r->rec);

	TR_ASSERT(rc == 0);
	rc = rep_record_state_hash(r->scratch, view, &hash);
	TR_ASSERT(rc == 0);
	return hash;
}

static void play(struct run *r, struct small_history *h)
{
	for (int at = 0; at < h->count; at++) {
		int author = h->ops[at].author;

		for (int i = 0; i < at; i++)
			if ((h->ops[at].seen >> i & 1) != 0 && h->ops[i].author != author)
				read_stick(r, node_of[author], &r->sticks[i * NODES + author]);
		r->ops += write_op(r, node_of[author], &h->ops[at].op, false)->rc == 0;
		write_sticks(r, author);
	}
}

static bool deliver(struct run *r, struct small_history *h)
{
	struct tr_hash first[NODES], again;

	for (int n = 0; n < NODES; n++) {
		for (int k = 0; k < h->count; k++) {
			size_t at = ((size_t)k + r->histories + r->seed + (size_t)n) % (size_t)h->count;

			if (h->ops[at].author == n)
				continue;
			read_stick(r, node_of[n], &r->sticks[at * NODES + (size_t)n]);
			read_stick(r, node_of[n], &r->sticks[at * NODES + (size_t)n]);
		}
		/* What came before what it builds on was not taken: it comes again. */
		for (int at = 0; at < h->count; at++)
			if (h->ops[at].author != n)
				read_stick(r, node_of[n], &r->sticks[at * NODES + n]);
		first[n] = state_at(r, n);
	}
	for (int n = 0; n < NODES; n++) {
		for (int at = h->count - 1; at >= 0; at--)
			if (h->ops[at].author != n)
				read_stick(r, node_of[n], &r->sticks[at * NODES + n]);
		again = state_at(r, n);
		if (memcmp(&again, &first[0], sizeof(again)) != 0 || memcmp(&first[n], &first[0], sizeof(again)) != 0)
			return false;
	}
	return true;
}

static bool one(struct run *r, struct small_history *h)
{
	static const struct rep_op empty;
	struct place_frames created = {0};
	bool ok;

	r->rec = write_op(r, node_of[0], &empty, true)->id;
	for (unsigned n = 1; n < NODES; n++) {
		place_stick_write(&r->place, node_of[0], node_of[n], &created);
		place_stick_read(&r->place, node_of[n], node_of[0], &created, NULL);
		place_frames_free(&created);
	}
	r->count = 0;
	play(r, h);
	ok = deliver(r, h);
	for (size_t i = 0; i < r->count; i++)
		place_frames_free(&r->sticks[i].frames);
	r->histories++;
	if (r->histories % HISTORIES == 0) {
		place_end(&r->place);
		place_begin(&r->place);
	}
	if (ok)
		return true;
	printf("prop_twice: seed %llu, history %llu: two states\n", (unsigned long long)r->seed, (unsigned long long)r->histories);
	for (int i = 0; i < h->count; i++)
		printf("  %d: node %u %s, had seen %#x\n", i, node_of[h->ops[i].author], h->ops[i].letter->name, h->ops[i].seen);
	return false;
}

static bool every_letter(void *ctx, struct small_history *h)
{
	struct run *r = ctx;
	int n = h->count, letters = h->family->letter_count, spell[SMALL_OPS_MAX] = {0}, at = 0;

	while (at < n) {
		for (int i = 0; i < n; i++) {
			h->ops[i].letter = &h->family->letters[spell[i]];
			small_write(h, i);
		}
		if (!one(r, h))
			return false;
		for (at = 0; at < n && ++spell[at] == letters; at++)
			spell[at] = 0;
	}
	return true;
}

static const struct small_letter letters[] = {{.name = "title-note", .v = {{14, SMALL_OWN}, {61, SMALL_SAME}}},
    {.name = "visits-add", .v = {{62, SMALL_OWN}, {60, SMALL_SAME}}}, {.name = "filed", .status = 2}};
static const struct small_family family = {.name = "twice", .kind = TR_KIND_CASE, .authors = nobody, .creator = -1,
    .letters = letters, .letter_count = 3};

int main(int argc, char **argv)
{
	struct run *r = calloc(1, sizeof(*r));
	struct small_history *h = calloc(1, sizeof(*h));
	bool ok = true;

	TR_ASSERT(r != NULL);
	TR_ASSERT(h != NULL);
	r->seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	r->scratch = calloc(1, sizeof(*r->scratch));
	TR_ASSERT(r->scratch != NULL);
	place_begin(&r->place);
	for (int ops = 1; ok && ops <= 3; ops++)
		ok = small_walk(&family, ops, h, every_letter, r);
	place_end(&r->place);
	free(r->scratch);
	free(h);
	if (ok)
		printf("prop_twice: %llu histories, %llu ops, %llu sticks read: nothing folded twice\n",
		    (unsigned long long)r->histories, (unsigned long long)r->ops, (unsigned long long)r->sticks_read);
	free(r);
	return !ok;
}
