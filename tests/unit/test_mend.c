/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: damaged segments are asked for one after the other, given without those
 * that are damaged here too, and put back only as the chain names them. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/log.h"
#include "tests/lib/rig.h"

#define SEGS 4

/* Two logs of the street, of four segments each; all that was sent is kept. */
struct scene {
	struct rig r;
	struct tr_log_id log[2];
	uint32_t handle[2]; /* of the core */
	uint8_t bytes[2][SEGS][1024];
	struct tr_bytes seg[2][SEGS];
	struct tr_hash hash[2][SEGS];
};

static struct tr_bytes op_of(uint8_t a, uint8_t b, const char *title, uint8_t *out, size_t cap)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{1, a, b}}, .value_count = 1};

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(title)};
	return (struct tr_bytes){out, rep_op_encode(&op, out, cap)};
}

static struct tr_bytes make(struct scene *s, uint8_t log, uint8_t n, const char *title, uint8_t *out, struct tr_hash *hash)
{
	uint8_t entry[512];
	struct tr_bytes op = op_of(log, n, title, entry, sizeof(entry));
	struct rig_seg seg = {RIG_STREET, s->log[log], log + 1u, n + 1u, &op, 1, {{0}}, 1};

	if (n > 0)
		seg.prev = s->hash[log][n - 1];
	return rig_segment(&s->r, &seg, out, 1024, hash);
}

static void begin(struct scene *s)
{
	rig_begin(&s->r, RIG_TOP);
	rig_connect(&s->r, RIG_STREET);
	for (uint8_t l = 0; l < 2; l++) {
		s->log[l] = (struct tr_log_id){s->r.party[RIG_STREET].nid, 5u + l, s->r.party[RIG_STREET].nid, TR_LANE_R};
		rig_logdef(&s->r, l + 1u, s->log[l]);
		for (uint8_t n = 0; n < SEGS; n++)
			s->seg[l][n] = make(s, l, n, "noise", s->bytes[l][n], &s->hash[l][n]);
		rig_segs(&s->r, s->seg[l], SEGS);
		s->handle[l] = rep_log_find(s->r.node, &s->log[l])->handle;
	}
	assert_int_equal(s->r.rc, 0);
	assert_int_equal(s->r.traces[REP_TRACE_SEG_FORGED], 0);
}

static void damage(struct scene *s, uint8_t log, uint64_t seq, bool gone)
{
	struct rep_key key = rep_key_seq(s->handle[log], seq);

	if (gone)
		assert_int_equal(rep_del(&s->r.view, REP_T_SEG, rep_key_bytes(&key)), 0);
	else
		assert_int_equal(rep_put(&s->r.view, REP_T_SEG, rep_key_bytes(&key), UNIT_TEXT("rot")), 0);
}

static int ask(struct scene *s, uint32_t handle, uint64_t first, uint64_t last)
{
	struct rep_mend mend = {.ticket = 7, .fault = {.what = REP_FAULT_SEGMENT, .log = handle, .first = first, .last = last}};
	struct rep_event event = {.kind = REP_EV_MEND, .mend = &mend};

	rig_step(&s->r, &event);
	assert_int_equal(s->r.rc, 0);
	assert_int_equal(s->r.reply.asked, s->r.reply.rc == 0);
	return s->r.reply.rc;
}

static size_t faults(struct scene *s)
{
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct rep_fault fault;
	size_t n = 0;
	bool found;

	while (rep_verify_next(s->r.node, &s->r.view, &cursor, 64, &fault, &found, &sum) == 0)
		n += found;
	return n;
}

