/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an overlay is its base with the changes made, and the base stays as it is.
 * Method: random puts, deletes and reads, the same ones to a store that is written at once.
 */
// needs: tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/overlay.h"
#include "tests/lib/memview.h"

static uint64_t rng = 88172645463325252u;

static unsigned below(unsigned n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned)((rng >> 11) % n);
}

struct pair {
	struct memview *base, *model;
	struct rep_view base_view, want;
	struct rep_overlay *overlay;
};

static struct tr_bytes random_key(uint8_t key[static 3])
{
	for (unsigned i = 0; i < 3; i++)
		key[i] = (uint8_t)(below(3) * 100);
	return (struct tr_bytes){key, 1 + below(3)};
}

static void assert_same(int a, struct tr_bytes key_a, struct tr_bytes value_a, int b, struct tr_bytes key_b, struct tr_bytes value_b)
{
	assert_int_equal(a, b);
	if (a != 0)
		return;
	assert_int_equal(key_a.size, key_b.size);
	assert_memory_equal(key_a.data, key_b.data, key_a.size);
	assert_int_equal(value_a.size, value_b.size);
	if (value_a.size > 0)
		assert_memory_equal(value_a.data, value_b.data, value_a.size);
}

static void read_both(const struct pair *p, enum rep_table table)
{
	const struct rep_view *view = rep_overlay_view(p->overlay);
	struct tr_bytes ka = {NULL, 0}, kb = {NULL, 0}, a, b;
	uint8_t k[3];
	struct tr_bytes key = random_key(k);
	bool after = below(2) != 0;
	int x = rep_get(view, table, key, &a), y = rep_get(&p->want, table, key, &b);

	assert_same(x, ka, a, y, kb, b);
	key.size = below(4);
	x = rep_seek(view, table, key, after, &ka, &a);
	y = rep_seek(&p->want, table, key, after, &kb, &b);
	assert_same(x, ka, a, y, kb, b);
	x = rep_seek_before(view, table, key, &ka, &a);
	y = rep_seek_before(&p->want, table, key, &kb, &b);
	assert_same(x, ka, a, y, kb, b);
	if (rep_seek(view, table, key, after, &ka, NULL) == 0) {
		assert_int_equal(rep_seek(&p->want, table, key, after, &kb, &b), 0);
		assert_same(0, ka, b, 0, kb, b);
	}
}

static void write_both(const struct rep_view *a, const struct rep_view *b, enum rep_table table)
{
	uint8_t k[3], v[4] = {(uint8_t)below(256), (uint8_t)below(256), 0, 0};
	struct tr_bytes key = random_key(k), value = {v, below(5)};

	if (below(3) == 0) {
		assert_int_equal(rep_del(a, table, key), 0);
		assert_int_equal(rep_del(b, table, key), 0);
	} else {
		assert_int_equal(rep_put(a, table, key, value), 0);
		assert_int_equal(rep_put(b, table, key, value), 0);
	}
}

static void begin(struct pair *p)
{
	p->base = memview_create();
	p->base_view = memview_view(p->base);
	for (unsigned i = 0; i < 40; i++)
		write_both(&p->base_view, &p->base_view, (enum rep_table)below(3));
	p->model = memview_clone(p->base);
	p->want = memview_view(p->model);
	p->overlay = rep_overlay_create(&p->base_view, 1 << 20);
	assert_non_null(p->overlay);
}

static void end(struct pair *p)
{
	rep_overlay_free(p->overlay);
	memview_free(p->base);
	memview_free(p->model);
}

static void it_reads_as_if_it_were_written(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct memview *before;
		struct pair p;

		begin(&p);
		before = memview_clone(p.base);
		for (unsigned i = 0; i < 60; i++) {
			write_both(rep_overlay_view(p.overlay), &p.want, (enum rep_table)below(3));
			read_both(&p, (enum rep_table)below(3));
		}
		assert_int_equal(memview_bytes(p.base), memview_bytes(before));
		assert_int_equal(rep_overlay_apply(p.overlay, &p.base_view), 0);
		rep_overlay_reset(p.overlay);
		assert_int_equal(rep_overlay_count(p.overlay), 0);
		for (unsigned i = 0; i < 60; i++)
			read_both(&p, (enum rep_table)below(3));
		assert_int_equal(memview_bytes(p.base), memview_bytes(p.model));
		memview_free(before);
		end(&p);
	}
}

static void its_changes_come_in_order(void **state)
{
	struct rep_change_row row, last = {0}, *after = NULL;
	struct pair p;
	size_t count = 0;

	(void)state;
	begin(&p);
	for (unsigned i = 0; i < 60; i++)
		write_both(rep_overlay_view(p.overlay), &p.want, (enum rep_table)below(3));
	for (; rep_overlay_next(p.overlay, after, &row); after = &last) {
		assert_true(count == 0 || last.table <= row.table);
		last = row;
		count++;
	}
	assert_int_equal(count, rep_overlay_count(p.overlay));
	end(&p);
}

static void its_bound_holds(void **state)
{
	uint8_t big[600] = {0}, more[1001] = {0}, k[1] = {7};
	struct tr_bytes key = {k, 1}, value;
	struct memview *mv = memview_create();
	struct rep_view base = memview_view(mv);
	struct rep_overlay *o = rep_overlay_create(&base, 1000);
	const struct rep_view *view = rep_overlay_view(o);

	(void)state;
	assert_int_equal(rep_put(view, REP_T_REC, key, (struct tr_bytes){big, 500}), 0);
	assert_int_equal(rep_put(view, REP_T_REC, key, (struct tr_bytes){big, 600}), 0);
	assert_int_equal(rep_put(view, REP_T_ROW, key, (struct tr_bytes){big, 600}), TR_E_LIMIT);
	assert_int_equal(rep_put(view, REP_T_ROW, key, (struct tr_bytes){big, 1}), TR_E_LIMIT);
	assert_int_equal(rep_del(view, REP_T_ROW, key), TR_E_LIMIT); /* it stays */
	assert_int_equal(rep_overlay_apply(o, &base), TR_E_LIMIT);
	assert_int_equal(memview_bytes(mv), 0);
	rep_overlay_reset(o);
	assert_int_equal(rep_put(view, REP_T_ROW, key, (struct tr_bytes){big, 1}), 0);
	assert_int_equal(rep_get(view, REP_T_ROW, key, &value), 0);
	assert_int_equal(rep_del(view, REP_T_ROW, key), 0);
	assert_int_equal(rep_put(view, REP_T_ROW, key, UNIT_BYTES(more)), TR_E_LIMIT); /* one that alone is too much */
	rep_overlay_free(o);
	memview_free(mv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_reads_as_if_it_were_written),
	    cmocka_unit_test(its_changes_come_in_order),
	    cmocka_unit_test(its_bound_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
