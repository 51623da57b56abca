/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what one neighbour can make a node hold and do has an end, and the
 * end is not the others' end. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/branch.h"
#include "tests/lib/rig.h"

static struct tr_bytes case_op(uint8_t n, uint8_t *out, size_t cap)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{1, n}}, .value_count = 1};

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	return (struct tr_bytes){out, rep_op_encode(&op, out, cap)};
}

/* One segment of one op in a log of the street's own scope. */
static void send_own(struct rig *r, uint64_t inc, uint32_t h)
{
	struct tr_nid street = r->party[RIG_STREET].nid;
	struct tr_log_id id = {street, inc, street, TR_LANE_R};
	uint8_t entry[512], out[1024];
	struct tr_bytes op = case_op((uint8_t)h, entry, sizeof(entry));
	struct rig_seg seg = {RIG_STREET, id, h, 1, &op, 1, {{0}}, 1};
	struct tr_bytes s = rig_segment(r, &seg, out, sizeof(out), NULL);

	rig_logdef(r, h, id);
	rig_segs(r, &s, 1);
}

static size_t count_logs(const struct rig *r)
{
	struct rep_log_info info;
	uint32_t n = 0;

	while (rep_log_of(r->node, n + 1, &info)) /* also those without ops */
		n++;
	return n;
}

static void write_to(struct rig *r, struct tr_nid home)
{
	struct rep_value title = {14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("from above")};
	struct rep_write w = {.ticket = 5, .kind = TR_KIND_CASE, .home = home, .values = &title, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	memset(&r->reply, 0, sizeof(r->reply));
	rig_step(r, &event);
}

/* Each log of a domain is an entry in everybody's vector: there are 64. */
static void a_child_does_not_fill_the_vectors(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	for (uint32_t i = 1; i <= TR_VECTOR_MAX + 8 && r.rc == 0; i++) {
		send_own(&r, i, i);
		if (rig_state(&r, RIG_STREET) != REP_LINK_LIVE)
			rig_connect(&r, RIG_STREET);
	}
	write_to(&r, r.party[RIG_STREET].nid);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.reply.ticket, 5);
	assert_int_equal(r.reply.rc, 0);
	rig_end(&r);
}

static void logs_without_ops_are_bounded_over_sessions(void **state)
{
	struct tr_log_id id = {.lane = TR_LANE_R};
	uint32_t h = 0;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	id.author = id.scope = r.party[RIG_STREET].nid;
	for (int session = 0; session < 20; session++) {
		rig_connect(&r, RIG_STREET);
		for (int i = 0; i < 1100 && rig_state(&r, RIG_STREET) == REP_LINK_LIVE; i++) {
			id.inc = ++h;
			rig_logdef(&r, h, id);
		}
		rig_wait(&r, 20000);
	}
	assert_int_equal(r.rc, 0);
	assert_true(count_logs(&r) < 3000);
	rig_end(&r);
}

/* One for each branch that it may have, no more. */
static void a_log_has_a_handle_for_each_branch(void **state)
{
	struct tr_log_id id = {.inc = 3, .lane = TR_LANE_R};
	struct rep_self self;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	id.author = id.scope = r.party[RIG_STREET].nid;
	rig_connect(&r, RIG_STREET);
	for (uint32_t h = 1; h <= REP_BRANCHES_MAX; h++)
		rig_logdef(&r, h, id);
	rep_inspect_self(r.node, &self);
	assert_int_equal(self.bad_frames, 0);
	rig_logdef(&r, REP_BRANCHES_MAX + 1, id);
	rep_inspect_self(r.node, &self);
	assert_int_equal(self.bad_frames, 1);
	rig_end(&r);
}

static void send_entry(struct rig *r, uint32_t h, uint64_t seq, size_t copies, bool more)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Frontier f = TERRACE__FRONTIER__INIT;
	Terrace__FEnt e = TERRACE__FENT__INIT;
	Terrace__FEnt *list[TR_FRONTIER_ENTRIES_MAX];

	e.log = h;
	e.seq = seq;
	for (size_t i = 0; i < copies; i++)
		list[i] = &e;
	f.mode = TR_FRONTIER_FULL;
	f.n_e = copies;
	f.e = list;
	f.more = more;
	msg.m_case = TERRACE__MSG__M_FRONTIER;
	msg.frontier = &f;
	rig_send(r, &msg);
}

static void transport(struct rig *r, enum rig_who peer)
{
	struct rep_event up = {.kind = REP_EV_LINK_UP, .link = 100u + peer, .user = r->party[peer].curve};

	r->peer = peer;
	r->link = up.link;
	rig_step(r, &up);
	rig_hello(r);
}

