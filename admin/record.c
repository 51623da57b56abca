/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/file.h"
#include "admin/mem.h"
#include "admin/out.h"
#include "admin/past.h"
#include "admin/text.h"
#include "admin/transfer.h"
#include "admin/value.h"
#include "admin/view.h"
#include "admin/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_SHOWN 18 /* with two dashes: the time in ms and 12 random bits */
#define RECORD_FILE_MAX (64 * 1024)

/* --- record put --- */

static json_t *object_from_text(const char *text, size_t size, const char *from)
{
	json_error_t error;
	json_t *object =
	    json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

	if (json_is_object(object))
		return object;
	if (object == NULL)
		tc_fault_say(TR_E_INPUT, _("%s: not JSON, line %d: %s"), from,
		    error.line, error.text);
	else
		tc_fault_say(TR_E_INPUT, _("%s: not a JSON object"), from);
	json_decref(object);
	return NULL;
}

/* A single word: JSON itself, "-" or a file. */
static json_t *object_from_word(const char *word, int *rc)
{
	json_t *object;
	size_t size;
	char *text;
	int read_rc;

	if (word[0] == '{')
		return object_from_text(word, strlen(word), _("argument"));
	read_rc = tc_file_read(word, RECORD_FILE_MAX, &text, &size);
	if (read_rc != 0) {
		*rc = read_rc;
		return NULL;
	}
	object = object_from_text(text, size, word);
	free(text);
	return object;
}

static json_t *object_from_words(const struct tc_run *run, int *rc)
{
	const char *first = tc_args_word(run, 0);
	json_t *object;

	*rc = tr_err_exit(TR_E_INPUT);
	if (run->word_count == 1 &&
	    (first[0] == '{' || strchr(first, '=') == NULL))
		return object_from_word(first, rc);
	object = tc_mem_json(json_object());
	for (size_t i = 0; i < run->word_count; i++)
		if (!tc_value_assign(object, run->words[i])) {
			*rc = tc_fault_advise(TR_E_USAGE,
			    _("Give JSON, a file, or NAME=VALUE (NAME:=JSON for other types than text)."),
			    _("'%s' is no NAME=VALUE"), run->words[i]);
			json_decref(object);
			return NULL;
		}
	return object;
}

static int options_into(const struct tc_run *run, json_t *object)
{
	static const char *const names[] = {
	    "kind", "home", "key", "status", "note", "by"};
	const char *version = tc_args_get(run, "if-version");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tc_mem_set_text(
		    object, names[i], tc_args_get(run, names[i]));
	if (version != NULL)
		tc_mem_set(object, "if_version",
		    tc_value_typed("if_version", version));
	if (tc_args_has(run, "bulk"))
		tc_mem_set(object, "bulk", json_true());
	if (json_object_size(object) > 0)
		return 0;
	return tc_fault_advise(TR_E_USAGE,
	    _("Example: terracectl record put category=noise title=... source=hotline source_id=2026-1"),
	    _("nothing to write"));
}

static void show_put(const struct tc_run *run, const json_t *data)
{
	const char *what = _("changed");

	if (json_is_true(json_object_get(data, "repeated")))
		what = _("repeated, nothing written");
	else if (json_is_true(json_object_get(data, "unchanged")))
		what = _("unchanged");
	else if (json_is_true(json_object_get(data, "created")))
		what = _("created");
	if (run->is_quiet)
		printf("%s\n", tc_view_text(data, "id"));
	else
		printf(_("%s  %s, version %lld\n"), tc_view_text(data, "id"),
		    what, (long long)tc_view_int(data, "version"));
}

int tc_cmd_record_put(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "record put", .show = show_put};
	json_t *object, *args;
	int rc;

	object = object_from_words(run, &rc);
	if (object == NULL)
		return rc;
	rc = options_into(run, object);
	if (rc != 0) {
		json_decref(object);
		return rc;
	}
	args = tc_mem_json(json_object());
	tc_mem_set(args, "record", object);
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

/* --- record show --- */

static void show_head(const struct tc_run *run, const json_t *data)
{
	const json_t *record = json_object_get(data, "record");
	const char *title = tc_view_text(record, "title");
	const char *status = tc_view_text(record, "status");
	const char *signature = tc_view_text(data, "signature");
	char *line, *clean;

	line = tc_mem_format(_("%s  %s%s%s   status: %s   version %lld   signature %s"),
	    tc_view_text(data, "id"), tc_out_word(tc_view_text(data, "kind")),
	    title[0] != '\0' ? " " : "", title,
	    status[0] != '\0' ? tc_out_word(status) : "-",
	    (long long)tc_view_int(data, "version"),
	    tc_out_word(signature));
	clean = tc_text_clean(line);
	puts(clean);
	free(clean);
	free(line);
	if (tc_view_int(data, "violations") > 0)
		tc_out_remark(run,
		    ngettext("  %lld step without authority is listed and not applied",
			"  %lld steps without authority are listed and not applied",
			(unsigned long)tc_view_int(data, "violations")),
		    (long long)tc_view_int(data, "violations"));
}

