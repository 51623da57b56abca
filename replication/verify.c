/* SPDX-License-Identifier: Apache-2.0 */
/* Finds what is not as it should be in a store.  Changes nothing. */
#include "replication/verify.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/chain.h"
#include "replication/keys.h"
#include "replication/later.h"
#include "replication/log.h"
#include "replication/lookup.h"
#include "replication/refold.h"

#define ID_SIZE sizeof(struct tr_rec_id)
#define OVERLAY_BYTES ((size_t)64 << 20) /* of one record */
#define ROWS_A_UNIT 16

enum phase { SEGMENTS, OPS, RECORDS, ORPHANS, LOOKUPS, EXTRAS, END };

/* Tables with a record's id in their key, and where in it. */
static const struct { enum rep_table table; size_t at; } owned[] = {
    {REP_T_REC, 1}, {REP_T_ROW, 0}, {REP_T_CONFLICT, 1}, {REP_T_VIOLATION, 0}};

struct walk {
	const struct rep_node *node;
	const struct rep_view *view;
	struct rep_verify_cursor *c;
	size_t left;             /* of the budget */
	struct rep_fault *fault;
	bool found;
	struct rep_verify_sum *sum;
	struct rep_record *rec;  /* scratch */
	struct rep_op *op;
	struct wire_arena *arena;
};

static void spend(struct walk *w, size_t units)
{
	w->left = w->left > units ? w->left - units : 0;
}

static void found(struct walk *w, enum rep_fault_what what, int rc)
{
	memset(w->fault, 0, sizeof(*w->fault));
	w->fault->what = what;
	w->fault->rc = rc;
	w->found = true;
}

/* The next row of a table, by its key alone, which is kept in the cursor. */
static int next_key(struct walk *w, enum rep_table table)
{
	struct tr_bytes key;
	int rc = rep_seek(w->view, table, rep_bytes(w->c->key, w->c->started ? w->c->key_size : 0),
	    w->c->started, &key, NULL);

	if (rc != 0)
		return rc;
	if (key.size > sizeof(w->c->key))
		return TR_E_DAMAGED;
	memcpy(w->c->key, key.data, key.size);
	w->c->key_size = key.size;
	w->c->started = true;
	return 0;
}

static void next_phase(struct walk *w)
{
	uint8_t phase = (uint8_t)(w->c->phase + 1);

	memset(w->c, 0, sizeof(*w->c));
	w->c->phase = phase;
}

/* ------------------------------------------------------------------ segments */

/* Last sequence of the row that holds `seq`, or of the next one there is. */
static uint64_t last_of(const struct rep_view *view, const struct rep_log *log, uint64_t seq)
{
	struct rep_key from = rep_key_seq(log->handle, seq);
	struct tr_bytes key;

	if (rep_seek(view, REP_T_SEG, rep_key_bytes(&from), false, &key, NULL) != 0 || key.size != 12 ||
	    wire_get_be32(key.data) != log->handle || wire_get_be64(key.data + 4) > log->seq)
		return log->seq;
	return wire_get_be64(key.data + 4);
}

static int bad_segment(struct walk *w, const struct rep_log *log, uint64_t first, int why)
{
	struct rep_chain_row row;
	Terrace__Seg *seg;
	uint64_t last = last_of(w->view, log, first);
	bool own;
	int rc;

	if (rep_chain_find(w->view, log->handle, first, &row) == 0 &&
	    rep_verify_row(w->view, log, first, w->arena, &row, &seg) == TR_E_GAP)
		last = seg->first - 1; /* a row is gone */
	rc = rep_verify_is_own(w->node, w->view, log, first, w->arena, &own);
	if (rc != 0)
		return rc;
	w->c->seq = last + 1;
	if (!own) {
		w->sum->unjudged++;
		return 0;
	}
	found(w, REP_FAULT_SEGMENT, why);
	w->fault->log = log->handle;
	w->fault->first = first;
	w->fault->last = last;
	return 0;
}

static int walk_segments(struct walk *w)
{
	struct rep_verify_sum sum = {0};
	const struct rep_log *log = rep_log_get(w->node, w->c->log);
	uint64_t next = 0;
	int rc;

	if (log == NULL || w->c->seq > log->seq) {
		if (w->c->log >= w->node->log_count)
			return TR_E_NOTFOUND;
		w->c->log++;
		w->c->seq = rep_log_get(w->node, w->c->log)->fork + 1;
		return 0;
	}
	rc = rep_verify_log(w->node, w->view, log->handle, w->c->seq, w->left < 16 ? w->left : 16, &next, &sum);
	w->sum->segments += sum.segments;
	w->sum->ops += sum.ops;
	w->sum->dropped += sum.dropped;
	spend(w, sum.segments + 1);
	if (rep_verify_is_fatal(rc))
		return rc;
	if (rc != 0)
		return bad_segment(w, log, next, rc);
	w->c->seq = next != 0 ? next : log->seq + 1;
	return 0;
}

