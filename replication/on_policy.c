/* SPDX-License-Identifier: Apache-2.0 */
/* The top node sends a policy. */
#include "replication/on.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/batch.h"
#include "replication/own.h"
#include "replication/policy_use.h"

static int check(const struct rep_node *node, const struct rep_policy_doc *doc)
{
	if (!node->is_top)
		return TR_E_AUTH;
	if (node->is_full)
		return TR_E_FULL;
	if (doc->rule_count > TR_POLICY_RULES_MAX || doc->rank_count > TR_POLICY_RANKS_MAX)
		return TR_E_LIMIT;
	for (size_t i = 0; i < doc->rule_count; i++)
		if (rep_policy_rule_why(&doc->rule[i]) != REP_POLICY_FINE)
			return TR_E_INPUT;
	for (size_t i = 0; i < doc->rank_count; i++)
		if (rep_policy_rank_why(&doc->rank[i]) != REP_POLICY_FINE)
			return TR_E_INPUT;
	return 0;
}

static int add(struct rep_node *node, struct tr_bytes bytes, struct rep_policy_doc *doc)
{
	struct rep_log *log = rep_own_log(node, node->cert.nid, TR_LANE_P);
	struct rep_op *op = node->op2;
	struct rep_cause cause;
	struct rep_fold fold;
	uint64_t seq;
	int rc;

	if (log == NULL)
		return TR_E_LIMIT;
	memset(op, 0, offsetof(struct rep_op, values));
	op->kind = TR_OP_POLICY;
	op->type = TR_KIND_POLICY;
	op->has_body = true;
	wire_put_be64(op->rec.b, node->cert.nid.v);
	wire_put_be32(op->rec.b + 12, doc->version);
	op->values[0] = (struct rep_value){REP_POLICY_VALUE, TR_ACT_SET, REP_VALUE_BYTES, 0, bytes};
	op->value_count = 1;
	rep_own_fold(node, log, &fold);
	rc = rep_own_add(node, &fold, op, &seq);
	if (rc != 0)
		return rc;
	rep_fold_cause(&fold, seq, op->dt_ms, &cause);
	rep_policy_use(node, doc, &cause, bytes);
	return node->rc;
}

static int send(struct rep_node *node, struct rep_policy_doc *doc, struct rep_reply *r)
{
	uint8_t bytes[TR_POLICY_BYTES_MAX];
	size_t size;
	int rc = check(node, doc);

	if (rc != 0)
		return rc;
	r->version = doc->version = node->policy.version > 0 ? node->policy.version : 1;
	size = rep_policy_encode(doc, bytes, sizeof(bytes));
	TR_ASSERT(size != 0); /* TR_POLICY_BYTES_MAX has room for what check() lets through */
	if (node->policy.version > 0 && rep_policy_is_used(node, rep_bytes(bytes, size))) {
		r->unchanged = true;
		return 0;
	}
	if (node->policy.version >= TR_POLICY_VERSION_MAX)
		return TR_E_LIMIT;
	r->version = doc->version = node->policy.version + 1;
	size = rep_policy_encode(doc, bytes, sizeof(bytes));
	TR_ASSERT(size != 0);
	return add(node, rep_bytes(bytes, size), doc);
}

void rep_on_policy(struct rep_node *node, const struct rep_policy_send *in)
{
	struct rep_effect fx = {.kind = REP_FX_REPLY};
	struct rep_policy_doc *doc = malloc(sizeof(*doc));

	fx.reply.ticket = in->ticket;
	fx.reply.kind = TR_KIND_POLICY;
	if (doc == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	*doc = *in->doc;
	fx.reply.rc = send(node, doc, &fx.reply);
	free(doc);
	rep_batch_put(node->batch, &fx);
}
