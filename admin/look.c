/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/said.h"
#include "admin/text.h"
#include "admin/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- status --- */

static const struct tc_col status_cols[] = {
    {"part", NULL, 0}, {"state", NULL, 0}, {"detail", NULL, 0},
    {"more", NULL, TC_COL_TRUNC}};

static void waiting_cell(struct tc_out *out, const json_t *part)
{
	char count[TC_TEXT_SHORT], age[TC_TEXT_SHORT];
	int64_t waiting = tc_view_int(part, "waiting_records");

	if (waiting == 0)
		tc_out_text(out, _("nothing waits"));
	else
		tc_out_format(out, _("%s waiting, oldest %s"),
		    tc_text_count(count, waiting),
		    tc_text_age(
			age, tc_view_number(part, "oldest_age_seconds", -1)));
}

static void upstream_row(struct tc_out *out, const json_t *data)
{
	const json_t *up = json_object_get(data, "upstream");
	const json_t *delay = json_object_get(up, "delay_seconds");
	const char *error = tc_view_text(up, "error");
	const char *state = tc_view_text(up, "state");
	char *text;

	tc_out_row(out, -1);
	tc_out_text(out, _("upstream"));
	if (!json_is_object(up)) {
		tc_out_text(out, _("none"));
		tc_out_text(out, _("this is the top node"));
		tc_out_text(out, "");
		return;
	}
	text = tc_mem_format(
	    "%s %s", tc_view_tail(tc_view_text(up, "unit")), tc_out_word(state));
	tc_out_tone(out, text,
	    strcmp(state, "up") == 0 ? TC_TONE_GOOD : TC_TONE_BAD);
	free(text);
	waiting_cell(out, up);
	if (error[0] != '\0')
		tc_out_text(out, error);
	else if (json_is_number(json_object_get(delay, "p50")))
		tc_out_format(out, _("delay p50 %.1fs p95 %.1fs"),
		    tc_view_number(delay, "p50", 0),
		    tc_view_number(delay, "p95", 0));
	else
		tc_out_text(out, "");
}

static void children_row(struct tc_out *out, const json_t *data)
{
	const json_t *kids = json_object_get(data, "children");
	long long up = tc_view_int(kids, "up"), down = tc_view_int(kids, "down"),
		  never = tc_view_int(kids, "never");
	const char *worst = tc_view_text(kids, "worst");
	char *text;

	tc_out_row(out, -1);
	tc_out_text(out, _("children"));
	if (tc_view_int(kids, "total") == 0) {
		tc_out_text(out, _("none"));
		tc_out_text(out, "");
		tc_out_text(out, "");
		return;
	}
	if (never > 0)
		text = tc_mem_format(_("%lld up, %lld DOWN, %lld never seen"),
		    up, down, never);
	else if (down > 0)
		text = tc_mem_format(_("%lld up, %lld DOWN"), up, down);
	else
		text = tc_mem_format(_("%lld up"), up);
	tc_out_tone(out, text, down > 0 ? TC_TONE_BAD : TC_TONE_GOOD);
	free(text);
	waiting_cell(out, kids);
	if (worst[0] != '\0' && down > 0)
		tc_out_format(out, _("worst: %s"), tc_view_tail(worst));
	else
		tc_out_text(out, "");
}

static void store_row(struct tc_out *out, const json_t *data)
{
	const json_t *store = json_object_get(data, "store");
	char used[TC_TEXT_SHORT], map[TC_TEXT_SHORT];
	double percent = tc_view_number(store, "percent", 0);
	const json_t *held = json_object_get(data, "held_segments");
	char *text;

	tc_out_row(out, -1);
	tc_out_text(out, _("store"));
	text = tc_mem_format(_("%s of %s"),
	    tc_text_bytes(used, tc_view_number(store, "used_bytes", 0)),
	    tc_text_bytes(map, tc_view_number(store, "map_bytes", 0)));
	tc_out_tone(out, text,
	    percent >= 85   ? TC_TONE_BAD
	    : percent >= 80 ? TC_TONE_WARN
			    : TC_TONE_NONE);
	free(text);
	if (json_is_number(json_object_get(store, "commit_ms_p95")))
		tc_out_format(out, _("commit p95 %.1f ms"),
		    tc_view_number(store, "commit_ms_p95", 0));
	else
		tc_out_text(out, "");
	if (json_integer_value(held) > 0)
		tc_out_format(out, _("%lld segments wait for others"),
		    (long long)json_integer_value(held));
	else
		tc_out_text(out, "");
}

