/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: an audit of more than a frame holds goes on part by part, on both
 * sides, and what is more than can be listed is said to be so. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "tests/lib/rig.h"

#define UNITS 52        /* more domains than a part holds, and than are looked into */
#define CASES 60        /* more records than a part holds */
#define FIRST_UNIT 4711

struct domain { uint64_t scope; uint32_t lane; uint8_t d[16], sum[32]; uint64_t records; };

static struct rig r;
static struct tr_nid street;
static uint32_t asked;      /* n of the test's own questions */
static struct domain domain[UNITS + 8];
static size_t domain_count;

static void write_log(struct tr_nid scope, uint8_t lane, uint32_t h, struct rep_op *ops, uint32_t count)
{
	static uint8_t entry[CASES][256], out[TR_SEG_BYTES_MAX];
	struct tr_log_id log = {street, 5, scope, lane};
	struct tr_bytes list[CASES], seg;
	struct rig_seg how = {RIG_STREET, log, h, 1, list, count, {{0}}, 1};

	for (uint32_t i = 0; i < count; i++) {
		list[i] = (struct tr_bytes){entry[i], rep_op_encode(&ops[i], entry[i], sizeof(entry[i]))};
		assert_true(list[i].size > 0);
	}
	rig_logdef(&r, h, log);
	seg = rig_segment(&r, &how, out, sizeof(out), NULL);
	rig_segs(&r, &seg, 1);
	assert_int_equal(r.rc, 0);
}

static void ask(uint32_t mode, uint32_t from, uint64_t scope, const uint8_t want[static 32], bool commit)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Audit a = TERRACE__AUDIT__INIT;
	Terrace__AuditDomain dom = TERRACE__AUDIT_DOMAIN__INIT, *doms[1] = {&dom};

	r.last[TERRACE__MSG__M_AUDIT] = NULL;
	a.mode = mode;
	a.n = asked;
	a.from = from;
	if (mode != TR_AUDIT_ASK_ROOTS) {
		dom.scope = scope;
		dom.lane = TR_LANE_R;
		a.dom = doms;
		a.n_dom = 1;
	}
	if (mode == TR_AUDIT_ASK_RECORDS)
		a.want = (ProtobufCBinaryData){32, (uint8_t *)(uintptr_t)want};
	msg.m_case = TERRACE__MSG__M_AUDIT;
	msg.audit = &a;
	if (commit)
		rig_send(&r, &msg);
	else
		rig_send_only(&r, &msg);
}

static const Terrace__Audit *next(void)
{
	for (unsigned i = 0; i < 80 && r.last[TERRACE__MSG__M_AUDIT] == NULL; i++)
		rig_wait(&r, 250);
	TR_ASSERT(r.last[TERRACE__MSG__M_AUDIT] != NULL);
	return r.last[TERRACE__MSG__M_AUDIT]->audit;
}

static const uint8_t all[32] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};

static void ask_all_roots(void)
{
	const Terrace__Audit *a;

	rig_wait(&r, 1000);
	asked++;
	domain_count = 0;
	do {
		ask(TR_AUDIT_ASK_ROOTS, (uint32_t)domain_count, 0, all, true);
		a = next();
		assert_int_equal(a->from, domain_count);
		for (size_t i = 0; i < a->n_dom; i++) {
			struct domain *d = &domain[domain_count++];

			TR_ASSERT(domain_count <= sizeof(domain) / sizeof(domain[0]));
			*d = (struct domain){.scope = a->dom[i]->scope, .lane = a->dom[i]->lane, .records = a->dom[i]->records};
			memcpy(d->d, a->dom[i]->d.data, sizeof(d->d));
			memcpy(d->sum, a->dom[i]->sum.data, sizeof(d->sum));
		}
		assert_int_equal(a->more, domain_count < UNITS + 2);
	} while (a->more);
}

