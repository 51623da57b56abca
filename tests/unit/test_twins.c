/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: two ops with one (author, incarnation, sequence), as a copied disk makes
 * them, give one state at every node, whichever of them came first. */
// needs: tests/lib/fold.o tests/lib/memview.o
#include "tests/unit/scene.h"

/* What one of the two says, at the same time and place as the other. */
struct said {
	const char *actor;
	const char *title;   /* NULL: none */
	const char *nature;  /* of the group of class, as the next */
	int64_t code_version;
	int64_t lat;         /* a register; 0: none */
	int64_t visits;      /* a total; 0: none */
	const char *note;    /* an item of a list */
	const char *element; /* of a set */
	int64_t later_ms;    /* than the other */
	uint8_t status;
	int64_t at;          /* business time of the step; 0: none */
};

enum { NATURE = 10, CODE_VERSION = 13 };

static void say(struct fold *f, int author, const struct said *s)
{
	struct rep_op *op = fold_op(f, author, s->visits != 0 ? TR_OP_COUNT : s->note != NULL ? TR_OP_NOTE : s->element != NULL ? TR_OP_TAG : TR_OP_SET);

	f->ops[f->op_count - 1].hlc.v = (uint64_t)(1790000000000 + s->later_ms) << 16;
	fold_actor(op, s->actor != NULL ? s->actor : "");
	if (s->nature != NULL)
		fold_text(op, NATURE, s->nature);
	if (s->code_version != 0)
		fold_int(op, CODE_VERSION, s->code_version);
	if (s->title != NULL)
		fold_text(op, TITLE, s->title);
	if (s->lat != 0) {
		fold_int(op, LAT, s->lat);
		fold_int(op, LON, 5);
	}
	if (s->visits != 0)
		fold_int(op, VISITS, s->visits);
	if (s->note != NULL)
		fold_text(op, NOTES, s->note);
	if (s->element != NULL)
		fold_text(op, CAMPAIGN, s->element);
	if (s->status != 0) {
		fold_int(op, STATUS, s->status);
		if (s->at != 0)
			fold_int(op, AT, s->at);
		fold_text(op, REASON, s->title != NULL ? s->title : "as said");
	}
}

struct outcome {
	struct tr_hash hash;
	char title[16];
	int64_t lat, total;
	uint64_t counter_hlc; /* of the row of the total */
	char counter_actor[16];
	uint8_t status;
	size_t notes, elements;
};

static void copy_text(char out[static 16], struct tr_bytes t)
{
	assert_true(t.size < 16);
	memcpy(out, t.data, t.size);
	out[t.size] = '\0';
}

/* A case of the street's; then the two, of one author in two branches. */
static struct outcome fold_two(const struct said *one, const struct said *two, bool swapped)
{
	struct outcome out = {.lat = 0};
	const struct rep_value *v;
	struct fold_node n;
	struct rep_row row;
	struct rep_op *op;
	struct fold f;
	int street, a, b;

	fold_init(&f, TR_KIND_CASE);
	street = fold_author(&f, 1, FOLD_STREET);
	a = fold_author(&f, 2, FOLD_STREET);
	b = fold_author(&f, 2, FOLD_STREET);
	f.authors[b].nid = f.authors[a].nid;
	f.authors[b].inc = f.authors[a].inc;
	op = fold_op(&f, street, TR_OP_CREATE);
	fold_text(op, TITLE, "noise");
	fold_see(&f, a, street);
	fold_see(&f, b, street);
	say(&f, a, one);
	say(&f, b, two);
	fold_node_init(&n, &f, swapped ? 5 : 2);
	n.by_store = true;
	fold_apply(&n, &f, 0);
	fold_apply(&n, &f, swapped ? 2 : 1);
	fold_apply(&n, &f, swapped ? 1 : 2);
	assert_int_equal(n.failed, 0);
	out.hash = fold_hash(&n);
	v = rep_record_value(n.rec, TITLE);
	if (v != NULL)
		copy_text(out.title, v->t);
	v = rep_record_value(n.rec, LAT);
	out.lat = v != NULL ? v->i : 0;
	out.status = (uint8_t)rep_record_status(n.rec);
	if (rows(&n, VISITS, &row) > 0) {
		out.total = row.i;
		out.counter_hlc = row.hlc.v;
		copy_text(out.counter_actor, row.actor);
	}
	out.notes = rows(&n, NOTES, NULL);
	out.elements = rows(&n, CAMPAIGN, NULL);
	fold_node_done(&n);
	fold_done(&f);
	return out;
}

static struct outcome alike(const struct said *one, const struct said *two)
{
	struct outcome a = fold_two(one, two, false), b = fold_two(one, two, true);

