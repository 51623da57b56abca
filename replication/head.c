/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/head.h"

#include <string.h>

#include "proto/err.h"
#include "replication/chain.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/queue.h"
#include "replication/sign.h"
#include "replication/todo.h"
#include "replication/trust.h"
#include "replication/unit.h"

#define PURPOSE "terrace/head/1"
#define CANON_MAX (sizeof(PURPOSE) + 64 + 4 * 2 * (TR_LEVEL_MAX + 1))
#define XSEQ_MAX (2 * (TR_LEVEL_MAX + 1))
#define EVERY_FIBRE_MS 1000
#define EVERY_METERED_MS 60000
#define DIFFERS_MS 600000

/* Fixed order, little endian: what is signed and what is stored (with the signature behind it). */
static size_t canon(const Terrace__Head *h, uint8_t *out)
{
	uint8_t *p = out;

	memcpy(p, PURPOSE, sizeof(PURPOSE));
	p += sizeof(PURPOSE);
	wire_put_le64(p, h->nid);
	wire_put_le32(p + 8, h->ctr);
	wire_put_le64(p + 12, h->hlc);
	wire_put_le64(p + 20, h->own);
	wire_put_le64(p + 28, h->held);
	wire_put_le32(p + 36, h->own_ops);
	wire_put_le32(p + 40, h->unsent);
	wire_put_le32(p + 44, h->oldest_s);
	wire_put_le32(p + 48, h->serial);
	wire_put_le32(p + 52, (uint32_t)h->n_xseq);
	p += 56;
	for (size_t i = 0; i < h->n_xseq; i++, p += 4)
		wire_put_le32(p, h->xseq[i]);
	return (size_t)(p - out);
}

/* The purpose in front is put there again by rep_sign(). */
static struct tr_bytes signed_part(const uint8_t *bytes, size_t size)
{
	return rep_bytes(bytes + sizeof(PURPOSE), size - sizeof(PURPOSE));
}

