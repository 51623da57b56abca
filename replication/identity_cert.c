/* SPDX-License-Identifier: Apache-2.0 */
/* Cert and SignedCert of record.proto, by hand: nothing is allocated. */
#include "replication/identity.h"

#include <string.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "proto/wire.h"
#include "replication/name.h"
#include "replication/sign.h"

#define PURPOSE_CERT      "terrace/cert/1"
#define PURPOSE_REGISTRAR "terrace/registrar/1"

enum { ALG_ED25519 = 1, SIG_SIZE = 64, ROOT_SIG_SIZE = 1 + SIG_SIZE };
enum { ROOT_SIGS_MAX = 3 };

/* Field numbers of record.proto. */
enum {
	CERT_NID = 1,
	CERT_PARENT,
	CERT_LEVEL,
	CERT_SERIAL,
	CERT_SIGN_PK,
	CERT_CURVE_PK,
	CERT_SEAL_PK,
	CERT_CAPS,
	CERT_UNIT,
	CERT_TITLE,
	CERT_ISSUER,
	CERT_ISSUER_SERIAL,
	CERT_ISSUED,
	CERT_ALG,
	CERT_ZONE,
};
enum {
	SIGNED_CERT = 1,
	SIGNED_ISSUER_SIG,
	SIGNED_PREV_KEY_SIG,
	SIGNED_REGISTRAR_SIG,
	SIGNED_REGISTRAR_SERIAL,
};

/* A SignedCert taken apart; borrowed. */
struct parts {
	struct tr_bytes cert, issuer_sig, prev_key_sig, registrar_sig;
	uint32_t registrar_serial;
};

static struct tr_bytes text_of(const char *text)
{
	return (struct tr_bytes){(const uint8_t *)text, strlen(text)};
}

static bool cert_ok(const struct rep_cert *cert)
{
	return cert->nid.v != 0 && cert->serial != 0 && cert->zone != 0 &&
	    cert->level <= TR_LEVEL_MAX && cert->alg == ALG_ED25519 &&
	    (cert->level == 0) == (cert->parent.v == 0) &&
	    rep_name_path_ok(text_of(cert->unit)) &&
	    rep_name_title_ok(text_of(cert->title));
}

/* --- encoding --- */

static size_t encode_cert(const struct rep_cert *cert, uint8_t *out, size_t cap)
{
	struct tr_pb_writer w = {out, out + cap, false};
	struct tr_bytes unit, title;

	if (cert->unit[TR_UNIT_PATH_MAX] != '\0' || cert->title[TR_TITLE_MAX] != '\0' || !cert_ok(cert))
		return 0;
	unit = text_of(cert->unit);
	title = text_of(cert->title);
	if (!wire_utf8_ok(unit) || !wire_utf8_ok(title))
		return 0;
	tr_pb_put_fixed64(&w, CERT_NID, cert->nid.v);
	tr_pb_put_fixed64(&w, CERT_PARENT, cert->parent.v);
	tr_pb_put_uint(&w, CERT_LEVEL, cert->level);
	tr_pb_put_uint(&w, CERT_SERIAL, cert->serial);
	tr_pb_put_bytes(&w, CERT_SIGN_PK, cert->sign_pk.b, 32);
	tr_pb_put_bytes(&w, CERT_CURVE_PK, cert->curve_pk.b, 32);
	tr_pb_put_bytes(&w, CERT_SEAL_PK, cert->seal_pk.b, 32);
	tr_pb_put_uint(&w, CERT_CAPS, cert->caps);
	tr_pb_put_bytes(&w, CERT_UNIT, unit.data, unit.size);
	tr_pb_put_bytes(&w, CERT_TITLE, title.data, title.size);
	tr_pb_put_fixed64(&w, CERT_ISSUER, cert->issuer.v);
	tr_pb_put_uint(&w, CERT_ISSUER_SERIAL, cert->issuer_serial);
	tr_pb_put_uint(&w, CERT_ISSUED, cert->issued.v);
	tr_pb_put_uint(&w, CERT_ALG, cert->alg);
	tr_pb_put_fixed64(&w, CERT_ZONE, cert->zone);
	return w.full ? 0 : (size_t)(w.at - out);
}

