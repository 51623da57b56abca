/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: who says an older HEAD or RECEIPT than is held has forgotten the newer
 * one and is told it, up to the one who signed it: that one counts on from there. */
// needs: tests/fuzz/town.o tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/unit.h"
#include "tests/fuzz/town.h"
#include "tests/lib/rig.h"

/* The rig plays one neighbour; the other one's session goes on meanwhile. */
struct talk { enum rig_who peer; uint32_t link, session, n; };

static struct talk talk_of(const struct rig *r)
{
	return (struct talk){r->peer, r->link, r->session, r->n};
}

static void turn_to(struct rig *r, const struct talk *t)
{
	r->peer = t->peer;
	r->link = t->link;
	r->session = t->session;
	r->n = t->n;
}

static unsigned receipts(const struct rig *r)
{
	return r->frames[TERRACE__MSG__M_RECEIPT];
}

static unsigned heads(const struct rig *r)
{
	return r->frames[TERRACE__MSG__M_HEAD];
}

/* A street between the top and its leaf, both connected; `up` and `down` are what the test says. */
static void between(struct rig *r, struct talk *up, struct talk *down)
{
	rig_begin(r, RIG_STREET);
	rig_connect(r, RIG_TOP);
	*up = talk_of(r);
	rig_connect(r, RIG_LEAF);
	*down = talk_of(r);
	turn_to(r, up);
	assert_int_equal(rig_state(r, RIG_LEAF), REP_LINK_LIVE);
	assert_int_equal(rig_state(r, RIG_TOP), REP_LINK_LIVE);
}

static uint32_t ctr_of(const struct rig *r, enum rig_who who)
{
	return rep_unit_find(r->node, r->party[who].nid)->receipt_ctr;
}

static void receipt(struct rig *r, enum rig_who scope, uint32_t ctr)
{
	town_receipt(r, r->party[scope].nid.v, ctr, 0, 0);
	assert_int_equal(r->rc, 0);
}

static void the_top_is_told_a_newer_receipt_than_it_says(void **state)
{
	struct talk up, down;
	unsigned before;
	struct rig r;

	(void)state;
	between(&r, &up, &down);
	receipt(&r, RIG_LEAF, 5);
	assert_int_equal(ctr_of(&r, RIG_LEAF), 5);
	assert_int_equal(receipts(&r), 1); /* it goes on down */
	receipt(&r, RIG_LEAF, 5); /* the same: no answer, or two would never end */
	assert_int_equal(receipts(&r), 1);
	receipt(&r, RIG_LEAF, 3);
	assert_int_equal(receipts(&r), 2);
	assert_int_equal(r.last[TERRACE__MSG__M_RECEIPT]->session, up.session);
	assert_int_equal(r.last[TERRACE__MSG__M_RECEIPT]->receipt->ctr, 5);
	assert_int_equal(r.last[TERRACE__MSG__M_RECEIPT]->receipt->scope, r.party[RIG_LEAF].nid.v);
	assert_int_equal(ctr_of(&r, RIG_LEAF), 5);
	/* an old one from below is not worth a word: RECEIPTs are the top's */
	up = talk_of(&r);
	turn_to(&r, &down);
	before = receipts(&r);
	receipt(&r, RIG_LEAF, 3);
	assert_int_equal(receipts(&r), before);
	assert_int_equal(r.traces[REP_TRACE_RECEIPT_BAD], 0);
	rig_end(&r);
}

static void a_newer_receipt_from_below_goes_on_up(void **state)
{
	struct talk up, down;
	unsigned before;
	struct rig r;

	(void)state;
	between(&r, &up, &down);
	turn_to(&r, &down);
	before = receipts(&r);
	receipt(&r, RIG_LEAF, 7);
	assert_int_equal(ctr_of(&r, RIG_LEAF), 7);
	assert_true(receipts(&r) > before);
	assert_int_equal(memview_rows(r.mv, REP_T_RCPT), 1);
	rig_end(&r);
	/* with nobody above to be told it is kept all the same */
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_LEAF);
	receipt(&r, RIG_LEAF, 7);
	assert_int_equal(ctr_of(&r, RIG_LEAF), 7);
	rig_end(&r);
}

