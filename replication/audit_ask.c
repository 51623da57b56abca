/* SPDX-License-Identifier: Apache-2.0 */
/* The one that asks: roots, then the records of what differs; again for what moved. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/audit.h"
#include "replication/batch.h"
#include "replication/link.h"
#include "replication/queue.h"
#include "replication/unit.h"

#define ANSWER_MS 120000   /* a peer that hashes a million records takes its time */
#define AGAIN_MS 2000      /* between two rounds */
#define SPACE_MS 300       /* between two questions: audit_serve.c refuses what comes faster */
#define DOMAINS_MAX 16     /* looked into, of those that differ */
#define DIRECT_RECORDS 1024 /* a domain so small is listed at once */

static struct rep_link *link_of(const struct rep_node *node, struct tr_nid peer)
{
	return !node->is_top && node->links[0]->peer.v == peer.v ? node->links[0] : rep_link_of_child(node, peer);
}

/* ----------------------------------------------------------------- questions */

/* Begins the own pass and asks for the peer's. */
static void question(struct rep_node *node, struct rep_link *link, uint8_t mode, const uint8_t *want)
{
	struct rep_audit *audit = link->ask;
	const struct rep_audit_sum *bad = mode != TR_AUDIT_ASK_ROOTS ? &audit->bad[audit->bad_at] : NULL;
	int rc = rep_audit_begin(node, link, &audit->pass, mode, audit->unit,
	    bad != NULL ? bad->scope : (struct tr_nid){0}, bad != NULL ? bad->lane : 0, want);

	if (rc == TR_E_NOMEM)
		rep_node_fail(node, rc);
	if (rc != 0) {
		rep_audit_ask_end(audit, rc);
		return;
	}
	audit->n++;
	audit->from = 0;
	audit->has_all = false;
	audit->peer_count = 0;
	audit->again_ms = 0;
	audit->is_due = true;
	audit->since_ms = node->mono_ms;
}

static void send_question(struct rep_node *node, struct rep_link *link)
{
	struct rep_audit *audit = link->ask;
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Audit ask = TERRACE__AUDIT__INIT;
	Terrace__AuditDomain dom = TERRACE__AUDIT_DOMAIN__INIT, *doms[1] = {&dom};

	ask.mode = audit->pass.mode;
	ask.n = audit->n;
	ask.from = audit->from;
	if (ask.mode == TR_AUDIT_ASK_ROOTS) {
		ask.unit = audit->unit.v;
	} else {
		dom.scope = audit->pass.doms[0].scope.v;
		dom.lane = audit->pass.doms[0].lane;
		ask.dom = doms;
		ask.n_dom = 1;
	}
	if (ask.mode == TR_AUDIT_ASK_RECORDS)
		ask.want = (ProtobufCBinaryData){sizeof(audit->pass.want), audit->pass.want};
	msg.m_case = TERRACE__MSG__M_AUDIT;
	msg.audit = &ask;
	rep_link_send(node, link, &msg);
	audit->is_due = false;
	audit->since_ms = node->mono_ms;
}

void rep_audit_ask_end(struct rep_audit *audit, int rc)
{
	audit->info.is_running = false;
	audit->info.rc = rc;
	audit->is_due = false;
	audit->pass.mode = 0;
	audit->info.diffs = audit->diffs;
}

static void begin_round(struct rep_node *node, struct rep_link *link)
{
	struct rep_audit *audit = link->ask;

	audit->info.domains = audit->info.records = audit->info.equal = 0;
	audit->info.differ = audit->info.under_way = 0;
	audit->info.diff_count = 0;
	audit->info.more = false;
	audit->bad_count = audit->bad_at = 0;
	question(node, link, TR_AUDIT_ASK_ROOTS, NULL);
}

