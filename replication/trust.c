/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/trust.h"

#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/batch.h"
#include "replication/evidence.h"
#include "replication/keys.h"
#include "replication/unit.h"

static bool same_key(const struct tr_key *a, const struct tr_key *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

static bool same_keys(const struct rep_cert *a, const struct rep_cert *b)
{
	return same_key(&a->sign_pk, &b->sign_pk) && same_key(&a->curve_pk, &b->curve_pk) &&
	       same_key(&a->seal_pk, &b->seal_pk);
}

void rep_trust_allow(struct rep_node *node, const struct tr_key *curve_pk, bool add)
{
	struct rep_effect fx = {.kind = REP_FX_ALLOW, .allow = add};

	fx.key = *curve_pk;
	rep_batch_put(node->batch, &fx);
}

int rep_trust_row(struct rep_node *node, struct tr_nid nid, uint32_t serial, struct tr_bytes *out)
{
	struct rep_key key = rep_key_cert(nid, serial);

	return rep_node_get(node, REP_T_CERT, rep_key_bytes(&key), out);
}

int rep_trust_cert(struct rep_node *node, struct tr_nid nid, uint32_t serial, struct rep_cert *out)
{
	const struct rep_unit *unit = rep_unit_find(node, nid);
	struct tr_bytes row;

	if (unit != NULL && unit->has_cert && unit->cert.serial == serial) {
		*out = unit->cert;
		return 0;
	}
	if (rep_trust_row(node, nid, serial, &row) != 0 || rep_cert_decode(row, out) != 0)
		return TR_E_NOCERT;
	return 0;
}

/* The top node countersigns what it meets without the registrar's signature. */
static void want_registration(struct rep_node *node, struct tr_nid nid)
{
	struct tr_nid *more;

	for (size_t i = 0; i < node->to_register_count; i++)
		if (node->to_register[i].v == nid.v)
			return;
	more = tr_grow(node->to_register, node->to_register_count, &node->to_register_cap, sizeof(*more));
	if (more == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	node->to_register = more;
	node->to_register[node->to_register_count++] = nid;
}

/* Which of a unit's certificates counts and which waits; see trust.h. */
static void consider(struct rep_unit *unit, const struct rep_cert *cert)
{
	unit->cert_count++;
	if (cert->serial > unit->serial_max)
		unit->serial_max = cert->serial;
	if (!unit->has_cert || unit->cert.serial == cert->serial ||
	    (!cert->registered && !unit->cert.registered && cert->serial > unit->cert.serial)) {
		unit->cert = *cert;
	} else if (cert->registered && (!unit->cert.registered || cert->serial > unit->cert.serial)) {
		if (!unit->cert.registered && unit->cert.serial > cert->serial) {
			unit->next = unit->cert;
			unit->has_next = true;
		}
		unit->cert = *cert;
	} else if (!cert->registered && unit->cert.registered && cert->serial > unit->cert.serial &&
	    (!unit->has_next || cert->serial >= unit->next.serial)) {
		unit->next = *cert;
		unit->has_next = true;
	}
	unit->has_cert = true;
	if (unit->has_next && unit->next.serial <= unit->cert.serial)
		unit->has_next = false;
}

/* An incarnation has one serial: a second certificate of the same key counts after the next start. */
static bool is_own(const struct rep_node *node, const struct rep_cert *cert)
{
	return cert->nid.v == node->cert.nid.v && same_key(&cert->sign_pk, &node->keys.pk) &&
	       (node->batch == NULL || cert->serial == node->cert.serial);
}

static void take(struct rep_node *node, struct rep_unit *unit, const struct rep_cert *given)
{
	struct rep_cert cert = *given;

	if (cert.parent.v == 0)
		cert.registered = true; /* the root vouches for the registrar itself */
	consider(unit, &cert);
	if (is_own(node, &cert)) {
		node->cert = cert;
		if (node->batch != NULL)
			node->links[0]->head_due = true;
	}
	if (cert.parent.v == 0)
		node->top = unit->cert;
	node->seats_dirty = unit->keys_dirty = true;
	if (node->batch == NULL) /* loading */
		return;
	if (node->is_top && !unit->cert.registered)
		want_registration(node, cert.nid);
	if (cert.registered)
		rep_node_trace(node, REP_TRACE_CERT_REGISTERED, cert.nid, cert.serial, 0, NULL);
	else if (unit->has_next && unit->next.serial == cert.serial)
		rep_node_trace(node, REP_TRACE_CERT_WAITS, cert.nid, cert.serial, unit->cert.serial, NULL);
}

static int verify(struct rep_node *node, struct tr_bytes bytes, struct rep_cert *cert)
{
	struct rep_cert issuer;
	int rc;

	if (cert->parent.v != 0) {
		rc = rep_trust_cert(node, cert->issuer, cert->issuer_serial, &issuer);
		if (rc == 0 && !issuer.registered)
			rc = TR_E_NOCERT; /* a provisional node has no children */
		if (rc != 0)
			return rc;
	}
	return rep_cert_verify(bytes, &node->root, cert->parent.v != 0 ? &issuer : NULL,
	    cert->parent.v != 0 ? &node->top : NULL, cert);
}

static int judge(struct rep_node *node, struct tr_bytes bytes, struct rep_cert *cert)
{
	const struct rep_unit *unit;
	struct rep_cert old;
	struct tr_bytes row;
	int rc;

	if (cert->zone != node->root.zone)
		return TR_E_REFUSED;
	unit = rep_unit_find(node, cert->nid);
	if (unit != NULL && unit->parent.v != 0 && unit->parent.v != cert->parent.v)
		return TR_E_REFUSED;
	/* who stands above the parent is nobody's child below it */
	if (cert->parent.v != 0 && rep_unit_under(node, cert->parent, cert->nid))
		return TR_E_REFUSED;
	rc = verify(node, bytes, cert);
	if (rc != 0 || rep_trust_row(node, cert->nid, cert->serial, &row) != 0 || rep_cert_decode(row, &old) != 0)
		return rc;
	if (same_keys(&old, cert) || (cert->registered && !old.registered))
		return 0;
	/* One signer, one serial, two keys: that may not be. */
	rep_evidence_keep(node, TR_EVIDENCE_CERTS, row, bytes);
	return TR_E_REFUSED;
}

int rep_trust_evidence(struct rep_node *node, const Terrace__Evidence *msg)
{
	struct tr_bytes a = rep_bytes(msg->a.data, msg->a.len), b = rep_bytes(msg->b.data, msg->b.len);
	struct rep_cert one, two;
	int rc = rep_cert_decode(a, &one);

	if (rc == 0)
		rc = rep_cert_decode(b, &two);
	if (rc == 0)
		rc = verify(node, a, &one);
	if (rc == 0)
		rc = verify(node, b, &two);
	if (rc != 0) /* a store that was put back cannot judge it yet: it is said again in the next session */
		return rc == TR_E_NOCERT ? 0 : rc;
	if (one.nid.v != two.nid.v || one.serial != two.serial || same_keys(&one, &two))
		return TR_E_INPUT;
	rep_evidence_keep(node, msg->kind, a, b);
	return 0;
}

/* The row has it, and has the registrar's signature if this one has. */
static bool known(struct rep_node *node, const struct rep_cert *cert)
{
	struct rep_cert old;
	struct tr_bytes row;

	return rep_trust_row(node, cert->nid, cert->serial, &row) == 0 && rep_cert_decode(row, &old) == 0 &&
	       same_keys(&old, cert) && (old.registered || !cert->registered);
}

/* The registrar's has its number and its row: the other one finds nobody here any more. */
static void shut_out_other(struct rep_node *node, const struct rep_cert *cert)
{
	struct rep_cert old;
	struct tr_bytes row;

	if (cert->parent.v == node->cert.nid.v && rep_trust_row(node, cert->nid, cert->serial, &row) == 0 &&
	    rep_cert_decode(row, &old) == 0 && !same_key(&old.curve_pk, &cert->curve_pk))
		rep_trust_allow(node, &old.curve_pk, false);
}

int rep_trust_admit(struct rep_node *node, struct tr_bytes bytes, struct tr_nid from)
{
	struct rep_cert cert;
	struct rep_unit *unit;
	struct rep_key key;
	int rc = rep_cert_decode(bytes, &cert);

	if (rc == 0 && known(node, &cert))
		return 0;
	if (rc == 0)
		rc = judge(node, bytes, &cert);
	if (rc != 0) {
		rep_node_trace(node, rc == TR_E_REFUSED ? REP_TRACE_CERT_CHANGED_KEY : REP_TRACE_CERT_BAD,
		    from, (uint64_t)-rc, 0, tr_err_code(rc));
		return rc;
	}
	unit = rep_unit_make(node, cert.nid);
	if (unit == NULL || unit->cert_count >= TR_CERTS_MAX)
		return TR_E_LIMIT;
	shut_out_other(node, &cert);
	key = rep_key_cert(cert.nid, cert.serial);
	rep_node_put(node, REP_T_CERT, rep_key_bytes(&key), bytes);
	if (unit->unit[0] == '\0')
		rep_unit_declare(node, cert.nid, cert.parent, rep_bytes(cert.unit, strlen(cert.unit)),
		    rep_bytes(cert.title, strlen(cert.title)), cert.caps);
	if (!unit->has_cert)
		rep_node_trace(node, REP_TRACE_CERT_NEW, cert.nid, cert.serial, 0, NULL);
	take(node, unit, &cert);
	return 0;
}

static void load_row(struct rep_node *node, struct tr_bytes key, struct tr_bytes row)
{
	struct rep_cert cert;
	struct rep_unit *unit;

	(void)key;
	if (rep_cert_decode(row, &cert) != 0) {
		rep_node_fail(node, TR_E_DAMAGED);
		return;
	}
	unit = rep_unit_make(node, cert.nid);
	if (unit != NULL)
		take(node, unit, &cert);
}

void rep_trust_load(struct rep_node *node)
{
	rep_node_rows(node, REP_T_CERT, load_row);
}
