/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: damage that a whole store does not know, in lists, look-ups and
 * segments: it is said, mended as far as it can be, and a wrong request mends nothing. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/lookup.h"
#include "replication/verify.h"
#include "tests/lib/rig.h"

enum { SOURCE = 1, SOURCE_ID = 2, TITLE = 14 };

static struct rep_value val(uint16_t field, const char *t)
{
	return (struct rep_value){field, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(t)};
}

static struct tr_rec_id write_case(struct rig *r, const char *number)
{
	struct rep_value v[] = {val(TITLE, "a pothole"), val(SOURCE, "hotline"), val(SOURCE_ID, number)};
	struct rep_write w = {.kind = TR_KIND_CASE, .values = v, .value_count = 3};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
	assert_int_equal(r->reply.rc, 0);
	return r->reply.id;
}

struct log { struct tr_log_id id; uint32_t h; uint64_t seq; struct tr_hash head; };

static struct log street_log(struct rig *r, uint32_t h, struct tr_nid scope, uint8_t lane)
{
	struct log log = {{r->party[RIG_STREET].nid, 60 + h, scope, lane}, h, 0, {{0}}};

	rig_logdef(r, h, log.id);
	return log;
}

static struct tr_bytes seg_of(const struct rig *r, struct log *log, const struct tr_rec_id *id, const struct rep_value *v,
    uint16_t count, const struct rig_seen *seen, uint8_t *out, size_t cap)
{
	static struct rep_op op;
	uint8_t entry[1024];
	struct tr_bytes bytes;
	struct rig_seg how = {RIG_STREET, log->id, log->h, log->seq + 1, &bytes, 1, log->head, 1};

	op = (struct rep_op){.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = *id, .value_count = count};
	memcpy(op.values, v, count * sizeof(*v));
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	log->seq++;
	return rig_segment_seen(r, &how, seen, seen != NULL, 0, out, cap, &log->head);
}

static void put(struct rig *r, struct log *log, struct tr_rec_id id, const struct rig_seen *seen)
{
	struct rep_value title = val(TITLE, "noise");
	uint8_t out[2048];
	struct tr_bytes s = seg_of(r, log, &id, &title, 1, seen, out, sizeof(out));

	rig_segs(r, &s, 1);
	assert_int_equal(r->rc, 0);
}

static uint32_t handle(const struct rig *r, const struct log *log)
{
	return rep_log_find(r->node, &log->id)->handle;
}

static void begin(struct rig *r)
{
	rig_begin(r, RIG_TOP);
	rig_connect(r, RIG_STREET);
}

static int mend(struct rig *r, struct rep_fault fault)
{
	struct rep_mend mend = {.ticket = 5, .fault = fault};
	struct rep_event event = {.kind = REP_EV_MEND, .mend = &mend};

	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
	return r->reply.rc;
}

#define FAULTS 32

struct faults { struct rep_fault list[FAULTS + 1]; size_t count; };

static struct faults look(struct rig *r)
{
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct faults out = {.count = 0};
	bool found;
	int rc;

	while ((rc = rep_verify_next(r->node, &r->view, &cursor, 64, &out.list[out.count], &found, &sum)) == 0) {
		out.count += found;
		assert_true(out.count <= FAULTS);
	}
	assert_int_equal(rc, TR_E_NOTFOUND);
	return out;
}

/* ----------------------------------------------------------------- lists of ops */

static void put_ops(struct rig *r, const struct tr_rec_id *id, uint32_t log, uint64_t seq)
{
	struct rep_key key = rep_key_ops(id, (struct tr_dot){log, seq});

	assert_int_equal(rep_put(&r->view, REP_T_OPS, rep_key_bytes(&key), UNIT_TEXT("")), 0);
}

