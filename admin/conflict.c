/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/past.h"
#include "admin/said.h"
#include "admin/text.h"
#include "admin/value.h"
#include "admin/view.h"
#include "admin/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "status=closed at=..." of a candidate. */
static char *values_text(const json_t *values)
{
	json_t *object = (json_t *)(uintptr_t)values;
	bool single = json_object_size(values) == 1;
	char *text = tc_mem_text("");

	for (void *at = json_object_iter(object); at != NULL;
	     at = json_object_iter_next(object, at)) {
		char *value = tc_value_show(json_object_iter_value(at));
		char *more = single
				 ? tc_mem_text(value)
				 : tc_mem_format("%s%s%s=%s", text,
				       text[0] != '\0' ? " " : "",
				       json_object_iter_key(at), value);

		free(value);
		free(text);
		text = more;
	}
	return text;
}

/* A record without a title is at least of a kind. */
static void title_cell(
    struct tc_out *out, const json_t *conflict, bool name_it, bool table)
{
	const char *title = tc_view_text(conflict, "title");

	if (!name_it)
		tc_out_text(out, "");
	else if (title[0] != '\0' || !table)
		tc_out_text(out, title);
	else
		tc_out_text(out, tc_out_word(tc_view_text(conflict, "kind")));
}

static void candidate_row(struct tc_out *out, const json_t *conflict,
    const json_t *candidate, bool is_first, bool table)
{
	bool shown = json_is_true(json_object_get(candidate, "shown"));
	bool name_it = is_first || !table;
	char *values = values_text(json_object_get(candidate, "values"));
	const char *unit = tc_view_text(candidate, "unit");

	tc_out_row(out, -1);
	tc_out_text(out, name_it ? tc_view_text(conflict, "id") : "");
	title_cell(out, conflict, name_it, table);
	if (name_it)
		tc_out_state(out, json_object_get(conflict, "state"));
	else
		tc_out_text(out, "");
	tc_out_value(out, json_object_get(candidate, "letter"));
	tc_out_text(out, values);
	if (table)
		tc_out_tone(out, shown ? _("shown") : _("set aside"),
		    shown ? TC_TONE_GOOD : TC_TONE_NONE);
	else
		tc_out_value(out, json_object_get(candidate, "shown"));
	tc_out_text(out, table ? tc_view_tail(unit) : unit);
	tc_out_value(out, json_object_get(candidate, "actor"));
	tc_out_time(out, json_object_get(candidate, "time"));
	if (name_it)
		tc_out_age(out, json_object_get(conflict, "age_seconds"));
	else
		tc_out_text(out, "");
	free(values);
}

static void show_conflicts(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"id", _("CONFLICT"), 0},
	    {"title", _("RECORD"), TC_COL_TRUNC},
	    {"state", _("STATE"), 0},
	    {"letter", "", 0},
	    {"values", _("VALUE"), TC_COL_TRUNC},
	    {"shown", "", 0},
	    {"unit", _("WRITTEN BY"), 0},
	    {"actor", _("WHO"), TC_COL_TRUNC},
	    {"time", _("TIME"), TC_COL_TIME},
	    {"age_seconds", _("OPEN FOR"), TC_COL_RIGHT},
	};
	const json_t *conflicts = json_object_get(data, "conflicts");
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	size_t count = json_array_size(conflicts), undecided = 0;
	/* What waits for a person comes before what a rule has settled. */
	const char *next = tc_view_text(json_array_get(conflicts, 0), "id");

	for (size_t i = 0; i < count; i++) {
		const json_t *conflict = json_array_get(conflicts, i);
		const json_t *list = json_object_get(conflict, "candidates");

		for (size_t k = 0; k < json_array_size(list); k++)
			candidate_row(out, conflict, json_array_get(list, k),
			    k == 0, tc_out_is_table(run));
		if (strcmp(tc_view_text(conflict, "state"), "undecided") == 0 &&
		    undecided++ == 0)
			next = tc_view_text(conflict, "id");
	}
	tc_out_close(out);
	if (count == 0) {
		tc_out_remark(run, _("No conflicts."));
		return;
	}
	tc_out_remark(run, _("%zu undecided, %zu settled by rule. Settle: terracectl conflict resolve %s --keep A"),
	    undecided, count - undecided, next);
}

int tc_cmd_conflicts(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "conflicts", .list = "conflicts", .show = show_conflicts};

	return tc_view_run_word(run, &view, "id");
}

