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
	    {0, 4, {0x08, 1, 0x78, 1}},
	};
	uint8_t many[2 + 2 * (TR_POLICY_RULES_MAX + 1)] = {0x08, 1};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(rep_policy_decode(&back, (struct tr_bytes){rows[i].b, rows[i].size}), rows[i].rc);
	for (size_t i = 0; i <= TR_POLICY_RULES_MAX; i++)
		many[2 + 2 * i] = 0x12;
	assert_int_equal(rep_policy_decode(&back, (struct tr_bytes){many, sizeof(many)}), TR_E_LIMIT);
}

static void what_no_policy_may_choose(void **state)
{
	(void)state;
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_UNIT, 4, 0, false}), REP_POLICY_KIND);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, 1, 0, false}), REP_POLICY_FIXED);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, 61, 0, false}), REP_POLICY_FIXED);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, 14, REP_MERGE_SET, false}), REP_POLICY_MERGE);
	assert_int_equal(rep_policy_rule_why(&(struct rep_policy_rule){TR_KIND_CASE, 14, REP_MERGE_FLOW, false}), REP_POLICY_NOT_FLOW);
	assert_int_equal(rep_policy_rank_why(&(struct rep_policy_rank){TR_KIND_CASE, REP_CASE_MOVED, 1}), REP_POLICY_STATUS);
	assert_int_equal(rep_policy_rank_why(&(struct rep_policy_rank){TR_KIND_CASE, REP_CASE_FILED, 0}), REP_POLICY_RANK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_document_reads_back),
	    cmocka_unit_test(bad_documents_are_refused),
	    cmocka_unit_test(what_no_policy_may_choose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
