/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link -- one neighbour: states, timers, framing.
 *
 * Child side (to the parent):
 *
 *   OFF --timer, retry--> DIAL --transport--> HELLO_SENT --WELCOME, equal--> LIVE
 *    ^                     |                     |  `--differs--> COMPARE --both done--> LIVE
 *    `--back-off-----------+---------------------+---- any loss, 3 silent beats --------'
 *   HELLO_SENT --verdict not ok--> REFUSED (dials again hourly or by retry)
 *   any --a newer key of this unit is registered--> FENCED, for ever
 * Parent side (one per child): NEVER/OFF --HELLO--> COMPARE or LIVE --loss--> OFF
 * PAUSED: by the operator, either side.
 */
#ifndef REPLICATION_LINK_H
#define REPLICATION_LINK_H

#include "replication/node.h"

/* Link by transport number; NULL. */
struct rep_link *rep_link_find(const struct rep_node *node, uint32_t number);
/* The known child's link, whatever its state; NULL if it has none yet. */
struct rep_link *rep_link_of_child(const struct rep_node *node, struct tr_nid child);
/* The same, made on demand.  NULL: no memory. */
struct rep_link *rep_link_of_peer(struct rep_node *node, struct tr_nid peer);
struct rep_link *rep_link_make(struct rep_node *node, uint32_t number);
void rep_link_free(struct rep_link *link);
void rep_link_state(struct rep_node *node, struct rep_link *link, enum rep_link_state state, const char *why);
/* Session over: queues, maps, in-flight are forgotten; transport is closed if `close`. */
void rep_link_down(struct rep_node *node, struct rep_link *link, bool close, const char *why);
/* A new session begins. */
void rep_link_session(struct rep_node *node, struct rep_link *link, uint32_t session);
/* Encodes and sends; sets session and n. */
void rep_link_send(struct rep_node *node, struct rep_link *link, Terrace__Msg *msg);
/* LOGDEF (and the author's CERT if the peer may lack it), once a session. */
void rep_link_define(struct rep_node *node, struct rep_link *link, struct rep_log *log);
/* The certificate of that serial, and those of its issuers; once a session. */
void rep_link_cert(struct rep_node *node, struct rep_link *link, struct tr_nid nid, uint32_t serial);
/* The same, unless the peer has it. */
void rep_link_author(struct rep_node *node, struct rep_link *link, struct tr_nid nid, uint32_t serial);
/* Sent in this session? */
bool rep_link_has_sent(const struct rep_link *link, struct tr_nid nid, uint32_t serial);
/* Own log behind a peer's handle; NULL. */
struct rep_log *rep_link_theirs(const struct rep_node *node, const struct rep_link *link, uint32_t handle);
/* Bytes cost: fewer beats, more patience. */
bool rep_link_is_metered(const struct rep_link *link);
/* Sets the profile, and the credit and beat that go with it. */
void rep_link_profile(struct rep_link *link, enum tr_profile profile);
/* How long an answer may take from now on (DIAL, HELLO_SENT, COMPARE). */
void rep_link_patience(struct rep_node *node, struct rep_link *link);
/* When to dial again. */
void rep_link_backoff(struct rep_node *node, struct rep_link *link, bool refused);
void rep_link_dial(struct rep_node *node, struct rep_link *link);
void rep_link_tick(struct rep_node *node, struct rep_link *link);
/* The way to the top node broke, or is whole again: the child is told with the next tick. */
bool rep_link_has_news(const struct rep_node *node, const struct rep_link *link);
int64_t rep_link_deadline(const struct rep_node *node, const struct rep_link *link);
void rep_link_live(struct rep_node *node, struct rep_link *link);

#endif
