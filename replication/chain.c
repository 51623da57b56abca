/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/chain.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/base.h"
#include "replication/branch.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/op.h"
#include "replication/queue.h"
#include "replication/segment.h"
#include "replication/todo.h"
#include "replication/unit.h"

#define ROOT_FIELD 34 /* tag, length, hash */

static uint32_t h4_of(const uint8_t *hash)
{
	return wire_get_le32(hash);
}

/* Encoded with OUR handles: the row is what we send, byte for byte. */
static size_t encode(const struct rep_log *log, const struct rep_chain_seg *seg, uint8_t *out, size_t cap)
{
	Terrace__Seg msg = TERRACE__SEG__INIT;
	Terrace__Ctx ctx[TR_VECTOR_MAX];
	Terrace__Ctx *ctx_list[TR_VECTOR_MAX];
	ProtobufCBinaryData ops[TR_SEG_OPS_MAX];
	union { const uint8_t *in; uint8_t *out; } cast; /* protobuf-c is not const correct */

	msg.log = log->handle;
	msg.first = seg->first;
	msg.count = seg->count;
	msg.hlc = seg->hlc.v;
	msg.clockq = seg->clockq;
	msg.serial = seg->serial;
	for (uint16_t i = 0; i < seg->ctx_count; i++) {
		terrace__ctx__init(&ctx[i]);
		ctx[i].log = seg->ctx[i].log;
		ctx[i].seq = seg->ctx[i].seq;
		ctx[i].h4 = h4_of(seg->ctx[i].h16);
		ctx_list[i] = &ctx[i];
	}
	msg.n_ctx = seg->ctx_count;
	msg.ctx = ctx_list;
	msg.n_op = seg->is_dropped ? 0 : seg->count;
	for (size_t i = 0; i < msg.n_op; i++) {
		cast.in = seg->ops[i].data;
		ops[i] = (ProtobufCBinaryData){seg->ops[i].size, cast.out};
	}
	msg.op = ops;
	cast.in = seg->root.b;
	if (seg->is_dropped)
		msg.root = (ProtobufCBinaryData){sizeof(seg->root.b), cast.out};
	cast.in = seg->sig;
	msg.sig = (ProtobufCBinaryData){64, cast.out};
	if (terrace__seg__get_packed_size(&msg) > cap)
		return 0;
	return terrace__seg__pack(&msg, out);
}

static size_t row_head(const struct rep_log *log, const struct tr_hash *hash, int64_t received_ms, uint8_t *row)
{
	uint8_t *p = row + REP_SEG_ROW_HEAD;

	memcpy(row, hash->b, 32);
	wire_put_be64(row + 32, (uint64_t)received_ms);
	wire_put_be16(row + 40, log->vec_count);
	for (uint16_t i = 0; i < log->vec_count; i++, p += REP_SEG_ROW_ENTRY) {
		wire_put_be32(p, log->vec[i].log);
		wire_put_be64(p + 4, log->vec[i].seq);
	}
	return (size_t)(p - row);
}

int rep_chain_append(struct rep_node *node, struct rep_log *log,
    const struct rep_chain_seg *seg, int64_t received_ms)
{
	uint8_t *row = node->seg_row;
	struct rep_key key = rep_key_seq(log->handle, seg->first + seg->count - 1);
	struct rep_unit *author = rep_unit_find(node, log->id.author);
	struct rep_unit *scope = rep_unit_find(node, log->id.scope);
	uint8_t *tail = row + REP_SEG_ROW_HEAD + TR_VECTOR_MAX * REP_SEG_ROW_ENTRY;
	size_t size = encode(log, seg, tail, TR_SEG_BYTES_MAX); /* before anything is changed */
	size_t head;
	int rc = 0;

	TR_ASSERT(seg->first == log->seq + 1);
	if (size == 0)
		return TR_E_LIMIT;
	for (uint16_t i = 0; i < seg->ctx_count && rc == 0; i++)
		rc = rep_log_vec_set(node, log, seg->ctx[i].log, seg->ctx[i].seq, seg->ctx[i].h16);
	if (rc != 0)
		return rc;
	head = row_head(log, &seg->hash, received_ms, row);
	memmove(row + head, tail, size);
	rep_node_put(node, REP_T_SEG, rep_key_bytes(&key), rep_bytes(row, head + size));
	log->seq += seg->count;
	log->serial = seg->serial;
	log->head = seg->hash;
	author->here_ops += seg->count;
	rep_log_store(node, log);
	rep_queue_offer(node, log);
	if (node->is_top)
		rep_todo_add(node, REP_TODO_RECEIPT_DUE, scope);
	if (log->id.author.v == node->cert.nid.v || log->id.scope.v == node->cert.nid.v)
		node->links[0]->head_due = true;
	if (scope->pending != NULL)
		rep_todo_add(node, REP_TODO_RECEIPT, scope);
	rep_base_note(node, log);
	return node->rc;
}

