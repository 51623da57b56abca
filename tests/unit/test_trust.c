/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: of a unit's certificates every node finds the same one to count, in any
 * order of arrival; two for one number are told to those above, with both. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include <sodium.h>

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/unit.h"
#include "tests/lib/rig.h"

static struct rig_party another(struct rig *r, uint32_t serial, uint8_t seed, bool registered)
{
	struct rig_party p = r->party[RIG_LEAF];
	uint8_t seeds[32];

	memset(seeds, seed, sizeof(seeds));
	crypto_sign_seed_keypair(p.sign.pk.b, p.sign.sk, seeds);
	crypto_scalarmult_base(p.curve.b, seeds);
	p.cert.serial = serial;
	p.cert.sign_pk = p.sign.pk;
	p.cert.curve_pk = p.curve;
	rig_certify(r, &p, RIG_STREET, registered);
	return p;
}

/* A relay between the top and the leaf: it neither registers nor judges. */
static void the_same_key_counts_in_any_order(void **state)
{
	static const struct { uint8_t order[3]; } orders[] = {{{0, 1, 2}}, {{0, 2, 1}}, {{1, 0, 2}}, {{1, 2, 0}}, {{2, 0, 1}}, {{2, 1, 0}}};
	/* which of 1, 2, 3 has the registrar's signature -> which counts, which waits (0: none) */
	static const struct { bool registered[3]; uint32_t now, next; } rows[] = {
	    {{true, false, false}, 1, 3}, {{false, true, false}, 2, 3}, {{false, false, true}, 3, 0},
	    {{true, true, false}, 2, 3}, {{false, false, false}, 3, 0}, {{true, false, true}, 3, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t o = 0; o < sizeof(orders) / sizeof(orders[0]); o++) {
			const struct rep_unit *unit;
			struct rig r;

			rig_begin(&r, RIG_STREET);
			rig_connect(&r, RIG_TOP);
			if (!rows[i].registered[0]) {
				struct rig_party first = another(&r, 1, 0x31, false);
				struct rep_key key = rep_key_cert(first.nid, 1);

				assert_int_equal(rep_put(&r.view, REP_T_CERT, rep_key_bytes(&key), (struct tr_bytes){first.bytes, first.size}), 0);
				assert_int_equal(rig_restart(&r), 0);
				rig_connect(&r, RIG_TOP);
			}
			for (int k = 0; k < 3; k++) {
				uint32_t serial = orders[o].order[k] + 1u;
				struct rig_party p = another(&r, serial, (uint8_t)(0x30 + serial), rows[i].registered[serial - 1]);

				if (serial > 1)
					rig_cert(&r, &p);
			}
			assert_int_equal(r.rc, 0);
			for (int again = 0; again < 2; again++) { /* and from the store */
				unit = rep_unit_find(r.node, r.party[RIG_LEAF].nid);
				assert_int_equal(unit->cert.serial, rows[i].now);
				assert_int_equal(unit->has_next ? unit->next.serial : 0, rows[i].next);
				assert_int_equal(unit->serial_max, 3);
				assert_int_equal(rig_restart(&r), 0);
			}
			rig_end(&r);
		}
}

static void evidence(struct rig *r, const struct rig_party *a, const struct rig_party *b, size_t cut)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Evidence ev = TERRACE__EVIDENCE__INIT;
	uint8_t one[TR_CERT_BYTES_MAX], two[TR_CERT_BYTES_MAX];

	memcpy(one, a->bytes, a->size);
	memcpy(two, b->bytes, b->size);
	ev.kind = TR_EVIDENCE_CERTS;
	ev.a = (ProtobufCBinaryData){a->size, one};
	ev.b = (ProtobufCBinaryData){b->size - cut, two};
	msg.m_case = TERRACE__MSG__M_EVIDENCE;
	msg.evidence = &ev;
	rig_send(r, &msg);
	assert_int_equal(r->rc, 0);
}

static void two_keys_for_one_number_are_kept_as_evidence(void **state)
{
	struct rig r;
	struct rig_party leaf, fake, later;
	size_t none;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	none = memview_rows(r.mv, REP_T_EVID);
	leaf = r.party[RIG_LEAF];
	fake = another(&r, 1, 0x33, false);
	later = another(&r, 2, 0x34, false);
	/* not what it says: another number, the same twice, not whole, a signature that is none */
	evidence(&r, &leaf, &later, 0);
	evidence(&r, &leaf, &leaf, 0);
	rig_end(&r);
	for (int i = 0; i < 2; i++) {
		rig_begin(&r, RIG_TOP);
		rig_connect(&r, RIG_STREET);
		if (i == 1)
			fake.bytes[fake.size - 2] ^= 1;
		evidence(&r, &leaf, &fake, i == 0 ? 5 : 0);
		assert_int_equal(memview_rows(r.mv, REP_T_EVID), none);
		rig_end(&r);
	}
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	fake = another(&r, 1, 0x33, false);
	evidence(&r, &leaf, &fake, 0);
	assert_int_equal(memview_rows(r.mv, REP_T_EVID), none + 1);
	evidence(&r, &leaf, &fake, 0); /* again */
	assert_int_equal(memview_rows(r.mv, REP_T_EVID), none + 1);
	rig_end(&r);
	/* and by itself, when the second one comes */
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &leaf);
	rig_cert(&r, &fake);
	assert_int_equal(memview_rows(r.mv, REP_T_EVID), none + 1);
	assert_memory_equal(rep_unit_find(r.node, leaf.nid)->cert.sign_pk.b, leaf.sign.pk.b, 32);
	rig_end(&r);
}

static void a_certificate_of_another_zone_is_refused(void **state)
{
	struct rig r;
	struct rig_party leaf;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	leaf = r.party[RIG_LEAF];
	leaf.cert.zone = 78;
	rig_certify(&r, &leaf, RIG_STREET, true);
	rig_cert(&r, &leaf);
	assert_true(rep_unit_find(r.node, leaf.nid) == NULL || !rep_unit_find(r.node, leaf.nid)->has_cert);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_key_counts_in_any_order),
	    cmocka_unit_test(two_keys_for_one_number_are_kept_as_evidence),
	    cmocka_unit_test(a_certificate_of_another_zone_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
