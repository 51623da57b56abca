/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a certificate passes only if every rule of the chain holds, and one
 * broken rule is enough.  Method: a chain of three, one thing changed a time.
 */
#include "tests/unit/unit.h"

#include <sodium.h>

#include "proto/err.h"
#include "proto/record.pb-c.h"
#include "replication/identity.h"
#include "replication/sign.h"

#define ZONE 0x5a5a5a5a00000001

static struct rep_sign_keys root_keys[3], hub_keys, street_keys, leaf_keys;
static struct rep_root root;
static struct rep_cert hub, street, leaf;
static uint8_t buf[TR_CERT_BYTES_MAX], buf2[TR_CERT_BYTES_MAX];

static void keys_from(uint8_t fill, struct rep_sign_keys *keys)
{
	uint8_t seed[32];

	memset(seed, fill, sizeof(seed));
	crypto_sign_seed_keypair(keys->pk.b, keys->sk, seed);
}

static struct rep_cert make_cert(uint8_t level, const char *unit, const char *title,
    const struct rep_sign_keys *keys)
{
	struct rep_cert c = {
	    .nid = {0x100u + level},
	    .parent = {level == 0 ? 0 : 0x0ffu + level},
	    .issuer = {level == 0 ? 0 : 0x0ffu + level},
	    .zone = ZONE,
	    .level = level,
	    .serial = 1,
	    .issuer_serial = 1,
	    .sign_pk = keys->pk,
	    .caps = rep_caps_default(level),
	    .issued = {0x0190000000000000},
	    .alg = 1,
	};

	memset(c.curve_pk.b, 0x70 + level, 32);
	memset(c.seal_pk.b, 0x60 + level, 32);
	memcpy(c.unit, unit, strlen(unit));
	memcpy(c.title, title, strlen(title));
	return c;
}

static int setup(void **state)
{
	(void)state;
	root = (struct rep_root){.zone = ZONE, .version = 1, .key_count = 3, .threshold = 2};
	for (uint8_t i = 0; i < 3; i++) {
		keys_from((uint8_t)(0x11 + i), &root_keys[i]);
		root.key[i] = root_keys[i].pk;
	}
	keys_from(0x21, &hub_keys);
	keys_from(0x22, &street_keys);
	keys_from(0x23, &leaf_keys);
	hub = make_cert(0, "110101", "东城区", &hub_keys);
	street = make_cert(1, "110101/110101001", "东华门街道", &street_keys);
	leaf = make_cert(2, "110101/110101001/110101001001", "多福巷社区", &leaf_keys);
	return 0;
}

static struct tr_bytes hub_bytes(void)
{
	const struct rep_sign_keys two[2] = {root_keys[0], root_keys[2]};
	const uint8_t index[2] = {0, 2};

	return (struct tr_bytes){
	    buf, rep_cert_issue_by_root(&hub, two, index, 2, buf, sizeof(buf))};
}

static struct tr_bytes issue(const struct rep_cert *c, const struct rep_sign_keys *by)
{
	return (struct tr_bytes){buf, rep_cert_issue(c, by, buf, sizeof(buf))};
}

static void the_chain_of_three_verifies(void **state)
{
	struct rep_cert h, s, l;

	(void)state;
	assert_int_equal(rep_cert_verify(hub_bytes(), &root, NULL, NULL, &h), 0);
	assert_true(h.registered);
	assert_int_equal(rep_cert_verify(issue(&street, &hub_keys), &root, &h, &h, &s), 0);
	assert_false(s.registered);
	assert_int_equal(rep_cert_verify(issue(&leaf, &street_keys), &root, &s, &h, &l), 0);
	assert_int_equal(l.nid.v, 0x102);
	assert_int_equal(l.caps, TR_CAP_INTAKE | TR_CAP_HANDLE | TR_CAP_ROSTER);
	assert_string_equal(l.unit, "110101/110101001/110101001001");
	assert_string_equal(l.title, "多福巷社区");
	assert_memory_equal(l.sign_pk.b, leaf_keys.pk.b, 32);
	assert_memory_equal(l.curve_pk.b, leaf.curve_pk.b, 32);
	assert_memory_equal(l.seal_pk.b, leaf.seal_pk.b, 32);
	assert_true(l.issued.v == leaf.issued.v);
}

