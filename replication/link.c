/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/link.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/batch.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/queue.h"
#include "replication/reach.h"
#include "replication/unit.h"

struct rep_link *rep_link_find(const struct rep_node *node, uint32_t number)
{
	if (number == REP_LINK_UP)
		return node->links[0];
	for (size_t i = 1; i < node->link_count; i++)
		if (node->links[i]->has_transport && node->links[i]->number == number)
			return node->links[i];
	return NULL;
}

static struct rep_link *append(struct rep_node *node)
{
	struct rep_link **more = tr_grow(node->links, node->link_count, &node->link_cap, sizeof(struct rep_link *));
	struct rep_link *link;

	if (more == NULL)
		return NULL;
	node->links = more;
	link = calloc(1, sizeof(*link));
	if (link != NULL)
		node->links[node->link_count++] = link;
	return link;
}

struct rep_link *rep_link_make(struct rep_node *node, uint32_t number)
{
	struct rep_link *link = NULL;

	if (node->link_count >= TR_LINKS_MAX)
		return NULL;
	link = append(node);
	if (link == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return NULL;
	}
	link->node = node;
	link->number = number;
	link->way = number == REP_LINK_UP ? REP_WAY_UP : REP_WAY_DOWN;
	link->slot = link->way;
	link->state = REP_LINK_NEVER;
	link->last_error = "";
	link->epoch = ++node->epochs;
	link->profile = TR_PROFILE_FIBRE;
	link->credit = TR_CREDIT_FIBRE;
	link->max_frame = TR_FRAME_DATA_MAX;
	link->beat_s = TR_BEAT_FIBRE_S;
	return link;
}

struct rep_link *rep_link_of_child(const struct rep_node *node, struct tr_nid child)
{
	uint32_t i;
	size_t pos;

	for (bool ok = rep_map_first(&node->by_link, child.v, &pos, &i); ok;
	     ok = rep_map_next(&node->by_link, child.v, &pos, &i))
		if (node->links[i]->peer.v == child.v)
			return node->links[i];
	return NULL;
}

struct rep_link *rep_link_of_peer(struct rep_node *node, struct tr_nid peer)
{
	struct rep_link *link = rep_link_of_child(node, peer);

	if (link != NULL)
		return link;
	link = rep_link_make(node, UINT32_MAX);
	if (link == NULL)
		return NULL;
	link->way = link->slot = REP_WAY_DOWN;
	link->peer = peer;
	if (!rep_map_add(&node->by_link, peer.v, (uint32_t)(node->link_count - 1)))
		rep_node_fail(node, TR_E_NOMEM);
	return link;
}

static void forget_session(struct rep_link *link)
{
	rep_map_clear(&link->theirs);
	rep_map_clear(&link->certs_sent);
	rep_map_clear(&link->frontier);
	rep_map_clear(&link->peer_scopes);
	link->frontier_count = link->peer_digest_count = 0;
	link->def_count = 0;
	link->mend_ms = 0;
	link->sent_first = link->sent_count = 0;
	link->inflight = 0;
	link->ack_bytes = 0;
	link->peer_done = link->peer_settled = link->sent_full = link->sent_scopes = link->was_equal = false;
	link->knows_serial = 0;
	link->tx_n = link->rx_n = 0;
	link->session = 0;
}

void rep_link_free(struct rep_link *link)
{
	if (link == NULL)
		return;
	rep_map_fini(&link->theirs);
	rep_map_fini(&link->certs_sent);
	rep_map_fini(&link->frontier);
	rep_map_fini(&link->peer_scopes);
	for (size_t i = 0; i < link->fan_count; i++)
		free(link->fan_way[i]);
	rep_map_fini(&link->fan);
	free(link->fan_way);
	free(link->peer_digests);
	free(link->frontier_seq);
	free(link->sent);
	free(link->defs);
	free(link);
}

void rep_link_state(struct rep_node *node, struct rep_link *link, enum rep_link_state state, const char *why)
{
	struct rep_unit *unit = rep_unit_find(node, link->peer);

	if (link->state == state)
		return;
	if (link == node->links[0])
		rep_reach_pass(node);
	rep_node_trace(node, REP_TRACE_LINK_STATE, link->peer, (uint64_t)link->state, (uint64_t)state, why);
	link->state = state;
	if (link == node->links[0])
		rep_reach_pass(node); /* from here on it counts otherwise */
	link->since_wall_ms = node->wall_ms;
	if (why != NULL)
		link->last_error = why;
	if (state == REP_LINK_LIVE)
		link->last_error = "";
	if (unit != NULL && link->way == REP_WAY_DOWN)
		unit->summary_dirty = node->summaries_dirty = true;
}

void rep_link_down(struct rep_node *node, struct rep_link *link, bool close, const char *why)
{
	rep_queue_clear(node, link);
	link->epoch = ++node->epochs;
	forget_session(link);
	if (close && link->has_transport) {
		struct rep_effect fx = {.kind = REP_FX_CLOSE, .link = link->number};

		rep_batch_put(node->batch, &fx);
	}
	link->has_transport = false;
	if (link->state != REP_LINK_REFUSED && link->state != REP_LINK_PAUSED &&
	    link->state != REP_LINK_NEVER && link->state != REP_LINK_FENCED)
		rep_link_state(node, link, REP_LINK_OFF, why);
	else if (why != NULL)
		link->last_error = why;
	if (link->way == REP_WAY_UP && link->state == REP_LINK_OFF)
		rep_link_backoff(node, link, false);
}

