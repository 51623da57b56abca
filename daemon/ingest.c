/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ingest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "daemon/door.h"
#include "daemon/json_write.h"
#include "daemon/line.h"
#include "daemon/sock.h"
#include "daemon/text.h"
#include "proto/err.h"
#include "proto/limits.h"

#define CLIENTS_MAX 64
#define READ_SIZE (256 * 1024)
#define OUT_MARK (1024 * 1024) /* replies nobody reads: no more lines until they do */
#define RETRY_MS 250           /* what a client is told when the node is busy */
#define LOOK_S 0.05            /* has a client seen that its lines were not taken? */

/* One line in work.  Replies go out in the order of the lines; an error found
 * at the door waits here for the lines before it. */
struct slot {
	uint64_t line;
	struct td_door_error *error; /* NULL: the engine has it */
};

struct client {
	struct td_ingest *ingest;
	struct client *next;
	int fd;
	ev_io in, out;
	struct td_line lines;
	struct td_out reply;
	uint64_t line; /* number of the last line, from 1 */
	struct slot *slots; /* ring of TR_INGEST_WINDOW */
	size_t first, count;
	bool is_ended; /* the client has sent its last byte */
	/* A line was not taken (busy, full).  What the client sent before it knew is
	 * not taken either: a step must not overtake the line that makes its record. */
	int held_rc;
	uint64_t lost; /* of the engine, when the oldest line in work was written */
	ev_timer look;
};

struct td_ingest {
	struct ev_loop *loop;
	struct td_engine *engine;
	struct td_door *door;
	int fd;
	char *path;
	ev_io accept;
	struct client *clients;
	struct td_ingest_stat stat;
};

/* --------------------------------------------------------------- replies */

static void put_ok(struct client *client, uint64_t line, const struct rep_reply *reply)
{
	struct td_json_out json;
	char id[TD_UUID_SIZE];

	td_text_write_uuid(&reply->id, id);
	td_json_begin(&json, &client->reply);
	td_json_raw(&json, "{\"line\":");
	td_json_int(&json, (int64_t)line);
	td_json_raw(&json, ",\"ok\":true,\"id\":\"");
	td_json_raw(&json, id);
	td_json_raw(&json, "\",\"version\":");
	json.needs_comma = false;
	td_json_int(&json, reply->version);
	if (reply->created)
		td_json_raw(&json, ",\"created\":true");
	if (reply->unchanged)
		td_json_raw(&json, ",\"unchanged\":true");
	if (reply->repeated)
		td_json_raw(&json, ",\"repeated\":true");
	td_json_raw(&json, "}\n");
}

static void put_error(struct client *client, uint64_t line, const struct td_door_error *error)
{
	struct td_json_out json;

	td_json_begin(&json, &client->reply);
	td_json_push(&json, '{');
	td_json_key(&json, "line");
	td_json_int(&json, (int64_t)line);
	td_json_key(&json, "ok");
	td_json_literal(&json, "false");
	td_json_key(&json, "error");
	td_json_push(&json, '{');
	td_json_key(&json, "code");
	td_json_string(&json, tr_err_code(error->rc));
	if (error->field[0] != '\0') {
		td_json_key(&json, "field");
		td_json_string(&json, error->field);
	}
	td_json_key(&json, "message");
	td_json_string(&json, error->message);
	if (error->hint[0] != '\0') {
		td_json_key(&json, "hint");
		td_json_string(&json, error->hint);
	}
	td_json_pop(&json, '}');
	if (error->rc == TR_E_BUSY) {
		td_json_key(&json, "retry_after_ms");
		td_json_int(&json, RETRY_MS);
	}
	td_json_pop(&json, '}');
	td_json_raw(&json, "\n");
}

static struct slot *slot_at(struct client *client, size_t i)
{
	return &client->slots[(client->first + i) % TR_INGEST_WINDOW];
}

static void pop_slot(struct client *client)
{
	free(slot_at(client, 0)->error);
	client->first = (client->first + 1) % TR_INGEST_WINDOW;
	client->count--;
}

/* Door errors whose turn has come. */
static void put_ready(struct client *client)
{
	while (client->count > 0 && slot_at(client, 0)->error != NULL) {
		put_error(client, slot_at(client, 0)->line, slot_at(client, 0)->error);
		pop_slot(client);
	}
	ev_io_start(client->ingest->loop, &client->out);
}

static void hold(struct client *client, int rc)
{
	client->held_rc = rc;
	ev_timer_again(client->ingest->loop, &client->look);
}

/* All answers were read by the client, and nothing is here that it sent before. */
static bool has_seen_all(const struct client *client)
{
	int unread = 1, sent = 1;

	if (client->count > 0 || td_out_size(&client->reply) > 0 || td_line_is_partial(&client->lines))
		return false;
	/* In this order: what comes between the two counts as sent before. */
	return ioctl(client->fd, SIOCOUTQ, &unread) == 0 && unread == 0 &&
	       ioctl(client->fd, FIONREAD, &sent) == 0 && sent == 0;
}

