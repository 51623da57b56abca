/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a history must show, from docs/protocol.md 5 and docs/records.md alone:
 * nothing is folded, nothing of merge is called or looked up.  Each question is
 * answered from the set of ops that somebody had.
 */
#include <string.h>

#include "proto/err.h"
#include "replication/status.h" /* the numbers of the states, not the tables */
#include "tests/small/small.h"

enum rule { FIXED, AUTH, GROUND, FLOW, LWW, ASK, SET, LIST, COUNT };

struct field { uint16_t from, to, group; enum rule rule; };

static const struct field case_fields[] = {{3, 3, 1, FIXED}, {10, 13, 10, LWW}, {14, 14, 14, LWW}, {20, 21, 20, GROUND},
    {22, 22, 22, GROUND}, {30, 30, 30, AUTH}, {31, 37, 31, AUTH}, {40, 46, 40, FLOW}, {50, 50, 50, ASK}, {51, 51, 51, ASK},
    {52, 54, 40, FLOW}, {60, 60, 60, SET}, {61, 61, 61, LIST}, {62, 62, 62, COUNT}};
static const struct field directive_fields[] = {{20, 20, 20, AUTH}, {40, 43, 40, FLOW}, {61, 62, 61, LIST}};

static const struct field *field_of(const struct small_history *h, uint16_t id)
{
	bool is_case = h->family->kind == TR_KIND_CASE;
	const struct field *f = is_case ? case_fields : directive_fields;
	size_t n = is_case ? sizeof(case_fields) / sizeof(*f) : sizeof(directive_fields) / sizeof(*f);

	for (size_t i = 0; i < n; i++)
		if (id >= f[i].from && id <= f[i].to)
			return &f[i];
	TR_UNREACHABLE("a field that no letter has");
}

/* ---- the machine, as docs/records.md draws it ---- */

struct move { uint8_t from, to; uint32_t cap; bool reason; };

#define M(FROM, TO, CAP) {REP_CASE_##FROM, REP_CASE_##TO, TR_CAP_##CAP, false}
#define R(FROM, TO, CAP) {REP_CASE_##FROM, REP_CASE_##TO, TR_CAP_##CAP, true}
static const struct move case_moves[] = {M(REPORTED, FILED, SUPERVISE), M(FILED, DISPATCHED, COMMAND),
    M(DISPATCHED, HANDLING, HANDLE), M(HANDLING, HANDLED, HANDLE), M(HANDLED, VERIFIED, SUPERVISE),
    M(VERIFIED, CLOSED, SUPERVISE), R(REPORTED, VOIDED, SUPERVISE), M(REPORTED, DUPLICATE, SUPERVISE),
    R(DISPATCHED, RETURNED, HANDLE), M(RETURNED, DISPATCHED, COMMAND), R(HANDLED, REWORK, SUPERVISE),
    M(REWORK, HANDLING, HANDLE), M(CLOSED, REOPENED, SUPERVISE), M(REOPENED, DISPATCHED, COMMAND),
    M(REPORTED, SELF_HANDLED, HANDLE), M(SELF_HANDLED, VERIFIED, SUPERVISE)};

/* By the unit that it is about; all others by the issuer or nearer to the root. */
#define T(FROM, TO, REASON) {REP_DIR_##FROM, REP_DIR_##TO, 1, REASON}
#define I(FROM, TO, REASON) {REP_DIR_##FROM, REP_DIR_##TO, 0, REASON}
static const struct move directive_moves[] = {T(ISSUED, ACKNOWLEDGED, false), T(ISSUED, ACCEPTED, false),
    T(ISSUED, DECLINED, true), T(ACKNOWLEDGED, ACCEPTED, false), T(ACKNOWLEDGED, DECLINED, true),
    T(ACKNOWLEDGED, DONE, false), T(ACCEPTED, DECLINED, true), T(ACCEPTED, DONE, false), T(DECLINED, ACCEPTED, false),
    T(SENT_BACK, ACKNOWLEDGED, false), T(SENT_BACK, ACCEPTED, false), T(SENT_BACK, DECLINED, true),
    T(SENT_BACK, DONE, false), I(DONE, CONFIRMED, false), I(DONE, SENT_BACK, true), I(DECLINED, CONFIRMED, false),
    I(DECLINED, SENT_BACK, true), I(ISSUED, WITHDRAWN, false), I(ACKNOWLEDGED, WITHDRAWN, false),
    I(ACCEPTED, WITHDRAWN, false), I(DECLINED, WITHDRAWN, false), I(DONE, WITHDRAWN, false), I(SENT_BACK, WITHDRAWN, false)};