/* Nothing to say while every change is here and nothing differs. */
static void history_row(struct tc_out *out, const json_t *data)
{
	const json_t *history = json_object_get(data, "history");
	long long dropped = tc_view_int(history, "dropped"), diverged = tc_view_int(history, "diverged");
	char count[TC_TEXT_SHORT], *text;

	if (dropped == 0 && diverged == 0)
		return;
	tc_out_row(out, -1);
	tc_out_text(out, _("history"));
	text = diverged > 0 ? tc_mem_format(_("%lld DIVERGED"), diverged) : tc_mem_text("");
	tc_out_tone(out, text, diverged > 0 ? TC_TONE_BAD : TC_TONE_NONE);
	free(text);
	if (dropped > 0)
		tc_out_format(out, _("%s changes dropped"), tc_text_count(count, dropped));
	else
		tc_out_text(out, _("nothing is dropped there"));
	tc_out_text(out, _("see: terracectl store history"));
}

static void work_rows(struct tc_out *out, const json_t *data)
{
	const json_t *conflicts = json_object_get(data, "conflicts");
	const json_t *directives = json_object_get(data, "directives");
	long long open = tc_view_int(conflicts, "open");
	long long running = tc_view_int(directives, "open");
	long long overdue = tc_view_int(directives, "overdue");
	char age[TC_TEXT_SHORT];

	tc_out_row(out, -1);
	tc_out_text(out, _("conflicts"));
	tc_out_format(out, _("%lld open"), open);
	if (open > 0) {
		tc_out_format(out, _("oldest %s"),
		    tc_text_age(age, tc_view_number(conflicts,
					 "oldest_age_seconds", -1)));
		tc_out_text(out, _("see: terracectl conflicts"));
	} else {
		tc_out_text(out, "");
		tc_out_text(out, "");
	}
	tc_out_row(out, -1);
	tc_out_text(out, _("directives"));
	tc_out_format(out, _("%lld open"), running);
	if (overdue > 0)
		tc_out_format(out, _("%lld OVERDUE"), overdue);
	else
		tc_out_text(out, "");
	tc_out_text(out,
	    running > 0 ? _("see: terracectl directive list") : "");
}

static void policy_row(struct tc_out *out, const json_t *data)
{
	const json_t *policy = json_object_get(data, "policy");
	long long version = tc_view_int(policy, "version"), behind = tc_view_int(policy, "units_behind");

	if (version == 0)
		return; /* the built-in rules: nothing to say */
	tc_out_row(out, -1);
	tc_out_text(out, _("policy"));
	tc_out_format(out, "%lld", version);
	if (behind > 0)
		tc_out_format(out, _("%lld units below still use an older one"), behind);
	else
		tc_out_text(out, _("in use by all below"));
	tc_out_text(out, "");
}

static void trust_rows(struct tc_out *out, const json_t *data)
{
	const json_t *trust = json_object_get(data, "trust");
	const json_t *receipt = json_object_get(data, "receipt");
	long long bad = tc_view_int(trust, "forged") +
			tc_view_int(trust, "bad_frames");
	long long violations = tc_view_int(trust, "violations");
	char own[TC_TEXT_SHORT], covered[TC_TEXT_SHORT];
	bool is_top = !json_is_object(json_object_get(data, "upstream"));
	char *text = tc_mem_format(_("%lld rejected"), bad);

	tc_out_row(out, -1);
	tc_out_text(out, _("trust"));
	tc_out_tone(out, text, bad > 0 ? TC_TONE_WARN : TC_TONE_GOOD);
	free(text);
	if (!is_top &&
	    json_is_number(json_object_get(trust, "clock_offset_seconds")))
		tc_out_format(out, _("clock %+.3fs against the parent"),
		    tc_view_number(trust, "clock_offset_seconds", 0));
	else
		tc_out_text(out, "");
	if (violations > 0)
		tc_out_format(out,
		    ngettext("%lld step without authority",
			"%lld steps without authority",
			(unsigned long)violations),
		    violations);
	else
		tc_out_text(out, "");
	policy_row(out, data);
	if (is_top || !json_is_object(receipt))
		return;
	tc_out_row(out, -1);
	tc_out_text(out, _("receipt"));
	tc_out_format(out, _("%s of %s own"),
	    tc_text_count(covered, tc_view_int(receipt, "covered")),
	    tc_text_count(own, tc_view_int(receipt, "own_records")));
	tc_out_text(out, _("records are at the top node"));
	if (tc_view_int(receipt, "late") > 0)
		tc_out_format(out, _("%lld LATE"), (long long)tc_view_int(receipt, "late"));
	else
		tc_out_text(out, "");
}

