/* SPDX-License-Identifier: Apache-2.0 */
/* The one that is asked: one question at a time, one frame for each that asks. */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/audit.h"
#include "replication/link.h"

#define ASK_MS 250 /* a new question so soon is no operator's */

static uint8_t answer_of(uint8_t question)
{
	return (uint8_t)(question + 1);
}

int rep_audit_serve_take(struct rep_node *node, struct rep_link *link, const Terrace__Audit *msg)
{
	struct rep_audit *audit = link->serve;
	bool is_domain = msg->mode != TR_AUDIT_ASK_ROOTS;
	int rc;

	if (is_domain != (msg->n_dom == 1) || (msg->mode == TR_AUDIT_ASK_RECORDS) != (msg->want.len != 0))
		return TR_E_INPUT;
	if (audit != NULL && audit->n == msg->n) { /* the next part of the same answer */
		if (msg->mode != audit->pass.mode || !audit->pass.done || audit->is_due)
			return TR_E_BUSY;
		audit->from = msg->from;
		audit->is_due = true;
		audit->since_ms = node->mono_ms;
		return 0;
	}
	if (msg->from != 0 || (audit != NULL && ((!audit->pass.done && audit->pass.mode != 0) ||
	    node->mono_ms - audit->since_ms < ASK_MS)))
		return TR_E_BUSY;
	if (audit == NULL)
		audit = link->serve = calloc(1, sizeof(*audit));
	if (audit == NULL)
		return TR_E_NOMEM;
	audit->epoch = link->epoch;
	audit->n = msg->n;
	audit->from = 0;
	audit->is_due = true;
	audit->since_ms = node->mono_ms;
	rc = rep_audit_begin(node, link, &audit->pass, (uint8_t)msg->mode, (struct tr_nid){msg->unit},
	    (struct tr_nid){is_domain ? msg->dom[0]->scope : 0}, (uint8_t)(is_domain ? msg->dom[0]->lane : 0),
	    msg->want.len != 0 ? msg->want.data : NULL);
	if (rc != 0)
		audit->is_due = false;
	return rc;
}

struct frame {
	Terrace__Audit audit;
	Terrace__AuditDomain dom[TR_AUDIT_PART], *doms[TR_AUDIT_PART];
	Terrace__AuditRecord rec[TR_AUDIT_PART], *recs[TR_AUDIT_PART];
	uint8_t sums[TR_AUDIT_PART][32];
	uint8_t buckets[TR_AUDIT_SPLIT * 8];
};

static void put_domain(struct frame *f, struct rep_audit_sum *sum)
{
	size_t i = f->audit.n_dom++;
	Terrace__AuditDomain *d = &f->dom[i];

	terrace__audit_domain__init(d);
	f->doms[i] = d;
	d->scope = sum->scope.v;
	d->lane = sum->lane;
	if (sum->moved)
		return;
	d->d = (ProtobufCBinaryData){sizeof(sum->digest), sum->digest};
	for (size_t k = 0; k < 4; k++)
		wire_put_le64(f->sums[i] + 8 * k, sum->sum[k]);
	d->sum = (ProtobufCBinaryData){sizeof(f->sums[i]), f->sums[i]};
	d->records = sum->records;
}

static void put_rows(struct frame *f, struct rep_audit *audit)
{
	struct rep_audit_pass *pass = &audit->pass;
	size_t at = audit->from < pass->row_count ? audit->from : pass->row_count;

	for (; at < pass->row_count && f->audit.n_rec < TR_AUDIT_PART; at++) {
		size_t i = f->audit.n_rec++;

		terrace__audit_record__init(&f->rec[i]);
		f->recs[i] = &f->rec[i];
		f->rec[i].kind = pass->rows[at].kind;
		f->rec[i].id = (ProtobufCBinaryData){16, pass->rows[at].id.b};
		f->rec[i].hash = (ProtobufCBinaryData){16, pass->rows[at].hash};
	}
	f->audit.more = at < pass->row_count;
}

static void fill(struct frame *f, struct rep_audit *audit)
{
	struct rep_audit_pass *pass = &audit->pass;
	size_t at = audit->from < pass->count ? audit->from : pass->count;

	terrace__audit__init(&f->audit);
	f->audit.mode = answer_of(pass->mode);
	f->audit.n = audit->n;
	f->audit.from = audit->from;
	f->audit.dom = f->doms;
	f->audit.rec = f->recs;
	if (pass->mode == TR_AUDIT_ASK_ROOTS) {
		for (; at < pass->count && f->audit.n_dom < TR_AUDIT_PART; at++)
			put_domain(f, &pass->doms[at]);
		f->audit.more = at < pass->count;
		return;
	}
	put_domain(f, &pass->doms[0]);
	if (pass->mode == TR_AUDIT_ASK_RECORDS) {
		put_rows(f, audit);
		return;
	}
	for (size_t i = 0; i < TR_AUDIT_SPLIT; i++)
		wire_put_le64(f->buckets + 8 * i, pass->buckets[i]);
	f->dom[0].buckets = (ProtobufCBinaryData){sizeof(f->buckets), f->buckets};
}

void rep_audit_serve_go_on(struct rep_node *node, struct rep_link *link)
{
	struct rep_audit *audit = link->serve;
	Terrace__Msg msg = TERRACE__MSG__INIT;
	struct frame *f;

	if (!audit->pass.done || !rep_audit_may_send(node, link, audit))
		return;
	f = malloc(sizeof(*f));
	if (f == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	fill(f, audit);
	msg.m_case = TERRACE__MSG__M_AUDIT;
	msg.audit = &f->audit;
	rep_link_send(node, link, &msg);
	free(f);
	audit->is_due = false;
	audit->since_ms = node->mono_ms;
}