/* The top holds much of the street, which the test plays. */
static int setup(void **state)
{
	static struct rep_op ops[CASES];
	static char path[UNITS][32];

	(void)state;
	rig_begin(&r, RIG_TOP);
	street = r.party[RIG_STREET].nid;
	asked = 0;
	rig_connect(&r, RIG_STREET);
	for (unsigned i = 0; i < UNITS; i++) {
		snprintf(path[i], sizeof(path[i]), "110101/001/%02u", 10 + i);
		ops[i] = (struct rep_op){.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_UNIT, .rec = {{8, (uint8_t)i}}};
		ops[i].value_count = 2;
		ops[i].values[0] = (struct rep_value){1, TR_ACT_SET, REP_VALUE_INT, FIRST_UNIT + i, {NULL, 0}};
		ops[i].values[1] = (struct rep_value){2, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(path[i])};
	}
	write_log(street, TR_LANE_X, 1, ops, UNITS);
	for (unsigned i = 0; i < CASES; i++) {
		ops[i] = (struct rep_op){.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE,
		    .rec = {{7, (uint8_t)i}}, .value_count = 1};
		ops[i].values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("title")};
	}
	write_log(street, TR_LANE_R, 2, ops, CASES);
	for (unsigned i = 0; i < UNITS; i++) {
		ops[0].rec = (struct tr_rec_id){{9, (uint8_t)i}};
		write_log((struct tr_nid){FIRST_UNIT + i}, TR_LANE_R, 3 + i, ops, 1);
	}
	rig_wait(&r, 1000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_end(&r);
	return 0;
}

static uint64_t bad_frames(void)
{
	struct rep_self self;

	rep_inspect_self(r.node, &self);
	return self.bad_frames;
}

static void roots_come_part_by_part(void **state)
{
	(void)state;
	ask_all_roots();
	assert_int_equal(domain_count, UNITS + 2);
	for (size_t i = 1; i < domain_count; i++)
		assert_true(domain[i - 1].scope < domain[i].scope ||
		    (domain[i - 1].scope == domain[i].scope && domain[i - 1].lane < domain[i].lane));
	ask(TR_AUDIT_ASK_ROOTS, 100000, 0, all, true); /* behind the end */
	assert_int_equal(next()->n_dom, 0);
	assert_int_equal(next()->more, 0);
	assert_int_equal(bad_frames(), 0);
	ask(TR_AUDIT_ASK_BUCKETS, 0, street.v, all, true); /* of the same number, but another question */
	assert_int_equal(bad_frames(), 1);
	ask(TR_AUDIT_ASK_ROOTS, 0, 0, all, false);
	ask(TR_AUDIT_ASK_ROOTS, 48, 0, all, true); /* before the part asked for was sent */
	assert_int_equal(bad_frames(), 2);
	assert_int_equal(next()->from, 0);
	assert_int_equal(r.rc, 0);
}

static void records_come_part_by_part_from_the_buckets_asked_for(void **state)
{
	const Terrace__Audit *a;
	uint8_t want[32] = {0};
	uint64_t sum = 0;
	size_t got = 0, in_some;

	(void)state;
	ask_all_roots();
	rig_wait(&r, 1000);
	asked++;
	ask(TR_AUDIT_ASK_RECORDS, 0, street.v, all, true);
	a = next();
	assert_int_equal(a->n_rec, TR_AUDIT_PART);
	assert_true(a->more);
	got += a->n_rec;
	ask(TR_AUDIT_ASK_RECORDS, (uint32_t)got, street.v, all, true);
	a = next();
	assert_int_equal(got + a->n_rec, CASES);
	assert_false(a->more);
	ask(TR_AUDIT_ASK_RECORDS, 100000, street.v, all, true);
	assert_int_equal(next()->n_rec, 0);
	rig_wait(&r, 1000);
	asked++;
	want[0] = 0xff; /* ids {7, i, 0...}: by the exclusive or of their bytes */
	ask(TR_AUDIT_ASK_RECORDS, 0, street.v, want, true);
	a = next();
	in_some = a->n_rec;
	assert_int_equal(in_some, 8);
	for (size_t i = 0; i < in_some; i++)
		assert_true((a->rec[i]->id.data[0] ^ a->rec[i]->id.data[1]) < 8);
	rig_wait(&r, 1000);
	asked++;
	ask(TR_AUDIT_ASK_BUCKETS, 0, street.v, all, true);
	a = next();
	assert_int_equal(a->dom[0]->buckets.len, TR_AUDIT_SPLIT * 8);
	for (size_t i = 0; i < TR_AUDIT_SPLIT; i++)
		sum += wire_get_le64(a->dom[0]->buckets.data + 8 * i);
	assert_true(sum == wire_get_le64(a->dom[0]->sum.data)); /* nothing is left out of the buckets */
	assert_int_equal(bad_frames(), 0);
}

