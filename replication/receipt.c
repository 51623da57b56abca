/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/receipt.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/queue.h"
#include "replication/sign.h"
#include "replication/todo.h"
#include "replication/unit.h"

#define PURPOSE "terrace/receipt/1"
#define HEAD_SIZE 30 /* issuer(8) scope(8) ctr(4) hlc(8) count(2) */
#define ENTRY 41     /* author(8) inc(8) lane(1) seq(8) h16(16) */
#define CANON_MAX (sizeof(PURPOSE) + HEAD_SIZE + TR_VECTOR_MAX * ENTRY)
#define EVERY_MS 200 /* one scope's receipts, at most */

static_assert(CANON_MAX - sizeof(PURPOSE) <= REP_SIGN_BODY_MAX, "a RECEIPT is signed in one piece");

struct line {
	const struct rep_log *log;
	uint64_t seq;
	uint8_t h16[16];
};

/* Heads of two branches of one log. */
static int order_place(const struct line *a, const struct line *b)
{
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return memcmp(a->h16, b->h16, sizeof(a->h16));
}

static int order(const void *a, const void *b)
{
	const struct tr_log_id *x = &((const struct line *)a)->log->id;
	const struct tr_log_id *y = &((const struct line *)b)->log->id;

	if (x->author.v != y->author.v)
		return x->author.v < y->author.v ? -1 : 1;
	if (x->inc != y->inc)
		return x->inc < y->inc ? -1 : 1;
	if (x->lane != y->lane)
		return (int)x->lane - (int)y->lane;
	return order_place(a, b);
}

/* Purpose, header, sorted entries. */
static size_t canon(uint8_t *out, struct tr_nid issuer, struct tr_nid scope, uint32_t ctr,
    struct tr_hlc hlc, struct line *lines, size_t count)
{
	uint8_t *p = out;

	qsort(lines, count, sizeof(*lines), order);
	memcpy(p, PURPOSE, sizeof(PURPOSE));
	p += sizeof(PURPOSE);
	wire_put_le64(p, issuer.v);
	wire_put_le64(p + 8, scope.v);
	wire_put_le32(p + 16, ctr);
	wire_put_le64(p + 20, hlc.v);
	wire_put_be16(p + 28, (uint16_t)count);
	p += HEAD_SIZE;
	for (size_t i = 0; i < count; i++, p += ENTRY) {
		wire_put_le64(p, lines[i].log->id.author.v);
		wire_put_le64(p + 8, lines[i].log->id.inc);
		p[16] = lines[i].log->id.lane;
		wire_put_le64(p + 17, lines[i].seq);
		memcpy(p + 25, lines[i].h16, 16);
	}
	return (size_t)(p - out);
}

/* The purpose in front is put there again by rep_sign(). */
static struct tr_bytes signed_part(const uint8_t *bytes, size_t size)
{
	return rep_bytes(bytes + sizeof(PURPOSE), size - sizeof(PURPOSE));
}

static void note(struct rep_node *node, struct rep_unit *scope, uint32_t ctr, const uint8_t sig[static 64])
{
	node->receipt_sum += ctr - scope->receipt_ctr;
	scope->receipt_ctr = ctr;
	scope->receipt_mark = wire_get_le64(sig);
	if (ctr > node->receipt_highest)
		node->receipt_highest = ctr;
}

/* The row up to there, and what lies below it in the rows that it left. */
static void cover(struct rep_node *node, uint32_t row, uint64_t seq)
{
	for (struct rep_log *log = rep_log_get(node, row); log != NULL; log = rep_log_get(node, log->parent)) {
		if (seq > log->receipt_seq) {
			log->receipt_seq = seq;
			rep_log_store(node, log);
		}
		seq = log->fork;
	}
}

static void keep(struct rep_node *node, struct rep_unit *scope, uint32_t ctr, struct tr_hlc hlc,
    const uint8_t *bytes, size_t size, const uint8_t sig[static 64], const struct line *lines, size_t count)
{
	struct rep_key key = rep_key_nid(scope->nid);
	uint8_t row[CANON_MAX + 64];

	memcpy(row, bytes, size);
	memcpy(row + size, sig, 64);
	rep_node_put(node, REP_T_RCPT, rep_key_bytes(&key), rep_bytes(row, size + 64));
	note(node, scope, ctr, sig);
	scope->receipt_unsent = true;
	rep_todo_add(node, REP_TODO_RECEIPT, scope);
	if (hlc.v > node->last_receipt_hlc.v)
		node->last_receipt_hlc = hlc;
	for (size_t i = 0; i < count; i++)
		cover(node, lines[i].log->handle, lines[i].seq);
	rep_node_trace(node, REP_TRACE_RECEIPT, scope->nid, ctr, count, NULL);
}