/* The top node's store went back, unnoticed, and used the counter again. */
static void two_receipts_of_one_counter_are_told_to_the_top(void **state)
{
	struct talk up, down;
	unsigned before;
	struct rig r;

	(void)state;
	between(&r, &up, &down);
	receipt(&r, RIG_LEAF, 5);
	before = receipts(&r);
	r.wall_ms++;
	receipt(&r, RIG_LEAF, 5);
	assert_int_equal(receipts(&r), before + 1);
	assert_int_equal(r.last[TERRACE__MSG__M_RECEIPT]->session, up.session);
	assert_int_equal(r.last[TERRACE__MSG__M_RECEIPT]->receipt->hlc, (uint64_t)(r.wall_ms - 1) << 16); /* the first */
	/* the leaf has a third: it is the leaf's that goes up */
	turn_to(&r, &down);
	r.wall_ms++;
	receipt(&r, RIG_LEAF, 5);
	assert_true(receipts(&r) > before + 1);
	receipt(&r, RIG_LEAF, 6);
	assert_int_equal(ctr_of(&r, RIG_LEAF), 6);
	assert_int_equal(r.traces[REP_TRACE_RECEIPT_BAD], 0);
	rig_end(&r);
}

static void put_case(struct rig *r, uint64_t inc)
{
	struct tr_nid street = r->party[RIG_STREET].nid;
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{6, (uint8_t)inc}}, .value_count = 1};
	struct tr_log_id id = {street, inc, street, TR_LANE_R};
	uint8_t entry[512], out[1024];
	struct tr_bytes bytes, seg;
	struct rig_seg how = {RIG_STREET, id, (uint32_t)inc, 1, &bytes, 1, {{0}}, 1};

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	seg = rig_segment(r, &how, out, sizeof(out), NULL);
	rig_logdef(r, (uint32_t)inc, id);
	rig_segs(r, &seg, 1);
	rig_wait(r, 1000);
	assert_int_equal(r->rc, 0);
}

static uint32_t last_ctr(const struct rig *r)
{
	assert_non_null(r->last[TERRACE__MSG__M_RECEIPT]);
	assert_int_equal(r->last[TERRACE__MSG__M_RECEIPT]->receipt->scope, r->party[RIG_STREET].nid.v);
	return r->last[TERRACE__MSG__M_RECEIPT]->receipt->ctr;
}

/* Signed by itself, and later than it remembers: its store went back. */
static void the_top_counts_on_from_what_it_had_said(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	put_case(&r, 1);
	assert_int_equal(last_ctr(&r), 1);
	receipt(&r, RIG_STREET, 1); /* another one of its counter */
	rig_wait(&r, 1000);
	assert_int_equal(last_ctr(&r), 2);
	receipt(&r, RIG_STREET, 900);
	rig_wait(&r, 1000);
	assert_int_equal(last_ctr(&r), 901); /* what it holds, said again where it is believed */
	receipt(&r, RIG_STREET, 4);          /* what came before tells nothing */
	put_case(&r, 2);
	assert_int_equal(last_ctr(&r), 902);
	receipt(&r, RIG_STREET, 5000);
	rig_wait(&r, 1);
	assert_int_equal(rig_restart(&r), 0); /* it is written down */
	rig_connect(&r, RIG_STREET);
	put_case(&r, 3);
	assert_int_equal(last_ctr(&r), 5002);
	rig_end(&r);
}

/* Not by whom: names more logs than a vector has, a unit that is elsewhere, another issuer. */
static void a_receipt_that_is_none_is_not_answered(void **state)
{
	enum { MORE = TR_VECTOR_MAX + 1 };
	Terrace__Ctx f[MORE], *list[MORE];
	uint8_t sig[64] = {1};

	(void)state;
	for (int i = 0; i < 4; i++) {
		Terrace__Msg msg = TERRACE__MSG__INIT;
		Terrace__Receipt rcpt = TERRACE__RECEIPT__INIT;
		struct rep_self self;
		struct rig r;

		for (size_t k = 0; k < MORE; k++) {
			terrace__ctx__init(&f[k]);
			list[k] = &f[k];
		}
		rig_begin(&r, RIG_LEAF);
		rig_connect(&r, RIG_STREET);
		rcpt.issuer = r.party[i == 1 ? RIG_STREET : RIG_TOP].nid.v;
		rcpt.scope = i == 2 ? r.party[RIG_TOP].nid.v : i == 3 ? 4711 : r.party[RIG_LEAF].nid.v;
		rcpt.ctr = 3;
		rcpt.n_f = i == 0 ? MORE : 0;
		rcpt.f = list;
		rcpt.sig = (ProtobufCBinaryData){sizeof(sig), sig};
		msg.m_case = TERRACE__MSG__M_RECEIPT;
		msg.receipt = &rcpt;
		rig_send(&r, &msg);
		rep_inspect_self(r.node, &self);
		assert_int_equal(self.bad_frames, 1);
		assert_int_equal(r.traces[REP_TRACE_RECEIPT_BAD], 0);
		assert_int_equal(memview_rows(r.mv, REP_T_RCPT), 0);
		rig_end(&r);
	}
}

