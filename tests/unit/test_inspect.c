/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a node says of its units, cuts, ops and directives is what its
 * store says, also where rows are missing or none. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/status.h"
#include "tests/lib/rig.h"

enum { TITLE = 14 };

static struct rig r;

static int setup(void **state)
{
	(void)state;
	rig_begin(&r, RIG_TOP);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_end(&r);
	return 0;
}

/* A log of one author, segment by segment. */
struct chain { struct tr_log_id id; enum rig_who author; uint32_t h; uint64_t seq; struct tr_hash prev; };

static struct chain chain_of(enum rig_who author, struct tr_nid scope, uint8_t lane, uint32_t h)
{
	struct chain c = {.id = {r.party[author].nid, 5, scope, lane}, .author = author, .h = h};

	rig_logdef(&r, h, c.id);
	return c;
}

static struct tr_dot send(struct chain *c, struct rep_op *op)
{
	uint8_t entry[1024], out[2048];
	struct tr_bytes bytes, s;
	struct rig_seg how = {c->author, c->id, c->h, c->seq + 1, &bytes, 1, c->prev, 1};
	const struct rep_log *log;

	op->has_body = true;
	op->type = op->type != 0 ? op->type : TR_KIND_CASE;
	bytes = (struct tr_bytes){entry, rep_op_encode(op, entry, sizeof(entry))};
	assert_true(bytes.size > 0);
	s = rig_segment(&r, &how, out, sizeof(out), &c->prev);
	rig_segs(&r, &s, 1);
	assert_int_equal(r.rc, 0);
	c->seq++;
	log = rep_log_find(r.node, &c->id);
	assert_non_null(log);
	assert_int_equal(log->seq, c->seq);
	return (struct tr_dot){log->handle, c->seq};
}

static struct rep_value text(uint16_t field, const char *t)
{
	return (struct rep_value){field, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(t)};
}

static struct tr_dot say(struct chain *c, uint32_t kind, uint8_t rec, const char *title)
{
	struct rep_op op = {.kind = kind, .rec = {{7, rec}}, .value_count = 1, .values = {text(TITLE, title)}};

	return send(c, &op);
}

static int act(enum rep_key_what what, struct tr_nid unit)
{
	struct rep_key_act key = {.ticket = 4, .what = what, .unit = unit};
	struct rep_event event = {.kind = REP_EV_KEY, .key_act = &key};

	rig_step(&r, &event);
	assert_int_equal(r.rc, 0);
	return r.reply.rc;
}

static struct rep_unit_info unit_of(struct tr_nid nid)
{
	struct rep_unit_info info;

	assert_true(rep_unit_get(r.node, nid, &info));
	return info;
}

/* ---------------------------------------------------------------- what is cut */

