/* SPDX-License-Identifier: Apache-2.0 */
/* A node comes out of its store, and goes. */
#include <stdlib.h>
#include <string.h>

#include <sodium/utils.h>

#include "proto/err.h"
#include "replication/audit.h"
#include "replication/cut.h"
#include "replication/ckpt.h"
#include "replication/prune.h"
#include "replication/snap.h"
#include "replication/head.h"
#include "replication/incarnation.h"
#include "replication/keys.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/move.h"
#include "replication/policy_use.h"
#include "replication/own.h"
#include "replication/plan.h"
#include "replication/receipt.h"
#include "replication/todo.h"
#include "replication/trust.h"
#include "replication/unit.h"
#include "replication/upgrade.h"

static uint64_t meta_u64(struct rep_node *node, const char *name)
{
	struct rep_key key = rep_key_name(name);
	struct tr_bytes row;
	int rc = rep_node_get(node, REP_T_META, rep_key_bytes(&key), &row);

	if (rc == 0 && row.size == 8)
		return wire_get_be64(row.data);
	rep_node_fail(node, rc == TR_E_NOTFOUND ? rc : TR_E_DAMAGED);
	return 0;
}

static void load_root(struct rep_node *node, const struct rep_conf *conf)
{
	struct rep_key key = rep_key_name("root");
	struct tr_bytes row;
	int rc = rep_node_get(node, REP_T_META, rep_key_bytes(&key), &row);

	if (rc == 0) {
		rep_root_hash(row, &node->root_hash);
		if (memcmp(node->root_hash.b, conf->root_hash.b, 32) != 0)
			rc = TR_E_FORGED;
	}
	if (rc == 0)
		rc = rep_root_decode(row, &node->root);
	if (rc != 0)
		rep_node_fail(node, rc);
}

static void load_hours(struct rep_node *node)
{
	struct rep_key key = rep_key_name("hours");
	struct tr_bytes row;

	if (rep_node_get(node, REP_T_META, rep_key_bytes(&key), &row) == 0 && row.size == 4)
		node->hours = wire_get_be32(row.data);
	node->hour_mono_ms = node->mono_ms;
}

static void load_self(struct rep_node *node, const struct rep_conf *conf)
{
	struct rep_key lost = rep_key_name("number lost");
	const struct rep_unit *self;
	struct tr_bytes row;

	node->cert.nid.v = meta_u64(node, "self");
	node->inc = meta_u64(node, "inc");
	node->store_id = meta_u64(node, "store");
	node->last_hlc = meta_u64(node, "clock");
	if (node->rc != 0)
		return;
	rep_trust_load(node);
	rep_unit_load(node);
	self = rep_unit_find(node, node->cert.nid);
	if (node->rc != 0 || self == NULL || !self->has_cert) {
		rep_node_fail(node, TR_E_DAMAGED);
		return;
	}
	if (rep_node_get(node, REP_T_META, rep_key_bytes(&lost), &row) == 0)
		node->cert = self->cert; /* another key has this one's number: it only reads (seat.c) */
	else if (memcmp(node->cert.sign_pk.b, conf->keys.pk.b, 32) != 0)
		rep_node_fail(node, TR_E_FORGED);
	node->is_top = node->cert.parent.v == 0;
	/* a new key signs in logs of its own */
	node->in_doubt = node->rc == 0 && meta_u64(node, "inc serial") != node->cert.serial;
}

static void load_links(struct rep_node *node)
{
	struct rep_link *up = rep_link_make(node, REP_LINK_UP);

	/* each link has a unit at its other end, also if the row of the parent's certificate is lost */
	if (up == NULL || (!node->is_top && rep_unit_make(node, node->cert.parent) == NULL))
		return;
	up->slot = REP_WAY_UP;
	up->peer = node->cert.parent;
	up->state = REP_LINK_OFF;
	up->profile = node->profile;
	up->next_try_ms = node->mono_ms;
	for (size_t i = 0; i < node->unit_count; i++) {
		const struct rep_unit *unit = node->units[i];
		struct rep_link *link;

		if (unit->parent.v != node->cert.nid.v || (link = rep_link_of_peer(node, unit->nid)) == NULL)
			continue;
		/* What a run before this one has seen is not "never". */
		if (unit->has_head) {
			link->state = REP_LINK_OFF;
			link->seen_wall_ms = rep_hlc_ms(unit->head_hlc);
		}
	}
}

