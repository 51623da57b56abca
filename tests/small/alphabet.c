/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The letters.  Few, but for each rule those that can meet: a legal write and
 * one that its author has no right to, both halves of a group, an element added
 * and taken away, steps that follow, that exclude each other and that do not
 * exist.  Every author tries every letter.
 */
#include <string.h>

#include "replication/status.h"
#include "tests/small/small.h"

#define LEAF ((uint32_t)(TR_CAP_INTAKE | TR_CAP_HANDLE | TR_CAP_ROSTER))
#define STREET (LEAF | TR_CAP_COMMAND | TR_CAP_SUPERVISE | TR_CAP_DIRECT | TR_CAP_IMPORT)
#define PATH_TOP "110101"
#define PATH_STREET "110101/s"
#define PATH_LEAF "110101/s/c"

/* Names in no order of levels: what they decide must be told apart. */
static const struct small_author path[SMALL_AUTHORS] = {
    {0x1003, 0xa1, 2, LEAF, PATH_LEAF}, {0x1001, 0xa2, 1, STREET, PATH_STREET}, {0x1002, 0xa0, 0, STREET, PATH_TOP}};
/* The leaf before and after its store was put back, and it noticed. */
static const struct small_author restored[SMALL_AUTHORS] = {
    {0x1003, 0xa1, 2, LEAF, PATH_LEAF}, {0x1001, 0xa2, 1, STREET, PATH_STREET}, {0x1003, 0xa0, 2, LEAF, PATH_LEAF}};
/* The same unnoticed: two histories of one log. */
static const struct small_author branched[SMALL_AUTHORS] = {
    {0x1003, 0xa1, 2, LEAF, PATH_LEAF}, {0x1001, 0xa2, 1, STREET, PATH_STREET}, {0x1003, 0xa1, 2, LEAF, PATH_LEAF}};
static const struct small_author street_branched[SMALL_AUTHORS] = {
    {0x1001, 0xa2, 1, STREET, PATH_STREET}, {0x1003, 0xa1, 2, LEAF, PATH_LEAF}, {0x1001, 0xa2, 1, STREET, PATH_STREET}};

#define STEP(NAME) .name = #NAME, .status = REP_CASE_##NAME
#define RUNG(NAME) .name = #NAME, .status = REP_DIR_##NAME
#define REASON .v[0] = {43, SMALL_SAME}
#define UNTIL .v[1] = {46, SMALL_OWN}
#define ANN .actor = "ann"
#define BO .actor = "bo"

static const struct small_letter lww[] = {
    {.name = "title", .v[0] = {14, SMALL_OWN}}, {.name = "title-no-clock", .bad_clock = true, .v[0] = {14, SMALL_OWN}},
    {.name = "no-title", .v[0] = {14, SMALL_GONE}}};
static const struct small_letter class[] = {{.name = "category", .v[0] = {11, SMALL_OWN}},
    {.name = "subcategory", .v[0] = {12, SMALL_SAME}}, {.name = "both", .v = {{11, SMALL_SAME}, {12, SMALL_OWN}}}};
static const struct small_letter ask[] = {{.name = "duplicate_of", .v[0] = {50, SMALL_OWN}},
    {.name = "duplicate_of-no-clock", .bad_clock = true, .v[0] = {50, SMALL_OWN}},
    {.name = "parent_case", .v[0] = {51, SMALL_OWN}}};
static const struct small_letter auth[] = {{.name = "priority", .v[0] = {30, SMALL_OWN}},
    {.name = "assignee", .v[0] = {33, SMALL_OWN}}, {.name = "title-and-priority", .v = {{14, SMALL_OWN}, {30, SMALL_OWN}}}};
static const struct small_letter ground[] = {{.name = "grid", .v[0] = {22, SMALL_OWN}},
    {.name = "lat", .v[0] = {20, SMALL_OWN}}, {.name = "lat-lon", .v = {{20, SMALL_OWN}, {21, SMALL_OWN}}}};
static const struct small_letter fixed[] = {{.name = "create", .kind = TR_OP_CREATE, .v[0] = {3, SMALL_OWN}},
    {.name = "title", .v[0] = {14, SMALL_OWN}}, {.name = "channel", .v[0] = {3, SMALL_OWN}}};
static const struct small_letter set[] = {{.name = "add", .v[0] = {60, SMALL_SAME}},
    {.name = "take", .v[0] = {60, SMALL_TAKE}}, {.name = "add-own", .v[0] = {60, SMALL_OWN}}};
static const struct small_letter list[] = {{.name = "note", .v[0] = {61, SMALL_OWN}},
    {.name = "same-note", .v[0] = {61, SMALL_SAME}}, {.name = "take-note", .v[0] = {61, SMALL_TAKE}}};
