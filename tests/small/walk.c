/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way in which a few ops can have been written: by whom, and on top of
 * what.  What an op had seen is any set that is closed (with an op all that it
 * had seen) and holds its author's own ops before it.
 *
 * Each history comes once.  It has several orders that respect causes; it is
 * made by the one that is the smallest by author, op by op.  An order is not
 * the smallest if an op can be drawn in front of a larger author's op, that is
 * if everything from there on is neither its author's nor seen by it.  (Normal
 * forms of traces: Anisimov and Knuth 1979.)
 *
 * No other symmetry is used: the authors differ in level and rights, so no two
 * of them can be exchanged.
 */
#include "tests/small/small.h"

struct walk {
	struct small_history *h;
	int end;
	bool (*each)(void *ctx, struct small_history *h);
	void *ctx;
};

static bool is_closed(const struct small_history *h, int count, unsigned set)
{
	for (int i = 0; i < count; i++)
		if ((set >> i & 1) != 0 && (h->ops[i].seen & ~set) != 0)
			return false;
	return true;
}

/* Author's ops among the first `count`. */
static unsigned own(const struct small_history *h, int count, int author)
{
	unsigned set = 0;

	for (int i = 0; i < count; i++)
		if (h->ops[i].author == author)
			set |= 1u << i;
	return set;
}

/* An op after the last that it had seen, by a larger author, could come later. */
static bool is_smallest(const struct small_history *h, int at, unsigned seen, int author)
{
	for (int i = at - 1; i >= 0 && (seen >> i & 1) == 0; i--)
		if (h->ops[i].author > author)
			return false;
	return true;
}

static bool has_met(const struct small_history *h, int at, unsigned seen, int author)
{
	int other = author == 0 ? SMALL_AUTHORS - 1 : 0;
	unsigned common = h->family->creator >= 0 ? 1 : 0; /* before they parted */

	return h->family->branches && author != 1 && (own(h, at, other) & seen & ~common) != 0;
}

static bool walk_from(struct walk *w, int at)
{
	struct small_history *h = w->h;
	unsigned all = h->family->creator >= 0 ? 1 : 0;

	if (at == w->end) {
		h->count = at;
		return w->each(w->ctx, h);
	}
	for (int author = 0; author < SMALL_AUTHORS; author++) {
		unsigned mine = own(h, at, author);

		for (unsigned seen = 0; seen < 1u << at; seen++) {
			if ((seen & mine) != mine || (seen & all) != all || !is_closed(h, at, seen) ||
			    !is_smallest(h, at, seen, author) || has_met(h, at, seen, author))
				continue;
			h->ops[at].author = author;
			h->ops[at].seen = seen;
			if (!walk_from(w, at + 1))
				return false;
		}
	}
	return true;
}

bool small_walk(const struct small_family *family, int ops, struct small_history *h,
    bool (*each)(void *ctx, struct small_history *h), void *ctx)
{
	struct walk w = {h, ops, each, ctx};
	int first = 0;

	h->family = family;
	if (family->creator >= 0) {
		h->ops[0].author = family->creator;
		h->ops[0].seen = 0;
		h->ops[0].letter = &family->first;
		w.end++;
		first = 1;
	}
	return walk_from(&w, first);
}
