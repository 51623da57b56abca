/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rep -- the replication core.  The only header that outsiders include
 * (with the plain structs it names).
 *
 * A node is fed events and gives effects.  It knows no socket, clock, file
 * or thread: time comes with the event, randomness from a seed, the store is
 * lent as a view.
 *
 *     begin transaction
 *     rep_step(...)  many times       changes go into the open transaction
 *     rep_flush(...)                  closes segments, plans sends
 *     commit transaction (fsync)
 *     rep_committed(batch)            only now the batch opens
 *     rep_batch_next(batch) ...       sends, replies, closes, traces
 *
 * If anything fails before the commit: abort the transaction, drop the batch,
 * rep_free() the node and rep_create() it again from the store.
 *
 * Threads: none; one node, one caller.
 */
#ifndef REPLICATION_REP_H
#define REPLICATION_REP_H

#include "replication/fault.h"
#include "replication/identity.h"
#include "replication/known.h"
#include "replication/merge.h"
#include "replication/op.h"
#include "replication/record.h"
#include "replication/schema.h"
#include "replication/view.h"

struct rep_node;
struct rep_batch;

#define REP_LINK_UP 0u /* link number of the parent; children have numbers from 1 */

/* ---------------------------------------------------------------- create */

/*
 * How far this node's own past went, kept outside the store after each
 * commit.  A store that is behind it, or that it does not know, was restored
 * or copied: a new incarnation begins before the first write, and the lost
 * ops come back from the parent (docs/protocol.md "Incarnations").
 */
struct rep_fence {
	uint64_t store, inc, own_ops;
	uint64_t head_ctr;         /* nobody believes a HEAD whose counter went back, */
	uint64_t receipt_ctr;      /* nor a RECEIPT: the highest of all scopes; */
	uint64_t receipt_sum;      /* the sum over all scopes tells whether this is all */
};

struct rep_conf {
	struct rep_sign_keys keys; /* copied; the caller keeps and wipes its own */
	uint8_t seed[32];          /* fresh random bytes at each start */
	enum tr_profile profile;   /* of the up-link */
	struct tr_hash root_hash;  /* pinned at init or join */
	const char *version;       /* program version, for people; at most TR_VERSION_MAX bytes; borrowed for ever */
	/* Zero: this program's own.  Others only make one that plays an older or a newer one. */
	uint32_t proto_min, proto_max;
	struct rep_known known;
	bool is_fenced;            /* a fence is kept for this node */
	const struct rep_fence *fence; /* NULL: none was found */
	struct tr_wall_ms wall;
	struct tr_mono_ms mono;
	/* checkpoints; 0: as limits.h says */
	uint64_t ckpt_ops;         /* so many ops of a domain */
	int64_t ckpt_ms;           /* or so long, if there was an op */
	uint32_t ckpt_slice;       /* records in one slice of the work on one */
	/* Ops so old that everybody has, below a checkpoint, are dropped; 0: never. */
	int64_t keep_ms;
	uint64_t prune_ops;        /* so many of a domain at a time; 0: as many as make a checkpoint due */
	uint32_t snap_part;        /* bytes of a part of a snapshot; 0: a frame */
};

/*
 * Writes the first rows of a fresh store: root, certificates (top first, own
 * last), own incarnation, and for the top node its own unit row.
 * 0; TR_E_EXISTS if the store is not empty; TR_E_FORGED...
 */
TR_MUST_CHECK int rep_found(const struct rep_view *view, struct tr_bytes root,
    const struct tr_bytes *chain, size_t chain_count,
    const struct tr_hash *root_hash, const uint8_t seed[static 32],
    struct tr_wall_ms wall);

/*
 * Loads a node.  0; TR_E_NOTFOUND (store never founded), TR_E_FORGED (root or
 * key is not the pinned one), TR_E_DAMAGED, TR_E_NEWER, TR_E_NOMEM.
 */
TR_MUST_CHECK int rep_create(struct rep_node **out, const struct rep_conf *conf,
    const struct rep_view *view);
void rep_free(struct rep_node *node); /* NULL is fine; wipes the key */
/* What the fence has to say after a commit. */
void rep_fence(const struct rep_node *node, struct rep_fence *out);