/* After a doubt all counters go on behind the highest that was ever said:
 * one that a restored store has forgotten may have been any scope's. */
static uint32_t next_ctr(const struct rep_node *node, const struct rep_unit *scope)
{
	return (scope->receipt_ctr > node->receipt_base ? scope->receipt_ctr : node->receipt_base) + 1;
}

static void make(struct rep_node *node, struct rep_unit *scope)
{
	uint32_t ctr = next_ctr(node, scope);
	struct line lines[TR_VECTOR_MAX];
	uint8_t bytes[CANON_MAX], sig[64];
	struct tr_hlc hlc = rep_node_stamp(node);
	size_t n = 0, size;

	for (const struct rep_log *log = rep_log_get(node, scope->first_log); log != NULL;
	     log = rep_log_get(node, log->next_in_scope)) {
		if (rep_log_is_empty(log) || n == TR_VECTOR_MAX)
			continue;
		lines[n].log = log;
		lines[n].seq = log->seq;
		memcpy(lines[n].h16, log->head.b, 16);
		n++;
	}
	size = canon(bytes, node->cert.nid, scope->nid, ctr, hlc, lines, n);
	rep_sign(PURPOSE, signed_part(bytes, size), node->keys.sk, sig);
	scope->receipt_mono_ms = node->mono_ms;
	keep(node, scope, ctr, hlc, bytes, size, sig, lines, n);
}

/* 0; TR_E_GAP: names a head that is not here; TR_E_FORGED. */
static int judge(struct rep_node *node, struct rep_unit *scope, const struct rep_pending_receipt *r)
{
	struct line lines[TR_VECTOR_MAX];
	uint8_t bytes[CANON_MAX];
	size_t size;

	for (uint16_t i = 0; i < r->count; i++) {
		struct tr_hash hash;

		lines[i].log = rep_log_locate(node, rep_log_get(node, r->f[i].log), r->f[i].seq, r->f[i].h4);
		lines[i].seq = r->f[i].seq;
		if (lines[i].log == NULL || rep_log_hash_at(node, lines[i].log, lines[i].seq, &hash) != 0)
			return TR_E_GAP;
		memcpy(lines[i].h16, hash.b, 16);
	}
	size = canon(bytes, node->top.nid, scope->nid, r->ctr, r->hlc, lines, r->count);
	if (!rep_sign_verify(PURPOSE, signed_part(bytes, size), r->sig, &node->top.sign_pk))
		return TR_E_FORGED;
	if (node->is_top) /* its own, from before its store was put back: it counts on from there */
		rep_receipt_rebase(node, r->ctr);
	else
		keep(node, scope, r->ctr, r->hlc, bytes, size, r->sig, lines, r->count);
	return 0;
}

/*
 * Nothing new.  One of the same counter that says something else is: the top
 * node's store was put back and has used the counter again.  That it learns
 * from below, and counts on behind it.
 */
static bool is_stale(const struct rep_unit *scope, uint32_t ctr, const uint8_t sig[static 64])
{
	return ctr < scope->receipt_ctr || (ctr == scope->receipt_ctr && wire_get_le64(sig) == scope->receipt_mark);
}

static int settle(struct rep_node *node, struct rep_unit *scope, const struct rep_pending_receipt *r)
{
	int rc = judge(node, scope, r);

	if (rc == TR_E_FORGED)
		rep_node_trace(node, REP_TRACE_RECEIPT_BAD, scope->nid, r->ctr, 0, NULL);
	return rc;
}

