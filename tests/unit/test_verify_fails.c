/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a start, a look for damage and a repair that cannot go on say so, and
 * the next one finds everything as if the failed one had not been.
 *
 * Method: each call of the store and each allocation fails in turn.
 */
// needs: tests/lib/rig.o tests/lib/memview.o tests/lib/badview.o tests/lib/nomem.o
// libs: $(NOMEM_LDFLAGS)
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/keys.h"
#include "tests/lib/badview.h"
#include "tests/lib/nomem.h"
#include "tests/lib/rig.h"

enum { SOURCE = 1, SOURCE_ID = 2, TITLE = 14, DIR_TITLE = 6 };
enum damage { INDEX_GONE, LIST_LONG, LIST_BEYOND, RECORD_OTHER, RECORD_GONE, SOURCE_GONE, SOURCE_EXTRA, DIRECTIVE_GONE, DIRECTIVE_EXTRA,
	SEGMENT_GONE, SEGMENT_OTHER, DAMAGES };

static struct tr_rec_id ids[3]; /* two cases and a directive */

static int put(struct rig *r, struct rep_write w)
{
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
	return r->reply.rc;
}

static struct rep_value val(uint16_t field, const char *t)
{
	return (struct rep_value){field, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(t)};
}

static void begin(struct rig *r)
{
	struct rep_value made[] = {val(SOURCE, "hotline"), val(SOURCE_ID, "7"), val(TITLE, "a pothole")}, dir = val(DIR_TITLE, "drains");

	rig_begin(r, RIG_TOP);
	for (int i = 0; i < 2; i++) {
		made[1].t = i == 0 ? UNIT_TEXT("7") : UNIT_TEXT("8");
		assert_int_equal(put(r, (struct rep_write){.kind = TR_KIND_CASE, .values = made, .value_count = 3}), 0);
		ids[i] = r->reply.id;
	}
	made[2].t = UNIT_TEXT("two potholes");
	assert_int_equal(put(r, (struct rep_write){.kind = TR_KIND_CASE, .has_id = true, .id = ids[0], .values = &made[2], .value_count = 1}), 0);
	assert_int_equal(put(r, (struct rep_write){.kind = TR_KIND_DIRECTIVE, .values = &dir, .value_count = 1,
			     .targets = &r->party[RIG_STREET].nid, .target_count = 1}), 0);
	ids[2] = r->reply.id;
	for (int i = 0; i < 4; i++)
		rig_wait(r, 3600000);
	assert_int_equal(r->rc, 0);
}

/* The first row of a table whose key begins so. */
static struct tr_bytes row_of(const struct rep_view *view, enum rep_table table, struct tr_bytes prefix, struct tr_bytes *value)
{
	struct tr_bytes key;

	assert_int_equal(rep_seek(view, table, prefix, false, &key, value), 0);
	if (prefix.size > 0)
		assert_memory_equal(key.data, prefix.data, prefix.size);
	return key;
}

static void damage(const struct rep_view *view, enum damage what)
{
	static uint8_t k[64], v[4096];
	struct tr_bytes id = UNIT_BYTES(ids[0].b), value, key, none = {NULL, 0};
	uint8_t rec[17] = {TR_KIND_CASE};
	enum rep_table table = what <= LIST_BEYOND ? REP_T_OPS : what <= RECORD_GONE ? REP_T_REC : what <= SOURCE_EXTRA ? REP_T_SRC
	    : what <= DIRECTIVE_EXTRA ? REP_T_DIR : REP_T_SEG;

	memcpy(rec + 1, ids[0].b, 16);
	key = row_of(view, table, table == REP_T_OPS ? id : table == REP_T_REC ? UNIT_BYTES(rec) : none, &value);
	memcpy(k, key.data, key.size);
	key.data = k;
	if (value.size > 0)
		memcpy(v, value.data, value.size);
	value.data = v;
	switch (what) {
	case INDEX_GONE:
	case RECORD_GONE:
	case SOURCE_GONE:
	case DIRECTIVE_GONE:
	case SEGMENT_GONE: assert_int_equal(rep_del(view, table, key), 0); return;
	case LIST_LONG: memcpy(k, ids[1].b, 16); break;             /* an op of another record */
	case LIST_BEYOND: wire_put_be64(k + 20, 4000); break;
	case RECORD_OTHER: v[value.size / 2] ^= 0x15; break;
	case SOURCE_EXTRA: k[key.size - 1] ^= 1; break;
	case DIRECTIVE_EXTRA: k[31] ^= 1; break;
	case SEGMENT_OTHER: v[value.size - 1] ^= 0x15; break;
	case DAMAGES: break;
	}
	assert_int_equal(rep_put(view, table, key, value), 0);
}

