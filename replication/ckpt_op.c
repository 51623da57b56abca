/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/ckpt_op.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "replication/branch.h"
#include "replication/cut.h"
#include "replication/log.h"

enum { CKPT_VER = 1, CKPT_ROOT = 2, CKPT_RECORDS = 3, CKPT_NUMBER = 4, CKPT_LOG = 5 };
enum { LOG_AUTHOR = 1, LOG_INC = 2, LOG_SEQ = 3, LOG_H16 = 4 };

/* --------------------------------------------------------------------- codec */

static size_t log_size(const struct rep_ckpt_log *log)
{
	return 9 + 9 + 1 + tr_pb_varint_size(log->seq) + 18;
}

size_t rep_ckpt_op_encode(const struct rep_ckpt_op *ckpt, uint8_t *out, size_t cap)
{
	struct tr_pb_writer w = {out, out + cap, false};

	tr_pb_put_uint(&w, CKPT_VER, ckpt->state_ver);
	tr_pb_put_bytes(&w, CKPT_ROOT, ckpt->root.b, sizeof(ckpt->root.b));
	tr_pb_put_uint(&w, CKPT_RECORDS, ckpt->records);
	tr_pb_put_uint(&w, CKPT_NUMBER, ckpt->number);
	for (uint16_t i = 0; i < ckpt->count; i++) {
		tr_pb_put_tag(&w, CKPT_LOG, TR_PB_BYTES);
		tr_pb_put_varint(&w, log_size(&ckpt->f[i]));
		tr_pb_put_fixed64(&w, LOG_AUTHOR, ckpt->f[i].author.v);
		tr_pb_put_fixed64(&w, LOG_INC, ckpt->f[i].inc);
		tr_pb_put_uint(&w, LOG_SEQ, ckpt->f[i].seq);
		tr_pb_put_bytes(&w, LOG_H16, ckpt->f[i].h16, 16);
	}
	return w.full ? 0 : (size_t)(w.at - out);
}

static int decode_log(struct rep_ckpt_log *log, struct tr_bytes in)
{
	struct tr_pb_reader r;
	struct tr_pb_field f;
	bool ok = true, has_hash = false;

	memset(log, 0, sizeof(*log));
	tr_pb_begin(&r, in);
	while (tr_pb_more(&r)) {
		int rc = tr_pb_next(&r, &f);

		if (rc != 0)
			return rc;
		switch (f.number) {
		case LOG_AUTHOR:
			ok = tr_pb_once(&r, &f, TR_PB_FIXED64);
			log->author.v = f.v;
			break;
		case LOG_INC:
			ok = tr_pb_once(&r, &f, TR_PB_FIXED64);
			log->inc = f.v;
			break;
		case LOG_SEQ:
			ok = tr_pb_once(&r, &f, TR_PB_VARINT);
			log->seq = f.v;
			break;
		case LOG_H16:
			ok = has_hash = tr_pb_once_copy(&r, &f, log->h16, 16);
			break;
		default:
			rc = tr_pb_unknown(&r);
			break;
		}
		if (rc != 0 || !ok)
			return rc != 0 ? rc : TR_E_INPUT;
	}
	return log->author.v != 0 && log->inc != 0 && log->seq != 0 && log->seq <= TR_SEQ_MAX && has_hash ? 0 : TR_E_INPUT;
}

static int add_log(struct rep_ckpt_op *c, struct tr_bytes in)
{
	struct rep_ckpt_log *log = &c->f[c->count];
	int rc;

	if (c->count == TR_VECTOR_MAX)
		return TR_E_LIMIT;
	rc = decode_log(log, in);
	if (rc != 0)
		return rc;
	if (c->count > 0 && (log[-1].author.v > log->author.v ||
	    (log[-1].author.v == log->author.v && log[-1].inc >= log->inc)))
		return TR_E_INPUT;
	c->count++;
	return 0;
}

int rep_ckpt_op_decode(struct rep_ckpt_op *c, struct tr_bytes in)
{
	struct tr_pb_reader r;
	struct tr_pb_field f;
	bool ok = true, has_root = false;

	memset(c, 0, offsetof(struct rep_ckpt_op, f));
	tr_pb_begin(&r, in);
	while (tr_pb_more(&r)) {
		int rc = tr_pb_next(&r, &f);

		if (rc != 0)
			return rc;
		switch (f.number) {
		case CKPT_VER: ok = tr_pb_once_u32(&r, &f, UINT32_MAX, &c->state_ver); break;
		case CKPT_ROOT: ok = has_root = tr_pb_once_copy(&r, &f, c->root.b, sizeof(c->root.b)); break;
		case CKPT_RECORDS:
			ok = tr_pb_once(&r, &f, TR_PB_VARINT);
			c->records = f.v;
			break;
		case CKPT_NUMBER:
			ok = tr_pb_once(&r, &f, TR_PB_VARINT);
			c->number = f.v;
			break;
		case CKPT_LOG: rc = f.wire == TR_PB_BYTES ? add_log(c, f.bytes) : TR_E_INPUT; break;
		default: rc = tr_pb_unknown(&r); break;
		}
		if (rc != 0 || !ok)
			return rc != 0 ? rc : TR_E_INPUT;
	}
	return has_root && c->count > 0 ? 0 : TR_E_INPUT;
}

