/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch -- what a step wants to happen outside, sealed until the commit.
 *
 * Owns:    copies of all bytes put into it.
 * Limits:  none of its own; links' credit and the engine's group limit bound it.
 */
#ifndef REPLICATION_BATCH_H
#define REPLICATION_BATCH_H

#include "replication/rep.h"

/* All fail if memory ran out; the batch is then broken (rep_batch_broken). */
/* Room for a message of `size` bytes to be written by the caller; NULL: no memory. */
uint8_t *rep_batch_send_room(struct rep_batch *batch, uint32_t link, size_t size);
bool rep_batch_bundle(struct rep_batch *batch, struct tr_bytes msg);
bool rep_batch_put(struct rep_batch *batch, const struct rep_effect *effect);
bool rep_batch_broken(const struct rep_batch *batch);

#endif
