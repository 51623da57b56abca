/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/compare.h"

#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/ack.h"
#include "replication/branch.h"
#include "replication/incarnation.h"
#include "replication/index.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/own.h"
#include "replication/queue.h"
#include "replication/take.h"
#include "replication/unit.h"

#define FEW_SCOPES 4 /* fewer: entries at once, a round trip is dearer */
#define SAME UINT64_MAX
#define CLAIMS_MAX 3   /* of one peer, about our own past, without a proof */

static struct tr_nid reach_top(const struct rep_node *node, const struct rep_link *link)
{
	return link->way == REP_WAY_UP ? node->cert.nid : link->peer;
}

/* Of a scope above the child end only lane P is compared: all that the child holds of it. */
static uint64_t digest8(const struct rep_node *node, const struct rep_link *link, struct tr_nid scope)
{
	uint8_t d[16];

	rep_log_digest_scope(node, scope, !rep_queue_in_reach(node, link, scope), d);
	return wire_get_le64(d) ^ 1; /* never SAME by accident of an empty sum */
}

void rep_compare_digest(const struct rep_node *node, const struct rep_link *link, uint8_t out[static 16])
{
	rep_log_digest_reach(node, reach_top(node, link), out);
}

/* Next scope with logs that the link carries, from index i on; NULL at the end. */
static struct rep_unit *next_scope(const struct rep_node *node, const struct rep_link *link, size_t *i)
{
	while (*i < node->unit_count) {
		struct rep_unit *unit = node->units[(*i)++];

		if (rep_queue_first(node, link, unit) != NULL)
			return unit;
	}
	return NULL;
}

static void mark_same(struct rep_node *node, struct rep_link *link, const struct rep_unit *scope, bool tentative)
{
	for (struct rep_log *log = rep_queue_first(node, link, scope); log != NULL;
	     log = rep_queue_next(node, link, log)) {
		struct rep_way *way = rep_queue_way(link, log);

		way->sent = log->seq;
		way->unsure = false;
		if (!tentative && way->acked != log->seq) {
			way->acked = log->seq;
			rep_log_store(node, log);
		}
		if (!tentative)
			rep_ack_policy(node, link, log, log->seq);
	}
}

void rep_compare_equal(struct rep_node *node, struct rep_link *link, bool tentative)
{
	struct rep_unit *scope;

	for (size_t i = 0; (scope = next_scope(node, link, &i)) != NULL;)
		mark_same(node, link, scope, tentative);
}

void rep_compare_confirm(struct rep_node *node, struct rep_link *link)
{
	struct rep_unit *scope;

	for (size_t i = 0; (scope = next_scope(node, link, &i)) != NULL;)
		for (struct rep_log *log = rep_queue_first(node, link, scope); log != NULL;
		     log = rep_queue_next(node, link, log)) {
			struct rep_way *way = rep_queue_way(link, log);

			way->acked = way->sent;
			rep_queue_send(node, link, log);
		}
}

static void send_scopes(struct rep_node *node, struct rep_link *link)
{
	Terrace__SDig digs[TR_FRONTIER_ENTRIES_MAX];
	Terrace__SDig *list[TR_FRONTIER_ENTRIES_MAX];
	struct rep_unit *scope;
	size_t i = 0, n = 0;

	link->sent_scopes = true;
	do {
		scope = next_scope(node, link, &i);
		if (scope != NULL) {
			terrace__sdig__init(&digs[n]);
			digs[n].scope = scope->nid.v;
			digs[n].d = digest8(node, link, scope->nid);
			list[n] = &digs[n];
			n++;
		}
		if (scope == NULL || n == TR_FRONTIER_ENTRIES_MAX) {
			Terrace__Msg msg = TERRACE__MSG__INIT;
			Terrace__Frontier f = TERRACE__FRONTIER__INIT;

			f.mode = TR_FRONTIER_SCOPES;
			f.n_s = n;
			f.s = list;
			f.more = scope != NULL;
			msg.m_case = TERRACE__MSG__M_FRONTIER;
			msg.frontier = &f;
			rep_link_send(node, link, &msg);
			n = 0;
		}
	} while (scope != NULL);
}

