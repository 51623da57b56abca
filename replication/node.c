/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/node.h"

#include <string.h>

#include "proto/err.h"
#include "replication/batch.h"
#include "replication/keys.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define DATE_MIN_MS 1577836800000 /* 2020: a clock that was never set is not followed */
#define DATE_MAX_MS 4102444800000 /* 2100: stamps do not go back, so neither is one of no date */

void rep_node_fail(struct rep_node *node, int rc)
{
	if (node->rc == 0)
		node->rc = rc;
}

bool rep_node_broken(struct rep_node *node, int rc)
{
	if (rc != TR_E_IO && rc != TR_E_NOMEM)
		return false;
	rep_node_fail(node, rc);
	return true;
}

/*
 * A row that could not be read is not a row that is not there.  Whoever asks,
 * however deep below a step, the step fails: its caller throws all away and
 * loads the node again.
 */
static int watch(struct rep_node *node, int rc)
{
	if (rc != 0 && rc != TR_E_NOTFOUND)
		rep_node_fail(node, rc);
	return rc;
}

static int watch_get(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes *value)
{
	struct rep_node *node = ctx;

	return watch(node, rep_get(node->raw, table, key, value));
}

static int watch_seek(void *ctx, enum rep_table table, struct tr_bytes from, bool after,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct rep_node *node = ctx;

	return watch(node, rep_seek(node->raw, table, from, after, key, value));
}

static int watch_seek_before(void *ctx, enum rep_table table, struct tr_bytes before,
    struct tr_bytes *key, struct tr_bytes *value)
{
	struct rep_node *node = ctx;

	return watch(node, rep_seek_before(node->raw, table, before, key, value));
}

static int watch_put(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes value)
{
	struct rep_node *node = ctx;

	return watch(node, rep_put(node->raw, table, key, value));
}

static int watch_del(void *ctx, enum rep_table table, struct tr_bytes key)
{
	struct rep_node *node = ctx;

	return watch(node, rep_del(node->raw, table, key));
}

void rep_node_view(struct rep_node *node, const struct rep_view *view)
{
	static const struct rep_view_ops ops = {watch_get, watch_seek, watch_seek_before, watch_put, watch_del};

	node->raw = view;
	node->watched = (struct rep_view){&ops, node};
	node->view = &node->watched;
}

void rep_node_unview(struct rep_node *node)
{
	node->view = NULL;
	node->raw = NULL;
}

void rep_node_put(struct rep_node *node, enum rep_table table, struct tr_bytes key, struct tr_bytes value)
{
	if (node->rc == 0)
		(void)!rep_put(node->view, table, key, value);
}

void rep_node_del(struct rep_node *node, enum rep_table table, struct tr_bytes key)
{
	if (node->rc == 0)
		(void)!rep_del(node->view, table, key);
}

int rep_node_get(struct rep_node *node, enum rep_table table, struct tr_bytes key, struct tr_bytes *value)
{
	return rep_get(node->view, table, key, value);
}

void rep_node_rows(struct rep_node *node, enum rep_table table,
    void (*take)(struct rep_node *node, struct tr_bytes key, struct tr_bytes row))
{
	uint8_t last[REP_KEY_MAX];
	struct tr_bytes from = {last, 0}, key, row;

	while (node->rc == 0 && rep_seek(node->view, table, from, from.size > 0, &key, &row) == 0) {
		if (key.size > sizeof(last)) {
			rep_node_fail(node, TR_E_DAMAGED);
			return;
		}
		memcpy(last, key.data, key.size);
		from.size = key.size;
		take(node, from, row);
	}
}

void rep_node_trace_rec(struct rep_node *node, int code, struct tr_nid peer, uint8_t kind,
    const struct tr_rec_id *rec, uint64_t a, uint64_t b)
{
	struct rep_effect fx = {.kind = REP_FX_TRACE};

	fx.trace.code = code;
	fx.trace.peer = peer;
	fx.trace.kind = kind;
	fx.trace.rec = *rec;
	fx.trace.a = a;
	fx.trace.b = b;
	rep_batch_put(node->batch, &fx);
}

void rep_node_trace(struct rep_node *node, int code, struct tr_nid peer, uint64_t a, uint64_t b, const char *text)
{
	struct rep_effect fx = {.kind = REP_FX_TRACE};

	fx.trace.code = code;
	fx.trace.peer = peer;
	fx.trace.a = a;
	fx.trace.b = b;
	fx.trace.text = text;
	rep_batch_put(node->batch, &fx);
}

int64_t rep_node_now_ms(const struct rep_node *node)
{
	int64_t now = node->wall_ms + (node->has_offset ? node->offset_ms : 0);

	return now > 0 ? now : 0;
}

void rep_node_follow(struct rep_node *node, uint64_t parent_ms, uint32_t on_the_way_ms)
{
	if (parent_ms < DATE_MIN_MS || parent_ms > DATE_MAX_MS)
		return;
	node->offset_ms = (int64_t)parent_ms + on_the_way_ms - node->wall_ms;
	node->has_offset = true;
	node->offset_mono_ms = node->mono_ms;
}

/* Kulkarni et al. 2014; display and tie-break only, so a remote stamp does
 * not move it. */
struct tr_hlc rep_node_stamp(struct rep_node *node)
{
	uint64_t now = (uint64_t)rep_node_now_ms(node) << 16;

	node->last_hlc = now > node->last_hlc ? now : node->last_hlc + 1;
	node->clock_dirty = true;
	return (struct tr_hlc){node->last_hlc};
}

uint8_t rep_node_clockq(const struct rep_node *node)
{
	if (node->is_top)
		return 2;
	if (node->has_offset && node->mono_ms - node->offset_mono_ms < DAY_MS)
		return 2;
	/* behind our own last stamp by more than a day: the clock is wrong */
	if (rep_node_now_ms(node) + DAY_MS < (int64_t)(node->last_hlc >> 16))
		return 0;
	return 1;
}