/* An op that is not signed yet is where its log says; a list that names it for another record is mended. */
static void an_open_op_has_its_place_in_one_list(void **state)
{
	struct tr_rec_id one, two;
	const struct rep_log *log;
	struct tr_log_id id;
	struct faults f;
	struct rig r;
	size_t rows;

	(void)state;
	rig_begin(&r, RIG_STREET);
	one = write_case(&r, "1");
	two = write_case(&r, "2");
	id = (struct tr_log_id){r.party[RIG_STREET].nid, r.node->inc, r.party[RIG_STREET].nid, TR_LANE_R};
	log = rep_log_find(r.node, &id);
	assert_non_null(log->open);
	assert_int_equal(log->open->count, 2);
	rows = memview_rows(r.mv, REP_T_OPS);
	assert_int_equal(look(&r).count, 0);
	put_ops(&r, &one, log->handle, 2);   /* that is the other one's */
	put_ops(&r, &one, log->handle, 3);   /* never was */
	put_ops(&r, &one, log->handle, 0);
	put_ops(&r, &one, 4711, 1);
	f = look(&r);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.list[0].what, REP_FAULT_RECORD);
	assert_memory_equal(f.list[0].rec.b, one.b, 16);
	assert_int_equal(mend(&r, f.list[0]), 0);
	assert_int_equal(memview_rows(r.mv, REP_T_OPS), rows);
	assert_int_equal(look(&r).count, 0);
	/* what is asked for and is none */
	assert_int_equal(mend(&r, (struct rep_fault){.what = REP_FAULT_INDEX, .rec = one, .log = log->handle, .first = 2, .last = 2}),
	    TR_E_NOTFOUND);
	assert_int_equal(mend(&r, (struct rep_fault){.what = REP_FAULT_INDEX, .rec = two, .log = log->handle, .first = 2, .last = 2}), 0);
	assert_true(r.reply.unchanged);
	assert_int_equal(mend(&r, (struct rep_fault){.what = REP_FAULT_INDEX, .rec = two, .log = log->handle, .first = 3, .last = 3}),
	    TR_E_NOTFOUND);
	assert_int_equal(mend(&r, (struct rep_fault){.what = REP_FAULT_INDEX, .rec = two, .log = 4711, .first = 1, .last = 1}),
	    TR_E_NOTFOUND);
	assert_int_equal(mend(&r, (struct rep_fault){.what = (enum rep_fault_what)99}), TR_E_INPUT);
	assert_string_equal(rep_fault_name((enum rep_fault_what)99), "?");
	assert_int_equal(memview_rows(r.mv, REP_T_OPS), rows);
	rig_end(&r);
}

/* A row that is no entry does not end a list: what lies behind it counts, or repair would take the record away. */
static void an_entry_of_another_length_is_taken_out(void **state)
{
	static const size_t sizes[] = {5, 16, 27, 29, 40};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t key[64];
		struct tr_rec_id id;
		struct faults f;
		struct rig r;
		size_t rows;

		begin(&r);
		id = write_case(&r, "1");
		rig_wait(&r, 1000);
		rows = memview_rows(r.mv, REP_T_OPS);
		memset(key, 0, sizeof(key)); /* before all of them */
		memcpy(key, id.b, sizes[i] < 16 ? sizes[i] : 16);
		assert_int_equal(rep_put(&r.view, REP_T_OPS, (struct tr_bytes){key, sizes[i]}, UNIT_TEXT("")), 0);
		f = look(&r);
		assert_int_equal(f.count, sizes[i] >= 16);
		f.list[0] = (struct rep_fault){.what = REP_FAULT_RECORD, .rec = id};
		assert_int_equal(mend(&r, f.list[0]), 0);
		assert_int_equal(memview_rows(r.mv, REP_T_OPS), rows + (sizes[i] < 16)); /* of no record at all */
		assert_int_equal(look(&r).count, 0);
		assert_int_equal(memview_rows(r.mv, REP_T_REC), 1);
		rig_end(&r);
	}
}

