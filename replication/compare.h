/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare -- two neighbours find out what each lacks: frontier digest in
 * HELLO and WELCOME, scope digests where there are many scopes, entries.
 */
#ifndef REPLICATION_COMPARE_H
#define REPLICATION_COMPARE_H

#include "replication/node.h"

/* Digest over everything in reach of the link, 16 bytes. */
void rep_compare_digest(const struct rep_node *node, const struct rep_link *link, uint8_t out[static 16]);
/* Digests differ: say what is here. */
void rep_compare_begin(struct rep_node *node, struct rep_link *link);
/* Digests are equal: everything in reach is there.  tentative: HELLO is out, no answer yet. */
void rep_compare_equal(struct rep_node *node, struct rep_link *link, bool tentative);
void rep_compare_confirm(struct rep_node *node, struct rep_link *link);
/* A FRONTIER frame of any mode.  0; TR_E_INPUT. */
TR_MUST_CHECK int rep_compare_frontier(struct rep_node *node, struct rep_link *link, const Terrace__Frontier *msg);
/* Sends what FULL says; scopes == NULL: all in reach. */
void rep_compare_send_full(struct rep_node *node, struct rep_link *link, bool only_differing);

#endif
