/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: any bytes as a TrustRoot; what is accepted encodes again to the same. */
#include "tests/fuzz/fuzz.h"

#include "replication/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[TR_ROOT_BYTES_MAX];
	struct rep_root root, again;
	size_t n;

	(void)fuzz_arena();
	if (rep_root_decode((struct tr_bytes){data, size}, &root) != 0)
		return 0;
	TR_ASSERT(root.threshold >= 1 && root.threshold <= root.key_count);
	n = rep_root_encode(&root, out, sizeof(out));
	TR_ASSERT(n > 0);
	TR_ASSERT(rep_root_decode((struct tr_bytes){out, n}, &again) == 0);
	TR_ASSERT(root.zone == again.zone && root.version == again.version);
	TR_ASSERT(root.key_count == again.key_count && root.threshold == again.threshold);
	for (size_t i = 0; i < root.key_count; i++)
		TR_ASSERT(memcmp(root.key[i].b, again.key[i].b, 32) == 0);
	return 0;
}