static const struct small_letter count[] = {{.name = "visits", .v[0] = {62, SMALL_OWN}},
    {.name = "same-visits", .v[0] = {62, SMALL_SAME}}, {.name = "title", .v[0] = {14, SMALL_OWN}}};

/* The machine, from several of its states. */
static const struct small_letter begins[] = {
    {STEP(FILED)}, {STEP(VOIDED), REASON}, {STEP(DUPLICATE)}, {STEP(SELF_HANDLED), ANN}};
static const struct small_letter handles[] = {
    {STEP(HANDLING)}, {STEP(HANDLED), ANN}, {STEP(RETURNED), REASON}, {STEP(DISPATCHED)}};
/* Whoever handled it may not verify it: the same unit and person. */
static const struct small_letter verifies[] = {
    {STEP(HANDLED), ANN}, {STEP(VERIFIED), ANN}, {STEP(VERIFIED), BO}, {STEP(REWORK), REASON}};
static const struct small_letter suspends[] = {{STEP(SUSPENDED), REASON, UNTIL}, {STEP(HANDLING)}, {STEP(HANDLED), BO},
    {STEP(SUSPENDED), .v[0] = {46, SMALL_OWN}}};
static const struct small_letter closes[] = {{STEP(CLOSED)}, {STEP(REOPENED)}, {STEP(DISPATCHED)}, {.name = "reason", REASON}};
static const struct small_letter imports[] = {{STEP(VERIFIED), ANN, .imported = true}, {STEP(HANDLED), ANN, .imported = true},
    {STEP(VERIFIED), ANN}, {STEP(HANDLED), ANN}};
static const struct small_letter moves[] = {
    {STEP(MOVED), .kind = TR_OP_TRANSFER, .v = {{43, SMALL_SAME}, {52, SMALL_OTHER}, {53, SMALL_OTHER}}},
    {STEP(FILED)}, {.name = "title", .v[0] = {14, SMALL_OWN}}, {STEP(CLOSED), .imported = true}};
static const struct small_letter ladder[] = {{RUNG(ACCEPTED)}, {RUNG(DECLINED), REASON}, {RUNG(DONE)}, {RUNG(CONFIRMED)},
    {RUNG(WITHDRAWN)}};
static const struct small_letter orders[] = {{.name = "due_at", .v[0] = {20, SMALL_OWN}},
    {.name = "progress", .v = {{61, SMALL_OWN}, {62, SMALL_SAME}}}, {RUNG(ACKNOWLEDGED)}, {RUNG(SENT_BACK), REASON}};
/* With histories of one log that never met. */
static const struct small_letter branch[] = {{.name = "title", .v[0] = {14, SMALL_OWN}},
    {.name = "same-title-note", .v = {{14, SMALL_SAME}, {61, SMALL_SAME}}}, {STEP(SELF_HANDLED), ANN},
    {.name = "add-visits", .v = {{60, SMALL_SAME}, {62, SMALL_OWN}}}};
static const struct small_letter branch_steps[] = {
    {STEP(FILED)}, {STEP(SELF_HANDLED), ANN}, {STEP(VERIFIED), ANN}, {.name = "take", .v[0] = {60, SMALL_TAKE}}};

#define LETTERS(list) .letters = list, .letter_count = sizeof(list) / sizeof((list)[0])
#define CREATE .name = "create", .kind = TR_OP_CREATE
#define CASE_OF(NAME, AUTHORS, LIST, OPS) \
	.name = NAME, .kind = TR_KIND_CASE, .authors = AUTHORS, LETTERS(LIST), .ops = (OPS), .creator = 0, .first = {CREATE}
#define CASE_FROM(NAME, LIST, OPS, STATUS) \
	.name = NAME, .kind = TR_KIND_CASE, .authors = path, LETTERS(LIST), .ops = (OPS), .creator = 1, \
	.first = {.kind = TR_OP_CREATE, .imported = true, STEP(STATUS)}

