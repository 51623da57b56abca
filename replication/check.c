/* SPDX-License-Identifier: Apache-2.0 */
/* Executable copy of the invariants in node.h. */
#include <string.h>

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/chain.h"
#include "replication/log.h"
#include "replication/node.h"
#include "replication/queue.h"
#include "replication/unit.h"

static void check_log(const struct rep_node *node, const struct rep_view *view, const struct rep_log *log)
{
	struct rep_chain_row row;

	if (log->id.author.v == 0)
		return;
	TR_ASSERT(rep_log_find(node, &log->id) == rep_branch_first(node, log)); /* 1 */
	TR_ASSERT((log->parent == 0) == (log->first == log->handle));
	TR_ASSERT(log->fork <= log->seq && rep_branch_count(node, log) <= REP_BRANCHES_MAX);
	if (log->parent != 0)
		TR_ASSERT(log->parent < log->handle && log->fork <= rep_log_get(node, log->parent)->seq &&
		    rep_log_get(node, log->parent)->first == log->first);
	TR_ASSERT(rep_unit_on_path(node, log->id.author, log->id.scope));
	TR_ASSERT(log->id.lane != TR_LANE_P || log->id.author.v == log->id.scope.v);
	if (!rep_log_is_empty(log)) {                                             /* 2 */
		TR_ASSERT(rep_chain_find(view, log->handle, log->seq, &row) == 0);
		TR_ASSERT(row.last == log->seq);
		TR_ASSERT(memcmp(row.hash.b, log->head.b, 32) == 0);
	}
	TR_ASSERT(rep_chain_find(view, log->handle, log->seq + 1, &row) != 0);
	if (log->open != NULL) {
		TR_ASSERT(log->id.author.v == node->cert.nid.v);
		TR_ASSERT(log->open->log == log);
		TR_ASSERT(log->open->count >= 1 && log->open->count <= TR_SEG_OPS_MAX);
	}
	for (unsigned way = 0; way < REP_WAY_FILE; way++) {             /* 3 */
		TR_ASSERT(log->way[way].acked >= log->fork && log->way[way].acked <= log->seq);
		if (log->way[way].session != 0)
			TR_ASSERT(log->way[way].sent >= log->fork && log->way[way].sent <= log->seq);
	}
	for (uint16_t i = 0; i < log->vec_count; i++) {
		const struct rep_log *other = rep_log_get(node, log->vec[i].log);

		TR_ASSERT(other != NULL && other->first != log->first);
		TR_ASSERT(log->vec[i].seq > other->fork); /* named where it is stored */
		TR_ASSERT(other->id.scope.v == log->id.scope.v && other->id.lane == log->id.lane);
		TR_ASSERT(log->vec[i].seq <= other->seq); /* causes are here before effects */
	}
}

/* A walk over the own subtree meets whoever lies in it, and once. */
static void check_units(const struct rep_node *node)
{
	const struct rep_unit *self = rep_unit_find(node, node->cert.nid);
	size_t walked = 0, below = 0;

	for (size_t i = 0; i < node->unit_count; i++)
		below += rep_unit_under(node, node->units[i]->nid, node->cert.nid);
	for (const struct rep_unit *at = self; at != NULL; at = rep_unit_next(self, at)) {
		TR_ASSERT(rep_unit_under(node, at->nid, node->cert.nid)); /* 5 */
		walked++;
	}
	TR_ASSERT(walked == below);
}

void rep_check(const struct rep_node *node, const struct rep_view *view)
{
	check_units(node);
	for (size_t i = 0; i < node->log_count; i++) {
		TR_ASSERT(node->logs[i]->handle == i + 1);
		check_log(node, view, node->logs[i]);
	}
	for (size_t i = 0; i < node->link_count; i++) {
		const struct rep_link *link = node->links[i];

		if (link->state == REP_LINK_LIVE || link->state == REP_LINK_COMPARE) /* 4 */
			TR_ASSERT(link->peer.v != 0 && link->session != 0);
		TR_ASSERT(link->sent_count <= link->sent_cap);
		for (size_t k = 0; k < node->log_count; k++) {
			const struct rep_way *way = node->logs[k]->id.lane == TR_LANE_P ? rep_queue_way_known(link, node->logs[k]) : NULL;

			TR_ASSERT(way == NULL || way->acked <= node->logs[k]->seq);
		}
	}
}
