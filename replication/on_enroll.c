/* SPDX-License-Identifier: Apache-2.0 */
/* Invitations, enrolment, registration. */
#include "replication/on.h"

#include <string.h>

#include <sodium/crypto_generichash.h>
#include <sodium/utils.h>

#include "proto/err.h"
#include "replication/batch.h"
#include "replication/cut.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/own.h"
#include "replication/trust.h"
#include "replication/unit.h"
#include "replication/uuid.h"

/* Row: version(1) mac(32) curve(32) nid(8) caps(4) expires(8) tries(1) used(1) want hash(32)
 * serial(4): used: of its certificate; before: the highest of the unit when it was invited, 0: it had none */
#define ROW_VERSION 2
#define ROW_SIZE 123
#define OFF_MAC 1
#define OFF_CURVE 33
#define OFF_NID 65
#define OFF_CAPS 73
#define OFF_EXPIRES 77
#define OFF_TRIES 85
#define OFF_USED 86
#define OFF_WANT 87
#define OFF_SERIAL 119

static void reply(struct rep_node *node, uint64_t ticket, int rc, struct tr_nid unit)
{
	struct rep_effect fx = {.kind = REP_FX_REPLY};

	fx.reply.ticket = ticket;
	fx.reply.rc = rc;
	fx.reply.unit = unit;
	rep_batch_put(node->batch, &fx);
}

static bool code_ok(const char *code)
{
	size_t n = 0;

	for (; code[n] != '\0'; n++)
		if (!((code[n] >= '0' && code[n] <= '9') || (code[n] >= 'a' && code[n] <= 'z') ||
		    (code[n] >= 'A' && code[n] <= 'Z') || code[n] == '-'))
			return false;
	return n >= 1 && n <= TR_UNIT_CODE_MAX;
}

static struct rep_unit *child_by_path(const struct rep_node *node, const char *path, size_t size)
{
	for (size_t i = 0; i < node->unit_count; i++)
		if (node->units[i]->parent.v == node->cert.nid.v && strlen(node->units[i]->unit) == size &&
		    memcmp(node->units[i]->unit, path, size) == 0)
			return node->units[i];
	return NULL;
}

static int declare(struct rep_node *node, struct tr_nid nid, struct tr_bytes path,
    struct tr_bytes title, uint32_t caps)
{
	struct rep_log *log = rep_own_log(node, node->cert.nid, TR_LANE_X);
	struct rep_op *op = node->op2;
	struct rep_applied applied;
	struct rep_fold fold;
	uint64_t seq;
	int rc;

	if (log == NULL)
		return TR_E_NOMEM;
	memset(op, 0, sizeof(*op));
	op->kind = TR_OP_CREATE;
	op->has_body = true;
	op->type = TR_KIND_UNIT;
	rep_uuid_new(node, &op->rec);
	op->values[0] = (struct rep_value){1, TR_ACT_SET, REP_VALUE_INT, (int64_t)nid.v, {NULL, 0}};
	op->values[1] = (struct rep_value){2, TR_ACT_SET, REP_VALUE_TEXT, 0, path};
	op->values[2] = (struct rep_value){3, TR_ACT_SET, REP_VALUE_INT, (int64_t)caps, {NULL, 0}};
	op->values[3] = (struct rep_value){4, TR_ACT_SET, REP_VALUE_TEXT, 0, title};
	op->value_count = 4;
	rep_own_fold(node, log, &fold);
	rc = rep_own_add(node, &fold, op, &seq);
	if (rc == 0)
		rep_fold_op(node, &fold, seq, op, false, &applied);
	return rc;
}

