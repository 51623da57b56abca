/* SPDX-License-Identifier: Apache-2.0 */
/* Policy documents: sent at the top node, taken by all below. */
#include "replication/on.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/batch.h"
#include "replication/keys.h"
#include "replication/own.h"
#include "replication/unit.h"

#define F_POLICY 1

/* Row of META: since(8) hlc(8) inc(8) seq(8), then the document as signed. */
#define ROW_HEAD 32

static struct rep_key row_key(void)
{
	return rep_key_name("policy");
}

static int row_get(struct rep_node *node, struct tr_bytes *row)
{
	struct rep_key key = row_key();
	int rc = rep_node_get(node, REP_T_META, rep_key_bytes(&key), row);

	return rc == 0 && row->size <= ROW_HEAD ? TR_E_DAMAGED : rc;
}

void rep_on_policy_load(struct rep_node *node)
{
	struct rep_policy_doc *doc = malloc(sizeof(*doc));
	struct tr_bytes row;
	int rc = doc != NULL ? row_get(node, &row) : TR_E_NOMEM;

	if (rc == 0)
		rc = rep_policy_decode(doc, rep_bytes(row.data + ROW_HEAD, row.size - ROW_HEAD)) == 0 ? 0 : TR_E_DAMAGED;
	if (rc == 0) {
		rep_policy_resolve(&node->policy, doc);
		node->policy.since_ms = (int64_t)wire_get_be64(row.data);
		node->policy.hlc.v = wire_get_be64(row.data + 8);
		node->policy.inc = wire_get_be64(row.data + 16);
		node->policy.seq = wire_get_be64(row.data + 24);
	} else if (rc != TR_E_NOTFOUND) {
		rep_node_fail(node, rc);
	}
	free(doc);
}

static void use(struct rep_node *node, const struct rep_policy_doc *doc, const struct rep_cause *cause,
    struct tr_bytes bytes)
{
	uint32_t before = node->policy.version;
	struct rep_key key = row_key();
	uint8_t row[ROW_HEAD + TR_POLICY_BYTES_MAX];

	rep_policy_resolve(&node->policy, doc);
	node->policy.since_ms = node->wall_ms;
	node->policy.hlc = cause->hlc;
	node->policy.inc = cause->inc;
	node->policy.seq = cause->dot.seq;
	wire_put_be64(row, (uint64_t)node->wall_ms);
	wire_put_be64(row + 8, cause->hlc.v);
	wire_put_be64(row + 16, cause->inc);
	wire_put_be64(row + 24, cause->dot.seq);
	memcpy(row + ROW_HEAD, bytes.data, bytes.size);
	rep_node_put(node, REP_T_META, rep_key_bytes(&key), rep_bytes(row, ROW_HEAD + bytes.size));
	rep_node_trace(node, REP_TRACE_POLICY_NEW, cause->author, doc->version, before, NULL);
	if (node->policy.ignored > 0)
		rep_node_trace(node, REP_TRACE_POLICY_PARTLY, cause->author, doc->version, node->policy.ignored, NULL);
}

static bool is_same(struct rep_node *node, struct tr_bytes bytes)
{
	struct tr_bytes row;

	return row_get(node, &row) == 0 && row.size - ROW_HEAD == bytes.size &&
	       memcmp(row.data + ROW_HEAD, bytes.data, bytes.size) == 0;
}

/* Of two documents of one version the first stays; every node must find the
 * same first, also if both have the same place in two branches of a log. */
static bool is_before(struct rep_node *node, const struct rep_cause *cause, struct tr_bytes bytes)
{
	const struct rep_policy *used = &node->policy;
	struct tr_bytes row;
	int c;

	if (cause->hlc.v != used->hlc.v)
		return cause->hlc.v < used->hlc.v;
	if (cause->inc != used->inc)
		return cause->inc < used->inc;
	if (cause->dot.seq != used->seq)
		return cause->dot.seq < used->seq;
	if (row_get(node, &row) != 0)
		return false;
	row = rep_bytes(row.data + ROW_HEAD, row.size - ROW_HEAD);
	c = memcmp(bytes.data, row.data, bytes.size < row.size ? bytes.size : row.size);
	return c != 0 ? c < 0 : bytes.size < row.size;
}