static void one_thing_is_asked_for_at_a_time(void **state)
{
	static struct scene s;
	unsigned needs;

	(void)state;
	begin(&s);
	damage(&s, 0, 2, false);
	damage(&s, 1, 3, false);
	assert_int_equal(ask(&s, 4711, 1, 1), TR_E_INPUT);
	assert_int_equal(ask(&s, s.handle[0], 1, 99), TR_E_NOPEER); /* nobody said that it has so many */
	needs = s.r.frames[TERRACE__MSG__M_NEED];
	assert_int_equal(ask(&s, s.handle[0], 2, 2), 0);
	assert_int_equal(s.r.frames[TERRACE__MSG__M_NEED], needs + 1);
	assert_int_equal(ask(&s, s.handle[0], 2, 2), 0); /* it is on its way */
	assert_int_equal(s.r.frames[TERRACE__MSG__M_NEED], needs + 1);
	assert_int_equal(ask(&s, s.handle[1], 3, 3), TR_E_BUSY);
	assert_int_equal(ask(&s, s.handle[0], 1, 1), TR_E_BUSY);
	rig_wait(&s.r, 3000);
	assert_int_equal(ask(&s, s.handle[0], 2, 2), 0); /* no answer: again */
	assert_int_equal(s.r.frames[TERRACE__MSG__M_NEED], needs + 2);
	rig_wait(&s.r, 11000);
	assert_int_equal(ask(&s, s.handle[1], 3, 3), 0); /* it does not come */
	assert_int_equal(s.r.last[TERRACE__MSG__M_NEED]->need->from, 3);
	rig_segs(&s.r, &s.seg[1][2], 1);
	assert_int_equal(ask(&s, s.handle[0], 2, 2), 0);
	rig_segs(&s.r, &s.seg[0][1], 1);
	assert_int_equal(s.r.traces[REP_TRACE_SEG_REPAIRED], 2);
	assert_int_equal(faults(&s), 0);
	rig_end(&s.r);
}

/* Rows in a row, gone or rotten: each comes back, in any order that hangs together. */
static void a_run_is_mended_piece_by_piece(void **state)
{
	static struct scene s;

	(void)state;
	for (int gone = 0; gone < 2; gone++) {
		begin(&s);
		damage(&s, 0, 1, gone);
		damage(&s, 0, 2, gone);
		damage(&s, 0, 3, gone);
		assert_true(faults(&s) > 0);
		assert_int_equal(ask(&s, s.handle[0], 1, 3), 0);
		rig_segs(&s.r, &s.seg[0][3], 1); /* not one of them */
		assert_int_equal(s.r.traces[REP_TRACE_SEG_REPAIRED], 0);
		rig_segs(&s.r, s.seg[0], 3);
		assert_int_equal(s.r.traces[REP_TRACE_SEG_REPAIRED], 3);
		assert_int_equal(faults(&s), 0);
		rig_segs(&s.r, s.seg[0], 3); /* once more: known */
		assert_int_equal(s.r.traces[REP_TRACE_SEG_REPAIRED], 3);
		assert_int_equal(s.r.traces[REP_TRACE_FORK], 0);
		rig_end(&s.r);
	}
}

/* In the middle of a log the segment behind it names the right one. */
static void another_history_is_no_repair(void **state)
{
	static struct scene s;
	uint8_t bytes[1024];
	struct tr_bytes other;

	(void)state;
	for (uint8_t n = 0; n < SEGS; n++) {
		begin(&s);
		damage(&s, 0, n + 1u, false);
		other = make(&s, 0, n, "another noise", bytes, NULL);
		assert_int_equal(ask(&s, s.handle[0], n + 1u, n + 1u), 0);
		rig_segs(&s.r, &other, 1);
		assert_int_equal(s.r.traces[REP_TRACE_SEG_REPAIRED], 0);
		assert_int_equal(s.r.traces[REP_TRACE_SEG_FORGED], 1);
		assert_true(faults(&s) > 0);
		rig_segs(&s.r, &s.seg[0][n], 1);
		assert_int_equal(s.r.traces[REP_TRACE_SEG_REPAIRED], 1);
		assert_int_equal(faults(&s), 0);
		rig_end(&s.r);
	}
}

