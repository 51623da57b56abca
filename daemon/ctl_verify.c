/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_verify -- looks through this store: every segment against its hash,
 * chain and signature, everything derived against what it is derived from,
 * every stored value once.  `repair` mends what it finds, one fault at a time.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_audit.h"
#include "daemon/ctl_look.h"
#include "daemon/sys.h"

#define BAD_MAX 1000      /* named ones; more are counted */
#define UNITS_A_GO 16     /* between two looks at the clock */
#define LOOK_S 0.25       /* how often it is seen whether a segment has come */
#define AGAIN_MS 4000     /* it is asked for again */
#define COME_MS 15000     /* and then given up */

enum what_to_do { LOOK_ONLY, SAY_HOW, MEND };

struct verify {
	struct td_ctl_audit *audit; /* with a neighbour; NULL: none */
	enum what_to_do todo;
	struct rep_verify_cursor cursor;
	struct rep_verify_sum sum;
	uint64_t bad_count, mended;
	json_t *bad;
	struct td_ctl_call *call;
	ev_timer timer;
	struct rep_fault fault; /* in work */
	int64_t asked_ms, again_ms; /* mono */
	bool is_asked;
};

/* What the node has in memory may be ahead of the last commit: the store as
 * the node sees it, or its rows would look as if they were missing. */
static const struct rep_view *view_of(struct td_ctl_call *call)
{
	struct td_store *store = td_engine_store(call->ctl->engine);

	return td_store_is_open(store) ? td_store_view(store) : td_ctl_view(call);
}

static void free_verify(struct td_ctl_call *call)
{
	struct verify *v = call->state;

	if (v != NULL) {
		ev_timer_stop(call->ctl->loop, &v->timer);
		td_ctl_audit_free(v->audit);
		json_decref(v->bad);
	}
	free(v);
	call->state = NULL;
}

static void put_log(struct td_ctl_call *call, json_t *o, const struct rep_log_info *log)
{
	json_t *name = json_object();

	td_ctl_put_unit(call, name, "author", log->id.author);
	td_ctl_put_unit(call, name, "scope", log->id.scope);
	td_ctl_put(o, "log", json_sprintf("%s in %s, lane %s",
	    json_string_value(json_object_get(name, "author")),
	    json_string_value(json_object_get(name, "scope")), td_ctl_lane_name(log->id.lane)));
	json_decref(name);
}

/* Where a good copy of the segment is; "" if nobody is known to have one. */
static void put_holders(struct td_ctl_call *call, json_t *o, const struct rep_fault *fault)
{
	struct rep_fault_holder holder[2];
	size_t n = rep_fault_holders(td_ctl_node(call), fault, holder);

	for (size_t i = 0; i < n && i < 1; i++) {
		size_t at = n == 2 && !holder[0].is_up && holder[1].is_up ? 1 : i;

		td_ctl_put_unit(call, o, "from", holder[at].peer);
		td_ctl_put_bool(o, "connected", holder[at].is_up);
	}
	if (n == 0)
		json_object_set_new(o, "from", json_null());
}

static void add_bad(struct td_ctl_call *call, struct verify *v, const struct rep_fault *fault, const char *mend)
{
	static const struct tr_rec_id none;
	struct rep_log_info log;
	json_t *o;

	if (v->bad_count++ >= BAD_MAX)
		return;
	o = json_object();
	td_ctl_put_text(o, "what", rep_fault_name(fault->what));
	if (fault->log != 0 && rep_log_of(td_ctl_node(call), fault->log, &log)) {
		put_log(call, o, &log);
		td_ctl_put_int(o, "seq", (int64_t)fault->first);
	}
	if (memcmp(fault->rec.b, none.b, sizeof(none.b)) != 0)
		td_ctl_put_id(o, "record", &fault->rec);
	td_ctl_put_text(o, "error", tr_err_message(fault->rc));
	if (fault->what == REP_FAULT_SEGMENT)
		put_holders(call, o, fault);
	if (mend != NULL)
		td_ctl_put_text(o, "repair", mend);
	json_array_append_new(v->bad, o);
}

/* --------------------------------------------------------------------- repair */

