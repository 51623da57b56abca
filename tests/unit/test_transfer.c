/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a case goes to another home with all that it needs, a unit with all its
 * work, and what others wrote meanwhile is neither lost nor mixed in. */
// needs: tests/lib/fold.o tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/scene.h"

#include "tests/lib/rig.h"

static struct tr_bytes text(const char *t)
{
	return (struct tr_bytes){(const uint8_t *)t, strlen(t)};
}

static struct rep_value val(uint16_t field, const char *t)
{
	return (struct rep_value){field, TR_ACT_SET, REP_VALUE_TEXT, 0, text(t)};
}

static int put(struct rig *r, struct rep_write *w)
{
	struct rep_event event = {.kind = REP_EV_WRITE, .write = w};

	w->kind = w->kind != 0 ? w->kind : TR_KIND_CASE;
	rig_step(r, &event);
	assert_int_equal(r->rc, 0);
	return r->reply.rc;
}

/* A case of the leaf, written by the top. */
static struct tr_rec_id begin_case(struct rig *r)
{
	struct rep_value values[] = {val(SOURCE, "hotline"), val(SOURCE_ID, "7"), val(TITLE, "a pothole"),
	    {.field = RESPONSIBLE, .type = REP_VALUE_INT, .i = (int64_t)r->party[RIG_STREET].nid.v},
	    val(ASSIGNEE, "li")};
	struct rep_write w = {.home = r->party[RIG_LEAF].nid, .values = values, .value_count = 5};
	struct rep_value note = {NOTES, TR_ACT_ADD, REP_VALUE_TEXT, 0, text("deep")};
	struct tr_rec_id id;

	rig_connect(r, RIG_STREET);
	rig_cert(r, &r->party[RIG_LEAF]); /* of whom the top knows nothing before */
	assert_int_equal(put(r, &w), 0);
	id = r->reply.id;
	w = (struct rep_write){.has_id = true, .id = id, .values = &note, .value_count = 1, .actor = text("zhou")};
	assert_int_equal(put(r, &w), 0);
	return id;
}

static int transfer(struct rig *r, const struct tr_rec_id *id, struct tr_nid to, const char *key)
{
	struct rep_value reason = val(REASON, "across the road");
	struct rep_write w = {.has_id = true, .id = *id, .must_exist = true, .move_to = to, .values = &reason,
	    .value_count = 1, .actor = text("chen"), .key = key != NULL ? text(key) : text("")};

	return put(r, &w);
}

static int step(struct rig *r, const struct tr_rec_id *id, uint8_t status, const char *actor)
{
	struct rep_value values[] = {{.field = STATUS, .type = REP_VALUE_INT, .i = status}, val(REASON, "why"),
	    {.field = 46, .type = REP_VALUE_INT, .i = INT64_C(1795484520000)}};
	struct rep_write w = {.has_id = true, .id = *id, .values = values, .actor = text(actor),
	    .value_count = status == REP_CASE_SUSPENDED ? 3 : status == REP_CASE_VOIDED ? 2 : 1};

	return put(r, &w);
}

static struct rep_record *load(struct rig *r, const struct tr_rec_id *id)
{
	static struct rep_record rec;

	assert_int_equal(rep_record_load(&rec, &r->view, TR_KIND_CASE, id), 0);
	return &rec;
}

static size_t rows_of(struct rig *r, const struct tr_rec_id *id, uint16_t field, struct rep_row *last)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	size_t count = 0;

	while (rep_record_rows(&r->view, id, field, &cursor, &row) == 0) {
		*last = row;
		count++;
	}
	return count;
}

static void what_cannot_be_written_moves_nothing(void **state)
{
	struct rep_value many[TR_FIELDS_MAX + 1], bad = val(REASON, "\xc3\x28");
	struct rep_write w = {.has_id = true, .must_exist = true, .values = many, .actor = text("chen")};
	struct tr_rec_id id;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	id = begin_case(&r);
	for (size_t i = 0; i <= TR_FIELDS_MAX; i++)
		many[i] = val(REASON, "across the road");
	w.id = id;
	w.move_to = r.party[RIG_OTHER].nid;
	w.value_count = TR_FIELDS_MAX + 1;
	assert_int_equal(put(&r, &w), TR_E_LIMIT);
	w.values = &bad;
	w.value_count = 1;
	assert_int_equal(put(&r, &w), TR_E_SIZE); /* no text, and the step goes on */
	assert_int_not_equal(rep_record_status(load(&r, &id)), REP_CASE_MOVED);
	w.values = many;
	w.value_count = TR_FIELDS_MAX; /* one reason is enough */
	assert_int_equal(put(&r, &w), 0);
	assert_int_equal(rep_record_status(load(&r, &id)), REP_CASE_MOVED);
	rig_end(&r);
}

