/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a unit's key is replaced by who knows the one in use or by a person of
 * the top node, is cut by those above, and by nobody else. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include <sodium.h>

#include "proto/err.h"
#include "replication/cut.h"
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

/* ------------------------------------------------------- a child changes its key */

enum spoil { FINE, SERIAL_OLD, SERIAL_FAR, WANT, SELF_SIG, PREV_SIG };

static void rotate(struct rig *r, const struct rig_party *next, enum spoil how)
{
	static const uint8_t none[TR_TOKEN_ID_SIZE];
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Rotate rot = TERRACE__ROTATE__INIT;
	Terrace__CertReq req = TERRACE__CERT_REQ__INIT;
	struct rep_cert cert = next->cert;
	uint8_t want[TR_CERT_REQ_BYTES_MAX], self_sig[64], prev_sig[64];
	size_t size;

	cert.serial = how == SERIAL_OLD ? 1 : how == SERIAL_FAR ? 4000 : cert.serial;
	req.sign_pk = (ProtobufCBinaryData){32, cert.sign_pk.b};
	req.curve_pk = (ProtobufCBinaryData){32, cert.curve_pk.b};
	req.seal_pk = (ProtobufCBinaryData){32, cert.seal_pk.b};
	size = terrace__cert_req__pack(&req, want) - (how == WANT ? 3 : 0);
	rep_enroll_sign(UNIT_BYTES(none), (struct tr_bytes){want, size}, &next->sign, self_sig);
	rep_cert_rekey_sign(&cert, &r->party[RIG_STREET].sign, prev_sig);
	self_sig[3] ^= how == SELF_SIG;
	prev_sig[3] ^= how == PREV_SIG;
	rot.want = (ProtobufCBinaryData){size, want};
	rot.self_sig = (ProtobufCBinaryData){64, self_sig};
	rot.prev_sig = (ProtobufCBinaryData){64, prev_sig};
	rot.serial = cert.serial;
	msg.m_case = TERRACE__MSG__M_ROTATE;
	msg.rotate = &rot;
	rig_send(r, &msg);
	assert_int_equal(r->rc, 0);
}

static void who_knows_its_key_gets_another(void **state)
{
	struct rig r;
	struct rig_party next;
	unsigned certs;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	next = renewed(&r, RIG_STREET, 2, 0x33);
	certs = r.frames[TERRACE__MSG__M_CERT];
	rotate(&r, &next, FINE);
	assert_int_equal(r.traces[REP_TRACE_REKEY_REFUSED], 0);
	assert_true(r.frames[TERRACE__MSG__M_CERT] > certs);
	rig_wait(&r, 10);
	assert_int_equal(serial_of(&r, r.party[RIG_STREET].nid), 2); /* the key before vouches for it: no person is asked */
	assert_int_not_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE); /* by the key of yesterday */
	rig_wait(&r, 1000);
	/* with the new one it is welcome, and the former is cut where it ends */
	r.party[RIG_STREET] = next;
	rig_connect(&r, RIG_STREET);
	rig_wait(&r, 1000);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	assert_int_equal(r.traces[REP_TRACE_SEAT_NEW], 1);
	assert_true(memview_rows(r.mv, REP_T_CUT) > 0);
	assert_int_equal(rig_restart(&r), 0);
	assert_int_equal(serial_of(&r, r.party[RIG_STREET].nid), 2);
	rig_end(&r);
}

static void who_does_not_prove_it_gets_none(void **state)
{
	static const struct { enum spoil how; const char *why; } rows[] = {
	    {SERIAL_OLD, "that number is taken"}, {SERIAL_FAR, "not the next number"}, {WANT, "malformed request"},
	    {SELF_SIG, "request is not signed by its key"}, {PREV_SIG, "not signed by the key in use"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig r;
		struct rig_party next;
		size_t certs;

		rig_begin(&r, RIG_TOP);
		rig_connect(&r, RIG_STREET);
		next = renewed(&r, RIG_STREET, 2, 0x33);
		certs = memview_rows(r.mv, REP_T_CERT);
		rotate(&r, &next, rows[i].how);
		rig_wait(&r, 10);
		assert_int_equal(r.traces[REP_TRACE_REKEY_REFUSED], 1);
		assert_int_equal(memview_rows(r.mv, REP_T_CERT), certs);
		assert_int_equal(serial_of(&r, r.party[RIG_STREET].nid), 1);
		assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
		rig_end(&r);
	}
}

/* The answer was lost: the same question gets the same certificate. */
static void a_lost_answer_is_given_again(void **state)
{
	struct rig r;
	struct rig_party next;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	next = r.party[RIG_STREET]; /* the very key that is in use already, under its own number */
	rotate(&r, &next, FINE);
	assert_int_equal(r.traces[REP_TRACE_REKEY_REFUSED], 0);
	assert_int_equal(serial_of(&r, r.party[RIG_STREET].nid), 1);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_end(&r);
}

/* The other end of it: a street with a new key under way. */
static void it_asks_and_changes_over(void **state)
{
	struct rig r;
	struct rig_party next;
	struct rep_rekey keys;
	struct rep_event event = {.kind = REP_EV_ROTATE, .rekey = &keys};
	struct rep_self self;

	(void)state;
	rig_begin(&r, RIG_STREET);
	next = renewed(&r, RIG_STREET, 2, 0x33);
	memset(&keys, 0, sizeof(keys));
	keys.sign_pk = next.sign.pk;
	keys.curve_pk = next.curve;
	keys.seal_pk = next.seal;
	rig_step(&r, &event);
	rep_inspect_self(r.node, &self);
	assert_true(self.rekeying);
	assert_int_equal(r.frames[TERRACE__MSG__M_ROTATE], 0);
	rig_connect(&r, RIG_TOP);
	rig_wait(&r, 10);
	assert_int_equal(r.frames[TERRACE__MSG__M_ROTATE], 1);
	assert_int_equal(r.last[TERRACE__MSG__M_ROTATE]->rotate->serial, 2);
	rig_wait(&r, 1000);
	assert_int_equal(r.frames[TERRACE__MSG__M_ROTATE], 1); /* once a session */
	rig_certify(&r, &next, RIG_TOP, true);
	rig_cert(&r, &next);
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.traces[REP_TRACE_REKEYED], 1);
	assert_int_equal(r.traces[REP_TRACE_SEAT_OLD], 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_those_above_decide),
	    cmocka_unit_test(a_key_is_cut_once),
	    cmocka_unit_test(another_key_waits_for_approval),
	    cmocka_unit_test(a_waiting_key_is_not_cut_with_the_one_in_use),
	    cmocka_unit_test(who_knows_its_key_gets_another),
	    cmocka_unit_test(who_does_not_prove_it_gets_none),
	    cmocka_unit_test(a_lost_answer_is_given_again),
	    cmocka_unit_test(it_asks_and_changes_over),
	    cmocka_unit_test(the_old_seat_is_fenced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
