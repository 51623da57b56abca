/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a record comes back from its row as it was; a bad row is refused and
 * never read past its end; a full record refuses and stays whole. */
// needs: tests/lib/fold.o tests/lib/memview.o
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "replication/rep.h"
#include "replication/status.h"
#include "tests/lib/fold.h"

enum { SOURCE = 1, AGENCY = 15, TITLE = 14, LAT = 20, PRIORITY = 30,
	STATUS = 40, REASON = 43 };

static struct tr_bytes key_of(uint8_t *key, uint8_t kind, const struct tr_rec_id *id)
{
	key[0] = kind;
	memcpy(key + 1, id->b, 16);
	return (struct tr_bytes){key, 17};
}

/* A record with conflicts, steps of several logs, violations. */
static void rich(struct fold *f, struct fold_node *n)
{
	struct rep_op *op;
	int street, leaf;

	fold_init(f, TR_KIND_CASE);
	street = fold_author(f, 1, FOLD_STREET);
	leaf = fold_author(f, 2, FOLD_LEAF);
	op = fold_op(f, leaf, TR_OP_CREATE);
	fold_text(op, SOURCE, "hotline");
	fold_text(op, TITLE, "\xe5\xa4\x9c\xe9\x97\xb4\xe6\x96\xbd\xe5\xb7\xa5");
	fold_int(op, LAT, -312000000);
	fold_actor(op, "li");
	fold_see(f, street, leaf);
	fold_text(fold_op(f, street, TR_OP_SET), TITLE, "");
	fold_text(fold_op(f, leaf, TR_OP_SET), TITLE, "noise");
	(void)fold_step(f, street, REP_CASE_FILED);
	(void)fold_step(f, street, REP_CASE_SUSPENDED);
	(void)fold_step(f, leaf, REP_CASE_SELF_HANDLED);
	(void)fold_step(f, leaf, REP_CASE_CLOSED); /* a violation */
	op = fold_op(f, street, TR_OP_SET);
	fold_text(op, AGENCY, "x");
	op->values[0].type = REP_VALUE_NONE;
	fold_node_init(n, f, 1);
	fold_apply_all(n, f);
	assert_int_equal(n->failed, 0);
	assert_int_equal(n->rec->violations, 1);
}

static void assert_same_step(const struct rep_step *a, const struct rep_step *b)
{
	assert_int_equal(a->dot.log, b->dot.log);
	assert_int_equal(a->dot.seq, b->dot.seq);
	assert_int_equal(a->author.v, b->author.v);
	assert_int_equal(a->at_ms, b->at_ms);
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->under_count, b->under_count);
	assert_memory_equal(
	    a->under, b->under, a->under_count * sizeof(a->under[0]));
	assert_int_equal(a->value_count, b->value_count);
	assert_int_equal(a->actor.size, b->actor.size);
}

static void a_record_comes_back_from_its_row(void **state)
{
	struct fold f;
	struct fold_node n;
	struct rep_record *back = calloc(1, sizeof(*back));
	struct tr_hash before, after;

	(void)state;
	rich(&f, &n);
	before = fold_hash(&n);
	assert_int_equal(rep_record_store(n.rec, &n.view), 0);
	memset(back, 0x5a, sizeof(*back));
	assert_int_equal(rep_record_find(back, &n.view, &n.rec->id), 0);
	assert_int_equal(back->kind, TR_KIND_CASE);
	assert_int_equal(back->lane, n.rec->lane);
	assert_int_equal(back->scope.v, n.rec->scope.v);
	assert_int_equal(back->version, n.rec->version);
	assert_int_equal(back->changed.v, n.rec->changed.v);
	assert_int_equal(back->created.seq, n.rec->created.seq);
	assert_int_equal(back->created.log, n.rec->created.log);
	assert_int_equal(back->violations, 1);
	assert_int_equal(back->cand_count, n.rec->cand_count);
	assert_int_equal(back->step_count, n.rec->step_count);
	for (size_t i = 0; i < back->step_count; i++)
		assert_same_step(&back->steps[i], &n.rec->steps[i]);
	assert_true(n.rec->row_bound >= back->row_bound);
	assert_int_equal(rep_record_state_hash(back, &n.view, &after), 0);
	assert_memory_equal(&before, &after, sizeof(after));
	free(back);
	fold_node_done(&n);
	fold_done(&f);
}