static void send_entries(struct rep_node *node, struct rep_link *link, Terrace__FEnt *ents, size_t n, bool more)
{
	Terrace__FEnt *list[TR_FRONTIER_ENTRIES_MAX];
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Frontier f = TERRACE__FRONTIER__INIT;

	for (size_t i = 0; i < n; i++)
		list[i] = &ents[i];
	f.mode = TR_FRONTIER_FULL;
	f.n_e = n;
	f.e = list;
	f.more = more;
	msg.m_case = TERRACE__MSG__M_FRONTIER;
	msg.frontier = &f;
	rep_link_send(node, link, &msg);
}

static bool is_same(const struct rep_link *link, struct tr_nid scope)
{
	uint32_t i;
	size_t pos;

	return rep_map_first(&link->peer_scopes, scope.v, &pos, &i) && link->peer_digests[i] == SAME;
}

void rep_compare_send_full(struct rep_node *node, struct rep_link *link, bool only_differing)
{
	Terrace__FEnt ents[TR_FRONTIER_ENTRIES_MAX];
	struct rep_unit *scope;
	size_t n = 0;

	link->sent_full = true;
	for (size_t i = 0; (scope = next_scope(node, link, &i)) != NULL;) {
		if (only_differing && is_same(link, scope->nid))
			continue;
		for (struct rep_log *log = rep_queue_first(node, link, scope); log != NULL;
		     log = rep_queue_next(node, link, log)) {
			if (rep_log_is_empty(log))
				continue;
			if (n == TR_FRONTIER_ENTRIES_MAX) {
				send_entries(node, link, ents, n, true);
				n = 0;
			}
			rep_link_define(node, link, log);
			terrace__fent__init(&ents[n]);
			ents[n].log = log->handle;
			ents[n].seq = log->seq;
			ents[n].h4 = wire_get_le32(log->head.b);
			rep_queue_way(link, log)->said = log->seq;
			n++;
		}
	}
	send_entries(node, link, ents, n, false);
}

void rep_compare_begin(struct rep_node *node, struct rep_link *link)
{
	size_t i = 0, scopes = 0;

	while (next_scope(node, link, &i) != NULL)
		scopes++;
	if (scopes > FEW_SCOPES)
		send_scopes(node, link);
	else
		rep_compare_send_full(node, link, false);
}

static int on_scopes(struct rep_node *node, struct rep_link *link, const Terrace__Frontier *msg)
{
	struct rep_unit *scope;

	for (size_t i = 0; i < msg->n_s; i++) {
		uint64_t *more;
		uint32_t at;
		size_t pos;

		if (link->peer_digest_count >= TR_UNITS_MAX || rep_map_first(&link->peer_scopes, msg->s[i]->scope, &pos, &at))
			return TR_E_INPUT;
		more = tr_grow(link->peer_digests, link->peer_digest_count, &link->peer_digest_cap, sizeof(*more));
		if (more == NULL)
			return TR_E_NOMEM;
		link->peer_digests = more;
		at = (uint32_t)link->peer_digest_count++;
		link->peer_digests[at] = msg->s[i]->d;
		if (!rep_map_add(&link->peer_scopes, msg->s[i]->scope, at))
			return TR_E_NOMEM;
	}
	if (msg->more || link->sent_full)
		return 0;
	for (size_t i = 0; (scope = next_scope(node, link, &i)) != NULL;) {
		uint32_t at;
		size_t pos;

		if (rep_map_first(&link->peer_scopes, scope->nid.v, &pos, &at) &&
		    link->peer_digests[at] == digest8(node, link, scope->nid)) {
			link->peer_digests[at] = SAME;
			mark_same(node, link, scope, false);
		}
	}
	rep_compare_send_full(node, link, true);
	return 0;
}

/*
 * The peer holds more of our own log than we do: this store was restored, and
 * to go on in the old incarnation would fork it.  The proof, our own signature,
 * only comes later; a peer whose proofs do not come is not believed for ever,
 * since each incarnation is an entry in everybody's vectors.
 */
static int own_past(struct rep_node *node, const struct rep_link *link)
{
	struct rep_unit *peer = rep_unit_find(node, link->peer);

	if (peer->claims >= CLAIMS_MAX)
		return TR_E_FORGED;
	peer->claims++;
	rep_incarnation_new(node);
	return 0;
}

