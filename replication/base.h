/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base -- points of a domain's history that are known to be the same at every
 * holder: checkpoints.  A domain is a scope and a lane.
 *
 * want   a checkpoint of the top node that is not compared yet
 * base   the newest one that this node's own state agrees with
 * floor  segments at or below it may be gone (docs/protocol.md "Checkpoints")
 * sweep  the floor to come: copies are being made for it
 *
 * The state at the floor outlives later edits: before the first op above it is
 * folded into a record, what the record was is copied (base_copy.c).
 *
 * REP_T_DOMAIN: scope be64, lane, record id, kind -> gen be64 of the newest
 * floor or sweep when its first op came: it was not there at that one.
 * REP_T_BASE:   scope be64, lane, then
 *   'w' 'b' 'f'                 -> the struct below
 *   'p'                         -> proof that the floor is signed (snap.h)
 *   'h' handle be32             -> header(152) of the segment that ends at the floor, vector entries
 *   'c' gen be64, record id, kind -> its row at that floor
 *   'r' gen be64, key of a row  -> a row of a set or count at that floor
 * REP_T_INDEX:  handle be32, last be64 -> hash(32) of a segment that is not held any more,
 *   or its first 16 bytes if it never was
 */
#ifndef REPLICATION_BASE_H
#define REPLICATION_BASE_H

#include "replication/node.h"

#define REP_BASE_KEY_MAX (9 + 1 + 8 + 64)

struct rep_base {
	uint64_t gen;       /* own count in this domain; never used twice */
	uint64_t number;    /* the top node's count of its checkpoints here */
	uint64_t records;
	int64_t ms;         /* wall part of the CKPT's stamp */
	struct tr_dot at;   /* the CKPT op; log 0 until it is written */
	struct tr_hash root;
	uint16_t count;
	struct rep_vec_entry f[]; /* the frontier; logs that are not named had nothing */
};

struct rep_domain {
	struct tr_nid scope;
	uint8_t lane;
	bool make_due;       /* top: a checkpoint is to be written */
	bool prune_due;
	bool queued;         /* waits for the job */
	uint64_t gens;       /* newest gen given out */
	struct rep_base *want, *base, *floor, *sweep;
	struct rep_domain *next; /* in the queue */
};

struct rep_base_key { uint8_t b[REP_BASE_KEY_MAX]; size_t size; };

struct rep_domain *rep_base_find(const struct rep_node *node, struct tr_nid scope, uint8_t lane); /* NULL */
/* Found or made; NULL: no memory (sticky). */
struct rep_domain *rep_base_domain(struct rep_node *node, struct tr_nid scope, uint8_t lane);
void rep_base_load(struct rep_node *node);
void rep_base_free(struct rep_node *node);

/* With room for `count` entries; NULL: no memory. */
struct rep_base *rep_base_new(size_t count);
/* Sequence at that point; 0: nothing of this log. */
uint64_t rep_base_seq(const struct rep_base *base, uint32_t handle);
bool rep_base_has(const struct rep_base *base, struct tr_dot dot);
/* True if `later` has all of `base` (NULL: of nothing). */
bool rep_base_contains(const struct rep_base *later, const struct rep_base *base);
/* All that is here in segments.  NULL: no memory, or the domain has a forked
 * log or more than TR_VECTOR_MAX logs. */
struct rep_base *rep_base_now(const struct rep_node *node, const struct rep_domain *domain);
/* Two rows of one identity. */
bool rep_base_is_forked(const struct rep_node *node, const struct rep_domain *domain);
/* Some op below that point is set aside by a CUT.  That lies in another domain
 * and came when it came: for a while the states of two holders may differ. */
bool rep_base_is_cut(const struct rep_node *node, const struct rep_base *base);
/* As frontier for a refold; out has TR_VECTOR_MAX entries. */
size_t rep_base_limit(const struct rep_base *base, struct rep_seen *out);

/* There is something to be done in the domain (ckpt_job.c). */
void rep_base_queue(struct rep_node *node, struct rep_domain *domain);
/* Ops here above the newest checkpoint; its own op is not counted. */
uint64_t rep_base_ops(const struct rep_node *node, const struct rep_domain *domain);
/* A segment of this log came: is a checkpoint due? */
void rep_base_note(struct rep_node *node, const struct rep_log *log);

/* Key in REP_T_BASE: domain, tag, then `tail`. */
struct rep_base_key rep_base_key(const struct rep_domain *domain, char tag, struct tr_bytes tail);
static inline struct tr_bytes rep_base_key_bytes(const struct rep_base_key *key)
{
	return (struct tr_bytes){key->b, key->size};
}
/* Replaces domain->want, base or floor, which it takes over; NULL deletes. */
void rep_base_set(struct rep_node *node, struct rep_domain *domain, char tag, struct rep_base *base);
/* Deletes up to `budget` rows that begin with the key.  True: none is left. */
bool rep_base_wipe(struct rep_node *node, enum rep_table table, struct tr_bytes prefix, size_t *budget);

/* Records of a domain, by id; `after` NULL: the first.  0; TR_E_NOTFOUND at the end. */
struct rep_base_entry { struct tr_rec_id id; uint8_t kind; uint64_t born; };
TR_MUST_CHECK int rep_base_next(const struct rep_view *view, const struct rep_domain *domain,
    const struct rep_base_entry *after, struct rep_base_entry *out);
TR_MUST_CHECK int rep_base_entry(const struct rep_view *view, const struct rep_domain *domain, uint8_t kind,
    const struct tr_rec_id *id, struct rep_base_entry *out);
void rep_base_put_entry(struct rep_node *node, const struct rep_domain *domain, const struct rep_base_entry *entry);

/* ---- base_copy.c: the state at the floor ---- */

/* An op is about to be folded into node->record. */
void rep_base_before(struct rep_node *node, const struct rep_log *log, uint8_t kind, const struct tr_rec_id *id, bool is_new);
/* An op of a record came that is not folded: the record may not be there yet. */
void rep_base_meet(struct rep_node *node, const struct rep_log *log, uint8_t kind, const struct tr_rec_id *id);
/* Is there an op above `base` in the record?  0; errors of seek. */
TR_MUST_CHECK int rep_base_moved(const struct rep_view *view, const struct rep_base *base,
    const struct tr_rec_id *id, bool *moved);
/* Copies the record as `from` shows it. */
void rep_base_copy(struct rep_node *node, const struct rep_domain *domain, uint64_t gen, const struct rep_view *from,
    uint8_t kind, const struct tr_rec_id *id);

/* A view of one record as it was at the floor; everything else as in `under`.
 * Reading only. */
struct rep_base_view {
	const struct rep_view *under;
	const struct rep_domain *domain;
	const struct rep_base *floor;
	struct tr_rec_id id;
	uint8_t kind;
	bool is_new;         /* it was not there */
	bool has_copy;
	struct rep_base_key key; /* of the row that was found last */
	struct rep_view view;
};
TR_MUST_CHECK int rep_base_view(struct rep_base_view *out, const struct rep_view *under,
    const struct rep_domain *domain, const struct rep_base_entry *entry);

/* ---- base_prune.c ---- */

struct rep_base_job;
/* Something may be dropped: by the operator's wish, or since the store fills up. */
bool rep_base_may_prune(const struct rep_node *node, const struct rep_domain *domain);
/* One slice of work.  True: done. */
bool rep_base_prune(struct rep_node *node, struct rep_domain *domain);
/* The rows of a log up to `last` leave; their hashes stay.  True: done. */
bool rep_base_drop(struct rep_node *node, struct rep_log *log, uint64_t last, size_t *budget);

#endif
