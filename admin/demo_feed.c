/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/demo.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#define FILE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define WORKERS (TC_DEMO_STREETS * TC_DEMO_PER_STREET - 1) /* all but the dark one */
#define WINDOW 64        /* lines sent and not yet answered */
#define ANSWER_SECONDS 60

/* ------------------------------------------------------- carried files */

/* The lines of a carried .ndjson.zst as parsed objects; NULL after a message. */
static json_t *read_rows(struct tc_demo *demo, const char *name)
{
	char *path = tc_mem_format("%s/%s", demo->data, name);
	FILE *file = fopen(path, "re");
	char *packed = NULL, *text = NULL;
	json_t *rows = NULL;
	size_t packed_size = 0, size;

	if (file != NULL) {
		packed = tc_mem_alloc(1, FILE_MAX_BYTES / 16);
		packed_size = fread(packed, 1, FILE_MAX_BYTES / 16, file);
		fclose(file);
	}
	if (packed_size > 0) {
		text = tc_mem_alloc(1, FILE_MAX_BYTES);
		size = ZSTD_decompress(text, FILE_MAX_BYTES - 1, packed, packed_size);
		if (!ZSTD_isError(size)) {
			char *rest = text, *line;

			text[size] = '\0';
			rows = tc_mem_json(json_array());
			while ((line = strsep(&rest, "\n")) != NULL)
				if (line[0] != '\0')
					json_array_append_new(
					    rows, json_loads(line, 0, NULL));
		}
	}
	if (rows == NULL)
		tc_demo_fail(_("cannot read %s"), path);
	free(packed);
	free(text);
	free(path);
	return rows;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static struct tc_demo_node *worker(struct tc_demo *demo, size_t index)
{
	size_t i = index % WORKERS;

	return tc_demo_community(demo, (int)(i / TC_DEMO_PER_STREET),
	    (int)(i % TC_DEMO_PER_STREET));
}

/* ------------------------------------------------- what will be checked */

/* Remembers fields of a case that must come out again everywhere. */
static json_t *remember(struct tc_demo *demo, const struct tc_demo_node *home,
    const json_t *row)
{
	char *key = tc_mem_format("%s %s", text_of(row, "source"), text_of(row, "id"));
	json_t *entry = json_object_get(demo->written, key);

	if (entry == NULL) {
		entry = tc_mem_json(json_object());
		tc_mem_set_text(entry, "home", home->unit);
		tc_mem_set(entry, "fields", tc_mem_json(json_object()));
		tc_mem_set(demo->written, key, entry);
	}
	free(key);
	return entry;
}

static void expect(json_t *entry, const char *field, const json_t *value)
{
	if (value != NULL && !json_is_null(value))
		tc_mem_set(json_object_get(entry, "fields"), field,
		    tc_mem_json(json_deep_copy(value)));
}

static void expect_row(json_t *entry, const json_t *row)
{
	static const char *const same[] = { "category", "subcategory", "agency",
		"area", "lat", "lon", "channel" };

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		expect(entry, same[i], json_object_get(row, same[i]));
	expect(entry, "reported_at", json_object_get(row, "opened"));
}

/* ------------------------------------------------------ terracectl import */

/* Where a case stands after its last event, by the map 311-events. */
static void expect_event(json_t *entry, const json_t *event)
{
	const char *kind = text_of(event, "kind");
	json_int_t seq = json_integer_value(json_object_get(event, "seq"));
	const char *status = NULL;

	if (strcmp(kind, "opened") == 0) {
		expect(entry, "reported_at", json_object_get(event, "t"));
		status = "reported";
	} else if (strcmp(kind, "sent") == 0 || strcmp(kind, "reopened") == 0) {
		status = "dispatched";
	} else if (strcmp(kind, "closed") == 0) {
		status = "closed";
	}
	if (status == NULL ||
	    seq < json_integer_value(json_object_get(entry, "seq")))
		return;
	tc_mem_set(entry, "seq", tc_mem_json(json_integer(seq)));
	tc_mem_set_text(entry, "status", status);
}

/* One file per community; the events of one case go to one community. */
static bool write_files(struct tc_demo *demo, const json_t *events,
    size_t counts[static WORKERS])
{
	FILE *files[WORKERS] = { NULL };
	json_t *place = tc_mem_json(json_object()), *event;
	size_t i, next = 0;
	bool ok = mkdir("feed", 0750) == 0 || errno == EEXIST;

	for (i = 0; i < WORKERS; i++) {
		char *path = tc_mem_format("feed/%s.ndjson", worker(demo, i)->name);

		files[i] = fopen(path, "we");
		ok = ok && files[i] != NULL;
		free(path);
	}
	json_array_foreach(events, i, event) {
		json_t *at = json_object_get(place, text_of(event, "id"));
		size_t w;

		if (!ok)
			break;
		if (at == NULL) {
			at = tc_mem_json(json_integer((json_int_t)next++));
			tc_mem_set(place, text_of(event, "id"), at);
		}
		w = (size_t)json_integer_value(at) % WORKERS;
		ok = json_dumpf(event, files[w], JSON_COMPACT) == 0 &&
		    fputc('\n', files[w]) != EOF;
		counts[w]++;
		expect_event(remember(demo, worker(demo, w), event), event);
	}
	for (i = 0; i < WORKERS; i++)
		ok = (files[i] == NULL || fclose(files[i]) == 0) && ok;
	json_decref(place);
	return ok || tc_demo_fail("%s/feed: %s", demo->dir, strerror(errno));
}

static bool import(struct tc_demo *demo, struct tc_demo_node *node,
    const char *path, const char *map, bool aloud)
{
	return aloud ? tc_demo_show(demo, 4, node, "import", path, "--map", map, NULL)
		     : tc_demo_do(demo, node, "import", path, "--map", map, NULL);
}

static bool feed_events(struct tc_demo *demo)
{
	json_t *events = read_rows(demo, "lewisham.events.ndjson.zst");
	size_t counts[WORKERS] = { 0 };
	bool ok = events != NULL && write_files(demo, events, counts);

	for (size_t i = 0; ok && i < WORKERS; i++) {
		struct tc_demo_node *node = worker(demo, i);
		char *path = tc_mem_format("feed/%s.ndjson", node->name);

		ok = import(demo, node, path, "311-events", i == 0);
		demo->lines += counts[i];
		if (ok && i > 0)
			tc_demo_say(_("%s (%s): %zu events"), node->name,
			    node->title, counts[i]);
		free(path);
	}
	json_decref(events);
	return ok;
}

bool tc_demo_feed_stick(struct tc_demo *demo, struct tc_demo_node *node)
{
	json_t *rows = read_rows(demo, "nyc.ndjson.zst"), *row;
	char *path = tc_mem_format("feed/%s.ndjson", node->name);
	FILE *file = rows != NULL ? fopen(path, "we") : NULL;
	bool ok = file != NULL;
	size_t i;

	json_array_foreach(rows, i, row) {
		ok = ok && json_dumpf(row, file, JSON_COMPACT) == 0 &&
		    fputc('\n', file) != EOF;
		expect_row(remember(demo, node, row), row);
	}
	if (file != NULL)
		ok = fclose(file) == 0 && ok;
	ok = ok && import(demo, node, path, "311", true);
	demo->lines += json_array_size(rows);
	json_decref(rows);
	free(path);
	return ok;
}

/* ------------------------------------------------------------ ingest.sock */

struct door {
	int fd;
	char in[65536];
	size_t in_size;
};

static void door_close(struct door *door)
{
	if (door->fd >= 0)
		close(door->fd);
	door->fd = -1;
}

/* Next answer; NULL when the door closed, on a time-out or a signal. */
static json_t *door_read(struct door *door)
{
	int64_t end = tc_demo_now_ms() + ANSWER_SECONDS * 1000;

	while (!tc_demo_stopped() && tc_demo_now_ms() < end) {
		struct pollfd polled = { .fd = door->fd, .events = POLLIN };
		char *line_end = memchr(door->in, '\n', door->in_size);
		ssize_t got;

		if (line_end != NULL) {
			size_t size = (size_t)(line_end - door->in) + 1;
			json_t *line = json_loadb(door->in, size, 0, NULL);

			door->in_size -= size;
			memmove(door->in, line_end + 1, door->in_size);
			return line;
		}
		if (door->in_size == sizeof(door->in))
			return NULL;
		if (poll(&polled, 1, 200) <= 0)
			continue;
		got = read(door->fd, door->in + door->in_size,
		    sizeof(door->in) - door->in_size);
		if (got == 0 || (got < 0 && errno != EINTR))
			return NULL;
		door->in_size += got > 0 ? (size_t)got : 0;
	}
	return NULL;
}

static bool door_open(struct door *door, const struct tc_demo_node *node)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	json_t *greeting;

	door->in_size = 0;
	snprintf(address.sun_path, sizeof(address.sun_path),
	    "%s/run/ingest.sock", node->name);
	door->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (door->fd < 0 ||
	    connect(door->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		tc_demo_fail("%s: %s", address.sun_path, strerror(errno));
		door_close(door);
		return false;
	}
	greeting = door_read(door);
	if (strcmp(text_of(greeting, "terrace"), "ingest") != 0) {
		json_decref(greeting);
		door_close(door);
		return tc_demo_fail(_("%s does not greet"), address.sun_path);
	}
	json_decref(greeting);
	return true;
}

static bool door_write(struct door *door, const json_t *line)
{
	char *text = json_dumps(line, JSON_COMPACT | JSON_REAL_PRECISION(10));
	char *whole = tc_mem_format("%s\n", text);
	size_t size = strlen(whole), sent = 0;

	free(text);
	while (sent < size) {
		ssize_t n = send(door->fd, whole + sent, size - sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			break;
		sent += n > 0 ? (size_t)n : 0;
	}
	free(whole);
	return sent == size;
}

/* Two lines a case, as an application would send them: a new case, then an edit. */
static json_t *door_lines(const json_t *rows, size_t from, size_t count)
{
	static const char *const same[] = { "category", "area", "lat", "lon" };
	json_t *lines = tc_mem_json(json_array());

	for (size_t i = from; i < from + count; i++) {
		json_t *row = json_array_get(rows, i);
		json_t *made = tc_mem_json(json_object());
		json_t *edit = tc_mem_json(json_object());
		const json_t *closed = json_object_get(row, "closed");

		tc_mem_set_text(made, "kind", "case");
		tc_mem_set_text(made, "source", text_of(row, "source"));
		tc_mem_set_text(made, "source_id", text_of(row, "id"));
		for (size_t k = 0; k < sizeof(same) / sizeof(same[0]); k++)
			if (!json_is_null(json_object_get(row, same[k])))
				json_object_set(made, same[k], json_object_get(row, same[k]));
		tc_mem_set_text(made, "reported_at", text_of(row, "opened"));
		tc_mem_set_text(edit, "source", text_of(row, "source"));
		tc_mem_set_text(edit, "source_id", text_of(row, "id"));
		tc_mem_set_text(edit, "by", "crew-1");
		/* Sent again after a crash, a line with the same key makes nothing new. */
		tc_mem_set(made, "key", json_sprintf("%s new", text_of(row, "id")));
		tc_mem_set(edit, "key", json_sprintf("%s edit", text_of(row, "id")));
		if (json_is_string(closed)) {
			tc_mem_set_text(edit, "status", "self_handled");
			tc_mem_set_text(edit, "at", json_string_value(closed));
		} else {
			tc_mem_set_text(edit, "note", "looked at, still open");
		}
		json_array_append_new(lines, made);
		json_array_append_new(lines, edit);
	}
	return lines;
}

static bool wait_ms(json_int_t ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000,
		.tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&pause, NULL);
	return !tc_demo_stopped();
}

/*
 * Sends the lines in order, WINDOW at a time, and counts the answers.  "busy"
 * means that nothing was taken: the line and all behind it go again.
 * Returns the number acknowledged; less than all after a refusal or a loss.
 * kill_after: SIGKILL for the node at that many answers; 0 = never.
 */
static size_t door_feed(struct door *door, struct tc_demo_node *node,
    const json_t *lines, size_t kill_after)
{
	size_t total = json_array_size(lines), sent = 0, acked = 0, busy = 0;

	while (acked < total) {
		json_t *answer;

		while (busy == 0 && sent < total && sent - acked < WINDOW)
			if (!door_write(door, json_array_get(lines, sent)))
				return acked;
			else
				sent++;
		answer = door_read(door);
		if (answer == NULL)
			return acked;
		if (json_is_true(json_object_get(answer, "ok")) && busy == 0) {
			acked++;
		} else if (json_object_get(answer, "retry_after_ms") != NULL || busy > 0) {
			busy++;
			if (busy == sent - acked) {
				wait_ms(50);
				sent = acked;
				busy = 0;
			}
		} else {
			const json_t *error = json_object_get(answer, "error");

			tc_demo_fail("%s: %s %s: %s", node->name, text_of(error, "code"),
			    text_of(error, "field"), text_of(error, "message"));
			json_decref(answer);
			return acked;
		}
		json_decref(answer);
		if (kill_after > 0 && acked == kill_after)
			tc_demo_node_kill(node, SIGKILL);
	}
	return acked;
}

static void remember_door(struct tc_demo *demo, const struct tc_demo_node *node,
    const json_t *rows, size_t from, size_t count)
{
	static const char *const same[] = { "category", "area", "lat", "lon" };

	for (size_t i = from; i < from + count; i++) {
		const json_t *row = json_array_get(rows, i);
		json_t *entry = remember(demo, node, row);

		for (size_t k = 0; k < sizeof(same) / sizeof(same[0]); k++)
			expect(entry, same[k], json_object_get(row, same[k]));
		expect(entry, "reported_at", json_object_get(row, "opened"));
		if (json_is_string(json_object_get(row, "closed")))
			tc_mem_set_text(entry, "status", "self_handled");
	}
}

bool tc_demo_feed_door(
    struct tc_demo *demo, struct tc_demo_node *node, size_t from, size_t count)
{
	json_t *rows = read_rows(demo, "boston.ndjson.zst"), *lines;
	struct door door;
	size_t acked = 0;

	if (rows == NULL)
		return false;
	lines = door_lines(rows, from, count);
	if (door_open(&door, node)) {
		acked = door_feed(&door, node, lines, 0);
		door_close(&door);
		remember_door(demo, node, rows, from, count);
		demo->lines += acked;
	}
	if (acked < json_array_size(lines))
		tc_demo_fail(_("%s: %zu of %zu lines acknowledged"), node->name,
		    acked, json_array_size(lines));
	json_decref(lines);
	json_decref(rows);
	return acked >= 2 * count;
}

bool tc_demo_feed_killed(struct tc_demo *demo, struct tc_demo_node *node,
    size_t from, size_t count, size_t kill_after, json_t **acked_ids)
{
	json_t *rows = read_rows(demo, "boston.ndjson.zst"), *lines, *line;
	struct door door;
	size_t acked = 0, i;

	*acked_ids = tc_mem_json(json_array());
	if (rows == NULL)
		return false;
	lines = door_lines(rows, from, count);
	if (door_open(&door, node)) {
		acked = door_feed(&door, node, lines, kill_after);
		door_close(&door);
	}
	json_array_foreach(lines, i, line)
		if (i < acked && json_object_get(line, "kind") != NULL)
			json_array_append(*acked_ids, json_object_get(line, "source_id"));
	tc_demo_say(_("%zu of %zu lines were acknowledged, then kill -9"), acked,
	    json_array_size(lines));
	i = json_array_size(lines);
	json_decref(lines);
	json_decref(rows);
	if (node->pid != 0 || acked < kill_after || acked == i)
		return tc_demo_fail(_("the kill did not hit in the middle of writing"));
	demo->lines += acked;
	return true;
}

bool tc_demo_feed_all(struct tc_demo *demo)
{
	int64_t began = tc_demo_now_ms();
	const size_t per_node = 110;
	size_t before;
	double seconds;

	tc_demo_say(_("history of real cases (London Borough of Lewisham), through `terracectl import`:"));
	if (!feed_events(demo))
		return false;
	before = demo->lines;
	tc_demo_say(_("a snow day in Boston, new cases and edits through ingest.sock:"));
	for (size_t i = 0; i < WORKERS; i++)
		if (!tc_demo_feed_door(demo, worker(demo, i), i * per_node, per_node))
			return false;
	tc_demo_say(_("%zu lines at %d communities, each answered \"ok\" after its fsync"),
	    demo->lines - before, WORKERS);
	seconds = (double)(tc_demo_now_ms() - began) / 1000.0;
	tc_demo_say(_("%zu cases, %zu lines in %.1f s"),
	    json_object_size(demo->written), demo->lines, seconds);
	return true;
}
