/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An op is late if some TRANSFER of its record had not seen it.  The one that
 * comes second of the two marks it: either order gives the same rows.
 */
#include "replication/late.h"

#include <string.h>

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/record_int.h"
#include "replication/status.h"

#define TEXT_MAX 200

struct text {
	uint8_t b[TEXT_MAX];
	size_t size;
};

/* A word that does not fit is left out whole. */
static void say(struct text *text, const char *word)
{
	size_t size = strlen(word), gap = text->size > 0;

	if (text->size + gap + size > sizeof(text->b))
		return;
	if (gap)
		text->b[text->size++] = ' ';
	memcpy(text->b + text->size, word, size);
	text->size += size;
}

/* Which fields it wrote, once each. */
static void describe(const struct rep_op *op, struct text *text)
{
	uint64_t told = 0;

	for (uint16_t i = 0; i < op->value_count; i++) {
		const struct rep_field *f = rep_schema_field(op->type, op->values[i].field);

		if (f == NULL || (told >> f->id & 1) != 0)
			continue;
		told |= (uint64_t)1 << f->id;
		say(text, f->name);
		if (f->id == REP_FIELD_STATUS && rep_schema_value_name(f, op->values[i].i) != NULL)
			say(text, rep_schema_value_name(f, op->values[i].i));
	}
}

static void mark(struct rep_node *node, const struct rep_op *op, const struct rep_cause *cause)
{
	struct text text = {.size = 0};
	int rc;

	describe(op, &text);
	rc = rep_record_rows_late(node->record, node->view, op, cause, rep_bytes(text.b, text.size));
	if (rc != 0)
		rep_node_fail(node, rc);
	rep_node_trace_rec(node, REP_TRACE_CASE_LATE, cause->author, op->type, &op->rec, cause->dot.seq, 0);
}

static bool is_violation(struct rep_node *node, const struct rep_key *ops)
{
	struct tr_bytes row;

	return rep_node_get(node, REP_T_VIOLATION, rep_key_bytes(ops), &row) == 0; /* the same key */
}

/* One op of the record that the TRANSFER had not seen. */
static void mark_earlier(struct rep_node *node, struct rep_op *scratch, struct tr_dot dot)
{
	const struct tr_rec_id *id = &node->record->id;
	struct rep_key before = rep_key_ops(id, (struct tr_dot){dot.log, dot.seq - 1});
	struct rep_key at = rep_key_ops(id, dot);
	struct rep_ops_cursor cursor = {.started = true};
	struct rep_cause cause;
	uint32_t serial;
	int rc;

	if (is_violation(node, &at))
		return;
	TR_ASSERT(before.size == sizeof(cursor.key));
	memcpy(cursor.key, before.b, before.size);
	rc = rep_record_op(node, node->view, id, &cursor, scratch, &cause, &serial);
	if (rc != 0)
		rep_node_fail(node, rc);
	else if (scratch->kind != TR_OP_TRANSFER)
		mark(node, scratch, &cause);
}

static void look_back(struct rep_node *node, struct rep_op *scratch, const struct rep_cause *cause)
{
	struct rep_key from = rep_key_ops(&node->record->id, (struct tr_dot){0, 0});
	struct tr_bytes key, row;

	while (node->rc == 0 && rep_seek(node->view, REP_T_OPS, rep_key_bytes(&from), true, &key, &row) == 0) {
		struct tr_dot dot;

		if (key.size != from.size || memcmp(key.data, node->record->id.b, 16) != 0)
			return;
		dot = (struct tr_dot){wire_get_be32(key.data + 16), wire_get_be64(key.data + 20)};
		from = rep_key_ops(&node->record->id, dot);
		if ((dot.log != cause->dot.log || dot.seq != cause->dot.seq) && !rep_cause_has(cause, dot))
			mark_earlier(node, scratch, dot);
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
		look_back(node, op == node->op ? node->op2 : node->op, cause);
	else if (has_moved(node->record))
		mark(node, op, cause);
}
