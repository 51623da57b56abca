/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vocab -- the words that all rooms share: ids, times, lanes, kinds.
 *
 * Data only, no behaviour, no library.  Numbers here are on the wire or on
 * disk: they never change their meaning.
 */
#ifndef PROTO_VOCAB_H
#define PROTO_VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TR_MUST_CHECK __attribute__((warn_unused_result))

/* Borrowed bytes.  Who lends them says how long they live. */
struct tr_bytes {
	const uint8_t *data;
	size_t size;
};

struct tr_wall_ms { int64_t ms; }; /* since 1970, UTC; may be wrong by years */
struct tr_mono_ms { int64_t ms; }; /* never goes back; no meaning outside */
struct tr_nid { uint64_t v; };     /* node id = id of its scope; 0 = none */
struct tr_rec_id { uint8_t b[16]; };
struct tr_hash { uint8_t b[32]; };
struct tr_key { uint8_t b[32]; };  /* a public key */

/* Hybrid logical clock: 48 bit ms since 1970, 16 bit counter. */
struct tr_hlc { uint64_t v; };

enum tr_lane {
	TR_LANE_P = 1, /* policy: author = scope; goes down to all below, too */
	TR_LANE_X = 2, /* directives, certificates, units */
	TR_LANE_R = 3, /* records */
	TR_LANE_B = 4, /* bulk import */
	TR_LANE_E = 5, /* emergencies */
};

/* The log of one author, incarnation, scope and lane. */
struct tr_log_id {
	struct tr_nid author;
	uint64_t inc;
	struct tr_nid scope;
	uint8_t lane;
};

/* One op: local handle of its log, sequence from 1. */
struct tr_dot {
	uint32_t log;
	uint64_t seq;
};

enum tr_op_kind {
	TR_OP_CREATE = 1,
	TR_OP_SET = 2,
	TR_OP_NOTE = 3, /* adds an item to a list */
	TR_OP_TAG = 4,  /* adds to, removes from a set */
	TR_OP_COUNT = 5,
	TR_OP_TRANSFER = 10, /* the record goes on under another home */
	TR_OP_CERT = 11,
	TR_OP_CUT = 12, /* what a cut key signed counts up to here */
	TR_OP_CKPT = 13, /* the top node says what the state of a domain is */
	TR_OP_POLICY = 14, /* lane P only */
	/* 6 ATTACH 7 ERASE 8 ERASED 9 KEYGRANT
	 * are kept.  Unknown kinds are stored and forwarded. */
};

enum tr_op_flag {
	TR_OPF_IMPORTED = 1u << 0, /* history; needs TR_CAP_IMPORT */
};

enum tr_field_act { TR_ACT_SET = 0, TR_ACT_ADD = 1, TR_ACT_REMOVE = 2 };

enum tr_kind {
	TR_KIND_CASE = 1,
	TR_KIND_STAFF = 2,
	TR_KIND_DIRECTIVE = 3,
	TR_KIND_CODE_TABLE = 4, /* kept */
	TR_KIND_UNIT = 5,       /* a unit, declared by its parent in the parent's scope */
	TR_KIND_CERT = 6,       /* body of a CERT op: a certificate, not a record */
	TR_KIND_POLICY = 7,     /* body of a POLICY op: field 1, an encoded Policy */
	TR_KIND_CUT = 12,       /* body of a CUT op */
	TR_KIND_CKPT = 13,      /* body of a CKPT op: no record either */
};

enum tr_cap {
	TR_CAP_INTAKE = 1u << 0,
	TR_CAP_HANDLE = 1u << 1,
	TR_CAP_COMMAND = 1u << 2,
	TR_CAP_SUPERVISE = 1u << 3,
	TR_CAP_DIRECT = 1u << 4,
	TR_CAP_ROSTER = 1u << 5,
	TR_CAP_IMPORT = 1u << 6,
	TR_CAP_REVEAL = 1u << 7,
	TR_CAP_ERASE = 1u << 8,
	TR_CAP_STANDBY = 1u << 9,
	TR_CAP_REGISTRAR = 1u << 10,
};

enum tr_profile {
	TR_PROFILE_FIBRE = 1,
	TR_PROFILE_METERED = 2,
	TR_PROFILE_BURST = 3,
	TR_PROFILE_STICK = 4,
};

enum tr_verdict {
	TR_VERDICT_OK = 1,
	TR_VERDICT_ENROL = 2,   /* enrol first */
	TR_VERDICT_SERIAL = 3,  /* stale serial */
	TR_VERDICT_REVOKED = 4,
	TR_VERDICT_VERSION = 5, /* no common protocol version */
	TR_VERDICT_BUSY = 6,
	TR_VERDICT_ZONE = 7,
};

enum tr_frontier_mode {
	TR_FRONTIER_SCOPES = 1, /* scope digests */
	TR_FRONTIER_FULL = 2,   /* entries of the scopes that differ */
	TR_FRONTIER_DELTA = 3,  /* durable acknowledgement */
};

enum tr_evidence {
	TR_EVIDENCE_CERTS = 1, /* two certificates of one node and serial, for different keys */
};

enum tr_need { TR_NEED_CERT = 1, TR_NEED_SEGMENTS = 2, TR_NEED_SNAPSHOT = 3 };
enum tr_snap_table { TR_SNAP_RECORD = 1, TR_SNAP_ROW = 2 };

enum tr_audit { /* a question and its answer */
	TR_AUDIT_ASK_ROOTS = 1, TR_AUDIT_ROOTS = 2,
	TR_AUDIT_ASK_BUCKETS = 3, TR_AUDIT_BUCKETS = 4,
	TR_AUDIT_ASK_RECORDS = 5, TR_AUDIT_RECORDS = 6,
	TR_AUDIT_BUSY = 7, /* answer: not now */
};

enum tr_peer_state {
	TR_PEER_NEVER = 0, /* known, never seen */
	TR_PEER_DOWN = 1,
	TR_PEER_UP = 2,
	TR_PEER_REFUSED = 3,
};

#endif
