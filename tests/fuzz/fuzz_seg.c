/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: any bytes as a segment; every op entry has a leaf or is refused. */
#include "tests/fuzz/fuzz.h"

#include "replication/op.h"
#include "replication/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct rep_op op;
	struct tr_hash leaves[TR_SEG_OPS_MAX], root;
	Terrace__Seg *seg;

	if (wire_seg_decode(fuzz_arena(), (struct tr_bytes){data, size}, &seg) != 0)
		return 0;
	TR_ASSERT(seg->count >= 1 && seg->count <= TR_SEG_OPS_MAX);
	TR_ASSERT(seg->count == seg->n_op);
	TR_ASSERT(seg->sig.len == 64);
	TR_ASSERT(seg->n_ctx <= TR_VECTOR_MAX);
	for (size_t i = 0; i < seg->n_op; i++) {
		struct tr_bytes entry = {seg->op[i].data, seg->op[i].len};
		int leaf = rep_op_leaf(&leaves[i], entry);

		if (leaf != 0) {
			TR_ASSERT(rep_op_decode(&op, entry) != 0);
			return 0;
		}
		(void)!rep_op_decode(&op, entry);
	}
	rep_seg_root(leaves, seg->n_op, &root);
	return 0;
}
