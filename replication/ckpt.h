/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ckpt -- checkpoints: the top node says in an op what the state of a domain
 * is at a frontier, and every holder compares (docs/protocol.md "Checkpoints").
 *
 *   entry  = BLAKE2b-256(record id, kind u8, version be64, changed be64, items be64, state hash)
 *   bucket = BLAKE2b-256 over the entries of the records whose id's BLAKE2b-256
 *            begins with its number, ordered by id and kind
 *   root   = BLAKE2b-256(TR_STATE_VER be64, scope be64, lane be64, the 256 buckets)
 */
#ifndef REPLICATION_CKPT_H
#define REPLICATION_CKPT_H

#include <sodium/crypto_generichash.h>

#include "replication/base.h"
#include "replication/record.h"

/* ---- the root ---- */

#define REP_CKPT_ENTRY (16 + 1 + 3 * 8 + 32)

/* What is hashed of a record, here and in audits: all that two holders of the same ops must agree on. */
void rep_ckpt_entry(const struct rep_record *rec, const struct tr_hash *state, uint8_t out[REP_CKPT_ENTRY]);

struct rep_ckpt_root {
	crypto_generichash_state bucket[256];
	uint64_t records;
};
void rep_ckpt_root_begin(struct rep_ckpt_root *root);
/* In the order of ids and kinds. */
void rep_ckpt_root_add(struct rep_ckpt_root *root, const struct rep_record *rec, const struct tr_hash *state);
void rep_ckpt_root_end(struct rep_ckpt_root *root, struct tr_nid scope, uint8_t lane, struct tr_hash *out);

/* A record as of `limit`, which all ops at or below are here of.  *rec is
 * filled if it was there.  0; errors of rep_refold(). */
TR_MUST_CHECK int rep_ckpt_state(const struct rep_node *node, const struct rep_view *view,
    const struct rep_base *limit, const struct rep_base_entry *entry, struct rep_record *rec, struct tr_hash *hash,
    bool *was_there);

/* ---- the job (ckpt_job.c) ---- */

struct rep_ckpt_job;
/* Looks at all domains: age, and what waited for its turn when the node went down. */
void rep_ckpt_scan(struct rep_node *node);
void rep_ckpt_tick(struct rep_node *node); /* once a minute: scans now and then */
/* A slice of what is to be done. */
void rep_ckpt_flush(struct rep_node *node);
int64_t rep_ckpt_deadline(const struct rep_node *node);
void rep_ckpt_free(struct rep_node *node);

#endif
