/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: more scopes, logs and segments than a frame, a credit or a list of what
 * is in flight holds go in parts, and none of them is left out. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/log.h"
#include "tests/lib/rig.h"

#define UNITS 600 /* more than entries in a frame */
#define FIRST_UNIT 4711

static struct rig r;
static struct tr_nid street;

static int setup(void **state)
{
	(void)state;
	rig_begin(&r, RIG_TOP);
	street = r.party[RIG_STREET].nid;
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

/* Without the commit behind it. */
static void send_seg(const struct rig_seg *how)
{
	static uint8_t out[TR_SEG_BYTES_MAX];
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Segs s = TERRACE__SEGS__INIT;
	struct tr_bytes seg = rig_segment(&r, how, out, sizeof(out), NULL);
	ProtobufCBinaryData one = {seg.size, out};

	s.seg = &one;
	s.n_seg = 1;
	msg.m_case = TERRACE__MSG__M_SEGS;
	msg.segs = &s;
	rig_send_only(&r, &msg);
}

/* The street declares its units, and writes something in the scope of each. */
static void fill(void)
{
	static uint8_t entry[TR_SEG_OPS_MAX][128];
	struct tr_bytes list[TR_SEG_OPS_MAX];
	struct tr_hash prev = {{0}};
	char path[40];

	rig_connect(&r, RIG_STREET);
	rig_logdef(&r, 1, (struct tr_log_id){street, 5, street, TR_LANE_X});
	for (unsigned first = 0; first < UNITS; first += 60) {
		struct rig_seg how = {RIG_STREET, {street, 5, street, TR_LANE_X}, 1, first + 1, list, 60, prev, 1};
		static uint8_t out[TR_SEG_BYTES_MAX];

		for (unsigned i = 0; i < 60; i++) {
			struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_UNIT, .value_count = 2};

			wire_put_be32(op.rec.b, first + i + 1);
			snprintf(path, sizeof(path), "110101/001/%04u", first + i);
			op.values[0] = (struct rep_value){1, TR_ACT_SET, REP_VALUE_INT, FIRST_UNIT + first + i, {NULL, 0}};
			op.values[1] = (struct rep_value){2, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(path)};
			list[i] = (struct tr_bytes){entry[i], rep_op_encode(&op, entry[i], sizeof(entry[i]))};
		}
		send_seg(&how);
		(void)rig_segment(&r, &how, out, sizeof(out), &prev);
	}
	rig_wait(&r, 10);
	for (unsigned i = 0; i < UNITS; i++) {
		struct tr_log_id id = {street, 5, {FIRST_UNIT + i}, TR_LANE_R};
		struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{9}}};
		struct rig_seg how = {RIG_STREET, id, 2 + i, 1, list, 1, {{0}}, 1};

		wire_put_be32(op.rec.b + 4, i);
		list[0] = (struct tr_bytes){entry[0], rep_op_encode(&op, entry[0], sizeof(entry[0]))};
		rig_logdef(&r, 2 + i, id);
		send_seg(&how);
	}
	assert_int_equal(r.rc, 0);
}

static void scopes(const struct tr_nid *scope, size_t count, bool more)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Frontier f = TERRACE__FRONTIER__INIT;
	Terrace__SDig dig[4], *list[4];

	for (size_t i = 0; i < count; i++) {
		terrace__sdig__init(&dig[i]);
		dig[i].scope = scope[i].v;
		dig[i].d = 4;
		list[i] = &dig[i];
	}
	f.mode = TR_FRONTIER_SCOPES;
	f.s = list;
	f.n_s = count;
	f.more = more;
	msg.m_case = TERRACE__MSG__M_FRONTIER;
	msg.frontier = &f;
	rig_send(&r, &msg);
}

static void hello(void)
{
	struct rep_event up = {.kind = REP_EV_LINK_UP, .user = r.party[RIG_STREET].curve, .link = r.link};

	rig_step(&r, &up);
	rig_hello(&r);
}

static void all_scopes_and_logs_are_said_in_parts(void **state)
{
	const struct tr_nid one[2] = {{FIRST_UNIT}, {FIRST_UNIT}};
	const Terrace__Frontier *last;
	unsigned before;

	(void)state;
	fill();
	before = r.frames[TERRACE__MSG__M_FRONTIER];
	rig_wait(&r, 10);
	assert_int_equal(r.frames[TERRACE__MSG__M_FRONTIER], before + 2); /* 600 acknowledgements */
	last = r.last[TERRACE__MSG__M_FRONTIER]->frontier;
	assert_int_equal(last->n_e, UNITS - TR_FRONTIER_ENTRIES_MAX);
	assert_int_equal(bad_frames(), 0);

	before = r.frames[TERRACE__MSG__M_FRONTIER];
	hello();
	assert_int_equal(r.frames[TERRACE__MSG__M_FRONTIER], before + 2); /* its scopes */
	last = r.last[TERRACE__MSG__M_FRONTIER]->frontier;
	assert_int_equal(last->mode, TR_FRONTIER_SCOPES);
	assert_true(last->n_s >= UNITS - TR_FRONTIER_ENTRIES_MAX && last->n_s < UNITS);
	assert_false(last->more);
	scopes(one, 1, true);
	scopes(NULL, 0, false);
	assert_int_equal(r.frames[TERRACE__MSG__M_FRONTIER], before + 4); /* its heads, as all differ */
	last = r.last[TERRACE__MSG__M_FRONTIER]->frontier;
	assert_int_equal(last->mode, TR_FRONTIER_FULL);
	assert_true(last->n_e >= UNITS - TR_FRONTIER_ENTRIES_MAX && last->n_e < UNITS);
	assert_false(last->more);
	scopes(NULL, 0, false); /* again: they were said */
	assert_int_equal(r.frames[TERRACE__MSG__M_FRONTIER], before + 4);
	assert_int_equal(bad_frames(), 0);
	rig_frontier_empty(&r);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	scopes(NULL, 0, false); /* behind the comparing */
	assert_int_equal(bad_frames(), 1);
	hello();
	scopes(one, 2, false); /* a scope twice */
	assert_int_equal(bad_frames(), 2);
	assert_int_equal(r.rc, 0);
}

