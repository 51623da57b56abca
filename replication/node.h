/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node -- what a node keeps in memory; private to replication/.
 *
 * Everything here can be loaded again from the store; the store is the truth.
 * During a step, view/batch/wall/mono are set and rc is sticky: after a
 * store error every further put is a no-op and the step returns the error.
 *
 * Invariants (executable copy: check.c):
 *  1 logs[h-1]->handle == h; by_log finds the first row under its identity.
 *  2 a log's seq is the last sequence of its newest stored segment;
 *    own logs also have open ops above it.
 *  3 way.acked <= way.sent unless unsure; fork <= both <= seq.
 *  4 a link in LIVE or COMPARE has a peer.
 *  5 rep_unit_next() from the own unit meets every unit under it, once.
 */
#ifndef REPLICATION_NODE_H
#define REPLICATION_NODE_H

#include "proto/wire.h"
#include "replication/map.h"
#include "replication/rep.h"
#include "replication/rng.h"

#define REP_WAY_UP 0
#define REP_WAY_DOWN 1
#define REP_WAY_FILE 2 /* a bundle under way; beside the links */
#define REP_WAYS 3
#define REP_CLASSES 4 /* data classes of a link: E, X, R, B */
#define REP_DELAYS 256

/* What one neighbour has of a log. */
struct rep_way {
	uint64_t acked;       /* durable there, as it said last */
	uint64_t sent;        /* handed to the link in this session */
	uint64_t said;        /* where our FULL said that it ends */
	uint32_t session;     /* in which sent, theirs and defined are true */
	uint32_t theirs;      /* a handle of the peer's for this log (first row only); 0 = not defined to us */
	uint8_t theirs_count; /* so many handles: one for each of its branches (first row only) */
	uint8_t entries;      /* heads of it that FULL named (first row only) */
	uint8_t indexes;      /* INDEX frames that came for it (first row only) */
	bool unknown;         /* a head that is not here (first row only) */
	bool parted;          /* ... at a place that is (first row only) */
	bool index_sent;      /* our INDEX went out (first row only) */
	bool defined;         /* our LOGDEF went out */
	bool unsure;          /* how much of it the peer has is being found out: nothing goes until then */
	bool queued;          /* in its link's send queue */
	bool ack_queued;      /* in its link's acknowledgement queue */
	uint32_t next_send;   /* handle of the next log in the queue; 0 = end */
	uint32_t next_ack;
	int32_t over;         /* bytes that its last turn took of the next one; < 0: that it has left */
};

struct rep_vec_entry { /* of an author's vector, with local handles */
	uint32_t log;
	uint64_t seq;
	uint8_t h16[16];
};

/*
 * A log, or one branch of it: the rows of one log share its identity.  Which
 * of two branches is the first row and which one left it is a matter of which
 * came first here; nothing that leaves this node may depend on it.
 */
struct rep_log_sum { /* hash of (log, seq, head), as of this seq and head */
	uint64_t seq, sum[2];
	uint8_t head[8];
};

struct rep_log {
	uint32_t handle;
	uint32_t parent;          /* row that this one left; 0: the first row */
	uint32_t first;           /* handle of the log's first row */
	uint32_t next_row;        /* of the same log; 0 = end */
	uint64_t fork;            /* what it left after; its own segments begin behind it */
	struct tr_log_id id;
	uint64_t seq;             /* stored in segments; = fork: nothing of its own */
	struct tr_hash head;      /* hash of the newest segment; zero if none */
	struct rep_vec_entry *vec; /* the author's vector as of its newest segment */
	uint16_t vec_count, vec_cap;
	struct rep_way way[REP_WAYS]; /* DOWN: to the one child that holds the scope; lane P: in the link */
	uint64_t receipt_seq;
	uint64_t late_seq;        /* receipt_seq when it last grew */
	int64_t late_since_ms;    /* node->contact_ms at that time, */
	int64_t dark_since_ms;    /* and node->session_ms */
	struct rep_log_sum sum;   /* remembered by log_digest.c */
	uint32_t next_in_scope;   /* handle; 0 = end */
	uint32_t next_by_author;
	struct rep_open *open;    /* own logs only: ops not yet signed */
	uint32_t serial;          /* of the author's certificate: one for the whole incarnation; 0 = no segment yet */
	uint64_t low;             /* segments up to here may be dropped, see prune.h; 0 = none is */
	uint64_t aside_from;      /* ops from here on are set aside by a CUT; UINT64_MAX = none */
	uint64_t kept_seq;        /* some checkpoint of the top node covers the ops up to here: no CUT sets them aside */
	bool stored;              /* has a row in REP_T_LOG */
};

