/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: every history of a log that its author signed is kept, up to a bound,
 * and nothing else becomes one. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/branch.h"
#include "tests/lib/rig.h"

static struct tr_bytes case_op(uint8_t n, uint8_t *out, size_t cap)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{1, n}}, .value_count = 1};

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	return (struct tr_bytes){out, rep_op_encode(&op, out, cap)};
}

static struct tr_log_id street_log(const struct rig *r)
{
	struct tr_nid street = r->party[RIG_STREET].nid;

	return (struct tr_log_id){street, 7, street, TR_LANE_R};
}

/* One op, case n, in the street's log behind `prev`; its hash is returned. */
static struct tr_hash put(struct rig *r, uint32_t h, uint64_t first, uint8_t n, struct tr_hash prev)
{
	uint8_t entry[512], out[1024];
	struct tr_bytes op = case_op(n, entry, sizeof(entry));
	struct rig_seg seg = {RIG_STREET, street_log(r), h, first, &op, 1, prev, 1};
	struct tr_hash hash;
	struct tr_bytes s = rig_segment(r, &seg, out, sizeof(out), &hash);

	rig_segs(r, &s, 1);
	return hash;
}

static size_t rows_of(const struct rig *r, struct tr_nid author)
{
	struct rep_log_info info;
	size_t cursor = 0, n = 0;

	while (rep_inspect_log(r->node, &cursor, &info))
		n += info.id.author.v == author.v;
	return n;
}

static void assert_verified(const struct rig *r)
{
	struct rep_log_info info;
	size_t cursor = 0;

	while (rep_inspect_log(r->node, &cursor, &info)) {
		struct rep_verify_sum sum = {0};
		uint64_t next;

		assert_int_equal(rep_verify_log(r->node, &r->view, info.handle, 0, 1000, &next, &sum), 0);
		assert_int_equal(next, 0);
		assert_int_equal(sum.ops, info.seq - info.fork);
	}
}

static void begin(struct rig *r)
{
	rig_begin(r, RIG_TOP);
	rig_connect(r, RIG_STREET);
	rig_logdef(r, 1, street_log(r));
}

static void both_histories_are_kept(void **state)
{
	struct tr_hash zero = {{0}}, one;
	struct rep_unit_info unit;
	struct rig r;

	(void)state;
	begin(&r);
	one = put(&r, 1, 1, 1, zero);
	put(&r, 1, 2, 2, one);
	assert_int_equal(r.traces[REP_TRACE_FORK], 0);
	put(&r, 1, 2, 3, one);
	assert_int_equal(r.traces[REP_TRACE_FORK], 1);
	assert_int_equal(rows_of(&r, r.party[RIG_STREET].nid), 2);
	assert_true(rep_unit_get(r.node, r.party[RIG_STREET].nid, &unit));
	assert_int_equal(unit.here_ops, 3);
	/* again, under another handle: known, and acknowledged */
	rig_logdef(&r, 2, street_log(&r));
	put(&r, 2, 2, 2, one);
	put(&r, 2, 2, 3, one);
	assert_int_equal(r.traces[REP_TRACE_FORK], 1);
	assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 0);
	assert_verified(&r);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(rows_of(&r, r.party[RIG_STREET].nid), 2);
	assert_verified(&r);
	rig_end(&r);
}

/* Also from the very first segment, and a branch of a branch. */
static void a_branch_may_leave_anywhere(void **state)
{
	struct tr_hash zero = {{0}}, b1, b2;
	struct rig r;

	(void)state;
	begin(&r);
	put(&r, 1, 1, 1, zero);
	b1 = put(&r, 1, 1, 2, zero);
	b2 = put(&r, 1, 2, 3, b1);
	put(&r, 1, 3, 4, b2);
	put(&r, 1, 3, 5, b2);
	put(&r, 1, 2, 6, b1);
	assert_int_equal(r.traces[REP_TRACE_FORK], 3);
	assert_int_equal(rows_of(&r, r.party[RIG_STREET].nid), 4);
	assert_verified(&r);
	assert_int_equal(rig_restart(&r), 0);
	assert_verified(&r);
	rig_end(&r);
}

