/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine_int -- what the engine's files share.  Nobody else includes it.
 *
 * From the top: engine.c (loop, doors), engine_net.c and engine_bundle.c (make
 * events), engine_step.c (step, commit, effects), and below it _node, _link,
 * _answer, _trace, _base.
 */
#ifndef DAEMON_ENGINE_INT_H
#define DAEMON_ENGINE_INT_H

#include "daemon/engine.h"
#include "daemon/keyfile.h"

/* Who waits for an answer; index in the list + base = ticket. */
struct engine_waiter {
	td_reply_fn *fn; /* NULL: went away */
	void *arg;
	bool is_answered;
};
struct engine_waiters {
	struct engine_waiter *list;
	size_t count, cap;
	uint64_t base;
};

/* Answers leave from the loop only, never inside the call that asked. */
struct engine_answer {
	td_reply_fn *fn;
	void *arg;
	struct rep_reply reply;
};

struct engine_watcher {
	td_trace_fn *fn;
	void *arg;
};

enum engine_parent { PARENT_OFF, PARENT_DIALLING, PARENT_UP };

struct td_engine {
	struct td_fence *fence;
	struct ev_loop *loop;
	struct td_store *store;
	const struct td_conf *conf;
	struct td_engine_hooks hooks;
	struct td_keys *keys;     /* locked memory */
	struct rep_node *node;
	int64_t start_ms;         /* wall */

	/* The group in work, and the one whose effects are being carried out: a
	 * callback of an effect may already make the next step. */
	struct rep_batch *batch, *done_batch;
	struct engine_waiters open, done;
	uint64_t next_ticket;
	unsigned steps;
	int64_t opened_ms;        /* mono; of the first step */
	bool is_draining;
	struct engine_answer *answers;
	size_t answer_count, answer_cap;

	ev_prepare prepare;
	ev_idle idle;
	ev_timer deadline, second;
	const struct rep_view *read;
	bool read_is_fresh;       /* renewed in this turn of the loop */

	struct td_net *net;
	enum engine_parent parent;
	uint32_t *links;          /* children that are up */
	size_t link_count, link_cap;
	uint32_t link_floor;      /* children's links below it are of a former node */
	uint32_t link_top;        /* highest number seen + 1 */
	struct tr_key *allowed;   /* ZAP list, for a new carrier */
	size_t allowed_count, allowed_cap;
	char listen_address[256];

	struct engine_watcher *watchers;
	size_t watcher_count, watcher_cap;

	bool is_full, is_warned;
	int64_t full_until_ms; /* mono; no new lines before, a commit did not fit */
	bool is_dead;             /* fatal was called */
	unsigned failures;        /* since the last commit */
	uint64_t lost;            /* groups, since the start */
	int64_t hold_until_ms;    /* mono; no steps before, 0 = none */

	td_emit_fn *bundle_emit;
	void *bundle_arg;
	int bundle_rc;
};

/* ---- engine_net.c: the carrier's calls become events ---- */
int td_engine_net_start(struct td_engine *engine);

/* ---- engine_step.c ---- */
/* One step into the open group.  0, or the error after which a new node was loaded. */
int td_engine_step(struct td_engine *engine, struct rep_event *event);
/* Commits the open group and carries out its effects; answers are queued. */
int td_engine_commit(struct td_engine *engine);
/* The timer of the node's next deadline. */
void td_engine_arm(struct td_engine *engine);
/* Stops and opens the local intake. */
void td_engine_watch_room(struct td_engine *engine);

/* ---- engine_node.c: what a node is made of ---- */
int td_engine_node_keys(struct td_engine *engine);
int td_engine_node_fence(struct td_engine *engine);
/* A new node from the store; on failure the old one, if any, stays. */
int td_engine_node_load(struct td_engine *engine);
/* TR_E_CONF: the certificate is of another unit than the configuration. */
int td_engine_node_unit(struct td_engine *engine);
/* TR_E_IO: what was committed must not be spoken of. */
TR_MUST_CHECK int td_engine_node_keep_fence(struct td_engine *engine);

/* ---- engine_link.c ---- */
/* false: no memory. */
bool td_engine_link_add(struct td_engine *engine, uint32_t link);
void td_engine_link_remove(struct td_engine *engine, uint32_t link);
/* 0; why there is nobody to dial. */
int td_engine_dial(struct td_engine *engine, const struct tr_key *key);
void td_engine_close(struct td_engine *engine, uint32_t link);
void td_engine_close_all(struct td_engine *engine);
void td_engine_allow(struct td_engine *engine, const struct tr_key *key, bool add);

/* ---- engine_answer.c ---- */
void td_engine_answer(struct td_engine *engine, struct engine_waiter *waiter, const struct rep_reply *reply);
/* All who have no answer yet get this error. */
void td_engine_answer_all(struct td_engine *engine, struct engine_waiters *waiters, int rc);
void td_engine_answers_out(struct td_engine *engine);

/* ---- engine_trace.c ---- */
void td_engine_trace(struct td_engine *engine, const struct rep_trace *trace);

/* ---- engine_base.c ---- */
/* Ends the daemon. */
void td_engine_die(struct td_engine *engine, int rc, const char *text);

#endif
