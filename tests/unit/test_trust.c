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

/* One op by the leaf, or by another unit, under a number of certificate; is it held then? */
static bool is_taken(struct rig *r, struct tr_log_id log, uint32_t h, uint32_t serial, const struct rig_party *signer)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{9, (uint8_t)h}}, .value_count = 1};
	uint8_t entry[512], out[1024], sig[64], header[TR_SEG_HEADER_SIZE];
	struct rep_seg_head head = {.log = log, .serial = serial, .first = 1, .count = 1, .hlc = {(uint64_t)r->wall_ms << 16}};
	Terrace__Seg msg = TERRACE__SEG__INIT;
	size_t rows = memview_rows(r->mv, REP_T_SEG);
	ProtobufCBinaryData list[1];
	struct tr_hash leaf;
	struct tr_bytes bytes;

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	assert_int_equal(rep_op_leaf(&leaf, bytes), 0);
	rep_seg_root(&leaf, 1, &head.root);
	rep_seg_ctxhash(NULL, 0, &head.ctxhash);
	rep_seg_head_encode(&head, header);
	rep_seg_sign(header, signer->sign.sk, sig);
	list[0] = (ProtobufCBinaryData){bytes.size, entry};
	msg.log = h;
	msg.first = msg.count = 1;
	msg.hlc = head.hlc.v;
	msg.serial = serial;
	msg.n_op = 1;
	msg.op = list;
	msg.sig = (ProtobufCBinaryData){sizeof(sig), sig};
	rig_logdef(r, h, log);
	bytes = (struct tr_bytes){out, terrace__seg__pack(&msg, out)};
	rig_segs(r, &bytes, 1);
	assert_int_equal(r->rc, 0);
	return memview_rows(r->mv, REP_T_SEG) > rows;
}

/* Whatever a segment says of its certificate: none, one of before, one whose row was lost. */
static void a_segment_needs_the_certificate_that_it_names(void **state)
{
	static const uint8_t zeros[64];
	struct rig_party nobody, leaf, second;
	struct tr_log_id log = {{4711}, 5, {4711}, TR_LANE_R};
	struct rep_key key;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	/* declared, and not joined: a certificate of nothing but zeros is none */
	nobody = r.party[RIG_OTHER];
	memcpy(nobody.sign.sk, zeros, sizeof(zeros));
	rig_declare(&r, log.scope, "110101/001/09");
	assert_non_null(rep_unit_find(r.node, log.scope));
	assert_false(is_taken(&r, log, 1, 0, &nobody));
	assert_int_equal(r.frames[TERRACE__MSG__M_NEED], 1);
	assert_int_equal(r.last[TERRACE__MSG__M_NEED]->need->nid, log.author.v);
	rig_connect(&r, RIG_STREET); /* what is missing ended the session */
	leaf = r.party[RIG_LEAF];
	second = another(&r, 2, 0x36, true);
	rig_cert(&r, &leaf);
	rig_cert(&r, &second);
	assert_int_equal(rep_unit_find(r.node, leaf.nid)->cert.serial, 2);
	log = (struct tr_log_id){leaf.nid, 5, leaf.nid, TR_LANE_R};
	assert_true(is_taken(&r, log, 2, 1, &leaf)); /* it signed that before it had the new key */
	log.inc++;
	assert_false(is_taken(&r, log, 3, 1, &second));
	assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 1);
	key = rep_key_cert(leaf.nid, 1);
	assert_int_equal(rep_put(&r.view, REP_T_CERT, rep_key_bytes(&key), UNIT_TEXT("rot")), 0);
	log.inc++;
	assert_false(is_taken(&r, log, 4, 1, &leaf));
	assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 1);
	assert_int_equal(r.frames[TERRACE__MSG__M_NEED], 2); /* it asks for it */
	rig_end(&r);
}

static void send_only(struct rig *r, const struct rig_party *p)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	uint8_t bytes[TR_CERT_BYTES_MAX];

	memcpy(bytes, p->bytes, p->size);
	msg.m_case = TERRACE__MSG__M_CERT;
	msg.cert = (ProtobufCBinaryData){p->size, bytes};
	rig_send_only(r, &msg);
}

/* Several in one commit, one of them twice over; nobody who is not registered yet has children. */
static void the_top_registers_what_came_in_one_commit(void **state)
{
	struct rig_party a, b, child;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	a = another(&r, 1, 0x31, false);
	b = another(&r, 1, 0x32, false);
	b.nid.v = b.cert.nid.v = 2000;
	strcpy(b.cert.unit, "110101/001/02");
	rig_certify(&r, &b, RIG_STREET, false);
	child = b;
	child.cert.nid.v = 2001;
	child.cert.parent = child.cert.issuer = a.nid;
	child.cert.level = 3;
	child.cert.caps = 0;
	strcpy(child.cert.unit, "110101/001/01/7");
	r.party[RIG_LEAF] = a;
	rig_certify(&r, &child, RIG_LEAF, false);
	send_only(&r, &a);
	send_only(&r, &b);
	send_only(&r, &child);
	assert_null(rep_unit_find(r.node, child.cert.nid));
	send_only(&r, &a); /* known */
	rig_wait(&r, 1);
	assert_true(rep_unit_find(r.node, a.nid)->cert.registered);
	assert_true(rep_unit_find(r.node, b.nid)->cert.registered);
	assert_int_equal(r.traces[REP_TRACE_CERT_BAD], 1);
	rig_connect(&r, RIG_STREET); /* a certificate without its issuer's ended the session */
	rig_cert(&r, &child);
	assert_non_null(rep_unit_find(r.node, child.cert.nid));
	rig_end(&r);
}

