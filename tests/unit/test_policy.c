/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/policy.h"

#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/status.h"

static struct rep_policy_doc doc, back;

static void a_document_reads_back(void **state)
{
	uint8_t bytes[TR_POLICY_BYTES_MAX];
	struct rep_policy policy;
	size_t size;

	(void)state;
	doc = (struct rep_policy_doc){.version = 7, .rule_count = 2, .rank_count = 1};
	doc.rule[0] = (struct rep_policy_rule){TR_KIND_CASE, 14, REP_MERGE_GROUND, true};
	doc.rule[1] = (struct rep_policy_rule){TR_KIND_CASE, 200, REP_MERGE_ASK, false};
	doc.rank[0] = (struct rep_policy_rank){TR_KIND_CASE, REP_CASE_CLOSED, 999};
	size = rep_policy_encode(&doc, bytes, sizeof(bytes));
	assert_int_not_equal(size, 0);
	assert_int_equal(rep_policy_encode(&doc, bytes, size - 1), 0);
	assert_int_equal(rep_policy_decode(&back, (struct tr_bytes){bytes, size}), 0);
	assert_memory_equal(&doc, &back, sizeof(doc));
	rep_policy_resolve(&policy, &back);
	assert_int_equal(policy.ignored, 1);
	assert_int_equal(rep_policy_merge(&policy, TR_KIND_CASE, 14), REP_MERGE_GROUND);
	assert_true(rep_policy_is_asked(&policy, TR_KIND_CASE, 14));
	assert_int_equal(rep_policy_merge(NULL, TR_KIND_CASE, 14), REP_MERGE_LWW);
	assert_int_equal(rep_policy_status_rank(&policy, TR_KIND_CASE, REP_CASE_CLOSED), 999);
	for (size_t cut = 1; cut < size; cut++)
		(void)!rep_policy_decode(&back, (struct tr_bytes){bytes, cut});
}

static void bad_documents_are_refused(void **state)
{
	static const struct { int rc; size_t size; uint8_t b[8]; } rows[] = {
	    {TR_E_INPUT, 0, {0}},
	    {TR_E_INPUT, 2, {0x08, 0}},
	    {TR_E_INPUT, 4, {0x08, 1, 0x08, 2}},
	    {TR_E_INPUT, 3, {0x08, 1, 0x10}},
	    {TR_E_INPUT, 4, {0x08, 1, 0x10, 1}},
	    {TR_E_INPUT, 4, {0x08, 1, 0x12, 9}},
	    {TR_E_INPUT, 8, {0x08, 1, 0x12, 4, 0x08, 1, 0x08, 1}},
	    {TR_E_INPUT, 4, {0x08, 1, 0x18, 1}},
	    {TR_E_INPUT, 5, {0x08, 1, 0x1a, 1, 0x08}},
	    {0, 4, {0x08, 1, 0x78, 1}},
	    {0, 6, {0x08, 1, 0x12, 2, 0x28, 1}}, /* a fifth number in a rule: of a later version */
	};
	static uint8_t many[TR_POLICY_BYTES_MAX + 1] = {0x08, 1};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(rep_policy_decode(&back, (struct tr_bytes){rows[i].b, rows[i].size}), rows[i].rc);
	for (size_t i = 0; i <= TR_POLICY_RULES_MAX; i++)
		many[2 + 2 * i] = 0x12;
	assert_int_equal(rep_policy_decode(&back, (struct tr_bytes){many, 2 + 2 * TR_POLICY_RULES_MAX}), 0);
	assert_int_equal(rep_policy_decode(&back, (struct tr_bytes){many, 4 + 2 * TR_POLICY_RULES_MAX}), TR_E_LIMIT);
	for (size_t i = 0; i <= TR_POLICY_RANKS_MAX; i++)
		many[2 + 2 * i] = 0x1a;
	assert_int_equal(rep_policy_decode(&back, (struct tr_bytes){many, 2 + 2 * TR_POLICY_RANKS_MAX}), 0);
	assert_int_equal(rep_policy_decode(&back, (struct tr_bytes){many, 4 + 2 * TR_POLICY_RANKS_MAX}), TR_E_LIMIT);
	assert_int_equal(rep_policy_decode(&back, (struct tr_bytes){many, sizeof(many)}), TR_E_LIMIT); /* before it is looked at */
}

