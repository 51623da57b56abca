/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/refold.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/branch.h"
#include "replication/chain.h"
#include "replication/floor.h"
#include "replication/keys.h"
#include "replication/known.h"
#include "replication/log.h"
#include "replication/own.h"

#define ID_SIZE sizeof(struct tr_rec_id)
#define OPS_KEY (ID_SIZE + 4 + 8)
#define RUNS_MAX (4 * TR_VECTOR_MAX) /* logs that wrote one record: those of a domain, or of one a kind */
#define KINDS REP_REFOLD_KINDS
#define KEY_MAX 80 /* of a row of ROW, VIOLATION, REC, CONFLICT */

/* The record's ops of one log, in order of their sequence. */
struct run {
	struct rep_log *log;
	uint64_t *seqs;
	size_t count, cap;
	size_t at;            /* the next one */
	uint64_t last;        /* op of the segment that `fold` is of */
	struct rep_fold fold;
	char path[TR_UNIT_PATH_MAX + 1]; /* fold.path */
};

struct work {
	const struct rep_node *node;
	const struct rep_view *view;
	const struct rep_view *out;
	const struct tr_rec_id *id;
	struct rep_refold *how;
	struct run **runs;
	size_t run_count, run_cap;
	size_t ops;
	const struct rep_base *floor; /* the ops at or below it are in the state that is gone on from; NULL: none are */
	bool is_copied;       /* that state is a copy; else it is what is stored, and no op lies above */
	struct wire_arena *arena;
	Terrace__Seg *seg;    /* decoded last */
	uint32_t seg_log;
	struct rep_op op;
	struct rep_record *recs[KINDS]; /* by kind; NULL until an op of it came */
};

/* --------------------------------------------------------------------- clear */