static void golden_certificates_and_root(void **state)
{
	struct tr_bytes cert;
	struct tr_hash hash;
	uint8_t bytes[TR_ROOT_BYTES_MAX];
	size_t size;

	(void)state;
	cert = hub_bytes();
	unit_golden_check("cert-hub", cert.data, cert.size);
	cert = issue(&street, &hub_keys);
	unit_golden_check("cert-street", cert.data, cert.size);
	size = rep_cert_countersign(cert, &hub_keys, 1, buf2, sizeof(buf2));
	unit_golden_check("cert-street-registered", buf2, size);
	size = rep_root_encode(&root, bytes, sizeof(bytes));
	unit_golden_check("root", bytes, size);
	rep_root_hash((struct tr_bytes){bytes, size}, &hash);
	unit_golden_check("root-hash", hash.b, 32);
}

/* Each changes the street's certificate before the hub signs it. */
static void bad_parent(struct rep_cert *c) { c->parent.v++; }
static void bad_issuer(struct rep_cert *c) { c->issuer.v++; }
static void bad_issuer_serial(struct rep_cert *c) { c->issuer_serial++; }
static void bad_level(struct rep_cert *c) { c->level++; }
static void bad_caps(struct rep_cert *c) { c->caps |= TR_CAP_STANDBY; }
static void bad_zone(struct rep_cert *c) { c->zone++; }
static void bad_self(struct rep_cert *c) { c->nid = c->parent; }
static void bad_unit_beside(struct rep_cert *c) { memcpy(c->unit, "110102", 6); }
static void bad_unit_same(struct rep_cert *c) { c->unit[6] = '\0'; }
static void bad_unit_prefix(struct rep_cert *c) { c->unit[6] = '0'; }
static void bad_unit_deep(struct rep_cert *c) { c->unit[10] = '/'; }
static void bad_key(struct rep_cert *c)
{
	memset(c->sign_pk.b, 0, 32); /* small order */
	c->sign_pk.b[0] = 1;
}

static void one_broken_rule_is_enough(void **state)
{
	static void (*const breaks[])(struct rep_cert *) = {
	    bad_parent, bad_issuer, bad_issuer_serial, bad_level, bad_caps, bad_zone, bad_self,
	    bad_unit_beside, bad_unit_same, bad_unit_prefix, bad_unit_deep, bad_key};
	struct rep_cert out;

	(void)state;
	for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
		struct rep_cert c = street;
		struct tr_bytes cert;

		breaks[i](&c);
		cert = issue(&c, &hub_keys);
		if (cert.size == 0 ||
		    rep_cert_verify(cert, &root, &hub, &hub, &out) != TR_E_FORGED)
			fail_msg("broken rule %zu passed", i);
	}
	/* Signed by somebody else; by a brother; level 0 under an issuer. */
	assert_int_equal(rep_cert_verify(issue(&street, &leaf_keys), &root, &hub, &hub, &out), TR_E_FORGED);
	assert_int_equal(rep_cert_verify(issue(&leaf, &street_keys), &root, &hub, &hub, &out), TR_E_FORGED);
	assert_int_equal(rep_cert_verify(hub_bytes(), &root, &hub, &hub, &out), TR_E_FORGED);
	assert_int_equal(rep_cert_verify(issue(&street, &hub_keys), &root, NULL, NULL, &out), TR_E_FORGED);
}

static void the_root_signs_with_two_different_keys(void **state)
{
	const struct rep_sign_keys same[2] = {root_keys[1], root_keys[1]};
	const struct rep_sign_keys three[3] = {root_keys[2], root_keys[1], root_keys[0]};
	const struct rep_sign_keys wrong[2] = {root_keys[0], hub_keys};
	static const struct {
		uint8_t index[3];
	} by[] = {{{1, 1}}, {{2, 1, 0}}, {{0, 1}}, {{0, 3}}};
	struct rep_cert out;
	struct tr_bytes cert = {buf, 0};

	(void)state;
	cert.size = rep_cert_issue_by_root(&hub, same, by[0].index, 2, buf, sizeof(buf));
	assert_int_equal(rep_cert_verify(cert, &root, NULL, NULL, &out), TR_E_FORGED);
	cert.size = rep_cert_issue_by_root(&hub, same, by[0].index, 1, buf, sizeof(buf));
	assert_int_equal(rep_cert_verify(cert, &root, NULL, NULL, &out), TR_E_FORGED);
	cert.size = rep_cert_issue_by_root(&hub, three, by[1].index, 3, buf, sizeof(buf));
	assert_int_equal(rep_cert_verify(cert, &root, NULL, NULL, &out), 0);
	cert.size = rep_cert_issue_by_root(&hub, wrong, by[2].index, 2, buf, sizeof(buf));
	assert_int_equal(rep_cert_verify(cert, &root, NULL, NULL, &out), TR_E_FORGED);
	cert.size = rep_cert_issue_by_root(&hub, wrong, by[3].index, 2, buf, sizeof(buf));
	assert_int_equal(rep_cert_verify(cert, &root, NULL, NULL, &out), TR_E_FORGED);
	assert_int_equal(rep_cert_issue_by_root(&hub, three, by[1].index, 4, buf, sizeof(buf)), 0);
	assert_int_equal(rep_cert_issue_by_root(&hub, three, by[1].index, 0, buf, sizeof(buf)), 0);
}

