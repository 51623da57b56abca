/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/policy_use.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/keys.h"

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

void rep_policy_load(struct rep_node *node)
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

void rep_policy_use(struct rep_node *node, const struct rep_policy_doc *doc, const struct rep_cause *cause,
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

bool rep_policy_is_used(struct rep_node *node, struct tr_bytes bytes)
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
		rep_policy_use(node, doc, cause, bytes);
		return;
	}
	if (doc->version < used->version || rep_policy_is_used(node, bytes))
		return; /* an older one that came late, or this one again */
	rep_node_trace(node, REP_TRACE_POLICY_TWICE, cause->author, doc->version, cause->dot.seq, NULL);
	if (is_before(node, cause, bytes))
		rep_policy_use(node, doc, cause, bytes);
}

void rep_policy_take(struct rep_node *node, const struct tr_log_id *log, const struct rep_cause *cause,
    const struct rep_op *op)
{
	struct rep_policy_doc *doc = malloc(sizeof(*doc));
	const struct rep_value *value = op->value_count > 0 ? &op->values[0] : NULL;
	int rc = TR_E_INPUT;

	if (doc == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	if (log->lane != TR_LANE_P || log->author.v != node->top.nid.v || log->scope.v != node->top.nid.v)
		rc = TR_E_AUTH;
	else if (value != NULL && value->field == REP_POLICY_VALUE && value->type == REP_VALUE_BYTES)
		rc = rep_policy_decode(doc, value->t);
	if (rc == 0)
		compare(node, doc, cause, value->t);
	else
		rep_node_trace(node, REP_TRACE_POLICY_BAD, cause->author, cause->dot.seq, (uint64_t)-rc, tr_err_code(rc));
	free(doc);
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
