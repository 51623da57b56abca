/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own ops without a receipt for too long while the parent is there: somebody
 * on the way up, or down, holds something back (docs/protocol.md section 9).
 *
 * What counts is the time in a session, added up; a relay that lets the link
 * come and go gains nothing.  Per log, so that the receipts of one lane do
 * not speak for another.
 */
#include "replication/receipt.h"

#include "replication/log.h"
#include "replication/unit.h"

#define LATE_FIBRE_MS ((int64_t)10 * 60 * 1000)
#define LATE_METERED_MS ((int64_t)6 * 3600 * 1000)
#define LATE_STICK_MS ((int64_t)30 * 24 * 3600 * 1000)

static int64_t limit_ms(enum tr_profile profile)
{
	if (profile == TR_PROFILE_FIBRE)
		return LATE_FIBRE_MS;
	return profile == TR_PROFILE_STICK ? LATE_STICK_MS : LATE_METERED_MS;
}

/* True if ops of this log have been waiting too long. */
static bool look(struct rep_log *log, int64_t now_ms, int64_t limit)
{
	if (log->seq <= log->receipt_seq || log->receipt_seq != log->late_seq) {
		log->late_seq = log->receipt_seq;
		log->late_since_ms = now_ms;
	}
	return now_ms - log->late_since_ms >= limit;
}

void rep_receipt_check(struct rep_node *node, int64_t passed_ms)
{
	const struct rep_unit *self = rep_unit_find(node, node->cert.nid);
	uint64_t late = 0;

	if (node->is_top)
		return;
	/* A unit that lives on sticks has no session: all its time counts. */
	if (node->links[0]->state == REP_LINK_LIVE || node->profile == TR_PROFILE_STICK)
		node->session_ms += passed_ms;
	for (struct rep_log *log = rep_log_get(node, self->first_own_log); log != NULL;
	     log = rep_log_get(node, log->next_by_author))
		if (look(log, node->session_ms, limit_ms(node->profile)))
			late += log->seq - log->receipt_seq;
	if (late != 0 && node->late_ops == 0)
		rep_node_trace(node, REP_TRACE_RECEIPT_LATE, node->cert.parent, late, self->here_ops, NULL);
	node->late_ops = late;
}
