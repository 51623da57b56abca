/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits -- every bound, once, with its reason.
 */
#ifndef PROTO_LIMITS_H
#define PROTO_LIMITS_H

#include <assert.h>

/* --- protocol versions --- */
#define TR_PROTO_MIN 1
#define TR_PROTO_MAX 1
#define TR_STORE_FORMAT 2
#define TR_VOCABULARY 1  /* grows with every op kind, record kind, field or word of a list */
#define TR_STATE_VER 1

/* --- frames --- */
#define TR_FRAME_MAX (256 * 1024)      /* ZMQ_MAXMSGSIZE: hub memory = peers x HWM x this */
#define TR_FRAME_RAW_MAX (1024 * 1024) /* after decompression */
#define TR_FRAME_DATA_MAX (64 * 1024)  /* we fill SEGS frames up to this (one segment may exceed it) */
#define TR_FRAME_DATA_MIN (2 * 1024)   /* ... and on the slowest link at least to this */
#define TR_FRAME_PARTS_MAX 3           /* more parts = hostile peer */
#define TR_SCAN_DEPTH_MAX 8            /* protobuf nesting */
#define TR_SCAN_FIELDS_MAX 4096        /* fields in one frame, nested ones included */
#define TR_SCAN_UNKNOWN_MAX 16
#define TR_ARENA_FACTOR 8              /* decode arena = factor x wire + base */
#define TR_ARENA_BASE (64 * 1024)

#define TR_NOTE_MAX 256                /* a reason or note for people in a frame */
#define TR_VERSION_MAX 64              /* version of a peer's program, in a frame */

/* --- segments and ops --- */
#define TR_SEG_OPS_MAX 64
#define TR_SEG_BYTES_SOFT (32 * 1024)  /* close when reached */
#define TR_OP_BYTES_MAX (24 * 1024)    /* one op entry; checked at the doors and on receipt */
#define TR_SEG_BYTES_MAX (TR_SEG_BYTES_SOFT + TR_OP_BYTES_MAX + 8 * 1024) /* encoded segment: below LMDB's 64 KiB advice */
#define TR_SEG_HEADER_SIZE 152
#define TR_VECTOR_MAX 64               /* entries of one author's vector in a domain */
#define TR_SEQ_MAX ((uint64_t)1 << 62)

/* --- tree --- */
#define TR_LEVEL_MAX 7                 /* levels 0..7 */
#define TR_CHAIN_MAX (TR_LEVEL_MAX + 1)
#define TR_UNIT_PATH_MAX 128           /* "110101/110101001/110101001001" */
#define TR_UNIT_CODE_MAX 24
#define TR_TITLE_MAX 120               /* longest real name: 72 bytes */
#define TR_CERTS_MAX 256               /* certificates of one node: its former keys, for what they signed */
#define TR_CERT_BYTES_MAX 1024         /* encoded SignedCert; the fullest has about 770 */
#define TR_CERT_REQ_BYTES_MAX 256      /* encoded CertReq */
#define TR_ROOT_BYTES_MAX 256          /* encoded TrustRoot */
#define TR_LOGS_MAX 262144             /* logs one node holds: 7,900 units x depth x lanes */
#define TR_UNITS_MAX 65536
#define TR_LINKS_MAX 4096              /* sessions at one node */

/* --- records --- */
#define TR_FIELDS_MAX 48               /* fields in one op */
#define TR_TEXT_MAX 16384              /* one text value */
#define TR_TITLE_TEXT_MAX 800          /* 200 characters */
#define TR_DIRECTIVE_TEXT_MAX 8192
#define TR_ACTOR_MAX 64
#define TR_SOURCE_MAX 64
#define TR_SOURCE_ID_MAX 128
#define TR_KEY_MAX 128                 /* idempotency key of a line */
#define TR_KEY_DAYS 30                 /* of running: a clock that leaps forgets no key */
#define TR_CANDS_MAX 256               /* candidates in one record, all groups */
#define TR_STEPS_MAX 512               /* status steps of one record */
#define TR_STEP_OVER_MAX 8             /* concurrent overwriters of one step: one a path level */
#define TR_LIST_MAX 10000              /* items of one list */
#define TR_RECORD_BYTES_MAX (60 * 1024) /* encoded record row */
#define TR_CKPT_OPS 1000               /* of a domain, then its state is compared */
#define TR_CKPT_SHARE 8                /* ... and an eighth as many as it has records: each of them is hashed */
#define TR_CKPT_DAYS 30                /* ... or so long after the last time, if there was an op */
#define TR_CKPT_SLICE 256              /* records looked at between two commits: some 10 ms */
#define TR_TARGETS_MAX 20000           /* targets of one directive */

