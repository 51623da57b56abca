/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seat -- who sits in a unit's chair: sessions, the list of keys and the own
 * rights follow the newest certificates and CUTs.
 */
#ifndef REPLICATION_SEAT_H
#define REPLICATION_SEAT_H

#include "replication/node.h"

/* At the start: keys of all children, and whether this seat is still the one of its unit. */
void rep_seat_start(struct rep_node *node);
/* Once a commit, before anything is sent. */
void rep_seat_flush(struct rep_node *node);
/* A file of a child was read to its end: it may have been the first word of its new key. */
void rep_seat_bundle(struct rep_node *node, struct rep_link *file);
#endif
