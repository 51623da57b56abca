/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any bytes as the first or last message of a bundle file, or as a
 * request for a certificate.  The first byte says which.
 */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_arena *arena = fuzz_arena();
	struct tr_bytes in;
	Terrace__BundleHead *head;
	Terrace__BundleTail *tail;
	Terrace__CertReq *req;

	if (size == 0)
		return 0;
	in = (struct tr_bytes){data + 1, size - 1};
	switch (data[0] % 3) {
	case 0:
		if (wire_bundle_head_decode(arena, in, &head) == 0) {
			TR_ASSERT(head->zone != 0 && head->from != 0 && head->format != 0);
			TR_ASSERT(head->from_unit.len <= TR_UNIT_PATH_MAX);
			TR_ASSERT(head->to_unit.len <= TR_UNIT_PATH_MAX);
		}
		break;
	case 1:
		if (wire_bundle_tail_decode(arena, in, &tail) == 0)
			TR_ASSERT(tail->hash.len == 32 && tail->sig.len == 64);
		break;
	default:
		if (wire_cert_req_decode(arena, in, &req) == 0) {
			TR_ASSERT(req->sign_pk.len == 32 && req->curve_pk.len == 32);
			TR_ASSERT(req->seal_pk.len == 32 && req->title.len <= TR_TITLE_MAX);
		}
		break;
	}
	return 0;
}
