/* SPDX-License-Identifier: Apache-2.0 */
/* Dialling, beats, what a link waits for. */
#include "replication/link.h"

#include "replication/batch.h"
#include "replication/keys.h"
#include "replication/reach.h"
#include "replication/unit.h"

/*
 * The parent's transport key: the newest that it has a certificate for.  It
 * may not have changed over yet, or not have told us: then the one before, by
 * turns.
 */
static void pin(struct rep_node *node, struct rep_link *link, struct rep_effect *fx)
{
	const struct rep_unit *parent = rep_unit_find(node, link->peer);
	struct rep_key newest;
	struct tr_bytes key, row;
	struct rep_cert cert;

	if (!parent->has_cert)
		return;
	cert = parent->has_next ? parent->next : parent->cert;
	newest = rep_key_cert(link->peer, cert.serial);
	if (link->by_former) {
		link->by_former = rep_seek_before(node->view, REP_T_CERT, rep_key_bytes(&newest), &key, &row) == 0 &&
		    key.size == 12 && wire_get_be64(key.data) == link->peer.v && rep_cert_decode(row, &cert) == 0;
	}
	fx->key = cert.curve_pk;
}

void rep_link_dial(struct rep_node *node, struct rep_link *link)
{
	struct rep_effect fx = {.kind = REP_FX_DIAL, .link = REP_LINK_UP};

	pin(node, link, &fx);

	rep_link_profile(link, node->profile);
	link->tries++;
	link->next_try_ms = 0;
	rep_link_patience(node, link);
	rep_link_state(node, link, REP_LINK_DIAL, NULL);
	rep_batch_put(node->batch, &fx);
}

static void beat(struct rep_node *node, struct rep_link *link)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Ping ping = TERRACE__PING__INIT;

	if (link->way == REP_WAY_DOWN) {
		ping.dark_s = rep_reach_dark_s(node);
		link->said_dark = ping.dark_s != 0;
	}
	ping.n = ++link->ping_n;
	ping.t_ms = (uint64_t)node->wall_ms;
	link->ping_ms = node->mono_ms;
	msg.m_case = TERRACE__MSG__M_PING;
	msg.ping = &ping;
	rep_link_send(node, link, &msg);
}

static bool in_session(const struct rep_link *link)
{
	return link->state == REP_LINK_LIVE || link->state == REP_LINK_COMPARE;
}

bool rep_link_has_news(const struct rep_node *node, const struct rep_link *link)
{
	return link->way == REP_WAY_DOWN && link->said_dark == rep_reach_is_whole(node);
}

void rep_link_tick(struct rep_node *node, struct rep_link *link)
{
	int64_t beat_ms = (int64_t)link->beat_s * 1000;

	if (link->paused || link->state == REP_LINK_FENCED)
		return;
	if (in_session(link)) {
		if (node->mono_ms - link->rx_ms > TR_BEATS_LOST * beat_ms)
			rep_link_down(node, link, true, "peer is silent");
		else if (link->state == REP_LINK_COMPARE && node->mono_ms >= link->deadline_ms)
			rep_link_down(node, link, true, "comparing does not end");
		else if (link->mend_ms != 0 && node->mono_ms >= link->mend_ms)
			rep_link_down(node, link, true, "bad frames, session starts anew");
		else if (node->mono_ms - link->tx_ms >= beat_ms || rep_link_has_news(node, link))
			beat(node, link);
		return;
	}
	if (link->way != REP_WAY_UP || node->is_top)
		return;
	if (link->state == REP_LINK_DIAL || link->state == REP_LINK_HELLO_SENT) {
		if (node->mono_ms >= link->deadline_ms)
			rep_link_down(node, link, true, "no answer");
	} else if (link->state == REP_LINK_REFUSED) {
		if (node->mono_ms >= link->next_try_ms)
			rep_link_dial(node, link);
	} else if (node->profile != TR_PROFILE_STICK && node->mono_ms >= link->next_try_ms) {
		rep_link_dial(node, link);
	}
}

int64_t rep_link_deadline(const struct rep_node *node, const struct rep_link *link)
{
	int64_t beat_ms = (int64_t)link->beat_s * 1000;

	if (link->paused || link->state == REP_LINK_FENCED)
		return INT64_MAX;
	if (in_session(link)) {
		int64_t silent = link->rx_ms + TR_BEATS_LOST * beat_ms + 1;
		int64_t say = link->tx_ms + beat_ms;
		int64_t other = INT64_MAX;

		if (rep_link_has_news(node, link))
			return node->mono_ms;
		if (link->state == REP_LINK_COMPARE)
			other = link->deadline_ms; /* acknowledgements wait for LIVE */
		else if (link->ack_head != 0)
			other = link->ack_since_ms + 2000;
		silent = say < silent ? say : silent;
		if (link->mend_ms != 0 && link->mend_ms < silent)
			silent = link->mend_ms;
		return other < silent ? other : silent;
	}
	if (link->way != REP_WAY_UP || node->is_top)
		return INT64_MAX;
	if (link->state == REP_LINK_DIAL || link->state == REP_LINK_HELLO_SENT)
		return link->deadline_ms;
	if (node->profile == TR_PROFILE_STICK && link->state != REP_LINK_REFUSED)
		return INT64_MAX;
	return link->next_try_ms;
}
