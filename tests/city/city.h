/* SPDX-License-Identifier: Apache-2.0 */
/*
 * city -- a whole city in one process: about 7,900 nodes, 30 days.
 *
 * Every node is the shipped replication/ core, driven as daemon/engine_step.c
 * drives it.  What is simplified (docs/decisions/0034): beats of an unchanged idle
 * link are advanced by arithmetic (idle.c), a keyed hash stands in for Ed25519
 * (sign.c), the store has no undo (store.c), enrolment is not carried by the
 * simulated network (found.c).  Same seed, same output.
 *
 *     tree.c    Beijing's units        pattern.c  when real cases happen
 *     found.c   the tree is built      host.c     one machine: step, commit, effects
 *     net.c     links: rate, latency, outages     stick.c  files carried by hand
 *     load.c    cases, edits, conflicts           order.c  directives
 *     watch.c   what arrives when, how much waits, what crosses a link
 *     rest.c    all heals: nothing lost, all equal
 *     report.c  the table
 */
#ifndef TESTS_CITY_CITY_H
#define TESTS_CITY_CITY_H

#include "replication/map.h"
#include "replication/rep.h"

#include "tests/city/heap.h"
#include "tests/city/hist.h"
#include "tests/city/store.h"
#include "tests/sim/rng.h"

#define CITY_NONE UINT32_MAX
#define CITY_WALL_BASE 1793577600000 /* 2026-11-02T00:00:00Z, a Monday */
#define CITY_MINUTE ((int64_t)60000)
#define CITY_HOUR (60 * CITY_MINUTE)
#define CITY_DAY (24 * CITY_HOUR)
#define CITY_START_MS CITY_DAY  /* the day before is for building the tree */

enum city_level { CITY_TOP = 0, CITY_DISTRICT, CITY_STREET, CITY_LEAF, CITY_LEVELS };
enum city_profile { CITY_FIBRE = 0, CITY_2G, CITY_STICK, CITY_PROFILES };
enum city_class { /* what crosses a link */
	CITY_C_E = 0, CITY_C_X, CITY_C_R, CITY_C_ACK, CITY_C_HEAD, CITY_C_RECEIPT, CITY_C_SUMMARY,
	CITY_C_SESSION, CITY_C_BEAT, CITY_CLASSES
};
enum city_lane { CITY_LANE_E = 0, CITY_LANE_X, CITY_LANE_R, CITY_LANES };

enum city_ev_kind {
	CITY_EV_FRAME = 1, CITY_EV_UP, CITY_EV_DOWN, CITY_EV_COMMIT, CITY_EV_WAKE,
	CITY_EV_CUT, CITY_EV_HEAL, CITY_EV_POWER_OFF, CITY_EV_POWER_ON,
	CITY_EV_STICK, CITY_EV_STICK_THERE, CITY_EV_STICK_BACK,
	CITY_EV_CASE, CITY_EV_EDIT, CITY_EV_RESOLVE, CITY_EV_ORDER, CITY_EV_RUNG,
};

struct city_conf {
	uint64_t seed;
	unsigned districts, streets; /* streets of each district; 0 = all */
	unsigned days;
	double ops;              /* wanted, per leaf and day */
	size_t memory;           /* bytes; the run stops before it needs more */
	bool verbose;
};

/* Bytes in flight.  One allocation, freed when it was delivered or dropped. */
struct city_frame {
	struct city_frame *next; /* held back while the link is cut */
	uint32_t conn, size;
	bool up;
	uint8_t data[];
};

/* The ops of one author in one scope and lane: when each came to the door. */
struct city_track {
	uint32_t count, cap;
	uint32_t *door_ms;       /* of op seq at [seq - 1] */
	uint32_t first;          /* ops before the first day are not measured */
	uint32_t seen[CITY_LEVELS]; /* durable at the path's node of that level, up to this op */
	uint32_t receipt;        /* covered by the RECEIPT that came to the author */
};

