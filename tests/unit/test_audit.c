/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a neighbour that audits, answers audits or asks for segments gets what
 * its place gives it, and no more work or memory out of this node than is meant. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/log.h"
#include "tests/lib/rig.h"

#define TICKET 99

struct scene {
	struct rig r;
	struct tr_log_id log; /* of the street, in its own scope */
};

/* The top node, a street that holds one segment with a declared unit. */
static void begin(struct scene *s)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{7, 1}}, .value_count = 1};
	uint8_t entry[256], out[1024];
	struct tr_bytes bytes, seg;
	struct rig_seg how;

	rig_begin(&s->r, RIG_TOP);
	s->log = (struct tr_log_id){s->r.party[RIG_STREET].nid, 5, s->r.party[RIG_STREET].nid, TR_LANE_R};
	rig_connect(&s->r, RIG_STREET);
	rig_logdef(&s->r, 1, s->log);
	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("title")};
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	how = (struct rig_seg){RIG_STREET, s->log, 1, 1, &bytes, 1, {{0}}, 1};
	seg = rig_segment(&s->r, &how, out, sizeof(out), NULL);
	rig_segs(&s->r, &seg, 1);
	assert_int_equal(s->r.rc, 0);
}

static uint64_t bad(const struct scene *s)
{
	struct rep_self self;

	rep_inspect_self(s->r.node, &self);
	return self.bad_frames;
}

static void ask(struct scene *s, uint32_t mode, uint32_t n, uint32_t from, uint64_t scope)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Audit audit = TERRACE__AUDIT__INIT;
	Terrace__AuditDomain dom = TERRACE__AUDIT_DOMAIN__INIT, *doms[1] = {&dom};
	uint8_t want[32];

	memset(want, 0xff, sizeof(want));
	s->r.last[TERRACE__MSG__M_AUDIT] = NULL;
	audit.mode = mode;
	audit.n = n;
	audit.from = from;
	if (mode != TR_AUDIT_ASK_ROOTS) {
		dom.scope = scope;
		dom.lane = TR_LANE_R;
		audit.dom = doms;
		audit.n_dom = 1;
	}
	if (mode == TR_AUDIT_ASK_RECORDS)
		audit.want = (ProtobufCBinaryData){sizeof(want), want};
	msg.m_case = TERRACE__MSG__M_AUDIT;
	msg.audit = &audit;
	rig_send(&s->r, &msg);
}

/* The next frame of an audit; NULL: none came. */
static const Terrace__Audit *answer(struct scene *s)
{
	for (unsigned i = 0; i < 50 && s->r.last[TERRACE__MSG__M_AUDIT] == NULL; i++)
		rig_wait(&s->r, 250);
	return s->r.last[TERRACE__MSG__M_AUDIT] != NULL ? s->r.last[TERRACE__MSG__M_AUDIT]->audit : NULL;
}

static void it_answers_within_reach(void **state)
{
	struct scene s;
	const Terrace__Audit *a;

	(void)state;
	begin(&s);
	ask(&s, TR_AUDIT_ASK_ROOTS, 1, 0, 0);
	a = answer(&s);
	TR_ASSERT(a != NULL);
	assert_int_equal(a->mode, TR_AUDIT_ROOTS);
	for (size_t i = 0; i < a->n_dom; i++) /* nothing of the hub itself, nothing of the other street */
		assert_int_equal(a->dom[i]->scope, s.r.party[RIG_STREET].nid.v);
	assert_int_equal(a->n_dom, 1);
	assert_int_equal(a->dom[0]->records, 1);
	rig_wait(&s.r, 1000);
	ask(&s, TR_AUDIT_ASK_RECORDS, 2, 0, s.r.party[RIG_STREET].nid.v);
	a = answer(&s);
	TR_ASSERT(a != NULL);
	assert_int_equal(a->n_rec, 1);
	assert_int_equal(a->rec[0]->id.data[0], 7);
	assert_int_equal(bad(&s), 0);
	rig_end(&s.r);
}

/* There are records, and none of them is the neighbour's to ask about. */
static void it_answers_of_nothing(void **state)
{
	struct rep_value title = {14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("own")};
	struct rep_write w = {.kind = TR_KIND_CASE, .values = &title, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};
	const Terrace__Audit *a;
	struct scene s;

	(void)state;
	rig_begin(&s.r, RIG_TOP);
	rig_connect(&s.r, RIG_STREET);
	rig_step(&s.r, &event);
	assert_int_equal(s.r.reply.rc, 0);
	ask(&s, TR_AUDIT_ASK_ROOTS, 1, 0, 0);
	a = answer(&s);
	TR_ASSERT(a != NULL);
	assert_int_equal(a->n_dom, 0);
	assert_int_equal(a->more, 0);
	rig_end(&s.r);
}

