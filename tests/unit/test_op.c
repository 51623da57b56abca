/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the hand-written coding of ops is record.proto, strict, and loses
 * nothing.  Method: protobuf-c as the second opinion, random ops, damage.
 */
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "proto/record.pb-c.h"
#include "proto/wire.h"
#include "replication/op.h"

#define ROUNDS 3000

static uint8_t buf[TR_OP_BYTES_MAX + 64];
static uint8_t pool[TR_TEXT_MAX + 1];
static struct rep_op op, back;

static void plain_op(struct rep_op *o)
{
	memset(o, 0, sizeof(*o));
	o->kind = TR_OP_CREATE;
	o->type = TR_KIND_CASE;
	o->has_body = true;
	for (uint8_t i = 0; i < 16; i++)
		o->rec.b[i] = (uint8_t)(i + 1);
}

static void add_text(struct rep_op *o, uint16_t field, const char *text)
{
	o->values[o->value_count++] = (struct rep_value){
	    .field = field, .type = REP_VALUE_TEXT, .t = UNIT_TEXT(text)};
}

static void random_op(struct rep_op *o, uint64_t *seed)
{
	plain_op(o);
	o->kind = (uint32_t)(1 + unit_random(seed) % 5);
	o->type = (uint8_t)(1 + unit_random(seed) % 255);
	o->dt_ms = (int64_t)(unit_random(seed) >> (16 + unit_random(seed) % 48));
	o->flags = (uint32_t)(unit_random(seed) % 3);
	unit_random_fill(seed, o->rec.b, sizeof(o->rec.b));
	o->actor = (struct tr_bytes){pool, unit_random(seed) % (TR_ACTOR_MAX + 1)};
	o->value_count = (uint16_t)(unit_random(seed) % (TR_FIELDS_MAX + 1));
	for (size_t i = 0; i < o->value_count; i++) {
		struct rep_value *v = &o->values[i];

		v->field = (uint16_t)(1 + unit_random(seed) % UINT16_MAX);
		v->act = (uint8_t)(unit_random(seed) % 3);
		v->type = (uint8_t)(unit_random(seed) % 4);
		if (v->type == REP_VALUE_INT)
			v->i = (int64_t)unit_random(seed) >> unit_random(seed) % 64;
		else if (v->type != REP_VALUE_NONE)
			v->t = (struct tr_bytes){pool, unit_random(seed) % 300};
	}
}

static void assert_same_bytes(struct tr_bytes a, struct tr_bytes b)
{
	assert_int_equal(a.size, b.size);
	if (a.size > 0)
		assert_memory_equal(a.data, b.data, a.size);
}

static void assert_same_op(const struct rep_op *a, const struct rep_op *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_memory_equal(a->rec.b, b->rec.b, 16);
	assert_true(a->dt_ms == b->dt_ms);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->type, b->type);
	assert_same_bytes(a->actor, b->actor);
	assert_int_equal(a->value_count, b->value_count);
	for (size_t i = 0; i < a->value_count; i++) {
		assert_int_equal(a->values[i].field, b->values[i].field);
		assert_int_equal(a->values[i].act, b->values[i].act);
		assert_int_equal(a->values[i].type, b->values[i].type);
		assert_true(a->values[i].i == b->values[i].i);
		assert_same_bytes(a->values[i].t, b->values[i].t);
	}
}

static void an_op_reads_back_as_it_was_written(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t size;

		random_op(&op, &seed);
		size = rep_op_encode(&op, buf, sizeof(buf));
		assert_true(size > 0);
		assert_int_equal(rep_op_decode(&back, (struct tr_bytes){buf, size}), 0);
		assert_true(back.has_body);
		assert_same_op(&op, &back);
	}
}

static size_t pack_value(const struct rep_value *v, Terrace__Field *f)
{
	ProtobufCBinaryData t = {v->t.size, pool};

	terrace__field__init(f);
	f->id = v->field;
	f->act = v->act;
	if (v->type == REP_VALUE_INT) {
		f->v_case = TERRACE__FIELD__V_I;
		f->i = v->i;
	} else if (v->type == REP_VALUE_TEXT) {
		f->v_case = TERRACE__FIELD__V_T;
		f->t = t;
	} else if (v->type == REP_VALUE_BYTES) {
		f->v_case = TERRACE__FIELD__V_B;
		f->b = t;
	}
	return 1;
}

