/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items of lists, elements of sets, cells of counts: rows of their own, so
 * that a record with 10,000 notes stays small.
 *
 * Keys begin with: record id, field be16.  Then
 *   list   hlc, author, seq, inc, item be16, SAYS values: tag, log, at, i, actor, text
 *   set    8 bytes of text, 8 of its hash,
 *          author, inc, seq, hlc, SAYS            values: tag, log, at, hlc, actor, text
 *   count  author, inc                            values: tag, log, at, hlc, seq, i, actor
 * SAYS = 8 bytes of a hash over at, i, actor and text, then the handle of the
 * log's row: two branches of a log have two ops for one sequence, both stay,
 * and everywhere in one order.
 * A set's key begins with its text, so that adding and removing look at the
 * rows of one element only.  The tag is the merge kind.
 */
#include <string.h>

#include <sodium/crypto_generichash.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "proto/wire.h"
#include "replication/record_int.h"

#define ID_SIZE sizeof(struct tr_rec_id)
#define PREFIX_SIZE (ID_SIZE + 2)
#define ELEMENT_SIZE (PREFIX_SIZE + 16) /* with the text's bytes and hash */
#define SAYS_SIZE 12
#define LIST_KEY_SIZE (PREFIX_SIZE + 4 * 8 + 2 + SAYS_SIZE)
#define SET_KEY_SIZE (ELEMENT_SIZE + 4 * 8 + SAYS_SIZE)
#define COUNT_KEY_SIZE (PREFIX_SIZE + 2 * 8)

/* A row without its text: numbers, two lengths, an actor. */
#define ROW_HEAD_MAX (96 + TR_ACTOR_MAX)

struct key {
	uint8_t b[sizeof(((struct rep_row_cursor *)0)->key)];
	size_t size;
};

_Static_assert(SET_KEY_SIZE <= sizeof(((struct key *)0)->b), "cursor.key");

static void key_u16(struct key *key, uint16_t v)
{
	wire_put_be16(key->b + key->size, v);
	key->size += 2;
}

static void key_u64(struct key *key, uint64_t v)
{
	wire_put_be64(key->b + key->size, v);
	key->size += 8;
}

static void key_says(struct key *key, const struct rep_cause *cause, int64_t at_ms, int64_t i, struct tr_bytes actor,
    struct tr_bytes text)
{
	crypto_generichash_state state;
	uint8_t head[24], hash[crypto_generichash_BYTES_MIN];

	wire_put_be64(head, (uint64_t)at_ms);
	wire_put_be64(head + 8, (uint64_t)i);
	wire_put_be64(head + 16, actor.size);
	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	crypto_generichash_update(&state, head, sizeof(head));
	if (actor.size > 0)
		crypto_generichash_update(&state, actor.data, actor.size);
	if (text.size > 0)
		crypto_generichash_update(&state, text.data, text.size);
	crypto_generichash_final(&state, hash, sizeof(hash));
	memcpy(key->b + key->size, hash, 8);
	wire_put_be32(key->b + key->size + 8, cause->dot.log);
	key->size += SAYS_SIZE;
}

static struct key key_prefix(const struct tr_rec_id *id, uint16_t field)
{
	struct key key;

	memcpy(key.b, id->b, ID_SIZE);
	key.size = ID_SIZE;
	key_u16(&key, field);
	return key;
}

static struct tr_bytes key_bytes(const struct key *key)
{
	return (struct tr_bytes){key->b, key->size};
}

static struct key key_element(
    const struct tr_rec_id *id, uint16_t field, struct tr_bytes text)
{
	struct key key = key_prefix(id, field);
	uint8_t hash[crypto_generichash_BYTES_MIN];
	size_t head = text.size < 8 ? text.size : 8;

	memset(key.b + key.size, 0, 8);
	if (head > 0)
		memcpy(key.b + key.size, text.data, head);
	crypto_generichash(hash, sizeof(hash), text.data, text.size, NULL, 0);
	memcpy(key.b + key.size + 8, hash, 8);
	key.size += 16;
	return key;
}

