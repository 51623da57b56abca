/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives when, how much waits before each link, what crosses it.  An op is
 * known by the place in its log: its author, scope and lane, and its number.
 */
#include "tests/city/city.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/codec.h"
#include "proto/err.h"
#include "proto/grow.h"
#include "proto/wire.h"
#include "replication/log.h"

#define SAMPLE 16 /* one frame in so many is compressed, to see how far it shrinks */

static const uint8_t lanes[CITY_LANES] = {TR_LANE_E, TR_LANE_X, TR_LANE_R};

static enum city_lane lane_of(uint8_t lane)
{
	return lane == TR_LANE_E ? CITY_LANE_E : lane == TR_LANE_X ? CITY_LANE_X : CITY_LANE_R;
}

uint32_t city_watch_above(const struct city *c, uint32_t scope, unsigned level)
{
	while (c->host[scope].level > level)
		scope = c->host[scope].parent;
	return scope;
}

static struct city_track *track_of(struct city *c, uint32_t scope, unsigned level, enum city_lane lane)
{
	struct city_track **t = &c->host[scope].track[level][lane];

	if (*t == NULL)
		*t = calloc(1, sizeof(**t));
	TR_ASSERT(*t != NULL);
	return *t;
}

static void note_doors(const struct city *c, struct city_track *t, uint64_t count)
{
	size_t cap = t->cap;

	while (t->count < count) {
		t->door_ms = tr_grow(t->door_ms, t->count, &cap, sizeof(*t->door_ms));
		TR_ASSERT(t->door_ms != NULL);
		t->door_ms[t->count++] = (uint32_t)c->now_ms;
	}
	t->cap = (uint32_t)cap;
}

static void note_depth(struct city *c, uint32_t child, bool up)
{
	struct city_way *way = &c->host[child].link.way[up];
	int64_t depth = way->in - way->out;
	unsigned profile = c->host[child].profile;

	if (depth > way->deepest)
		way->deepest = depth;
	if (c->is_measured && !c->is_resting && depth > c->deepest[profile].ops) {
		c->deepest[profile].ops = depth;
		c->deepest[profile].host = child;
		c->deepest[profile].at_ms = c->now_ms;
		c->deepest[profile].up = up;
	}
}

/* n more ops at `host` that came from below or above it, or were made there. */
static void note_crossing(struct city *c, uint32_t host, uint32_t scope, unsigned author_level, int64_t n)
{
	unsigned level = c->host[host].level;

	if (author_level > level)
		c->host[city_watch_above(c, scope, level + 1)].link.way[1].out += n;
	if (author_level < level)
		c->host[host].link.way[0].out += n;
	if (author_level >= level && level > 0) {
		c->host[host].link.way[1].in += n;
		note_depth(c, host, true);
	}
	if (author_level <= level && c->host[scope].level > level) {
		uint32_t child = city_watch_above(c, scope, level + 1);

		c->host[child].link.way[0].in += n;
		note_depth(c, child, false);
	}
}

void city_watch_made(struct city *c, uint32_t host, uint32_t scope)
{
	const struct city_host *h = &c->host[host];

	for (int i = 0; i < CITY_LANES; i++) {
		struct tr_log_id id = {h->nid, h->node->inc, c->host[scope].nid, lanes[i]};
		const struct rep_log *log = rep_log_find(h->node, &id);
		struct city_track *t;
		uint64_t seq, n;

		if (log == NULL)
			continue;
		t = track_of(c, scope, h->level, lane_of(lanes[i]));
		seq = log->seq + (log->open != NULL ? log->open->count : 0);
		n = seq - t->count;
		if (n == 0)
			continue;
		note_doors(c, t, seq);
		c->counts.ops += n;
		c->counts.ops_leaf += h->level == CITY_LEAF ? n : 0;
		note_crossing(c, host, scope, h->level, (int64_t)n);
	}
}

void city_watch_put(void *ctx, enum rep_table table, struct tr_bytes key)
{
	struct city_host *h = ctx;

	if (table == REP_T_RCPT && key.size == 8 && wire_get_be64(key.data) == h->nid.v)
		h->receipt_new = true;
	if (table != REP_T_SEG || key.size != 12)
		return;
	h->segs = tr_grow(h->segs, h->seg_count, &h->seg_cap, sizeof(*h->segs));
	TR_ASSERT(h->segs != NULL);
	h->segs[h->seg_count++] =
	    (struct city_seg){wire_get_be32(key.data), (uint32_t)wire_get_be64(key.data + 4)};
}

static struct city_hist *hist_of(struct city *c, uint32_t scope, unsigned author_level, unsigned level)
{
	unsigned profile = c->host[scope].profile;

	if (c->host[scope].level != CITY_LEAF)
		return NULL;
	if (author_level == CITY_LEAF)
		return &c->up[level][profile];
	if (level != CITY_LEAF)
		return NULL;
	return author_level == CITY_DISTRICT ? &c->down[profile] : &c->edit[profile];
}

static void measure(const struct city *c, struct city_hist *hist, const struct city_track *t, uint32_t from, uint32_t to)
{
	for (uint32_t seq = from + 1; hist != NULL && c->is_measured && seq <= to && seq <= t->count; seq++)
		if (seq > t->first)
			city_hist_add(hist, c->now_ms - t->door_ms[seq - 1]);
}