static void a_unit_is_told_a_newer_head_than_it_says(void **state)
{
	struct talk up, down;
	unsigned before;
	struct rig r;

	(void)state;
	between(&r, &up, &down);
	turn_to(&r, &down);
	town_head(&r, RIG_LEAF, 6, 0);
	before = heads(&r);
	town_head(&r, RIG_LEAF, 6, 0); /* the same */
	assert_int_equal(heads(&r), before);
	town_head(&r, RIG_LEAF, 2, 0);
	assert_int_equal(heads(&r), before + 1);
	assert_int_equal(r.last[TERRACE__MSG__M_HEAD]->session, down.session);
	assert_int_equal(r.last[TERRACE__MSG__M_HEAD]->head->ctr, 6);
	/* from above an older one is that of a relay that was behind: no answer */
	down = talk_of(&r);
	turn_to(&r, &up);
	town_head(&r, RIG_LEAF, 2, 0);
	assert_int_equal(heads(&r), before + 1);
	/* but a newer one goes down to the unit */
	town_head(&r, RIG_LEAF, 9, 0);
	assert_true(heads(&r) > before + 1);
	assert_int_equal(rep_unit_find(r.node, r.party[RIG_LEAF].nid)->head_ctr, 9);
	assert_int_equal(r.traces[REP_TRACE_HEAD_BAD], 0);
	rig_end(&r);
}

/* One that a relay made up does not make anybody say anything. */
static void only_a_signed_older_head_is_answered(void **state)
{
	struct rig_party real;
	unsigned before;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	town_head(&r, RIG_STREET, 6, 0);
	before = heads(&r);
	real = r.party[RIG_STREET];
	r.party[RIG_STREET].sign = r.party[RIG_OTHER].sign;
	town_head(&r, RIG_STREET, 2, 0);
	assert_int_equal(heads(&r), before);
	assert_int_equal(r.traces[REP_TRACE_HEAD_BAD], 1);
	r.party[RIG_STREET] = real;
	town_head(&r, RIG_STREET, 2, 0);
	assert_int_equal(heads(&r), before + 1);
	rig_end(&r);
}

static void a_unit_counts_on_from_what_it_had_said(void **state)
{
	struct rig_party real;
	struct rep_fence fence;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_LEAF);
	rig_connect(&r, RIG_STREET);
	real = r.party[RIG_LEAF];
	r.party[RIG_LEAF].sign = r.party[RIG_OTHER].sign; /* by another key: whoever says that */
	town_head(&r, RIG_LEAF, 700, 0);
	rep_fence(r.node, &fence);
	assert_true(fence.head_ctr < 700);
	assert_int_equal(r.traces[REP_TRACE_HEAD_BAD], 1);
	r.party[RIG_LEAF] = real;
	town_head(&r, RIG_LEAF, 700, 0);
	rep_fence(r.node, &fence);
	assert_true(fence.head_ctr >= 700);
	for (int i = 0; i < 4; i++)
		rig_wait(&r, 20000);
	assert_non_null(r.last[TERRACE__MSG__M_HEAD]);
	assert_true(r.last[TERRACE__MSG__M_HEAD]->head->ctr > 700);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_top_is_told_a_newer_receipt_than_it_says),
	    cmocka_unit_test(a_newer_receipt_from_below_goes_on_up),
	    cmocka_unit_test(two_receipts_of_one_counter_are_told_to_the_top),
	    cmocka_unit_test(the_top_counts_on_from_what_it_had_said),
	    cmocka_unit_test(a_receipt_that_is_none_is_not_answered),
	    cmocka_unit_test(a_unit_is_told_a_newer_head_than_it_says),
	    cmocka_unit_test(only_a_signed_older_head_is_answered),
	    cmocka_unit_test(a_unit_counts_on_from_what_it_had_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
