/* SPDX-License-Identifier: Apache-2.0 */
/*
 * move -- a unit is closed, and its work goes on in another: the job that sends
 * the open work after it.  What says that it is closed: closed.h.
 *
 * The job
 * belongs to the node that closed it, is kept in the store, and does a bounded
 * piece of work at a time; what the old unit still wrote before it knew is sent
 * after it, too.
 */
#ifndef REPLICATION_MOVE_H
#define REPLICATION_MOVE_H

#include "replication/node.h"

/* w->home is closed, w->move_to is its successor.  Starts (or restarts) the job. */
int rep_move_begin(struct rep_node *node, const struct rep_write *w, struct rep_reply *r);
/* A piece of the job, if there is any. */
void rep_move_tick(struct rep_node *node);
/* mono time when it goes on; INT64_MAX: nothing to do. */
int64_t rep_move_deadline(const struct rep_node *node);
/* At the start, after the units. */
void rep_move_load(struct rep_node *node);
/* Of a renamed child: its own record says it, too, so that it knows. */
int rep_move_title(struct rep_node *node, struct tr_nid unit, struct tr_bytes title, struct tr_bytes actor);

#endif