/* ---------------------------------------------------------------- events */

/* A local write from a door.  All bytes are borrowed for the step. */
struct rep_write {
	uint64_t ticket;           /* comes back in the reply */
	uint8_t kind;              /* enum tr_kind */
	bool has_id;
	struct tr_rec_id id;       /* the record; or by source, source_id in values */
	struct tr_nid home;        /* of a new record; 0 = own unit */
	bool bulk;                 /* a new record goes to lane B */
	bool must_exist;           /* an edit: never creates */
	uint32_t flags;            /* enum tr_op_flag */
	bool has_version;
	uint32_t if_version;
	struct tr_bytes key;       /* idempotency key; size 0 = none */
	struct tr_bytes actor;
	const struct rep_value *values; /* fields, `status` among them; notes with TR_ACT_ADD */
	size_t value_count;
	/* resolving a conflict: the candidates that the person saw; the group's
	 * fields are in values.  TR_E_MOVED if others came in. */
	const struct tr_dot *saw;
	size_t saw_count;
	uint16_t resolve_group;    /* group id; 0 = not a resolve */
	struct tr_nid move_to;     /* a case goes to this home; 0 = no */
	/* directive: one record per target, all or none */
	const struct tr_nid *targets;
	size_t target_count;
};

struct rep_invite { /* the parent invites a unit */
	uint64_t ticket;
	char code[TR_UNIT_CODE_MAX + 1];   /* last code of its path */
	char title[TR_TITLE_MAX + 1];
	uint32_t caps;             /* 0 = default of the level; of a unit that joins again: what it has */
	bool again;                /* it has joined, with a key that is lost or given up: this machine takes its place */
	int64_t expires_ms;        /* wall */
	uint8_t token_id[TR_TOKEN_ID_SIZE];
	uint8_t secret[TR_TOKEN_SECRET_SIZE];  /* only its derivatives are kept */
};

struct rep_policy_send { /* the top node sends a policy to all; the core gives the version */
	uint64_t ticket;
	const struct rep_policy_doc *doc; /* borrowed for the step */
};

/*
 * Mends what is derived at once: reply 0, `unchanged` if nothing was wrong any
 * more.  A segment is asked for: 0 and `asked`; rep_fault_look() says when it
 * is here.  TR_E_DOWN: who has it is not connected; TR_E_NOPEER: nobody has.
 */
struct rep_mend {
	uint64_t ticket;
	struct rep_fault fault;
};

/*
 * What an operator does about the key of another unit.
 * APPROVE (top node): the key that waits is registered and takes the place of the old one.
 * REVOKE (any node above): what the unit's keys signed counts as far as it is
 * held here now, or up to from_ms / from_seq; nothing more of it counts, no
 * session is opened, until the unit joins again.
 * ACCEPT (any node above): everything that is held here of its cut keys counts.
 * Answers: 0; TR_E_NOUNIT, TR_E_AUTH (not above it, or not the top node),
 * TR_E_NOTFOUND (nothing waits, nothing is cut), TR_E_EXISTS (revoked already).
 */
enum rep_key_what { REP_KEY_APPROVE = 1, REP_KEY_REVOKE, REP_KEY_ACCEPT };
struct rep_key_act {
	uint64_t ticket;
	enum rep_key_what what;
	struct tr_nid unit;
	int64_t from_ms;           /* REVOKE: ops stamped then or later do not count; 0 = no bound */
	uint64_t from_seq;         /* REVOKE: nor ops with this number in their log or a higher one; 0 = no bound */
};

enum rep_event_kind {
	REP_EV_TICK = 1,
	REP_EV_LINK_UP,      /* transport is there; for link 0 the dial worked */
	REP_EV_LINK_DOWN,
	REP_EV_FRAME,        /* one Msg */
	REP_EV_WRITE,
	REP_EV_INVITE,
	REP_EV_POLICY,       /* reply: version; TR_E_AUTH (not the top node), TR_E_INPUT, TR_E_LIMIT, TR_E_FULL */
	REP_EV_PAUSE,        /* operator: stop a peer's link / go on / dial now */
	REP_EV_CLOSE,        /* sign what waits in open segments: a bundle is about to be written */
	REP_EV_MEND,         /* one fault that rep_verify_next() found; the reply says what came of it */
	REP_EV_AUDIT,        /* compare with a neighbour: fault.h */
	REP_EV_BUNDLE_BEGIN, /* frames of a verified bundle head follow as BUNDLE_FRAME */
	REP_EV_BUNDLE_FRAME,
	REP_EV_BUNDLE_END,
	REP_EV_KEY,          /* key_act */
};

