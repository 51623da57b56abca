/* SPDX-License-Identifier: Apache-2.0 */
/*
 * canon -- a record as canonical export JSON: the same bytes on every node
 * that holds the same segments (docs/control-protocol.md section 4).
 *
 * Violations are no part of it; of a list every item is.
 * Threads: none, no state.
 */
#ifndef DAEMON_CANON_H
#define DAEMON_CANON_H

#include "daemon/sock.h"
#include "replication/rep.h"

/* Appends one object.  0; TR_E_NOMEM; what reading the rows returned.  After
 * an error the end of `out` is unfinished. */
TR_MUST_CHECK int td_canon_write(const struct rep_node *node, const struct rep_view *view,
    const struct rep_record *rec, struct td_out *out);

/* Indexes of the legal steps in (hlc, author, inc, seq) order; returns the count. */
size_t td_canon_steps(const struct rep_record *rec, uint16_t out[static TR_STEPS_MAX]);
/* Name of a register or status group with two or more candidates; i from 0, in name order; NULL at the end. */
const char *td_canon_conflict(const struct rep_record *rec, size_t i);

#endif
