/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who wins among concurrent values.  The order is total: levels on a path are
 * distinct, two incarnations of one node end in (author, inc, seq), two
 * branches of one log in what they say.
 */
#include <string.h>

#include "replication/record_int.h"

#include "replication/status.h"

static int by(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int by_bytes(struct tr_bytes a, struct tr_bytes b)
{
	size_t size = a.size < b.size ? a.size : b.size;
	int c = size > 0 ? memcmp(a.data, b.data, size) : 0;

	return c != 0 ? c : by(a.size, b.size);
}

static int by_value(const struct rep_value *a, const struct rep_value *b)
{
	int c = by(a->field, b->field);

	if (c == 0)
		c = by(a->type, b->type);
	if (c != 0 || a->type == REP_VALUE_NONE)
		return c;
	return a->type == REP_VALUE_INT ? (a->i > b->i) - (a->i < b->i) : by_bytes(a->t, b->t);
}

static int by_content(const struct rep_weight *a, const struct rep_weight *b)
{
	int c = by_bytes(a->actor, b->actor);

	if (c == 0)
		c = by(a->value_count, b->value_count);
	for (size_t i = 0; i < a->value_count && c == 0; i++)
		c = by_value(&a->values[i], &b->values[i]);
	return c;
}

int rep_record_dot_order(
    const struct rep_weight *a, const struct rep_weight *b)
{
	int c = by(a->author.v, b->author.v);

	if (c == 0)
		c = by(a->inc, b->inc);
	if (c == 0)
		c = by(a->seq, b->seq);
	if (c == 0)
		c = by(a->hlc.v, b->hlc.v);
	return c != 0 ? c : by_content(a, b);
}

static int near_root(const struct rep_weight *a, const struct rep_weight *b)
{
	return by(b->level, a->level);
}

static int clock_quality(const struct rep_weight *a, const struct rep_weight *b)
{
	return by(a->clockq > 0, b->clockq > 0);
}

static int later(const struct rep_weight *a, const struct rep_weight *b)
{
	return by(a->hlc.v, b->hlc.v);
}

/* The rules of each merge kind, first to last; then later, then author. */
static int weigh_by_kind(enum rep_merge_kind merge, const struct rep_weight *a,
    const struct rep_weight *b, enum rep_rule *rule)
{
	int c;

	switch (merge) {
	case REP_MERGE_LWW:
	case REP_MERGE_ASK:
		*rule = REP_RULE_CLOCK_QUALITY;
		c = clock_quality(a, b);
		if (c != 0)
			return c;
		*rule = REP_RULE_TIME;
		c = later(a, b);
		if (c != 0)
			return c;
		*rule = REP_RULE_NEAR_ROOT;
		return near_root(a, b);
	case REP_MERGE_GROUND:
		*rule = REP_RULE_NEAR_GROUND;
		return -near_root(a, b);
	case REP_MERGE_FLOW:
		*rule = REP_RULE_RANK;
		c = (a->rank > b->rank) - (a->rank < b->rank);
		if (c != 0)
			return c;
		*rule = REP_RULE_NEAR_ROOT;
		return near_root(a, b);
	case REP_MERGE_FIXED: /* two CREATEs of one id */
	case REP_MERGE_AUTH:
	case REP_MERGE_SET:
	case REP_MERGE_LIST:
	case REP_MERGE_COUNT:
		break;
	}
	*rule = REP_RULE_NEAR_ROOT;
	return near_root(a, b);
}

int rep_record_weigh(enum rep_merge_kind merge, const struct rep_weight *a,
    const struct rep_weight *b, enum rep_rule *rule)
{
	enum rep_rule why = REP_RULE_RANK;
	int c = (int)a->has_moved - (int)b->has_moved;

	if (c == 0)
		c = weigh_by_kind(merge, a, b, &why);

	if (c == 0) {
		why = REP_RULE_TIME;
		c = later(a, b);
	}
	if (c == 0) {
		why = REP_RULE_AUTHOR;
		c = rep_record_dot_order(a, b);
	}
	if (rule != NULL)
		*rule = why;
	return c;
}

struct rep_weight rep_record_cand_weight(
    const struct rep_record *rec, const struct rep_cand *cand)
{
	return (struct rep_weight){
	    .level = cand->level,
	    .clockq = cand->clockq,
	    .hlc = cand->hlc,
	    .author = cand->author,
	    .inc = cand->inc,
	    .seq = cand->dot.seq,
	    .actor = cand->actor,
	    .values = rec->values + cand->value_first,
	    .value_count = cand->value_count,
	};
}

struct rep_weight rep_record_step_weight(
    const struct rep_record *rec, const struct rep_step *step)
{
	return (struct rep_weight){
	    .rank = rep_status_rank(rec->kind, step->status),
	    .level = step->level,
	    .clockq = step->clockq,
	    .hlc = step->hlc,
	    .author = step->author,
	    .inc = step->inc,
	    .seq = step->dot.seq,
	    .actor = step->actor,
	    .values = rec->values + step->value_first,
	    .value_count = step->value_count,
	};
}

struct rep_weight rep_record_step_shown_weight(
    const struct rep_record *rec, const struct rep_step *step)
{
	struct rep_weight w = rep_record_step_weight(rec, step);

	w.rank = rep_policy_status_rank(rec->policy, rec->kind, step->status);
	w.has_moved = rec->kind == TR_KIND_CASE && step->status == REP_CASE_MOVED;
	return w;
}

int rep_record_best_step(
    const struct rep_record *rec, const uint16_t *steps, size_t count)
{
	struct rep_weight best = {0};
	int found = -1;

	for (size_t i = 0; i < count; i++) {
		struct rep_weight w =
		    rep_record_step_weight(rec, &rec->steps[steps[i]]);

		if (found >= 0 &&
		    rep_record_weigh(REP_MERGE_FLOW, &w, &best, NULL) < 0)
			continue;
		best = w;
		found = steps[i];
	}
	return found;
}

bool rep_record_step_is_alive(const struct rep_step *step)
{
	return (step->flags & (REP_STEP_VIOLATION | REP_STEP_OVER)) == 0 &&
	    step->status != 0;
}