static void a_record_borrows_nothing_from_the_store(void **state)
{
	struct fold f;
	struct fold_node n;
	struct tr_hash before, after;
	uint8_t key[17];

	(void)state;
	rich(&f, &n);
	before = fold_hash(&n);
	assert_int_equal(rep_record_store(n.rec, &n.view), 0);
	assert_int_equal(rep_record_load(n.rec, &n.view, TR_KIND_CASE, &n.rec->id), 0);
	assert_int_equal(rep_del(&n.view, REP_T_REC,
	    key_of(key, TR_KIND_CASE, &n.rec->id)), 0);
	after = fold_hash(&n);
	assert_memory_equal(&before, &after, sizeof(after));
	assert_int_equal(rep_record_load(n.rec, &n.view, TR_KIND_CASE,
	    &f.ops[0].op.rec), TR_E_NOTFOUND);
	assert_int_equal(
	    rep_record_find(n.rec, &n.view, &f.ops[0].op.rec), TR_E_NOTFOUND);
	fold_node_done(&n);
	fold_done(&f);
}

/* Stores the bytes in a block of their own size and loads them. */
static int load_row(struct fold_node *n, const uint8_t *row, size_t size)
{
	struct tr_rec_id id = n->rec->id;
	uint8_t key[17];

	assert_int_equal(rep_put(&n->view, REP_T_REC,
	    key_of(key, TR_KIND_CASE, &id), (struct tr_bytes){row, size}), 0);
	return rep_record_load(n->rec, &n->view, TR_KIND_CASE, &id);
}

static void a_damaged_row_is_refused(void **state)
{
	static uint8_t row[TR_RECORD_BYTES_MAX + 1], bad[sizeof(row)];
	struct fold f;
	struct fold_node n;
	struct tr_bytes value;
	uint8_t key[17];
	size_t size;

	(void)state;
	rich(&f, &n);
	assert_int_equal(rep_record_store(n.rec, &n.view), 0);
	assert_int_equal(rep_get(&n.view, REP_T_REC,
	    key_of(key, TR_KIND_CASE, &n.rec->id), &value), 0);
	size = value.size;
	memcpy(row, value.data, size);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(load_row(&n, row, cut), TR_E_DAMAGED);
	assert_int_equal(load_row(&n, row, size), 0);
	row[size] = 0;
	assert_int_equal(load_row(&n, row, size + 1), TR_E_DAMAGED);
	assert_int_equal(load_row(&n, row, sizeof(row)), TR_E_DAMAGED);
	/* every byte, every bit and some more: an answer, no crash; and what
	 * loads can be asked and stored */
	for (size_t i = 1; i < size; i++) {
		for (int flip = 1; flip < 256; flip += flip < 16 ? 1 : 37) {
			uint16_t out[TR_STEPS_MAX];
			int rc;

			memcpy(bad, row, size);
			bad[i] = (uint8_t)(bad[i] ^ flip);
			rc = load_row(&n, bad, size);
			assert_true(rc == 0 || rc == TR_E_DAMAGED);
			if (rc != 0)
				continue;
			(void)rep_record_status(n.rec);
			(void)rep_record_value(n.rec, TITLE);
			(void)rep_record_steps_alive(n.rec, out, TR_STEPS_MAX);
			(void)fold_hash(&n);
		}
	}
	row[0] = TR_STATE_VER + 1;
	assert_int_equal(load_row(&n, row, size), TR_E_NEWER);
	row[0] = 0;
	assert_int_equal(load_row(&n, row, size), TR_E_DAMAGED);
	fold_node_done(&n);
	fold_done(&f);
}

