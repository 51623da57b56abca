/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/known.h"

#include "replication/schema.h"

bool rep_known_kind(const struct rep_known *known, uint32_t op_kind)
{
	return known->ops == 0 || (op_kind < 64 && (known->ops >> op_kind & 1) != 0);
}

/* A word that a later version added to a list; 0 and less never was one. */
static bool is_new_word(const struct rep_known *known, const struct rep_field *f, const struct rep_value *v)
{
	if ((f->type != REP_TYPE_STATUS && f->type != REP_TYPE_ENUM) || v->type != REP_VALUE_INT || v->i <= 0 ||
	    v->i > UINT8_MAX)
		return false;
	if (f->type == REP_TYPE_STATUS && f->kind == TR_KIND_CASE && known->status_max != 0 && v->i > known->status_max)
		return true;
	return rep_schema_value_name(f, v->i) == NULL;
}

enum rep_later rep_known_op(const struct rep_known *known, const struct rep_op *op)
{
	if (!rep_known_kind(known, op->kind))
		return REP_LATER_OP;
	if (rep_schema_kind_name(op->type) == NULL || (known->kinds != 0 && (known->kinds >> op->type & 1) == 0))
		return REP_LATER_KIND;
	for (uint16_t i = 0; i < op->value_count; i++) {
		const struct rep_value *v = &op->values[i];
		const struct rep_field *f = rep_schema_field(op->type, v->field);

		if (f == NULL || (known->field_max != 0 && v->field > known->field_max))
			return REP_LATER_FIELD;
		if (v->type == REP_VALUE_SEALED || is_new_word(known, f, v))
			return REP_LATER_VALUE;
	}
	return REP_LATER_NOT;
}