enum rep_down_why {
	REP_DOWN_CLOSED = 1,
	REP_DOWN_UNREACHABLE,
	REP_DOWN_REFUSED_KEY,
	REP_DOWN_HOSTILE, /* the transport shut out what no node of ours sends */
};
enum rep_pause { REP_PAUSE = 1, REP_RESUME, REP_RETRY };

struct rep_event {
	enum rep_event_kind kind;
	struct tr_wall_ms wall;
	struct tr_mono_ms mono;
	uint32_t link;             /* LINK_*, FRAME */
	struct tr_key user;        /* LINK_UP of a child: its CURVE key as ZAP proved it */
	enum rep_down_why down;
	struct tr_bytes frame;     /* FRAME, BUNDLE_FRAME: one Msg, raw */
	const struct rep_write *write;
	const struct rep_invite *invite;
	const struct rep_policy_send *policy;
	const struct rep_mend *mend;
	const struct rep_audit_ask *audit;
	const struct rep_key_act *key_act;
	enum rep_pause pause;
	struct tr_nid peer;        /* PAUSE; BUNDLE_BEGIN: who wrote it */
	uint32_t serial;           /* BUNDLE_BEGIN: of the key that signed it; 0 = the newest */
};

/*
 * One step.  Bad input is dropped, counted and traced, never an error here:
 * 0, or a store error (TR_E_FULL, TR_E_IO, TR_E_DAMAGED, TR_E_NOMEM) after
 * which the transaction must be aborted and the node loaded again.
 */
TR_MUST_CHECK int rep_step(struct rep_node *node, const struct rep_view *view,
    const struct rep_event *event, struct rep_batch *batch);

/* Before each commit: closes segments that are due, makes acknowledgements,
 * HEADs, receipts, and fills the links' windows.  Same errors as rep_step. */
TR_MUST_CHECK int rep_flush(struct rep_node *node, const struct rep_view *view,
    struct tr_wall_ms wall, struct tr_mono_ms mono, struct rep_batch *batch);

/* When the next TICK is due (mono); INT64_MAX if never.  A TICK may come early. */
int64_t rep_deadline(const struct rep_node *node);

/* Refuse (true) or take new local writes: disk or map is nearly full. */
void rep_set_full(struct rep_node *node, bool full);
/* As rep_conf.keep_ms; what is being dropped under another value stops where it is. */
void rep_set_keep(struct rep_node *node, int64_t keep_ms);

/* ----------------------------------------------------------------- batch */

enum rep_effect_kind {
	REP_FX_SEND = 1,   /* bytes = one Msg for `link` */
	REP_FX_DIAL,       /* dial the parent now (link 0) */
	REP_FX_CLOSE,      /* close the link */
	REP_FX_ALLOW,      /* add / remove a CURVE key on the ZAP list */
	REP_FX_REPLY,      /* answer to a WRITE or INVITE */
	REP_FX_TRACE,
	REP_FX_BUNDLE,     /* bytes = one Msg of the return bundle (BUNDLE_END) */
};

struct rep_reply {
	uint64_t ticket;
	int rc;                    /* 0 or TR_E_* */
	struct tr_rec_id id;
	uint8_t kind;
	uint32_t version;
	bool unchanged;            /* values equal to what is shown: no op was made */
	bool repeated;             /* same idempotency key: the first answer again */
	bool created;
	bool asked;                /* MEND: a neighbour was asked */
	enum rep_why why;          /* for TR_E_STEP, TR_E_AUTH */
	uint16_t field;            /* which field, 0 if none */
	uint8_t status_from, status_to; /* TR_E_STEP */
	struct tr_nid unit;        /* INVITE: the new unit; TR_E_SCOPE: which */
	struct tr_rec_id directive_id;
	struct tr_rec_id moved_from; /* move_to: the old record; id is the new one */
	/* TR_E_ELSEWHERE: where it went (to `unit`, which may be unknown here) */
	struct tr_rec_id moved_to;
	char moved_path[TR_UNIT_PATH_MAX + 1];
};