static int start(struct rep_node *node, const struct rep_audit_ask *ask)
{
	struct rep_link *link = link_of(node, ask->peer);
	uint32_t n;

	if (link == NULL)
		return TR_E_NOPEER;
	if (ask->unit.v != 0 && !rep_queue_in_reach(node, link, ask->unit))
		return TR_E_SCOPE;
	if (link->state != REP_LINK_LIVE)
		return TR_E_DOWN;
	if (link->ask != NULL && link->ask->info.is_running)
		return TR_E_BUSY;
	n = link->ask != NULL ? link->ask->n : 0;
	rep_audit_free(link->ask);
	link->ask = calloc(1, sizeof(*link->ask));
	if (link->ask == NULL)
		return TR_E_NOMEM;
	link->ask->n = n;
	link->ask->epoch = link->epoch;
	link->ask->unit = ask->unit;
	link->ask->until_ms = node->mono_ms + ask->wait_ms;
	link->ask->info.is_running = true;
	begin_round(node, link);
	return 0;
}

void rep_audit_on(struct rep_node *node, const struct rep_audit_ask *ask)
{
	struct rep_effect fx = {.kind = REP_FX_REPLY};

	fx.reply.ticket = ask->ticket;
	fx.reply.rc = start(node, ask);
	if (fx.reply.rc == TR_E_NOMEM)
		rep_node_fail(node, TR_E_NOMEM);
	rep_batch_put(node->batch, &fx);
}

bool rep_audit_look(const struct rep_node *node, struct tr_nid peer, struct rep_audit_info *out)
{
	const struct rep_link *link = link_of(node, peer);

	if (link == NULL || link->ask == NULL)
		return false;
	*out = link->ask->info;
	out->diffs = link->ask->diffs;
	return true;
}

/* ------------------------------------------------------------------- answers */

static uint64_t sum_of(const Terrace__AuditDomain *d, size_t i)
{
	return wire_get_le64(d->sum.data + 8 * i);
}

static int take_domain(struct rep_audit *audit, const struct rep_node *node, const struct rep_link *link,
    const Terrace__AuditDomain *d)
{
	struct rep_audit_sum *sum = rep_audit_find(&audit->pass, (struct tr_nid){d->scope}, (uint8_t)d->lane);

	if (!rep_queue_in_reach(node, link, (struct tr_nid){d->scope}))
		return TR_E_SCOPE;
	if ((d->d.len != 0) != (d->sum.len != 0))
		return TR_E_INPUT;
	if (sum == NULL) { /* its ops are on their way */
		audit->info.under_way++;
		return 0;
	}
	if (sum->has_peer && audit->pass.mode == TR_AUDIT_ASK_ROOTS)
		return TR_E_INPUT;
	sum->has_peer = true;
	sum->peer_moved = d->d.len == 0;
	if (sum->peer_moved)
		return 0;
	memcpy(sum->peer_digest, d->d.data, sizeof(sum->peer_digest));
	sum->peer_records = d->records;
	for (size_t i = 0; i < 4; i++)
		sum->peer_sum[i] = sum_of(d, i);
	return 0;
}

static int by_row(const struct rep_audit_row *a, const struct rep_audit_row *b)
{
	return memcmp(a, b, offsetof(struct rep_audit_row, hash));
}

static int take_rows(struct rep_audit *audit, const Terrace__Audit *msg)
{
	for (size_t i = 0; i < msg->n_rec; i++) {
		struct rep_audit_row *more;

		if (audit->peer_count >= REP_AUDIT_RECORDS_MAX)
			return TR_E_LIMIT;
		more = tr_grow(audit->peer_rows, audit->peer_count, &audit->peer_cap, sizeof(*more));
		if (more == NULL)
			return TR_E_NOMEM;
		audit->peer_rows = more;
		more += audit->peer_count;
		more->kind = (uint8_t)msg->rec[i]->kind;
		memcpy(more->id.b, msg->rec[i]->id.data, sizeof(more->id.b));
		memcpy(more->hash, msg->rec[i]->hash.data, sizeof(more->hash));
		if (audit->peer_count > 0 && by_row(more - 1, more) >= 0)
			return TR_E_INPUT; /* they come in order */
		audit->peer_count++;
	}
	return 0;
}

