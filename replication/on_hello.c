/* SPDX-License-Identifier: Apache-2.0 */
/* Transport up and down, HELLO, WELCOME, BYE. */
#include "replication/on.h"

#include <string.h>

#include "proto/err.h"
#include "replication/batch.h"
#include "replication/compare.h"
#include "replication/cut.h"
#include "replication/head.h"
#include "replication/link.h"
#include "replication/own.h"
#include "replication/reach.h"
#include "replication/receipt.h"
#include "replication/trust.h"
#include "replication/unit.h"

#define HELLO_WINDOW_MS 10000
#define HELLO_WINDOW_MAX 10
#define OLD_HERE "no common protocol version: this node's terraced is too old, upgrade it"
#define OLD_CHILD "no common protocol version: the child's terraced is too old, upgrade it there"
#define OLD_PARENT "no common protocol version: the parent's terraced is too old, upgrade it there"

static void close_transport(struct rep_node *node, uint32_t number)
{
	struct rep_effect fx = {.kind = REP_FX_CLOSE, .link = number};

	rep_batch_put(node->batch, &fx);
}

static bool is_key(const struct rep_cert *cert, const struct tr_key *user)
{
	return memcmp(cert->curve_pk.b, user->b, sizeof(user->b)) == 0;
}

/* A key that was replaced finds nobody. */
static struct tr_nid child_of_key(const struct rep_node *node, const struct tr_key *user, uint32_t *serial)
{
	for (size_t i = 0; i < node->unit_count; i++) {
		const struct rep_unit *unit = node->units[i];

		if (!unit->has_cert || unit->parent.v != node->cert.nid.v)
			continue;
		*serial = is_key(&unit->cert, user) ? unit->cert.serial : unit->next.serial;
		if (is_key(&unit->cert, user) || (unit->has_next && is_key(&unit->next, user)))
			return unit->nid;
	}
	return (struct tr_nid){0};
}

static struct rep_link *enrolling_link(struct rep_node *node)
{
	for (size_t i = 1; i < node->link_count; i++)
		if (node->links[i]->is_enrolling && !node->links[i]->has_transport)
			return node->links[i];
	return rep_link_make(node, UINT32_MAX);
}

static void child_up(struct rep_node *node, const struct rep_event *event)
{
	uint32_t serial = 0;
	struct tr_nid peer = child_of_key(node, &event->user, &serial);
	uint8_t invite[TR_TOKEN_ID_SIZE];
	struct rep_link *link = NULL;

	if (peer.v != 0) {
		link = rep_link_of_peer(node, peer);
	} else if (rep_on_enroll_key(node, &event->user, invite)) {
		link = enrolling_link(node);
		if (link != NULL) {
			link->is_enrolling = true;
			link->way = link->slot = REP_WAY_DOWN;
			memcpy(link->invite_id, invite, sizeof(invite));
		}
	}
	if (link == NULL) {
		close_transport(node, event->link);
		return;
	}
	if (link->has_transport && link->number != event->link)
		rep_link_down(node, link, true, "newer connection");
	link->number = event->link;
	link->has_transport = true;
	link->peer_serial = serial;
	link->user = event->user;
}

void rep_on_link_up(struct rep_node *node, const struct rep_event *event)
{
	struct rep_link *up = node->links[0];

	if (event->link != REP_LINK_UP) {
		child_up(node, event);
		return;
	}
	if (node->is_top || up->state != REP_LINK_DIAL)
		return;
	up->has_transport = true;
	rep_on_hello_send(node, up);
}

void rep_on_link_down(struct rep_node *node, const struct rep_event *event)
{
	struct rep_link *link = rep_link_find(node, event->link);
	const char *why = "connection lost";

	if (link == NULL || (link->way == REP_WAY_UP && link->state == REP_LINK_OFF))
		return;
	if (event->down == REP_DOWN_UNREACHABLE)
		why = "unreachable";
	if (event->down == REP_DOWN_REFUSED_KEY)
		why = "key refused by the parent";
	if (event->down == REP_DOWN_HOSTILE) {
		why = "frames that no node sends";
		node->bad_frames++;
		link->bad_frames++;
		rep_node_trace(node, REP_TRACE_FRAME_BAD, link->peer, 0, 0, why);
	}
	if (link->way == REP_WAY_UP && link->state == REP_LINK_DIAL) {
		/* the key that it pins may be of yesterday: by turns */
		link->by_former = !link->by_former;
	}
	rep_link_down(node, link, false, why);
	if (link->way == REP_WAY_UP && event->down == REP_DOWN_REFUSED_KEY)
		rep_link_backoff(node, link, true);
}

