/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net.h"

#include "daemon/address.h"
#include "daemon/net_proc.h"
#include "daemon/net_set.h"
#include "daemon/resolve.h"
#include "proto/err.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESPAWN_S       0.1
#define RESPAWN_AGAIN_S 0.9 /* after a carrier that died young */
#define YOUNG_S         5.0

enum { TEXT_MAX = 256 };

enum dial_state { DIAL_OFF, DIAL_WANTED, DIAL_ASKED, DIAL_LIVE };

struct td_net {
	struct ev_loop *loop;
	struct td_net_calls calls;
	void *arg;

	uint8_t curve_pk[32];
	uint8_t *curve_sk; /* guarded memory; a new carrier needs it again */
	char listen[TD_ADDRESS_MAX +
	            1]; /* after the first bind: the real address */
	bool was_bound, is_given_up;

	struct td_net_proc proc;
	ev_timer respawn, start, late;
	bool is_started; /* START was sent */

	struct td_net_set set;
	uint32_t last_link;
	struct td_net_set
	    overrun; /* links to report as down: their queue was full */

	enum dial_state dial;
	uint32_t dial_number;
	unsigned
	    dial_turn; /* counts dials, to take the next of several addresses */
	const char *dial_late; /* why it failed before it began */
	struct td_address dial_name;
	struct tr_key dial_pk;
	struct td_resolve *resolve;
};

static struct tr_bytes nothing(void)
{
	return (struct tr_bytes){NULL, 0};
}

/* ------------------------------------------------------------- dialling */

static void dial_failed(struct td_net *net, enum rep_down_why why,
    const char *text)
{
	net->dial = DIAL_OFF;
	net->calls.link_down(net->arg, REP_LINK_UP, why, text);
}

static void ask_to_dial(struct td_net *net, const struct td_address *address)
{
	char text[TD_ADDRESS_MAX + 1];

	td_address_print(address, text);
	net->dial = DIAL_ASKED;
	td_net_proc_tell(&net->proc, TD_PIPE_DIAL, net->dial_number,
	    (struct tr_bytes){net->dial_pk.b, 32},
	    (struct tr_bytes){(const uint8_t *)text, strlen(text)});
}

static void on_resolved(void *arg, const struct td_address *address,
    const char *why)
{
	struct td_net *net = arg;

	net->resolve = NULL;
	if (net->dial != DIAL_WANTED)
		return;
	if (address == NULL)
		dial_failed(net, REP_DOWN_UNREACHABLE, why);
	else
		ask_to_dial(net, address);
}

/* From the loop, as all bad news comes. */
static void fail_dial_later(struct td_net *net, const char *why)
{
	net->dial_late = why;
	ev_timer_start(net->loop, &net->late);
}

/* Goes on with a wanted dial as soon as there is a carrier. */
static void pursue_dial(struct td_net *net)
{
	if (net->dial != DIAL_WANTED || net->dial_late != NULL ||
	    net->resolve != NULL || !net->is_started)
		return;
	if (net->dial_name.is_numeric)
		ask_to_dial(net, &net->dial_name);
	else if (td_resolve_start(&net->resolve, net->loop, &net->dial_name,
	             net->dial_turn, on_resolved, net) != 0)
		fail_dial_later(net, "cannot start the resolver");
}

static void forget_dial(struct td_net *net)
{
	td_resolve_cancel(net->resolve);
	net->resolve = NULL;
	if (net->dial == DIAL_ASKED || net->dial == DIAL_LIVE)
		td_net_proc_tell(&net->proc, TD_PIPE_CLOSE, net->dial_number,
		    nothing(), nothing());
	net->dial = DIAL_OFF;
}

void td_net_dial(struct td_net *net, const char *address,
    const struct tr_key *server_pk)
{
	const char *why = NULL;

	forget_dial(net);
	net->dial_turn++;
	net->dial_number =
	    TD_PIPE_PARENT | ((net->dial_number + 1) & ~TD_PIPE_PARENT);
	net->dial_pk = *server_pk;
	net->dial = DIAL_WANTED;
	net->dial_late = NULL;
	if (td_address_parse(address, false, &net->dial_name, &why) != 0) {
		fail_dial_later(net, "not an address that can be dialled");
		return;
	}
	pursue_dial(net);
}

/* --------------------------------------------------- what the carrier says */

static void copy_text(struct tr_bytes in, char out[static TEXT_MAX])
{
	size_t size = in.size < TEXT_MAX ? in.size : TEXT_MAX - 1;

	for (size_t i = 0; i < size; i++)
		out[i] = in.data[i] < ' ' ? ' ' : (char)in.data[i];
	out[size] = '\0';
}

static bool on_up(struct td_net *net, const struct td_pipe_msg *msg)
{
	struct tr_key key;

	if (msg->body.size != sizeof(key.b))
		return false;
	memcpy(key.b, msg->body.data, sizeof(key.b));
	if ((msg->link & TD_PIPE_PARENT) != 0) {
		if (net->dial == DIAL_ASKED && msg->link == net->dial_number) {
			net->dial = DIAL_LIVE;
			net->calls.link_up(net->arg, REP_LINK_UP, &key);
		}
		return true;
	}
	if (msg->link <= net->last_link)
		return false;
	net->last_link = msg->link;
	td_net_set_up(&net->set, msg->link);
	net->calls.link_up(net->arg, msg->link, &key);
	return true;
}