/* Ops come while it adds up: what it has is of no moment, and it says so. */
static void what_moved_meanwhile_has_no_sum(void **state)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{7, 200}}};
	uint8_t entry[64], out[512];
	struct tr_bytes bytes = {entry, rep_op_encode(&op, entry, sizeof(entry))}, seg;
	struct tr_log_id log = {street, 6, street, TR_LANE_R};
	struct rig_seg how = {RIG_STREET, log, 99, 1, &bytes, 1, {{0}}, 1};
	const Terrace__Audit *a;
	bool met = false;

	(void)state;
	rig_wait(&r, 1000);
	asked++;
	rig_logdef(&r, 99, log);
	seg = rig_segment(&r, &how, out, sizeof(out), NULL);
	ask(TR_AUDIT_ASK_ROOTS, 0, 0, all, false);
	rig_segs(&r, &seg, 1);
	a = next();
	for (size_t i = 0; i < a->n_dom; i++)
		if (a->dom[i]->scope == street.v && a->dom[i]->lane == TR_LANE_R) {
			met = true;
			assert_int_equal(a->dom[i]->d.len, 0);
			assert_int_equal(a->dom[i]->sum.len, 0);
		} else {
			assert_int_equal(a->dom[i]->d.len, 16);
		}
	assert_true(met);
}

/* ------------------------------------------------------ the core asks */

static uint32_t begin(struct tr_nid unit)
{
	struct rep_audit_ask how = {99, street, unit, 0};
	struct rep_event event = {.kind = REP_EV_AUDIT, .audit = &how};

	r.last[TERRACE__MSG__M_AUDIT] = NULL;
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	return next()->n;
}

static void send(uint32_t n, uint32_t mode, uint32_t from, const struct domain *d, size_t count,
    Terrace__AuditRecord *recs, size_t rec_count, bool more)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Audit a = TERRACE__AUDIT__INIT;
	Terrace__AuditDomain dom[TR_AUDIT_PART], *doms[TR_AUDIT_PART];
	Terrace__AuditRecord *list[TR_AUDIT_PART];

	for (size_t i = 0; i < count; i++) {
		terrace__audit_domain__init(&dom[i]);
		doms[i] = &dom[i];
		dom[i].scope = d[i].scope;
		dom[i].lane = d[i].lane;
		dom[i].d = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)d[i].d};
		dom[i].sum = (ProtobufCBinaryData){32, (uint8_t *)(uintptr_t)d[i].sum};
		dom[i].records = d[i].records;
	}
	for (size_t i = 0; i < rec_count; i++)
		list[i] = &recs[i];
	a.mode = mode;
	a.n = n;
	a.from = from;
	a.more = more;
	a.dom = doms;
	a.n_dom = count;
	a.rec = list;
	a.n_rec = rec_count;
	msg.m_case = TERRACE__MSG__M_AUDIT;
	msg.audit = &a;
	r.last[TERRACE__MSG__M_AUDIT] = NULL;
	rig_send(&r, &msg);
}

