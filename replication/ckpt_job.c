/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The work on checkpoints, a few records at a time between the commits: what
 * comes meanwhile lies above the frontier that was fixed at the start.
 */
#include "replication/ckpt.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/chain.h"
#include "replication/ckpt_op.h"
#include "replication/cut.h"
#include "replication/fold.h"
#include "replication/later.h"
#include "replication/log.h"
#include "replication/own.h"

#define HOUR_MS ((int64_t)3600 * 1000)
#define AGAIN_MS ((int64_t)600 * 1000)
#define EVERY_MS 5        /* a slice; the rest of the time is for what comes in */

struct rep_ckpt_job {
	struct rep_domain *domain;
	struct rep_base *target;
	bool is_make;          /* by the top node; else one of its is compared */
	bool is_started;
	bool is_skipped;       /* not to be tried again at once */
	struct rep_base_entry at;
	struct rep_ckpt_root root;
};

static void drop(struct rep_node *node)
{
	if (node->job == NULL)
		return;
	free(node->job->target);
	free(node->job);
	node->job = NULL;
}

void rep_ckpt_free(struct rep_node *node)
{
	drop(node);
}

/* Stamp of the newest checkpoint, else of the first segment that is here. */
static int64_t since_ms(struct rep_node *node, const struct rep_domain *domain)
{
	struct rep_chain_row row;
	Terrace__Seg *seg;

	if (domain->base != NULL)
		return domain->base->ms;
	for (const struct rep_log *log = rep_log_first_of_scope(node, domain->scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		if (log->id.lane == domain->lane && log->seq > 0 && rep_chain_find(node->view, log->handle, 1, &row) == 0 &&
		    wire_seg_decode(node->arena, row.bytes, &seg) == 0)
			return (int64_t)(seg->hlc >> 16);
	return INT64_MAX;
}

void rep_ckpt_scan(struct rep_node *node)
{
	for (size_t i = 0; node->is_top && i < node->log_count && node->rc == 0; i++)
		if (node->logs[i]->seq > 0 && node->logs[i]->id.lane != TR_LANE_P)
			(void)rep_base_domain(node, node->logs[i]->id.scope, node->logs[i]->id.lane);
	for (size_t i = 0; i < node->domain_count && node->rc == 0; i++) {
		struct rep_domain *domain = node->domains[i];
		uint64_t ops = node->is_top ? rep_base_ops(node, domain) : 0;
		int64_t since = ops > 0 ? since_ms(node, domain) : INT64_MAX;

		if (ops >= rep_base_due(node, domain) || (since < INT64_MAX && rep_node_now_ms(node) - since >= node->ckpt_ms))
			domain->make_due = true;
		if (domain->make_due || domain->want != NULL)
			rep_base_queue(node, domain);
	}
}

/* All domains are many at a hub, and nothing here is in a hurry. */
void rep_ckpt_tick(struct rep_node *node)
{
	int64_t every = node->ckpt_ms < HOUR_MS ? node->ckpt_ms : HOUR_MS;

	if (node->scan_ms != 0 && node->mono_ms - node->scan_ms < every)
		return;
	node->scan_ms = node->mono_ms;
	rep_ckpt_scan(node);
}

/* ----------------------------------------------------------------------- job */

/*
 * One that the top node had forgotten came back while it made another: what it
 * says is said there, or one above both has to be made.
 */
static void forget_past(struct rep_node *node, struct rep_domain *domain)
{
	bool is_past = domain->want != NULL && domain->base != NULL && rep_base_contains(domain->base, domain->want);
	bool is_beside = node->is_top && domain->want != NULL && !rep_base_contains(domain->want, domain->base);

	if (!is_past && !is_beside)
		return;
	domain->make_due = domain->make_due || !is_past;
	rep_base_set(node, domain, 'w', NULL);
}

/* The next of the domain's duties; false: there is none. */
static bool start(struct rep_node *node, struct rep_domain *domain)
{
	struct rep_ckpt_job *job;
	bool is_make;

	forget_past(node, domain);
	is_make = domain->want == NULL;
	/* one of a history that is not whole here would lie beside those that are */
	if (is_make && (!domain->make_due || node->is_full || domain->is_behind))
		return false;
	if (is_make)
		rep_own_close_domain(node, domain->scope, domain->lane);
	if (node->rc != 0 || rep_base_is_forked(node, domain))
		return false; /* no checkpoint there until nothing forks: costs disk, never data */
	job = malloc(sizeof(*job));
	if (job == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return false;
	}
	job->domain = domain;
	job->is_make = is_make;
	job->is_started = job->is_skipped = false;
	job->target = is_make ? rep_base_now(node, domain) : rep_base_copy(node, domain->want);
	if (job->target == NULL || rep_base_is_cut(node, job->target)) { /* too many logs for one op: none is written */
		free(job->target);
		free(job);
		return false;
	}
	if (is_make && rep_base_contains(domain->base, job->target)) { /* it came with a snapshot */
		domain->make_due = false;
		free(job->target);
		free(job);
		return false;
	}
	rep_ckpt_root_begin(&job->root);
	node->job = job;
	return true;
}

static bool write_op(struct rep_node *node, struct rep_domain *domain, struct rep_base *base)
{
	struct rep_log *log = rep_own_log(node, domain->scope, domain->lane);
	struct rep_ckpt_op *ckpt = malloc(sizeof(*ckpt));
	uint8_t bytes[REP_CKPT_OP_BYTES_MAX];
	struct rep_op *op = node->op2;
	struct rep_fold fold;
	uint64_t seq;
	int rc = ckpt != NULL && log != NULL ? 0 : TR_E_NOMEM;

	if (rc == 0) {
		rep_ckpt_op_name(node, base, ckpt);
		memset(op, 0, sizeof(*op));
		op->kind = TR_OP_CKPT;
		op->has_body = true;
		op->type = TR_KIND_CKPT;
		op->value_count = 1;
		op->values[0] = (struct rep_value){.field = REP_CKPT_OP_FIELD, .type = REP_VALUE_BYTES,
		    .t = {bytes, rep_ckpt_op_encode(ckpt, bytes, sizeof(bytes))}};
		rep_own_fold(node, log, &fold);
		rc = rep_own_add(node, &fold, op, &seq);
	}
	free(ckpt);
	if (rc != 0) {
		rep_node_fail(node, rc);
		return false;
	}
	for (uint16_t i = 0; i < base->count; i++)
		rep_cut_keep(node, base->f[i].log, base->f[i].seq);
	base->at = (struct tr_dot){log->handle, seq};
	base->ms = rep_hlc_ms(rep_fold_hlc(fold.hlc, op->dt_ms));
	return true;
}

static void adopt(struct rep_node *node, struct rep_domain *domain, struct rep_base *base)
{
	rep_node_trace(node, REP_TRACE_CKPT, domain->scope, domain->lane, base->records, NULL);
	rep_base_set(node, domain, 'b', base);
	if (domain->differs != NULL)
		rep_base_set(node, domain, 'd', NULL);
}

/* All records were seen. */
static void finish(struct rep_node *node)
{
	struct rep_ckpt_job *job = node->job;
	struct rep_domain *domain = job->domain;
	struct rep_base *base = job->target;
	struct tr_hash root;

	rep_ckpt_root_end(&job->root, domain->scope, domain->lane, &root);
	if (rep_base_is_cut(node, base))
		return; /* meanwhile: what was seen is neither before nor after it */
	if (job->is_make) {
		base->root = root;
		base->records = job->root.records;
		base->number = domain->base != NULL ? domain->base->number + 1 : 1;
		domain->make_due = false;
		if (!write_op(node, domain, base))
			return;
	} else {
		if (domain->want != NULL && domain->want->at.log == base->at.log && domain->want->at.seq == base->at.seq)
			rep_base_set(node, domain, 'w', NULL);
		if (memcmp(root.b, base->root.b, 32) != 0 || job->root.records != base->records) {
			rep_node_trace(node, REP_TRACE_CKPT_DIFFERS, domain->scope, domain->lane, base->at.seq, NULL);
			job->target = NULL;
			rep_base_set(node, domain, 'd', base);
			return;
		}
	}
	job->target = NULL;
	adopt(node, domain, base);
}

/* Part of the record is said in words that this version does not know. */
static bool is_later(struct rep_node *node, const struct tr_rec_id *id)
{
	static const struct tr_rec_id unknown;

	return rep_later_of(node, id) || rep_later_of(node, &unknown);
}

/* Not to be compared now; looked at again some minutes later, and after a start. */
static void skip(struct rep_node *node, struct rep_ckpt_job *job, int rc)
{
	int64_t every = node->ckpt_ms < HOUR_MS ? node->ckpt_ms : HOUR_MS;

	if (rc == TR_E_NOMEM || rc == TR_E_IO)
		rep_node_fail(node, rc);
	rep_node_trace_rec(node, REP_TRACE_CKPT_SKIPPED, job->domain->scope, job->at.kind, &job->at.id,
	    job->domain->lane, (uint64_t)-rc);
	job->domain->make_due = false;
	job->is_skipped = true;
	if (node->mono_ms - every + AGAIN_MS > 0 && every > AGAIN_MS)
		node->scan_ms = node->mono_ms - every + AGAIN_MS;
}

/* True: the job is done, or given up. */
static bool slice(struct rep_node *node)
{
	struct rep_ckpt_job *job = node->job;

	for (uint32_t i = 0; i < node->ckpt_slice && node->rc == 0; i++) {
		struct tr_hash hash;
		bool was_there;
		/* raw: a damaged row of an old record must not stop the node */
		int rc = rep_base_next(node->raw, job->domain, job->is_started ? &job->at : NULL, &job->at);

		if (rc == TR_E_NOTFOUND) {
			finish(node);
			return true;
		}
		job->is_started = true;
		if (rc == 0 && is_later(node, &job->at.id))
			rc = TR_E_NEWER;
		if (rc == 0)
			rc = rep_ckpt_state(node, node->raw, job->target, &job->at, node->record, &hash, &was_there);
		if (rc == 0 && was_there)
			rep_ckpt_root_add(&job->root, node->record, &hash);
		if (rc != 0) {
			skip(node, job, rc);
			return true;
		}
	}
	return node->rc != 0;
}

static struct rep_domain *pop(struct rep_node *node)
{
	struct rep_domain *domain = node->jobs;

	node->jobs = domain->next;
	domain->queued = false;
	return domain;
}

void rep_ckpt_flush(struct rep_node *node)
{
	if ((node->job == NULL && node->jobs == NULL) || node->mono_ms < node->job_ms)
		return;
	node->job_ms = node->mono_ms + EVERY_MS;
	if (node->job == NULL) {
		if (!start(node, pop(node)))
			return;
	}
	if (!slice(node))
		return;
	if (!node->job->is_skipped)
		rep_base_queue(node, node->job->domain); /* there may be more to do */
	drop(node);
}

int64_t rep_ckpt_deadline(const struct rep_node *node)
{
	return node->job != NULL || node->jobs != NULL ? node->job_ms : INT64_MAX;
}
