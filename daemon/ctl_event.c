/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_event -- what happened: the ring of traces, `events`, and `wait`. */
#include "daemon/ctl_int.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/sys.h"

#define EVENTS_USUAL 50
#define WAIT_USUAL_S 60
#define WAIT_MAX_S 86400
#define WAIT_LOOK_S 0.05

/* ------------------------------------------------------------------ events */

struct follow {
	uint64_t next; /* number of the next event to show */
	bool follow;
};

static bool has_record(const struct rep_trace *trace)
{
	static const struct tr_rec_id none;

	return memcmp(&trace->rec, &none, sizeof(none)) != 0;
}

static json_t *event_json(const struct td_ctl_call *call, const struct td_ctl_event *event)
{
	const struct rep_trace *t = &event->trace;
	const char *kind = rep_schema_kind_name(t->kind);
	json_t *o = json_object();

	td_ctl_put_time(o, "time", event->wall_ms);
	td_ctl_put_text(o, "event", rep_trace_code_name(t->code));
	td_ctl_put_text(o, "level", rep_trace_level(t->code));
	td_ctl_put_unit(call, o, "peer", t->peer);
	if (has_record(t))
		td_ctl_put_id(o, "record", &t->rec);
	else
		td_ctl_put(o, "record", json_null());
	td_ctl_put(o, "kind", kind != NULL ? json_string(kind) : json_null());
	td_ctl_put_text(o, "message", rep_trace_message(t->code));
	td_ctl_put_int(o, "a", (int64_t)t->a);
	td_ctl_put_int(o, "b", (int64_t)t->b);
	td_ctl_put_text(o, "text", t->text != NULL ? t->text : "");
	return o;
}

/* Puts what there is; true when nothing is left. */
static bool put_events(struct td_ctl_call *call, struct follow *follow)
{
	struct td_ctl *ctl = call->ctl;

	/* Overtaken by the ring: go on with the oldest that is kept. */
	if (follow->next + TD_CTL_EVENTS_KEPT < ctl->event_count)
		follow->next = ctl->event_count - TD_CTL_EVENTS_KEPT;
	while (follow->next < ctl->event_count) {
		if (td_out_size(&call->client->reply) > TD_CTL_MARK)
			return false;
		td_ctl_piece(call, event_json(call, &ctl->events[follow->next % TD_CTL_EVENTS_KEPT]));
		follow->next++;
	}
	return true;
}

/* Stops being asked once all is shown; td_ctl_on_trace() wakes it again. */
static int events_pump(struct td_ctl_call *call, json_t **out)
{
	struct follow *follow = call->state;
	json_t *data;

	if (!put_events(call, follow))
		return TD_CTL_LATER;
	if (follow->follow) {
		call->pump = NULL;
		return TD_CTL_LATER;
	}
	data = td_ctl_data(call);
	td_ctl_put_int(data, "events", (int64_t)call->ctl->event_count);
	*out = data;
	return 0;
}

static void free_state(struct td_ctl_call *call)
{
	free(call->state);
	call->state = NULL;
}

int td_ctl_events(struct td_ctl_call *call, json_t **data)
{
	int64_t n = td_ctl_arg_int(call, "n", EVENTS_USUAL);
	struct follow *follow;

	(void)data;
	if (n < 0 || n > TD_CTL_EVENTS_KEPT)
		return td_ctl_error(call, TR_E_USAGE, "n: 0 to %d, so many events are kept", TD_CTL_EVENTS_KEPT);
	follow = calloc(1, sizeof(*follow));
	if (follow == NULL)
		return TR_E_NOMEM;
	follow->follow = td_ctl_arg_bool(call, "follow");
	follow->next = call->ctl->event_count > (uint64_t)n ? call->ctl->event_count - (uint64_t)n : 0;
	call->state = follow;
	call->free_state = free_state;
	call->pump = events_pump;
	return TD_CTL_LATER;
}

