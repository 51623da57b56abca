/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_int -- what the verbs (ctl_*.c) share.  Private to them.
 *
 * From the top: ctl.c (sockets), ctl_client.c (one connection), ctl_request.c
 * (which verb), the verbs, ctl_arg.c (arguments, values), ctl_answer.c.
 *
 * A call is one request in work.  A client has at most one; its next line is
 * read when the call is answered (bundle import reads its own lines).
 *
 * How a verb answers:
 *   return 0, *data set     one reply, now
 *   return < 0              an error; td_ctl_error() said more, or the usual text
 *   return TD_CTL_LATER     later, by exactly one of
 *       call->pump          asked again each time the client's socket takes
 *                           bytes and its buffer is below the mark: puts pieces,
 *                           returns TD_CTL_LATER, 0 with *data, or an error
 *       td_ctl_answer()     from a callback of the engine, a timer, a trace
 */
#ifndef DAEMON_CTL_INT_H
#define DAEMON_CTL_INT_H

#include "daemon/ctl.h"
#include "daemon/door.h"
#include "daemon/line.h"
#include "daemon/sock.h"
#include "daemon/text.h"
#include "proto/control.h"
#include "proto/err.h"
#include "proto/limits.h"

#define TD_CTL_LATER 1
#define TD_CTL_MARK (64 * 1024)    /* a stream goes on below this */
#define TD_CTL_SLICE_US 5000       /* longest work of a pump in one go */
#define TD_CTL_EVENTS_KEPT 512

struct td_ctl_call;
typedef int td_ctl_verb(struct td_ctl_call *call, json_t **data);
typedef json_t *td_ctl_made_fn(struct td_ctl_call *call, const struct rep_reply *reply);

struct td_ctl_client {
	struct td_ctl *ctl;
	struct td_ctl_client *next;
	int fd;
	bool is_admin, is_ended, has_asked, is_closing;
	bool times_line; /* the timer is that of a half line */
	ev_io in, out;
	ev_timer timer;
	struct td_line lines;
	struct td_out reply;
	struct td_ctl_call *call; /* NULL: the next line is a request */
};

struct td_ctl_call {
	struct td_ctl *ctl;
	struct td_ctl_client *client;
	const struct tr_command *command;
	json_t *args;
	json_int_t id;
	struct td_door_error error;
	char error_record[TD_UUID_SIZE]; /* "" if none */
	json_t *error_lines;             /* of a file with many faults; NULL */
	td_ctl_verb *pump;
	/* Lines after the request, for bundle import; 0 or an error. */
	int (*line)(struct td_ctl_call *call, uint8_t *text, size_t size);
	td_ctl_made_fn *made; /* td_ctl_write(): makes the answer */
	void *state; /* of the verb */
	void (*free_state)(struct td_ctl_call *call); /* also on a client that goes away */
	void (*after)(struct td_ctl *ctl); /* once the reply is written out */
};

struct td_ctl_event { /* one trace, kept for `events` */
	uint64_t number;
	int64_t wall_ms;
	struct rep_trace trace;
};

struct td_ctl_listener {
	int fd;
	char *path;
	bool is_admin;
	ev_io accept;
	struct td_ctl *ctl;
};

struct td_ctl {
	struct ev_loop *loop;
	struct td_engine *engine;
	struct td_ctl_hooks hooks;
	struct td_ctl_listener listeners[2];
	struct td_ctl_client *clients;
	unsigned client_count;
	struct td_door *door;
	struct rep_record *record; /* scratch for one call's turn; large */
	struct td_ctl_event events[TD_CTL_EVENTS_KEPT];
	uint64_t event_count; /* ever */
	void (*after)(struct td_ctl *ctl); /* waits until a reply is out */
	uint64_t reload_ok_ms;
	bool reload_failed;
};

/* ------------------------------------------------------- answers (ctl_answer.c) */

