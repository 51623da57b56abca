/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim -- a whole federation in one process, out of one seed.
 *
 * The shipped replication/ code, driven exactly as daemon/engine_step.c drives it:
 * begin, steps, flush, commit, committed, effects.  Time, network, store and
 * dice are the simulator's own.  Nothing else is random: same seed, same trace.
 *
 *     part.c   the register of faults, actions and hooks
 *     act.c    the next action; act_*.c what is thrown, part by part
 *     work.c   local writes          load.c    more of them than a link carries
 *     stick.c  bundles on sticks
 *     host.c   one machine: engine loop, crash, restart
 *     bound.c  what a seed may take of the machine's memory
 *     net.c    the links: delay, loss, repetition, reordering, cuts, rate
 *     found.c  root, keys, invitation, joining
 *     oracle.c the books: who wrote what, having seen what, and was told what
 *     watch.c  frames as they leave: acknowledgements, receipts, counters
 *     check_*.c the invariants of docs/protocol.md, by number
 *     run.c    one seed from founding to rest
 *
 * Failing: sim_fail() prints seed, time, action, invariant and ends the process;
 * main.c runs each seed in a process of its own.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdio.h>

#include "replication/rep.h"

#include "tests/lib/badview.h"
#include "tests/lib/memview.h"
#include "tests/lib/nomem.h"
#include "tests/sim/heap.h"
#include "tests/sim/rng.h"

#define SIM_HOSTS_MAX 33
#define SIM_TWIN (SIM_HOSTS_MAX - 1) /* no node of the tree: a second machine of one of them, act_clone.c */
#define SIM_NONE (~0u)
#define SIM_WALL_BASE 1795305600000 /* 2026-11-22T00:00:00Z */
#define SIM_SKIPS_MAX 64
#define SIM_ALLOW_MAX 64
#define SIM_FAULTS_MAX 64
#define SIM_PARTS_MAX 64
#define SIM_TRICKS_MAX 24
#define SIM_MEMORY_DEFAULT ((int64_t)256 << 20)
#define SIM_EXIT_MEMORY 75 /* a seed needs more than its bound */

struct sim_conf {
	uint64_t seed;
	unsigned steps;          /* actions */
	uint64_t faults;         /* bits of part.h; what the seed may choose from */
	bool verbose;
	struct { unsigned from, to; } skip[SIM_SKIPS_MAX]; /* actions left out */
	unsigned skip_count;
	int64_t memory;          /* bytes that the seed may hold; 0 = no bound */
	const struct scn *scenario; /* instead of what the seed says; NULL: none */
	struct sim_sweep *sweep; /* faults in turn; NULL: none */
	int report_fd;           /* where a failure says its name; 0 = nowhere */
};

/* How the network is at the moment; per mille and milliseconds. */
struct sim_weather {
	unsigned loss, repeat, reorder, rubbish;
	int64_t delay_ms_min, delay_ms_max;
	int64_t rate;            /* bytes a second and direction; 0 = no limit */
};

enum sim_crash { SIM_CRASH_NONE = 0, SIM_CRASH_BEFORE_COMMIT, SIM_CRASH_AFTER_COMMIT, SIM_CRASH_IN_EFFECTS };

struct sim_frames { uint8_t **data; size_t *size; size_t count, cap; };

