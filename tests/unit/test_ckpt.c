/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checkpoints: the root over the states of a domain and the op that says it.
 * Under test: replication/ckpt, replication/ckpt_op.  Promises: those of
 * docs/protocol.md "Checkpoints".  Method: roots that Python's hashlib made
 * from the text of that section, and the state in "The state of a record, as
 * bytes"; encodings that break one bound each.
 */
// needs: tests/lib/memview.o
#include "replication/ckpt.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/ckpt_op.h"
#include "replication/merge.h"
#include "tests/lib/memview.h"
#include "tests/unit/unit.h"

#define SCOPE ((struct tr_nid){0x1122334455667788})

static void expect_hex(const struct tr_hash *hash, const char *hex)
{
	char got[65];

	for (size_t i = 0; i < 32; i++)
		snprintf(got + 2 * i, 3, "%02x", hash->b[i]);
	assert_string_equal(got, hex);
}

static void add(struct rep_ckpt_root *root, uint8_t first, uint8_t kind, uint32_t version, uint64_t changed,
    uint32_t items, uint8_t fill)
{
	struct rep_record *rec = calloc(1, sizeof(*rec));
	struct tr_hash state;

	assert_non_null(rec);
	for (uint8_t i = 0; i < 16; i++)
		rec->id.b[i] = (uint8_t)(first + i);
	rec->kind = kind;
	rec->version = version;
	rec->changed.v = changed;
	rec->list_count = items;
	memset(state.b, fill, sizeof(state.b));
	rep_ckpt_root_add(root, rec, &state);
	free(rec);
}

static void golden_roots(void **state)
{
	struct rep_ckpt_root *root = malloc(sizeof(*root));
	struct tr_hash hash;

	(void)state;
	assert_non_null(root);
	rep_ckpt_root_begin(root);
	rep_ckpt_root_end(root, SCOPE, TR_LANE_R, &hash);
	expect_hex(&hash, "26a3a9333f71341602b440d6ac7bff99f0b67df1e690cecd555da264ebaadd3b");
	rep_ckpt_root_begin(root);
	add(root, 0, TR_KIND_CASE, 3, 0x0123456789abcdef, 2, 0xaa);
	rep_ckpt_root_end(root, SCOPE, TR_LANE_R, &hash);
	expect_hex(&hash, "9d0a1bf8e39361cd7b06efe1c8199bb0ebc52ea1162e500e2d1ccacfa78fd9e2");
	rep_ckpt_root_begin(root);
	add(root, 0, TR_KIND_CASE, 3, 0x0123456789abcdef, 2, 0xaa);
	add(root, 1, TR_KIND_DIRECTIVE, 1, 7, 0, 0xbb);
	assert_int_equal(root->records, 2);
	rep_ckpt_root_end(root, SCOPE, TR_LANE_R, &hash);
	expect_hex(&hash, "1c1da87ab8d87467418b70f74123bf980713254b1b1346e9d2ccc854647b3992");
	free(root);
}

static void golden_state(void **state)
{
	static const struct tr_rec_id id = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}};
	const struct rep_cause cause = {.dot = {1, 1}, .author = {1003}, .inc = 7, .level = 2, .caps = TR_CAP_INTAKE,
	    .hlc = {65536}, .clockq = 1};
	struct rep_op *op = calloc(1, sizeof(*op));
	struct rep_record *rec = calloc(1, sizeof(*rec));
	struct rep_ckpt_root *root = malloc(sizeof(*root));
	struct memview *mv = memview_create();
	struct rep_view view = memview_view(mv);
	struct rep_applied applied;
	struct tr_hash hash;

	(void)state;
	assert_non_null(op);
	assert_non_null(rec);
	assert_non_null(root);
	*op = (struct rep_op){.kind = TR_OP_CREATE, .rec = id, .has_body = true, .type = TR_KIND_CASE, .value_count = 1};
	op->values[0] = (struct rep_value){.field = 14, .type = REP_VALUE_TEXT, .t = {(const uint8_t *)"t", 1}};
	rep_record_init(rec, TR_KIND_CASE, &id, cause.author, TR_LANE_R);
	assert_int_equal(rep_merge_apply(rec, &view, op, &cause, &applied), 0);
	assert_int_equal(applied.verdict, REP_VALID);
	assert_int_equal(rep_record_state_hash(rec, &view, &hash), 0);
	expect_hex(&hash, "4d95510954551cb07f54ba1f3b53a7097cfba8eb54c2eda82880986cb9ebf103");
	rep_ckpt_root_begin(root);
	rep_ckpt_root_add(root, rec, &hash);
	rep_ckpt_root_end(root, cause.author, TR_LANE_R, &hash);
	expect_hex(&hash, "b66722f2be60058d8b46e3133fc191260c716ae14512af3ab8d14dbab88172b8");
	memview_free(mv);
	free(root);
	free(rec);
	free(op);
}

