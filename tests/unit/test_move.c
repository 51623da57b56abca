/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a case goes to another home with all that it needs, only by a unit
 * over both homes, and what others wrote meanwhile is neither lost nor mixed in. */
// needs: tests/lib/fold.o tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/scene.h"

#include "tests/lib/rig.h"

enum { MOVED_TO = 52, MOVED_UNIT = 53, MOVED_PATH = 54, MOVED_FROM = 55, FROM_UNIT = 56, FROM_PATH = 57,
	HANDLED_BY = 58 };

static const uint8_t id_a[16] = {1, 0xa}, id_b[16] = {1, 0xb};

/* ------------------------------------------------------------ verdicts */

static struct rep_op *move(struct fold *f, int author, const uint8_t *to, int64_t unit, const char *path)
{
	struct rep_op *op = fold_op(f, author, TR_OP_TRANSFER);

	fold_int(op, STATUS, REP_CASE_MOVED);
	fold_bytes(op, MOVED_TO, to, 16);
	fold_int(op, MOVED_UNIT, unit);
	fold_text(op, MOVED_PATH, path);
	fold_text(op, REASON, "across the road");
	return op;
}

static enum rep_why last_why(struct scene *s)
{
	enum rep_why why;

	scene_fold(s);
	why = s->n.applied[s->f.op_count - 1].why;
	scene_end(s);
	return why;
}

static void the_mover_stands_over_both(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	assert_int_equal(last_why(&s), REP_WHY_NONE);
	scene_begin(&s); /* a leaf, even one that says it may command */
	s.f.authors[s.leaf].caps = FOLD_STREET;
	move(&s.f, s.leaf, id_a, 77, "110101/s/c/d");
	assert_int_equal(last_why(&s), REP_WHY_BOTH);
	scene_begin(&s); /* beside the street */
	move(&s.f, s.street, id_a, 77, "110101/sx/d");
	assert_int_equal(last_why(&s), REP_WHY_BOTH);
	scene_begin(&s); /* to the street itself */
	move(&s.f, s.street, id_a, 77, "110101/s");
	assert_int_equal(last_why(&s), REP_WHY_BOTH);
	scene_begin(&s); /* nothing is known of the author's place */
	s.f.authors[s.street].path = "";
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	assert_int_equal(last_why(&s), REP_WHY_BOTH);
	scene_begin(&s);
	s.f.authors[s.street].caps = FOLD_LEAF;
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	assert_int_equal(last_why(&s), REP_WHY_CAP);
}

static void a_move_has_its_form(void **state)
{
	struct scene s;
	struct rep_op *op;

	(void)state;
	scene_begin(&s);
	move(&s.f, s.street, id_a, (int64_t)s.f.scope.v, "110101/s/c");
	assert_int_equal(last_why(&s), REP_WHY_HOME);
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d")->value_count--;
	assert_int_equal(last_why(&s), REP_WHY_REASON);
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d")->value_count = 2;
	assert_int_equal(last_why(&s), REP_WHY_FIELD);
	scene_begin(&s);
	fold_text(move(&s.f, s.street, id_a, 77, "110101/s/d"), TITLE, "and more");
	assert_int_equal(last_why(&s), REP_WHY_FIELD);
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d")->flags = TR_OPF_IMPORTED;
	assert_int_equal(last_why(&s), REP_WHY_FIELD);
	scene_begin(&s);
	fold_text(fold_op(&s.f, s.street, TR_OP_TRANSFER), TITLE, "no move at all");
	assert_int_equal(last_why(&s), REP_WHY_FIELD);
	/* what a move writes is written by nothing else */
	for (uint16_t field = MOVED_TO; field <= HANDLED_BY; field++) {
		scene_begin(&s);
		op = fold_op(&s.f, s.street, TR_OP_SET);
		if (field == MOVED_UNIT || field == FROM_UNIT)
			fold_int(op, field, 77);
		else if (field == MOVED_TO || field == MOVED_FROM)
			fold_bytes(op, field, id_a, 16);
		else
			fold_text(op, field, "x");
		assert_int_equal(last_why(&s), REP_WHY_FIELD);
	}
	scene_begin(&s);
	fold_step(&s.f, s.street, REP_CASE_MOVED);
	assert_int_equal(last_why(&s), REP_WHY_STEP);
}