static bool on_down(struct td_net *net, const struct td_pipe_msg *msg)
{
	char text[TEXT_MAX];
	uint8_t why = 0;

	if (msg->body.size < 1)
		return false;
	why = msg->body.data[0];
	if (why < REP_DOWN_CLOSED || why > REP_DOWN_HOSTILE)
		return false;
	copy_text((struct tr_bytes){msg->body.data + 1, msg->body.size - 1},
	    text);
	if ((msg->link & TD_PIPE_PARENT) != 0) {
		if (msg->link == net->dial_number &&
		    (net->dial == DIAL_ASKED || net->dial == DIAL_LIVE))
			dial_failed(net, (enum rep_down_why)why, text);
	} else if (td_net_set_down(&net->set, msg->link)) {
		net->calls.link_down(net->arg, msg->link,
		    (enum rep_down_why)why, text);
	}
	return true;
}

static void on_frame(struct td_net *net, const struct td_pipe_msg *msg)
{
	if ((msg->link & TD_PIPE_PARENT) != 0) {
		if (net->dial == DIAL_LIVE && msg->link == net->dial_number)
			net->calls.frame(net->arg, REP_LINK_UP, msg->body);
	} else if (td_net_set_is_up(&net->set, msg->link)) {
		/* Else the core has closed it and this was on its way. */
		net->calls.frame(net->arg, msg->link, msg->body);
	}
}

static void on_fatal(struct td_net *net, const struct td_pipe_msg *msg)
{
	char why[TEXT_MAX], text[2 * TEXT_MAX];

	if (net->was_bound)
		return; /* it will be tried again */
	copy_text(msg->body, why);
	net->is_given_up = true;
	(void)snprintf(text, sizeof(text), "cannot listen on %s: %s",
	    net->listen, why);
	net->calls.fatal(net->arg, text);
}

static bool on_listening(struct td_net *net, const struct td_pipe_msg *msg)
{
	if (msg->body.size > TD_ADDRESS_MAX)
		return false;
	memcpy(net->listen, msg->body.data, msg->body.size);
	net->listen[msg->body.size] = '\0';
	net->was_bound = true;
	net->calls.listening(net->arg, net->listen);
	return true;
}

/* False: the carrier broke the protocol. */
static bool on_message(void *arg, const struct td_pipe_msg *msg)
{
	struct td_net *net = arg;

	switch (msg->type) {
	case TD_PIPE_FRAME: on_frame(net, msg); return true;
	case TD_PIPE_UP: return on_up(net, msg);
	case TD_PIPE_DOWN: return on_down(net, msg);
	case TD_PIPE_LISTENING: return on_listening(net, msg);
	case TD_PIPE_FATAL: on_fatal(net, msg); return true;
	default: return false;
	}
}

/* ----------------------------------------------- life of the carrier */

static void send_conf(struct td_net *net)
{
	uint8_t body[64];

	memcpy(body, net->curve_pk, 32);
	memcpy(body + 32, net->curve_sk, 32);
	td_net_proc_tell(&net->proc, TD_PIPE_CONF, net->last_link + 1,
	    (struct tr_bytes){body, sizeof(body)}, nothing());
	sodium_memzero(body, sizeof(body));
}

static void send_start(struct td_net *net)
{
	if (net->is_started || !td_net_proc_is_running(&net->proc))
		return;
	net->is_started = true;
	td_net_proc_tell(&net->proc, TD_PIPE_START, 0,
	    (struct tr_bytes){(const uint8_t *)net->listen,
	        strlen(net->listen)},
	    nothing());
	pursue_dial(net);
}

static int spawn_carrier(struct td_net *net)
{
	int rc = td_net_proc_start(&net->proc);

	if (rc != 0)
		return rc;
	send_conf(net);
	for (size_t i = 0; i < net->set.key_count; i++)
		td_net_proc_tell(&net->proc, TD_PIPE_ALLOW, 0,
		    (struct tr_bytes){net->set.key[i].b, 32}, nothing());
	return 0;
}

static void respawn_in(struct td_net *net, ev_tstamp seconds)
{
	ev_timer_stop(net->loop, &net->respawn);
	ev_timer_set(&net->respawn, seconds, 0.);
	ev_timer_start(net->loop, &net->respawn);
}

static void on_respawn(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct td_net *net = timer->data;

	(void)loop;
	(void)events;
	if (spawn_carrier(net) != 0)
		respawn_in(net, RESPAWN_AGAIN_S);
	else
		send_start(net); /* the list of keys is whole already */
}

