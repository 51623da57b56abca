/* SPDX-License-Identifier: Apache-2.0 */
/*
 * snap_int -- what the files of snap share; nobody else includes this.
 *
 * REP_T_SNAP, one snapshot at a time:
 *   'o'                        scope be64, lane, place of the op be32, encoded SnapSeg: what was offered
 *   't'                        where to go on
 *   's' log be32, last be64    encoded SnapSeg; log: its place in Ckpt.f, from 1
 *   'r' id, table, key         a row of a record; table: enum tr_snap_table
 */
#ifndef REPLICATION_SNAP_INT_H
#define REPLICATION_SNAP_INT_H

#include "replication/chain.h"
#include "replication/ckpt.h"
#include "replication/ckpt_op.h"
#include "replication/overlay.h"
#include "replication/segment.h"
#include "replication/snap.h"

#define REP_SNAP_OVERLAY ((size_t)256 * 1024 * 1024) /* one record with all its rows */

/* ------------------------------------------------------ forms (snap_form.c) */

struct rep_snap_ctx { uint32_t place; uint64_t seq; };
struct rep_snap_seg {
	struct rep_seg_head head;
	uint8_t raw[TR_SEG_HEADER_SIZE];
	uint8_t sig[64];
	struct tr_hash hash;
	uint16_t ctx_count;
	struct rep_snap_ctx ctx[TR_VECTOR_MAX];
	uint32_t op_count; /* 0: dropped */
	struct tr_bytes ops[TR_SEG_OPS_MAX]; /* borrowed from the arena */
};
/* Decodes and checks what the segment says of itself: form, root over the ops, signature not.
 * 0; TR_E_INPUT, TR_E_FORGED, TR_E_NOMEM. */
TR_MUST_CHECK int rep_snap_seg_read(struct wire_arena *arena, struct tr_bytes in, struct rep_snap_seg *out);
/* A stored one.  ckpt NULL: without its vector.  Size; 0: it is damaged, or larger than cap. */
size_t rep_snap_seg_write(struct rep_node *node, const struct rep_ckpt_op *ckpt, const struct rep_log *log,
    const struct rep_chain_row *row, uint8_t *out, size_t cap);
/* The op CKPT in it.  0; TR_E_INPUT. */
TR_MUST_CHECK int rep_snap_ckpt(const struct rep_snap_seg *seg, uint32_t at, struct rep_op *scratch, struct rep_ckpt_op *out);
/* From 1; 0: it is not named. */
uint32_t rep_snap_place(const struct rep_ckpt_op *ckpt, struct tr_nid author, uint64_t inc);
/* The row that has a head of the checkpoint; NULL: it is not here. */
struct rep_log *rep_snap_head(struct rep_node *node, const struct rep_domain *domain, const struct rep_ckpt_log *head);

/* ---------------------------------------------------- under way (snap_take.c) */

enum rep_snap_phase {
	REP_SNAP_TIDY,  /* what lies aside is deleted */
	REP_SNAP_IDLE,  /* waits for somebody who has it */
	REP_SNAP_ASK,
	REP_SNAP_WAIT,  /* for a part */
	REP_SNAP_CHECK, /* all is here */
};

struct rep_snap {
	enum rep_snap_phase phase;
	bool is_over;             /* there is nothing to do after tidying */
	uint32_t link, epoch;     /* whom it is asked of; epoch 0: nobody */
	struct tr_nid peer;
	struct tr_nid scope;
	uint8_t lane;
	uint8_t id[REP_SNAP_ID];
	struct rep_snap_seg offer; /* ops are not kept */
	uint32_t at_op;
	struct rep_ckpt_op ckpt;
	uint8_t at[TR_SNAP_AT_MAX]; /* where to go on */
	size_t at_size;
	int64_t since_ms, next_ms; /* mono */
	uint64_t bytes;
	/* check */
	bool is_started;
	struct tr_rec_id last;
	struct rep_ckpt_root root;
};

/* --------------------------------------------------------- the end (snap_check.c) */

typedef uint32_t rep_snap_handles(void *ctx, struct tr_nid author, uint64_t inc, uint64_t seq);
/* What lies aside of one record, into the overlay, with the handles that the function says.
 * 0; TR_E_INPUT, TR_E_DAMAGED, TR_E_FORGED... */
TR_MUST_CHECK int rep_snap_rows(struct rep_node *node, const struct rep_snap *snap, const struct tr_rec_id *id,
    rep_snap_handles *handle, void *ctx, struct rep_overlay *overlay);
/* The next record that lies aside; `after` NULL: the first.  0; TR_E_NOTFOUND. */
TR_MUST_CHECK int rep_snap_next_record(struct rep_node *node, const struct tr_rec_id *after, struct tr_rec_id *out);


/* Some records more.  0: all are as they should be; TR_E_BUSY: there are more;
 * TR_E_FORGED: it is another state; TR_E_NEWER, TR_E_DAMAGED... */
TR_MUST_CHECK int rep_snap_check(struct rep_node *node, struct rep_snap *snap);
/* Takes effect (snap_join.c).  0; TR_E_GAP, TR_E_FORGED, TR_E_LIMIT: nothing was changed.  Sticky. */
TR_MUST_CHECK int rep_snap_join(struct rep_node *node, struct rep_snap *snap);

/* Keys of REP_T_SNAP; sizes. */
static inline size_t rep_snap_seg_key(uint8_t *out, uint32_t place, uint64_t last)
{
	out[0] = 's';
	wire_put_be32(out + 1, place);
	wire_put_be64(out + 5, last);
	return 13;
}

#endif