static size_t encode_parts(const struct parts *parts, uint8_t *out, size_t cap)
{
	struct tr_pb_writer w = {out, out + cap, false};
	size_t size;

	tr_pb_put_bytes(&w, SIGNED_CERT, parts->cert.data, parts->cert.size);
	tr_pb_put_bytes(&w, SIGNED_ISSUER_SIG, parts->issuer_sig.data,
	    parts->issuer_sig.size);
	tr_pb_put_bytes(&w, SIGNED_PREV_KEY_SIG, parts->prev_key_sig.data,
	    parts->prev_key_sig.size);
	tr_pb_put_bytes(&w, SIGNED_REGISTRAR_SIG, parts->registrar_sig.data,
	    parts->registrar_sig.size);
	tr_pb_put_uint(&w, SIGNED_REGISTRAR_SERIAL, parts->registrar_serial);
	size = (size_t)(w.at - out);
	return w.full || size > TR_CERT_BYTES_MAX ? 0 : size;
}

size_t rep_cert_issue(const struct rep_cert *cert,
    const struct rep_sign_keys *issuer, uint8_t *out, size_t cap)
{
	uint8_t body[TR_CERT_BYTES_MAX], sig[SIG_SIZE];
	struct parts parts = {
	    .cert = {body, encode_cert(cert, body, sizeof(body))},
	    .issuer_sig = {sig, sizeof(sig)},
	};

	if (parts.cert.size == 0)
		return 0;
	rep_sign(PURPOSE_CERT, parts.cert, issuer->sk, sig);
	return encode_parts(&parts, out, cap);
}

size_t rep_cert_issue_by_root(const struct rep_cert *cert,
    const struct rep_sign_keys *sign, const uint8_t *index, size_t count,
    uint8_t *out, size_t cap)
{
	uint8_t body[TR_CERT_BYTES_MAX], sigs[ROOT_SIGS_MAX * ROOT_SIG_SIZE];
	struct parts parts = {
	    .cert = {body, encode_cert(cert, body, sizeof(body))},
	    .issuer_sig = {sigs, count * ROOT_SIG_SIZE},
	};

	if (parts.cert.size == 0 || count == 0 || count > ROOT_SIGS_MAX)
		return 0;
	for (size_t i = 0; i < count; i++) {
		uint8_t *at = sigs + i * ROOT_SIG_SIZE;

		at[0] = index[i];
		rep_sign(PURPOSE_CERT, parts.cert, sign[i].sk, at + 1);
	}
	return encode_parts(&parts, out, cap);
}

/* --- decoding --- */

static int take_part(struct tr_pb_reader *r, const struct tr_pb_field *f,
    size_t min, size_t max, struct tr_bytes *out)
{
	if (!tr_pb_once(r, f, TR_PB_BYTES) || f->bytes.size < min)
		return TR_E_INPUT;
	if (f->bytes.size > max)
		return TR_E_LIMIT;
	*out = f->bytes;
	return 0;
}

static int take_parts_field(struct tr_pb_reader *r,
    const struct tr_pb_field *f, struct parts *out)
{
	switch (f->number) {
	case SIGNED_CERT:
		return take_part(r, f, 1, TR_CERT_BYTES_MAX, &out->cert);
	case SIGNED_ISSUER_SIG:
		return take_part(r, f, SIG_SIZE, ROOT_SIGS_MAX * ROOT_SIG_SIZE,
		    &out->issuer_sig);
	case SIGNED_PREV_KEY_SIG:
		return take_part(r, f, SIG_SIZE, SIG_SIZE, &out->prev_key_sig);
	case SIGNED_REGISTRAR_SIG:
		return take_part(
		    r, f, SIG_SIZE, SIG_SIZE, &out->registrar_sig);
	case SIGNED_REGISTRAR_SERIAL:
		return tr_pb_once_u32(
			   r, f, UINT32_MAX, &out->registrar_serial)
		    ? 0
		    : TR_E_INPUT;
	default: return tr_pb_unknown(r);
	}
}

static int split(struct tr_bytes in, struct parts *out)
{
	struct parts parts = {0};
	struct tr_pb_reader r;
	struct tr_pb_field f;
	int rc;

	if (in.size > TR_CERT_BYTES_MAX)
		return TR_E_LIMIT;
	tr_pb_begin(&r, in);
	while (tr_pb_more(&r)) {
		rc = tr_pb_next(&r, &f);
		if (rc == 0)
			rc = take_parts_field(&r, &f, &parts);
		if (rc != 0)
			return rc;
	}
	if (parts.cert.size == 0 || parts.issuer_sig.size == 0)
		return TR_E_INPUT;
	*out = parts;
	return 0;
}

