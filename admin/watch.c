/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/out_json.h"
#include "admin/said.h"
#include "admin/text.h"
#include "admin/view.h"
#include "admin/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Exit codes of monitoring plugins. */
enum { CHECK_OK, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };

/* --- events --- */

/* Figures of an event that says no more than that; to be freed. */
static char *figures(const json_t *event)
{
	char changes[TC_TEXT_SHORT], bytes[TC_TEXT_SHORT];

	if (strcmp(tc_view_text(event, "event"), "truncated") != 0)
		return tc_mem_text(tc_view_text(event, "text"));
	return tc_mem_format(_("%s changes, %s"), tc_text_count(changes, tc_view_int(event, "a")),
	    tc_text_bytes(bytes, tc_view_number(event, "b", 0)));
}

static void print_event(const struct tc_run *run, const json_t *event)
{
	char when[TC_TEXT_SHORT], *line, *clean;
	const char *peer = tc_view_text(event, "peer");
	const char *record = tc_view_text(event, "record");
	char *text = figures(event);

	line = tc_mem_format("%s  %-6s  %-16s  %s%s%s%s%s%s%s",
	    tc_when_show(when, tc_view_text(event, "time"), run->is_utc),
	    tc_view_text(event, "level"), tc_view_text(event, "event"),
	    tc_said(tc_view_text(event, "message")), peer[0] != '\0' ? "  " : "",
	    peer, record[0] != '\0' ? "  " : "", record,
	    text[0] != '\0' ? ": " : "", text);
	clean = tc_text_clean(line);
	puts(clean);
	free(clean);
	free(line);
	free(text);
}

static int on_event(void *arg, json_t *data, const char *raw, size_t raw_size)
{
	const struct tc_run *run = arg;
	static const char *const keys[] = {
	    "time", "level", "event", "peer", "record", "message", "text"};

	if (json_object_get(data, "event") == NULL)
		return 0; /* the end of a stream may be an empty object */
	switch (run->format) {
	case TC_FORMAT_TABLE: print_event(run, data); break;
	case TC_FORMAT_JSON:
	case TC_FORMAT_NDJSON: tc_out_json_print(data, raw, raw_size); break;
	case TC_FORMAT_PLAIN:
	case TC_FORMAT_CSV:
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			char *clean =
			    tc_text_clean(tc_view_text(data, keys[i]));

			printf("%s%s", i > 0 ? "\t" : "", clean);
			free(clean);
		}
		putchar('\n');
		break;
	}
	return fflush(stdout) == 0 ? 0 : tr_err_exit(TR_E_IO);
}

int tc_cmd_events(struct tc_run *run)
{
	const char *number = tc_args_get(run, "number");
	bool follow = tc_args_has(run, "follow");
	json_t *args = tc_mem_json(json_object());
	struct tc_conn *conn = NULL;
	struct tc_fault fault = {0};
	int rc;

	if (number != NULL)
		tc_mem_set(args, "n", json_integer(atoll(number)));
	if (follow)
		tc_mem_set(args, "follow", json_true());
	rc = tc_view_open(run, &conn, &fault);
	if (rc == 0 && follow)
		tc_conn_set_timeout(conn, 0);
	if (rc == 0)
		rc = tc_call_send(conn, "events", args, &fault);
	if (rc == 0)
		rc = tc_call_replies(conn, on_event, run, &fault);
	if (rc != 0 && fault.exit_code != 0)
		tc_fault_print(&fault);
	tc_conn_close(conn);
	json_decref(args);
	return rc;
}

/* --- check: one line for Nagios, Icinga, Zabbix --- */

struct limits {
	int64_t warn_s, crit_s;
};

