/* SPDX-License-Identifier: Apache-2.0 */
// needs: tests/city/store.o tests/lib/memview.o
/*
 * Goal: the compact store of the city run answers as the store of all other tests.
 * Method: the same random puts, deletes and look-ups to both.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "proto/err.h"
#include "tests/city/store.h"
#include "tests/lib/memview.h"
#include "tests/sim/rng.h"

#define STEPS 60000
#define TABLES 3

struct both {
	struct rep_view a, b;
	struct sim_rng rng;
	uint8_t key[16], value[6000];
};

/* Few keys, of several lengths, so that they are met again. */
static struct tr_bytes pick_key(struct both *t)
{
	size_t size = 1 + sim_rng_below(&t->rng, 3);

	for (size_t i = 0; i < size; i++)
		t->key[i] = (uint8_t)sim_rng_below(&t->rng, 24);
	return (struct tr_bytes){t->key, size};
}

static struct tr_bytes pick_value(struct both *t)
{
	size_t size = sim_rng_below(&t->rng, sim_rng_chance(&t->rng, 20) ? sizeof(t->value) : 200);

	memset(t->value, (int)sim_rng_below(&t->rng, 256), size);
	return (struct tr_bytes){t->value, size};
}

static void same(struct tr_bytes x, struct tr_bytes y)
{
	assert_int_equal(x.size, y.size);
	if (x.size > 0)
		assert_memory_equal(x.data, y.data, x.size);
}

static void look(struct both *t, enum rep_table table, struct tr_bytes key)
{
	struct tr_bytes ka, kb, va, vb;
	bool after = sim_rng_chance(&t->rng, 500);
	int rc = rep_get(&t->a, table, key, &va);

	assert_int_equal(rep_get(&t->b, table, key, &vb), rc);
	if (rc == 0)
		same(va, vb);
	rc = rep_seek(&t->a, table, key, after, &ka, &va);
	assert_int_equal(rep_seek(&t->b, table, key, after, &kb, &vb), rc);
	if (rc == 0) {
		same(ka, kb);
		same(va, vb);
		assert_int_equal(rep_seek(&t->b, table, key, after, &kb, NULL), 0); /* the key only */
		same(ka, kb);
	}
	rc = rep_seek_before(&t->a, table, key, &ka, &va);
	assert_int_equal(rep_seek_before(&t->b, table, key, &kb, &vb), rc);
	if (rc == 0) {
		same(ka, kb);
		same(va, vb);
	}
}

/* The row's own bytes back into it: they lie in the page that changes. */
static void put_borrowed(struct both *t, enum rep_table table, struct tr_bytes key)
{
	struct tr_bytes ka, kb, va, vb;

	if (rep_seek(&t->a, table, key, false, &ka, &va) != 0)
		return;
	assert_int_equal(rep_seek(&t->b, table, key, false, &kb, &vb), 0);
	va.size = vb.size = va.size / 2;
	assert_int_equal(rep_put(&t->a, table, ka, va), 0);
	assert_int_equal(rep_put(&t->b, table, kb, vb), 0);
}

static void it_answers_as_memview(void **state)
{
	struct city_store *store = city_store_create();
	struct memview *mv = memview_create();
	struct both t = {.a = city_store_view(store), .b = memview_view(mv), .rng = sim_rng_make(1, 1)};
	size_t rows = 0;

	(void)state;
	for (int i = 0; i < STEPS; i++) {
		enum rep_table table = (enum rep_table)sim_rng_below(&t.rng, TABLES);
		unsigned dice = (unsigned)sim_rng_below(&t.rng, 100);
		struct tr_bytes key = pick_key(&t);

		if (dice < 40) {
			struct tr_bytes value = pick_value(&t);

			assert_int_equal(rep_put(&t.a, table, key, value), 0);
			assert_int_equal(rep_put(&t.b, table, key, value), 0);
		} else if (dice < 50) {
			put_borrowed(&t, table, key);
		} else if (dice < (i < STEPS / 2 ? 60u : 95u)) { /* it grows, then it shrinks */
			assert_int_equal(rep_del(&t.a, table, key), 0);
			assert_int_equal(rep_del(&t.b, table, key), 0);
		}
		look(&t, table, pick_key(&t));
	}
	for (int table = 0; table < TABLES; table++)
		rows += memview_rows(mv, (enum rep_table)table);
	assert_int_equal(city_store_rows(store), rows);
	assert_true(city_store_bytes(store) >= memview_bytes(mv));
	city_store_free(store);
	memview_free(mv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_answers_as_memview),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
