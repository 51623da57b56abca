/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: frames from the wrong side, answers that come too late, requests about
 * links that are none, and own ops that come back signed otherwise change nothing. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/own.h"
#include "tests/lib/rig.h"

static uint64_t bad(const struct rig *r)
{
	struct rep_self self;

	rep_inspect_self(r->node, &self);
	return self.bad_frames;
}

/* ------------------------------------------------------------------------ frames */

static void evidence_goes_up_only(void **state)
{
	struct rig r;

	(void)state;
	for (int up = 0; up < 2; up++) {
		Terrace__Msg msg = TERRACE__MSG__INIT;
		Terrace__Evidence ev = TERRACE__EVIDENCE__INIT;
		struct rig_party fake;
		uint8_t one[TR_CERT_BYTES_MAX], two[TR_CERT_BYTES_MAX];

		rig_begin(&r, up ? RIG_TOP : RIG_LEAF);
		rig_connect(&r, RIG_STREET);
		fake = r.party[RIG_LEAF];
		fake.cert.sign_pk = r.party[RIG_OTHER].sign.pk;
		rig_certify(&r, &fake, RIG_STREET, false);
		memcpy(one, r.party[RIG_LEAF].bytes, r.party[RIG_LEAF].size);
		memcpy(two, fake.bytes, fake.size);
		ev.kind = TR_EVIDENCE_CERTS;
		ev.a = (ProtobufCBinaryData){r.party[RIG_LEAF].size, one};
		ev.b = (ProtobufCBinaryData){fake.size, two};
		msg.m_case = TERRACE__MSG__M_EVIDENCE;
		msg.evidence = &ev;
		rig_send(&r, &msg);
		assert_int_equal(bad(&r), !up);
		assert_int_equal(memview_rows(r.mv, REP_T_EVID), up);
		rig_end(&r);
	}
}

static void bundle(struct rig *r, enum rep_event_kind kind, Terrace__Msg *msg)
{
	struct rep_event event = {.kind = kind, .peer = r->party[RIG_STREET].nid};
	uint8_t frame[512];

	if (msg != NULL) {
		msg->session = 1;
		event.frame = (struct tr_bytes){frame, wire_msg_encode(msg, frame)};
	}
	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
}

/* A file has nobody who would answer. */
static void a_file_asks_for_nothing(void **state)
{
	Terrace__Ping ping = TERRACE__PING__INIT;
	Terrace__Need need = TERRACE__NEED__INIT;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	need.what = TR_NEED_CERT;
	need.nid = r.party[RIG_STREET].nid.v;
	bundle(&r, REP_EV_BUNDLE_BEGIN, NULL);
	for (int i = 0; i < 2; i++) {
		Terrace__Msg msg = TERRACE__MSG__INIT;

		msg.m_case = i == 0 ? TERRACE__MSG__M_PING : TERRACE__MSG__M_NEED;
		if (i == 0)
			msg.ping = &ping;
		else
			msg.need = &need;
		bundle(&r, REP_EV_BUNDLE_FRAME, &msg);
		assert_int_equal(bad(&r), (uint64_t)i + 1);
	}
	assert_int_equal(r.frames[TERRACE__MSG__M_PING], 0);
	bundle(&r, REP_EV_BUNDLE_END, NULL);
	rig_end(&r);
}

/* Half of a long way there and back says little of what time it is. */
static void a_late_answer_sets_no_clock(void **state)
{
	(void)state;
	for (int late = 0; late < 2; late++) {
		Terrace__Msg msg = TERRACE__MSG__INIT;
		Terrace__Ping pong = TERRACE__PING__INIT;
		struct rep_self before, after;
		struct rig r;

		rig_begin(&r, RIG_LEAF);
		rig_connect(&r, RIG_STREET);
		rig_wait(&r, 31000);
		assert_int_equal(r.frames[TERRACE__MSG__M_PING], 1);
		rep_inspect_self(r.node, &before);
		pong.n = r.last[TERRACE__MSG__M_PING]->ping->n;
		pong.reply = 1;
		rig_wait(&r, late ? 6000 : 1000);
		pong.t_ms = (uint64_t)r.wall_ms + 90000;
		msg.m_case = TERRACE__MSG__M_PING;
		msg.ping = &pong;
		rig_send(&r, &msg);
		rep_inspect_self(r.node, &after);
		assert_int_equal(after.clock_offset_ms == before.clock_offset_ms, late);
		rig_end(&r);
	}
}