/* The entry as protobuf-c packs it. */
static size_t pack_entry(struct rep_op *o, uint8_t *out)
{
	static Terrace__Field fields[TR_FIELDS_MAX];
	Terrace__Field *list[TR_FIELDS_MAX];
	Terrace__OpHead head = TERRACE__OP_HEAD__INIT;
	Terrace__OpBody body = TERRACE__OP_BODY__INIT;
	size_t n = 0;

	head.kind = o->kind;
	head.rec = (ProtobufCBinaryData){16, o->rec.b};
	head.dt_ms = o->dt_ms;
	head.flags = o->flags;
	body.type = o->type;
	body.actor = (ProtobufCBinaryData){o->actor.size, pool};
	for (size_t i = 0; i < o->value_count; i++) {
		pack_value(&o->values[i], &fields[i]);
		list[i] = &fields[i];
	}
	body.n_f = o->value_count;
	body.f = list;
	out[n++] = 1;
	n += wire_varint_put(out + n, terrace__op_head__get_packed_size(&head));
	n += terrace__op_head__pack(&head, out + n);
	n += wire_varint_put(out + n, terrace__op_body__get_packed_size(&body));
	n += terrace__op_body__pack(&body, out + n);
	return n;
}

static void the_bytes_are_those_of_protobuf(void **state)
{
	static uint8_t want[sizeof(buf)];
	uint64_t seed = 2;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t size, n;

		random_op(&op, &seed);
		size = rep_op_encode(&op, buf, sizeof(buf));
		n = pack_entry(&op, want);
		assert_int_equal(size, n);
		assert_memory_equal(buf, want, n);
	}
}

static void golden_op_keeps_its_bytes_and_leaf(void **state)
{
	struct tr_hash leaf;
	size_t size;

	(void)state;
	plain_op(&op);
	op.dt_ms = 1500;
	op.flags = TR_OPF_IMPORTED;
	op.actor = UNIT_TEXT("w-17");
	add_text(&op, 1, "311");
	add_text(&op, 2, "2024-0001");
	add_text(&op, 14, "路灯不亮");
	op.values[op.value_count++] = (struct rep_value){
	    .field = 20, .type = REP_VALUE_INT, .i = -399042000};
	op.values[op.value_count++] = (struct rep_value){
	    .field = 60, .act = TR_ACT_ADD, .type = REP_VALUE_TEXT, .t = UNIT_TEXT("winter")};
	op.values[op.value_count++] = (struct rep_value){.field = 33};
	size = rep_op_encode(&op, buf, sizeof(buf));
	unit_golden_check("op", buf, size);
	assert_int_equal(rep_op_leaf(&leaf, (struct tr_bytes){buf, size}), 0);
	unit_golden_check("op-leaf", leaf.b, sizeof(leaf.b));
}

static void a_cut_entry_is_refused_at_every_length(void **state)
{
	uint64_t seed = 3;
	size_t size;

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		random_op(&op, &seed);
		size = rep_op_encode(&op, buf, sizeof(buf));
		for (size_t n = 0; n < size; n++) {
			struct tr_hash leaf;
			struct tr_bytes cut = {buf, n};

			assert_int_not_equal(rep_op_decode(&back, cut), 0);
			assert_int_not_equal(rep_op_leaf(&leaf, cut), 0);
		}
		buf[size] = 0;
		assert_int_equal(rep_op_decode(&back, (struct tr_bytes){buf, size + 1}), TR_E_INPUT);
	}
}

static void flipped_bits_never_break_the_reader(void **state)
{
	uint64_t seed = 4;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		size_t size;
		uint8_t *exact; /* so that a sanitizer sees one byte too far */

		random_op(&op, &seed);
		size = rep_op_encode(&op, buf, sizeof(buf));
		exact = malloc(size);
		assert_non_null(exact);
		memcpy(exact, buf, size);
		for (unsigned k = 0; k < 1 + i % 4; k++)
			exact[unit_random(&seed) % size] ^= (uint8_t)(1u << unit_random(&seed) % 8);
		if (rep_op_decode(&back, (struct tr_bytes){exact, size}) == 0) {
			assert_true(back.value_count <= TR_FIELDS_MAX);
			assert_true(back.actor.size <= TR_ACTOR_MAX);
		}
		free(exact);
	}
}

static void a_pruned_op_keeps_its_leaf(void **state)
{
	struct tr_hash whole, pruned, hash;
	uint8_t entry[256];
	size_t size, head;

	(void)state;
	plain_op(&op);
	add_text(&op, 14, "x");
	size = rep_op_encode(&op, buf, sizeof(buf));
	head = 2u + buf[1];
	assert_int_equal(rep_op_leaf(&whole, (struct tr_bytes){buf, size}), 0);
	memcpy(entry, buf, head);
	entry[0] = 0;
	/* The body's hash, as the author of the erasure leaves it. */
	assert_int_equal(unit_golden_read("op-pruned-body", hash.b, 32), 32);
	memcpy(entry + head, hash.b, 32);
	assert_int_equal(rep_op_leaf(&pruned, (struct tr_bytes){entry, head + 32}), 0);
	assert_memory_equal(whole.b, pruned.b, 32);
	assert_int_equal(rep_op_decode(&back, (struct tr_bytes){entry, head + 32}), 0);
	assert_false(back.has_body);
	assert_int_equal(back.kind, TR_OP_CREATE);
	assert_int_equal(rep_op_decode(&back, (struct tr_bytes){entry, head + 31}), TR_E_INPUT);
	assert_int_equal(rep_op_decode(&back, (struct tr_bytes){entry, head + 33}), TR_E_INPUT);
}