struct sim_host {
	unsigned index, parent, level;
	unsigned place;          /* whose machine it is: index, but for SIM_TWIN */
	unsigned child_count;
	char name[24], code[TR_UNIT_CODE_MAX + 1], unit[TR_UNIT_PATH_MAX + 1];
	struct tr_nid nid;
	struct rep_sign_keys sign;
	struct tr_key curve, seal;
	enum tr_profile profile;
	uint32_t caps;           /* asked for at the invitation; 0 = default */
	struct rep_known known;  /* what its program understands; zero = all */
	uint32_t proto_min, proto_max;
	/* machine */
	struct memview *store;
	struct memview *backup;  /* an image of the store, made some time ago */
	unsigned restores, fences_lost;
	unsigned rollbacks;      /* restores with the fence of then: nobody noticed */
	unsigned twins;          /* a second machine ran with its key */
	struct rep_fence fence;  /* kept outside the store */
	bool has_fence;
	struct badview bad;      /* between store and core: what a disk may do */
	struct rep_view view;    /* of the store; the core has core_view, through bad */
	struct rep_view attic_view; /* over view, see attic.h */
	struct rep_view core_view;
	struct sim_world *world;
	struct rep_node *node;   /* NULL while down */
	struct rep_batch *batch;
	uint64_t life;           /* grows with each start and crash */
	bool is_founded, in_txn, is_full, in_drain;
	int64_t boot_ms, mono_base, skew_ms, wake_ms;
	enum sim_crash crash;
	int64_t crash_down_ms;
	unsigned spins, steps;
	bool is_rotten;          /* a row of its store was changed behind its back */
	struct nomem_account memory; /* what its core holds, the store beside */
	int64_t held_max;        /* in this life */
	int64_t said_since_ms;   /* what it says is counted since then */
	unsigned said;
	/* network */
	uint64_t up_conn;        /* 0 = none */
	uint32_t last_link;
	bool cut_up, cut_down;   /* frames to, from the parent vanish */
	struct tr_key allow[SIM_ALLOW_MAX];
	unsigned allow_count;
	struct sim_frames *bundle; /* where REP_FX_BUNDLE goes; NULL = nowhere */
	/* joining */
	uint8_t token_id[TR_TOKEN_ID_SIZE], secret[TR_TOKEN_SECRET_SIZE];
};

struct sim_conn {
	unsigned child;
	uint32_t parent_link;
	bool is_enrolment, child_open, parent_open;
	struct tr_key user, pinned;
	int64_t last_ms[2], busy_ms[2]; /* by direction: 0 down, 1 up */
};

struct sim_counts {
	uint64_t restores, forks, events, frames, frame_bytes, lost, repeated, late, crashes, cuts, writes, acked, refused, sticks,
	    dials, conflicts, rejoins, rubbish, differs, unreceipted, snapshots;
	uint64_t rc[64]; /* refused writes by -rc */
	uint64_t thrown[SIM_FAULTS_MAX], tricks[SIM_TRICKS_MAX];
	uint64_t rests, rest_ms;
	int64_t rest_ms_max;
	uint64_t held_max;       /* bytes, of one seed */
};

struct sim_oracle;
struct sim_stick_box;

struct sim_world {
	struct sim_conf conf;
	int64_t now_ms;
	unsigned action;         /* now running */
	uint64_t faults;         /* what this seed throws */
	struct sim_heap heap;
	struct sim_rng net_rng, host_rng;
	struct sim_weather weather;
	struct sim_host host[SIM_HOSTS_MAX];
	unsigned host_count;
	struct sim_conn *conn;   /* number - 1 */
	size_t conn_count, conn_cap;
	struct sim_oracle *oracle;
	struct sim_stick_box *sticks;
	void *part_data[SIM_PARTS_MAX];
	bool is_astray;          /* a stick is being read at the wrong node: alarms are in order */
	unsigned suspect;        /* whom a failure at rest is about */
	uint64_t trace;          /* hash over all that happened */
	struct sim_counts counts;
	uint64_t next_ticket;
	uint64_t ckpt_ops;       /* of every node's configuration */
	int64_t ckpt_ms, keep_ms;
	uint64_t prune_ops;
	uint32_t snap_part;
	uint32_t ckpt_slice;
	uint8_t root[256];
	size_t root_size;
	struct tr_hash root_hash;
	uint64_t zone;
	struct rep_cert top_cert;
	/* what a story looks for; NULL = nothing */
	void (*on_trace)(struct sim_world *world, unsigned host, const struct rep_trace *trace);
	void (*on_reply)(struct sim_world *world, unsigned host, const struct rep_reply *reply);
};

