/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/own.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/chain.h"
#include "replication/cut.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/queue.h"
#include "replication/segment.h"
#include "replication/unit.h"

#define CLOSE_FIBRE_MS 1000
#define CLOSE_METERED_MS 60000
#define SPAN_MAX_MS ((int64_t)3600 * 1000) /* a segment's ops lie within an hour */
#define LEFT_MS 60000 /* a neighbour said that it has more of the log than this store: it is given so long to send it, in one session */
#define NEVER ((int64_t)1 << 60)

struct rep_log *rep_own_log(struct rep_node *node, struct tr_nid scope, uint8_t lane)
{
	struct tr_log_id id = {node->cert.nid, node->inc, scope, lane};

	return rep_log_make(node, &id);
}

bool rep_own_seen(const struct rep_node *node, const struct rep_log *log, struct rep_fold *out)
{
	out->seen_count = 0;
	for (const struct rep_log *other = rep_log_first_of_scope(node, log->id.scope); other != NULL;
	     other = rep_log_get(node, other->next_in_scope)) {
		if (other->first == log->first || other->id.lane != log->id.lane || rep_log_is_empty(other))
			continue;
		if (out->seen_count == TR_VECTOR_MAX)
			return false;
		out->seen[out->seen_count++] = (struct rep_seen){other->handle, other->seq};
	}
	return true;
}

/* Left over from before this store was put back: perhaps signed and sent then. */
static bool is_left(const struct rep_node *node, const struct rep_open *open)
{
	return open->log->id.inc != node->inc;
}

static bool is_of(const struct rep_open *open, struct tr_nid scope, uint8_t lane)
{
	return open->log->id.scope.v == scope.v && open->log->id.lane == lane;
}

void rep_own_fold(struct rep_node *node, struct rep_log *log, struct rep_fold *out)
{
	struct rep_open *next;

	/* what was left over is seen by this op, so it needs its place in a chain */
	for (struct rep_open *open = node->opens; open != NULL; open = next) {
		next = open->next;
		if (open->log != log && is_of(open, log->id.scope, log->id.lane))
			rep_own_close(node, open);
	}
	out->log = log;
	out->level = node->cert.level;
	out->caps = node->cert.caps;
	out->path = rep_bytes(node->cert.unit, strlen(node->cert.unit));
	out->clockq = rep_node_clockq(node);
	out->hlc = (struct tr_hlc){0};
	if (!rep_own_seen(node, log, out))
		rep_node_fail(node, TR_E_LIMIT);
}

static struct rep_open *open_new(struct rep_node *node, struct rep_log *log)
{
	struct rep_open *open = node->open_pool;

	if (open != NULL)
		node->open_pool = open->next;
	else if ((open = malloc(sizeof(*open))) == NULL)
		return NULL;
	open->log = log;
	open->count = open->persisted = 0;
	open->first = log->seq + 1;
	/* sides where nobody can have it */
	open->settled[REP_WAY_UP] = node->is_top;
	open->settled[REP_WAY_DOWN] = log->id.scope.v == node->cert.nid.v;
	open->heard_epoch = 0;
	open->size = 0;
	open->since_mono_ms = node->mono_ms;
	open->hlc = (struct tr_hlc){0};
	open->next = node->opens;
	node->opens = open;
	log->open = open;
	return open;
}

static void open_drop(struct rep_node *node, struct rep_open *open)
{
	struct rep_open **p = &node->opens;

	while (*p != open)
		p = &(*p)->next;
	*p = open->next;
	open->log->open = NULL;
	open->next = node->open_pool;
	node->open_pool = open;
}

struct tr_bytes rep_own_entry(const struct rep_open *open, uint32_t i)
{
	size_t end = i + 1 < open->count ? open->offset[i + 1] : open->size;

	return rep_bytes(open->data + open->offset[i], end - open->offset[i]);
}

/* The author's vector now, as entries that changed since its last segment. */
static void fill_ctx(struct rep_node *node, const struct rep_log *log, struct rep_chain_seg *seg)
{
	for (const struct rep_log *other = rep_log_first_of_scope(node, log->id.scope); other != NULL;
	     other = rep_log_get(node, other->next_in_scope)) {
		const struct rep_vec_entry *had = rep_log_vec(log, other->handle);

		if (other->first == log->first || other->id.lane != log->id.lane || rep_log_is_empty(other) ||
		    (had != NULL && had->seq == other->seq))
			continue;
		if (seg->ctx_count == TR_VECTOR_MAX) {
			rep_node_fail(node, TR_E_LIMIT);
			return;
		}
		seg->ctx[seg->ctx_count].log = other->handle;
		seg->ctx[seg->ctx_count].seq = other->seq;
		memcpy(seg->ctx[seg->ctx_count].h16, other->head.b, 16);
		seg->ctx_count++;
	}
}

