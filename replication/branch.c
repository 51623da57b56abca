/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/branch.h"

static struct rep_log *at(const struct rep_node *node, uint32_t handle)
{
	return handle >= 1 && handle <= node->log_count ? node->logs[handle - 1] : NULL;
}

struct rep_log *rep_branch_first(const struct rep_node *node, const struct rep_log *log)
{
	return at(node, log->first);
}

struct rep_log *rep_branch_next(const struct rep_node *node, const struct rep_log *log)
{
	return at(node, log->next_row);
}

size_t rep_branch_count(const struct rep_node *node, const struct rep_log *log)
{
	size_t count = 0;

	for (const struct rep_log *row = rep_branch_first(node, log); row != NULL; row = rep_branch_next(node, row))
		count++;
	return count;
}

uint64_t rep_branch_top(const struct rep_node *node, const struct rep_log *log)
{
	uint64_t top = 0;

	for (const struct rep_log *row = rep_branch_first(node, log); row != NULL; row = rep_branch_next(node, row))
		top = row->seq > top ? row->seq : top;
	return top;
}

struct rep_log *rep_branch_holder(const struct rep_node *node, const struct rep_log *log, uint64_t seq)
{
	struct rep_log *row = node->logs[log->handle - 1], *up;

	while (seq <= row->fork && (up = at(node, row->parent)) != NULL)
		row = up;
	return row;
}

bool rep_branch_has(const struct rep_node *node, const struct rep_log *head, uint64_t head_seq, uint32_t row, uint64_t seq)
{
	for (; head != NULL; head = at(node, head->parent)) {
		if (head->handle == row)
			return seq <= head_seq;
		head_seq = head->fork < head_seq ? head->fork : head_seq;
	}
	return false;
}

bool rep_branch_see(const struct rep_node *node, uint32_t row, uint64_t seq, struct rep_seen *seen, size_t *count, size_t cap)
{
	for (const struct rep_log *log = at(node, row); log != NULL && seq != 0;
	     log = at(node, log->parent)) {
		size_t i = 0;

		while (i < *count && seen[i].log != log->handle)
			i++;
		if (i == cap)
			return false;
		if (i == *count)
			seen[(*count)++] = (struct rep_seen){log->handle, 0};
		if (seen[i].seq < seq)
			seen[i].seq = seq;
		seq = log->fork < seq ? log->fork : seq;
	}
	return true;
}
