/* SPDX-License-Identifier: Apache-2.0 */
/*
 * engine -- event -> rep_step -> group commit -> effects.  The only caller
 * of rep_step().  Read this first.
 *
 * Every event is stepped at once into the open write transaction.  The commit
 * comes when the loop has nothing more to read, or after TR_GROUP_EVENTS_MAX
 * steps or TR_GROUP_MS_MAX.  Replies and sends leave after it.
 * Threads: the core's loop.
 */
#ifndef DAEMON_ENGINE_H
#define DAEMON_ENGINE_H

#include "daemon/conf.h"
#include "daemon/net.h"
#include "daemon/store.h"
#include "replication/rep.h"

#include <ev.h>

struct td_engine;

typedef void td_reply_fn(void *arg, const struct rep_reply *reply);
typedef void td_trace_fn(void *arg, int64_t wall_ms, const struct rep_trace *trace);

TR_MUST_CHECK int td_engine_start(struct td_engine **out, struct ev_loop *loop,
    struct td_store *store, const struct td_conf *conf);
/* What only the main program can do about it. */
struct td_engine_hooks {
	void *arg;
	/* The store died or the carrier cannot listen; nothing goes on.  rc gives the exit code. */
	void (*fatal)(void *arg, int rc, const char *text);
	void (*listening)(void *arg, const char *address);
};
void td_engine_set_hooks(struct td_engine *engine, const struct td_engine_hooks *hooks); /* copied */
/* Commits what is open and gives all answers; for the way out. */
void td_engine_flush(struct td_engine *engine);
void td_engine_stop(struct td_engine *engine); /* flushes, commits, stops the carrier */

/*
 * Steps a local write now; fn is called after the commit (never before), also with
 * an error.  The write's bytes are borrowed for this call only.
 * fn may be called with TR_E_IO if the store died: then nothing is certain.
 */
void td_engine_write(struct td_engine *engine, struct rep_write *write, td_reply_fn *fn, void *arg);
void td_engine_policy(struct td_engine *engine, struct rep_policy_send *send, td_reply_fn *fn, void *arg);
void td_engine_invite(struct td_engine *engine, struct rep_invite *invite, td_reply_fn *fn, void *arg);
void td_engine_key(struct td_engine *engine, struct rep_key_act *act, td_reply_fn *fn, void *arg);
void td_engine_mend(struct td_engine *engine, struct rep_mend *mend, td_reply_fn *fn, void *arg);
void td_engine_audit(struct td_engine *engine, struct rep_audit_ask *audit, td_reply_fn *fn, void *arg);
void td_engine_pause(struct td_engine *engine, struct tr_nid peer, enum rep_pause what);
/* A caller that goes away: its outstanding replies are dropped. */
void td_engine_forget(struct td_engine *engine, void *arg);

/*
 * Frames of one bundle, committed in groups; returns when all is on disk and
 * emit got the frames of the return bundle.  next: 0; TR_E_NOTFOUND at the
 * end; other errors end the import, what was committed stays.
 */
typedef int td_emit_fn(void *arg, struct tr_bytes msg);
TR_MUST_CHECK int td_engine_bundle_import(struct td_engine *engine, struct tr_nid from,
    int (*next)(void *ctx, struct tr_bytes *msg), void *ctx, td_emit_fn *emit, void *arg);
TR_MUST_CHECK int td_engine_bundle_export(struct td_engine *engine, struct tr_nid to, td_emit_fn *emit, void *arg);

/* Signs what waits in open segments; 0 when that is on disk. */
TR_MUST_CHECK int td_engine_seal(struct td_engine *engine);

const struct rep_node *td_engine_node(const struct td_engine *engine);
const struct rep_view *td_engine_read(struct td_engine *engine); /* committed data; valid until the loop goes on */
struct td_store *td_engine_store(struct td_engine *engine);
const struct td_conf *td_engine_conf(const struct td_engine *engine);
TR_MUST_CHECK int td_engine_set_conf(struct td_engine *engine, const struct td_conf *conf); /* reload; lent until td_engine_stop */
void td_engine_watch(struct td_engine *engine, td_trace_fn *fn, void *arg);
void td_engine_unwatch(struct td_engine *engine, void *arg);
int64_t td_engine_start_ms(const struct td_engine *engine);
bool td_engine_is_full(const struct td_engine *engine); /* local intake stopped */
/* Groups lost since the start.  When it moves, what a caller has in work will be
 * answered as not taken, though what it writes now may be. */
uint64_t td_engine_lost(const struct td_engine *engine);
const char *td_engine_listen_address(const struct td_engine *engine); /* real address or "" */

/* By this node's signing key, purpose "terrace/NAME/1"; msg up to REP_SIGN_BODY_MAX. */
void td_engine_sign(const struct td_engine *engine, const char *purpose, struct tr_bytes msg, uint8_t sig[static 64]);

#endif