/* --value: a JSON object, NAME=VALUE, or the text of the group's one field. */
static json_t *value_object(const struct tc_run *run)
{
	const char *dot = strchr(tc_args_word(run, 0), '.');
	json_t *object = tc_mem_json(json_object()), *whole;
	const char *value;

	for (size_t i = 0; (value = tc_args_nth(run, "value", i)) != NULL; i++) {
		whole = value[0] == '{' ? json_loads(value, 0, NULL) : NULL;
		if (json_is_object(whole)) {
			json_object_update(object, whole);
		} else if (strchr(value, '=') != NULL) {
			if (!tc_value_assign(object, value)) {
				json_decref(whole);
				json_decref(object);
				return NULL;
			}
		} else if (dot != NULL) {
			tc_mem_set(
			    object, dot + 1, tc_value_typed(dot + 1, value));
		}
		json_decref(whole);
	}
	if (json_object_size(object) > 0)
		return object;
	json_decref(object);
	return NULL;
}

static void show_resolved(const struct tc_run *run, const json_t *data)
{
	tc_out_remark(run, _("settled: %s, record %.18s is now version %lld"),
	    tc_view_text(data, "id"), tc_view_text(data, "record"),
	    (long long)tc_view_int(data, "version"));
}

int tc_cmd_conflict_resolve(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "conflict resolve", .show = show_resolved};
	const char *keep = tc_args_get(run, "keep");
	const char *version = tc_args_get(run, "if-version");
	bool has_value = tc_args_has(run, "value");
	json_t *args, *value = NULL;
	int rc;

	if ((keep != NULL) == has_value)
		return tc_fault_advise(TR_E_USAGE,
		    _("Look at the candidates with: terracectl conflicts ID"),
		    _("say what holds: --keep LETTER or --value VALUE"));
	if (has_value) {
		value = value_object(run);
		if (value == NULL)
			return tc_fault_advise(TR_E_USAGE,
			    _("Example: --value status=closed"),
			    _("say which field: --value NAME=VALUE"));
	}
	args = tc_mem_json(json_object());
	tc_mem_set_text(args, "id", tc_args_word(run, 0));
	tc_mem_set_text(args, "keep", keep);
	tc_mem_set(args, "value", value);
	if (version != NULL)
		tc_mem_set(args, "if_version", tc_value_typed("if_version", version));
	tc_mem_set_text(args, "by", tc_args_get(run, "by"));
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

/* --- trace --- */

static void show_trace(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"author", _("WRITTEN BY"), 0},
	    {"lane", _("LANE"), 0},
	    {"seq", "#", TC_COL_RIGHT},
	    {"time", _("WRITTEN"), TC_COL_TIME},
	    {"received", _("RECEIVED HERE"), TC_COL_TIME},
	    {"in_segment", _("SIGNED"), 0},
	    {"parent_acked", _("PARENT HAS IT"), 0},
	    {"child_acked", _("CHILD HAS IT"), 0},
	    {"receipt", _("TOP NODE HAS IT"), 0},
	};
	const json_t *ops = json_object_get(data, "ops");
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	const char *note = tc_view_text(data, "note");

	for (size_t i = 0; i < json_array_size(ops); i++) {
		const json_t *op = json_array_get(ops, i);
		const char *author = tc_view_text(op, "author");

		tc_out_row(out, -1);
		tc_out_text(out,
		    tc_out_is_table(run) ? tc_view_tail(author) : author);
		tc_out_value(out, json_object_get(op, "lane"));
		tc_out_value(out, json_object_get(op, "seq"));
		tc_out_time(out, json_object_get(op, "time"));
		tc_out_time(out, json_object_get(op, "received"));
		tc_out_value(out, json_object_get(op, "in_segment"));
		tc_out_value(out, json_object_get(op, "parent_acked"));
		tc_out_value(out, json_object_get(op, "child_acked"));
		tc_out_value(out, json_object_get(op, "receipt"));
	}
	tc_out_close(out);
	tc_past_dropped(run, json_object_get(data, "dropped"));
	tc_out_remark(run, _("Seen from %s. %s"),
	    tc_view_tail(tc_view_text(json_object_get(data, "here"), "unit")),
	    note[0] != '\0' ? tc_said(note) : "");
}

int tc_cmd_trace(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "trace", .list = "ops", .show = show_trace};

	return tc_view_run_word(run, &view, "id");
}
