/* SPDX-License-Identifier: Apache-2.0 */
/* One event, one flush: what happens is dispatched here, the only big switch. */
#include "replication/step.h"

#include <string.h>

#include "proto/err.h"
#include "replication/ack.h"
#include "replication/audit.h"
#include "replication/batch.h"
#include "replication/ckpt.h"
#include "replication/prune.h"
#include "replication/evidence.h"
#include "replication/head.h"
#include "replication/incarnation.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/mend.h"
#include "replication/move.h"
#include "replication/on.h"
#include "replication/own.h"
#include "replication/plan.h"
#include "replication/receipt.h"
#include "replication/seat.h"
#include "replication/snap.h"
#include "replication/unit.h"
#include "replication/upgrade.h"

#define CHECK_MS 60000
#define HOUR_MS ((int64_t)3600 * 1000)
#define PRUNE_ROWS 256 /* idempotency keys forgotten per minute */

void rep_set_keep(struct rep_node *node, int64_t keep_ms)
{
	rep_prune_keep(node, keep_ms);
}

void rep_set_full(struct rep_node *node, bool full)
{
	node->is_full = full;
}

static void begin(struct rep_node *node, const struct rep_view *view, int64_t wall_ms,
    int64_t mono_ms, struct rep_batch *batch)
{
	rep_node_view(node, view);
	node->batch = batch;
	node->wall_ms = wall_ms;
	node->mono_ms = mono_ms;
	node->rc = 0;
	wire_arena_reset(node->arena);
}

static int finish(struct rep_node *node)
{
	if (node->rc == 0 && rep_batch_broken(node->batch))
		node->rc = TR_E_NOMEM;
	rep_node_unview(node);
	node->batch = NULL;
	return node->rc;
}

