/* SPDX-License-Identifier: Apache-2.0 */
/*
 * todo -- which units have something to be done, so that a node that knows
 * thousands does not walk over all of them at each commit.
 *
 *     struct rep_todo_run run;
 *     rep_todo_begin(node, REP_TODO_HEAD, &run);
 *     while ((unit = rep_todo_next(node, &run)) != NULL) ...
 *     rep_todo_end(node, &run);
 *
 * In the order in which the units became known.  What is added meanwhile is for
 * the next time, also the unit in hand.  One run at a time for each list.
 */
#ifndef REPLICATION_TODO_H
#define REPLICATION_TODO_H

#include "replication/node.h"

struct rep_todo_run {
	enum rep_todo what;
	uint32_t *index; /* taken out of the node until the end */
	size_t count, cap, at;
};

/* No-op if it is in the list.  No memory: sticky. */
void rep_todo_add(struct rep_node *node, enum rep_todo what, struct rep_unit *unit);
bool rep_todo_is_empty(const struct rep_node *node, enum rep_todo what);
void rep_todo_begin(struct rep_node *node, enum rep_todo what, struct rep_todo_run *run);
struct rep_unit *rep_todo_next(struct rep_node *node, struct rep_todo_run *run); /* NULL at the end */
void rep_todo_end(struct rep_node *node, struct rep_todo_run *run);
void rep_todo_fini(struct rep_node *node);

#endif