static int take_text(struct tr_pb_reader *r, const struct tr_pb_field *f,
    char *out, size_t max)
{
	struct tr_bytes text;
	int rc = take_part(r, f, 0, max, &text);

	if (rc != 0)
		return rc;
	if (!wire_utf8_ok(text))
		return TR_E_UTF8;
	memcpy(out, text.data, text.size);
	out[text.size] = '\0';
	return 0;
}

static bool take_u64(struct tr_pb_reader *r, const struct tr_pb_field *f,
    enum tr_pb_wire wire, uint64_t *out)
{
	if (!tr_pb_once(r, f, wire))
		return false;
	*out = f->v;
	return true;
}

static bool take_u8(struct tr_pb_reader *r, const struct tr_pb_field *f,
    uint8_t *out)
{
	uint32_t v;

	if (!tr_pb_once_u32(r, f, UINT8_MAX, &v))
		return false;
	*out = (uint8_t)v;
	return true;
}

static int take_cert_field(struct tr_pb_reader *r, const struct tr_pb_field *f,
    struct rep_cert *c)
{
	bool ok;

	switch (f->number) {
	case CERT_NID: ok = take_u64(r, f, TR_PB_FIXED64, &c->nid.v); break;
	case CERT_PARENT:
		ok = take_u64(r, f, TR_PB_FIXED64, &c->parent.v);
		break;
	case CERT_LEVEL: ok = take_u8(r, f, &c->level); break;
	case CERT_SERIAL:
		ok = tr_pb_once_u32(r, f, UINT32_MAX, &c->serial);
		break;
	case CERT_SIGN_PK: ok = tr_pb_once_copy(r, f, c->sign_pk.b, 32); break;
	case CERT_CURVE_PK:
		ok = tr_pb_once_copy(r, f, c->curve_pk.b, 32);
		break;
	case CERT_SEAL_PK: ok = tr_pb_once_copy(r, f, c->seal_pk.b, 32); break;
	case CERT_CAPS:
		ok = tr_pb_once_u32(r, f, UINT32_MAX, &c->caps);
		break;
	case CERT_UNIT: return take_text(r, f, c->unit, TR_UNIT_PATH_MAX);
	case CERT_TITLE: return take_text(r, f, c->title, TR_TITLE_MAX);
	case CERT_ISSUER:
		ok = take_u64(r, f, TR_PB_FIXED64, &c->issuer.v);
		break;
	case CERT_ISSUER_SERIAL:
		ok = tr_pb_once_u32(r, f, UINT32_MAX, &c->issuer_serial);
		break;
	case CERT_ISSUED:
		ok = take_u64(r, f, TR_PB_VARINT, &c->issued.v);
		break;
	case CERT_ALG: ok = take_u8(r, f, &c->alg); break;
	case CERT_ZONE: ok = take_u64(r, f, TR_PB_FIXED64, &c->zone); break;
	default: return tr_pb_unknown(r);
	}
	return ok ? 0 : TR_E_INPUT;
}

static int decode_cert(struct tr_bytes in, struct rep_cert *out)
{
	const uint64_t keys = (uint64_t)1 << CERT_SIGN_PK |
	    (uint64_t)1 << CERT_CURVE_PK | (uint64_t)1 << CERT_SEAL_PK;
	struct rep_cert cert = {0};
	struct tr_pb_reader r;
	struct tr_pb_field f;
	int rc;

	tr_pb_begin(&r, in);
	while (tr_pb_more(&r)) {
		rc = tr_pb_next(&r, &f);
		if (rc == 0)
			rc = take_cert_field(&r, &f, &cert);
		if (rc != 0)
			return rc;
	}
	if ((r.once & keys) != keys || !cert_ok(&cert))
		return TR_E_INPUT;
	*out = cert;
	return 0;
}

int rep_cert_decode(struct tr_bytes signed_cert, struct rep_cert *out)
{
	struct parts parts;
	int rc = split(signed_cert, &parts);

	if (rc == 0)
		rc = decode_cert(parts.cert, out);
	if (rc == 0)
		out->registered = out->parent.v == 0 || parts.registrar_sig.size != 0;
	return rc;
}

/* --- the registrar --- */

struct registered_bytes {
	uint8_t b[TR_CERT_BYTES_MAX + 4];
	struct tr_bytes body;
};