static bool same_text(struct tr_bytes a, struct tr_bytes b)
{
	return a.size == b.size &&
	    (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* ------------------------------------------------------------------- parse */

static bool parse_key(struct rep_row *row, enum rep_merge_kind tag,
    struct tr_bytes key)
{
	const uint8_t *p = key.data + PREFIX_SIZE;

	switch (tag) {
	case REP_MERGE_LIST:
		if (key.size != LIST_KEY_SIZE)
			return false;
		row->hlc.v = wire_get_be64(p);
		row->author.v = wire_get_be64(p + 8);
		row->dot.seq = wire_get_be64(p + 16);
		row->inc = wire_get_be64(p + 24);
		return true;
	case REP_MERGE_SET:
		if (key.size != SET_KEY_SIZE)
			return false;
		row->author.v = wire_get_be64(p + 16);
		row->inc = wire_get_be64(p + 24);
		row->dot.seq = wire_get_be64(p + 32);
		return true;
	case REP_MERGE_COUNT:
		if (key.size != COUNT_KEY_SIZE)
			return false;
		row->author.v = wire_get_be64(p);
		row->inc = wire_get_be64(p + 8);
		return true;
	case REP_MERGE_FIXED:
	case REP_MERGE_AUTH:
	case REP_MERGE_GROUND:
	case REP_MERGE_FLOW:
	case REP_MERGE_LWW:
	case REP_MERGE_ASK:
		break;
	}
	return false;
}

static bool parse_signed(struct tr_pb_reader *r, int64_t *out)
{
	uint64_t v;

	if (!tr_pb_varint(r, &v))
		return false;
	*out = tr_pb_unzigzag(v);
	return true;
}

static bool parse(struct rep_row *row, struct tr_bytes key, struct tr_bytes value)
{
	struct tr_pb_reader r;
	enum rep_merge_kind tag;
	uint64_t log;

	if (key.size < PREFIX_SIZE || value.size < 1)
		return false;
	*row = (struct rep_row){.i = -1};
	row->field = wire_get_be16(key.data + ID_SIZE);
	tag = (enum rep_merge_kind)value.data[0];
	tr_pb_begin(&r, value);
	r.at++;
	if (!parse_key(row, tag, key) || !tr_pb_varint(&r, &log) ||
	    log > UINT32_MAX || !parse_signed(&r, &row->at_ms))
		return false;
	row->dot.log = (uint32_t)log;
	if (tag != REP_MERGE_LIST && !tr_pb_fixed(&r, 8, &row->hlc.v))
		return false;
	if (tag == REP_MERGE_COUNT && !tr_pb_varint(&r, &row->dot.seq))
		return false;
	if (tag != REP_MERGE_SET && !parse_signed(&r, &row->i))
		return false;
	if (!tr_pb_span(&r, &row->actor))
		return false;
	if (tag != REP_MERGE_COUNT && !tr_pb_span(&r, &row->text))
		return false;
	return !tr_pb_more(&r);
}

/* First row at or after `from` (after it when `after`) with its prefix of
 * `prefix` bytes.  0; TR_E_NOTFOUND; TR_E_DAMAGED; others. */
static int seek_row(const struct rep_view *view, const struct key *from,
    bool after, size_t prefix, struct key *at, struct rep_row *out)
{
	struct tr_bytes key, value;
	int rc = rep_seek(view, REP_T_ROW, key_bytes(from), after, &key, &value);

	if (rc != 0)
		return rc;
	if (key.size < prefix || memcmp(key.data, from->b, prefix) != 0)
		return TR_E_NOTFOUND;
	if (key.size > sizeof(at->b) || !parse(out, key, value))
		return TR_E_DAMAGED;
	memmove(at->b, key.data, key.size);
	at->size = key.size;
	return 0;
}

static int next_row(const struct rep_view *view, const struct tr_rec_id *id,
    uint16_t field, struct rep_row_cursor *cursor, struct rep_row *out)
{
	struct key from = key_prefix(id, field);
	struct key at;
	int rc;

	if (cursor->started) {
		TR_ASSERT(cursor->key_size <= sizeof(from.b));
		memcpy(from.b, cursor->key, cursor->key_size);
		from.size = cursor->key_size;
	}
	rc = seek_row(view, &from, cursor->started, PREFIX_SIZE, &at, out);
	if (rc != 0)
		return rc;
	memcpy(cursor->key, at.b, at.size);
	cursor->key_size = at.size;
	cursor->started = true;
	return 0;
}

int rep_record_rows_all(const struct rep_view *view,
    const struct tr_rec_id *id, uint16_t field, struct rep_row_cursor *cursor,
    struct rep_row *out)
{
	return next_row(view, id, field, cursor, out);
}

int rep_record_rows(const struct rep_view *view, const struct tr_rec_id *id,
    uint16_t field, struct rep_row_cursor *cursor, struct rep_row *out)
{
	struct rep_row_cursor last = *cursor;
	int rc;

	do /* an element that several added is shown once */
		rc = next_row(view, id, field, cursor, out);
	while (rc == 0 && last.started && last.key_size == SET_KEY_SIZE &&
	    cursor->key_size == SET_KEY_SIZE &&
	    memcmp(last.key, cursor->key, ELEMENT_SIZE) == 0);
	return rc;
}

/* ------------------------------------------------------------------- write */

/* What every row of one op has in common. */
struct source {
	const struct rep_record *rec;
	const struct rep_view *view;
	const struct rep_op *op;
	const struct rep_cause *cause;
	int64_t at_ms;
};

static struct tr_pb_writer row_begin(
    const struct source *s, uint8_t *buf, size_t cap, enum rep_merge_kind tag)
{
	struct tr_pb_writer w = {buf, buf + cap, false};
	uint8_t byte = (uint8_t)tag;

	tr_pb_put_raw(&w, &byte, 1);
	tr_pb_put_varint(&w, s->cause->dot.log);
	tr_pb_put_varint(&w, tr_pb_zigzag(s->at_ms));
	return w;
}

static void row_hlc(struct tr_pb_writer *w, struct tr_hlc hlc)
{
	uint8_t b[8];

	wire_put_le64(b, hlc.v);
	tr_pb_put_raw(w, b, sizeof(b));
}

static void row_span(struct tr_pb_writer *w, struct tr_bytes bytes)
{
	tr_pb_put_varint(w, bytes.size);
	tr_pb_put_raw(w, bytes.data, bytes.size);
}

static int row_put(const struct source *s, const struct key *key,
    const uint8_t *buf, const struct tr_pb_writer *w)
{
	TR_ASSERT(!w->full); /* the op's own bounds are tighter */
	return rep_put(s->view, REP_T_ROW, key_bytes(key),
	    (struct tr_bytes){buf, (size_t)(w->at - buf)});
}

static int put_item(const struct source *s, uint16_t field, uint16_t item,
    struct tr_bytes text, int64_t i)
{
	uint8_t buf[ROW_HEAD_MAX + TR_TEXT_MAX];
	struct tr_pb_writer w = row_begin(s, buf, sizeof(buf), REP_MERGE_LIST);
	struct key key = key_prefix(&s->rec->id, field);

	key_u64(&key, s->cause->hlc.v);
	key_u64(&key, s->cause->author.v);
	key_u64(&key, s->cause->dot.seq);
	key_u64(&key, s->cause->inc);
	key_u16(&key, item);
	key_says(&key, s->cause, s->at_ms, i, s->op->actor, text);
	tr_pb_put_varint(&w, tr_pb_zigzag(i));
	row_span(&w, s->op->actor);
	row_span(&w, text);
	return row_put(s, &key, buf, &w);
}

/* The integer that goes with the texts of a list group; NULL if none. */
static const struct rep_value *number_of(
    const struct rep_record *rec, const struct rep_op *op, uint16_t group)
{
	for (size_t i = 0; i < op->value_count; i++) {
		const struct rep_field *f =
		    rep_schema_field(rec->kind, op->values[i].field);

		if (f != NULL && f->group_id == group &&
		    f->merge == REP_MERGE_LIST && f->type == REP_TYPE_INT)
			return &op->values[i];
	}
	return NULL;
}

static bool has_text(
    const struct rep_record *rec, const struct rep_op *op, uint16_t group)
{
	for (size_t i = 0; i < op->value_count; i++) {
		const struct rep_field *f =
		    rep_schema_field(rec->kind, op->values[i].field);

		if (f != NULL && f->group_id == group &&
		    f->merge == REP_MERGE_LIST && f->type == REP_TYPE_TEXT)
			return true;
	}
	return false;
}

/* A value that makes a row: each text, and a number that has no text. */
static bool makes_item(const struct rep_record *rec, const struct rep_op *op,
    const struct rep_field *f)
{
	return f->merge == REP_MERGE_LIST &&
	    (f->type == REP_TYPE_TEXT || !has_text(rec, op, f->group_id));
}

static int apply_list(const struct source *s, const struct rep_field *f,
    const struct rep_value *v, uint16_t item)
{
	const struct rep_value *n = number_of(s->rec, s->op, f->group_id);
	struct tr_bytes text = {NULL, 0};

	if (v->type == REP_VALUE_TEXT)
		text = v->t;
	return put_item(s, f->group_id, item, text, n != NULL ? n->i : -1);
}

/* Deletes the rows of this element that the op has seen: a remove takes no
 * more than that, an add puts itself in their place. */
static int drop_seen(const struct source *s, const struct key *element,
    struct tr_bytes text)
{
	struct key from = *element;
	struct rep_row row;
	bool after = false;
	int rc;

	if (s->rec->version == 0)
		return 0; /* a new record has no rows */
	for (;;) {
		rc = seek_row(s->view, &from, after, ELEMENT_SIZE, &from, &row);
		if (rc != 0)
			return rc == TR_E_NOTFOUND ? 0 : rc;
		after = true;
		if (!rep_cause_has(s->cause, row.dot) ||
		    !same_text(row.text, text))
			continue;
		rc = rep_del(s->view, REP_T_ROW, key_bytes(&from));
		if (rc != 0)
			return rc;
	}
}

static int apply_set(const struct source *s, const struct rep_field *f,
    const struct rep_value *v)
{
	uint8_t buf[ROW_HEAD_MAX + TR_TEXT_MAX];
	struct key key = key_element(&s->rec->id, f->id, v->t);
	struct tr_pb_writer w;
	int rc = drop_seen(s, &key, v->t);

	if (rc != 0 || v->act == TR_ACT_REMOVE)
		return rc;
	w = row_begin(s, buf, sizeof(buf), REP_MERGE_SET);
	key_u64(&key, s->cause->author.v);
	key_u64(&key, s->cause->inc);
	key_u64(&key, s->cause->dot.seq);
	key_u64(&key, s->cause->hlc.v);
	key_says(&key, s->cause, s->at_ms, -1, s->op->actor, v->t);
	row_hlc(&w, s->cause->hlc);
	row_span(&w, s->op->actor);
	row_span(&w, v->t);
	return row_put(s, &key, buf, &w);
}

/* Of two ops with one total: the earlier in its log; of two branches any, but everywhere the same. */
static bool is_before(const struct source *s, const struct rep_row *row)
{
	const struct rep_cause *cause = s->cause;
	size_t size = row->actor.size < s->op->actor.size ? row->actor.size : s->op->actor.size;
	int c;

	if (cause->dot.seq != row->dot.seq)
		return cause->dot.seq < row->dot.seq;
	if (cause->hlc.v != row->hlc.v)
		return cause->hlc.v < row->hlc.v;
	if (s->at_ms != row->at_ms)
		return s->at_ms < row->at_ms;
	c = size > 0 ? memcmp(s->op->actor.data, row->actor.data, size) : 0;
	return c != 0 ? c < 0 : s->op->actor.size < row->actor.size;
}

/* A running total per author and incarnation; the largest stays. */
static int apply_count(const struct source *s, const struct rep_field *f,
    const struct rep_value *v)
{
	uint8_t buf[ROW_HEAD_MAX];
	struct key key = key_prefix(&s->rec->id, f->id);
	struct tr_pb_writer w;
	struct tr_bytes old;
	struct rep_row row;
	int rc;

	key_u64(&key, s->cause->author.v);
	key_u64(&key, s->cause->inc);
	rc = rep_get(s->view, REP_T_ROW, key_bytes(&key), &old);
	if (rc != 0 && rc != TR_E_NOTFOUND)
		return rc;
	if (rc == 0) {
		if (!parse(&row, key_bytes(&key), old))
			return TR_E_DAMAGED;
		if (row.i > v->i || (row.i == v->i && !is_before(s, &row)))
			return 0;
	}
	w = row_begin(s, buf, sizeof(buf), REP_MERGE_COUNT);
	row_hlc(&w, s->cause->hlc);
	tr_pb_put_varint(&w, s->cause->dot.seq);
	tr_pb_put_varint(&w, tr_pb_zigzag(v->i));
	row_span(&w, s->op->actor);
	return row_put(s, &key, buf, &w);
}

int rep_record_rows_apply(const struct rep_record *rec,
    const struct rep_view *view, const struct rep_op *op,
    const struct rep_cause *cause, int64_t at_ms)
{
	const struct source s = {rec, view, op, cause, at_ms};
	int rc = 0;

	for (uint16_t i = 0; i < op->value_count && rc == 0; i++) {
		const struct rep_value *v = &op->values[i];
		const struct rep_field *f = rep_schema_field(rec->kind, v->field);

		if (f->merge == REP_MERGE_SET)
			rc = apply_set(&s, f, v);
		else if (f->merge == REP_MERGE_COUNT)
			rc = apply_count(&s, f, v);
		else if (makes_item(rec, op, f))
			rc = apply_list(&s, f, v, i);
	}
	return rc;
}

uint32_t rep_record_rows_items(
    const struct rep_record *rec, const struct rep_op *op)
{
	uint32_t items = 0;

	for (size_t i = 0; i < op->value_count; i++) {
		const struct rep_field *f =
		    rep_schema_field(rec->kind, op->values[i].field);

		if (f != NULL && makes_item(rec, op, f))
			items++;
	}
	return items;
}

/* ------------------------------------------------------- to another store */

bool rep_record_row_read(struct rep_row *row, struct tr_bytes key, struct tr_bytes value)
{
	return parse(row, key, value);
}

bool rep_record_row_carry(struct rep_carried *out, struct tr_bytes key, struct tr_bytes value, uint32_t handle)
{
	struct rep_cause cause = {.dot = {handle, 0}};
	struct tr_rec_id id;
	struct rep_row row;
	struct tr_pb_writer w;
	struct source s = {.cause = &cause};
	struct key k;
	enum rep_merge_kind tag;

	if (!parse(&row, key, value) || row.actor.size > TR_ACTOR_MAX || row.text.size > TR_TEXT_MAX)
		return false;
	tag = (enum rep_merge_kind)value.data[0];
	memcpy(id.b, key.data, ID_SIZE);
	s.at_ms = row.at_ms;
	w = row_begin(&s, out->value, sizeof(out->value), tag);
	k = tag == REP_MERGE_SET ? key_element(&id, row.field, row.text) : key_prefix(&id, row.field);
	if (tag == REP_MERGE_LIST)
		key_u64(&k, row.hlc.v);
	key_u64(&k, row.author.v);
	if (tag == REP_MERGE_LIST) {
		key_u64(&k, row.dot.seq);
		key_u64(&k, row.inc);
		key_u16(&k, wire_get_be16(key.data + PREFIX_SIZE + 4 * 8));
	} else {
		key_u64(&k, row.inc);
	}
	if (tag == REP_MERGE_SET) {
		key_u64(&k, row.dot.seq);
		key_u64(&k, row.hlc.v);
	}
	if (tag != REP_MERGE_COUNT)
		key_says(&k, &cause, row.at_ms, row.i, row.actor, row.text);
	if (tag != REP_MERGE_LIST)
		row_hlc(&w, row.hlc);
	if (tag == REP_MERGE_COUNT)
		tr_pb_put_varint(&w, row.dot.seq);
	if (tag != REP_MERGE_SET)
		tr_pb_put_varint(&w, tr_pb_zigzag(row.i));
	row_span(&w, row.actor);
	if (tag != REP_MERGE_COUNT)
		row_span(&w, row.text);
	memcpy(out->key, k.b, k.size);
	out->key_size = k.size;
	out->value_size = (size_t)(w.at - out->value);
	return !w.full;
}