	assert_memory_equal(a.hash.b, b.hash.b, sizeof(a.hash.b));
	assert_string_equal(a.title, b.title);
	assert_string_equal(a.counter_actor, b.counter_actor);
	assert_int_equal(a.counter_hlc, b.counter_hlc);
	assert_int_equal(a.lat, b.lat);
	assert_int_equal(a.total, b.total);
	assert_int_equal(a.status, b.status);
	assert_int_equal(a.notes, b.notes);
	assert_int_equal(a.elements, b.elements);
	return a;
}

static void what_they_say_decides(void **state)
{
	static const struct { struct said one, two; const char *title; } pairs[] = {
	    {{.title = "a"}, {.title = "b"}, "b"},
	    {{.title = "a"}, {.title = "ab"}, "ab"},
	    {{.title = ""}, {.title = "b"}, "b"},
	    {{.title = "b"}, {.title = "a", .later_ms = 5}, "a"},
	    {{.title = "b", .actor = "li"}, {.title = "a", .actor = "wu"}, "a"},
	    {{.title = "b", .actor = "l"}, {.title = "a", .actor = "li"}, "a"},
	    {{.title = "b"}, {.title = "a", .actor = "li"}, "a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		assert_string_equal(alike(&pairs[i].one, &pairs[i].two).title, pairs[i].title);
}

/* A group of several fields, of other numbers, or not all of them. */
static void all_that_a_group_says_decides(void **state)
{
	static const struct said pairs[][2] = {
	    {{.nature = "event"}, {.nature = "event", .code_version = 3}},
	    {{.nature = "event", .code_version = 2}, {.nature = "event", .code_version = 3}},
	    {{.nature = "event"}, {.code_version = 3}},
	    {{.title = "same"}, {.title = "same"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		(void)alike(&pairs[i][0], &pairs[i][1]);
	assert_int_equal(alike(&(struct said){.lat = 7}, &(struct said){.lat = 9}).lat, 9);
	assert_int_equal(alike(&(struct said){.lat = -7}, &(struct said){.lat = -9}).lat, -7);
}

/* The larger total stays; of equal ones the same row everywhere. */
static void a_total_is_one_row(void **state)
{
	struct outcome o;

	(void)state;
	o = alike(&(struct said){.visits = 3}, &(struct said){.visits = 4});
	assert_int_equal(o.total, 4);
	o = alike(&(struct said){.visits = 3, .actor = "li"}, &(struct said){.visits = 3, .actor = "wu"});
	assert_string_equal(o.counter_actor, "li");
	o = alike(&(struct said){.visits = 3, .actor = "l"}, &(struct said){.visits = 3, .actor = "li"});
	assert_string_equal(o.counter_actor, "l");
	o = alike(&(struct said){.visits = 3}, &(struct said){.visits = 3, .actor = "li"});
	assert_string_equal(o.counter_actor, "");
	o = alike(&(struct said){.visits = 3, .actor = "wu"}, &(struct said){.visits = 3, .actor = "li", .later_ms = 5});
	assert_string_equal(o.counter_actor, "wu");
	o = alike(&(struct said){.visits = 3, .actor = "li"}, &(struct said){.visits = 3, .actor = "li"});
	assert_int_equal(o.total, 3);
}

/* Nothing of a list or a set is lost, also if the words are the same. */
static void items_stay_apart_by_what_they_say(void **state)
{
	(void)state;
	assert_int_equal(alike(&(struct said){.note = "one"}, &(struct said){.note = "two"}).notes, 2);
	assert_int_equal(alike(&(struct said){.note = "one", .actor = "li"}, &(struct said){.note = "one", .actor = "wu"}).notes, 2);
	assert_int_equal(alike(&(struct said){.element = "spring"}, &(struct said){.element = "autumn"}).elements, 2);
	assert_int_equal(alike(&(struct said){.element = "spring"}, &(struct said){.element = "spring", .actor = "li"}).elements, 1);
}

static void one_of_two_steps_is_shown(void **state)
{
	struct said filed = {.status = REP_CASE_FILED}, voided = {.status = REP_CASE_VOIDED};

	(void)state;
	assert_int_equal(alike(&filed, &voided).status, REP_CASE_VOIDED); /* by rank */
	(void)alike(&(struct said){.status = REP_CASE_FILED, .title = "a"}, &(struct said){.status = REP_CASE_FILED, .title = "b"});
	(void)alike(&(struct said){.status = REP_CASE_FILED, .at = 1789999999000}, &(struct said){.status = REP_CASE_FILED});
	(void)alike(&(struct said){.status = REP_CASE_FILED, .at = 1789999999000},
	    &(struct said){.status = REP_CASE_FILED, .at = 1789999998000});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_they_say_decides),
	    cmocka_unit_test(all_that_a_group_says_decides),
	    cmocka_unit_test(a_total_is_one_row),
	    cmocka_unit_test(items_stay_apart_by_what_they_say),
	    cmocka_unit_test(one_of_two_steps_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