static void store_invite(struct rep_node *node, const struct rep_invite *invite, struct tr_nid nid, uint32_t caps,
    uint32_t former)
{
	uint8_t row[ROW_SIZE] = {ROW_VERSION}, curve_sk[32];
	struct tr_key curve;

	rep_token_derive(invite->secret, row + OFF_CURVE, curve_sk, row + OFF_MAC);
	sodium_memzero(curve_sk, sizeof(curve_sk));
	wire_put_be64(row + OFF_NID, nid.v);
	wire_put_be32(row + OFF_CAPS, caps);
	wire_put_be64(row + OFF_EXPIRES, (uint64_t)invite->expires_ms);
	wire_put_be32(row + OFF_SERIAL, former);
	rep_node_put(node, REP_T_INVITE, rep_bytes(invite->token_id, TR_TOKEN_ID_SIZE), rep_bytes(row, sizeof(row)));
	memcpy(curve.b, row + OFF_CURVE, 32);
	rep_trust_allow(node, &curve, true);
	sodium_memzero(row, sizeof(row));
}

void rep_on_invite(struct rep_node *node, const struct rep_invite *invite)
{
	char path[TR_UNIT_PATH_MAX + TR_UNIT_CODE_MAX + 2];
	size_t up = strlen(node->cert.unit), code = strlen(invite->code);
	uint32_t caps = invite->caps != 0 ? invite->caps : rep_caps_default(node->cert.level + 1u);
	struct rep_unit *unit;
	struct tr_nid nid = {0};
	int rc = 0;

	memcpy(path, node->cert.unit, up);
	path[up] = '/';
	memcpy(path + up + 1, invite->code, code + 1);
	if (!code_ok(invite->code) || up + 1 + code > TR_UNIT_PATH_MAX ||
	    !wire_utf8_ok(rep_bytes(invite->title, strlen(invite->title))))
		rc = TR_E_INPUT;
	else if (node->cert.level + 1u > TR_LEVEL_MAX)
		rc = TR_E_LIMIT;
	else if (node->is_fenced || node->is_cut)
		rc = TR_E_FENCED;
	else if (!node->cert.registered)
		rc = TR_E_AUTH; /* a provisional node may not have children */
	else if ((invite->caps & ~node->cert.caps) != 0)
		rc = TR_E_AUTH;
	unit = rc == 0 ? child_by_path(node, path, up + 1 + code) : NULL;
	if (rc == 0 && invite->again && (unit == NULL || !unit->has_cert))
		rc = TR_E_NOUNIT; /* nobody is there whose place could be taken */
	else if (unit != NULL && unit->has_cert && !invite->again)
		rc = TR_E_EXISTS;
	else if (unit != NULL && unit->has_cert && invite->caps == 0)
		caps = unit->cert.caps;
	caps &= node->cert.caps;
	if (unit != NULL) {
		nid = unit->nid;
	} else if (rc == 0) {
		nid.v = rep_rng_id(&node->rng);
		rc = declare(node, nid, rep_bytes(path, up + 1 + code),
		    rep_bytes(invite->title, strlen(invite->title)), caps);
	}
	/* From now on it is listed as a neighbour that was never seen. */
	if (rc == 0 && rep_link_of_peer(node, nid) == NULL)
		rep_node_fail(node, TR_E_NOMEM);
	if (rc == 0)
		store_invite(node, invite, nid, caps, unit != NULL ? unit->serial_max : 0);
	reply(node, invite->ticket, rc, nid);
}

bool rep_on_enroll_key(struct rep_node *node, const struct tr_key *user, uint8_t id[static TR_TOKEN_ID_SIZE])
{
	uint8_t last[TR_TOKEN_ID_SIZE];
	struct tr_bytes from = {last, 0}, key, row;
	bool after = false;

	while (rep_seek(node->view, REP_T_INVITE, from, after, &key, &row) == 0) {
		if (key.size != TR_TOKEN_ID_SIZE || row.size != ROW_SIZE)
			return false;
		if (memcmp(row.data + OFF_CURVE, user->b, 32) == 0) {
			memcpy(id, key.data, TR_TOKEN_ID_SIZE);
			return true;
		}
		memcpy(last, key.data, sizeof(last));
		from.size = sizeof(last);
		after = true;
	}
	return false;
}