/* --- run.c --- */
struct sim_world *sim_world_create(const struct sim_conf *conf);
void sim_world_free(struct sim_world *world);
/* Adds a host below `parent` (SIM_NONE: the top).  Returns its index. */
unsigned sim_world_add(struct sim_world *world, unsigned parent, const char *name);
/* Lets time pass until `until_ms`, or until nothing is left to happen. */
void sim_world_run(struct sim_world *world, int64_t until_ms);
void sim_world_advance(struct sim_world *world, int64_t ms);
/* All faults end, everything comes up; checks that all comes to rest, and how. */
void sim_world_rest(struct sim_world *world);
/* One seed, all of it. */
void sim_run_seed(const struct sim_conf *conf, struct sim_counts *counts, uint64_t *trace);
void sim_trace(struct sim_world *world, uint64_t word);
void sim_trace_bytes(struct sim_world *world, struct tr_bytes bytes);
void sim_log(struct sim_world *world, unsigned host, const char *format, ...) __attribute__((format(printf, 3, 4)));
_Noreturn void sim_fail(struct sim_world *world, unsigned host, const char *invariant, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* True if `above` is `below` or over it. */
bool sim_is_over(const struct sim_world *world, unsigned above, unsigned below);
bool sim_is_same_log(const struct tr_log_id *a, const struct tr_log_id *b);
unsigned sim_host_of(const struct sim_world *world, struct tr_nid nid); /* SIM_NONE if unknown */

/* --- host.c --- */
/* After the store was made or put back. */
void sim_host_view(struct sim_world *world, unsigned host);
void sim_host_boot(struct sim_world *world, unsigned host);
bool sim_host_is_up(const struct sim_world *world, unsigned host);
/* Fills in the times and steps.  Dropped when the host is down. */
void sim_host_step(struct sim_world *world, unsigned host, struct rep_event *event);
void sim_host_commit(struct sim_world *world, unsigned host);
void sim_host_crash(struct sim_world *world, unsigned host, int64_t down_ms);
void sim_host_backup(struct sim_world *world, unsigned host);
/* The machine comes back with its old backup; the fence may be lost too. */
void sim_host_restore(struct sim_world *world, unsigned host, int64_t down_ms, bool lose_fence);
/* Another machine sits there now: backups, images and sticks of the one before are none of it. */
void sim_host_replaced(struct sim_world *world, unsigned host);
void sim_host_wake(struct sim_world *world, unsigned host);
int64_t sim_host_wall(const struct sim_world *world, unsigned host);
int64_t sim_host_mono(const struct sim_world *world, unsigned host);

/* --- bound.c --- */
/* From now until sim_bound_end() the bound of world->conf holds. */
void sim_bound_begin(struct sim_world *world);
void sim_bound_end(void);
/* 24: what one event took.  before: what the node held; frame: bytes that came
 * with the event. */
void sim_bound_step(struct sim_world *world, unsigned host, int64_t before, size_t frame);
/* 24: what it holds when all that goes out has gone out. */
void sim_bound_held(struct sim_world *world, unsigned host);
/* 24: nothing has grown since; the nodes that are up. */
void sim_bound_idle(struct sim_world *world, const int64_t before[static SIM_HOSTS_MAX]);

/* --- net.c --- */
/* Number of the connection behind a link; 0: none. */
uint64_t sim_net_conn(const struct sim_world *world, unsigned host, uint32_t link);
/* parent: the key that it must prove. */
void sim_net_dial(struct sim_world *world, unsigned host, const struct tr_key *parent);
void sim_net_send(struct sim_world *world, unsigned host, uint32_t link, struct tr_bytes bytes);
void sim_net_close(struct sim_world *world, unsigned host, uint32_t link);
void sim_net_allow(struct sim_world *world, unsigned host, const struct tr_key *key, bool add);
void sim_net_host_gone(struct sim_world *world, unsigned host);
void sim_net_event(struct sim_world *world, const struct sim_ev *ev);
void sim_net_cut(struct sim_world *world, unsigned host, bool up, bool down, int64_t heal_in_ms);
void sim_net_heal(struct sim_world *world, unsigned host);
/* A joining machine with the token's key in place of its own. */
void sim_net_dial_enrol(struct sim_world *world, unsigned host, const struct tr_key *user);

/* --- found.c --- */
void sim_found_all(struct sim_world *world);
void sim_found_link_up(struct sim_world *world, unsigned host, uint64_t conn);
void sim_found_answer(struct sim_world *world, unsigned host, struct tr_bytes frame);
void sim_found_reply(struct sim_world *world, unsigned host, const struct rep_reply *reply);

/* --- work.c --- */
void sim_work_any(struct sim_world *world, struct sim_rng *rng);
/* Of one who works at that host. */
void sim_work_at(struct sim_world *world, struct sim_rng *rng, unsigned host);
void sim_work_flood(struct sim_world *world, struct sim_rng *rng, unsigned host);

/* --- load.c --- */
/* Many scopes at once, of all lanes, over links too thin for them; and then something urgent. */
void sim_load(struct sim_world *world, struct sim_rng *rng);

/* --- stick.c --- */
void sim_frames_push(struct sim_frames *frames, struct tr_bytes bytes);
void sim_frames_fini(struct sim_frames *frames);
void sim_stick_write(struct sim_world *world, unsigned from, unsigned to, struct sim_frames *out);
/* Reads a stick at `at`; the answer goes into `reply` (may be NULL). */
void sim_stick_read(struct sim_world *world, unsigned at, unsigned from, const struct sim_frames *frames,
    struct sim_frames *reply);
void sim_stick_export(struct sim_world *world, unsigned from, unsigned to);
void sim_stick_import_any(struct sim_world *world, struct sim_rng *rng);
/* There and back, for hosts without a link. */
void sim_stick_round(struct sim_world *world, unsigned child);
void sim_stick_forget(struct sim_world *world, unsigned from);
void sim_stick_box_free(struct sim_stick_box *box);

/* --- act.c --- */
void sim_act(struct sim_world *world, unsigned index);
void sim_act_weather(struct sim_world *world, struct sim_rng *rng, unsigned host);

/* --- watch.c --- */
void sim_watch_frame(struct sim_world *world, unsigned host, uint32_t link, struct tr_bytes frame);
void sim_watch_stick(struct sim_world *world, unsigned host, struct tr_bytes frame); /* what is on a stick */
void sim_watch_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace);