static void delete_rows(struct rep_node *node, const struct rep_open *open)
{
	for (uint32_t i = 0; i < open->persisted; i++) {
		struct rep_key key = rep_key_seq(open->log->handle, open->first + i);

		rep_node_del(node, REP_T_OPEN, rep_key_bytes(&key));
	}
}

void rep_own_close(struct rep_node *node, struct rep_open *open)
{
	struct rep_log *log = open->log;
	struct rep_chain_seg seg;
	uint8_t header[TR_SEG_HEADER_SIZE];
	int rc;

	if (node->rc != 0 || open->count == 0)
		return;
	seg.first = log->seq + 1;
	seg.count = open->count;
	seg.hlc = open->hlc;
	seg.clockq = open->clockq;
	seg.serial = node->cert.serial;
	seg.ctx_count = 0;
	seg.is_dropped = false;
	for (uint32_t i = 0; i < open->count; i++)
		seg.ops[i] = rep_own_entry(open, i);
	fill_ctx(node, log, &seg);
	rc = rep_chain_header(node, log, &seg, header);
	TR_ASSERT(rc == 0);
	rep_seg_sign(header, node->keys.sk, seg.sig);
	delete_rows(node, open);
	rc = rep_chain_append(node, log, &seg, 0);
	if (rc != 0)
		rep_node_fail(node, rc);
	else
		rep_cut_grown(node, log, seg.first == log->fork + 1);
	open_drop(node, open);
}

void rep_own_close_domain(struct rep_node *node, struct tr_nid scope, uint8_t lane)
{
	struct rep_open *next;

	for (struct rep_open *open = node->opens; open != NULL; open = next) {
		next = open->next;
		if (is_of(open, scope, lane))
			rep_own_close(node, open);
	}
}

bool rep_own_is_open(const struct rep_log *log, const struct rep_chain_seg *seg)
{
	const struct rep_open *open = log->open;

	if (open == NULL || open->count > seg->count || open->hlc.v != seg->hlc.v || open->clockq != seg->clockq)
		return false;
	for (uint32_t i = 0; i < open->count; i++) {
		struct tr_bytes entry = rep_own_entry(open, i);

		if (entry.size != seg->ops[i].size || memcmp(entry.data, seg->ops[i].data, entry.size) != 0)
			return false;
	}
	return true;
}

uint32_t rep_own_forget(struct rep_node *node, struct rep_log *log)
{
	struct rep_open *open = log->open;
	uint32_t count = open->count;

	delete_rows(node, open);
	open_drop(node, open);
	return count;
}

/* Who would have the segment that ops left over were signed in. */
static unsigned waits_for(const struct rep_node *node)
{
	return node->is_top ? REP_WAY_DOWN : REP_WAY_UP;
}

void rep_own_settled(struct rep_node *node, struct rep_link *link)
{
	struct rep_open *next;

	for (struct rep_open *open = node->opens; open != NULL; open = next) {
		next = open->next;
		if (!is_left(node, open) || !rep_queue_in_reach(node, link, open->log->id.scope))
			continue;
		if (link->way == waits_for(node) && !link->is_bundle) {
			open->since_mono_ms = node->mono_ms;
			open->heard_epoch = link->epoch;
		}
		if (rep_queue_way(link, rep_branch_first(node, open->log))->unknown)
			continue; /* its segment comes */
		open->settled[link->way] = true;
		if (open->settled[REP_WAY_UP] && open->settled[REP_WAY_DOWN])
			rep_own_close(node, open);
	}
}

void rep_own_close_all(struct rep_node *node)
{
	while (node->opens != NULL && node->rc == 0)
		rep_own_close(node, node->opens);
}

void rep_own_close_new(struct rep_node *node)
{
	struct rep_open *next;

	for (struct rep_open *open = node->opens; open != NULL; open = next) {
		next = open->next;
		if (!is_left(node, open))
			rep_own_close(node, open);
	}
}

int rep_own_add(struct rep_node *node, struct rep_fold *fold, struct rep_op *op, uint64_t *seq)
{
	struct rep_log *log = fold->log;
	struct rep_open *open = log->open;
	struct tr_hlc stamp = rep_node_stamp(node);
	size_t size;

	if (open != NULL && (open->count == TR_SEG_OPS_MAX || open->size >= TR_SEG_BYTES_SOFT ||
	    rep_hlc_ms(stamp) - rep_hlc_ms(open->hlc) > SPAN_MAX_MS)) {
		rep_own_close(node, open);
		open = NULL;
	}
	if (open == NULL)
		open = open_new(node, log);
	if (open == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return TR_E_NOMEM;
	}
	if (open->count == 0) {
		open->hlc = stamp;
		open->clockq = rep_node_clockq(node);
	}
	op->dt_ms = rep_hlc_ms(stamp) - rep_hlc_ms(open->hlc);
	size = rep_op_encode(op, open->data + open->size, TR_OP_BYTES_MAX);
	if (size == 0) {
		if (open->count == 0)
			open_drop(node, open);
		return TR_E_SIZE;
	}
	fold->hlc = open->hlc;
	fold->clockq = open->clockq; /* what the segment will say */
	open->offset[open->count++] = (uint32_t)open->size;
	open->size += size;
	*seq = log->seq + open->count;
	return 0;
}