static void a_small_case_makes_a_small_row(void **state)
{
	struct fold f;
	struct fold_node n;
	struct rep_op *op;

	(void)state;
	fold_init(&f, TR_KIND_CASE);
	(void)fold_author(&f, 2, FOLD_LEAF);
	op = fold_op(&f, 0, TR_OP_CREATE);
	fold_text(op, SOURCE, "hotline");
	fold_text(op, 2, "2026-004471");
	fold_text(op, 11, "noise");
	fold_text(op, TITLE, "noise at night");
	fold_int(op, LAT, 312000000);
	fold_int(op, 21, 1214400000);
	fold_node_init(&n, &f, 1);
	fold_apply_all(&n, &f);
	assert_int_equal(rep_record_store(n.rec, &n.view), 0);
	/* 37 bytes of text, 10 of numbers, 17 of key */
	assert_in_range(memview_bytes(n.mv), 64, 64 + 96);
	assert_int_equal(memview_writes(n.mv), 1);
	fold_node_done(&n);
	fold_done(&f);
}

/* ------------------------------------------------------------------- full */

static char long_texts[8][801];

static void many_writes_do_not_fill_the_buffers(void **state)
{
	struct fold f;
	struct fold_node n;
	struct tr_hash one, other;

	(void)state;
	for (int i = 0; i < 8; i++)
		memset(long_texts[i], 'a' + i, 800);
	fold_init(&f, TR_KIND_CASE);
	(void)fold_author(&f, 1, FOLD_STREET);
	fold_text(fold_op(&f, 0, TR_OP_CREATE), SOURCE, "s");
	for (int i = 0; i < 1000; i++)
		fold_text(fold_op(&f, 0, TR_OP_SET), TITLE, long_texts[i % 8]);
	fold_node_init(&n, &f, 1);
	fold_apply_all(&n, &f); /* 800 KB of titles, no store between */
	assert_int_equal(n.rec->violations, 0);
	assert_int_equal(n.rec->version, 1001);
	assert_memory_equal(
	    rep_record_value(n.rec, TITLE)->t.data, long_texts[999 % 8], 800);
	one = fold_hash(&n);
	fold_node_reset(&n, &f, 4);
	n.by_store = true;
	fold_apply_all(&n, &f);
	other = fold_hash(&n);
	assert_memory_equal(&one, &other, sizeof(one));
	fold_node_done(&n);
	fold_done(&f);
}

static void a_record_that_is_full_refuses_and_stays_whole(void **state)
{
	static char reason[2001];
	struct fold f;
	struct fold_node n;
	struct rep_record *copy = calloc(1, sizeof(*copy));
	uint32_t valid = 0;

	(void)state;
	memset(reason, 'r', 2000);
	fold_init(&f, TR_KIND_CASE);
	for (uint8_t i = 0; i < 6; i++)
		(void)fold_author(&f, i, FOLD_STREET);
	fold_text(fold_op(&f, 5, TR_OP_CREATE), SOURCE, "s");
	for (int a = 0; a < 5; a++)
		fold_see(&f, a, 5);
	/* six that cannot hear each other write long reasons */
	for (int i = 0; i < 20; i++) {
		for (int a = 0; a < 6; a++) {
			struct rep_op *op = fold_op(&f, a, TR_OP_SET);

			fold_int(op, STATUS, i % 2 == 0 ? REP_CASE_SUSPENDED
							: REP_CASE_REPORTED);
			fold_text(op, REASON, reason);
			fold_int(op, 46, 1);
		}
	}
	fold_node_init(&n, &f, 1);
	for (int i = 0; i < f.op_count; i++) {
		fold_apply(&n, &f, i);
		valid += n.applied[i].verdict == REP_VALID;
		assert_true(n.applied[i].why == REP_WHY_NONE ||
		    n.applied[i].why == REP_WHY_LIMIT ||
		    n.applied[i].why == REP_WHY_STEP);
		assert_int_equal(rep_record_store(n.rec, &n.view), 0);
	}
	assert_int_equal(n.failed, 0);
	assert_in_range(valid, 20, 32); /* 60 KiB of reasons of 2,000 bytes */
	assert_int_equal(n.rec->version, valid);
	assert_int_equal(rep_record_find(copy, &n.view, &n.rec->id), 0);
	free(copy);
	fold_node_done(&n);
	fold_done(&f);
}

