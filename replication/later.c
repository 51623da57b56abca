/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/later.h"

#include <string.h>

#include "proto/err.h"
#include "replication/base.h"
#include "replication/floor.h"
#include "replication/keys.h"
#include "replication/rep.h"

void rep_later_load(struct rep_node *node)
{
	struct tr_bytes key;

	node->has_later = rep_seek(node->view, REP_T_LATER, rep_bytes("", 0), false, &key, NULL) == 0;
}

void rep_later_keep(struct rep_node *node, const struct rep_log *log, uint64_t seq, const struct rep_op *op,
    enum rep_later why)
{
	static const struct tr_rec_id none;
	struct rep_key key = rep_key_ops(&op->rec, (struct tr_dot){log->handle, seq});
	uint8_t row[REP_LATER_ROW];

	row[0] = (uint8_t)why;
	wire_put_be32(row + 1, node->known.number);
	rep_node_put(node, REP_T_LATER, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
	/* It is an op of that record all the same: history, trace and a refold find it. */
	if (memcmp(&op->rec, &none, sizeof(none)) != 0) {
		rep_floor_keep(node, &op->rec);
		rep_node_put(node, REP_T_OPS, rep_key_bytes(&key), rep_bytes("", 0));
		rep_base_meet(node, log, op->type, &op->rec); /* no state of its domain is known meanwhile */
	}
	node->has_later = true;
	rep_node_trace_rec(node, REP_TRACE_OP_LATER, log->id.author, op->type, &op->rec, why, seq);
}

int rep_later_look(const struct rep_view *view, const struct tr_rec_id *id, bool *has)
{
	struct tr_bytes key;
	int rc = rep_seek(view, REP_T_LATER, rep_bytes(id->b, sizeof(id->b)), false, &key, NULL);

	*has = rc == 0 && key.size == REP_LATER_KEY && memcmp(key.data, id->b, sizeof(id->b)) == 0;
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

bool rep_later_has(const struct rep_view *view, const struct tr_rec_id *id)
{
	bool has;

	return rep_later_look(view, id, &has) == 0 && has;
}

bool rep_later_of(struct rep_node *node, const struct tr_rec_id *id)
{
	return node->has_later && rep_later_has(node->view, id);
}

bool rep_later_any(const struct rep_node *node)
{
	return node->has_later;
}
