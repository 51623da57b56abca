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
#define ROW_FIXED 86       /* gen, number, records, ms, at(12), root(32), count(2) */
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
		free(d->floor);
		free(d->sweep);
		free(d);
	}
	free(node->domains);
	rep_map_fini(&node->by_domain);
}

struct rep_base *rep_base_new(size_t count)
{
	return calloc(1, sizeof(struct rep_base) + count * sizeof(struct rep_vec_entry));
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

struct rep_base *rep_base_now(const struct rep_node *node, const struct rep_domain *domain)
{
	struct rep_base *base = rep_base_is_forked(node, domain) ? NULL : rep_base_new(TR_VECTOR_MAX);

	for (const struct rep_log *log = rep_log_first_of_scope(node, domain->scope); base != NULL && log != NULL;
	     log = rep_log_get(node, log->next_in_scope)) {
		struct rep_vec_entry *e = &base->f[base->count];

		if (log->id.lane != domain->lane || log->seq == 0)
			continue;
		if (base->count == TR_VECTOR_MAX) {
			free(base);
			return NULL;
		}
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

struct rep_base_key rep_base_key(const struct rep_domain *domain, char tag, struct tr_bytes tail)
{
	struct rep_base_key key;

	TR_ASSERT(tail.size <= sizeof(key.b) - KEY_DOMAIN - 1);
	wire_put_be64(key.b, domain->scope.v);
	key.b[8] = domain->lane;
	key.b[9] = (uint8_t)tag;
	if (tail.size > 0)
		memcpy(key.b + 10, tail.data, tail.size);
	key.size = 10 + tail.size;
	return key;
}

static size_t pack(const struct rep_base *b, uint8_t *out)
{
	uint8_t *p = out;

	wire_put_be64(p, b->gen);
	wire_put_be64(p + 8, b->number);
	wire_put_be64(p + 16, b->records);
	wire_put_be64(p + 24, (uint64_t)b->ms);
	wire_put_be32(p + 32, b->at.log);
	wire_put_be64(p + 36, b->at.seq);
	memcpy(p + 44, b->root.b, 32);
	wire_put_be64(p + 76, 0);
	wire_put_be16(p + 84, b->count);
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
	size_t count = row.size >= ROW_FIXED ? wire_get_be16(row.data + 84) : TR_VECTOR_MAX + 1;
	struct rep_base *b;

	if (count > TR_VECTOR_MAX || row.size != ROW_FIXED + count * ROW_ENTRY) {
		rep_node_fail(node, TR_E_DAMAGED);
		return NULL;
	}
	b = rep_base_new(count);
	if (b == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return NULL;
	}
	b->gen = wire_get_be64(row.data);
	b->number = wire_get_be64(row.data + 8);
	b->records = wire_get_be64(row.data + 16);
	b->ms = (int64_t)wire_get_be64(row.data + 24);
	b->at = (struct tr_dot){wire_get_be32(row.data + 32), wire_get_be64(row.data + 36)};
	memcpy(b->root.b, row.data + 44, 32);
	b->count = (uint16_t)count;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *p = row.data + ROW_FIXED + i * ROW_ENTRY;

		b->f[i].log = wire_get_be32(p);
		b->f[i].seq = wire_get_be64(p + 4);
		memcpy(b->f[i].h16, p + 12, 16);
	}
	return b;
}

static struct rep_base **slot(struct rep_domain *domain, uint8_t tag)
{
	switch (tag) {
	case 'w': return &domain->want;
	case 'b': return &domain->base;
	default: return &domain->floor; /* 'f' */
	}
}

void rep_base_set(struct rep_node *node, struct rep_domain *domain, char tag, struct rep_base *base)
{
	struct rep_base **at = slot(domain, (uint8_t)tag);
	struct rep_base_key key = rep_base_key(domain, tag, rep_bytes(NULL, 0));
	uint8_t row[ROW_FIXED + TR_VECTOR_MAX * ROW_ENTRY];

	if (base != NULL)
		rep_node_put(node, REP_T_BASE, rep_base_key_bytes(&key), rep_bytes(row, pack(base, row)));
	else
		rep_node_del(node, REP_T_BASE, rep_base_key_bytes(&key));
	if (*at != base)
		free(*at);
	*at = base;
}

static void load_row(struct rep_node *node, const struct rep_log *log)
{
	static const char tags[] = {'w', 'b', 'f'};
	struct rep_domain *domain = rep_base_domain(node, log->id.scope, log->id.lane);

	for (size_t i = 0; domain != NULL && i < sizeof(tags) && node->rc == 0; i++) {
		struct rep_base **at = slot(domain, (uint8_t)tags[i]);
		struct rep_base_key key = rep_base_key(domain, tags[i], rep_bytes(NULL, 0));
		struct tr_bytes row;

		if (*at != NULL || rep_node_get(node, REP_T_BASE, rep_base_key_bytes(&key), &row) != 0)
			continue;
		*at = unpack(node, row);
		if (*at != NULL && (*at)->gen > domain->gens)
			domain->gens = (*at)->gen;
	}
}

void rep_base_load(struct rep_node *node)
{
	for (size_t i = 0; i < node->log_count && node->rc == 0; i++)
		if (node->logs[i]->id.author.v != 0 &&
		    rep_base_find(node, node->logs[i]->id.scope, node->logs[i]->id.lane) == NULL)
			load_row(node, node->logs[i]);
}

bool rep_base_wipe(struct rep_node *node, enum rep_table table, struct tr_bytes prefix, size_t *budget)
{
	uint8_t at[REP_BASE_KEY_MAX > REP_KEY_MAX ? REP_BASE_KEY_MAX : REP_KEY_MAX];

	while (node->rc == 0) {
		struct tr_bytes key;
		int rc = rep_seek(node->view, table, prefix, false, &key, NULL);

		if (rc == TR_E_NOTFOUND || (rc == 0 && (key.size < prefix.size || memcmp(key.data, prefix.data, prefix.size) != 0)))
			return true;
		if (rc != 0 || key.size > sizeof(at)) {
			rep_node_fail(node, rc != 0 ? rc : TR_E_DAMAGED);
			return false;
		}
		if (*budget == 0)
			return false;
		(*budget)--;
		memcpy(at, key.data, key.size);
		rep_node_del(node, table, rep_bytes(at, key.size));
	}
	return false;
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

static int entry_of(struct tr_bytes key, struct tr_bytes row, struct rep_base_entry *out)
{
	if (key.size != KEY_RECORD || row.size != 8)
		return TR_E_DAMAGED;
	memcpy(out->id.b, key.data + KEY_DOMAIN, sizeof(out->id.b));
	out->kind = key.data[KEY_ID];
	out->born = wire_get_be64(row.data);
	return 0;
}

int rep_base_next(const struct rep_view *view, const struct rep_domain *domain,
    const struct rep_base_entry *after, struct rep_base_entry *out)
{
	static const struct rep_base_entry first;
	uint8_t from[KEY_RECORD];
	struct tr_bytes key, row;
	int rc;

	if (after == NULL)
		record_key(domain, &first.id, 0, from);
	else
		record_key(domain, &after->id, after->kind, from);
	rc = rep_seek(view, REP_T_DOMAIN, rep_bytes(from, sizeof(from)), after != NULL, &key, &row);
	if (rc != 0)
		return rc;
	if (key.size < KEY_DOMAIN || memcmp(key.data, from, KEY_DOMAIN) != 0)
		return TR_E_NOTFOUND;
	return entry_of(key, row, out);
}

int rep_base_entry(const struct rep_view *view, const struct rep_domain *domain, uint8_t kind,
    const struct tr_rec_id *id, struct rep_base_entry *out)
{
	uint8_t key[KEY_RECORD];
	struct tr_bytes row;
	int rc;

	record_key(domain, id, kind, key);
	rc = rep_get(view, REP_T_DOMAIN, rep_bytes(key, sizeof(key)), &row);
	return rc != 0 ? rc : entry_of(rep_bytes(key, sizeof(key)), row, out);
}

void rep_base_put_entry(struct rep_node *node, const struct rep_domain *domain, const struct rep_base_entry *entry)
{
	uint8_t key[KEY_RECORD], row[8];

	record_key(domain, &entry->id, entry->kind, key);
	wire_put_be64(row, entry->born);
	rep_node_put(node, REP_T_DOMAIN, rep_bytes(key, sizeof(key)), rep_bytes(row, sizeof(row)));
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

void rep_base_note(struct rep_node *node, const struct rep_log *log)
{
	struct rep_domain *domain;

	if (!node->is_top || log->id.lane == TR_LANE_P) /* there one writes, nothing is merged */
		return;
	domain = rep_base_domain(node, log->id.scope, log->id.lane);
	if (domain == NULL || domain->make_due || rep_base_ops(node, domain) < node->ckpt_ops)
		return;
	domain->make_due = true;
	rep_base_queue(node, domain);
}

/* ------------------------------------------------------------------- inspect */

bool rep_inspect_ckpt(const struct rep_node *node, size_t i, struct rep_ckpt_info *out)
{
	const struct rep_domain *d = i < node->domain_count ? node->domains[i] : NULL;

	if (d == NULL)
		return false;
	memset(out, 0, sizeof(*out));
	out->scope = d->scope;
	out->lane = d->lane;
	out->waiting = d->want != NULL;
	out->stopped = rep_base_is_forked(node, d) || (d->want != NULL && rep_base_is_cut(node, d->want));
	out->floor = d->floor != NULL ? d->floor->number : 0;
	if (d->base != NULL) {
		out->number = d->base->number;
		out->records = d->base->records;
		out->ms = d->base->ms;
		out->root = d->base->root;
	}
	return true;
}