struct rep_trace {
	int code;                  /* enum rep_trace_code */
	struct tr_nid peer;        /* who caused it; 0 = local */
	uint8_t kind;
	struct tr_rec_id rec;      /* zero if none */
	uint64_t a, b;             /* by code: old and new state, sequence, group, ... */
	const char *text;          /* static string or NULL */
};

enum rep_trace_code {
	REP_TRACE_NONE = 0,
#define X(name, code, level, message) name,
#include "replication/trace.def"
#undef X
	REP_TRACE_COUNT
};
const char *rep_trace_code_name(int code);  /* "link-state" */
const char *rep_trace_level(int code);      /* "notice" */
const char *rep_trace_message(int code);

struct rep_effect {
	enum rep_effect_kind kind;
	uint32_t link;
	struct tr_bytes bytes;     /* until the batch is reset */
	bool allow;                /* ALLOW */
	struct tr_key key;         /* ALLOW; DIAL: the parent's, to be pinned */
	struct rep_reply reply;
	struct rep_trace trace;
};

struct rep_batch *rep_batch_create(void); /* NULL if out of memory */
void rep_batch_free(struct rep_batch *batch);
/* Empties and seals it. */
void rep_batch_reset(struct rep_batch *batch);
/* The transaction is on disk: opens the batch. */
void rep_committed(struct rep_node *node, struct rep_batch *batch);
/* Next effect in order; NULL at the end.  Asserts that the batch is open. */
const struct rep_effect *rep_batch_next(struct rep_batch *batch);

/* --------------------------------------------------------------- inspect */

struct rep_self {
	struct rep_cert cert;
	uint64_t inc, store, zone;
	bool is_top;
	bool is_fenced;            /* a newer key of this unit is registered: only reads */
	bool is_revoked;           /* the own key is cut */
	uint32_t newest_serial;    /* registered, of the own unit */
	uint64_t aside_ops;        /* own ops that a CUT sets aside */
	enum tr_profile profile;
	struct tr_hash root_hash;
	uint32_t open_ops;         /* not yet in a segment */
	uint64_t own_ops;          /* all own ops */
	uint64_t receipt_ops;      /* of them: held by the top node by RECEIPT */
	uint64_t late_ops;         /* of them: without a receipt for too long, although the parent is there */
	uint64_t dark_ops;         /* of them: so, but the parent says that it does not reach the top node */
	uint32_t dark_s;           /* seconds since the way to the top node was known to be whole; 0 = it is */
	struct tr_hlc receipt_hlc; /* of the newest RECEIPT for the own scope; 0 = none */
	uint64_t violations, forged, bad_frames, held_segments;
	uint64_t dropped_bytes;    /* by truncation, since the start */
	int64_t clock_offset_ms;   /* against the parent */
	uint8_t clockq;
};
void rep_inspect_self(const struct rep_node *node, struct rep_self *out);

enum rep_link_state {
	REP_LINK_OFF = 0, REP_LINK_DIAL, REP_LINK_HELLO_SENT, REP_LINK_COMPARE,
	REP_LINK_LIVE, REP_LINK_REFUSED, REP_LINK_PAUSED, REP_LINK_NEVER, REP_LINK_ENROLLING,
	REP_LINK_FENCED, /* up: this is the old seat of a unit that has a newer key */
};
const char *rep_link_state_name(enum rep_link_state state);