/* Called while a committed group is carried out: keeps, wakes, does nothing else. */
void td_ctl_on_trace(void *arg, int64_t wall_ms, const struct rep_trace *trace)
{
	struct td_ctl *ctl = arg;
	struct td_ctl_event *event = &ctl->events[ctl->event_count % TD_CTL_EVENTS_KEPT];

	event->number = ctl->event_count++;
	event->wall_ms = wall_ms;
	event->trace = *trace;
	for (struct td_ctl_client *client = ctl->clients; client != NULL; client = client->next)
		if (client->call != NULL && client->call->free_state == free_state &&
		    client->call->pump == NULL) {
			client->call->pump = events_pump;
			ev_io_start(ctl->loop, &client->out);
		}
}

/* -------------------------------------------------------------------- wait */

struct waiting {
	ev_timer timer;
	struct td_ctl_call *call;
	int64_t until_ms; /* mono */
	bool for_receipt; /* synced: the top node's receipt; else: no queue */
	uint64_t own_ops; /* when it was asked: later writes are not waited for */
};

static bool is_done(struct td_ctl_call *call, const struct waiting *w)
{
	struct rep_link_info link;
	struct rep_self self;

	rep_inspect_self(td_ctl_node(call), &self);
	if (w->for_receipt)
		return self.is_top ? self.open_ops == 0 : self.receipt_ops >= w->own_ops;
	if (self.open_ops > 0)
		return false;
	for (size_t i = 0; rep_inspect_link(td_ctl_node(call), td_ctl_view(call), i, &link); i++)
		if (link.state != REP_LINK_NEVER && link.waiting_ops > 0)
			return false;
	return true;
}

static void free_wait(struct td_ctl_call *call)
{
	struct waiting *w = call->state;

	if (w != NULL)
		ev_timer_stop(call->ctl->loop, &w->timer);
	free(w);
	call->state = NULL;
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct waiting *w = timer->data;
	struct td_ctl_call *call = w->call;
	json_t *data;

	(void)loop;
	(void)events;
	if (is_done(call, w)) {
		data = td_ctl_data(call);
		td_ctl_put_bool(data, "done", true);
		td_ctl_answer(call, 0, data);
	} else if (td_sys_mono().ms >= w->until_ms) {
		td_ctl_error(call, TR_E_TIMEOUT,
		    w->for_receipt ? "the top node's receipt does not cover everything written here yet"
				   : "something still waits for a neighbour");
		td_ctl_hint(call, "`terracectl queue` shows what waits and why");
		td_ctl_answer(call, TR_E_TIMEOUT, NULL);
	}
}

int td_ctl_wait(struct td_ctl_call *call, json_t **data)
{
	const char *what = td_ctl_arg(call, "what");
	int64_t seconds = td_ctl_arg_int(call, "timeout_seconds", WAIT_USUAL_S);
	struct rep_self self;
	struct waiting *w;

	(void)data;
	if (strcmp(what, "synced") != 0 && strcmp(what, "idle") != 0)
		return td_ctl_error(call, TR_E_USAGE, "what: 'synced' or 'idle', not '%.32s'", what);
	if (seconds < 0 || seconds > WAIT_MAX_S)
		return td_ctl_error(call, TR_E_USAGE, "timeout_seconds: 0 to %d", WAIT_MAX_S);
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return TR_E_NOMEM;
	rep_inspect_self(td_ctl_node(call), &self);
	w->call = call;
	w->for_receipt = strcmp(what, "synced") == 0;
	w->own_ops = self.own_ops;
	w->until_ms = td_sys_mono().ms + seconds * 1000;
	ev_timer_init(&w->timer, on_look, 0., WAIT_LOOK_S);
	w->timer.data = w;
	call->state = w;
	call->free_state = free_wait;
	ev_timer_start(call->ctl->loop, &w->timer);
	return TD_CTL_LATER;
}
