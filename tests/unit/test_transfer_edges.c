/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: what goes along with a case has its bounds and its place; a copy that
 * was lost comes back; of two moves one remains. */
// needs: tests/lib/fold.o tests/lib/rig.o tests/lib/memview.o
#include <stdio.h>

#include "tests/unit/scene.h"

#include "replication/merge_int.h"
#include "tests/lib/rig.h"

enum { SUPPORT = 32, MOVED_TO = 52, MOVED_UNIT, MOVED_PATH, MOVED_FROM, FROM_UNIT, FROM_PATH };
#define NOTES_GO 32
#define TEXTS_GO (12 * 1024)

static struct tr_bytes text(const char *t)
{
	return (struct tr_bytes){(const uint8_t *)t, strlen(t)};
}

static int edit(struct rig *r, const struct tr_rec_id *id, struct rep_value v, const char *actor)
{
	return rig_write(r, (struct rep_write){.has_id = true, .id = *id, .must_exist = true, .values = &v, .value_count = 1,
			  .actor = text(actor)});
}

static int transfer(struct rig *r, const struct tr_rec_id *id, struct tr_nid to)
{
	struct rep_value reason = rig_text(REASON, "across the road");

	return rig_write(r, (struct rep_write){.has_id = true, .id = *id, .must_exist = true, .move_to = to, .values = &reason,
			  .value_count = 1, .actor = text("chen")});
}

static struct rep_record *load(struct rig *r, const struct tr_rec_id *id)
{
	static struct rep_record rec;

	assert_int_equal(rep_record_load(&rec, &r->view, TR_KIND_CASE, id), 0);
	return &rec;
}

static size_t rows_of(struct rig *r, const struct tr_rec_id *id, uint16_t field, struct rep_row *first)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	size_t count = 0;

	while (rep_record_rows(&r->view, id, field, &cursor, &row) == 0)
		if (count++ == 0)
			*first = row;
	return count;
}

static struct tr_rec_id begin(struct rig *r)
{
	struct rep_value title = rig_text(TITLE, "a pothole");

	rig_begin(r, RIG_TOP);
	rig_connect(r, RIG_STREET);
	rig_cert(r, &r->party[RIG_LEAF]);
	assert_int_equal(rig_write(r, (struct rep_write){.home = r->party[RIG_LEAF].nid, .values = &title, .value_count = 1}), 0);
	return r->reply.id;
}

/* The newest notes go, as many and as much as have room in one commit; the old record keeps all. */
static void the_newest_notes_go_along(void **state)
{
	static const struct { size_t notes, size, go; } rows[] = {
	    {40, 8, NOTES_GO}, {20, 1000, TEXTS_GO / 1002}, {2, 4000, 2}, {5, 4000, 3}};
	static char words[4001];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig r;
		struct rep_row row;
		struct tr_rec_id id = begin(&r), copy;

		memset(words, 'n', rows[i].size);
		words[rows[i].size] = '\0';
		for (size_t n = 0; n < rows[i].notes; n++) {
			struct rep_value note = rig_text(NOTES, words);

			note.act = TR_ACT_ADD;
			words[0] = (char)('A' + n);
			assert_int_equal(edit(&r, &id, note, "li"), 0);
		}
		assert_int_equal(transfer(&r, &id, r.party[RIG_OTHER].nid), 0);
		copy = r.reply.id;
		assert_int_equal(rows_of(&r, &copy, NOTES, &row), rows[i].go);
		assert_int_equal(row.text.data[0], 'A' + (char)(rows[i].notes - rows[i].go));
		assert_int_equal(row.text.size, rows[i].size);
		assert_memory_equal(row.actor.data, "li", 2);
		assert_int_equal(rows_of(&r, &id, NOTES, &row), rows[i].notes);
		rig_end(&r);
	}
}

