/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/todo.h"

#include <stdlib.h>

#include "proto/err.h"
#include "proto/grow.h"

void rep_todo_add(struct rep_node *node, enum rep_todo what, struct rep_unit *unit)
{
	struct rep_todo_list *list = &node->todo[what];
	uint32_t *more;

	if ((unit->todo & 1u << what) != 0)
		return;
	more = tr_grow(list->index, list->count, &list->cap, sizeof(*more));
	if (more == NULL) {
		rep_node_fail(node, TR_E_NOMEM);
		return;
	}
	list->index = more;
	list->index[list->count++] = unit->index;
	unit->todo |= (uint8_t)(1u << what);
}

bool rep_todo_is_empty(const struct rep_node *node, enum rep_todo what)
{
	return node->todo[what].count == 0;
}

static int by_index(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void rep_todo_begin(struct rep_node *node, enum rep_todo what, struct rep_todo_run *run)
{
	struct rep_todo_list *list = &node->todo[what];

	*run = (struct rep_todo_run){.what = what, .index = list->index, .count = list->count, .cap = list->cap};
	*list = (struct rep_todo_list){NULL, 0, 0};
	if (run->count > 1)
		qsort(run->index, run->count, sizeof(*run->index), by_index);
	for (size_t i = 0; i < run->count; i++)
		node->units[run->index[i]]->todo &= (uint8_t)~(1u << what);
}

struct rep_unit *rep_todo_next(struct rep_node *node, struct rep_todo_run *run)
{
	return run->at < run->count ? node->units[run->index[run->at++]] : NULL;
}

/* The array goes back when nothing was added meanwhile: no allocation at each commit. */
void rep_todo_end(struct rep_node *node, struct rep_todo_run *run)
{
	struct rep_todo_list *list = &node->todo[run->what];

	if (list->index == NULL)
		*list = (struct rep_todo_list){run->index, 0, run->cap};
	else
		free(run->index);
	run->index = NULL;
}

void rep_todo_fini(struct rep_node *node)
{
	for (int what = 0; what < REP_TODO_COUNT; what++) {
		free(node->todo[what].index);
		node->todo[what] = (struct rep_todo_list){NULL, 0, 0};
	}
}
