/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what stands between a node and the rest of the tree can delay, and be
 * seen to; it cannot change, hide in silence, or speak for others. */
// needs: tests/fuzz/town.o tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include <sodium.h>

#include "proto/err.h"
#include "tests/fuzz/town.h"
#include "tests/lib/rig.h"

#define YEAR_MS ((int64_t)366 * 24 * 3600 * 1000)
#define TITLE 14

static struct tr_bytes note_op(uint8_t n, uint8_t *out, size_t cap)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{3, n}}, .value_count = 1};

	op.values[0] = (struct rep_value){TITLE, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	return (struct tr_bytes){out, rep_op_encode(&op, out, cap)};
}

/* ---- the parent's clock ---- */

static void write_one(struct rig *r)
{
	struct rep_value title = {TITLE, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("mine")};
	struct rep_write w = {.ticket = 5, .kind = TR_KIND_CASE, .values = &title, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
	assert_int_equal(r->reply.rc, 0);
}

static void assert_clock_sane(struct rig *r)
{
	struct rep_self self;

	write_one(r);
	rep_inspect_self(r->node, &self);
	assert_true(self.clock_offset_ms > -100 * YEAR_MS && self.clock_offset_ms < 100 * YEAR_MS);
}

static const uint64_t times[] = {0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX,
    (uint64_t)1 << 48, ((uint64_t)1 << 48) - 1, (uint64_t)1 << 63};

static void a_clock_of_no_date_is_not_followed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct rig r;

		rig_begin(&r, RIG_LEAF);
		r.welcome_ms = times[i];
		rig_connect(&r, RIG_STREET);
		assert_clock_sane(&r);
		rig_end(&r);
	}
}

static void nor_one_in_an_answer_to_a_ping(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		Terrace__Msg msg = TERRACE__MSG__INIT;
		Terrace__Ping pong = TERRACE__PING__INIT;
		struct rig r;

		rig_begin(&r, RIG_LEAF);
		rig_connect(&r, RIG_STREET);
		rig_wait(&r, 31000);
		assert_int_equal(r.frames[TERRACE__MSG__M_PING], 1);
		pong.n = r.last[TERRACE__MSG__M_PING]->ping->n;
		pong.reply = 1;
		pong.t_ms = times[i];
		msg.m_case = TERRACE__MSG__M_PING;
		msg.ping = &pong;
		rig_send(&r, &msg);
		assert_clock_sane(&r);
		rig_end(&r);
	}
}

/* ---- bodies ---- */

/* The chain holds without the body: nobody erases anything yet, so a body
 * that is missing was taken away. */
static void a_body_taken_away_is_noticed_and_may_come_again(void **state)
{
	struct tr_log_id id = {.inc = 4, .lane = TR_LANE_R};
	uint8_t entry[512], pruned[512], out[1024], whole[1024];
	struct tr_bytes op, cut, s;
	struct rep_log_info info;
	struct rig_seg seg;
	size_t head;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	id.author = id.scope = r.party[RIG_STREET].nid;
	op = note_op(1, entry, sizeof(entry));
	head = 2u + entry[1]; /* flag, length, OpHead */
	memcpy(pruned, entry, head);
	pruned[0] = 0;
	assert_true(op.size > head + 1 && (entry[head] & 0x80) == 0);
	crypto_generichash(pruned + head, 32, entry + head + 1, op.size - head - 1, NULL, 0);
	cut = (struct tr_bytes){pruned, head + 32};
	seg = (struct rig_seg){RIG_STREET, id, 1, 1, &cut, 1, {{0}}, 1};
	rig_connect(&r, RIG_STREET);
	rig_logdef(&r, 1, id);
	s = rig_segment(&r, &seg, out, sizeof(out), NULL);
	rig_segs(&r, &s, 1);
	assert_true(rep_log_of(r.node, 1, &info));
	assert_int_equal(info.seq, 0);
	assert_int_equal(r.traces[REP_TRACE_SEG_FORGED] + r.traces[REP_TRACE_FRAME_BAD] > 0, 1);
	seg.ops = &op;
	s = rig_segment(&r, &seg, whole, sizeof(whole), NULL);
	rig_segs(&r, &s, 1);
	assert_true(rep_log_of(r.node, 1, &info));
	assert_int_equal(info.seq, 1);
	assert_int_equal(memview_rows(r.mv, REP_T_REC), 1);
	rig_end(&r);
}

