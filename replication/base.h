/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base -- points of a domain's history that are known to be the same at every
 * holder: checkpoints.  A domain is a scope and a lane.
 *
 * want    a checkpoint of the top node that is not compared yet
 * base    the newest one that this node's own state agrees with
 * differs a newer one that it does not agree with
 * floor   the one below which ops may have been dropped (prune.h); its number,
 *         and that of next, is this node's own count of its floors
 * next    the one that the floor is being raised to
 *
 * REP_T_DOMAIN: scope be64, lane, record id, kind -> "": the records of a
 *               domain, from the first op of each that came
 * REP_T_BASE:   scope be64, lane, 'w', 'b', 'd', 'f' or 'n' -> the struct below
 */
#ifndef REPLICATION_BASE_H
#define REPLICATION_BASE_H

#include "replication/node.h"

struct rep_base {
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
	bool queued;         /* waits for the job */
	bool prune_due;      /* something is to be dropped */
	bool is_behind;      /* a neighbour offers a state that lies ahead of what is here (snap.h) */
	struct rep_base *want, *base, *differs, *floor, *next_floor;
	struct rep_domain *next; /* in the queue */
};

struct rep_domain *rep_base_find(const struct rep_node *node, struct tr_nid scope, uint8_t lane); /* NULL */
/* Found or made; NULL: no memory (sticky). */
struct rep_domain *rep_base_domain(struct rep_node *node, struct tr_nid scope, uint8_t lane);
void rep_base_load(struct rep_node *node);
void rep_base_free(struct rep_node *node);

/* With room for `count` entries; NULL: no memory. */
struct rep_base *rep_base_new(struct rep_node *node, size_t count);
/* Sequence at that point; 0: nothing of this log. */
uint64_t rep_base_seq(const struct rep_base *base, uint32_t handle);
bool rep_base_has(const struct rep_base *base, struct tr_dot dot);
/* True if `later` has all of `base` (NULL: of nothing). */
bool rep_base_contains(const struct rep_base *later, const struct rep_base *base);
/* All that is here in segments.  NULL: no memory, or the domain has a forked
 * log or more than TR_VECTOR_MAX logs. */
struct rep_base *rep_base_now(struct rep_node *node, const struct rep_domain *domain);
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
/* So many ops make the next checkpoint due. */
uint64_t rep_base_due(const struct rep_node *node, const struct rep_domain *domain);
/* A segment of this log came: is a checkpoint due? */
void rep_base_note(struct rep_node *node, const struct rep_log *log);

/* A copy; NULL: no memory (sticky). */
struct rep_base *rep_base_copy(struct rep_node *node, const struct rep_base *base);
/* Replaces domain->want ('w'), base ('b'), differs ('d'), floor ('f') or next_floor
 * ('n'), which it takes over; NULL deletes. */
void rep_base_set(struct rep_node *node, struct rep_domain *domain, char tag, struct rep_base *base);

/* Records of a domain, by id; `after` NULL: the first.  0; TR_E_NOTFOUND at the end. */
struct rep_base_entry { struct tr_rec_id id; uint8_t kind; };
TR_MUST_CHECK int rep_base_next(const struct rep_view *view, const struct rep_domain *domain,
    const struct rep_base_entry *after, struct rep_base_entry *out);
/* An op of a record came; it may be the first, and it may not be understood. */
void rep_base_meet(struct rep_node *node, const struct rep_log *log, uint8_t kind, const struct tr_rec_id *id);
/* Is there an op above `base` in the record?  0; errors of seek. */
TR_MUST_CHECK int rep_base_moved(const struct rep_view *view, const struct rep_base *base,
    const struct tr_rec_id *id, bool *moved);

#endif
