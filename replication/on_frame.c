/* SPDX-License-Identifier: Apache-2.0 */
/* A frame: session and order are checked, then its content. */
#include "replication/on.h"

#include "proto/err.h"
#include "replication/audit.h"
#include "replication/compare.h"
#include "replication/head.h"
#include "replication/index.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/mend.h"
#include "replication/queue.h"
#include "replication/reach.h"
#include "replication/receipt.h"
#include "replication/snap.h"
#include "replication/take.h"
#include "replication/trust.h"
#include "replication/unit.h"

#define BAD_SEGS_MAX 8    /* in one frame, then its rest is dropped */
#define BAD_FRAMES_MAX 16 /* in one session, then it ends */
#define MEND_MS 60000     /* what a bad frame held is sent again by a new session; the rest goes on until then */

static int on_segs(struct rep_node *node, struct rep_link *link, const Terrace__Segs *segs)
{
	int first = 0, bad_count = 0;

	for (size_t i = 0; i < segs->n_seg && node->rc == 0 && bad_count < BAD_SEGS_MAX; i++) {
		int rc = rep_take_segment(node, link, rep_bytes(segs->seg[i].data, segs->seg[i].len));

		if (rc == TR_E_NOMEM)
			return rc;
		first = first != 0 ? first : rc;
		bad_count += rc != 0;
	}
	return first;
}

static int on_need(struct rep_node *node, struct rep_link *link, const Terrace__Need *need)
{
	const struct rep_unit *unit = rep_unit_find(node, (struct tr_nid){need->nid});
	struct rep_key key;
	uint32_t serial;

	if (need->what == TR_NEED_SNAPSHOT)
		return rep_snap_need(node, link, need);
	if (need->what == TR_NEED_SEGMENTS)
		return rep_mend_need(node, link, need);
	if (need->what != TR_NEED_CERT || unit == NULL ||
	    !(unit->on_path || rep_queue_in_reach(node, link, unit->nid)))
		return TR_E_INPUT;
	serial = need->serial != 0 ? need->serial : unit->cert.serial;
	key = rep_key_peer_cert(link->peer, unit->nid, serial);
	rep_node_del(node, REP_T_PEER, rep_key_bytes(&key)); /* it does not have it after all */
	rep_link_cert(node, link, unit->nid, serial);
	return 0;
}

static int on_ping(struct rep_node *node, struct rep_link *link, const Terrace__Ping *ping)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Ping reply = TERRACE__PING__INIT;

	if (link->way == REP_WAY_UP)
		rep_reach_take(node, ping->dark_s);
	if (!ping->reply) {
		reply.n = ping->n;
		reply.reply = 1;
		reply.t_ms = (uint64_t)rep_node_now_ms(node);
		reply.t_peer_ms = ping->t_ms;
		if (link->way == REP_WAY_DOWN) {
			reply.dark_s = rep_reach_dark_s(node);
			link->said_dark = reply.dark_s != 0;
		}
		msg.m_case = TERRACE__MSG__M_PING;
		msg.ping = &reply;
		rep_link_send(node, link, &msg);
		return 0;
	}
	if (ping->n != link->ping_n || link->ping_ms == 0)
		return 0;
	link->rtt_ms = (uint32_t)(node->mono_ms - link->ping_ms);
	link->ping_ms = 0;
	if (link->way == REP_WAY_UP && link->rtt_ms <= 5000)
		rep_node_follow(node, ping->t_ms, link->rtt_ms / 2);
	return 0;
}

static int content(struct rep_node *node, struct rep_link *link, const Terrace__Msg *msg)
{
	if (link->def_count > 0)
		rep_take_defs(node, link);
	switch (msg->m_case) {
	case TERRACE__MSG__M_LOGDEF: return rep_take_logdef(node, link, msg->logdef);
	case TERRACE__MSG__M_FRONTIER: return rep_compare_frontier(node, link, msg->frontier);
	case TERRACE__MSG__M_INDEX: return rep_index_take(node, link, msg->index);
	case TERRACE__MSG__M_SEGS: return on_segs(node, link, msg->segs);
	case TERRACE__MSG__M_SNAP: return link->is_bundle ? TR_E_INPUT : rep_snap_take(node, link, msg->snap);
	case TERRACE__MSG__M_HEAD: return rep_head_take(node, link, msg->head);
	case TERRACE__MSG__M_RECEIPT: return rep_receipt_take(node, link, msg->receipt);
	case TERRACE__MSG__M_CERT: return rep_on_cert(node, link, rep_bytes(msg->cert.data, msg->cert.len));
	case TERRACE__MSG__M_EVIDENCE:
		return link->way == REP_WAY_DOWN ? rep_trust_evidence(node, msg->evidence) : TR_E_INPUT;
	case TERRACE__MSG__M_SUMMARY:
		rep_summary_take(node, link, msg->summary);
		return 0;
	case TERRACE__MSG__M_NEED: return link->is_bundle ? TR_E_INPUT : on_need(node, link, msg->need);
	case TERRACE__MSG__M_AUDIT: return rep_audit_take(node, link, msg->audit);
	case TERRACE__MSG__M_PING: return link->is_bundle ? TR_E_INPUT : on_ping(node, link, msg->ping);
	case TERRACE__MSG__M_HELLO:
	case TERRACE__MSG__M_WELCOME:
	case TERRACE__MSG__M_ENROLL:
	case TERRACE__MSG__M_ENROLLOK:
	case TERRACE__MSG__M_BYE:
		return TR_E_INPUT;
	case TERRACE__MSG__M__NOT_SET:
	default: /* of a newer version, which can do without */
		node->unknown_messages++;
		return 0;
	}
}

