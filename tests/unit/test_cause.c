/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: of segments that do not verify those are named that are at fault
 * themselves; what hangs on them is counted, and is well once they are. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "tests/lib/rig.h"

#define SEGS 3
#define FAULTS 8

/*
 * Two logs of the street of three segments each; A's second one had seen two of
 * B's, so that its third one stands on those, too; A has a branch behind its first.
 *
 *     B1 - B2 - B3
 *            \
 *     A1 ---- A2 - A3
 *        \
 *         C2
 */
enum { A, B, LOGS };

struct scene {
	struct rig r;
	struct tr_log_id log[LOGS];
	uint32_t handle[LOGS + 1]; /* of the core; the last one is the branch's */
	struct tr_hash hash[LOGS][SEGS];
};

struct row { uint8_t key[12], value[4096]; size_t size; };

struct found {
	struct rep_fault fault[FAULTS];
	size_t count;
	uint64_t unjudged;
};

static struct tr_hash put(struct scene *s, int log, uint64_t first, uint8_t n, const struct rig_seen *seen, size_t unsaid)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{8, (uint8_t)log, n}},
	    .value_count = 1};
	uint8_t entry[512], out[2048];
	struct tr_bytes bytes, seg;
	struct rig_seg how = {RIG_STREET, s->log[log], (uint32_t)log + 1, first, &bytes, 1, {{0}}, 1};
	struct tr_hash hash;

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("noise")};
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	if (first > 1)
		how.prev = s->hash[log][first - 2];
	seg = rig_segment_seen(&s->r, &how, seen, seen != NULL, unsaid, out, sizeof(out), &hash);
	rig_segs(&s->r, &seg, 1);
	return hash;
}

static void begin(struct scene *s)
{
	struct rig_seen seen;

	rig_begin(&s->r, RIG_TOP);
	rig_connect(&s->r, RIG_STREET);
	for (uint32_t l = 0; l < LOGS; l++) {
		s->log[l] = (struct tr_log_id){s->r.party[RIG_STREET].nid, 5u + l, s->r.party[RIG_STREET].nid, TR_LANE_R};
		rig_logdef(&s->r, l + 1, s->log[l]);
	}
	for (uint8_t n = 0; n < SEGS; n++)
		s->hash[B][n] = put(s, B, n + 1u, n, NULL, 0);
	seen = (struct rig_seen){B + 1, s->log[B], 2, s->hash[B][1]};
	s->hash[A][0] = put(s, A, 1, 0, NULL, 0);
	s->hash[A][1] = put(s, A, 2, 1, &seen, 0);
	s->hash[A][2] = put(s, A, 3, 2, &seen, 1);
	(void)put(s, A, 2, 9, NULL, 0);
	assert_int_equal(s->r.rc, 0);
	assert_int_equal(s->r.traces[REP_TRACE_SEG_FORGED], 0);
	assert_int_equal(s->r.traces[REP_TRACE_FORK], 1);
	for (uint32_t l = 0; l < LOGS; l++)
		s->handle[l] = rep_log_find(s->r.node, &s->log[l])->handle;
	s->handle[LOGS] = rep_branch_next(s->r.node, rep_log_find(s->r.node, &s->log[A]))->handle;
	assert_true(s->handle[LOGS] != 0);
}

static struct row row_of(struct scene *s, int log, uint64_t last)
{
	struct rep_key key = rep_key_seq(s->handle[log], last);
	struct tr_bytes value;
	struct row row;

	assert_int_equal(rep_get(&s->r.view, REP_T_SEG, rep_key_bytes(&key), &value), 0);
	assert_true(value.size <= sizeof(row.value));
	memcpy(row.key, key.b, sizeof(row.key));
	memcpy(row.value, value.data, value.size);
	row.size = value.size;
	return row;
}

static void set(struct scene *s, const struct row *row)
{
	assert_int_equal(rep_put(&s->r.view, REP_T_SEG, UNIT_BYTES(row->key), (struct tr_bytes){row->value, row->size}), 0);
}

static void drop(struct scene *s, const struct row *row)
{
	assert_int_equal(rep_del(&s->r.view, REP_T_SEG, UNIT_BYTES(row->key)), 0);
}

/* Only what is wrong with segments. */
static struct found look(struct scene *s)
{
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct found out = {.count = 0};
	struct rep_fault fault;
	bool found;
	int rc;

	while ((rc = rep_verify_next(s->r.node, &s->r.view, &cursor, 1, &fault, &found, &sum)) == 0) {
		if (cursor.phase != 0)
			break;
		if (found) {
			assert_true(out.count < FAULTS);
			assert_int_equal(fault.what, REP_FAULT_SEGMENT);
			out.fault[out.count++] = fault;
		}
	}
	assert_true(rc == 0 || rc == TR_E_NOTFOUND);
	out.unjudged = sum.unjudged;
	return out;
}

