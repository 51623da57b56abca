/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a row of a list, a set or a total that is not whole is said to be
 * damaged, by who reads it and by who writes on top of it. */
// needs: tests/lib/fold.o tests/lib/memview.o
#include "tests/unit/scene.h"

#include "proto/wire.h"

#define KEY_MAX 256

/* A case with a note, an element of a set and a total. */
static void begin(struct scene *s)
{
	scene_begin(s);
	fold_text(fold_op(&s->f, s->leaf, TR_OP_NOTE), NOTES, "deep");
	fold_text(fold_op(&s->f, s->leaf, TR_OP_TAG), CAMPAIGN, "spring");
	fold_int(fold_op(&s->f, s->leaf, TR_OP_COUNT), VISITS, 3);
	scene_fold(s);
}

static int read_rows(struct scene *s, uint16_t field)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	int rc;

	while ((rc = rep_record_rows(&s->n.view, &s->n.rec->id, field, &cursor, &row)) == 0)
		;
	return rc;
}

struct row { uint8_t key[KEY_MAX], value[512]; size_t key_size, value_size; uint16_t field; };

static struct row row_of(struct scene *s, uint16_t field)
{
	struct row out = {.field = field};
	struct tr_bytes key, value;
	uint8_t prefix[18];

	memcpy(prefix, s->n.rec->id.b, 16);
	wire_put_be16(prefix + 16, field);
	assert_int_equal(rep_seek(&s->n.view, REP_T_ROW, (struct tr_bytes){prefix, 18}, false, &key, &value), 0);
	assert_memory_equal(key.data, prefix, 18);
	assert_true(key.size < KEY_MAX && value.size + 1 < sizeof(out.value));
	memcpy(out.key, key.data, key.size);
	out.key_size = key.size;
	memcpy(out.value, value.data, value.size);
	out.value_size = value.size;
	return out;
}

static void put(struct scene *s, const struct row *row, size_t key_size, size_t value_size)
{
	assert_int_equal(rep_put(&s->n.view, REP_T_ROW, (struct tr_bytes){row->key, key_size},
	    (struct tr_bytes){row->value, value_size}), 0);
}

static const uint16_t fields[] = {NOTES, CAMPAIGN, VISITS};

static void a_value_that_is_not_whole_is_damage(void **state)
{
	struct scene s;

	(void)state;
	begin(&s);
	for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
		struct row row = row_of(&s, fields[f]);
		uint8_t tag = row.value[0];

		assert_int_equal(read_rows(&s, fields[f]), TR_E_NOTFOUND);
		for (size_t size = 0; size <= row.value_size + 1; size++) {
			put(&s, &row, row.key_size, size);
			assert_int_equal(read_rows(&s, fields[f]), size == row.value_size ? TR_E_NOTFOUND : TR_E_DAMAGED);
		}
		for (unsigned other = 0; other < 16; other++) { /* of another kind, or of none */
			row.value[0] = (uint8_t)other;
			put(&s, &row, row.key_size, row.value_size);
			assert_int_equal(read_rows(&s, fields[f]), other == tag ? TR_E_NOTFOUND : TR_E_DAMAGED);
		}
		row.value[0] = tag;
		put(&s, &row, row.key_size, row.value_size);
	}
	scene_end(&s);
}

static void a_key_of_another_size_is_damage(void **state)
{
	(void)state;
	for (size_t f = 0; f < sizeof(fields) / sizeof(fields[0]); f++) {
		static const int more[] = {-1, 1, 100};

		for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
			struct scene s;
			struct row row;

			begin(&s);
			row = row_of(&s, fields[f]);
			put(&s, &row, (size_t)((int)row.key_size + more[i]), row.value_size);
			assert_int_equal(read_rows(&s, fields[f]), TR_E_DAMAGED);
			scene_end(&s);
		}
	}
}

/* Who adds to a set or a total reads what is there before. */
static void nothing_is_written_on_top_of_damage(void **state)
{
	(void)state;
	for (int total = 0; total < 2; total++) {
		struct scene s;
		struct row row;
		struct rep_op *op;

		begin(&s);
		row = row_of(&s, total ? VISITS : CAMPAIGN);
		put(&s, &row, row.key_size, row.value_size - 1);
		op = fold_op(&s.f, s.leaf, total ? TR_OP_COUNT : TR_OP_TAG);
		if (total)
			fold_int(op, VISITS, 4);
		else
			fold_remove(op, CAMPAIGN, "spring");
		fold_apply(&s.n, &s.f, s.f.op_count - 1);
		assert_int_equal(s.n.failed, TR_E_DAMAGED);
		scene_end(&s);
	}
}

/* The list of what was not legal has one row a violation, of one size. */
static void a_list_of_violations_ends_at_damage(void **state)
{
	uint8_t key[40] = {0}, value[40] = {0};
	struct rep_violation_cursor cursor = {.started = false};
	struct rep_violation out;
	struct tr_bytes k, v;
	struct scene s;

	(void)state;
	scene_begin(&s);
	fold_step(&s.f, s.leaf, REP_CASE_CLOSED);
	scene_fold(&s);
	assert_int_equal(rep_next_violation(&s.n.view, &cursor, &out), 0);
	assert_int_equal(out.why, REP_WHY_STEP);
	assert_int_equal(rep_next_violation(&s.n.view, &cursor, &out), TR_E_NOTFOUND);
	assert_int_equal(rep_seek(&s.n.view, REP_T_VIOLATION, (struct tr_bytes){NULL, 0}, false, &k, &v), 0);
	assert_true(k.size < sizeof(key) && v.size < sizeof(value));
	memcpy(key, k.data, k.size); /* rows are borrowed until the next write */
	memcpy(value, v.data, v.size);
	for (int i = 0; i < 4; i++) {
		struct tr_bytes bad_key = {key, k.size + (i == 0) - (i == 1)}, bad_value = {value, v.size + (i == 2) - (i == 3)};

		assert_int_equal(rep_del(&s.n.view, REP_T_VIOLATION, (struct tr_bytes){key, k.size}), 0);
		assert_int_equal(rep_put(&s.n.view, REP_T_VIOLATION, bad_key, bad_value), 0);
		cursor.started = false;
		assert_int_equal(rep_next_violation(&s.n.view, &cursor, &out), TR_E_DAMAGED);
		assert_int_equal(rep_del(&s.n.view, REP_T_VIOLATION, bad_key), 0);
		assert_int_equal(rep_put(&s.n.view, REP_T_VIOLATION, (struct tr_bytes){key, k.size}, (struct tr_bytes){value, v.size}), 0);
	}
	scene_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_value_that_is_not_whole_is_damage),
	    cmocka_unit_test(a_key_of_another_size_is_damage),
	    cmocka_unit_test(nothing_is_written_on_top_of_damage),
	    cmocka_unit_test(a_list_of_violations_ends_at_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