static void only_open_work_moves(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	fold_step(&s.f, s.street, REP_CASE_VOIDED);
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	assert_int_equal(last_why(&s), REP_WHY_ENDED);
}

static void nothing_follows_a_move(void **state)
{
	struct scene s;

	(void)state;
	scene_begin(&s);
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	fold_see(&s.f, s.leaf, s.street);
	fold_text(fold_op(&s.f, s.leaf, TR_OP_SET), TITLE, "still mine?");
	fold_step(&s.f, s.leaf, REP_CASE_SELF_HANDLED);
	move(&s.f, s.street, id_b, 78, "110101/s/e");
	scene_fold(&s);
	for (int i = 2; i <= 4; i++)
		assert_int_equal(s.n.applied[i].why, REP_WHY_MOVED);
	assert_int_equal(rep_record_status(s.n.rec), REP_CASE_MOVED);
	assert_text(s.n.rec, TITLE, "noise at night");
	assert_text(s.n.rec, MOVED_PATH, "110101/s/d");
	assert_text(s.n.rec, REASON, "across the road");
	scene_end(&s);
}

static void two_who_move_it_are_a_conflict(void **state)
{
	struct rep_moved moved;
	uint16_t alive[8];
	struct scene s;
	int top;

	(void)state;
	scene_begin(&s);
	top = fold_author(&s.f, 0, FOLD_STREET);
	fold_see(&s.f, top, s.leaf);
	move(&s.f, s.street, id_a, 77, "110101/s/d");
	move(&s.f, top, id_b, 78, "110101/t/e");
	fold_step(&s.f, s.leaf, REP_CASE_SELF_HANDLED); /* did not know */
	scene_fold(&s);
	assert_int_equal(rep_record_steps_alive(s.n.rec, alive, 8), 3);
	assert_true(rep_record_moved(s.n.rec, &moved));
	assert_memory_equal(moved.id.b, id_b, 16); /* nearest to the root */
	fold_node_done(&s.n);
	fold_see(&s.f, top, s.street);
	fold_see(&s.f, top, s.leaf);
	move(&s.f, top, id_a, 77, "110101/s/d"); /* a person decides for the other */
	scene_fold(&s);
	assert_int_equal(s.n.applied[4].why, REP_WHY_NONE);
	assert_int_equal(rep_record_steps_alive(s.n.rec, alive, 8), 1);
	assert_true(rep_record_moved(s.n.rec, &moved));
	assert_memory_equal(moved.id.b, id_a, 16);
	scene_end(&s);
}

static struct rep_op *arrive(struct fold *f, int author, uint8_t status, const char *handlers)
{
	struct rep_op *op = fold_op(f, author, TR_OP_CREATE);

	fold_text(op, TITLE, "noise at night");
	fold_int(op, STATUS, status);
	fold_bytes(op, MOVED_FROM, id_a, 16);
	fold_int(op, FROM_UNIT, 99);
	fold_text(op, FROM_PATH, "110101/s/b");
	if (handlers != NULL)
		fold_text(op, HANDLED_BY, handlers);
	return op;
}

static void who_handled_there_cannot_verify_here(void **state)
{
	static char list[128];
	struct rep_op *op;
	struct fold f;
	struct fold_node n;
	int street, leaf;
	size_t size;

	(void)state;
	fold_init(&f, TR_KIND_CASE);
	street = fold_author(&f, 1, FOLD_STREET);
	leaf = fold_author(&f, 2, FOLD_LEAF);
	size = rep_merge_handler_put(f.authors[leaf].nid, (struct tr_bytes){(const uint8_t *)"li", 2}, (uint8_t *)list, 64);
	size += rep_merge_handler_put(f.authors[street].nid, (struct tr_bytes){(const uint8_t *)"wang;9:", 7},
	    (uint8_t *)list + size, 64);
	list[size] = '\0';
	arrive(&f, street, REP_CASE_HANDLED, list);
	op = fold_step(&f, street, REP_CASE_VERIFIED);
	fold_actor(op, "wang;9:");
	op = fold_step(&f, street, REP_CASE_VERIFIED);
	fold_actor(op, "zhao");
	fold_node_init(&n, &f, 1);
	fold_apply_all(&n, &f);
	assert_int_equal(n.applied[0].why, REP_WHY_NONE);
	assert_int_equal(n.applied[1].why, REP_WHY_SAME_PERSON);
	assert_int_equal(n.applied[2].why, REP_WHY_NONE);
	assert_int_equal(rep_record_status(n.rec), REP_CASE_VERIFIED);
	fold_node_done(&n);
	fold_done(&f);
}