/* Ops of one own log that wait for their segment. */
struct rep_open {
	struct rep_log *log;
	struct rep_open *next;    /* in node->opens */
	uint64_t first;           /* sequence of the first op */
	bool settled[2];          /* left over: the neighbour of that way has no more of the log */
	uint32_t heard_epoch;     /* left over: session in which the one that is waited for said that it has */
	uint32_t count, persisted; /* ops here; of them with a row in REP_T_OPEN */
	struct tr_hlc hlc;        /* of the first op */
	uint8_t clockq;           /* of the first op, for all */
	int64_t since_mono_ms;
	size_t size;
	uint32_t offset[TR_SEG_OPS_MAX];
	uint8_t data[TR_SEG_BYTES_SOFT + TR_OP_BYTES_MAX];
};

/* Lists of units, see todo.h. */
enum rep_todo {
	REP_TODO_HEAD = 0,        /* its HEAD is to be passed on upward */
	REP_TODO_RECEIPT_DUE,     /* top: the scope grew */
	REP_TODO_RECEIPT,         /* one is to be passed on downward, or waits for what it names */
	REP_TODO_COUNT
};

struct rep_todo_list { uint32_t *index; size_t count, cap; };

struct rep_unit {
	struct tr_nid nid, parent; /* parent 0: top, or not known */
	uint32_t index;
	struct rep_unit *above, *first_child, *last_child, *next_sibling; /* the tree, see rep_unit_next() */
	uint8_t todo;             /* in which lists it is: bits of enum rep_todo */
	uint8_t level;
	bool has_cert;            /* joined */
	bool own_or_below;        /* in this node's subtree, itself included */
	bool on_path;             /* on the way to the root, itself included */
	struct rep_cert cert;     /* of the highest registered serial; of the highest, while none is */
	bool has_next;            /* certified by its parent with a higher serial, but not registered */
	struct rep_cert next;
	uint32_t serial_max;      /* of all its certificates here */
	uint16_t cert_count;
	bool cuts_dirty;          /* of this scope: a CUT came */
	bool keys_dirty;          /* its keys on the list of those that may connect */
	char unit[TR_UNIT_PATH_MAX + 1]; /* declared, also before it joins */
	char title[TR_TITLE_MAX + 1];
	uint32_t caps;            /* declared */
	uint32_t first_log;       /* logs of this scope; 0 = none */
	uint32_t first_own_log;   /* logs by this author */
	uint64_t here_ops;        /* ops by this author held here */
	/* newest HEAD */
	bool has_head;
	uint32_t head_serial;     /* of the key that signed it */
	uint32_t head_ctr;
	struct tr_hlc head_hlc;
	uint64_t head_own;
	uint32_t head_own_ops, head_unsent, head_oldest_s;
	uint32_t xseq[2 * (TR_LEVEL_MAX + 1)];
	uint8_t xseq_count;
	struct tr_hlc xseq_hlc;   /* of the first HEAD with these counts: when the newest of them came */
	int64_t head_differs_ms;  /* mono, since when own digests differ; 0 = equal */
	bool head_alarmed;
	/* newest SUMMARY */
	bool has_summary, summary_dirty;
	bool waiting_dirty;       /* more waits for this child, which is away */
	enum tr_peer_state state;
	uint64_t waiting, waiting_bytes, oldest_s;
	int64_t last_seen_ms, summary_ms;
	char version[32];
	uint32_t policy;          /* version that it uses: its HELLO, its acknowledgement, its parent's SUMMARY */
	/* RECEIPT of this scope */
	uint32_t receipt_ctr;
	uint64_t receipt_mark; /* of its signature: a store that was put back may say the counter twice */
	bool receipt_unsent;      /* to be passed on downward */
	int64_t receipt_mono_ms;  /* when the last one was made */
	struct rep_pending_receipt *pending; /* names heads that are not here yet */
	/* its own record: closed, and who goes on with its work (move.c) */
	bool closed;
	bool is_mover;            /* this node sends its open work there, */
	bool move_due;            /* has some to do, */
	bool move_again;          /* has to look from the beginning */
	struct tr_nid successor;
	char successor_path[TR_UNIT_PATH_MAX + 1]; /* it may be unknown here */
	uint8_t claims;           /* times it said that our own log was further, unproved */
};