/* One line to a client; takes the object. */
void td_ctl_line(struct td_ctl_client *client, json_t *take_object);
/* One piece of a stream; takes data.  A reader that is too slow is dropped later. */
void td_ctl_piece(struct td_ctl_call *call, json_t *take_data);
/* The same with data that is JSON text already. */
void td_ctl_piece_text(struct td_ctl_call *call, const char *before, const struct td_out *text, const char *behind);
/* Ends a call: rc 0 with data (taken; NULL = {}), or an error.  TD_CTL_LATER: it goes on. */
void td_ctl_answer(struct td_ctl_call *call, int rc, json_t *take_data);
/* Of one that nobody waits for any more. */
void td_ctl_call_free(struct td_ctl_call *call);
/* Says what an error is about; returns rc. */
int td_ctl_error(struct td_ctl_call *call, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void td_ctl_hint(struct td_ctl_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ------------------------------------------------------ arguments (ctl_arg.c) */

const struct rep_node *td_ctl_node(const struct td_ctl_call *call);
const struct rep_view *td_ctl_view(const struct td_ctl_call *call);
struct rep_record *td_ctl_record(const struct td_ctl_call *call);
/* {"schema":"terrace.x/1"}; never NULL (json functions take NULL anyway). */
json_t *td_ctl_data(const struct td_ctl_call *call);

const char *td_ctl_arg(const struct td_ctl_call *call, const char *name); /* NULL if absent */
int64_t td_ctl_arg_int(const struct td_ctl_call *call, const char *name, int64_t otherwise);
bool td_ctl_arg_bool(const struct td_ctl_call *call, const char *name);
/* Absent = *out unchanged, 0.  Else 0; TR_E_NOUNIT, TR_E_AMBIGUOUS, ... with words. */
TR_MUST_CHECK int td_ctl_arg_unit(struct td_ctl_call *call, const char *name, struct tr_nid *out);
TR_MUST_CHECK int td_ctl_find_unit(struct td_ctl_call *call, const char *text, struct tr_nid *out);
/* A neighbour: TR_E_NOPEER if it is none. */
TR_MUST_CHECK int td_ctl_arg_peer(struct td_ctl_call *call, const char *name, struct tr_nid *out);
TR_MUST_CHECK int td_ctl_arg_time(struct td_ctl_call *call, const char *name, int64_t *out);
/* Hexadecimal digits without dashes, lower case; 0 if something else is in it. */
size_t td_ctl_hex_of(const char *text, char out[static 33]);
/* By UUID or prefix; kind 0 = any. */
TR_MUST_CHECK int td_ctl_find_record(struct td_ctl_call *call, uint8_t kind, const char *text,
    struct tr_rec_id *id, uint8_t *found_kind);
/* Loads it into td_ctl_record(). */
TR_MUST_CHECK int td_ctl_load(struct td_ctl_call *call, uint8_t kind, const struct tr_rec_id *id);

/* --------------------------------------------------------- values (ctl_arg.c) */

void td_ctl_put(json_t *object, const char *key, json_t *take_value);
/* An answer {"text":...} that is printed into print.file; opened, printed, answered. */
struct td_ctl_print {
	FILE *file;
	char *text;
	size_t size;
};
TR_MUST_CHECK int td_ctl_print_open(struct td_ctl_print *print);
TR_MUST_CHECK int td_ctl_print_end(struct td_ctl_print *print, const struct td_ctl_call *call, json_t **out);
void td_ctl_put_text(json_t *object, const char *key, const char *text); /* cleaned */
void td_ctl_put_bytes(json_t *object, const char *key, struct tr_bytes text); /* size 0 = null */
void td_ctl_put_int(json_t *object, const char *key, int64_t v);
void td_ctl_put_bool(json_t *object, const char *key, bool v);
void td_ctl_put_time(json_t *object, const char *key, int64_t ms); /* 0 = null */
void td_ctl_put_id(json_t *object, const char *key, const struct tr_rec_id *id);
void td_ctl_put_nid(json_t *object, const char *key, struct tr_nid nid);
/* Full path; the nid in hexadecimal if the unit is not known. */
void td_ctl_put_unit(const struct td_ctl_call *call, json_t *object, const char *key, struct tr_nid nid);
/* Seconds since `ms`; null for 0. */
void td_ctl_put_age(json_t *object, const char *key, int64_t ms);
int64_t td_ctl_age_s(int64_t ms);
const char *td_ctl_lane_name(uint8_t lane); /* one letter; "?" */
/* Field value as JSON, in the form of the canonical export. */
json_t *td_ctl_value(const struct td_ctl_call *call, const struct rep_field *field, const struct rep_value *value);
/* {"name": value, ...} */
json_t *td_ctl_values(const struct td_ctl_call *call, uint8_t kind, const struct rep_value *values, size_t count);
static inline int64_t td_ctl_hlc_ms(struct tr_hlc hlc)
{
	return (int64_t)(hlc.v >> 16);
}

/* ---------------------------------------------------------- writes (ctl_write.c) */

/* Steps one write; the answer is made by `made` (NULL: id, version) from the reply. */
int td_ctl_write(struct td_ctl_call *call, struct rep_write *write, td_ctl_made_fn *made);

/* `by`: 0 or TR_E_SIZE; then into a write. */
TR_MUST_CHECK int td_ctl_check_actor(struct td_ctl_call *call);
void td_ctl_actor(struct td_ctl_call *call, struct rep_write *write);

/* ------------------------------------------------------------------- verbs */

td_ctl_verb td_ctl_status, td_ctl_health, td_ctl_version, td_ctl_metrics;
td_ctl_verb td_ctl_tree, td_ctl_unit_list, td_ctl_unit_rename, td_ctl_invite;
td_ctl_verb td_ctl_peers, td_ctl_queue, td_ctl_lag;
td_ctl_verb td_ctl_peer_pause, td_ctl_peer_resume, td_ctl_peer_retry;
td_ctl_verb td_ctl_events, td_ctl_wait;
td_ctl_verb td_ctl_record_put, td_ctl_record_show, td_ctl_record_list, td_ctl_trace;
td_ctl_verb td_ctl_record_transfer, td_ctl_unit_move;
td_ctl_verb td_ctl_unit_approve, td_ctl_key_show, td_ctl_key_revoke, td_ctl_key_accept;
td_ctl_verb td_ctl_conflicts, td_ctl_conflict_resolve;
td_ctl_verb td_ctl_policy_show, td_ctl_policy_send;
td_ctl_verb td_ctl_directive_send, td_ctl_directive_list, td_ctl_directive_status;
td_ctl_verb td_ctl_directive_step, td_ctl_directive_issuer_step;
td_ctl_verb td_ctl_export, td_ctl_digests, td_ctl_verify, td_ctl_repair;
td_ctl_verb td_ctl_bundle_export, td_ctl_bundle_import, td_ctl_bundle_inspect;
td_ctl_verb td_ctl_store_stat, td_ctl_store_history, td_ctl_store_backup;
td_ctl_verb td_ctl_reload, td_ctl_config_show, td_ctl_log_level, td_ctl_stop_verb;

/* The ring of `events` (ctl_event.c). */
void td_ctl_on_trace(void *ctl, int64_t wall_ms, const struct rep_trace *trace);

/* ------------------------------------------- requests, connections: above the verbs */

/* ctl_request.c: finds the verb and starts it; the text is one line. */
void td_ctl_request(struct td_ctl_client *client, uint8_t *text, size_t size);
/* Its table against the protocol's: same names in the same order. */
void td_ctl_request_check(void);
/* ctl_client.c */
int td_ctl_client_add(struct td_ctl *ctl, int fd, bool is_admin);
void td_ctl_client_drop(struct td_ctl_client *client);

#endif
