/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/ckpt.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/refold.h"

#define OVERLAY_MAX ((size_t)256 * 1024 * 1024) /* the largest record has 10,000 notes of 16 KiB */

/* ---------------------------------------------------------------------- root */

void rep_ckpt_root_begin(struct rep_ckpt_root *root)
{
	for (size_t i = 0; i < 256; i++)
		crypto_generichash_init(&root->bucket[i], NULL, 0, 32);
	root->records = 0;
}

void rep_ckpt_entry(const struct rep_record *rec, const struct tr_hash *state, uint8_t out[REP_CKPT_ENTRY])
{
	memcpy(out, rec->id.b, 16);
	out[16] = rec->kind;
	wire_put_be64(out + 17, rec->version);
	wire_put_be64(out + 25, rec->changed.v);
	wire_put_be64(out + 33, rec->list_count);
	memcpy(out + 41, state->b, 32);
}

void rep_ckpt_root_add(struct rep_ckpt_root *root, const struct rep_record *rec, const struct tr_hash *state)
{
	uint8_t entry[REP_CKPT_ENTRY], hash[32];

	crypto_generichash(hash, sizeof(hash), rec->id.b, sizeof(rec->id.b), NULL, 0);
	rep_ckpt_entry(rec, state, entry);
	root->records++;
	crypto_generichash_update(&root->bucket[hash[0]], entry, sizeof(entry));
}

void rep_ckpt_root_end(struct rep_ckpt_root *root, struct tr_nid scope, uint8_t lane, struct tr_hash *out)
{
	crypto_generichash_state all;
	uint8_t head[24], bucket[32];

	wire_put_be64(head, TR_STATE_VER);
	wire_put_be64(head + 8, scope.v);
	wire_put_be64(head + 16, lane);
	crypto_generichash_init(&all, NULL, 0, sizeof(out->b));
	crypto_generichash_update(&all, head, sizeof(head));
	for (size_t i = 0; i < 256; i++) {
		crypto_generichash_final(&root->bucket[i], bucket, sizeof(bucket));
		crypto_generichash_update(&all, bucket, sizeof(bucket));
	}
	crypto_generichash_final(&all, out->b, sizeof(out->b));
}

/* --------------------------------------------------------------------- state */

static int load(struct rep_record *rec, const struct rep_view *view, const struct rep_base_entry *entry, struct tr_hash *hash)
{
	int rc = rep_record_load(rec, view, entry->kind, &entry->id);

	return rc == 0 ? rep_record_state_hash(rec, view, hash) : rc;
}

/* Folded again from its ops up to the limit. */
static int again(const struct rep_node *node, const struct rep_view *view, const struct rep_base *limit,
    const struct rep_base_entry *entry, struct rep_record *rec, struct tr_hash *hash)
{
	struct rep_seen limits[TR_VECTOR_MAX];
	struct rep_refold how = {.limit = limits, .limit_count = rep_base_limit(limit, limits)};
	struct rep_overlay *overlay = rep_overlay_create(view, OVERLAY_MAX);
	int rc = overlay != NULL ? rep_refold(node, view, &entry->id, &how, overlay) : TR_E_NOMEM;

	if (rc == 0)
		rc = load(rec, rep_overlay_view(overlay), entry, hash);
	rep_overlay_free(overlay);
	return rc;
}

int rep_ckpt_state(const struct rep_node *node, const struct rep_view *view,
    const struct rep_base *limit, const struct rep_base_entry *entry, struct rep_record *rec, struct tr_hash *hash,
    bool *was_there)
{
	bool moved;
	int rc = rep_base_moved(view, limit, &entry->id, &moved);

	*was_there = true;
	if (rc != 0)
		return rc;
	rc = moved ? again(node, view, limit, entry, rec, hash) : load(rec, view, entry, hash);
	if (rc == TR_E_NOTFOUND) { /* it came later, or only an op did that nobody understood */
		*was_there = false;
		return 0;
	}
	return rc;
}