/* Without bodies, or of another key: not what stood there. */
static void what_does_not_verify_is_no_repair(void **state)
{
	static struct scene s;
	uint8_t bytes[1024];

	(void)state;
	begin(&s);
	damage(&s, 0, 2, false);
	assert_int_equal(ask(&s, s.handle[0], 2, 2), 0);
	memcpy(bytes, s.seg[0][1].data, s.seg[0][1].size);
	bytes[s.seg[0][1].size - 1] ^= 1; /* of the signature */
	rig_segs(&s.r, &(struct tr_bytes){bytes, s.seg[0][1].size}, 1);
	assert_int_equal(s.r.traces[REP_TRACE_SEG_REPAIRED], 0);
	assert_true(faults(&s) > 0);
	rig_segs(&s.r, &s.seg[0][1], 1);
	assert_int_equal(s.r.traces[REP_TRACE_SEG_REPAIRED], 1);
	rig_end(&s.r);
}

static void need(struct scene *s, uint32_t log, uint64_t from, uint64_t to)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Need n = TERRACE__NEED__INIT;

	rig_wait(&s->r, 2000);
	n.what = TR_NEED_SEGMENTS;
	n.log = log;
	n.from = from;
	n.to = to;
	msg.m_case = TERRACE__MSG__M_NEED;
	msg.need = &n;
	s->r.last[TERRACE__MSG__M_SEGS] = NULL;
	rig_send(&s->r, &msg);
	assert_int_equal(s->r.rc, 0);
}

static size_t given(const struct scene *s)
{
	const Terrace__Msg *msg = s->r.last[TERRACE__MSG__M_SEGS];

	return msg != NULL ? msg->segs->n_seg : 0;
}

static void what_is_whole_here_is_given(void **state)
{
	static struct scene s;

	(void)state;
	begin(&s);
	need(&s, 1, 1, SEGS);
	assert_int_equal(given(&s), SEGS);
	need(&s, 1, 2, 3);
	assert_int_equal(given(&s), 2);
	need(&s, 1, SEGS + 1, SEGS + 9); /* behind the end */
	assert_int_equal(given(&s), 0);
	damage(&s, 0, 3, false);
	need(&s, 1, 1, SEGS);
	assert_int_equal(given(&s), 2); /* up to where it is damaged here, too */
	need(&s, 1, 3, 3);
	assert_int_equal(given(&s), 0);
	rig_end(&s.r);
}

static void one_answer_is_bounded(void **state)
{
	static struct scene s;
	static char text[8001];
	static uint8_t entry[20000], out[20000];
	struct tr_hash prev = {{0}};
	struct tr_log_id id;
	size_t count;

	(void)state;
	begin(&s);
	memset(text, 'x', sizeof(text) - 1);
	id = (struct tr_log_id){s.r.party[RIG_STREET].nid, 9, s.r.party[RIG_STREET].nid, TR_LANE_R};
	rig_logdef(&s.r, 3, id);
	for (uint8_t n = 0; n < 20; n++) {
		bool is_long = n >= 10;
		struct rep_op op = {.kind = TR_OP_NOTE, .has_body = true, .type = TR_KIND_CASE, .rec = {{1, 0, 0}}, .value_count = 1};
		struct tr_bytes bytes, seg;
		struct rig_seg how = {RIG_STREET, id, 3, n + 1u, &bytes, 1, prev, 1};

		op.values[0] = (struct rep_value){61, TR_ACT_ADD, REP_VALUE_TEXT, 0, UNIT_TEXT(text)};
		op.values[0].t.size = is_long ? 8000 : 10;
		bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
		seg = rig_segment(&s.r, &how, out, sizeof(out), &prev);
		rig_segs(&s.r, &seg, 1);
	}
	need(&s, 3, 11, 20);
	count = given(&s);
	assert_true(count >= 7 && count <= 8); /* 64 KiB */
	need(&s, 3, 1, 20);
	assert_true(given(&s) > 10 && given(&s) <= 18);
	rig_end(&s.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_thing_is_asked_for_at_a_time),
	    cmocka_unit_test(a_run_is_mended_piece_by_piece),
	    cmocka_unit_test(another_history_is_no_repair),
	    cmocka_unit_test(what_does_not_verify_is_no_repair),
	    cmocka_unit_test(what_is_whole_here_is_given),
	    cmocka_unit_test(one_answer_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
