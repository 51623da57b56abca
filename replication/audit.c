/* SPDX-License-Identifier: Apache-2.0 */
/* Whose turn it is to hash, and whose frame this is. */
#include "replication/audit.h"

#include "proto/err.h"

#define STEP_MS 10        /* between two turns: the rest of the time is for the node's work */
#define STEP_RECORDS 256

/* What belongs to a session that is over. */
static void forget(struct rep_link *link)
{
	if (link->serve != NULL && link->serve->epoch != link->epoch) {
		rep_audit_free(link->serve);
		link->serve = NULL;
	}
	if (link->ask != NULL && link->ask->info.is_running && link->ask->epoch != link->epoch)
		rep_audit_ask_end(link->ask, TR_E_DOWN);
}

int rep_audit_take(struct rep_node *node, struct rep_link *link, const Terrace__Audit *msg)
{
	if (link->is_bundle || link->state != REP_LINK_LIVE)
		return TR_E_INPUT;
	forget(link);
	switch (msg->mode) {
	case TR_AUDIT_ASK_ROOTS:
	case TR_AUDIT_ASK_BUCKETS:
	case TR_AUDIT_ASK_RECORDS: return rep_audit_serve_take(node, link, msg);
	default: return rep_audit_ask_take(node, link, msg);
	}
}

static bool is_hashing(const struct rep_audit *audit)
{
	return audit != NULL && audit->pass.mode != 0 && !audit->pass.done;
}

void rep_audit_flush(struct rep_node *node)
{
	size_t budget = STEP_RECORDS;
	bool due = node->mono_ms - node->audit_mono_ms >= STEP_MS;

	for (size_t i = 0; i < node->link_count && node->rc == 0; i++) {
		/* whose turn it is first goes round, so that one does not hold up all */
		struct rep_link *link = node->links[(i + (size_t)node->audit_turn) % node->link_count];

		forget(link);
		if (due && is_hashing(link->ask))
			rep_audit_work(node, &link->ask->pass, &budget);
		if (due && is_hashing(link->serve))
			rep_audit_work(node, &link->serve->pass, &budget);
		if (link->ask != NULL && link->ask->info.is_running)
			rep_audit_ask_go_on(node, link);
		if (link->serve != NULL)
			rep_audit_serve_go_on(node, link);
	}
	if (budget < STEP_RECORDS) {
		node->audit_mono_ms = node->mono_ms;
		node->audit_turn++;
	}
}

int64_t rep_audit_deadline(const struct rep_node *node)
{
	int64_t at = INT64_MAX, due;

	for (size_t i = 0; i < node->link_count; i++) {
		const struct rep_link *link = node->links[i];

		if (is_hashing(link->ask) || is_hashing(link->serve))
			return node->audit_mono_ms + STEP_MS;
		due = link->ask != NULL ? rep_audit_ask_deadline(link->ask) : INT64_MAX;
		at = due < at ? due : at;
		if (link->serve != NULL && link->serve->is_due && link->serve->since_ms + REP_AUDIT_BUSY_MS < at)
			at = link->serve->since_ms + REP_AUDIT_BUSY_MS;
	}
	return at;
}
