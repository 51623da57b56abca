/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: of what an author says that it had seen, and of the places where its
 * segment may go on, only those are taken that the log allows. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include <sodium.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/node.h"
#include "tests/lib/rig.h"

#define A 1u /* handles: logs of the street, each an incarnation of its own */
#define B 2u
#define C 3u

static uint64_t bad(const struct rig *r)
{
	struct rep_self self;

	rep_inspect_self(r->node, &self);
	return self.bad_frames;
}

static struct tr_log_id log_of(const struct rig *r, uint32_t h)
{
	struct tr_nid street = r->party[RIG_STREET].nid;

	return (struct tr_log_id){street, 10u + h, street, TR_LANE_R};
}

static struct tr_bytes case_op(uint8_t a, uint8_t b, uint8_t *out, size_t cap)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{4, a, b}}, .value_count = 1};

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	return (struct tr_bytes){out, rep_op_encode(&op, out, cap)};
}

struct made { uint8_t b[2048]; struct tr_bytes bytes; struct tr_hash hash; };

/* One op, case (h, n), behind `prev`, whose author had seen so much. */
static void make(const struct rig *r, uint32_t h, uint64_t first, uint8_t n, struct tr_hash prev, const struct rig_seen *seen,
    size_t count, size_t unsaid, struct made *out)
{
	uint8_t entry[512];
	struct tr_bytes op = case_op((uint8_t)h, n, entry, sizeof(entry));
	struct rig_seg seg = {RIG_STREET, log_of(r, h), h, first, &op, 1, prev, 1};

	out->bytes = rig_segment_seen(r, &seg, seen, count, unsaid, out->b, sizeof(out->b), &out->hash);
}

static struct tr_hash put(struct rig *r, uint32_t h, uint64_t first, uint8_t n, struct tr_hash prev, const struct rig_seen *seen,
    size_t count, size_t unsaid)
{
	static struct made made;

	make(r, h, first, n, prev, seen, count, unsaid, &made);
	rig_segs(r, &made.bytes, 1);
	assert_int_equal(r->rc, 0);
	return made.hash;
}

static uint64_t held(const struct rig *r, uint32_t h)
{
	struct tr_log_id id = log_of(r, h);
	const struct rep_log *log = rep_log_find(r->node, &id);

	return log != NULL ? rep_branch_top(r->node, log) : 0;
}

static const struct tr_hash zero;

static void begin(struct rig *r)
{
	rig_begin(r, RIG_TOP);
	rig_connect(r, RIG_STREET);
	for (uint32_t h = A; h <= C; h++)
		rig_logdef(r, h, log_of(r, h));
	rig_wait(r, 1);
	assert_int_equal(bad(r), 0);
}

static void a_vector_only_grows(void **state)
{
	struct rig_seen seen[2];
	struct tr_hash a, b1, b2;
	struct rig r;

	(void)state;
	begin(&r);
	b1 = put(&r, B, 1, 1, zero, NULL, 0, 0);
	b2 = put(&r, B, 2, 2, b1, NULL, 0, 0);
	seen[0] = (struct rig_seen){B, log_of(&r, B), 2, b2};
	a = put(&r, A, 1, 1, zero, seen, 1, 0);
	assert_int_equal(held(&r, A), 1);
	put(&r, A, 2, 2, a, seen, 1, 0); /* what it has said already */
	seen[0] = (struct rig_seen){B, log_of(&r, B), 1, b1};
	put(&r, A, 2, 2, a, seen, 1, 0); /* less than it has said */
	assert_int_equal(bad(&r), 2);
	assert_int_equal(held(&r, A), 1);
	seen[0] = (struct rig_seen){B, log_of(&r, B), 2, b2};
	put(&r, A, 2, 2, a, seen, 1, 1); /* nothing new: nothing said */
	assert_int_equal(bad(&r), 2);
	assert_int_equal(held(&r, A), 2);
	rig_end(&r);
}