void rep_on_hello_send(struct rep_node *node, struct rep_link *link)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Hello hello = TERRACE__HELLO__INIT;
	uint8_t fd[16], version[TR_VERSION_MAX];
	size_t version_size = strlen(node->version);

	rep_link_session(node, link, (uint32_t)rep_rng_id(&node->rng) | 1);
	rep_own_close_new(node); /* a contact: what waits goes with it */
	rep_compare_digest(node, link, fd);
	memcpy(link->hello_fd, fd, sizeof(fd));
	rep_compare_equal(node, link, true);
	TR_ASSERT(version_size <= sizeof(version));
	memcpy(version, node->version, version_size);
	hello.proto_min = node->proto_min;
	hello.proto_max = node->proto_max;
	hello.nid = node->cert.nid.v;
	hello.serial = node->cert.serial;
	if (rep_unit_of(node, link->peer)->cert.registered)
		hello.parent_serial = rep_unit_of(node, link->peer)->cert.serial;
	hello.store = node->store_id;
	hello.fd = (ProtobufCBinaryData){sizeof(fd), fd};
	hello.profile = node->profile;
	hello.max_frame = TR_FRAME_DATA_MAX;
	hello.credit = link->credit;
	hello.policy = node->policy.version;
	hello.root_ver = node->root.version;
	hello.version = (ProtobufCBinaryData){version_size, version};
	hello.rcpt = rep_receipt_sum(node, node->cert.nid);
	msg.m_case = TERRACE__MSG__M_HELLO;
	msg.hello = &hello;
	rep_link_state(node, link, REP_LINK_HELLO_SENT, NULL);
	rep_link_send(node, link, &msg);
}

void rep_on_bye_send(struct rep_node *node, struct rep_link *link, uint32_t session, const char *why)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Bye bye = TERRACE__BYE__INIT;
	uint32_t kept = link->session, n = link->tx_n;
	uint8_t text[64];
	size_t size = strlen(why);

	TR_ASSERT(size <= sizeof(text)); /* a few words of this program, or the code of an error */
	memcpy(text, why, size);
	bye.text = (ProtobufCBinaryData){size, text};
	msg.m_case = TERRACE__MSG__M_BYE;
	msg.bye = &bye;
	link->session = session;
	rep_link_send(node, link, &msg);
	link->session = kept;
	if (session != kept)
		link->tx_n = n;
}

/* Of two that do not understand each other: is it this one that must be renewed? */
static bool too_old(const struct rep_node *node, uint32_t peer_min)
{
	return peer_min > node->proto_max;
}

static uint32_t verdict(const struct rep_node *node, const struct rep_link *link, const Terrace__Hello *hello)
{
	const struct rep_unit *unit = rep_unit_of(node, link->peer);

	if (hello->nid != link->peer.v)
		return TR_VERDICT_ENROL;
	if (hello->proto_min > node->proto_max || hello->proto_max < node->proto_min)
		return TR_VERDICT_VERSION;
	if (hello->serial != link->peer_serial || (unit->cert.registered && link->peer_serial < unit->cert.serial))
		return TR_VERDICT_SERIAL;
	if (rep_cut_is_cut(node, unit->nid, link->peer_serial))
		return TR_VERDICT_REVOKED;
	if (link->paused)
		return TR_VERDICT_BUSY;
	return TR_VERDICT_OK;
}

static void copy_version(struct rep_link *link, ProtobufCBinaryData v)
{
	size_t n = v.len < sizeof(link->version) - 1 ? v.len : sizeof(link->version) - 1;

	memset(link->version, 0, sizeof(link->version));
	if (n > 0)
		memcpy(link->version, v.data, n);
}