/* A CUT op that was folded: what is allowed of a cut key, in one scope. */
struct rep_cut_head {
	uint64_t inc;
	uint8_t lane;
	uint64_t seq;
	uint8_t h16[16];
};
struct rep_cut {
	struct tr_nid scope, nid;
	uint32_t serial;
	struct tr_dot dot;        /* the op */
	struct tr_nid by;
	struct tr_hlc hlc;
	uint8_t reason;           /* enum rep_cut_reason */
	uint16_t head_count;
	struct rep_cut_head *heads;
};

struct rep_pending_receipt {
	uint32_t ctr;
	struct tr_hlc hlc;
	uint8_t sig[64];
	uint16_t count;
	struct { uint32_t log; uint64_t seq; uint32_t h4; } f[TR_VECTOR_MAX];
};

struct rep_sent { /* one segment in flight */
	uint32_t log;
	uint64_t last;
	uint32_t bytes;
	int64_t origin_ms;
};

struct rep_def { /* a LOGDEF of a unit that is not declared here yet */
	uint32_t h;
	struct tr_log_id id;
};

struct rep_link {
	struct rep_node *node;    /* whose it is */
	uint32_t number;
	uint8_t way;              /* REP_WAY_UP: the peer is above, else DOWN */
	uint8_t slot;             /* in rep_log.way: the same, or FILE */
	bool is_bundle;           /* frames of a file, not a session */
	bool has_transport;
	enum rep_link_state state;
	struct tr_nid peer;
	uint32_t peer_serial;     /* a child: of the key that ZAP proved; the parent: what it says of itself */
	struct tr_key user;
	bool is_enrolling;        /* came with the key of an invitation */
	uint8_t invite_id[TR_TOKEN_ID_SIZE];
	uint32_t evidence_epoch;  /* of the session in which evidence was sent; */
	uint32_t cut_epoch;       /* ... the child's former keys were found to be cut; */
	uint32_t knows_serial;    /* a child: highest registered serial of ours that it knows */
	bool was_equal;           /* both ends held the same when this session began */
	bool by_former;           /* ... expects the parent's key before its newest */
	uint32_t session, epoch;  /* epoch: own number of this session, for rep_way.session */
	uint32_t tx_n, rx_n;
	enum tr_profile profile;
	uint32_t proto;           /* of this session */
	uint32_t credit, max_frame, beat_s;
	/* compare */
	uint8_t hello_fd[16];     /* child: what HELLO said */
	bool peer_done, peer_settled, sent_full, sent_scopes;
	struct rep_map peer_scopes; /* scope -> index into peer_digests */
	uint64_t *peer_digests;
	size_t peer_digest_count, peer_digest_cap;
	struct rep_map theirs;    /* peer's handle -> own handle */
	struct rep_map certs_sent; /* nid -> serial, this session */
	struct rep_map fan;       /* handle -> index into fan_way: lane P, which many children share */
	struct rep_way **fan_way;
	size_t fan_count, fan_cap;
	struct rep_way lost;      /* for want of memory: takes nothing */
	struct rep_map frontier;  /* own handle -> index into frontier_seq: FULL of the peer */
	uint64_t *frontier_seq;
	size_t frontier_count, frontier_cap;
	uint32_t empty_logs;      /* defined by the peer, nothing behind them yet; over all sessions */
	struct rep_def *defs;     /* defined by the peer, of units not known yet */
	size_t def_count, def_cap;
	size_t defs_seen;         /* node->order_count when they were looked at */
	int64_t hello_ms;         /* HELLOs are counted since then */
	uint32_t hello_count;
	/* sending */
	uint32_t queue_head[REP_CLASSES], queue_tail[REP_CLASSES];
	int32_t share_r, share_b; /* bytes that R and B may send before the other, while both wait */
	int32_t turn_left;        /* bytes of the turn that X or those below it have, while both wait */
	bool is_lower_turn;
	struct rep_sent *sent;    /* ring */
	size_t sent_first, sent_count, sent_cap;
	uint64_t inflight;
	/* acknowledging */
	uint32_t ack_head, ack_tail;
	uint64_t ack_bytes;
	int64_t ack_since_ms;
	/* auditing: what is asked of the peer, and what it asks; NULL: nothing yet */
	struct rep_audit *ask, *serve;
	/* mending: a segment asked for (own handle, 0 = none), and when this peer asked for one */
	uint32_t want_log;
	uint64_t want_first, want_last;
	int64_t want_ms, serve_ms;
	/* snapshots: what is offered to the peer, and what it offered (snap.h) */
	struct rep_snap_serve *snap;
	bool snap_lacks;          /* it lacks what was dropped here */
	size_t snap_domain;       /* where to look on for it */
	int64_t snap_ms;          /* when to offer again */
	uint32_t snap_epoch;      /* of the session in which something was offered */
	bool snap_offered;        /* came when another one was under way */
	struct tr_nid snap_scope;
	uint8_t snap_lane;
	int64_t snap_until_ms;    /* nothing is taken of it until then; */
	uint32_t snap_refused;    /* so often it was not what it should be */
	/* times, mono */
	int64_t rx_ms, tx_ms, deadline_ms, next_try_ms, head_ms;
	int64_t mend_ms;          /* when the session ends because of a bad frame; 0 = not */
	uint32_t tries, backoff_ms;
	uint32_t ping_n;
	int64_t ping_ms;
	const char *last_error;
	bool force_dial, head_due, live_new, paused;
	bool said_dark;           /* a child was told that the top node is out of reach */
	bool was_live;            /* since this node's start: what the peer holds is no hint of before */
	/* statistics */
	int64_t seen_wall_ms, since_wall_ms;
	uint32_t rtt_ms;
	uint64_t sent_bytes, received_bytes, sent_frames, received_frames, bad_frames;
	uint32_t delays[REP_DELAYS];
	uint32_t delay_count;
	char version[32];
};