static struct rep_audit_info look(void)
{
	struct rep_audit_info info;

	assert_true(rep_audit_look(r.node, street, &info));
	return info;
}

static struct domain *find(uint64_t scope, uint32_t lane)
{
	size_t i = 0;

	while (domain[i].scope != scope || domain[i].lane != lane) {
		i++;
		TR_ASSERT(i < domain_count);
	}
	return &domain[i];
}

static void send_roots(uint32_t n)
{
	send(n, TR_AUDIT_ROOTS, 0, domain, TR_AUDIT_PART, NULL, 0, true);
	assert_int_equal(next()->from, TR_AUDIT_PART);
	send(n, TR_AUDIT_ROOTS, TR_AUDIT_PART, domain + TR_AUDIT_PART, domain_count - TR_AUDIT_PART, NULL, 0, false);
}

/* All domains differ: sixteen are looked into, of the others only so much is said. */
static void more_domains_than_are_looked_into(void **state)
{
	unsigned whole = 0, here = 0;
	struct rep_audit_info info;
	uint32_t n;

	(void)state;
	ask_all_roots();
	n = begin((struct tr_nid){0});
	for (size_t i = 0; i < domain_count; i++)
		domain[i].sum[0] ^= 1;
	send_roots(n);
	for (unsigned i = 0; i < 16; i++) {
		const Terrace__Audit *a = next();

		assert_int_equal(a->mode, TR_AUDIT_ASK_RECORDS);
		send(a->n, TR_AUDIT_RECORDS, 0, find(a->dom[0]->scope, a->dom[0]->lane), 1, NULL, 0, false); /* it has none */
	}
	for (unsigned i = 0; i < 10; i++)
		rig_wait(&r, 500);
	info = look();
	assert_false(info.is_running);
	assert_int_equal(info.rc, 0);
	assert_int_equal(info.domains, UNITS + 2);
	assert_int_equal(info.differ, UNITS + 2);
	assert_int_equal(info.equal, 0);
	for (size_t i = 0; i < info.diff_count; i++) {
		whole += info.diffs[i].why == REP_AUDIT_DOMAIN;
		here += info.diffs[i].why == REP_AUDIT_HERE;
	}
	assert_int_equal(whole, UNITS + 2 - 16);
	assert_true(here > CASES);
	assert_false(info.more);
	assert_int_equal(bad_frames(), 0);
}

static void fill(Terrace__AuditRecord *rec, uint8_t (*id)[16], size_t count, uint32_t first)
{
	static uint8_t hash[16] = {9};

	for (size_t i = 0; i < count; i++) {
		terrace__audit_record__init(&rec[i]);
		wire_put_be32(id[i], first + (uint32_t)i);
		rec[i].kind = TR_KIND_CASE;
		rec[i].id = (ProtobufCBinaryData){16, id[i]};
		rec[i].hash = (ProtobufCBinaryData){16, hash};
	}
}

/* As many rows as it likes: so many are listed, and no more are taken than there can be. */
static void more_records_than_are_listed(void **state)
{
	static uint8_t id[TR_AUDIT_PART][16];
	Terrace__AuditRecord rec[TR_AUDIT_PART];
	struct rep_audit_info info;
	const Terrace__Audit *a;
	struct domain *d;
	uint32_t from, n;

	(void)state;
	ask_all_roots();
	d = find(street.v, TR_LANE_R);
	for (unsigned endless = 0; endless < 2; endless++) {
		n = begin((struct tr_nid){0});
		if (endless == 0)
			d->sum[5] ^= 1;
		send_roots(n);
		from = 0;
		do {
			a = next();
			assert_int_equal(a->mode, TR_AUDIT_ASK_RECORDS);
			assert_int_equal(a->from, from);
			fill(rec, id, TR_AUDIT_PART, from + 1);
			from += TR_AUDIT_PART;
			send(a->n, TR_AUDIT_RECORDS, from - TR_AUDIT_PART, d, 1, rec, TR_AUDIT_PART, endless != 0 || from < 300);
		} while (look().is_running && (endless != 0 || from < 300));
		for (unsigned i = 0; i < 10; i++)
			rig_wait(&r, 500);
		info = look();
		assert_false(info.is_running);
		assert_int_equal(info.rc, endless != 0 ? TR_E_LIMIT : 0);
		if (endless == 0) {
			assert_int_equal(info.diff_count, REP_AUDIT_DIFFS_MAX);
			assert_true(info.more);
			assert_int_equal(bad_frames(), 0);
		}
		rig_wait(&r, 1000);
	}
	assert_int_equal(r.rc, 0);
}