static void on_look(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct client *client = watcher->data;

	(void)events;
	if (!has_seen_all(client))
		return;
	client->held_rc = 0;
	ev_timer_stop(loop, watcher);
}

/* The engine answers the writes of one caller in their order. */
static void on_reply(void *arg, const struct rep_reply *reply)
{
	struct client *client = arg;
	struct td_ingest_stat *stat = &client->ingest->stat;
	struct td_door_error error;

	TR_ASSERT(client->count > 0);
	TR_ASSERT(slot_at(client, 0)->error == NULL);
	if (reply->rc == 0) {
		put_ok(client, slot_at(client, 0)->line, reply);
		stat->accepted += !reply->unchanged && !reply->repeated;
		stat->unchanged += reply->unchanged;
		stat->repeated += reply->repeated;
	} else {
		td_door_explain(td_engine_node(client->ingest->engine), reply, &error);
		put_error(client, slot_at(client, 0)->line, &error);
		stat->busy += reply->rc == TR_E_BUSY;
		stat->refused += reply->rc != TR_E_BUSY;
		if (reply->rc == TR_E_BUSY || reply->rc == TR_E_FULL)
			hold(client, reply->rc);
	}
	pop_slot(client);
	put_ready(client);
}

/* ----------------------------------------------------------------- lines */

static bool add_slot(struct client *client, const struct td_door_error *error)
{
	struct slot *slot = slot_at(client, client->count);

	TR_ASSERT(client->count < TR_INGEST_WINDOW);
	slot->line = client->line;
	slot->error = NULL;
	if (error != NULL) {
		slot->error = malloc(sizeof(*error));
		if (slot->error == NULL)
			return false;
		*slot->error = *error;
	}
	client->count++;
	return true;
}

static bool refuse_line(struct client *client, const struct td_door_error *error)
{
	client->ingest->stat.refused++;
	if (!add_slot(client, error))
		return false;
	put_ready(client);
	return true;
}

static bool refuse_held(struct client *client)
{
	const struct rep_reply reply = {.rc = client->held_rc};
	struct td_door_error error;

	td_door_explain(td_engine_node(client->ingest->engine), &reply, &error);
	client->ingest->stat.busy += reply.rc == TR_E_BUSY;
	client->ingest->stat.refused += reply.rc != TR_E_BUSY;
	if (!add_slot(client, &error))
		return false;
	put_ready(client);
	return true;
}

static bool take_line(struct client *client, uint8_t *text, size_t size)
{
	struct td_ingest *ingest = client->ingest;
	struct td_door_error error;
	struct rep_write write;

	if (td_door_read(ingest->door, td_engine_node(ingest->engine), text, size, &write,
		&error) != 0)
		return refuse_line(client, &error);
	if (client->count == 0)
		client->lost = td_engine_lost(ingest->engine);
	write.ticket = client->line;
	/* The slot first: a dead store answers at once. */
	if (!add_slot(client, NULL))
		return false;
	td_engine_write(ingest->engine, &write, on_reply, client);
	return true;
}

static bool take_long(struct client *client, size_t size)
{
	struct td_door_error error = {.rc = TR_E_SIZE};

	snprintf(error.message, sizeof(error.message),
	    "the line has %zu bytes, at most %d fit; it was skipped", size, TR_LINE_MAX);
	return refuse_line(client, &error);
}

static bool is_full(const struct client *client)
{
	return client->count >= TR_INGEST_WINDOW || td_out_size(&client->reply) > OUT_MARK;
}

/* Takes the lines that are there.  False: out of memory, the client must go. */
static bool take_lines(struct client *client)
{
	enum td_line_what what;
	uint8_t *text;
	size_t size;
	bool ok = true;

	while (ok && !is_full(client)) {
		what = td_line_next(&client->lines, &text, &size);
		if (what == TD_LINE_NONE)
			break;
		client->line++;
		client->ingest->stat.lines++;
		/* The answers that say so are on their way. */
		if (client->held_rc == 0 && client->count > 0 && td_engine_lost(client->ingest->engine) != client->lost)
			hold(client, TR_E_BUSY);
		if (client->held_rc != 0)
			ok = refuse_held(client);
		else
			ok = what == TD_LINE_FULL ? take_line(client, text, size)
						  : take_long(client, size);
	}
	return ok;
}

/* --------------------------------------------------------------- clients */

static void drop(struct client *client)
{
	struct td_ingest *ingest = client->ingest;
	struct client **at = &ingest->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	ingest->stat.clients--;
	td_engine_forget(ingest->engine, client);
	ev_io_stop(ingest->loop, &client->in);
	ev_io_stop(ingest->loop, &client->out);
	ev_timer_stop(ingest->loop, &client->look);
	while (client->count > 0)
		pop_slot(client);
	close(client->fd);
	td_line_fini(&client->lines);
	td_out_fini(&client->reply);
	free(client->slots);
	free(client);
	/* A descriptor is free again. */
	ev_io_start(ingest->loop, &ingest->accept);
}