static void it_tells_nothing_of_others(void **state)
{
	static const enum rig_who others[] = {RIG_TOP, RIG_OTHER};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct scene s;

		begin(&s);
		ask(&s, TR_AUDIT_ASK_RECORDS, 1, 0, s.r.party[others[i]].nid.v);
		assert_int_equal(bad(&s), 1);
		assert_null(answer(&s));
		rig_wait(&s.r, 1000);
		ask(&s, TR_AUDIT_ASK_BUCKETS, 2, 0, 4711);
		assert_int_equal(bad(&s), 2);
		assert_null(answer(&s));
		rig_end(&s.r);
	}
}

static void it_does_not_hurry(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	ask(&s, TR_AUDIT_ASK_ROOTS, 1, 0, 0);
	ask(&s, TR_AUDIT_ASK_ROOTS, 2, 0, 0); /* at once */
	assert_int_equal(bad(&s), 1);
	ask(&s, TR_AUDIT_ASK_ROOTS, 3, 48, 0); /* a part of what was not asked for */
	assert_int_equal(bad(&s), 2);
	assert_int_equal(s.r.frames[TERRACE__MSG__M_AUDIT], 1); /* the first one's answer */
	ask(&s, TR_AUDIT_ASK_RECORDS, 1, 0, s.log.scope.v); /* another question of the same number */
	assert_int_equal(bad(&s), 3);
	assert_int_equal(s.r.rc, 0);
	rig_end(&s.r);
}

/* Questions that lack what they are about, or come before the one before was hashed, or before there is a session. */
static void it_takes_no_half_questions(void **state)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Audit audit = TERRACE__AUDIT__INIT;
	uint8_t want[32] = {1};
	struct scene s;

	(void)state;
	begin(&s);
	msg.m_case = TERRACE__MSG__M_AUDIT;
	msg.audit = &audit;
	audit.n = 1;
	audit.mode = TR_AUDIT_ASK_BUCKETS; /* of which domain? */
	rig_send(&s.r, &msg);
	assert_int_equal(bad(&s), 1);
	rig_connect(&s.r, RIG_STREET);
	audit.mode = TR_AUDIT_ASK_ROOTS;
	audit.want = (ProtobufCBinaryData){sizeof(want), want}; /* of all of them */
	rig_send(&s.r, &msg);
	assert_int_equal(bad(&s), 2);
	rig_hello(&s.r); /* a new session, of which only HELLO came */
	audit.want.len = 0;
	rig_send(&s.r, &msg);
	assert_int_equal(bad(&s), 3);
	rig_connect(&s.r, RIG_STREET);
	audit.n = 5;
	rig_send_only(&s.r, &msg);
	audit.n = 6;
	rig_send(&s.r, &msg);
	assert_int_equal(bad(&s), 4);
	assert_non_null(answer(&s));
	assert_int_equal(s.r.frames[TERRACE__MSG__M_AUDIT], 1);
	assert_int_equal(s.r.rc, 0);
	rig_end(&s.r);
}

static void reply(struct scene *s, uint32_t mode, uint32_t n, size_t doms, uint64_t scope, bool halves)
{
	static uint8_t digest[16], sum[32];
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Audit audit = TERRACE__AUDIT__INIT;
	Terrace__AuditDomain dom[2] = {TERRACE__AUDIT_DOMAIN__INIT, TERRACE__AUDIT_DOMAIN__INIT}, *list[2] = {&dom[0], &dom[1]};

	for (size_t i = 0; i < doms; i++) {
		dom[i].scope = scope;
		dom[i].lane = TR_LANE_R;
		dom[i].d = (ProtobufCBinaryData){sizeof(digest), digest};
		if (!halves)
			dom[i].sum = (ProtobufCBinaryData){sizeof(sum), sum};
	}
	audit.mode = mode;
	audit.n = n;
	audit.dom = list;
	audit.n_dom = doms;
	msg.m_case = TERRACE__MSG__M_AUDIT;
	msg.audit = &audit;
	rig_send(&s->r, &msg);
}

static int start(struct scene *s, enum rig_who peer, struct tr_nid unit)
{
	struct rep_audit_ask how = {TICKET, s->r.party[peer].nid, unit, 0};
	struct rep_event event = {.kind = REP_EV_AUDIT, .audit = &how};

	s->r.last[TERRACE__MSG__M_AUDIT] = NULL;
	rig_step(&s->r, &event);
	return s->r.reply.rc;
}