void rep_on_enroll_allow(struct rep_node *node)
{
	uint8_t last[TR_TOKEN_ID_SIZE];
	struct tr_bytes from = {last, 0}, key, row;
	bool after = false;

	while (rep_seek(node->view, REP_T_INVITE, from, after, &key, &row) == 0) {
		struct tr_key curve;
		bool expired;

		if (key.size != TR_TOKEN_ID_SIZE || row.size != ROW_SIZE)
			return;
		memcpy(last, key.data, sizeof(last));
		from.size = sizeof(last);
		after = true;
		memcpy(curve.b, row.data + OFF_CURVE, 32);
		expired = node->wall_ms > (int64_t)wire_get_be64(row.data + OFF_EXPIRES);
		rep_trust_allow(node, &curve, !expired);
		if (expired)
			rep_node_del(node, REP_T_INVITE, rep_bytes(last, sizeof(last)));
	}
}

static void refuse(struct rep_node *node, struct rep_link *link, const Terrace__Msg *in, const char *why)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__EnrollOk ok = TERRACE__ENROLL_OK__INIT;
	uint8_t text[128];
	size_t size = strlen(why);

	TR_ASSERT(size <= sizeof(text)); /* all are in this file */
	memcpy(text, why, size);
	ok.error = (ProtobufCBinaryData){size, text};
	msg.m_case = TERRACE__MSG__M_ENROLLOK;
	msg.enrollok = &ok;
	link->session = in->session;
	rep_link_send(node, link, &msg);
	rep_node_trace(node, REP_TRACE_ENROL_REFUSED, (struct tr_nid){0}, 0, 0, why);
}

/* Chain from the top to the new node, MAC over it. */
static void answer(struct rep_node *node, struct rep_link *link, const Terrace__Msg *in,
    struct tr_nid nid, uint32_t serial, const uint8_t mac_key[static 32])
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__EnrollOk ok = TERRACE__ENROLL_OK__INIT;
	ProtobufCBinaryData chain[TR_CHAIN_MAX];
	struct tr_bytes parts[TR_CHAIN_MAX];
	uint8_t certs[TR_CHAIN_MAX][TR_CERT_BYTES_MAX], root[512], mac[32];
	const struct rep_unit *unit = rep_unit_find(node, nid);
	struct rep_key root_key = rep_key_name("root");
	struct tr_bytes row;
	size_t n = 0;

	/* of those above not the newest: the one that the next has signed by */
	for (; unit != NULL && n < TR_CHAIN_MAX; unit = rep_unit_find(node, unit->parent)) {
		struct rep_cert cert;

		if (rep_trust_row(node, unit->nid, serial, &row) != 0 || row.size > TR_CERT_BYTES_MAX ||
		    rep_cert_decode(row, &cert) != 0)
			return;
		memmove(&parts[1], &parts[0], n * sizeof(parts[0]));
		memcpy(certs[n], row.data, row.size);
		parts[0] = rep_bytes(certs[n], row.size);
		serial = cert.issuer_serial;
		n++;
	}
	if (rep_node_get(node, REP_T_META, rep_key_bytes(&root_key), &row) != 0 || row.size > sizeof(root))
		return;
	memcpy(root, row.data, row.size);
	rep_enrollok_mac(mac_key, parts, n, rep_bytes(root, row.size), mac);
	for (size_t i = 0; i < n; i++)
		chain[i] = (ProtobufCBinaryData){parts[i].size, certs[n - 1 - i]};
	ok.n_chain = n;
	ok.chain = chain;
	ok.root = (ProtobufCBinaryData){row.size, root};
	ok.mac = (ProtobufCBinaryData){32, mac};
	msg.m_case = TERRACE__MSG__M_ENROLLOK;
	msg.enrollok = &ok;
	link->session = in->session;
	rep_link_send(node, link, &msg);
}