int rep_audit_ask_take(struct rep_node *node, struct rep_link *link, const Terrace__Audit *msg)
{
	struct rep_audit *audit = link->ask;
	size_t count = msg->mode == TR_AUDIT_ROOTS ? msg->n_dom : msg->n_rec;
	int rc = 0;

	if (audit == NULL || !audit->info.is_running || msg->n != audit->n)
		return audit != NULL && msg->n <= audit->n ? 0 : TR_E_INPUT; /* late: it was given up */
	if (audit->is_due || audit->has_all || msg->from != audit->from || msg->mode != audit->pass.mode + 1u)
		return TR_E_INPUT;
	if (msg->mode == TR_AUDIT_ROOTS ? msg->n_rec != 0 : msg->n_dom != 1)
		return TR_E_INPUT;
	for (size_t i = 0; i < msg->n_dom && rc == 0; i++)
		rc = take_domain(audit, node, link, msg->dom[i]);
	if (rc == 0 && msg->mode == TR_AUDIT_BUCKETS) {
		if (msg->dom[0]->buckets.len == 0)
			return TR_E_INPUT;
		for (size_t i = 0; i < TR_AUDIT_SPLIT; i++)
			audit->peer_buckets[i] = wire_get_le64(msg->dom[0]->buckets.data + 8 * i);
	}
	if (rc == 0 && msg->mode == TR_AUDIT_RECORDS)
		rc = take_rows(audit, msg);
	if (rc != 0) {
		rep_audit_ask_end(audit, rc);
		return rc;
	}
	audit->since_ms = node->mono_ms;
	audit->has_all = msg->more == 0 || count == 0; /* a part of nothing is the last one, whatever it says */
	audit->is_due = !audit->has_all;
	audit->from += (uint32_t)count;
	return 0;
}

/* ------------------------------------------------------------------- compare */

static bool is_common(const struct rep_audit_sum *s)
{
	return s->has_peer && !s->peer_moved && !s->moved && memcmp(s->digest, s->peer_digest, sizeof(s->digest)) == 0;
}

static bool is_equal(const struct rep_audit_sum *s)
{
	return s->records == s->peer_records && memcmp(s->sum, s->peer_sum, sizeof(s->sum)) == 0;
}

static void add_diff(struct rep_audit *audit, const struct rep_audit_sum *s, enum rep_audit_why why,
    const struct rep_audit_row *row)
{
	struct rep_audit_diff *d;

	if (audit->info.diff_count >= REP_AUDIT_DIFFS_MAX) {
		audit->info.more = true;
		return;
	}
	d = &audit->diffs[audit->info.diff_count++];
	*d = (struct rep_audit_diff){.why = why, .scope = s->scope, .lane = s->lane};
	if (row != NULL) {
		d->kind = row->kind;
		d->rec = row->id;
	}
}

static void add_bad(struct rep_node *node, struct rep_audit *audit, const struct rep_audit_sum *s)
{
	if (audit->bad_count >= DOMAINS_MAX) {
		add_diff(audit, s, REP_AUDIT_DOMAIN, NULL);
		return;
	}
	if (audit->bad == NULL)
		audit->bad = calloc(DOMAINS_MAX, sizeof(*audit->bad));
	if (audit->bad == NULL)
		rep_node_fail(node, TR_E_NOMEM);
	else
		audit->bad[audit->bad_count++] = *s;
}

static void compare_roots(struct rep_node *node, struct rep_audit *audit)
{
	for (size_t i = 0; i < audit->pass.count; i++) {
		const struct rep_audit_sum *s = &audit->pass.doms[i];

		if (!is_common(s)) {
			audit->info.under_way++;
			continue;
		}
		audit->info.domains++;
		audit->info.records += s->records;
		if (is_equal(s)) {
			audit->info.equal++;
		} else {
			audit->info.differ++;
			add_bad(node, audit, s);
		}
	}
}

static void compare_rows(struct rep_audit *audit)
{
	const struct rep_audit_sum *s = &audit->pass.doms[0];
	const struct rep_audit_row *a = audit->pass.rows, *b = audit->peer_rows;
	size_t i = 0, k = 0, n = audit->pass.row_count, m = audit->peer_count;

	while (i < n || k < m) {
		int c = i == n ? 1 : k == m ? -1 : by_row(&a[i], &b[k]);

		if (c != 0)
			add_diff(audit, s, c < 0 ? REP_AUDIT_HERE : REP_AUDIT_THERE, c < 0 ? &a[i] : &b[k]);
		else if (memcmp(a[i].hash, b[k].hash, sizeof(a[i].hash)) != 0)
			add_diff(audit, s, REP_AUDIT_DIFFERS, &a[i]);
		i += c <= 0;
		k += c >= 0;
	}
	audit->info.more = audit->info.more || audit->pass.full;
}

