/* SPDX-License-Identifier: Apache-2.0 */
/* Segments and checkpoints as they lie in a snapshot. */
#include "replication/snap_int.h"

#include <string.h>

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/op.h"

uint32_t rep_snap_place(const struct rep_ckpt_op *ckpt, struct tr_nid author, uint64_t inc)
{
	for (uint16_t i = 0; i < ckpt->count; i++)
		if (ckpt->f[i].author.v == author.v && ckpt->f[i].inc == inc)
			return i + 1u;
	return 0;
}

struct rep_log *rep_snap_head(struct rep_node *node, const struct rep_domain *domain, const struct rep_ckpt_log *head)
{
	struct tr_log_id id = {head->author, head->inc, domain->scope, domain->lane};
	struct rep_log *log = rep_log_find(node, &id);
	struct tr_hash hash;

	if (log != NULL)
		log = rep_log_locate(node, log, head->seq, wire_get_le32(head->h16));
	if (log == NULL || rep_log_hash_at(node, log, head->seq, &hash) != 0 || memcmp(hash.b, head->h16, 16) != 0)
		return NULL;
	return log;
}

/* ---------------------------------------------------------------------- read */

static int read_ops(const Terrace__SnapSeg *msg, struct rep_snap_seg *out)
{
	struct tr_hash leaves[TR_SEG_OPS_MAX], root;

	out->op_count = (uint32_t)msg->n_op;
	if (msg->n_op == 0)
		return 0;
	if (msg->n_op != out->head.count)
		return TR_E_INPUT;
	for (size_t i = 0; i < msg->n_op; i++) {
		out->ops[i] = rep_bytes(msg->op[i].data, msg->op[i].len);
		if (msg->op[i].len == 0 || msg->op[i].len > TR_OP_BYTES_MAX + 64 || msg->op[i].data[0] != 1 ||
		    rep_op_leaf(&leaves[i], out->ops[i]) != 0)
			return TR_E_INPUT;
	}
	rep_seg_root(leaves, msg->n_op, &root);
	return memcmp(root.b, out->head.root.b, sizeof(root.b)) == 0 ? 0 : TR_E_FORGED;
}

int rep_snap_seg_read(struct wire_arena *arena, struct tr_bytes in, struct rep_snap_seg *out)
{
	Terrace__SnapSeg *msg;
	int rc = wire_snap_seg_decode(arena, in, &msg);

	if (rc != 0)
		return rc;
	if (msg->head.len != sizeof(out->raw) || msg->sig.len != sizeof(out->sig) || msg->n_ctx > TR_VECTOR_MAX ||
	    !rep_seg_head_decode(&out->head, msg->head.data) || out->head.first == 0 || out->head.first > TR_SEQ_MAX ||
	    out->head.count == 0 || out->head.count > TR_SEG_OPS_MAX || out->head.clockq > 2)
		return TR_E_INPUT;
	memcpy(out->raw, msg->head.data, sizeof(out->raw));
	memcpy(out->sig, msg->sig.data, sizeof(out->sig));
	rep_seg_hash(out->raw, &out->hash);
	out->ctx_count = (uint16_t)msg->n_ctx;
	for (size_t i = 0; i < msg->n_ctx; i++)
		out->ctx[i] = (struct rep_snap_ctx){msg->ctx[i]->log, msg->ctx[i]->seq};
	return read_ops(msg, out);
}

int rep_snap_ckpt(const struct rep_snap_seg *seg, uint32_t at, struct rep_op *op, struct rep_ckpt_op *out)
{
	if (at >= seg->op_count || rep_op_decode(op, seg->ops[at]) != 0 || !op->has_body || op->kind != TR_OP_CKPT)
		return TR_E_INPUT;
	for (uint16_t i = 0; i < op->value_count; i++)
		if (op->values[i].field == REP_CKPT_OP_FIELD && op->values[i].type == REP_VALUE_BYTES)
			return rep_ckpt_op_decode(out, op->values[i].t);
	return TR_E_INPUT;
}

/* --------------------------------------------------------------------- write */

/* As it was signed; false: the row is damaged. */
static bool header_of(struct rep_node *node, const struct rep_log *log, const struct rep_chain_row *row,
    const Terrace__Seg *seg, uint8_t out[static TR_SEG_HEADER_SIZE])
{
	struct rep_seg_head head = {.log = log->id, .serial = seg->serial, .first = seg->first, .count = seg->count,
	    .hlc = {seg->hlc}, .clockq = (uint8_t)seg->clockq};
	struct tr_hash leaves[TR_SEG_OPS_MAX], hash;
	struct rep_seen seen[TR_VECTOR_MAX];
	struct rep_vec vec[TR_VECTOR_MAX];
	size_t n = rep_chain_vec(row, seen);

	if (seg->first > 1 && rep_log_hash_at(node, log, seg->first - 1, &head.prev) != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct rep_log *other = rep_log_get(node, seen[i].log);

		if (other == NULL || rep_log_hash_at(node, other, seen[i].seq, &hash) != 0)
			return false;
		vec[i] = (struct rep_vec){.author = other->id.author, .inc = other->id.inc, .seq = seen[i].seq};
		memcpy(vec[i].h16, hash.b, 16);
	}
	rep_seg_ctxhash(vec, n, &head.ctxhash);
	if (seg->n_op == 0) {
		memcpy(head.root.b, seg->root.data, sizeof(head.root.b));
	} else {
		for (size_t i = 0; i < seg->n_op; i++)
			if (rep_op_leaf(&leaves[i], rep_bytes(seg->op[i].data, seg->op[i].len)) != 0)
				return false;
		rep_seg_root(leaves, seg->n_op, &head.root);
	}
	rep_seg_head_encode(&head, out);
	rep_seg_hash(out, &hash);
	return memcmp(hash.b, row->hash.b, sizeof(hash.b)) == 0;
}

size_t rep_snap_seg_write(struct rep_node *node, const struct rep_ckpt_op *ckpt, const struct rep_log *log,
    const struct rep_chain_row *row, uint8_t *out, size_t cap)
{
	Terrace__SnapSeg msg = TERRACE__SNAP_SEG__INIT;
	Terrace__Ctx ctx[TR_VECTOR_MAX], *list[TR_VECTOR_MAX];
	uint8_t header[TR_SEG_HEADER_SIZE];
	Terrace__Seg *seg;
	int rc;

	wire_arena_reset(node->arena);
	rc = wire_seg_decode(node->arena, row->bytes, &seg);
	if (rep_node_broken(node, rc) || rc != 0 || seg->sig.len != 64 || seg->n_ctx > TR_VECTOR_MAX ||
	    !header_of(node, log, row, seg, header))
		return 0;
	for (size_t i = 0; ckpt != NULL && i < seg->n_ctx; i++) {
		const struct rep_log *other = rep_log_get(node, seg->ctx[i]->log);

		terrace__ctx__init(&ctx[i]);
		ctx[i].log = other != NULL ? rep_snap_place(ckpt, other->id.author, other->id.inc) : 0;
		ctx[i].seq = seg->ctx[i]->seq;
		list[msg.n_ctx++] = &ctx[i];
		if (ctx[i].log == 0)
			return 0;
	}
	msg.head = (ProtobufCBinaryData){sizeof(header), header};
	msg.sig = seg->sig;
	msg.ctx = list;
	msg.n_op = seg->n_op;
	msg.op = seg->op;
	return terrace__snap_seg__get_packed_size(&msg) <= cap ? terrace__snap_seg__pack(&msg, out) : 0;
}
