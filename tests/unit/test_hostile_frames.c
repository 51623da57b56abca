/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: every frame that a neighbour has no business to send is counted and
 * changes nothing, and what it may ask for it gets. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/node.h"
#include "tests/lib/rig.h"

/* Also the empty ones, which no answer lists. */
static size_t logs_of(const struct rig *r)
{
	return r->node->log_count;
}

/* ---------------------------------------------------------------- LOGDEF */

static void a_log_outside_of_its_place_is_not_made(void **state)
{
	enum { NOBODY = RIG_PARTIES };
	static const struct { uint32_t h; int author; uint64_t inc; int scope; uint32_t lane; bool is_scope; } rows[] = {
	    {0, RIG_STREET, 5, RIG_STREET, TR_LANE_R, false},
	    {1, NOBODY, 5, RIG_STREET, TR_LANE_R, false},
	    {1, RIG_STREET, 0, RIG_STREET, TR_LANE_R, false},
	    {1, RIG_STREET, 5, NOBODY, TR_LANE_R, false},
	    {1, RIG_STREET, 5, RIG_STREET, 0, false},
	    {1, RIG_STREET, 5, RIG_STREET, TR_LANE_E + 1, false},
	    {1, RIG_OTHER, 5, RIG_OTHER, TR_LANE_R, true},  /* beside it */
	    {1, RIG_STREET, 5, RIG_TOP, TR_LANE_R, true},   /* above it */
	    {1, RIG_OTHER, 5, RIG_STREET, TR_LANE_R, true}, /* an author who is not over the scope */
	    {1, RIG_TOP, 5, RIG_STREET, TR_LANE_P, true},   /* lane P is of the scope's own unit */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tr_nid nid[RIG_PARTIES + 1] = {{0}};
		struct rig r;
		size_t logs;

		rig_begin_live(&r, RIG_TOP, RIG_STREET);
		for (int k = 0; k < RIG_PARTIES; k++)
			nid[k] = r.party[k].nid;
		logs = logs_of(&r);
		rig_logdef(&r, rows[i].h, (struct tr_log_id){nid[rows[i].author], rows[i].inc, nid[rows[i].scope], (uint8_t)rows[i].lane});
		rig_wait(&r, 1); /* the commit: what it said is heard */
		assert_int_equal(rig_bad_frames(&r), 1);
		assert_int_equal(r.traces[REP_TRACE_SEG_SCOPE], rows[i].is_scope);
		assert_int_equal(logs_of(&r), logs);
		rig_end(&r);
	}
}

static void a_handle_stands_for_one_log(void **state)
{
	struct rig r;
	struct tr_nid street;
	size_t logs;

	(void)state;
	rig_begin_live(&r, RIG_TOP, RIG_STREET);
	street = r.party[RIG_STREET].nid;
	logs = logs_of(&r);
	rig_logdef(&r, 1, (struct tr_log_id){street, 5, street, TR_LANE_R});
	assert_int_equal(rig_bad_frames(&r), 0);
	rig_logdef(&r, 1, (struct tr_log_id){street, 6, street, TR_LANE_R});
	assert_int_equal(rig_bad_frames(&r), 1);
	assert_int_equal(logs_of(&r), logs + 1);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_end(&r);
}

