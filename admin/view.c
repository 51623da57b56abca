/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/view.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/out_json.h"
#include "admin/page.h"
#include "admin/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS 30000

int64_t tc_view_timeout(const struct tc_run *run, int64_t usual_ms)
{
	return run->timeout_ms > 0 ? run->timeout_ms : usual_ms;
}

int tc_view_where(
    const struct tc_run *run, struct tc_where *out, struct tc_fault *fault)
{
	return tc_conn_where(out, tc_args_get(run, "socket"),
	    tc_args_get(run, "dir"), fault);
}

static bool use_status_socket(const struct tc_where *where)
{
	size_t size = strlen(where->control);

	return size >= 11 &&
	       strcmp(where->control + size - 11, "status.sock") == 0;
}

int tc_view_open(
    const struct tc_run *run, struct tc_conn **out, struct tc_fault *fault)
{
	bool reads = (run->cmd->flags & TC_CMD_READS) != 0;
	bool is_long = (run->cmd->flags & TC_CMD_LONG) != 0;
	struct tc_where where;
	int rc = tc_view_where(run, &where, fault);

	if (rc == 0 && !reads && use_status_socket(&where)) {
		rc = tc_fault_set(fault, TR_E_PERM,
		    _("'%s' changes something; %s only reads"),
		    run->cmd->name, where.control);
		tc_fault_hint(fault, _("Use the control socket: -S .../control.sock"));
	}
	if (rc == 0)
		rc = tc_conn_open(out, &where, reads,
		    tc_view_timeout(run, TIMEOUT_MS), fault);
	if (rc == 0 && is_long)
		tc_conn_set_timeout(*out, tc_view_timeout(run, 0));
	return rc;
}

struct answer {
	json_t *data;
	char *raw;
	size_t raw_size;
};

static int keep_answer(
    void *arg, json_t *data, const char *raw, size_t raw_size)
{
	struct answer *answer = arg;

	json_decref(answer->data);
	free(answer->raw);
	answer->data = json_incref(data);
	answer->raw = tc_mem_slice(raw, raw_size);
	answer->raw_size = raw_size;
	return 0;
}

static int ask(const struct tc_run *run, const char *cmd, json_t *args,
    struct answer *answer, struct tc_fault *fault)
{
	struct tc_conn *conn;
	int rc = tc_view_open(run, &conn, fault);

	if (rc != 0)
		return rc;
	rc = tc_call_send(conn, cmd, args, fault);
	if (rc == 0)
		rc = tc_call_replies(conn, keep_answer, answer, fault);
	tc_conn_close(conn);
	return rc;
}

int tc_view_ask(const struct tc_run *run, const char *cmd, json_t *args,
    json_t **data, struct tc_fault *fault)
{
	struct answer answer = {NULL, NULL, 0};
	int rc = ask(run, cmd, args, &answer, fault);

	free(answer.raw);
	if (rc != 0)
		json_decref(answer.data);
	else
		*data = answer.data;
	return rc;
}

int tc_view_print(const struct tc_run *run, const struct tc_view *view,
    const json_t *data, const char *raw, size_t raw_size)
{
	bool by_key = view->list == NULL || view->show == NULL;

	switch (run->format) {
	case TC_FORMAT_JSON: tc_out_json_print(data, raw, raw_size); break;
	case TC_FORMAT_NDJSON: tc_out_json_lines(data, view->list); break;
	case TC_FORMAT_PLAIN:
	case TC_FORMAT_CSV:
		if (by_key)
			tc_out_json_flat(data, run->format);
		else
			view->show(run, data);
		break;
	case TC_FORMAT_TABLE:
		if (view->show != NULL)
			view->show(run, data);
		break;
	}
	return view->verdict != NULL ? view->verdict(data) : 0;
}

static void pause_for(double seconds)
{
	struct timespec ts = {.tv_sec = (time_t)seconds,
	    .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};

	nanosleep(&ts, NULL);
}

static int watch(
    const struct tc_run *run, const struct tc_view *view, json_t *args)
{
	bool on_tty = isatty(STDOUT_FILENO);

	for (;;) {
		struct answer answer = {NULL, NULL, 0};
		struct tc_fault fault;
		int rc = ask(run, view->cmd, args, &answer, &fault);

		if (on_tty)
			fputs("\033[H\033[2J", stdout);
		if (rc != 0) {
			/* A daemon that restarts is worth waiting for. */
			tc_fault_print(&fault);
			if (!on_tty)
				return rc;
		} else if (on_tty) {
			tc_view_print(run, view, answer.data, answer.raw,
			    answer.raw_size);
		} else {
			tc_out_json_print(
			    answer.data, answer.raw, answer.raw_size);
		}
		json_decref(answer.data);
		free(answer.raw);
		if (fflush(stdout) != 0)
			return tr_err_exit(TR_E_IO);
		pause_for(run->watch_s);
	}
}

int tc_view_run(
    const struct tc_run *run, const struct tc_view *view, json_t *args)
{
	struct answer answer = {NULL, NULL, 0};
	struct tc_fault fault;
	int rc;

	if (run->watch_s > 0)
		return watch(run, view, args);
	rc = ask(run, view->cmd, args, &answer, &fault);
	if (rc != 0) {
		tc_fault_print(&fault);
	} else {
		tc_page_begin(run);
		rc = tc_view_print(
		    run, view, answer.data, answer.raw, answer.raw_size);
		tc_page_end();
	}
	json_decref(answer.data);
	free(answer.raw);
	return rc;
}

int tc_view_run_word(const struct tc_run *run, const struct tc_view *view, const char *name)
{
	json_t *args = tc_mem_json(json_object());
	int rc;

	tc_mem_set_text(args, name, tc_args_word(run, 0));
	rc = tc_view_run(run, view, args);
	json_decref(args);
	return rc;
}

void tc_view_show_text(const struct tc_run *run, const json_t *data)
{
	char *clean = tc_text_clean_lines(tc_view_text(data, "text"));

	(void)run;
	fputs(clean, stdout);
	free(clean);
}

void tc_view_only_text(struct tc_run *run)
{
	if (run->format == TC_FORMAT_PLAIN || run->format == TC_FORMAT_CSV)
		run->format = TC_FORMAT_TABLE;
}

char *tc_view_words(const json_t *list, const char *between)
{
	char *text = tc_mem_text("");

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));
		char *more = tc_mem_format("%s%s%s", text, i > 0 ? between : "",
		    word != NULL ? word : "?");

		free(text);
		text = more;
	}
	return text;
}

const char *tc_view_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

int64_t tc_view_int(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

double tc_view_number(const json_t *object, const char *key, double absent)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : absent;
}

const char *tc_view_tail(const char *unit)
{
	const char *slash = strrchr(unit, '/');

	return slash != NULL ? slash + 1 : unit;
}
