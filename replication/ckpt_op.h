/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ckpt_op -- the CKPT op: message Ckpt of record.proto, in the op's one field.
 */
#ifndef REPLICATION_CKPT_OP_H
#define REPLICATION_CKPT_OP_H

#include "replication/base.h"

#define REP_CKPT_OP_FIELD 1 /* the op's one field: an encoded Ckpt */
#define REP_CKPT_OP_BYTES_MAX (64 + 48 * TR_VECTOR_MAX)

struct rep_ckpt_log { struct tr_nid author; uint64_t inc, seq; uint8_t h16[16]; };
struct rep_ckpt_op {
	uint32_t state_ver;
	uint64_t records, number;
	struct tr_hash root;
	uint16_t count;
	struct rep_ckpt_log f[TR_VECTOR_MAX]; /* by author, then incarnation */
};

/* Size; 0 if it does not fit. */
size_t rep_ckpt_op_encode(const struct rep_ckpt_op *ckpt, uint8_t *out, size_t cap);
/* 0; TR_E_INPUT, TR_E_LIMIT. */
TR_MUST_CHECK int rep_ckpt_op_decode(struct rep_ckpt_op *out, struct tr_bytes in);
/* With this node's handles.  0; TR_E_GAP (not all of it is here), TR_E_FORGED
 * (another history is), TR_E_NOMEM. */
TR_MUST_CHECK int rep_ckpt_op_resolve(struct rep_node *node, const struct rep_domain *domain,
    const struct rep_ckpt_op *ckpt, struct rep_base **out);
/* And back; `ckpt` gets the logs in their order. */
void rep_ckpt_op_name(const struct rep_node *node, const struct rep_base *base, struct rep_ckpt_op *out);

/* A CKPT op was folded. */
void rep_ckpt_op_take(struct rep_node *node, const struct rep_log *log, uint64_t seq, struct tr_hlc hlc, struct tr_bytes encoded);

#endif