const struct small_family small_families[] = {
    {CASE_OF("lww", path, lww, 4), .times = SMALL_ALL},
    {CASE_OF("lww, a group", path, class, 4), .times = SMALL_TIES},
    {CASE_OF("ask", path, ask, 4), .times = SMALL_ALL},
    {CASE_OF("auth", path, auth, 4), .times = SMALL_TWO},
    {CASE_OF("ground", path, ground, 4), .times = SMALL_TWO},
    {.name = "fixed, several creations", .kind = TR_KIND_CASE, .authors = path, LETTERS(fixed), .ops = 4, .creator = -1,
        .times = SMALL_TWO},
    {CASE_OF("set", path, set, 4), .times = SMALL_TWO},
    {CASE_OF("list", path, list, 4), .times = SMALL_ALL},
    {CASE_OF("count", path, count, 4), .times = SMALL_TWO},
    {CASE_OF("status: reported", path, begins, 4), .times = SMALL_TWO},
    {CASE_FROM("status: dispatched", handles, 4, DISPATCHED), .times = SMALL_TWO},
    {CASE_FROM("status: handling", verifies, 4, HANDLING), .times = SMALL_TWO},
    {CASE_FROM("status: suspended", suspends, 4, HANDLING), .times = SMALL_TWO},
    {CASE_FROM("status: verified", closes, 4, VERIFIED), .times = SMALL_TWO},
    {CASE_FROM("status: imported", imports, 4, HANDLING), .times = SMALL_TWO},
    {CASE_OF("another home", path, moves, 4), .times = SMALL_TWO},
    {.name = "directive", .kind = TR_KIND_DIRECTIVE, .authors = path, LETTERS(ladder), .ops = 4, .creator = 1,
        .first = {CREATE}, .times = SMALL_TWO},
    {.name = "directive, reports", .kind = TR_KIND_DIRECTIVE, .authors = path, LETTERS(orders), .ops = 3, .creator = 2,
        .first = {CREATE}, .times = SMALL_TWO},
    {CASE_OF("two incarnations", restored, branch, 4), .times = SMALL_TWO},
    {CASE_OF("two branches", branched, branch, 4), .branches = true, .times = SMALL_TIES},
    {CASE_OF("two branches of a street", street_branched, branch_steps, 4), .branches = true, .times = SMALL_TIES},
};
const int small_family_count = sizeof(small_families) / sizeof(small_families[0]);

/* ---- writing ---- */

static const uint8_t ids[SMALL_OPS_MAX + 1][16] = {{9}, {1}, {5}, {2}, {7}, {3}, {4}};

static void text(struct rep_value *v, const char *t)
{
	v->type = REP_VALUE_TEXT;
	v->t = (struct tr_bytes){(const uint8_t *)t, strlen(t)};
}

static bool is_text(uint8_t kind, uint16_t field)
{
	return kind == TR_KIND_DIRECTIVE ? field == 43 || field == 61
	                                 : (field >= 3 && field <= 15) || field == 22 || field == 33 || (field >= 42 && field <= 45) ||
	            field == 60 || field == 61;
}

static void value(struct small_history *h, int at, int which, struct rep_value *v)
{
	static const char *const own[SMALL_OPS_MAX] = {"m", "d", "x", "b", "y", "c"};
	struct small_op *op = &h->ops[at];
	enum small_what what = op->letter->v[which].what;

	*v = (struct rep_value){.field = op->letter->v[which].field};
	if (what == SMALL_GONE)
		return;
	if (what == SMALL_TAKE)
		v->act = TR_ACT_REMOVE;
	if (v->field >= 50 && v->field <= 52) {
		v->type = REP_VALUE_BYTES;
		v->t = (struct tr_bytes){ids[what == SMALL_OTHER ? op->author + 1 : at], 16};
	} else if (is_text(h->family->kind, v->field)) {
		text(v, what == SMALL_OWN ? own[at] : "same");
	} else {
		v->type = REP_VALUE_INT;
		v->i = v->field == 30 ? 1 + at % 4 : v->field == 53 ? 0x2000 : what == SMALL_OWN ? 10 - at : 4;
	}
}

void small_write(struct small_history *h, int at)
{
	struct small_op *op = &h->ops[at];
	const struct small_letter *l = op->letter;
	struct rep_op *out = &op->op;

	*out = (struct rep_op){.kind = l->kind != 0 ? l->kind : TR_OP_SET, .has_body = true, .type = h->family->kind,
	    .rec = {{1, 2, 3}}, .flags = l->imported ? TR_OPF_IMPORTED : 0};
	if (l->actor != NULL)
		out->actor = (struct tr_bytes){(const uint8_t *)l->actor, strlen(l->actor)};
	if (l->status != 0)
		out->values[out->value_count++] = (struct rep_value){.field = 40, .type = REP_VALUE_INT, .i = l->status};
	for (int i = 0; i < 3; i++)
		if (l->v[i].what != SMALL_NO)
			value(h, at, i, &out->values[out->value_count++]);
	/* A move says where to: below the street, which the leaf does not stand over. */
	if (l->kind == TR_OP_TRANSFER) {
		out->values[out->value_count] = (struct rep_value){.field = 54};
		text(&out->values[out->value_count++], PATH_STREET "/d");
	}
}