static void show_fields(const struct tc_run *run, const json_t *record)
{
	static const struct tc_col cols[] = {
	    {"field", NULL, 0}, {"value", NULL, TC_COL_WRAP}};
	struct tc_out *out = tc_out_open(run, cols, 2);
	json_t *object = (json_t *)(uintptr_t)record;

	tc_out_no_heading(out, 2);
	for (void *at = json_object_iter(object); at != NULL;
	     at = json_object_iter_next(object, at)) {
		const char *key = json_object_iter_key(at);
		const json_t *value = json_object_iter_value(at);
		size_t size = strlen(key);

		if (strcmp(key, "steps") == 0 || strcmp(key, "notes") == 0 ||
		    strcmp(key, "id") == 0 || strcmp(key, "kind") == 0)
			continue;
		tc_out_row(out, -1);
		tc_out_text(out, key);
		if (size > 3 && strcmp(key + size - 3, "_at") == 0)
			tc_out_time(out, value);
		else
			tc_out_value(out, value);
	}
	tc_out_close(out);
}

static const char *step_mark(const json_t *step)
{
	if (json_is_false(json_object_get(step, "legal")))
		return _("not legal");
	if (json_is_true(json_object_get(step, "shown")))
		return _("shown");
	if (json_is_true(json_object_get(step, "alive")))
		return _("set aside");
	return json_is_true(json_object_get(step, "imported")) ? _("imported")
							       : "";
}

static void show_steps(const struct tc_run *run, const json_t *steps)
{
	const struct tc_col cols[] = {
	    {"status", _("STATUS"), 0},
	    {"at", _("TIME"), TC_COL_TIME},
	    {"unit", _("UNIT"), 0},
	    {"actor", _("BY"), TC_COL_TRUNC},
	    {"mark", "", 0},
	    {"reason", _("REASON"), TC_COL_TRUNC},
	};
	struct tc_out *out;

	if (json_array_size(steps) == 0)
		return;
	out = tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i);

		tc_out_row(out, -1);
		tc_out_text(out, tc_out_word(tc_view_text(step, "status")));
		tc_out_time(out, json_object_get(step, "at"));
		tc_out_text(out, tc_view_tail(tc_view_text(step, "unit")));
		tc_out_value(out, json_object_get(step, "actor"));
		tc_out_text(out, step_mark(step));
		tc_out_value(out, json_object_get(step, "reason"));
	}
	putchar('\n');
	tc_out_close(out);
}

static void show_notes(const struct tc_run *run, const json_t *notes)
{
	const struct tc_col cols[] = {
	    {"at", _("TIME"), TC_COL_TIME},
	    {"unit", _("UNIT"), 0},
	    {"actor", _("BY"), TC_COL_TRUNC},
	    {"text", _("NOTE"), TC_COL_WRAP},
	};
	struct tc_out *out;

	if (json_array_size(notes) == 0)
		return;
	out = tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	for (size_t i = 0; i < json_array_size(notes); i++) {
		const json_t *note = json_array_get(notes, i);

		tc_out_row(out, -1);
		tc_out_time(out, json_object_get(note, "at"));
		tc_out_text(out, tc_view_tail(tc_view_text(note, "unit")));
		tc_out_value(out, json_object_get(note, "actor"));
		tc_out_value(out, json_object_get(note, "text"));
	}
	putchar('\n');
	tc_out_close(out);
}

static void show_history(const struct tc_run *run, const json_t *history)
{
	const struct tc_col cols[] = {
	    {"time", _("TIME"), TC_COL_TIME},
	    {"unit", _("UNIT"), 0},
	    {"actor", _("BY"), TC_COL_TRUNC},
	    {"op", _("WHAT"), 0},
	    {"changes", _("CHANGE"), TC_COL_WRAP},
	    {"mark", "", 0},
	    {"seq", "#", TC_COL_RIGHT},
	};
	struct tc_out *out;

	if (json_array_size(history) == 0)
		return;
	out = tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	for (size_t i = 0; i < json_array_size(history); i++) {
		const json_t *change = json_array_get(history, i);
		char *text =
		    tc_value_changes(json_object_get(change, "changes"));

		tc_out_row(out, -1);
		tc_out_time(out, json_object_get(change, "time"));
		tc_out_text(out, tc_view_tail(tc_view_text(change, "unit")));
		tc_out_value(out, json_object_get(change, "actor"));
		tc_out_value(out, json_object_get(change, "op"));
		tc_out_text(out, text);
		if (json_is_false(json_object_get(change, "legal")))
			tc_out_tone(out, _("not legal"), TC_TONE_BAD);
		else if (json_is_true(json_object_get(change, "set_aside")))
			tc_out_tone(out, _("set aside"), TC_TONE_WARN);
		else
			tc_out_text(out, "");
		tc_out_value(out, json_object_get(change, "seq"));
		free(text);
	}
	putchar('\n');
	tc_out_close(out);
}

