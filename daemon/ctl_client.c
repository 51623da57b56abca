/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ctl_int.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_REQUEST_S 10.0
#define READ_SIZE 16384

/* ---------------------------------------------------------------- answers */

static void put_line(struct td_ctl_client *client, json_t *object)
{
	size_t size;
	char *line = tr_control_line(object, &size);

	/* A client that cannot be answered is of no use.  One long line is no
	 * pile: what counts is what nobody has read before it. */
	if (line == NULL || td_out_size(&client->reply) > TR_CTL_OUT_MAX ||
	    !td_out_put(&client->reply, line, size))
		client->is_closing = true;
	free(line);
	json_decref(object);
	ev_io_start(client->ctl->loop, &client->out);
}

static json_t *envelope(const struct td_ctl_call *call, bool ok)
{
	json_t *object = json_object();

	json_object_set_new(object, "id", json_integer(call->id));
	json_object_set_new(object, "ok", json_boolean(ok));
	return object;
}

void td_ctl_piece(struct td_ctl_call *call, json_t *take_data)
{
	json_t *object = envelope(call, true);

	json_object_set_new(object, "more", json_true());
	json_object_set_new(object, "data", take_data);
	put_line(call->client, object);
}

void td_ctl_piece_text(struct td_ctl_call *call, const char *before,
    const struct td_out *text, const char *behind)
{
	struct td_out *out = &call->client->reply;
	char head[80];
	int n = snprintf(head, sizeof(head),
	    "{\"id\":%" JSON_INTEGER_FORMAT ",\"ok\":true,\"more\":true,\"data\":", call->id);

	if (td_out_size(out) > TR_CTL_OUT_MAX || !td_out_put(out, head, (size_t)n) || !td_out_put(out, before, strlen(before)) ||
	    !td_out_put(out, text->buf + text->head, td_out_size(text)) ||
	    !td_out_put(out, behind, strlen(behind)) || !td_out_put(out, "}\n", 2))
		call->client->is_closing = true;
	ev_io_start(call->ctl->loop, &call->client->out);
}

int td_ctl_error(struct td_ctl_call *call, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->error.message, sizeof(call->error.message), format, args);
	va_end(args);
	return rc;
}

void td_ctl_hint(struct td_ctl_call *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->error.hint, sizeof(call->error.hint), format, args);
	va_end(args);
}

static void put_error(struct td_ctl_call *call, int rc)
{
	struct td_door_error *e = &call->error;
	json_t *object = envelope(call, false), *error;

	td_text_clean(e->message);
	td_text_clean(e->hint);
	td_text_clean(e->field);
	error = tr_control_error(rc, e->message[0] != '\0' ? e->message : NULL, e->hint);
	if (e->field[0] != '\0')
		json_object_set_new(error, "field", json_string(e->field));
	if (call->error_record[0] != '\0')
		json_object_set_new(error, "record", json_string(call->error_record));
	if (json_array_size(call->error_lines) > 0)
		json_object_set(error, "lines", call->error_lines);
	json_object_set_new(object, "error", error);
	put_line(call->client, object);
}

static void free_call(struct td_ctl_call *call)
{
	td_engine_forget(call->ctl->engine, call);
	if (call->free_state != NULL)
		call->free_state(call);
	json_decref(call->args);
	json_decref(call->error_lines);
	free(call);
}

void td_ctl_result(struct td_ctl_call *call, int rc, json_t *data)
{
	struct td_ctl_client *client = call->client;
	json_t *object;

	if (rc == TD_CTL_LATER) {
		if (call->pump != NULL)
			ev_io_start(client->ctl->loop, &client->out);
		return;
	}
	if (rc == 0) {
		object = envelope(call, true);
		json_object_set_new(object, "data", data != NULL ? data : json_object());
		put_line(client, object);
		client->ctl->after = call->after;
	} else {
		json_decref(data);
		put_error(call, rc);
	}
	client->call = NULL;
	free_call(call);
}

void td_ctl_answer(struct td_ctl_call *call, int rc, json_t *take_data)
{
	td_ctl_result(call, rc, take_data);
}

/* ---------------------------------------------------------------- clients */

void td_ctl_client_drop(struct td_ctl_client *client)
{
	struct td_ctl *ctl = client->ctl;
	struct td_ctl_client **at = &ctl->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	ctl->client_count--;
	if (client->call != NULL)
		free_call(client->call);
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
	put_line(client, object);
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
				td_ctl_result(client->call, rc, NULL);
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
		td_ctl_result(call, rc, data);
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
	put_line(client,
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