static const char *certify(struct rep_node *node, struct tr_nid nid, uint32_t caps, uint32_t serial,
    const Terrace__CertReq *req)
{
	const struct rep_unit *unit = rep_unit_of(node, nid);
	struct rep_cert cert;
	uint8_t bytes[TR_CERT_BYTES_MAX], more[TR_CERT_BYTES_MAX];
	size_t size;

	memset(&cert, 0, sizeof(cert));
	cert.nid = nid;
	cert.parent = cert.issuer = node->cert.nid;
	cert.zone = node->root.zone;
	cert.level = (uint8_t)(node->cert.level + 1);
	cert.serial = serial;
	cert.issuer_serial = node->cert.serial;
	memcpy(cert.sign_pk.b, req->sign_pk.data, 32);
	memcpy(cert.curve_pk.b, req->curve_pk.data, 32);
	memcpy(cert.seal_pk.b, req->seal_pk.data, 32);
	if (!rep_key_ok(&cert.sign_pk))
		return "not a valid signing key";
	cert.caps = caps;
	cert.issued = rep_node_stamp(node);
	cert.alg = 1;
	memcpy(cert.unit, unit->unit, sizeof(cert.unit));
	memcpy(cert.title, unit->title, sizeof(cert.title));
	size = rep_cert_issue(&cert, &node->keys, bytes, sizeof(bytes));
	TR_ASSERT(size > 0); /* the fullest one has room, and for the registrar's signature, too */
	/* here the registrar itself has invited */
	if (node->is_top) {
		size = rep_cert_countersign(rep_bytes(bytes, size), &node->keys, node->cert.serial, more, sizeof(more));
		TR_ASSERT(size > 0);
		memcpy(bytes, more, size);
	}
	if (rep_trust_admit(node, rep_bytes(bytes, size), node->cert.nid) != 0)
		return "certificate could not be issued";
	rep_on_cert_op(node, nid, rep_bytes(bytes, size));
	return NULL;
}

/* What this store believes that the machine has is not true of a new one. */
static void forget_peer(struct rep_node *node, struct tr_nid nid)
{
	struct rep_key prefix = rep_key_nid(nid);
	struct tr_bytes key, row;

	while (rep_seek(node->view, REP_T_PEER, rep_key_bytes(&prefix), false, &key, &row) == 0 &&
	    key.size >= 8 && memcmp(key.data, prefix.b, 8) == 0 && node->rc == 0) {
		uint8_t copy[REP_KEY_MAX];
		size_t size = key.size;

		memcpy(copy, key.data, size);
		rep_node_del(node, REP_T_PEER, rep_bytes(copy, size));
	}
}

static const char *issue(struct rep_node *node, uint8_t row[static ROW_SIZE], const Terrace__CertReq *req)
{
	struct tr_nid nid = {wire_get_be64(row + OFF_NID)};
	const struct rep_unit *unit = rep_unit_find(node, nid);
	uint32_t former, serial;
	const char *why;

	if (unit == NULL)
		return "unit is not known any more";
	former = unit->serial_max;
	serial = former + 1;
	if (former != wire_get_be32(row + OFF_SERIAL))
		return "unit has joined already"; /* by another token */
	if (serial == 0)
		return "no number is left for a new key";
	why = certify(node, nid, wire_get_be32(row + OFF_CAPS), serial, req);
	if (why != NULL)
		return why;
	wire_put_be32(row + OFF_SERIAL, serial);
	forget_peer(node, nid);
	rep_node_trace(node, REP_TRACE_ENROLLED, nid, serial, 0, NULL);
	return NULL;
}

static const char *judge(struct rep_node *node, const Terrace__Enroll *e, uint8_t row[static ROW_SIZE],
    Terrace__CertReq **req)
{
	struct tr_bytes id = rep_bytes(e->token_id.data, e->token_id.len);
	struct tr_bytes want = rep_bytes(e->want.data, e->want.len);
	struct tr_bytes sig = rep_bytes(e->self_sig.data, e->self_sig.len);
	struct tr_key pk;
	uint8_t mac[32], hash[32];

	if (node->wall_ms > (int64_t)wire_get_be64(row + OFF_EXPIRES))
		return "token has expired";
	if (row[OFF_TRIES] >= TR_TOKEN_TRIES)
		return "token was tried too often";
	rep_enroll_mac(row + OFF_MAC, id, want, sig, mac);
	TR_ASSERT(e->mac.len == sizeof(mac)); /* wire_rules.c */
	if (sodium_memcmp(mac, e->mac.data, sizeof(mac)) != 0) {
		row[OFF_TRIES]++;
		return "token does not fit";
	}
	if (wire_cert_req_decode(node->arena, want, req) != 0)
		return "malformed request";
	memcpy(pk.b, (*req)->sign_pk.data, 32);
	if (!rep_enroll_verify(id, want, sig, &pk))
		return "request is not signed by its key";
	crypto_generichash(hash, sizeof(hash), want.data, want.size, NULL, 0);
	if (row[OFF_USED] && memcmp(hash, row + OFF_WANT, 32) != 0)
		return "token was used already";
	memcpy(row + OFF_WANT, hash, 32);
	return NULL;
}

