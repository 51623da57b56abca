/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any bytes as an op entry.  What is accepted is within its bounds,
 * protobuf-c understands it too, and it encodes again to the same op.
 */
#include "tests/fuzz/fuzz.h"

#include "proto/pb.h"
#include "proto/record.pb-c.h"
#include "replication/op.h"

static void second_opinion(const struct rep_op *op, struct tr_bytes entry)
{
	struct tr_pb_reader r;
	struct tr_bytes head = {0}, body = {0};
	Terrace__OpHead *h;
	Terrace__OpBody *b;

	tr_pb_begin(&r, entry);
	r.at++;
	TR_ASSERT(tr_pb_span(&r, &head) && tr_pb_span(&r, &body));
	h = terrace__op_head__unpack(NULL, head.size, head.data);
	b = terrace__op_body__unpack(NULL, body.size, body.data);
	TR_ASSERT(h != NULL && b != NULL);
	TR_ASSERT(h->kind == op->kind && h->flags == op->flags && h->dt_ms == op->dt_ms);
	TR_ASSERT(memcmp(h->rec.data, op->rec.b, 16) == 0);
	TR_ASSERT(b->type == op->type && b->n_f == op->value_count);
	for (size_t i = 0; i < b->n_f; i++) {
		const struct rep_value *v = &op->values[i];

		TR_ASSERT(b->f[i]->id == v->field && b->f[i]->act == v->act);
		if (v->type == REP_VALUE_INT)
			TR_ASSERT(b->f[i]->i == v->i);
		if (v->type == REP_VALUE_TEXT)
			TR_ASSERT(b->f[i]->t.len == v->t.size);
	}
	terrace__op_head__free_unpacked(h, NULL);
	terrace__op_body__free_unpacked(b, NULL);
}

static bool is_encodable(const struct rep_op *op)
{
	if (!op->has_body || op->type == 0) /* pruned, or of a later version */
		return false;
	for (size_t i = 0; i < op->value_count; i++)
		if (op->values[i].type == REP_VALUE_SEALED)
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rep_op op, back;
	static uint8_t first[TR_OP_BYTES_MAX], second[TR_OP_BYTES_MAX];
	struct tr_bytes entry = {data, size};
	struct tr_hash leaf;
	size_t n;

	(void)fuzz_arena();
	if (rep_op_decode(&op, entry) != 0)
		return 0;
	TR_ASSERT(rep_op_leaf(&leaf, entry) == 0);
	TR_ASSERT(op.value_count <= TR_FIELDS_MAX && op.actor.size <= TR_ACTOR_MAX);
	TR_ASSERT(op.dt_ms >= 0);
	if (!is_encodable(&op))
		return 0;
	second_opinion(&op, entry);
	n = rep_op_encode(&op, first, sizeof(first));
	TR_ASSERT(n > 0 && n <= size);
	TR_ASSERT(rep_op_decode(&back, (struct tr_bytes){first, n}) == 0);
	TR_ASSERT(rep_op_encode(&back, second, sizeof(second)) == n);
	TR_ASSERT(memcmp(first, second, n) == 0);
	return 0;
}