static void on_died(void *arg)
{
	struct td_net *net = arg;
	ev_tstamp age = ev_now(net->loop) - net->proc.born;

	net->is_started = false;
	td_resolve_cancel(net->resolve);
	net->resolve = NULL;
	while (net->set.link_count > 0) {
		uint32_t link = net->set.link[net->set.link_count - 1];

		net->set.link_count--;
		net->calls.link_down(net->arg, link, REP_DOWN_CLOSED,
		    "the carrier ended");
	}
	if (net->dial != DIAL_OFF)
		dial_failed(net, REP_DOWN_CLOSED, "the carrier ended");
	if (net->is_given_up)
		return;
	net->calls.restarted(net->arg);
	respawn_in(net, age < YOUNG_S ? RESPAWN_AGAIN_S : RESPAWN_S);
}

/* ------------------------------------------------------------ interface */

static void on_start(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	send_start(timer->data);
}

/* Bad news that must not come from inside a call of the core. */
static void on_late(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct td_net *net = timer->data;

	(void)loop;
	(void)events;
	while (net->overrun.link_count > 0) {
		uint32_t link = net->overrun.link[--net->overrun.link_count];

		net->calls.link_down(net->arg, link, REP_DOWN_CLOSED,
		    "too slow: the queue to the carrier is full");
	}
	if (net->dial == DIAL_WANTED && net->dial_late != NULL)
		dial_failed(net, REP_DOWN_UNREACHABLE, net->dial_late);
}

static void init_watchers(struct td_net *net)
{
	net->proc.loop = net->loop;
	net->proc.message = on_message;
	net->proc.died = on_died;
	net->proc.arg = net;
	net->proc.queue_max = TD_NET_QUEUE_MAX;
	td_net_proc_init(&net->proc);
	ev_timer_init(&net->respawn, on_respawn, 0., 0.);
	/* In the first turn of the loop, so that the keys that the core allows
	 * while it starts are known before anybody knocks. */
	ev_timer_init(&net->start, on_start, 0., 0.);
	ev_timer_init(&net->late, on_late, 0., 0.);
	net->respawn.data = net->start.data = net->late.data = net;
}

int td_net_start(struct td_net **out, struct ev_loop *loop,
    const struct td_net_conf *conf, const struct td_net_calls *calls, void *arg)
{
	struct td_net *net = calloc(1, sizeof(*net));
	struct td_address address;
	const char *why = NULL;
	int rc = TR_E_NOMEM;

	if (net == NULL)
		return rc;
	net->loop = loop;
	net->calls = *calls;
	net->arg = arg;
	init_watchers(net);
	net->curve_sk = sodium_malloc(32);
	if (net->curve_sk == NULL)
		goto fail;
	memcpy(net->curve_pk, conf->curve_pk, 32);
	memcpy(net->curve_sk, conf->curve_sk, 32);
	rc = TR_E_CONF;
	if (conf->listen != NULL) {
		if (td_address_parse(conf->listen, true, &address, &why) != 0)
			goto fail;
		td_address_print(&address, net->listen);
	}
	rc = spawn_carrier(net);
	if (rc != 0)
		goto fail;
	ev_timer_start(loop, &net->start);
	*out = net;
	return 0;

fail:
	td_net_stop(net);
	return rc;
}

void td_net_stop(struct td_net *net)
{
	if (net == NULL)
		return;
	ev_timer_stop(net->loop, &net->respawn);
	ev_timer_stop(net->loop, &net->start);
	ev_timer_stop(net->loop, &net->late);
	td_resolve_cancel(net->resolve);
	td_net_proc_stop(&net->proc);
	td_net_set_fini(&net->set);
	td_net_set_fini(&net->overrun);
	sodium_free(net->curve_sk);
	free(net);
}

void td_net_allow(struct td_net *net, const struct tr_key *key, bool add)
{
	bool changed = add ? td_net_set_allow(&net->set, key)
	                   : td_net_set_deny(&net->set, key);

	if (changed || add) /* a second time lifts a ban */
		td_net_proc_tell(&net->proc, add ? TD_PIPE_ALLOW : TD_PIPE_DENY,
		    0, (struct tr_bytes){key->b, 32}, nothing());
}

void td_net_send(struct td_net *net, uint32_t link, struct tr_bytes msg)
{
	uint32_t number = link == REP_LINK_UP ? net->dial_number : link;
	bool is_up = link == REP_LINK_UP ? net->dial == DIAL_LIVE
	                                 : td_net_set_is_up(&net->set, link);

	if (!is_up || td_net_proc_put(&net->proc, TD_PIPE_FRAME, number, msg,
	                  nothing()) == 0)
		return;
	td_net_close(net, link);
	td_net_set_up(&net->overrun, link);
	ev_timer_start(net->loop, &net->late);
}

void td_net_close(struct td_net *net, uint32_t link)
{
	if (link == REP_LINK_UP)
		forget_dial(net);
	else if (td_net_set_down(&net->set, link))
		td_net_proc_tell(&net->proc, TD_PIPE_CLOSE, link, nothing(),
		    nothing());
}

void td_net_pause(struct td_net *net, bool stop_reading)
{
	td_net_proc_pause(&net->proc, stop_reading);
}

pid_t td_net_pid(const struct td_net *net)
{
	return net->proc.spawn.pid == 0 ? -1 : net->proc.spawn.pid;
}
