/* SPDX-License-Identifier: Apache-2.0 */
/*
 * on -- one function per thing that can happen to a node; called by node.c.
 * Bad input is dropped, counted, traced; store errors are sticky in node->rc.
 */
#ifndef REPLICATION_ON_H
#define REPLICATION_ON_H

#include "replication/node.h"

void rep_on_link_up(struct rep_node *node, const struct rep_event *event);
void rep_on_link_down(struct rep_node *node, const struct rep_event *event);
void rep_on_frame(struct rep_node *node, const struct rep_event *event);
void rep_on_write(struct rep_node *node, const struct rep_write *write);
void rep_on_invite(struct rep_node *node, const struct rep_invite *invite);
void rep_on_policy(struct rep_node *node, const struct rep_policy_send *send);
void rep_on_key(struct rep_node *node, const struct rep_key_act *act);
void rep_on_pause(struct rep_node *node, const struct rep_event *event);
void rep_on_bundle(struct rep_node *node, const struct rep_event *event);

/* on_hello.c */
void rep_on_hello(struct rep_node *node, struct rep_link *link, const Terrace__Msg *msg);
int rep_on_welcome(struct rep_node *node, struct rep_link *link, const Terrace__Welcome *msg);
void rep_on_hello_send(struct rep_node *node, struct rep_link *link);
void rep_on_bye_send(struct rep_node *node, struct rep_link *link, uint32_t session, const char *why);
/* on_enroll.c */
void rep_on_enroll(struct rep_node *node, struct rep_link *link, const Terrace__Msg *msg);
bool rep_on_enroll_key(struct rep_node *node, const struct tr_key *user, uint8_t id[static TR_TOKEN_ID_SIZE]);
void rep_on_enroll_allow(struct rep_node *node); /* keys of open invitations, at start */
/* CERT: taken if it proves itself (trust.h).  0; TR_E_... */
int rep_on_cert(struct rep_node *node, const struct rep_link *link, struct tr_bytes signed_cert);
/* Top: countersigns what waits. */
void rep_on_register(struct rep_node *node);
/* Writes a CERT op into the unit's own X domain. */
void rep_on_cert_op(struct rep_node *node, struct tr_nid unit, struct tr_bytes signed_cert);
/* on_transfer.c: node->record goes to w->move_to. */
int rep_on_transfer(struct rep_node *node, const struct rep_write *w, struct rep_reply *r);
/* Several moved node->record at the same time, and node->op2 states one of
 * them again: may this node send the copies that the others made there, too?
 * 0: yes, node->record is as it was, node->op2 is not; else why not. */
int rep_on_transfer_check(struct rep_node *node, const struct rep_write *w, struct rep_reply *r);
/* Sends them; after the op.  node->record is another one then. */
int rep_on_transfer_settle(struct rep_node *node, const struct rep_write *w);
/* Says in the reply where a record went. */
void rep_on_transfer_gone(const struct rep_record *rec, struct rep_reply *r);
/* on_frame.c: content of one message of a session or a bundle.  0; TR_E_* = it was refused. */
int rep_on_content(struct rep_node *node, struct rep_link *link, const Terrace__Msg *msg);

#endif