static void compare(struct rep_node *node, const struct rep_policy_doc *doc, const struct rep_cause *cause,
    struct tr_bytes bytes)
{
	const struct rep_policy *used = &node->policy;

	if (doc->version > used->version) {
		use(node, doc, cause, bytes);
		return;
	}
	if (doc->version < used->version || is_same(node, bytes))
		return; /* an older one that came late, or this one again */
	rep_node_trace(node, REP_TRACE_POLICY_TWICE, cause->author, doc->version, cause->dot.seq, NULL);
	if (is_before(node, cause, bytes))
		use(node, doc, cause, bytes);
}

void rep_on_policy_op(struct rep_node *node, const struct rep_fold *fold, uint64_t seq, const struct rep_op *op)
{
	struct rep_policy_doc *doc = malloc(sizeof(*doc));
	const struct rep_value *value = op->value_count > 0 ? &op->values[0] : NULL;
	struct rep_cause cause;
	int rc = TR_E_INPUT;

	if (doc == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	rep_fold_cause(fold, seq, op->dt_ms, &cause);
	if (fold->log->id.lane != TR_LANE_P || cause.author.v != node->top.nid.v ||
	    fold->log->id.scope.v != node->top.nid.v)
		rc = TR_E_AUTH;
	else if (value != NULL && value->field == F_POLICY && value->type == REP_VALUE_BYTES)
		rc = rep_policy_decode(doc, value->t);
	if (rc == 0)
		compare(node, doc, &cause, value->t);
	else
		rep_node_trace(node, REP_TRACE_POLICY_BAD, cause.author, seq, (uint64_t)-rc, tr_err_code(rc));
	free(doc);
}

/* ------------------------------------------------------------------ local */

static int check(const struct rep_node *node, const struct rep_policy_doc *doc)
{
	if (!node->is_top)
		return TR_E_AUTH;
	if (node->is_full)
		return TR_E_FULL;
	if (doc->rule_count > TR_POLICY_RULES_MAX || doc->rank_count > TR_POLICY_RANKS_MAX ||
	    doc->version >= TR_POLICY_VERSION_MAX)
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
	op->values[0] = (struct rep_value){F_POLICY, TR_ACT_SET, REP_VALUE_BYTES, 0, bytes};
	op->value_count = 1;
	rep_own_fold(node, log, &fold);
	rc = rep_own_add(node, &fold, op, &seq);
	if (rc != 0)
		return rc;
	rep_fold_cause(&fold, seq, op->dt_ms, &cause);
	use(node, doc, &cause, bytes);
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
	if (size == 0)
		return TR_E_LIMIT;
	if (node->policy.version > 0 && is_same(node, rep_bytes(bytes, size))) {
		r->unchanged = true;
		return 0;
	}
	if (node->policy.version >= TR_POLICY_VERSION_MAX)
		return TR_E_LIMIT;
	r->version = doc->version = node->policy.version + 1;
	size = rep_policy_encode(doc, bytes, sizeof(bytes));
	return size != 0 ? add(node, rep_bytes(bytes, size), doc) : TR_E_LIMIT;
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

const struct rep_policy *rep_policy_of(const struct rep_node *node)
{
	return &node->policy;
}

int rep_policy_document(const struct rep_view *view, struct rep_policy_doc *out)
{
	struct rep_key key = row_key();
	struct tr_bytes row;
	int rc = rep_get(view, REP_T_META, rep_key_bytes(&key), &row);

	if (rc == 0 && row.size <= ROW_HEAD)
		rc = TR_E_DAMAGED;
	return rc == 0 ? rep_policy_decode(out, rep_bytes(row.data + ROW_HEAD, row.size - ROW_HEAD)) : rc;
}
