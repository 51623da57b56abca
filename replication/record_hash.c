/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical state of a record: what two nodes that folded the same ops
 * have in common.  No local handle, no order of arrival, no padding; numbers
 * are 8 bytes big-endian, bytes have their length in front.
 *
 *   TR_STATE_VER, kind, id, scope, lane, violations,
 *   candidates by (group, author, inc, seq, then what they say),
 *   legal steps by the same, each with the steps that it overwrote,
 *   rows of sets, lists and counts in the order of their keys
 *
 * Not in it: the violating steps that are kept to be shown (a bounded number
 * of them, so which ones depends on the order), only their count.
 */
#include <string.h>

#include <sodium/crypto_generichash.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/merge.h"
#include "replication/record_int.h"

#define BUFFER_SIZE 1024

struct sink {
	crypto_generichash_state state;
	uint8_t buffer[BUFFER_SIZE];
	size_t used;
};

static void sink_flush(struct sink *s)
{
	crypto_generichash_update(&s->state, s->buffer, s->used);
	s->used = 0;
}

static void put(struct sink *s, uint64_t v)
{
	if (s->used + 8 > BUFFER_SIZE)
		sink_flush(s);
	wire_put_be64(s->buffer + s->used, v);
	s->used += 8;
}

static void put_bytes(struct sink *s, struct tr_bytes bytes)
{
	put(s, bytes.size);
	sink_flush(s);
	if (bytes.size > 0)
		crypto_generichash_update(&s->state, bytes.data, bytes.size);
}

static void put_values(struct sink *s, const struct rep_record *rec,
    size_t first, size_t count)
{
	put(s, count);
	for (size_t i = first; i < first + count; i++) {
		const struct rep_value *v = &rec->values[i];

		put(s, v->field);
		put(s, v->type);
		if (v->type == REP_VALUE_INT)
			put(s, (uint64_t)v->i);
		else if (v->type != REP_VALUE_NONE)
			put_bytes(s, v->t);
	}
}

/* Smaller first: (group, author, inc, seq). */
static int compare_cands(const struct rep_record *rec, const struct rep_cand *a, const struct rep_cand *b)
{
	struct rep_weight wa = rep_record_cand_weight(rec, a);
	struct rep_weight wb = rep_record_cand_weight(rec, b);

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return rep_record_dot_order(&wa, &wb);
}

/* Two that say the same, in two branches, may still have had different pasts. */
static int compare_steps(const struct rep_record *rec, uint16_t a, uint16_t b)
{
	const struct rep_step *sa = &rec->steps[a], *sb = &rec->steps[b];
	struct rep_weight wa = rep_record_step_weight(rec, sa);
	struct rep_weight wb = rep_record_step_weight(rec, sb);
	int c = rep_record_dot_order(&wa, &wb);

	if (c == 0)
		c = (int)sa->flags - (int)sb->flags;
	if (c == 0)
		c = (int)sa->under_count - (int)sb->under_count;
	return c;
}

static void put_cands(struct sink *s, const struct rep_record *rec)
{
	uint16_t order[TR_CANDS_MAX];

	for (uint16_t i = 0; i < rec->cand_count; i++) {
		size_t at = i;

		while (at > 0 && compare_cands(rec, &rec->cands[order[at - 1]],
				     &rec->cands[i]) > 0) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = i;
	}
	put(s, rec->cand_count);
	for (size_t i = 0; i < rec->cand_count; i++) {
		const struct rep_cand *c = &rec->cands[order[i]];

		put(s, c->group);
		put(s, c->author.v);
		put(s, c->inc);
		put(s, c->dot.seq);
		put(s, c->hlc.v);
		put(s, c->level);
		put(s, c->clockq);
		put_bytes(s, c->actor);
		put_values(s, rec, c->value_first, c->value_count);
	}
}

/* Sorts step indexes by (author, inc, seq). */
static void sort_steps(
    const struct rep_record *rec, uint16_t *steps, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		uint16_t step = steps[i];
		size_t at = i;

		while (at > 0 && compare_steps(rec, steps[at - 1], step) > 0) {
			steps[at] = steps[at - 1];
			at--;
		}
		steps[at] = step;
	}
}

static void put_step(
    struct sink *s, const struct rep_record *rec, const struct rep_step *step)
{
	uint16_t under[TR_STEP_OVER_MAX];

	put(s, step->author.v);
	put(s, step->inc);
	put(s, step->dot.seq);
	put(s, step->hlc.v);
	put(s, (uint64_t)step->at_ms);
	put(s, step->level);
	put(s, step->clockq);
	put(s, step->status);
	put(s, step->flags);
	put_bytes(s, step->actor);
	put_values(s, rec, step->value_first, step->value_count);
	memcpy(under, step->under, step->under_count * sizeof(under[0]));
	sort_steps(rec, under, step->under_count);
	put(s, step->under_count);
	for (size_t i = 0; i < step->under_count; i++) {
		const struct rep_step *u = &rec->steps[under[i]];

		put(s, u->author.v);
		put(s, u->inc);
		put(s, u->dot.seq);
		put(s, u->hlc.v);
	}
}

static void put_steps(struct sink *s, const struct rep_record *rec)
{
	uint16_t order[TR_STEPS_MAX];
	size_t count = 0;

	for (uint16_t i = 0; i < rec->step_count; i++)
		if ((rec->steps[i].flags & REP_STEP_VIOLATION) == 0)
			order[count++] = i;
	sort_steps(rec, order, count);
	put(s, count);
	for (size_t i = 0; i < count; i++)
		put_step(s, rec, &rec->steps[order[i]]);
}

static int put_rows(struct sink *s, const struct rep_record *rec,
    const struct rep_view *view, uint16_t field)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	int rc;

	while ((rc = rep_record_rows_all(
		    view, &rec->id, field, &cursor, &row)) == 0) {
		put(s, row.field);
		put(s, row.author.v);
		put(s, row.inc);
		put(s, row.dot.seq);
		put(s, row.hlc.v);
		put(s, (uint64_t)row.at_ms);
		put(s, (uint64_t)row.i);
		put_bytes(s, row.actor);
		put_bytes(s, row.text);
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

int rep_record_state_hash(const struct rep_record *rec,
    const struct rep_view *view, struct tr_hash *out)
{
	const struct rep_field *f;
	struct sink s;
	int rc;

	s.used = 0;
	crypto_generichash_init(&s.state, NULL, 0, sizeof(out->b));
	put(&s, TR_STATE_VER);
	put(&s, rec->kind);
	put_bytes(&s, (struct tr_bytes){rec->id.b, sizeof(rec->id.b)});
	put(&s, rec->scope.v);
	put(&s, rec->lane);
	put(&s, rec->violations);
	put_cands(&s, rec);
	put_steps(&s, rec);
	for (size_t i = 0; (f = rep_schema_at(rec->kind, i)) != NULL; i++) {
		if (f->merge != REP_MERGE_SET && f->merge != REP_MERGE_LIST &&
		    f->merge != REP_MERGE_COUNT)
			continue;
		rc = put_rows(&s, rec, view, f->id);
		if (rc != 0)
			return rc;
	}
	sink_flush(&s);
	crypto_generichash_final(&s.state, out->b, sizeof(out->b));
	return 0;
}