int rep_receipt_take(struct rep_node *node, struct rep_link *link, const Terrace__Receipt *msg)
{
	struct rep_unit *scope = rep_unit_find(node, (struct tr_nid){msg->scope});
	struct rep_pending_receipt r = {.ctr = msg->ctr, .hlc = {msg->hlc}};
	bool is_again;
	int rc;

	TR_ASSERT(msg->sig.len == sizeof(r.sig)); /* wire_rules.c */
	if (msg->n_f > TR_VECTOR_MAX || scope == NULL || msg->issuer != node->top.nid.v || !scope->own_or_below)
		return TR_E_INPUT;
	is_again = msg->ctr == scope->receipt_ctr && !is_stale(scope, msg->ctr, msg->sig.data);
	if ((msg->ctr < scope->receipt_ctr || is_again) && link->way == REP_WAY_UP && !link->is_bundle)
		rep_receipt_send(node, link, scope); /* who says an older one, or another, has forgotten this one */
	if (is_stale(scope, msg->ctr, msg->sig.data) || (is_again && link->way == REP_WAY_UP))
		return 0;
	r.count = (uint16_t)msg->n_f;
	memcpy(r.sig, msg->sig.data, 64);
	for (uint16_t i = 0; i < r.count; i++) {
		const struct rep_log *log = rep_link_theirs(node, link, msg->f[i]->log);

		if (log == NULL || log->id.scope.v != scope->nid.v)
			return TR_E_INPUT;
		r.f[i].log = log->handle;
		r.f[i].seq = msg->f[i]->seq;
		r.f[i].h4 = msg->f[i]->h4;
	}
	rc = settle(node, scope, &r);
	if (rc == 0 && link->way == REP_WAY_DOWN && !node->is_top && node->links[0]->state == REP_LINK_LIVE)
		rep_receipt_send(node, node->links[0], scope);
	if (rc != TR_E_GAP)
		return rc;
	if (scope->pending != NULL && link->way == REP_WAY_DOWN && scope->pending->ctr >= r.ctr)
		return 0; /* a child that holds an older one than what waits here */
	if (scope->pending == NULL && (scope->pending = malloc(sizeof(r))) == NULL)
		return TR_E_NOMEM;
	*scope->pending = r; /* newest only */
	return 0;
}

void rep_receipt_send(struct rep_node *node, struct rep_link *link, const struct rep_unit *scope)
{
	struct rep_key key = rep_key_nid(scope->nid);
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Receipt r = TERRACE__RECEIPT__INIT;
	Terrace__Ctx f[TR_VECTOR_MAX];
	Terrace__Ctx *list[TR_VECTOR_MAX];
	uint8_t copy[CANON_MAX + 64];
	const uint8_t *p = copy + sizeof(PURPOSE);
	struct tr_bytes row;
	size_t n;

	if ((node->is_top && scope->receipt_ctr <= node->receipt_base) ||
	    rep_node_get(node, REP_T_RCPT, rep_key_bytes(&key), &row) != 0 || row.size > sizeof(copy) ||
	    row.size < sizeof(PURPOSE) + HEAD_SIZE + 64)
		return;
	memcpy(copy, row.data, row.size);
	n = wire_get_be16(p + 28);
	if (row.size != sizeof(PURPOSE) + HEAD_SIZE + n * ENTRY + 64)
		return;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *e = p + HEAD_SIZE + i * ENTRY;
		struct tr_log_id id = {{wire_get_le64(e)}, wire_get_le64(e + 8), scope->nid, e[16]};
		struct rep_log *log = rep_log_find(node, &id);

		if (log == NULL)
			return;
		rep_link_define(node, link, log);
		terrace__ctx__init(&f[i]);
		f[i].log = log->handle;
		f[i].seq = wire_get_le64(e + 17);
		f[i].h4 = wire_get_le32(e + 25);
		list[i] = &f[i];
	}
	r.issuer = wire_get_le64(p);
	r.scope = scope->nid.v;
	r.ctr = wire_get_le32(p + 16);
	r.hlc = wire_get_le64(p + 20);
	r.n_f = n;
	r.f = list;
	r.sig = (ProtobufCBinaryData){64, copy + row.size - 64};
	msg.m_case = TERRACE__MSG__M_RECEIPT;
	msg.receipt = &r;
	rep_link_send(node, link, &msg);
}

/* The child that a scope's receipt goes to; NULL if its link is down: the
 * sums in HELLO will tell. */
static struct rep_link *child_link(const struct rep_node *node, const struct rep_unit *scope)
{
	const struct rep_unit *child = rep_unit_child_towards(node, scope->nid);
	struct rep_link *link = child != NULL ? rep_link_of_child(node, child->nid) : NULL;

	return link != NULL && link->session != 0 ? link : NULL;
}

static void make_due(struct rep_node *node, bool now)
{
	struct rep_todo_run run;
	struct rep_unit *scope;

	rep_todo_begin(node, REP_TODO_RECEIPT_DUE, &run);
	while ((scope = rep_todo_next(node, &run)) != NULL)
		if (now || node->mono_ms - scope->receipt_mono_ms >= EVERY_MS || scope->receipt_mono_ms == 0)
			make(node, scope);
		else
			rep_todo_add(node, REP_TODO_RECEIPT_DUE, scope);
	rep_todo_end(node, &run);
}

void rep_receipt_now(struct rep_node *node)
{
	if (node->is_top && !rep_todo_is_empty(node, REP_TODO_RECEIPT_DUE))
		make_due(node, true);
}

