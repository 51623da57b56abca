/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify -- one thing at a time against what it is derived from; what
 * rep_verify_next() walks over (fault.h) and mend.c mends.
 */
#ifndef REPLICATION_VERIFY_H
#define REPLICATION_VERIFY_H

#include "proto/err.h"
#include "replication/chain.h"
#include "replication/keys.h"
#include "replication/refold.h"

/* Ends a walk: nothing is known of what could not be read. */
static inline bool rep_verify_is_fatal(int rc)
{
	return rc == TR_E_IO || rc == TR_E_NOMEM;
}

/* The stored segment that begins at `first`, decoded into the arena (which is
 * reset).  0; TR_E_GAP: none begins there; TR_E_DAMAGED. */
TR_MUST_CHECK int rep_verify_row(const struct rep_view *view, const struct rep_log *log, uint64_t first,
    struct wire_arena *arena, struct rep_chain_row *row, Terrace__Seg **seg);
/* The segment that begins at `first` does not verify: is its own row at fault, or
 * one that it hangs on?  The arena is scratch.  0; TR_E_IO, TR_E_NOMEM. */
TR_MUST_CHECK int rep_verify_is_own(const struct rep_node *node, const struct rep_view *view, const struct rep_log *log,
    uint64_t first, struct wire_arena *arena, bool *own);
/* 0: as its ops make it; TR_E_DIFFERS and *out (if not NULL) as it should be,
 * the caller's; errors of rep_refold. */
TR_MUST_CHECK int rep_verify_record(const struct rep_node *node, const struct rep_view *view,
    const struct tr_rec_id *id, struct rep_overlay **out);
/* Is the record found by its look-ups?  0; TR_E_IO. */
TR_MUST_CHECK int rep_verify_lookup(const struct rep_view *view, const struct rep_record *rec, bool *missing);
/* Does the record named by a row of a look-up stand behind it? */
TR_MUST_CHECK int rep_verify_stands(const struct rep_view *view, enum rep_table table, struct tr_bytes key,
    const struct tr_rec_id *id, struct rep_record *rec, bool *stands);

#endif
