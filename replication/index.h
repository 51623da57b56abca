/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index -- INDEX: where do two histories of one log part?  Each side says
 * places of its branches, ever farther apart; the other finds the newest that
 * it holds too and sends what comes after it.  One round trip, at most twice
 * what is really missing.
 */
#ifndef REPLICATION_INDEX_H
#define REPLICATION_INDEX_H

#include "replication/node.h"

/* All branches of the log, once a session. */
void rep_index_send(struct rep_node *node, struct rep_link *link, struct rep_log *log);
/* 0; TR_E_INPUT. */
TR_MUST_CHECK int rep_index_take(struct rep_node *node, struct rep_link *link, const Terrace__Index *msg);

#endif