static void branches_are_bounded(void **state)
{
	struct tr_hash zero = {{0}}, one;
	struct rig r;

	(void)state;
	begin(&r);
	one = put(&r, 1, 1, 1, zero);
	for (uint8_t n = 0; n < REP_BRANCHES_MAX + 3; n++)
		put(&r, 1, 2, (uint8_t)(2 + n), one);
	assert_int_equal(rows_of(&r, r.party[RIG_STREET].nid), REP_BRANCHES_MAX);
	assert_int_equal(r.traces[REP_TRACE_FORK], REP_BRANCHES_MAX - 1);
	assert_int_equal(r.traces[REP_TRACE_FORK_LIMIT], 3);
	assert_verified(&r);
	rig_end(&r);
}

static void what_nobody_signed_is_no_branch(void **state)
{
	struct tr_hash zero = {{0}}, wrong = {{9}};
	struct rig r;

	(void)state;
	begin(&r);
	put(&r, 1, 1, 1, zero);
	put(&r, 1, 2, 2, wrong);
	assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 1);
	assert_int_equal(r.traces[REP_TRACE_FORK], 0);
	assert_int_equal(rows_of(&r, r.party[RIG_STREET].nid), 1);
	rig_end(&r);
}

/* Who saw another branch of its own log writes in a new incarnation. */
static void a_segment_does_not_name_its_own_log(void **state)
{
	uint8_t entry[512], out[1024], again[1100];
	struct rig r;
	struct tr_hash zero = {{0}}, one;
	Terrace__Ctx ctx = TERRACE__CTX__INIT;
	Terrace__Ctx *list[] = {&ctx};
	struct tr_bytes op, s;
	struct rep_self self;
	Terrace__Seg *seg;

	(void)state;
	begin(&r);
	one = put(&r, 1, 1, 1, zero);
	op = case_op(2, entry, sizeof(entry));
	s = rig_segment(&r, &(struct rig_seg){RIG_STREET, street_log(&r), 1, 2, &op, 1, one, 1}, out, sizeof(out), NULL);
	seg = terrace__seg__unpack(NULL, s.size, s.data);
	assert_non_null(seg);
	ctx.log = 1;
	ctx.seq = 1;
	ctx.h4 = wire_get_le32(one.b);
	seg->n_ctx = 1;
	seg->ctx = list;
	s = (struct tr_bytes){again, terrace__seg__pack(seg, again)};
	seg->n_ctx = 0;
	seg->ctx = NULL;
	terrace__seg__free_unpacked(seg, NULL);
	rig_segs(&r, &s, 1);
	rep_inspect_self(r.node, &self);
	assert_int_equal(self.bad_frames, 1);
	assert_int_equal(rows_of(&r, r.party[RIG_STREET].nid), 1);
	rig_end(&r);
}

/* The first of a run on a stick: what is before it is not here, so it is no forgery. */
static void what_follows_something_unknown_is_no_forgery(void **state)
{
	uint8_t entry[512], out[1024], again[1100];
	struct tr_hash zero = {{0}}, wrong = {{9}};
	struct rig r;
	struct tr_bytes op, s;
	Terrace__Seg *seg;

	(void)state;
	begin(&r);
	put(&r, 1, 1, 1, zero);
	op = case_op(2, entry, sizeof(entry));
	s = rig_segment(&r, &(struct rig_seg){RIG_STREET, street_log(&r), 1, 2, &op, 1, wrong, 1}, out, sizeof(out), NULL);
	seg = terrace__seg__unpack(NULL, s.size, s.data);
	assert_non_null(seg);
	seg->prev = (ProtobufCBinaryData){sizeof(wrong.b), wrong.b};
	s = (struct tr_bytes){again, terrace__seg__pack(seg, again)};
	seg->prev = (ProtobufCBinaryData){0, NULL};
	terrace__seg__free_unpacked(seg, NULL);
	rig_segs(&r, &s, 1);
	assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 0);
	assert_int_equal(r.traces[REP_TRACE_SEG_HELD], 1);
	assert_int_equal(rows_of(&r, r.party[RIG_STREET].nid), 1);
	rig_end(&r);
}

