/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whatever row of a store is not what it was, the core says so or mends
 * it; it does not end, and what is derived comes back as it was.
 *
 * Method: one store with something of everything; each of its rows in turn is
 * gone, empty, cut short, too long, another one, or cannot be read.
 */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/status.h"
#include "tests/lib/rig.h"

#define ROWS_MAX 512
#define FAULTS_MAX 64 /* of one row; more is a walk that does not end */
#define KEY_MAX 256

enum { SOURCE = 1, SOURCE_ID = 2, TITLE = 14, STATUS = 40, CAMPAIGN = 60, NOTES = 61, VISITS = 62, DIR_TITLE = 6 };
enum damage { GONE, EMPTY, SHORT, LONG, OTHER, UNREADABLE, DAMAGES };

struct place { enum rep_table table; uint8_t key[KEY_MAX]; size_t size; };

/* ------------------------------------------------------------- a row that cannot be read */

struct rotview {
	struct rep_view inner;
	const struct place *bad; /* NULL: none */
};

static bool is_bad(const struct rotview *v, enum rep_table table, struct tr_bytes key)
{
	return v->bad != NULL && v->bad->table == table && v->bad->size == key.size && memcmp(v->bad->key, key.data, key.size) == 0;
}

static int rot_get(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes *value)
{
	struct rotview *v = ctx;

	return is_bad(v, table, key) ? TR_E_DAMAGED : rep_get(&v->inner, table, key, value);
}

static int rot_seek(void *ctx, enum rep_table table, struct tr_bytes from, bool after, struct tr_bytes *key, struct tr_bytes *value)
{
	struct rotview *v = ctx;
	int rc = rep_seek(&v->inner, table, from, after, key, value);

	return rc == 0 && value != NULL && is_bad(v, table, *key) ? TR_E_DAMAGED : rc;
}

static int rot_before(void *ctx, enum rep_table table, struct tr_bytes before, struct tr_bytes *key, struct tr_bytes *value)
{
	struct rotview *v = ctx;
	int rc = rep_seek_before(&v->inner, table, before, key, value);

	return rc == 0 && value != NULL && is_bad(v, table, *key) ? TR_E_DAMAGED : rc;
}

static int rot_put(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes value)
{
	struct rotview *v = ctx;

	if (is_bad(v, table, key))
		v->bad = NULL; /* written anew */
	return rep_put(&v->inner, table, key, value);
}

static int rot_del(void *ctx, enum rep_table table, struct tr_bytes key)
{
	struct rotview *v = ctx;

	if (is_bad(v, table, key))
		v->bad = NULL;
	return rep_del(&v->inner, table, key);
}

static struct rep_view rotview_over(struct rotview *v, const struct rep_view *inner)
{
	static const struct rep_view_ops ops = {rot_get, rot_seek, rot_before, rot_put, rot_del};

	*v = (struct rotview){.inner = *inner};
	return (struct rep_view){&ops, v};
}

/* ------------------------------------------------------------------- a store with everything */

static struct rep_value text_of(uint16_t field, uint8_t act, const char *t)
{
	return (struct rep_value){field, act, REP_VALUE_TEXT, 0, UNIT_TEXT(t)};
}

static struct rep_value int_of(uint16_t field, int64_t i)
{
	return (struct rep_value){field, TR_ACT_SET, REP_VALUE_INT, i, {NULL, 0}};
}

static int put(struct rig *r, struct rep_write w)
{
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	w.kind = w.kind != 0 ? w.kind : TR_KIND_CASE;
	rig_step(r, &event);
	return r->rc != 0 ? r->rc : r->reply.rc;
}

/* Three cases, the last of which went elsewhere; a directive, a post, a policy. */
static struct tr_rec_id cases[3];
/* Of an op of a later version: no record yet, so nothing to hold its list of ops against. */
static const struct tr_rec_id unknown = {{2, 0x99}};

