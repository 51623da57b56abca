/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second opinion on sets, lists and counts: an element is in a set when
 * some ADD of it was seen by no REMOVE of it; a list has every item once; a
 * count is the sum of the largest total of each author and incarnation.
 */
#include "tests/sim/oracle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define ENTRIES_MAX 2048
#define WORD_MAX 32

struct entry {
	uint16_t field;
	enum rep_merge_kind merge;
	unsigned op;
	uint64_t author, inc;
	bool is_remove;
	char word[WORD_MAX];
	int64_t number;
};

struct rows {
	struct sim_world *world;
	unsigned host, rec;
	bool is_complete;
	unsigned count;
	struct entry entry[ENTRIES_MAX];
};

static void take_op(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	struct rows *r = arg;
	uint8_t kind = r->world->oracle->rec[r->rec].kind;
	struct rep_cut_info by;

	if (rep_is_aside(r->world->host[r->host].node, cause->dot, &by))
		return;

	if (!r->world->oracle->rec[r->rec].op[index].has_past)
		r->is_complete = false;
	for (unsigned i = 0; i < op->value_count; i++) {
		const struct rep_value *v = &op->values[i];
		const struct rep_field *f = rep_schema_field(kind, v->field);
		struct entry *e = &r->entry[r->count];

		if (f == NULL || (f->merge != REP_MERGE_SET && f->merge != REP_MERGE_LIST && f->merge != REP_MERGE_COUNT))
			continue;
		if (f->merge == REP_MERGE_LIST && f->type != REP_TYPE_TEXT)
			continue; /* rides on the text of the same report */
		TR_ASSERT(r->count < ENTRIES_MAX);
		*e = (struct entry){.field = f->id, .merge = f->merge, .op = index, .author = cause->author.v, .inc = cause->inc,
		    .is_remove = v->act == TR_ACT_REMOVE, .number = v->i};
		if (v->t.size != 0)
			memcpy(e->word, v->t.data, v->t.size < WORD_MAX ? v->t.size : WORD_MAX - 1);
		r->count++;
	}
}

static bool seen_by(const struct rows *r, const struct entry *later, const struct entry *earlier)
{
	return (r->world->oracle->rec[r->rec].op[later->op].past[earlier->op / 64] >> (earlier->op % 64) & 1) != 0;
}

static bool is_in_set(const struct rows *r, uint16_t field, const char *word)
{
	for (unsigned i = 0; i < r->count; i++) {
		const struct entry *add = &r->entry[i];
		bool gone = false;

		if (add->field != field || add->is_remove || strcmp(add->word, word) != 0)
			continue;
		for (unsigned k = 0; k < r->count && !gone; k++)
			gone = r->entry[k].field == field && r->entry[k].is_remove &&
			    strcmp(r->entry[k].word, word) == 0 && seen_by(r, &r->entry[k], add);
		if (!gone)
			return true;
	}
	return false;
}

/* Number of different words that are in. */
static unsigned set_size(const struct rows *r, uint16_t field)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->count; i++) {
		bool is_first = true;

		if (r->entry[i].field != field)
			continue;
		for (unsigned k = 0; k < i; k++)
			if (r->entry[k].field == field && strcmp(r->entry[k].word, r->entry[i].word) == 0)
				is_first = false;
		n += is_first && is_in_set(r, field, r->entry[i].word);
	}
	return n;
}

static unsigned list_size(const struct rows *r, uint16_t field)
{
	unsigned n = 0;

	for (unsigned i = 0; i < r->count; i++)
		n += r->entry[i].field == field;
	return n;
}

static int64_t count_total(const struct rows *r, uint16_t field)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < r->count; i++) {
		bool is_largest = r->entry[i].field == field;

		for (unsigned k = 0; k < r->count && is_largest; k++)
			if (k != i && r->entry[k].field == field && r->entry[k].author == r->entry[i].author &&
			    r->entry[k].inc == r->entry[i].inc &&
			    (r->entry[k].number > r->entry[i].number ||
				(r->entry[k].number == r->entry[i].number && k < i)))
				is_largest = false;
		sum += is_largest ? r->entry[i].number : 0;
	}
	return sum;
}

static void compare(struct sim_world *world, unsigned host, const struct rows *r, const struct rep_field *f)
{
	const struct tr_rec_id *id = &world->oracle->rec[r->rec].id;
	struct rep_row_cursor cursor = {0};
	char words[ENTRIES_MAX / 16][WORD_MAX] = {{0}};
	unsigned rows = 0, different = 0;
	int64_t total = 0;
	struct rep_row row;

	while (rep_record_rows(&world->host[host].view, id, f->id, &cursor, &row) == 0) {
		char word[WORD_MAX] = {0};
		bool is_new = true;

		rows++;
		total += f->merge == REP_MERGE_COUNT ? row.i : 0;
		if (f->merge != REP_MERGE_SET)
			continue;
		if (row.text.size != 0)
			memcpy(word, row.text.data, row.text.size < WORD_MAX ? row.text.size : WORD_MAX - 1);
		if (!is_in_set(r, f->id, word))
			sim_fail(world, host, "11", "%s holds '%s', which was taken out", f->name, word);
		for (unsigned i = 0; i < different; i++)
			is_new = is_new && strcmp(words[i], word) != 0;
		if (is_new && different < ENTRIES_MAX / 16)
			memcpy(words[different++], word, WORD_MAX);
	}
	if (f->merge == REP_MERGE_SET && different != set_size(r, f->id))
		sim_fail(world, host, "11", "%s has %u elements, by the books %u", f->name, different, set_size(r, f->id));
	if (f->merge == REP_MERGE_LIST && f->type == REP_TYPE_TEXT && rows != list_size(r, f->id))
		sim_fail(world, host, "11", "%s has %u items, by the books %u", f->name, rows, list_size(r, f->id));
	if (f->merge == REP_MERGE_COUNT && total != count_total(r, f->id))
		sim_fail(world, host, "11", "%s is %" PRId64 ", by the books %" PRId64, f->name, total, count_total(r, f->id));
}

void sim_check_rows(struct sim_world *world, unsigned host, unsigned rec)
{
	struct rows *r = calloc(1, sizeof(*r));
	const struct rep_field *f;

	TR_ASSERT(r != NULL);
	r->world = world;
	r->host = host;
	r->rec = rec;
	r->is_complete = true;
	sim_oracle_ops(world, host, rec, take_op, r);
	for (size_t i = 0; r->is_complete && (f = rep_schema_at(world->oracle->rec[rec].kind, i)) != NULL; i++)
		if (f->merge == REP_MERGE_SET || f->merge == REP_MERGE_LIST || f->merge == REP_MERGE_COUNT)
			compare(world, host, r, f);
	free(r);
}