static void what_a_cut_sets_aside_is_told(void **state)
{
	static struct rep_record rec;
	struct tr_nid leaf = r.party[RIG_LEAF].nid;
	struct rep_op unit = {.kind = TR_OP_CREATE, .type = TR_KIND_UNIT, .rec = {{8}}, .value_count = 2};
	struct rep_op source = {.kind = TR_OP_CREATE, .rec = {{7, 3}}, .value_count = 2};
	struct chain c, x;
	struct tr_dot first, second, stray, named, of_source;
	struct rep_cut_info cut, by;
	struct tr_rec_id found[2];

	(void)state;
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	c = chain_of(RIG_LEAF, leaf, TR_LANE_R, 1);
	first = say(&c, TR_OP_CREATE, 1, "before");
	assert_int_equal(unit_of(leaf).aside_ops, 0);
	assert_false(unit_of(leaf).revoked);
	assert_false(rep_inspect_cut(r.node, 0, &cut));
	assert_int_equal(act(REP_KEY_REVOKE, leaf), 0);
	assert_true(unit_of(leaf).revoked);
	assert_true(rep_inspect_cut(r.node, 0, &cut));
	assert_int_equal(cut.unit.v, leaf.v);
	assert_int_equal(cut.by.v, r.party[RIG_TOP].nid.v);
	assert_int_equal(cut.serial, 1);
	assert_true(cut.counts);
	assert_int_equal(unit_of(leaf).aside_ops, 0);
	second = say(&c, TR_OP_SET, 1, "after");
	assert_int_equal(unit_of(leaf).aside_ops, 1);
	assert_false(rep_is_aside(r.node, first, &by));
	assert_true(rep_is_aside(r.node, second, &by));
	assert_int_equal(by.unit.v, leaf.v);
	assert_int_equal(by.hlc.v, cut.hlc.v);
	assert_false(rep_is_aside(r.node, (struct tr_dot){9999, 1}, &by));
	assert_int_equal(rep_record_load(&rec, &r.view, TR_KIND_CASE, &(struct tr_rec_id){{7, 1}}), 0);
	assert_memory_equal(rep_record_value(&rec, TITLE)->t.data, "before", 6);

	/* In another lane, of a record that is there in another one: not of it. */
	x = chain_of(RIG_LEAF, leaf, TR_LANE_X, 2);
	stray = say(&x, TR_OP_SET, 1, "elsewhere");
	assert_true(rep_is_aside(r.node, stray, &by));
	/* Where a unit is, is known all the same; what a source brought is not found. */
	unit.values[0] = (struct rep_value){1, TR_ACT_SET, REP_VALUE_INT, 4711, {NULL, 0}};
	unit.values[1] = text(2, "110101/001/01/7");
	named = send(&x, &unit);
	assert_true(rep_is_aside(r.node, named, &by));
	assert_string_equal(unit_of((struct tr_nid){4711}).unit, "110101/001/01/7");
	source.values[0] = text(1, "hotline");
	source.values[1] = text(2, "77");
	of_source = send(&c, &source);
	assert_true(rep_is_aside(r.node, of_source, &by));
	assert_int_equal(rep_find_source(&r.view, UNIT_TEXT("hotline"), UNIT_TEXT("77"), found, 2), 0);

	assert_int_equal(unit_of(leaf).aside_ops, c.seq - 1 + x.seq);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(unit_of(leaf).aside_ops, c.seq - 1 + x.seq);
	assert_true(rep_is_aside(r.node, second, &by));
	rep_check(r.node, &r.view);
}

/* A later one that lets in more: what comes behind is against the newest. */
static void the_newest_cut_against_an_op_is_named(void **state)
{
	struct tr_nid leaf = r.party[RIG_LEAF].nid, other = r.party[RIG_OTHER].nid;
	struct rep_cut_info cut, by;
	struct tr_dot second, third;
	uint64_t newest = 0;
	struct chain c;
	size_t n = 0;

	(void)state;
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	c = chain_of(RIG_LEAF, leaf, TR_LANE_R, 1);
	(void)say(&c, TR_OP_CREATE, 1, "before");
	assert_int_equal(act(REP_KEY_REVOKE, other), 0);
	assert_int_equal(act(REP_KEY_REVOKE, leaf), 0);
	second = say(&c, TR_OP_SET, 1, "after");
	assert_true(rep_is_aside(r.node, second, &by));
	rig_wait(&r, 5000);
	assert_int_equal(act(REP_KEY_ACCEPT, leaf), 0);
	assert_false(rep_is_aside(r.node, second, &by));
	third = say(&c, TR_OP_SET, 1, "again");
	assert_true(rep_is_aside(r.node, third, &by));
	for (size_t i = 0; rep_inspect_cut(r.node, i, &cut); i++)
		if (cut.unit.v == leaf.v && cut.scope.v == leaf.v) {
			n++;
			newest = cut.hlc.v > newest ? cut.hlc.v : newest;
		}
	assert_int_equal(n, 2);
	assert_int_equal(by.unit.v, leaf.v);
	assert_int_equal(by.hlc.v, newest);
}

/* -------------------------------------------------------------------- names */