/* ---- in others' names ---- */

static void segment_as(enum rig_who signer, enum rig_who author, enum rig_who scope, unsigned want)
{
	struct tr_log_id id = {.inc = 4, .lane = TR_LANE_R};
	uint8_t entry[512], out[1024];
	struct tr_bytes op = note_op(1, entry, sizeof(entry)), s;
	struct rig r;

	rig_begin(&r, RIG_TOP);
	id.author = r.party[author].nid;
	id.scope = r.party[scope].nid;
	rig_connect(&r, RIG_STREET);
	rig_logdef(&r, 1, id);
	s = rig_segment(&r, &(struct rig_seg){signer, id, 1, 1, &op, 1, {{0}}, 1}, out, sizeof(out), NULL);
	rig_segs(&r, &s, 1);
	assert_int_equal(r.rc, 0);
	assert_int_equal(memview_rows(r.mv, REP_T_REC), want);
	rig_end(&r);
}

static void nobody_writes_for_another(void **state)
{
	(void)state;
	segment_as(RIG_STREET, RIG_STREET, RIG_STREET, 1);
	segment_as(RIG_STREET, RIG_STREET, RIG_OTHER, 0);
	segment_as(RIG_STREET, RIG_STREET, RIG_TOP, 0);
	segment_as(RIG_OTHER, RIG_OTHER, RIG_OTHER, 0);  /* by the street's link */
	segment_as(RIG_STREET, RIG_TOP, RIG_STREET, 0);  /* the hub's name, the street's key */
	segment_as(RIG_OTHER, RIG_STREET, RIG_STREET, 0);
}

static void need(struct rig *r, struct tr_nid nid)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Need n = TERRACE__NEED__INIT;

	n.what = TR_NEED_CERT;
	n.nid = nid.v;
	msg.m_case = TERRACE__MSG__M_NEED;
	msg.need = &n;
	rig_send(r, &msg);
}

static void a_street_learns_nothing_of_its_sibling(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	need(&r, r.party[RIG_OTHER].nid);
	assert_int_equal(r.frames[TERRACE__MSG__M_CERT], 0);
	need(&r, r.party[RIG_TOP].nid);
	assert_int_equal(r.frames[TERRACE__MSG__M_CERT], 1);
	rig_end(&r);
}

/* A RECEIPT frees what a leaf keeps: only the top node's signature makes one. */
static void receipts_are_the_top_nodes(void **state)
{
	static const uint32_t ctrs[] = {1, UINT32_MAX};
	uint8_t sig[64] = {1};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		Terrace__Msg msg = TERRACE__MSG__INIT;
		Terrace__Receipt receipt = TERRACE__RECEIPT__INIT;
		struct rep_self self;
		struct rig r;

		rig_begin(&r, RIG_LEAF);
		rig_connect(&r, RIG_STREET);
		receipt.issuer = r.party[RIG_TOP].nid.v;
		receipt.scope = r.party[RIG_LEAF].nid.v;
		receipt.ctr = ctrs[i];
		receipt.hlc = UINT64_MAX;
		receipt.sig = (ProtobufCBinaryData){sizeof(sig), sig};
		msg.m_case = TERRACE__MSG__M_RECEIPT;
		msg.receipt = &receipt;
		rig_send(&r, &msg);
		rep_inspect_self(r.node, &self);
		assert_int_equal(self.receipt_hlc.v, 0);
		assert_int_equal(memview_rows(r.mv, REP_T_RCPT), 0);
		assert_int_equal(r.traces[REP_TRACE_RECEIPT_BAD], 1);
		rig_end(&r);
	}
}

/* ---- what is withheld ---- */

static void eleven_minutes(struct rig *r)
{
	for (int i = 0; i < 11; i++)
		rig_wait(r, 60000);
}

