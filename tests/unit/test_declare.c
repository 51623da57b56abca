/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what a parent says of a unit below it takes effect if it is whole and
 * its own to say, and is kept without effect if not. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "tests/lib/rig.h"

enum { NID = 1, PATH, CAPS, TITLE };
#define UNIT 4711

struct said {
	int64_t nid;       /* 0: not said */
	const char *path, *title;
	int64_t caps;      /* 0: not said */
	uint32_t kind;     /* 0: CREATE */
	const char *nid_as_text;
};

static struct rig r;
static struct tr_log_id log_id;
static struct tr_hash prev;
static uint64_t seq;

static void use(uint8_t lane)
{
	log_id = (struct tr_log_id){r.party[RIG_STREET].nid, 5, r.party[RIG_STREET].nid, lane};
	memset(&prev, 0, sizeof(prev));
	seq = 0;
	rig_logdef(&r, lane, log_id);
}

static int setup(void **state)
{
	(void)state;
	rig_begin(&r, RIG_TOP);
	rig_connect(&r, RIG_STREET);
	use(TR_LANE_X);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_end(&r);
	return 0;
}

static void send_op(struct rep_op *op)
{
	uint8_t entry[2048], out[4096];
	struct tr_bytes bytes = {entry, rep_op_encode(op, entry, sizeof(entry))};
	struct rig_seg seg = {RIG_STREET, log_id, log_id.lane, seq + 1, &bytes, 1, prev, 1};
	struct tr_bytes s;

	assert_true(bytes.size > 0);
	s = rig_segment(&r, &seg, out, sizeof(out), &prev);
	rig_segs(&r, &s, 1);
	seq++;
	assert_int_equal(r.rc, 0);
	assert_int_equal(r.traces[REP_TRACE_SEG_FORGED], 0);
}

static void say(uint8_t rec, const struct said *s)
{
	struct rep_op op = {.kind = s->kind != 0 ? s->kind : TR_OP_CREATE, .has_body = true, .type = TR_KIND_UNIT, .rec = {{7, rec}}};
	struct rep_value *v = op.values;

	if (s->nid != 0)
		*v++ = (struct rep_value){NID, TR_ACT_SET, REP_VALUE_INT, s->nid, {NULL, 0}};
	if (s->nid_as_text != NULL)
		*v++ = (struct rep_value){NID, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(s->nid_as_text)};
	if (s->path != NULL)
		*v++ = (struct rep_value){PATH, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(s->path)};
	if (s->caps != 0)
		*v++ = (struct rep_value){CAPS, TR_ACT_SET, REP_VALUE_INT, s->caps, {NULL, 0}};
	if (s->title != NULL)
		*v++ = (struct rep_value){TITLE, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(s->title)};
	op.value_count = (uint16_t)(v - op.values);
	send_op(&op);
}

static void what_is_not_whole_declares_nothing(void **state)
{
	static const struct said bad[] = {
	    {.nid = 0, .path = "110101/001/09", .title = "t"},
	    {.nid = UNIT, .title = "t"},
	    {.nid = UNIT, .path = "110101/001"},
	    {.nid = UNIT, .path = "110101/001/"},
	    {.nid = UNIT, .path = "110101/002/09"},
	    {.nid = UNIT, .path = "110101/0019"},
	    {.nid = UNIT, .path = "110101/001/09/1"},
	    {.nid = UNIT, .path = "110101/001/0 9"},
	    {.nid = UNIT, .path = "110101/001/0\x7f"},
	    {.nid = UNIT, .path = "110101/001/1234567890123456789012345"},
	    {.nid_as_text = "4711", .path = "110101/001/09"},
	};
	struct rep_unit_info info;

	(void)state;
	for (uint8_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		say(i, &bad[i]);
		if (rep_unit_get(r.node, (struct tr_nid){UNIT}, &info))
			fail_msg("declaration %u took effect", i);
	}
	say(99, &(struct said){.nid = UNIT, .path = "110101/001/09", .title = "t"}); /* the next one does */
	assert_true(rep_unit_get(r.node, (struct tr_nid){UNIT}, &info));
	assert_string_equal(info.title, "t");
	assert_int_equal(info.caps, 0);
}

