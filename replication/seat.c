/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/seat.h"

#include <string.h>

#include "proto/err.h"
#include "replication/batch.h"
#include "replication/cut.h"
#include "replication/cut_fold.h"
#include "replication/cut_write.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/on.h"
#include "replication/own.h"
#include "replication/trust.h"
#include "replication/unit.h"

/* -------------------------------------------------- certificates of one unit */

struct cursor {
	uint8_t last[12];
	bool after;
};

/* The next serial of the unit above the cursor's. */
static bool next_cert(struct rep_node *node, struct tr_nid nid, struct cursor *c, struct rep_cert *out)
{
	struct tr_bytes key, row;

	if (!c->after)
		wire_put_be64(c->last, nid.v);
	if (rep_seek(node->view, REP_T_CERT, rep_bytes(c->last, c->after ? 12 : 8), c->after, &key, &row) != 0 ||
	    key.size != 12 || wire_get_be64(key.data) != nid.v || rep_cert_decode(row, out) != 0)
		return false;
	memcpy(c->last, key.data, 12);
	c->after = true;
	return true;
}

/* -------------------------------------------------------- keys that may connect */

static void allow(struct rep_node *node, struct rep_unit *unit)
{
	struct cursor c = {{0}, false};
	struct rep_cert cert;

	unit->keys_dirty = false;
	while (next_cert(node, unit->nid, &c, &cert)) {
		bool is_now = cert.serial == unit->cert.serial || (unit->has_next && cert.serial == unit->next.serial);

		rep_trust_allow(node, &cert.curve_pk, is_now && !rep_cut_is_cut(node, unit->nid, cert.serial));
	}
}

/* --------------------------------------------------------------------- sessions */

/* The registrar decided between two keys of one number, and for the other one. */
static bool has_other(const struct rep_unit *unit, uint32_t serial, const struct tr_key *curve_pk)
{
	return unit->cert.registered && unit->cert.serial == serial &&
	    memcmp(unit->cert.curve_pk.b, curve_pk->b, sizeof(curve_pk->b)) != 0;
}

/* A key that was replaced, or cut: its holder is told, with the proof, and shut out. */
static void end_stale(struct rep_node *node, struct rep_link *link)
{
	const struct rep_unit *unit = rep_unit_find(node, link->peer);
	const char *why = NULL;

	if (unit == NULL || !unit->has_cert || link->session == 0)
		return;
	if (unit->cert.registered && link->peer_serial < unit->cert.serial)
		why = "a newer key";
	else if (has_other(unit, link->peer_serial, &link->user))
		why = "another key";
	else if (rep_cut_is_cut(node, link->peer, link->peer_serial))
		why = "revoked";
	if (why == NULL)
		return;
	if (link->state == REP_LINK_LIVE || link->state == REP_LINK_COMPARE)
		rep_link_cert(node, link, unit->nid, unit->cert.serial);
	rep_on_bye_send(node, link, link->session, why);
	rep_link_down(node, link, true, why);
}

/* ------------------------------------------------------------------ the own chair */

static void look_at_self(struct rep_node *node)
{
	const struct rep_unit *self = rep_unit_find(node, node->cert.nid);
	struct rep_key lost = rep_key_name("number lost");
	bool is_lost;

	node->is_cut = rep_cut_is_cut(node, self->nid, node->cert.serial);
	is_lost = memcmp(self->cert.sign_pk.b, node->keys.pk.b, sizeof(node->keys.pk.b)) != 0;
	if (node->is_fenced || !self->cert.registered || self->cert.serial < node->cert.serial ||
	    (self->cert.serial == node->cert.serial && !is_lost))
		return;
	node->is_fenced = true;
	if (self->cert.serial == node->cert.serial) /* its own certificate is gone from here: the next start has none to find */
		rep_node_put(node, REP_T_META, rep_key_bytes(&lost), rep_bytes("", 0));
	rep_node_trace(node, REP_TRACE_SEAT_OLD, node->cert.nid, node->cert.serial, self->cert.serial, NULL);
	if (node->links[0]->session != 0)
		rep_on_bye_send(node, node->links[0], node->links[0]->session, "an older key");
	rep_link_down(node, node->links[0], true, "a newer key of this unit is registered");
	rep_link_state(node, node->links[0], REP_LINK_FENCED, "a newer key of this unit is registered");
}

void rep_seat_start(struct rep_node *node)
{
	for (size_t i = 0; i < node->unit_count; i++)
		if (node->units[i]->has_cert && node->units[i]->parent.v == node->cert.nid.v)
			allow(node, node->units[i]);
	look_at_self(node); /* before the first write: an old seat takes none */
}

/* ------------------------------------------------------------- the former key */

/*
 * Everything that the new seat had of the old key's logs when it first spoke
 * is here.  Until then a CUT would set aside what is only late.
 */
static bool is_complete(const struct rep_node *node, const struct rep_link *link)
{
	const struct rep_unit *unit = rep_unit_find(node, link->peer);

	if (!link->was_equal && !link->peer_done)
		return false;
	for (const struct rep_log *log = rep_log_get(node, unit->first_own_log); log != NULL && !link->was_equal;
	     log = rep_log_get(node, log->next_by_author)) {
		uint32_t at;
		size_t pos;

		if (rep_map_first(&link->frontier, log->handle, &pos, &at) && link->frontier_seq[at] > log->seq)
			return false;
	}
	return true;
}

static void cut_former(struct rep_node *node, struct rep_link *link)
{
	struct rep_unit *unit = rep_unit_find(node, link->peer);
	struct cursor c = {{0}, false};
	struct rep_cert cert;

	if (unit == NULL || !unit->has_cert || unit->parent.v != node->cert.nid.v || !unit->cert.registered ||
	    link->peer_serial != unit->cert.serial || unit->cert.serial < 2 || !is_complete(node, link))
		return;
	link->cut_epoch = link->epoch;
	while (next_cert(node, unit->nid, &c, &cert) && cert.serial < unit->cert.serial)
		if (!rep_cut_is_cut(node, unit->nid, cert.serial)) { /* else this one would let in what another keeps out */
			rep_cut_write(node, unit->nid, cert.serial, REP_CUT_REJOIN, NULL);
			rep_node_trace(node, REP_TRACE_SEAT_NEW, unit->nid, cert.serial, unit->cert.serial, NULL);
		}
}

void rep_seat_bundle(struct rep_node *node, struct rep_link *file)
{
	if (file->way == REP_WAY_DOWN)
		cut_former(node, file);
}

/* -------------------------------------------------------------------- once a commit */

void rep_seat_flush(struct rep_node *node)
{
	if (node->seats_dirty) {
		node->seats_dirty = false;
		for (size_t i = 0; i < node->unit_count; i++)
			if (node->units[i]->keys_dirty && node->units[i]->parent.v == node->cert.nid.v)
				allow(node, node->units[i]);
		for (size_t i = 1; i < node->link_count; i++)
			end_stale(node, node->links[i]);
		look_at_self(node);
	}
	for (size_t i = 1; i < node->link_count; i++)
		if (node->links[i]->state == REP_LINK_LIVE && node->links[i]->cut_epoch != node->links[i]->epoch)
			cut_former(node, node->links[i]);
	rep_cut_extend(node);
	rep_cut_fold(node);
}
