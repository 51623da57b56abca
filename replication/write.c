/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/write.h"

#include "proto/err.h"
#include "replication/fold.h"
#include "replication/later.h"
#include "replication/own.h"
#include "replication/unit.h"

#define F_STATUS 40

/* Units that answer for a case lie on the path home -> root. */
static int check_units(const struct rep_node *node, const struct rep_op *op, struct tr_nid scope, struct rep_reply *r)
{
	for (uint16_t i = 0; i < op->value_count; i++) {
		const struct rep_field *f = rep_schema_field(op->type, op->values[i].field);
		const struct rep_value *v = &op->values[i];

		if (op->type != TR_KIND_CASE || f == NULL || (f->flags & REP_FF_MACHINE) != 0)
			continue;
		if (f->type == REP_TYPE_UNIT && v->type == REP_VALUE_INT &&
		    !rep_unit_on_path(node, (struct tr_nid){(uint64_t)v->i}, scope)) {
			r->field = f->id;
			r->unit.v = (uint64_t)v->i;
			return TR_E_SCOPE;
		}
		if (f->type != REP_TYPE_UNITS || v->type != REP_VALUE_BYTES)
			continue;
		for (size_t k = 0; k + 8 <= v->t.size; k += 8) {
			r->unit.v = wire_get_be64(v->t.data + k);
			if (!rep_unit_on_path(node, r->unit, scope)) {
				r->field = f->id;
				return TR_E_SCOPE;
			}
		}
	}
	return 0;
}

int rep_write_error(enum rep_why why)
{
	switch (why) {
	case REP_WHY_NONE: return 0;
	case REP_WHY_CAP:
	case REP_WHY_IMPORT:
	case REP_WHY_BOTH:
	case REP_WHY_TARGET: return TR_E_AUTH;
	case REP_WHY_MOVED: return TR_E_ELSEWHERE;
	case REP_WHY_ENDED: return TR_E_ENDED;
	case REP_WHY_HOME: return TR_E_HOME;
	case REP_WHY_STEP:
	case REP_WHY_SAME_PERSON:
	case REP_WHY_REASON: return TR_E_STEP;
	case REP_WHY_NO_CREATE: return TR_E_NOREC;
	case REP_WHY_FIXED:
	case REP_WHY_TWICE: return TR_E_EXISTS;
	case REP_WHY_LIMIT: return TR_E_LIMIT;
	case REP_WHY_FIELD:
	default: return TR_E_TYPE;
	}
}

static int decide(struct rep_node *node, const struct rep_op *op, struct tr_nid scope, uint8_t lane,
    struct rep_fold *fold, struct rep_reply *r)
{
	struct rep_log *log = rep_own_log(node, scope, lane);
	struct rep_cause cause;

	if (log == NULL)
		return TR_E_NOMEM;
	rep_own_fold(node, log, fold);
	fold->hlc = (struct tr_hlc){node->last_hlc};
	rep_fold_cause(fold, TR_SEQ_MAX, 0, &cause);
	r->why = rep_merge_check(node->record, op, &cause, &r->field);
	r->status_from = rep_record_status(node->record);
	for (uint16_t i = 0; i < op->value_count; i++)
		if (op->values[i].field == F_STATUS)
			r->status_to = (uint8_t)op->values[i].i;
	if (r->why != REP_WHY_NONE)
		return rep_write_error(r->why);
	/* Words of a later version; and nothing on top of what is seen and not understood: it may
	 * have taken away the right to it. */
	if (rep_known_op(&node->known, op) != REP_LATER_NOT || rep_later_of(node, &op->rec))
		return TR_E_NEWER;
	return check_units(node, op, scope, r);
}

int rep_write_check(struct rep_node *node, const struct rep_op *op, struct tr_nid scope, uint8_t lane, struct rep_reply *r)
{
	struct rep_fold fold;
	int rc = decide(node, op, scope, lane, &fold, r);

	/* also what only its bytes would tell: a text that is none, or too much of it */
	return rc == 0 && rep_op_encode(op, node->seg_row, TR_OP_BYTES_MAX) == 0 ? TR_E_SIZE : rc;
}

int rep_write_op(struct rep_node *node, struct rep_op *op, struct tr_nid scope, uint8_t lane, struct rep_reply *r)
{
	struct rep_applied applied;
	struct rep_fold fold;
	uint64_t seq = 0;
	int rc = decide(node, op, scope, lane, &fold, r);

	if (rc == 0)
		rc = rep_own_add(node, &fold, op, &seq);
	if (rc != 0)
		return rc;
	rep_fold_op(node, &fold, seq, op, true, &applied);
	r->version = node->record->version;
	return node->rc;
}