static void violations_fill_nothing(void **state)
{
	struct fold f;
	struct fold_node n;

	(void)state;
	fold_init(&f, TR_KIND_CASE);
	(void)fold_author(&f, 1, FOLD_STREET);
	fold_text(fold_op(&f, 0, TR_OP_CREATE), SOURCE, "s");
	for (int i = 0; i < 900; i++)
		(void)fold_step(&f, 0, REP_CASE_CLOSED);
	(void)fold_step(&f, 0, REP_CASE_FILED);
	fold_node_init(&n, &f, 1);
	fold_apply_all(&n, &f);
	assert_int_equal(n.rec->violations, 900);
	assert_int_equal(memview_rows(n.mv, REP_T_VIOLATION), 900);
	assert_in_range(n.rec->step_count, 3, 64);
	assert_int_equal(rep_record_status(n.rec), REP_CASE_FILED);
	fold_node_done(&n);
	fold_done(&f);
}

/* ------------------------------------------------------------------- finding */

static void records_are_found_by_kind_and_prefix(void **state)
{
	struct memview *mv = memview_create();
	struct rep_view view = memview_view(mv);
	struct rep_record *rec = calloc(1, sizeof(*rec));
	struct tr_rec_id id = {{0}}, ids[8];
	uint8_t kinds[8];
	const uint8_t tails[] = {0x10, 0x1f, 0x20, 0xff};

	(void)state;
	memset(id.b, 0xab, 4);
	for (size_t i = 0; i < 4; i++) {
		id.b[4] = tails[i];
		rep_record_init(rec, i == 3 ? TR_KIND_STAFF : TR_KIND_CASE, &id,
		    (struct tr_nid){1}, TR_LANE_R);
		assert_int_equal(rep_record_store(rec, &view), 0);
	}
	assert_int_equal(
	    rep_find_prefix(&view, 0, "abababab", 8, ids, kinds, 8), 4);
	assert_int_equal(kinds[0], TR_KIND_CASE);
	assert_int_equal(kinds[3], TR_KIND_STAFF);
	assert_int_equal(
	    rep_find_prefix(&view, 0, "abababab", 8, ids, kinds, 2), 2);
	assert_int_equal(rep_find_prefix(
	    &view, TR_KIND_STAFF, "abABabab", 8, ids, NULL, 8), 1);
	assert_int_equal(
	    rep_find_prefix(&view, 0, "abababab1", 9, ids, kinds, 8), 2);
	assert_int_equal(
	    rep_find_prefix(&view, 0, "abababab1f", 10, ids, kinds, 8), 1);
	assert_int_equal(ids[0].b[4], 0x1f);
	assert_int_equal(
	    rep_find_prefix(&view, 0, "abababac", 8, ids, kinds, 8), 0);
	assert_int_equal(
	    rep_find_prefix(&view, 0, "ababab", 6, ids, kinds, 8), 0);
	assert_int_equal(
	    rep_find_prefix(&view, 0, "abababag", 8, ids, kinds, 8), 0);

	assert_int_equal(rep_next_record(&view, TR_KIND_CASE, NULL, &id), 0);
	assert_int_equal(id.b[4], 0x10);
	assert_int_equal(rep_next_record(&view, TR_KIND_CASE, &id, &id), 0);
	assert_int_equal(rep_next_record(&view, TR_KIND_CASE, &id, &id), 0);
	assert_int_equal(id.b[4], 0x20);
	assert_int_equal(rep_next_record(&view, TR_KIND_CASE, &id, &id),
	    TR_E_NOTFOUND);
	assert_int_equal(
	    rep_next_record(&view, TR_KIND_UNIT, NULL, &id), TR_E_NOTFOUND);
	free(rec);
	memview_free(mv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_record_comes_back_from_its_row),
	    cmocka_unit_test(a_record_borrows_nothing_from_the_store),
	    cmocka_unit_test(a_damaged_row_is_refused),
	    cmocka_unit_test(a_small_case_makes_a_small_row),
	    cmocka_unit_test(many_writes_do_not_fill_the_buffers),
	    cmocka_unit_test(a_record_that_is_full_refuses_and_stays_whole),
	    cmocka_unit_test(violations_fill_nothing),
	    cmocka_unit_test(records_are_found_by_kind_and_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
