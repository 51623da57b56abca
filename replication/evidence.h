/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evidence -- two things that one signer must not both have signed: kept, one
 * pair for each (unit, serial), and handed upward to the top node.
 */
#ifndef REPLICATION_EVIDENCE_H
#define REPLICATION_EVIDENCE_H

#include "replication/node.h"

/* Both are verified already.  Copied. */
void rep_evidence_keep(struct rep_node *node, uint32_t kind, struct tr_bytes a, struct tr_bytes b);
/* All that is here, to the parent: once a session. */
void rep_evidence_flush(struct rep_node *node);

#endif