static void assert_only(struct scene *s, int log, uint64_t first, uint64_t last, uint64_t unjudged)
{
	struct found f = look(s);

	assert_int_equal(f.count, 1);
	assert_int_equal(f.fault[0].log, s->handle[log]);
	assert_int_equal(f.fault[0].first, first);
	assert_int_equal(f.fault[0].last, last);
	assert_int_equal(f.unjudged, unjudged);
}

static void assert_well(struct scene *s)
{
	struct found f = look(s);

	assert_int_equal(f.count, 0);
	assert_int_equal(f.unjudged, 0);
}

static struct scene s;

/* How many cannot be judged while this one is gone or changed. */
static const struct { int log; uint64_t seq, hang; } rows[] = {
    {A, 1, 2}, /* A2, and C2: each says what is before it */
    {A, 2, 1}, {A, 3, 0}, {B, 1, 1},
    {B, 2, 3}, /* B3; A2 and A3, which saw it */
    {B, 3, 0}, {LOGS, 2, 0}};

static void the_row_that_was_changed_is_named_alone(void **state)
{
	(void)state;
	begin(&s);
	assert_well(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row was = row_of(&s, rows[i].log, rows[i].seq), is = was;

		is.value[is.size - 1] ^= 1; /* of its signature: what stands on its hash is well */
		set(&s, &is);
		assert_only(&s, rows[i].log, rows[i].seq, rows[i].seq, 0);
		is = was;
		is.value[0] ^= 1; /* of its hash */
		set(&s, &is);
		assert_only(&s, rows[i].log, rows[i].seq, rows[i].seq, rows[i].hang);
		set(&s, &was);
		assert_well(&s);
	}
	rig_end(&s.r);
}

static void the_row_that_is_gone_is_named_alone(void **state)
{
	(void)state;
	begin(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct row was = row_of(&s, rows[i].log, rows[i].seq);

		drop(&s, &was);
		assert_only(&s, rows[i].log, rows[i].seq, rows[i].seq, rows[i].hang);
		set(&s, &was);
		assert_well(&s);
	}
	rig_end(&s.r);
}

/* Of two that hang together the lower one first; the other one when that is mended. */
static void what_lies_below_is_named_first(void **state)
{
	struct row low, high, bad_low, bad_high;

	(void)state;
	begin(&s);
	bad_low = low = row_of(&s, B, 2);
	bad_high = high = row_of(&s, A, 2);
	bad_low.value[low.size - 1] ^= 1;
	bad_high.value[high.size - 1] ^= 1;
	set(&s, &bad_low);
	set(&s, &bad_high);
	assert_only(&s, B, 2, 2, 1);
	set(&s, &low);
	assert_only(&s, A, 2, 2, 0);
	set(&s, &high);
	assert_well(&s);
	rig_end(&s.r);
}

/* What would lie beyond the end of a log never was: who names it is at fault, and so is who names a log that is none. */
static void who_names_what_never_was_is_at_fault(void **state)
{
	static const struct { size_t at; uint8_t to; } changes[] = {{4 + 7, 200}, {0, 77}};

	(void)state;
	begin(&s);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct row was = row_of(&s, A, 2), is = was;

		assert_int_equal(wire_get_be16(was.value + 40), 1);
		is.value[REP_SEG_ROW_HEAD + changes[i].at] = changes[i].to;
		set(&s, &is);
		assert_only(&s, A, 2, 2, 1);
		set(&s, &was);
		assert_well(&s);
	}
	rig_end(&s.r);
}

/* The same segment under another number, and one that says that it begins elsewhere. */
static void a_row_in_the_wrong_place_is_at_fault(void **state)
{
	struct row was, is;
	Terrace__Seg *seg;
	size_t head;

	(void)state;
	begin(&s);
	was = row_of(&s, B, 3);
	drop(&s, &was);
	is = row_of(&s, B, 1);
	memcpy(is.key, was.key, sizeof(is.key));
	set(&s, &is); /* the first one, in the place of the third */
	assert_only(&s, B, 3, 3, 0);
	is = was;
	head = REP_SEG_ROW_HEAD + wire_get_be16(was.value + 40) * (size_t)REP_SEG_ROW_ENTRY;
	for (int64_t off = -1; off <= 1; off++) {
		if (off == 0)
			continue;
		seg = terrace__seg__unpack(NULL, was.size - head, was.value + head);
		assert_non_null(seg);
		seg->first = (uint64_t)((int64_t)seg->first + off);
		is.size = head + terrace__seg__pack(seg, is.value + head);
		terrace__seg__free_unpacked(seg, NULL);
		set(&s, &is);
		assert_only(&s, B, 3, 3, 0);
	}
	set(&s, &was);
	assert_well(&s);
	rig_end(&s.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_row_that_was_changed_is_named_alone),
	    cmocka_unit_test(the_row_that_is_gone_is_named_alone),
	    cmocka_unit_test(what_lies_below_is_named_first),
	    cmocka_unit_test(who_names_what_never_was_is_at_fault),
	    cmocka_unit_test(a_row_in_the_wrong_place_is_at_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