static int order(const void *a, const void *b)
{
	const struct rep_ckpt_log *x = a, *y = b;

	if (x->author.v != y->author.v)
		return x->author.v < y->author.v ? -1 : 1;
	return x->inc < y->inc ? -1 : x->inc > y->inc;
}

void rep_ckpt_op_name(const struct rep_node *node, const struct rep_base *base, struct rep_ckpt_op *out)
{
	out->state_ver = TR_STATE_VER;
	out->records = base->records;
	out->number = base->number;
	out->root = base->root;
	out->count = base->count;
	for (uint16_t i = 0; i < base->count; i++) {
		const struct rep_log *log = rep_log_get(node, base->f[i].log);

		out->f[i].author = log->id.author;
		out->f[i].inc = log->id.inc;
		out->f[i].seq = base->f[i].seq;
		memcpy(out->f[i].h16, base->f[i].h16, 16);
	}
	qsort(out->f, out->count, sizeof(out->f[0]), order);
}

int rep_ckpt_op_resolve(struct rep_node *node, const struct rep_domain *domain,
    const struct rep_ckpt_op *ckpt, struct rep_base **out)
{
	struct rep_base *base = rep_base_new(node, ckpt->count);
	int rc = base != NULL ? 0 : TR_E_NOMEM;

	for (uint16_t i = 0; rc == 0 && i < ckpt->count; i++) {
		struct tr_log_id id = {ckpt->f[i].author, ckpt->f[i].inc, domain->scope, domain->lane};
		const struct rep_log *log = rep_log_find(node, &id), *row = NULL;
		struct tr_hash hash;

		if (log != NULL) /* in one of its branches, if there are several */
			row = rep_log_locate(node, log, ckpt->f[i].seq, wire_get_le32(ckpt->f[i].h16));
		if (row == NULL)
			rc = log == NULL || rep_branch_top(node, log) < ckpt->f[i].seq ? TR_E_GAP : TR_E_FORGED;
		else if (rep_log_hash_at(node, row, ckpt->f[i].seq, &hash) != 0 || memcmp(hash.b, ckpt->f[i].h16, 16) != 0)
			rc = TR_E_FORGED;
		if (rc != 0)
			break;
		base->f[i].log = row->handle;
		base->f[i].seq = ckpt->f[i].seq;
		memcpy(base->f[i].h16, ckpt->f[i].h16, 16);
	}
	if (rc != 0) {
		free(base);
		return rc;
	}
	base->count = ckpt->count;
	base->number = ckpt->number;
	base->records = ckpt->records;
	base->root = ckpt->root;
	*out = base;
	return 0;
}

void rep_ckpt_op_take(struct rep_node *node, const struct rep_log *log, uint64_t seq, struct tr_hlc hlc, struct tr_bytes encoded)
{
	struct rep_domain *domain = rep_base_domain(node, log->id.scope, log->id.lane);
	struct rep_base *base = NULL;
	struct rep_ckpt_op *ckpt = malloc(sizeof(*ckpt));
	int rc = ckpt != NULL ? 0 : TR_E_NOMEM;
	bool is_old;

	if (domain == NULL || log->id.author.v != node->top.nid.v) { /* of no record's lane: rep_fold_entry() */
		node->violations += log->id.author.v != node->top.nid.v;
		free(ckpt);
		return;
	}
	if (rc == 0)
		rc = rep_ckpt_op_decode(ckpt, encoded);
	if (rc == 0)
		rc = rep_ckpt_op_resolve(node, domain, ckpt, &base);
	for (uint16_t i = 0; rc == 0 && i < base->count; i++)
		rep_cut_keep(node, base->f[i].log, base->f[i].seq);
	/* of two incarnations of the top node, the older one's may come last */
	is_old = rc == 0 && (rep_base_contains(domain->base, base) || rep_base_contains(domain->want, base));
	/* a newer way to write down a state is nobody's fault: nothing is compared */
	if (rc == 0 && ckpt->state_ver == TR_STATE_VER && rep_base_contains(base, domain->base) && !is_old) {
		base->at = (struct tr_dot){log->handle, seq};
		base->ms = rep_hlc_ms(hlc);
		rep_base_set(node, domain, 'w', base);
		rep_base_queue(node, domain);
		for (uint16_t i = 0; i < base->count; i++) /* a CUT sets nothing aside that it names */
			rep_cut_grown(node, rep_log_get(node, base->f[i].log), false);
		base = NULL;
	} else if (rc == 0 && node->is_top && !is_old) {
		/* Its store was put back, and others have gone on from a checkpoint that it
		 * has forgotten.  Only one above both ends that. */
		domain->make_due = true;
		rep_base_queue(node, domain);
	} else if (rc == TR_E_NOMEM) {
		rep_node_fail(node, rc);
	} else if (rc != 0) {
		rep_node_trace(node, REP_TRACE_CKPT_DIFFERS, domain->scope, domain->lane, seq, "its frontier is not ours");
		base = rep_base_new(node, 0);
		if (base != NULL) {
			base->number = ckpt->number;
			base->records = ckpt->records;
			base->root = ckpt->root;
			base->at = (struct tr_dot){log->handle, seq};
			base->ms = rep_hlc_ms(hlc);
			rep_base_set(node, domain, 'd', base);
			base = NULL;
		}
	}
	free(base);
	free(ckpt);
}
