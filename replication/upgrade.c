/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/upgrade.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/chain.h"
#include "replication/cut.h"
#include "replication/keys.h"
#include "replication/later.h"
#include "replication/log.h"
#include "replication/refold.h"
#include "replication/trust.h"

#define RECORDS 64                           /* looked at in one step */
#define OVERLAY_BYTES ((size_t)64 * 1024 * 1024) /* of one record */
#define ID_SIZE sizeof(struct tr_rec_id)

void rep_upgrade_load(struct rep_node *node)
{
	struct rep_key key = rep_key_name("vocabulary");
	struct tr_bytes row;
	uint32_t had;

	rep_later_load(node);
	if (rep_node_get(node, REP_T_META, rep_key_bytes(&key), &row) != 0) {
		node->is_upgrading = true; /* it is written down at the first step */
		return;
	}
	if (row.size != 4) {
		rep_node_fail(node, TR_E_DAMAGED);
		return;
	}
	had = wire_get_be32(row.data);
	if (had > node->known.number)
		rep_node_fail(node, TR_E_NEWER);
	node->is_upgrading = had < node->known.number;
}

/* The op and what its segment says of it, as rep_fold_entry() takes it. */
static int find(struct rep_node *node, struct tr_dot dot, struct rep_fold *fold, struct tr_bytes *entry)
{
	struct rep_chain_row row;
	struct rep_cert cert;
	Terrace__Seg *seg;
	int rc;

	fold->log = rep_log_get(node, dot.log);
	if (fold->log == NULL)
		return TR_E_DAMAGED;
	rc = rep_chain_find(node->view, dot.log, dot.seq, &row);
	if (rc == 0)
		rc = wire_seg_decode(node->arena, row.bytes, &seg);
	if (rc != 0)
		return rc;
	if (dot.seq < seg->first || dot.seq - seg->first >= seg->n_op)
		return TR_E_DAMAGED;
	rc = rep_trust_cert(node, fold->log->id.author, seg->serial, &cert);
	if (rc != 0)
		return rc;
	fold->level = cert.level;
	fold->caps = cert.caps;
	fold->hlc.v = seg->hlc;
	fold->clockq = (uint8_t)seg->clockq;
	fold->seen_count = rep_chain_vec(&row, fold->seen);
	if (!rep_fold_seen(node, fold))
		return TR_E_LIMIT;
	*entry = rep_bytes(seg->op[dot.seq - seg->first].data, seg->op[dot.seq - seg->first].len);
	return 0;
}

/*
 * One op that waited.  One of a record leaves its row only, the record is
 * folded after it; any other takes effect now.  What is still not understood
 * waits on, under the new number.
 */
static void look_at(struct rep_node *node, const uint8_t key[static REP_LATER_KEY])
{
	struct tr_dot dot = {wire_get_be32(key + ID_SIZE), wire_get_be64(key + ID_SIZE + 4)};
	struct rep_fold fold;
	struct tr_bytes entry;
	int rc = find(node, dot, &fold, &entry);

	if (rc != 0) {
		/* an own op that is not signed yet is one of ours: understood when it was written */
		rep_node_fail(node, rc == TR_E_NOTFOUND ? TR_E_DAMAGED : rc);
		return;
	}
	rep_node_del(node, REP_T_LATER, rep_bytes(key, REP_LATER_KEY));
	if (rep_op_decode(node->op, entry) == 0 && rep_op_is_of_record(node->op->kind) &&
	    rep_known_op(&node->known, node->op) == REP_LATER_NOT)
		return;
	rep_fold_entry(node, &fold, dot.seq, entry);
}

static void fold_again(struct rep_node *node, const struct tr_rec_id *id)
{
	struct rep_overlay *overlay = rep_overlay_create(node->view, OVERLAY_BYTES);
	int rc = overlay != NULL ? rep_refold(node, node->view, id, NULL, overlay) : TR_E_NOMEM;

	if (rc == 0)
		rc = rep_overlay_apply(overlay, node->view);
	rep_overlay_free(overlay);
	if (rc == TR_E_LIMIT || rc == TR_E_GAP || rc == TR_E_DAMAGED)
		rep_node_trace_rec(node, REP_TRACE_REFOLD_BAD, node->cert.nid, 0, id, (uint64_t)-rc, 0);
	else if (rc != 0)
		rep_node_fail(node, rc);
	else
		rep_node_trace_rec(node, REP_TRACE_REFOLDED, node->cert.nid, 0, id, 0, 0);
}

