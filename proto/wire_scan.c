/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the raw bytes with the schema, without recursion and without memory
 * of its own, before protobuf-c is let near them: it would take what is
 * singular twice, invalid UTF-8, numbers cut to 32 bits, and spends up to 92
 * bytes of memory for one on the wire.
 */
#include <string.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "proto/wire.h"
#include "proto/wire_int.h"

struct level {
	const ProtobufCMessageDescriptor *message;
	const struct wire_rules *rules;
	const uint8_t *end;
	bool met[WIRE_SCAN_MEMBERS_MAX];     /* by index in the descriptor */
	uint16_t counts[WIRE_SCAN_MEMBERS_MAX];
};

struct scan {
	struct tr_pb_reader r;  /* its end is the end of the innermost level */
	unsigned fields;        /* in all levels */
	unsigned depth;
	struct level levels[TR_SCAN_DEPTH_MAX];
};

static int push(struct scan *s, const ProtobufCMessageDescriptor *message,
    struct tr_bytes in)
{
	struct level *level;

	if (s->depth == TR_SCAN_DEPTH_MAX)
		return TR_E_LIMIT;
	TR_ASSERT(message->n_fields <= WIRE_SCAN_MEMBERS_MAX);
	level = &s->levels[s->depth++];
	memset(level, 0, sizeof(*level));
	level->message = message;
	level->rules = wire_rules_of(message);
	level->end = in.data + in.size;
	s->r.at = in.data;
	s->r.end = level->end;
	return 0;
}

static int pop(struct scan *s)
{
	const struct level *level = &s->levels[s->depth - 1];
	const struct wire_rules *rules = level->rules;

	for (size_t i = 0; rules != NULL && i < rules->count; i++) {
		const ProtobufCFieldDescriptor *field;

		if (!rules->rules[i].required)
			continue;
		field = protobuf_c_message_descriptor_get_field(
		    level->message, rules->rules[i].field);
		if (!level->met[field - level->message->fields])
			return TR_E_INPUT;
	}
	s->depth--;
	if (s->depth > 0)
		s->r.end = s->levels[s->depth - 1].end;
	return 0;
}

static int count_fields(struct scan *s, size_t n)
{
	if (n > TR_SCAN_FIELDS_MAX - s->fields)
		return TR_E_LIMIT;
	s->fields += (unsigned)n;
	return 0;
}

/* A singular field comes once; of a oneof only one. */
static int check_once(const struct level *level, size_t index)
{
	const ProtobufCFieldDescriptor *fields = level->message->fields;
	const ProtobufCFieldDescriptor *field = &fields[index];

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return 0;
	if (level->met[index])
		return TR_E_INPUT;
	if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
		return 0;
	for (size_t i = 0; i < level->message->n_fields; i++)
		if (level->met[i] &&
		    (fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
		    fields[i].quantifier_offset == field->quantifier_offset)
			return TR_E_INPUT;
	return 0;
}

static int check_number(const ProtobufCFieldDescriptor *field,
    const struct wire_rule *rule, uint64_t v)
{
	if (field->type == PROTOBUF_C_TYPE_UINT32 && v > UINT32_MAX)
		return TR_E_INPUT;
	if (rule != NULL && (v < rule->min || v > rule->max))
		return TR_E_LIMIT;
	return 0;
}

static int check_bytes(const struct wire_rule *rule, struct tr_bytes bytes)
{
	if (rule == NULL)
		return bytes.size == 0 ? 0 : TR_E_LIMIT;
	if (bytes.size < rule->min)
		return TR_E_INPUT;
	if (bytes.size > rule->max)
		return TR_E_LIMIT;
	if (rule->kind == WIRE_RULE_TEXT && !wire_utf8_ok(bytes))
		return TR_E_UTF8;
	return 0;
}

/* Wire type of a type; -1 for the types that our schema does not use. */
static int wire_of(ProtobufCType type)
{
	switch ((int)type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_SINT64: return TR_PB_VARINT;
	case PROTOBUF_C_TYPE_FIXED32: return TR_PB_FIXED32;
	case PROTOBUF_C_TYPE_FIXED64: return TR_PB_FIXED64;
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE: return TR_PB_BYTES;
	default: return -1;
	}
}

/* Repeated numbers in one run; each counts as a field. */
static int scan_packed(struct scan *s, const ProtobufCFieldDescriptor *field,
    struct tr_bytes run, size_t *count)
{
	int wire = wire_of(field->type);
	struct tr_pb_reader r;
	uint64_t v;
	bool ok;
	int rc = 0;

	*count = 0;
	tr_pb_begin(&r, run);
	while (rc == 0 && tr_pb_more(&r)) {
		if (wire == TR_PB_VARINT)
			ok = tr_pb_varint(&r, &v);
		else
			ok = tr_pb_fixed(
			    &r, wire == TR_PB_FIXED32 ? 4 : 8, &v);
		if (!ok)
			return TR_E_INPUT;
		rc = check_number(field, NULL, v);
		if (rc == 0)
			rc = count_fields(s, 1);
		(*count)++;
	}
	return rc;
}

static int scan_value(struct scan *s, const ProtobufCFieldDescriptor *field,
    const struct wire_rule *rule, const struct tr_pb_field *f, size_t *count)
{
	int wire = wire_of(field->type);

	*count = 1;
	if (field->label == PROTOBUF_C_LABEL_REPEATED &&
	    f->wire == TR_PB_BYTES && wire != TR_PB_BYTES && wire >= 0)
		return scan_packed(s, field, f->bytes, count);
	if (wire < 0 || f->wire != (uint32_t)wire)
		return TR_E_INPUT;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return push(s, field->descriptor, f->bytes);
	if (field->type == PROTOBUF_C_TYPE_BYTES)
		return check_bytes(rule, f->bytes);
	return check_number(field, rule, f->v);
}

static int scan_field(struct scan *s)
{
	struct level *level = &s->levels[s->depth - 1];
	const ProtobufCFieldDescriptor *field;
	const struct wire_rule *rule;
	struct tr_pb_field f;
	size_t index, count;
	int rc = tr_pb_next(&s->r, &f);

	if (rc == 0)
		rc = count_fields(s, 1);
	if (rc != 0)
		return rc;
	field = protobuf_c_message_descriptor_get_field(
	    level->message, f.number);
	if (field == NULL)
		return tr_pb_unknown(&s->r);
	index = (size_t)(field - level->message->fields);
	rc = check_once(level, index);
	if (rc != 0)
		return rc;
	rule = wire_rule_of(level->rules, f.number);
	rc = scan_value(s, field, rule, &f, &count);
	if (rc != 0)
		return rc;
	level->met[index] = true;
	if (rule == NULL || rule->count_max == 0)
		return 0;
	if (count > (size_t)(rule->count_max - level->counts[index]))
		return TR_E_LIMIT;
	level->counts[index] = (uint16_t)(level->counts[index] + count);
	return 0;
}

int wire_scan(const ProtobufCMessageDescriptor *message, struct tr_bytes in)
{
	struct scan s;
	int rc;

	tr_pb_begin(&s.r, in);
	s.fields = 0;
	s.depth = 0;
	rc = push(&s, message, in);
	while (rc == 0 && s.depth > 0)
		rc = tr_pb_more(&s.r) ? scan_field(&s) : pop(&s);
	return rc;
}