static int read_limits(const struct tc_run *run, struct limits *limits)
{
	const char *warn = tc_args_get(run, "warn");
	const char *crit = tc_args_get(run, "crit");

	limits->warn_s = 15 * 60;
	limits->crit_s = 4 * 3600;
	if ((warn == NULL || tc_when_duration(warn, &limits->warn_s)) &&
	    (crit == NULL || tc_when_duration(crit, &limits->crit_s)))
		return 0;
	printf("%s: %s\n", _("UNKNOWN"),
	    _("--warn and --crit take a duration such as 15m"));
	return CHECK_UNKNOWN;
}

static int level_of(double value, double warn, double crit)
{
	if (value >= crit)
		return CHECK_CRITICAL;
	return value >= warn ? CHECK_WARNING : CHECK_OK;
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

static const char *level_word(int level)
{
	switch (level) {
	case CHECK_OK: return _("OK");
	case CHECK_WARNING: return _("WARNING");
	case CHECK_CRITICAL: return _("CRITICAL");
	default: return _("UNKNOWN");
	}
}

/* What the worst of it is, in words. */
static char *check_text(const json_t *data, double up_s, double down_s,
    int level, int lag_level)
{
	const json_t *up = json_object_get(data, "upstream");
	const json_t *kids = json_object_get(data, "children");
	const json_t *reasons = json_object_get(data, "reasons");
	const char *reason = json_string_value(json_array_get(reasons, 0));
	const char *worst = tc_view_text(kids, "worst");
	char age[TC_TEXT_SHORT];

	if (level == CHECK_OK)
		return tc_mem_format(
		    _("%s is caught up"), tc_view_text(data, "node"));
	if (lag_level < level && reason != NULL)
		return tc_mem_format(
		    "%s: %s", tc_view_text(data, "node"), tc_said(reason));
	if (down_s >= up_s && down_s > 0)
		return tc_mem_format(_("%s %s behind"),
		    worst[0] != '\0' ? tc_view_tail(worst) : _("a child"),
		    tc_text_age(age, down_s));
	if (up_s > 0)
		return tc_mem_format(_("%s has not acknowledged for %s"),
		    tc_view_tail(tc_view_text(up, "unit")),
		    tc_text_age(age, up_s));
	return tc_mem_format("%s: %s", tc_view_text(data, "node"),
	    tc_out_word(tc_view_text(data, "state")));
}

static void print_line(const json_t *data, const struct limits *limits,
    int level, char *take_text)
{
	const json_t *up = json_object_get(data, "upstream");
	const json_t *kids = json_object_get(data, "children");
	const json_t *store = json_object_get(data, "store");
	int64_t waiting = tc_view_int(up, "waiting_records") +
			  tc_view_int(kids, "waiting_records");
	double up_s = tc_view_number(up, "oldest_age_seconds", 0);
	double down_s = tc_view_number(kids, "oldest_age_seconds", 0);
	char *clean = tc_text_clean(take_text);

	/* '|' begins the figures: it must not stand in the text. */
	for (char *p = clean; *p != '\0'; p++)
		if (*p == '|')
			*p = '/';
	printf("%s: %s | oldest=%.0fs;%lld;%lld waiting=%lld store=%.0f%%;80;85 conflicts=%lld overdue=%lld\n",
	    level_word(level), clean, up_s > down_s ? up_s : down_s,
	    (long long)limits->warn_s, (long long)limits->crit_s,
	    (long long)waiting, tc_view_number(store, "percent", 0),
	    (long long)tc_view_int(json_object_get(data, "conflicts"), "open"),
	    (long long)tc_view_int(
		json_object_get(data, "directives"), "overdue"));
	free(clean);
	free(take_text);
}

static int judge(const json_t *data, const struct limits *limits, bool print)
{
	const json_t *up = json_object_get(data, "upstream");
	const json_t *kids = json_object_get(data, "children");
	const char *state = tc_view_text(data, "state");
	double up_s = tc_view_number(up, "oldest_age_seconds", 0);
	double down_s = tc_view_number(kids, "oldest_age_seconds", 0);
	double oldest = up_s > down_s ? up_s : down_s;
	double percent = tc_view_number(
	    json_object_get(data, "store"), "percent", 0);
	int state_level = CHECK_OK, lag_level, level;

	if (strcmp(state, "full") == 0)
		state_level = CHECK_CRITICAL;
	else if (strcmp(state, "ok") != 0)
		state_level = CHECK_WARNING;
	lag_level =
	    level_of(oldest, (double)limits->warn_s, (double)limits->crit_s);
	level = max_int(
	    state_level, max_int(lag_level, level_of(percent, 80, 85)));
	if (print)
		print_line(data, limits, level,
		    check_text(data, up_s, down_s, level, lag_level));
	return level;
}

int tc_cmd_check(struct tc_run *run)
{
	struct limits limits;
	struct tc_fault fault;
	json_t *data = NULL;
	int rc = read_limits(run, &limits);

	if (rc != 0)
		return rc;
	if (tc_view_ask(run, "status", NULL, &data, &fault) != 0) {
		printf("%s: %s (%s)\n", _("UNKNOWN"), fault.text, fault.code);
		return CHECK_UNKNOWN;
	}
	rc = judge(data, &limits, run->format != TC_FORMAT_JSON);
	if (run->format == TC_FORMAT_JSON)
		tc_out_json_print(data, NULL, 0);
	json_decref(data);
	return rc;
}

/* --- health, wait, metrics --- */

static int health_verdict(const json_t *data)
{
	return json_is_true(json_object_get(data, "healthy")) ? 0 : 1;
}

static int ready_verdict(const json_t *data)
{
	return json_is_true(json_object_get(data, "ready")) ? 0 : 1;
}

static void show_health(const struct tc_run *run, const json_t *data)
{
	const json_t *reasons = json_object_get(data, "reasons");
	bool healthy = json_is_true(json_object_get(data, "healthy"));
	bool ready = json_is_true(json_object_get(data, "ready"));

	printf("%s\n", !healthy ? _("not healthy")
		       : ready	? _("healthy, takes writes")
				: _("healthy, takes no writes"));
	for (size_t i = 0; i < json_array_size(reasons); i++) {
		const char *text =
		    json_string_value(json_array_get(reasons, i));
		char *clean = tc_text_clean(text != NULL ? tc_said(text) : "");

		printf("  %s\n", clean);
		free(clean);
	}
	(void)run;
}

int tc_cmd_health(struct tc_run *run)
{
	bool ready = tc_args_has(run, "ready");
	const struct tc_view view = {.cmd = "health",
	    .show = show_health,
	    .verdict = ready ? ready_verdict : health_verdict};
	json_t *args = tc_mem_json(json_object());
	int rc;

	if (ready)
		tc_mem_set(args, "ready", json_true());
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

static void show_wait(const struct tc_run *run, const json_t *data)
{
	(void)data;
	tc_out_remark(run,
	    strcmp(tc_args_word(run, 0), "synced") == 0
		? _("Everything written here is held by the top node.")
		: _("Nothing waits in either direction."));
}

int tc_cmd_wait(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "wait", .show = show_wait};
	const char *what = tc_args_word(run, 0);
	int64_t limit_ms = tc_view_timeout(run, 60000);
	json_t *args;
	int rc;

	if (strcmp(what, "synced") != 0 && strcmp(what, "idle") != 0)
		return tc_fault_advise(TR_E_USAGE,
		    _("It is one of: synced, idle"),
		    _("cannot wait for '%s'"), what);
	args = tc_mem_json(json_object());
	tc_mem_set_text(args, "what", what);
	tc_mem_set(args, "timeout_seconds", json_integer(limit_ms / 1000));
	/* The daemon's own limit comes first. */
	run->timeout_ms = limit_ms + 10000;
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

int tc_cmd_metrics(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "metrics", .show = tc_view_show_text};

	tc_view_only_text(run);
	return tc_view_run(run, &view, NULL);
}
