/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain -- appends a verified segment to its log: the row, the author's
 * vector, and everybody who waits for it.
 */
#ifndef REPLICATION_CHAIN_H
#define REPLICATION_CHAIN_H

#include "replication/node.h"

struct rep_chain_seg {
	uint64_t first;
	uint32_t count;
	struct tr_hlc hlc;
	uint8_t clockq;
	uint32_t serial;
	struct tr_bytes ops[TR_SEG_OPS_MAX]; /* borrowed */
	bool is_dropped;     /* only the root over the ops is left of them, see prune.h */
	struct tr_hash root; /* then */
	uint8_t sig[64];
	struct tr_hash hash;
	struct rep_vec_entry ctx[TR_VECTOR_MAX]; /* changed since the author's segment before */
	uint16_t ctx_count;
};

/* received_ms: wall; 0 = made here.  Store errors are sticky; TR_E_LIMIT if it does not fit. */
TR_MUST_CHECK int rep_chain_append(struct rep_node *node, struct rep_log *log,
    const struct rep_chain_seg *seg, int64_t received_ms);
/* What a stored or received segment says of itself, without vector and signature.
 * At most TR_SEG_OPS_MAX ops. */
void rep_chain_read(const Terrace__Seg *msg, struct rep_chain_seg *out);
/* The row again, with the root in place of the ops.  Sticky.  Bytes that it became shorter. */
size_t rep_chain_drop(struct rep_node *node, const struct rep_log *log, uint64_t last);
/* Only the row, again: `tip` is the log with head and vector as of this segment.  Sticky. */
void rep_chain_put(struct rep_node *node, const struct rep_log *tip, const struct rep_chain_seg *seg, int64_t received_ms);
/* Leaves -> root, header, hash.  prev and vector are those of the log plus seg->ctx.
 * 0; TR_E_INPUT (an entry is malformed). */
TR_MUST_CHECK int rep_chain_header(const struct rep_node *node, const struct rep_log *log,
    struct rep_chain_seg *seg, uint8_t header[static TR_SEG_HEADER_SIZE]);

/* A stored segment, read back.  Everything is borrowed from the arena and the row. */
struct rep_chain_row {
	struct tr_hash hash;
	int64_t received_ms;
	struct tr_bytes vec;   /* the author's vector, see rep_chain_vec() */
	struct tr_bytes bytes; /* the encoded Seg */
	uint64_t last;
};
/* Segment that contains seq (or the next one).  0; TR_E_NOTFOUND. */
TR_MUST_CHECK int rep_chain_find(const struct rep_view *view, uint32_t handle, uint64_t seq, struct rep_chain_row *out);
/*
 * The log as it was when `seq` was its newest: head and vector, for what goes
 * on from there (0: from nothing).  The caller frees tip->vec.  0; TR_E_NOTFOUND,
 * TR_E_GAP: no segment ends there; TR_E_LIMIT.
 */
TR_MUST_CHECK int rep_chain_tip(const struct rep_node *node, const struct rep_view *view, const struct rep_log *log,
    uint64_t seq, struct rep_log *tip);
/*
 * The segment of a row in the form that needs no segment before it to be placed:
 * with the hash of what is before it and the author's whole vector.  For the
 * first one of a run that cannot be asked about, in a bundle.  Defines nothing.
 * Its size; 0 if it is larger than cap.
 */
size_t rep_chain_full(struct rep_node *node, const struct rep_log *log, const struct rep_chain_row *row,
    const Terrace__Seg *seg, uint8_t *out, size_t cap);
/* Does the row hold this segment byte for byte as it is stored, and sent?  scratch: TR_SEG_BYTES_MAX. */
bool rep_chain_is_stored(const struct rep_log *log, const struct rep_chain_seg *seg, const struct rep_chain_row *row,
    uint8_t *scratch);
/* Is it this segment, byte for byte of its signature? */
bool rep_chain_is_signed(const struct rep_chain_row *row, const uint8_t sig[static 64]);
/* What the author had applied when it wrote this segment, own log left out.  Returns the count. */
size_t rep_chain_vec(const struct rep_chain_row *row, struct rep_seen out[static TR_VECTOR_MAX]);

#endif