static void take_profile(struct rep_link *link, const Terrace__Hello *hello)
{
	rep_link_profile(link, (enum tr_profile)hello->profile);
	if (!rep_link_is_metered(link))
		link->profile = TR_PROFILE_FIBRE;
	if (hello->credit >= TR_FRAME_DATA_MIN && hello->credit < link->credit)
		link->credit = hello->credit;
	link->max_frame = TR_FRAME_DATA_MAX;
	if (hello->max_frame >= TR_FRAME_DATA_MIN && hello->max_frame < link->max_frame)
		link->max_frame = hello->max_frame;
}

/* An answer walks over all units, and more; an honest child waits between its tries. */
static bool is_too_often(const struct rep_node *node, struct rep_link *link)
{
	if (link->hello_count == 0 || node->mono_ms - link->hello_ms >= HELLO_WINDOW_MS) {
		link->hello_ms = node->mono_ms;
		link->hello_count = 0;
	}
	if (link->hello_count >= HELLO_WINDOW_MAX)
		return true;
	link->hello_count++;
	return false;
}

/* The certificate that took the place of the one it speaks by. */
static ProtobufCBinaryData proof(struct rep_node *node, struct tr_nid peer, uint8_t out[static TR_CERT_BYTES_MAX])
{
	const struct rep_unit *unit = rep_unit_of(node, peer);
	struct tr_bytes row;

	if (rep_trust_row(node, peer, unit->has_next ? unit->next.serial : unit->cert.serial, &row) != 0 ||
	    row.size > TR_CERT_BYTES_MAX)
		return (ProtobufCBinaryData){0, NULL};
	memcpy(out, row.data, row.size);
	return (ProtobufCBinaryData){row.size, out};
}

/* Without a word it would wait for its time-out: the end of the connection
 * sends it into its pauses, which grow. */
static void shut_out(struct rep_node *node, struct rep_link *link, uint32_t session)
{
	rep_node_trace(node, REP_TRACE_LINK_REFUSED, link->peer, TR_VERDICT_BUSY, 0, "too many HELLOs");
	rep_on_bye_send(node, link, session, "too many HELLOs");
	rep_link_down(node, link, true, "too many HELLOs");
}

void rep_on_hello(struct rep_node *node, struct rep_link *link, const Terrace__Msg *in)
{
	const Terrace__Hello *hello = in->hello;
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Welcome w = TERRACE__WELCOME__INIT;
	uint8_t fd[16], version[TR_VERSION_MAX], cert[TR_CERT_BYTES_MAX];
	size_t version_size = strlen(node->version);
	bool equal;

	TR_ASSERT(version_size <= sizeof(version));
	if (in->session == 0 || in->n != 1 || hello->fd.len != 16)
		return;
	if (is_too_often(node, link)) {
		shut_out(node, link, in->session);
		return;
	}
	rep_link_session(node, link, in->session);
	link->rx_n = 1;
	take_profile(link, hello);
	copy_version(link, hello->version);
	rep_own_close_new(node);
	memcpy(version, node->version, version_size);
	rep_compare_digest(node, link, fd);
	equal = memcmp(fd, hello->fd.data, 16) == 0;
	w.proto_min = node->proto_min;
	w.proto_max = node->proto_max;
	w.proto = hello->proto_max < node->proto_max ? hello->proto_max : node->proto_max;
	w.policy = node->policy.version;
	w.verdict = verdict(node, link, hello);
	w.serial = rep_unit_of(node, link->peer)->serial_max;
	w.cert = w.verdict == TR_VERDICT_SERIAL ? proof(node, link->peer, cert) : (ProtobufCBinaryData){0, NULL};
	w.time_ms = (uint64_t)rep_node_now_ms(node);
	w.fd = (ProtobufCBinaryData){sizeof(fd), fd};
	w.max_frame = TR_FRAME_DATA_MAX;
	w.credit = link->credit;
	w.beat_s = link->beat_s;
	w.cert_serial = node->cert.serial;
	w.version = (ProtobufCBinaryData){version_size, version};
	w.heads = rep_head_sum(node, link->peer);
	w.dark_s = rep_reach_dark_s(node);
	link->said_dark = w.dark_s != 0;
	w.head_ctr = rep_unit_of(node, link->peer)->head_ctr;
	msg.m_case = TERRACE__MSG__M_WELCOME;
	msg.welcome = &w;
	rep_link_send(node, link, &msg);
	if (w.verdict != TR_VERDICT_OK) {
		const char *why = w.verdict != TR_VERDICT_VERSION ? "refused"
		    : too_old(node, hello->proto_min) ? OLD_HERE : OLD_CHILD;

		rep_node_trace(node, REP_TRACE_LINK_REFUSED, link->peer, w.verdict, hello->serial, why);
		rep_link_down(node, link, false, why);
		return;
	}
	link->proto = w.proto;
	rep_unit_of(node, link->peer)->policy = hello->policy;
	link->knows_serial = hello->parent_serial;
	link->was_equal = equal;
	if (hello->parent_serial < node->cert.serial)
		rep_link_cert(node, link, node->cert.nid, node->cert.serial);
	if (hello->rcpt != rep_receipt_sum(node, link->peer))
		rep_receipt_resend(node, link);
	if (equal) {
		rep_compare_equal(node, link, false);
		rep_link_live(node, link);
		rep_own_settled(node, link);
	} else {
		rep_link_state(node, link, REP_LINK_COMPARE, NULL);
		rep_link_patience(node, link);
		rep_compare_begin(node, link);
	}
}