/* A live link that has nothing else to do, or is wide: no reason to wait. */
static bool is_wanted(const struct rep_node *node, const struct rep_log *log, unsigned way)
{
	const struct rep_link *link = rep_queue_link(node, log, way);

	return link != NULL && (link->profile == TR_PROFILE_FIBRE ||
	    (link->sent_count == 0 && rep_queue_is_empty(link)));
}

static int64_t close_ms(const struct rep_node *node, const struct rep_open *open)
{
	const struct rep_log *log = open->log;
	const struct rep_link *link;

	if (is_left(node, open)) {
		if (node->is_top && log->id.scope.v == node->cert.nid.v)
			return 0; /* nobody else ever had it */
		/* A session that broke says nothing of whether the segment would have come. */
		link = rep_queue_link(node, log, waits_for(node));
		return link != NULL && link->epoch == open->heard_epoch ? LEFT_MS : NEVER;
	}
	if (log->id.lane == TR_LANE_X || log->id.lane == TR_LANE_P || log->id.lane == TR_LANE_E || node->is_top ||
	    is_wanted(node, log, REP_WAY_UP) || is_wanted(node, log, REP_WAY_DOWN))
		return 0;
	return node->profile == TR_PROFILE_FIBRE ? CLOSE_FIBRE_MS : CLOSE_METERED_MS;
}

static void persist(struct rep_node *node, struct rep_open *open)
{
	uint8_t row[REP_OPEN_ROW_HEAD + TR_OP_BYTES_MAX];

	for (; open->persisted < open->count && node->rc == 0; open->persisted++) {
		struct tr_bytes entry = rep_own_entry(open, open->persisted);
		struct rep_key key = rep_key_seq(open->log->handle, open->log->seq + open->persisted + 1);

		wire_put_be64(row, open->hlc.v);
		row[8] = open->clockq;
		memcpy(row + REP_OPEN_ROW_HEAD, entry.data, entry.size);
		rep_node_put(node, REP_T_OPEN, rep_key_bytes(&key), rep_bytes(row, REP_OPEN_ROW_HEAD + entry.size));
		if (!open->log->stored)
			rep_log_store(node, open->log);
	}
}

void rep_own_flush(struct rep_node *node)
{
	struct rep_open *next;

	for (struct rep_open *open = node->opens; open != NULL && node->rc == 0; open = next) {
		next = open->next;
		if (node->mono_ms - open->since_mono_ms >= close_ms(node, open))
			rep_own_close(node, open);
		else
			persist(node, open);
	}
}

int64_t rep_own_deadline(const struct rep_node *node)
{
	int64_t at = INT64_MAX;

	for (const struct rep_open *open = node->opens; open != NULL; open = open->next) {
		int64_t due = open->since_mono_ms + close_ms(node, open);

		at = due < at ? due : at;
	}
	return at < NEVER ? at : INT64_MAX;
}

static bool take_row(struct rep_node *node, struct tr_bytes key, struct tr_bytes row)
{
	struct rep_log *log = key.size == 12 ? rep_log_get(node, wire_get_be32(key.data)) : NULL;
	uint64_t seq = key.size == 12 ? wire_get_be64(key.data + 4) : 0;
	struct rep_open *open;
	size_t size = row.size - REP_OPEN_ROW_HEAD;

	if (log == NULL || row.size < REP_OPEN_ROW_HEAD || size > TR_OP_BYTES_MAX)
		return false;
	open = log->open != NULL ? log->open : open_new(node, log);
	if (open == NULL || open->count >= TR_SEG_OPS_MAX || seq != log->seq + open->count + 1 ||
	    open->size + size > sizeof(open->data))
		return false;
	open->hlc.v = wire_get_be64(row.data);
	open->clockq = row.data[8];
	memcpy(open->data + open->size, row.data + REP_OPEN_ROW_HEAD, size);
	open->offset[open->count++] = (uint32_t)open->size;
	open->size += size;
	open->persisted = open->count;
	return true;
}

static void load_row(struct rep_node *node, struct tr_bytes key, struct tr_bytes row)
{
	if (!take_row(node, key, row))
		rep_node_fail(node, TR_E_DAMAGED);
}

void rep_own_load(struct rep_node *node)
{
	rep_node_rows(node, REP_T_OPEN, load_row);
}
