/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages OpHead, OpBody and Field of record.proto, by hand: this is the
 * hottest path of a node, and nothing is allocated here.
 */
#include "replication/op.h"

#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "proto/wire.h"

enum { ENTRY_PRUNED = 0, ENTRY_WHOLE = 1 };

/* Field numbers of record.proto. */
enum { HEAD_KIND = 1, HEAD_REC = 2, HEAD_DT = 3, HEAD_FLAGS = 4 };
enum { BODY_TYPE = 1, BODY_ACTOR = 2, BODY_FIELD = 3, BODY_SALT = 4 };
enum {
	FIELD_ID = 1,
	FIELD_INT = 2,
	FIELD_TEXT = 3,
	FIELD_BYTES = 4,
	FIELD_SEALED = 5,
	FIELD_ACT = 6,
};

/* A segment's clock has 48 bits of milliseconds; no op is farther from it. */
#define DT_MAX ((int64_t)1 << 48)

struct entry {
	struct tr_bytes head;
	struct tr_bytes body; /* the 32-byte hash if pruned */
	bool is_whole;
};

static int split(struct entry *out, struct tr_bytes in)
{
	struct tr_pb_reader r;

	if (in.size > TR_OP_BYTES_MAX)
		return TR_E_LIMIT;
	if (in.size < 2 || in.data[0] > ENTRY_WHOLE)
		return TR_E_INPUT;
	tr_pb_begin(&r, in);
	r.at++;
	out->is_whole = in.data[0] == ENTRY_WHOLE;
	if (!tr_pb_span(&r, &out->head))
		return TR_E_INPUT;
	if (out->is_whole) {
		if (!tr_pb_span(&r, &out->body))
			return TR_E_INPUT;
		return tr_pb_more(&r) ? TR_E_INPUT : 0;
	}
	out->body = (struct tr_bytes){r.at, (size_t)(r.end - r.at)};
	return out->body.size == sizeof(struct tr_hash) ? 0 : TR_E_INPUT;
}

static int decode_head(struct rep_op *op, struct tr_bytes in)
{
	struct tr_pb_reader r;
	struct tr_pb_field f;
	bool ok = true, has_rec = false;
	int rc;

	tr_pb_begin(&r, in);
	while (tr_pb_more(&r)) {
		rc = tr_pb_next(&r, &f);
		if (rc != 0)
			return rc;
		switch (f.number) {
		case HEAD_KIND:
			ok = tr_pb_once_u32(&r, &f, UINT32_MAX, &op->kind);
			break;
		case HEAD_REC:
			ok = tr_pb_once_copy(&r, &f, op->rec.b, 16);
			has_rec = ok;
			break;
		case HEAD_DT:
			ok = tr_pb_once(&r, &f, TR_PB_VARINT);
			op->dt_ms = ok ? tr_pb_unzigzag(f.v) : 0;
			break;
		case HEAD_FLAGS:
			ok = tr_pb_once_u32(&r, &f, UINT32_MAX, &op->flags);
			break;
		default:
			rc = tr_pb_unknown(&r);
			break;
		}
		if (rc != 0 || !ok)
			return rc != 0 ? rc : TR_E_INPUT;
	}
	if (op->kind == 0 || !has_rec)
		return TR_E_INPUT;
	return op->dt_ms < 0 || op->dt_ms > DT_MAX ? TR_E_LIMIT : 0;
}

/* At most one of the four values. */
static bool take_value(struct tr_pb_reader *r, const struct tr_pb_field *f,
    enum tr_pb_wire wire, enum rep_value_type type, struct rep_value *value)
{
	if (value->type != REP_VALUE_NONE || !tr_pb_once(r, f, wire))
		return false;
	value->type = (uint8_t)type;
	if (wire == TR_PB_VARINT)
		value->i = tr_pb_unzigzag(f->v);
	else
		value->t = f->bytes;
	return true;
}

static int check_value(const struct rep_value *value)
{
	if (value->type <= REP_VALUE_INT)
		return 0;
	if (value->t.size > TR_TEXT_MAX)
		return TR_E_LIMIT;
	if (value->type == REP_VALUE_TEXT && !wire_utf8_ok(value->t))
		return TR_E_UTF8;
	return 0;
}