/* ------------------------------------------------------------ the list of ops */

/* Was this op folded into its record?  Not if that lives in another domain. */
static int is_expected(struct walk *w, const struct rep_log *log, uint64_t seq, bool *expected)
{
	int rc;

	*expected = false;
	if (seq <= log->low)
		return 0; /* dropped, and mended since: it is in the record's floor */
	if (!w->op->has_body || !rep_op_is_of_record(w->op->kind) || rep_schema_kind_name(w->op->type) == NULL)
		return 0;
	rc = rep_record_load(w->rec, w->view, w->op->type, &w->op->rec);
	if (rep_verify_is_fatal(rc))
		return rc;
	*expected = rc != 0 || (w->rec->scope.v == log->id.scope.v && w->rec->lane == log->id.lane);
	return 0;
}

static int check_op(struct walk *w, const struct rep_log *log, uint64_t seq, struct tr_bytes entry)
{
	struct rep_key key;
	struct tr_bytes row;
	bool expected;
	int rc;

	if (rep_op_decode(w->op, entry) != 0)
		return 0;
	rc = is_expected(w, log, seq, &expected);
	if (rc != 0 || !expected)
		return rc;
	key = rep_key_ops(&w->op->rec, (struct tr_dot){log->handle, seq});
	rc = rep_get(w->view, REP_T_OPS, rep_key_bytes(&key), &row);
	if (rc == 0 || rep_verify_is_fatal(rc))
		return rc;
	found(w, REP_FAULT_INDEX, rc);
	w->fault->rec = w->op->rec;
	w->fault->log = log->handle;
	w->fault->first = w->fault->last = seq;
	return 0;
}

static int walk_ops(struct walk *w)
{
	const struct rep_log *log = rep_log_get(w->node, w->c->log);
	struct rep_chain_row row;
	Terrace__Seg *seg;
	uint64_t first;
	int rc;

	if (log == NULL || w->c->seq > log->seq) {
		if (w->c->log >= w->node->log_count)
			return TR_E_NOTFOUND;
		w->c->log++;
		w->c->seq = rep_log_get(w->node, w->c->log)->fork + 1;
		return 0;
	}
	spend(w, 1);
	rc = rep_chain_find(w->view, log->handle, w->c->seq, &row);
	if (rc == 0) {
		wire_arena_reset(w->arena);
		rc = wire_seg_decode(w->arena, row.bytes, &seg);
	}
	if (rep_verify_is_fatal(rc))
		return rc;
	if (rc != 0) { /* said as a segment already */
		w->c->seq = last_of(w->view, log, w->c->seq) + 1;
		return 0;
	}
	first = seg->first;
	for (; rc == 0 && !w->found && w->c->seq <= row.last; w->c->seq++)
		if (w->c->seq >= first && w->c->seq - first < seg->n_op)
			rc = check_op(w, log, w->c->seq, rep_bytes(seg->op[w->c->seq - first].data,
			    seg->op[w->c->seq - first].len));
	return rc;
}

/* ------------------------------------------------------------------- records */

int rep_verify_record(const struct rep_node *node, const struct rep_view *view, const struct tr_rec_id *id,
    struct rep_overlay **out)
{
	struct rep_overlay *overlay = NULL;
	bool equal = false, waits;
	int rc = rep_later_look(view, id, &waits);

	if (rc != 0 || waits) { /* what came while it waited was judged by what was known then */
		if (out != NULL)
			*out = NULL;
		return rc;
	}
	overlay = rep_overlay_create(view, OVERLAY_BYTES);
	rc = overlay != NULL ? rep_refold(node, view, id, NULL, overlay) : TR_E_NOMEM;

	if (rc == 0)
		rc = rep_refold_compare(view, id, overlay, &equal);
	if (rc != 0 || equal || out == NULL) {
		rep_overlay_free(overlay);
		overlay = NULL;
	}
	if (out != NULL)
		*out = overlay;
	return rc != 0 || equal ? rc : TR_E_DIFFERS;
}

static int walk_records(struct walk *w)
{
	struct tr_rec_id id;
	int rc = next_key(w, REP_T_OPS);

	if (rc != 0)
		return rc;
	spend(w, 1);
	if (w->c->key_size < ID_SIZE)
		return 0;
	memcpy(id.b, w->c->key, ID_SIZE);
	memset(w->c->key + ID_SIZE, 0xff, 12); /* on behind its ops */
	w->c->key_size = ID_SIZE + 12;
	w->sum->records++;
	rc = rep_verify_record(w->node, w->view, &id, NULL);
	if (rc == 0 || rep_verify_is_fatal(rc))
		return rc;
	if (rc == TR_E_GAP) { /* a segment is not there: that is the fault */
		w->sum->unjudged++;
		return 0;
	}
	found(w, REP_FAULT_RECORD, rc);
	w->fault->rec = id;
	return 0;
}