void rep_on_enroll(struct rep_node *node, struct rep_link *link, const Terrace__Msg *in)
{
	const Terrace__Enroll *e = in->enroll;
	struct tr_bytes id = rep_bytes(e->token_id.data, e->token_id.len), got;
	uint8_t row[ROW_SIZE];
	Terrace__CertReq *req;
	struct tr_nid nid;
	const char *why;

	TR_ASSERT(id.size == TR_TOKEN_ID_SIZE); /* wire_rules.c */
	if (memcmp(id.data, link->invite_id, id.size) != 0 ||
	    rep_node_get(node, REP_T_INVITE, id, &got) != 0 || got.size != ROW_SIZE) {
		refuse(node, link, in, "unknown token");
		return;
	}
	memcpy(row, got.data, ROW_SIZE);
	nid.v = wire_get_be64(row + OFF_NID);
	why = judge(node, e, row, &req);
	if (why == NULL && !row[OFF_USED]) {
		why = issue(node, row, req);
		row[OFF_USED] = why == NULL;
	}
	rep_node_put(node, REP_T_INVITE, id, rep_bytes(row, sizeof(row)));
	if (why != NULL)
		refuse(node, link, in, why);
	else
		answer(node, link, in, nid, wire_get_be32(row + OFF_SERIAL), row + OFF_MAC);
	sodium_memzero(row, sizeof(row));
}

void rep_on_cert_op(struct rep_node *node, struct tr_nid unit, struct tr_bytes signed_cert)
{
	struct rep_log *log = rep_own_log(node, unit, TR_LANE_X);
	struct rep_op *op = node->op2;
	struct rep_fold fold;
	uint64_t seq;

	if (log == NULL)
		return;
	memset(op, 0, sizeof(*op));
	op->kind = TR_OP_CERT;
	op->type = TR_KIND_CERT;
	op->has_body = true;
	wire_put_be64(op->rec.b, unit.v);
	op->values[0] = (struct rep_value){1, TR_ACT_SET, REP_VALUE_BYTES, 0, signed_cert};
	op->value_count = 1;
	rep_own_fold(node, log, &fold);
	if (rep_own_add(node, &fold, op, &seq) != 0)
		rep_node_fail(node, TR_E_INTERNAL);
}

/*
 * The first key of a unit is registered at once, another one waits for a
 * person.  What a replaced key of the issuer says is no first word either.
 */
static bool may_register(struct rep_node *node, const struct rep_unit *unit, struct tr_bytes *row)
{
	const struct rep_cert *cert = &unit->cert;
	const struct rep_unit *issuer = rep_unit_find(node, cert->issuer);

	return !cert->registered && issuer != NULL && cert->issuer_serial == issuer->cert.serial &&
	       !rep_cut_is_cut(node, issuer->nid, issuer->cert.serial) &&
	       rep_trust_row(node, unit->nid, cert->serial, row) == 0;
}

void rep_on_register(struct rep_node *node)
{
	for (size_t i = 0; i < node->to_register_count && node->rc == 0; i++) {
		const struct rep_unit *unit = rep_unit_of(node, node->to_register[i]);
		uint8_t bytes[TR_CERT_BYTES_MAX];
		struct tr_bytes row;
		size_t size;

		if (!may_register(node, unit, &row))
			continue;
		size = rep_cert_countersign(row, &node->keys, node->cert.serial, bytes, sizeof(bytes));
		if (size > 0 && rep_trust_admit(node, rep_bytes(bytes, size), node->cert.nid) == 0)
			rep_on_cert_op(node, unit->nid, rep_bytes(bytes, size));
	}
	node->to_register_count = 0;
}
