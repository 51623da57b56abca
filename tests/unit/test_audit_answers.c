/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a neighbour answers to an audit is compared, bounded and told as it
 * is; an answer that is none ends the audit and costs nothing else. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "tests/lib/rig.h"

struct scene {
	struct rig r;
	struct tr_nid scope;
	uint8_t digest[16]; /* of the street's domain at the core */
};

static void audit(struct scene *s, Terrace__Audit *a, Terrace__AuditDomain *dom)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__AuditDomain *doms[1] = {dom};

	a->dom = doms;
	a->n_dom = dom != NULL;
	msg.m_case = TERRACE__MSG__M_AUDIT;
	msg.audit = a;
	s->r.last[TERRACE__MSG__M_AUDIT] = NULL;
	rig_send(&s->r, &msg);
}

static const Terrace__Audit *next(struct scene *s)
{
	for (unsigned i = 0; i < 50 && s->r.last[TERRACE__MSG__M_AUDIT] == NULL; i++)
		rig_wait(&s->r, 250);
	TR_ASSERT(s->r.last[TERRACE__MSG__M_AUDIT] != NULL);
	return s->r.last[TERRACE__MSG__M_AUDIT]->audit;
}

/* The top holds a case of the street; the street, played here, knows what the top's domain is like. */
static void begin(struct scene *s)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{7, 1}}, .value_count = 1};
	Terrace__Audit a = TERRACE__AUDIT__INIT;
	uint8_t entry[256], out[1024];
	struct tr_bytes bytes, seg;
	struct tr_log_id log;
	struct rig_seg how;

	rig_begin(&s->r, RIG_TOP);
	s->scope = s->r.party[RIG_STREET].nid;
	log = (struct tr_log_id){s->scope, 5, s->scope, TR_LANE_R};
	rig_connect(&s->r, RIG_STREET);
	rig_logdef(&s->r, 1, log);
	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("title")};
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	how = (struct rig_seg){RIG_STREET, log, 1, 1, &bytes, 1, {{0}}, 1};
	seg = rig_segment(&s->r, &how, out, sizeof(out), NULL);
	rig_segs(&s->r, &seg, 1);
	a.mode = TR_AUDIT_ASK_ROOTS;
	a.n = 1;
	audit(s, &a, NULL);
	memcpy(s->digest, next(s)->dom[0]->d.data, sizeof(s->digest));
	rig_wait(&s->r, 1000);
}

/* The core asks; the answer: the same logs, so many records, another sum. */
static const Terrace__Audit *differ(struct scene *s, uint64_t records)
{
	struct rep_audit_ask how = {99, s->scope, {0}, 0};
	struct rep_event event = {.kind = REP_EV_AUDIT, .audit = &how};
	Terrace__AuditDomain dom = TERRACE__AUDIT_DOMAIN__INIT;
	Terrace__Audit a = TERRACE__AUDIT__INIT;
	uint8_t sum[32] = {1};

	s->r.last[TERRACE__MSG__M_AUDIT] = NULL;
	rig_step(&s->r, &event);
	assert_int_equal(s->r.reply.rc, 0);
	a.n = next(s)->n;
	a.mode = TR_AUDIT_ROOTS;
	dom.scope = s->scope.v;
	dom.lane = TR_LANE_R;
	dom.d = (ProtobufCBinaryData){sizeof(s->digest), s->digest};
	dom.sum = (ProtobufCBinaryData){sizeof(sum), sum};
	dom.records = records;
	audit(s, &a, &dom);
	return next(s);
}

static struct rep_audit_info look(struct scene *s)
{
	struct rep_audit_info info;

	for (unsigned i = 0; i < 20; i++)
		rig_wait(&s->r, 250);
	assert_true(rep_audit_look(s->r.node, s->scope, &info));
	assert_int_equal(s->r.rc, 0);
	return info;
}

/* Records with these first bytes of their ids. */
static void answer(struct scene *s, uint32_t n, uint32_t mode, uint32_t from, const char *ids, bool with_domain)
{
	Terrace__AuditDomain dom = TERRACE__AUDIT_DOMAIN__INIT;
	Terrace__AuditRecord rec[4], *recs[4];
	Terrace__Audit a = TERRACE__AUDIT__INIT;
	uint8_t id[4][16] = {{0}}, hash[16] = {9}, sum[32] = {1};
	size_t count = strlen(ids);

	for (size_t i = 0; i < count; i++) {
		terrace__audit_record__init(&rec[i]);
		recs[i] = &rec[i];
		id[i][0] = (uint8_t)(ids[i] - '0');
		id[i][1] = 1;
		rec[i].kind = TR_KIND_CASE;
		rec[i].id = (ProtobufCBinaryData){16, id[i]};
		rec[i].hash = (ProtobufCBinaryData){16, hash};
	}
	a.n = n;
	a.mode = mode;
	a.from = from;
	a.rec = recs;
	a.n_rec = count;
	dom.scope = s->scope.v;
	dom.lane = TR_LANE_R;
	dom.d = (ProtobufCBinaryData){sizeof(s->digest), s->digest};
	dom.sum = (ProtobufCBinaryData){sizeof(sum), sum};
	audit(s, &a, with_domain ? &dom : NULL);
}

