/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/base.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/keys.h"
#include "replication/log.h"

#define KEY_DOMAIN 9       /* scope, lane */
#define KEY_ID (KEY_DOMAIN + sizeof(struct tr_rec_id))
#define KEY_RECORD (KEY_ID + 1) /* and the kind */
#define ROW_FIXED 70       /* number, records, ms, at(12), root(32), count(2) */
#define ROW_ENTRY 28       /* handle, seq, h16 */

static uint64_t mix(struct tr_nid scope, uint8_t lane)
{
	return rep_map_mix(scope.v, lane);
}

struct rep_domain *rep_base_find(const struct rep_node *node, struct tr_nid scope, uint8_t lane)
{
	uint64_t key = mix(scope, lane);
	uint32_t i;
	size_t pos;

	for (bool ok = rep_map_first(&node->by_domain, key, &pos, &i); ok;
	     ok = rep_map_next(&node->by_domain, key, &pos, &i))
		if (node->domains[i]->scope.v == scope.v && node->domains[i]->lane == lane)
			return node->domains[i];
	return NULL;
}

struct rep_domain *rep_base_domain(struct rep_node *node, struct tr_nid scope, uint8_t lane)
{
	struct rep_domain *domain = rep_base_find(node, scope, lane);
	struct rep_domain **more;

	if (domain != NULL)
		return domain;
	more = tr_grow(node->domains, node->domain_count, &node->domain_cap, sizeof(struct rep_domain *));
	if (more != NULL)
		node->domains = more;
	domain = more != NULL ? calloc(1, sizeof(*domain)) : NULL;
	if (domain == NULL || !rep_map_add(&node->by_domain, mix(scope, lane), (uint32_t)node->domain_count)) {
		free(domain);
		rep_node_fail(node, TR_E_NOMEM);
		return NULL;
	}
	domain->scope = scope;
	domain->lane = lane;
	node->domains[node->domain_count++] = domain;
	return domain;
}

void rep_base_free(struct rep_node *node)
{
	for (size_t i = 0; i < node->domain_count; i++) {
		struct rep_domain *d = node->domains[i];

		free(d->want);
		free(d->base);
		free(d->differs);
		free(d->floor);
		free(d->next_floor);
		free(d);
	}
	free(node->domains);
	rep_map_fini(&node->by_domain);
}

struct rep_base *rep_base_new(struct rep_node *node, size_t count)
{
	struct rep_base *base = calloc(1, sizeof(struct rep_base) + count * sizeof(struct rep_vec_entry));

	if (base == NULL)
		rep_node_fail(node, TR_E_NOMEM);
	return base;
}

struct rep_base *rep_base_copy(struct rep_node *node, const struct rep_base *base)
{
	struct rep_base *copy = rep_base_new(node, base->count);

	if (copy != NULL)
		memcpy(copy, base, sizeof(*base) + base->count * sizeof(base->f[0]));
	return copy;
}

uint64_t rep_base_seq(const struct rep_base *base, uint32_t handle)
{
	for (uint16_t i = 0; base != NULL && i < base->count; i++)
		if (base->f[i].log == handle)
			return base->f[i].seq;
	return 0;
}

bool rep_base_has(const struct rep_base *base, struct tr_dot dot)
{
	return dot.seq <= rep_base_seq(base, dot.log);
}

bool rep_base_contains(const struct rep_base *later, const struct rep_base *base)
{
	for (uint16_t i = 0; base != NULL && i < base->count; i++)
		if (rep_base_seq(later, base->f[i].log) < base->f[i].seq)
			return false;
	return true;
}