/* Logs of a unit whose declaration is on its way wait for it; then they are as good as any. */
static void logs_wait_for_their_unit(void **state)
{
	struct tr_nid street, unit = {4711};
	struct rig r;
	size_t logs;

	(void)state;
	rig_begin_live(&r, RIG_TOP, RIG_STREET);
	street = r.party[RIG_STREET].nid;
	logs = logs_of(&r);
	rig_logdef(&r, 1, (struct tr_log_id){street, 5, unit, TR_LANE_R});
	rig_logdef(&r, 2, (struct tr_log_id){r.party[RIG_OTHER].nid, 5, unit, TR_LANE_R}); /* nobody over it */
	rig_logdef(&r, 3, (struct tr_log_id){street, 5, {4712}, TR_LANE_R});               /* for ever */
	assert_int_equal(rig_bad_frames(&r), 0);
	rig_logdef(&r, 1, (struct tr_log_id){street, 6, unit, TR_LANE_R});
	assert_int_equal(rig_bad_frames(&r), 1);
	assert_int_equal(logs_of(&r), logs);
	rig_declare(&r, unit, "110101/001/09");
	assert_int_equal(logs_of(&r), logs + 1);
	rig_wait(&r, 1);
	rig_frontier_empty(&r); /* any frame: they are looked at again */
	assert_int_equal(logs_of(&r), logs + 2);
	assert_int_equal(r.traces[REP_TRACE_SEG_SCOPE], 1);
	rig_end(&r);
}

/* ------------------------------------------------------------------ SEGS */

static struct tr_bytes case_op(uint8_t n, uint8_t *out, size_t cap)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{1, n}}, .value_count = 1};

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	return (struct tr_bytes){out, rep_op_encode(&op, out, cap)};
}

enum spoil { FIRST_ZERO, FIRST_FAR, NO_OPS, COUNT_OTHER, SIG_SHORT, CLOCKQ, HANDLE, CTX_HANDLE, CTX_SELF, CTX_LANE, CTX_UNKNOWN,
	SERIAL, OP_LONG, RUBBISH, SPOILS };

static void send_spoilt(struct rig *r, enum spoil how)
{
	static uint8_t out[TR_OP_BYTES_MAX + 4096], entry[512], long_op[TR_OP_BYTES_MAX + 65];
	struct tr_nid street = r->party[RIG_STREET].nid;
	struct tr_log_id id = {street, 5, street, TR_LANE_R};
	struct tr_bytes op = case_op(1, entry, sizeof(entry)), s;
	struct rig_seg seg = {RIG_STREET, id, 1, 1, &op, 1, {{0}}, 1};
	Terrace__Ctx ctx = TERRACE__CTX__INIT, *list[1] = {&ctx};
	ProtobufCBinaryData ops[1];
	Terrace__Seg *msg;

	s = rig_segment(r, &seg, out, sizeof(out), NULL);
	msg = terrace__seg__unpack(NULL, s.size, s.data);
	TR_ASSERT(msg != NULL);
	ctx.seq = 1;
	ctx.log = 2;
	switch (how) {
	case FIRST_ZERO: msg->first = 0; break;
	case FIRST_FAR: msg->first = TR_SEQ_MAX + 1; break;
	case NO_OPS: msg->count = 0; break;
	case COUNT_OTHER: msg->count = 2; break;
	case SIG_SHORT: msg->sig.len = 63; break;
	case CLOCKQ: msg->clockq = 3; break;
	case HANDLE: msg->log = 77; break;
	case CTX_HANDLE: ctx.log = 77; break;
	case CTX_SELF: ctx.log = 1; break;
	case CTX_LANE: ctx.log = 3; break;
	case SERIAL: msg->serial = 9; break;
	case CTX_UNKNOWN:
	case OP_LONG:
	case RUBBISH:
	case SPOILS: break;
	}
	if (how >= CTX_HANDLE && how <= CTX_UNKNOWN) {
		msg->n_ctx = 1;
		msg->ctx = list;
	}
	if (how == OP_LONG) {
		ops[0] = (ProtobufCBinaryData){sizeof(long_op), long_op};
		long_op[0] = 1;
		free(msg->op[0].data);
		msg->op[0].data = NULL;
		free(msg->op);
		msg->op = ops;
	}
	s.size = terrace__seg__pack(msg, out);
	if (how == RUBBISH)
		out[0] ^= 0xff;
	msg->n_ctx = 0;
	msg->ctx = NULL;
	if (how == OP_LONG) {
		msg->op = NULL;
		msg->n_op = 0;
	}
	terrace__seg__free_unpacked(msg, NULL);
	rig_segs(r, &s, 1);
}