void rep_link_session(struct rep_node *node, struct rep_link *link, uint32_t session)
{
	rep_queue_clear(node, link);
	link->epoch = ++node->epochs;
	forget_session(link);
	link->session = session;
	link->rx_ms = node->mono_ms;
}

void rep_link_send(struct rep_node *node, struct rep_link *link, Terrace__Msg *msg)
{
	size_t size;
	uint8_t *out;

	msg->session = link->session;
	msg->n = ++link->tx_n;
	size = wire_msg_size(msg);
	out = rep_batch_send_room(node->batch, link->number, size);
	if (out == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	wire_msg_encode(msg, out);
	link->tx_ms = node->mono_ms;
	link->sent_bytes += size;
	link->sent_frames++;
}

static uint64_t cert_name(struct tr_nid nid, uint32_t serial)
{
	return rep_map_mix(nid.v, serial);
}

bool rep_link_has_sent(const struct rep_link *link, struct tr_nid nid, uint32_t serial)
{
	uint32_t had;
	size_t pos;

	return rep_map_first(&link->certs_sent, cert_name(nid, serial), &pos, &had) && had == serial;
}

void rep_link_cert(struct rep_node *node, struct rep_link *link, struct tr_nid nid, uint32_t serial)
{
	struct rep_key key = rep_key_cert(nid, serial);
	uint8_t copy[TR_CERT_BYTES_MAX];
	Terrace__Msg msg = TERRACE__MSG__INIT;
	struct rep_cert cert;
	struct tr_bytes row;

	if (rep_link_has_sent(link, nid, serial) || rep_node_get(node, REP_T_CERT, rep_key_bytes(&key), &row) != 0 ||
	    row.size > sizeof(copy) || rep_cert_decode(row, &cert) != 0)
		return;
	memcpy(copy, row.data, row.size);
	if (!rep_map_add(&link->certs_sent, cert_name(nid, serial), serial))
		rep_node_fail(node, TR_E_NOMEM);
	/* the chain first: an issuer the peer does not know makes ours useless */
	if (cert.issuer.v != 0)
		rep_link_author(node, link, cert.issuer, cert.issuer_serial);
	msg.m_case = TERRACE__MSG__M_CERT;
	msg.cert = (ProtobufCBinaryData){row.size, copy};
	rep_link_send(node, link, &msg);
}

/* The peer verified a segment of this author before: it has the certificate. */
static bool peer_has_cert(struct rep_node *node, const struct rep_link *link, struct tr_nid author, uint32_t serial)
{
	const struct rep_unit *unit = rep_unit_find(node, author);
	struct rep_key key = rep_key_peer_cert(link->peer, author, serial);
	bool registered = unit != NULL && unit->has_cert && unit->cert.serial == serial && unit->cert.registered;
	struct tr_bytes row;

	if (unit == NULL || (author.v == link->peer.v && serial == link->peer_serial))
		return true;
	/* both ends know the path of the lower one */
	if (author.v == node->cert.nid.v && serial == node->cert.serial && registered &&
	    (link->way == REP_WAY_UP || link->knows_serial == serial))
		return true;
	return rep_node_get(node, REP_T_PEER, rep_key_bytes(&key), &row) == 0 && row.size == 1 &&
	       (row.data[0] != 0 || !registered);
}

void rep_link_author(struct rep_node *node, struct rep_link *link, struct tr_nid nid, uint32_t serial)
{
	if (serial != 0 && !peer_has_cert(node, link, nid, serial))
		rep_link_cert(node, link, nid, serial);
}

void rep_link_define(struct rep_node *node, struct rep_link *link, struct rep_log *log)
{
	struct rep_way *way = rep_queue_way(link, log);
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__LogDef def = TERRACE__LOG_DEF__INIT;

	if (way->defined)
		return;
	rep_link_author(node, link, log->id.author, log->serial);
	way->defined = true;
	def.h = log->handle;
	def.author = log->id.author.v;
	def.inc = log->id.inc;
	def.scope = log->id.scope.v;
	def.lane = log->id.lane;
	msg.m_case = TERRACE__MSG__M_LOGDEF;
	msg.logdef = &def;
	rep_link_send(node, link, &msg);
}

struct rep_log *rep_link_theirs(const struct rep_node *node, const struct rep_link *link, uint32_t handle)
{
	uint32_t own;
	size_t pos;

	if (!rep_map_first(&link->theirs, handle, &pos, &own))
		return NULL;
	return rep_log_get(node, own);
}

void rep_link_live(struct rep_node *node, struct rep_link *link)
{
	rep_link_state(node, link, REP_LINK_LIVE, NULL);
	link->tries = 0;
	link->backoff_ms = 0;
	link->live_new = link->was_live = true;
	link->head_due = true;
	node->summaries_dirty = true;
}