static void a_case_goes_with_all_that_it_needs(void **state)
{
	struct tr_rec_id old, new, found;
	struct rep_record *rec;
	struct rep_moved other;
	struct rep_row row;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	old = begin_case(&r);
	assert_int_equal(step(&r, &old, REP_CASE_SELF_HANDLED, "li"), 0);
	assert_int_equal(step(&r, &old, REP_CASE_SUSPENDED, "wu"), 0);
	assert_int_equal(transfer(&r, &old, r.party[RIG_OTHER].nid, "k1"), 0);
	assert_true(r.reply.created);
	new = r.reply.id;
	assert_memory_equal(r.reply.moved_from.b, old.b, 16);
	rec = load(&r, &old);
	assert_int_equal(rep_record_status(rec), REP_CASE_MOVED);
	assert_true(rep_record_moved(rec, &other));
	assert_memory_equal(other.id.b, new.b, 16);
	assert_int_equal(other.unit.v, r.party[RIG_OTHER].nid.v);
	rec = load(&r, &new);
	assert_int_equal(rec->scope.v, r.party[RIG_OTHER].nid.v);
	assert_int_equal(rep_record_status(rec), REP_CASE_SUSPENDED);
	assert_int_equal(rec->violations, 0);
	assert_text(rec, TITLE, "a pothole");
	assert_text(rec, ASSIGNEE, NULL); /* of a street that is not over it now */
	assert_int_equal(rep_record_value(rec, RESPONSIBLE)->i, (int64_t)r.party[RIG_OTHER].nid.v);
	assert_true(rep_record_came(rec, &other));
	assert_memory_equal(other.id.b, old.b, 16);
	assert_int_equal(rows_of(&r, &new, NOTES, &row), 1);
	assert_int_equal(row.text.size, 4);
	assert_int_equal(row.actor.size, 4);
	/* back to the state before; the one who handled it there may not verify */
	assert_int_equal(step(&r, &new, REP_CASE_SELF_HANDLED, "wu"), 0);
	assert_int_equal(step(&r, &new, REP_CASE_VERIFIED, "li"), TR_E_STEP);
	assert_int_equal(r.reply.why, REP_WHY_SAME_PERSON);
	/* once more to the leaf: also then */
	assert_int_equal(transfer(&r, &new, r.party[RIG_LEAF].nid, NULL), 0);
	new = r.reply.id;
	assert_int_equal(step(&r, &new, REP_CASE_VERIFIED, "li"), TR_E_STEP);
	assert_int_equal(step(&r, &new, REP_CASE_VERIFIED, "wu"), 0);
	assert_int_equal(rep_find_source(&r.view, text("hotline"), text("7"), &found, 1), 1);
	assert_memory_equal(found.b, old.b, 16);
	rig_end(&r);
}

static void the_old_record_is_closed_and_says_where_it_went(void **state)
{
	struct rep_value title = val(TITLE, "new words");
	struct rep_value by_source[] = {val(SOURCE, "hotline"), val(SOURCE_ID, "7"), val(TITLE, "new words")};
	struct rep_write w = {.has_id = true, .values = &title, .value_count = 1};
	struct tr_rec_id old, new;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	w.id = old = begin_case(&r);
	assert_int_equal(transfer(&r, &old, r.party[RIG_OTHER].nid, "k1"), 0);
	new = r.reply.id;
	assert_int_equal(put(&r, &w), TR_E_ELSEWHERE);
	assert_memory_equal(r.reply.moved_to.b, new.b, 16);
	assert_string_equal(r.reply.moved_path, r.party[RIG_OTHER].cert.unit);
	assert_int_equal(transfer(&r, &old, r.party[RIG_OTHER].nid, NULL), TR_E_ELSEWHERE);
	assert_int_equal(transfer(&r, &old, r.party[RIG_OTHER].nid, "k1"), 0);
	assert_true(r.reply.repeated);
	assert_memory_equal(r.reply.id.b, new.b, 16);
	/* the source's number finds it where it is */
	w = (struct rep_write){.values = by_source, .value_count = 3};
	assert_int_equal(put(&r, &w), 0);
	assert_memory_equal(r.reply.id.b, new.b, 16);
	assert_false(r.reply.created);
	assert_text(load(&r, &new), TITLE, "new words");
	assert_text(load(&r, &old), TITLE, "a pothole");
	assert_int_equal(rig_restart(&r), 0);
	rep_check(r.node, &r.view);
	rig_end(&r);
}