static bool scratch(struct rep_node *node)
{
	node->arena = wire_arena_create();
	node->record = malloc(sizeof(*node->record));
	node->op = malloc(sizeof(*node->op));
	node->op2 = malloc(sizeof(*node->op2));
	node->seg_row = malloc(REP_SEG_ROW_MAX);
	node->frame = malloc(rep_plan_scratch());
	return node->arena != NULL && node->record != NULL && node->op != NULL && node->op2 != NULL &&
	       node->seg_row != NULL && node->frame != NULL;
}

int rep_create(struct rep_node **out, const struct rep_conf *conf, const struct rep_view *view)
{
	struct rep_node *node = calloc(1, sizeof(*node));
	int rc = TR_E_NOMEM;

	if (node == NULL || !scratch(node))
		goto fail;
	node->record->policy = &node->policy;
	node->keys = conf->keys;
	node->profile = conf->profile;
	node->version = conf->version;
	node->proto_min = conf->proto_min != 0 ? conf->proto_min : TR_PROTO_MIN;
	node->proto_max = conf->proto_max != 0 ? conf->proto_max : TR_PROTO_MAX;
	node->known = conf->known;
	if (node->known.number == 0)
		node->known.number = TR_VOCABULARY;
	rep_node_view(node, view);
	node->wall_ms = conf->wall.ms;
	node->mono_ms = conf->mono.ms;
	node->ckpt_ops = conf->ckpt_ops != 0 ? conf->ckpt_ops : TR_CKPT_OPS;
	node->ckpt_ms = conf->ckpt_ms != 0 ? conf->ckpt_ms : (int64_t)TR_CKPT_DAYS * 24 * 3600 * 1000;
	node->ckpt_slice = conf->ckpt_slice != 0 ? conf->ckpt_slice : TR_CKPT_SLICE;
	node->keep_ms = conf->keep_ms > 0 ? conf->keep_ms : 0;
	node->prune_ops = conf->prune_ops;
	node->snap_part = conf->snap_part;
	rep_rng_init(&node->rng, conf->seed);
	load_root(node, conf);
	if (node->rc == 0)
		load_self(node, conf);
	if (node->rc == 0)
		rep_log_load(node);
	if (node->rc == 0)
		rep_cut_load(node);
	if (node->rc == 0)
		rep_own_load(node);
	if (node->rc == 0)
		rep_base_load(node);
	if (node->rc == 0) {
		rep_head_load(node);
		rep_receipt_load(node);
		load_links(node);
		rep_policy_load(node);
		if (node->rc == 0)
			rep_move_load(node);
		rep_upgrade_load(node);
		load_hours(node);
	}
	rc = node->rc;
	if (rc != 0)
		goto fail;
	node->in_doubt = (conf->is_fenced && rep_incarnation_doubt(node, conf->fence)) || node->in_doubt;
	rc = node->rc;
	if (rc != 0)
		goto fail;
	rep_node_unview(node);
	node->check_mono_ms = node->mono_ms;
	node->reach_mono_ms = node->whole_mono_ms = node->mono_ms;
	*out = node;
	return 0;

fail:
	rep_free(node);
	return rc;
}

void rep_free(struct rep_node *node)
{
	if (node == NULL)
		return;
	for (size_t i = 0; i < node->link_count; i++) {
		rep_audit_free(node->links[i]->ask);
		rep_audit_free(node->links[i]->serve);
		rep_snap_serve_free(node->links[i]);
		rep_link_free(node->links[i]);
	}
	rep_link_free(node->bundle);
	for (size_t i = 0; i < node->log_count; i++)
		rep_log_free(node->logs[i]);
	rep_ckpt_free(node);
	rep_prune_free(node);
	rep_snap_take_free(node);
	rep_base_free(node);
	for (size_t i = 0; i < node->unit_count; i++) {
		free(node->units[i]->pending);
		free(node->units[i]);
	}
	while (node->opens != NULL || node->open_pool != NULL) {
		struct rep_open **list = node->opens != NULL ? &node->opens : &node->open_pool;
		struct rep_open *open = *list;

		*list = open->next;
		free(open);
	}
	rep_todo_fini(node);
	rep_cut_free(node);
	rep_map_fini(&node->by_nid);
	rep_map_fini(&node->by_log);
	rep_map_fini(&node->by_link);
	wire_arena_free(node->arena);
	free(node->links);
	free(node->logs);
	free(node->units);
	free(node->order);
	free(node->to_register);
	free(node->record);
	free(node->op);
	free(node->op2);
	free(node->seg_row);
	free(node->frame);
	sodium_memzero(&node->keys, sizeof(node->keys));
	free(node);
}