struct city_way { /* one direction of a link */
	int64_t busy_ms, last_ms;
	uint64_t bytes[CITY_CLASSES], frames;
	int64_t in, out;         /* ops that have to cross, that have crossed */
	int64_t deepest;
};

/* The link to the parent. */
struct city_link {
	uint32_t dialled;        /* connections so far */
	uint32_t child_conn, parent_conn; /* what each end takes for open; 0 = nothing */
	uint32_t parent_link;    /* the parent's number for parent_conn */
	unsigned cuts;           /* that are on now */
	struct city_frame *held, **held_tail;
	int64_t latency_ms;
	int64_t beat_ms;         /* beats are counted up to here */
	struct city_way way[2];  /* 0 down, 1 up */
};

struct city_seg { uint32_t handle, last; };

struct city_host {
	uint32_t parent, first_child, child_count;
	uint8_t level, profile;
	char code[TR_UNIT_CODE_MAX + 1];
	char title[TR_TITLE_MAX + 1];
	struct tr_nid nid;
	struct rep_sign_keys sign;
	struct tr_key curve;
	struct city_store *store;
	struct rep_view view;
	struct rep_node *node;   /* NULL: no power */
	struct rep_batch *batch; /* NULL: no transaction is open */
	int64_t wake_ms, hour_ms, spin_ms;
	unsigned spins;          /* wake-ups in the minute since spin_ms */
	uint32_t last_link;
	struct city_link link;
	struct city_seg *segs;   /* segments put in this transaction */
	size_t seg_count, seg_cap;
	bool receipt_new;
	struct city_track *track[CITY_LEVELS][CITY_LANES]; /* of this scope, by the author's level */
	struct tr_rec_id last_case;
	struct city_frame *bundle, **bundle_tail; /* where REP_FX_BUNDLE goes */
};

struct city_counts {
	uint64_t ops, ops_leaf, replies, refused, retries, given_up, frames, events, commits;
	uint64_t cases, orders, rungs, conflicts_opened, conflicts_settled, resolves;
	uint64_t cuts, power_cuts, sticks, stick_bytes, dials;
	uint64_t segments, sealed_in, sealed_out; /* sampled bytes before and after zstd */
	uint64_t violations, forged, alarms, late, dark;
};

struct city_pattern;
struct city_load;
struct city_joining;

struct city {
	struct city_conf conf;
	int64_t now_ms, end_ms;
	struct city_heap heap;
	struct city_host *host;
	uint32_t host_count, leaf_count;
	struct rep_map by_nid;
	struct sim_rng rng, net_rng;
	struct rep_batch **batch; /* not in use */
	size_t batch_count, batch_cap;
	struct city_pattern *pattern;
	struct city_load *load;
	struct city_joining *joining; /* found.c: whose turn it is */
	bool is_measured, is_resting;
	int64_t rest_ms;         /* how long it took until all was equal */
	struct tr_hash root_hash;
	struct city_counts counts;
	/* leaf's door -> durable at the street, district, city; by the leaf's profile */
	struct city_hist up[CITY_LEVELS][CITY_PROFILES];
	struct city_hist down[CITY_PROFILES];  /* district's directive -> durable at the leaf */
	struct city_hist edit[CITY_PROFILES];  /* street's op on a leaf's case -> durable at the leaf */
	struct city_hist receipt[CITY_PROFILES]; /* leaf's door -> RECEIPT durable at the leaf */
	struct { int64_t ops; uint32_t host; int64_t at_ms; bool up; } deepest[CITY_PROFILES];
	struct td_codec *codec;
};