struct rep_link_info {
	struct tr_nid peer;
	bool is_parent;
	enum rep_link_state state;
	uint64_t waiting_ops, waiting_bytes; /* not acknowledged by the peer; bytes are an estimate */
	int64_t oldest_ms;         /* wall time of the oldest waiting op; 0 = none */
	int64_t last_seen_ms;      /* wall; 0 = never */
	int64_t state_since_ms;    /* wall */
	int64_t next_try_ms;       /* mono; 0 = none */
	uint32_t tries;
	const char *last_error;    /* static or "" */
	uint32_t rtt_ms;
	uint64_t sent_bytes, received_bytes, sent_frames, received_frames, bad_frames;
	uint32_t policy;           /* version that it uses, as far as is known */
	uint64_t delay_p50_ms, delay_p95_ms; /* origin's stamp to acknowledgement, of the last 256 segments */
	char version[32];
};
/* i from 0; false at the end.  The parent first, then every known child, also one never seen. */
bool rep_inspect_link(const struct rep_node *node, const struct rep_view *view, size_t i, struct rep_link_info *out);

struct rep_unit_info {
	struct tr_nid nid, parent;
	uint8_t level;
	uint32_t serial, caps;
	bool joined, registered, is_self, in_subtree;
	bool closed;               /* its work goes on in another unit */
	struct tr_nid successor;
	char successor_path[TR_UNIT_PATH_MAX + 1];
	uint32_t waiting_serial;   /* a key that its parent certified and nobody has approved; 0 = none */
	bool revoked;              /* its key is cut */
	uint64_t aside_ops;        /* ops of it that a CUT sets aside */
	char unit[TR_UNIT_PATH_MAX + 1];
	char title[TR_TITLE_MAX + 1];
	bool has_head;             /* newest HEAD */
	struct tr_hlc head_hlc;
	uint64_t head_own_ops, head_unsent, head_oldest_s;
	uint64_t here_ops;         /* ops of that unit held here */
	bool has_summary;          /* newest SUMMARY by its parent */
	enum tr_peer_state state;
	uint64_t waiting, waiting_bytes, oldest_s;
	int64_t last_seen_ms, summary_ms;
	uint32_t policy;           /* version that it uses, as far as is known here */
	char version[32];
};
/* Own path from the top, then the own subtree in code order. */
bool rep_inspect_unit(const struct rep_node *node, size_t i, struct rep_unit_info *out);
/* By full path, unique tail or code.  0; TR_E_NOUNIT; TR_E_AMBIGUOUS. */
TR_MUST_CHECK int rep_find_unit(const struct rep_node *node, const char *name, struct tr_nid *out);
bool rep_unit_get(const struct rep_node *node, struct tr_nid nid, struct rep_unit_info *out);
/* True if `below` is `above` or under it. */
bool rep_unit_is_under(const struct rep_node *node, struct tr_nid below, struct tr_nid above);

/* Are there ops that this version does not understand: of a record, at all?
 * The state of such a record is not that of other holders. */
bool rep_later_has(const struct rep_view *view, const struct tr_rec_id *id);
bool rep_later_any(const struct rep_node *node);

/* The policy in use; lives as long as the node, changes in steps only. */
const struct rep_policy *rep_policy_of(const struct rep_node *node);
/* The document as it was sent.  0; TR_E_NOTFOUND: none came. */
TR_MUST_CHECK int rep_policy_document(const struct rep_view *view, struct rep_policy_doc *out);
/* The CUTs that are in force, of all scopes held.  i from 0; false at the end. */
enum rep_cut_reason { REP_CUT_REJOIN = 1, REP_CUT_ROTATION, REP_CUT_REVOKED, REP_CUT_ACCEPTED };
struct rep_cut_info {
	struct tr_nid unit, scope, by;
	uint32_t serial;
	struct tr_hlc hlc;
	uint8_t reason;
	bool counts;               /* false: its writer's own key is cut before it */
	uint16_t heads;
};
bool rep_inspect_cut(const struct rep_node *node, size_t i, struct rep_cut_info *out);
/* The op is set aside; by: the newest CUT that is against it. */
bool rep_is_aside(const struct rep_node *node, struct tr_dot dot, struct rep_cut_info *by);
/* Two things that one signer must not both have signed; i from 0, false at the end. */
struct rep_evidence_info { struct tr_nid unit, signer; uint32_t serial; };
bool rep_inspect_evidence(const struct rep_node *node, const struct rep_view *view, size_t i, struct rep_evidence_info *out);

