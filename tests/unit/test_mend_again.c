/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what is sent in the place of a damaged segment is judged as when it came
 * first: with what its author had seen, in the branch in which it stood. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include <sodium/crypto_generichash.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "tests/lib/rig.h"

/*
 *     B1 - B2 - B3
 *            \
 *     A1 ---- A2 - A3
 *        \
 *         C2
 */
enum { A, B, C, LOGS };

struct scene {
	struct rig r;
	struct tr_log_id log[LOGS];
	uint32_t handle[LOGS]; /* of the core */
	uint8_t bytes[LOGS][3][1024];
	struct tr_bytes seg[LOGS][3];
	struct tr_hash hash[LOGS][3];
};

static struct scene s;

static uint64_t bad(void)
{
	struct rep_self self;

	rep_inspect_self(s.r.node, &self);
	return self.bad_frames;
}

static void make(int log, uint8_t n, struct tr_hash prev, const struct rig_seen *seen, size_t unsaid)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{8, (uint8_t)log, n}},
	    .value_count = 1};
	uint8_t entry[512];
	struct tr_bytes bytes;
	struct rig_seg how = {RIG_STREET, s.log[log], log == B ? 2 : 1, n + 1u, &bytes, 1, prev, 1};

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	s.seg[log][n] = rig_segment_seen(&s.r, &how, seen, seen != NULL, unsaid, s.bytes[log][n], 1024, &s.hash[log][n]);
	rig_segs(&s.r, &s.seg[log][n], 1);
}

static void begin(void)
{
	const struct tr_hash none = {{0}};
	struct rig_seen seen;
	struct tr_nid street;

	rig_begin(&s.r, RIG_TOP);
	rig_connect(&s.r, RIG_STREET);
	street = s.r.party[RIG_STREET].nid;
	s.log[A] = s.log[C] = (struct tr_log_id){street, 5, street, TR_LANE_R};
	s.log[B] = (struct tr_log_id){street, 6, street, TR_LANE_R};
	rig_logdef(&s.r, 1, s.log[A]);
	rig_logdef(&s.r, 2, s.log[B]);
	for (uint8_t n = 0; n < 3; n++)
		make(B, n, n > 0 ? s.hash[B][n - 1] : none, NULL, 0);
	seen = (struct rig_seen){2, s.log[B], 2, s.hash[B][1]};
	make(A, 0, none, NULL, 0);
	make(A, 1, s.hash[A][0], &seen, 0);
	make(A, 2, s.hash[A][1], &seen, 1);
	make(C, 1, s.hash[A][0], NULL, 0);
	assert_int_equal(s.r.traces[REP_TRACE_FORK], 1);
	assert_int_equal(bad(), 0);
	for (int l = 0; l < C; l++)
		s.handle[l] = rep_log_find(s.r.node, &s.log[l])->handle;
	s.handle[C] = rep_branch_next(s.r.node, rep_log_find(s.r.node, &s.log[A]))->handle;
}

static void damage(int log, uint64_t seq)
{
	struct rep_key key = rep_key_seq(s.handle[log], seq);

	assert_int_equal(rep_put(&s.r.view, REP_T_SEG, rep_key_bytes(&key), UNIT_TEXT("rot")), 0);
}

static void ask(int log, uint64_t seq)
{
	struct rep_mend mend = {.ticket = 7, .fault = {.what = REP_FAULT_SEGMENT, .log = s.handle[log], .first = seq, .last = seq}};
	struct rep_event event = {.kind = REP_EV_MEND, .mend = &mend};

	rig_step(&s.r, &event);
	assert_int_equal(s.r.rc, 0);
	assert_int_equal(s.r.reply.rc, 0);
}

static void answer(struct tr_bytes seg)
{
	rig_segs(&s.r, &seg, 1);
	assert_int_equal(s.r.rc, 0);
}

static unsigned repaired(void)
{
	return s.r.traces[REP_TRACE_SEG_REPAIRED];
}

static size_t faults(void)
{
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct rep_fault fault;
	size_t n = 0;
	bool found;

	while (rep_verify_next(s.r.node, &s.r.view, &cursor, 64, &fault, &found, &sum) == 0)
		n += found;
	return n;
}

static void what_its_author_had_seen_is_mended_first(void **state)
{
	(void)state;
	begin();
	damage(B, 2);
	damage(A, 2);
	ask(A, 2);
	answer(s.seg[A][1]);
	assert_int_equal(repaired(), 0);
	rig_wait(&s.r, 11000);
	ask(B, 2);
	answer(s.seg[B][1]);
	assert_int_equal(repaired(), 1);
	ask(A, 2);
	answer(s.seg[A][1]);
	assert_int_equal(repaired(), 2);
	assert_int_equal(faults(), 0);
	rig_end(&s.r);
}