struct rep_node {
	struct rep_sign_keys keys;
	enum tr_profile profile;
	const char *version;
	struct rep_root root;
	struct tr_hash root_hash;
	struct rep_cert cert;     /* own */
	struct rep_cert top;      /* the zone's top node */
	bool is_top;
	struct rep_policy policy; /* in use */
	uint32_t proto_min, proto_max;
	struct rep_known known;   /* number is never 0 */
	bool has_later;           /* REP_T_LATER is not empty */
	bool is_upgrading;        /* ops of REP_T_LATER are looked at again */
	uint8_t upgrade_at[28];   /* the last key done */
	size_t upgrade_size;
	uint64_t unknown_messages;
	uint64_t inc, store_id;
	struct rep_rng rng;
	uint64_t last_hlc;
	bool clock_dirty;
	uint64_t id_ms;           /* of the last record id, and its counter */
	uint32_t id_count;
	int64_t offset_ms;        /* parent's clock minus ours */
	bool has_offset;
	int64_t offset_mono_ms;   /* when it was measured */
	struct wire_arena *arena;
	struct rep_record *record; /* scratch */
	struct rep_op *op;         /* scratch */
	struct rep_op *op2;        /* scratch for local writes */

	struct rep_unit **units;
	size_t unit_count, unit_cap;
	struct rep_unit **order;  /* the declared ones by code path */
	size_t order_count, order_cap;
	struct rep_map by_nid;
	struct rep_todo_list todo[REP_TODO_COUNT];
	struct rep_log **logs;
	size_t log_count, log_cap;
	struct rep_map by_log;
	struct rep_domain **domains; /* base.h; those with a record, a checkpoint, or at the top any op */
	size_t domain_count, domain_cap;
	struct rep_map by_domain;
	struct rep_domain *jobs, *jobs_last; /* that have something to be done */
	struct rep_ckpt_job *job;  /* under way */
	int64_t job_ms, scan_ms;   /* mono: next slice; last look at all domains */
	uint64_t ckpt_ops;         /* configuration, see rep.h */
	int64_t ckpt_ms;
	uint32_t ckpt_slice;
	struct rep_snap *snap;     /* that is taken, see snap.h */
	bool snap_loaded;          /* what was there at the start has been looked at */
	struct rep_prune *prune;   /* under way, see prune.h */
	size_t prune_left;         /* domains that wait for it */
	int64_t prune_ms, prune_scan_ms, prune_again_ms; /* mono: next slice; last look; the next one, if somebody was not heard */
	int64_t keep_ms;           /* configuration; 0 = nothing is dropped */
	uint64_t dropped_bytes;    /* since the start */
	uint64_t prune_ops;
	uint32_t snap_part;
	struct rep_link **links;  /* [0] = parent */
	size_t link_count, link_cap;
	struct rep_map by_link;
	struct rep_open *opens;   /* with ops */
	struct rep_open *open_pool;
	void *frame;              /* scratch of plan.c */
	uint8_t *seg_row;          /* scratch: REP_SEG_ROW_MAX */
	uint32_t epochs;
	uint64_t inflight;        /* scratch of plan.c: to all links */
	struct rep_link *bundle;  /* the import under way */

