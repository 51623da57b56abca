/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any bytes as a SignedCert.  protobuf-c understands what is accepted
 * and sees the same; nothing verifies that the keys did not sign; the
 * registrar's signature can be added to all of them.
 */
#include "tests/fuzz/fuzz.h"

#include "proto/record.pb-c.h"
#include "replication/identity.h"

static struct rep_sign_keys keys; /* of a top node that signed nothing in the corpus */
static struct rep_root root;
static struct rep_cert top;

static void make_top(void)
{
	uint8_t seed[32];

	if (top.nid.v != 0)
		return;
	memset(seed, 0x77, sizeof(seed));
	crypto_sign_seed_keypair(keys.pk.b, keys.sk, seed);
	root = (struct rep_root){.zone = 0x5a5a5a5a00000001, .version = 1, .key_count = 1,
	    .threshold = 1, .key = {keys.pk}};
	top = (struct rep_cert){.nid = {0x100}, .zone = root.zone, .serial = 1,
	    .sign_pk = keys.pk, .caps = UINT32_MAX, .unit = "110101", .alg = 1};
}

static void second_opinion(struct tr_bytes in, const struct rep_cert *cert)
{
	Terrace__SignedCert *sc = terrace__signed_cert__unpack(NULL, in.size, in.data);
	Terrace__Cert *c;

	TR_ASSERT(sc != NULL);
	c = terrace__cert__unpack(NULL, sc->cert.len, sc->cert.data);
	TR_ASSERT(c != NULL);
	TR_ASSERT(c->nid == cert->nid.v && c->parent == cert->parent.v);
	TR_ASSERT(c->level == cert->level && c->serial == cert->serial && c->caps == cert->caps);
	TR_ASSERT(c->unit.len == strlen(cert->unit) && c->title.len == strlen(cert->title));
	TR_ASSERT(c->issued_hlc == cert->issued.v && c->zone == cert->zone);
	TR_ASSERT(memcmp(c->sign_pk.data, cert->sign_pk.b, 32) == 0);
	terrace__cert__free_unpacked(c, NULL);
	terrace__signed_cert__free_unpacked(sc, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tr_bytes in = {data, size};
	uint8_t out[TR_CERT_BYTES_MAX];
	struct rep_cert cert, again;
	size_t n;

	(void)fuzz_arena();
	make_top();
	if (rep_cert_decode(in, &cert) != 0)
		return 0;
	second_opinion(in, &cert);
	TR_ASSERT(rep_cert_verify(in, &root, NULL, NULL, &again) != 0);
	TR_ASSERT(rep_cert_verify(in, &root, &top, &top, &again) != 0);
	n = rep_cert_countersign(in, &keys, 1, out, sizeof(out));
	if (n == 0) /* so full that 66 bytes more do not fit */
		return 0;
	TR_ASSERT(rep_cert_decode((struct tr_bytes){out, n}, &again) == 0);
	TR_ASSERT(cert.nid.v == again.nid.v && strcmp(cert.unit, again.unit) == 0);
	n = rep_cert_issue(&cert, &keys, out, sizeof(out));
	TR_ASSERT(n > 0);
	TR_ASSERT(rep_cert_decode((struct tr_bytes){out, n}, &again) == 0);
	return 0;
}
