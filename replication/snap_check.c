/* SPDX-License-Identifier: Apache-2.0 */
/* Are the records that lie aside what the top node signed?  A few between two commits. */
#include "replication/snap_int.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/floor.h"
#include "replication/keys.h"
#include "replication/record_int.h"
#include "replication/refold.h"

#define ID_SIZE sizeof(struct tr_rec_id)
#define ROW_KEY (1 + ID_SIZE + 1 + TR_SNAP_KEY_MAX)
#define KINDS 8

static uint32_t place_of(void *ctx, struct tr_nid author, uint64_t inc, uint64_t seq)
{
	const struct rep_snap *snap = ctx;
	uint32_t place = rep_snap_place(&snap->ckpt, author, inc);

	return place != 0 && seq <= snap->ckpt.f[place - 1].seq ? place : UINT32_MAX;
}

static int load_record(struct rep_node *node, const struct rep_snap *snap, struct tr_bytes key, struct tr_bytes value,
    rep_snap_handles *handle, void *ctx, const struct rep_view *to)
{
	struct rep_record *rec = node->record;
	int rc;

	if (value.size > TR_RECORD_BYTES_MAX || key.data[0] == 0 || key.data[0] >= KINDS)
		return TR_E_INPUT;
	memcpy(rec->data, value.data, value.size);
	rec->kind = key.data[0];
	memcpy(rec->id.b, key.data + 1, ID_SIZE);
	rc = rep_record_unpack(rec, value.size);
	if (rc == 0 && (rec->scope.v != snap->scope.v || rec->lane != snap->lane))
		rc = TR_E_FORGED;
	if (rc == 0)
		rc = rep_record_carry(rec, handle, ctx);
	return rc == 0 ? rep_record_store(rec, to) : rc;
}

static int load_row(struct tr_bytes key, struct tr_bytes value, rep_snap_handles *handle, void *ctx, const struct rep_view *to)
{
	struct rep_carried *out = malloc(sizeof(*out));
	struct rep_row row;
	uint32_t log = UINT32_MAX;
	int rc = out != NULL ? 0 : TR_E_NOMEM;

	if (rc == 0 && rep_record_row_read(&row, key, value))
		log = handle(ctx, row.author, row.inc, row.dot.seq);
	if (rc == 0 && (log == UINT32_MAX || !rep_record_row_carry(out, key, value, log)))
		rc = TR_E_DAMAGED;
	if (rc == 0)
		rc = rep_put(to, REP_T_ROW, rep_bytes(out->key, out->key_size), rep_bytes(out->value, out->value_size));
	free(out);
	return rc;
}