static bool has_ops(const struct rep_view *view, const uint8_t *id)
{
	struct tr_bytes key;

	if (rep_seek(view, REP_T_OPS, rep_bytes(id, ID_SIZE), false, &key, NULL) == 0 &&
	    key.size >= ID_SIZE && memcmp(key.data, id, ID_SIZE) == 0)
		return true;
	/* or they were dropped */
	return rep_seek(view, REP_T_FLOOR, rep_bytes(id, ID_SIZE), false, &key, NULL) == 0 &&
	       key.size == ID_SIZE && memcmp(key.data, id, ID_SIZE) == 0;
}

/* Rows of records of which no op is known. */
static int walk_orphans(struct walk *w)
{
	size_t at = owned[w->c->table].at;
	int rc = next_key(w, owned[w->c->table].table);

	if (rc == TR_E_NOTFOUND && w->c->table + 1u < sizeof(owned) / sizeof(owned[0])) {
		w->c->table++;
		w->c->started = false;
		return 0;
	}
	if (rc != 0)
		return rc;
	w->c->skip = !w->c->skip;
	spend(w, w->c->skip);
	if (w->c->key_size < at + ID_SIZE || has_ops(w->view, w->c->key + at))
		return 0;
	found(w, REP_FAULT_RECORD, TR_E_NOTFOUND);
	memcpy(w->fault->rec.b, w->c->key + at, ID_SIZE);
	/* on behind its rows */
	memset(w->c->key + at + ID_SIZE, 0xff, sizeof(w->c->key) - at - ID_SIZE);
	w->c->key_size = sizeof(w->c->key);
	return 0;
}

/* ------------------------------------------------------------------ look-ups */

/* Is the record found by its source, or by its directive? */
int rep_verify_lookup(const struct rep_view *view, const struct rep_record *rec, bool *missing)
{
	enum rep_table table = rec->kind == TR_KIND_CASE ? REP_T_SRC : REP_T_DIR;
	struct rep_key key;
	struct tr_bytes row;

	*missing = false;
	for (uint16_t i = 0; i < rec->cand_count && !*missing; i++) {
		int rc;

		if (!rep_lookup_key(rec, i, &key))
			continue;
		rc = rep_get(view, table, rep_key_bytes(&key), &row);
		if (rep_verify_is_fatal(rc))
			return rc;
		if (rc != 0)
			*missing = true;
		else if (table == REP_T_SRC) /* sixteen twins are enough to be told about */
			*missing = !rep_lookup_lists(&row, &rec->id) && row.size < ID_SIZE * REP_TWINS_MAX;
	}
	return 0;
}

static int walk_lookups(struct walk *w)
{
	struct tr_rec_id id;
	uint8_t kind;
	bool missing;
	int rc = next_key(w, REP_T_REC);

	if (rc != 0)
		return rc;
	w->c->seq++;
	spend(w, w->c->seq % ROWS_A_UNIT == 0);
	kind = w->c->key[0];
	if (w->c->key_size != 1 + ID_SIZE || (kind != TR_KIND_CASE && kind != TR_KIND_DIRECTIVE))
		return 0;
	memcpy(id.b, w->c->key + 1, ID_SIZE);
	rc = rep_record_load(w->rec, w->view, kind, &id);
	if (rc == 0)
		rc = rep_verify_lookup(w->view, w->rec, &missing);
	else if (!rep_verify_is_fatal(rc))
		return 0; /* said as a record already */
	if (rc != 0 || !missing)
		return rc;
	found(w, kind == TR_KIND_CASE ? REP_FAULT_SOURCE : REP_FAULT_DIRECTIVE, TR_E_NOTFOUND);
	w->fault->rec = id;
	return 0;
}

int rep_verify_stands(const struct rep_view *view, enum rep_table table, struct tr_bytes key,
    const struct tr_rec_id *id, struct rep_record *rec, bool *stands)
{
	int rc = rep_record_load(rec, view, table == REP_T_SRC ? TR_KIND_CASE : TR_KIND_DIRECTIVE, id);
	struct rep_key k;

	if (rep_verify_is_fatal(rc))
		return rc;
	*stands = rc != 0 && rc != TR_E_NOTFOUND; /* a record that cannot be read may be the one */
	for (uint16_t i = 0; rc == 0 && !*stands && i < rec->cand_count; i++)
		*stands = rep_lookup_key(rec, i, &k) && k.size == key.size && memcmp(k.b, key.data, key.size) == 0;
	return 0;
}

