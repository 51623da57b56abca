/* SPDX-License-Identifier: Apache-2.0 */
/*
 * own -- this node's own ops: from a local write to a signed segment.
 *
 * An op is durable with the commit of its step (table OPEN), "ok" follows.
 * Closing signs the segment, stores it and removes its ops from OPEN in one
 * transaction.  A domain's open ops are closed before a remote segment of
 * that domain is applied, so that all ops of a segment saw the same.
 */
#ifndef REPLICATION_OWN_H
#define REPLICATION_OWN_H

#include "replication/chain.h"
#include "replication/fold.h"
#include "replication/node.h"

/* Own log of the current incarnation; NULL: no memory. */
struct rep_log *rep_own_log(struct rep_node *node, struct tr_nid scope, uint8_t lane);
/* What an op written now in that log has seen: the rest of its domain, as far
 * as it is here.  False: more logs than a vector holds. */
bool rep_own_seen(const struct rep_node *node, const struct rep_log *log, struct rep_fold *out);
/* What an op written now in that log has seen, and who writes it. */
void rep_own_fold(struct rep_node *node, struct rep_log *log, struct rep_fold *out);
/*
 * Adds an op: stamps op->dt_ms, encodes.  0 and *seq; TR_E_SIZE if the op is
 * larger than TR_OP_BYTES_MAX.  fold->hlc is set to the segment's.
 */
TR_MUST_CHECK int rep_own_add(struct rep_node *node, struct rep_fold *fold, struct rep_op *op, uint64_t *seq);
/* Op entry number i, borrowed until the next op is added. */
struct tr_bytes rep_own_entry(const struct rep_open *open, uint32_t i);
void rep_own_close(struct rep_node *node, struct rep_open *open);
/* Before a remote segment of that domain. */
void rep_own_close_domain(struct rep_node *node, struct tr_nid scope, uint8_t lane);
/* At a flush: closes what is due, keeps the rest in OPEN. */
void rep_own_flush(struct rep_node *node);
/* mono time when the next open segment falls due; INT64_MAX if none. */
int64_t rep_own_deadline(const struct rep_node *node);
/* Closes what is of this incarnation (a contact begins).  The rest waits for
 * what the peer says of its log: it may have been signed and sent before the
 * store was put back. */
void rep_own_close_new(struct rep_node *node);
/* The link's comparison is over: closes what is left over and not to come from there. */
void rep_own_settled(struct rep_node *node, struct rep_link *link);
/* Do the ops that wait in this row's log begin the segment, byte for byte? */
bool rep_own_is_open(const struct rep_log *log, const struct rep_chain_seg *seg);
/* They came back signed: forgotten here, folded they are.  Returns their count. */
uint32_t rep_own_forget(struct rep_node *node, struct rep_log *log);
/* Closes everything, due or not (a bundle or a backup is written). */
void rep_own_close_all(struct rep_node *node);
void rep_own_load(struct rep_node *node);

#endif