/* One longer than any key that is written cannot be taken out: the record is said to be damaged, and stays. */
static void an_entry_of_no_length_is_said(void **state)
{
	uint8_t shorter[5], longer[200] = {0};
	struct tr_rec_id id;
	struct rig r;
	size_t rows;

	(void)state;
	begin(&r);
	id = write_case(&r, "1");
	rig_wait(&r, 1000);
	memset(shorter, 0xff, sizeof(shorter)); /* behind all lists */
	assert_int_equal(rep_put(&r.view, REP_T_OPS, UNIT_BYTES(shorter), UNIT_TEXT("")), 0);
	put_ops(&r, &id, 4711, 1);
	assert_int_equal(mend(&r, (struct rep_fault){.what = REP_FAULT_RECORD, .rec = id}), 0);
	assert_int_equal(rep_verify_record(r.node, &r.view, &id, NULL), 0);
	memcpy(longer, id.b, 16);
	assert_int_equal(rep_put(&r.view, REP_T_OPS, UNIT_BYTES(longer), UNIT_TEXT("")), 0);
	rows = memview_rows(r.mv, REP_T_OPS);
	assert_int_equal(mend(&r, (struct rep_fault){.what = REP_FAULT_RECORD, .rec = id}), TR_E_DAMAGED);
	assert_int_equal(memview_rows(r.mv, REP_T_OPS), rows);
	assert_int_equal(memview_rows(r.mv, REP_T_REC), 1);
	rig_end(&r);
}

/* ---------------------------------------------------------------------- records */