static uint32_t cap32(uint64_t v)
{
	return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

/* Ops of lanes X and E applied in the own scope, per ancestor, parent first. */
static size_t fill_xseq(const struct rep_node *node, uint32_t *xseq)
{
	const struct rep_unit *up = rep_unit_find(node, node->cert.parent);
	size_t n = 0;

	for (; up != NULL; up = rep_unit_find(node, up->parent), n += 2) {
		uint64_t x = 0, e = 0;

		TR_ASSERT(n + 2 <= XSEQ_MAX);
		for (const struct rep_log *log = rep_log_first_of_scope(node, node->cert.nid); log != NULL;
		     log = rep_log_get(node, log->next_in_scope)) {
			if (log->id.author.v != up->nid.v)
				continue;
			x += log->id.lane == TR_LANE_X ? log->seq - log->fork : 0;
			e += log->id.lane == TR_LANE_E ? log->seq - log->fork : 0;
		}
		xseq[n] = cap32(x);
		xseq[n + 1] = cap32(e);
	}
	return n;
}

/* Nothing is open when a HEAD is made: own_is_due(). */
static void fill_unsent(const struct rep_node *node, Terrace__Head *head)
{
	const struct rep_unit *self = rep_unit_find(node, node->cert.nid);
	int64_t oldest = INT64_MAX;
	uint64_t unsent = 0, own = 0;

	for (const struct rep_log *log = rep_log_get(node, self->first_own_log); log != NULL;
	     log = rep_log_get(node, log->next_by_author)) {
		struct rep_chain_row row;

		own += log->seq - log->fork;
		unsent += log->seq - log->way[REP_WAY_UP].acked;
		if (log->seq > log->way[REP_WAY_UP].acked &&
		    rep_chain_find(node->view, log->handle, log->way[REP_WAY_UP].acked + 1, &row) == 0) {
			Terrace__Seg *seg;

			if (wire_seg_decode(node->arena, row.bytes, &seg) == 0 && (int64_t)(seg->hlc >> 16) < oldest)
				oldest = (int64_t)(seg->hlc >> 16);
		}
	}
	head->own_ops = cap32(own);
	head->unsent = cap32(unsent);
	if (oldest < rep_node_now_ms(node) && head->unsent > 0)
		head->oldest_s = cap32((uint64_t)(rep_node_now_ms(node) - oldest) / 1000);
}

static void store(struct rep_node *node, const struct rep_unit *unit, const Terrace__Head *head)
{
	uint8_t row[CANON_MAX + 64 + 8];
	struct rep_key key = rep_key_nid((struct tr_nid){head->nid});
	size_t size = canon(head, row);

	memcpy(row + size, head->sig.data, 64);
	wire_put_le64(row + size + 64, unit->xseq_hlc.v);
	rep_node_put(node, REP_T_HEAD, rep_key_bytes(&key), rep_bytes(row, size + 64 + 8));
}

static bool has_xseq(const struct rep_unit *unit, const Terrace__Head *head)
{
	if (unit->xseq_hlc.v == 0 || unit->xseq_count != head->n_xseq)
		return false;
	for (size_t i = 0; i < head->n_xseq; i++)
		if (unit->xseq[i] != head->xseq[i])
			return false;
	return true;
}

static void keep(struct rep_unit *unit, const Terrace__Head *head)
{
	unit->has_head = true;
	unit->head_serial = head->serial;
	unit->head_ctr = head->ctr;
	unit->head_hlc.v = head->hlc;
	unit->head_own = head->own;
	unit->head_own_ops = head->own_ops;
	unit->head_unsent = head->unsent;
	unit->head_oldest_s = head->oldest_s;
	if (!has_xseq(unit, head))
		unit->xseq_hlc.v = head->hlc;
	unit->xseq_count = (uint8_t)head->n_xseq;
	for (size_t i = 0; i < head->n_xseq; i++)
		unit->xseq[i] = head->xseq[i];
}

void rep_head_make(struct rep_node *node, Terrace__Head *out, uint8_t sig[static 64], uint32_t xseq[static 2 * (TR_LEVEL_MAX + 1)])
{
	struct rep_unit *self = rep_unit_find(node, node->cert.nid);
	uint8_t bytes[CANON_MAX], held[16];

	terrace__head__init(out);
	out->nid = node->cert.nid.v;
	out->ctr = self->head_ctr + 1;
	out->serial = node->cert.serial;
	out->hlc = rep_node_stamp(node).v;
	out->own = rep_log_digest_author(node, self);
	rep_log_digest_reach(node, (struct tr_nid){0}, held);
	out->held = wire_get_le64(held);
	out->xseq = xseq;
	out->n_xseq = fill_xseq(node, xseq);
	fill_unsent(node, out);
	rep_sign(PURPOSE, signed_part(bytes, canon(out, bytes)), node->keys.sk, sig);
	out->sig = (ProtobufCBinaryData){64, sig};
	keep(self, out);
	store(node, self, out);
}

static void compare(struct rep_node *node, struct rep_unit *unit)
{
	if (unit->head_own == rep_log_digest_author(node, unit)) {
		unit->head_differs_ms = 0;
		unit->head_alarmed = false;
	} else if (unit->head_differs_ms == 0) {
		unit->head_differs_ms = node->mono_ms + 1;
	}
}

void rep_head_check(struct rep_node *node)
{
	for (size_t i = 0; i < node->unit_count; i++) {
		struct rep_unit *unit = node->units[i];

		if (unit->head_differs_ms == 0)
			continue;
		compare(node, unit);
		if (unit->head_differs_ms == 0 || unit->head_alarmed ||
		    node->mono_ms - unit->head_differs_ms < DIFFERS_MS)
			continue;
		unit->head_alarmed = true;
		rep_node_trace(node, REP_TRACE_HEAD_DIFFERS, unit->nid, unit->head_own_ops, unit->here_ops, NULL);
	}
}

/* A stored row back into a message; false if it is damaged. */
static bool parse(struct tr_bytes row, Terrace__Head *out, uint32_t *xseq, uint8_t *sig)
{
	const uint8_t *p = row.data + sizeof(PURPOSE);
	size_t n;

	if (row.size < sizeof(PURPOSE) + 56 + 64)
		return false;
	terrace__head__init(out);
	out->nid = wire_get_le64(p);
	out->ctr = wire_get_le32(p + 8);
	out->hlc = wire_get_le64(p + 12);
	out->own = wire_get_le64(p + 20);
	out->held = wire_get_le64(p + 28);
	out->own_ops = wire_get_le32(p + 36);
	out->unsent = wire_get_le32(p + 40);
	out->oldest_s = wire_get_le32(p + 44);
	out->serial = wire_get_le32(p + 48);
	n = wire_get_le32(p + 52);
	if (n > XSEQ_MAX || row.size != sizeof(PURPOSE) + 56 + 4 * n + 64 + 8)
		return false;
	for (size_t i = 0; i < n; i++)
		xseq[i] = wire_get_le32(p + 56 + 4 * i);
	memcpy(sig, p + 56 + 4 * n, 64);
	out->n_xseq = n;
	out->xseq = xseq;
	out->sig = (ProtobufCBinaryData){64, sig};
	return true;
}

void rep_head_load(struct rep_node *node)
{
	for (size_t i = 0; i < node->unit_count; i++) {
		struct rep_unit *unit = node->units[i];
		struct rep_key key = rep_key_nid(unit->nid);
		uint32_t xseq[XSEQ_MAX];
		uint8_t sig[64];
		struct tr_bytes row;
		Terrace__Head head;

		if (rep_node_get(node, REP_T_HEAD, rep_key_bytes(&key), &row) == 0 && parse(row, &head, xseq, sig)) {
			keep(unit, &head);
			unit->xseq_hlc.v = wire_get_le64(row.data + row.size - 8);
			/* what is held back is not said again after a restart, and has to be noticed all the same */
			if (unit->nid.v != node->cert.nid.v && unit->head_own_ops > unit->here_ops)
				compare(node, unit);
		}
	}
}

uint64_t rep_head_sum(const struct rep_node *node, struct tr_nid top)
{
	const struct rep_unit *unit = rep_unit_find(node, top);
	uint64_t sum = 0;

	for (const struct rep_unit *at = unit; at != NULL; at = rep_unit_next(unit, at))
		sum += at->has_head ? at->head_ctr : 0;
	return sum;
}

void rep_head_resend(struct rep_node *node)
{
	for (size_t i = 0; i < node->unit_count; i++)
		if (node->units[i]->has_head && node->units[i]->own_or_below)
			rep_todo_add(node, REP_TODO_HEAD, node->units[i]);
}

void rep_head_row(struct rep_node *node, struct tr_nid nid, Terrace__Head *out,
    uint8_t sig[static 64], uint32_t xseq[static 2 * (TR_LEVEL_MAX + 1)])
{
	struct rep_key key = rep_key_nid(nid);
	struct tr_bytes row;

	if (rep_node_get(node, REP_T_HEAD, rep_key_bytes(&key), &row) != 0 || !parse(row, out, xseq, sig))
		terrace__head__init(out);
}

static void send_row(struct rep_node *node, struct rep_link *up, struct rep_unit *unit)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	uint32_t xseq[XSEQ_MAX];
	uint8_t sig[64];
	Terrace__Head head;

	rep_head_row(node, unit->nid, &head, sig, xseq);
	if (head.ctr == 0)
		return;
	rep_link_author(node, up, unit->nid, head.serial);
	msg.m_case = TERRACE__MSG__M_HEAD;
	msg.head = &head;
	rep_link_send(node, up, &msg);
}

