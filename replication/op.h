/* SPDX-License-Identifier: Apache-2.0 */
/*
 * op -- one change, decoded; and the words for who made it and what it had seen.
 *
 * Owns:    nothing; texts are borrowed from the encoded entry.
 * Threads: none.
 */
#ifndef REPLICATION_OP_H
#define REPLICATION_OP_H

#include "proto/limits.h"
#include "proto/vocab.h"

enum rep_value_type {
	REP_VALUE_NONE = 0, /* cleared */
	REP_VALUE_INT,
	REP_VALUE_TEXT,
	REP_VALUE_BYTES,
	REP_VALUE_SEALED, /* from a later version: kept and forwarded, never shown; not encoded here */
};

struct rep_value {
	uint16_t field;
	uint8_t act;  /* enum tr_field_act */
	uint8_t type; /* enum rep_value_type */
	int64_t i;
	struct tr_bytes t; /* TEXT and BYTES; borrowed */
};

struct rep_op {
	uint32_t kind; /* enum tr_op_kind; others: keep, forward, do not apply */
	struct tr_rec_id rec;
	int64_t dt_ms;
	uint32_t flags;
	bool has_body;
	uint8_t type; /* enum tr_kind */
	struct tr_bytes actor;
	uint16_t value_count;
	struct rep_value values[TR_FIELDS_MAX];
};

/* Ops that make a record; the other kinds have places of their own. */
static inline bool rep_op_is_of_record(uint32_t kind)
{
	return (kind >= TR_OP_CREATE && kind <= TR_OP_COUNT) || kind == TR_OP_TRANSFER;
}

/* (log handle, sequence): everything up to it was applied. */
struct rep_seen {
	uint32_t log;
	uint64_t seq;
};

/* Who wrote an op and what that node had applied when it did. */
struct rep_cause {
	struct tr_dot dot;
	struct tr_nid author;
	uint64_t inc;
	uint8_t level;   /* of the author; 0 = top */
	uint32_t caps;   /* of the author's certificate with the segment's serial */
	struct tr_bytes path; /* code path in it; borrowed */
	struct tr_hlc hlc; /* of this op: the segment's hlc moved by dt_ms */
	uint8_t clockq;
	const struct rep_seen *seen; /* borrowed; without the own log */
	size_t seen_count;
};

/* True if an op with this cause had the other one in its past. */
static inline bool rep_cause_has(const struct rep_cause *cause, struct tr_dot dot)
{
	if (dot.log == cause->dot.log)
		return dot.seq < cause->dot.seq;
	for (size_t i = 0; i < cause->seen_count; i++)
		if (cause->seen[i].log == dot.log)
			return dot.seq <= cause->seen[i].seq;
	return false;
}

/*
 * Encodes an op entry: flag, len OpHead, len OpBody (lengths are base-128 varints).
 * Returns the size written; 0 if it does not fit in `cap` bytes or breaks a bound.
 */
size_t rep_op_encode(const struct rep_op *op, uint8_t *out, size_t cap);

/*
 * Decodes an op entry.  Texts are borrowed from `entry`.
 * 0; TR_E_INPUT (malformed), TR_E_LIMIT, TR_E_UTF8.  A kind or field id that
 * is not known is NOT an error.
 */
TR_MUST_CHECK int rep_op_decode(struct rep_op *out, struct tr_bytes entry);

/* leaf = BLAKE2b-256(0x00 | OpHead | BLAKE2b-256(OpBody)).  0; TR_E_INPUT. */
TR_MUST_CHECK int rep_op_leaf(struct tr_hash *out, struct tr_bytes entry);

#endif