/* No clock of day: one that leaps by years would forget every key at once. */
static void count_hours(struct rep_node *node)
{
	struct rep_key key = rep_key_name("hours");
	uint8_t row[4];

	if (node->mono_ms - node->hour_mono_ms < HOUR_MS)
		return;
	node->hour_mono_ms = node->mono_ms;
	wire_put_be32(row, ++node->hours);
	rep_node_put(node, REP_T_META, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
}

/* Keys are kept TR_KEY_DAYS of running; rows "d" hour key say which are older. */
static void prune_keys(struct rep_node *node)
{
	struct rep_key first = rep_key_idem_hour(0, NULL);
	uint8_t copy[REP_KEY_MAX];

	for (int i = 0; i < PRUNE_ROWS && node->rc == 0; i++) {
		struct tr_bytes key, row;

		if (rep_seek(node->view, REP_T_KEY, rep_key_bytes(&first), false, &key, &row) != 0 ||
		    key.size <= 5 || key.size > sizeof(copy) || key.data[0] != 'd' ||
		    (uint64_t)wire_get_be32(key.data + 1) + 24 * TR_KEY_DAYS >= node->hours)
			return;
		memcpy(copy, key.data, key.size);
		rep_node_del(node, REP_T_KEY, rep_bytes(copy + 5, key.size - 5));
		rep_node_del(node, REP_T_KEY, rep_bytes(copy, key.size));
	}
}

static void on_tick(struct rep_node *node)
{
	for (size_t i = 0; i < node->link_count; i++)
		rep_link_tick(node, node->links[i]);
	rep_move_tick(node);
	rep_prune_tick(node);
	if (node->mono_ms - node->check_mono_ms < CHECK_MS)
		return;
	rep_receipt_check(node);
	node->check_mono_ms = node->mono_ms;
	rep_head_check(node);
	rep_on_enroll_allow(node);
	count_hours(node);
	rep_ckpt_tick(node);
	prune_keys(node);
}

void rep_on_pause(struct rep_node *node, const struct rep_event *event)
{
	struct rep_link *link = node->links[0];

	if (event->peer.v != link->peer.v || node->is_top)
		link = rep_unit_find(node, event->peer) != NULL &&
			       rep_unit_find(node, event->peer)->parent.v == node->cert.nid.v
			   ? rep_link_of_peer(node, event->peer)
			   : NULL;
	if (link == NULL)
		return;
	if (event->pause == REP_PAUSE) {
		if (link->session != 0)
			rep_on_bye_send(node, link, link->session, "paused");
		rep_link_down(node, link, true, "paused");
		rep_link_state(node, link, REP_LINK_PAUSED, "paused");
		link->paused = true;
		return;
	}
	if (event->pause == REP_RESUME && link->paused) {
		link->paused = false;
		rep_link_state(node, link, REP_LINK_OFF, NULL);
	}
	link->backoff_ms = 0;
	link->next_try_ms = node->mono_ms;
	if (!link->paused && link->way == REP_WAY_UP &&
	    (link->state == REP_LINK_OFF || link->state == REP_LINK_REFUSED))
		rep_link_dial(node, link);
}

int rep_step(struct rep_node *node, const struct rep_view *view, const struct rep_event *event, struct rep_batch *batch)
{
	begin(node, view, event->wall.ms, event->mono.ms, batch);
	rep_receipt_store_base(node);
	if (node->in_doubt) {
		node->in_doubt = false;
		rep_incarnation_begin(node);
	}
	if (node->is_upgrading)
		rep_upgrade_step(node);
	if (!node->allow_sent) {
		node->allow_sent = true;
		rep_seat_start(node);
		rep_on_enroll_allow(node);
	}
	switch (event->kind) {
	case REP_EV_TICK: on_tick(node); break;
	case REP_EV_LINK_UP: rep_on_link_up(node, event); break;
	case REP_EV_LINK_DOWN: rep_on_link_down(node, event); break;
	case REP_EV_FRAME: rep_on_frame(node, event); break;
	case REP_EV_WRITE: rep_on_write(node, event->write); break;
	case REP_EV_INVITE: rep_on_invite(node, event->invite); break;
	case REP_EV_POLICY: rep_on_policy(node, event->policy); break;
	case REP_EV_PAUSE: rep_on_pause(node, event); break;
	case REP_EV_AUDIT: rep_audit_on(node, event->audit); break;
	case REP_EV_MEND: rep_mend_on(node, event->mend); break;
	case REP_EV_CLOSE: rep_own_close_all(node); break;
	case REP_EV_KEY: rep_on_key(node, event->key_act); break;
	case REP_EV_BUNDLE_BEGIN:
	case REP_EV_BUNDLE_FRAME:
	case REP_EV_BUNDLE_END: rep_on_bundle(node, event); break;
	default: TR_UNREACHABLE("event kind");
	}
	return finish(node);
}

static void store_clock(struct rep_node *node)
{
	struct rep_key key = rep_key_name("clock");
	uint8_t row[8];

	if (!node->clock_dirty)
		return;
	node->clock_dirty = false;
	wire_put_be64(row, node->last_hlc);
	rep_node_put(node, REP_T_META, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
}

int rep_flush(struct rep_node *node, const struct rep_view *view, struct tr_wall_ms wall,
    struct tr_mono_ms mono, struct rep_batch *batch)
{
	begin(node, view, wall.ms, mono.ms, batch);
	if (node->to_register_count > 0)
		rep_on_register(node);
	if (node->rc == 0)
		rep_ckpt_flush(node);
	if (node->rc == 0)
		rep_prune_flush(node);
	if (node->rc == 0)
		rep_snap_take_flush(node);
	rep_seat_flush(node);
	rep_evidence_flush(node);
	rep_own_flush(node);
	for (size_t i = 0; i < node->link_count && node->rc == 0; i++)
		if (node->links[i]->state == REP_LINK_LIVE)
			rep_ack_send(node, node->links[i]);
	if (node->rc == 0)
		rep_receipt_flush(node);
	if (node->rc == 0)
		rep_plan_send_all(node);
	if (node->rc == 0)
		rep_snap_serve_flush(node);
	if (node->rc == 0) {
		rep_head_flush(node);
		rep_summary_flush(node);
	}
	if (node->rc == 0)
		rep_audit_flush(node);
	store_clock(node);
	return finish(node);
}

int64_t rep_step_due(const struct rep_node *node)
{
	int64_t at = rep_own_deadline(node), due;

	if (node->is_upgrading)
		at = node->mono_ms; /* at once, the rest */
	due = rep_ckpt_deadline(node);
	at = due < at ? due : at;
	due = rep_prune_deadline(node);
	at = due < at ? due : at;
	due = rep_snap_take_deadline(node);
	at = due < at ? due : at;
	due = rep_snap_serve_deadline(node);
	at = due < at ? due : at;
	due = rep_receipt_deadline(node);
	at = due < at ? due : at;
	due = rep_audit_deadline(node);
	at = due < at ? due : at;
	due = rep_head_deadline(node);
	at = due < at ? due : at;
	due = rep_move_deadline(node);
	at = due < at ? due : at;
	if (node->summaries_dirty && node->summary_mono_ms < at)
		at = node->summary_mono_ms;
	if (node->counts_dirty && node->counts_mono_ms < at)
		at = node->counts_mono_ms;
	return at;
}

int64_t rep_deadline(const struct rep_node *node)
{
	int64_t at = node->check_mono_ms + CHECK_MS, due = rep_step_due(node);

	at = due < at ? due : at;
	for (size_t i = 0; i < node->link_count; i++) {
		due = rep_link_deadline(node, node->links[i]);
		at = due < at ? due : at;
	}
	return at;
}