static void write_own(struct rig *r)
{
	struct rep_value made[] = {text_of(SOURCE, TR_ACT_SET, "hotline"), text_of(SOURCE_ID, TR_ACT_SET, "7"),
	    text_of(TITLE, TR_ACT_SET, "a pothole")};
	struct rep_value more[] = {text_of(NOTES, TR_ACT_ADD, "deep")}, tag[] = {text_of(CAMPAIGN, TR_ACT_ADD, "spring")},
			 visits[] = {int_of(VISITS, 3)}, post[] = {text_of(10, TR_ACT_SET, "grid worker")},
			 dir[] = {text_of(DIR_TITLE, TR_ACT_SET, "clear the drains")}, why[] = {text_of(43, TR_ACT_SET, "across")};
	struct rep_policy_doc doc = {.rule_count = 1, .rule = {{TR_KIND_CASE, TITLE, REP_MERGE_GROUND, false}}};
	struct rep_policy_send policy = {.doc = &doc};
	struct rep_event event = {.kind = REP_EV_POLICY, .policy = &policy};

	for (int i = 0; i < 3; i++) {
		made[1].t = i == 0 ? UNIT_TEXT("7") : i == 1 ? UNIT_TEXT("8") : UNIT_TEXT("9");
		assert_int_equal(put(r, (struct rep_write){.home = r->party[RIG_LEAF].nid, .values = made, .value_count = 3,
				     .key = UNIT_TEXT(i == 0 ? "k0" : i == 1 ? "k1" : "k2"), .actor = UNIT_TEXT("li")}), 0);
		cases[i] = r->reply.id;
	}
	assert_int_equal(put(r, (struct rep_write){.has_id = true, .id = cases[0], .values = more, .value_count = 1}), 0);
	assert_int_equal(put(r, (struct rep_write){.has_id = true, .id = cases[0], .values = tag, .value_count = 1}), 0);
	assert_int_equal(put(r, (struct rep_write){.has_id = true, .id = cases[0], .values = visits, .value_count = 1}), 0);
	assert_int_equal(put(r, (struct rep_write){.has_id = true, .id = cases[2], .move_to = r->party[RIG_OTHER].nid,
			     .must_exist = true, .values = why, .value_count = 1}), 0);
	assert_int_equal(put(r, (struct rep_write){.kind = TR_KIND_STAFF, .values = post, .value_count = 1}), 0);
	assert_int_equal(put(r, (struct rep_write){.kind = TR_KIND_DIRECTIVE, .values = dir, .value_count = 1,
			     .targets = &r->party[RIG_LEAF].nid, .target_count = 1}), 0);
	rig_step(r, &event);
	assert_int_equal(r->reply.rc, 0);
}

/* Of the leaf, which has seen nothing: a conflict, a violation, an op of a later version. */
static void write_theirs(struct rig *r)
{
	struct tr_log_id log = {r->party[RIG_LEAF].nid, 5, r->party[RIG_LEAF].nid, TR_LANE_R};
	static const uint32_t kinds[] = {TR_OP_SET, TR_OP_SET, 40, TR_OP_CREATE};
	struct tr_hash prev = {{0}};

	rig_logdef(r, 1, log);
	for (uint32_t i = 0; i < 4; i++) {
		struct rep_op op = {.kind = kinds[i], .has_body = true, .type = TR_KIND_CASE, .rec = cases[0], .value_count = 1};
		uint8_t entry[512], out[1024];
		struct tr_bytes bytes, seg;
		struct rig_seg how = {RIG_LEAF, log, 1, i + 1, &bytes, 1, prev, 1};

		op.values[0] = text_of(TITLE, TR_ACT_SET, i == 3 ? "twin" : "two potholes");
		if (i == 1)
			op.values[0] = int_of(STATUS, REP_CASE_VERIFIED);
		if (i == 2)
			op.rec = unknown;
		if (i == 3) { /* of the same source as another one */
			op.rec = (struct tr_rec_id){{1, 0x77}};
			op.value_count = 3;
			op.values[1] = text_of(SOURCE, TR_ACT_SET, "hotline");
			op.values[2] = text_of(SOURCE_ID, TR_ACT_SET, "8");
		}
		bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
		assert_true(bytes.size > 0);
		seg = rig_segment(r, &how, out, sizeof(out), &prev);
		rig_segs(r, &seg, 1);
	}
	assert_int_equal(r->rc, 0);
}

