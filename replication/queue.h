/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue -- which logs have something for which neighbour: a send queue per
 * class and an acknowledgement queue per link, threaded through rep_log.way.
 */
#ifndef REPLICATION_QUEUE_H
#define REPLICATION_QUEUE_H

#include "replication/node.h"

/* Class of a lane: 0 E, 1 X and P, 2 R, 3 B. */
unsigned rep_queue_class(uint8_t lane);
/* The link that holds a log's scope on that side, if it is LIVE; else NULL.
 * Not for lane P downward, which all children share. */
struct rep_link *rep_queue_link(const struct rep_node *node, const struct rep_log *log, unsigned way);
/* Queues the log on the links that lack part of it. */
void rep_queue_offer(struct rep_node *node, struct rep_log *log);
void rep_queue_send(struct rep_node *node, struct rep_link *link, struct rep_log *log);
/* The same, before all others. */
void rep_queue_again(struct rep_link *link, struct rep_log *log);
/* Takes the first log of a class; NULL if empty. */
struct rep_log *rep_queue_take(struct rep_node *node, struct rep_link *link, unsigned cls);
bool rep_queue_is_empty(const struct rep_link *link);
void rep_queue_ack(struct rep_node *node, struct rep_link *link, struct rep_log *log);
struct rep_log *rep_queue_take_ack(struct rep_node *node, struct rep_link *link);
/* The peer has the log up to seq, so also what lies below it in the rows that this one left. */
void rep_queue_raise(const struct rep_node *node, struct rep_link *link, struct rep_log *log, uint64_t seq);
/* What it has of this row is known now: the rest may go. */
void rep_queue_sure(struct rep_node *node, struct rep_link *link, struct rep_log *log);
/* Both, for the row and those that it left. */
void rep_queue_has(struct rep_node *node, struct rep_link *link, struct rep_log *log, uint64_t seq);
/* Empties both queues: the session is over. */
void rep_queue_clear(struct rep_node *node, struct rep_link *link);
/* way of a log for this session: fields of an earlier session are reset first. */
struct rep_way *rep_queue_way(struct rep_link *link, struct rep_log *log);
/* The same when nobody may be made: NULL if the link never spoke of that log. */
const struct rep_way *rep_queue_way_known(const struct rep_link *link, const struct rep_log *log);
/* Scope lies in what this link is about: the subtree of the child end. */
bool rep_queue_in_reach(const struct rep_node *node, const struct rep_link *link, struct tr_nid scope);
/* What a link carries: all lanes of the scopes in reach, and lane P of every
 * unit above the child end.  The same set at both ends, in both directions:
 * who was restored gets its own policy back from below. */
bool rep_queue_carries(const struct rep_node *node, const struct rep_link *link, const struct tr_log_id *id);
/* Walks the logs of a scope that the link carries; NULL at the end. */
struct rep_log *rep_queue_first(const struct rep_node *node, const struct rep_link *link, const struct rep_unit *scope);
struct rep_log *rep_queue_next(const struct rep_node *node, const struct rep_link *link, const struct rep_log *log);

#endif