/* That there is no memory is not the frame's fault: the step fails. */
int rep_on_content(struct rep_node *node, struct rep_link *link, const Terrace__Msg *msg)
{
	int rc = content(node, link, msg);

	if (rc == TR_E_NOMEM)
		rep_node_fail(node, rc);
	return rc;
}

static void bad(struct rep_node *node, struct rep_link *link, int rc)
{
	node->bad_frames++;
	link->bad_frames++;
	rep_node_trace(node, REP_TRACE_FRAME_BAD, link->peer, (uint64_t)-rc, 0, tr_err_code(rc));
}

/* A frame of a running session. */
static void in_session(struct rep_node *node, struct rep_link *link, const Terrace__Msg *msg)
{
	int rc;

	if (link->session == 0 || msg->session != link->session) {
		/* the other end may think that a session is on */
		if (msg->m_case != TERRACE__MSG__M_BYE && link->way == REP_WAY_DOWN)
			rep_on_bye_send(node, link, msg->session, "no such session");
		return;
	}
	if (msg->n != link->rx_n + 1) {
		rep_node_trace(node, REP_TRACE_SESSION_GAP, link->peer, link->rx_n, msg->n, NULL);
		rep_on_bye_send(node, link, link->session, "frames missing");
		rep_link_down(node, link, true, "frames missing");
		return;
	}
	link->rx_n = msg->n;
	if (msg->m_case == TERRACE__MSG__M_BYE) {
		rep_link_down(node, link, true, "peer ended the session");
		return;
	}
	if (msg->m_case == TERRACE__MSG__M_WELCOME)
		rc = rep_on_welcome(node, link, msg->welcome);
	else if (link->state == REP_LINK_LIVE || link->state == REP_LINK_COMPARE)
		rc = rep_on_content(node, link, msg);
	else
		rc = TR_E_INPUT;
	if (rc == 0 || node->rc != 0)
		return;
	bad(node, link, rc);
	if (rc == TR_E_GAP || rc == TR_E_NOCERT || link->bad_frames % BAD_FRAMES_MAX == 0) {
		rep_on_bye_send(node, link, link->session, tr_err_code(rc));
		rep_link_down(node, link, true, tr_err_code(rc));
	} else if (link->mend_ms == 0) {
		link->mend_ms = node->mono_ms + MEND_MS;
	}
}

void rep_on_frame(struct rep_node *node, const struct rep_event *event)
{
	struct rep_link *link = rep_link_find(node, event->link);
	Terrace__Msg *msg;
	int rc;

	if (link == NULL || !link->has_transport)
		return;
	link->received_bytes += event->frame.size;
	link->received_frames++;
	rc = wire_msg_decode(node->arena, event->frame, &msg);
	if (rc == TR_E_NOMEM) {
		rep_node_fail(node, rc);
		return;
	}
	if (rc != 0) {
		bad(node, link, rc);
		if (link->bad_frames % BAD_FRAMES_MAX == 0)
			rep_link_down(node, link, true, "malformed frames");
		return;
	}
	link->rx_ms = node->mono_ms;
	link->seen_wall_ms = node->wall_ms;
	if (link->is_enrolling) {
		if (msg->m_case == TERRACE__MSG__M_ENROLL)
			rep_on_enroll(node, link, msg);
		else
			bad(node, link, TR_E_INPUT);
	} else if (msg->m_case == TERRACE__MSG__M_HELLO && link->way == REP_WAY_DOWN) {
		rep_on_hello(node, link, msg);
	} else {
		in_session(node, link, msg);
	}
}