static void a_frontier_names_a_log_once(void **state)
{
	struct tr_log_id id = {.inc = 3, .lane = TR_LANE_R};
	struct rep_self self;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	id.author = id.scope = r.party[RIG_STREET].nid;
	transport(&r, RIG_STREET);
	rig_logdef(&r, 1, id);
	send_entry(&r, 1, 9, 2, true);
	rep_inspect_self(r.node, &self);
	assert_int_equal(self.bad_frames, 1);
	rig_end(&r);
}

/* A second machine for a unit that has one: its key could not be approved. */
static void a_joined_unit_is_not_invited_again(void **state)
{
	struct rep_invite again = {.ticket = 6, .code = "001", .title = "A street", .expires_ms = INT64_MAX};
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = &again};
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, TR_E_EXISTS);
	assert_int_equal(memview_rows(r.mv, REP_T_INVITE), 0);
	memcpy(again.code, "009", 4);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	assert_int_equal(memview_rows(r.mv, REP_T_INVITE), 1);
	rig_end(&r);
}

/* An application that names a member of staff as its case. */
static void an_id_names_one_record(void **state)
{
	struct rep_value post = {10, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("warden")};
	struct rep_value title = {14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	struct rep_write w = {.ticket = 5, .kind = TR_KIND_STAFF, .values = &post, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	w.kind = TR_KIND_CASE;
	w.has_id = true;
	w.id = r.reply.id;
	w.values = &title;
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, TR_E_EXISTS);
	assert_int_equal(memview_rows(r.mv, REP_T_REC), 1);
	w.id.b[15] ^= 1;
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, 0);
	rig_end(&r);
}

/* "Your own log was further": a restore from a backup would look so. */
static void claims_about_our_own_past_wear_off(void **state)
{
	struct rep_self before, after;
	unsigned changed = 0;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	for (int i = 0; i < 40; i++) {
		struct tr_log_id id = {r.party[RIG_TOP].nid, 0, r.party[RIG_STREET].nid, TR_LANE_R};

		write_to(&r, id.scope);
		assert_int_equal(r.reply.rc, 0);
		rep_inspect_self(r.node, &before);
		id.inc = before.inc;
		transport(&r, RIG_STREET);
		rig_logdef(&r, 1, id);
		send_entry(&r, 1, 1000000, 1, false);
		rep_inspect_self(r.node, &after);
		changed += after.inc != before.inc;
		rig_wait(&r, 100000);
	}
	assert_int_equal(r.rc, 0);
	assert_in_range(changed, 1, 4);
	rig_end(&r);
}

static void hellos_cost_little(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	transport(&r, RIG_STREET);
	for (int i = 0; i < 1000; i++)
		rig_hello(&r);
	assert_in_range(r.frames[TERRACE__MSG__M_WELCOME], 1, 20);
	rig_wait(&r, 20000);
	transport(&r, RIG_STREET);
	rig_frontier_empty(&r);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_end(&r);
}

/* A frame of thousands of bad segments is one line in the log, or a few. */
static void forged_segments_do_not_fill_the_log(void **state)
{
	struct tr_nid street;
	struct tr_log_id id;
	static uint8_t entry[512], out[1024];
	static struct tr_bytes list[2000];
	struct tr_bytes op;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	street = r.party[RIG_STREET].nid;
	id = (struct tr_log_id){street, 4, street, TR_LANE_R};
	op = case_op(1, entry, sizeof(entry));
	rig_connect(&r, RIG_STREET);
	rig_logdef(&r, 1, id);
	list[0] = rig_segment(&r, &(struct rig_seg){RIG_OTHER, id, 1, 1, &op, 1, {{0}}, 1}, out, sizeof(out), NULL);
	for (size_t i = 1; i < 2000; i++)
		list[i] = list[0];
	rig_segs(&r, list, 2000);
	assert_int_equal(r.rc, 0);
	assert_in_range(r.traces[REP_TRACE_SEG_FORGED], 1, 16);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_child_does_not_fill_the_vectors),
	    cmocka_unit_test(logs_without_ops_are_bounded_over_sessions),
	    cmocka_unit_test(a_log_has_a_handle_for_each_branch),
	    cmocka_unit_test(a_frontier_names_a_log_once),
	    cmocka_unit_test(claims_about_our_own_past_wear_off),
	    cmocka_unit_test(a_joined_unit_is_not_invited_again),
	    cmocka_unit_test(an_id_names_one_record),
	    cmocka_unit_test(hellos_cost_little),
	    cmocka_unit_test(forged_segments_do_not_fill_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