static void kinds_and_moments_are_told_apart(void **state)
{
	static uint8_t id[2][16] = {{7, 0}, {7, 0}};
	Terrace__AuditRecord rec[2];
	struct rep_audit_info info;
	const Terrace__Audit *a;
	struct domain *d, other;
	uint32_t n;

	(void)state;
	ask_all_roots();
	d = find(street.v, TR_LANE_R);
	d->sum[5] ^= 1;
	for (unsigned way = 0; way < 4; way++) {
		n = begin(way == 3 ? (struct tr_nid){FIRST_UNIT} : (struct tr_nid){0});
		if (way == 3) { /* of one unit below only */
			send(n, TR_AUDIT_ROOTS, 0, find(FIRST_UNIT, TR_LANE_R), 1, NULL, 0, false);
			for (unsigned i = 0; i < 5; i++)
				rig_wait(&r, 500);
			info = look();
			assert_int_equal(info.domains, 1);
			assert_int_equal(info.equal, 1);
			assert_false(info.is_running);
			continue;
		}
		send_roots(n);
		a = next();
		other = *d;
		other.d[0] ^= way == 1; /* ops came in between */
		fill(rec, id, 2, 0);
		memcpy(id[0], "\7\0\0\0", 4);
		memcpy(id[1], "\7\0\0\0", 4);
		rec[1].kind = TR_KIND_STAFF;
		send(a->n, TR_AUDIT_RECORDS, 0, &other, 1, rec, 2, way == 2);
		if (way == 2) { /* there is more, and then it is nothing */
			assert_int_equal(next()->from, 2);
			send(a->n, TR_AUDIT_RECORDS, 2, &other, 1, NULL, 0, true);
		}
		for (unsigned i = 0; i < 5; i++)
			rig_wait(&r, 500);
		info = look();
		assert_int_equal(info.under_way, way == 1);
		assert_false(info.is_running); /* a part with nothing in it is the last one */
		if (way == 0) {
			assert_int_equal(info.diff_count, CASES + 1); /* the others only here, one differs, one of another kind there */
			assert_int_equal(info.diffs[CASES].why, REP_AUDIT_THERE);
			assert_int_equal(info.diffs[CASES].kind, TR_KIND_STAFF);
		}
	}
}