/* Our own signature in this incarnation, and not ours: this store went back. */
static void our_own_lost_segment_opens_an_incarnation(void **state)
{
	uint8_t entry[512], out[1024];
	struct rep_self before, after;
	struct rep_fence was, is;
	struct tr_bytes op, s;
	struct rig_seg seg = {.author = RIG_TOP, .h = 2, .first = 1, .ops = &op, .count = 1, .serial = 1};
	struct rig r;

	(void)state;
	begin(&r);
	rep_inspect_self(r.node, &before);
	rep_fence(r.node, &was);
	seg.log = (struct tr_log_id){r.party[RIG_TOP].nid, before.inc, r.party[RIG_STREET].nid, TR_LANE_R};
	op = case_op(1, entry, sizeof(entry));
	s = rig_segment(&r, &seg, out, sizeof(out), NULL);
	rig_logdef(&r, 2, seg.log);
	rig_segs(&r, &s, 1);
	rep_inspect_self(r.node, &after);
	assert_true(after.inc != before.inc);
	assert_int_equal(after.own_ops, before.own_ops + 1);
	/* how far its HEADs and RECEIPTs had gone it cannot know */
	rep_fence(r.node, &is);
	assert_true(is.head_ctr > was.head_ctr + 1000000);
	assert_true(is.receipt_ctr > was.receipt_ctr + 1000000);
	rig_end(&r);
}

static void send_index(struct rig *r, uint32_t h, uint64_t seq, uint32_t h4, size_t copies)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Index index = TERRACE__INDEX__INIT;
	Terrace__Place place = TERRACE__PLACE__INIT;
	Terrace__Place *list[TR_INDEX_MAX + 1];

	place.seq = seq;
	place.h4 = h4;
	for (size_t i = 0; i < copies; i++)
		list[i] = &place;
	index.log = h;
	index.n_at = copies;
	index.at = list;
	msg.m_case = TERRACE__MSG__M_INDEX;
	msg.index = &index;
	rig_send(r, &msg);
}

static uint64_t bad_frames(const struct rig *r)
{
	struct rep_self self;

	rep_inspect_self(r->node, &self);
	return self.bad_frames;
}

static void an_index_is_taken_once(void **state)
{
	struct tr_hash zero = {{0}}, one;
	struct rig r;

	(void)state;
	begin(&r);
	one = put(&r, 1, 1, 1, zero);
	send_index(&r, 1, 1, wire_get_le32(one.b), 1);
	assert_int_equal(bad_frames(&r), 0);
	assert_int_equal(r.frames[TERRACE__MSG__M_INDEX], 1); /* ours in answer */
	send_index(&r, 1, 1, wire_get_le32(one.b), 1);
	assert_int_equal(bad_frames(&r), 1);
	assert_int_equal(r.frames[TERRACE__MSG__M_INDEX], 1);
	send_index(&r, 77, 1, 0, 1);
	assert_int_equal(bad_frames(&r), 2);
	rig_end(&r);
}

static void an_index_names_what_it_likes(void **state)
{
	struct tr_hash zero = {{0}};
	struct rig r;

	(void)state;
	begin(&r);
	put(&r, 1, 1, 1, zero);
	send_index(&r, 1, TR_SEQ_MAX, 0xffffffff, TR_INDEX_MAX);
	assert_int_equal(bad_frames(&r), 0);
	rig_logdef(&r, 2, street_log(&r));
	send_index(&r, 2, 1, 0, TR_INDEX_MAX + 1);
	assert_int_equal(bad_frames(&r), 1);
	send_index(&r, 2, 0, 0, 1);
	assert_int_equal(bad_frames(&r), 2);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_histories_are_kept),
	    cmocka_unit_test(a_branch_may_leave_anywhere),
	    cmocka_unit_test(branches_are_bounded),
	    cmocka_unit_test(what_nobody_signed_is_no_branch),
	    cmocka_unit_test(a_segment_does_not_name_its_own_log),
	    cmocka_unit_test(what_follows_something_unknown_is_no_forgery),
	    cmocka_unit_test(our_own_lost_segment_opens_an_incarnation),
	    cmocka_unit_test(an_index_is_taken_once),
	    cmocka_unit_test(an_index_names_what_it_likes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