static int rank(uint8_t kind, uint8_t status)
{
	static const uint8_t cases[16] = {0, 10, 20, 25, 30, 35, 40, 45, 50, 50, 55, 60, 65, 70, 80, 90};
	static const uint8_t directives[16] = {0, 10, 20, 30, 35, 50, 60, 55, 80, 80};

	return kind == TR_KIND_CASE ? cases[status] : directives[status];
}

static bool is_open(uint8_t status)
{
	return status != REP_CASE_CLOSED && status != REP_CASE_DUPLICATE && status != REP_CASE_VOIDED && status != REP_CASE_MOVED;
}

/* ---- sets of ops ---- */

#define HAS(set, i) (((set) >> (i) & 1) != 0)

static const struct small_author *author(const struct small_history *h, int op)
{
	return &h->family->authors[h->ops[op].author];
}

static bool creates(const struct small_history *h, int op)
{
	return h->ops[op].op.kind == TR_OP_CREATE;
}

static uint8_t status(const struct small_history *h, int op)
{
	uint8_t first = h->family->kind == TR_KIND_CASE ? (uint8_t)REP_CASE_REPORTED : (uint8_t)REP_DIR_ISSUED;

	return h->ops[op].letter->status != 0 ? h->ops[op].letter->status : creates(h, op) ? first : 0;
}

static bool has_value(const struct small_history *h, int op, uint16_t field)
{
	for (size_t i = 0; i < h->ops[op].op.value_count; i++)
		if (h->ops[op].op.values[i].field == field && h->ops[op].op.values[i].type != REP_VALUE_NONE)
			return true;
	return false;
}

static bool has_rule(const struct small_history *h, int op, enum rule rule)
{
	for (size_t i = 0; i < h->ops[op].op.value_count; i++)
		if (field_of(h, h->ops[op].op.values[i].field)->rule == rule)
			return true;
	return false;
}

static bool writes(const struct small_history *h, int op, uint16_t group)
{
	if (group == 40)
		return status(h, op) != 0;
	for (size_t i = 0; i < h->ops[op].op.value_count; i++)
		if (field_of(h, h->ops[op].op.values[i].field)->group == group)
			return true;
	return false;
}

/* Of `set`, those that write the group and that no other such had seen. */
static unsigned side_by_side(const struct small_history *h, unsigned set, uint16_t group)
{
	unsigned out = 0;

	for (int i = 0; i < h->count; i++)
		if (HAS(set, i) && writes(h, i, group))
			out |= 1u << i;
	for (int i = 0; i < h->count; i++)
		if (HAS(set, i) && writes(h, i, group))
			out &= ~h->ops[i].seen;
	return out;
}

/* ---- who wins ---- */