int rep_chain_header(const struct rep_node *node, const struct rep_log *log,
    struct rep_chain_seg *seg, uint8_t header[static TR_SEG_HEADER_SIZE])
{
	struct rep_seg_head head = {.log = log->id};
	struct tr_hash leaves[TR_SEG_OPS_MAX];
	struct rep_vec vec[2 * TR_VECTOR_MAX];
	size_t n = 0;

	for (uint32_t i = 0; i < seg->count && !seg->is_dropped; i++)
		if (rep_op_leaf(&leaves[i], seg->ops[i]) != 0)
			return TR_E_INPUT;
	if (seg->is_dropped)
		head.root = seg->root;
	else
		rep_seg_root(leaves, seg->count, &head.root);
	for (uint16_t i = 0; i < log->vec_count + seg->ctx_count; i++) {
		const struct rep_vec_entry *e = i < log->vec_count ? &log->vec[i] : &seg->ctx[i - log->vec_count];
		const struct rep_log *other = rep_log_get(node, e->log);
		bool newer = false;

		for (uint16_t k = 0; i < log->vec_count && k < seg->ctx_count; k++)
			newer = newer || rep_branch_has(node, rep_log_get(node, seg->ctx[k].log), seg->ctx[k].seq,
			    e->log, e->seq);
		if (newer)
			continue;
		vec[n].author = other->id.author;
		vec[n].inc = other->id.inc;
		vec[n].seq = e->seq;
		memcpy(vec[n].h16, e->h16, 16);
		n++;
	}
	if (n > TR_VECTOR_MAX)
		return TR_E_LIMIT;
	rep_seg_ctxhash(vec, n, &head.ctxhash);
	head.serial = seg->serial;
	head.first = seg->first;
	head.count = seg->count;
	head.hlc = seg->hlc;
	head.clockq = seg->clockq;
	head.prev = log->head;
	rep_seg_head_encode(&head, header);
	rep_seg_hash(header, &seg->hash);
	return 0;
}

void rep_chain_read(const Terrace__Seg *msg, struct rep_chain_seg *out)
{
	out->first = msg->first;
	out->count = msg->count;
	out->hlc.v = msg->hlc;
	out->clockq = (uint8_t)msg->clockq;
	out->serial = msg->serial;
	out->is_dropped = msg->n_op == 0;
	if (out->is_dropped)
		memcpy(out->root.b, msg->root.data, sizeof(out->root.b));
	for (size_t i = 0; i < msg->n_op; i++)
		out->ops[i] = rep_bytes(msg->op[i].data, msg->op[i].len);
}

size_t rep_chain_drop(struct rep_node *node, const struct rep_log *log, uint64_t last)
{
	struct rep_key key = rep_key_seq(log->handle, last);
	struct tr_hash leaves[TR_SEG_OPS_MAX], root;
	struct rep_chain_row row;
	Terrace__Seg *seg;
	size_t head, size, was;
	int rc = rep_chain_find(node->view, log->handle, last, &row);

	if (rc == 0)
		rc = wire_seg_decode(node->arena, row.bytes, &seg);
	for (size_t i = 0; rc == 0 && i < seg->n_op; i++)
		rc = rep_op_leaf(&leaves[i], rep_bytes(seg->op[i].data, seg->op[i].len));
	if (rc != 0 || seg->n_op == 0) {
		rep_node_fail(node, rc != 0 ? rc : TR_E_DAMAGED);
		return 0;
	}
	rep_seg_root(leaves, seg->n_op, &root);
	seg->n_op = 0;
	seg->root = (ProtobufCBinaryData){sizeof(root.b), root.b};
	head = REP_SEG_ROW_HEAD + row.vec.size;
	was = head + row.bytes.size;
	memcpy(node->seg_row, row.vec.data - REP_SEG_ROW_HEAD, head);
	size = head + terrace__seg__pack(seg, node->seg_row + head);
	rep_node_put(node, REP_T_SEG, rep_key_bytes(&key), rep_bytes(node->seg_row, size));
	return was > size ? was - size : 0;
}

int rep_chain_find(const struct rep_view *view, uint32_t handle, uint64_t seq, struct rep_chain_row *out)
{
	struct rep_key from = rep_key_seq(handle, seq);
	struct tr_bytes key, row;
	size_t count;
	int rc = rep_seek(view, REP_T_SEG, rep_key_bytes(&from), false, &key, &row);

	if (rc != 0)
		return rc;
	if (key.size != 12 || wire_get_be32(key.data) != handle)
		return TR_E_NOTFOUND;
	if (row.size < REP_SEG_ROW_HEAD || (count = wire_get_be16(row.data + 40)) > TR_VECTOR_MAX ||
	    row.size < REP_SEG_ROW_HEAD + count * REP_SEG_ROW_ENTRY)
		return TR_E_DAMAGED;
	memcpy(out->hash.b, row.data, 32);
	out->received_ms = (int64_t)wire_get_be64(row.data + 32);
	out->vec = rep_bytes(row.data + REP_SEG_ROW_HEAD, count * REP_SEG_ROW_ENTRY);
	out->bytes = rep_bytes(out->vec.data + out->vec.size, row.size - REP_SEG_ROW_HEAD - out->vec.size);
	out->last = wire_get_be64(key.data + 4);
	return 0;
}