/* --- policy --- */
#define TR_POLICY_RULES_MAX 128        /* one a field, with room */
#define TR_POLICY_RANKS_MAX 64
#define TR_POLICY_RANK_MAX 1000
#define TR_POLICY_BYTES_MAX 8192       /* encoded; one field of one op */
#define TR_POLICY_VERSION_MAX 0x7fffffff

/* --- links --- */
#define TR_CREDIT_FIBRE (2 * 1024 * 1024) /* raw bytes in flight to one peer: both ends commit in turn, none waits */
#define TR_CREDIT_ALL (16 * 1024 * 1024)  /* ... to all peers; above it each has TR_CREDIT_SHARE: a hub that */
#define TR_CREDIT_SHARE (64 * 1024)       /* 300 children catch up from stays below its carrier's queues */
#define TR_CREDIT_METERED (16 * 1024)
#define TR_FRONTIER_ENTRIES_MAX 512    /* per frame */
#define TR_INDEX_MAX 64                /* places of one branch: powers of two apart */
#define TR_BEAT_FIBRE_S 30
#define TR_BEAT_METERED_S 240
#define TR_BEATS_LOST 3
#define TR_PEND_BYTES_MAX (64 * 1024 * 1024) /* verified segments with a gap below, per node */
#define TR_BACKOFF_MIN_MS 1000
#define TR_BACKOFF_MAX_MS 120000
#define TR_BACKOFF_METERED_MIN_MS 60000
#define TR_BACKOFF_METERED_MAX_MS 3600000
#define TR_BACKOFF_REFUSED_MIN_MS 5000
#define TR_BACKOFF_REFUSED_MAX_MS 1800000
#define TR_HANDSHAKE_MS 20000
#define TR_HANDSHAKE_METERED_MS 60000

/* --- snapshots --- */
#define TR_SNAP_PART_MAX 256           /* segments, rows of one part: each signature costs 60 us, each record a fold */
#define TR_SNAP_AT_MAX 128             /* a place in a snapshot: the longest key of a row, and what it is of */
#define TR_SNAP_KEY_MAX 80
#define TR_SNAP_SEG_MAX (TR_SEG_BYTES_MAX + 1024)
#define TR_SNAP_BYTES_MAX ((uint64_t)2 << 30) /* of one domain's state, lying aside */
#define TR_SNAP_IDLE_MS (600 * 1000)   /* nobody asked on for so long: its floor may be raised */

/* --- audit --- */
#define TR_AUDIT_SPLIT 256
#define TR_AUDIT_PART 48               /* domains or records of one frame: below 4 KiB */

/* --- group commit --- */
#define TR_GROUP_EVENTS_MAX 4096       /* steps in one commit: TR_GROUP_MS_MAX comes first */
#define TR_GROUP_MS_MAX 20             /* under load only */

/* --- doors --- */
#define TR_LINE_MAX (64 * 1024)        /* one NDJSON line */
#define TR_CTL_CLIENTS_MAX 64
#define TR_CTL_REQUEST_MAX (64 * 1024)
#define TR_CTL_OUT_MAX (4 * 1024 * 1024) /* a reader that lets more pile up is dropped */
#define TR_CTL_LINE_S 5                /* to send a full line */
#define TR_INGEST_WINDOW 4096          /* lines of one client in work */
#define TR_STORE_STOP_PERCENT 85       /* local intake stops */
#define TR_STORE_WARN_PERCENT 80

/* --- enrolment --- */
#define TR_TOKEN_HOURS 24
#define TR_TOKEN_TRIES 5
#define TR_TOKEN_SECRET_SIZE 16
#define TR_TOKEN_ID_SIZE 16

static_assert(TR_SEG_BYTES_MAX <= 64 * 1024, "a segment is one LMDB value");
static_assert(TR_SEG_BYTES_MAX + 1024 <= TR_FRAME_MAX, "a segment fits a frame");
static_assert(TR_OP_BYTES_MAX > TR_TEXT_MAX, "a text fits an op");
static_assert(TR_FRAME_DATA_MAX <= TR_FRAME_RAW_MAX, "frames");

#endif
