/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evil -- a relay that lies: the real core with the street's real keys, but
 * every frame to and from it passes through a mangler that leaves the session
 * in order (frames are counted anew), so that nothing but the content is wrong.
 *
 *     evil.c         the part: which street, what tricks, what must be noticed
 *     evil_mangle.c  the tricks
 *     evil_seg.c     tricks inside a segment
 */
#ifndef TESTS_SIM_EVIL_H
#define TESTS_SIM_EVIL_H

#include "tests/sim/part.h"

#define EVIL_KEEP 48 /* old frames that may be sent again */

/* Each is tried on a frame with its own chance (per mille); 0 = off. */
enum evil_trick {
	EVIL_DROP_UP = 0,   /* segments are withheld from the parent: the tail */
	EVIL_DROP_DOWN,     /* ... from the children */
	EVIL_FREEZE,        /* nothing but beats goes down */
	EVIL_STRIP,         /* bodies of ops are taken out, as if pruned */
	EVIL_REPLAY,        /* an old frame again: segments, HEADs, RECEIPTs, certificates, FRONTIERs */
	EVIL_SWAP,          /* segments of a frame change places */
	EVIL_TWICE,         /* a frame comes twice, counted twice */
	EVIL_FLIP,          /* a bit of the content */
	EVIL_CUT_SEG,       /* the end of a segment is missing */
	EVIL_FRONTIER,      /* claims more or less than it holds */
	EVIL_FOREIGN,       /* LOGDEF of another author, scope or lane */
	EVIL_HANDLE,        /* a handle that nobody defined, or another one's */
	EVIL_SESSION,       /* another session's number */
	EVIL_EQUAL,         /* "nothing differs" in WELCOME and HELLO */
	EVIL_LEAP,          /* counters, credit, beat, clock in HELLO and WELCOME out of all bounds */
	EVIL_NO_HEAD,       /* HEADs are withheld */
	EVIL_NO_RECEIPT,    /* RECEIPTs are withheld */
	EVIL_DEAF,          /* segments that come to it are never taken, nor acknowledged */
	EVIL_DARK,          /* says that it does not reach its parent */
	EVIL_STATE,         /* a snapshot in which something is another one, missing, or of an older checkpoint */
	EVIL_TRICKS,
};

/* In the order of the enum. */
#define EVIL_TRICK_NAMES "drop-up|drop-down|freeze|strip|replay|swap|twice|flip|cut-segment|frontier|foreign|handle|session|" \
	"equal|leap|no-head|no-receipt|deaf|dark|state"

struct evil_frame { uint8_t *data; size_t size; };

struct evil {
	bool is_on, was_on;
	unsigned host;
	unsigned chance[EVIL_TRICKS];
	unsigned victim;          /* whose scope is withheld; SIM_NONE: all */
	struct sim_rng rng;
	struct evil_frame kept[EVIL_KEEP];
	unsigned kept_count;
	uint8_t fd[16];           /* of the last HELLO */
	uint32_t *count[2];       /* frames let through, per connection and direction */
	size_t count_cap;
	uint64_t done[EVIL_TRICKS];
	/* what must be noticed, per host */
	uint64_t head_ops[SIM_HOSTS_MAX], here_ops[SIM_HOSTS_MAX], top_life[SIM_HOSTS_MAX];
	int64_t differs_ms[SIM_HOSTS_MAX];
	bool alarmed[SIM_HOSTS_MAX];
	uint64_t receipt_ops[SIM_HOSTS_MAX], life[SIM_HOSTS_MAX];
	int64_t late_ms[SIM_HOSTS_MAX], live_ms[SIM_HOSTS_MAX];
};

struct evil *sim_evil(struct sim_world *world);
const char *sim_evil_name(enum evil_trick trick, char out[static 16]);
/* Turns a relay into a liar with one more trick; victim: SIM_NONE or the unit whose scope is withheld. */
void sim_evil_set(struct sim_world *world, unsigned host, enum evil_trick trick, unsigned chance, unsigned victim);
/* An honest machine with the liar's store and keys takes its place. */
void sim_evil_over(struct sim_world *world);
/* One end of the connection is the evil one, and it is at it. */
bool sim_evil_touches(struct sim_world *world, uint64_t conn);
/* True once a liar has been there: what it made its neighbours believe may last. */
bool sim_evil_knows(struct sim_world *world, unsigned host);
/* A frame in the mangler; carry() is called for each that comes out. */
void sim_evil_pass(struct sim_world *world, uint64_t conn, bool up, struct tr_bytes frame,
    void (*carry)(struct sim_world *world, uint64_t conn, bool up, struct tr_bytes frame));

/* --- evil_seg.c: an encoded Seg, changed in place of the old one --- */
/* Bodies out, their hashes in.  The size of what is in out; 0: cannot be done. */
size_t sim_evil_strip(const Terrace__Seg *seg, uint8_t *out, size_t cap);
/* The last ops are missing. */
size_t sim_evil_cut(const Terrace__Seg *seg, uint8_t *out, size_t cap);

#endif