/* A store that came back from a backup counts its HEADs from behind, and
 * nobody believes those; who is above remembers how far they went. */
void rep_head_catch_up(struct rep_node *node, uint32_t head_ctr)
{
	struct rep_unit *self = rep_unit_find(node, node->cert.nid);

	if (head_ctr > self->head_ctr && head_ctr < UINT32_MAX / 2)
		self->head_ctr = head_ctr;
}

static bool is_signed(struct rep_node *node, const struct rep_unit *unit, const Terrace__Head *head)
{
	uint8_t bytes[CANON_MAX];

	if (rep_sign_verify(PURPOSE, signed_part(bytes, canon(head, bytes)), head->sig.data, &unit->cert.sign_pk))
		return true;
	rep_node_trace(node, REP_TRACE_HEAD_BAD, unit->nid, head->ctr, 0, NULL);
	return false;
}

/* Its machine went back unnoticed, and those above have heard of more since. */
static int take_own(struct rep_node *node, struct rep_link *link, struct rep_unit *self, const Terrace__Head *head)
{
	if (head->serial != node->cert.serial || head->ctr <= self->head_ctr)
		return 0;
	if (!is_signed(node, self, head))
		return TR_E_FORGED;
	rep_head_catch_up(node, head->ctr);
	link->head_due = true;
	return 0;
}

