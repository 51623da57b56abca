/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: every node uses the same policy, whatever comes in which order: the
 * highest version of the top node's, and of two of one version the first. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/policy_use.h"
#include "replication/status.h"
#include "tests/lib/rig.h"

enum { TITLE = 14 };

static struct rep_policy_doc doc_of(uint32_t version, enum rep_merge_kind title)
{
	return (struct rep_policy_doc){.version = version, .rule_count = 1,
	    .rule = {{TR_KIND_CASE, TITLE, (uint32_t)title, false}}};
}

/* An op with a document as its first value; `type` NONE: with no value at all. */
static struct tr_bytes entry_of(const struct rep_policy_doc *doc, uint16_t field, enum rep_value_type type,
    uint8_t *out, size_t cap)
{
	static uint8_t bytes[TR_POLICY_BYTES_MAX];
	static struct rep_op op;

	memset(&op, 0, sizeof(op));
	op.kind = TR_OP_POLICY;
	op.type = TR_KIND_POLICY;
	op.has_body = true;
	op.rec.b[0] = 9;
	op.values[0] = (struct rep_value){field, TR_ACT_SET, type, 0,
	    {bytes, rep_policy_encode(doc, bytes, sizeof(bytes))}};
	op.value_count = type != REP_VALUE_NONE;
	return (struct tr_bytes){out, rep_op_encode(&op, out, cap)};
}

struct place { uint32_t h; uint64_t inc, first; enum tr_lane lane; };

static struct tr_hash put_op(struct rig *r, struct place at, struct tr_bytes op, struct tr_hash prev)
{
	static uint8_t out[TR_POLICY_BYTES_MAX + 1024];
	struct tr_nid top = r->party[RIG_TOP].nid;
	struct tr_log_id id = {top, at.inc, at.lane == TR_LANE_P ? top : r->party[RIG_STREET].nid, at.lane};
	struct rig_seg seg = {RIG_TOP, id, at.h, at.first, &op, 1, prev, 1};
	struct tr_hash hash;
	struct tr_bytes s;

	assert_true(op.size > 0);
	rig_logdef(r, at.h, id);
	s = rig_segment(r, &seg, out, sizeof(out), &hash);
	rig_segs(r, &s, 1);
	assert_int_equal(r->rc, 0);
	assert_int_equal(r->traces[REP_TRACE_SEG_FORGED], 0);
	return hash;
}

static struct tr_hash put(struct rig *r, struct place at, const struct rep_policy_doc *doc, struct tr_hash prev)
{
	static uint8_t out[TR_POLICY_BYTES_MAX + 512];

	return put_op(r, at, entry_of(doc, REP_POLICY_VALUE, REP_VALUE_BYTES, out, sizeof(out)), prev);
}

static enum rep_merge_kind used(const struct rig *r)
{
	return rep_policy_merge(rep_policy_of(r->node), TR_KIND_CASE, TITLE);
}

static void begin(struct rig *r)
{
	rig_begin(r, RIG_STREET);
	rig_connect(r, RIG_TOP);
	assert_int_equal(rig_state(r, RIG_TOP), REP_LINK_LIVE);
}

static void the_highest_version_is_used(void **state)
{
	struct rep_policy_doc one = doc_of(1, REP_MERGE_GROUND), two = doc_of(2, REP_MERGE_AUTH), back;
	struct place at = {1, 5, 1, TR_LANE_P};
	struct tr_hash zero = {{0}}, hash;
	struct rig r;

	(void)state;
	begin(&r);
	assert_int_equal(rep_policy_document(&r.view, &back), TR_E_NOTFOUND);
	hash = put(&r, at, &two, zero);
	assert_int_equal(used(&r), REP_MERGE_AUTH);
	at.first = 2;
	hash = put(&r, at, &one, hash); /* an older one, late */
	assert_int_equal(used(&r), REP_MERGE_AUTH);
	at.first = 3;
	hash = put(&r, at, &two, hash); /* the same again */
	assert_int_equal(r.traces[REP_TRACE_POLICY_NEW], 1);
	assert_int_equal(r.traces[REP_TRACE_POLICY_TWICE], 0);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(used(&r), REP_MERGE_AUTH);
	assert_int_equal(rep_policy_document(&r.view, &back), 0);
	assert_memory_equal(&back, &two, sizeof(two));
	rig_end(&r);
}

