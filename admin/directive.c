/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/file.h"
#include "admin/mem.h"
#include "admin/out.h"
#include "admin/text.h"
#include "admin/view.h"
#include "admin/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (64 * 1024)

/* --- send --- */

/* A file with a JSON object is the whole directive, any other its body. */
static int args_from_file(const char *path, json_t *args)
{
	char *text;
	size_t size;
	json_t *object;
	json_error_t error;
	int rc = tc_file_read(path, FILE_MAX, &text, &size);

	if (rc != 0)
		return rc;
	if (text[strspn(text, " \t\r\n")] != '{') {
		while (size > 0 && text[size - 1] == '\n')
			text[--size] = '\0';
		tc_mem_set(args, "body", json_string(text));
		free(text);
		return json_object_get(args, "body") != NULL
			   ? 0
			   : tc_fault_say(TR_E_UTF8, "%s: %s", path,
				 tc_text_of(tr_err_message(TR_E_UTF8)));
	}
	object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	free(text);
	if (!json_is_object(object)) {
		json_decref(object);
		return tc_fault_say(TR_E_INPUT, _("%s: not JSON, line %d: %s"),
		    path, error.line, error.text);
	}
	json_object_update(args, object);
	json_decref(object);
	return 0;
}

static int args_from_options(const struct tc_run *run, json_t *args)
{
	static const char *const names[] = {
	    "title", "body", "number", "lead", "priority", "by"};
	const char *due = tc_args_get(run, "due"), *to;
	json_t *targets = tc_mem_json(json_array());
	char when[TC_WHEN_SIZE];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tc_mem_set_text(args, names[i], tc_args_get(run, names[i]));
	tc_mem_set_text(
	    args, "receipt_required", tc_args_get(run, "receipt"));
	for (size_t i = 0; (to = tc_args_nth(run, "to", i)) != NULL; i++)
		json_array_append_new(targets, tc_mem_json(json_string(to)));
	if (json_array_size(targets) > 0)
		tc_mem_set(args, "to", targets);
	else
		json_decref(targets);
	if (due == NULL)
		return 0;
	if (!tc_when_parse(due, TC_WHEN_AHEAD, when))
		return tc_fault_advise(TR_E_USAGE,
		    _("Examples: 2026-11-22T08:00:00Z, 2026-11-22, 08:00, 24h"),
		    _("'%s' is no time"), due);
	tc_mem_set_text(args, "due", when);
	return 0;
}

static void show_sent(const struct tc_run *run, const json_t *data)
{
	long long targets = tc_view_int(data, "targets");

	if (run->is_quiet)
		printf("%s\n", tc_view_text(data, "id"));
	else
		printf(ngettext("%s  sent to %lld unit\n",
			   "%s  sent to %lld units\n", (unsigned long)targets),
		    tc_view_text(data, "id"), targets);
	tc_out_remark(run, _("Receipts: terracectl directive status %.18s"),
	    tc_view_text(data, "id"));
}

int tc_cmd_directive_send(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "directive send", .show = show_sent};
	json_t *args = tc_mem_json(json_object());
	int rc = 0;

	if (run->word_count == 1)
		rc = args_from_file(run->words[0], args);
	if (rc == 0)
		rc = args_from_options(run, args);
	if (rc == 0 && (json_object_get(args, "title") == NULL ||
			   json_object_get(args, "to") == NULL))
		rc = tc_fault_advise(TR_E_USAGE,
		    _("Example: terracectl directive send --title T --to 110101001 --due 24h"),
		    _("a directive needs --title and --to"));
	if (rc == 0)
		rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

/* --- list --- */