static int verify_pump(struct td_ctl_call *call, json_t **out);

static void go_on(struct td_ctl_call *call)
{
	call->pump = verify_pump;
	ev_io_start(call->ctl->loop, &call->client->out);
}

static void on_mended(void *arg, const struct rep_reply *reply)
{
	struct td_ctl_call *call = arg;
	struct verify *v = call->state;

	if (v->is_asked)
		return; /* asked once more; the timer looks */
	if (reply->rc == TR_E_IO || reply->rc == TR_E_FULL) {
		td_ctl_answer(call, reply->rc, NULL);
		return;
	}
	if (reply->rc == 0 && reply->asked) {
		v->is_asked = true;
		v->asked_ms = v->again_ms = td_sys_mono().ms;
		ev_timer_start(call->ctl->loop, &v->timer);
		return;
	}
	v->mended += reply->rc == 0;
	add_bad(call, v, &v->fault, reply->rc == 0 ? "made again from its changes"
	    : reply->rc == TR_E_NOPEER ? "no neighbour is known to have it"
	    : reply->rc == TR_E_DOWN ? "who has it is not connected"
				     : tr_err_message(reply->rc));
	go_on(call);
}

static void mend(struct td_ctl_call *call, struct verify *v)
{
	struct rep_mend mend = {.fault = v->fault};

	call->pump = NULL;
	td_engine_mend(call->ctl->engine, &mend, on_mended, call);
}

/* Has the segment come? */
static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct verify *v = timer->data;
	int64_t now = td_sys_mono().ms;
	bool is_here = rep_fault_look(td_ctl_node(v->call), view_of(v->call), &v->fault) == 0;

	(void)events;
	if (!is_here && now - v->asked_ms < COME_MS) {
		if (now - v->again_ms >= AGAIN_MS) {
			v->again_ms = now;
			mend(v->call, v);
		}
		return;
	}
	ev_timer_stop(loop, &v->timer);
	v->is_asked = false;
	v->mended += is_here;
	add_bad(v->call, v, &v->fault, is_here ? "replaced by the neighbour's copy" : "the neighbour sent no good copy");
	go_on(v->call);
}

/* What --dry-run says. */
static const char *how(struct td_ctl_call *call, const struct rep_fault *fault)
{
	struct rep_fault_holder holder[2];
	size_t n;

	if (fault->what != REP_FAULT_SEGMENT)
		return "would be made again from its changes";
	n = rep_fault_holders(td_ctl_node(call), fault, holder);
	if (n == 0)
		return "no neighbour is known to have it";
	return holder[0].is_up || (n == 2 && holder[1].is_up) ? "would come from a neighbour"
							      : "would come from a neighbour that is not connected";
}

/* ---------------------------------------------------------------------- verify */

static json_t *scopes_json(struct td_ctl_call *call)
{
	json_t *list = json_array(), *o;
	struct rep_unit_info unit;
	uint8_t digest[16];
	char text[33];

	for (size_t i = 0; rep_inspect_unit(td_ctl_node(call), i, &unit); i++) {
		if (!unit.in_subtree) /* the way to the root: known, but not held */
			continue;
		rep_scope_digest(td_ctl_node(call), unit.nid, digest);
		td_text_write_hex(digest, sizeof(digest), text);
		o = json_object();
		td_ctl_put_text(o, "scope", unit.unit);
		td_ctl_put_text(o, "digest", text);
		json_array_append_new(list, o);
	}
	return list;
}