/* --- act_policy.c: what the policy that a host uses says, from the documents as they were sent --- */
enum rep_merge_kind sim_policy_merge(const struct sim_world *world, unsigned host, const struct rep_field *field);
int sim_policy_rank(const struct sim_world *world, unsigned host, uint8_t kind, int64_t status, int otherwise);

/* --- act_seat.c --- */
/* All ops of a record are set aside. */
bool sim_seat_is_gone(struct sim_world *world, unsigned host, unsigned rec);
/* A CUT speaks of the key that signed it. */
bool sim_seat_is_cut(const struct sim_world *world, unsigned host, struct tr_dot dot);

/* --- act_image.c --- */
/* The store of the twin is the unit's now: what was told of forks there counts. */
void sim_image_took_over(struct sim_world *world, unsigned host);

/* --- check_*.c --- */
void sim_check_store(struct sim_world *world, unsigned host);   /* 1 2 3 4 6 10 */
bool sim_check_delivered(struct sim_world *world, unsigned rec); /* 22 */
/* 18: a segment of its own leaves for the first time. */
void sim_check_old_inc(struct sim_world *world, unsigned host, const struct tr_log_id *log, uint64_t first, uint32_t count);
void sim_check_restart(struct sim_world *world, unsigned host); /* 12 13 28 */
bool sim_check_is_quiet(struct sim_world *world, const char **why, unsigned *who);
void sim_check_explain(struct sim_world *world, unsigned host);
void sim_check_rest(struct sim_world *world);                   /* 7 9 11 14 22 26 */

#endif