/* The leaf says that it has ops, and they do not come. */
static void a_start_forgets_nothing_that_is_missing(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	town_head(&r, RIG_LEAF, 1, 2);
	town_head(&r, RIG_STREET, 1, 0); /* an old one: it names nothing that is not here */
	rig_wait(&r, 300000);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(r.traces[REP_TRACE_HEAD_DIFFERS], 0);
	eleven_minutes(&r);
	assert_int_equal(r.traces[REP_TRACE_HEAD_DIFFERS], 1);
	eleven_minutes(&r);
	assert_int_equal(r.traces[REP_TRACE_HEAD_DIFFERS], 1); /* said once */
	rig_end(&r);
}

/* ---- files ---- */

static void bundle(struct rig *r, enum rig_who from, enum rep_event_kind kind, Terrace__Msg *msg)
{
	struct rep_event event = {.kind = kind, .peer = r->party[from].nid};
	uint8_t frame[512];

	if (msg != NULL) {
		msg->session = 1;
		event.frame = (struct tr_bytes){frame, wire_msg_encode(msg, frame)};
	}
	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
}

/* A bundle in which the street says how much of the hub's log it holds. */
static void said_by_file(struct rig *r, uint64_t inc, uint64_t seq)
{
	Terrace__Msg def_msg = TERRACE__MSG__INIT, f_msg = TERRACE__MSG__INIT;
	Terrace__LogDef def = TERRACE__LOG_DEF__INIT;
	Terrace__Frontier f = TERRACE__FRONTIER__INIT;
	Terrace__FEnt e = TERRACE__FENT__INIT, *list[1] = {&e};

	def.h = e.log = 1;
	def.author = r->party[RIG_TOP].nid.v;
	def.scope = r->party[RIG_STREET].nid.v;
	def.inc = inc;
	def.lane = TR_LANE_R;
	e.seq = seq;
	f.mode = TR_FRONTIER_FULL;
	f.n_e = seq != 0;
	f.e = list;
	def_msg.m_case = TERRACE__MSG__M_LOGDEF;
	def_msg.logdef = &def;
	f_msg.m_case = TERRACE__MSG__M_FRONTIER;
	f_msg.frontier = &f;
	bundle(r, RIG_STREET, REP_EV_BUNDLE_BEGIN, NULL);
	bundle(r, RIG_STREET, REP_EV_BUNDLE_FRAME, &def_msg);
	bundle(r, RIG_STREET, REP_EV_BUNDLE_FRAME, &f_msg);
	bundle(r, RIG_STREET, REP_EV_BUNDLE_END, NULL);
}

static uint64_t down_acked(const struct rig *r)
{
	struct rep_log_info info;
	size_t first = 0;

	assert_true(rep_inspect_log(r->node, &first, &info));
	return info.down_acked;
}

/* What a file said is a hint of its day: the store behind it may be restored. */
static void a_newer_file_takes_back_what_an_older_one_said(void **state)
{
	struct rep_value title = {TITLE, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("down")};
	struct rep_write w = {.ticket = 5, .kind = TR_KIND_CASE, .values = &title, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};
	struct rep_log_info info;
	size_t first = 0;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	w.home = r.party[RIG_STREET].nid;
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	assert_true(rep_inspect_log(r.node, &first, &info));
	said_by_file(&r, info.id.inc, 1000000); /* more than there is */
	assert_true(down_acked(&r) <= 1);
	said_by_file(&r, info.id.inc, 0);
	assert_int_equal(down_acked(&r), 0);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_clock_of_no_date_is_not_followed),
	    cmocka_unit_test(nor_one_in_an_answer_to_a_ping),
	    cmocka_unit_test(a_body_taken_away_is_noticed_and_may_come_again),
	    cmocka_unit_test(nobody_writes_for_another),
	    cmocka_unit_test(a_street_learns_nothing_of_its_sibling),
	    cmocka_unit_test(receipts_are_the_top_nodes),
	    cmocka_unit_test(a_start_forgets_nothing_that_is_missing),
	    cmocka_unit_test(a_newer_file_takes_back_what_an_older_one_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