static void it_believes_no_answer_that_nobody_asked_for(void **state)
{
	static const struct { uint32_t mode; size_t doms; bool own_scope, halves; int rc; } cases[] = {
	    {TR_AUDIT_BUCKETS, 1, true, false, 0}, /* of another question: it goes on waiting */
	    {TR_AUDIT_ROOTS, 1, false, false, TR_E_SCOPE},
	    {TR_AUDIT_ROOTS, 2, true, false, TR_E_INPUT}, /* a domain twice */
	    {TR_AUDIT_ROOTS, 1, true, true, TR_E_INPUT},
	};
	struct rep_audit_info info;
	struct scene s;

	(void)state;
	begin(&s);
	reply(&s, TR_AUDIT_ROOTS, 1, 1, s.log.scope.v, false);
	assert_int_equal(bad(&s), 1);
	rig_end(&s.r);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&s);
		assert_int_equal(start(&s, RIG_STREET, (struct tr_nid){0}), 0);
		assert_int_equal(start(&s, RIG_STREET, (struct tr_nid){0}), TR_E_BUSY);
		assert_int_equal(s.r.frames[TERRACE__MSG__M_AUDIT], 1); /* the question */
		reply(&s, cases[i].mode, 1, cases[i].doms, s.r.party[cases[i].own_scope ? RIG_STREET : RIG_OTHER].nid.v,
		    cases[i].halves);
		assert_int_equal(bad(&s), 1);
		assert_true(rep_audit_look(s.r.node, s.r.party[RIG_STREET].nid, &info));
		assert_int_equal(info.is_running, cases[i].rc == 0);
		assert_int_equal(info.rc, cases[i].rc);
		rig_end(&s.r);
	}
}

static void it_waits_no_longer_than_it_says(void **state)
{
	struct rep_audit_info info;
	struct scene s;

	(void)state;
	begin(&s);
	assert_int_equal(start(&s, RIG_OTHER, (struct tr_nid){0}), TR_E_DOWN);
	assert_int_equal(start(&s, RIG_TOP, (struct tr_nid){0}), TR_E_NOPEER);
	assert_int_equal(start(&s, RIG_STREET, s.r.party[RIG_OTHER].nid), TR_E_SCOPE);
	assert_int_equal(start(&s, RIG_STREET, (struct tr_nid){0}), 0);
	assert_non_null(answer(&s));
	reply(&s, TR_AUDIT_ROOTS, 1, 1, s.log.scope.v, false); /* other logs: under way */
	rig_wait(&s.r, 1000);
	rig_wait(&s.r, 1000);
	assert_true(rep_audit_look(s.r.node, s.r.party[RIG_STREET].nid, &info));
	assert_false(info.is_running);
	assert_int_equal(info.rc, 0);
	assert_int_equal(info.under_way, 1);
	assert_int_equal(info.differ, 0);
	rig_end(&s.r);
}

static void need(struct scene *s, uint32_t log, uint64_t from, uint64_t to)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Need n = TERRACE__NEED__INIT;

	n.what = TR_NEED_SEGMENTS;
	n.log = log;
	n.from = from;
	n.to = to;
	msg.m_case = TERRACE__MSG__M_NEED;
	msg.need = &n;
	rig_send(&s->r, &msg);
}

static void segments_are_given_once_a_second(void **state)
{
	struct scene s;
	unsigned before;

	(void)state;
	begin(&s);
	before = s.r.frames[TERRACE__MSG__M_SEGS];
	rig_wait(&s.r, 5000);
	need(&s, 1, 1, 1);
	assert_int_equal(s.r.frames[TERRACE__MSG__M_SEGS], before + 1);
	need(&s, 1, 1, 1);
	assert_int_equal(s.r.frames[TERRACE__MSG__M_SEGS], before + 1);
	assert_int_equal(bad(&s), 1);
	rig_wait(&s.r, 2000);
	need(&s, 1, 1, TR_SEQ_MAX); /* what there is */
	assert_int_equal(s.r.frames[TERRACE__MSG__M_SEGS], before + 2);
	need(&s, 77, 1, 1); /* a log that it never defined */
	need(&s, 1, 0, 1);
	need(&s, 1, 9, 3);
	assert_int_equal(bad(&s), 4);
	assert_int_equal(s.r.rc, 0);
	rig_end(&s.r);
}