/* Whatever byte of a record's row is another one, its ops say that it is not as it was. */
static void each_byte_of_a_record_is_held_against_its_ops(void **state)
{
	struct tr_rec_id id;
	struct tr_bytes value;
	uint8_t key[17] = {TR_KIND_CASE}, row[4096];
	size_t size;
	struct rig r;

	(void)state;
	begin(&r);
	id = write_case(&r, "1");
	rig_wait(&r, 1000);
	memcpy(key + 1, id.b, 16);
	assert_int_equal(rep_get(&r.view, REP_T_REC, UNIT_BYTES(key), &value), 0);
	size = value.size;
	assert_true(size < sizeof(row));
	memcpy(row, value.data, size);
	for (size_t i = 0; i < size; i++)
		for (int bit = 0; bit < 8; bit++) {
			int rc;

			row[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(rep_put(&r.view, REP_T_REC, UNIT_BYTES(key), (struct tr_bytes){row, size}), 0);
			rc = rep_verify_record(r.node, &r.view, &id, NULL);
			if (rc != TR_E_DIFFERS)
				fail_msg("byte %zu of %zu, bit %d: %d", i, size, bit, rc);
			row[i] ^= (uint8_t)(1u << bit);
		}
	assert_int_equal(rep_put(&r.view, REP_T_REC, UNIT_BYTES(key), (struct tr_bytes){row, size}), 0);
	assert_int_equal(rep_verify_record(r.node, &r.view, &id, NULL), 0);
	rig_end(&r);
}

/* An id lives in one domain: what another one made of it is no part of it, and a list that says so is damaged. */
static void a_record_is_of_one_domain(void **state)
{
	struct tr_rec_id id = {{5, 1}};
	struct tr_nid street;
	struct rig r;

	(void)state;
	for (int lane = 0; lane < 2; lane++) {
		struct log first, second;

		begin(&r);
		street = r.party[RIG_STREET].nid;
		rig_cert(&r, &r.party[RIG_LEAF]);
		first = street_log(&r, 1, street, TR_LANE_R);
		second = lane ? street_log(&r, 2, street, TR_LANE_B) : street_log(&r, 2, r.party[RIG_LEAF].nid, TR_LANE_R);
		put(&r, &first, id, NULL);
		put(&r, &second, id, NULL);
		assert_int_equal(look(&r).count, 0);
		assert_int_equal(rep_verify_record(r.node, &r.view, &id, NULL), 0);
		put_ops(&r, &id, handle(&r, &second), 1);
		assert_int_equal(rep_verify_record(r.node, &r.view, &id, NULL), TR_E_DAMAGED);
		rig_end(&r);
	}
}

/* Each says that it had seen the other: no order is right. */
static void ops_that_had_seen_each_other_are_damage(void **state)
{
	struct tr_rec_id id = {{5, 1}};
	struct log a, b;
	struct rig_seen seen;
	struct tr_bytes value;
	struct rep_key key;
	uint8_t row[2048];
	size_t size;
	struct rig r;

	(void)state;
	begin(&r);
	a = street_log(&r, 1, r.party[RIG_STREET].nid, TR_LANE_R);
	b = street_log(&r, 2, r.party[RIG_STREET].nid, TR_LANE_R);
	put(&r, &a, id, NULL);
	seen = (struct rig_seen){1, a.id, 1, a.head};
	put(&r, &b, id, &seen);
	assert_int_equal(rep_verify_record(r.node, &r.view, &id, NULL), 0);
	key = rep_key_seq(handle(&r, &a), 1);
	assert_int_equal(rep_get(&r.view, REP_T_SEG, rep_key_bytes(&key), &value), 0);
	assert_int_equal(wire_get_be16(value.data + 40), 0);
	memcpy(row, value.data, REP_SEG_ROW_HEAD);
	wire_put_be16(row + 40, 1);
	wire_put_be32(row + REP_SEG_ROW_HEAD, handle(&r, &b));
	wire_put_be64(row + REP_SEG_ROW_HEAD + 4, 1);
	size = value.size - REP_SEG_ROW_HEAD;
	memcpy(row + REP_SEG_ROW_HEAD + REP_SEG_ROW_ENTRY, value.data + REP_SEG_ROW_HEAD, size);
	assert_int_equal(rep_put(&r.view, REP_T_SEG, rep_key_bytes(&key),
	    (struct tr_bytes){row, REP_SEG_ROW_HEAD + REP_SEG_ROW_ENTRY + size}), 0);
	assert_int_equal(rep_verify_record(r.node, &r.view, &id, NULL), TR_E_DAMAGED);
	rig_end(&r);
}

/* A row of an item whose key is longer than any that is written. */
static void an_item_with_a_key_of_no_length_is_damage(void **state)
{
	uint8_t key[200] = {0};
	struct tr_rec_id id;
	struct rig r;

	(void)state;
	begin(&r);
	id = write_case(&r, "1");
	rig_wait(&r, 1000);
	memcpy(key, id.b, 16);
	assert_int_equal(rep_put(&r.view, REP_T_ROW, UNIT_BYTES(key), UNIT_TEXT("x")), 0);
	assert_int_equal(rep_verify_record(r.node, &r.view, &id, NULL), TR_E_DAMAGED);
	rig_end(&r);
}

/* ---------------------------------------------------------------------- look-ups */

/* Sixteen records of one source are enough to be told about: the others miss nothing. */
static void a_look_up_names_sixteen_twins(void **state)
{
	struct rep_value v[] = {val(TITLE, "noise"), val(SOURCE, "hotline"), val(SOURCE_ID, "9")};
	struct rep_key key = rep_key_source(v[1].t, v[2].t);
	uint8_t row[17 * 16], out[2048];
	struct tr_bytes value, s;
	struct faults f;
	struct log log;
	struct rig r;

	(void)state;
	begin(&r);
	log = street_log(&r, 1, r.party[RIG_STREET].nid, TR_LANE_R);
	for (uint8_t i = 0; i < 18; i++) {
		struct tr_rec_id id = {{5, i}};

		s = seg_of(&r, &log, &id, v, 3, NULL, out, sizeof(out));
		rig_segs(&r, &s, 1);
	}
	assert_int_equal(rep_get(&r.view, REP_T_SRC, rep_key_bytes(&key), &value), 0);
	assert_int_equal(value.size, REP_TWINS_MAX * 16);
	assert_int_equal(look(&r).count, 0);
	/* more than a row ever names: it goes, and comes back by the records themselves */
	memcpy(row, value.data, value.size);
	memset(row + value.size, 5, 16);
	assert_int_equal(rep_put(&r.view, REP_T_SRC, rep_key_bytes(&key), UNIT_BYTES(row)), 0);
	f = look(&r);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.list[0].what, REP_FAULT_SOURCE);
	assert_true(f.list[0].is_extra);
	assert_int_equal(mend(&r, f.list[0]), 0);
	assert_int_equal(rep_get(&r.view, REP_T_SRC, rep_key_bytes(&key), &value), TR_E_NOTFOUND);
	for (int round = 0; round < 3 && (f = look(&r)).count > 0; round++)
		for (size_t i = 0; i < f.count; i++)
			assert_int_equal(mend(&r, f.list[i]), 0);
	assert_int_equal(look(&r).count, 0);
	assert_int_equal(rep_get(&r.view, REP_T_SRC, rep_key_bytes(&key), &value), 0);
	assert_int_equal(value.size, REP_TWINS_MAX * 16);
	rig_end(&r);
}