static void what_this_version_does_not_know_is_passed_over(void **state)
{
	struct rep_policy_doc doc = doc_of(1, REP_MERGE_GROUND);
	struct rig r;

	(void)state;
	doc.rule[doc.rule_count++] = (struct rep_policy_rule){TR_KIND_CASE, 999, REP_MERGE_ASK, false};
	doc.rank[doc.rank_count++] = (struct rep_policy_rank){TR_KIND_UNIT, 1, 5};
	begin(&r);
	put(&r, (struct place){1, 5, 1, TR_LANE_P}, &doc, (struct tr_hash){{0}});
	assert_int_equal(used(&r), REP_MERGE_GROUND);
	assert_int_equal(rep_policy_of(r.node)->ignored, 2);
	assert_int_equal(r.traces[REP_TRACE_POLICY_PARTLY], 1);
	rig_end(&r);
}

/* Of one version: by time, incarnation, place; the same at every node, so in either order of arrival. */
static void of_two_with_one_version_the_first_stays(void **state)
{
	static const struct { struct place a, b; int64_t later_ms; } pairs[] = {
	    {{1, 9, 1, TR_LANE_P}, {2, 5, 1, TR_LANE_P}, 1000}, /* by time, though its incarnation is the higher one */
	    {{1, 5, 1, TR_LANE_P}, {2, 9, 1, TR_LANE_P}, 0},    /* by incarnation */
	};
	struct rep_policy_doc docs[2] = {doc_of(1, REP_MERGE_GROUND), doc_of(1, REP_MERGE_AUTH)};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		for (int swapped = 0; swapped < 2; swapped++) {
			struct rig r;
			int64_t wall;

			begin(&r);
			wall = r.wall_ms;
			for (int n = 0; n < 2; n++) {
				bool is_first = n == swapped;

				r.wall_ms = wall + (is_first ? 0 : pairs[i].later_ms);
				put(&r, is_first ? pairs[i].a : pairs[i].b, &docs[is_first ? 0 : 1], (struct tr_hash){{0}});
			}
			assert_int_equal(r.traces[REP_TRACE_POLICY_TWICE], 1);
			assert_int_equal(r.traces[REP_TRACE_POLICY_NEW], 1 + swapped);
			assert_int_equal(used(&r), REP_MERGE_GROUND);
			rig_end(&r);
		}
}

/* Two of one version behind each other: the place in the log decides, and there is but one order. */
static void the_place_in_the_log_decides(void **state)
{
	struct rep_policy_doc a = doc_of(1, REP_MERGE_GROUND), b = doc_of(1, REP_MERGE_AUTH);
	struct tr_hash hash;
	struct rig r;

	(void)state;
	begin(&r);
	hash = put(&r, (struct place){1, 5, 1, TR_LANE_P}, &a, (struct tr_hash){{0}});
	put(&r, (struct place){1, 5, 2, TR_LANE_P}, &b, hash);
	assert_int_equal(r.traces[REP_TRACE_POLICY_TWICE], 1);
	assert_int_equal(used(&r), REP_MERGE_GROUND);
	rig_end(&r);
}

/* In two branches of one log, at one place and time: by what they say. */
static void in_two_branches_the_bytes_decide(void **state)
{
	struct rep_policy_doc docs[3] = {doc_of(1, REP_MERGE_AUTH), doc_of(1, REP_MERGE_GROUND), doc_of(1, REP_MERGE_AUTH)};

	(void)state;
	docs[2].rank_count = 1; /* begins as the first does, and goes on */
	docs[2].rank[0] = (struct rep_policy_rank){TR_KIND_CASE, REP_CASE_CLOSED, 999};
	for (int longer = 0; longer < 2; longer++)
		for (int swapped = 0; swapped < 2; swapped++) {
			struct rep_policy_doc *first = &docs[0], *second = &docs[longer ? 2 : 1];
			struct rig r;

			begin(&r);
			put(&r, (struct place){1, 5, 1, TR_LANE_P}, swapped ? second : first, (struct tr_hash){{0}});
			put(&r, (struct place){1, 5, 1, TR_LANE_P}, swapped ? first : second, (struct tr_hash){{0}});
			assert_int_equal(r.traces[REP_TRACE_FORK], 1);
			assert_int_equal(r.traces[REP_TRACE_POLICY_TWICE], 1);
			assert_int_equal(r.traces[REP_TRACE_POLICY_NEW], 1 + swapped);
			assert_int_equal(used(&r), REP_MERGE_AUTH);
			assert_int_equal(rep_policy_status_rank(rep_policy_of(r.node), TR_KIND_CASE, REP_CASE_CLOSED),
			    rep_status_rank(TR_KIND_CASE, REP_CASE_CLOSED));
			rig_end(&r);
		}
}