bool rep_base_is_forked(const struct rep_node *node, const struct rep_domain *domain)
{
	for (const struct rep_log *log = rep_log_first_of_scope(node, domain->scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		if (log->id.lane == domain->lane && log->parent != 0 && !rep_log_is_empty(log))
			return true;
	return false;
}

bool rep_base_is_cut(const struct rep_node *node, const struct rep_base *base)
{
	for (uint16_t i = 0; i < base->count; i++)
		if (base->f[i].seq >= rep_log_get(node, base->f[i].log)->aside_from)
			return true;
	return false;
}

static bool is_in(const struct rep_log *log, const struct rep_domain *domain)
{
	return log->id.lane == domain->lane && log->seq != 0;
}

struct rep_base *rep_base_now(struct rep_node *node, const struct rep_domain *domain)
{
	struct rep_base *base;
	size_t count = 0;

	for (const struct rep_log *log = rep_log_first_of_scope(node, domain->scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		count += is_in(log, domain);
	if (count > TR_VECTOR_MAX)
		return NULL;
	base = rep_base_new(node, count);
	for (const struct rep_log *log = rep_log_first_of_scope(node, domain->scope); base != NULL && log != NULL;
	     log = rep_log_get(node, log->next_in_scope)) {
		struct rep_vec_entry *e = &base->f[base->count];

		if (!is_in(log, domain))
			continue;
		e->log = log->handle;
		e->seq = log->seq;
		memcpy(e->h16, log->head.b, 16);
		base->count++;
	}
	return base;
}

size_t rep_base_limit(const struct rep_base *base, struct rep_seen *out)
{
	for (uint16_t i = 0; i < base->count; i++)
		out[i] = (struct rep_seen){base->f[i].log, base->f[i].seq};
	return base->count;
}

/* ---------------------------------------------------------------------- rows */

#define KEY_BASE (KEY_DOMAIN + 1) /* and the tag */

static void base_key(const struct rep_domain *domain, char tag, uint8_t out[static KEY_BASE])
{
	wire_put_be64(out, domain->scope.v);
	out[8] = domain->lane;
	out[9] = (uint8_t)tag;
}

static size_t pack(const struct rep_base *b, uint8_t *out)
{
	uint8_t *p = out;

	wire_put_be64(p, b->number);
	wire_put_be64(p + 8, b->records);
	wire_put_be64(p + 16, (uint64_t)b->ms);
	wire_put_be32(p + 24, b->at.log);
	wire_put_be64(p + 28, b->at.seq);
	memcpy(p + 36, b->root.b, 32);
	wire_put_be16(p + 68, b->count);
	p += ROW_FIXED;
	for (uint16_t i = 0; i < b->count; i++, p += ROW_ENTRY) {
		wire_put_be32(p, b->f[i].log);
		wire_put_be64(p + 4, b->f[i].seq);
		memcpy(p + 12, b->f[i].h16, 16);
	}
	return (size_t)(p - out);
}

static struct rep_base *unpack(struct rep_node *node, struct tr_bytes row)
{
	size_t count = row.size >= ROW_FIXED ? wire_get_be16(row.data + 68) : TR_VECTOR_MAX + 1;
	struct rep_base *b;

	if (count > TR_VECTOR_MAX || row.size != ROW_FIXED + count * ROW_ENTRY) {
		rep_node_fail(node, TR_E_DAMAGED);
		return NULL;
	}
	b = rep_base_new(node, count);
	if (b == NULL)
		return NULL;
	b->number = wire_get_be64(row.data);
	b->records = wire_get_be64(row.data + 8);
	b->ms = (int64_t)wire_get_be64(row.data + 16);
	b->at = (struct tr_dot){wire_get_be32(row.data + 24), wire_get_be64(row.data + 28)};
	memcpy(b->root.b, row.data + 36, 32);
	b->count = (uint16_t)count;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *p = row.data + ROW_FIXED + i * ROW_ENTRY;

		b->f[i].log = wire_get_be32(p);
		b->f[i].seq = wire_get_be64(p + 4);
		memcpy(b->f[i].h16, p + 12, 16);
	}
	return b;
}

static struct rep_base **place_of(struct rep_domain *domain, char tag)
{
	switch (tag) {
	case 'w': return &domain->want;
	case 'b': return &domain->base;
	case 'd': return &domain->differs;
	case 'f': return &domain->floor;
	default: return &domain->next_floor;
	}
}

void rep_base_set(struct rep_node *node, struct rep_domain *domain, char tag, struct rep_base *base)
{
	struct rep_base **at = place_of(domain, tag);
	uint8_t key[KEY_BASE], row[ROW_FIXED + TR_VECTOR_MAX * ROW_ENTRY];

	base_key(domain, tag, key);
	if (base != NULL)
		rep_node_put(node, REP_T_BASE, rep_bytes(key, sizeof(key)), rep_bytes(row, pack(base, row)));
	else
		rep_node_del(node, REP_T_BASE, rep_bytes(key, sizeof(key)));
	if (*at != base)
		free(*at);
	*at = base;
}

static struct rep_base *load(struct rep_node *node, const struct rep_domain *domain, char tag)
{
	uint8_t key[KEY_BASE];
	struct tr_bytes row;

	base_key(domain, tag, key);
	return rep_node_get(node, REP_T_BASE, rep_bytes(key, sizeof(key)), &row) == 0 ? unpack(node, row) : NULL;
}

static void load_domain(struct rep_node *node, const struct rep_log *log)
{
	struct rep_domain *domain = rep_base_domain(node, log->id.scope, log->id.lane);

	if (domain == NULL)
		return;
	domain->want = load(node, domain, 'w');
	domain->base = load(node, domain, 'b');
	domain->differs = load(node, domain, 'd');
	domain->floor = load(node, domain, 'f');
	domain->next_floor = load(node, domain, 'n');
}

void rep_base_load(struct rep_node *node)
{
	for (size_t i = 0; i < node->log_count && node->rc == 0; i++)
		if (node->logs[i]->id.author.v != 0 &&
		    rep_base_find(node, node->logs[i]->id.scope, node->logs[i]->id.lane) == NULL)
			load_domain(node, node->logs[i]);
}

/* ------------------------------------------------------------------- records */

static void record_key(const struct rep_domain *domain, const struct tr_rec_id *id, uint8_t kind,
    uint8_t out[static KEY_RECORD])
{
	wire_put_be64(out, domain->scope.v);
	out[8] = domain->lane;
	memcpy(out + KEY_DOMAIN, id->b, sizeof(id->b));
	out[KEY_ID] = kind;
}

int rep_base_next(const struct rep_view *view, const struct rep_domain *domain,
    const struct rep_base_entry *after, struct rep_base_entry *out)
{
	static const struct rep_base_entry first;
	uint8_t from[KEY_RECORD];
	struct tr_bytes key;
	int rc;

	if (after == NULL)
		record_key(domain, &first.id, 0, from);
	else
		record_key(domain, &after->id, after->kind, from);
	rc = rep_seek(view, REP_T_DOMAIN, rep_bytes(from, sizeof(from)), after != NULL, &key, NULL);
	if (rc != 0)
		return rc;
	if (key.size < KEY_DOMAIN || memcmp(key.data, from, KEY_DOMAIN) != 0)
		return TR_E_NOTFOUND;
	if (key.size != KEY_RECORD)
		return TR_E_DAMAGED;
	memcpy(out->id.b, key.data + KEY_DOMAIN, sizeof(out->id.b));
	out->kind = key.data[KEY_ID];
	return 0;
}

void rep_base_meet(struct rep_node *node, const struct rep_log *log, uint8_t kind, const struct tr_rec_id *id)
{
	struct rep_domain *domain = rep_base_domain(node, log->id.scope, log->id.lane);
	uint8_t key[KEY_RECORD];

	if (domain == NULL)
		return;
	record_key(domain, id, kind, key);
	rep_node_put(node, REP_T_DOMAIN, rep_bytes(key, sizeof(key)), rep_bytes("", 0));
}

int rep_base_moved(const struct rep_view *view, const struct rep_base *base, const struct tr_rec_id *id, bool *moved)
{
	uint8_t at[sizeof(*id) + 12];
	struct tr_bytes from = rep_bytes(at, sizeof(*id)), key;
	int rc;

	*moved = false;
	memcpy(at, id->b, sizeof(*id));
	while ((rc = rep_seek(view, REP_T_OPS, from, from.size > sizeof(*id), &key, NULL)) == 0) {
		struct tr_dot dot;

		if (key.size != sizeof(at) || memcmp(key.data, id->b, sizeof(*id)) != 0)
			return 0;
		dot = (struct tr_dot){wire_get_be32(key.data + sizeof(*id)), wire_get_be64(key.data + sizeof(*id) + 4)};
		if (!rep_base_has(base, dot)) {
			*moved = true;
			return 0;
		}
		/* on to the first one above the base in this log */
		memcpy(at, key.data, sizeof(*id) + 4);
		wire_put_be64(at + sizeof(*id) + 4, rep_base_seq(base, dot.log));
		from = rep_bytes(at, sizeof(at));
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

/* ---------------------------------------------------------------------- jobs */

void rep_base_queue(struct rep_node *node, struct rep_domain *domain)
{
	if (domain->queued)
		return;
	domain->queued = true;
	domain->next = NULL;
	if (node->jobs == NULL)
		node->jobs = domain;
	else
		node->jobs_last->next = domain;
	node->jobs_last = domain;
}

uint64_t rep_base_ops(const struct rep_node *node, const struct rep_domain *domain)
{
	const struct rep_base *base = domain->want != NULL ? domain->want : domain->base;
	uint64_t ops = 0;

	for (const struct rep_log *log = rep_log_first_of_scope(node, domain->scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		if (log->id.lane == domain->lane)
			ops += log->seq - rep_base_seq(base, log->handle);
	return base != NULL && base->at.log != 0 && ops > 0 ? ops - 1 : ops;
}

uint64_t rep_base_due(const struct rep_node *node, const struct rep_domain *domain)
{
	uint64_t share = domain->base != NULL ? domain->base->records / TR_CKPT_SHARE : 0;

	return share > node->ckpt_ops ? share : node->ckpt_ops;
}

void rep_base_note(struct rep_node *node, const struct rep_log *log)
{
	struct rep_domain *domain;

	if (!node->is_top || log->id.lane == TR_LANE_P) /* there one writes, nothing is merged */
		return;
	domain = rep_base_domain(node, log->id.scope, log->id.lane);
	if (domain == NULL || domain->make_due || rep_base_ops(node, domain) < rep_base_due(node, domain))
		return;
	domain->make_due = true;
	rep_base_queue(node, domain);
}