/* The peer has a row up to there, and what lies below it. */
static int note_common(struct rep_node *node, struct rep_link *link, const struct rep_log *log, uint64_t seq)
{
	for (; log != NULL && seq > 0; seq = log->fork, log = rep_log_get(node, log->parent)) {
		uint64_t *more;
		uint32_t at;
		size_t pos;

		if (rep_map_first(&link->frontier, log->handle, &pos, &at)) {
			if (link->frontier_seq[at] < seq)
				link->frontier_seq[at] = seq;
			continue;
		}
		more = tr_grow(link->frontier_seq, link->frontier_count, &link->frontier_cap, sizeof(*more));
		if (more == NULL)
			return TR_E_NOMEM;
		link->frontier_seq = more;
		link->frontier_seq[link->frontier_count] = seq;
		if (!rep_map_add(&link->frontier, log->handle, (uint32_t)link->frontier_count))
			return TR_E_NOMEM;
		link->frontier_count++;
	}
	return 0;
}

static int note_entry(struct rep_node *node, struct rep_link *link, const Terrace__FEnt *e)
{
	struct rep_log *log = rep_link_theirs(node, link, e->log), *row;
	struct rep_way *way;

	if (log == NULL && rep_take_is_waiting(link, e->log))
		return 0; /* its unit is not known here: nothing of it is held */
	if (log == NULL)
		return TR_E_INPUT;
	way = rep_queue_way(link, log);
	if (way->entries >= way->theirs_count)
		return TR_E_INPUT; /* one head for each handle */
	way->entries++;
	row = rep_log_locate(node, log, e->seq, e->h4);
	if (row != NULL)
		return note_common(node, link, row, e->seq);
	if (e->seq == 0)
		return 0;
	way->unknown = true;
	way->parted = way->parted || e->seq <= rep_branch_top(node, log);
	if (log->id.author.v == node->cert.nid.v && log->id.inc == node->inc && own_past(node, link) != 0)
		return TR_E_FORGED;
	return 0;
}

/* A neighbour said by file what it holds.  A session knows better: the file may
 * be older than the store that the neighbour has now. */
static void note_file(struct rep_node *node, const struct rep_link *link, struct rep_log *log, uint64_t seq)
{
	const struct rep_unit *peer = rep_unit_find(node, link->peer);
	struct rep_link *at_peer = NULL;
	struct rep_way *real;

	if (link->peer.v != node->cert.parent.v && peer->parent.v != node->cert.nid.v)
		return;
	at_peer = link->way == REP_WAY_UP ? node->links[0] : rep_link_of_peer(node, link->peer);
	if (at_peer == NULL || at_peer->session != 0)
		return;
	real = rep_queue_way(at_peer, log);
	if (real->acked == seq)
		return;
	real->sent = seq < real->acked || real->sent < seq ? seq : real->sent;
	real->acked = seq;
	rep_log_store(node, log);
}

/*
 * The peer has a head that is not here.  If it comes behind ours, the peer has
 * all that is here; if the two parted, it has not.  Whoever holds the longer
 * one knows, and says INDEX or, when it said all of those, that it settled.
 * Until then nothing of this log goes: a segment that the other side cannot
 * place looks forged there.
 */
static void settle_row(struct rep_node *node, struct rep_link *link, struct rep_log *log)
{
	struct rep_way *way = rep_queue_way(link, log);
	uint64_t seq = log->fork, before = way->acked;
	uint32_t at;
	size_t pos;

	if (rep_map_first(&link->frontier, log->handle, &pos, &at))
		seq = link->frontier_seq[at];
	way->sent = seq;
	way->unsure = seq < log->seq && !link->is_bundle &&
	    rep_queue_way(link, rep_branch_first(node, log))->unknown;
	if (way->unsure)
		return;
	way->acked = seq;
	rep_ack_policy(node, link, log, way->acked);
	if (link->is_bundle)
		note_file(node, link, log, way->acked);
	else if (way->acked != before)
		rep_log_store(node, log);
}

/* What the peer wrote itself and lost goes first: it may wait for just that. */
static void queue_all(struct rep_node *node, struct rep_link *link, bool own)
{
	struct rep_unit *scope;

	for (size_t i = 0; (scope = next_scope(node, link, &i)) != NULL;)
		for (struct rep_log *log = rep_queue_first(node, link, scope); log != NULL;
		     log = rep_queue_next(node, link, log))
			if ((log->id.author.v == link->peer.v) == own)
				rep_queue_send(node, link, log);
}