static void show_list(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"id", _("DIRECTIVE"), 0},
	    {"number", _("NUMBER"), TC_COL_TRUNC},
	    {"title", _("TITLE"), TC_COL_TRUNC},
	    {"issuer", _("FROM"), 0},
	    {"priority", _("PRIORITY"), 0},
	    {"due", _("DUE"), TC_COL_TIME},
	    {"targets", _("TARGETS"), TC_COL_RIGHT},
	    {"delivered", _("DELIVERED"), TC_COL_RIGHT},
	    {"acknowledged", _("READ"), TC_COL_RIGHT},
	    {"done", _("DONE"), TC_COL_RIGHT},
	    {"overdue", _("OVERDUE"), TC_COL_RIGHT},
	};
	const json_t *list = json_object_get(data, "directives");
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	bool table = tc_out_is_table(run);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *d = json_array_get(list, i);
		const char *issuer = tc_view_text(d, "issuer");
		const char *id = tc_view_text(d, "id");

		tc_out_row(out, -1);
		if (table && !run->is_verbose)
			tc_out_format(out, "%.18s", id);
		else
			tc_out_text(out, id);
		tc_out_value(out, json_object_get(d, "number"));
		tc_out_value(out, json_object_get(d, "title"));
		tc_out_text(out, table ? tc_view_tail(issuer) : issuer);
		tc_out_value(out, json_object_get(d, "priority"));
		tc_out_time(out, json_object_get(d, "due"));
		tc_out_value(out, json_object_get(d, "targets"));
		tc_out_value(out, json_object_get(d, "delivered"));
		tc_out_value(out, json_object_get(d, "acknowledged"));
		tc_out_value(out, json_object_get(d, "done"));
		tc_out_value(out, json_object_get(d, "overdue"));
	}
	tc_out_close(out);
	tc_out_remark(run,
	    ngettext("%zu directive.", "%zu directives.", json_array_size(list)),
	    json_array_size(list));
}

int tc_cmd_directive_list(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "directive list", .list = "directives", .show = show_list};
	json_t *args = tc_mem_json(json_object());
	int rc;

	if (tc_args_has(run, "open"))
		tc_mem_set(args, "open", json_true());
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

/* --- status --- */

static bool is_finished(const json_t *target)
{
	const char *rung = tc_view_text(target, "rung");

	return strcmp(rung, "done") == 0 || strcmp(rung, "confirmed") == 0 ||
	       strcmp(rung, "withdrawn") == 0 ||
	       strcmp(rung, "superseded") == 0;
}

static void rung_cell(
    const struct tc_run *run, struct tc_out *out, const json_t *target)
{
	const char *rung = tc_view_text(target, "rung");
	bool late = json_is_true(json_object_get(target, "overdue"));
	/* Who has answered has got it, whatever is known of the delivery. */
	bool arrived = json_is_string(json_object_get(target, "delivered")) ||
		       (rung[0] != '\0' && strcmp(rung, "issued") != 0);

	if (!tc_out_is_table(run))
		tc_out_text(out, rung);
	else if (!arrived)
		tc_out_tone(out, _("NOT DELIVERED"), TC_TONE_BAD);
	else if (late)
		tc_out_format(out, _("OVERDUE, %s"), tc_out_word(rung));
	else
		tc_out_state(out, json_object_get(target, "rung"));
}

static size_t target_rows(const struct tc_run *run, const json_t *targets)
{
	const struct tc_col cols[] = {
	    {"unit", _("UNIT"), 0},
	    {"title", _("TITLE"), TC_COL_TRUNC},
	    {"delivered", _("DELIVERED"), TC_COL_TIME},
	    {"rung", _("STATE"), 0},
	    {"at", _("SINCE"), TC_COL_TIME},
	    {"percent", "%", TC_COL_RIGHT},
	    {"actor", _("BY"), TC_COL_TRUNC},
	    {"reason", _("REASON"), TC_COL_TRUNC},
	};
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	bool table = tc_out_is_table(run);
	bool all = !table || tc_args_has(run, "all") ||
		   json_array_size(targets) <= 20;
	size_t hidden = 0;

	for (size_t i = 0; i < json_array_size(targets); i++) {
		const json_t *target = json_array_get(targets, i);
		const char *unit = tc_view_text(target, "unit");

		if (!all && is_finished(target)) {
			hidden++;
			continue;
		}
		tc_out_row(out, -1);
		tc_out_text(out, table ? tc_view_tail(unit) : unit);
		tc_out_value(out, json_object_get(target, "title"));
		tc_out_time(out, json_object_get(target, "delivered"));
		rung_cell(run, out, target);
		tc_out_time(out, json_object_get(target, "at"));
		tc_out_value(out, json_object_get(target, "percent"));
		tc_out_value(out, json_object_get(target, "actor"));
		tc_out_value(out, json_object_get(target, "reason"));
	}
	tc_out_close(out);
	return hidden;
}

