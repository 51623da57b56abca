/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explaining: why a value is shown, why an op is a violation.
 */
#include "replication/merge_int.h"

/* Winner and best of the others, by comparing each with both. */
struct podium {
	struct rep_weight first, second;
	size_t count;
};

static void enter(
    struct podium *p, enum rep_merge_kind merge, struct rep_weight w)
{
	if (p->count == 0 || rep_record_weigh(merge, &w, &p->first, NULL) > 0) {
		p->second = p->first;
		p->first = w;
	} else if (p->count == 1 ||
	    rep_record_weigh(merge, &w, &p->second, NULL) > 0) {
		p->second = w;
	}
	p->count++;
}

enum rep_rule rep_merge_rule(const struct rep_record *rec, uint16_t group_id)
{
	enum rep_merge_kind merge = rep_policy_merge(rec->policy, rec->kind, group_id);
	struct podium p = {.count = 0};
	enum rep_rule rule = REP_RULE_ONLY;

	if (group_id == REP_FIELD_STATUS) {
		for (size_t i = 0; i < rec->step_count; i++)
			if (rep_record_step_is_alive(&rec->steps[i]))
				enter(&p, merge, rep_record_step_shown_weight(rec,
				    &rec->steps[i]));
	} else {
		for (size_t i = 0; i < rec->cand_count; i++)
			if (rec->cands[i].group == group_id)
				enter(&p, merge,
				    rep_record_cand_weight(rec, &rec->cands[i]));
	}
	if (p.count > 1)
		(void)rep_record_weigh(merge, &p.first, &p.second, &rule);
	return rule;
}

const char *rep_rule_name(enum rep_rule rule)
{
	switch (rule) {
	case REP_RULE_ONLY: return "the only value";
	case REP_RULE_RANK: return "rank of the status";
	case REP_RULE_NEAR_ROOT: return "nearest to the root";
	case REP_RULE_NEAR_GROUND: return "nearest to the ground";
	case REP_RULE_CLOCK_QUALITY: return "a clock that was set";
	case REP_RULE_TIME: return "the later one";
	case REP_RULE_AUTHOR: return "order of authors";
	}
	return "unknown";
}

const char *rep_why_name(enum rep_why why)
{
	switch (why) {
	case REP_WHY_NONE: return "valid";
	case REP_WHY_CAP: return "the unit has no authority for that";
	case REP_WHY_STEP: return "the status machine has no such step";
	case REP_WHY_SAME_PERSON: return "who handled it cannot verify it";
	case REP_WHY_NO_CREATE: return "nothing was created before it";
	case REP_WHY_FIXED: return "the field is set at creation only";
	case REP_WHY_TWICE: return "created twice";
	case REP_WHY_FIELD: return "no such field, or a wrong value";
	case REP_WHY_REASON: return "the step needs a reason";
	case REP_WHY_TARGET: return "only the unit that it is about may";
	case REP_WHY_LIMIT: return "a bound of the record was reached";
	case REP_WHY_IMPORT: return "only a unit with IMPORT may load history";
	case REP_WHY_MOVED: return "it had gone to another home";
	case REP_WHY_BOTH: return "only a unit over both homes may move it";
	case REP_WHY_ENDED: return "only open work is moved";
	case REP_WHY_HOME: return "it is at home there";
	}
	return "unknown";
}
