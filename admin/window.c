/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/window.h"

#include "admin/mem.h"
#include "admin/text.h"
#include "proto/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OUT_SIZE (128 * 1024) /* at least one line */
#define RETRY_MS 250
#define RETRY_MS_MAX 10000
#define BUSY_ROUNDS_MAX 600 /* without one line taken: give up */

struct line {
	char *text;
	size_t size;
	uint64_t row;
};

struct tc_window {
	struct tc_conn *conn;
	tc_window_answer_fn *on_answer;
	void *arg;
	struct line lines[TC_WINDOW_LINES]; /* ring: on the way */
	size_t first, count;
	struct line again[TC_WINDOW_LINES]; /* to be sent again */
	size_t again_count;
	bool is_busy; /* since the last round */
	int64_t retry_ms;
	int busy_rounds;
	char *out;
	size_t out_size;
	uint64_t answered; /* lines on this connection */
};

struct tc_window *tc_window_open(
    struct tc_conn *conn, tc_window_answer_fn *on_answer, void *arg)
{
	struct tc_window *window = tc_mem_alloc(1, sizeof(*window));

	window->conn = conn;
	window->on_answer = on_answer;
	window->arg = arg;
	window->out = tc_mem_alloc(OUT_SIZE, 1);
	return window;
}

void tc_window_close(struct tc_window *window)
{
	if (window == NULL)
		return;
	for (size_t i = 0; i < window->count; i++)
		free(window->lines[(window->first + i) % TC_WINDOW_LINES].text);
	for (size_t i = 0; i < window->again_count; i++)
		free(window->again[i].text);
	free(window->out);
	free(window);
}

static int read_reply(struct tc_window *window, struct tc_fault *fault);

/* A daemon that waits until its answers are read does not read either: while
 * a line cannot go out, answers come in. */
static int send_all(struct tc_window *window, const char *data, size_t size,
    struct tc_fault *fault)
{
	size_t at = 0;
	int rc = 0;

	while (rc == 0 && at < size) {
		bool readable = false;
		size_t sent;

		rc = tc_conn_send_some(
		    window->conn, data + at, size - at, &sent, fault);
		at += sent;
		if (rc != 0 || sent > 0)
			continue;
		rc = tc_conn_wait(window->conn, &readable, fault);
		while (rc == 0 && window->count > 0 &&
		       (readable || tc_conn_has_line(window->conn))) {
			rc = read_reply(window, fault);
			readable = false;
		}
	}
	return rc;
}

int tc_window_send(struct tc_window *window, struct tc_fault *fault)
{
	size_t size = window->out_size;

	window->out_size = 0;
	return send_all(window, window->out, size, fault);
}

static int put(struct tc_window *window, struct line line,
    struct tc_fault *fault)
{
	int rc = 0;

	window->lines[(window->first + window->count) % TC_WINDOW_LINES] = line;
	window->count++;
	if (window->out_size + line.size > OUT_SIZE)
		rc = tc_window_send(window, fault);
	if (rc == 0) {
		memcpy(window->out + window->out_size, line.text, line.size);
		window->out_size += line.size;
	}
	return rc;
}

static bool is_busy_error(const json_t *reply)
{
	const char *code = json_string_value(
	    json_object_get(json_object_get(reply, "error"), "code"));

	return code != NULL && strcmp(code, tr_err_code(TR_E_BUSY)) == 0;
}

static void note_busy(struct tc_window *window, const json_t *reply)
{
	json_t *after = json_object_get(reply, "retry_after_ms");

	window->is_busy = true;
	window->retry_ms =
	    json_is_integer(after) ? json_integer_value(after) : RETRY_MS;
	if (window->retry_ms < 1)
		window->retry_ms = 1;
	if (window->retry_ms > RETRY_MS_MAX)
		window->retry_ms = RETRY_MS_MAX;
}

static int bad_reply(const struct tc_window *window, struct tc_fault *fault)
{
	return tc_fault_set(fault, TR_E_PROTO,
	    _("the daemon on %s sent a reply that makes no sense"),
	    tc_conn_path(window->conn));
}