/* Two asked for in one commit are one entry of the list. */
static void a_unit_waits_once_for_the_registrar(void **state)
{
	struct rig_party one, two;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	one = another(&r, 1, 0x31, false);
	two = another(&r, 2, 0x32, false);
	send_only(&r, &one);
	send_only(&r, &two);
	assert_int_equal(r.node->to_register_count, 1);
	rig_wait(&r, 1);
	assert_true(rep_unit_find(r.node, one.nid)->cert.registered);
	assert_int_equal(rep_unit_find(r.node, one.nid)->serial_max, 2);
	rig_end(&r);
}

/* A key that was replaced long ago comes by: it is kept for what it signed, and no more. */
static void an_older_registered_key_takes_nobodys_place(void **state)
{
	struct rig_party first, third;
	struct rep_key key;
	struct tr_bytes row;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	first = r.party[RIG_LEAF];
	third = another(&r, 3, 0x33, true);
	rig_cert(&r, &third);
	rig_cert(&r, &first);
	assert_int_equal(rep_unit_find(r.node, first.nid)->cert.serial, 3);
	assert_false(rep_unit_find(r.node, first.nid)->has_next);
	key = rep_key_cert(first.nid, 1);
	assert_int_equal(rep_get(&r.view, REP_T_CERT, rep_key_bytes(&key), &row), 0);
	rig_end(&r);
}

/* What the registrar signed takes the place of what it had not seen; after that there is only evidence. */
static void the_registrar_decides_between_two_keys_of_one_number(void **state)
{
	struct rig_party provisional, registered, again;
	struct rep_key key;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_STREET);
	key = rep_key_cert(r.party[RIG_LEAF].nid, 1);
	provisional = another(&r, 1, 0x31, false);
	registered = another(&r, 1, 0x32, true);
	again = another(&r, 1, 0x33, true);
	assert_int_equal(rep_put(&r.view, REP_T_CERT, rep_key_bytes(&key), (struct tr_bytes){provisional.bytes, provisional.size}), 0);
	assert_int_equal(rig_restart(&r), 0);
	rig_connect(&r, RIG_TOP);
	rig_cert(&r, &registered);
	assert_memory_equal(rep_unit_find(r.node, registered.nid)->cert.sign_pk.b, registered.sign.pk.b, 32);
	rig_cert(&r, &again);
	assert_memory_equal(rep_unit_find(r.node, registered.nid)->cert.sign_pk.b, registered.sign.pk.b, 32);
	assert_int_equal(r.traces[REP_TRACE_CERT_CHANGED_KEY], 1);
	rig_end(&r);
}

static void evidence_is_of_one_unit_and_signed(void **state)
{
	struct rig_party leaf, other, fake;
	struct rig r;
	size_t none;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	none = memview_rows(r.mv, REP_T_EVID);
	leaf = r.party[RIG_LEAF];
	other = r.party[RIG_OTHER];
	fake = another(&r, 1, 0x33, false);
	evidence(&r, &leaf, &other, 0);
	leaf.bytes[leaf.size - 2] ^= 1; /* now the first one */
	evidence(&r, &leaf, &fake, 0);
	assert_int_equal(memview_rows(r.mv, REP_T_EVID), none);
	rig_end(&r);
}

static void a_unit_has_so_many_keys(void **state)
{
	struct rig_party second;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	rep_unit_find(r.node, r.party[RIG_LEAF].nid)->cert_count = TR_CERTS_MAX;
	second = another(&r, 2, 0x36, true);
	rig_cert(&r, &second);
	assert_int_equal(rep_unit_find(r.node, second.nid)->cert.serial, 1);
	assert_int_equal(rep_unit_find(r.node, second.nid)->serial_max, 1);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_same_key_counts_in_any_order),
	    cmocka_unit_test(two_keys_for_one_number_are_kept_as_evidence),
	    cmocka_unit_test(a_certificate_of_another_zone_is_refused),
	    cmocka_unit_test(a_segment_needs_the_certificate_that_it_names),
	    cmocka_unit_test(the_top_registers_what_came_in_one_commit),
	    cmocka_unit_test(a_unit_waits_once_for_the_registrar),
	    cmocka_unit_test(an_older_registered_key_takes_nobodys_place),
	    cmocka_unit_test(the_registrar_decides_between_two_keys_of_one_number),
	    cmocka_unit_test(evidence_is_of_one_unit_and_signed),
	    cmocka_unit_test(a_unit_has_so_many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