static void begin(struct rig *r)
{
	rig_begin(r, RIG_TOP);
	rig_connect(r, RIG_STREET);
	rig_cert(r, &r->party[RIG_LEAF]);
	write_own(r);
	write_theirs(r);
	for (int i = 0; i < 5; i++)
		rig_wait(r, 30000);
	assert_int_equal(r->rc, 0);
	assert_int_equal(r->traces[REP_TRACE_OP_LATER], 1);
	assert_true(r->traces[REP_TRACE_OP_VIOLATION] > 0);
}

static size_t list(const struct rig *r, enum rep_table table, struct place out[static ROWS_MAX], size_t n)
{
	struct tr_bytes key = {NULL, 0};

	while (rep_seek(&r->view, table, key, key.size != 0, &key, NULL) == 0) {
		assert_true(n < ROWS_MAX && key.size <= KEY_MAX);
		out[n].table = table;
		out[n].size = key.size;
		memcpy(out[n++].key, key.data, key.size);
	}
	return n;
}

/* ------------------------------------------------------------------------- one damage */

static struct rotview rotten;

/* A copy of the store with one row damaged.  False: no other row would come of it. */
static bool copy_damaged(struct rig *out, const struct rig *r, const struct place *at, enum damage damage)
{
	static uint8_t row[64 * 1024];
	struct tr_bytes key = {at->key, at->size}, value;
	struct rep_view inner;

	assert_int_equal(rep_get(&r->view, at->table, key, &value), 0);
	assert_true(value.size + 1 < sizeof(row));
	if (value.size == 0 && damage != GONE && damage != LONG && damage != UNREADABLE)
		return false;
	memset(row, 0, value.size + 1);
	if (value.size > 0)
		memcpy(row, value.data, value.size);
	*out = *r;
	out->mv = memview_clone(r->mv);
	inner = memview_view(out->mv);
	out->view = rotview_over(&rotten, &inner);
	out->node = NULL;
	out->batch = rep_batch_create();
	out->arena = wire_arena_create();
	TR_ASSERT(out->batch != NULL && out->arena != NULL);
	row[value.size / 2] ^= damage == OTHER ? 0x15 : 0;
	switch (damage) {
	case GONE: assert_int_equal(rep_del(&inner, at->table, key), 0); break;
	case EMPTY: value.size = 0; break;
	case SHORT: value.size--; break;
	case LONG: value.size++; break;
	case UNREADABLE: rotten.bad = at; break;
	case OTHER:
	case DAMAGES: break;
	}
	if (damage != GONE && damage != UNREADABLE)
		assert_int_equal(rep_put(&inner, at->table, key, (struct tr_bytes){row, value.size}), 0);
	return true;
}

static void end(struct rig *r)
{
	rotten.bad = NULL;
	rig_end(r);
}

/* All faults, each mended as soon as it is found; how many there were. */
static size_t mend_all(struct rig *r, size_t *of_segments)
{
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	size_t faults = 0;
	int rc;

	for (*of_segments = 0;;) {
		struct rep_mend mend = {.ticket = 5};
		struct rep_event event = {.kind = REP_EV_MEND, .mend = &mend};
		bool found = false;

		rc = rep_verify_next(r->node, &r->view, &cursor, 64, &mend.fault, &found, &sum);
		if (rc != 0)
			break;
		if (!found)
			continue;
		assert_true(++faults < FAULTS_MAX);
		assert_string_not_equal(rep_fault_name(mend.fault.what), "?");
		*of_segments += mend.fault.what == REP_FAULT_SEGMENT;
		rig_step(r, &event);
		assert_int_equal(r->rc, 0);
		assert_int_equal(r->reply.ticket, 5);
	}
	assert_int_equal(rc, TR_E_NOTFOUND);
	return faults;
}

