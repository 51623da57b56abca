/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups in the store: sources, directives, ops, conflicts, certificates; verify. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/chain.h"
#include "replication/fold.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "replication/node.h"
#include "replication/segment.h"
#include "replication/unit.h"

size_t rep_find_source(const struct rep_view *view, struct tr_bytes source, struct tr_bytes source_id,
    struct tr_rec_id *out, size_t cap)
{
	struct rep_key key;
	struct tr_bytes row;
	size_t n = 0;

	if (source_id.size > TR_SOURCE_ID_MAX)
		return 0;
	key = rep_key_source(source, source_id);
	if (rep_get(view, REP_T_SRC, rep_key_bytes(&key), &row) != 0)
		return 0;
	for (; n < cap && (n + 1) * 16 <= row.size; n++)
		memcpy(out[n].b, row.data + n * 16, 16);
	return n;
}

size_t rep_find_directive(const struct rep_view *view, const struct tr_rec_id *directive,
    const struct tr_rec_id *after, struct tr_rec_id *out, size_t cap)
{
	struct rep_key from = rep_key_directive(directive, after);
	bool skip = after != NULL;
	struct tr_bytes key, row;
	size_t n = 0;

	while (n < cap && rep_seek(view, REP_T_DIR, rep_key_bytes(&from), skip, &key, &row) == 0) {
		if (key.size != 32 || memcmp(key.data, directive->b, 16) != 0)
			break;
		memcpy(out[n].b, key.data + 16, 16);
		from = rep_key_directive(directive, &out[n]);
		skip = true;
		n++;
	}
	return n;
}

int rep_next_conflict(const struct rep_view *view, struct rep_conflict_cursor *cursor, struct rep_conflict *out)
{
	struct tr_bytes key, row;
	int rc = rep_seek(view, REP_T_CONFLICT, rep_bytes(cursor->key, cursor->started ? sizeof(cursor->key) : 0),
	    cursor->started, &key, &row);

	if (rc != 0)
		return rc;
	if (key.size != sizeof(cursor->key) || row.size != 8)
		return TR_E_DAMAGED;
	memcpy(cursor->key, key.data, key.size);
	cursor->started = true;
	out->kind = key.data[0];
	memcpy(out->rec.b, key.data + 1, 16);
	out->group = wire_get_be16(key.data + 17);
	out->since_ms = (int64_t)wire_get_be64(row.data);
	return 0;
}

int rep_cert_of(const struct rep_view *view, struct tr_nid nid, struct tr_bytes *out)
{
	struct rep_key before = rep_key_cert(nid, UINT32_MAX);
	struct tr_bytes key;
	int rc = rep_seek_before(view, REP_T_CERT, rep_key_bytes(&before), &key, out);

	if (rc != 0)
		return rc;
	return key.size == 12 && wire_get_be64(key.data) == nid.v ? 0 : TR_E_NOTFOUND;
}

/* A stored segment, decoded in an arena of its own. */
static int segment(const struct rep_view *view, uint32_t handle, uint64_t seq, struct wire_arena *arena,
    struct rep_chain_row *row, Terrace__Seg **seg)
{
	int rc = arena != NULL ? rep_chain_find(view, handle, seq, row) : TR_E_NOMEM;

	return rc == 0 ? wire_seg_decode(arena, row->bytes, seg) : rc;
}

static int open_op(const struct rep_view *view, struct tr_dot dot,
    struct rep_op *op, struct tr_hlc *hlc, uint8_t *clockq)
{
	struct rep_key key = rep_key_seq(dot.log, dot.seq);
	struct tr_bytes row;
	int rc = rep_get(view, REP_T_OPEN, rep_key_bytes(&key), &row);

	if (rc != 0 || row.size < REP_OPEN_ROW_HEAD)
		return rc != 0 ? rc : TR_E_DAMAGED;
	hlc->v = wire_get_be64(row.data);
	*clockq = row.data[8];
	return rep_op_decode(op, rep_bytes(row.data + REP_OPEN_ROW_HEAD, row.size - REP_OPEN_ROW_HEAD));
}

static int stored_op(const struct rep_view *view, struct tr_dot dot, struct rep_op *op,
    struct tr_hlc *hlc, uint32_t *serial, uint8_t *clockq)
{
	struct wire_arena *arena = wire_arena_create();
	struct rep_chain_row row;
	Terrace__Seg *seg = NULL;
	int rc = segment(view, dot.log, dot.seq, arena, &row, &seg);

	if (rc == 0 && (dot.seq < seg->first || dot.seq - seg->first >= seg->n_op))
		rc = TR_E_DAMAGED;
	if (rc == 0) {
		const ProtobufCBinaryData *at = &seg->op[dot.seq - seg->first];
		size_t i = 0;

		hlc->v = seg->hlc;
		*serial = seg->serial;
		*clockq = (uint8_t)seg->clockq;
		/* texts must outlive the arena: decode from the row, which lies in the view */
		while (memcmp(row.bytes.data + i, at->data, at->len) != 0) {
			i++;
			TR_ASSERT(i + at->len <= row.bytes.size); /* they were decoded from there */
		}
		rc = rep_op_decode(op, rep_bytes(row.bytes.data + i, at->len));
	}
	wire_arena_free(arena);
	return rc;
}