static void a_title_that_is_none_is_left_out(void **state)
{
	struct rep_unit_info info;

	(void)state;
	say(1, &(struct said){.nid = UNIT, .path = "110101/001/09", .title = "a\x1b[2J", .caps = 5});
	assert_true(rep_unit_get(r.node, (struct tr_nid){UNIT}, &info));
	assert_string_equal(info.title, "");
	assert_int_equal(info.caps, 5);
	say(2, &(struct said){.nid = UNIT + 1, .path = "110101/001/10"});
	assert_true(rep_unit_get(r.node, (struct tr_nid){UNIT + 1}, &info));
	assert_string_equal(info.title, "");
	say(1, &(struct said){.kind = TR_OP_SET, .title = "a\x7f"});
	assert_true(rep_unit_get(r.node, (struct tr_nid){UNIT}, &info));
	assert_string_equal(info.title, "");
	say(1, &(struct said){.kind = TR_OP_SET, .title = "now named"});
	assert_true(rep_unit_get(r.node, (struct tr_nid){UNIT}, &info));
	assert_string_equal(info.title, "now named");
	assert_string_equal(info.unit, "110101/001/09");
	assert_int_equal(rig_restart(&r), 0);
	assert_true(rep_unit_get(r.node, (struct tr_nid){UNIT}, &info));
	assert_string_equal(info.title, "now named");
}

/* A record that names no unit, or somebody else's, renames nobody. */
static void only_its_own_unit_is_renamed(void **state)
{
	struct rep_unit_info info;

	(void)state;
	say(1, &(struct said){.path = "110101/001/09"});
	say(1, &(struct said){.kind = TR_OP_SET, .title = "nobody"});
	say(2, &(struct said){.nid = UNIT, .title = "no path"});
	say(2, &(struct said){.kind = TR_OP_SET, .title = "unknown"});
	assert_false(rep_unit_get(r.node, (struct tr_nid){UNIT}, &info));
	say(3, &(struct said){.nid = (int64_t)r.party[RIG_OTHER].nid.v, .path = "110101/001/09"});
	say(3, &(struct said){.kind = TR_OP_SET, .title = "ours"});
	assert_true(rep_unit_get(r.node, r.party[RIG_OTHER].nid, &info));
	assert_string_equal(info.title, "A place");
	assert_string_equal(info.unit, "110101/002");
}

/* Sixteen cases of one source and number are enough to be told about; by id. */
static void a_source_lists_so_many_twins(void **state)
{
	struct tr_rec_id found[32];
	size_t n;

	(void)state;
	use(TR_LANE_R);
	for (uint8_t i = 0; i < 18; i++) {
		struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .value_count = 2};

		op.rec.b[0] = (uint8_t)(i % 2 == 0 ? 100 - i : 100 + i);
		op.values[0] = (struct rep_value){1, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("hotline")};
		op.values[1] = (struct rep_value){2, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT("2026-1")};
		send_op(&op);
	}
	n = rep_find_source(&r.view, UNIT_TEXT("hotline"), UNIT_TEXT("2026-1"), found, 32);
	assert_int_equal(n, 16);
	for (size_t i = 1; i < n; i++)
		assert_true(memcmp(found[i - 1].b, found[i].b, 16) < 0);
	assert_int_equal(rep_find_source(&r.view, UNIT_TEXT("hotline"), UNIT_TEXT("2026-1"), found, 3), 3);
}

/* From somebody else than the top node they are no certificates, no checkpoint. */
static void ops_of_the_machine_without_their_field_do_nothing(void **state)
{
	static const uint32_t kinds[] = {TR_OP_CERT, TR_OP_CKPT};
	struct rep_self self;

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct rep_op op = {.kind = kinds[i], .has_body = true, .type = TR_KIND_CASE, .rec = {{9}}};

		send_op(&op);
		op.value_count = 1;
		op.values[0] = (struct rep_value){1, TR_ACT_SET, REP_VALUE_INT, 5, {NULL, 0}};
		send_op(&op);
	}
	rep_inspect_self(r.node, &self);
	assert_int_equal(self.violations, 0);
	assert_int_equal(r.traces[REP_TRACE_CERT_NEW] + r.traces[REP_TRACE_CERT_BAD], 0);
}

/* Whatever it says, an op is at most a day younger than its segment. */
static void an_op_is_not_moved_far_from_its_segment(void **state)
{
	static const int64_t dt[] = {5, (int64_t)1 << 48}, is[] = {5, 24 * 3600 * 1000};

	(void)state;
	use(TR_LANE_R);
	for (size_t i = 0; i < 2; i++) {
		struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{3, (uint8_t)i}},
		    .dt_ms = dt[i]};
		struct rep_ops_cursor cursor = {.started = false};
		struct rep_cause cause;
		struct rep_op out;
		uint32_t serial;

		send_op(&op);
		assert_int_equal(rep_record_op(r.node, &r.view, &op.rec, &cursor, &out, &cause, &serial), 0);
		assert_int_equal((int64_t)(cause.hlc.v >> 16) - r.wall_ms, is[i]);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(what_is_not_whole_declares_nothing),
	    T(a_title_that_is_none_is_left_out),
	    T(only_its_own_unit_is_renamed),
	    T(a_source_lists_so_many_twins),
	    T(an_op_is_not_moved_far_from_its_segment),
	    T(ops_of_the_machine_without_their_field_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