static void what_is_no_policy_is_kept_and_not_used(void **state)
{
	struct rep_policy_doc doc = doc_of(1, REP_MERGE_GROUND), none = doc_of(0, REP_MERGE_GROUND);
	static uint8_t out[2048];
	struct tr_hash zero = {{0}}, hash;
	struct rig r;

	(void)state;
	begin(&r);
	put(&r, (struct place){1, 5, 1, TR_LANE_X}, &doc, zero);
	assert_int_equal(r.traces[REP_TRACE_POLICY_BAD], 1);
	hash = put_op(&r, (struct place){2, 5, 1, TR_LANE_P}, entry_of(&doc, 1, REP_VALUE_NONE, out, sizeof(out)), zero);
	assert_int_equal(r.traces[REP_TRACE_POLICY_BAD], 2);
	hash = put_op(&r, (struct place){2, 5, 2, TR_LANE_P}, entry_of(&doc, 2, REP_VALUE_BYTES, out, sizeof(out)), hash);
	assert_int_equal(r.traces[REP_TRACE_POLICY_BAD], 3);
	hash = put_op(&r, (struct place){2, 5, 3, TR_LANE_P}, entry_of(&doc, 1, REP_VALUE_TEXT, out, sizeof(out)), hash);
	assert_int_equal(r.traces[REP_TRACE_POLICY_BAD], 4);
	hash = put(&r, (struct place){2, 5, 4, TR_LANE_P}, &none, hash); /* without a version */
	assert_int_equal(r.traces[REP_TRACE_POLICY_BAD], 5);
	assert_int_equal(r.traces[REP_TRACE_POLICY_NEW], 0);
	put(&r, (struct place){2, 5, 5, TR_LANE_P}, &doc, hash); /* the log goes on */
	assert_int_equal(used(&r), REP_MERGE_GROUND);
	rig_end(&r);
}

/* A street's own lane P is no policy, for itself or for the top. */
static void a_street_makes_no_policy(void **state)
{
	struct rep_policy_doc doc = doc_of(1, REP_MERGE_GROUND);
	static uint8_t entry[1024], out[2048];
	struct tr_bytes op = entry_of(&doc, REP_POLICY_VALUE, REP_VALUE_BYTES, entry, sizeof(entry)), s;
	struct rig r;
	struct tr_log_id id;
	struct rig_seg seg;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	id = (struct tr_log_id){r.party[RIG_STREET].nid, 5, r.party[RIG_STREET].nid, TR_LANE_P};
	seg = (struct rig_seg){RIG_STREET, id, 1, 1, &op, 1, {{0}}, 1};
	rig_logdef(&r, 1, id);
	s = rig_segment(&r, &seg, out, sizeof(out), NULL);
	rig_segs(&r, &s, 1);
	assert_int_equal(r.traces[REP_TRACE_POLICY_NEW], 0);
	assert_int_equal(used(&r), REP_MERGE_LWW);
	rig_end(&r);
}

static int send_doc(struct rig *r, const struct rep_policy_doc *doc)
{
	struct rep_policy_send in = {.ticket = 3, .doc = doc};
	struct rep_event event = {.kind = REP_EV_POLICY, .policy = &in};

	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
	assert_int_equal(r->reply.ticket, 3);
	return r->reply.rc;
}

