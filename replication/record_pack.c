/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record row.  Local form: dots hold this node's log handles.
 *
 *   state_ver u8, lane u8, scope be64, changed be64,
 *   version, violations, list_count,
 *   number of candidates, each: group, OP, values
 *   number of steps, each: OP, at - hlc (zigzag), status u8, flags u8,
 *                          number of steps under it, their indexes, values
 *
 *   OP     = number of an op; the next free one is followed by its
 *            definition: LOG, seq, hlc be64, level u8, clockq u8, actor
 *   LOG    = number of a log; the next free one is followed by: handle,
 *            author be64, inc be64
 *   values = count, each: field, type u8, zigzag integer | length and bytes
 *
 * Numbers are base-128 varints.  Most records are made by one op of one log,
 * so naming an op costs one byte.
 */
#include <string.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "proto/wire.h"
#include "replication/record_int.h"

#define USERS_MAX (TR_CANDS_MAX + TR_STEPS_MAX)

/* The part that a candidate and a step have in common. */
struct head {
	struct tr_dot dot;
	struct tr_nid author;
	uint64_t inc;
	struct tr_hlc hlc;
	uint8_t level, clockq;
	struct tr_bytes actor;
};

/* Ops and logs met so far, by who used them first: candidates have the
 * numbers from 0, steps those from TR_CANDS_MAX. */
struct names {
	uint16_t op_user[USERS_MAX];
	size_t op_count;
	uint16_t log_op[USERS_MAX];
	size_t log_count;
};

static struct head head_of(const struct rep_record *rec, size_t user)
{
	if (user < TR_CANDS_MAX) {
		const struct rep_cand *c = &rec->cands[user];

		return (struct head){c->dot, c->author, c->inc, c->hlc,
		    c->level, c->clockq, c->actor};
	}
	const struct rep_step *s = &rec->steps[user - TR_CANDS_MAX];

	return (struct head){s->dot, s->author, s->inc, s->hlc, s->level,
	    s->clockq, s->actor};
}

static struct tr_dot dot_of(const struct rep_record *rec, size_t user)
{
	return user < TR_CANDS_MAX ? rec->cands[user].dot
				   : rec->steps[user - TR_CANDS_MAX].dot;
}

static int64_t wall_of(struct tr_hlc hlc)
{
	return (int64_t)(hlc.v >> 16);
}

/* ------------------------------------------------------------------- write */

static void put_be64(struct tr_pb_writer *w, uint64_t v)
{
	uint8_t b[8];

	wire_put_be64(b, v);
	tr_pb_put_raw(w, b, sizeof(b));
}

static void put_u8(struct tr_pb_writer *w, uint8_t v)
{
	tr_pb_put_raw(w, &v, 1);
}

static void put_span(struct tr_pb_writer *w, struct tr_bytes bytes)
{
	tr_pb_put_varint(w, bytes.size);
	tr_pb_put_raw(w, bytes.data, bytes.size);
}

static void put_log(struct tr_pb_writer *w, const struct rep_record *rec,
    struct names *names, const struct head *h)
{
	for (size_t i = names->log_count; i-- > 0;) {
		size_t user = names->op_user[names->log_op[i]];

		if (dot_of(rec, user).log == h->dot.log) {
			tr_pb_put_varint(w, i);
			return;
		}
	}
	tr_pb_put_varint(w, names->log_count);
	tr_pb_put_varint(w, h->dot.log);
	put_be64(w, h->author.v);
	put_be64(w, h->inc);
	names->log_op[names->log_count++] = (uint16_t)names->op_count;
}

static void put_op(struct tr_pb_writer *w, const struct rep_record *rec,
    struct names *names, size_t user)
{
	struct tr_dot dot = dot_of(rec, user);
	struct head h;

	for (size_t i = names->op_count; i-- > 0;) {
		struct tr_dot other = dot_of(rec, names->op_user[i]);

		if (other.log == dot.log && other.seq == dot.seq) {
			tr_pb_put_varint(w, i);
			return;
		}
	}
	h = head_of(rec, user);
	tr_pb_put_varint(w, names->op_count);
	put_log(w, rec, names, &h);
	tr_pb_put_varint(w, h.dot.seq);
	put_be64(w, h.hlc.v);
	put_u8(w, h.level);
	put_u8(w, h.clockq);
	put_span(w, h.actor);
	names->op_user[names->op_count++] = (uint16_t)user;
}

static void put_values(struct tr_pb_writer *w, const struct rep_record *rec,
    size_t first, size_t count)
{
	tr_pb_put_varint(w, count);
	for (size_t i = first; i < first + count; i++) {
		const struct rep_value *v = &rec->values[i];

		tr_pb_put_varint(w, v->field);
		put_u8(w, v->type);
		if (v->type == REP_VALUE_INT)
			tr_pb_put_varint(w, tr_pb_zigzag(v->i));
		else if (v->type != REP_VALUE_NONE)
			put_span(w, v->t);
	}
}