static void the_registrar_makes_a_certificate_registered(void **state)
{
	struct tr_bytes good = {buf2, 0};
	struct rep_cert out, top = hub;

	(void)state;
	assert_int_equal(rep_cert_decode(issue(&leaf, &street_keys), &out), 0);
	assert_false(out.registered);
	assert_int_equal(rep_cert_decode(hub_bytes(), &out), 0);
	assert_true(out.registered);
	good.size = rep_cert_countersign(issue(&leaf, &street_keys), &hub_keys, 1, buf2, sizeof(buf2));
	assert_int_equal(rep_cert_verify(good, &root, &street, &hub, &out), 0);
	assert_true(out.registered);
	assert_int_equal(rep_cert_verify(good, &root, &street, NULL, &out), 0);
	assert_false(out.registered); /* nobody to check it with */
	assert_int_equal(rep_cert_decode(good, &out), 0);
	assert_true(out.registered); /* a claim */
	top.caps &= ~(uint32_t)TR_CAP_REGISTRAR;
	assert_int_equal(rep_cert_verify(good, &root, &street, &top, &out), TR_E_FORGED);
	top = hub;
	top.serial = 2;
	assert_int_equal(rep_cert_verify(good, &root, &street, &top, &out), TR_E_NOCERT);
	top = hub;
	top.sign_pk = street_keys.pk;
	assert_int_equal(rep_cert_verify(good, &root, &street, &top, &out), TR_E_FORGED);
	/* The street plays registrar. */
	good.size = rep_cert_countersign(issue(&leaf, &street_keys), &street_keys, 1, buf2, sizeof(buf2));
	assert_int_equal(rep_cert_verify(good, &root, &street, &hub, &out), TR_E_FORGED);
	/* Twice is as once. */
	good.size = rep_cert_countersign(good, &hub_keys, 1, buf2, sizeof(buf2));
	assert_int_equal(rep_cert_verify(good, &root, &street, &hub, &out), 0);
}

static void issue_refuses_what_decode_would(void **state)
{
	struct rep_cert c;

	(void)state;
	c = street, c.nid.v = 0;
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.serial = 0;
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.zone = 0;
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.alg = 2;
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.level = TR_LEVEL_MAX + 1;
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.parent.v = 0;
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.unit[0] = '\0';
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.unit[3] = ' ';
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.unit[5] = '/'; /* an empty component */
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.title[1] = '\x1b'; /* no terminal commands in a name */
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.title[0] = '\xff';
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, memset(c.unit, '1', sizeof(c.unit));
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	assert_int_equal(rep_cert_issue(&street, &hub_keys, buf, 100), 0);
}

static void the_fullest_certificate_fits(void **state)
{
	const uint8_t index[3] = {0, 1, 2};
	struct rep_cert c = hub, out;
	struct tr_bytes cert = {buf, 0};

	(void)state;
	c.serial = c.issuer_serial = c.caps = UINT32_MAX;
	c.issued.v = UINT64_MAX;
	for (size_t i = 0; i < TR_UNIT_PATH_MAX; i++)
		c.unit[i] = i % 25 == 24 ? '/' : '9';
	memset(c.title, 'T', TR_TITLE_MAX);
	cert.size = rep_cert_issue_by_root(&c, root_keys, index, 3, buf, sizeof(buf));
	assert_true(cert.size > 0);
	cert.size = rep_cert_countersign(cert, &hub_keys, UINT32_MAX, buf2, sizeof(buf2));
	assert_true(cert.size > 0);
	cert.data = buf2;
	assert_int_equal(rep_cert_decode(cert, &out), 0);
	assert_string_equal(out.unit, c.unit);
	assert_string_equal(out.title, c.title);
}