int rep_record_op(const struct rep_node *node, const struct rep_view *view, const struct tr_rec_id *id,
    struct rep_ops_cursor *cursor, struct rep_op *op, struct rep_cause *cause, uint32_t *serial)
{
	struct tr_bytes key, row;
	const struct rep_log *log;
	const struct rep_unit *author;
	struct tr_hlc hlc = {0};
	uint8_t clockq = 0;
	int rc;

	if (!cursor->started)
		memcpy(cursor->key, id->b, 16);
	rc = rep_seek(view, REP_T_OPS, rep_bytes(cursor->key, cursor->started ? 28 : 16), cursor->started, &key, &row);
	if (rc != 0)
		return rc;
	if (key.size != 28 || memcmp(key.data, id->b, 16) != 0)
		return TR_E_NOTFOUND;
	memcpy(cursor->key, key.data, 28);
	cursor->started = true;
	memset(cause, 0, sizeof(*cause));
	cause->dot = (struct tr_dot){wire_get_be32(key.data + 16), wire_get_be64(key.data + 20)};
	log = rep_log_get(node, cause->dot.log);
	if (log == NULL)
		return TR_E_DAMAGED;
	*serial = node->cert.serial;
	if (cause->dot.seq > log->seq)
		rc = open_op(view, cause->dot, op, &hlc, &clockq);
	else
		rc = stored_op(view, cause->dot, op, &hlc, serial, &clockq);
	if (rc != 0)
		return rc;
	author = rep_unit_find(node, log->id.author);
	cause->author = log->id.author;
	cause->inc = log->id.inc;
	cause->level = author->level;
	cause->hlc = rep_fold_hlc(hlc, op->dt_ms);
	cause->clockq = clockq;
	return 0;
}

/* Who acted on it had it: when it did so first; false if it has not. */
static bool has_acted(const struct rep_record *rec, struct tr_hlc *at)
{
	bool found = false;

	for (uint16_t i = 0; i < rec->step_count; i++)
		if (rec->steps[i].author.v == rec->scope.v && (!found || rec->steps[i].hlc.v < at->v)) {
			*at = rec->steps[i].hlc;
			found = true;
		}
	return found;
}

/* Ops of the issuer over all its incarnations up to the CREATE.  Of other
 * branches of its log, all: which of them the count is made of, it does not say. */