/* "12 done, 1 acknowledged" in the order of the ladder. */
static char *counts_text(const json_t *counts)
{
	json_t *object = (json_t *)(uintptr_t)counts;
	char *text = tc_mem_text("");

	for (void *at = json_object_iter(object); at != NULL;
	     at = json_object_iter_next(object, at)) {
		long long n =
		    json_integer_value(json_object_iter_value(at));
		char *more;

		if (n == 0)
			continue;
		more = tc_mem_format("%s%s%lld %s", text,
		    text[0] != '\0' ? ", " : "", n,
		    tc_out_word(json_object_iter_key(at)));
		free(text);
		text = more;
	}
	return text;
}

static void show_status(const struct tc_run *run, const json_t *data)
{
	const json_t *targets = json_object_get(data, "targets");
	const char *due = tc_view_text(data, "due");
	const char *body = tc_view_text(data, "body");
	char sent_text[TC_TEXT_SHORT], due_text[TC_TEXT_SHORT];
	char *counts = counts_text(json_object_get(data, "counts"));
	size_t hidden;

	if (tc_out_is_table(run)) {
		tc_out_remark(run, _("%.18s \"%s\"  from %s  sent %s%s%s"),
		    tc_view_text(data, "id"), tc_view_text(data, "title"),
		    tc_view_tail(tc_view_text(data, "issuer")),
		    tc_when_show(sent_text, tc_view_text(data, "sent"),
			run->is_utc),
		    due[0] != '\0' ? _("  due ") : "",
		    due[0] != '\0' ? tc_when_show(due_text, due, run->is_utc)
				   : "");
		if (body[0] != '\0')
			tc_out_remark(run, "%s", body);
		tc_out_remark(run, _("%lld targets: %s"),
		    (long long)tc_view_int(data, "targets_n"), counts);
	}
	hidden = target_rows(run, targets);
	if (hidden > 0)
		tc_out_remark(run, _("%zu more are done: --all"), hidden);
	free(counts);
}

int tc_cmd_directive_status(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "directive status",
	    .list = "targets",
	    .show = show_status};

	return tc_view_run_word(run, &view, "id");
}

/* --- rungs of a target, answers of the issuer --- */

static void show_rung(const struct tc_run *run, const json_t *data)
{
	const char *rung = tc_view_text(data, "rung");

	if (rung[0] != '\0')
		tc_out_remark(run, "%.18s  %s", tc_view_text(data, "id"),
		    tc_out_word(rung));
	else
		tc_out_remark(run,
		    ngettext("%.18s  %lld unit", "%.18s  %lld units",
			(unsigned long)tc_view_int(data, "records")),
		    tc_view_text(data, "id"),
		    (long long)tc_view_int(data, "records"));
}

static int answer(struct tc_run *run, const char *cmd)
{
	const struct tc_view view = {.cmd = cmd, .show = show_rung};
	const char *percent = tc_args_get(run, "percent");
	json_t *args = tc_mem_json(json_object());
	char *end = NULL;
	int rc;

	tc_mem_set_text(args, "id", tc_args_word(run, 0));
	tc_mem_set_text(args, "note", tc_args_get(run, "note"));
	tc_mem_set_text(args, "by", tc_args_get(run, "by"));
	tc_mem_set_text(args, "unit", tc_args_get(run, "unit"));
	if (percent != NULL) {
		long n = strtol(percent, &end, 10);

		if (*end != '\0' || n < 0 || n > 100) {
			json_decref(args);
			return tc_fault_say(TR_E_USAGE,
			    _("'%s' is no value for the option '--%s'"),
			    percent, "percent");
		}
		tc_mem_set(args, "percent", json_integer(n));
	}
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

int tc_cmd_directive_ack(struct tc_run *run)
{
	return answer(run, "directive ack");
}

int tc_cmd_directive_start(struct tc_run *run)
{
	return answer(run, "directive start");
}

int tc_cmd_directive_progress(struct tc_run *run)
{
	return answer(run, "directive progress");
}

int tc_cmd_directive_done(struct tc_run *run)
{
	return answer(run, "directive done");
}

int tc_cmd_directive_decline(struct tc_run *run)
{
	return answer(run, "directive decline");
}

int tc_cmd_directive_confirm(struct tc_run *run)
{
	return answer(run, "directive confirm");
}

int tc_cmd_directive_return(struct tc_run *run)
{
	return answer(run, "directive return");
}

int tc_cmd_directive_cancel(struct tc_run *run)
{
	return answer(run, "directive cancel");
}
