/* SPDX-License-Identifier: Apache-2.0 */
/* The pass over the records of this node. */
#include "replication/audit.h"

#include <stdlib.h>
#include <string.h>

#include <sodium/crypto_generichash.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/ckpt.h"
#include "replication/log.h"
#include "replication/own.h"
#include "replication/queue.h"
#include "replication/unit.h"

#define STEP_BYTES ((size_t)1 << 20)

/* --------------------------------------------------------------------- begin */

static int by_domain(const void *a, const void *b)
{
	const struct rep_audit_sum *x = a, *y = b;

	if (x->scope.v != y->scope.v)
		return x->scope.v < y->scope.v ? -1 : 1;
	return x->lane < y->lane ? -1 : x->lane > y->lane;
}

struct rep_audit_sum *rep_audit_find(struct rep_audit_pass *pass, struct tr_nid scope, uint8_t lane)
{
	struct rep_audit_sum key = {.scope = scope, .lane = lane};

	return pass->count > 0 ? bsearch(&key, pass->doms, pass->count, sizeof(key), by_domain) : NULL;
}

static bool is_held(const struct rep_node *node, struct tr_nid scope, uint8_t lane)
{
	for (const struct rep_log *log = rep_log_first_of_scope(node, scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		if (log->id.lane == lane && !rep_log_is_empty(log))
			return true;
	return false;
}

static int add_domain(const struct rep_node *node, struct rep_audit_pass *pass, size_t *cap, struct tr_nid scope, uint8_t lane)
{
	struct rep_audit_sum *more = tr_grow(pass->doms, pass->count, cap, sizeof(*more));

	if (more == NULL)
		return TR_E_NOMEM;
	pass->doms = more;
	more = &more[pass->count++];
	memset(more, 0, sizeof(*more));
	more->scope = scope;
	more->lane = lane;
	rep_log_digest_domain(node, scope, lane, more->digest);
	return 0;
}

static int add_scopes(const struct rep_node *node, const struct rep_link *link, struct rep_audit_pass *pass, struct tr_nid unit)
{
	size_t cap = 0;
	int rc = 0;

	for (size_t i = 0; i < node->unit_count && rc == 0; i++) {
		const struct rep_unit *scope = node->units[i];

		if (scope->first_log == 0 || !rep_queue_in_reach(node, link, scope->nid) ||
		    (unit.v != 0 && !rep_unit_under(node, scope->nid, unit)))
			continue;
		for (uint8_t lane = TR_LANE_P; lane <= TR_LANE_E && rc == 0; lane++)
			if (is_held(node, scope->nid, lane))
				rc = add_domain(node, pass, &cap, scope->nid, lane);
	}
	if (pass->count > 1)
		qsort(pass->doms, pass->count, sizeof(*pass->doms), by_domain);
	return rc;
}

int rep_audit_begin(struct rep_node *node, struct rep_link *link, struct rep_audit_pass *pass,
    uint8_t mode, struct tr_nid unit, struct tr_nid scope, uint8_t lane, const uint8_t *want)
{
	size_t cap = 0;
	int rc;

	free(pass->doms);
	free(pass->rows);
	memset(pass, 0, sizeof(*pass));
	rep_own_close_new(node); /* what is compared is what is signed */
	if (mode == TR_AUDIT_ASK_ROOTS) {
		rc = add_scopes(node, link, pass, unit);
	} else if (!rep_queue_in_reach(node, link, scope)) {
		return TR_E_SCOPE;
	} else {
		rc = add_domain(node, pass, &cap, scope, lane);
	}
	if (rc == 0)
		pass->mode = mode;
	if (want != NULL)
		memcpy(pass->want, want, sizeof(pass->want));
	return rc;
}

/* ---------------------------------------------------------------------- work */

uint8_t rep_audit_bucket(const struct tr_rec_id *id)
{
	uint8_t x = 0;

	for (size_t i = 0; i < sizeof(id->b); i++)
		x ^= id->b[i];
	return x;
}

static int add_row(struct rep_audit_pass *pass, const struct rep_record *rec, const struct tr_hash *hash)
{
	struct rep_audit_row *more;

	if (pass->row_count >= REP_AUDIT_RECORDS_MAX) {
		pass->full = true;
		return 0;
	}
	more = tr_grow(pass->rows, pass->row_count, &pass->row_cap, sizeof(*more));
	if (more == NULL)
		return TR_E_NOMEM;
	pass->rows = more;
	more[pass->row_count].kind = rec->kind;
	more[pass->row_count].id = rec->id;
	memcpy(more[pass->row_count].hash, hash->b, sizeof(more->hash));
	pass->row_count++;
	return 0;
}

/* The record's part of a sum. */
static int add_record(struct rep_audit_pass *pass, struct rep_audit_sum *sum, const struct rep_record *rec,
    const struct tr_hash *state)
{
	uint8_t entry[REP_CKPT_ENTRY], bucket = rep_audit_bucket(&rec->id);
	struct tr_hash hash;

	rep_ckpt_entry(rec, state, entry);
	crypto_generichash(hash.b, sizeof(hash.b), entry, sizeof(entry), NULL, 0);
	sum->records++;
	for (size_t i = 0; i < 4; i++)
		sum->sum[i] += wire_get_le64(hash.b + 8 * i);
	pass->buckets[bucket] += wire_get_le64(hash.b);
	if (pass->mode == TR_AUDIT_ASK_RECORDS && (pass->want[bucket / 8] >> (bucket % 8) & 1) != 0)
		return add_row(pass, rec, &hash);
	return 0;
}

/* One record on.  TR_E_NOTFOUND at the end.  One that cannot be read counts for
 * nothing: the neighbour has it, so it shows. */
static int next(struct rep_node *node, struct rep_audit_pass *pass, size_t *bytes)
{
	struct tr_bytes key, row;
	struct rep_audit_sum *sum;
	struct tr_nid scope;
	struct tr_hash state;
	uint8_t lane;
	int rc = rep_seek(node->raw, REP_T_REC, rep_bytes(pass->key, pass->started ? sizeof(pass->key) : 0),
	    pass->started, &key, NULL);

	if (rc != 0)
		return rc;
	if (key.size != sizeof(pass->key))
		return TR_E_DAMAGED;
	memcpy(pass->key, key.data, key.size);
	pass->started = true;
	rc = rep_get(node->raw, REP_T_REC, rep_bytes(pass->key, sizeof(pass->key)), &row);
	if (rc != 0)
		return rc == TR_E_IO ? rc : 0;
	if (!rep_record_home(row, &scope, &lane) || (sum = rep_audit_find(pass, scope, lane)) == NULL)
		return 0;
	*bytes += row.size;
	rc = rep_record_load(node->record, node->raw, pass->key[0], (const struct tr_rec_id *)(pass->key + 1));
	if (rc == 0)
		rc = rep_record_state_hash(node->record, node->raw, &state);
	if (rc != 0)
		return rc == TR_E_IO || rc == TR_E_NOMEM ? rc : 0;
	return add_record(pass, sum, node->record, &state);
}

/* Logs that changed meanwhile: what was summed is of no moment. */
static void end(struct rep_node *node, struct rep_audit_pass *pass)
{
	for (size_t i = 0; i < pass->count; i++) {
		struct rep_audit_sum *sum = &pass->doms[i];
		uint8_t now[16];

		rep_log_digest_domain(node, sum->scope, sum->lane, now);
		sum->moved = memcmp(now, sum->digest, sizeof(now)) != 0;
	}
	for (const struct rep_open *open = node->opens; open != NULL; open = open->next) {
		struct rep_audit_sum *sum = rep_audit_find(pass, open->log->id.scope, open->log->id.lane);

		if (sum != NULL)
			sum->moved = true;
	}
	pass->done = true;
}

void rep_audit_work(struct rep_node *node, struct rep_audit_pass *pass, size_t *budget)
{
	size_t bytes = 0;

	while (!pass->done && *budget > 0 && node->rc == 0) {
		int rc = next(node, pass, &bytes);

		--*budget;
		if (rc == TR_E_NOTFOUND)
			end(node, pass);
		else if (rc != 0)
			rep_node_fail(node, rc);
		if (bytes >= STEP_BYTES)
			*budget = 0;
	}
}

/* ---------------------------------------------------------------------- both */

bool rep_audit_may_send(const struct rep_node *node, const struct rep_link *link, const struct rep_audit *audit)
{
	if (link->state != REP_LINK_LIVE || !audit->is_due)
		return false;
	return (rep_queue_is_empty(link) && link->sent_count == 0) || node->mono_ms - audit->since_ms >= REP_AUDIT_BUSY_MS;
}

void rep_audit_free(struct rep_audit *audit)
{
	if (audit == NULL)
		return;
	free(audit->pass.doms);
	free(audit->pass.rows);
	free(audit->bad);
	free(audit->peer_rows);
	free(audit);
}