static void what_cannot_go_is_refused(void **state)
{
	struct rep_value post = val(10, "grid worker");
	struct rep_write w = {.kind = TR_KIND_STAFF, .home = {0}, .values = &post, .value_count = 1};
	struct tr_rec_id id;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	id = begin_case(&r);
	assert_int_equal(transfer(&r, &id, r.party[RIG_LEAF].nid, NULL), TR_E_HOME);
	assert_int_equal(transfer(&r, &id, (struct tr_nid){4711}, NULL), TR_E_NOUNIT);
	assert_int_equal(transfer(&r, &id, r.party[RIG_TOP].nid, NULL), TR_E_AUTH);
	assert_int_equal(r.reply.why, REP_WHY_BOTH);
	assert_int_equal(step(&r, &id, REP_CASE_VOIDED, "li"), 0);
	assert_int_equal(transfer(&r, &id, r.party[RIG_OTHER].nid, NULL), TR_E_ENDED);
	id.b[15] ^= 1;
	assert_int_equal(transfer(&r, &id, r.party[RIG_OTHER].nid, NULL), TR_E_NOREC);
	assert_int_equal(put(&r, &w), 0);
	w = (struct rep_write){.kind = TR_KIND_STAFF, .has_id = true, .id = r.reply.id, .move_to = r.party[RIG_OTHER].nid};
	assert_int_equal(put(&r, &w), TR_E_TYPE);
	rig_end(&r);
	rig_begin(&r, RIG_LEAF); /* a leaf moves nothing */
	w = (struct rep_write){.values = &post, .value_count = 0};
	assert_int_equal(put(&r, &w), 0);
	id = r.reply.id;
	assert_int_equal(transfer(&r, &id, r.party[RIG_STREET].nid, NULL), TR_E_SCOPE);
	assert_int_equal(transfer(&r, &id, r.party[RIG_LEAF].nid, NULL), TR_E_HOME);
	rig_end(&r);
}

static size_t entry(const struct tr_rec_id *id, uint32_t kind, const char *title, uint8_t *out, size_t cap)
{
	static struct rep_op op;

	memset(&op, 0, sizeof(op));
	op.kind = kind;
	op.rec = *id;
	op.has_body = true;
	op.type = TR_KIND_CASE;
	op.actor = text("li");
	op.values[0] = val(TITLE, title);
	op.value_count = 1;
	return rep_op_encode(&op, out, cap);
}

static size_t late_of(struct rig *r, const struct tr_rec_id *id, struct tr_nid *who)
{
	static struct rep_record rec;
	static struct rep_op op;
	struct rep_ops_cursor cursor = {.started = false};
	struct rep_cause cause;
	uint32_t serial;
	size_t count = 0;

	assert_int_equal(rep_record_load(&rec, &r->view, TR_KIND_CASE, id), 0);
	while (rep_record_late(r->node, &r->view, &rec, &cursor, &op, &cause, &serial) == 0) {
		*who = cause.author;
		count++;
	}
	return count;
}

/* The leaf writes on, having seen nothing. */
static void what_comes_late_is_shown(void **state)
{
	struct tr_rec_id old = {{1, 0x9f, 7}};
	uint8_t bytes[2][512], wire[2][2048];
	struct tr_bytes op[2], seg;
	struct rig_seg s = {.author = RIG_LEAF, .h = 1, .first = 1, .count = 1, .serial = 1};
	struct tr_hash hash;
	struct tr_nid who = {0};
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	s.log = (struct tr_log_id){r.party[RIG_LEAF].nid, 5, r.party[RIG_LEAF].nid, TR_LANE_R};
	op[0] = (struct tr_bytes){bytes[0], entry(&old, TR_OP_CREATE, "a pothole", bytes[0], 512)};
	op[1] = (struct tr_bytes){bytes[1], entry(&old, TR_OP_SET, "two potholes", bytes[1], 512)};
	rig_connect(&r, RIG_STREET);
	rig_cert(&r, &r.party[RIG_LEAF]);
	rig_logdef(&r, 1, s.log);
	s.ops = &op[0];
	seg = rig_segment(&r, &s, wire[0], sizeof(wire[0]), &hash);
	rig_segs(&r, &seg, 1);
	assert_int_equal(transfer(&r, &old, r.party[RIG_OTHER].nid, NULL), 0);
	assert_int_equal(r.traces[REP_TRACE_CASE_MOVED], 1);
	assert_int_equal(late_of(&r, &old, &who), 0);
	s.first = 2;
	s.ops = &op[1];
	s.prev = hash;
	seg = rig_segment(&r, &s, wire[1], sizeof(wire[1]), &hash);
	rig_segs(&r, &seg, 1);
	assert_int_equal(r.traces[REP_TRACE_CASE_LATE], 1);
	assert_int_equal(r.traces[REP_TRACE_OP_VIOLATION], 0);
	assert_int_equal(late_of(&r, &old, &who), 1);
	assert_int_equal(who.v, r.party[RIG_LEAF].nid.v);
	assert_text(load(&r, &old), TITLE, "two potholes");
	assert_int_equal(rep_record_status(load(&r, &old)), REP_CASE_MOVED);
	rig_end(&r);
}