int rep_snap_rows(struct rep_node *node, const struct rep_snap *snap, const struct tr_rec_id *id, rep_snap_handles *handle,
    void *ctx, struct rep_overlay *overlay)
{
	const struct rep_view *to = rep_overlay_view(overlay);
	uint8_t at[ROW_KEY];
	struct tr_bytes from = rep_bytes(at, 1 + ID_SIZE), key, value;
	int rc = rep_refold_clear(id, to);

	at[0] = 'r';
	memcpy(at + 1, id->b, ID_SIZE);
	while (rc == 0 && (rc = rep_seek(node->raw, REP_T_SNAP, from, true, &key, &value)) == 0) {
		if (key.size < 2 + ID_SIZE || memcmp(key.data, at, 1 + ID_SIZE) != 0)
			return 0;
		if (key.size > sizeof(at))
			return TR_E_DAMAGED;
		memcpy(at, key.data, key.size);
		from = rep_bytes(at, key.size);
		key = rep_bytes(at + 2 + ID_SIZE, key.size - 2 - ID_SIZE);
		if (at[1 + ID_SIZE] == TR_SNAP_RECORD)
			rc = load_record(node, snap, key, value, handle, ctx, to);
		else
			rc = load_row(key, value, handle, ctx, to);
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

int rep_snap_next_record(struct rep_node *node, const struct tr_rec_id *after, struct tr_rec_id *out)
{
	uint8_t at[1 + ID_SIZE + 1] = {'r'};
	struct tr_bytes from = rep_bytes(at, 1), key;
	int rc;

	if (after != NULL) {
		memcpy(at + 1, after->b, ID_SIZE);
		at[1 + ID_SIZE] = UINT8_MAX;
		from = rep_bytes(at, sizeof(at));
	}
	rc = rep_seek(node->raw, REP_T_SNAP, from, true, &key, NULL);
	if (rc != 0)
		return rc;
	if (key.data[0] != 'r' || key.size < 2 + ID_SIZE)
		return TR_E_NOTFOUND;
	memcpy(out->b, key.data + 1, ID_SIZE);
	return 0;
}

/* Does it get in the way of a record of another domain?  0; TR_E_DAMAGED: it does; errors of get. */
static int is_free(const struct rep_node *node, const struct rep_snap *snap, const struct tr_rec_id *id, uint8_t kind)
{
	uint8_t key[1 + ID_SIZE];
	struct rep_floor floor;
	struct tr_bytes row;
	struct tr_nid scope;
	uint8_t lane;
	int rc = rep_floor_find(node->raw, id, &floor);

	if (rc == 0 && (floor.scope.v != snap->scope.v || floor.lane != snap->lane))
		return TR_E_DAMAGED;
	if (rc == TR_E_IO || rc == TR_E_NOMEM)
		return rc;
	key[0] = kind;
	memcpy(key + 1, id->b, ID_SIZE);
	rc = rep_get(node->raw, REP_T_REC, rep_bytes(key, sizeof(key)), &row);
	if (rc == TR_E_IO || rc == TR_E_NOMEM)
		return rc;
	return rc != 0 || !rep_record_home(row, &scope, &lane) || (scope.v == snap->scope.v && lane == snap->lane) ? 0 : TR_E_DAMAGED;
}

static int check_record(struct rep_node *node, struct rep_snap *snap, const struct tr_rec_id *id)
{
	struct rep_overlay *overlay = rep_overlay_create(node->raw, REP_SNAP_OVERLAY);
	struct tr_hash hash;
	int rc = overlay != NULL ? rep_snap_rows(node, snap, id, place_of, snap, overlay) : TR_E_NOMEM;

	for (uint8_t kind = 1; rc == 0 && kind < KINDS; kind++) {
		rc = rep_record_load(node->record, rep_overlay_view(overlay), kind, id);
		if (rc == TR_E_NOTFOUND) {
			rc = 0;
			continue;
		}
		if (rc == 0)
			rc = is_free(node, snap, id, kind);
		if (rc == 0)
			rc = rep_record_state_hash(node->record, rep_overlay_view(overlay), &hash);
		if (rc == 0)
			rep_ckpt_root_add(&snap->root, node->record, &hash);
	}
	rep_overlay_free(overlay);
	return rc;
}

int rep_snap_check(struct rep_node *node, struct rep_snap *snap)
{
	struct tr_hash root;

	if (!snap->is_started)
		rep_ckpt_root_begin(&snap->root);
	for (uint32_t i = 0; i < node->ckpt_slice; i++) {
		int rc = rep_snap_next_record(node, snap->is_started ? &snap->last : NULL, &snap->last);

		snap->is_started = true;
		if (rc == TR_E_NOTFOUND) {
			rep_ckpt_root_end(&snap->root, snap->scope, snap->lane, &root);
			return memcmp(root.b, snap->ckpt.root.b, sizeof(root.b)) == 0 && snap->root.records == snap->ckpt.records
			    ? 0 : TR_E_FORGED;
		}
		if (rc == 0)
			rc = check_record(node, snap, &snap->last);
		if (rc != 0)
			return rc;
	}
	return TR_E_BUSY;
}
