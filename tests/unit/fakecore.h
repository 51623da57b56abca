/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fakecore -- a core of few lines, in place of libreplication's: it notes what
 * it is told, and fails as a write asks it to.  For one program's tests.
 */
#ifndef TESTS_UNIT_FAKECORE_H
#define TESTS_UNIT_FAKECORE_H

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/rep.h"
#include "tests/unit/unit.h"

enum { WRITE_GOOD = 1, WRITE_FULL = 90, WRITE_DAMAGED = 91, WRITE_IO = 92 };

struct rep_node { int id; };
struct rep_batch {
	struct rep_effect effects[8192];
	size_t count, next;
	bool is_open;
};

static struct {
	int created, freed, ticks, frames, links_up, links_down, bundle_frames, commits;
	bool full;
	int64_t keep_ms;
	int flush_rc;
} core;

int rep_create(struct rep_node **out, const struct rep_conf *conf, const struct rep_view *view)
{
	(void)view;
	core.keep_ms = conf->keep_ms;
	*out = calloc(1, sizeof(**out));
	(*out)->id = ++core.created;
	return 0;
}
void rep_free(struct rep_node *node)
{
	core.freed += node != NULL;
	free(node);
}
struct rep_batch *rep_batch_create(void)
{
	return calloc(1, sizeof(struct rep_batch));
}
void rep_batch_free(struct rep_batch *batch)
{
	free(batch);
}
void rep_batch_reset(struct rep_batch *batch)
{
	batch->count = batch->next = 0;
	batch->is_open = false;
}
void rep_committed(struct rep_node *node, struct rep_batch *batch)
{
	(void)node;
	core.commits++;
	batch->is_open = true;
}
const struct rep_effect *rep_batch_next(struct rep_batch *batch)
{
	assert_true(batch->is_open);
	return batch->next < batch->count ? &batch->effects[batch->next++] : NULL;
}

static void effect(struct rep_batch *batch, struct rep_effect fx)
{
	assert_false(batch->is_open);
	batch->effects[batch->count++] = fx;
}

static int step_write(const struct rep_view *view, const struct rep_write *write, struct rep_batch *batch)
{
	uint8_t key[8];

	wire_put_be64(key, write->ticket);
	if (rep_put(view, REP_T_REC, (struct tr_bytes){key, 8}, write->actor) != 0)
		return TR_E_IO;
	if (write->kind == WRITE_FULL)
		return TR_E_FULL;
	if (write->kind == WRITE_DAMAGED)
		return TR_E_DAMAGED;
	if (write->kind == WRITE_IO)
		return TR_E_IO;
	effect(batch, (struct rep_effect){.kind = REP_FX_REPLY, .reply = {.ticket = write->ticket, .version = 7}});
	return 0;
}

int rep_step(struct rep_node *node, const struct rep_view *view, const struct rep_event *event, struct rep_batch *batch)
{
	struct rep_effect fx = {.link = event->link, .key = event->user, .allow = true};

	assert_non_null(node);
	switch (event->kind) {
	case REP_EV_TICK:
		core.ticks++;
		fx.kind = REP_FX_ALLOW;
		fx.key.b[0] = 42;
		effect(batch, fx);
		return 0;
	case REP_EV_LINK_UP: core.links_up++; return 0;
	case REP_EV_LINK_DOWN: core.links_down++; return 0;
	case REP_EV_FRAME:
		core.frames++;
		fx.kind = REP_FX_SEND;
		effect(batch, fx);
		return rep_put(view, REP_T_META, (struct tr_bytes){(const uint8_t *)"frame", 5}, event->frame);
	case REP_EV_WRITE: return step_write(view, event->write, batch);
	case REP_EV_BUNDLE_FRAME: core.bundle_frames++; return 0;
	case REP_EV_BUNDLE_END:
		fx.kind = REP_FX_BUNDLE;
		fx.bytes = (struct tr_bytes){(const uint8_t *)"back", 4};
		effect(batch, fx);
		return 0;
	default: return 0;
	}
}
int rep_flush(struct rep_node *node, const struct rep_view *view, struct tr_wall_ms wall, struct tr_mono_ms mono, struct rep_batch *batch)
{
	(void)node, (void)view, (void)wall, (void)mono, (void)batch;
	return core.flush_rc;
}
int64_t rep_deadline(const struct rep_node *node)
{
	(void)node;
	return INT64_MAX;
}
void rep_fence(const struct rep_node *node, struct rep_fence *out)
{
	(void)node;
	*out = (struct rep_fence){1, 1, 1};
}
void rep_set_full(struct rep_node *node, bool full)
{
	(void)node;
	core.full = full;
}
void rep_set_keep(struct rep_node *node, int64_t keep_ms)
{
	(void)node;
	core.keep_ms = keep_ms;
}
void rep_inspect_self(const struct rep_node *node, struct rep_self *out)
{
	(void)node;
	memset(out, 0, sizeof(*out));
	strcpy(out->cert.unit, "110101");
}
bool rep_unit_get(const struct rep_node *node, struct tr_nid nid, struct rep_unit_info *out)
{
	(void)node, (void)nid, (void)out;
	return false;
}
int rep_cert_of(const struct rep_view *view, struct tr_nid nid, struct tr_bytes *out)
{
	(void)view, (void)nid, (void)out;
	return TR_E_NOTFOUND;
}
int rep_cert_decode(struct tr_bytes signed_cert, struct rep_cert *out)
{
	(void)signed_cert, (void)out;
	return TR_E_INPUT;
}
int rep_bundle_export(struct rep_node *node, const struct rep_view *view, struct tr_nid peer,
    struct tr_wall_ms wall, int (*emit)(void *ctx, struct tr_bytes msg), void *ctx)
{
	(void)node, (void)view, (void)peer, (void)wall;
	return emit(ctx, (struct tr_bytes){(const uint8_t *)"out", 3});
}
const char *rep_trace_code_name(int code)
{
	(void)code;
	return "x";
}
const char *rep_link_state_name(enum rep_link_state state)
{
	(void)state;
	return "x";
}
const char *rep_trace_level(int code)
{
	(void)code;
	return "debug";
}

#endif