static int decode_field(struct rep_value *value, struct tr_bytes in)
{
	struct tr_pb_reader r;
	struct tr_pb_field f;
	uint32_t id = 0, act = 0;
	bool ok = true;
	int rc;

	memset(value, 0, sizeof(*value));
	tr_pb_begin(&r, in);
	while (tr_pb_more(&r)) {
		rc = tr_pb_next(&r, &f);
		if (rc != 0)
			return rc;
		switch (f.number) {
		case FIELD_ID:
			ok = tr_pb_once_u32(&r, &f, UINT16_MAX, &id);
			break;
		case FIELD_INT:
			ok = take_value(
			    &r, &f, TR_PB_VARINT, REP_VALUE_INT, value);
			break;
		case FIELD_TEXT:
			ok = take_value(
			    &r, &f, TR_PB_BYTES, REP_VALUE_TEXT, value);
			break;
		case FIELD_BYTES:
			ok = take_value(
			    &r, &f, TR_PB_BYTES, REP_VALUE_BYTES, value);
			break;
		case FIELD_SEALED:
			ok = take_value(
			    &r, &f, TR_PB_BYTES, REP_VALUE_SEALED, value);
			break;
		case FIELD_ACT:
			ok = tr_pb_once_u32(&r, &f, TR_ACT_REMOVE, &act);
			break;
		default:
			rc = tr_pb_unknown(&r);
			break;
		}
		if (rc != 0 || !ok)
			return rc != 0 ? rc : TR_E_INPUT;
	}
	if (id == 0)
		return TR_E_INPUT;
	value->field = (uint16_t)id;
	value->act = (uint8_t)act;
	return check_value(value);
}

static int take_actor(
    struct tr_pb_reader *r, const struct tr_pb_field *f, struct rep_op *op)
{
	if (!tr_pb_once(r, f, TR_PB_BYTES))
		return TR_E_INPUT;
	if (f->bytes.size > TR_ACTOR_MAX)
		return TR_E_LIMIT;
	if (!wire_utf8_ok(f->bytes))
		return TR_E_UTF8;
	op->actor = f->bytes;
	return 0;
}

static int decode_body(struct rep_op *op, struct tr_bytes in)
{
	struct tr_pb_reader r;
	struct tr_pb_field f;
	uint32_t type = 0;
	int rc;

	tr_pb_begin(&r, in);
	while (tr_pb_more(&r)) {
		rc = tr_pb_next(&r, &f);
		if (rc != 0)
			return rc;
		switch (f.number) {
		case BODY_TYPE:
			if (!tr_pb_once_u32(&r, &f, UINT8_MAX, &type))
				rc = TR_E_INPUT;
			break;
		case BODY_ACTOR:
			rc = take_actor(&r, &f, op);
			break;
		case BODY_FIELD:
			if (f.wire != TR_PB_BYTES)
				return TR_E_INPUT;
			if (op->value_count == TR_FIELDS_MAX)
				return TR_E_LIMIT;
			rc = decode_field(
			    &op->values[op->value_count++], f.bytes);
			break;
		case BODY_SALT:
			if (!tr_pb_once(&r, &f, TR_PB_BYTES) ||
			    f.bytes.size != 16)
				rc = TR_E_INPUT;
			break;
		default:
			rc = tr_pb_unknown(&r);
			break;
		}
		if (rc != 0)
			return rc;
	}
	op->type = (uint8_t)type;
	return type == 0 ? TR_E_INPUT : 0;
}

/* The body of a kind from a later version is carried, not looked into. */
static bool is_known_kind(uint32_t kind)
{
	return rep_op_is_of_record(kind) || kind == TR_OP_CERT || kind == TR_OP_CUT || kind == TR_OP_CKPT ||
	       kind == TR_OP_POLICY;
}

int rep_op_decode(struct rep_op *out, struct tr_bytes entry)
{
	struct entry e;
	int rc = split(&e, entry);

	if (rc != 0)
		return rc;
	/* The values are many and filled one by one. */
	memset(out, 0, offsetof(struct rep_op, values));
	out->has_body = e.is_whole;
	rc = decode_head(out, e.head);
	if (rc != 0)
		return rc;
	if (!e.is_whole || !is_known_kind(out->kind))
		return 0;
	return decode_body(out, e.body);
}

int rep_op_leaf(struct tr_hash *out, struct tr_bytes entry)
{
	static const uint8_t prefix = 0x00;
	crypto_generichash_state state;
	struct tr_hash body;
	struct entry e;
	int rc = split(&e, entry);

	if (rc != 0)
		return rc;
	if (e.is_whole)
		crypto_generichash(body.b, sizeof(body.b), e.body.data,
		    e.body.size, NULL, 0);
	else
		memcpy(body.b, e.body.data, sizeof(body.b));
	crypto_generichash_init(&state, NULL, 0, sizeof(out->b));
	crypto_generichash_update(&state, &prefix, 1);
	crypto_generichash_update(&state, e.head.data, e.head.size);
	crypto_generichash_update(&state, body.b, sizeof(body.b));
	crypto_generichash_final(&state, out->b, sizeof(out->b));
	return 0;
}

