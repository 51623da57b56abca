/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator does about the key of another unit; a child that changes its own. */
#include "replication/on.h"

#include <string.h>

#include "proto/err.h"
#include "replication/batch.h"
#include "replication/cut.h"
#include "replication/cut_write.h"
#include "replication/link.h"
#include "replication/trust.h"
#include "replication/unit.h"

static int approve(struct rep_node *node, const struct rep_unit *unit)
{
	uint8_t bytes[TR_CERT_BYTES_MAX];
	struct tr_bytes row;
	size_t size;

	if (!node->is_top)
		return TR_E_AUTH;
	if (!unit->has_next)
		return TR_E_NOTFOUND;
	if (rep_trust_row(node, unit->nid, unit->next.serial, &row) != 0)
		return TR_E_NOTFOUND;
	size = rep_cert_countersign(row, &node->keys, node->cert.serial, bytes, sizeof(bytes));
	if (size == 0 || rep_trust_admit(node, rep_bytes(bytes, size), node->cert.nid) != 0)
		return TR_E_INTERNAL;
	/* The key before is cut by the parent, when it has all that the new machine heard of. */
	rep_on_cert_op(node, unit->nid, rep_bytes(bytes, size));
	return 0;
}

static int revoke(struct rep_node *node, const struct rep_unit *unit, const struct rep_key_act *act)
{
	if (!unit->has_cert)
		return TR_E_NOTFOUND;
	if (rep_cut_is_cut(node, unit->nid, unit->cert.serial))
		return TR_E_EXISTS;
	rep_cut_write(node, unit->nid, unit->cert.serial, REP_CUT_REVOKED, act);
	return 0;
}

static int accept(struct rep_node *node, const struct rep_unit *unit)
{
	uint32_t serials[TR_CERTS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < node->cut_count; i++) {
		const struct rep_cut *cut = &node->cuts[i];
		bool known = false;

		for (size_t k = 0; k < n; k++)
			known = known || serials[k] == cut->serial;
		if (cut->nid.v == unit->nid.v && !known && n < TR_CERTS_MAX && rep_cut_counts(node, cut))
			serials[n++] = cut->serial;
	}
	for (size_t i = 0; i < n; i++)
		rep_cut_write(node, unit->nid, serials[i], REP_CUT_ACCEPTED, NULL);
	return n > 0 ? 0 : TR_E_NOTFOUND;
}

void rep_on_key(struct rep_node *node, const struct rep_key_act *act)
{
	struct rep_effect fx = {.kind = REP_FX_REPLY};
	const struct rep_unit *unit = rep_unit_find(node, act->unit);

	fx.reply.ticket = act->ticket;
	fx.reply.unit = act->unit;
	if (unit == NULL)
		fx.reply.rc = TR_E_NOUNIT;
	else if (unit->nid.v == node->cert.nid.v || !rep_unit_under(node, unit->nid, node->cert.nid) ||
	    !node->cert.registered || node->is_fenced)
		fx.reply.rc = TR_E_AUTH;
	else if (act->what == REP_KEY_APPROVE)
		fx.reply.rc = approve(node, unit);
	else if (act->what == REP_KEY_REVOKE)
		fx.reply.rc = revoke(node, unit, act);
	else
		fx.reply.rc = accept(node, unit);
	if (fx.reply.rc == 0)
		fx.reply.version = unit->cert.serial;
	rep_batch_put(node->batch, &fx);
}

/* -------------------------------------------------------- a child shows its own */

/*
 * Of a machine that was lost before its word went up, a child's key may be all
 * that is left: who sits there now says it again, so that the top node's
 * operator hears of it.
 */
int rep_on_cert(struct rep_node *node, const struct rep_link *link, struct tr_bytes signed_cert)
{
	struct rep_cert cert;
	struct tr_bytes row;
	bool is_news = rep_cert_decode(signed_cert, &cert) == 0 && cert.nid.v == link->peer.v &&
	    cert.issuer.v == node->cert.nid.v && !cert.registered &&
	    rep_trust_row(node, cert.nid, cert.serial, &row) != 0;
	int rc = rep_trust_admit(node, signed_cert, link->peer);

	if (rc == 0 && is_news && !node->is_fenced)
		rep_on_cert_op(node, cert.nid, signed_cert);
	return rc;
}