static void of_two_places_none_lies_below_the_other(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		struct rig_seen seen[2];
		struct tr_hash b1, b2;
		struct rig r;

		begin(&r);
		b1 = put(&r, B, 1, 1, zero, NULL, 0, 0);
		b2 = put(&r, B, 2, 2, b1, NULL, 0, 0);
		seen[order] = (struct rig_seen){B, log_of(&r, B), 1, b1};
		seen[1 - order] = (struct rig_seen){B, log_of(&r, B), 2, b2};
		put(&r, A, 1, 1, zero, seen, 2, 0);
		assert_int_equal(bad(&r), 1);
		assert_int_equal(held(&r, A), 0);
		rig_end(&r);
	}
}

/* Heads of two branches are no such places. */
static void who_saw_two_branches_names_both(void **state)
{
	struct rig_seen seen[2];
	struct tr_hash b1, b2, other;
	struct rig r;

	(void)state;
	begin(&r);
	b1 = put(&r, B, 1, 1, zero, NULL, 0, 0);
	b2 = put(&r, B, 2, 2, b1, NULL, 0, 0);
	other = put(&r, B, 2, 3, b1, NULL, 0, 0);
	assert_int_equal(r.traces[REP_TRACE_FORK], 1);
	seen[0] = (struct rig_seen){B, log_of(&r, B), 2, b2};
	seen[1] = (struct rig_seen){B, log_of(&r, B), 2, other};
	put(&r, A, 1, 1, zero, seen, 2, 0);
	assert_int_equal(bad(&r), 0);
	assert_int_equal(held(&r, A), 1);
	rig_end(&r);
}

static void a_vector_is_of_one_domain(void **state)
{
	struct rig_seen seen;
	struct tr_nid street;
	struct tr_log_id bulk, above;
	struct rig r;

	(void)state;
	begin(&r);
	street = r.party[RIG_STREET].nid;
	bulk = (struct tr_log_id){street, 40, street, TR_LANE_B};
	above = (struct tr_log_id){street, 41, r.party[RIG_LEAF].nid, TR_LANE_R};
	rig_cert(&r, &r.party[RIG_LEAF]);
	rig_logdef(&r, 8, bulk);
	rig_logdef(&r, 9, above);
	seen = (struct rig_seen){8, bulk, 1, zero};
	put(&r, A, 1, 1, zero, &seen, 1, 0);
	seen = (struct rig_seen){9, above, 1, zero};
	put(&r, A, 1, 1, zero, &seen, 1, 0);
	seen = (struct rig_seen){77, log_of(&r, B), 1, zero}; /* a handle that stands for nothing */
	put(&r, A, 1, 1, zero, &seen, 1, 0);
	assert_int_equal(bad(&r), 3);
	assert_int_equal(r.traces[REP_TRACE_SEG_HELD], 0);
	seen = (struct rig_seen){B, log_of(&r, B), 1, zero}; /* may come yet */
	put(&r, A, 1, 1, zero, &seen, 1, 0);
	assert_int_equal(r.traces[REP_TRACE_SEG_HELD], 1);
	assert_int_equal(held(&r, A), 0);
	rig_end(&r);
}

/* A log with two branches, both two long; the first had seen B, the second nothing. */
static void two_branches(struct rig *r, bool swap, struct tr_hash head[2], struct rig_seen *seen)
{
	struct tr_hash b, one;

	begin(r);
	b = put(r, B, 1, 1, zero, NULL, 0, 0);
	*seen = (struct rig_seen){B, log_of(r, B), 1, b};
	one = put(r, A, 1, 1, zero, NULL, 0, 0);
	for (int i = 0; i < 2; i++) {
		bool has_seen = (i == 0) != swap;

		head[has_seen ? 0 : 1] = put(r, A, 2, (uint8_t)(2 + i), one, seen, has_seen ? 1 : 0, 0);
	}
	assert_int_equal(r->traces[REP_TRACE_FORK], 1);
	assert_int_equal(bad(r), 0);
}

