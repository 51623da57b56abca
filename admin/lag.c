/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/out.h"
#include "admin/text.h"
#include "admin/view.h"

#include <stdio.h>
#include <string.h>

static const char *unit_text(const struct tc_run *run, const json_t *object,
    const char *key)
{
	const char *path = tc_view_text(object, key);

	return tc_out_is_table(run) ? tc_view_tail(path) : path;
}

/* --- queue --- */

static void next_try(
    const struct tc_run *run, struct tc_out *out, const json_t *seconds)
{
	char text[TC_TEXT_SHORT];

	if (json_is_number(seconds) && tc_out_is_table(run))
		tc_out_format(out, _("in %s"),
		    tc_text_age(text, json_number_value(seconds)));
	else
		tc_out_value(out, seconds);
}

static void show_logs(const struct tc_run *run, const json_t *logs)
{
	const struct tc_col cols[] = {
	    {"scope", _("SCOPE"), 0},
	    {"author", _("WRITTEN BY"), 0},
	    {"lane", _("LANE"), 0},
	    {"from", _("FROM"), TC_COL_RIGHT},
	    {"to", _("TO"), TC_COL_RIGHT},
	};
	struct tc_out *out;

	if (json_array_size(logs) == 0)
		return;
	out = tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	for (size_t i = 0; i < json_array_size(logs); i++) {
		const json_t *log = json_array_get(logs, i);

		tc_out_row(out, -1);
		tc_out_text(out, unit_text(run, log, "scope"));
		tc_out_text(out, unit_text(run, log, "author"));
		tc_out_value(out, json_object_get(log, "lane"));
		tc_out_value(out, json_object_get(log, "from"));
		tc_out_value(out, json_object_get(log, "to"));
	}
	if (tc_out_is_table(run))
		putchar('\n');
	tc_out_close(out);
}

static void show_queue(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"to", _("TO"), 0},
	    {"direction", _("DIR"), 0},
	    {"waiting_records", _("WAITING"), TC_COL_RIGHT},
	    {"waiting_bytes", _("BYTES"), TC_COL_RIGHT},
	    {"oldest_age_seconds", _("OLDEST"), TC_COL_RIGHT},
	    {"state", _("STATE"), 0},
	    {"next_try_seconds", _("NEXT TRY"), 0},
	    {"error", _("LAST ERROR"), TC_COL_TRUNC},
	};
	const json_t *queues = json_object_get(data, "queues");
	const json_t *logs = json_object_get(data, "logs");
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	char text[TC_TEXT_SHORT];
	int64_t waiting = 0;

	for (size_t i = 0; i < json_array_size(queues); i++) {
		const json_t *queue = json_array_get(queues, i);

		tc_out_row(out, -1);
		tc_out_text(out, unit_text(run, queue, "to"));
		tc_out_value(out, json_object_get(queue, "direction"));
		tc_out_count(out, json_object_get(queue, "waiting_records"));
		tc_out_bytes(out, json_object_get(queue, "waiting_bytes"));
		tc_out_age(out, json_object_get(queue, "oldest_age_seconds"));
		tc_out_state(out, json_object_get(queue, "state"));
		next_try(run, out, json_object_get(queue, "next_try_seconds"));
		tc_out_value(out, json_object_get(queue, "error"));
		waiting += tc_view_int(queue, "waiting_records");
	}
	tc_out_close(out);
	show_logs(run, logs);
	tc_out_remark(run,
	    ngettext("%zu queue, %s waiting.", "%zu queues, %s waiting.",
		json_array_size(queues)),
	    json_array_size(queues), tc_text_count(text, waiting));
	if (waiting > 0 && !json_is_array(logs))
		tc_out_remark(run, _("Look inside: terracectl queue PEER"));
}

int tc_cmd_queue(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "queue", .list = "queues", .show = show_queue};

	return tc_view_run_word(run, &view, "peer");
}

/* --- lag --- */

static void delay_cell(
    const struct tc_run *run, struct tc_out *out, const json_t *seconds)
{
	if (json_is_number(seconds) && json_number_value(seconds) < 60 &&
	    tc_out_is_table(run))
		tc_out_format(out, "%.1fs", json_number_value(seconds));
	else
		tc_out_age(out, seconds);
}

static void show_lag(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"from", _("FROM"), 0},
	    {"to", _("TO"), 0},
	    {"state", _("STATE"), 0},
	    {"oldest_age_seconds", _("NOW"), TC_COL_RIGHT},
	    {"waiting_records", _("WAITING"), TC_COL_RIGHT},
	    {"waiting_bytes", _("BYTES"), TC_COL_RIGHT},
	    {"delay_p50_seconds", "p50", TC_COL_RIGHT},
	    {"delay_p95_seconds", "p95", TC_COL_RIGHT},
	    {"last_seen", _("LAST SEEN"), TC_COL_RIGHT},
	};
	const json_t *links = json_object_get(data, "links");
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));

	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *link = json_array_get(links, i);
		const json_t *delay = json_object_get(link, "delay_seconds");

		tc_out_row(out, -1);
		tc_out_text(out, unit_text(run, link, "from"));
		tc_out_text(out, unit_text(run, link, "to"));
		tc_out_state(out, json_object_get(link, "state"));
		tc_out_age(out, json_object_get(link, "oldest_age_seconds"));
		tc_out_count(out, json_object_get(link, "waiting_records"));
		tc_out_bytes(out, json_object_get(link, "waiting_bytes"));
		delay_cell(run, out, json_object_get(delay, "p50"));
		delay_cell(run, out, json_object_get(delay, "p95"));
		tc_out_ago(out, json_object_get(link, "last_seen"));
	}
	tc_out_close(out);
	tc_out_remark(run,
	    _("NOW = age of the oldest record that is not acknowledged; 0s = caught up."));
}

int tc_cmd_lag(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "lag", .list = "links", .show = show_lag};

	return tc_view_run(run, &view, NULL);
}