static void status_head(const struct tc_run *run, const json_t *data)
{
	const json_t *reasons = json_object_get(data, "reasons");
	const char *title = tc_view_text(data, "title");
	char up[TC_TEXT_SHORT], *line, *clean, *why = tc_mem_text("");
	const char *state = tc_view_text(data, "state");

	for (size_t i = 0; i < json_array_size(reasons); i++) {
		char *more = tc_mem_format("%s%s%s", why, i > 0 ? "; " : ": ",
		    tc_said(json_string_value(json_array_get(reasons, i)) != NULL
			    ? json_string_value(json_array_get(reasons, i))
			    : ""));

		free(why);
		why = more;
	}
	line = tc_mem_format(_("%s (%s%s%s)   %s%s   up %s   terraced %s"),
	    tc_view_text(data, "node"), tc_out_word(tc_view_text(data, "role")),
	    title[0] != '\0' ? ", " : "", title, tc_out_word(state), why,
	    tc_text_age(up, tc_view_number(data, "uptime_seconds", -1)),
	    tc_view_text(data, "version"));
	clean = tc_text_clean(line);
	puts(clean);
	free(clean);
	free(line);
	free(why);
	(void)run;
}

static void show_status(const struct tc_run *run, const json_t *data)
{
	struct tc_out *out =
	    tc_out_open(run, status_cols, sizeof(status_cols) /
					      sizeof(status_cols[0]));

	status_head(run, data);
	tc_out_no_heading(out, 2);
	upstream_row(out, data);
	children_row(out, data);
	store_row(out, data);
	history_row(out, data);
	work_rows(out, data);
	trust_rows(out, data);
	tc_out_close(out);
	if (json_is_false(json_object_get(data, "registered")))
		tc_out_remark(run,
		    _("Not yet registered: the top node has still to countersign this key."));
}

int tc_cmd_status(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "status", .show = show_status};

	return tc_view_run(run, &view, NULL);
}

/* --- tree --- */

struct tree_count {
	int64_t up, down, never, other;
};

static void count_state(struct tree_count *count, const char *state)
{
	if (strcmp(state, "up") == 0 || strcmp(state, "self") == 0)
		count->up++;
	else if (strcmp(state, "down") == 0)
		count->down++;
	else if (strcmp(state, "never") == 0)
		count->never++;
	else
		count->other++;
}

/* Row of the unit that is the parent in the listing, -1 = none. */
static int parent_row(const json_t *units, size_t index)
{
	const char *unit =
	    tc_view_text(json_array_get(units, index), "unit");

	for (size_t i = index; i > 0; i--) {
		const char *above =
		    tc_view_text(json_array_get(units, i - 1), "unit");
		size_t size = strlen(above);

		if (size > 0 && strncmp(unit, above, size) == 0 &&
		    unit[size] == '/')
			return (int)i - 1;
	}
	return -1;
}

static void tree_note(struct tc_out *out, const json_t *unit)
{
	const char *note = tc_view_text(unit, "note");

	if (note[0] != '\0')
		tc_out_text(out, tc_said(note));
	else if (json_is_true(json_object_get(unit, "policy_behind")))
		tc_out_format(out, _("still uses policy %lld"), (long long)tc_view_int(unit, "policy"));
	else if (json_is_false(json_object_get(unit, "joined")))
		tc_out_text(out, _("invited, not joined"));
	else if (json_is_false(json_object_get(unit, "registered")))
		tc_out_text(out, _("not yet registered"));
	else
		tc_out_text(out, "");
}