static void a_segment_that_is_none_changes_nothing(void **state)
{
	(void)state;
	for (int how = 0; how < SPOILS; how++) {
		struct rig r;
		struct tr_nid street;
		struct rep_unit_info unit;
		size_t rows;

		rig_begin_live(&r, RIG_TOP, RIG_STREET);
		street = r.party[RIG_STREET].nid;
		rig_logdef(&r, 1, (struct tr_log_id){street, 5, street, TR_LANE_R});
		rig_logdef(&r, 2, (struct tr_log_id){r.party[RIG_TOP].nid, 5, street, TR_LANE_R});
		rig_logdef(&r, 3, (struct tr_log_id){r.party[RIG_TOP].nid, 5, street, TR_LANE_X});
		rows = memview_rows(r.mv, REP_T_SEG);
		send_spoilt(&r, (enum spoil)how);
		if (how != SERIAL) /* ... whose certificate may come */
			assert_int_equal(rig_bad_frames(&r), 1);
		assert_int_equal(r.rc, 0);
		assert_int_equal(memview_rows(r.mv, REP_T_SEG), rows);
		assert_true(rep_unit_get(r.node, street, &unit));
		assert_int_equal(unit.here_ops, 0);
		rig_end(&r);
	}
}

/* ------------------------------------------------------------------ NEED */

static void need(struct rig *r, uint32_t what, uint64_t nid, uint32_t serial)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Need n = TERRACE__NEED__INIT;

	n.what = what;
	n.nid = nid;
	n.serial = serial;
	msg.m_case = TERRACE__MSG__M_NEED;
	msg.need = &n;
	rig_send(r, &msg);
}

static void certificates_are_given_within_reach(void **state)
{
	struct rig r;
	unsigned certs;

	(void)state;
	rig_begin_live(&r, RIG_TOP, RIG_STREET);
	need(&r, 99, r.party[RIG_STREET].nid.v, 1);
	need(&r, TR_NEED_CERT, 4711, 1);
	need(&r, TR_NEED_CERT, r.party[RIG_OTHER].nid.v, 1);
	assert_int_equal(rig_bad_frames(&r), 3);
	certs = r.frames[TERRACE__MSG__M_CERT];
	need(&r, TR_NEED_CERT, r.party[RIG_TOP].nid.v, 0); /* the newest; again, though it was sent before */
	assert_int_equal(r.frames[TERRACE__MSG__M_CERT], certs + 1);
	need(&r, TR_NEED_CERT, r.party[RIG_STREET].nid.v, 1);
	assert_int_equal(r.frames[TERRACE__MSG__M_CERT], certs + 2);
	need(&r, TR_NEED_CERT, r.party[RIG_STREET].nid.v, 7); /* there is none */
	assert_int_equal(r.frames[TERRACE__MSG__M_CERT], certs + 2);
	assert_int_equal(rig_bad_frames(&r), 3);
	rig_end(&r);
}

/* ------------------------------------------- frames out of place, sessions */

static void frames_of_other_moments_are_refused(void **state)
{
	static const int kinds[] = {TERRACE__MSG__M_WELCOME, TERRACE__MSG__M_ENROLLOK};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		Terrace__Msg msg = TERRACE__MSG__INIT;
		Terrace__Welcome w = TERRACE__WELCOME__INIT;
		Terrace__EnrollOk ok = TERRACE__ENROLL_OK__INIT;
		uint8_t fd[16] = {0};

		rig_begin_live(&r, RIG_TOP, RIG_STREET);
		w.verdict = TR_VERDICT_OK;
		w.proto = 1;
		w.fd = (ProtobufCBinaryData){sizeof(fd), fd};
		msg.m_case = (Terrace__Msg__MCase)kinds[i];
		if (kinds[i] == TERRACE__MSG__M_WELCOME)
			msg.welcome = &w;
		else
			msg.enrollok = &ok;
		rig_send(&r, &msg);
		assert_int_equal(rig_bad_frames(&r), 1);
		assert_int_equal(r.rc, 0);
		rig_end(&r);
	}
}

