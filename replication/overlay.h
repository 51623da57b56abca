/* SPDX-License-Identifier: Apache-2.0 */
/*
 * overlay -- a view over a view: reads fall through, writes stay in memory
 * until they are applied or dropped.
 *
 * Owns:    copies of the keys and values written; `base` is borrowed.
 * Limits:  memory, given at creation.  A put or del beyond it says TR_E_LIMIT,
 *          and so does every later one (sticky until reset).
 * Errors:  a row of the base that cannot be read is no obstacle as long as the
 *          overlay has its own value, or a deletion, for that key.
 * Threads: none.
 */
#ifndef REPLICATION_OVERLAY_H
#define REPLICATION_OVERLAY_H

#include "replication/view.h"

struct rep_overlay;

/* NULL: no memory.  `base` and what it borrows outlive the overlay; it may be
 * a read-only view.  max_bytes: of all rows, with what they cost to keep. */
struct rep_overlay *rep_overlay_create(const struct rep_view *base, size_t max_bytes);
void rep_overlay_free(struct rep_overlay *overlay); /* NULL is fine */
/* Without any change again. */
void rep_overlay_reset(struct rep_overlay *overlay);
/* The view; values are borrowed until the next put or del through it, or
 * through the base. */
const struct rep_view *rep_overlay_view(struct rep_overlay *overlay);

/* Changes so far, deletions of what the base does not have among them. */
size_t rep_overlay_count(const struct rep_overlay *overlay);
/* The next change after (table, key), in order of table and key; `after` NULL:
 * the first.  False at the end.  value->data NULL: the row is deleted. */
struct rep_change_row {
	enum rep_table table;
	struct tr_bytes key, value;
};
bool rep_overlay_next(const struct rep_overlay *overlay, const struct rep_change_row *after,
    struct rep_change_row *out);
/* Writes all changes to `to`, usually a base that can be written.  The overlay
 * keeps them.  0; errors of put and del. */
TR_MUST_CHECK int rep_overlay_apply(const struct rep_overlay *overlay, const struct rep_view *to);

#endif