/* --- tree.c --- */
/* Fills host[], parents before their children, children side by side. */
void city_tree_load(struct city *c, const char *path);
/* --- pattern.c --- */
struct city_pattern *city_pattern_load(const char *path);
void city_pattern_free(struct city_pattern *p);
enum city_step { CITY_OPENED = 0, CITY_SENT, CITY_UPDATED, CITY_CLOSED, CITY_REOPENED };
size_t city_pattern_count(const struct city_pattern *p);
/* Weekday (0 = Monday) and milliseconds of the day at which case i was opened. */
void city_pattern_opened(const struct city_pattern *p, size_t i, unsigned *weekday, int64_t *day_ms);
/* Step k of case i; false after the last.  after_ms: since it was opened. */
bool city_pattern_step(const struct city_pattern *p, size_t i, size_t k, enum city_step *step, int64_t *after_ms);
/* --- found.c --- */
#define CITY_ENROL_LINK 0xfffffff0u
void city_found(struct city *c);
void city_found_answer(struct city *c, struct tr_bytes frame);
void city_found_reply(struct city *c, const struct rep_reply *reply);
/* --- host.c --- */
void city_host_boot(struct city *c, uint32_t host);
void city_host_power_off(struct city *c, uint32_t host);
void city_host_step(struct city *c, uint32_t host, struct rep_event *event);
void city_host_commit(struct city *c, uint32_t host);
void city_host_wake(struct city *c, uint32_t host);
void city_host_on_wake(struct city *c, uint32_t host, int64_t at_ms);
uint32_t city_host_of(const struct city *c, struct tr_nid nid);
int64_t city_wall(const struct city *c);
/* --- idle.c --- */
int64_t city_idle_deadline(struct city *c, uint32_t host);
bool city_idle_has_slept(const struct city *c, uint32_t host);
void city_idle_catch_up(struct city *c, uint32_t host);
/* Counts the beats of the link up to now. */
void city_idle_link(struct city *c, uint32_t child);
/* --- net.c --- */
bool city_net_is_whole(const struct city *c, uint32_t child);
void city_net_send(struct city *c, uint32_t host, uint32_t link, struct tr_bytes bytes);
void city_net_dial(struct city *c, uint32_t host);
void city_net_close(struct city *c, uint32_t host, uint32_t link);
void city_net_event(struct city *c, const struct city_ev *ev);
void city_net_gone(struct city *c, uint32_t host);
void city_net_start(struct city *c); /* outages begin */
void city_net_heal_all(struct city *c);
/* --- stick.c --- */
void city_stick_event(struct city *c, const struct city_ev *ev);
void city_stick_start(struct city *c);
/* There and back at once. */
void city_stick_round(struct city *c, uint32_t leaf);
void city_stick_keep(struct city_host *h, struct tr_bytes bytes);
/* --- load.c, order.c --- */
void city_load_start(struct city *c);
void city_load_free(struct city *c);
void city_load_event(struct city *c, const struct city_ev *ev);
void city_load_reply(struct city *c, uint32_t host, const struct rep_reply *reply);
double city_load_cases_per_day(const struct city *c);
void city_order_start(struct city *c);
void city_order_event(struct city *c, const struct city_ev *ev);
void city_order_trace(struct city *c, uint32_t host, const struct rep_trace *trace);
void city_order_rung(struct city *c, uint32_t host, const struct tr_rec_id *id, unsigned rung);
/* --- watch.c --- */
void city_watch_made(struct city *c, uint32_t host, uint32_t scope); /* after a write */
void city_watch_put(void *ctx, enum rep_table table, struct tr_bytes key);
void city_watch_commit(struct city *c, uint32_t host);
void city_watch_frame(struct city *c, uint32_t host, uint32_t child, bool up, struct tr_bytes bytes);
void city_watch_begin(struct city *c); /* what was until now is not measured */
/* The path's node of that level. */
uint32_t city_watch_above(const struct city *c, uint32_t scope, unsigned level);
/* --- rest.c --- */
/* Everything heals; false (said on stderr) if not all is equal and there in the end. */
bool city_rest(struct city *c);
/* --- run.c --- */
void city_run(struct city *c, int64_t until_ms);
size_t city_run_memory(void); /* resident bytes of this process */
_Noreturn void city_fail(const struct city *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