static int take_reply(struct tc_window *window, const json_t *reply,
    struct tc_fault *fault)
{
	const json_t *ok = json_object_get(reply, "ok");
	struct tc_window_answer answer;
	struct line line;
	int rc;

	window->answered++;
	if (!json_is_boolean(ok) || window->count == 0 ||
	    (uint64_t)json_integer_value(json_object_get(reply, "line")) !=
		window->answered)
		return bad_reply(window, fault);
	line = window->lines[window->first];
	window->first = (window->first + 1) % TC_WINDOW_LINES;
	window->count--;
	if (!json_is_true(ok) && is_busy_error(reply))
		note_busy(window, reply);
	if (!json_is_true(ok) && window->is_busy) {
		window->again[window->again_count++] = line;
		return 0;
	}
	if (json_is_true(ok))
		window->busy_rounds = 0;
	answer.row = line.row;
	answer.reply = reply;
	answer.is_ok = json_is_true(ok);
	line.text[line.size - 1] = '\0';
	answer.text = line.text;
	rc = window->on_answer(window->arg, &answer, fault);
	free(line.text);
	return rc;
}

static int read_reply(struct tc_window *window, struct tc_fault *fault)
{
	char message[TR_CONTROL_TEXT_MAX], *line;
	json_t *reply;
	size_t size;
	int rc = tc_conn_line(window->conn, &line, &size, -1, fault);

	if (rc != 0)
		return rc;
	reply = tr_control_parse(line, size, message);
	if (reply == NULL)
		return bad_reply(window, fault);
	rc = take_reply(window, reply, fault);
	json_decref(reply);
	return rc;
}

static void pause_ms(int64_t ms)
{
	struct timespec ts = {
	    .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		;
}

/* All answers are in: the busy time is over, the lines go out again. */
static int send_again(struct tc_window *window, struct tc_fault *fault)
{
	size_t count = window->again_count;
	struct line *again;
	int rc = 0;

	if (++window->busy_rounds > BUSY_ROUNDS_MAX)
		return tc_fault_set(fault, TR_E_BUSY,
		    _("the daemon on %s takes no more lines"),
		    tc_conn_path(window->conn));
	pause_ms(window->retry_ms);
	window->is_busy = false;
	window->again_count = 0;
	/* While they go out, some may come back again. */
	again = tc_mem_alloc(count, sizeof(*again));
	memcpy(again, window->again, count * sizeof(*again));
	for (size_t i = 0; i < count; i++) {
		if (rc == 0)
			rc = put(window, again[i], fault);
		else
			free(again[i].text);
	}
	free(again);
	return rc == 0 ? tc_window_send(window, fault) : rc;
}

/* Until at most `most` are on the way. */
static int settle(struct tc_window *window, size_t most, struct tc_fault *fault)
{
	int rc = 0;

	while (rc == 0 && (window->count > most || window->again_count > 0)) {
		rc = tc_window_send(window, fault);
		/* After "busy" nothing new is sent before all have answered. */
		while (rc == 0 && window->count > 0 &&
		       (window->count > most || window->is_busy ||
			   tc_conn_has_line(window->conn)))
			rc = read_reply(window, fault);
		if (rc == 0 && window->again_count > 0 && window->count == 0)
			rc = send_again(window, fault);
	}
	return rc;
}

int tc_window_push(struct tc_window *window, char *take_text, uint64_t row,
    struct tc_fault *fault)
{
	struct line line = {take_text, strlen(take_text), row};
	int rc = 0;

	if (window->count >= TC_WINDOW_LINES || window->is_busy)
		rc = settle(window, TC_WINDOW_LINES - 1, fault);
	if (rc != 0) {
		free(take_text);
		return rc;
	}
	return put(window, line, fault);
}

int tc_window_finish(struct tc_window *window, struct tc_fault *fault)
{
	return settle(window, 0, fault);
}