/* flag 1, head {kind, rec}, then this body. */
static struct tr_bytes with_body(uint32_t kind, const uint8_t *body, size_t size)
{
	static uint8_t entry[TR_OP_BYTES_MAX + 64];
	size_t n = 0;

	entry[n++] = 1;
	entry[n++] = 20;
	entry[n++] = 0x08;
	entry[n++] = (uint8_t)kind;
	entry[n++] = 0x12;
	entry[n++] = 16;
	memset(entry + n, 7, 16);
	n += 16;
	n += wire_varint_put(entry + n, size);
	memcpy(entry + n, body, size);
	return (struct tr_bytes){entry, n + size};
}

static void bad_bodies_are_refused(void **state)
{
	static const struct {
		int rc;
		const char *why;
		uint8_t size, body[24];
	} rows[] = {
	    {0, "smallest", 2, {0x08, 1}},
	    {TR_E_INPUT, "no type", 0, {0}},
	    {TR_E_INPUT, "type twice", 4, {0x08, 1, 0x08, 1}},
	    {TR_E_INPUT, "type above 255", 3, {0x08, 0x80, 0x02}},
	    {TR_E_INPUT, "overlong varint", 3, {0x08, 0x81, 0x00}},
	    {TR_E_INPUT, "actor of another wire type", 4, {0x08, 1, 0x10, 1}},
	    {TR_E_UTF8, "actor not UTF-8", 5, {0x08, 1, 0x12, 1, 0xff}},
	    {TR_E_UTF8, "actor with NUL", 5, {0x08, 1, 0x12, 1, 0}},
	    {TR_E_INPUT, "field without id", 6, {0x08, 1, 0x1a, 2, 0x10, 2}},
	    {TR_E_INPUT, "two values", 10, {0x08, 1, 0x1a, 6, 0x08, 1, 0x10, 2, 0x10, 4}},
	    {TR_E_INPUT, "number and text", 10, {0x08, 1, 0x1a, 6, 0x08, 1, 0x10, 2, 0x1a, 0}},
	    {TR_E_INPUT, "field past the body", 4, {0x08, 1, 0x1a, 3}},
	    {TR_E_INPUT, "act 3", 8, {0x08, 1, 0x1a, 4, 0x08, 1, 0x30, 3}},
	    {TR_E_INPUT, "field id above 65535", 8, {0x08, 1, 0x1a, 4, 0x08, 0x80, 0x80, 0x04}},
	    {TR_E_UTF8, "text not UTF-8", 9, {0x08, 1, 0x1a, 5, 0x08, 1, 0x1a, 1, 0xc0}},
	    {0, "bytes need not be UTF-8", 9, {0x08, 1, 0x1a, 5, 0x08, 1, 0x22, 1, 0xc0}},
	    {0, "sealed is carried", 9, {0x08, 1, 0x1a, 5, 0x08, 1, 0x2a, 1, 0xc0}},
	    {0, "field of a later version", 5, {0x08, 1, 0x7a, 1, 9}},
	    {TR_E_INPUT, "group", 4, {0x08, 1, 0x0b, 0x0c}},
	    {TR_E_INPUT, "field number 0", 4, {0x08, 1, 0x00, 1}},
	    {TR_E_INPUT, "salt of 1 byte", 5, {0x08, 1, 0x22, 1, 1}},
	    {0, "salt", 20, {0x08, 1, 0x22, 16, 1}},
	    {TR_E_INPUT, "salt twice", 22, {0x08, 1, 0x22, 0, 0x22, 16, 1}},
	    {TR_E_INPUT, "group in a field", 7, {0x08, 1, 0x1a, 3, 0x08, 1, 0x7b}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int rc = rep_op_decode(&back, with_body(1, rows[i].body, rows[i].size));

		if (rc != rows[i].rc)
			fail_msg("%s: %s", rows[i].why, tr_err_code(rc));
	}
	/* The body of a kind that is not known is carried as it is. */
	assert_int_equal(rep_op_decode(&back, with_body(40, (const uint8_t *)"\xff\xff", 2)), 0);
	assert_int_equal(back.kind, 40);
	assert_int_equal(back.value_count, 0);
}

/* What a later version may put into a head is passed over; what nobody may is not. */
static void a_head_has_its_form(void **state)
{
	static const struct {
		int rc;
		uint8_t size, more[8];
	} rows[] = {{0, 0, {0}}, {0, 3, {0x7a, 1, 9}}, {TR_E_INPUT, 1, {0x7b}}, {TR_E_INPUT, 2, {0x08, 1}}, {TR_E_INPUT, 2, {0x12, 0}},
	    {0, 2, {0x18, 2}}, {TR_E_LIMIT, 2, {0x18, 1}}, {TR_E_INPUT, 3, {0x1a, 1, 1}}, {0, 2, {0x20, 1}}, {TR_E_INPUT, 4, {0x20, 1, 0x20, 1}}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t entry[64] = {1, (uint8_t)(20 + rows[i].size), 0x08, 1, 0x12, 16};

		memcpy(entry + 22, rows[i].more, rows[i].size);
		entry[22 + rows[i].size] = 2;
		entry[23 + rows[i].size] = 0x08;
		entry[24 + rows[i].size] = 1;
		if (rep_op_decode(&back, (struct tr_bytes){entry, 25u + rows[i].size}) != rows[i].rc)
			fail_msg("row %zu: %s", i, tr_err_code(rep_op_decode(&back, (struct tr_bytes){entry, 25u + rows[i].size})));
	}
}

static void bounds_hold_on_both_sides(void **state)
{
	static uint8_t body[TR_OP_BYTES_MAX], entry[TR_OP_BYTES_MAX + 1];
	struct tr_hash leaf;
	size_t n = 2;

	(void)state;
	assert_int_equal(rep_op_decode(&back, UNIT_BYTES(entry)), TR_E_LIMIT);
	assert_int_equal(rep_op_leaf(&leaf, UNIT_BYTES(entry)), TR_E_LIMIT);
	body[0] = 0x08;
	body[1] = 1;
	for (unsigned i = 0; i <= TR_FIELDS_MAX; i++) {
		const uint8_t field[4] = {0x1a, 2, 0x08, 1};

		assert_int_equal(rep_op_decode(&back, with_body(1, body, n)), 0);
		assert_int_equal(back.value_count, i);
		memcpy(body + n, field, 4);
		n += 4;
	}
	assert_int_equal(rep_op_decode(&back, with_body(1, body, n)), TR_E_LIMIT);

	plain_op(&op);
	op.values[0] = (struct rep_value){.field = 1, .type = REP_VALUE_TEXT, .t = {pool, TR_TEXT_MAX}};
	op.value_count = 1;
	assert_true(rep_op_encode(&op, buf, sizeof(buf)) > 0);
	op.values[0].t.size++;
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
	op.values[0].t.size = TR_TEXT_MAX;
	op.values[1] = op.values[0];
	op.value_count = 2; /* each fits, both do not */
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
}

static void encode_refuses_what_decode_would(void **state)
{
	(void)state;
	plain_op(&op);
	add_text(&op, 14, "ok");
	assert_true(rep_op_encode(&op, buf, sizeof(buf)) > 0);
	for (size_t cap = rep_op_encode(&op, buf, sizeof(buf)); cap-- > 0;)
		assert_int_equal(rep_op_encode(&op, buf, cap), 0);
	op.values[0].t = UNIT_TEXT("\xed\xa0\x80");
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
	plain_op(&op);
	op.dt_ms = -1;
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
	plain_op(&op);
	op.kind = 0;
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
	plain_op(&op);
	op.has_body = false;
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
	plain_op(&op);
	op.value_count = TR_FIELDS_MAX + 1;
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
	plain_op(&op);
	add_text(&op, 0, "a field without a number");
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
	op.values[0].field = 14;
	op.values[0].act = TR_ACT_REMOVE + 1;
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
	plain_op(&op);
	op.type = 0;
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
	plain_op(&op);
	op.actor = (struct tr_bytes){pool, TR_ACTOR_MAX + 1};
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
	plain_op(&op);
	op.values[0] = (struct rep_value){.field = 1, .type = REP_VALUE_SEALED, .t = {pool, 1}};
	op.value_count = 1;
	assert_int_equal(rep_op_encode(&op, buf, sizeof(buf)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_op_reads_back_as_it_was_written),
	    cmocka_unit_test(the_bytes_are_those_of_protobuf),
	    cmocka_unit_test(golden_op_keeps_its_bytes_and_leaf),
	    cmocka_unit_test(a_cut_entry_is_refused_at_every_length),
	    cmocka_unit_test(flipped_bits_never_break_the_reader),
	    cmocka_unit_test(a_pruned_op_keeps_its_leaf),
	    cmocka_unit_test(bad_bodies_are_refused),
	    cmocka_unit_test(a_head_has_its_form),
	    cmocka_unit_test(bounds_hold_on_both_sides),
	    cmocka_unit_test(encode_refuses_what_decode_would),
	};

	memset(pool, 'a', sizeof(pool));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
