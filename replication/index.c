/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/index.h"

#include "proto/err.h"
#include "replication/branch.h"
#include "replication/chain.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/queue.h"
#include "replication/take.h"

/* Ends of segments of this row: the newest, then 1, 2, 4, ... before it, the oldest. */
static size_t places(struct rep_node *node, const struct rep_log *row, Terrace__Place *out)
{
	uint64_t at = row->seq, step = 1;
	size_t n = 0;

	for (;;) {
		struct rep_chain_row seg;

		if (rep_chain_find(node->view, row->handle, at, &seg) != 0)
			return n;
		if (n == 0 || out[n - 1].seq != seg.last) {
			TR_ASSERT(n < TR_INDEX_MAX); /* TR_SEQ_MAX has no more powers of two */
			terrace__place__init(&out[n]);
			out[n].seq = seg.last;
			out[n].h4 = wire_get_le32(seg.hash.b);
			n++;
		}
		if (at == row->fork + 1)
			return n;
		at = row->seq > row->fork + step ? row->seq - step : row->fork + 1;
		step *= 2;
	}
}

static void send_row(struct rep_node *node, struct rep_link *link, struct rep_log *row, bool more)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Index index = TERRACE__INDEX__INIT;
	Terrace__Place at[TR_INDEX_MAX];
	Terrace__Place *list[TR_INDEX_MAX];

	index.n_at = places(node, row, at);
	for (size_t i = 0; i < index.n_at; i++)
		list[i] = &at[i];
	rep_link_define(node, link, row);
	index.log = row->handle;
	index.at = list;
	index.more = more;
	msg.m_case = TERRACE__MSG__M_INDEX;
	msg.index = &index;
	rep_link_send(node, link, &msg);
}

static struct rep_log *next_full(const struct rep_node *node, struct rep_log *row)
{
	while (row != NULL && rep_log_is_empty(row))
		row = rep_branch_next(node, row);
	return row;
}

void rep_index_send(struct rep_node *node, struct rep_link *link, struct rep_log *log)
{
	struct rep_log *first = rep_branch_first(node, log), *row = next_full(node, first);
	struct rep_way *way = rep_queue_way(link, first);

	if (way->index_sent)
		return;
	way->index_sent = true;
	while (row != NULL) {
		struct rep_log *next = next_full(node, rep_branch_next(node, row));

		send_row(node, link, row, next != NULL);
		row = next;
	}
}

int rep_index_take(struct rep_node *node, struct rep_link *link, const Terrace__Index *msg)
{
	struct rep_log *log = rep_link_theirs(node, link, msg->log);
	struct rep_way *way;

	if (link->is_bundle || !link->peer_done)
		return TR_E_INPUT;
	if (log == NULL)
		return rep_take_is_waiting(link, msg->log) ? 0 : TR_E_INPUT;
	way = rep_queue_way(link, log);
	if (way->indexes >= way->theirs_count)
		return TR_E_INPUT; /* once a session for each of its branches */
	way->indexes++;
	for (size_t i = 0; i < msg->n_at; i++) {
		struct rep_log *row = rep_log_locate(node, log, msg->at[i]->seq, msg->at[i]->h4);

		if (row != NULL)
			rep_queue_raise(node, link, row, msg->at[i]->seq);
	}
	if (msg->more)
		return 0;
	for (struct rep_log *row = rep_branch_first(node, log); row != NULL; row = rep_branch_next(node, row))
		rep_queue_sure(node, link, row);
	rep_index_send(node, link, log);
	return 0;
}