/* A scrub reads all values at once: the one step that is not sliced. */
static int finish(struct td_ctl_call *call, struct verify *v, json_t **out)
{
	uint64_t rows = 0, bad_rows = 0;
	json_t *data, *values;
	int rc = td_store_scrub(td_engine_store(call->ctl->engine), &rows, &bad_rows);

	if (rc != 0)
		return td_ctl_error(call, rc, "%s", td_store_error(td_engine_store(call->ctl->engine)));
	data = td_ctl_data(call);
	values = json_object();
	td_ctl_put_int(data, "segments", (int64_t)v->sum.segments);
	td_ctl_put_int(data, "records", (int64_t)v->sum.ops);
	td_ctl_put_int(data, "dropped", (int64_t)v->sum.dropped);
	td_ctl_put_int(data, "refolded", (int64_t)v->sum.records);
	td_ctl_put_int(data, "unjudged", (int64_t)v->sum.unjudged);
	td_ctl_put_int(data, "bad_count", (int64_t)v->bad_count);
	td_ctl_put(data, "bad", json_incref(v->bad));
	if (v->todo == MEND)
		td_ctl_put_int(data, "repaired", (int64_t)v->mended);
	td_ctl_put(data, "scopes", scopes_json(call));
	td_ctl_put_int(values, "rows", (int64_t)rows);
	td_ctl_put_int(values, "bad", (int64_t)bad_rows);
	td_ctl_put(data, "values", values);
	if (v->audit != NULL)
		td_ctl_put(data, "compared", td_ctl_audit_json(call, v->audit));
	*out = data;
	return 0;
}

/* A while of looking.  0: on; TR_E_NOTFOUND: all was seen; TD_CTL_LATER: a fault is being mended. */
static int look_on(struct td_ctl_call *call, struct verify *v)
{
	bool found;
	int rc = rep_verify_next(td_ctl_node(call), view_of(call), &v->cursor, UNITS_A_GO, &v->fault, &found, &v->sum);

	if (rc != 0 || !found)
		return rc;
	if (v->todo == MEND) {
		mend(call, v);
		return TD_CTL_LATER;
	}
	add_bad(call, v, &v->fault, v->todo == SAY_HOW ? how(call, &v->fault) : NULL);
	return 0;
}

static int verify_pump(struct td_ctl_call *call, json_t **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct verify *v = call->state;
	int rc = 0;

	while (rc == 0 && td_sys_mono_us() < until_us)
		rc = look_on(call, v);
	if (rc == 0 || rc == TD_CTL_LATER)
		return TD_CTL_LATER;
	if (rc != TR_E_NOTFOUND)
		return rc;
	if (v->audit != NULL && !td_ctl_audit_is_done(v->audit, go_on))
		return TD_CTL_LATER;
	return finish(call, v, out);
}

static int start(struct td_ctl_call *call, enum what_to_do todo, struct verify **out)
{
	struct verify *v = calloc(1, sizeof(*v));

	if (v == NULL)
		return TR_E_NOMEM;
	call->state = v;
	call->free_state = free_verify;
	v->call = call;
	v->todo = todo;
	v->bad = json_array();
	ev_timer_init(&v->timer, on_look, LOOK_S, LOOK_S);
	v->timer.data = v;
	call->pump = verify_pump;
	*out = v;
	return 0;
}

int td_ctl_verify(struct td_ctl_call *call, json_t **data)
{
	struct tr_nid against = {0}, unit = {0};
	int64_t wait_s = td_ctl_arg_int(call, "wait_seconds", TD_CTL_AUDIT_WAIT_S);
	struct verify *v;
	int rc = td_ctl_arg_peer(call, "against", &against);

	(void)data;
	if (rc == 0)
		rc = td_ctl_arg_unit(call, "unit", &unit);
	if (rc != 0)
		return rc;
	if (unit.v != 0 && against.v == 0)
		return td_ctl_error(call, TR_E_USAGE, "unit: only with against");
	if (wait_s < 0 || wait_s > TD_CTL_AUDIT_WAIT_MAX_S)
		return td_ctl_error(call, TR_E_USAGE, "wait_seconds: 0 to %d", TD_CTL_AUDIT_WAIT_MAX_S);
	rc = start(call, LOOK_ONLY, &v);
	if (rc == 0 && against.v != 0)
		rc = td_ctl_audit_begin(call, against, unit, (uint32_t)wait_s * 1000, &v->audit);
	return rc != 0 ? rc : TD_CTL_LATER;
}

int td_ctl_repair(struct td_ctl_call *call, json_t **data)
{
	struct verify *v;
	int rc = start(call, td_ctl_arg_bool(call, "dry_run") ? SAY_HOW : MEND, &v);

	(void)data;
	return rc != 0 ? rc : TD_CTL_LATER;
}