void rep_receipt_flush(struct rep_node *node)
{
	struct rep_todo_run run;
	struct rep_unit *scope;

	if (node->is_top && !rep_todo_is_empty(node, REP_TODO_RECEIPT_DUE))
		make_due(node, false);
	if (rep_todo_is_empty(node, REP_TODO_RECEIPT))
		return;
	rep_todo_begin(node, REP_TODO_RECEIPT, &run);
	while ((scope = rep_todo_next(node, &run)) != NULL) {
		struct rep_link *link;

		/* a newer one may have come meanwhile: counters never go back */
		if (scope->pending != NULL && (is_stale(scope, scope->pending->ctr, scope->pending->sig) ||
		    settle(node, scope, scope->pending) != TR_E_GAP)) {
			free(scope->pending);
			scope->pending = NULL;
		}
		if (!scope->receipt_unsent)
			continue;
		link = child_link(node, scope);
		if (link != NULL && link->state != REP_LINK_LIVE) {
			rep_todo_add(node, REP_TODO_RECEIPT, scope); /* comparing: it goes afterwards */
			continue;
		}
		scope->receipt_unsent = false;
		if (link != NULL)
			rep_receipt_send(node, link, scope);
	}
	rep_todo_end(node, &run);
}

uint64_t rep_receipt_sum(const struct rep_node *node, struct tr_nid top)
{
	const struct rep_unit *unit = rep_unit_find(node, top);
	uint64_t sum = 0;

	for (const struct rep_unit *at = unit; at != NULL; at = rep_unit_next(unit, at))
		sum += at->receipt_ctr + at->receipt_mark;
	return sum;
}

void rep_receipt_resend(struct rep_node *node, const struct rep_link *link)
{
	struct rep_unit *top = rep_unit_find(node, link->peer);

	for (struct rep_unit *at = top; at != NULL; at = rep_unit_next(top, at))
		if (at->receipt_ctr != 0) {
			at->receipt_unsent = true;
			rep_todo_add(node, REP_TODO_RECEIPT, at);
		}
}

int64_t rep_receipt_deadline(const struct rep_node *node)
{
	int64_t at = INT64_MAX;

	const struct rep_todo_list *due = &node->todo[REP_TODO_RECEIPT_DUE];

	for (size_t i = 0; i < due->count; i++)
		if (node->units[due->index[i]]->receipt_mono_ms + EVERY_MS < at)
			at = node->units[due->index[i]]->receipt_mono_ms + EVERY_MS;
	return at;
}

static void load_base(struct rep_node *node)
{
	struct rep_key key = rep_key_name("receipt base");
	struct tr_bytes row;

	if (rep_node_get(node, REP_T_META, rep_key_bytes(&key), &row) == 0 && row.size == 4)
		node->receipt_base = wire_get_be32(row.data);
}

void rep_receipt_rebase(struct rep_node *node, uint32_t base)
{
	if (!node->is_top || base <= node->receipt_base)
		return;
	node->receipt_base = base;
	node->receipt_base_dirty = true;
	/* what the restored store remembers to have said is behind: said again, further on */
	for (size_t i = 0; i < node->unit_count; i++)
		if (node->units[i]->receipt_ctr != 0)
			rep_todo_add(node, REP_TODO_RECEIPT_DUE, node->units[i]);
}

void rep_receipt_store_base(struct rep_node *node)
{
	struct rep_key key = rep_key_name("receipt base");
	uint8_t row[4];

	if (!node->receipt_base_dirty)
		return;
	node->receipt_base_dirty = false;
	wire_put_be32(row, node->receipt_base);
	rep_node_put(node, REP_T_META, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
}

void rep_receipt_load(struct rep_node *node)
{
	load_base(node);
	for (size_t i = 0; i < node->unit_count; i++) {
		struct rep_unit *scope = node->units[i];
		struct rep_key key = rep_key_nid(scope->nid);
		struct tr_bytes row;

		if (rep_node_get(node, REP_T_RCPT, rep_key_bytes(&key), &row) == 0 &&
		    row.size >= sizeof(PURPOSE) + HEAD_SIZE + 64) {
			struct tr_hlc hlc = {wire_get_le64(row.data + sizeof(PURPOSE) + 20)};

			note(node, scope, wire_get_le32(row.data + sizeof(PURPOSE) + 16), row.data + row.size - 64);
			if (hlc.v > node->last_receipt_hlc.v && scope->own_or_below)
				node->last_receipt_hlc = hlc;
		}
		if (node->is_top && scope->first_log != 0) {
			const struct rep_log *log = rep_log_get(node, scope->first_log);

			for (; log != NULL; log = rep_log_get(node, log->next_in_scope))
				if (log->seq > log->receipt_seq)
					rep_todo_add(node, REP_TODO_RECEIPT_DUE, scope);
		}
	}
}