static bool is_derived(enum rep_table table)
{
	return table == REP_T_REC || table == REP_T_ROW || table == REP_T_OPS || table == REP_T_SRC || table == REP_T_DIR ||
	       table == REP_T_CONFLICT || table == REP_T_VIOLATION;
}

/* ------------------------------------------------------------------------------ tests */

/* Rows without a value: nobody looks whether there is one. */
static bool is_bare(enum rep_table table)
{
	return table == REP_T_OPS || table == REP_T_DIR;
}

static bool is_as_it_was(const struct rig *now, const struct rig *was, enum rep_table table)
{
	static struct place a[ROWS_MAX], b[ROWS_MAX];
	size_t n = list(now, table, a, 0);
	struct tr_bytes x, y;

	if (n != list(was, table, b, 0))
		return false;
	for (size_t i = 0; i < n; i++) {
		struct tr_bytes key = {a[i].key, a[i].size};

		if (rep_get(&now->view, table, key, &x) != 0 || rep_get(&was->view, table, key, &y) != 0 || x.size != y.size ||
		    (x.size > 0 && memcmp(x.data, y.data, x.size) != 0))
			return false;
	}
	return true;
}

static void what_is_derived_is_made_again(void **state)
{
	static struct place at[ROWS_MAX];
	static const char *const names[] = {"gone", "empty", "short", "long", "other", "unreadable"};
	struct rig r;
	size_t n = 0;

	(void)state;
	begin(&r);
	for (int t = 0; t < REP_T_COUNT; t++)
		n = is_derived((enum rep_table)t) ? list(&r, (enum rep_table)t, at, n) : n;
	for (size_t i = 0; i < n; i++)
		for (int d = 0; d < DAMAGES; d++) {
			struct rig x;
			size_t faults, of_segments;

			if ((d == LONG && is_bare(at[i].table)) || memcmp(at[i].key, unknown.b, sizeof(unknown.b)) == 0 ||
			    !copy_damaged(&x, &r, &at[i], (enum damage)d))
				continue;
			assert_int_equal(rig_restart(&x), 0);
			faults = mend_all(&x, &of_segments);
			assert_int_equal(of_segments, 0);
			if (!is_as_it_was(&x, &r, at[i].table))
				fail_msg("table %d row %zu %s: %zu faults", (int)at[i].table, i, names[d], faults);
			assert_int_equal(mend_all(&x, &of_segments), 0);
			end(&x);
		}
	end(&r);
}

/* A row: its key in two parts. */
struct extra { enum rep_table table; struct tr_bytes head, tail, value; };

