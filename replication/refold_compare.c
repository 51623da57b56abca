/* SPDX-License-Identifier: Apache-2.0 */
/* Is what is stored of a record what its ops make of it? */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/refold.h"

static bool is_same_dot(struct tr_dot a, struct tr_dot b)
{
	return a.log == b.log && a.seq == b.seq;
}

/* What was read, or that it is not there, or not to be read. */
static bool is_said(int rc)
{
	return rc == 0 || rc == TR_E_NOTFOUND || rc == TR_E_DAMAGED || rc == TR_E_NEWER;
}

static int same_row(const struct rep_view *view, const struct rep_change_row *row, bool *same)
{
	struct tr_bytes old;
	int rc = rep_get(view, row->table, row->key, &old);

	if (!is_said(rc))
		return rc;
	if (row->value.data == NULL)
		*same = rc == TR_E_NOTFOUND;
	else
		*same = rc == 0 && old.size == row->value.size && memcmp(old.data, row->value.data, old.size) == 0;
	return 0;
}

static int load(struct rep_record *rec, const struct rep_view *view, uint8_t kind, const struct tr_rec_id *id,
    struct tr_hash *hash)
{
	int rc = rep_record_load(rec, view, kind, id);

	return rc == 0 ? rep_record_state_hash(rec, view, hash) : rc;
}

/* The state is said in authors and incarnations; which of this node's logs a value came from is not in its hash. */
static bool same_places(const struct rep_record *a, const struct rep_record *b)
{
	uint16_t i, k;

	for (i = 0; i < a->cand_count; i++) {
		for (k = 0; k < b->cand_count; k++)
			if (a->cands[i].group == b->cands[k].group && is_same_dot(a->cands[i].dot, b->cands[k].dot))
				break;
		if (k == b->cand_count)
			return false;
	}
	for (i = 0; i < a->step_count; i++) {
		for (k = 0; k < b->step_count; k++)
			if (is_same_dot(a->steps[i].dot, b->steps[k].dot))
				break;
		if (k == b->step_count)
			return false;
	}
	return true;
}

static int same_record(struct rep_record *recs, const struct rep_view *view, const struct rep_view *folded,
    uint8_t kind, const struct tr_rec_id *id, bool *same)
{
	const struct rep_record *a = &recs[0], *b = &recs[1];
	struct tr_hash x, y;
	int rc = load(&recs[0], view, kind, id, &x);
	int want = load(&recs[1], folded, kind, id, &y);

	if (!is_said(rc) || (want != 0 && want != TR_E_NOTFOUND))
		return !is_said(rc) ? rc : want;
	*same = rc == want && (rc != 0 || (memcmp(x.b, y.b, sizeof(x.b)) == 0 && a->version == b->version &&
	    a->changed.v == b->changed.v && a->list_count == b->list_count && same_places(a, b)));
	return 0;
}

int rep_refold_compare(const struct rep_view *view, const struct tr_rec_id *id,
    struct rep_overlay *folded, bool *equal)
{
	struct rep_record *recs = malloc(2 * sizeof(*recs));
	struct rep_change_row row, *after = NULL;
	bool same = recs != NULL;
	int rc = recs != NULL ? 0 : TR_E_NOMEM;

	if (recs != NULL)
		recs[0].policy = recs[1].policy = NULL;
	for (; rc == 0 && same && rep_overlay_next(folded, after, &row); after = &row)
		if (row.table != REP_T_REC)
			rc = same_row(view, &row, &same);
	for (uint8_t kind = 1; rc == 0 && same && kind < REP_REFOLD_KINDS; kind++)
		rc = same_record(recs, view, rep_overlay_view(folded), kind, id, &same);
	free(recs);
	if (rc == 0)
		*equal = same;
	return rc;
}
