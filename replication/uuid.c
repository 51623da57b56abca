/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/uuid.h"

#define ID_LEAD_MAX_MS 1000 /* the clock was set back by more: ids follow it */

/*
 * RFC 9562 section 5.7, with a counter behind the milliseconds (6.2, method 1):
 * ids of one node ascend, so new records go to the end of the tables that are
 * ordered by id, and pages are filled.
 */
void rep_uuid_new(struct rep_node *node, struct tr_rec_id *out)
{
	uint64_t ms = (uint64_t)rep_node_now_ms(node);

	if (ms > node->id_ms || node->id_ms - ms > ID_LEAD_MAX_MS) {
		node->id_ms = ms;
		node->id_count = 0;
	} else if (++node->id_count > 0xfff) {
		node->id_ms++;
		node->id_count = 0;
	}
	rep_rng_bytes(&node->rng, out->b, sizeof(out->b));
	for (int i = 0; i < 6; i++)
		out->b[i] = (uint8_t)(node->id_ms >> (40 - 8 * i));
	out->b[6] = (uint8_t)(0x70 | node->id_count >> 8);
	out->b[7] = (uint8_t)node->id_count;
	out->b[8] = (uint8_t)(0x80 | (out->b[8] & 0x3f));
}
