/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/incarnation.h"

#include "replication/keys.h"
#include "replication/own.h"

void rep_incarnation_store(struct rep_node *node)
{
	struct rep_key key = rep_key_name("inc");
	uint8_t row[8];

	wire_put_be64(row, node->inc);
	rep_node_put(node, REP_T_META, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
}

void rep_incarnation_new(struct rep_node *node)
{
	uint64_t old = node->inc;

	rep_own_close_all(node);
	node->inc = rep_rng_id(&node->rng);
	rep_incarnation_store(node);
	rep_node_trace(node, REP_TRACE_NEW_INC, node->cert.nid, old, node->inc, NULL);
}