/* Rows that nothing stands behind, as a program with a fault would have left them. */
static void what_stands_for_nothing_goes(void **state)
{
	static const uint8_t nobody[16] = {3, 0x55};
	static struct place other[ROWS_MAX];
	struct tr_bytes id = UNIT_BYTES(cases[0].b), none = UNIT_BYTES(nobody), src;
	struct extra rows[24];
	static uint8_t dots[4][12];
	uint8_t ids[2 * 16 + 1], record[4096];
	size_t n = 0, count;
	struct rig r;

	(void)state;
	begin(&r);
	/* its own list: a log that is not, sequence 0, behind the end, another record's op, a key of another size */
	wire_put_be32(dots[0], 4000);
	wire_put_be64(dots[0] + 4, 1);
	for (uint32_t i = 0; i < 3; i++) {
		wire_put_be32(dots[1 + i], 2);
		wire_put_be64(dots[1 + i] + 4, i == 0 ? 0 : i == 1 ? 4000 : TR_SEQ_MAX);
	}
	for (int i = 0; i < 4; i++)
		rows[n++] = (struct extra){REP_T_OPS, id, {dots[i], 12}, {NULL, 0}};
	count = list(&r, REP_T_OPS, other, 0);
	for (size_t i = 0; i < count; i++)
		if (memcmp(other[i].key, cases[1].b, 16) == 0)
			rows[n++] = (struct extra){REP_T_OPS, id, {other[i].key + 16, 12}, {NULL, 0}};
	assert_true(n > 4);
	/* rows of a record of which no op is known */
	memset(record, 0, sizeof(record));
	rows[n++] = (struct extra){REP_T_REC, {(const uint8_t[]){TR_KIND_CASE}, 1}, none, {record, 100}};
	rows[n++] = (struct extra){REP_T_REC, {(const uint8_t[]){TR_KIND_DIRECTIVE}, 1}, none, {record, 100}};
	rows[n++] = (struct extra){REP_T_ROW, none, {(const uint8_t[]){0, NOTES, 1}, 3}, {record, 9}};
	rows[n++] = (struct extra){REP_T_VIOLATION, none, {dots[0], 12}, {record, 5}};
	rows[n++] = (struct extra){REP_T_CONFLICT, {(const uint8_t[]){TR_KIND_CASE}, 1}, none, {record, 8}};
	/* look-ups that name records which are not, are of another source, or are cut in the middle */
	memcpy(ids, nobody, 16);
	memcpy(ids + 16, cases[0].b, 16);
	src = UNIT_TEXT("12345678no-such");
	rows[n++] = (struct extra){REP_T_SRC, src, {NULL, 0}, {ids, 16}};
	rows[n++] = (struct extra){REP_T_SRC, src, UNIT_TEXT("-2"), {ids, 32}};
	rows[n++] = (struct extra){REP_T_SRC, src, UNIT_TEXT("-3"), {ids, 17}};
	rows[n++] = (struct extra){REP_T_SRC, src, UNIT_TEXT("-4"), {NULL, 0}};
	rows[n++] = (struct extra){REP_T_DIR, none, id, {NULL, 0}};
	rows[n++] = (struct extra){REP_T_DIR, none, none, {NULL, 0}};
	rows[n++] = (struct extra){REP_T_DIR, none, UNIT_TEXT("cut"), {NULL, 0}};
	for (size_t i = 0; i < n; i++) {
		uint8_t key[64];
		struct rep_view inner;
		struct rig x = r;
		size_t of_segments;

		x.mv = memview_clone(r.mv);
		inner = memview_view(x.mv);
		x.view = rotview_over(&rotten, &inner);
		x.node = NULL;
		x.batch = rep_batch_create();
		x.arena = wire_arena_create();
		TR_ASSERT(x.batch != NULL && x.arena != NULL);
		memcpy(key, rows[i].head.data, rows[i].head.size);
		if (rows[i].tail.size > 0)
			memcpy(key + rows[i].head.size, rows[i].tail.data, rows[i].tail.size);
		assert_int_equal(rep_put(&inner, rows[i].table, (struct tr_bytes){key, rows[i].head.size + rows[i].tail.size}, rows[i].value), 0);
		assert_int_equal(rig_restart(&x), 0);
		if (mend_all(&x, &of_segments) == 0 || !is_as_it_was(&x, &r, rows[i].table))
			fail_msg("row %zu of table %d stayed", i, (int)rows[i].table);
		assert_int_equal(of_segments, 0);
		assert_int_equal(mend_all(&x, &of_segments), 0);
		end(&x);
	}
	end(&r);
}

