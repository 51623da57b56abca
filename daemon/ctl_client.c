/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: its lines become requests, its answers leave as it reads. */
#include "daemon/ctl_int.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_REQUEST_S 10.0
#define READ_SIZE 16384

void td_ctl_client_drop(struct td_ctl_client *client)
{
	struct td_ctl *ctl = client->ctl;
	struct td_ctl_client **at = &ctl->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	ctl->client_count--;
	if (client->call != NULL)
		td_ctl_call_free(client->call);
	ev_io_stop(ctl->loop, &client->in);
	ev_io_stop(ctl->loop, &client->out);
	ev_timer_stop(ctl->loop, &client->timer);
	close(client->fd);
	td_line_fini(&client->lines);
	td_out_fini(&client->reply);
	free(client);
	for (size_t i = 0; i < 2; i++) /* room for one more */
		if (ctl->listeners[i].fd >= 0)
			ev_io_start(ctl->loop, &ctl->listeners[i].accept);
}

static void set_timer(struct td_ctl_client *client)
{
	struct ev_loop *loop = client->ctl->loop;
	bool partial = td_line_is_partial(&client->lines) && client->call == NULL;

	if (partial && client->times_line)
		return; /* it runs since the line began */
	ev_timer_stop(loop, &client->timer);
	client->times_line = partial;
	if (partial) {
		ev_timer_set(&client->timer, TR_CTL_LINE_S, 0.);
		ev_timer_start(loop, &client->timer);
	} else if (!client->has_asked) {
		ev_timer_set(&client->timer, FIRST_REQUEST_S, 0.);
		ev_timer_start(loop, &client->timer);
	}
}

/* A long line of a request costs the connection: the daemon and the client no
 * longer agree on what was asked. */
static void refuse_long(struct td_ctl_client *client, size_t size)
{
	json_t *object = json_object(), *error;
	char text[120];

	snprintf(text, sizeof(text), "the request has %zu bytes, at most %d fit", size,
	    TR_CTL_REQUEST_MAX);
	error = tr_control_error(TR_E_SIZE, text, NULL);
	json_object_set_new(object, "id", json_null());
	json_object_set_new(object, "ok", json_false());
	json_object_set_new(object, "error", error);
	td_ctl_line(client, object);
}

static void take_lines(struct td_ctl_client *client)
{
	enum td_line_what what;
	uint8_t *text;
	size_t size;

	while (!client->is_closing && td_out_size(&client->reply) < TR_CTL_OUT_MAX &&
	       (client->call == NULL || client->call->line != NULL)) {
		what = td_line_next(&client->lines, &text, &size);
		if (what == TD_LINE_NONE)
			break;
		if (what == TD_LINE_LONG) {
			refuse_long(client, size);
		} else if (client->call == NULL) {
			client->has_asked = true;
			td_ctl_request(client, text, size);
		} else {
			int rc = client->call->line(client->call, text, size);

			if (rc < 0)
				td_ctl_answer(client->call, rc, NULL);
		}
	}
}

static void run_pump(struct td_ctl_client *client)
{
	struct td_ctl_call *call = client->call;
	json_t *data = NULL;
	int rc;

	if (call == NULL || call->pump == NULL || td_out_size(&client->reply) >= TD_CTL_MARK)
		return;
	rc = call->pump(call, &data);
	if (rc != TD_CTL_LATER)
		td_ctl_answer(call, rc, data);
}

/* What to wait for next; may drop the client. */
static void go_on(struct td_ctl_client *client)
{
	struct ev_loop *loop = client->ctl->loop;
	bool idle;

	take_lines(client);
	idle = client->call == NULL && !td_line_is_partial(&client->lines);
	if (client->is_closing ||
	    (client->is_ended && idle && td_out_size(&client->reply) == 0)) {
		td_ctl_client_drop(client);
		return;
	}
	/* While a call is in work the client is still listened to: its going
	 * away must end a `wait` or `events`. */
	if (client->is_ended || client->lines.tail - client->lines.head >= TR_CTL_REQUEST_MAX)
		ev_io_stop(loop, &client->in);
	else
		ev_io_start(loop, &client->in);
	if (td_out_size(&client->reply) > 0 || (client->call != NULL && client->call->pump != NULL))
		ev_io_start(loop, &client->out);
	else
		ev_io_stop(loop, &client->out);
	set_timer(client);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct td_ctl_client *client = watcher->data;
	struct td_ctl *ctl = client->ctl;
	void (*after)(struct td_ctl *) = NULL;
	int gone;

	(void)loop;
	(void)events;
	run_pump(client);
	gone = td_out_flush(&client->reply, client->fd);
	if (gone < 0) {
		td_ctl_client_drop(client);
		return;
	}
	if (gone > 0 && ctl->after != NULL) {
		after = ctl->after;
		ctl->after = NULL;
	}
	go_on(client);
	if (after != NULL)
		after(ctl);
}

/* Closed for good, not only its sending half (as `printf ... | socat` does). */
static bool is_gone(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct td_ctl_client *client = watcher->data;
	size_t room;
	uint8_t *space = td_line_space(&client->lines, &room);
	ssize_t n = read(client->fd, space, room);

	(void)loop;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || (n == 0 && is_gone(client->fd))) {
		td_ctl_client_drop(client); /* nobody waits for the answer */
		return;
	}
	td_line_added(&client->lines, (size_t)n);
	if (n == 0) {
		client->is_ended = true;
		td_line_end(&client->lines);
	}
	go_on(client);
}

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
	(void)loop;
	(void)events;
	td_ctl_client_drop(watcher->data);
}

static void greet(struct td_ctl_client *client)
{
	td_ctl_line(client,
	    json_pack("{s:s,s:[i,i],s:s,s:s,s:s}", "terrace", "control", "proto",
		TR_CONTROL_PROTO, TR_CONTROL_PROTO, "version", TERRACE_VERSION, "node",
		td_engine_conf(client->ctl->engine)->name, "access",
		client->is_admin ? "admin" : "read"));
}

int td_ctl_client_add(struct td_ctl *ctl, int fd, bool is_admin)
{
	struct td_ctl_client *client = calloc(1, sizeof(*client));

	if (client == NULL || td_line_init(&client->lines, TR_CTL_REQUEST_MAX, READ_SIZE) != 0) {
		free(client);
		close(fd);
		return TR_E_NOMEM;
	}
	client->ctl = ctl;
	client->fd = fd;
	client->is_admin = is_admin;
	client->next = ctl->clients;
	ctl->clients = client;
	ctl->client_count++;
	ev_io_init(&client->in, on_readable, fd, EV_READ);
	ev_io_init(&client->out, on_writable, fd, EV_WRITE);
	ev_init(&client->timer, on_timer);
	client->in.data = client->out.data = client->timer.data = client;
	greet(client);
	go_on(client);
	return 0;
}