/* --- encoding; all tags are below 16 and take one byte --- */

static size_t uint_size(uint64_t v)
{
	return v == 0 ? 0 : 1 + tr_pb_varint_size(v);
}

static size_t span_size(size_t size)
{
	return 1 + tr_pb_varint_size(size) + size;
}

static size_t field_size(const struct rep_value *value)
{
	size_t size = uint_size(value->field) + uint_size(value->act);

	switch (value->type) {
	case REP_VALUE_INT:
		return size + 1 + tr_pb_varint_size(tr_pb_zigzag(value->i));
	case REP_VALUE_TEXT:
	case REP_VALUE_BYTES: return size + span_size(value->t.size);
	default: return size;
	}
}

static size_t head_size(const struct rep_op *op)
{
	return uint_size(op->kind) + span_size(sizeof(op->rec.b)) +
	    uint_size(tr_pb_zigzag(op->dt_ms)) + uint_size(op->flags);
}

static size_t body_size(const struct rep_op *op)
{
	size_t size = uint_size(op->type);

	if (op->actor.size > 0)
		size += span_size(op->actor.size);
	for (size_t i = 0; i < op->value_count; i++)
		size += span_size(field_size(&op->values[i]));
	return size;
}

/* Nothing is written that rep_op_decode() would not read back. */
static bool can_encode(const struct rep_op *op)
{
	if (op->kind == 0 || !op->has_body || op->type == 0 ||
	    op->dt_ms < 0 || op->dt_ms > DT_MAX ||
	    op->value_count > TR_FIELDS_MAX ||
	    op->actor.size > TR_ACTOR_MAX || !wire_utf8_ok(op->actor))
		return false;
	for (size_t i = 0; i < op->value_count; i++) {
		const struct rep_value *value = &op->values[i];

		if (value->field == 0 || value->act > TR_ACT_REMOVE ||
		    value->type > REP_VALUE_BYTES || check_value(value) != 0)
			return false;
	}
	return true;
}

/* A value in a oneof is written even if it is zero or empty. */
static void put_field(struct tr_pb_writer *w, const struct rep_value *value)
{
	tr_pb_put_tag(w, BODY_FIELD, TR_PB_BYTES);
	tr_pb_put_varint(w, field_size(value));
	tr_pb_put_uint(w, FIELD_ID, value->field);
	if (value->type == REP_VALUE_INT) {
		tr_pb_put_tag(w, FIELD_INT, TR_PB_VARINT);
		tr_pb_put_varint(w, tr_pb_zigzag(value->i));
	} else if (value->type != REP_VALUE_NONE) {
		tr_pb_put_tag(w,
		    value->type == REP_VALUE_TEXT ? FIELD_TEXT : FIELD_BYTES,
		    TR_PB_BYTES);
		tr_pb_put_varint(w, value->t.size);
		tr_pb_put_raw(w, value->t.data, value->t.size);
	}
	tr_pb_put_uint(w, FIELD_ACT, value->act);
}

size_t rep_op_encode(const struct rep_op *op, uint8_t *out, size_t cap)
{
	struct tr_pb_writer w = {out, out + cap, false};
	static const uint8_t flag = ENTRY_WHOLE;
	size_t size;

	if (!can_encode(op))
		return 0;
	tr_pb_put_raw(&w, &flag, 1);
	tr_pb_put_varint(&w, head_size(op));
	tr_pb_put_uint(&w, HEAD_KIND, op->kind);
	tr_pb_put_bytes(&w, HEAD_REC, op->rec.b, sizeof(op->rec.b));
	tr_pb_put_uint(&w, HEAD_DT, tr_pb_zigzag(op->dt_ms));
	tr_pb_put_uint(&w, HEAD_FLAGS, op->flags);
	tr_pb_put_varint(&w, body_size(op));
	tr_pb_put_uint(&w, BODY_TYPE, op->type);
	tr_pb_put_bytes(&w, BODY_ACTOR, op->actor.data, op->actor.size);
	for (size_t i = 0; i < op->value_count; i++)
		put_field(&w, &op->values[i]);
	size = (size_t)(w.at - out);
	return w.full || size > TR_OP_BYTES_MAX ? 0 : size;
}
