/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity -- certificates, their chain to the pinned root, the registrar.
 *
 * A certificate is good when its issuer is its parent (the root for the top
 * node), its level is the parent's + 1, its caps are a subset of the
 * parent's, its unit lies below the parent's, and the signature verifies.
 * It is registered when the top node of the zone has countersigned it;
 * until then it is provisional.
 * Owns:    decoded structs are plain values, nothing to free.
 * Threads: none.
 */
#ifndef REPLICATION_IDENTITY_H
#define REPLICATION_IDENTITY_H

#include "proto/limits.h"
#include "proto/vocab.h"

struct rep_cert {
	struct tr_nid nid, parent, issuer;
	uint64_t zone;
	uint8_t level;
	uint32_t serial, issuer_serial;
	struct tr_key sign_pk, curve_pk, seal_pk;
	uint32_t caps;
	struct tr_hlc issued;
	uint8_t alg;
	char unit[TR_UNIT_PATH_MAX + 1];
	char title[TR_TITLE_MAX + 1];
	bool registered; /* registrar signature present and verified */
};

struct rep_root {
	uint64_t zone;
	uint32_t version;
	uint8_t key_count, threshold;
	struct tr_key key[3];
};

struct rep_sign_keys { /* lent by the daemon, which keeps it locked and wipes it */
	struct tr_key pk;
	uint8_t sk[64];
};

/* Default caps of a level below the top: 0 hub, 1 street, 2 and more community. */
uint32_t rep_caps_default(unsigned level);
/* "INTAKE" -> bit; 0 if unknown. */
uint32_t rep_cap_by_name(const char *name, size_t size);
const char *rep_cap_name(uint32_t bit);

/*
 * Encodes and signs.  out: at least TR_CERT_BYTES_MAX.  Returns the size of
 * the encoded SignedCert; 0 if a bound is broken.
 * By the root: `sign` has threshold keys of the root, their indexes in index[].
 */
size_t rep_cert_issue(const struct rep_cert *cert, const struct rep_sign_keys *issuer, uint8_t *out, size_t cap);
size_t rep_cert_issue_by_root(const struct rep_cert *cert, const struct rep_sign_keys *sign,
    const uint8_t *index, size_t count, uint8_t *out, size_t cap);
/* Adds the registrar's signature to an encoded SignedCert. */
size_t rep_cert_countersign(struct tr_bytes signed_cert, const struct rep_sign_keys *registrar,
    uint32_t registrar_serial, uint8_t *out, size_t cap);

/* Structure only, no signature: `registered` is what it claims.  0; TR_E_INPUT, TR_E_LIMIT, TR_E_UTF8. */
TR_MUST_CHECK int rep_cert_decode(struct tr_bytes signed_cert, struct rep_cert *out);
/*
 * Decodes and verifies under the issuer's certificate (issuer == NULL: under
 * the root, for the top node).  top: the zone's top certificate, for the
 * registrar's signature; may be NULL for the top node itself, which counts as
 * registered.  A wrong registrar signature is an error, a missing one is not.
 * 0; TR_E_INPUT...; TR_E_FORGED; TR_E_NOCERT (the registrar signed with a key
 * of another serial than top's).
 */
TR_MUST_CHECK int rep_cert_verify(struct tr_bytes signed_cert, const struct rep_root *root,
    const struct rep_cert *issuer, const struct rep_cert *top, struct rep_cert *out);

size_t rep_root_encode(const struct rep_root *root, uint8_t *out, size_t cap);
TR_MUST_CHECK int rep_root_decode(struct tr_bytes in, struct rep_root *out);
/* Fingerprint that people compare and nodes pin: BLAKE2b-256 of the encoded TrustRoot. */
void rep_root_hash(struct tr_bytes encoded, struct tr_hash *out);

/* --- enrolment (docs/protocol.md "Enrolment") --- */

/* From the token's secret: a CURVE key pair for one use and a MAC key. */
void rep_token_derive(const uint8_t secret[static TR_TOKEN_SECRET_SIZE],
    uint8_t curve_pk[static 32], uint8_t curve_sk[static 32], uint8_t mac_key[static 32]);
void rep_enroll_mac(const uint8_t mac_key[static 32], struct tr_bytes token_id,
    struct tr_bytes want, struct tr_bytes self_sig, uint8_t mac[static 32]);
void rep_enroll_sign(struct tr_bytes token_id, struct tr_bytes want,
    const struct rep_sign_keys *keys, uint8_t sig[static 64]);
bool rep_enroll_verify(struct tr_bytes token_id, struct tr_bytes want,
    struct tr_bytes sig, const struct tr_key *pk);
/* MAC of the answer: over all chain entries (length-prefixed) and the root. */
void rep_enrollok_mac(const uint8_t mac_key[static 32], const struct tr_bytes *chain,
    size_t chain_count, struct tr_bytes root, uint8_t mac[static 32]);

/* Point checks of keys from outside: Ed25519 main subgroup, not small order. */
bool rep_key_ok(const struct tr_key *sign_pk);

#endif