static void fill_registered(
    struct registered_bytes *out, struct tr_bytes cert, uint32_t serial)
{
	TR_ASSERT(cert.size <= TR_CERT_BYTES_MAX);
	memcpy(out->b, cert.data, cert.size);
	wire_put_le32(out->b + cert.size, serial);
	out->body = (struct tr_bytes){out->b, cert.size + 4};
}

size_t rep_cert_countersign(struct tr_bytes signed_cert,
    const struct rep_sign_keys *registrar, uint32_t registrar_serial,
    uint8_t *out, size_t cap)
{
	struct registered_bytes m;
	uint8_t sig[SIG_SIZE];
	struct parts parts;

	if (split(signed_cert, &parts) != 0)
		return 0;
	fill_registered(&m, parts.cert, registrar_serial);
	rep_sign(PURPOSE_REGISTRAR, m.body, registrar->sk, sig);
	parts.registrar_sig = (struct tr_bytes){sig, sizeof(sig)};
	parts.registrar_serial = registrar_serial;
	return encode_parts(&parts, out, cap);
}

static int verify_registrar(const struct parts *parts,
    const struct rep_cert *cert, const struct rep_cert *top)
{
	struct registered_bytes m;

	if (parts->registrar_serial != top->serial)
		return TR_E_NOCERT; /* signed under another key of the top */
	if (top->zone != cert->zone || (top->caps & TR_CAP_REGISTRAR) == 0)
		return TR_E_FORGED;
	fill_registered(&m, parts->cert, parts->registrar_serial);
	return rep_sign_verify(PURPOSE_REGISTRAR, m.body,
		   parts->registrar_sig.data, &top->sign_pk)
	    ? 0
	    : TR_E_FORGED;
}

/* --- the chain --- */

static bool verify_under_issuer(const struct parts *parts,
    const struct rep_cert *cert, const struct rep_cert *issuer)
{
	return cert->issuer.v == issuer->nid.v &&
	    cert->parent.v == issuer->nid.v &&
	    cert->nid.v != issuer->nid.v &&
	    cert->issuer_serial == issuer->serial &&
	    cert->zone == issuer->zone && cert->level == issuer->level + 1 &&
	    (cert->caps & ~issuer->caps) == 0 &&
	    rep_name_is_child(text_of(cert->unit), issuer->unit) &&
	    parts->issuer_sig.size == SIG_SIZE &&
	    rep_sign_verify(PURPOSE_CERT, parts->cert, parts->issuer_sig.data,
		&issuer->sign_pk);
}

/* Signatures of different keys of the root are counted; a wrong one spoils all. */
static bool verify_under_root(const struct parts *parts,
    const struct rep_cert *cert, const struct rep_root *root)
{
	size_t count = parts->issuer_sig.size / ROOT_SIG_SIZE;
	unsigned met = 0;

	if (cert->issuer.v != 0 || cert->level != 0 ||
	    cert->issuer_serial != root->version ||
	    parts->issuer_sig.size % ROOT_SIG_SIZE != 0 ||
	    count < root->threshold)
		return false;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *at = parts->issuer_sig.data + i * ROOT_SIG_SIZE;

		if (at[0] >= root->key_count || (met & 1u << at[0]) != 0 ||
		    !rep_sign_verify(PURPOSE_CERT, parts->cert, at + 1,
			&root->key[at[0]]))
			return false;
		met |= 1u << at[0];
	}
	return true;
}

int rep_cert_verify(struct tr_bytes signed_cert, const struct rep_root *root,
    const struct rep_cert *issuer, const struct rep_cert *top,
    struct rep_cert *out)
{
	struct rep_cert cert;
	struct parts parts;
	bool good;
	int rc = split(signed_cert, &parts);

	if (rc == 0)
		rc = decode_cert(parts.cert, &cert);
	if (rc != 0)
		return rc;
	if (cert.zone != root->zone || !rep_key_ok(&cert.sign_pk))
		return TR_E_FORGED;
	good = issuer != NULL ? verify_under_issuer(&parts, &cert, issuer)
			      : verify_under_root(&parts, &cert, root);
	if (!good)
		return TR_E_FORGED;
	if (issuer == NULL) {
		cert.registered = true; /* the registrar itself */
	} else if (top != NULL && parts.registrar_sig.size != 0) {
		rc = verify_registrar(&parts, &cert, top);
		if (rc != 0)
			return rc;
		cert.registered = true;
	}
	*out = cert;
	return 0;
}
