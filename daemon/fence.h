/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fence -- a small file outside the store that says how far this node's own
 * past went.  Written after each commit that added own ops, without fsync: a
 * fence that is behind costs nothing, one that is ahead shows that the store
 * was restored from a backup or copied.
 *
 * Threads: the core's loop.
 */
#ifndef DAEMON_FENCE_H
#define DAEMON_FENCE_H

#include "replication/rep.h"

struct td_fence;

/* Opens or creates the file (0600).  NULL with a sentence in `error`. */
struct td_fence *td_fence_open(const char *path, char *error, size_t error_cap);
void td_fence_close(struct td_fence *fence); /* NULL is fine */
/* What it says; NULL if it is new, cut short or damaged. */
const struct rep_fence *td_fence_read(const struct td_fence *fence);
/* No-op if it says so already.  0 or TR_E_IO. */
TR_MUST_CHECK int td_fence_write(struct td_fence *fence, const struct rep_fence *now);

#endif