static void evidence_goes_up_only(void **state)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Evidence ev = TERRACE__EVIDENCE__INIT;
	struct rig r;

	(void)state;
	rig_begin_live(&r, RIG_STREET, RIG_TOP);
	msg.m_case = TERRACE__MSG__M_EVIDENCE;
	msg.evidence = &ev;
	rig_send(&r, &msg);
	assert_int_equal(rig_bad_frames(&r), 1);
	rig_end(&r);
}

static void a_session_ends_with_a_word(void **state)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Bye bye = TERRACE__BYE__INIT;
	Terrace__Ping ping = TERRACE__PING__INIT;
	struct rig r;
	uint32_t n;

	(void)state;
	rig_begin_live(&r, RIG_TOP, RIG_STREET);
	n = r.n;
	r.session++; /* another one */
	msg.m_case = TERRACE__MSG__M_PING;
	msg.ping = &ping;
	rig_send(&r, &msg);
	assert_int_equal(r.frames[TERRACE__MSG__M_BYE], 1);
	msg.m_case = TERRACE__MSG__M_BYE;
	msg.bye = &bye;
	rig_send(&r, &msg); /* of another session: no answer to an answer */
	assert_int_equal(r.frames[TERRACE__MSG__M_BYE], 1);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	r.session--;
	r.n = n + 1; /* a frame is missing */
	msg.m_case = TERRACE__MSG__M_PING;
	msg.ping = &ping;
	rig_send(&r, &msg);
	assert_int_equal(r.traces[REP_TRACE_SESSION_GAP], 1);
	assert_int_equal(r.frames[TERRACE__MSG__M_BYE], 2);
	assert_int_not_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_connect(&r, RIG_STREET);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	msg.m_case = TERRACE__MSG__M_BYE;
	msg.bye = &bye;
	rig_send(&r, &msg);
	assert_int_not_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_end(&r);
}

/* --------------------------------------------------------------- SUMMARY */

static void summary(struct rig *r, struct tr_nid nid, uint32_t state, size_t version)
{
	static uint8_t text[64] = "a version whose name has no end and nobody wants to read at all";
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Summary s = TERRACE__SUMMARY__INIT;

	s.nid = nid.v;
	s.state = state;
	s.waiting = 42;
	s.version = (ProtobufCBinaryData){version, text};
	msg.m_case = TERRACE__MSG__M_SUMMARY;
	msg.summary = &s;
	rig_send(r, &msg);
}

static void a_summary_speaks_of_units_below(void **state)
{
	struct rep_unit_info info;
	struct rig r;
	const struct rig_party *leaf;

	(void)state;
	rig_begin_live(&r, RIG_TOP, RIG_STREET);
	leaf = &r.party[RIG_LEAF];
	rig_cert(&r, leaf);
	summary(&r, (struct tr_nid){4711}, TR_PEER_UP, 3);
	summary(&r, r.party[RIG_STREET].nid, TR_PEER_UP, 3); /* of itself */
	summary(&r, r.party[RIG_OTHER].nid, TR_PEER_UP, 3);  /* beside it */
	for (int i = RIG_STREET; i < RIG_PARTIES; i++)
		if (rep_unit_get(r.node, r.party[i].nid, &info))
			assert_int_not_equal(info.waiting, 42);
	summary(&r, leaf->nid, TR_PEER_UP, 3);
	assert_true(rep_unit_get(r.node, leaf->nid, &info));
	assert_int_equal(info.waiting, 42);
	assert_string_equal(info.version, "a v");
	summary(&r, leaf->nid, TR_PEER_UP, 63); /* too long: none */
	assert_true(rep_unit_get(r.node, leaf->nid, &info));
	assert_string_equal(info.version, "");
	assert_int_equal(rig_bad_frames(&r), 0);
	summary(&r, leaf->nid, TR_PEER_REFUSED + 1, 3);
	assert_true(rep_unit_get(r.node, leaf->nid, &info));
	assert_int_equal(info.state, TR_PEER_UP);
	rig_end(&r);
	rig_begin_live(&r, RIG_STREET, RIG_TOP); /* from above: not listened to */
	summary(&r, r.party[RIG_LEAF].nid, TR_PEER_UP, 3);
	if (rep_unit_get(r.node, r.party[RIG_LEAF].nid, &info))
		assert_int_not_equal(info.waiting, 42);
	rig_end(&r);
}