static void a_tail_that_fits_two_units_is_none(void **state)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .type = TR_KIND_UNIT, .rec = {{8}}, .value_count = 2};
	struct tr_nid found = {0};
	struct chain street, other;

	(void)state;
	rig_connect(&r, RIG_STREET);
	street = chain_of(RIG_STREET, r.party[RIG_STREET].nid, TR_LANE_X, 1);
	op.values[0] = (struct rep_value){1, TR_ACT_SET, REP_VALUE_INT, 4711, {NULL, 0}};
	op.values[1] = text(2, "110101/001/09");
	(void)send(&street, &op);
	assert_int_equal(rep_find_unit(r.node, "09", &found), 0);
	assert_int_equal(found.v, 4711);
	rig_connect(&r, RIG_OTHER);
	other = chain_of(RIG_OTHER, r.party[RIG_OTHER].nid, TR_LANE_X, 1);
	op.rec.b[1] = 1;
	op.values[0].i = 4712;
	op.values[1] = text(2, "110101/002/09");
	(void)send(&other, &op);
	assert_int_equal(rep_find_unit(r.node, "09", &found), TR_E_AMBIGUOUS);
	assert_int_equal(rep_find_unit(r.node, "002/09", &found), 0);
	assert_int_equal(found.v, 4712);
	assert_int_equal(rep_find_unit(r.node, "9", &found), TR_E_NOUNIT);
	assert_int_equal(rep_find_unit(r.node, "", &found), TR_E_NOUNIT);
	assert_int_equal(rep_find_unit(r.node, "110101", &found), 0);
	assert_int_equal(found.v, r.party[RIG_TOP].nid.v);
}

static void a_key_that_waits_is_told(void **state)
{
	struct rig_party leaf;
	struct tr_bytes cert;

	(void)state;
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	leaf = r.party[RIG_LEAF];
	assert_int_equal(unit_of(leaf.nid).waiting_serial, 0);
	leaf.cert.serial = 2;
	leaf.cert.curve_pk.b[3] ^= 1;
	rig_certify(&r, &leaf, RIG_STREET, false);
	rig_cert(&r, &leaf);
	assert_int_equal(unit_of(leaf.nid).waiting_serial, 2);
	assert_int_equal(unit_of(leaf.nid).serial, 1);
	assert_int_equal(rep_cert_of(&r.view, leaf.nid, &cert), 0);
	assert_int_equal(rep_cert_of(&r.view, (struct tr_nid){leaf.nid.v + 1}, &cert), TR_E_NOTFOUND); /* behind all others */
}

/* A CUT that reaches back takes back what a source brought, and leaves its twins. */
static void a_cut_that_reaches_back_leaves_the_twins(void **state)
{
	struct tr_nid leaf = r.party[RIG_LEAF].nid;
	struct rep_key_act key = {.ticket = 4, .what = REP_KEY_REVOKE, .unit = leaf, .from_seq = 1};
	struct rep_event event = {.kind = REP_EV_KEY, .key_act = &key};
	struct rep_op source = {.kind = TR_OP_CREATE, .rec = {{7, 3}}, .value_count = 2};
	struct tr_rec_id found[4];
	struct chain c, s;

	(void)state;
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	c = chain_of(RIG_LEAF, leaf, TR_LANE_R, 1);
	s = chain_of(RIG_STREET, r.party[RIG_STREET].nid, TR_LANE_R, 2);
	source.values[0] = text(1, "hotline");
	source.values[1] = text(2, "77");
	(void)send(&c, &source);
	source.rec.b[1] = 4;
	(void)send(&s, &source);
	source.rec.b[1] = 5;
	source.values[1] = text(2, "78");
	(void)send(&c, &source);
	assert_int_equal(rep_find_source(&r.view, UNIT_TEXT("hotline"), UNIT_TEXT("77"), found, 4), 2);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	rig_wait(&r, 10);
	assert_int_equal(rep_find_source(&r.view, UNIT_TEXT("hotline"), UNIT_TEXT("77"), found, 4), 1);
	assert_int_equal(found[0].b[1], 4);
	assert_int_equal(rep_find_source(&r.view, UNIT_TEXT("hotline"), UNIT_TEXT("78"), found, 4), 0);
	assert_int_equal(memview_rows(r.mv, REP_T_SRC), 1);
	rep_check(r.node, &r.view);
}

/* ------------------------------------------------------------ rows that are none */

static int op_of_id(struct tr_rec_id id)
{
	struct rep_ops_cursor cursor = {.started = false};
	static struct rep_op op;
	struct rep_cause cause;
	uint32_t serial;

	return rep_record_op(r.node, &r.view, &id, &cursor, &op, &cause, &serial);
}

static int op_of(uint8_t rec)
{
	return op_of_id((struct tr_rec_id){{7, rec}});
}