int rep_chain_tip(const struct rep_node *node, const struct rep_view *view, const struct rep_log *log,
    uint64_t seq, struct rep_log *tip)
{
	struct rep_seen seen[TR_VECTOR_MAX];
	struct rep_chain_row row;
	size_t count;
	int rc;

	log = rep_branch_holder(node, log, seq);
	*tip = (struct rep_log){.id = log->id, .handle = log->handle, .parent = log->parent, .first = log->first,
	    .fork = log->fork, .seq = seq};
	if (seq == 0)
		return 0;
	tip->serial = log->serial;
	rc = rep_chain_find(view, log->handle, seq, &row);
	if (rc != 0 || row.last != seq)
		return rc != 0 ? rc : TR_E_GAP;
	tip->head = row.hash;
	count = rep_chain_vec(&row, seen);
	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = rep_chain_find(view, seen[i].log, seen[i].seq, &row);
		if (rc == 0 && row.last != seen[i].seq)
			rc = TR_E_GAP;
		if (rc == 0)
			rc = rep_log_vec_set(node, tip, seen[i].log, seen[i].seq, row.hash.b);
	}
	if (rc != 0) {
		free(tip->vec);
		tip->vec = NULL;
	}
	return rc;
}

void rep_chain_put(struct rep_node *node, const struct rep_log *tip, const struct rep_chain_seg *seg, int64_t received_ms)
{
	struct rep_key key = rep_key_seq(tip->handle, seg->first + seg->count - 1);
	uint8_t *tail = node->seg_row + REP_SEG_ROW_HEAD + TR_VECTOR_MAX * REP_SEG_ROW_ENTRY;
	size_t size = encode(tip, seg, tail, TR_SEG_BYTES_MAX), head;

	if (size == 0) {
		rep_node_fail(node, TR_E_LIMIT);
		return;
	}
	head = row_head(tip, &seg->hash, received_ms, node->seg_row);
	memmove(node->seg_row + head, tail, size);
	rep_node_put(node, REP_T_SEG, rep_key_bytes(&key), rep_bytes(node->seg_row, head + size));
}

size_t rep_chain_full(struct rep_node *node, const struct rep_log *log, const struct rep_chain_row *row,
    const Terrace__Seg *seg, uint8_t *out, size_t cap)
{
	struct rep_seen seen[TR_VECTOR_MAX];
	size_t count = rep_chain_vec(row, seen);
	Terrace__Ctx ctx[TR_VECTOR_MAX];
	Terrace__Ctx *list[TR_VECTOR_MAX];
	Terrace__Seg full = *seg;
	struct tr_hash prev = {{0}}, hash;

	if (seg->first > 1 && rep_log_hash_at(node, log, seg->first - 1, &prev) != 0)
		return 0;
	for (size_t i = 0; i < count; i++) {
		const struct rep_log *other = rep_log_get(node, seen[i].log);

		if (other == NULL || rep_log_hash_at(node, other, seen[i].seq, &hash) != 0)
			return 0;
		terrace__ctx__init(&ctx[i]);
		ctx[i].log = seen[i].log;
		ctx[i].seq = seen[i].seq;
		ctx[i].h4 = h4_of(hash.b);
		list[i] = &ctx[i];
	}
	full.n_ctx = count;
	full.ctx = list;
	full.prev = (ProtobufCBinaryData){sizeof(prev.b), prev.b};
	return terrace__seg__get_packed_size(&full) <= cap ? terrace__seg__pack(&full, out) : 0;
}

bool rep_chain_is_stored(const struct rep_log *log, const struct rep_chain_seg *seg, const struct rep_chain_row *row,
    uint8_t *scratch)
{
	size_t size = encode(log, seg, scratch, TR_SEG_BYTES_MAX);

	return size == row->bytes.size && memcmp(scratch, row->bytes.data, size) == 0;
}

bool rep_chain_is_signed(const struct rep_chain_row *row, const uint8_t sig[static 64])
{
	const uint8_t *end = row->bytes.data + row->bytes.size;

	/* the signature is the last field of a row, but for the root of a dropped one */
	if (row->bytes.size > 64 + ROOT_FIELD && end[-ROOT_FIELD] == (11 << 3 | 2) && end[1 - ROOT_FIELD] == 32 &&
	    memcmp(end - ROOT_FIELD - 64, sig, 64) == 0)
		return true;
	return row->bytes.size > 64 && memcmp(end - 64, sig, 64) == 0;
}

size_t rep_chain_vec(const struct rep_chain_row *row, struct rep_seen out[static TR_VECTOR_MAX])
{
	size_t count = row->vec.size / REP_SEG_ROW_ENTRY;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *p = row->vec.data + i * REP_SEG_ROW_ENTRY;

		out[i] = (struct rep_seen){wire_get_be32(p), wire_get_be64(p + 4)};
	}
	return count;
}
