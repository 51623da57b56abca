/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a unit's key is replaced by a person of the top node, is cut by those
 * above, and by nobody else. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include <sodium.h>

#include "proto/err.h"
#include "replication/cut.h"
#include "replication/keys.h"
#include "replication/unit.h"
#include "tests/lib/rig.h"

static int act(struct rig *r, enum rep_key_what what, struct tr_nid unit)
{
	struct rep_key_act key = {.ticket = 4, .what = what, .unit = unit};
	struct rep_event event = {.kind = REP_EV_KEY, .key_act = &key};

	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
	assert_int_equal(r->reply.ticket, 4);
	assert_int_equal(r->reply.unit.v, unit.v);
	return r->reply.rc;
}

/* Of the key that counts. */
static uint32_t serial_of(const struct rig *r, struct tr_nid nid)
{
	const struct rep_unit *unit = rep_unit_find(r->node, nid);

	return unit != NULL && unit->has_cert ? unit->cert.serial : 0;
}

/* The party's certificate with another key, as its parent would issue it. */
static struct rig_party renewed(const struct rig *r, enum rig_who who, uint32_t serial, uint8_t seed)
{
	struct rig_party p = r->party[who];
	uint8_t seeds[32];

	memset(seeds, seed, sizeof(seeds));
	crypto_sign_seed_keypair(p.sign.pk.b, p.sign.sk, seeds);
	crypto_scalarmult_base(p.curve.b, seeds);
	p.cert.serial = serial;
	p.cert.sign_pk = p.sign.pk;
	p.cert.curve_pk = p.curve;
	return p;
}

static void only_those_above_decide(void **state)
{
	static const enum rep_key_what acts[] = {REP_KEY_APPROVE, REP_KEY_REVOKE, REP_KEY_ACCEPT};
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_TOP);
	rig_cert(&r, &r.party[RIG_OTHER]);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(act(&r, acts[i], (struct tr_nid){4711}), TR_E_NOUNIT);
		assert_int_equal(act(&r, acts[i], r.party[RIG_STREET].nid), TR_E_AUTH); /* itself */
		assert_int_equal(act(&r, acts[i], r.party[RIG_TOP].nid), TR_E_AUTH);    /* above */
	}
	assert_int_equal(act(&r, REP_KEY_APPROVE, r.party[RIG_LEAF].nid), TR_E_AUTH); /* the top approves */
	assert_int_equal(act(&r, REP_KEY_ACCEPT, r.party[RIG_LEAF].nid), TR_E_NOTFOUND);
	assert_int_equal(act(&r, REP_KEY_REVOKE, r.party[RIG_LEAF].nid), 0);
	assert_int_equal(r.traces[REP_TRACE_KEY_CUT], 1);
	rig_end(&r);
}

static void a_key_is_cut_once(void **state)
{
	struct rep_invite invite = {.code = "009", .title = "a new place", .expires_ms = INT64_C(1890000000000)};
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = &invite};
	struct rig r;
	struct tr_nid street;

	(void)state;
	rig_begin(&r, RIG_TOP);
	street = r.party[RIG_STREET].nid;
	rig_connect(&r, RIG_STREET);
	rig_step(&r, &event);
	assert_int_equal(act(&r, REP_KEY_REVOKE, r.reply.unit), TR_E_NOTFOUND); /* it has none */
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	assert_int_equal(act(&r, REP_KEY_ACCEPT, street), TR_E_NOTFOUND);
	assert_int_equal(act(&r, REP_KEY_REVOKE, street), 0);
	assert_int_equal(r.traces[REP_TRACE_KEY_CUT], 1);
	rig_wait(&r, 10);
	assert_int_not_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE); /* shut out */
	assert_true(r.frames[TERRACE__MSG__M_BYE] > 0);
	assert_int_equal(act(&r, REP_KEY_REVOKE, street), TR_E_EXISTS);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(act(&r, REP_KEY_REVOKE, street), TR_E_EXISTS);
	assert_int_equal(act(&r, REP_KEY_ACCEPT, street), 0);
	rep_check(r.node, &r.view);
	rig_end(&r);
}

/* A street issues another key to its leaf: it waits for a person of the top node. */
static void another_key_waits_for_approval(void **state)
{
	struct rig r;
	struct rig_party leaf;
	struct tr_nid nid;

	(void)state;
	rig_begin(&r, RIG_TOP);
	nid = r.party[RIG_LEAF].nid;
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	assert_int_equal(act(&r, REP_KEY_APPROVE, nid), TR_E_NOTFOUND);
	leaf = renewed(&r, RIG_LEAF, 2, 0x33);
	rig_certify(&r, &leaf, RIG_STREET, false);
	rig_cert(&r, &leaf);
	rig_wait(&r, 10);
	assert_int_equal(serial_of(&r, nid), 1); /* not by itself */
	assert_int_equal(act(&r, REP_KEY_APPROVE, nid), 0);
	assert_int_equal(serial_of(&r, nid), 2);
	assert_memory_equal(rep_unit_find(r.node, nid)->cert.sign_pk.b, leaf.sign.pk.b, 32);
	/* The key before is cut by the street, when it has all that the new machine heard of. */
	assert_int_equal(memview_rows(r.mv, REP_T_CUT), 0);
	assert_int_equal(act(&r, REP_KEY_APPROVE, nid), TR_E_NOTFOUND);
	assert_int_equal(act(&r, REP_KEY_ACCEPT, nid), TR_E_NOTFOUND);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(serial_of(&r, nid), 2);
	rig_end(&r);
}

