/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a neighbour calls evidence is kept only if both of it are signed by
 * whom they say, is bounded, told once, and passed on up the tree. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include <sodium.h>

#include "proto/err.h"
#include "replication/evidence.h"
#include "tests/lib/rig.h"

#define ROWS_MAX 64 /* of evidence.c */

static uint64_t bad(const struct rig *r)
{
	struct rep_self self;

	rep_inspect_self(r->node, &self);
	return self.bad_frames;
}

/* The leaf with another key, certified by `issuer`. */
static struct rig_party another(struct rig *r, uint32_t serial, uint8_t seed, enum rig_who issuer)
{
	struct rig_party p = r->party[RIG_LEAF];
	uint8_t seeds[32];

	memset(seeds, seed, sizeof(seeds));
	crypto_sign_seed_keypair(p.sign.pk.b, p.sign.sk, seeds);
	crypto_scalarmult_base(p.curve.b, seeds);
	p.cert.serial = serial;
	p.cert.sign_pk = p.sign.pk;
	p.cert.curve_pk = p.curve;
	rig_certify(r, &p, issuer, false);
	return p;
}

static void say(struct rig *r, uint32_t kind, struct tr_bytes a, struct tr_bytes b)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Evidence ev = TERRACE__EVIDENCE__INIT;
	uint8_t one[TR_CERT_BYTES_MAX + 1] = {0}, two[TR_CERT_BYTES_MAX + 1] = {0};

	memcpy(one, a.data, a.size < sizeof(one) ? a.size : sizeof(one));
	memcpy(two, b.data, b.size < sizeof(two) ? b.size : sizeof(two));
	ev.kind = kind;
	ev.a = (ProtobufCBinaryData){a.size, one};
	ev.b = (ProtobufCBinaryData){b.size, two};
	msg.m_case = TERRACE__MSG__M_EVIDENCE;
	msg.evidence = &ev;
	rig_send(r, &msg);
	assert_int_equal(r->rc, 0);
}

static struct tr_bytes cert_of(const struct rig_party *p)
{
	return (struct tr_bytes){p->bytes, p->size};
}

enum lie { FORGED, CUT_SHORT, TOO_LONG, EMPTY, NOT_ITS_PARENT, NOBODY, OTHER_NUMBER, TWICE, OTHER_KIND, LIES };

static void lie(struct rig *r, enum lie how)
{
	struct rig_party true_one = r->party[RIG_LEAF], other = another(r, 1, 0x33, RIG_STREET);
	struct tr_bytes a = cert_of(&true_one), b;

	if (how == NOT_ITS_PARENT)
		other = another(r, 1, 0x33, RIG_OTHER);
	if (how == OTHER_NUMBER)
		other = another(r, 2, 0x33, RIG_STREET);
	if (how == NOBODY) { /* signed by a key that nobody has certified */
		r->party[RIG_STREET].sign = other.sign;
		other = another(r, 1, 0x34, RIG_STREET);
	}
	if (how == FORGED)
		other.bytes[other.size - 2] ^= 1;
	b = how == TWICE ? a : cert_of(&other);
	b.size = how == CUT_SHORT ? b.size - 5 : how == TOO_LONG ? TR_CERT_BYTES_MAX + 1 : how == EMPTY ? 0 : b.size;
	say(r, how == OTHER_KIND ? TR_EVIDENCE_CERTS + 1 : TR_EVIDENCE_CERTS, a, b);
}

static void a_lie_is_counted_and_leaves_nothing(void **state)
{
	(void)state;
	for (enum lie how = 0; how < LIES; how++) {
		struct rep_evidence_info info;
		struct rig r;

		rig_begin(&r, RIG_TOP);
		rig_connect(&r, RIG_STREET);
		lie(&r, how);
		assert_int_equal(bad(&r), 1);
		assert_int_equal(r.traces[REP_TRACE_FRAME_BAD], 1);
		assert_int_equal(r.traces[REP_TRACE_EVIDENCE], 0);
		assert_int_equal(memview_rows(r.mv, REP_T_EVID), 0);
		assert_false(rep_inspect_evidence(r.node, &r.view, 0, &info));
		rig_end(&r);
	}
}

static void the_same_a_thousand_times_is_told_once(void **state)
{
	struct rep_evidence_info info;
	struct rig_party leaf, fake;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	leaf = r.party[RIG_LEAF];
	fake = another(&r, 1, 0x33, RIG_STREET);
	for (int i = 0; i < 1000; i++)
		say(&r, TR_EVIDENCE_CERTS, i % 2 == 0 ? cert_of(&leaf) : cert_of(&fake), i % 2 == 0 ? cert_of(&fake) : cert_of(&leaf));
	assert_int_equal(bad(&r), 0);
	assert_int_equal(r.traces[REP_TRACE_EVIDENCE], 1);
	assert_int_equal(memview_rows(r.mv, REP_T_EVID), 1);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	for (int again = 0; again < 2; again++) { /* and from the store */
		assert_true(rep_inspect_evidence(r.node, &r.view, 0, &info));
		assert_int_equal(info.unit.v, leaf.nid.v);
		assert_int_equal(info.signer.v, r.party[RIG_STREET].nid.v);
		assert_int_equal(info.serial, 1);
		assert_false(rep_inspect_evidence(r.node, &r.view, 1, &info));
		assert_int_equal(rig_restart(&r), 0);
	}
	rig_end(&r);
}

/* A signer that goes on and on is known after the first ones. */
static void what_is_kept_is_bounded(void **state)
{
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	for (uint32_t serial = 1; serial <= 2 * ROWS_MAX; serial++) {
		struct rig_party a = another(&r, serial, 0x33, RIG_STREET), b = another(&r, serial, 0x34, RIG_STREET);

		say(&r, TR_EVIDENCE_CERTS, cert_of(&a), cert_of(&b));
	}
	assert_int_equal(bad(&r), 0);
	assert_int_equal(memview_rows(r.mv, REP_T_EVID), ROWS_MAX);
	assert_int_equal(r.traces[REP_TRACE_EVIDENCE], ROWS_MAX);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_end(&r);
}

/* A street meets two certificates for one number: it tells the top node, in this session and in the next. */
static void it_goes_up_in_each_session(void **state)
{
	struct rig_party fake;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_TOP);
	fake = another(&r, 1, 0x33, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	rig_wait(&r, 10);
	assert_int_equal(r.frames[TERRACE__MSG__M_EVIDENCE], 0);
	rig_cert(&r, &fake);
	rig_wait(&r, 10);
	assert_int_equal(r.traces[REP_TRACE_CERT_CHANGED_KEY], 1);
	assert_int_equal(r.frames[TERRACE__MSG__M_EVIDENCE], 1);
	assert_memory_equal(r.last[TERRACE__MSG__M_EVIDENCE]->evidence->b.data, fake.bytes, fake.size);
	rig_wait(&r, 1000);
	rig_cert(&r, &fake);
	rig_wait(&r, 1000);
	assert_int_equal(r.frames[TERRACE__MSG__M_EVIDENCE], 1); /* nothing new */
	assert_int_equal(rig_restart(&r), 0);
	rig_connect(&r, RIG_TOP);
	rig_wait(&r, 10);
	assert_int_equal(r.frames[TERRACE__MSG__M_EVIDENCE], 2);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_lie_is_counted_and_leaves_nothing),
	    cmocka_unit_test(the_same_a_thousand_times_is_told_once),
	    cmocka_unit_test(what_is_kept_is_bounded),
	    cmocka_unit_test(it_goes_up_in_each_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