int rep_head_take(struct rep_node *node, struct rep_link *link, const Terrace__Head *head)
{
	struct tr_nid nid = {head->nid};
	struct rep_unit *unit = rep_unit_find(node, nid), *child;
	struct rep_link *down;

	if (unit == NULL || !unit->has_cert || !unit->own_or_below)
		return TR_E_NOCERT;
	if (nid.v == node->cert.nid.v)
		return link->way == REP_WAY_UP && !link->is_bundle ? take_own(node, link, unit, head) : TR_E_NOCERT;
	/* A key that was replaced, and one that nobody has approved, say nothing here. */
	if (head->serial != unit->cert.serial)
		return 0;
	if (unit->has_head && (head->serial < unit->head_serial ||
	    (head->serial == unit->head_serial && head->ctr <= unit->head_ctr))) {
		/* Who brings an older one has forgotten this one, or never had it. */
		if (link->way == REP_WAY_DOWN && !link->is_bundle && head->ctr < unit->head_ctr &&
		    is_signed(node, unit, head))
			send_row(node, link, unit);
		return 0;
	}
	if (!is_signed(node, unit, head))
		return TR_E_FORGED;
	keep(unit, head);
	store(node, unit, head);
	rep_todo_add(node, REP_TODO_HEAD, unit);
	compare(node, unit);
	child = link->way == REP_WAY_UP ? rep_unit_child_towards(node, nid) : NULL;
	down = child != NULL ? rep_link_of_child(node, child->nid) : NULL;
	if (down != NULL && down->state == REP_LINK_LIVE)
		send_row(node, down, unit);
	return 0;
}

static bool own_is_due(const struct rep_node *node, const struct rep_link *up)
{
	const struct rep_unit *self = rep_unit_find(node, node->cert.nid);
	int64_t every = up->profile == TR_PROFILE_FIBRE ? EVERY_FIBRE_MS : EVERY_METERED_MS;

	if (!up->head_due || node->opens != NULL || !rep_queue_is_empty(up) || up->sent_count > 0)
		return false;
	return !self->has_head || node->mono_ms - up->head_ms >= every;
}

int64_t rep_head_deadline(const struct rep_node *node)
{
	const struct rep_link *up = node->links[0];
	int64_t every = up->profile == TR_PROFILE_FIBRE ? EVERY_FIBRE_MS : EVERY_METERED_MS;

	if (node->is_top || up->state != REP_LINK_LIVE || !up->head_due || node->opens != NULL ||
	    !rep_queue_is_empty(up) || up->sent_count > 0)
		return INT64_MAX;
	return up->head_ms + every;
}

void rep_head_flush(struct rep_node *node)
{
	struct rep_link *up = node->links[0];
	struct rep_todo_run run;
	struct rep_unit *unit;

	if (node->is_top || up->state != REP_LINK_LIVE)
		return;
	if (own_is_due(node, up)) {
		struct rep_unit *self = rep_unit_find(node, node->cert.nid);
		uint32_t xseq[XSEQ_MAX];
		uint8_t sig[64];
		Terrace__Head head;

		up->head_due = false;
		up->head_ms = node->mono_ms;
		rep_head_make(node, &head, sig, xseq);
		rep_todo_add(node, REP_TODO_HEAD, self);
	}
	if (rep_todo_is_empty(node, REP_TODO_HEAD))
		return;
	rep_todo_begin(node, REP_TODO_HEAD, &run);
	while ((unit = rep_todo_next(node, &run)) != NULL)
		send_row(node, up, unit);
	rep_todo_end(node, &run);
}