static void campaigns_and_visits_go_along(void **state)
{
	struct rig r;
	struct rep_row row;
	struct tr_rec_id id = begin(&r), copy;

	(void)state;
	for (char c = 'a'; c < 'a' + 26; c++)
		for (int twice = 0; twice < 2; twice++) {
			char name[3] = {c, (char)('0' + twice), '\0'};
			struct rep_value v = rig_text(CAMPAIGN, name);

			v.act = TR_ACT_ADD;
			assert_int_equal(edit(&r, &id, v, ""), 0);
		}
	assert_int_equal(edit(&r, &id, rig_int(VISITS, 3), ""), 0);
	assert_int_equal(transfer(&r, &id, r.party[RIG_OTHER].nid), 0);
	copy = r.reply.id;
	assert_int_equal(rows_of(&r, &copy, CAMPAIGN, &row), 32);
	assert_int_equal(rows_of(&r, &copy, VISITS, &row), 1);
	assert_int_equal(row.i, 3);
	rig_end(&r);
}

/* Who supports or answers lies over the new home, or is not taken along. */
static void only_who_stands_over_the_new_home_goes_along(void **state)
{
	(void)state;
	for (int both = 0; both < 2; both++) {
		struct rig r;
		uint8_t units[16];
		struct tr_rec_id id = begin(&r), copy;
		struct rep_value values[4];
		const struct rep_value *v;

		assert_true(r.party[RIG_TOP].nid.v < r.party[RIG_STREET].nid.v);
		wire_put_be64(units, r.party[RIG_TOP].nid.v);
		wire_put_be64(units + 8, r.party[RIG_STREET].nid.v);
		values[0] = rig_int(RESPONSIBLE, (int64_t)r.party[both ? RIG_TOP : RIG_STREET].nid.v);
		values[1] = (struct rep_value){SUPPORT, TR_ACT_SET, REP_VALUE_BYTES, 0, {units + (both ? 0 : 8), both ? 16 : 8}};
		values[2] = rig_text(ASSIGNEE, "li");
		values[3] = rig_int(DUE_AT, INT64_C(1795484520000));
		assert_int_equal(rig_write(&r, (struct rep_write){.has_id = true, .id = id, .values = values, .value_count = 4}), 0);
		assert_int_equal(transfer(&r, &id, r.party[RIG_OTHER].nid), 0);
		copy = r.reply.id;
		v = rep_record_value(load(&r, &copy), SUPPORT);
		if (both) {
			assert_non_null(v);
			assert_int_equal(v->t.size, 8);
			assert_int_equal(wire_get_be64(v->t.data), r.party[RIG_TOP].nid.v);
		} else {
			assert_null(v);
		}
		assert_text(load(&r, &copy), ASSIGNEE, both ? "li" : NULL);
		assert_int_equal(rep_record_value(load(&r, &copy), RESPONSIBLE)->i,
		    (int64_t)r.party[both ? RIG_TOP : RIG_OTHER].nid.v);
		assert_int_equal(rep_record_value(load(&r, &copy), DUE_AT)->i, INT64_C(1795484520000));
		rig_end(&r);
	}
}