/* A signed segment that is not what it was is named, and nothing of what hangs on it. */
static void a_segment_is_named_alone(void **state)
{
	static struct place at[ROWS_MAX];
	struct rig r;
	size_t n;

	(void)state;
	begin(&r);
	n = list(&r, REP_T_SEG, at, 0);
	assert_true(n > 8);
	for (size_t i = 0; i < n; i++)
		for (int d = 0; d < DAMAGES; d++) {
			struct rep_verify_cursor cursor = {0};
			struct rep_verify_sum sum = {0};
			struct rep_mend mend = {.ticket = 5};
			struct rep_event event = {.kind = REP_EV_MEND, .mend = &mend};
			struct rep_fault fault;
			struct rig x;
			bool found;
			int rc;

			if (!copy_damaged(&x, &r, &at[i], (enum damage)d))
				continue;
			if (rig_restart(&x) != 0) { /* the end of an own log */
				end(&x);
				continue;
			}
			while ((rc = rep_verify_next(x.node, &x.view, &cursor, 64, &fault, &found, &sum)) == 0) {
				if (!found || fault.what != REP_FAULT_SEGMENT)
					continue;
				if (mend.fault.what != 0 || fault.log != wire_get_be32(at[i].key) ||
				    fault.last != wire_get_be64(at[i].key + 4) ||
				    rep_fault_look(x.node, &x.view, &fault) != TR_E_DAMAGED)
					fail_msg("segment %zu, damage %d: %u %llu..%llu", i, d, fault.log,
					    (unsigned long long)fault.first, (unsigned long long)fault.last);
				mend.fault = fault;
			}
			assert_int_equal(rc, TR_E_NOTFOUND);
			assert_int_equal(mend.fault.what, REP_FAULT_SEGMENT);
			rig_step(&x, &event);
			assert_int_equal(x.rc, 0);
			/* the street acknowledged what it sent; it is not here any more since the restart */
			assert_true(x.reply.rc == TR_E_DOWN || x.reply.rc == TR_E_NOPEER);
			end(&x);
		}
	end(&r);
}

/* Verify, come to that place, names it from its first to its last op: what is asked for again. */
static bool is_named(const struct rig *r, const struct rep_fault *want)
{
	struct rep_verify_cursor cursor = {.log = want->log, .seq = want->first};
	struct rep_verify_sum sum = {0};
	struct rep_fault fault;
	bool found = false;

	assert_int_equal(rep_verify_next(r->node, &r->view, &cursor, 1, &fault, &found, &sum), 0);
	return found && fault.what == want->what && fault.log == want->log && fault.first == want->first &&
	       fault.last == want->last;
}