struct rep_log_info {
	uint32_t handle;
	uint32_t serial;           /* of the author's key */
	uint64_t aside_from;       /* ops from here on are set aside; UINT64_MAX = none */
	uint64_t kept_seq;         /* a checkpoint covers the ops up to here */
	struct tr_log_id id;
	uint32_t parent;           /* the branch of the same log that this one left; 0: none */
	uint64_t fork;             /* ... behind this op */
	uint64_t seq;              /* highest op, durable */
	struct tr_hash head;
	uint64_t up_acked, down_acked; /* hints from the neighbours' last acknowledgement */
	uint64_t receipt_seq;      /* covered by the newest RECEIPT */
	uint64_t low;              /* ops up to here may have been dropped; 0 = none */
};
/* Every log that has ops; cursor 0 before the first.  false at the end. */
bool rep_inspect_log(const struct rep_node *node, size_t *cursor, struct rep_log_info *out);
bool rep_log_of(const struct rep_node *node, uint32_t handle, struct rep_log_info *out);

/* Why nothing of a domain is dropped, however old it is; the first that applies. */
enum rep_hold {
	REP_HOLD_NONE = 0,
	REP_HOLD_LANE,    /* certificates, units and directives lie there: never */
	REP_HOLD_DIFFERS, /* the state here is another one than at the top node */
	REP_HOLD_FORKED,  /* a log has branches */
	REP_HOLD_NO_CKPT, /* no checkpoint speaks for any of it yet */
	REP_HOLD_CUT,     /* a CUT sets ops below the checkpoint aside */
	REP_HOLD_UNSEEN,  /* the top node's receipt, or a neighbour's acknowledgement, is not there yet */
};

/* What is known of the checkpoints of a domain; i from 0, false at the end. */
struct rep_ckpt_info {
	struct tr_nid scope;
	uint8_t lane;
	bool waiting;              /* a newer one is still to be compared */
	bool stopped;              /* none can be compared, or written: a log has branches, or ops of it are set aside by a CUT */
	uint64_t number;           /* of the newest that this node's state agrees with; 0 = none */
	uint64_t records;
	int64_t ms;                /* its stamp, wall */
	struct tr_hash root;
	bool is_diverged;          /* it does not agree with a newer one */
	uint64_t dropped;          /* ops that are not here any more; an upper bound */
	enum rep_hold hold;
};
bool rep_inspect_ckpt(const struct rep_node *node, size_t i, struct rep_ckpt_info *out);

/* Stamp (wall) of the newest op of a domain that was dropped: whatever came later is here.  0: all is. */
int64_t rep_dropped_until(const struct rep_node *node, const struct rep_view *view, struct tr_nid scope, uint8_t lane);

/* The record's oldest ops were dropped, or may be at any time: what rep_record_op() gives is not all. */
bool rep_is_truncated(const struct rep_node *node, const struct rep_view *view, const struct tr_rec_id *id);
/* What rep_record_op() does not give of a loaded record.  false: it gives all. */
struct rep_dropped {
	uint64_t ops;
	int64_t until_ms;          /* none of them is newer; wall */
	int64_t ckpt_ms;           /* stamp of the checkpoint that speaks for them */
};
bool rep_record_dropped(const struct rep_node *node, const struct rep_view *view, const struct rep_record *rec,
    struct rep_dropped *out);

/* Digest over all logs of a scope: (log id, seq, hash), 16 bytes; what two holders compare. */
void rep_scope_digest(const struct rep_node *node, struct tr_nid scope, uint8_t out[static 16]);

/* Path of one op through this node, for `trace`. */
struct rep_op_trace {
	struct tr_log_id log;
	struct tr_dot dot;
	struct tr_hlc hlc;
	int64_t received_ms;       /* wall, 0 = made here */
	bool in_segment;           /* false: open */
	bool up_acked;             /* the parent has it durably */
	bool down_acked;           /* the child has it durably */
	bool has_parent, has_child;
	bool receipt;              /* covered by the top node's RECEIPT */
};
TR_MUST_CHECK int rep_trace_op(const struct rep_node *node, const struct rep_view *view, struct tr_dot dot, struct rep_op_trace *out);