static void damaged_certificates_never_verify(void **state)
{
	struct tr_bytes cert = issue(&street, &hub_keys);
	struct rep_cert out;

	(void)state;
	for (size_t n = 0; n < cert.size; n++) {
		assert_int_not_equal(rep_cert_verify((struct tr_bytes){buf, n}, &root, &hub, &hub, &out), 0);
		buf[n] ^= 4;
		assert_int_not_equal(rep_cert_verify(cert, &root, &hub, &hub, &out), 0);
		buf[n] ^= 4;
	}
	assert_int_equal(rep_cert_verify(cert, &root, &hub, &hub, &out), 0);
}

/* One field of the certificate spoilt, signed again by the hub: as a parent with a bad program would. */
static struct tr_bytes resign(const Terrace__Cert *c, size_t sig_size)
{
	static uint8_t body[TR_CERT_BYTES_MAX], sig[65], out[TR_CERT_BYTES_MAX];
	Terrace__SignedCert sc = TERRACE__SIGNED_CERT__INIT;
	size_t size = terrace__cert__pack(c, body);

	rep_sign("terrace/cert/1", (struct tr_bytes){body, size}, hub_keys.sk, sig);
	sc.cert = (ProtobufCBinaryData){size, body};
	sc.issuer_sig = (ProtobufCBinaryData){sig_size, sig};
	return (struct tr_bytes){out, terrace__signed_cert__pack(&sc, out)};
}

static void each_field_is_held_to_its_bounds(void **state)
{
	static uint8_t text[2 * TR_UNIT_PATH_MAX] = "110101/";
	struct tr_bytes cert = issue(&street, &hub_keys);
	Terrace__SignedCert *sc = terrace__signed_cert__unpack(NULL, cert.size, cert.data);
	Terrace__Cert *c = terrace__cert__unpack(NULL, sc->cert.len, sc->cert.data), bad;
	struct rep_cert out;

	(void)state;
	memset(text + 7, '1', sizeof(text) - 7);
	assert_int_equal(rep_cert_verify(resign(c, 65), &root, &hub, &hub, &out), TR_E_FORGED); /* and a byte more */
	assert_int_equal(rep_cert_verify(resign(c, 64), &root, &hub, &hub, &out), 0);
	bad = *c, bad.unit = (ProtobufCBinaryData){7 + TR_UNIT_CODE_MAX + 1, text};
	assert_int_equal(rep_cert_verify(resign(&bad, 64), &root, &hub, &hub, &out), TR_E_INPUT);
	bad = *c, bad.unit = (ProtobufCBinaryData){TR_UNIT_PATH_MAX + 1, text};
	assert_int_equal(rep_cert_verify(resign(&bad, 64), &root, &hub, &hub, &out), TR_E_LIMIT);
	bad = *c, bad.unit.len = 0;
	assert_int_equal(rep_cert_verify(resign(&bad, 64), &root, &hub, &hub, &out), TR_E_INPUT);
	bad = *c, bad.title = (ProtobufCBinaryData){3, (uint8_t *)"a\x7f" "b"};
	assert_int_equal(rep_cert_verify(resign(&bad, 64), &root, &hub, &hub, &out), TR_E_INPUT);
	bad = *c, bad.title = (ProtobufCBinaryData){2, (uint8_t *)"\xc3\x28"};
	assert_int_equal(rep_cert_verify(resign(&bad, 64), &root, &hub, &hub, &out), TR_E_UTF8);
	bad = *c, bad.seal_pk.len = 31;
	assert_int_equal(rep_cert_verify(resign(&bad, 64), &root, &hub, &hub, &out), TR_E_INPUT);
	bad = *c, bad.seal_pk.len = 0;
	assert_int_equal(rep_cert_verify(resign(&bad, 64), &root, &hub, &hub, &out), TR_E_INPUT);
	bad = *c, bad.alg = 256;
	assert_int_equal(rep_cert_verify(resign(&bad, 64), &root, &hub, &hub, &out), TR_E_INPUT);
	bad = *c, bad.level = 300;
	assert_int_equal(rep_cert_verify(resign(&bad, 64), &root, &hub, &hub, &out), TR_E_INPUT);
	terrace__cert__free_unpacked(c, NULL);
	/* a field of a later version is passed over */
	memcpy(buf2, cert.data, cert.size);
	memcpy(buf2 + cert.size, "\xa0\x01\x05", 3);
	assert_int_equal(rep_cert_verify((struct tr_bytes){buf2, cert.size + 3}, &root, &hub, &hub, &out), 0);
	buf2[cert.size + 2] = 0x85; /* but not one that is none */
	assert_int_equal(rep_cert_verify((struct tr_bytes){buf2, cert.size + 3}, &root, &hub, &hub, &out), TR_E_INPUT);
	terrace__signed_cert__free_unpacked(sc, NULL);
}