/* ------------------------------------------------------------------------ links */

static void pause_link(struct rig *r, struct tr_nid peer, enum rep_pause what)
{
	struct rep_event event = {.kind = REP_EV_PAUSE, .peer = peer, .pause = what};

	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
}

static void only_a_neighbour_is_paused(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_TOP);
	pause_link(&r, (struct tr_nid){4711}, REP_PAUSE);           /* nobody */
	pause_link(&r, r.party[RIG_STREET].nid, REP_PAUSE);         /* itself */
	pause_link(&r, r.party[RIG_OTHER].nid, REP_PAUSE);          /* somebody's else */
	assert_int_equal(rig_state(&r, RIG_TOP), REP_LINK_LIVE);
	pause_link(&r, r.party[RIG_TOP].nid, REP_RETRY);            /* it is there already */
	assert_int_equal(rig_state(&r, RIG_TOP), REP_LINK_LIVE);
	pause_link(&r, r.party[RIG_LEAF].nid, REP_PAUSE);           /* not connected: it will not be */
	assert_int_equal(rig_state(&r, RIG_LEAF), REP_LINK_PAUSED);
	pause_link(&r, r.party[RIG_LEAF].nid, REP_RETRY);           /* the child dials, not this node */
	pause_link(&r, r.party[RIG_LEAF].nid, REP_RESUME);
	assert_int_equal(rig_state(&r, RIG_LEAF), REP_LINK_OFF);
	pause_link(&r, r.party[RIG_TOP].nid, REP_PAUSE);
	assert_int_equal(rig_state(&r, RIG_TOP), REP_LINK_PAUSED);
	assert_int_equal(r.frames[TERRACE__MSG__M_BYE], 1);
	pause_link(&r, r.party[RIG_TOP].nid, REP_RETRY);            /* paused it stays */
	assert_int_equal(rig_state(&r, RIG_TOP), REP_LINK_PAUSED);
	pause_link(&r, r.party[RIG_TOP].nid, REP_RESUME);
	assert_int_equal(rig_state(&r, RIG_TOP), REP_LINK_DIAL);
	rig_end(&r);
	rig_begin(&r, RIG_TOP); /* it has nobody above */
	pause_link(&r, (struct tr_nid){0}, REP_PAUSE);
	pause_link(&r, r.party[RIG_TOP].nid, REP_PAUSE);
	assert_int_equal(r.frames[TERRACE__MSG__M_BYE], 0);
	rig_end(&r);
}

/* ------------------------------------------------------------------------ keys of lines */

