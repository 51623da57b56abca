/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/fold.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/status.h"

#define CLOCK_START_MS ((int64_t)1790000000000)

static const struct tr_rec_id record_id = {
    {0x01, 0x9f, 1, 2, 3, 4, 0x70, 5, 0x80, 6, 7, 8, 9, 10, 11, 12}};

static struct tr_bytes bytes_of(const char *text)
{
	return (struct tr_bytes){(const uint8_t *)text, strlen(text)};
}

void fold_init(struct fold *f, uint8_t kind)
{
	memset(f, 0, sizeof(*f));
	f->kind = kind;
	f->clock_ms = CLOCK_START_MS;
	f->ops = calloc(FOLD_OPS_MAX, sizeof(*f->ops));
	TR_ASSERT(f->ops != NULL);
}

void fold_done(struct fold *f)
{
	free(f->ops);
	f->ops = NULL;
}

int fold_author(struct fold *f, uint8_t level, uint32_t caps)
{
	int n = f->author_count++;
	struct fold_author *a = &f->authors[n];

	TR_ASSERT(n < FOLD_AUTHORS_MAX);
	a->nid.v = 0x1000u + (uint64_t)(n * 7919 % 13);
	a->inc = 0xabcd0000u + (uint64_t)n;
	a->level = level;
	a->clockq = 1;
	a->caps = caps;
	a->path = level == 0 ? "110101" : level == 1 ? "110101/s" : "110101/s/c";
	f->scope = a->nid;
	for (int i = 0; i < n; i++)
		if (f->authors[i].level > level)
			f->scope = f->authors[i].nid;
	return n;
}

struct rep_op *fold_op(struct fold *f, int author, enum tr_op_kind kind)
{
	struct fold_author *a = &f->authors[author];
	struct fold_op *op = &f->ops[f->op_count++];

	TR_ASSERT(f->op_count <= FOLD_OPS_MAX);
	f->clock_ms += 1000;
	op->author = author;
	op->seq = ++a->seq;
	op->caps = a->caps;
	op->clockq = a->clockq;
	memcpy(op->seen, a->seen, sizeof(op->seen));
	op->hlc.v = (uint64_t)f->clock_ms << 16;
	op->op = (struct rep_op){
	    .kind = kind, .rec = record_id, .has_body = true, .type = f->kind};
	return &op->op;
}

static struct rep_value *add(struct rep_op *op, uint16_t field)
{
	struct rep_value *v = &op->values[op->value_count++];

	TR_ASSERT(op->value_count <= TR_FIELDS_MAX);
	*v = (struct rep_value){.field = field};
	return v;
}

void fold_int(struct rep_op *op, uint16_t field, int64_t i)
{
	struct rep_value *v = add(op, field);

	v->type = REP_VALUE_INT;
	v->i = i;
}

void fold_text(struct rep_op *op, uint16_t field, const char *text)
{
	struct rep_value *v = add(op, field);

	v->type = REP_VALUE_TEXT;
	v->t = bytes_of(text);
}

void fold_bytes(struct rep_op *op, uint16_t field, const void *data, size_t size)
{
	struct rep_value *v = add(op, field);

	v->type = REP_VALUE_BYTES;
	v->t = (struct tr_bytes){data, size};
}

void fold_remove(struct rep_op *op, uint16_t field, const char *text)
{
	fold_text(op, field, text);
	op->values[op->value_count - 1].act = TR_ACT_REMOVE;
}

void fold_actor(struct rep_op *op, const char *actor)
{
	op->actor = bytes_of(actor);
}

void fold_see(struct fold *f, int reader, int author)
{
	struct fold_author *r = &f->authors[reader];
	const struct fold_author *a = &f->authors[author];

	for (int i = 0; i < f->author_count; i++) {
		uint64_t has = i == author ? a->seq : a->seen[i];

		if (i != reader && has > r->seen[i])
			r->seen[i] = has;
	}
}

struct rep_op *fold_step(struct fold *f, int author, uint8_t status)
{
	struct rep_op *op = fold_op(f, author, TR_OP_SET);

	fold_int(op, 40, status);
	if (f->kind == TR_KIND_CASE &&
	    (status == REP_CASE_RETURNED || status == REP_CASE_REWORK ||
		status == REP_CASE_VOIDED || status == REP_CASE_SUSPENDED))
		fold_text(op, 43, "a reason");
	if (f->kind == TR_KIND_DIRECTIVE &&
	    (status == REP_DIR_DECLINED || status == REP_DIR_SENT_BACK))
		fold_text(op, 43, "a reason");
	if (f->kind == TR_KIND_CASE && status == REP_CASE_SUSPENDED)
		fold_int(op, 46, f->clock_ms + 86400000);
	return op;
}