static void show_tree(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"unit", _("UNIT"), TC_COL_TREE},
	    {"title", _("TITLE"), TC_COL_TRUNC},
	    {"state", _("STATE"), 0},
	    {"waiting_records", _("WAITING"), TC_COL_RIGHT},
	    {"oldest_age_seconds", _("OLDEST"), TC_COL_RIGHT},
	    {"last_seen", _("LAST SEEN"), TC_COL_RIGHT},
	    {"version", _("VERSION"), 0},
	    {"note", _("NOTE"), TC_COL_TRUNC},
	};
	const json_t *units = json_object_get(data, "units");
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	struct tree_count count = {0, 0, 0, 0};

	for (size_t i = 0; i < json_array_size(units); i++) {
		const json_t *unit = json_array_get(units, i);
		const char *path = tc_view_text(unit, "unit");

		tc_out_row(out, parent_row(units, i));
		tc_out_text(out, tc_out_is_table(run) ? tc_view_tail(path) : path);
		tc_out_value(out, json_object_get(unit, "title"));
		tc_out_state(out, json_object_get(unit, "state"));
		tc_out_count(out, json_object_get(unit, "waiting_records"));
		tc_out_age(out, json_object_get(unit, "oldest_age_seconds"));
		tc_out_ago(out, json_object_get(unit, "last_seen"));
		tc_out_value(out, json_object_get(unit, "version"));
		tree_note(out, unit);
		count_state(&count, tc_view_text(unit, "state"));
	}
	tc_out_close(out);
	tc_out_remark(run,
	    _("%zu units: %lld up, %lld DOWN, %lld never seen, %lld not known here."),
	    json_array_size(units), (long long)count.up, (long long)count.down,
	    (long long)count.never, (long long)count.other);
}

int tc_cmd_tree(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "tree", .list = "units", .show = show_tree};

	return tc_view_run(run, &view, NULL);
}

/* --- peers --- */

static void show_peers(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"unit", _("PEER"), 0},
	    {"title", _("TITLE"), TC_COL_TRUNC},
	    {"direction", _("DIR"), 0},
	    {"state", _("STATE"), 0},
	    {"waiting_records", _("WAITING"), TC_COL_RIGHT},
	    {"oldest_age_seconds", _("OLDEST"), TC_COL_RIGHT},
	    {"last_seen", _("LAST SEEN"), TC_COL_RIGHT},
	    {"rtt_ms", _("RTT ms"), TC_COL_RIGHT},
	    {"tries", _("TRIES"), TC_COL_RIGHT},
	    {"sent_bytes", _("SENT"), TC_COL_RIGHT},
	    {"received_bytes", _("RECEIVED"), TC_COL_RIGHT},
	    {"error", _("LAST ERROR"), TC_COL_TRUNC},
	};
	const json_t *peers = json_object_get(data, "peers");
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));

	for (size_t i = 0; i < json_array_size(peers); i++) {
		const json_t *peer = json_array_get(peers, i);
		const char *path = tc_view_text(peer, "unit");

		tc_out_row(out, -1);
		tc_out_text(out, tc_out_is_table(run) ? tc_view_tail(path) : path);
		tc_out_value(out, json_object_get(peer, "title"));
		tc_out_value(out, json_object_get(peer, "direction"));
		tc_out_state(out, json_object_get(peer, "state"));
		tc_out_count(out, json_object_get(peer, "waiting_records"));
		tc_out_age(out, json_object_get(peer, "oldest_age_seconds"));
		tc_out_ago(out, json_object_get(peer, "last_seen"));
		tc_out_value(out, json_object_get(peer, "rtt_ms"));
		tc_out_value(out, json_object_get(peer, "tries"));
		tc_out_bytes(out, json_object_get(peer, "sent_bytes"));
		tc_out_bytes(out, json_object_get(peer, "received_bytes"));
		tc_out_value(out, json_object_get(peer, "error"));
	}
	tc_out_close(out);
	tc_out_remark(run,
	    ngettext("%zu peer.", "%zu peers.", json_array_size(peers)),
	    json_array_size(peers));
}

static json_t *peer_arg(const struct tc_run *run)
{
	json_t *args = tc_mem_json(json_object());

	tc_mem_set_text(args, "peer", tc_args_word(run, 0));
	return args;
}

int tc_cmd_peers(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "peers", .list = "peers", .show = show_peers};
	json_t *args = peer_arg(run);
	int rc = tc_view_run(run, &view, args);

	json_decref(args);
	return rc;
}
