/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view -- the store as the core sees it: the one open write transaction.
 *
 * Owns:    nothing.  The engine lends a view for the length of a call.
 * Rule:    a step reads and writes through the view, so steps of one commit
 *          see each other.  Nothing leaves before the commit: sends and
 *          replies go into a batch that opens only after rep_committed().
 *          If a put fails the engine aborts the transaction, throws the node
 *          away and loads it again from the store.
 * Threads: none.
 */
#ifndef REPLICATION_VIEW_H
#define REPLICATION_VIEW_H

#include "proto/vocab.h"

/*
 * Named tables.  Keys are time-ordered or (log, sequence); integers in keys
 * are big-endian, see replication/keys.h.  Values carry no checksum here:
 * the store adds and checks one.
 */
enum rep_table {
	REP_T_META = 0,  /* name -> self, incarnation, root, ceiling, counters */
	REP_T_LOG,       /* handle -> identity, head, vector, acknowledged hints */
	REP_T_SEG,       /* handle, LAST sequence -> hash, received ms, author's vector, encoded Seg */
	REP_T_OPEN,      /* handle, sequence -> op entry not yet in a signed segment */
	REP_T_PEND,      /* author, inc, scope, lane, first -> verified segment with a gap below it */
	REP_T_REC,       /* kind, record id -> folded record */
	REP_T_ROW,       /* record id, field, hlc, author, seq -> list or set item */
	REP_T_OPS,       /* record id, handle, sequence -> "": which ops made a record */
	REP_T_SRC,       /* BLAKE2b-64(source), source_id -> record ids */
	REP_T_DIR,       /* directive id, record id -> "" */
	REP_T_CONFLICT,  /* record id, group -> since when */
	REP_T_CERT,      /* nid, serial -> SignedCert */
	REP_T_UNIT,      /* nid -> parent, declared code and title */
	REP_T_PEER,      /* peer, what -> hints, counters, last seen */
	REP_T_HEAD,      /* nid -> newest HEAD, when it came */
	REP_T_RCPT,      /* scope -> newest RECEIPT, canonical */
	REP_T_INVITE,    /* token id -> invitation */
	REP_T_KEY,       /* idempotency key -> answer; and by day for pruning */
	REP_T_VIOLATION, /* record id, handle, sequence -> why */
	REP_T_LATER,     /* record id, handle, sequence -> why it is not understood, vocabulary */
	REP_T_CUT,       /* scope, cut nid, serial, handle, sequence -> who, when, heads that count */
	REP_T_EVID,      /* hash -> what one signer must not have signed twice */
	REP_T_DOMAIN,    /* scope, lane, record id, kind -> "": the records of a domain */
	REP_T_BASE,      /* scope, lane, what -> checkpoints, see base.h */
	REP_T_FLOOR,     /* record id, and table and key of a row -> see floor.h */
	REP_T_SNAP,      /* a snapshot that is not complete yet, see snap_take.c */
	REP_T_COUNT
};

struct rep_view_ops {
	/* 0; TR_E_NOTFOUND; TR_E_DAMAGED (checksum), TR_E_IO.  *value is
	 * borrowed until the next put or del of this transaction. */
	int (*get)(void *ctx, enum rep_table table, struct tr_bytes key,
	    struct tr_bytes *value);
	/* First row with key >= `from` (> `from` when `after`).  Errors and
	 * lifetime as get.  value NULL: keys only; the value is not looked at,
	 * so that a walk gets past a row that is damaged. */
	int (*seek)(void *ctx, enum rep_table table, struct tr_bytes from,
	    bool after, struct tr_bytes *key, struct tr_bytes *value);
	/* Last row with key < `before`; as seek. */
	int (*seek_before)(void *ctx, enum rep_table table,
	    struct tr_bytes before, struct tr_bytes *key,
	    struct tr_bytes *value);
	/* 0; TR_E_FULL, TR_E_IO, and the transaction is dead (sticky).
	 * NULL in a read-only view. */
	int (*put)(void *ctx, enum rep_table table, struct tr_bytes key,
	    struct tr_bytes value);
	/* 0, also when there was no such row. */
	int (*del)(void *ctx, enum rep_table table, struct tr_bytes key);
};

struct rep_view {
	const struct rep_view_ops *ops;
	void *ctx;
};

static inline int rep_get(const struct rep_view *view, enum rep_table table,
    struct tr_bytes key, struct tr_bytes *value)
{
	return view->ops->get(view->ctx, table, key, value);
}

static inline int rep_seek(const struct rep_view *view, enum rep_table table,
    struct tr_bytes from, bool after, struct tr_bytes *key,
    struct tr_bytes *value)
{
	return view->ops->seek(view->ctx, table, from, after, key, value);
}

static inline int rep_seek_before(const struct rep_view *view,
    enum rep_table table, struct tr_bytes before, struct tr_bytes *key,
    struct tr_bytes *value)
{
	return view->ops->seek_before(view->ctx, table, before, key, value);
}

static inline int rep_put(const struct rep_view *view, enum rep_table table,
    struct tr_bytes key, struct tr_bytes value)
{
	return view->ops->put(view->ctx, table, key, value);
}

static inline int rep_del(const struct rep_view *view, enum rep_table table,
    struct tr_bytes key)
{
	return view->ops->del(view->ctx, table, key);
}

#endif