static void an_op_without_its_rows_is_damage(void **state)
{
	struct rep_key ops = rep_key_ops(&(struct tr_rec_id){{7, 2}}, (struct tr_dot){9999, 1}), key;
	struct rep_op_trace trace;
	struct tr_dot first;
	struct chain c;

	(void)state;
	rig_connect(&r, RIG_STREET);
	c = chain_of(RIG_STREET, r.party[RIG_STREET].nid, TR_LANE_R, 1);
	first = say(&c, TR_OP_CREATE, 1, "one");
	(void)say(&c, TR_OP_SET, 1, "two");
	assert_int_equal(op_of(1), 0);
	assert_int_equal(op_of(2), TR_E_NOTFOUND);
	assert_int_equal(rep_put(&r.view, REP_T_OPS, rep_key_bytes(&ops), UNIT_TEXT("")), 0);
	assert_int_equal(op_of(2), TR_E_DAMAGED); /* of a log that is none */
	assert_int_equal(rep_trace_op(r.node, &r.view, (struct tr_dot){9999, 1}, &trace), TR_E_NOTFOUND);
	key = rep_key_seq(first.log, first.seq);
	assert_int_equal(rep_del(&r.view, REP_T_SEG, rep_key_bytes(&key)), 0);
	assert_int_equal(op_of(1), TR_E_DAMAGED); /* the segment behind it is not its own */
}

/* An op of its own that is not in a segment yet. */
static void an_open_op_without_its_row_is_damage(void **state)
{
	struct rep_value title = text(TITLE, "own");
	struct rep_write w = {.kind = TR_KIND_CASE, .values = &title, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};
	struct tr_bytes at = {NULL, 0}, row;
	struct tr_rec_id own;

	(void)state;
	rig_end(&r);
	rig_begin(&r, RIG_STREET);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	own = r.reply.id;
	assert_int_equal(op_of_id(own), 0);
	assert_int_equal(rep_seek(&r.view, REP_T_OPEN, at, false, &at, &row), 0); /* the one that is not signed yet */
	assert_int_equal(rep_put(&r.view, REP_T_OPEN, at, UNIT_TEXT("\0\0\0\0")), 0);
	assert_int_equal(op_of_id(own), TR_E_DAMAGED);
	assert_int_equal(rep_del(&r.view, REP_T_OPEN, at), 0);
	assert_int_equal(op_of_id(own), TR_E_NOTFOUND);
}

/* ------------------------------------------------------------- directives */

static bool delivered(const struct tr_rec_id *id, struct tr_hlc *at)
{
	static struct rep_record rec;

	assert_int_equal(rep_record_load(&rec, &r.view, TR_KIND_DIRECTIVE, id), 0);
	return rep_directive_delivered(r.node, &rec, at);
}

/* At its target it is there; who acted on it had it when he did so first. */
static void who_acts_on_a_directive_had_it(void **state)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .type = TR_KIND_DIRECTIVE, .rec = {{9}}, .value_count = 1,
	    .values = {text(6, "count the lamps")}};
	struct rep_value status = {40, TR_ACT_SET, REP_VALUE_INT, REP_DIR_ACKNOWLEDGED, {NULL, 0}};
	struct rep_write w = {.kind = TR_KIND_DIRECTIVE, .has_id = true, .id = {{9}}, .must_exist = true,
	    .values = &status, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};
	struct tr_hlc there = {0}, acted = {0}, later = {0};
	struct chain c;

	(void)state;
	rig_end(&r);
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_TOP);
	c = chain_of(RIG_TOP, r.party[RIG_STREET].nid, TR_LANE_X, 1);
	(void)send(&c, &op);
	assert_true(delivered(&op.rec, &there));
	rig_wait(&r, 5000);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	assert_true(delivered(&op.rec, &acted));
	assert_true(acted.v > there.v);
	rig_wait(&r, 5000);
	status.i = REP_DIR_ACCEPTED;
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	assert_true(delivered(&op.rec, &later));
	assert_true(later.v == acted.v);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(what_a_cut_sets_aside_is_told),
	    T(the_newest_cut_against_an_op_is_named),
	    T(a_tail_that_fits_two_units_is_none),
	    T(a_key_that_waits_is_told),
	    T(an_op_without_its_rows_is_damage),
	    T(an_open_op_without_its_row_is_damage),
	    T(a_cut_that_reaches_back_leaves_the_twins),
	    T(who_acts_on_a_directive_had_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
