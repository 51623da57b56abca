/* SPDX-License-Identifier: Apache-2.0 */
/*
 * audit -- is the same state derived here and at a neighbour?
 *
 * The one that asks and the one that is asked do the same: a pass over their
 * records, a bounded number of them a flush, so that a million records block
 * nobody.  ROOTS: a sum over the records of each domain that the link is about.
 * Where the logs are equal and the sums are not: BUCKETS, 256 sums of that
 * domain; then RECORDS of the buckets that differ, as ids with hashes.
 *
 * A domain whose logs changed during the pass is moving: it is tried again.
 * Each frame answers one that asked for it, so at most one is on its way in
 * each direction, and none goes before data that waits.
 * Files: audit.c turns, audit_pass.c, audit_ask.c, audit_serve.c.
 */
#ifndef REPLICATION_AUDIT_H
#define REPLICATION_AUDIT_H

#include "replication/node.h"

#define REP_AUDIT_RECORDS_MAX 8192 /* listed in one pass */
#define REP_AUDIT_BUSY_MS 10000    /* a link that is never idle: a frame goes nevertheless */

struct rep_audit_sum { /* of one domain */
	struct tr_nid scope;
	uint8_t lane;
	uint8_t digest[16];      /* of its logs when the pass began */
	bool moved;              /* ... and they are others now */
	uint64_t records;
	uint64_t sum[4];
	/* what the peer says of it */
	bool has_peer, peer_moved;
	uint8_t peer_digest[16];
	uint64_t peer_records, peer_sum[4];
};

struct rep_audit_row { /* only bytes: those before the hash are compared at once */
	uint8_t kind;
	struct tr_rec_id id;
	uint8_t hash[16];
};

/* A pass over the records of this node. */
struct rep_audit_pass {
	uint8_t mode;            /* TR_AUDIT_ASK_*; 0 = none */
	bool done;
	bool started;
	uint8_t key[1 + sizeof(struct tr_rec_id)]; /* the last record */
	struct rep_audit_sum *doms; /* by scope, lane */
	size_t count;
	/* BUCKETS, RECORDS: of doms[0] */
	uint64_t buckets[TR_AUDIT_SPLIT];
	uint8_t want[TR_AUDIT_SPLIT / 8];
	struct rep_audit_row *rows;
	size_t row_count, row_cap;
	bool full;               /* there are more rows */
};

struct rep_audit {
	struct rep_audit_pass pass;
	uint32_t n;              /* of the question */
	uint32_t from;           /* of the part that is asked for */
	uint32_t epoch;          /* of the session */
	bool is_due;             /* a frame is to be sent when the link has nothing else to do */
	int64_t since_ms;        /* mono; the question, or the last part of its answer */
	/* asking */
	struct rep_audit_info info;
	struct tr_nid unit;
	int64_t until_ms, again_ms; /* mono; again_ms: next round, 0 = none is waited for */
	bool has_all;            /* the peer's answer is here */
	struct rep_audit_sum *bad; /* domains that differ, still to be looked into */
	size_t bad_count, bad_at;
	uint64_t peer_buckets[TR_AUDIT_SPLIT];
	struct rep_audit_row *peer_rows;
	size_t peer_count, peer_cap;
	struct rep_audit_diff diffs[REP_AUDIT_DIFFS_MAX];
};

/* REP_EV_AUDIT. */
void rep_audit_on(struct rep_node *node, const struct rep_audit_ask *ask);
/* A frame of the peer.  0; TR_E_* = it was refused. */
int rep_audit_take(struct rep_node *node, struct rep_link *link, const Terrace__Audit *msg);
/* Hashes some records, sends what is due. */
void rep_audit_flush(struct rep_node *node);
int64_t rep_audit_deadline(const struct rep_node *node); /* mono; INT64_MAX */
/* ---- audit_pass.c ---- */
void rep_audit_free(struct rep_audit *audit); /* NULL is fine */

/* Begins a pass of the link's domains (mode ASK_ROOTS; `unit` 0: all) or of one.
 * 0; TR_E_SCOPE: it is not in reach of the link; TR_E_NOMEM. */
TR_MUST_CHECK int rep_audit_begin(struct rep_node *node, struct rep_link *link, struct rep_audit_pass *pass,
    uint8_t mode, struct tr_nid unit, struct tr_nid scope, uint8_t lane, const uint8_t *want);
/* NULL if the pass is not about it. */
struct rep_audit_sum *rep_audit_find(struct rep_audit_pass *pass, struct tr_nid scope, uint8_t lane);
/* Hashes up to *budget records.  Sticky errors of memory and I/O. */
void rep_audit_work(struct rep_node *node, struct rep_audit_pass *pass, size_t *budget);
uint8_t rep_audit_bucket(const struct tr_rec_id *id);
/* May a frame of an audit go? */
bool rep_audit_may_send(const struct rep_node *node, const struct rep_link *link, const struct rep_audit *audit);

/* ---- audit_ask.c ---- */
void rep_audit_ask_go_on(struct rep_node *node, struct rep_link *link);
int rep_audit_ask_take(struct rep_node *node, struct rep_link *link, const Terrace__Audit *msg);
void rep_audit_ask_end(struct rep_audit *audit, int rc);
int64_t rep_audit_ask_deadline(const struct rep_audit *audit);

/* ---- audit_serve.c ---- */
void rep_audit_serve_go_on(struct rep_node *node, struct rep_link *link);
int rep_audit_serve_take(struct rep_node *node, struct rep_link *link, const Terrace__Audit *msg);

#endif