/* What fits nowhere is judged by the place that says most: what may come yet, then what is forged, then the rest. */
static void what_fits_nowhere_is_judged_by_all_its_places(void **state)
{
	static struct made made;
	static uint8_t again[2100];

	(void)state;
	for (int swap = 0; swap < 2; swap++) {
		struct tr_hash head[2];
		struct rig_seen seen;
		struct rig r;
		Terrace__Seg *seg;
		struct tr_bytes full;

		/* behind neither: forged, though in one of them the vector alone is wrong */
		two_branches(&r, swap, head, &seen);
		put(&r, A, 3, 9, (struct tr_hash){{7}}, &seen, 1, 0);
		assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 1);
		put(&r, A, 3, 9, (struct tr_hash){{7}}, NULL, 0, 0);
		assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 2);
		assert_int_equal(r.traces[REP_TRACE_SEG_HELD], 0);
		/* behind the second one it would be taken, were it whole; the first one is not what it names */
		make(&r, A, 3, 9, head[1], NULL, 0, 0, &made);
		seg = terrace__seg__unpack(NULL, made.bytes.size, made.bytes.data);
		assert_non_null(seg);
		seg->prev = (ProtobufCBinaryData){32, head[1].b};
		seg->sig.data[3] ^= 1;
		full = (struct tr_bytes){again, terrace__seg__pack(seg, again)};
		rig_segs(&r, &full, 1);
		assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 2);
		assert_int_equal(r.traces[REP_TRACE_SEG_HELD], 1);
		assert_int_equal(held(&r, A), 2);
		rig_connect(&r, RIG_STREET); /* what is missing ends a session */
		for (uint32_t h = A; h <= C; h++)
			rig_logdef(&r, h, log_of(&r, h));
		seg->sig.data[3] ^= 1;
		full = (struct tr_bytes){again, terrace__seg__pack(seg, again)};
		rig_segs(&r, &full, 1);
		assert_int_equal(held(&r, A), 3);
		seg->prev = (ProtobufCBinaryData){0, NULL};
		terrace__seg__free_unpacked(seg, NULL);
		rig_end(&r);
	}
}

/* Ops that were dropped below a checkpoint are for a store: what comes by a link has them. */
static void a_segment_comes_with_its_ops(void **state)
{
	static struct made made;
	static uint8_t again[2100];
	uint8_t root[32] = {1};
	ProtobufCBinaryData op;
	struct tr_bytes cut;
	struct rig r;
	Terrace__Seg *seg;

	(void)state;
	begin(&r);
	make(&r, A, 1, 1, zero, NULL, 0, 0, &made);
	seg = terrace__seg__unpack(NULL, made.bytes.size, made.bytes.data);
	assert_non_null(seg);
	op = seg->op[0];
	seg->n_op = 0;
	seg->root = (ProtobufCBinaryData){sizeof(root), root};
	cut = (struct tr_bytes){again, terrace__seg__pack(seg, again)};
	rig_segs(&r, &cut, 1);
	assert_int_equal(bad(&r), 1);
	assert_int_equal(held(&r, A), 0);
	seg->root = (ProtobufCBinaryData){0, NULL};
	seg->op[0] = op;
	seg->n_op = 1;
	terrace__seg__free_unpacked(seg, NULL);
	rig_segs(&r, &made.bytes, 1);
	assert_int_equal(held(&r, A), 1);
	rig_end(&r);
}

