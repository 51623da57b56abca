/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rig -- one real core over a store in memory; its neighbours are played by
 * the test, with real keys and certificates.
 *
 *     top -- street -- leaf          The zone.  Any of them can be the core;
 *        `-- other                   the test speaks for the rest.
 *
 *     rig_begin(&r, RIG_TOP);
 *     rig_connect(&r, RIG_STREET);    transport, HELLO, compare
 *     rig_logdef(&r, ...); rig_segment(&r, ...);
 *
 * Threads: none.
 */
#ifndef TESTS_LIB_RIG_H
#define TESTS_LIB_RIG_H

#include "proto/wire.h"
#include "replication/rep.h"
#include "replication/segment.h"
#include "tests/lib/memview.h"

enum rig_who { RIG_TOP, RIG_STREET, RIG_OTHER, RIG_LEAF, RIG_PARTIES };

struct rig_party {
	struct tr_nid nid;
	struct rep_sign_keys sign;
	struct tr_key curve, seal;
	struct rep_cert cert;
	uint8_t bytes[TR_CERT_BYTES_MAX]; /* SignedCert */
	size_t size;
};

struct rig {
	struct memview *mv;
	struct rep_view view;
	struct rep_node *node;
	struct rep_batch *batch;
	int64_t wall_ms, mono_ms;
	enum tr_profile profile;  /* of its own way up, from the next start on */
	bool lost_fence;          /* the next start finds none: a new incarnation */
	enum rig_who self;
	struct rig_party party[RIG_PARTIES];
	uint8_t root[TR_ROOT_BYTES_MAX];
	size_t root_size;
	/* the connection that the test plays */
	enum rig_who peer;
	uint32_t link, session, n;
	uint64_t welcome_ms;    /* the parent's time in WELCOME */
	/* what came of the steps */
	int rc;                 /* first error of a step or flush */
	unsigned traces[REP_TRACE_COUNT];
	unsigned frames[32];    /* sent by the core, by oneof case */
	size_t sent_bytes;
	struct rep_reply reply;
	void (*on_send)(void *ctx, const Terrace__Msg *msg); /* each frame of the core, in turn; NULL: nobody looks */
	void *ctx;
	struct wire_arena *arena; /* of `last` */
	Terrace__Msg *last[32];   /* newest frame of each case */
};

/* Founds the core's store and loads it. */
void rig_begin(struct rig *r, enum rig_who self);
void rig_end(struct rig *r);
/* The process again, from its store; the result of rep_create. */
int rig_restart(struct rig *r);
/* A certificate by `issuer`, countersigned by the top if `registered`. */
void rig_certify(struct rig *r, struct rig_party *p, enum rig_who issuer, bool registered);

/* One step, flush and commit. */
void rig_step(struct rig *r, struct rep_event *event);
/* Time goes on, with a TICK. */
void rig_wait(struct rig *r, int64_t ms);
/* Session and number of the frame are filled in. */
void rig_send(struct rig *r, Terrace__Msg *msg);
/* The same without the commit behind it; many make a group. */
void rig_send_only(struct rig *r, Terrace__Msg *msg);

/* Transport and HELLO of `peer` (or WELCOME, if it is the parent), and both
 * frontiers: live, with nothing said to be held. */
void rig_connect(struct rig *r, enum rig_who peer);
/* A child's HELLO with a digest that fits nothing. */
void rig_hello(struct rig *r);
/* An empty FULL frontier. */
void rig_frontier_empty(struct rig *r);
enum rep_link_state rig_state(const struct rig *r, enum rig_who peer);
/* Both of the above: founded, connected, live, and nothing said against it. */
void rig_begin_live(struct rig *r, enum rig_who self, enum rig_who peer);
/* Frames that the core found malformed, of whomever. */
uint64_t rig_bad_frames(const struct rig *r);
/* Values of a write; the text is borrowed. */
struct rep_value rig_text(uint16_t field, const char *text);
struct rep_value rig_int(uint16_t field, int64_t i);
/* A local write, kind 0: a case; what its reply says. */
int rig_write(struct rig *r, struct rep_write write);

void rig_cert(struct rig *r, const struct rig_party *p);
void rig_logdef(struct rig *r, uint32_t h, struct tr_log_id id);
/* A segment of one or more ops, signed by `author`, with an empty vector. */
struct rig_seg {
	enum rig_who author;
	struct tr_log_id log;
	uint32_t h;
	uint64_t first;
	const struct tr_bytes *ops;
	uint32_t count;
	struct tr_hash prev;
	uint32_t serial;
};
/* Encodes; *hash (may be NULL) is that of the header. */
struct tr_bytes rig_segment(const struct rig *r, const struct rig_seg *seg, uint8_t *out, size_t cap, struct tr_hash *hash);
/* What the author of a segment had seen of another log. */
struct rig_seen {
	uint32_t h;
	struct tr_log_id log;
	uint64_t seq;
	struct tr_hash hash; /* of the segment that ends there */
};
/* The same with a vector, of which the first `unsaid` entries are not sent. */
struct tr_bytes rig_segment_seen(const struct rig *r, const struct rig_seg *seg, const struct rig_seen *seen, size_t count,
    size_t unsaid, uint8_t *out, size_t cap, struct tr_hash *hash);
void rig_segs(struct rig *r, const struct tr_bytes *segs, size_t count);
/* The street says in its own scope, in the log 90, that there is such a unit below it. */
void rig_declare(struct rig *r, struct tr_nid nid, const char *path);

#endif
