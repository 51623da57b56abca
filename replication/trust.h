/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trust -- which certificates this node has accepted.
 *
 * One row a serial.  Of a unit that which is registered counts, of several
 * the highest serial; one without the registrar never takes the place of one
 * that has it, it waits beside (unit->next).  In any order of arrival.
 */
#ifndef REPLICATION_TRUST_H
#define REPLICATION_TRUST_H

#include "replication/node.h"

/*
 * Verifies and keeps a SignedCert.  0, also when it was known already;
 * TR_E_NOCERT (issuer not known yet), TR_E_FORGED, TR_E_REFUSED (another key
 * for a serial that has one), TR_E_INPUT...  Traced; `from` is who brought it.
 */
TR_MUST_CHECK int rep_trust_admit(struct rep_node *node, struct tr_bytes signed_cert, struct tr_nid from);
/* Two certificates that a peer calls evidence: verified and kept, or not.  0; TR_E_FORGED... */
TR_MUST_CHECK int rep_trust_evidence(struct rep_node *node, const Terrace__Evidence *msg);
/* Certificate of a node with that serial.  0; TR_E_NOCERT. */
TR_MUST_CHECK int rep_trust_cert(struct rep_node *node, struct tr_nid nid, uint32_t serial, struct rep_cert *out);
/*
 * A unit's first key writes at once.  One that comes after another says nothing
 * before the top node has registered it: else a street could write in the name
 * of its child by certifying a key of its own.
 */
static inline bool rep_trust_may_write(const struct rep_cert *cert)
{
	return cert->registered || cert->serial == 1;
}
/* The row of it, borrowed.  0; TR_E_NOTFOUND. */
int rep_trust_row(struct rep_node *node, struct tr_nid nid, uint32_t serial, struct tr_bytes *out);
void rep_trust_allow(struct rep_node *node, const struct tr_key *curve_pk, bool add);
/* Rows of REP_T_CERT: already verified when they were stored. */
void rep_trust_load(struct rep_node *node);

#endif
