/* SPDX-License-Identifier: Apache-2.0 */
/* Digests over what is held: order of arrival and local handles leave no trace. */
#include "replication/log.h"

#include <stdlib.h>
#include <string.h>

#include <sodium/crypto_generichash.h>

#include "replication/unit.h"

#define ENTRY 65 /* author inc scope lane seq hash */

static void entry(const struct rep_log *log, uint8_t out[static ENTRY])
{
	wire_put_be64(out, log->id.author.v);
	wire_put_be64(out + 8, log->id.inc);
	wire_put_be64(out + 16, log->id.scope.v);
	out[24] = log->id.lane;
	wire_put_be64(out + 25, log->seq);
	memcpy(out + 33, log->head.b, 32);
}

/*
 * The digest of a set: sum of the entries' hashes as 64-bit words.  Order
 * free without sorting.  Every entry contains a signed head, so an opponent
 * cannot choose summands freely; equality is a hint, segments are verified.
 */
static void hash(const struct rep_log *log, uint64_t sum[static 2])
{
	uint8_t in[ENTRY], out[16];

	entry(log, in);
	crypto_generichash(out, sizeof(out), in, sizeof(in), NULL, 0);
	sum[0] = wire_get_le64(out);
	sum[1] = wire_get_le64(out + 8);
}

/* At each contact and each HEAD all logs in reach are summed up, and few of them
 * have grown: the hash of the others is remembered. */
static void add(struct rep_log *log, uint64_t sum[static 2])
{
	struct rep_log_sum *had = &log->sum;

	if (rep_log_is_empty(log))
		return;
	if (had->seq != log->seq || memcmp(had->head, log->head.b, sizeof(had->head)) != 0) {
		hash(log, had->sum);
		had->seq = log->seq;
		memcpy(had->head, log->head.b, sizeof(had->head));
	}
	sum[0] += had->sum[0];
	sum[1] += had->sum[1];
}

void rep_log_digest_scope(const struct rep_node *node, struct tr_nid scope, bool only_p, uint8_t out[static 16])
{
	uint64_t sum[2] = {0, 0};

	for (struct rep_log *log = rep_log_first_of_scope(node, scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		if (!only_p || log->id.lane == TR_LANE_P)
			add(log, sum);
	wire_put_le64(out, sum[0]);
	wire_put_le64(out + 8, sum[1]);
}

void rep_log_digest_domain(const struct rep_node *node, struct tr_nid scope, uint8_t lane, uint8_t out[static 16])
{
	uint64_t sum[2] = {0, 0};

	for (struct rep_log *log = rep_log_first_of_scope(node, scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		if (log->id.lane == lane)
			add(log, sum);
	wire_put_le64(out, sum[0]);
	wire_put_le64(out + 8, sum[1]);
}

uint64_t rep_log_digest_author(const struct rep_node *node, const struct rep_unit *author)
{
	uint64_t sum[2] = {0, 0};

	for (struct rep_log *log = rep_log_get(node, author->first_own_log); log != NULL;
	     log = rep_log_get(node, log->next_by_author))
		add(log, sum);
	return sum[0];
}

void rep_log_digest_reach(const struct rep_node *node, struct tr_nid top, uint8_t out[static 16])
{
	uint64_t sum[2] = {0, 0};

	for (size_t i = 0; i < node->unit_count; i++) {
		const struct rep_unit *scope = node->units[i];

		bool is_below = top.v == 0 || rep_unit_under(node, scope->nid, top);

		if (scope->first_log == 0 || (!is_below && !rep_unit_under(node, top, scope->nid)))
			continue;
		for (struct rep_log *log = rep_log_get(node, scope->first_log);
		     log != NULL; log = rep_log_get(node, log->next_in_scope))
			if (is_below || log->id.lane == TR_LANE_P)
				add(log, sum);
	}
	wire_put_le64(out, sum[0]);
	wire_put_le64(out + 8, sum[1]);
}