static struct badview bad;
static bool by_store;

static void copy(struct rig *out, const struct rig *r, enum damage what)
{
	struct rep_view inner;

	*out = *r;
	out->mv = memview_clone(r->mv);
	inner = memview_view(out->mv);
	if (what < DAMAGES)
		damage(&inner, what);
	out->view = badview_over(&bad, &inner);
	out->node = NULL;
	out->batch = rep_batch_create();
	out->arena = wire_arena_create();
	TR_ASSERT(out->batch != NULL && out->arena != NULL);
}

static void arm(int64_t after)
{
	if (by_store)
		badview_arm(&bad, after, TR_E_IO);
	else
		nomem_arm(after);
}

static bool has_failed(void)
{
	bool store = badview_has_failed(&bad);

	return nomem_has_failed() || store;
}

static int failure(void)
{
	return by_store ? TR_E_IO : TR_E_NOMEM;
}

/* All that is wrong, each mended and looked at again; 0, or what failed. */
static int mend_all(struct rig *r, size_t *faults)
{
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	int rc;

	for (*faults = 0;;) {
		struct rep_mend mend = {.ticket = 5};
		struct rep_event event = {.kind = REP_EV_MEND, .mend = &mend};
		bool found = false;

		rc = rep_verify_next(r->node, &r->view, &cursor, 64, &mend.fault, &found, &sum);
		if (rc != 0)
			return rc == TR_E_NOTFOUND ? 0 : rc;
		if (!found)
			continue;
		assert_true(++*faults < 64);
		r->reply.rc = TR_E_INTERNAL;
		rig_step(r, &event);
		if (r->rc != 0)
			return r->rc;
		if (mend.fault.what == REP_FAULT_SEGMENT) {
			rc = rep_fault_look(r->node, &r->view, &mend.fault);
			if (rc != TR_E_DAMAGED)
				return rc;
			assert_int_equal(r->reply.rc, TR_E_NOPEER);
			continue;
		}
		rc = rep_fault_look(r->node, &r->view, &mend.fault);
		if (rc == failure())
			return rc;
	}
}

static uint64_t sum_of(struct memview *mv)
{
	return memview_bytes(mv) * 1000 + memview_rows(mv, REP_T_OPS) + memview_rows(mv, REP_T_SRC);
}

static void a_start_that_fails_says_so(void **state)
{
	struct rig r;
	size_t n = 0;

	(void)state;
	begin(&r);
	for (int s = 0; s < 2; s++) {
		by_store = s == 0;
		for (n = 0;; n++) {
			struct rig x;
			int rc;

			copy(&x, &r, DAMAGES);
			arm((int64_t)n);
			rc = rig_restart(&x);
			if (!has_failed()) {
				assert_int_equal(rc, 0);
				rig_end(&x);
				break;
			}
			assert_int_equal(rc, failure());
			assert_null(x.node);
			assert_int_equal(rig_restart(&x), 0);
			rep_check(x.node, &x.view);
			rig_end(&x);
		}
		assert_true(n > 20);
	}
	rig_end(&r);
}

static void a_repair_that_fails_is_done_by_the_next(void **state)
{
	struct rig r;

	(void)state;
	begin(&r);
	for (int d = 0; d < 2 * DAMAGES; d++) {
		enum damage what = (enum damage)(d / 2);
		uint64_t want;
		struct rig x;
		size_t faults, n;

		by_store = d % 2 == 0;
		copy(&x, &r, what);
		assert_int_equal(rig_restart(&x), 0);
		assert_int_equal(mend_all(&x, &faults), 0);
		assert_true(faults > 0);
		want = sum_of(x.mv);
		if (what < SEGMENT_GONE)
			assert_int_equal(want, sum_of(r.mv));
		rig_end(&x);
		for (n = 0;; n++) {
			int rc;

			copy(&x, &r, what);
			assert_int_equal(rig_restart(&x), 0);
			memview_begin(x.mv);
			arm((int64_t)n);
			rc = mend_all(&x, &faults);
			if (!has_failed()) {
				assert_int_equal(rc, 0);
				memview_commit(x.mv);
				rig_end(&x);
				break;
			}
			assert_true(rc == 0 || rc == failure());
			if (rc != 0) {
				memview_rollback(x.mv);
				rep_batch_reset(x.batch);
				x.rc = 0;
				assert_int_equal(rig_restart(&x), 0);
				assert_int_equal(mend_all(&x, &faults), 0);
			} else {
				memview_commit(x.mv);
			}
			assert_int_equal(sum_of(x.mv), want);
			rig_end(&x);
		}
		assert_true(n > 20);
	}
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_start_that_fails_says_so),
	    cmocka_unit_test(a_repair_that_fails_is_done_by_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