/* Record ids by (source, source_id); several = twins.  Returns the count. */
size_t rep_find_source(const struct rep_view *view, struct tr_bytes source, struct tr_bytes source_id, struct tr_rec_id *out, size_t cap);
/* Record ids of one directive (one per target); `after` NULL or the last one got. */
size_t rep_find_directive(const struct rep_view *view, const struct tr_rec_id *directive, const struct tr_rec_id *after, struct tr_rec_id *out, size_t cap);
/* Ids by prefix of the hexadecimal form (no dashes, >= 8 digits).  kind 0 = any.  Returns the count found, at most cap. */
size_t rep_find_prefix(const struct rep_view *view, uint8_t kind, const char *hex, size_t len, struct tr_rec_id *out, uint8_t *kinds, size_t cap);
/* Next record of a kind after `after` (NULL: first).  0; TR_E_NOTFOUND. */
TR_MUST_CHECK int rep_next_record(const struct rep_view *view, uint8_t kind, const struct tr_rec_id *after, struct tr_rec_id *out);

/* Every op of a record with its decoded content, in (hlc, author, seq) order is the caller's job; cursor zeroed first. */
struct rep_ops_cursor { bool started; uint8_t key[28]; };
TR_MUST_CHECK int rep_record_op(const struct rep_node *node, const struct rep_view *view, const struct tr_rec_id *id,
    struct rep_ops_cursor *cursor, struct rep_op *op, struct rep_cause *cause, uint32_t *serial); /* cause->seen is empty */

/* The same of those ops of a case that moved whose authors had not seen that; rec is loaded. */
TR_MUST_CHECK int rep_record_late(const struct rep_node *node, const struct rep_view *view, const struct rep_record *rec,
    struct rep_ops_cursor *cursor, struct rep_op *op, struct rep_cause *cause, uint32_t *serial);

/* Open conflicts; cursor as above.  since_ms: wall. */
struct rep_conflict { uint8_t kind; struct tr_rec_id rec; uint16_t group; int64_t since_ms; };
struct rep_conflict_cursor { bool started; uint8_t key[19]; };
TR_MUST_CHECK int rep_next_conflict(const struct rep_view *view, struct rep_conflict_cursor *cursor, struct rep_conflict *out);

/* Directive delivered to its target's disk?  From the target's signed HEAD.  at: HEAD.hlc. */
bool rep_directive_delivered(const struct rep_node *node, const struct rep_record *rec, struct tr_hlc *at);

/* Certificate (encoded SignedCert) of a node, newest serial; TR_E_NOTFOUND. */
TR_MUST_CHECK int rep_cert_of(const struct rep_view *view, struct tr_nid nid, struct tr_bytes *out);

/*
 * Re-hashes and re-verifies stored segments of one log from `from` on, up to
 * `budget` segments.  0 and *next = 0 at the end; TR_E_DAMAGED / TR_E_FORGED / TR_E_GAP
 * with *next = first sequence of the bad segment.
 */
TR_MUST_CHECK int rep_verify_log(const struct rep_node *node, const struct rep_view *view, uint32_t handle,
    uint64_t from, size_t budget, uint64_t *next, struct rep_verify_sum *sum);

/* ---------------------------------------------------------------- bundle */

/*
 * Frames of a bundle for `peer` (parent, child or another unit on the path):
 * certificates, LOGDEFs, SEGS after the last frontier the peer acknowledged,
 * FRONTIER, HEAD, RECEIPTs.  Changes no state.  Calls emit() with one Msg each.
 * 0; TR_E_SCOPE (not on the path); what emit returned.
 */
TR_MUST_CHECK int rep_bundle_export(struct rep_node *node, const struct rep_view *view, struct tr_nid peer,
    struct tr_wall_ms wall, int (*emit)(void *ctx, struct tr_bytes msg), void *ctx);

/* ----------------------------------------------------------------- check */

/* Walks every invariant of the node's memory against the store; aborts on a
 * broken one.  For simulator, fuzzing, debug builds. */
void rep_check(const struct rep_node *node, const struct rep_view *view);

#endif