static int clear_prefix(const struct rep_view *view, enum rep_table table, struct tr_bytes prefix)
{
	uint8_t at[KEY_MAX];
	struct tr_bytes from = prefix, key;
	bool after = false;
	int rc;

	while ((rc = rep_seek(view, table, from, after, &key, NULL)) == 0) {
		if (key.size < prefix.size || memcmp(key.data, prefix.data, prefix.size) != 0)
			return 0;
		if (key.size > sizeof(at))
			return TR_E_DAMAGED;
		memcpy(at, key.data, key.size);
		from = rep_bytes(at, key.size);
		after = true;
		rc = rep_del(view, table, from);
		if (rc != 0)
			return rc;
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

int rep_refold_clear(const struct tr_rec_id *id, const struct rep_view *overlay)
{
	int rc = clear_prefix(overlay, REP_T_ROW, rep_bytes(id->b, ID_SIZE));

	if (rc == 0)
		rc = clear_prefix(overlay, REP_T_VIOLATION, rep_bytes(id->b, ID_SIZE));
	for (uint8_t kind = 1; rc == 0 && kind < KINDS; kind++) {
		uint8_t prefix[1 + ID_SIZE];

		prefix[0] = kind;
		memcpy(prefix + 1, id->b, ID_SIZE);
		rc = clear_prefix(overlay, REP_T_REC, rep_bytes(prefix, sizeof(prefix)));
		if (rc == 0)
			rc = clear_prefix(overlay, REP_T_CONFLICT, rep_bytes(prefix, sizeof(prefix)));
	}
	return rc;
}

/* -------------------------------------------------------------------- gather */

static bool is_within(const struct rep_seen *seen, size_t count, struct tr_dot dot)
{
	for (size_t i = 0; i < count; i++)
		if (seen[i].log == dot.log)
			return dot.seq <= seen[i].seq;
	return false;
}

static bool counts(const struct work *w, struct tr_dot dot)
{
	const struct rep_log *log = rep_log_get(w->node, dot.log);

	if (log != NULL && dot.seq >= log->aside_from) {
		w->how->aside++; /* its signer's key is cut before it */
		return false;
	}
	if (w->floor != NULL && rep_base_has(w->floor, dot))
		return false;
	return w->how->limit == NULL || is_within(w->how->limit, w->how->limit_count, dot);
}

/* ---------------------------------------------------------------------- floor */

/* A state below the floor cannot be made any more. */
static bool is_above_floor(const struct work *w)
{
	for (uint16_t i = 0; w->how->limit != NULL && i < w->floor->count; i++)
		if (!is_within(w->how->limit, w->how->limit_count, (struct tr_dot){w->floor->f[i].log, w->floor->f[i].seq}))
			return false;
	return true;
}

/* Of a record whose oldest ops were dropped: its state at the floor. */
static int start(struct work *w)
{
	struct rep_floor floor;
	int rc = rep_floor_find(w->view, w->id, &floor);

	if (rc != 0)
		return rc == TR_E_NOTFOUND ? 0 : rc;
	w->floor = rep_floor_base(w->node, &floor);
	w->is_copied = floor.copy != 0;
	if (w->floor == NULL)
		return TR_E_DAMAGED;
	if (!is_above_floor(w))
		return TR_E_GAP;
	rc = rep_floor_fill(w->view, w->id, &floor, w->out);
	for (uint8_t kind = 1; rc == 0 && kind < KINDS; kind++) {
		w->recs[kind] = malloc(sizeof(*w->recs[kind]));
		if (w->recs[kind] == NULL)
			return TR_E_NOMEM;
		w->recs[kind]->policy = NULL; /* nothing is shown */
		rc = rep_record_load(w->recs[kind], w->out, kind, w->id);
		if (rc == TR_E_NOTFOUND) {
			free(w->recs[kind]);
			w->recs[kind] = NULL;
			rc = 0;
		}
	}
	return rc;
}

static int run_new(struct work *w, struct rep_log *log)
{
	struct run **more;

	if (w->run_count >= RUNS_MAX)
		return TR_E_LIMIT;
	more = tr_grow(w->runs, w->run_count, &w->run_cap, sizeof(struct run *));
	if (more == NULL)
		return TR_E_NOMEM;
	w->runs = more;
	more[w->run_count] = calloc(1, sizeof(struct run));
	if (more[w->run_count] == NULL)
		return TR_E_NOMEM;
	more[w->run_count]->log = log;
	w->run_count++;
	return 0;
}

static int gather_one(struct work *w, struct tr_dot dot)
{
	struct rep_log *log = rep_log_get(w->node, dot.log);
	struct run *run = w->run_count > 0 ? w->runs[w->run_count - 1] : NULL;
	uint64_t *more;

	/* what lies beyond the end of its log never was: the list is damaged, no segment is missing */
	if (log == NULL || dot.seq == 0 || dot.seq > log->seq + (log->open != NULL ? log->open->count : 0))
		return TR_E_DAMAGED;
	if (run == NULL || run->log != log) { /* rows are ordered by log, then sequence */
		int rc = run_new(w, log);

		if (rc != 0)
			return rc;
		run = w->runs[w->run_count - 1];
	}
	more = tr_grow(run->seqs, run->count, &run->cap, sizeof(uint64_t));
	if (more == NULL)
		return TR_E_NOMEM;
	run->seqs = more;
	run->seqs[run->count++] = dot.seq;
	return ++w->ops <= REP_REFOLD_OPS_MAX ? 0 : TR_E_LIMIT;
}

static int gather(struct work *w)
{
	uint8_t at[OPS_KEY];
	struct tr_bytes from = rep_bytes(at, ID_SIZE), key;
	bool after = false;
	int rc;

	memcpy(at, w->id->b, ID_SIZE);
	while ((rc = rep_seek(w->view, REP_T_OPS, from, after, &key, NULL)) == 0) {
		struct tr_dot dot;

		if (key.size < ID_SIZE || memcmp(key.data, w->id->b, ID_SIZE) != 0)
			return 0;
		if (key.size != OPS_KEY)
			return TR_E_DAMAGED; /* not the end of the list: without what lies behind the record would be another one */
		memcpy(at, key.data, OPS_KEY);
		from = rep_bytes(at, OPS_KEY);
		after = true;
		dot = (struct tr_dot){wire_get_be32(at + ID_SIZE), wire_get_be64(at + ID_SIZE + 4)};
		rc = counts(w, dot) ? gather_one(w, dot) : 0;
		if (rc == 0 && w->ops > 0 && w->floor != NULL && !w->is_copied)
			rc = TR_E_DAMAGED; /* what it was at the floor was not kept */
		if (rc != 0)
			return rc;
	}
	return rc == TR_E_NOTFOUND ? 0 : rc;
}

/* ------------------------------------------------------------------ segments */

static int cert_of(const struct work *w, uint32_t serial, struct run *run)
{
	struct rep_key key = rep_key_cert(run->log->id.author, serial);
	struct rep_cert cert;
	struct tr_bytes row;
	int rc = rep_get(w->view, REP_T_CERT, rep_key_bytes(&key), &row);

	if (rc != 0)
		return rc == TR_E_NOTFOUND ? TR_E_DAMAGED : rc;
	if (rep_cert_decode(row, &cert) != 0)
		return TR_E_DAMAGED;
	run->fold.level = cert.level;
	run->fold.caps = cert.caps;
	memcpy(run->path, cert.unit, sizeof(run->path));
	run->fold.path = rep_bytes(run->path, strlen(run->path));
	return 0;
}

/* Own ops that are not signed yet: they had seen what is here. */
static int open_head(const struct work *w, struct run *run)
{
	const struct rep_open *open = run->log->open;

	if (!rep_own_seen(w->node, run->log, &run->fold))
		return TR_E_LIMIT;
	run->fold.level = w->node->cert.level;
	run->fold.caps = w->node->cert.caps;
	run->fold.path = rep_bytes(w->node->cert.unit, strlen(w->node->cert.unit));
	run->fold.hlc = open->hlc;
	run->fold.clockq = open->clockq;
	run->last = run->log->seq + open->count;
	return 0;
}

/* The stored segment with the op, decoded; of the run, or of any when its ops are read. */
static int read_segment(struct work *w, const struct rep_log *log, uint64_t seq, struct rep_chain_row *row)
{
	int rc = rep_chain_find(w->view, log->handle, seq, row);

	w->seg = NULL;
	if (rc != 0)
		return rc == TR_E_NOTFOUND ? TR_E_GAP : rc;
	wire_arena_reset(w->arena);
	rc = wire_seg_decode(w->arena, row->bytes, &w->seg);
	if (rc != 0)
		return rc == TR_E_NOMEM ? rc : TR_E_DAMAGED;
	if (w->seg->n_op == 0 || w->seg->first + w->seg->n_op - 1 != row->last)
		return TR_E_DAMAGED;
	w->seg_log = log->handle;
	return seq >= w->seg->first ? 0 : TR_E_GAP;
}

/* The author's vector, and what lies below it in the rows that branches left. */
static bool seen_by(const struct work *w, struct run *run, const struct rep_chain_row *row)
{
	struct rep_seen vec[TR_VECTOR_MAX];
	size_t count = rep_chain_vec(row, vec);
	struct rep_fold *fold = &run->fold;
	bool ok;

	fold->seen_count = 0;
	ok = run->log->parent == 0 ||
	    rep_branch_see(w->node, run->log->parent, run->log->fork, fold->seen, &fold->seen_count, REP_SEEN_MAX);
	for (size_t i = 0; i < count && ok; i++)
		ok = rep_branch_see(w->node, vec[i].log, vec[i].seq, fold->seen, &fold->seen_count, REP_SEEN_MAX);
	return ok;
}

/* What the run's next op had seen, and who wrote it. */
static int head_of(struct work *w, struct run *run)
{
	uint64_t seq = run->seqs[run->at];
	struct rep_chain_row row;
	int rc;

	if (seq <= run->last) /* they ascend */
		return 0;
	run->fold.log = run->log;
	if (seq > run->log->seq) {
		TR_ASSERT(run->log->open != NULL && seq - run->log->seq <= run->log->open->count); /* gather_one() */
		return open_head(w, run);
	}
	rc = read_segment(w, run->log, seq, &row);
	if (rc == 0)
		rc = cert_of(w, w->seg->serial, run);
	if (rc != 0)
		return rc;
	if (!seen_by(w, run, &row))
		return TR_E_LIMIT;
	run->fold.hlc.v = w->seg->hlc;
	run->fold.clockq = (uint8_t)w->seg->clockq;
	run->last = row.last;
	return 0;
}

/* Borrowed from the arena, or from the node's open ops. */
static int entry_of(struct work *w, const struct rep_log *log, uint64_t seq, struct tr_bytes *out)
{
	struct rep_chain_row row;
	int rc = 0;

	if (seq > log->seq) {
		*out = rep_own_entry(log->open, (uint32_t)(seq - log->seq - 1));
		return 0;
	}
	if (w->seg_log != log->handle) /* else it is the one that head_of() read: another run's came between */
		rc = read_segment(w, log, seq, &row);
	if (rc != 0)
		return rc;
	TR_ASSERT(seq >= w->seg->first && seq - w->seg->first < w->seg->n_op);
	*out = rep_bytes(w->seg->op[seq - w->seg->first].data, w->seg->op[seq - w->seg->first].len);
	return 0;
}

/* ---------------------------------------------------------------------- fold */

/* Nothing that the run's next op had seen is still to come. */
static bool is_ready(const struct work *w, const struct run *run)
{
	for (size_t i = 0; i < w->run_count; i++) {
		const struct run *other = w->runs[i];
		struct tr_dot dot;

		if (other == run || other->at == other->count)
			continue;
		dot = (struct tr_dot){other->log->handle, other->seqs[other->at]};
		for (size_t k = 0; k < run->fold.seen_count; k++)
			if (run->fold.seen[k].log == dot.log && dot.seq <= run->fold.seen[k].seq)
				return false;
	}
	return true;
}

static struct rep_record *record_of(struct work *w, const struct rep_log *log)
{
	struct rep_record **rec = &w->recs[w->op.type];

	if (*rec != NULL)
		return *rec;
	*rec = malloc(sizeof(**rec));
	if (*rec != NULL) {
		(*rec)->policy = NULL; /* nothing is shown */
		rep_record_init(*rec, w->op.type, w->id, log->id.scope, log->id.lane);
	}
	return *rec;
}

static int fold_next(struct work *w, struct run *run)
{
	uint64_t seq = run->seqs[run->at++];
	struct rep_applied applied;
	struct rep_cause cause;
	struct rep_record *rec;
	struct tr_bytes entry;
	int rc = entry_of(w, run->log, seq, &entry);

	if (rc != 0)
		return rc;
	rc = rep_op_decode(&w->op, entry);
	if (memcmp(w->op.rec.b, w->id->b, ID_SIZE) != 0)
		return TR_E_DAMAGED; /* the index names an op that is none of this record */
	if (rc != 0 || rep_known_op(&w->node->known, &w->op) != REP_LATER_NOT) {
		w->how->aside++; /* of a newer version: see later.h */
		return 0;
	}
	if (w->op.type >= KINDS)
		return TR_E_DAMAGED;
	if (w->how->takes != NULL && !w->how->takes(w->how->ctx, &run->fold, seq, &w->op)) {
		w->how->aside++;
		return 0;
	}
	rec = record_of(w, run->log);
	if (rec == NULL)
		return TR_E_NOMEM;
	if (rec->scope.v != run->log->id.scope.v || rec->lane != run->log->id.lane)
		return TR_E_DAMAGED;
	rep_fold_cause(&run->fold, seq, w->op.dt_ms, &cause);
	w->how->folded++;
	return rep_merge_apply(rec, w->out, &w->op, &cause, &applied);
}

/* Merges the runs: of those whose next op is ready, the first. */
static int fold_all(struct work *w)
{
	size_t left = w->ops;

	while (left > 0) {
		bool moved = false;

		for (size_t i = 0; i < w->run_count; i++) {
			struct run *run = w->runs[i];

			while (run->at < run->count) {
				int rc = head_of(w, run);

				if (rc != 0)
					return rc;
				if (!is_ready(w, run))
					break;
				rc = fold_next(w, run);
				if (rc != 0)
					return rc;
				moved = true;
				left--;
			}
		}
		if (!moved)
			return TR_E_DAMAGED; /* ops that had seen each other */
	}
	return 0;
}

/* ------------------------------------------------------------------ the rest */

/* Since when, as it was known here; else the newest of the values. */
static int put_conflict(const struct work *w, const struct rep_record *rec, uint16_t group, struct tr_hlc newest)
{
	struct rep_key key = rep_key_conflict(rec->kind, w->id, group);
	struct tr_bytes old;
	uint8_t row[8];
	int rc = rep_get(w->view, REP_T_CONFLICT, rep_key_bytes(&key), &old);

	if (rc == 0 && old.size == sizeof(row))
		memcpy(row, old.data, sizeof(row));
	else
		wire_put_be64(row, (uint64_t)rep_hlc_ms(newest));
	return rep_put(w->out, REP_T_CONFLICT, rep_key_bytes(&key), rep_bytes(row, sizeof(row)));
}

static int put_conflicts(const struct work *w, const struct rep_record *rec)
{
	const struct rep_field *f;
	uint16_t index[TR_STEPS_MAX];
	int rc = 0;

	for (size_t i = 0; rc == 0 && (f = rep_schema_at(rec->kind, i)) != NULL; i++) {
		bool flow = f->merge == REP_MERGE_FLOW;
		struct tr_hlc newest = {0};
		size_t n;

		if (f->merge == REP_MERGE_SET || f->merge == REP_MERGE_LIST || f->merge == REP_MERGE_COUNT)
			continue;
		n = flow ? rep_record_steps_alive(rec, index, TR_STEPS_MAX)
			 : rep_record_cands(rec, f->group_id, index, TR_STEPS_MAX);
		for (size_t k = 0; k < n; k++) {
			struct tr_hlc hlc = flow ? rec->steps[index[k]].hlc : rec->cands[index[k]].hlc;

			newest = hlc.v > newest.v ? hlc : newest;
		}
		if (n > 1) /* a group comes once a field: the same row again */
			rc = put_conflict(w, rec, f->group_id, newest);
	}
	return rc;
}

static void done(struct work *w)
{
	for (size_t i = 0; i < w->run_count; i++) {
		free(w->runs[i]->seqs);
		free(w->runs[i]);
	}
	free(w->runs);
	for (size_t i = 0; i < KINDS; i++)
		free(w->recs[i]);
	wire_arena_free(w->arena);
	free(w);
}

int rep_refold(const struct rep_node *node, const struct rep_view *view,
    const struct tr_rec_id *id, struct rep_refold *how, struct rep_overlay *into)
{
	struct rep_refold all = {.limit = NULL};
	struct work *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return TR_E_NOMEM;
	w->node = node;
	w->view = view;
	w->out = rep_overlay_view(into);
	w->id = id;
	w->how = how != NULL ? how : &all;
	w->how->folded = w->how->aside = 0;
	w->arena = wire_arena_create();
	rc = w->arena != NULL ? rep_refold_clear(id, w->out) : TR_E_NOMEM;
	if (rc == 0)
		rc = start(w);
	if (rc == 0)
		rc = gather(w);
	if (rc == 0)
		rc = fold_all(w);
	for (size_t i = 0; rc == 0 && i < KINDS; i++) {
		if (w->recs[i] == NULL)
			continue;
		rc = rep_record_store(w->recs[i], w->out);
		if (rc == 0)
			rc = put_conflicts(w, w->recs[i]);
	}
	done(w);
	return rc;
}