/* Then the peer does not know yet how much of its own is here. */
static bool has_more(struct rep_node *node, struct rep_link *link)
{
	struct rep_unit *scope;

	for (size_t i = 0; (scope = next_scope(node, link, &i)) != NULL;)
		for (struct rep_log *log = rep_queue_first(node, link, scope); log != NULL;
		     log = rep_queue_next(node, link, log))
			if (rep_queue_way(link, log)->sent < log->seq)
				return true;
	return false;
}

/* An acknowledgement of nothing: what is not asked about by now is here. */
static void say_settled(struct rep_node *node, struct rep_link *link)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Frontier f = TERRACE__FRONTIER__INIT;

	f.mode = TR_FRONTIER_DELTA;
	msg.m_case = TERRACE__MSG__M_FRONTIER;
	msg.frontier = &f;
	rep_link_send(node, link, &msg);
}

/* The peer holds every head that we said, but of the logs that it asked about. */
static void on_settled(struct rep_node *node, struct rep_link *link)
{
	struct rep_unit *scope;

	if (!link->peer_done || link->peer_settled)
		return;
	link->peer_settled = true;
	for (size_t i = 0; (scope = next_scope(node, link, &i)) != NULL;)
		for (struct rep_log *log = rep_queue_first(node, link, scope); log != NULL;
		     log = rep_queue_next(node, link, log)) {
			const struct rep_way *way = rep_queue_way(link, rep_branch_first(node, log));
			uint64_t said = rep_queue_way(link, log)->said;

			if (!rep_queue_way(link, log)->unsure || way->parted || way->indexes != 0)
				continue;
			if (said > log->fork)
				rep_queue_raise(node, link, log, said);
			rep_queue_sure(node, link, log);
		}
}

/* Everything the peer said is here: start sending what it lacks. */
static void settle(struct rep_node *node, struct rep_link *link)
{
	struct rep_unit *scope;

	for (size_t i = 0; (scope = next_scope(node, link, &i)) != NULL;) {
		if (is_same(link, scope->nid))
			continue;
		for (struct rep_log *log = rep_queue_first(node, link, scope); log != NULL;
		     log = rep_queue_next(node, link, log))
			settle_row(node, link, log);
	}
	if (link->is_bundle)
		return;
	rep_link_live(node, link);
	for (size_t i = 0; (scope = next_scope(node, link, &i)) != NULL;)
		for (struct rep_log *log = rep_queue_first(node, link, scope); log != NULL;
		     log = rep_queue_next(node, link, log))
			if (rep_queue_way(link, log)->parted)
				rep_index_send(node, link, log);
	if (has_more(node, link))
		say_settled(node, link);
	queue_all(node, link, true);
	queue_all(node, link, false);
	rep_own_settled(node, link);
}

static int on_full(struct rep_node *node, struct rep_link *link, const Terrace__Frontier *msg)
{
	if (link->peer_done)
		return TR_E_INPUT;
	for (size_t i = 0; i < msg->n_e; i++) {
		int rc = note_entry(node, link, msg->e[i]);

		if (rc != 0)
			return rc;
	}
	if (msg->more)
		return 0;
	link->peer_done = true;
	if (!link->sent_full && !link->is_bundle)
		rep_compare_send_full(node, link, false);
	settle(node, link);
	return 0;
}

int rep_compare_frontier(struct rep_node *node, struct rep_link *link, const Terrace__Frontier *msg)
{
	if (link->state == REP_LINK_COMPARE)
		rep_link_patience(node, link);
	if (msg->mode == TR_FRONTIER_SCOPES)
		return link->state == REP_LINK_COMPARE ? on_scopes(node, link, msg) : TR_E_INPUT;
	if (msg->mode == TR_FRONTIER_FULL)
		return link->state == REP_LINK_COMPARE || link->is_bundle ? on_full(node, link, msg) : TR_E_INPUT;
	if (link->is_bundle)
		return TR_E_INPUT;
	if (msg->n_e == 0)
		on_settled(node, link);
	return rep_ack_take(node, link, msg);
}