static void arrived(struct city *c, uint32_t host, const struct city_seg *seg)
{
	unsigned level = c->host[host].level;
	const struct rep_log *log = rep_log_get(c->host[host].node, seg->handle);
	uint32_t scope = city_host_of(c, log->id.scope), author = city_host_of(c, log->id.author);
	struct city_track *t;

	if (author == host)
		c->counts.segments++;
	if (scope == CITY_NONE || author == CITY_NONE)
		return;
	t = track_of(c, scope, c->host[author].level, lane_of(log->id.lane));
	if (seg->last <= t->seen[level])
		return;
	if (author != host) {
		note_crossing(c, host, scope, c->host[author].level, (int64_t)(seg->last - t->seen[level]));
		measure(c, hist_of(c, scope, c->host[author].level, level), t, t->seen[level], seg->last);
	}
	t->seen[level] = seg->last;
}

static void receipts(struct city *c, uint32_t host)
{
	const struct city_host *h = &c->host[host];

	for (int i = 0; i < CITY_LANES; i++) {
		struct tr_log_id id = {h->nid, h->node->inc, h->nid, lanes[i]};
		const struct rep_log *log = rep_log_find(h->node, &id);
		struct city_track *t = h->track[h->level][lane_of(lanes[i])];

		if (log == NULL || t == NULL || log->receipt_seq <= t->receipt)
			continue;
		if (h->level == CITY_LEAF)
			measure(c, &c->receipt[h->profile], t, t->receipt, (uint32_t)log->receipt_seq);
		t->receipt = (uint32_t)log->receipt_seq;
	}
}

void city_watch_commit(struct city *c, uint32_t host)
{
	struct city_host *h = &c->host[host];

	for (size_t i = 0; i < h->seg_count; i++)
		arrived(c, host, &h->segs[i]);
	h->seg_count = 0;
	if (h->receipt_new)
		receipts(c, host);
	h->receipt_new = false;
}

static void begin_host(struct city *c, uint32_t host)
{
	struct city_host *h = &c->host[host];
	struct rep_log_info info;

	for (size_t i = 0; rep_inspect_log(h->node, &i, &info);) {
		uint32_t scope = city_host_of(c, info.id.scope), author = city_host_of(c, info.id.author);
		struct city_track *t;

		if (scope == CITY_NONE || author == CITY_NONE)
			continue;
		t = track_of(c, scope, c->host[author].level, lane_of(info.id.lane));
		t->seen[h->level] = (uint32_t)info.seq;
		if (author != host)
			continue;
		note_doors(c, t, info.seq);
		t->first = t->count;
		t->receipt = (uint32_t)info.receipt_seq;
	}
	for (int up = 0; up < 2; up++) {
		struct city_way *way = &h->link.way[up];

		memset(way->bytes, 0, sizeof(way->bytes));
		way->frames = 0;
		way->in = way->out = way->deepest = 0;
	}
	h->link.beat_ms = c->now_ms;
}

void city_watch_begin(struct city *c)
{
	memset(&c->counts, 0, sizeof(c->counts));
	for (uint32_t i = 0; i < c->host_count; i++)
		begin_host(c, i);
	c->is_measured = true;
}

/* ---- frames ---- */

static uint64_t varint(const uint8_t **p, const uint8_t *end)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t b = *(*p)++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			break;
	}
	return v;
}

/* Segments by lane; what is around them counts with the last one. */
static void count_segs(const struct city_host *sender, struct city_way *way, const uint8_t *p, const uint8_t *end,
    uint64_t around)
{
	enum city_class cls = CITY_C_R;

	while (p < end) {
		const uint8_t *start = p, *seg;
		struct rep_log_info info;
		uint64_t size;

		(void)varint(&p, end); /* field 1 of Segs */
		size = varint(&p, end);
		seg = p;
		(void)varint(&seg, end); /* field 1 of Seg: the sender's handle */
		if (rep_log_of(sender->node, (uint32_t)varint(&seg, end), &info))
			cls = info.id.lane == TR_LANE_E ? CITY_C_E : info.id.lane == TR_LANE_X ? CITY_C_X : CITY_C_R;
		p += size;
		way->bytes[cls] += (uint64_t)(p - start);
	}
	way->bytes[cls] += around;
}

static void count(const struct city_host *sender, struct city_way *way, struct tr_bytes bytes)
{
	const uint8_t *p = bytes.data + 5, *end = bytes.data + bytes.size; /* session: tag and 4 bytes */
	unsigned kind;
	uint64_t size;

	TR_ASSERT(bytes.size > 8);
	(void)varint(&p, end);
	(void)varint(&p, end); /* n */
	kind = (unsigned)(varint(&p, end) >> 3);
	size = varint(&p, end);
	switch (kind) {
	case TERRACE__MSG__M_SEGS: count_segs(sender, way, p, p + size, bytes.size - size); break;
	case TERRACE__MSG__M_FRONTIER: way->bytes[CITY_C_ACK] += bytes.size; break;
	case TERRACE__MSG__M_HEAD: way->bytes[CITY_C_HEAD] += bytes.size; break;
	case TERRACE__MSG__M_RECEIPT: way->bytes[CITY_C_RECEIPT] += bytes.size; break;
	case TERRACE__MSG__M_SUMMARY: way->bytes[CITY_C_SUMMARY] += bytes.size; break;
	case TERRACE__MSG__M_PING: way->bytes[CITY_C_BEAT] += bytes.size; break;
	default: way->bytes[CITY_C_SESSION] += bytes.size; break;
	}
}

void city_watch_frame(struct city *c, uint32_t host, uint32_t child, bool up, struct tr_bytes bytes)
{
	struct city_way *way = &c->host[child].link.way[up];
	struct tr_bytes small;

	if (!c->is_measured || c->is_resting)
		return;
	way->frames++;
	c->counts.frames++;
	count(&c->host[host], way, bytes);
	if (c->counts.frames % SAMPLE == 0 && td_codec_encode(c->codec, bytes, &small) == 0) {
		c->counts.sealed_in += bytes.size;
		c->counts.sealed_out += small.size;
	}
}