/* With another key begins another incarnation. */
static void an_incarnation_has_one_key(void **state)
{
	uint8_t entry[512], out[1024], seeds[32];
	struct tr_bytes op, s;
	struct tr_hash one;
	struct tr_log_id id;
	struct rig_party second;
	struct rig r;

	(void)state;
	begin(&r);
	second = r.party[RIG_LEAF];
	memset(seeds, 0x35, sizeof(seeds));
	crypto_sign_seed_keypair(second.sign.pk.b, second.sign.sk, seeds);
	crypto_scalarmult_base(second.curve.b, seeds);
	second.cert.serial = 2;
	second.cert.sign_pk = second.sign.pk;
	second.cert.curve_pk = second.curve;
	rig_certify(&r, &second, RIG_STREET, true);
	rig_cert(&r, &r.party[RIG_LEAF]);
	rig_cert(&r, &second);
	id = (struct tr_log_id){r.party[RIG_LEAF].nid, 5, r.party[RIG_LEAF].nid, TR_LANE_R};
	rig_logdef(&r, 9, id);
	op = case_op(9, 1, entry, sizeof(entry));
	s = rig_segment(&r, &(struct rig_seg){RIG_LEAF, id, 9, 1, &op, 1, zero, 1}, out, sizeof(out), &one);
	rig_segs(&r, &s, 1);
	assert_int_equal(bad(&r), 0);
	r.party[RIG_LEAF] = second;
	op = case_op(9, 2, entry, sizeof(entry));
	s = rig_segment(&r, &(struct rig_seg){RIG_LEAF, id, 9, 2, &op, 1, one, 2}, out, sizeof(out), NULL);
	rig_segs(&r, &s, 1);
	assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 1);
	id.inc = 6;
	rig_logdef(&r, 10, id);
	s = rig_segment(&r, &(struct rig_seg){RIG_LEAF, id, 10, 1, &op, 1, zero, 2}, out, sizeof(out), NULL);
	rig_segs(&r, &s, 1);
	assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 1);
	assert_int_equal(memview_rows(r.mv, REP_T_REC), 2);
	rig_end(&r);
}

/* Each author on the path has its share of a domain's vectors, and its branches are among it. */
static void branches_take_from_the_share_of_their_author(void **state)
{
	struct tr_hash one;
	struct rig r;

	(void)state;
	begin(&r);
	one = put(&r, A, 1, 1, zero, NULL, 0, 0);
	for (uint32_t h = C + 1; h <= TR_VECTOR_MAX / 2; h++) /* two levels */
		rig_logdef(&r, h, log_of(&r, h));
	put(&r, A, 2, 2, one, NULL, 0, 0);
	assert_int_equal(bad(&r), 0);
	put(&r, A, 2, 3, one, NULL, 0, 0);
	assert_int_equal(r.traces[REP_TRACE_FORK], 0);
	assert_int_equal(r.traces[REP_TRACE_FORK_LIMIT], 1);
	rig_logdef(&r, TR_VECTOR_MAX, log_of(&r, TR_VECTOR_MAX));
	rig_wait(&r, 1);
	assert_int_equal(bad(&r), 2);
	rig_end(&r);
}

/* Logs of units that nobody has declared yet are waited for, so many of them. */
static void logs_of_unknown_units_wait_in_a_bounded_list(void **state)
{
	struct tr_log_id id = {{0}, 1, {0}, TR_LANE_R};
	uint32_t h = 0;
	struct rig r;

	(void)state;
	begin(&r);
	while (bad(&r) == 0 && h < 10000) {
		id.author.v = id.scope.v = 500000u + h++;
		rig_logdef(&r, 100 + h, id);
		if (h % 256 == 0)
			rig_wait(&r, 1);
	}
	rig_wait(&r, 1);
	assert_true(bad(&r) > 0);
	assert_int_equal(r.node->links[1]->def_count, 8192);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_vector_only_grows),
	    cmocka_unit_test(of_two_places_none_lies_below_the_other),
	    cmocka_unit_test(who_saw_two_branches_names_both),
	    cmocka_unit_test(a_vector_is_of_one_domain),
	    cmocka_unit_test(what_fits_nowhere_is_judged_by_all_its_places),
	    cmocka_unit_test(a_segment_comes_with_its_ops),
	    cmocka_unit_test(an_incarnation_has_one_key),
	    cmocka_unit_test(branches_take_from_the_share_of_their_author),
	    cmocka_unit_test(logs_of_unknown_units_wait_in_a_bounded_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