static void no_larger_than_what_is_allowed(void **state)
{
	static uint8_t large[TR_CERT_BYTES_MAX + 1];
	struct tr_bytes in = UNIT_BYTES(large);
	struct rep_cert c, out;

	(void)state;
	memcpy(large, issue(&street, &hub_keys).data, 100);
	assert_int_equal(rep_cert_decode(in, &out), TR_E_LIMIT);
	assert_int_equal(rep_cert_verify(in, &root, &hub, &hub, &out), TR_E_LIMIT);
	assert_int_equal(rep_cert_countersign(in, &hub_keys, 1, buf2, sizeof(buf2)), 0);
	assert_int_equal(rep_cert_issue(&street, &hub_keys, buf2, 60), 0);
	assert_int_equal(rep_root_encode(&root, buf2, 20), 0);
	c = street, memset(c.title, 'T', sizeof(c.title));
	assert_int_equal(issue(&c, &hub_keys).size, 0);
	c = street, c.unit[2] = '\xff';
	assert_int_equal(issue(&c, &hub_keys).size, 0);
}

/* The top's certificate is the root's: nobody's issuer, the root's version, whole signatures. */
static void what_the_root_signs_is_its_own(void **state)
{
	const uint8_t index[2] = {0, 2};
	const struct rep_sign_keys two[2] = {root_keys[0], root_keys[2]};
	struct rep_cert c, out;
	struct tr_bytes cert = {buf, 0};

	(void)state;
	c = hub, c.issuer_serial = 2;
	cert.size = rep_cert_issue_by_root(&c, two, index, 2, buf, sizeof(buf));
	assert_int_equal(rep_cert_verify(cert, &root, NULL, NULL, &out), TR_E_FORGED);
	c = hub, c.issuer.v = 5;
	cert.size = rep_cert_issue_by_root(&c, two, index, 2, buf, sizeof(buf));
	assert_int_equal(rep_cert_verify(cert, &root, NULL, NULL, &out), TR_E_FORGED);
	cert = issue(&hub, &root_keys[0]); /* 64 bytes, without an index */
	assert_int_equal(rep_cert_verify(cert, &root, NULL, NULL, &out), TR_E_FORGED);
	c = street, c.issuer.v = 0; /* level 1 */
	cert.size = rep_cert_issue_by_root(&c, two, index, 2, buf, sizeof(buf));
	assert_int_equal(rep_cert_verify(cert, &root, NULL, NULL, &out), TR_E_FORGED);
	c = street; /* signed in the root's way under an issuer */
	cert.size = rep_cert_issue_by_root(&c, two, index, 2, buf, sizeof(buf));
	assert_int_equal(rep_cert_verify(cert, &root, &hub, &hub, &out), TR_E_FORGED);
}