static struct rep_ckpt_op sample(uint16_t count)
{
	struct rep_ckpt_op c = {.state_ver = TR_STATE_VER, .records = 5, .number = 9, .count = count};

	memset(c.root.b, 0x5a, sizeof(c.root.b));
	for (uint16_t i = 0; i < count; i++) {
		c.f[i] = (struct rep_ckpt_log){.author = {10u + i / 2u}, .inc = 100u + i, .seq = 1000000u + i};
		memset(c.f[i].h16, i, 16);
	}
	return c;
}

static void comes_back_as_it_was(void **state)
{
	struct rep_ckpt_op c = sample(TR_VECTOR_MAX), back;
	uint8_t bytes[REP_CKPT_OP_BYTES_MAX];
	size_t size = rep_ckpt_op_encode(&c, bytes, sizeof(bytes));

	(void)state;
	assert_true(size > 0);
	assert_int_equal(rep_ckpt_op_decode(&back, (struct tr_bytes){bytes, size}), 0);
	assert_int_equal(back.count, TR_VECTOR_MAX);
	assert_int_equal(back.records, 5);
	assert_int_equal(back.number, 9);
	assert_memory_equal(back.root.b, c.root.b, 32);
	for (uint16_t i = 0; i < c.count; i++) {
		assert_int_equal(back.f[i].author.v, c.f[i].author.v);
		assert_int_equal(back.f[i].inc, c.f[i].inc);
		assert_int_equal(back.f[i].seq, c.f[i].seq);
		assert_memory_equal(back.f[i].h16, c.f[i].h16, 16);
	}
	assert_int_equal(rep_ckpt_op_encode(&c, bytes, size - 1), 0);
}

static int decode_of(const struct rep_ckpt_op *c)
{
	struct rep_ckpt_op back;
	uint8_t bytes[REP_CKPT_OP_BYTES_MAX];
	size_t size = rep_ckpt_op_encode(c, bytes, sizeof(bytes));

	assert_true(size > 0);
	return rep_ckpt_op_decode(&back, (struct tr_bytes){bytes, size});
}

static void what_breaks_a_bound_is_refused(void **state)
{
	struct rep_ckpt_op c = sample(4), back;
	uint8_t bytes[2 * REP_CKPT_OP_BYTES_MAX];
	size_t size;

	(void)state;
	c.f[1].author = c.f[2].author; /* out of order */
	c.f[1].inc = 200;
	assert_int_equal(decode_of(&c), TR_E_INPUT);
	c = sample(4);
	c.f[3] = c.f[2]; /* twice */
	assert_int_equal(decode_of(&c), TR_E_INPUT);
	c = sample(4);
	c.f[0].seq = 0;
	assert_int_equal(decode_of(&c), TR_E_INPUT);
	c = sample(4);
	c.f[0].seq = TR_SEQ_MAX + 1;
	assert_int_equal(decode_of(&c), TR_E_INPUT);
	c = sample(4);
	c.f[2].inc = 0;
	assert_int_equal(decode_of(&c), TR_E_INPUT);
	c = sample(0); /* of nothing */
	assert_int_equal(decode_of(&c), TR_E_INPUT);
	/* one log too many */
	c = sample(TR_VECTOR_MAX);
	size = rep_ckpt_op_encode(&c, bytes, sizeof(bytes));
	c = sample(1);
	c.f[0].author.v = 1000;
	size += rep_ckpt_op_encode(&c, bytes + size, sizeof(bytes) - size);
	assert_int_not_equal(rep_ckpt_op_decode(&back, (struct tr_bytes){bytes, size}), 0);
	/* cut short anywhere: never read beyond, never taken for whole with another end */
	c = sample(3);
	size = rep_ckpt_op_encode(&c, bytes, sizeof(bytes));
	for (size_t i = 0; i < size; i++)
		if (rep_ckpt_op_decode(&back, (struct tr_bytes){bytes, i}) == 0)
			assert_true(back.count < 3);
	assert_int_equal(rep_ckpt_op_decode(&back, (struct tr_bytes){NULL, 0}), TR_E_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(golden_roots),
	    cmocka_unit_test(golden_state),
	    cmocka_unit_test(comes_back_as_it_was),
	    cmocka_unit_test(what_breaks_a_bound_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