static void what_differs_is_told_record_by_record(void **state)
{
	static const struct { const char *ids; enum rep_audit_why why[2]; size_t count; } cases[] = {
	    {"7", {REP_AUDIT_DIFFERS}, 1},
	    {"", {REP_AUDIT_HERE}, 1},
	    {"5", {REP_AUDIT_THERE, REP_AUDIT_HERE}, 2},
	    {"79", {REP_AUDIT_DIFFERS, REP_AUDIT_THERE}, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rep_audit_info info;
		const Terrace__Audit *a;
		struct scene s;

		begin(&s);
		a = differ(&s, 1);
		assert_int_equal(a->mode, TR_AUDIT_ASK_RECORDS);
		answer(&s, a->n, TR_AUDIT_RECORDS, 0, cases[i].ids, true);
		info = look(&s);
		assert_false(info.is_running);
		assert_int_equal(info.rc, 0);
		assert_int_equal(info.diff_count, cases[i].count);
		for (size_t k = 0; k < cases[i].count; k++)
			assert_int_equal(info.diffs[k].why, cases[i].why[k]);
		rig_end(&s.r);
	}
}

static void an_answer_that_is_none_ends_it(void **state)
{
	static const struct { uint32_t mode, from; const char *ids; bool with_domain, goes_on; } cases[] = {
	    {TR_AUDIT_RECORDS, 0, "97", true, false},  /* not in order */
	    {TR_AUDIT_RECORDS, 0, "77", true, false},  /* twice */
	    {TR_AUDIT_RECORDS, 0, "7", false, true},   /* of what? */
	    {TR_AUDIT_RECORDS, 3, "7", true, true},    /* a part that was not asked for */
	    {TR_AUDIT_BUCKETS, 0, "", true, true},     /* of another question */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rep_audit_info info;
		const Terrace__Audit *a;
		struct rep_self self;
		struct scene s;

		begin(&s);
		a = differ(&s, 1);
		answer(&s, a->n, cases[i].mode, cases[i].from, cases[i].ids, cases[i].with_domain);
		assert_true(rep_audit_look(s.r.node, s.scope, &info));
		assert_int_equal(info.is_running, cases[i].goes_on);
		if (!cases[i].goes_on)
			assert_int_equal(info.rc, TR_E_INPUT);
		rep_inspect_self(s.r.node, &self);
		assert_int_equal(self.bad_frames, 1);
		assert_int_equal(s.r.rc, 0);
		rig_end(&s.r);
	}
}

static void a_large_domain_is_split_first(void **state)
{
	Terrace__AuditDomain dom = TERRACE__AUDIT_DOMAIN__INIT;
	static uint8_t buckets[TR_AUDIT_SPLIT * 8], sum[32] = {1};

	(void)state;
	for (unsigned way = 0; way < 2; way++) {
		Terrace__Audit a = TERRACE__AUDIT__INIT;
		const Terrace__Audit *asked;
		struct scene s;

		begin(&s);
		asked = differ(&s, 5000);
		assert_int_equal(asked->mode, TR_AUDIT_ASK_BUCKETS);
		memset(buckets, 0xee, sizeof(buckets));
		a.n = asked->n;
		a.mode = TR_AUDIT_BUCKETS;
		dom.scope = s.scope.v;
		dom.lane = TR_LANE_R;
		dom.d = (ProtobufCBinaryData){sizeof(s.digest), s.digest};
		dom.sum = (ProtobufCBinaryData){sizeof(sum), sum};
		dom.records = 5000;
		dom.buckets = (ProtobufCBinaryData){way == 0 ? sizeof(buckets) : 0, buckets};
		audit(&s, &a, &dom);
		if (way == 0) { /* all differ: as many as fit are asked for */
			assert_int_equal(next(&s)->mode, TR_AUDIT_ASK_RECORDS);
			assert_int_equal(next(&s)->want.len, TR_AUDIT_SPLIT / 8);
		}
		assert_int_equal(s.r.rc, 0);
		rig_end(&s.r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_differs_is_told_record_by_record),
	    cmocka_unit_test(an_answer_that_is_none_ends_it),
	    cmocka_unit_test(a_large_domain_is_split_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