/* A machine was stolen and another invited in its place: the stolen key goes, not the new one. */
static void a_waiting_key_is_not_cut_with_the_one_in_use(void **state)
{
	struct rig r;
	struct rig_party leaf;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	leaf = renewed(&r, RIG_LEAF, 2, 0x33);
	rig_certify(&r, &leaf, RIG_STREET, false);
	rig_cert(&r, &leaf);
	assert_int_equal(act(&r, REP_KEY_REVOKE, leaf.nid), 0);
	assert_true(rep_cut_is_cut(r.node, leaf.nid, 1));
	assert_false(rep_cut_is_cut(r.node, leaf.nid, 2));
	assert_int_equal(serial_of(&r, leaf.nid), 1); /* it goes on waiting: the cut key vouches for none */
	assert_int_equal(act(&r, REP_KEY_APPROVE, leaf.nid), 0);
	assert_int_equal(serial_of(&r, leaf.nid), 2);
	rig_end(&r);
}

/* The machine before this one issued it, and nobody above heard of that: it is said again, up the tree. */
static void a_key_that_only_its_unit_knows_is_passed_on(void **state)
{
	struct rep_unit_info unit;
	struct rig_party leaf;
	struct rig r;
	size_t segs;

	(void)state;
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_LEAF);
	segs = memview_rows(r.mv, REP_T_SEG);
	rig_cert(&r, &r.party[RIG_LEAF]); /* known: nothing is said */
	rig_wait(&r, 60000);
	assert_int_equal(memview_rows(r.mv, REP_T_SEG), segs);
	leaf = renewed(&r, RIG_LEAF, 2, 0x33);
	rig_certify(&r, &leaf, RIG_STREET, false);
	rig_cert(&r, &leaf);
	rig_cert(&r, &leaf);
	rig_wait(&r, 60000);
	assert_int_equal(memview_rows(r.mv, REP_T_SEG), segs + 1);
	assert_true(rep_unit_get(r.node, leaf.nid, &unit));
	assert_int_equal(unit.waiting_serial, 2);
	assert_int_equal(unit.serial, 1);
	rig_end(&r);
}

/* Somebody else sits there now: this machine only reads. */
static void the_old_seat_is_fenced(void **state)
{
	struct rep_value title = {14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	struct rep_write w = {.kind = TR_KIND_CASE, .values = &title, .value_count = 1};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};
	struct rig r;
	struct rig_party next;

	(void)state;
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_TOP);
	next = renewed(&r, RIG_STREET, 2, 0x33);
	rig_certify(&r, &next, RIG_TOP, true);
	rig_cert(&r, &next);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.traces[REP_TRACE_SEAT_OLD], 1);
	assert_int_equal(rig_state(&r, RIG_TOP), REP_LINK_FENCED);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, TR_E_FENCED);
	assert_int_equal(act(&r, REP_KEY_REVOKE, r.party[RIG_LEAF].nid), TR_E_AUTH);
	for (int i = 0; i < 5; i++)
		rig_wait(&r, 600000); /* it does not dial any more */
	assert_int_equal(rig_state(&r, RIG_TOP), REP_LINK_FENCED);
	assert_int_equal(rig_restart(&r), 0);
	rig_step(&r, &event);
	assert_int_equal(r.reply.rc, TR_E_FENCED);
	rig_end(&r);
}

/* The leaf's key of number 1 is not registered yet, and then the top node registers another one for that number. */
static void begin_provisional(struct rig *r, enum rig_who self, struct rig_party *other)
{
	struct rig_party leaf;
	struct rep_key key;

	rig_begin(r, self);
	leaf = r->party[RIG_LEAF];
	*other = renewed(r, RIG_LEAF, 1, 0x33);
	rig_certify(r, &leaf, RIG_STREET, false);
	rig_certify(r, other, RIG_STREET, true);
	key = rep_key_cert(leaf.nid, 1);
	assert_int_equal(rep_put(&r->view, REP_T_CERT, rep_key_bytes(&key), (struct tr_bytes){leaf.bytes, leaf.size}), 0);
	assert_int_equal(rig_restart(r), 0);
}

static void who_lost_its_number_only_reads(void **state)
{
	struct rig_party other;
	struct rig r;

	(void)state;
	begin_provisional(&r, RIG_LEAF, &other);
	rig_connect(&r, RIG_STREET);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_cert(&r, &other);
	assert_int_equal(r.traces[REP_TRACE_SEAT_OLD], 1);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_FENCED);
	assert_int_equal(rig_restart(&r), 0);
	rig_wait(&r, 200000); /* it does not dial */
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_FENCED);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_those_above_decide),
	    cmocka_unit_test(a_key_is_cut_once),
	    cmocka_unit_test(another_key_waits_for_approval),
	    cmocka_unit_test(a_waiting_key_is_not_cut_with_the_one_in_use),
	    cmocka_unit_test(a_key_that_only_its_unit_knows_is_passed_on),
	    cmocka_unit_test(the_old_seat_is_fenced),
	    cmocka_unit_test(who_lost_its_number_only_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