/* -------------------------------------------------------------------- node */

void fold_node_init(struct fold_node *n, const struct fold *f, uint32_t salt)
{
	memset(n, 0, sizeof(*n));
	n->rec = malloc(sizeof(*n->rec));
	TR_ASSERT(n->rec != NULL);
	/* What is not set must not be read: indexes and lengths go wrong then. */
	memset(n->rec, 0xa5, sizeof(*n->rec));
	n->rec->policy = NULL;
	fold_node_reset(n, f, salt);
}

void fold_node_reset(struct fold_node *n, const struct fold *f, uint32_t salt)
{
	memview_free(n->mv);
	n->mv = memview_create();
	n->view = memview_view(n->mv);
	n->salt = salt;
	n->failed = 0;
	rep_record_init(n->rec, f->kind, &record_id, f->scope, TR_LANE_R);
}

void fold_node_done(struct fold_node *n)
{
	memview_free(n->mv);
	free(n->rec);
}

/* Handles differ from node to node; results must not. */
static uint32_t handle_of(const struct fold_node *n, int author)
{
	return 1 + (((uint32_t)author * 5 + n->salt) % 8) * 1000;
}

struct rep_cause fold_cause(const struct fold *f, const struct fold_node *n,
    int op, struct rep_seen *seen)
{
	const struct fold_op *o = &f->ops[op];
	const struct fold_author *a = &f->authors[o->author];
	size_t count = 0;

	for (int i = 0; i < f->author_count; i++)
		if (i != o->author && o->seen[i] > 0)
			seen[count++] =
			    (struct rep_seen){handle_of(n, i), o->seen[i]};
	return (struct rep_cause){
	    .dot = {handle_of(n, o->author), o->seq},
	    .author = a->nid,
	    .inc = a->inc,
	    .level = a->level,
	    .caps = o->caps,
	    .path = bytes_of(a->path),
	    .hlc = o->hlc,
	    .clockq = o->clockq,
	    .seen = seen,
	    .seen_count = count,
	};
}

void fold_apply(struct fold_node *n, const struct fold *f, int op)
{
	struct rep_seen seen[FOLD_AUTHORS_MAX];
	struct rep_cause cause = fold_cause(f, n, op, seen);
	struct tr_rec_id id = n->rec->id;
	uint16_t field;
	enum rep_why why =
	    rep_merge_check(n->rec, &f->ops[op].op, &cause, &field);
	int rc = rep_merge_apply(
	    n->rec, &n->view, &f->ops[op].op, &cause, &n->applied[op]);

	/* A door says what the fold will say. */
	TR_ASSERT(rc != 0 || why == n->applied[op].why);
	TR_ASSERT(rc != 0 || field == n->applied[op].why_field);
	if (rc == 0 && n->by_store) {
		rc = rep_record_store(n->rec, &n->view);
		TR_ASSERT(rc == 0);
		memset(n->rec, 0xa5, sizeof(*n->rec));
	n->rec->policy = NULL;
		rc = rep_record_load(n->rec, &n->view, f->kind, &id);
		TR_ASSERT(rc == 0);
	}
	if (n->failed == 0)
		n->failed = rc;
}

void fold_apply_all(struct fold_node *n, const struct fold *f)
{
	for (int i = 0; i < f->op_count; i++)
		fold_apply(n, f, i);
}

struct tr_hash fold_hash(struct fold_node *n)
{
	struct tr_hash hash;
	int rc = rep_record_state_hash(n->rec, &n->view, &hash);

	TR_ASSERT(rc == 0);
	return hash;
}

bool fold_ready(const struct fold *f, int op, const uint64_t *have)
{
	const struct fold_op *o = &f->ops[op];

	for (int i = 0; i < f->author_count; i++)
		if (have[i] < (i == o->author ? o->seq - 1 : o->seen[i]))
			return false;
	return have[o->author] == o->seq - 1;
}

bool fold_saw(const struct fold *f, int b, int a)
{
	const struct fold_op *x = &f->ops[a], *y = &f->ops[b];

	if (x->author == y->author)
		return x->seq < y->seq;
	return x->seq <= y->seen[x->author];
}