static void show_record(const struct tc_run *run, const json_t *data)
{
	const json_t *conflicts = json_object_get(data, "conflicts");

	show_head(run, data);
	show_fields(run, json_object_get(data, "record"));
	show_steps(run, json_object_get(data, "steps"));
	show_notes(run, json_object_get(data, "notes"));
	show_history(run, json_object_get(data, "history"));
	tc_past_dropped(run, json_object_get(data, "dropped"));
	tc_transfer_show(run, data);
	if (json_array_size(conflicts) > 0)
		tc_out_remark(run, _("Two values for one field: terracectl conflicts %.18s"),
		    tc_view_text(data, "id"));
}

int tc_cmd_record_show(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "record show", .show = show_record};
	json_t *args = tc_mem_json(json_object());
	int rc;

	tc_mem_set_text(args, "id", tc_args_word(run, 0));
	if (tc_args_has(run, "history"))
		tc_mem_set(args, "history", json_true());
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

/* --- record list --- */

static void show_list(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"id", _("RECORD"), 0},
	    {"status", _("STATUS"), 0},
	    {"title", _("TITLE"), TC_COL_TRUNC},
	    {"home", _("HOME"), 0},
	    {"source", _("SOURCE"), TC_COL_TRUNC},
	    {"source_id", _("SOURCE ID"), TC_COL_TRUNC},
	    {"changed", _("CHANGED"), TC_COL_RIGHT},
	    {"conflict", "", 0},
	};
	const json_t *records = json_object_get(data, "records");
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	const char *next = tc_view_text(data, "next");
	bool table = tc_out_is_table(run);

	for (size_t i = 0; i < json_array_size(records); i++) {
		const json_t *record = json_array_get(records, i);
		const char *title = tc_view_text(record, "title");
		const char *home = tc_view_text(record, "home");

		tc_out_row(out, -1);
		/* As much of it as nearly always tells records apart. */
		if (table && !run->is_verbose)
			tc_out_format(out, "%.*s", ID_SHOWN, tc_view_text(record, "id"));
		else
			tc_out_value(out, json_object_get(record, "id"));
		tc_out_state(out, json_object_get(record, "status"));
		tc_out_text(out, title[0] != '\0' || !table
				     ? title
				     : tc_view_text(record, "category"));
		tc_out_text(out, table ? tc_view_tail(home) : home);
		tc_out_value(out, json_object_get(record, "source"));
		tc_out_value(out, json_object_get(record, "source_id"));
		tc_out_ago(out, json_object_get(record, "changed"));
		if (table)
			tc_out_tone(out,
			    json_is_true(json_object_get(record, "conflict"))
				? _("conflict")
				: "",
			    TC_TONE_WARN);
		else
			tc_out_value(out, json_object_get(record, "conflict"));
	}
	tc_out_close(out);
	tc_out_remark(run,
	    ngettext("%zu record.", "%zu records.", json_array_size(records)),
	    json_array_size(records));
	if (next[0] != '\0')
		tc_out_remark(run, _("More: terracectl record list --after %s"), next);
}

static int set_time(const struct tc_run *run, json_t *args, const char *option,
    const char *name, enum tc_when_side side)
{
	const char *value = tc_args_get(run, option);
	char when[TC_WHEN_SIZE];

	if (value == NULL)
		return 0;
	if (!tc_when_parse(value, side, when))
		return tc_fault_advise(TR_E_USAGE,
		    _("Examples: 2026-11-22T08:00:00Z, 2026-11-22, 08:00, 24h"),
		    _("'%s' is no time"), value);
	tc_mem_set_text(args, name, when);
	return 0;
}

int tc_cmd_record_list(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "record list", .list = "records", .show = show_list};
	static const char *const names[] = {"kind", "owner", "status", "after"};
	const char *limit = tc_args_get(run, "limit");
	json_t *args = tc_mem_json(json_object());
	int rc;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tc_mem_set_text(args, names[i], tc_args_get(run, names[i]));
	if (tc_args_has(run, "moved"))
		tc_mem_set(args, "moved", json_true());
	if (limit != NULL)
		tc_mem_set(args, "limit", json_integer(atoll(limit)));
	rc = set_time(run, args, "due", "due_before", TC_WHEN_AHEAD);
	if (rc == 0)
		rc = set_time(run, args, "since", "since", TC_WHEN_AGO);
	if (rc == 0)
		rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}
