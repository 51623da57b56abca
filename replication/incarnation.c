/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/incarnation.h"

#include "replication/head.h"
#include "replication/keys.h"
#include "replication/own.h"
#include "replication/unit.h"

#define HEAD_LEAP (1u << 24) /* half a year of one HEAD a second; 250 restores */

void rep_incarnation_store(struct rep_node *node)
{
	struct rep_key key = rep_key_name("inc");
	uint8_t row[8];

	wire_put_be64(row, node->inc);
	rep_node_put(node, REP_T_META, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
}

void rep_fence(const struct rep_node *node, struct rep_fence *out)
{
	out->store = node->store_id;
	out->inc = node->inc;
	out->own_ops = rep_unit_find(node, node->cert.nid)->here_ops;
	for (const struct rep_open *open = node->opens; open != NULL; open = open->next)
		out->own_ops += open->count;
}

bool rep_incarnation_doubt(const struct rep_node *node, const struct rep_fence *fence)
{
	struct rep_fence here;

	rep_fence(node, &here);
	if (fence == NULL)
		return here.own_ops > 0;
	return fence->store != here.store || fence->inc != here.inc || fence->own_ops > here.own_ops;
}

/*
 * The counter of HEAD is behind as well, and nobody believes one that went
 * back.  How far is not known: further than any node counts between two
 * backups, and stored at once.
 */
static void leap(struct rep_node *node)
{
	struct rep_unit *self = rep_unit_find(node, node->cert.nid);
	uint32_t xseq[2 * (TR_LEVEL_MAX + 1)];
	uint8_t sig[64];
	Terrace__Head head;

	self->head_ctr = self->head_ctr > UINT32_MAX - 2 * HEAD_LEAP ? self->head_ctr : self->head_ctr + HEAD_LEAP;
	rep_head_make(node, &head, sig, xseq);
	self->head_dirty = node->heads_dirty = true;
}

void rep_incarnation_new(struct rep_node *node)
{
	uint64_t old = node->inc;

	rep_own_close_all(node);
	node->inc = rep_rng_id(&node->rng);
	rep_incarnation_store(node);
	leap(node);
	rep_node_trace(node, REP_TRACE_NEW_INC, node->cert.nid, old, node->inc, NULL);
}