/* ---------------------------------------------------------------- in flight */

static void write_case(void)
{
	struct rep_value title = {14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	struct rep_write w = {.kind = TR_KIND_CASE, .home = street, .values = &title, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
}

static struct rep_log *log_of_top(void)
{
	struct tr_log_id id = {r.party[RIG_TOP].nid, 0, street, TR_LANE_R};
	struct rep_log_info info;
	size_t i = 0;

	while (rep_inspect_log(r.node, &i, &info))
		if (info.id.author.v == id.author.v && info.id.scope.v == id.scope.v && info.id.lane == id.lane)
			return rep_log_get(r.node, info.handle);
	return NULL;
}

static void ack(uint32_t credit, bool all)
{
	const struct rep_log *log = log_of_top();
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Frontier f = TERRACE__FRONTIER__INIT;
	Terrace__FEnt ent = TERRACE__FENT__INIT, *list[1] = {&ent};

	TR_ASSERT(!all || log != NULL);
	if (all) {
		ent.log = log->handle;
		ent.seq = log->way[REP_WAY_DOWN].sent;
		if (ent.seq == log->seq) {
			ent.h4 = wire_get_le32(log->head.b);
		} else {
			struct tr_hash hash;

			rep_node_view(r.node, &r.view);
			assert_int_equal(rep_log_hash_at(r.node, log, ent.seq, &hash), 0);
			rep_node_unview(r.node);
			ent.h4 = wire_get_le32(hash.b);
		}
		f.e = list;
		f.n_e = 1;
	}
	f.mode = TR_FRONTIER_DELTA;
	f.credit = credit;
	msg.m_case = TERRACE__MSG__M_FRONTIER;
	msg.frontier = &f;
	rig_send(&r, &msg);
	assert_int_equal(r.rc, 0);
}

static void no_more_is_in_flight_than_the_peer_takes(void **state)
{
	unsigned before;

	(void)state;
	rig_connect(&r, RIG_STREET);
	ack(100, false);
	before = r.frames[TERRACE__MSG__M_SEGS];
	for (unsigned i = 0; i < 3; i++)
		write_case();
	assert_int_equal(r.frames[TERRACE__MSG__M_SEGS], before + 1);
	ack(0, true); /* nothing said of credit: as before */
	assert_int_equal(r.frames[TERRACE__MSG__M_SEGS], before + 2);
	ack(TR_CREDIT_FIBRE + 1, true); /* more than there is: as before */
	assert_int_equal(r.frames[TERRACE__MSG__M_SEGS], before + 3);
	for (unsigned i = 0; i < 3; i++)
		write_case();
	assert_int_equal(r.frames[TERRACE__MSG__M_SEGS], before + 3);
	ack(TR_CREDIT_FIBRE, true);
	assert_true(r.frames[TERRACE__MSG__M_SEGS] > before + 3);
	assert_int_equal(log_of_top()->way[REP_WAY_DOWN].sent, 6);
	assert_int_equal(bad_frames(), 0);
}

/* The list of what is in flight grows with its beginning anywhere, and has an end. */
static void the_list_of_what_is_in_flight_is_bounded(void **state)
{
	uint64_t sent;

	(void)state;
	rig_connect(&r, RIG_STREET);
	for (unsigned i = 0; i < 40; i++)
		write_case();
	ack(0, true);
	assert_int_equal(log_of_top()->way[REP_WAY_DOWN].acked, 40);
	for (unsigned i = 0; i < 8300; i++)
		write_case();
	sent = log_of_top()->way[REP_WAY_DOWN].sent;
	assert_int_equal(sent, 40 + 8192);
	ack(0, true);
	assert_int_equal(log_of_top()->way[REP_WAY_DOWN].acked, sent);
	assert_int_equal(log_of_top()->way[REP_WAY_DOWN].sent, 40 + 8300);
	ack(0, true);
	assert_int_equal(log_of_top()->way[REP_WAY_DOWN].acked, 40 + 8300);
	assert_int_equal(bad_frames(), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(all_scopes_and_logs_are_said_in_parts),
	    T(no_more_is_in_flight_than_the_peer_takes),
	    T(the_list_of_what_is_in_flight_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
