/* SPDX-License-Identifier: Apache-2.0 */
/* scene -- a case, its community and its street: what test_merge.c and
 * test_verdict.c begin with.  cmocka.h comes before. */
#ifndef TESTS_UNIT_SCENE_H
#define TESTS_UNIT_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/err.h"
#include "replication/status.h"
#include "tests/lib/fold.h"

enum { TITLE = 14, AGENCY = 15, LAT = 20, LON = 21, AREA = 23, PRIORITY = 30,
	RESPONSIBLE = 31, ASSIGNEE = 33, DUE_AT = 37, STATUS = 40, AT = 41,
	REASON = 43, DUPLICATE_OF = 50, CAMPAIGN = 60, NOTES = 61,
	VISITS = 62, CATEGORY = 11, SUBCATEGORY = 12, SOURCE = 1,
	SOURCE_ID = 2, REPORTED_AT = 4, DESCRIPTION = 5 };
enum { CLASS_GROUP = 10, PLACE_GROUP = 20, ASSIGNMENT_GROUP = 31 };

/* A case made by a community, seen by its street; both then part. */
struct scene {
	struct fold f;
	struct fold_node n;
	int street, leaf;
};

static inline void scene_begin(struct scene *s)
{
	struct rep_op *op;

	fold_init(&s->f, TR_KIND_CASE);
	s->street = fold_author(&s->f, 1, FOLD_STREET);
	s->leaf = fold_author(&s->f, 2, FOLD_LEAF);
	op = fold_op(&s->f, s->leaf, TR_OP_CREATE);
	fold_text(op, SOURCE, "hotline");
	fold_text(op, SOURCE_ID, "2026-004471");
	fold_text(op, TITLE, "noise at night");
	fold_actor(op, "li");
	fold_see(&s->f, s->street, s->leaf);
}

static inline void scene_fold(struct scene *s)
{
	fold_node_init(&s->n, &s->f, 3);
	fold_apply_all(&s->n, &s->f);
	assert_int_equal(s->n.failed, 0);
}

static inline void scene_end(struct scene *s)
{
	fold_node_done(&s->n);
	fold_done(&s->f);
}

static inline void assert_text(
    const struct rep_record *rec, uint16_t field, const char *text)
{
	const struct rep_value *v = rep_record_value(rec, field);

	if (text == NULL) {
		assert_null(v);
		return;
	}
	assert_non_null(v);
	assert_int_equal(v->type, REP_VALUE_TEXT);
	assert_int_equal(v->t.size, strlen(text));
	assert_memory_equal(v->t.data, text, v->t.size);
}

static inline size_t cands(const struct rep_record *rec, uint16_t group)
{
	uint16_t out[TR_CANDS_MAX];

	return rep_record_cands(rec, group, out, TR_CANDS_MAX);
}

static inline size_t rows(struct fold_node *n, uint16_t field, struct rep_row *last)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	size_t count = 0;
	int rc;

	while ((rc = rep_record_rows(
		    &n->view, &n->rec->id, field, &cursor, &row)) == 0) {
		count++;
		if (last != NULL)
			*last = row;
	}
	assert_int_equal(rc, TR_E_NOTFOUND);
	return count;
}

#endif
