/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle -- an exchange through a file: the same messages as on a link, in
 * an order that a reader needs nothing else for.
 */
#ifndef REPLICATION_BUNDLE_H
#define REPLICATION_BUNDLE_H

#include "replication/node.h"

typedef int rep_bundle_emit(void *ctx, struct tr_bytes msg);

/* Everything that `link` (a pseudo link of the peer) lacks.  0; what emit returned. */
TR_MUST_CHECK int rep_bundle_write(struct rep_node *node, struct rep_link *link, rep_bundle_emit *emit, void *ctx);
/* A pseudo link for frames of a file; NULL: no memory. */
struct rep_link *rep_bundle_link(struct rep_node *node, struct tr_nid peer);
/* up, down or not on the path */
TR_MUST_CHECK int rep_bundle_way(const struct rep_node *node, struct tr_nid peer, uint8_t *way);

#endif