static void a_root_of_other_numbers_is_refused(void **state)
{
	struct rep_root bad, out;
	uint8_t bytes[TR_ROOT_BYTES_MAX];
	size_t size;

	(void)state;
	bad = root, bad.key_count = 4;
	assert_int_equal(rep_root_encode(&bad, bytes, sizeof(bytes)), 0);
	bad = root, bad.zone = 0;
	assert_int_equal(rep_root_encode(&bad, bytes, sizeof(bytes)), 0);
	bad = root, bad.key_count = 1, bad.threshold = 1;
	size = rep_root_encode(&bad, bytes, sizeof(bytes));
	assert_int_equal(rep_root_decode((struct tr_bytes){bytes, size}, &out), 0);
	/* fields of a later version: the hash of the root before, one that nobody knows */
	memcpy(bytes + size, "\x2a\x20", 2);
	memset(bytes + size + 2, 7, 32);
	assert_int_equal(rep_root_decode((struct tr_bytes){bytes, size + 34}, &out), 0);
	bytes[size + 1] = 0x1f;
	assert_int_equal(rep_root_decode((struct tr_bytes){bytes, size + 33}, &out), TR_E_INPUT);
	memcpy(bytes + size, "\xa0\x01\x05", 3);
	assert_int_equal(rep_root_decode((struct tr_bytes){bytes, size + 3}, &out), 0);
	memcpy(bytes + size, "\x09\x01\0\0\0\0\0\0\0", 9); /* the zone twice */
	assert_int_equal(rep_root_decode((struct tr_bytes){bytes, size + 9}, &out), TR_E_INPUT);
	memcpy(bytes + size, "\x18\x01", 2); /* a key that is a number */
	assert_int_equal(rep_root_decode((struct tr_bytes){bytes, size + 2}, &out), TR_E_INPUT);
	memcpy(bytes + size, "\x1a\x01\x01", 3); /* of one byte */
	assert_int_equal(rep_root_decode((struct tr_bytes){bytes, size + 3}, &out), TR_E_INPUT);
	for (unsigned i = 0; i < 3; i++) { /* four keys */
		bytes[size + 34 * i] = 0x1a;
		bytes[size + 34 * i + 1] = 0x20;
		memcpy(bytes + size + 34 * i + 2, (i == 0 ? hub_keys : i == 1 ? street_keys : leaf_keys).pk.b, 32);
	}
	assert_int_equal(rep_root_decode((struct tr_bytes){bytes, size + 2 * 34}, &out), 0);
	assert_int_equal(rep_root_decode((struct tr_bytes){bytes, size + 3 * 34}, &out), TR_E_INPUT);
}

/* protobuf-c, the schema's own reader, sees the same fields. */
static void the_bytes_are_those_of_protobuf(void **state)
{
	struct tr_bytes cert = hub_bytes();
	Terrace__SignedCert *sc = terrace__signed_cert__unpack(NULL, cert.size, cert.data);
	Terrace__Cert *c;
	uint8_t again[TR_CERT_BYTES_MAX];

	(void)state;
	assert_non_null(sc);
	assert_int_equal(sc->issuer_sig.len, 2 * 65);
	c = terrace__cert__unpack(NULL, sc->cert.len, sc->cert.data);
	assert_non_null(c);
	assert_int_equal(c->nid, hub.nid.v);
	assert_int_equal(c->caps, hub.caps);
	assert_int_equal(c->issuer_serial, 1);
	assert_int_equal(c->base.n_unknown_fields, 0);
	assert_int_equal(terrace__cert__pack(c, again), sc->cert.len);
	assert_memory_equal(again, sc->cert.data, sc->cert.len);
	assert_int_equal(terrace__signed_cert__pack(sc, again), cert.size);
	assert_memory_equal(again, cert.data, cert.size);
	terrace__cert__free_unpacked(c, NULL);
	terrace__signed_cert__free_unpacked(sc, NULL);
}

static void the_root_reads_back_and_is_bounded(void **state)
{
	uint8_t bytes[TR_ROOT_BYTES_MAX + 1];
	struct tr_bytes in = {bytes, rep_root_encode(&root, bytes, sizeof(bytes))};
	struct rep_root out, bad;

	(void)state;
	assert_true(in.size > 0);
	assert_int_equal(rep_root_decode(in, &out), 0);
	assert_true(out.zone == ZONE);
	assert_int_equal(out.threshold, 2);
	assert_int_equal(out.key_count, 3);
	assert_memory_equal(out.key, root.key, sizeof(root.key));
	for (size_t n = 0; n < in.size; n++)
		if (rep_root_decode((struct tr_bytes){bytes, n}, &out) == 0)
			fail_msg("root cut at %zu passed", n);
	bad = root, bad.threshold = 4;
	assert_int_equal(rep_root_encode(&bad, bytes, sizeof(bytes)), 0);
	bad = root, bad.key[1] = bad.key[0];
	assert_int_equal(rep_root_encode(&bad, bytes, sizeof(bytes)), 0);
	bad = root, memset(bad.key[2].b, 0, 32);
	assert_int_equal(rep_root_encode(&bad, bytes, sizeof(bytes)), 0);
	in.size = sizeof(bytes);
	assert_int_equal(rep_root_decode(in, &out), TR_E_LIMIT);
}

