/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a CUT counts if it is well-formed and its writer stands above the
 * unit; a key that nobody approved signs nothing that is taken. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include <string.h>

#include "proto/err.h"
#include "tests/lib/rig.h"

enum { CUT_NID = 1, CUT_SERIAL, CUT_HEADS, CUT_REASON };
#define HEAD_SIZE 33
#define HEADS_MAX 480

struct cut {
	struct tr_nid unit;
	int64_t serial;
	size_t heads_size;
};

/* The street writes it into the leaf's scope; the core is the top node. */
static size_t send_cut(struct rig *r, const struct cut *cut, enum rig_who scope)
{
	static uint8_t heads[TR_TEXT_MAX], entry[TR_OP_BYTES_MAX], out[2 * TR_OP_BYTES_MAX];
	struct tr_log_id id = {r->party[RIG_STREET].nid, 5, r->party[scope].nid, TR_LANE_X};
	struct rep_op op = {.kind = TR_OP_CUT, .has_body = true, .type = TR_KIND_CUT, .rec = {{9}}, .value_count = 4};
	struct rep_cut_info info;
	struct tr_bytes bytes, s;
	size_t count = 0;

	op.values[0] = (struct rep_value){CUT_NID, TR_ACT_SET, REP_VALUE_INT, (int64_t)cut->unit.v, {NULL, 0}};
	op.values[1] = (struct rep_value){CUT_SERIAL, TR_ACT_SET, REP_VALUE_INT, cut->serial, {NULL, 0}};
	op.values[2] = (struct rep_value){CUT_HEADS, TR_ACT_SET, REP_VALUE_BYTES, 0, {heads, cut->heads_size}};
	op.values[3] = (struct rep_value){CUT_REASON, TR_ACT_SET, REP_VALUE_INT, REP_CUT_REVOKED, {NULL, 0}};
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	assert_true(bytes.size > 0);
	struct rig_seg seg = {RIG_STREET, id, 1, 1, &bytes, 1, {{0}}, 1};

	rig_connect(r, RIG_STREET);
	rig_cert(r, &r->party[RIG_LEAF]);
	rig_logdef(r, 1, id);
	s = rig_segment(r, &seg, out, sizeof(out), NULL);
	rig_segs(r, &s, 1);
	assert_int_equal(r->rc, 0);
	assert_int_equal(r->traces[REP_TRACE_SEG_FORGED], 0);
	while (rep_inspect_cut(r->node, count, &info))
		count++;
	return count;
}

static void is_taken(struct cut cut, enum rig_who scope, enum rig_who unit, bool taken)
{
	struct rep_unit_info info;
	struct rig r;

	rig_begin(&r, RIG_TOP);
	if (cut.unit.v == 0)
		cut.unit = r.party[unit].nid;
	assert_int_equal(send_cut(&r, &cut, scope), taken ? 1 : 0);
	assert_int_equal(r.traces[REP_TRACE_CUT_VIOLATION], taken ? 0 : 1);
	assert_int_equal(r.traces[REP_TRACE_KEY_CUT], taken ? 1 : 0);
	if (taken)
		assert_true(rep_unit_get(r.node, r.party[unit].nid, &info) && info.revoked);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(rep_inspect_cut(r.node, 0, &(struct rep_cut_info){{0}}), taken);
	rig_end(&r);
}

static void a_street_cuts_its_child_and_that_is_said(void **state)
{
	(void)state;
	is_taken((struct cut){{0}, 1, 0}, RIG_LEAF, RIG_LEAF, true);
	is_taken((struct cut){{0}, 1, 3 * HEAD_SIZE}, RIG_LEAF, RIG_LEAF, true);
	is_taken((struct cut){{0}, 1, HEADS_MAX * HEAD_SIZE}, RIG_LEAF, RIG_LEAF, true);
}

static void nobody_cuts_beside_or_above_himself(void **state)
{
	(void)state;
	is_taken((struct cut){{0}, 1, 0}, RIG_STREET, RIG_STREET, false);
	is_taken((struct cut){{0}, 1, 0}, RIG_LEAF, RIG_STREET, false);
	is_taken((struct cut){{0}, 1, 0}, RIG_LEAF, RIG_TOP, false);
	is_taken((struct cut){{0}, 1, 0}, RIG_LEAF, RIG_OTHER, false);
	is_taken((struct cut){{0}, 1, 0}, RIG_STREET, RIG_LEAF, false); /* in a scope where the leaf does not write */
	is_taken((struct cut){{4711}, 1, 0}, RIG_LEAF, RIG_LEAF, false);
}

static void a_malformed_cut_has_no_effect(void **state)
{
	(void)state;
	is_taken((struct cut){{0}, 0, 0}, RIG_LEAF, RIG_LEAF, false);
	is_taken((struct cut){{0}, -1, 0}, RIG_LEAF, RIG_LEAF, false);
	is_taken((struct cut){{0}, (int64_t)UINT32_MAX + 1, 0}, RIG_LEAF, RIG_LEAF, false);
	is_taken((struct cut){{0}, 1, HEAD_SIZE - 1}, RIG_LEAF, RIG_LEAF, false);
	is_taken((struct cut){{0}, 1, (HEADS_MAX + 1) * HEAD_SIZE}, RIG_LEAF, RIG_LEAF, false);
}

/* A street certifies a key of its own as its child's next. */
static void a_key_that_nobody_approved_signs_nothing(void **state)
{
	uint8_t entry[64] = {0}, out[1024];
	struct rep_op op = {.kind = 60, .has_body = true, .type = 1};
	struct rep_unit_info info;
	struct tr_bytes bytes, s;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	r.party[RIG_LEAF].cert.serial = 2;
	r.party[RIG_LEAF].sign = r.party[RIG_OTHER].sign;
	r.party[RIG_LEAF].cert.sign_pk = r.party[RIG_OTHER].sign.pk;
	rig_certify(&r, &r.party[RIG_LEAF], RIG_STREET, false);
	rig_cert(&r, &r.party[RIG_LEAF]);
	assert_true(rep_unit_get(r.node, r.party[RIG_LEAF].nid, &info));
	assert_int_equal(info.serial, 1);
	assert_int_equal(info.waiting_serial, 2);
	assert_true(info.registered);
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	struct tr_log_id id = {r.party[RIG_LEAF].nid, 5, r.party[RIG_LEAF].nid, TR_LANE_R};
	struct rig_seg seg = {RIG_LEAF, id, 1, 2, &bytes, 1, {{0}}, 1};

	rig_logdef(&r, 1, id);
	s = rig_segment(&r, &seg, out, sizeof(out), NULL);
	rig_segs(&r, &s, 1);
	assert_true(rep_unit_get(r.node, r.party[RIG_LEAF].nid, &info));
	assert_int_equal(info.here_ops, 0);
	assert_int_not_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_street_cuts_its_child_and_that_is_said),
	    cmocka_unit_test(nobody_cuts_beside_or_above_himself),
	    cmocka_unit_test(a_malformed_cut_has_no_effect),
	    cmocka_unit_test(a_key_that_nobody_approved_signs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