static void the_top_sends_what_it_may(void **state)
{
	static struct rep_policy_doc doc;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	doc = doc_of(0, REP_MERGE_SET);
	assert_int_equal(send_doc(&r, &doc), TR_E_INPUT); /* no register */
	doc = doc_of(0, REP_MERGE_GROUND);
	doc.rank_count = 1;
	doc.rank[0] = (struct rep_policy_rank){TR_KIND_CASE, REP_CASE_MOVED, 5};
	assert_int_equal(send_doc(&r, &doc), TR_E_INPUT); /* no rank that a policy gives */
	doc.rank_count = 0;
	doc.rule_count = TR_POLICY_RULES_MAX + 1;
	assert_int_equal(send_doc(&r, &doc), TR_E_LIMIT);
	doc.rule_count = 1;
	doc.rank_count = TR_POLICY_RANKS_MAX + 1;
	assert_int_equal(send_doc(&r, &doc), TR_E_LIMIT);
	doc.rank_count = 0;
	assert_int_equal(used(&r), REP_MERGE_LWW);
	assert_int_equal(send_doc(&r, &doc), 0);
	assert_int_equal(r.reply.version, 1);
	assert_int_equal(used(&r), REP_MERGE_GROUND);
	assert_int_equal(send_doc(&r, &doc), 0);
	assert_true(r.reply.unchanged);
	assert_int_equal(r.reply.version, 1);
	doc.rule[0].merge = REP_MERGE_AUTH;
	assert_int_equal(send_doc(&r, &doc), 0);
	assert_int_equal(r.reply.version, 2);
	assert_false(r.reply.unchanged);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(used(&r), REP_MERGE_AUTH);
	rig_end(&r);
	rig_begin(&r, RIG_STREET);
	doc.version = 0;
	assert_int_equal(send_doc(&r, &doc), TR_E_AUTH);
	rig_end(&r);
}

/* The largest document there can be has room in an op, and the last version has none behind it. */
static void the_largest_and_the_last(void **state)
{
	static struct rep_policy_doc doc, back;
	static uint8_t row[32 + TR_POLICY_BYTES_MAX];
	struct rep_key key = rep_key_name("policy");
	struct rig r;
	size_t size;

	(void)state;
	rig_begin(&r, RIG_TOP);
	doc.rule_count = TR_POLICY_RULES_MAX;
	doc.rank_count = TR_POLICY_RANKS_MAX;
	for (size_t i = 0; i < doc.rule_count; i++)
		doc.rule[i] = (struct rep_policy_rule){TR_KIND_CASE, TITLE, REP_MERGE_ASK, true};
	for (size_t i = 0; i < doc.rank_count; i++)
		doc.rank[i] = (struct rep_policy_rank){TR_KIND_CASE, REP_CASE_CLOSED, TR_POLICY_RANK_MAX};
	assert_int_equal(send_doc(&r, &doc), 0);
	assert_int_equal(rep_policy_document(&r.view, &back), 0);
	assert_memory_equal(back.rule, doc.rule, sizeof(doc.rule));
	back.version = TR_POLICY_VERSION_MAX;
	size = rep_policy_encode(&back, row + 32, TR_POLICY_BYTES_MAX);
	assert_int_equal(rep_put(&r.view, REP_T_META, rep_key_bytes(&key), (struct tr_bytes){row, 32 + size}), 0);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(send_doc(&r, &doc), 0); /* as it is */
	assert_true(r.reply.unchanged);
	doc.rule_count = 1;
	assert_int_equal(send_doc(&r, &doc), TR_E_LIMIT);
	rig_end(&r);
}

static void a_row_that_is_no_policy_is_damage(void **state)
{
	static const uint8_t rows[2][40] = {{0}, {[32] = 0x08, [33] = 0}};
	static const size_t sizes[2] = {32, 34};
	struct rep_policy_doc doc = doc_of(1, REP_MERGE_GROUND);
	struct rep_key key = rep_key_name("policy");
	struct rig r;

	(void)state;
	for (int i = 0; i < 2; i++) {
		rig_begin(&r, RIG_TOP);
		assert_int_equal(rep_put(&r.view, REP_T_META, rep_key_bytes(&key), (struct tr_bytes){rows[i], sizes[i]}), 0);
		assert_int_equal(rep_policy_document(&r.view, &doc), i == 0 ? TR_E_DAMAGED : TR_E_INPUT);
		assert_int_equal(rig_restart(&r), TR_E_DAMAGED);
		rig_end(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_highest_version_is_used),
	    cmocka_unit_test(what_this_version_does_not_know_is_passed_over),
	    cmocka_unit_test(of_two_with_one_version_the_first_stays),
	    cmocka_unit_test(the_place_in_the_log_decides),
	    cmocka_unit_test(in_two_branches_the_bytes_decide),
	    cmocka_unit_test(what_is_no_policy_is_kept_and_not_used),
	    cmocka_unit_test(a_street_makes_no_policy),
	    cmocka_unit_test(the_top_sends_what_it_may),
	    cmocka_unit_test(the_largest_and_the_last),
	    cmocka_unit_test(a_row_that_is_no_policy_is_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