/* --------------------------------------------------------------- RECEIPT */

static void receipt(struct rig *r, struct tr_nid issuer, struct tr_nid scope, size_t sig, uint32_t log, uint32_t ctr)
{
	static uint8_t zero[64];
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Receipt rec = TERRACE__RECEIPT__INIT;
	Terrace__Ctx f = TERRACE__CTX__INIT, *list[1] = {&f};

	f.log = log;
	f.seq = 1;
	rec.issuer = issuer.v;
	rec.scope = scope.v;
	rec.ctr = ctr;
	rec.f = list;
	rec.n_f = log != 0;
	rec.sig = (ProtobufCBinaryData){sig, zero};
	msg.m_case = TERRACE__MSG__M_RECEIPT;
	msg.receipt = &rec;
	rig_send(r, &msg);
}

static void a_receipt_that_is_none_is_refused(void **state)
{
	static const struct { int issuer, scope; size_t sig; uint32_t log, ctr; bool is_bad; unsigned said; } rows[] = {
	    {RIG_TOP, RIG_STREET, 63, 0, 1, true, 0},
	    {RIG_TOP, RIG_LEAF, 64, 0, 1, true, 0}, /* nobody knows it */
	    {RIG_TOP, RIG_TOP, 64, 0, 1, true, 0},  /* no scope of this node */
	    {RIG_STREET, RIG_STREET, 64, 0, 1, true, 0},
	    {RIG_TOP, RIG_STREET, 64, 77, 1, true, 0},
	    {RIG_TOP, RIG_STREET, 64, 2, 1, true, 0},  /* a log of another scope */
	    {RIG_TOP, RIG_STREET, 64, 0, 0, false, 0}, /* an old one */
	    {RIG_TOP, RIG_STREET, 64, 0, 1, true, 1},  /* signed with zeros */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tr_nid top, street, leaf = {4711};
		struct rig r;

		rig_begin_live(&r, RIG_STREET, RIG_TOP);
		top = r.party[RIG_TOP].nid;
		street = r.party[RIG_STREET].nid;
		rig_logdef(&r, 1, (struct tr_log_id){top, 5, street, TR_LANE_R});
		rig_logdef(&r, 2, (struct tr_log_id){top, 5, top, TR_LANE_P});
		receipt(&r, r.party[rows[i].issuer].nid, rows[i].scope == RIG_LEAF ? leaf : r.party[rows[i].scope].nid, rows[i].sig,
		    rows[i].log, rows[i].ctr);
		assert_int_equal(rig_bad_frames(&r), rows[i].is_bad);
		assert_int_equal(r.traces[REP_TRACE_RECEIPT_BAD], rows[i].said);
		assert_int_equal(memview_rows(r.mv, REP_T_RCPT), 0);
		rig_end(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_log_outside_of_its_place_is_not_made),
	    cmocka_unit_test(a_handle_stands_for_one_log),
	    cmocka_unit_test(logs_wait_for_their_unit),
	    cmocka_unit_test(a_segment_that_is_none_changes_nothing),
	    cmocka_unit_test(certificates_are_given_within_reach),
	    cmocka_unit_test(frames_of_other_moments_are_refused),
	    cmocka_unit_test(evidence_goes_up_only),
	    cmocka_unit_test(a_session_ends_with_a_word),
	    cmocka_unit_test(a_summary_speaks_of_units_below),
	    cmocka_unit_test(a_receipt_that_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
