/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/trust.h"

#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/batch.h"
#include "replication/keys.h"
#include "replication/unit.h"

static bool same_key(const struct tr_key *a, const struct tr_key *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

void rep_trust_allow(struct rep_node *node, const struct tr_key *curve_pk, bool add)
{
	struct rep_effect fx = {.kind = REP_FX_ALLOW, .allow = add};

	fx.key = *curve_pk;
	rep_batch_put(node->batch, &fx);
}

int rep_trust_cert(struct rep_node *node, struct tr_nid nid, uint32_t serial, struct rep_cert *out)
{
	const struct rep_unit *unit = rep_unit_find(node, nid);
	struct rep_key key = rep_key_cert(nid, serial);
	struct tr_bytes row;

	if (unit != NULL && unit->has_cert && unit->cert.serial == serial) {
		*out = unit->cert;
		return 0;
	}
	if (rep_node_get(node, REP_T_CERT, rep_key_bytes(&key), &row) != 0 ||
	    rep_cert_decode(row, out) != 0)
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

static void take(struct rep_node *node, struct rep_unit *unit, const struct rep_cert *cert)
{
	bool was = unit->has_cert && unit->cert.registered;

	if (unit->has_cert && !same_key(&unit->cert.curve_pk, &cert->curve_pk) &&
	    cert->parent.v == node->cert.nid.v && node->batch != NULL)
		rep_trust_allow(node, &unit->cert.curve_pk, false);
	unit->cert = *cert;
	unit->has_cert = true;
	if (cert->parent.v == 0)
		unit->cert.registered = true; /* the root vouches for the registrar itself */
	if (cert->nid.v == node->cert.nid.v)
		node->cert = unit->cert;
	if (cert->parent.v == 0)
		node->top = unit->cert;
	if (node->batch == NULL) /* loading */
		return;
	if (cert->parent.v == node->cert.nid.v)
		rep_trust_allow(node, &cert->curve_pk, true);
	if (node->is_top && !unit->cert.registered)
		want_registration(node, cert->nid);
	if (cert->registered && !was)
		rep_node_trace(node, REP_TRACE_CERT_REGISTERED, cert->nid, cert->serial, 0, NULL);
}

/* A registered key is replaced only by a registered certificate of a higher serial. */
static int may_replace(const struct rep_unit *unit, const struct rep_cert *cert)
{
	const struct rep_cert *old = &unit->cert;

	if (!unit->has_cert || same_key(&old->sign_pk, &cert->sign_pk))
		return 0;
	if (old->registered && !(cert->registered && cert->serial > old->serial))
		return TR_E_REFUSED;
	return cert->serial >= old->serial ? 0 : TR_E_REFUSED;
}

static int judge(struct rep_node *node, struct tr_bytes bytes, struct rep_cert *cert)
{
	struct rep_cert issuer;
	const struct rep_unit *unit;
	int rc = rep_cert_decode(bytes, cert);

	if (rc != 0)
		return rc;
	if (cert->zone != node->root.zone)
		return TR_E_REFUSED;
	unit = rep_unit_find(node, cert->nid);
	if (unit != NULL && unit->parent.v != 0 && unit->parent.v != cert->parent.v)
		return TR_E_REFUSED;
	/* who stands above the parent is nobody's child below it */
	if (cert->parent.v != 0 && rep_unit_under(node, cert->parent, cert->nid))
		return TR_E_REFUSED;
	/* a certificate of our own name for another key is another machine's */
	if (cert->nid.v == node->cert.nid.v && !same_key(&cert->sign_pk, &node->keys.pk))
		return TR_E_REFUSED;
	if (cert->parent.v != 0) {
		rc = rep_trust_cert(node, cert->issuer, cert->issuer_serial, &issuer);
		if (rc == 0 && !issuer.registered)
			rc = TR_E_NOCERT; /* a provisional node has no children */
		if (rc != 0)
			return rc;
	}
	rc = rep_cert_verify(bytes, &node->root, cert->parent.v != 0 ? &issuer : NULL,
	    cert->parent.v != 0 ? &node->top : NULL, cert);
	if (rc != 0)
		return rc;
	return unit != NULL ? may_replace(unit, cert) : 0;
}

static bool known(const struct rep_unit *unit, const struct rep_cert *cert)
{
	return unit != NULL && unit->has_cert && unit->cert.serial == cert->serial &&
	       same_key(&unit->cert.sign_pk, &cert->sign_pk) &&
	       (unit->cert.registered || !cert->registered);
}

int rep_trust_admit(struct rep_node *node, struct tr_bytes bytes, struct tr_nid from)
{
	struct rep_cert cert;
	struct rep_unit *unit;
	struct rep_key key;
	int rc = rep_cert_decode(bytes, &cert);

	if (rc == 0 && known(rep_unit_find(node, cert.nid), &cert))
		return 0;
	if (rc == 0)
		rc = judge(node, bytes, &cert);
	if (rc != 0) {
		rep_node_trace(node, rc == TR_E_REFUSED ? REP_TRACE_CERT_CHANGED_KEY : REP_TRACE_CERT_BAD,
		    from, (uint64_t)-rc, 0, tr_err_code(rc));
		return rc;
	}
	unit = rep_unit_make(node, cert.nid);
	if (unit == NULL)
		return TR_E_LIMIT;
	key = rep_key_cert(cert.nid, cert.serial);
	rep_node_put(node, REP_T_CERT, rep_key_bytes(&key), bytes);
	if (unit->unit[0] == '\0')
		rep_unit_declare(node, cert.nid, cert.parent, rep_bytes(cert.unit, strlen(cert.unit)),
		    rep_bytes(cert.title, strlen(cert.title)), cert.caps);
	if (!unit->has_cert)
		rep_node_trace(node, REP_TRACE_CERT_NEW, cert.nid, cert.serial, 0, NULL);
	if (!unit->has_cert || cert.serial >= unit->cert.serial)
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
	if (unit != NULL && (!unit->has_cert || cert.serial >= unit->cert.serial))
		take(node, unit, &cert);
}

void rep_trust_load(struct rep_node *node)
{
	rep_node_rows(node, REP_T_CERT, load_row);
}