static int refused(struct rep_node *node, struct rep_link *link, const Terrace__Welcome *w)
{
	uint32_t v = w->verdict;
	static const char *const why[] = {"", "", "parent does not know this unit", "an older key",
	    "revoked", "no common protocol version", "paused by the parent", "another zone"};

	const char *text = v < sizeof(why) / sizeof(why[0]) ? why[v] : "refused";

	if (v == TR_VERDICT_VERSION)
		text = too_old(node, w->proto_min) ? OLD_HERE : OLD_PARENT;
	rep_node_trace(node, REP_TRACE_LINK_REFUSED, link->peer, v, 0, text);
	rep_link_down(node, link, true, text);
	if (v != TR_VERDICT_BUSY) {
		rep_link_state(node, link, REP_LINK_REFUSED, link->last_error);
		rep_link_backoff(node, link, true);
	}
	return 0;
}

int rep_on_welcome(struct rep_node *node, struct rep_link *link, const Terrace__Welcome *w)
{
	if (link->way != REP_WAY_UP || link->state != REP_LINK_HELLO_SENT || w->fd.len != 16)
		return TR_E_INPUT;
	if (w->cert.len > 0) /* somebody else sits here now, or the answer to our own question was lost */
		(void)!rep_trust_admit(node, rep_bytes(w->cert.data, w->cert.len), link->peer);
	if (w->verdict != TR_VERDICT_OK)
		return refused(node, link, w);
	if (w->proto < node->proto_min || w->proto > node->proto_max)
		return TR_E_PROTO;
	link->proto = w->proto;
	rep_reach_take(node, w->dark_s);
	link->peer_serial = w->cert_serial;
	if (w->credit >= TR_FRAME_DATA_MIN && w->credit < link->credit)
		link->credit = w->credit;
	if (w->max_frame >= TR_FRAME_DATA_MIN && w->max_frame < link->max_frame)
		link->max_frame = w->max_frame;
	if (w->beat_s >= 5 && w->beat_s <= 3600)
		link->beat_s = w->beat_s;
	copy_version(link, w->version);
	if (!node->has_offset)
		rep_node_follow(node, w->time_ms, 0);
	rep_unit_of(node, link->peer)->policy = w->policy;
	rep_head_catch_up(node, w->head_ctr);
	if (w->heads != rep_head_sum(node, node->cert.nid))
		rep_head_resend(node);
	if (memcmp(link->hello_fd, w->fd.data, 16) == 0) {
		rep_link_live(node, link);
		rep_compare_confirm(node, link);
		rep_own_settled(node, link);
	} else {
		rep_link_state(node, link, REP_LINK_COMPARE, NULL);
		rep_link_patience(node, link);
		rep_compare_begin(node, link);
	}
	return 0;
}