/* No bit of it can be another one: what no signature covers is sent to others as well. */
static void each_bit_of_a_segment_is_looked_at(void **state)
{
	enum { TIME = 32, TIME_END = 40 }; /* when it came: nobody's business but the store's own */
	static struct place at[ROWS_MAX];
	uint64_t last = 0;
	unsigned seen = 0;
	struct rep_value more[] = {text_of(NOTES, TR_ACT_ADD, "and wide")};
	struct rig r;
	size_t n;

	(void)state;
	begin(&r);
	assert_int_equal(put(&r, (struct rep_write){.has_id = true, .id = cases[0], .values = more, .value_count = 1}), 0);
	rig_wait(&r, 30000);
	n = list(&r, REP_T_SEG, at, 0);
	for (size_t i = 0; i < n; i++) {
		struct rep_fault fault = {.what = REP_FAULT_SEGMENT, .log = wire_get_be32(at[i].key)};
		struct tr_bytes key = {at[i].key, at[i].size}, value;
		uint8_t row[4096];

		fault.first = i > 0 && memcmp(at[i].key, at[i - 1].key, 4) == 0 ? last + 1 : 1;
		fault.last = last = wire_get_be64(at[i].key + 4);
		assert_int_equal(rep_fault_look(r.node, &r.view, &fault), 0);
		assert_int_equal(rep_get(&r.view, REP_T_SEG, key, &value), 0);
		assert_true(value.size > TIME_END + 2 && value.size <= sizeof(row));
		memcpy(row, value.data, value.size);
		seen += wire_get_be16(row + TIME_END) > 0;
		for (size_t bit = 0; bit < 8 * value.size; bit++) {
			if (bit / 8 >= TIME && bit / 8 < TIME_END)
				continue;
			row[bit / 8] ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(rep_put(&r.view, REP_T_SEG, key, (struct tr_bytes){row, value.size}), 0);
			if (rep_fault_look(r.node, &r.view, &fault) != TR_E_DAMAGED || !is_named(&r, &fault))
				fail_msg("segment %zu, bit %zu of %zu", i, bit, 8 * value.size);
			row[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		assert_int_equal(rep_put(&r.view, REP_T_SEG, key, (struct tr_bytes){row, value.size}), 0);
	}
	assert_true(seen > 0);
	end(&r);
}

static bool is_fine(const struct rig *x)
{
	assert_true(x->rc == 0 || x->rc == TR_E_DAMAGED);
	return x->rc == 0;
}

/* The start and a day's work on a damaged store: 0, or it says that the store is damaged.
 * Without what says who it is (is_self) it is no store at all. */
static bool work_on(struct rig *x, bool is_self)
{
	struct rep_value title[] = {text_of(TITLE, TR_ACT_SET, "new words")}, more[] = {text_of(NOTES, TR_ACT_ADD, "more")},
			 visits[] = {int_of(VISITS, 9)}, by[] = {text_of(SOURCE, TR_ACT_SET, "hotline"), text_of(SOURCE_ID, TR_ACT_SET, "9"),
			 text_of(TITLE, TR_ACT_SET, "after the move")}, why[] = {text_of(43, TR_ACT_SET, "across")},
			 done[] = {text_of(8, TR_ACT_SET, "two villages became one")};
	const struct rep_write writes[] = {
	    {.has_id = true, .id = cases[0], .values = title, .value_count = 1, .key = UNIT_TEXT("k0")},
	    {.has_id = true, .id = cases[0], .values = title, .value_count = 1},
	    {.has_id = true, .id = cases[0], .values = more, .value_count = 1},
	    {.has_id = true, .id = cases[0], .values = visits, .value_count = 1},
	    {.values = by, .value_count = 3}, /* follows where it went */
	    {.has_id = true, .id = cases[0], .move_to = x->party[RIG_OTHER].nid, .must_exist = true, .values = why, .value_count = 1},
	    {.kind = TR_KIND_UNIT, .home = x->party[RIG_LEAF].nid, .move_to = x->party[RIG_OTHER].nid, .values = done, .value_count = 1},
	};

	x->rc = rig_restart(x);
	if (is_self && (x->rc == TR_E_NOTFOUND || x->rc == TR_E_FORGED))
		return false;
	if (!is_fine(x))
		return false;
	rig_connect(x, RIG_STREET);
	for (size_t i = 0; is_fine(x) && i < sizeof(writes) / sizeof(writes[0]); i++)
		(void)put(x, writes[i]);
	for (int i = 0; is_fine(x) && i < 12; i++)
		rig_wait(x, i < 8 ? 30 : 3600000);
	if (!is_fine(x))
		return false;
	x->rc = rig_restart(x);
	return is_fine(x);
}

static void a_damaged_store_is_said_to_be(void **state)
{
	static struct place at[ROWS_MAX];
	size_t n = 0, fine = 0, said = 0;
	struct rig r;

	(void)state;
	begin(&r);
	for (int t = 0; t < REP_T_COUNT; t++)
		n = list(&r, (enum rep_table)t, at, n);
	for (size_t i = 0; i < n; i++)
		for (int d = 0; d < DAMAGES; d++) {
			struct rig x;

			/* a bit that is another one the store itself finds, by its checksum */
			if (d == OTHER || !copy_damaged(&x, &r, &at[i], (enum damage)d))
				continue;
			if (work_on(&x, at[i].table == REP_T_META))
				fine++;
			else
				said++;
			end(&x);
		}
	assert_true(fine > n);
	assert_true(said > n); /* of six damages */
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_derived_is_made_again),
	    cmocka_unit_test(what_stands_for_nothing_goes),
	    cmocka_unit_test(a_segment_is_named_alone),
	    cmocka_unit_test(each_bit_of_a_segment_is_looked_at),
	    cmocka_unit_test(a_damaged_store_is_said_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
