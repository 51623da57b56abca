/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fold -- little histories of one record for tests: a few authors on a path,
 * ops with what their author had seen, folded in any causal order.
 *
 *     struct fold f;
 *     fold_init(&f, TR_KIND_CASE);
 *     int leaf = fold_author(&f, 2, FOLD_LEAF), street = fold_author(...);
 *     struct rep_op *op = fold_op(&f, leaf, TR_OP_CREATE);
 *     fold_text(op, 14, "title");
 *     fold_see(&f, street, leaf);          // the street has what the leaf has
 *
 * Texts are borrowed: string literals.
 * Threads: none.
 */
#ifndef TESTS_LIB_FOLD_H
#define TESTS_LIB_FOLD_H

#include "replication/merge.h"
#include "tests/lib/memview.h"

#define FOLD_AUTHORS_MAX 8
#define FOLD_OPS_MAX 1024

/* Default caps of the three levels. */
#define FOLD_LEAF ((uint32_t)(TR_CAP_INTAKE | TR_CAP_HANDLE | TR_CAP_ROSTER))
#define FOLD_STREET \
	((uint32_t)(FOLD_LEAF | TR_CAP_COMMAND | TR_CAP_SUPERVISE | \
	    TR_CAP_DIRECT | TR_CAP_IMPORT))

struct fold_author {
	struct tr_nid nid;
	uint64_t inc;
	uint8_t level;
	uint8_t clockq;
	uint32_t caps;
	const char *path;                /* code path of its unit */
	uint64_t seq;                    /* of its last op */
	uint64_t seen[FOLD_AUTHORS_MAX]; /* of the others */
};

struct fold_op {
	int author;
	uint64_t seq;
	uint64_t seen[FOLD_AUTHORS_MAX];
	uint32_t caps;     /* of its author when it wrote this */
	uint8_t clockq;
	struct tr_hlc hlc;
	struct rep_op op;
};

struct fold {
	uint8_t kind;
	struct tr_nid scope; /* of the author with the highest level */
	int author_count, op_count;
	int64_t clock_ms;    /* goes on by a second with each op */
	struct fold_author authors[FOLD_AUTHORS_MAX];
	struct fold_op *ops; /* FOLD_OPS_MAX; in a causal order */
};

void fold_init(struct fold *f, uint8_t kind);
void fold_done(struct fold *f);
/* Number of the new author.  Level 0 = top; the deepest is the home. */
int fold_author(struct fold *f, uint8_t level, uint32_t caps);
/* A new op by an author on top of all that it has; add values to it. */
struct rep_op *fold_op(struct fold *f, int author, enum tr_op_kind kind);
void fold_int(struct rep_op *op, uint16_t field, int64_t i);
void fold_text(struct rep_op *op, uint16_t field, const char *text);
void fold_bytes(struct rep_op *op, uint16_t field, const void *data, size_t size);
void fold_remove(struct rep_op *op, uint16_t field, const char *text);
void fold_actor(struct rep_op *op, const char *actor);
/* `reader` gets all that `author` has. */
void fold_see(struct fold *f, int reader, int author);
/* The op that makes a status step. */
struct rep_op *fold_step(struct fold *f, int author, uint8_t status);

/* A node that folds: its store, its record, what came of each op. */
struct fold_node {
	struct memview *mv;
	struct rep_view view;
	struct rep_record *rec;
	struct rep_applied applied[FOLD_OPS_MAX];
	uint32_t salt;  /* which local handles its logs have */
	bool by_store;  /* store and load between any two ops */
	int failed;     /* rc of the first failure */
};

void fold_node_init(struct fold_node *n, const struct fold *f, uint32_t salt);
/* An empty store and record again, with other handles. */
void fold_node_reset(struct fold_node *n, const struct fold *f, uint32_t salt);
void fold_node_done(struct fold_node *n);
/* What the op's author knew, in the node's handles.  `seen` has room for
 * FOLD_AUTHORS_MAX and lives as long as the result. */
struct rep_cause fold_cause(const struct fold *f, const struct fold_node *n,
    int op, struct rep_seen *seen);
/* Folds one op. */
void fold_apply(struct fold_node *n, const struct fold *f, int op);
/* Folds all, in the order they were written. */
void fold_apply_all(struct fold_node *n, const struct fold *f);
struct tr_hash fold_hash(struct fold_node *n);

/* Had the author of op b seen op a (or written it before)? */
bool fold_saw(const struct fold *f, int b, int a);
/* May `op` come now?  `have`: sequence per author that was folded. */
bool fold_ready(const struct fold *f, int op, const uint64_t *have);

#endif