/* Another row in place of a signed segment: mended only by the one that the head names. */
static void only_the_segment_of_the_chain_is_taken(void **state)
{
	struct scene s;
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct rep_mend mend = {.ticket = TICKET};
	struct rep_event event = {.kind = REP_EV_MEND, .mend = &mend};
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{7, 1}}, .value_count = 1};
	uint8_t entry[256], out[1024], rotten[4] = {0}, k[16];
	struct tr_bytes key = {NULL, 0}, value, bytes, seg;
	struct rig_seg how;
	bool found = false;

	(void)state;
	begin(&s);
	while (rep_seek(&s.r.view, REP_T_SEG, key, key.size != 0, &key, &value) == 0)
		memcpy(k, key.data, key.size < sizeof(k) ? key.size : sizeof(k)); /* the newest log's */
	assert_int_equal(rep_put(&s.r.view, REP_T_SEG, (struct tr_bytes){k, 12}, (struct tr_bytes){rotten, sizeof(rotten)}), 0);
	while (!found)
		assert_int_equal(rep_verify_next(s.r.node, &s.r.view, &cursor, 16, &mend.fault, &found, &sum), 0);
	assert_int_equal(mend.fault.what, REP_FAULT_SEGMENT);
	rig_step(&s.r, &event);
	assert_int_equal(s.r.reply.rc, 0);
	assert_true(s.r.reply.asked);
	assert_int_equal(s.r.last[TERRACE__MSG__M_NEED]->need->what, TR_NEED_SEGMENTS);
	/* signed by the same key for the same place, with another text: a fork is no repair */
	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("another title")};
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	how = (struct rig_seg){RIG_STREET, s.log, 1, 1, &bytes, 1, {{0}}, 1};
	seg = rig_segment(&s.r, &how, out, sizeof(out), NULL);
	rig_segs(&s.r, &seg, 1);
	assert_int_equal(s.r.traces[REP_TRACE_SEG_REPAIRED], 0);
	assert_int_equal(rep_fault_look(s.r.node, &s.r.view, &mend.fault), TR_E_DAMAGED);
	op.values[0].t = UNIT_TEXT("title");
	bytes.size = rep_op_encode(&op, entry, sizeof(entry));
	seg = rig_segment(&s.r, &how, out, sizeof(out), NULL);
	rig_segs(&s.r, &seg, 1);
	assert_int_equal(s.r.traces[REP_TRACE_SEG_REPAIRED], 1);
	assert_int_equal(rep_fault_look(s.r.node, &s.r.view, &mend.fault), 0);
	assert_int_equal(s.r.rc, 0);
	rig_end(&s.r);
}

/* A vector that names what never was: the row's own damage, not that of the row it names. */
static void a_vector_of_what_never_was_is_the_rows_own_damage(void **state)
{
	static uint8_t copy[REP_SEG_ROW_MAX + REP_SEG_ROW_ENTRY];
	struct scene s;
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct rep_fault fault = {.what = REP_FAULT_RECORD};
	struct tr_bytes key = {NULL, 0}, row = {NULL, 0};
	uint8_t k[12];
	bool found = false;

	(void)state;
	begin(&s);
	while (rep_seek(&s.r.view, REP_T_SEG, key, key.size != 0, &key, &row) == 0) {
		assert_int_equal(key.size, sizeof(k));
		memcpy(k, key.data, sizeof(k)); /* the newest log's */
		memcpy(copy, row.data, REP_SEG_ROW_HEAD);
		memcpy(copy + REP_SEG_ROW_HEAD + REP_SEG_ROW_ENTRY, row.data + REP_SEG_ROW_HEAD, row.size - REP_SEG_ROW_HEAD);
	}
	wire_put_be16(copy + 40, (uint16_t)(wire_get_be16(copy + 40) + 1)); /* one entry more */
	wire_put_be32(copy + REP_SEG_ROW_HEAD, 1);
	wire_put_be64(copy + REP_SEG_ROW_HEAD + 4, 1000);
	TR_ASSERT(rep_get(&s.r.view, REP_T_SEG, (struct tr_bytes){k, sizeof(k)}, &row) == 0);
	assert_int_equal(rep_put(&s.r.view, REP_T_SEG, (struct tr_bytes){k, sizeof(k)},
	    (struct tr_bytes){copy, row.size + REP_SEG_ROW_ENTRY}), 0);
	while (!found)
		assert_int_equal(rep_verify_next(s.r.node, &s.r.view, &cursor, 16, &fault, &found, &sum), 0);
	assert_int_equal(fault.what, REP_FAULT_SEGMENT);
	assert_int_equal(fault.log, wire_get_be32(k));
	assert_int_equal(fault.last, wire_get_be64(k + 4));
	assert_int_equal(sum.unjudged, 0);
	rig_end(&s.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_answers_within_reach),
	    cmocka_unit_test(it_answers_of_nothing),
	    cmocka_unit_test(it_tells_nothing_of_others),
	    cmocka_unit_test(it_does_not_hurry),
	    cmocka_unit_test(it_takes_no_half_questions),
	    cmocka_unit_test(it_believes_no_answer_that_nobody_asked_for),
	    cmocka_unit_test(it_waits_no_longer_than_it_says),
	    cmocka_unit_test(segments_are_given_once_a_second),
	    cmocka_unit_test(only_the_segment_of_the_chain_is_taken),
	    cmocka_unit_test(a_vector_of_what_never_was_is_the_rows_own_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