/* The one behind it says what stood there, by its vector too; where that cannot be read, the signature alone does. */
static void the_next_one_names_it_with_all_that_it_had_seen(void **state)
{
	(void)state;
	for (int gone = 0; gone < 2; gone++) {
		begin();
		damage(A, 1);
		if (gone)
			damage(B, 2);
		ask(A, 1);
		answer(s.seg[A][0]);
		assert_int_equal(repaired(), 1);
		if (gone) {
			rig_wait(&s.r, 11000);
			ask(B, 2);
			answer(s.seg[B][1]);
		}
		assert_int_equal(faults(), 0);
		rig_end(&s.r);
	}
}

static void a_repair_names_only_logs_that_were_announced(void **state)
{
	static uint8_t again[1100];
	Terrace__Seg *seg;

	(void)state;
	begin();
	damage(A, 2);
	ask(A, 2);
	seg = terrace__seg__unpack(NULL, s.seg[A][1].size, s.seg[A][1].data);
	assert_non_null(seg);
	assert_int_equal(seg->n_ctx, 1);
	seg->ctx[0]->log = 77;
	answer((struct tr_bytes){again, terrace__seg__pack(seg, again)});
	terrace__seg__free_unpacked(seg, NULL);
	assert_int_equal(repaired(), 0);
	assert_int_equal(bad(), 1);
	answer(s.seg[A][1]);
	assert_int_equal(repaired(), 1);
	rig_end(&s.r);
}

static void a_repair_has_its_bodies(void **state)
{
	static uint8_t again[1100];
	uint8_t cut[512];
	ProtobufCBinaryData op;
	Terrace__Seg *seg;
	size_t head;

	(void)state;
	begin();
	damage(A, 2);
	ask(A, 2);
	seg = terrace__seg__unpack(NULL, s.seg[A][1].size, s.seg[A][1].data);
	assert_non_null(seg);
	op = seg->op[0];
	head = 2u + op.data[1]; /* flag, length, OpHead; then the hash of the body in place of it */
	memcpy(cut, op.data, head);
	cut[0] = 0;
	crypto_generichash(cut + head, 32, op.data + head + 1, op.len - head - 1, NULL, 0);
	seg->op[0] = (ProtobufCBinaryData){head + 32, cut};
	answer((struct tr_bytes){again, terrace__seg__pack(seg, again)});
	seg->op[0] = op;
	terrace__seg__free_unpacked(seg, NULL);
	assert_int_equal(repaired(), 0);
	assert_int_equal(bad(), 1);
	answer(s.seg[A][1]);
	assert_int_equal(repaired(), 1);
	rig_end(&s.r);
}

/* In the same place of another branch stands another segment: known, and no repair. */
static void each_branch_is_mended_with_its_own(void **state)
{
	(void)state;
	begin();
	damage(C, 2);
	ask(C, 2);
	answer(s.seg[A][1]);
	assert_int_equal(repaired(), 0);
	assert_int_equal(bad(), 0);
	answer(s.seg[C][1]);
	assert_int_equal(repaired(), 1);
	assert_int_equal(faults(), 0);
	assert_int_equal(s.r.traces[REP_TRACE_FORK], 1);
	rig_end(&s.r);
}

static size_t given(uint64_t from, uint64_t to)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Need n = TERRACE__NEED__INIT;

	rig_wait(&s.r, 2000);
	n.what = TR_NEED_SEGMENTS;
	n.log = 1;
	n.from = from;
	n.to = to;
	msg.m_case = TERRACE__MSG__M_NEED;
	msg.need = &n;
	s.r.last[TERRACE__MSG__M_SEGS] = NULL;
	rig_send(&s.r, &msg);
	assert_int_equal(s.r.rc, 0);
	return s.r.last[TERRACE__MSG__M_SEGS] != NULL ? s.r.last[TERRACE__MSG__M_SEGS]->segs->n_seg : 0;
}

/* Who asks cannot say which branch he means: he gets all that there is in these places. */
static void all_branches_are_given(void **state)
{
	(void)state;
	begin();
	assert_int_equal(given(1, 3), 4);
	assert_int_equal(given(1, 1), 1);
	assert_int_equal(given(2, 2), 2);
	assert_int_equal(given(3, 9), 1);
	assert_int_equal(given(0, 3), 0);
	assert_int_equal(given(3, 2), 0);
	rig_end(&s.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_its_author_had_seen_is_mended_first),
	    cmocka_unit_test(the_next_one_names_it_with_all_that_it_had_seen),
	    cmocka_unit_test(a_repair_names_only_logs_that_were_announced),
	    cmocka_unit_test(a_repair_has_its_bodies),
	    cmocka_unit_test(each_branch_is_mended_with_its_own),
	    cmocka_unit_test(all_branches_are_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