/* What a fold writes besides the record: of the ops that came into effect. */
static void index_again(struct rep_node *node, const uint8_t key[static REP_LATER_KEY])
{
	struct tr_dot dot = {wire_get_be32(key + ID_SIZE), wire_get_be64(key + ID_SIZE + 4)};
	struct rep_fold fold;
	struct tr_bytes entry, row;

	if (rep_node_get(node, REP_T_LATER, rep_bytes(key, REP_LATER_KEY), &row) == 0 ||
	    rep_node_get(node, REP_T_VIOLATION, rep_bytes(key, REP_LATER_KEY), &row) == 0)
		return;
	if (find(node, dot, &fold, &entry) == 0 && rep_op_decode(node->op, entry) == 0 && rep_op_is_of_record(node->op->kind) &&
	    (!rep_cut_is_aside(fold.log, dot.seq) || rep_fold_is_place(node->op)))
		rep_fold_index(node, &fold, node->op);
}

/* All that waits of one record; they are copied, for the table changes. */
static void one_record(struct rep_node *node, const uint8_t id[static ID_SIZE])
{
	uint8_t (*keys)[REP_LATER_KEY] = NULL;
	uint8_t at[REP_LATER_KEY];
	struct tr_bytes from = {at, ID_SIZE}, key;
	size_t count = 0, cap = 0;
	struct tr_rec_id rec;

	memcpy(at, id, ID_SIZE);
	memcpy(rec.b, id, ID_SIZE);
	while (node->rc == 0 && rep_seek(node->view, REP_T_LATER, from, from.size == sizeof(at), &key, NULL) == 0 &&
	    key.size == sizeof(at) && memcmp(key.data, id, ID_SIZE) == 0) {
		void *more = tr_grow(keys, count, &cap, sizeof(keys[0]));

		if (more == NULL) {
			rep_node_fail(node, TR_E_NOMEM);
			break;
		}
		keys = more;
		memcpy(keys[count++], key.data, sizeof(at));
		memcpy(at, key.data, sizeof(at));
		from.size = sizeof(at);
	}
	for (size_t i = 0; i < count && node->rc == 0; i++) {
		wire_arena_reset(node->arena);
		look_at(node, keys[i]);
	}
	if (node->rc == 0 && memcmp(rec.b, (const uint8_t[ID_SIZE]){0}, ID_SIZE) != 0)
		fold_again(node, &rec);
	for (size_t i = 0; i < count && node->rc == 0; i++) {
		wire_arena_reset(node->arena);
		index_again(node, keys[i]);
	}
	wire_arena_reset(node->arena);
	free(keys);
}

static void finish(struct rep_node *node)
{
	struct rep_key key = rep_key_name("vocabulary");
	uint8_t row[4];

	node->is_upgrading = false;
	rep_later_load(node);
	wire_put_be32(row, node->known.number);
	rep_node_put(node, REP_T_META, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
}

void rep_upgrade_step(struct rep_node *node)
{
	for (int i = 0; i < RECORDS && node->rc == 0 && node->is_upgrading; i++) {
		struct tr_bytes key;
		uint8_t id[ID_SIZE];

		if (rep_seek(node->view, REP_T_LATER, rep_bytes(node->upgrade_at, node->upgrade_size),
			node->upgrade_size > 0, &key, NULL) != 0) {
			finish(node);
			return;
		}
		if (key.size != REP_LATER_KEY) {
			rep_node_fail(node, TR_E_DAMAGED);
			return;
		}
		memcpy(id, key.data, ID_SIZE);
		/* On behind this record, also when some of its ops wait on. */
		memcpy(node->upgrade_at, id, ID_SIZE);
		memset(node->upgrade_at + ID_SIZE, 0xff, REP_LATER_KEY - ID_SIZE);
		node->upgrade_size = REP_LATER_KEY;
		one_record(node, id);
	}
}