/* A row that is half of one, when a record is put into it: what it said is not gone on with. */
static void a_broken_look_up_is_made_anew(void **state)
{
	struct rep_value v[] = {val(SOURCE, "hotline"), val(SOURCE_ID, "9")};
	struct rep_key key = rep_key_source(v[0].t, v[1].t);
	struct tr_bytes value;
	struct tr_rec_id id;
	struct rig r;

	(void)state;
	begin(&r);
	id = write_case(&r, "9");
	rig_wait(&r, 1000);
	assert_int_equal(rep_put(&r.view, REP_T_SRC, rep_key_bytes(&key), UNIT_TEXT("half a row")), 0);
	assert_int_equal(mend(&r, (struct rep_fault){.what = REP_FAULT_SOURCE, .rec = id}), 0);
	assert_int_equal(rep_get(&r.view, REP_T_SRC, rep_key_bytes(&key), &value), 0);
	assert_int_equal(value.size, 16);
	assert_memory_equal(value.data, id.b, 16);
	assert_int_equal(mend(&r, (struct rep_fault){.what = REP_FAULT_SOURCE, .rec = id}), 0);
	assert_true(r.reply.unchanged);
	rig_end(&r);
}

/* ---------------------------------------------------------------------- segments */

/* What lies behind the end of a log, or belongs to the next one, does not say where the damage ends. */
static void the_last_segment_is_gone(void **state)
{
	struct tr_rec_id id = {{5, 1}};
	struct rep_key last, beyond;
	struct tr_bytes value;
	struct faults f;
	uint8_t row[2048];
	struct log log;
	struct rig r;

	(void)state;
	for (int extra = 0; extra < 3; extra++) {
		begin(&r);
		log = street_log(&r, 1, r.party[RIG_STREET].nid, TR_LANE_R);
		put(&r, &log, id, NULL);
		id.b[1]++;
		put(&r, &log, id, NULL);
		last = rep_key_seq(handle(&r, &log), 2);
		beyond = rep_key_seq(handle(&r, &log), 9);
		assert_int_equal(rep_get(&r.view, REP_T_SEG, rep_key_bytes(&last), &value), 0);
		memcpy(row, value.data, value.size);
		value.data = row;
		assert_int_equal(rep_del(&r.view, REP_T_SEG, rep_key_bytes(&last)), 0);
		if (extra == 2)
			beyond.size = 13; /* no key of a segment */
		if (extra > 0)
			assert_int_equal(rep_put(&r.view, REP_T_SEG, rep_key_bytes(&beyond), value), 0);
		f = look(&r);
		assert_true(f.count >= 1);
		assert_int_equal(f.list[0].what, REP_FAULT_SEGMENT);
		assert_int_equal(f.list[0].first, 2);
		assert_int_equal(f.list[0].last, 2);
		rig_end(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_open_op_has_its_place_in_one_list),
	    cmocka_unit_test(an_entry_of_another_length_is_taken_out),
	    cmocka_unit_test(an_entry_of_no_length_is_said),
	    cmocka_unit_test(each_byte_of_a_record_is_held_against_its_ops),
	    cmocka_unit_test(a_record_is_of_one_domain),
	    cmocka_unit_test(ops_that_had_seen_each_other_are_damage),
	    cmocka_unit_test(an_item_with_a_key_of_no_length_is_damage),
	    cmocka_unit_test(a_look_up_names_sixteen_twins),
	    cmocka_unit_test(a_broken_look_up_is_made_anew),
	    cmocka_unit_test(the_last_segment_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