static enum rep_why arrives(uint8_t level, uint8_t status, int change)
{
	struct fold f;
	struct fold_node n;
	struct rep_op *op;
	enum rep_why why;
	int street, leaf;

	fold_init(&f, TR_KIND_CASE);
	street = fold_author(&f, 1, FOLD_STREET);
	leaf = fold_author(&f, 2, FOLD_STREET);
	op = arrive(&f, level == 1 ? street : leaf, status, NULL);
	if (change == 1)
		op->value_count--; /* without the path */
	else if (change == 2)
		op->values[4].t = (struct tr_bytes){(const uint8_t *)"110101/t/b", 10};
	else if (change == 3)
		op->values[3].i = (int64_t)f.scope.v;
	else if (change == 4)
		op->flags = TR_OPF_IMPORTED;
	fold_node_init(&n, &f, 1);
	fold_apply_all(&n, &f);
	why = n.applied[0].why;
	fold_node_done(&n);
	fold_done(&f);
	return why;
}

static void what_arrives_is_judged(void **state)
{
	(void)state;
	assert_int_equal(arrives(1, REP_CASE_HANDLING, 0), REP_WHY_NONE);
	assert_int_equal(arrives(2, REP_CASE_HANDLING, 0), REP_WHY_BOTH);
	assert_int_equal(arrives(1, REP_CASE_CLOSED, 0), REP_WHY_ENDED);
	assert_int_equal(arrives(1, REP_CASE_MOVED, 0), REP_WHY_ENDED);
	assert_int_equal(arrives(1, REP_CASE_HANDLING, 1), REP_WHY_FIELD);
	assert_int_equal(arrives(1, REP_CASE_HANDLING, 2), REP_WHY_BOTH);
	assert_int_equal(arrives(1, REP_CASE_HANDLING, 3), REP_WHY_HOME);
	assert_int_equal(arrives(1, REP_CASE_HANDLING, 4), REP_WHY_FIELD);
}

static void handler_lists_are_hostile(void **state)
{
	static const char *const bad[] = {"", "x", "0123456789abcde", "0123456789abcdef", "0123456789abcdef2:l;",
	    "0123456789abcdef2:li", "0123456789abcdefg2:li;", "0123456789abcdef99999999999999999999:x;",
	    "0123456789abcdef65:x;", "0123456789abcdef2;li;", "0123456789abcdeX2:li;"};
	struct tr_bytes list, actor;
	struct tr_nid nid;
	uint8_t out[32];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		list = (struct tr_bytes){(const uint8_t *)bad[i], strlen(bad[i])};
		assert_false(rep_merge_handler_next(&list, &nid, &actor));
	}
	assert_int_equal(rep_merge_handler_put((struct tr_nid){1}, (struct tr_bytes){NULL, 0}, out, 18), 0);
	assert_int_equal(rep_merge_handler_put((struct tr_nid){1}, (struct tr_bytes){NULL, 0}, out, 19), 19);
	list = (struct tr_bytes){out, 19};
	assert_true(rep_merge_handler_next(&list, &nid, &actor));
	assert_int_equal(nid.v, 1);
	assert_int_equal(actor.size, 0);
	assert_false(rep_merge_handler_next(&list, &nid, &actor));
}

/* -------------------------------------------------------------- a real core */

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
	assert_int_equal(put(&r, &move), 0);
	tick(&r, 1);
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
	    cmocka_unit_test(the_mover_stands_over_both),
	    cmocka_unit_test(a_move_has_its_form),
	    cmocka_unit_test(only_open_work_moves),
	    cmocka_unit_test(nothing_follows_a_move),
	    cmocka_unit_test(two_who_move_it_are_a_conflict),
	    cmocka_unit_test(who_handled_there_cannot_verify_here),
	    cmocka_unit_test(what_arrives_is_judged),
	    cmocka_unit_test(handler_lists_are_hostile),
	    cmocka_unit_test(a_case_goes_with_all_that_it_needs),
	    cmocka_unit_test(the_old_record_is_closed_and_says_where_it_went),
	    cmocka_unit_test(what_cannot_go_is_refused),
	    cmocka_unit_test(what_comes_late_is_shown),
	    cmocka_unit_test(a_unit_is_closed_and_its_work_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
