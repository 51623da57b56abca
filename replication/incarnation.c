/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/incarnation.h"

#include "replication/keys.h"
#include "replication/own.h"
#include "replication/receipt.h"
#include "replication/unit.h"

#define LEAP (1u << 24) /* half a year of one HEAD a second */

/* Nobody here knows how far the counters went.  The parent may know that of HEAD
 * (WELCOME); a stick does not, and a parent that was put back, too, knows less
 * than the top node. */
static void leap(struct rep_node *node, uint64_t receipt_ctr)
{
	struct rep_unit *self = rep_unit_find(node, node->cert.nid);

	if (self->head_ctr < UINT32_MAX / 2)
		self->head_ctr += LEAP;
	if (receipt_ctr < UINT32_MAX / 2)
		rep_receipt_rebase(node, (uint32_t)receipt_ctr + LEAP);
}

static void catch_up(struct rep_node *node, const struct rep_fence *fence, const struct rep_fence *here)
{
	struct rep_unit *self = rep_unit_find(node, node->cert.nid);

	if (fence->head_ctr > here->head_ctr && fence->head_ctr <= UINT32_MAX)
		self->head_ctr = (uint32_t)fence->head_ctr;
	if (fence->receipt_sum > here->receipt_sum && fence->receipt_ctr <= UINT32_MAX)
		rep_receipt_rebase(node, (uint32_t)fence->receipt_ctr);
}

void rep_incarnation_store(struct rep_node *node)
{
	struct rep_key key = rep_key_name("inc"), serial = rep_key_name("inc serial");
	uint8_t row[8];

	wire_put_be64(row, node->inc);
	rep_node_put(node, REP_T_META, rep_key_bytes(&key), rep_bytes(row, 8));
	wire_put_be64(row, node->cert.serial);
	rep_node_put(node, REP_T_META, rep_key_bytes(&serial), rep_bytes(row, 8));
}

void rep_fence(const struct rep_node *node, struct rep_fence *out)
{
	out->store = node->store_id;
	out->inc = node->inc;
	out->own_ops = rep_unit_find(node, node->cert.nid)->here_ops;
	out->head_ctr = rep_unit_find(node, node->cert.nid)->head_ctr;
	out->receipt_ctr = node->is_top ? node->receipt_highest : 0;
	out->receipt_sum = node->is_top ? node->receipt_sum : 0;
	for (const struct rep_open *open = node->opens; open != NULL; open = open->next)
		out->own_ops += open->count;
}

bool rep_incarnation_doubt(struct rep_node *node, const struct rep_fence *fence)
{
	struct rep_fence here;

	rep_fence(node, &here);
	if (fence != NULL)
		catch_up(node, fence, &here);
	else
		leap(node, here.own_ops > 0 ? here.receipt_ctr : UINT32_MAX); /* a new store has said nothing */
	/* Even an empty store may be a backup, made before the first op. */
	return fence == NULL || fence->store != here.store || fence->inc != here.inc || fence->own_ops > here.own_ops;
}

void rep_incarnation_new(struct rep_node *node)
{
	struct rep_fence here;

	rep_own_close_new(node);
	rep_fence(node, &here);
	leap(node, here.receipt_ctr); /* the fence went back, too, or it would have been noticed here */
	rep_incarnation_begin(node);
}

void rep_incarnation_begin(struct rep_node *node)
{
	uint64_t old = node->inc;

	node->inc = rep_rng_id(&node->rng);
	rep_incarnation_store(node);
	if (rep_unit_find(node, node->cert.nid)->here_ops > 0)
		rep_node_trace(node, REP_TRACE_NEW_INC, node->cert.nid, old, node->inc, NULL);
}