static void put_step(struct tr_pb_writer *w, const struct rep_record *rec,
    struct names *names, size_t i)
{
	const struct rep_step *s = &rec->steps[i];
	uint64_t shift = (uint64_t)s->at_ms - (uint64_t)wall_of(s->hlc);

	put_op(w, rec, names, TR_CANDS_MAX + i);
	tr_pb_put_varint(w, tr_pb_zigzag((int64_t)shift));
	put_u8(w, s->status);
	put_u8(w, s->flags);
	put_u8(w, s->under_count);
	for (size_t u = 0; u < s->under_count; u++)
		tr_pb_put_varint(w, s->under[u]);
	put_values(w, rec, s->value_first, s->value_count);
}

size_t rep_record_pack(const struct rep_record *rec, uint8_t *out, size_t cap)
{
	struct tr_pb_writer w = {out, out + cap, false};
	struct names names;

	names.op_count = 0;
	names.log_count = 0;
	put_u8(&w, TR_STATE_VER);
	put_u8(&w, rec->lane);
	put_be64(&w, rec->scope.v);
	put_be64(&w, rec->changed.v);
	tr_pb_put_varint(&w, rec->version);
	tr_pb_put_varint(&w, rec->violations);
	tr_pb_put_varint(&w, rec->list_count);
	tr_pb_put_varint(&w, rec->cand_count);
	for (size_t i = 0; i < rec->cand_count; i++) {
		const struct rep_cand *c = &rec->cands[i];

		tr_pb_put_varint(&w, c->group);
		put_op(&w, rec, &names, i);
		put_values(&w, rec, c->value_first, c->value_count);
	}
	tr_pb_put_varint(&w, rec->step_count);
	for (size_t i = 0; i < rec->step_count; i++)
		put_step(&w, rec, &names, i);
	return w.full ? 0 : (size_t)(w.at - out);
}

/* -------------------------------------------------------------------- read */

/* Sticky: after the first error everything reads as 0. */
struct reader {
	struct tr_pb_reader pb;
	bool bad;
};

static uint64_t get_max(struct reader *r, uint64_t max)
{
	uint64_t v = 0;

	if (r->bad || !tr_pb_varint(&r->pb, &v) || v > max) {
		r->bad = true;
		return 0;
	}
	return v;
}

static const uint8_t *get_raw(struct reader *r, size_t size)
{
	static const uint8_t zeros[8];
	const uint8_t *at = r->pb.at;

	if (r->bad || (size_t)(r->pb.end - at) < size) {
		r->bad = true;
		return zeros;
	}
	r->pb.at += size;
	return at;
}

static uint8_t get_u8(struct reader *r)
{
	return get_raw(r, 1)[0];
}

static uint64_t get_be64(struct reader *r)
{
	return wire_get_be64(get_raw(r, 8));
}

static struct tr_bytes get_span(struct reader *r)
{
	struct tr_bytes out = {NULL, 0};

	if (r->bad || !tr_pb_span(&r->pb, &out)) {
		r->bad = true;
		return (struct tr_bytes){r->pb.at, 0};
	}
	return out;
}

static void get_log(struct reader *r, const struct rep_record *rec,
    struct names *names, struct head *h)
{
	uint64_t i = get_max(r, names->log_count);

	if (r->bad)
		return;
	if (i < names->log_count) {
		struct head other =
		    head_of(rec, names->op_user[names->log_op[i]]);

		h->dot.log = other.dot.log;
		h->author = other.author;
		h->inc = other.inc;
		return;
	}
	h->dot.log = (uint32_t)get_max(r, UINT32_MAX);
	h->author.v = get_be64(r);
	h->inc = get_be64(r);
	names->log_op[names->log_count++] = (uint16_t)names->op_count;
}

static struct head get_op(struct reader *r, const struct rep_record *rec,
    struct names *names, size_t user)
{
	struct head h = {.level = 0};
	uint64_t i = get_max(r, names->op_count);

	if (r->bad)
		return h;
	if (i < names->op_count)
		return head_of(rec, names->op_user[i]);
	get_log(r, rec, names, &h);
	h.dot.seq = get_max(r, TR_SEQ_MAX);
	h.hlc.v = get_be64(r);
	h.level = get_u8(r);
	h.clockq = get_u8(r);
	h.actor = get_span(r);
	names->op_user[names->op_count++] = (uint16_t)user;
	return h;
}

static void get_values(struct reader *r, struct rep_record *rec,
    uint16_t *first, uint16_t *count)
{
	uint64_t n = get_max(r, REP_RECORD_VALUES_MAX - rec->value_count);

	*first = rec->value_count;
	*count = (uint16_t)n;
	for (uint64_t i = 0; i < n && !r->bad; i++) {
		struct rep_value *v = &rec->values[rec->value_count++];

		*v = (struct rep_value){.act = TR_ACT_SET};
		v->field = (uint16_t)get_max(r, UINT16_MAX);
		v->type = get_u8(r);
		if (v->type > REP_VALUE_BYTES)
			r->bad = true;
		else if (v->type == REP_VALUE_INT)
			v->i = tr_pb_unzigzag(get_max(r, UINT64_MAX));
		else if (v->type != REP_VALUE_NONE)
			v->t = get_span(r);
	}
}