/* Imported history needs no reason and no end; a step on top of a copy would. */
static void a_suspension_without_an_end_goes_along(void **state)
{
	static const int64_t bad[] = {REP_CASE_CLOSED, REP_CASE_VOIDED, REP_CASE_MOVED};
	struct rep_value suspended = rig_int(STATUS, REP_CASE_SUSPENDED);
	struct rig r;
	struct tr_rec_id id = begin(&r), copy;

	(void)state;
	assert_int_equal(rig_write(&r, (struct rep_write){.has_id = true, .id = id, .flags = TR_OPF_IMPORTED, .values = &suspended,
			     .value_count = 1}), 0);
	assert_int_equal(transfer(&r, &id, r.party[RIG_OTHER].nid), 0);
	copy = r.reply.id;
	assert_int_equal(rep_record_status(load(&r, &copy)), REP_CASE_SUSPENDED);
	assert_int_equal(load(&r, &copy)->step_count, 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(edit(&r, &copy, rig_int(STATUS, bad[i]), "li"), TR_E_STEP);
	assert_int_equal(edit(&r, &copy, rig_int(STATUS, REP_CASE_DISPATCHED), "li"), 0);
	rig_end(&r);
}

static int step(struct rig *r, const struct tr_rec_id *id, uint8_t status, const char *actor)
{
	struct rep_value values[3] = {rig_int(STATUS, status), rig_int(AT, 0), rig_text(REASON, "no")};

	values[1].i = r->wall_ms += 1000;
	return rig_write(r, (struct rep_write){.has_id = true, .id = *id, .must_exist = true, .values = values,
			  .value_count = status == REP_CASE_REWORK ? 3 : 2,
			  .actor = text(actor)});
}

static void handle(struct rig *r, const struct tr_rec_id *id, bool again, const char *actor)
{
	if (again)
		assert_int_equal(step(r, id, REP_CASE_REWORK, "zhao"), 0);
	assert_int_equal(step(r, id, REP_CASE_HANDLING, "zhao"), 0);
	assert_int_equal(step(r, id, REP_CASE_HANDLED, actor), 0);
}

/* Everybody who handled it goes along, each once, so that nobody verifies his own work there. */
static void who_handled_it_goes_along(void **state)
{
	static const char *const names[] = {"li", "wang", "li", "zhao"};
	struct rig r;
	struct tr_rec_id id = begin(&r);
	const struct rep_value *v;
	struct tr_bytes list, actor;
	struct tr_nid nid;
	size_t count = 0;

	(void)state;
	assert_int_equal(step(&r, &id, REP_CASE_FILED, "zhao"), 0);
	assert_int_equal(step(&r, &id, REP_CASE_DISPATCHED, "zhao"), 0);
	for (size_t i = 0; i < 3; i++)
		handle(&r, &id, i > 0, names[i]);
	assert_int_equal(transfer(&r, &id, r.party[RIG_OTHER].nid), 0);
	id = r.reply.id;
	handle(&r, &id, true, "zhao"); /* the next home's come behind those of the one before */
	assert_int_equal(transfer(&r, &id, r.party[RIG_LEAF].nid), 0);
	id = r.reply.id;
	v = rep_record_value(load(&r, &id), 58);
	assert_non_null(v);
	for (list = v->t; rep_merge_handler_next(&list, &nid, &actor); count++) {
		const char *want = names[count < 2 ? count : 3];

		assert_int_equal(nid.v, r.party[RIG_TOP].nid.v);
		assert_int_equal(actor.size, strlen(want));
		assert_memory_equal(actor.data, want, strlen(want));
	}
	assert_int_equal(count, 3);
	rig_end(&r);
}

/* More than there is room for: it stays where it is, or somebody could verify what he handled. */
static void too_many_handlers_keep_it_where_it_is(void **state)
{
	struct rig r;
	struct tr_rec_id id = begin(&r);
	char name[TR_ACTOR_MAX + 1];
	int n = 0;

	(void)state;
	assert_int_equal(step(&r, &id, REP_CASE_FILED, "zhao"), 0);
	assert_int_equal(step(&r, &id, REP_CASE_DISPATCHED, "zhao"), 0);
	for (; n < 30; n++) {
		snprintf(name, sizeof(name), "%064d", n);
		handle(&r, &id, n > 0, name);
	}
	assert_int_equal(transfer(&r, &id, r.party[RIG_OTHER].nid), 0);
	id = r.reply.id;
	for (; n < 50; n++) { /* 84 bytes each */
		snprintf(name, sizeof(name), "%064d", n);
		handle(&r, &id, true, name);
	}
	assert_int_equal(transfer(&r, &id, r.party[RIG_LEAF].nid), TR_E_LIMIT);
	assert_int_equal(rep_record_status(load(&r, &id)), REP_CASE_HANDLED);
	rig_end(&r);
}

static void a_move_on_top_of_something_else_is_refused(void **state)
{
	struct rep_value reason = rig_text(REASON, "across the road");
	struct rig r;
	struct tr_rec_id id = begin(&r);
	struct rep_write w = {.has_id = true, .id = id, .must_exist = true, .move_to = r.party[RIG_OTHER].nid, .values = &reason,
	    .value_count = 1, .has_version = true, .if_version = 7};

	(void)state;
	assert_int_equal(rig_write(&r, w), TR_E_VERSION);
	assert_int_equal(r.reply.version, load(&r, &id)->version);
	w.move_to = r.party[RIG_LEAF].nid;
	w.if_version = load(&r, &id)->version;
	assert_int_equal(rig_write(&r, w), TR_E_HOME);
	w.move_to = r.party[RIG_OTHER].nid;
	assert_int_equal(rig_write(&r, w), 0);
	rig_end(&r);
}

static void no_case_goes_to_a_closed_unit(void **state)
{
	struct rep_value why = rig_text(8, "two villages became one"), title = rig_text(TITLE, "another");
	struct rig r;
	struct tr_rec_id id;

	(void)state;
	(void)begin(&r);
	assert_int_equal(rig_write(&r, (struct rep_write){.home = r.party[RIG_OTHER].nid, .values = &title, .value_count = 1}), 0);
	id = r.reply.id;
	assert_int_equal(rig_write(&r, (struct rep_write){.kind = TR_KIND_UNIT, .home = r.party[RIG_LEAF].nid,
			     .move_to = r.party[RIG_OTHER].nid, .values = &why, .value_count = 1}), 0);
	assert_int_equal(transfer(&r, &id, r.party[RIG_LEAF].nid), TR_E_SUCCEEDED);
	assert_string_equal(r.reply.moved_path, r.party[RIG_OTHER].cert.unit);
	assert_int_equal(rep_record_status(load(&r, &id)), REP_CASE_REPORTED);
	rig_end(&r);
}

static void a_unit_is_closed_with_a_reason_by_one_above(void **state)
{
	static char actor[TR_ACTOR_MAX + 2];
	struct rep_value why = rig_text(8, "two villages became one"), number = rig_int(8, 1);
	struct rig r;
	struct rep_write w = {.kind = TR_KIND_UNIT, .values = &why, .value_count = 1};

	(void)state;
	(void)begin(&r);
	w.home = r.party[RIG_LEAF].nid;
	w.move_to = (struct tr_nid){4711};
	assert_int_equal(rig_write(&r, w), TR_E_NOUNIT);
	w.home = (struct tr_nid){4711};
	w.move_to = r.party[RIG_LEAF].nid;
	assert_int_equal(rig_write(&r, w), TR_E_NOUNIT);
	assert_int_equal(r.reply.unit.v, 4711);
	w.home = r.party[RIG_TOP].nid;
	assert_int_equal(rig_write(&r, w), TR_E_SCOPE);
	w.home = r.party[RIG_OTHER].nid;
	w.move_to = r.party[RIG_LEAF].nid;
	w.value_count = 0;
	assert_int_equal(rig_write(&r, w), TR_E_INPUT);
	w.value_count = 1;
	w.values = &number;
	assert_int_equal(rig_write(&r, w), TR_E_INPUT);
	w.values = &why;
	memset(actor, 'a', TR_ACTOR_MAX + 1);
	w.actor = text(actor);
	assert_int_equal(rig_write(&r, w), TR_E_INPUT);
	w.actor.size--;
	assert_int_equal(rig_write(&r, w), 0);
	assert_int_equal(rig_restart(&r), 0);
	for (int i = 0; i < 4; i++)
		rig_wait(&r, 30);
	assert_int_equal(r.traces[REP_TRACE_UNIT_MOVED], 1);
	/* nor to one that is closed */
	w.home = r.party[RIG_LEAF].nid;
	w.move_to = r.party[RIG_OTHER].nid;
	w.actor.size = 0;
	assert_int_equal(rig_write(&r, w), TR_E_SUCCEEDED);
	rig_end(&r);
}

/* ------------------------------------------------- what a street moved meanwhile */

#define UNIT_NID 4711
#define UNIT_PATH "110101/001/09"

struct street {
	struct rig *r;
	struct tr_rec_id id;      /* a case of the leaf's, made by the street */
	struct tr_rec_id copy;    /* where the street sent it, in unit 4711 */
	struct tr_hash hash;      /* of its newest segment in the leaf's scope */
};

static struct tr_hash send(struct rig *r, uint32_t h, struct tr_nid scope, uint8_t lane, uint64_t first, struct rep_op *op,
    struct tr_hash prev)
{
	static uint8_t entry[2048], out[4096];
	struct tr_log_id log = {r->party[RIG_STREET].nid, 5, scope, lane};
	struct tr_bytes bytes = {entry, rep_op_encode(op, entry, sizeof(entry))}, s;
	struct rig_seg seg = {RIG_STREET, log, h, first, &bytes, 1, prev, 1};
	struct tr_hash hash;

	assert_true(bytes.size > 0);
	if (first == 1)
		rig_logdef(r, h, log);
	s = rig_segment(r, &seg, out, sizeof(out), &hash);
	rig_segs(r, &s, 1);
	assert_int_equal(r->rc, 0);
	assert_int_equal(r->traces[REP_TRACE_OP_VIOLATION], 0);
	return hash;
}

static void begin_street(struct street *s, struct rig *r)
{
	static struct rep_op op;

	*s = (struct street){.r = r, .id = {{1, 0x9f, 7}}, .copy = {{1, 0x9f, 8}}};
	(void)begin(r);
	op = (struct rep_op){.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_UNIT, .rec = {{7, 1}}, .value_count = 4};
	op.values[0] = rig_int(1, UNIT_NID);
	op.values[1] = rig_text(2, UNIT_PATH);
	op.values[2] = rig_int(3, 1);
	op.values[3] = rig_text(4, "a new place");
	send(r, 1, r->party[RIG_STREET].nid, TR_LANE_X, 1, &op, (struct tr_hash){{0}});
	op = (struct rep_op){.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = s->id, .value_count = 1};
	op.values[0] = rig_text(TITLE, "a pothole");
	s->hash = send(r, 2, r->party[RIG_LEAF].nid, TR_LANE_R, 1, &op, (struct tr_hash){{0}});
}

/* It has gone to 4711, as the street says. */
static void street_moves(struct street *s)
{
	static struct rep_op op;

	op = (struct rep_op){.kind = TR_OP_TRANSFER, .has_body = true, .type = TR_KIND_CASE, .rec = s->id, .value_count = 5};
	op.values[0] = rig_int(STATUS, REP_CASE_MOVED);
	op.values[1] = (struct rep_value){MOVED_TO, TR_ACT_SET, REP_VALUE_BYTES, 0, {s->copy.b, 16}};
	op.values[2] = rig_int(MOVED_UNIT, UNIT_NID);
	op.values[3] = rig_text(MOVED_PATH, UNIT_PATH);
	op.values[4] = rig_text(REASON, "next door");
	s->hash = send(s->r, 2, s->r->party[RIG_LEAF].nid, TR_LANE_R, 2, &op, s->hash);
}

static void street_copies(struct street *s)
{
	static struct rep_op op;

	op = (struct rep_op){.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = s->copy, .value_count = 6};
	op.values[0] = rig_text(TITLE, "a pothole");
	op.values[1] = rig_int(STATUS, REP_CASE_REPORTED);
	op.values[2] = rig_int(AT, INT64_C(1790000000000));
	op.values[3] = (struct rep_value){MOVED_FROM, TR_ACT_SET, REP_VALUE_BYTES, 0, {s->id.b, 16}};
	op.values[4] = rig_int(FROM_UNIT, (int64_t)s->r->party[RIG_LEAF].nid.v);
	op.values[5] = rig_text(FROM_PATH, s->r->party[RIG_LEAF].cert.unit);
	send(s->r, 3, (struct tr_nid){UNIT_NID}, TR_LANE_R, 1, &op, (struct tr_hash){{0}});
}

/* The street's store was put back between the two: the move is here, the copy nowhere. */
static void a_lost_copy_comes_back_under_its_id(void **state)
{
	struct rep_moved other;
	struct street s;
	struct rig r;

	(void)state;
	begin_street(&s, &r);
	street_moves(&s);
	assert_int_equal(rep_record_status(load(&r, &s.id)), REP_CASE_MOVED);
	assert_int_equal(transfer(&r, &s.id, r.party[RIG_OTHER].nid), TR_E_ELSEWHERE); /* it is known where it went */
	assert_memory_equal(r.reply.moved_to.b, s.copy.b, 16);
	assert_int_equal(transfer(&r, &s.id, (struct tr_nid){UNIT_NID}), 0);
	assert_memory_equal(r.reply.id.b, s.copy.b, 16);
	assert_text(load(&r, &s.copy), TITLE, "a pothole");
	assert_int_equal(rep_record_status(load(&r, &s.copy)), REP_CASE_REPORTED);
	assert_true(rep_record_came(load(&r, &s.copy), &other));
	assert_memory_equal(other.id.b, s.id.b, 16);
	assert_int_equal(transfer(&r, &s.id, (struct tr_nid){UNIT_NID}), TR_E_ELSEWHERE); /* it is there again */
	rig_end(&r);
}

static int settle(struct rig *r, const struct tr_rec_id *id, const struct tr_rec_id *chosen)
{
	static struct rep_record rec;
	struct rep_value values[TR_FIELDS_MAX];
	struct tr_dot saw[8];
	struct rep_write w = {.has_id = true, .id = *id, .resolve_group = STATUS, .saw = saw, .values = values};

	rec = *load(r, id);
	for (uint16_t i = 0; i < rec.step_count; i++) {
		const struct rep_step *step = &rec.steps[i];
		bool is_it = false;

		if (step->status != REP_CASE_MOVED)
			continue;
		assert_true(w.saw_count < 8);
		saw[w.saw_count++] = step->dot;
		for (size_t v = 0; v < step->value_count; v++) {
			const struct rep_value *value = &rec.values[step->value_first + v];

			is_it |= value->field == MOVED_TO && memcmp(value->t.data, chosen->b, 16) == 0;
		}
		for (size_t v = 0; is_it && v < step->value_count; v++)
			values[w.value_count++] = rec.values[step->value_first + v];
	}
	assert_int_equal(w.saw_count, 2);
	assert_true(w.value_count > 0);
	return rig_write(r, w);
}

/* Both went: what the other move made goes where the chosen one went. */
static void of_two_moves_one_remains(void **state)
{
	(void)state;
	for (int ours = 0; ours < 2; ours++) {
		struct tr_rec_id made, chosen, left;
		struct rep_moved gone;
		struct street s;
		struct rig r;

		begin_street(&s, &r);
		assert_int_equal(transfer(&r, &s.id, r.party[RIG_OTHER].nid), 0);
		made = r.reply.id;
		street_moves(&s);
		if (ours) { /* the street's copy is on its way: nothing is settled without it */
			assert_int_equal(settle(&r, &s.id, &made), TR_E_GAP);
			assert_int_equal(rep_record_status(load(&r, &made)), REP_CASE_REPORTED);
		}
		street_copies(&s);
		chosen = ours ? made : s.copy;
		left = ours ? s.copy : made;
		assert_int_equal(settle(&r, &s.id, &chosen), 0);
		assert_true(rep_record_moved(load(&r, &s.id), &gone));
		assert_memory_equal(gone.id.b, chosen.b, 16);
		assert_true(rep_record_moved(load(&r, &left), &gone));
		assert_memory_equal(gone.id.b, chosen.b, 16);
		assert_int_equal(rep_record_status(load(&r, &chosen)), REP_CASE_REPORTED);
		assert_int_equal(r.traces[REP_TRACE_OP_VIOLATION], 0);
		rig_end(&r);
	}
}

/* No late step brings it back, and nothing else of it is settled here any more. */
static void only_a_move_settles_a_move(void **state)
{
	struct rep_value values[2] = {rig_int(STATUS, REP_CASE_REPORTED), rig_text(REASON, "it is ours")}, title = rig_text(TITLE, "a hole");
	struct rep_write w = {.has_id = true, .resolve_group = STATUS, .values = values, .value_count = 2};
	struct tr_dot saw[2];
	struct street s;
	struct rig r;

	(void)state;
	begin_street(&s, &r);
	assert_int_equal(transfer(&r, &s.id, r.party[RIG_OTHER].nid), 0);
	street_moves(&s);
	w.id = s.id;
	w.saw = saw;
	for (uint16_t i = 0; i < load(&r, &s.id)->step_count; i++)
		if (load(&r, &s.id)->steps[i].status == REP_CASE_MOVED)
			saw[w.saw_count++] = load(&r, &s.id)->steps[i].dot;
	assert_int_equal(w.saw_count, 2);
	assert_int_equal(rig_write(&r, w), TR_E_ELSEWHERE);
	assert_true(r.reply.unit.v != 0);
	w.resolve_group = TITLE;
	w.values = &title;
	w.value_count = 1;
	assert_int_equal(rig_write(&r, w), TR_E_ELSEWHERE);
	rig_end(&r);
}

/* A copy that is done with stays as it is. */
static void a_copy_that_is_closed_stays(void **state)
{
	struct rep_value values[2] = {rig_int(STATUS, REP_CASE_VOIDED), rig_text(REASON, "twice the same")};
	struct tr_rec_id made;
	struct street s;
	struct rig r;

	(void)state;
	begin_street(&s, &r);
	assert_int_equal(transfer(&r, &s.id, r.party[RIG_OTHER].nid), 0);
	made = r.reply.id;
	street_moves(&s);
	street_copies(&s);
	assert_int_equal(rig_write(&r, (struct rep_write){.has_id = true, .id = made, .values = values, .value_count = 2}), 0);
	assert_int_equal(settle(&r, &s.id, &s.copy), 0);
	assert_int_equal(rep_record_status(load(&r, &made)), REP_CASE_VOIDED);
	assert_int_equal(rep_record_status(load(&r, &s.copy)), REP_CASE_REPORTED);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_newest_notes_go_along),
	    cmocka_unit_test(campaigns_and_visits_go_along),
	    cmocka_unit_test(only_who_stands_over_the_new_home_goes_along),
	    cmocka_unit_test(a_suspension_without_an_end_goes_along),
	    cmocka_unit_test(who_handled_it_goes_along),
	    cmocka_unit_test(too_many_handlers_keep_it_where_it_is),
	    cmocka_unit_test(a_move_on_top_of_something_else_is_refused),
	    cmocka_unit_test(no_case_goes_to_a_closed_unit),
	    cmocka_unit_test(a_unit_is_closed_with_a_reason_by_one_above),
	    cmocka_unit_test(a_lost_copy_comes_back_under_its_id),
	    cmocka_unit_test(of_two_moves_one_remains),
	    cmocka_unit_test(only_a_move_settles_a_move),
	    cmocka_unit_test(a_copy_that_is_closed_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
