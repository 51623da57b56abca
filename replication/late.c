/* SPDX-License-Identifier: Apache-2.0 */
/* An op is late if some TRANSFER of its record had not seen it; whichever of
 * the two comes second tells. */
#include "replication/late.h"

#include <string.h>

#include "replication/keys.h"
#include "replication/status.h"

static void tell(struct rep_node *node, struct tr_nid author, uint64_t seq)
{
	rep_node_trace_rec(node, REP_TRACE_CASE_LATE, author, TR_KIND_CASE, &node->record->id, seq, 0);
}

static const struct rep_step *step_of(const struct rep_record *rec, struct tr_dot dot)
{
	for (uint16_t i = 0; i < rec->step_count; i++)
		if (rec->steps[i].dot.log == dot.log && rec->steps[i].dot.seq == dot.seq)
			return &rec->steps[i];
	return NULL;
}

/* Late, if it is legal and no TRANSFER itself. */
static bool counts(struct rep_node *node, const struct rep_key *ops, struct tr_dot dot)
{
	const struct rep_step *step = step_of(node->record, dot);
	struct tr_bytes row;

	if (step != NULL && step->status == REP_CASE_MOVED)
		return false;
	return rep_node_get(node, REP_T_VIOLATION, rep_key_bytes(ops), &row) != 0; /* the same key */
}

static void look_back(struct rep_node *node, const struct rep_cause *cause)
{
	struct rep_key at = rep_key_ops(&node->record->id, (struct tr_dot){0, 0});
	struct tr_bytes key, row;

	while (node->rc == 0 && rep_seek(node->view, REP_T_OPS, rep_key_bytes(&at), true, &key, &row) == 0) {
		struct tr_dot dot;

		if (key.size != at.size || memcmp(key.data, node->record->id.b, 16) != 0)
			return;
		dot = (struct tr_dot){wire_get_be32(key.data + 16), wire_get_be64(key.data + 20)};
		at = rep_key_ops(&node->record->id, dot);
		if ((dot.log != cause->dot.log || dot.seq != cause->dot.seq) && !rep_cause_has(cause, dot) &&
		    counts(node, &at, dot))
			tell(node, (struct tr_nid){0}, dot.seq);
	}
}

static bool has_moved(const struct rep_record *rec)
{
	for (uint16_t i = 0; i < rec->step_count; i++)
		if (rec->steps[i].status == REP_CASE_MOVED && (rec->steps[i].flags & REP_STEP_VIOLATION) == 0)
			return true;
	return false;
}

void rep_late_fold(struct rep_node *node, const struct rep_op *op, const struct rep_cause *cause,
    const struct rep_applied *applied)
{
	if (op->type != TR_KIND_CASE || applied->verdict != REP_VALID || node->rc != 0)
		return;
	if (op->kind == TR_OP_TRANSFER)
		look_back(node, cause);
	else if (has_moved(node->record))
		tell(node, cause->author, cause->dot.seq);
}