static uint64_t position_of(const struct rep_node *node, const struct rep_record *rec, const struct rep_log *created)
{
	uint64_t position = rec->created.seq - created->fork;

	for (const struct rep_log *log = rep_log_first_of_scope(node, rec->scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		if (log != created && log->id.author.v == created->id.author.v && log->id.lane == created->id.lane &&
		    (log->handle < created->handle || log->first == created->first))
			position += log->seq - log->fork;
	return position;
}

/*
 * By the target's newest HEAD.  A copy of this machine may have written as many
 * ops in this one's place, and nobody here knows of it yet; so the next hop must
 * have said, too, that it holds this very op.
 */
static bool head_covers(const struct rep_node *node, const struct rep_unit *target, const struct rep_record *rec)
{
	const struct rep_log *created = rep_log_get(node, rec->created.log);
	const struct rep_unit *up;
	size_t i = 0;

	if (created == NULL || !target->has_head || created->way[REP_WAY_DOWN].acked < rec->created.seq)
		return false;
	for (up = rep_unit_find(node, target->parent); up != NULL && i < target->xseq_count;
	     up = rep_unit_find(node, up->parent), i += 2)
		if (up->nid.v == created->id.author.v)
			return target->xseq[i + (created->id.lane == TR_LANE_E ? 1 : 0)] >= position_of(node, rec, created);
	return false;
}

bool rep_directive_delivered(const struct rep_node *node, const struct rep_record *rec, struct tr_hlc *at)
{
	const struct rep_unit *target = rep_unit_find(node, rec->scope);
	struct tr_hlc acted = {0};
	bool is_acted = has_acted(rec, &acted);

	if (head_covers(node, target, rec))
		*at = target->xseq_hlc;
	else if (is_acted)
		*at = acted;
	else if (target->nid.v == node->cert.nid.v)
		*at = (struct tr_hlc){(uint64_t)node->last_hlc};
	else
		return false;
	/* A later directive moves the HEAD's count, and its stamp with it. */
	if (is_acted && acted.v < at->v)
		*at = acted;
	return true;
}

/* ---- verify ---- */

struct check {
	const struct rep_node *node;
	const struct rep_view *view;
	const struct rep_log *log;
	struct rep_log replay; /* head and vector as they were before the segment */
	struct wire_arena *arena;
	uint8_t *scratch;      /* TR_SEG_BYTES_MAX */
};

static int check_ctx(struct check *c, const Terrace__Seg *seg, struct rep_chain_seg *out)
{
	out->ctx_count = 0;
	for (size_t i = 0; i < seg->n_ctx; i++) {
		struct rep_chain_row row;
		struct rep_vec_entry *e = &out->ctx[out->ctx_count];

		if (rep_chain_find(c->view, seg->ctx[i]->log, seg->ctx[i]->seq, &row) != 0 || row.last != seg->ctx[i]->seq)
			return TR_E_GAP;
		e->log = seg->ctx[i]->log;
		e->seq = seg->ctx[i]->seq;
		memcpy(e->h16, row.hash.b, 16);
		out->ctx_count++;
	}
	return 0;
}

/* The vector kept beside the segment is what the chain adds up to. */
static bool is_vec(const struct check *c, const struct rep_chain_row *row)
{
	struct rep_seen seen[TR_VECTOR_MAX];
	size_t count = rep_chain_vec(row, seen);

	for (uint16_t i = 0; i < c->replay.vec_count; i++) { /* each of them once, as the counts are equal */
		const struct rep_vec_entry *e = &c->replay.vec[i];
		size_t k = 0;

		while (k < count && (seen[k].log != e->log || seen[k].seq != e->seq))
			k++;
		if (k == count)
			return false;
	}
	return count == c->replay.vec_count;
}

/* A store that cannot be read says nothing about the segment. */
static int signer(const struct check *c, uint32_t serial, struct rep_cert *out)
{
	struct rep_key key = rep_key_cert(c->log->id.author, serial);
	struct tr_bytes row;
	int rc = rep_get(c->view, REP_T_CERT, rep_key_bytes(&key), &row);

	if (rc == TR_E_IO)
		return rc;
	return rc == 0 && rep_cert_decode(row, out) == 0 ? 0 : TR_E_NOCERT;
}

static int check_one(struct check *c, uint64_t first, uint64_t *last, struct rep_verify_sum *sum)
{
	uint8_t header[TR_SEG_HEADER_SIZE];
	struct rep_chain_seg seg;
	struct rep_chain_row row;
	struct rep_cert cert;
	Terrace__Seg *msg;
	int rc;

	wire_arena_reset(c->arena);
	rc = segment(c->view, c->log->handle, first, c->arena, &row, &msg);
	if (rc != 0)
		return rc;
	if (msg->first != first || row.last != first + msg->count - 1)
		return TR_E_GAP;
	rc = check_ctx(c, msg, &seg);
	if (rc != 0)
		return rc;
	rep_chain_read(msg, &seg);
	memcpy(seg.sig, msg->sig.data, sizeof(seg.sig));
	rc = rep_chain_header(c->node, &c->replay, &seg, header);
	if (rc == 0)
		rc = signer(c, seg.serial, &cert);
	/* what no signature covers is sent, too: handles, the short hashes of what was seen */
	if (rc == 0 && (memcmp(seg.hash.b, row.hash.b, 32) != 0 || !rep_chain_is_stored(c->log, &seg, &row, c->scratch)))
		rc = TR_E_DAMAGED;
	if (rc == 0 && !rep_seg_verify(header, msg->sig.data, &cert.sign_pk))
		rc = TR_E_FORGED;
	for (uint16_t i = 0; rc == 0 && i < seg.ctx_count; i++)
		rc = rep_log_vec_set(c->node, &c->replay, seg.ctx[i].log, seg.ctx[i].seq, seg.ctx[i].h16);
	if (rc == 0 && !is_vec(c, &row))
		rc = TR_E_DAMAGED;
	c->replay.head = seg.hash;
	*last = row.last;
	if (rc == 0) {
		sum->segments++;
		sum->ops += seg.count;
		sum->dropped += seg.is_dropped ? seg.count : 0;
	}
	return rc;
}

int rep_verify_log(const struct rep_node *node, const struct rep_view *view, uint32_t handle,
    uint64_t from, size_t budget, uint64_t *next, struct rep_verify_sum *sum)
{
	struct check c = {.node = node, .view = view, .log = rep_log_get(node, handle)};
	uint64_t seq;
	int rc;

	*next = 0;
	if (c.log == NULL)
		return TR_E_NOTFOUND;
	seq = from > c.log->fork ? from : c.log->fork + 1;
	c.arena = wire_arena_create();
	c.scratch = malloc(TR_SEG_BYTES_MAX);
	rc = c.arena != NULL && c.scratch != NULL ? rep_chain_tip(node, view, c.log, seq - 1, &c.replay) : TR_E_NOMEM;
	while (rc == 0 && seq <= c.log->seq && budget-- > 0) {
		uint64_t last;

		rc = check_one(&c, seq, &last, sum);
		if (rc == TR_E_NOTFOUND)
			rc = TR_E_GAP;
		if (rc != 0)
			break;
		seq = last + 1;
	}
	if (rc != 0 || seq <= c.log->seq)
		*next = seq;
	wire_arena_free(c.arena);
	free(c.scratch);
	free(c.replay.vec);
	return rc;
}
