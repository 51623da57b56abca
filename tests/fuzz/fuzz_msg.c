/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any frame is refused or understood.  What is accepted encodes again,
 * and that decodes to the same; its segments and certificate hold as well.
 */
#include "tests/fuzz/fuzz.h"

#include "replication/identity.h"

static void look_inside(struct wire_arena *arena, const Terrace__Msg *msg)
{
	struct rep_cert cert;
	Terrace__Seg *seg;

	if (msg->m_case == TERRACE__MSG__M_CERT)
		(void)!rep_cert_decode((struct tr_bytes){msg->cert.data, msg->cert.len}, &cert);
	if (msg->m_case != TERRACE__MSG__M_SEGS)
		return;
	for (size_t i = 0; i < msg->segs->n_seg; i++) {
		struct tr_bytes in = {msg->segs->seg[i].data, msg->segs->seg[i].len};

		if (wire_seg_decode(arena, in, &seg) == 0)
			TR_ASSERT(seg->n_op == seg->count && seg->sig.len == 64);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t first[TR_FRAME_RAW_MAX * 2], second[TR_FRAME_RAW_MAX * 2];
	struct wire_arena *arena = fuzz_arena();
	Terrace__Msg *msg, *again;
	size_t n;

	if (wire_msg_decode(arena, (struct tr_bytes){data, size}, &msg) != 0)
		return 0;
	TR_ASSERT(wire_msg_size(msg) <= sizeof(first));
	n = wire_msg_encode(msg, first);
	TR_ASSERT(n == wire_msg_size(msg));
	TR_ASSERT(wire_msg_decode(arena, (struct tr_bytes){first, n}, &again) == 0);
	TR_ASSERT(wire_msg_encode(again, second) == n);
	TR_ASSERT(memcmp(first, second, n) == 0);
	look_inside(arena, again);
	return 0;
}