/* Rows of the look-ups against the records that they name. */
static int check_extra(struct walk *w, enum rep_table table)
{
	struct tr_bytes key = rep_bytes(w->c->key, w->c->key_size), row, copy;
	struct tr_rec_id ids[REP_TWINS_MAX];
	bool stands = true;
	int rc = rep_get(w->view, table, key, &row);

	if (rep_verify_is_fatal(rc))
		return rc;
	if (table == REP_T_DIR)
		copy = rep_bytes(key.data + ID_SIZE, key.size == 2 * ID_SIZE ? ID_SIZE : 0);
	else
		copy = rc == 0 ? row : rep_bytes("", 0);
	stands = rc == 0 && copy.size > 0 && copy.size % ID_SIZE == 0 && copy.size <= sizeof(ids);
	if (stands)
		memcpy(ids, copy.data, copy.size);
	for (size_t i = 0; stands && i < copy.size / ID_SIZE; i++) {
		int said = rep_verify_stands(w->view, table, key, &ids[i], w->rec, &stands);

		if (said != 0)
			return said;
	}
	if (stands)
		return 0;
	found(w, table == REP_T_SRC ? REP_FAULT_SOURCE : REP_FAULT_DIRECTIVE, rc);
	w->fault->is_extra = true;
	memcpy(w->fault->key, w->c->key, w->c->key_size);
	w->fault->key_size = w->c->key_size;
	return 0;
}

static int walk_extras(struct walk *w)
{
	enum rep_table table = w->c->table == 0 ? REP_T_SRC : REP_T_DIR;
	int rc = next_key(w, table);

	if (rc == TR_E_NOTFOUND && w->c->table == 0) {
		w->c->table = 1;
		w->c->started = false;
		return 0;
	}
	if (rc != 0)
		return rc;
	w->c->seq++;
	spend(w, w->c->seq % ROWS_A_UNIT == 0);
	return check_extra(w, table);
}

/* ---------------------------------------------------------------------- walk */

static int walk_on(struct walk *w)
{
	static int (*const phases[])(struct walk *w) = {walk_segments, walk_ops, walk_records, walk_orphans,
	    walk_extras, walk_lookups};
	int rc = 0;

	while (!w->found && w->left > 0 && rc == 0) {
		if (w->c->phase >= sizeof(phases) / sizeof(phases[0]))
			return TR_E_NOTFOUND;
		rc = phases[w->c->phase](w);
		if (rc == TR_E_NOTFOUND) {
			next_phase(w);
			rc = 0;
		}
	}
	return rc;
}

int rep_verify_next(const struct rep_node *node, const struct rep_view *view,
    struct rep_verify_cursor *cursor, size_t budget, struct rep_fault *fault, bool *found,
    struct rep_verify_sum *sum)
{
	struct walk w = {node, view, cursor, budget, fault, false, sum, malloc(sizeof(*w.rec)),
	    malloc(sizeof(*w.op)), wire_arena_create()};
	int rc;

	if (w.rec != NULL)
		w.rec->policy = NULL; /* nothing is shown */
	rc = w.rec != NULL && w.op != NULL && w.arena != NULL ? walk_on(&w) : TR_E_NOMEM;

	*found = w.found;
	free(w.rec);
	free(w.op);
	wire_arena_free(w.arena);
	return rc;
}

const char *rep_fault_name(enum rep_fault_what what)
{
	static const char *const names[] = {"?", "segment", "list of ops", "record", "look-up by source",
	    "look-up by directive"};

	return names[(unsigned)what < sizeof(names) / sizeof(names[0]) ? what : 0];
}

/* ---------------------------------------------------------------- one again */

static int look_index(const struct rep_view *view, const struct rep_fault *fault)
{
	struct rep_key key = rep_key_ops(&fault->rec, (struct tr_dot){fault->log, fault->first});
	struct tr_bytes row;

	return rep_get(view, REP_T_OPS, rep_key_bytes(&key), &row) == 0 ? 0 : TR_E_DAMAGED;
}

int rep_fault_look(const struct rep_node *node, const struct rep_view *view, const struct rep_fault *fault)
{
	struct rep_verify_sum sum = {0};
	uint64_t next = 0;
	int rc;

	switch (fault->what) {
	case REP_FAULT_SEGMENT:
		rc = rep_verify_log(node, view, fault->log, fault->first, 1, &next, &sum);
		return rc != 0 && !rep_verify_is_fatal(rc) ? TR_E_DAMAGED : rc;
	case REP_FAULT_INDEX: return look_index(view, fault);
	case REP_FAULT_RECORD:
		rc = rep_verify_record(node, view, &fault->rec, NULL);
		return rc != 0 && !rep_verify_is_fatal(rc) ? TR_E_DAMAGED : rc;
	case REP_FAULT_SOURCE:
	case REP_FAULT_DIRECTIVE:
	default: return 0; /* mended at once */
	}
}
