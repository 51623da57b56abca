/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a neighbour with a good key and bad intent gets no place in the tree
 * that is not its own. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "tests/lib/rig.h"

enum { UNIT_NID = 1, UNIT_PATH, UNIT_CAPS, UNIT_TITLE };

/* A UNIT record, as its parent would write it. */
static struct tr_bytes declare(struct tr_nid nid, const char *path, uint8_t *out, size_t cap)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_UNIT, .rec = {{7}}, .value_count = 4};

	op.rec.b[1] = (uint8_t)nid.v;
	op.values[0] = (struct rep_value){UNIT_NID, TR_ACT_SET, REP_VALUE_INT, (int64_t)nid.v, {NULL, 0}};
	op.values[1] = (struct rep_value){UNIT_PATH, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(path)};
	op.values[2] = (struct rep_value){UNIT_CAPS, TR_ACT_SET, REP_VALUE_INT, 1, {NULL, 0}};
	op.values[3] = (struct rep_value){UNIT_TITLE, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("title")};
	return (struct tr_bytes){out, rep_op_encode(&op, out, cap)};
}

static void send_unit(struct rig *r, struct tr_nid nid, const char *path)
{
	struct tr_nid street = r->party[RIG_STREET].nid;
	struct tr_log_id id = {street, 5, street, TR_LANE_X};
	uint8_t entry[512], out[1024];
	struct tr_bytes op = declare(nid, path, entry, sizeof(entry));
	struct rig_seg seg = {RIG_STREET, id, 1, 1, &op, 1, {{0}}, 1};
	struct tr_bytes s;

	assert_true(op.size > 0);
	rig_connect(r, RIG_STREET);
	assert_int_equal(rig_state(r, RIG_STREET), REP_LINK_LIVE);
	rig_logdef(r, 1, id);
	s = rig_segment(r, &seg, out, sizeof(out), NULL);
	rig_segs(r, &s, 1);
	assert_int_equal(r->rc, 0);
	assert_int_equal(r->traces[REP_TRACE_SEG_FORGED], 0);
}

static void a_street_declares_its_unit(void **state)
{
	struct rig r;
	struct rep_unit_info info;

	(void)state;
	rig_begin(&r, RIG_TOP);
	send_unit(&r, (struct tr_nid){4711}, "110101/001/09");
	assert_true(rep_unit_get(r.node, (struct tr_nid){4711}, &info));
	assert_string_equal(info.unit, "110101/001/09");
	assert_true(rep_unit_is_under(r.node, info.nid, r.party[RIG_STREET].nid));
	rig_end(&r);
}

static void a_street_does_not_become_its_hubs_parent(void **state)
{
	struct rig r;
	struct rep_unit_info info;

	(void)state;
	rig_begin(&r, RIG_TOP);
	send_unit(&r, r.party[RIG_TOP].nid, "110101/001/09");
	assert_true(rep_unit_get(r.node, r.party[RIG_TOP].nid, &info));
	assert_int_equal(info.parent.v, 0);
	assert_false(rep_unit_is_under(r.node, r.party[RIG_OTHER].nid, r.party[RIG_STREET].nid));
	rig_end(&r);
}

static void a_street_does_not_take_a_siblings_place(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	send_unit(&r, r.party[RIG_OTHER].nid, "110101/001/09");
	assert_false(rep_unit_is_under(r.node, r.party[RIG_OTHER].nid, r.party[RIG_STREET].nid));
	send_unit(&r, r.party[RIG_STREET].nid, "110101/001/09");
	assert_true(rep_unit_is_under(r.node, r.party[RIG_STREET].nid, r.party[RIG_TOP].nid));
	rig_end(&r);
}

/* The top's own key in a certificate of the street: name, place, caps and
 * transport key would be the street's choice. */
static void a_street_does_not_certify_the_hub(void **state)
{
	struct rig r;
	struct rig_party fake;
	struct rep_self self;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	fake = r.party[RIG_TOP];
	fake.cert.parent = fake.cert.issuer = r.party[RIG_STREET].nid;
	fake.cert.level = 2;
	fake.cert.serial = 9;
	fake.cert.caps = 0;
	fake.cert.curve_pk = r.party[RIG_STREET].curve;
	strcpy(fake.cert.unit, "110101/001/09");
	rig_certify(&r, &fake, RIG_STREET, false);
	rig_cert(&r, &fake);
	assert_int_equal(r.rc, 0);
	rep_inspect_self(r.node, &self);
	assert_int_equal(self.cert.level, 0);
	assert_int_equal(self.cert.serial, 1);
	assert_int_equal(rig_restart(&r), 0);
	rep_inspect_self(r.node, &self);
	assert_true(self.is_top);
	rig_end(&r);
}

/* Before the registrar has signed: a parent could put its own key there. */
static void a_parent_does_not_replace_its_childs_own_key(void **state)
{
	struct rig r;
	struct rig_party fake;
	struct rep_self self;

	(void)state;
	rig_begin(&r, RIG_LEAF);
	rig_connect(&r, RIG_STREET);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	fake = r.party[RIG_LEAF];
	fake.cert.serial = 2;
	fake.cert.sign_pk = r.party[RIG_STREET].sign.pk;
	rig_certify(&r, &fake, RIG_STREET, true); /* even with the registrar's help */
	rig_cert(&r, &fake);
	rep_inspect_self(r.node, &self);
	assert_memory_equal(self.cert.sign_pk.b, r.party[RIG_LEAF].sign.pk.b, 32);
	assert_int_equal(rig_restart(&r), 0);
	rig_end(&r);
}

static void more_than_the_issuer_may_is_refused(void **state)
{
	struct rig r;
	struct rig_party fake;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	fake = r.party[RIG_LEAF];
	fake.cert.caps = TR_CAP_ERASE;
	rig_certify(&r, &fake, RIG_STREET, false);
	rig_cert(&r, &fake);
	fake = r.party[RIG_LEAF];
	strcpy(fake.cert.unit, "110101/002/01");
	rig_certify(&r, &fake, RIG_STREET, false);
	rig_cert(&r, &fake);
	fake = r.party[RIG_LEAF];
	fake.nid = fake.cert.nid = r.party[RIG_OTHER].nid;
	rig_certify(&r, &fake, RIG_STREET, false);
	rig_cert(&r, &fake);
	assert_int_equal(r.traces[REP_TRACE_CERT_NEW], 0);
	assert_int_equal(r.traces[REP_TRACE_CERT_BAD] + r.traces[REP_TRACE_CERT_CHANGED_KEY], 3);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_street_declares_its_unit),
	    cmocka_unit_test(a_street_does_not_become_its_hubs_parent),
	    cmocka_unit_test(a_street_does_not_take_a_siblings_place),
	    cmocka_unit_test(a_street_does_not_certify_the_hub),
	    cmocka_unit_test(a_parent_does_not_replace_its_childs_own_key),
	    cmocka_unit_test(more_than_the_issuer_may_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