	bool in_doubt;            /* the store is behind its fence: a new incarnation is due */
	bool receipt_base_dirty;
	bool is_full, allow_sent, summaries_dirty, counts_dirty, registrar_due;
	struct rep_cut *cuts;
	size_t cut_count, cut_cap;
	bool cuts_dirty;          /* of some scope */
	size_t cut_units;         /* order_count when own CUTs were last looked through */
	bool seats_dirty;         /* a key was replaced, registered or cut: sessions and keys are looked through */
	bool is_fenced;           /* a newer key of this unit is registered: this machine only reads */
	bool is_cut;              /* the own key is cut: nothing more of it counts anywhere */
	struct tr_nid *to_register; /* top: provisional certificates to countersign */
	size_t to_register_count, to_register_cap;
	uint32_t head_ctr;
	struct tr_hlc last_receipt_hlc;
	uint32_t receipt_highest; /* counter in any scope */
	uint64_t receipt_sum;     /* of the counters of all scopes */
	uint32_t receipt_base;    /* top: no RECEIPT has a counter at or below it any more */
	int64_t session_ms;       /* time with the parent since the start */
	int64_t contact_ms;       /* of it: while the way to the top node was whole, as the parent says */
	int64_t reach_mono_ms;    /* both are counted up to here */
	bool in_contact;          /* it is whole, */
	int64_t contact_from_ms;  /* since then; */
	int64_t whole_mono_ms;    /* or it was, until then */
	uint32_t parent_dark_s;   /* as the parent said last in this session; 0 = whole */
	uint64_t late_ops;        /* own ops that wait too long for a receipt: in contact, */
	uint64_t dark_ops;        /* or in sessions with a parent that says it has none */
	uint64_t violations, forged, bad_frames, held_segments;
	uint32_t hours;           /* that this node has run, in all its starts; ages idempotency keys */
	int64_t hour_mono_ms;
	int64_t move_mono_ms;     /* when a job goes on; see move.h */
	int64_t summary_mono_ms, counts_mono_ms, check_mono_ms;

	int64_t audit_mono_ms;    /* when records were hashed last */
	uint32_t audit_turn;      /* whose records come first */

	/* of the step under way */
	const struct rep_view *view; /* &watched, or NULL between steps */
	struct rep_view watched;   /* over raw: an error other than TR_E_NOTFOUND becomes sticky */
	const struct rep_view *raw; /* the caller's: for who looks for damage */
	struct rep_batch *batch;
	int64_t wall_ms, mono_ms;
	int rc;
};

/* ---- small helpers used everywhere ---- */

/* From now until rep_node_unview() all reads and writes go through `view`. */
void rep_node_view(struct rep_node *node, const struct rep_view *view);
void rep_node_unview(struct rep_node *node);
void rep_node_put(struct rep_node *node, enum rep_table table, struct tr_bytes key, struct tr_bytes value);
void rep_node_del(struct rep_node *node, enum rep_table table, struct tr_bytes key);
int rep_node_get(struct rep_node *node, enum rep_table table, struct tr_bytes key, struct tr_bytes *value);
/* All rows of a table, until one fails. */
void rep_node_rows(struct rep_node *node, enum rep_table table,
    void (*take)(struct rep_node *node, struct tr_bytes key, struct tr_bytes row));
void rep_node_fail(struct rep_node *node, int rc); /* first error stays */
/* For reads of `raw`, where a damaged row is an answer: true, and the step
 * fails, if the error is none of the data but of the disk or of memory. */
bool rep_node_broken(struct rep_node *node, int rc);
void rep_node_trace(struct rep_node *node, int code, struct tr_nid peer, uint64_t a, uint64_t b, const char *text);
void rep_node_trace_rec(struct rep_node *node, int code, struct tr_nid peer, uint8_t kind,
    const struct tr_rec_id *rec, uint64_t a, uint64_t b);
int64_t rep_node_now_ms(const struct rep_node *node); /* wall + offset */
/* The parent's clock now; not followed if it cannot be a date. */
void rep_node_follow(struct rep_node *node, uint64_t parent_ms, uint32_t on_the_way_ms);
struct tr_hlc rep_node_stamp(struct rep_node *node);  /* next hybrid stamp */
uint8_t rep_node_clockq(const struct rep_node *node);

static inline struct tr_bytes rep_bytes(const void *data, size_t size)
{
	return (struct tr_bytes){data, size};
}

static inline int64_t rep_hlc_ms(struct tr_hlc hlc)
{
	return (int64_t)(hlc.v >> 16);
}

#endif
