/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Own ops without a receipt for too long (docs/protocol.md section 9).
 *
 * Late is an error: the parent is there, says that it reaches the top node, and
 * yet no receipt comes; somebody on the way up, or down, holds something back.
 * Dark is a warning: the parent says that it does not reach the top node
 * either.  Mostly that is true; a relay that lies gains the difference.
 *
 * What counts is the time in contact, or in a session, added up; a relay that
 * lets the link come and go gains nothing.  Per log, so that the receipts of
 * one lane do not speak for another.
 */
#include "replication/receipt.h"

#include "replication/log.h"
#include "replication/reach.h"
#include "replication/unit.h"

#define LATE_FIBRE_MS ((int64_t)10 * 60 * 1000)
#define LATE_METERED_MS ((int64_t)6 * 3600 * 1000)
#define LATE_STICK_MS ((int64_t)30 * 24 * 3600 * 1000)
#define DARK_MS ((int64_t)24 * 3600 * 1000)

static int64_t limit_ms(enum tr_profile profile)
{
	if (profile == TR_PROFILE_FIBRE)
		return LATE_FIBRE_MS;
	return profile == TR_PROFILE_STICK ? LATE_STICK_MS : LATE_METERED_MS;
}

/* How many ops of this log wait too long, and why. */
static void look(struct rep_log *log, const struct rep_node *node, uint64_t *late, uint64_t *dark)
{
	if (log->seq <= log->receipt_seq || log->receipt_seq != log->late_seq) {
		log->late_seq = log->receipt_seq;
		log->late_since_ms = node->contact_ms;
		log->dark_since_ms = node->session_ms;
	}
	/* it was taken back: there had been no contact; or a receipt speaks of what this unit itself has no room for */
	else if (log->late_since_ms > node->contact_ms || node->is_full)
		log->late_since_ms = node->contact_ms;
	if (node->contact_ms - log->late_since_ms >= limit_ms(node->profile))
		*late += log->seq - log->receipt_seq;
	else if (node->session_ms - log->dark_since_ms >= DARK_MS && node->profile != TR_PROFILE_STICK)
		*dark += log->seq - log->receipt_seq;
}

void rep_receipt_check(struct rep_node *node)
{
	const struct rep_unit *self = rep_unit_find(node, node->cert.nid);
	uint64_t late = 0, dark = 0;

	if (node->is_top)
		return;
	rep_reach_pass(node);
	for (struct rep_log *log = rep_log_get(node, self->first_own_log); log != NULL;
	     log = rep_log_get(node, log->next_by_author))
		look(log, node, &late, &dark);
	if (late != 0 && node->late_ops == 0)
		rep_node_trace(node, REP_TRACE_RECEIPT_LATE, node->cert.parent, late, self->here_ops, NULL);
	if (dark != 0 && node->dark_ops == 0)
		rep_node_trace(node, REP_TRACE_RECEIPT_DARK, node->cert.parent, dark, self->here_ops, NULL);
	node->late_ops = late;
	node->dark_ops = dark;
}