static void tick(struct rig *r, unsigned times)
{
	while (times-- > 0)
		rig_wait(r, 30);
}

static void a_unit_is_closed_and_its_work_goes_on(void **state)
{
	struct rep_value reason = val(8, "two villages became one"), dir[] = {val(6, "clear the drains")};
	struct rep_write move = {.kind = TR_KIND_UNIT, .values = &reason, .value_count = 1, .actor = text("chen")};
	struct rep_write w;
	struct rep_moved gone;
	struct tr_rec_id ids[40], all[4], directive;
	struct rep_unit_info unit;
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_TOP);
	ids[0] = begin_case(&r);
	for (int i = 1; i < 40; i++) {
		struct rep_value title = val(TITLE, "another");

		w = (struct rep_write){.home = r.party[RIG_LEAF].nid, .values = &title, .value_count = 1};
		assert_int_equal(put(&r, &w), 0);
		ids[i] = r.reply.id;
	}
	assert_int_equal(step(&r, &ids[39], REP_CASE_VOIDED, "li"), 0);
	w = (struct rep_write){.kind = TR_KIND_DIRECTIVE, .values = dir, .value_count = 1,
	    .targets = &r.party[RIG_LEAF].nid, .target_count = 1};
	assert_int_equal(put(&r, &w), 0);
	directive = r.reply.directive_id;
	move.home = move.move_to = r.party[RIG_LEAF].nid;
	assert_int_equal(put(&r, &move), TR_E_HOME);
	move.move_to = r.party[RIG_TOP].nid;
	assert_int_equal(put(&r, &move), TR_E_SCOPE);
	move.home = r.party[RIG_STREET].nid;
	move.move_to = r.party[RIG_OTHER].nid;
	assert_int_equal(put(&r, &move), TR_E_EXISTS); /* the leaf first */
	move.home = r.party[RIG_LEAF].nid;
	tick(&r, 1); /* the job found nothing to do and sleeps */
	assert_int_equal(put(&r, &move), 0);
	tick(&r, 1);
	assert_true(rep_record_moved(load(&r, &ids[0]), &gone));
	assert_int_equal(rig_restart(&r), 0); /* in the middle of it: it goes on */
	tick(&r, 12);
	for (int i = 0; i < 39; i++) {
		assert_true(rep_record_moved(load(&r, &ids[i]), &gone));
		assert_int_equal(load(&r, &gone.id)->scope.v, r.party[RIG_OTHER].nid.v);
	}
	assert_int_equal(rep_record_status(load(&r, &ids[39])), REP_CASE_VOIDED);
	assert_int_equal(rep_find_directive(&r.view, &directive, NULL, all, 4), 2);
	assert_int_equal(r.traces[REP_TRACE_UNIT_MOVED], 1);
	assert_true(rep_unit_get(r.node, r.party[RIG_LEAF].nid, &unit));
	assert_true(unit.closed);
	assert_string_equal(unit.successor_path, r.party[RIG_OTHER].cert.unit);
	/* nothing new there, by name of the successor */
	w = (struct rep_write){.home = r.party[RIG_LEAF].nid};
	assert_int_equal(put(&r, &w), TR_E_SUCCEEDED);
	assert_string_equal(r.reply.moved_path, r.party[RIG_OTHER].cert.unit);
	w = (struct rep_write){.kind = TR_KIND_DIRECTIVE, .values = dir, .value_count = 1,
	    .targets = &r.party[RIG_LEAF].nid, .target_count = 1};
	assert_int_equal(put(&r, &w), TR_E_SUCCEEDED);
	assert_int_equal(put(&r, &move), 0); /* again: nothing but a look */
	assert_true(r.reply.unchanged);
	move.move_to = r.party[RIG_STREET].nid;
	assert_int_equal(put(&r, &move), TR_E_SUCCEEDED); /* to another: no */
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_cannot_be_written_moves_nothing),
	    cmocka_unit_test(a_case_goes_with_all_that_it_needs),
	    cmocka_unit_test(the_old_record_is_closed_and_says_where_it_went),
	    cmocka_unit_test(what_cannot_go_is_refused),
	    cmocka_unit_test(what_comes_late_is_shown),
	    cmocka_unit_test(a_unit_is_closed_and_its_work_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