static void what_no_policy_may_choose(void **state)
{
	(void)state;
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_UNIT, 4, 0, false}), REP_POLICY_KIND);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, 1, 0, false}), REP_POLICY_FIXED);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, 61, 0, false}), REP_POLICY_FIXED);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, 14, REP_MERGE_SET, false}), REP_POLICY_MERGE);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, 14, REP_MERGE_FLOW, false}), REP_POLICY_NOT_FLOW);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, 14, 99, false}), REP_POLICY_MERGE);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, 63, 0, false}), REP_POLICY_FIELD);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, UINT32_MAX, 0, false}), REP_POLICY_FIELD);
	assert_int_equal(rep_policy_rank_why(&(struct rep_policy_rank){TR_KIND_UNIT, 1, 1}), REP_POLICY_KIND);
	assert_int_equal(rep_policy_rank_why(&(struct rep_policy_rank){TR_KIND_CASE, 99, 1}), REP_POLICY_STATUS);
	assert_int_equal(rep_policy_rank_why(&(struct rep_policy_rank){TR_KIND_CASE, REP_CASE_FILED, TR_POLICY_RANK_MAX + 1}),
	    REP_POLICY_RANK);
	assert_int_equal(rep_policy_rank_why(&(struct rep_policy_rank){TR_KIND_CASE, REP_CASE_MOVED, 1}), REP_POLICY_STATUS);
	assert_int_equal(rep_policy_rank_why(&(struct rep_policy_rank){TR_KIND_CASE, REP_CASE_FILED, 0}), REP_POLICY_RANK);
}

/* Names go into files and answers: each reads back, and nothing else does. */
static void merge_kinds_have_names(void **state)
{
	(void)state;
	for (int m = REP_MERGE_FIXED; m <= REP_MERGE_COUNT; m++) {
		const char *name = rep_policy_merge_name((enum rep_merge_kind)m);

		assert_non_null(name);
		assert_int_equal(rep_policy_merge_of(name, strlen(name)), m);
		assert_int_equal(rep_policy_merge_of(name, strlen(name) - 1), 0);
	}
	assert_null(rep_policy_merge_name((enum rep_merge_kind)(REP_MERGE_COUNT + 1)));
	assert_int_equal(rep_policy_merge_of("best", 4), 0);
}

/* A record of a kind or with a field or status of a later version: what schema and status tables say. */
static void what_a_policy_says_nothing_of_is_as_ever(void **state)
{
	static struct rep_policy policy;

	(void)state;
	policy = (struct rep_policy){.version = 1};
	assert_int_equal(rep_policy_merge(&policy, TR_KIND_UNIT, 4), rep_policy_merge(NULL, TR_KIND_UNIT, 4));
	assert_int_equal(rep_policy_merge(&policy, TR_KIND_CASE, 999), REP_MERGE_LWW);
	assert_false(rep_policy_is_asked(&policy, TR_KIND_UNIT, 4));
	assert_false(rep_policy_is_asked(&policy, TR_KIND_CASE, 999));
	assert_false(rep_policy_is_asked(NULL, TR_KIND_CASE, 14));
	assert_int_equal(rep_policy_status_rank(&policy, TR_KIND_CASE, REP_CASE_FILED), rep_status_rank(TR_KIND_CASE, REP_CASE_FILED));
	assert_int_equal(rep_policy_status_rank(&policy, TR_KIND_UNIT, 1), rep_status_rank(TR_KIND_UNIT, 1));
	assert_true(rep_policy_status_rank(&policy, TR_KIND_CASE, -1) < 0);
	assert_true(rep_policy_status_rank(&policy, TR_KIND_CASE, 99) < 0);
	assert_true(rep_policy_status_rank(&policy, TR_KIND_CASE, REP_CASE_MOVED) > TR_POLICY_RANK_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_document_reads_back),
	    cmocka_unit_test(bad_documents_are_refused),
	    cmocka_unit_test(what_no_policy_may_choose),
	    cmocka_unit_test(merge_kinds_have_names),
	    cmocka_unit_test(what_a_policy_says_nothing_of_is_as_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