static void get_cand(struct reader *r, struct rep_record *rec,
    struct names *names, size_t i)
{
	struct rep_cand *c = &rec->cands[i];
	struct head h;

	c->group = (uint16_t)get_max(r, UINT16_MAX);
	h = get_op(r, rec, names, i);
	c->dot = h.dot;
	c->author = h.author;
	c->inc = h.inc;
	c->hlc = h.hlc;
	c->level = h.level;
	c->clockq = h.clockq;
	c->actor = h.actor;
	get_values(r, rec, &c->value_first, &c->value_count);
}

static void get_step(struct reader *r, struct rep_record *rec,
    struct names *names, size_t i)
{
	struct rep_step *s = &rec->steps[i];
	struct head h = get_op(r, rec, names, TR_CANDS_MAX + i);
	int64_t shift = tr_pb_unzigzag(get_max(r, UINT64_MAX));

	s->dot = h.dot;
	s->author = h.author;
	s->inc = h.inc;
	s->hlc = h.hlc;
	s->at_ms = (int64_t)((uint64_t)wall_of(h.hlc) + (uint64_t)shift);
	s->level = h.level;
	s->clockq = h.clockq;
	s->actor = h.actor;
	s->status = get_u8(r);
	s->flags = get_u8(r);
	s->under_count = get_u8(r);
	if (s->under_count > TR_STEP_OVER_MAX)
		r->bad = true;
	for (size_t u = 0; u < s->under_count && !r->bad; u++) {
		s->under[u] = (uint16_t)get_max(r, UINT16_MAX);
		if (s->under[u] >= i)
			r->bad = true; /* a step comes after what it overwrites */
	}
	get_values(r, rec, &s->value_first, &s->value_count);
}

void rep_record_find_created(struct rep_record *rec)
{
	struct rep_weight best = {0};

	rec->created = (struct tr_dot){0};
	for (size_t i = 0; i < rec->step_count; i++) {
		const struct rep_step *s = &rec->steps[i];
		struct rep_weight w;

		if ((s->flags & REP_STEP_CREATE) == 0 ||
		    (s->flags & REP_STEP_VIOLATION) != 0)
			continue;
		w = rep_record_step_weight(rec, s);
		if (rec->created.seq != 0 &&
		    rep_record_weigh(REP_MERGE_FIXED, &w, &best, NULL) < 0)
			continue;
		best = w;
		rec->created = s->dot;
	}
}

int rep_record_unpack(struct rep_record *rec, size_t size)
{
	struct reader r = {.bad = false};
	struct names names;
	size_t count;

	names.op_count = 0;
	names.log_count = 0;
	tr_pb_begin(&r.pb, (struct tr_bytes){rec->data, size});
	if (size == 0)
		return TR_E_DAMAGED;
	if (rec->data[0] > TR_STATE_VER)
		return TR_E_NEWER;
	if (get_u8(&r) != TR_STATE_VER)
		return TR_E_DAMAGED;
	rec->lane = get_u8(&r);
	rec->scope.v = get_be64(&r);
	rec->changed.v = get_be64(&r);
	rec->version = (uint32_t)get_max(&r, UINT32_MAX);
	rec->violations = (uint32_t)get_max(&r, UINT32_MAX);
	rec->list_count = (uint32_t)get_max(&r, UINT32_MAX);
	rec->cand_count = 0;
	rec->step_count = 0;
	rec->value_count = 0;
	rec->data_size = size;
	rec->row_bound = size;
	count = get_max(&r, TR_CANDS_MAX);
	for (size_t i = 0; i < count && !r.bad; i++, rec->cand_count++)
		get_cand(&r, rec, &names, i);
	count = get_max(&r, TR_STEPS_MAX);
	for (size_t i = 0; i < count && !r.bad; i++, rec->step_count++)
		get_step(&r, rec, &names, i);
	if (r.bad || tr_pb_more(&r.pb))
		return TR_E_DAMAGED;
	rep_record_find_created(rec);
	return 0;
}

int rep_record_compact(struct rep_record *rec)
{
	uint8_t row[TR_RECORD_BYTES_MAX];
	size_t size = rep_record_pack(rec, row, sizeof(row));
	int rc;

	if (size == 0)
		return TR_E_LIMIT;
	memcpy(rec->data, row, size);
	rc = rep_record_unpack(rec, size);
	TR_ASSERT(rc == 0); /* our own bytes of a moment ago */
	return 0;
}

bool rep_record_home(struct tr_bytes row, struct tr_nid *scope, uint8_t *lane)
{
	if (row.size < 10 || row.data[0] != TR_STATE_VER)
		return false;
	*lane = row.data[1];
	scope->v = wire_get_be64(row.data + 2);
	return true;
}