static void enrolment_is_bound_to_token_and_keys(void **state)
{
	uint8_t id[TR_TOKEN_ID_SIZE], secret[TR_TOKEN_SECRET_SIZE], want[100];
	uint8_t pk[32], sk[32], mac_key[32], derived[32], sig[64], mac[32], mac2[32];
	struct tr_bytes token = UNIT_BYTES(id), req = UNIT_BYTES(want), s = UNIT_BYTES(sig);
	struct tr_bytes chain[2] = {req, token};

	(void)state;
	memset(id, 1, sizeof(id));
	memset(secret, 2, sizeof(secret));
	memset(want, 3, sizeof(want));
	rep_token_derive(secret, pk, sk, mac_key);
	crypto_scalarmult_base(derived, sk);
	assert_memory_equal(derived, pk, 32);
	unit_golden_check("token-curve-pk", pk, 32);
	unit_golden_check("token-mac-key", mac_key, 32);
	rep_enroll_sign(token, req, &leaf_keys, sig);
	assert_true(rep_enroll_verify(token, req, s, &leaf_keys.pk));
	assert_false(rep_enroll_verify(token, req, s, &hub_keys.pk));
	s.size--;
	assert_false(rep_enroll_verify(token, req, s, &leaf_keys.pk));
	s.size++;
	token.size--;
	assert_false(rep_enroll_verify(token, req, s, &leaf_keys.pk));
	token.size++;
	req.size = 0;
	assert_false(rep_enroll_verify(token, req, s, &leaf_keys.pk));
	req.size = TR_CERT_REQ_BYTES_MAX + 1;
	assert_false(rep_enroll_verify(token, req, s, &leaf_keys.pk));
	req.size = sizeof(want);
	assert_false(rep_enroll_verify(token, req, s, &(struct tr_key){{1}})); /* of small order */
	rep_enroll_mac(mac_key, token, req, s, mac);
	unit_golden_check("enroll-mac", mac, 32);
	id[0] ^= 1;
	assert_false(rep_enroll_verify(token, req, s, &leaf_keys.pk));
	rep_enroll_mac(mac_key, token, req, s, mac2);
	assert_memory_not_equal(mac, mac2, 32);
	id[0] ^= 1;
	rep_enrollok_mac(mac_key, chain, 2, req, mac);
	unit_golden_check("enrollok-mac", mac, 32);
	rep_enrollok_mac(mac_key, chain, 1, req, mac2);
	assert_memory_not_equal(mac, mac2, 32);
}

static void caps_have_names(void **state)
{
	(void)state;
	for (uint32_t bit = 1; bit <= TR_CAP_REGISTRAR; bit <<= 1) {
		const char *name = rep_cap_name(bit);

		assert_non_null(name);
		assert_int_equal(rep_cap_by_name(name, strlen(name)), bit);
	}
	assert_null(rep_cap_name(TR_CAP_REGISTRAR << 1));
	assert_null(rep_cap_name(3));
	assert_int_equal(rep_cap_by_name("INTAK", 5), 0);
	assert_int_equal(rep_caps_default(0) & TR_CAP_STANDBY, 0);
	for (unsigned level = 1; level <= TR_LEVEL_MAX; level++)
		assert_int_equal(rep_caps_default(level) & ~rep_caps_default(level - 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_chain_of_three_verifies),
	    cmocka_unit_test(golden_certificates_and_root),
	    cmocka_unit_test(one_broken_rule_is_enough),
	    cmocka_unit_test(the_root_signs_with_two_different_keys),
	    cmocka_unit_test(the_registrar_makes_a_certificate_registered),
	    cmocka_unit_test(issue_refuses_what_decode_would),
	    cmocka_unit_test(the_fullest_certificate_fits),
	    cmocka_unit_test(damaged_certificates_never_verify),
	    cmocka_unit_test(each_field_is_held_to_its_bounds),
	    cmocka_unit_test(no_larger_than_what_is_allowed),
	    cmocka_unit_test(what_the_root_signs_is_its_own),
	    cmocka_unit_test(a_root_of_other_numbers_is_refused),
	    cmocka_unit_test(the_bytes_are_those_of_protobuf),
	    cmocka_unit_test(the_root_reads_back_and_is_bounded),
	    cmocka_unit_test(enrolment_is_bound_to_token_and_keys),
	    cmocka_unit_test(caps_have_names),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, setup, NULL);
}