/* A month of running later they are forgotten, so many in a minute; what is no such row ends it. */
static void old_keys_are_forgotten_in_pieces(void **state)
{
	enum { KEYS = 600, PIECE = 256 };
	struct rep_value title = {14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	struct rep_write w = {.kind = TR_KIND_CASE, .values = &title, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};
	struct rig r;
	size_t left;

	(void)state;
	rig_begin(&r, RIG_TOP);
	for (int i = 0; i < KEYS; i++) {
		char key[16];

		snprintf(key, sizeof(key), "k%d", i);
		w.key = UNIT_TEXT(key);
		rig_step(&r, &event);
		assert_int_equal(r.reply.rc, 0);
	}
	left = memview_rows(r.mv, REP_T_KEY);
	assert_int_equal(left, 2 * KEYS);
	r.node->hours = 24 * TR_KEY_DAYS; /* still within the month */
	rig_wait(&r, 60000);
	assert_int_equal(memview_rows(r.mv, REP_T_KEY), left);
	r.node->hours += 2;
	for (size_t want = left; want > 0;) {
		rig_wait(&r, 60000);
		want = want > 2 * PIECE ? want - 2 * PIECE : 0;
		assert_int_equal(memview_rows(r.mv, REP_T_KEY), want);
	}
	assert_int_equal(rep_put(&r.view, REP_T_KEY, UNIT_TEXT("d\0\0"), UNIT_TEXT("")), 0); /* nothing that was written */
	rig_wait(&r, 60000);
	assert_int_equal(memview_rows(r.mv, REP_T_KEY), 1);
	rig_end(&r);
}

/* ------------------------------------------------------------------------ own ops that come back */

enum change { NOTHING, STAMP, CLOCKQ, OTHER_OP, FEWER, LONGER, CHANGES };

/* The open ops of the log as a segment, as it may have been signed before this store was put back. */
static struct tr_bytes signed_before(const struct rig *r, const struct rep_log *log, enum change how, uint8_t *out)
{
	const struct rep_open *open = log->open;
	uint32_t count = how == FEWER ? open->count - 1 : open->count;
	struct rep_seg_head head = {.log = log->id, .serial = 1, .first = 1, .count = count, .hlc = open->hlc, .clockq = open->clockq};
	static uint8_t entries[4][512];
	uint8_t header[TR_SEG_HEADER_SIZE], sig[64];
	ProtobufCBinaryData list[4];
	Terrace__Seg msg = TERRACE__SEG__INIT;
	struct tr_hash leaf[4];

	head.hlc.v += how == STAMP;
	head.clockq = how == CLOCKQ ? (uint8_t)(2 - head.clockq) : head.clockq;
	for (uint32_t i = 0; i < count; i++) {
		struct tr_bytes e = rep_own_entry(open, i);
		struct rep_op op;

		assert_int_equal(rep_op_decode(&op, e), 0);
		if (i == 1 && how == OTHER_OP)
			op.rec.b[15] ^= 1;
		if (i == 1 && how == LONGER)
			op.values[0].t = UNIT_TEXT("a longer text");
		list[i] = (ProtobufCBinaryData){rep_op_encode(&op, entries[i], sizeof(entries[i])), entries[i]};
		assert_int_equal(rep_op_leaf(&leaf[i], (struct tr_bytes){entries[i], list[i].len}), 0);
	}
	rep_seg_root(leaf, count, &head.root);
	rep_seg_ctxhash(NULL, 0, &head.ctxhash);
	rep_seg_head_encode(&head, header);
	rep_seg_sign(header, r->party[r->self].sign.sk, sig);
	msg.log = 7;
	msg.first = 1;
	msg.count = count;
	msg.hlc = head.hlc.v;
	msg.clockq = head.clockq;
	msg.serial = 1;
	msg.n_op = count;
	msg.op = list;
	msg.sig = (ProtobufCBinaryData){sizeof(sig), sig};
	return (struct tr_bytes){out, terrace__seg__pack(&msg, out)};
}

/* The same: it takes the place of the open ones. Another one: a second history, and the open ones are signed as theirs. */
static void own_ops_come_back_as_they_were_or_as_a_branch(void **state)
{
	(void)state;
	for (enum change how = NOTHING; how < CHANGES; how++) {
		struct rep_value title = {14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
		struct rep_write w = {.kind = TR_KIND_CASE, .values = &title, .value_count = 1};
		struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};
		static uint8_t out[4096];
		const struct rep_log *log;
		struct tr_log_id id;
		struct tr_bytes seg;
		struct rig r;

		rig_begin(&r, RIG_LEAF);
		rig_connect(&r, RIG_STREET);
		id = (struct tr_log_id){r.party[RIG_LEAF].nid, r.node->inc, r.party[RIG_LEAF].nid, TR_LANE_B};
		r.node->links[0]->state = REP_LINK_COMPARE; /* what is written waits */
		w.bulk = true;
		for (int i = 0; i < 3; i++) {
			rig_step(&r, &event);
			assert_int_equal(r.reply.rc, 0);
		}
		r.node->links[0]->state = REP_LINK_LIVE;
		log = rep_log_find(r.node, &id);
		assert_non_null(log);
		assert_non_null(log->open);
		assert_int_equal(log->open->count, 3);
		seg = signed_before(&r, log, how, out);
		rig_logdef(&r, 7, id);
		rig_segs(&r, &seg, 1);
		assert_int_equal(r.rc, 0);
		assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 0);
		assert_int_equal(r.traces[REP_TRACE_FORK], how != NOTHING);
		assert_int_equal(rep_branch_count(r.node, log), how != NOTHING ? 2 : 1);
		assert_int_equal(memview_rows(r.mv, REP_T_OPEN), 0);
		assert_int_equal(memview_rows(r.mv, REP_T_REC), how == OTHER_OP ? 4 : 3);
		assert_true(r.node->inc != id.inc); /* its machine, or a copy, has signed more than this store knows */
		rig_end(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(evidence_goes_up_only),
	    cmocka_unit_test(a_file_asks_for_nothing),
	    cmocka_unit_test(a_late_answer_sets_no_clock),
	    cmocka_unit_test(only_a_neighbour_is_paused),
	    cmocka_unit_test(old_keys_are_forgotten_in_pieces),
	    cmocka_unit_test(own_ops_come_back_as_they_were_or_as_a_branch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