/* After lines were taken or replies went out: what to wait for next. */
static void go_on(struct client *client)
{
	if (!take_lines(client)) {
		drop(client);
		return;
	}
	if (is_full(client) || client->is_ended)
		ev_io_stop(client->ingest->loop, &client->in);
	else
		ev_io_start(client->ingest->loop, &client->in);
	if (td_out_size(&client->reply) > 0)
		ev_io_start(client->ingest->loop, &client->out);
	else if (client->is_ended && client->count == 0)
		drop(client);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct client *client = watcher->data;
	int gone = td_out_flush(&client->reply, client->fd);

	(void)events;
	if (gone < 0) {
		drop(client);
		return;
	}
	if (gone > 0)
		ev_io_stop(loop, &client->out);
	go_on(client);
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct client *client = watcher->data;
	size_t room;
	uint8_t *space = td_line_space(&client->lines, &room);
	ssize_t n = read(client->fd, space, room < READ_SIZE ? room : READ_SIZE);

	(void)loop;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		drop(client);
		return;
	}
	td_line_added(&client->lines, (size_t)n);
	if (n == 0) {
		client->is_ended = true;
		td_line_end(&client->lines);
	}
	go_on(client);
}

static bool greet(struct client *client)
{
	struct td_json_out json;

	td_json_begin(&json, &client->reply);
	td_json_raw(&json, "{\"terrace\":\"ingest\",\"proto\":1,\"node\":");
	td_json_string(&json, td_engine_conf(client->ingest->engine)->name);
	td_json_raw(&json, "}\n");
	return !json.has_failed;
}

static void add_client(struct td_ingest *ingest, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL) {
		close(fd);
		return;
	}
	client->ingest = ingest;
	client->fd = fd;
	client->next = ingest->clients;
	ingest->clients = client;
	ingest->stat.clients++;
	ev_io_init(&client->in, on_readable, fd, EV_READ);
	ev_io_init(&client->out, on_writable, fd, EV_WRITE);
	ev_timer_init(&client->look, on_look, 0., LOOK_S);
	client->in.data = client->out.data = client->look.data = client;
	client->slots = calloc(TR_INGEST_WINDOW, sizeof(client->slots[0]));
	if (client->slots == NULL || td_line_init(&client->lines, TR_LINE_MAX, READ_SIZE) != 0 ||
	    !greet(client)) {
		drop(client);
		return;
	}
	go_on(client);
}

static void on_accept(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct td_ingest *ingest = watcher->data;
	int fd;

	(void)events;
	/* Above the bound new clients wait in the kernel's backlog. */
	if (ingest->stat.clients >= CLIENTS_MAX) {
		ev_io_stop(loop, watcher);
		return;
	}
	fd = td_sock_accept(watcher->fd);
	if (fd >= 0)
		add_client(ingest, fd);
	else if (errno == EMFILE || errno == ENFILE)
		ev_io_stop(loop, watcher); /* until a client goes */
}

int td_ingest_start(struct td_ingest **out, struct ev_loop *loop, struct td_engine *engine,
    const struct td_conf *conf)
{
	struct td_ingest *ingest;
	int rc = TR_E_NOMEM;

	*out = NULL;
	if (conf->ingest_socket == NULL)
		return 0;
	ingest = calloc(1, sizeof(*ingest));
	if (ingest == NULL)
		return rc;
	ingest->loop = loop;
	ingest->engine = engine;
	ingest->fd = -1;
	ingest->path = strdup(conf->ingest_socket);
	ingest->door = td_door_create();
	if (ingest->path == NULL || ingest->door == NULL)
		goto fail;
	rc = td_sock_listen(&ingest->fd, ingest->path, conf->ingest_group);
	if (rc != 0)
		goto fail;
	ev_io_init(&ingest->accept, on_accept, ingest->fd, EV_READ);
	ingest->accept.data = ingest;
	ev_io_start(loop, &ingest->accept);
	*out = ingest;
	return 0;

fail:
	td_ingest_stop(ingest);
	return rc;
}

void td_ingest_stop(struct td_ingest *ingest)
{
	if (ingest == NULL)
		return;
	while (ingest->clients != NULL)
		drop(ingest->clients);
	if (ingest->fd >= 0) {
		ev_io_stop(ingest->loop, &ingest->accept);
		close(ingest->fd);
		unlink(ingest->path);
	}
	td_door_free(ingest->door);
	free(ingest->path);
	free(ingest);
}

void td_ingest_stat(const struct td_ingest *ingest, struct td_ingest_stat *out)
{
	*out = ingest->stat;
}