/* Buckets that differ, as many as a list of records has room for. */
static bool pick(const struct rep_audit *audit, uint8_t want[static TR_AUDIT_SPLIT / 8], bool *left_out)
{
	uint64_t each = audit->pass.doms[0].records / TR_AUDIT_SPLIT + 1, room = REP_AUDIT_RECORDS_MAX / 2;
	bool any = false;

	memset(want, 0, TR_AUDIT_SPLIT / 8);
	for (size_t i = 0; i < TR_AUDIT_SPLIT; i++) {
		if (audit->pass.buckets[i] == audit->peer_buckets[i])
			continue;
		if (any && room < each) {
			*left_out = true;
			continue;
		}
		want[i / 8] |= (uint8_t)(1u << (i % 8));
		room -= room < each ? room : each;
		any = true;
	}
	return any;
}

static void next_domain(struct rep_node *node, struct rep_link *link)
{
	struct rep_audit *audit = link->ask;
	uint8_t all[TR_AUDIT_SPLIT / 8];

	if (audit->bad_at < audit->bad_count) {
		memset(all, 0xff, sizeof(all));
		if (audit->bad[audit->bad_at].records <= DIRECT_RECORDS && audit->bad[audit->bad_at].peer_records <= DIRECT_RECORDS)
			question(node, link, TR_AUDIT_ASK_RECORDS, all);
		else
			question(node, link, TR_AUDIT_ASK_BUCKETS, NULL);
	} else if (audit->info.under_way > 0 && node->mono_ms + AGAIN_MS <= audit->until_ms) {
		audit->pass.mode = 0;
		audit->again_ms = node->mono_ms + AGAIN_MS;
	} else {
		rep_audit_ask_end(audit, 0);
	}
}

/* Both have hashed: what comes of it, and the next question. */
static void conclude(struct rep_node *node, struct rep_link *link)
{
	struct rep_audit *audit = link->ask;
	uint8_t want[TR_AUDIT_SPLIT / 8];

	if (audit->pass.mode == TR_AUDIT_ASK_ROOTS) {
		compare_roots(node, audit);
		next_domain(node, link);
		return;
	}
	if (!is_common(&audit->pass.doms[0])) {
		audit->info.under_way++; /* ops came in between: the next round looks again */
	} else if (audit->pass.mode == TR_AUDIT_ASK_BUCKETS) {
		if (pick(audit, want, &audit->info.more)) {
			question(node, link, TR_AUDIT_ASK_RECORDS, want);
			return;
		}
		add_diff(audit, &audit->pass.doms[0], REP_AUDIT_DOMAIN, NULL);
	} else {
		compare_rows(audit);
	}
	audit->bad_at++;
	next_domain(node, link);
}

void rep_audit_ask_go_on(struct rep_node *node, struct rep_link *link)
{
	struct rep_audit *audit = link->ask;

	audit->info.hashed = 0;
	for (size_t i = 0; i < audit->pass.count; i++)
		audit->info.hashed += audit->pass.doms[i].records;
	if (audit->again_ms != 0) {
		if (node->mono_ms >= audit->again_ms)
			begin_round(node, link);
		return;
	}
	if (node->mono_ms - audit->since_ms >= ANSWER_MS) {
		rep_audit_ask_end(audit, TR_E_TIMEOUT);
		return;
	}
	if (audit->has_all && audit->pass.done && node->mono_ms - audit->since_ms >= SPACE_MS) {
		conclude(node, link);
		return;
	}
	if (rep_audit_may_send(node, link, audit))
		send_question(node, link);
}

int64_t rep_audit_ask_deadline(const struct rep_audit *audit)
{
	if (!audit->info.is_running)
		return INT64_MAX;
	if (audit->again_ms != 0)
		return audit->again_ms;
	if (audit->has_all && audit->pass.done)
		return audit->since_ms + SPACE_MS;
	return audit->since_ms + (audit->is_due ? REP_AUDIT_BUSY_MS : ANSWER_MS);
}