/* Of a large domain the buckets: only those that differ are asked for; if none does, the whole is said to differ. */
static void buckets_lead_to_the_records(void **state)
{
	static uint8_t buckets[TR_AUDIT_SPLIT * 8];
	const Terrace__Audit *a;
	struct domain d;

	(void)state;
	ask_all_roots();
	rig_wait(&r, 1000);
	asked++;
	ask(TR_AUDIT_ASK_BUCKETS, 0, street.v, all, true);
	memcpy(buckets, next()->dom[0]->buckets.data, sizeof(buckets));
	for (unsigned way = 0; way < 2; way++) {
		Terrace__Msg msg = TERRACE__MSG__INIT;
		Terrace__Audit answer = TERRACE__AUDIT__INIT;
		Terrace__AuditDomain dom = TERRACE__AUDIT_DOMAIN__INIT, *doms[1] = {&dom};

		d = *find(street.v, TR_LANE_R);
		d.records = 5000;
		send(begin((struct tr_nid){0}), TR_AUDIT_ROOTS, 0, &d, 1, NULL, 0, false);
		a = next();
		assert_int_equal(a->mode, TR_AUDIT_ASK_BUCKETS);
		buckets[8 * 17] ^= way == 0;
		dom.scope = d.scope;
		dom.lane = d.lane;
		dom.d = (ProtobufCBinaryData){16, d.d};
		dom.sum = (ProtobufCBinaryData){32, d.sum};
		dom.records = d.records;
		dom.buckets = (ProtobufCBinaryData){sizeof(buckets), buckets};
		answer.mode = TR_AUDIT_BUCKETS;
		answer.n = a->n;
		answer.dom = doms;
		answer.n_dom = 1;
		msg.m_case = TERRACE__MSG__M_AUDIT;
		msg.audit = &answer;
		r.last[TERRACE__MSG__M_AUDIT] = NULL;
		rig_send(&r, &msg);
		if (way == 0) {
			a = next();
			assert_int_equal(a->mode, TR_AUDIT_ASK_RECORDS);
			for (size_t i = 0; i < 32; i++)
				assert_int_equal(a->want.data[i], i == 2 ? 2 : 0);
			send(a->n, TR_AUDIT_RECORDS, 0, &d, 1, NULL, 0, false);
		}
		for (unsigned i = 0; i < 5; i++)
			rig_wait(&r, 500);
		assert_false(look().is_running);
		assert_int_equal(look().diff_count, 1); /* the one of that bucket, which the answer did not have */
		assert_int_equal(look().diffs[0].why, way == 0 ? REP_AUDIT_HERE : REP_AUDIT_DOMAIN);
		buckets[8 * 17] ^= way == 0;
	}
}

/* What comes twice, too early or too late. */
static void answers_out_of_turn(void **state)
{
	const Terrace__Audit *a;
	uint64_t bad;
	uint32_t n;

	(void)state;
	ask_all_roots();
	n = begin((struct tr_nid){0});
	send(n, TR_AUDIT_ROOTS, 0, domain, 1, NULL, 0, true);
	bad = bad_frames();
	send(n, TR_AUDIT_ROOTS, 1, domain + 1, 1, NULL, 0, true); /* before it was asked for, if it was not yet */
	a = next();
	send(n, TR_AUDIT_ROOTS, a->from, domain, 1, NULL, 0, true); /* the first one again */
	assert_int_equal(look().is_running, false);
	assert_int_equal(look().rc, TR_E_INPUT);
	assert_true(bad_frames() > bad);
	bad = bad_frames();
	send(n, TR_AUDIT_ROOTS, 2, domain, 1, NULL, 0, false); /* it was given up: nothing to it */
	send(n > 1 ? n - 1 : n, TR_AUDIT_ROOTS, 0, domain, 1, NULL, 0, false);
	assert_int_equal(bad_frames(), bad);
	send(n + 1, TR_AUDIT_ROOTS, 0, domain, 1, NULL, 0, false); /* of a question that was never asked */
	assert_int_equal(bad_frames(), bad + 1);
	rig_wait(&r, 1000);
	n = begin((struct tr_nid){0});
	send(n, TR_AUDIT_ROOTS, 0, domain, 1, NULL, 0, false);
	send(n, TR_AUDIT_ROOTS, 1, domain, 1, NULL, 0, false); /* behind its end */
	assert_int_equal(bad_frames(), bad + 2);
	assert_true(look().is_running);
	assert_int_equal(r.rc, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(roots_come_part_by_part),
	    T(records_come_part_by_part_from_the_buckets_asked_for),
	    T(what_moved_meanwhile_has_no_sum),
	    T(more_domains_than_are_looked_into),
	    T(more_records_than_are_listed),
	    T(kinds_and_moments_are_told_apart),
	    T(buckets_lead_to_the_records),
	    T(answers_out_of_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