static int by(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_text(struct tr_bytes a, struct tr_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int c = size != 0 ? memcmp(a.data, b.data, size) : 0;

	return c != 0 ? c : by(a.size, b.size);
}

/* Of two branches: what they say, as far as these letters can. */
static int by_content(const struct small_history *h, uint16_t group, int a, int b)
{
	const struct rep_op *x = &h->ops[a].op, *y = &h->ops[b].op;
	int c = by_text(x->actor, y->actor);

	if (c == 0 && group == 40)
		c = by(status(h, a), status(h, b));
	for (size_t i = 0, k = 0; c == 0 && i < x->value_count && k < y->value_count; i++, k++) {
		while (i < x->value_count && field_of(h, x->values[i].field)->group != group)
			i++;
		while (k < y->value_count && field_of(h, y->values[k].field)->group != group)
			k++;
		if (i < x->value_count && k < y->value_count && x->values[i].type == REP_VALUE_TEXT)
			c = by_text(x->values[i].t, y->values[k].t);
	}
	return c;
}

static int by_author(const struct small_history *h, uint16_t group, int a, int b)
{
	const struct small_author *x = author(h, a), *y = author(h, b);
	int c = by(x->nid, y->nid);

	if (c == 0)
		c = by(x->inc, y->inc);
	if (c == 0)
		c = by(h->ops[a].seq, h->ops[b].seq);
	if (c == 0)
		c = by(h->ops[a].hlc.v, h->ops[b].hlc.v);
	return c != 0 ? c : by_content(h, group, a, b);
}

static const char *const why_name[] = {"rank of the status", "nearest to the root", "nearest to the ground",
    "a clock that was set", "the later one", "order of authors"};
enum why { RANK, ROOT, NEAR_GROUND, CLOCK, TIME, AUTHOR };

static int compare(const struct small_history *h, uint16_t group, enum why why, int a, int b)
{
	switch (why) {
	case RANK: return rank(h->family->kind, status(h, a)) - rank(h->family->kind, status(h, b));
	case ROOT: return by(author(h, b)->level, author(h, a)->level);
	case NEAR_GROUND: return by(author(h, a)->level, author(h, b)->level);
	case CLOCK: return by(!h->ops[a].letter->bad_clock, !h->ops[b].letter->bad_clock);
	case TIME: return by(h->ops[a].hlc.v, h->ops[b].hlc.v);
	case AUTHOR: break;
	}
	return by_author(h, group, a, b);
}

bool small_wins(const struct small_history *h, uint16_t group, int a, int b, const char **why)
{
	static const enum why orders[][5] = {[FIXED] = {ROOT, TIME, AUTHOR}, [AUTH] = {ROOT, TIME, AUTHOR},
	    [GROUND] = {NEAR_GROUND, TIME, AUTHOR}, [FLOW] = {RANK, ROOT, TIME, AUTHOR},
	    [LWW] = {CLOCK, TIME, ROOT, AUTHOR}, [ASK] = {CLOCK, TIME, ROOT, AUTHOR}};
	const enum why *order = orders[group != 1 ? field_of(h, group)->rule : FIXED];

	for (int i = 0; i < 5; i++) {
		int c = compare(h, group, order[i], a, b);

		*why = why_name[order[i]];
		if (c != 0 || order[i] == AUTHOR)
			return c > 0;
	}
	return false;
}

bool small_is_twin(const struct small_history *h, int a, int b)
{
	const struct small_op *x = &h->ops[a], *y = &h->ops[b];

	return author(h, a)->nid == author(h, b)->nid && author(h, a)->inc == author(h, b)->inc && x->seq == y->seq &&
	    x->hlc.v == y->hlc.v && x->letter == y->letter;
}

static int best(const struct small_history *h, uint16_t group, unsigned set)
{
	const char *why;
	int found = -1;

	for (int i = 0; i < h->count; i++)
		if (HAS(set, i) && (found < 0 || small_wins(h, group, i, found, &why)))
			found = i;
	return found;
}

/* ---- verdicts: each on what its author had seen ---- */

struct past {
	unsigned seen;   /* legal ops that it had */
	unsigned alive;  /* states side by side among them */
	int shown, creator;
};

static bool has_cap(const struct small_history *h, int op, uint32_t cap)
{
	return h->ops[op].letter->imported || (author(h, op)->caps & cap) == cap;
}

static bool is_issuer(const struct small_history *h, int op, const struct past *p)
{
	return author(h, op)->level <= author(h, p->creator)->level && has_cap(h, op, TR_CAP_DIRECT);
}

static uint64_t home(const struct small_history *h)
{
	const struct small_author *a = h->family->authors;
	int lowest = 0;

	for (int i = 1; i < SMALL_AUTHORS; i++)
		if (a[i].level > a[lowest].level)
			lowest = i;
	return a[lowest].nid;
}

/* The state that a suspension interrupted; 0: none. */
static uint8_t interrupted(const struct small_history *h, unsigned seen, int op)
{
	while (op >= 0 && status(h, op) == REP_CASE_SUSPENDED)
		op = best(h, 40, side_by_side(h, seen & h->ops[op].seen, 40));
	return op >= 0 ? status(h, op) : 0;
}

/* restored: ops that brought back a state and so are nobody's work. */
static bool has_handled(const struct small_history *h, int op, const struct past *p, unsigned restored)
{
	for (int i = 0; i < h->count; i++)
		if (HAS(p->seen & ~restored, i) && author(h, i)->nid == author(h, op)->nid && !h->ops[i].letter->imported &&
		    (status(h, i) == REP_CASE_HANDLED || status(h, i) == REP_CASE_SELF_HANDLED) &&
		    by_text(h->ops[i].op.actor, h->ops[op].op.actor) == 0)
			return true;
	return false;
}

static bool suspends(const struct small_history *h, int op)
{
	return has_cap(h, op, TR_CAP_COMMAND) &&
	    (h->ops[op].letter->imported || (has_value(h, op, 43) && has_value(h, op, 46)));
}

static bool is_step(const struct small_history *h, int op, const struct past *p, unsigned *restored)
{
	uint8_t from = status(h, p->shown), to = status(h, op), back;
	bool is_case = h->family->kind == TR_KIND_CASE;
	const struct move *m = is_case ? case_moves : directive_moves;
	size_t n = is_case ? sizeof(case_moves) / sizeof(*m) : sizeof(directive_moves) / sizeof(*m);

	if (is_case && to == REP_CASE_SUSPENDED)
		return is_open(from) && from != REP_CASE_SUSPENDED && suspends(h, op);
	if (is_case && from == REP_CASE_SUSPENDED) {
		back = interrupted(h, p->seen, p->shown);
		if (to != back && (back != 0 || !is_open(to)))
			return false;
		*restored |= 1u << op;
		return has_cap(h, op, TR_CAP_COMMAND);
	}
	for (; n > 0 && (m->from != from || m->to != to); m++)
		n--;
	if (n == 0 || (m->reason && !h->ops[op].letter->imported && !has_value(h, op, 43)))
		return false;
	if (!is_case)
		return m->cap != 0 ? author(h, op)->nid == home(h) : is_issuer(h, op, p);
	return has_cap(h, op, m->cap) &&
	    (to != REP_CASE_VERIFIED || h->ops[op].letter->imported || !has_handled(h, op, p, *restored));
}

/* Among states side by side one is stated again. */
static bool is_choice(const struct small_history *h, int op, const struct past *p, unsigned *restored)
{
	bool found = false;

	for (int i = 0; i < h->count; i++)
		found |= HAS(p->alive, i) && status(h, i) == status(h, op);
	if (!found || (p->alive & (p->alive - 1)) == 0)
		return false;
	*restored |= 1u << op;
	return h->family->kind == TR_KIND_CASE ? has_cap(h, op, TR_CAP_SUPERVISE) : is_issuer(h, op, p);
}

static struct tr_bytes goes_to(const struct small_history *h, int op)
{
	for (size_t i = 0; i < h->ops[op].op.value_count; i++)
		if (h->ops[op].op.values[i].field == 52)
			return h->ops[op].op.values[i].t;
	return (struct tr_bytes){NULL, 0};
}

static bool has_moved(const struct small_history *h, unsigned set)
{
	for (int i = 0; i < h->count; i++)
		if (HAS(set, i) && h->family->kind == TR_KIND_CASE && status(h, i) == REP_CASE_MOVED)
			return true;
	return false;
}

/* To a home below the street: by a unit over both, of what is open, or again. */
static bool is_move(const struct small_history *h, int op, const struct past *p, unsigned *restored)
{
	bool again = false;

	if (author(h, op)->level == 2 || (author(h, op)->caps & TR_CAP_COMMAND) == 0)
		return false;
	if (!has_moved(h, p->seen))
		return is_open(status(h, p->shown));
	*restored |= 1u << op;
	for (int i = 0; i < h->count; i++)
		again |= HAS(p->alive, i) && status(h, i) == REP_CASE_MOVED && by_text(goes_to(h, i), goes_to(h, op)) == 0;
	return again && (p->alive & (p->alive - 1)) != 0;
}

static bool may_write(const struct small_history *h, int op, const struct past *p)
{
	bool is_case = h->family->kind == TR_KIND_CASE;

	if (creates(h, op) && !has_cap(h, op, is_case ? TR_CAP_INTAKE : TR_CAP_DIRECT))
		return false;
	if (has_rule(h, op, AUTH) && !creates(h, op) && !(is_case ? has_cap(h, op, TR_CAP_COMMAND) : is_issuer(h, op, p)))
		return false;
	return is_case || !has_rule(h, op, LIST) || author(h, op)->nid == home(h);
}

static bool is_legal(const struct small_history *h, int op, unsigned valid, unsigned *restored)
{
	struct past p = {.seen = h->ops[op].seen & valid, .creator = -1};
	bool chosen;

	for (int i = 0; i < h->count; i++)
		if (HAS(p.seen, i) && creates(h, i) && (p.creator < 0 || best(h, 1, 1u << i | 1u << p.creator) == i))
			p.creator = i;
	for (int i = 0; i < 3; i++) /* an item of a list stays */
		if (h->ops[op].letter->v[i].what == SMALL_TAKE && field_of(h, h->ops[op].letter->v[i].field)->rule == LIST)
			return false;
	if (h->ops[op].letter->imported && (author(h, op)->caps & TR_CAP_IMPORT) == 0)
		return false;
	if (creates(h, op) != (p.creator < 0))
		return false;
	p.alive = side_by_side(h, p.seen, 40);
	p.shown = best(h, 40, p.alive);
	if (h->ops[op].op.kind == TR_OP_TRANSFER)
		return is_move(h, op, &p, restored);
	if (has_moved(h, p.seen) || (has_rule(h, op, FIXED) && !creates(h, op)) ||
	    (has_rule(h, op, FLOW) && !creates(h, op) && status(h, op) == 0) || !may_write(h, op, &p))
		return false;
	if (creates(h, op))
		return h->ops[op].letter->status == 0 || h->ops[op].letter->imported;
	if (status(h, op) == 0)
		return true;
	if (is_step(h, op, &p, restored))
		return true;
	*restored &= ~(1u << op);
	chosen = is_choice(h, op, &p, restored);
	if (!chosen)
		*restored &= ~(1u << op);
	return chosen;
}

/* ---- rows ---- */

static void set_of(const struct small_history *h, struct small_answer *out)
{
	unsigned adders = 0;

	for (int i = 0; i < h->count; i++) {
		enum small_what what = SMALL_NO;

		for (int k = 0; k < 3; k++)
			if (h->ops[i].letter->v[k].field == 60)
				what = h->ops[i].letter->v[k].what;
		if (!HAS(out->valid, i) || what == SMALL_NO)
			continue;
		/* Taking away, or adding again, takes the place of what was seen. */
		if (what != SMALL_OWN)
			adders &= ~h->ops[i].seen;
		if (what == SMALL_SAME)
			adders |= 1u << i;
		if (what == SMALL_OWN)
			out->own |= 1u << i;
	}
	out->same = adders != 0;
}

static bool is_later(const struct small_history *h, int a, int b)
{
	const struct small_author *x = author(h, a), *y = author(h, b);
	int c = by(h->ops[a].hlc.v, h->ops[b].hlc.v);

	if (c == 0)
		c = by(x->nid, y->nid);
	if (c == 0)
		c = by(h->ops[a].seq, h->ops[b].seq);
	if (c == 0)
		c = by(x->inc, y->inc);
	return c > 0;
}

static void list_of(const struct small_history *h, struct small_answer *out)
{
	for (int i = 0; i < h->count; i++) {
		int at = out->item_count;

		if (!HAS(out->valid, i) || !has_rule(h, i, LIST))
			continue;
		for (; at > 0 && is_later(h, out->items[at - 1], i); at--)
			out->items[at] = out->items[at - 1];
		out->items[at] = i;
		out->item_count++;
	}
}

/* One cell for a writer and its incarnation: two branches share it. */
static void count_of(const struct small_history *h, struct small_answer *out)
{
	for (int i = 0; i < h->count; i++)
		for (size_t v = 0; HAS(out->valid, i) && v < h->ops[i].op.value_count; v++) {
			const struct rep_value *value = &h->ops[i].op.values[v];
			int cell = h->family->branches && h->ops[i].author == SMALL_AUTHORS - 1 ? 0 : h->ops[i].author;

			if (h->family->kind == TR_KIND_CASE && value->field == 62 && value->i > out->total[cell])
				out->total[cell] = value->i;
		}
}

void small_answer(const struct small_history *h, struct small_answer *out)
{
	unsigned restored = 0;

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < h->count; i++)
		if (is_legal(h, i, out->valid, &restored))
			out->valid |= 1u << i;
	out->steps = side_by_side(h, out->valid, 40);
	out->step_shown = best(h, 40, out->steps);
	for (uint16_t group = 1; group < 60; group++) {
		out->cands[group] = group != 40 ? side_by_side(h, out->valid, group) : 0;
		out->shown[group] = best(h, group, out->cands[group]);
	}
	set_of(h, out);
	list_of(h, out);
	count_of(h, out);
}
