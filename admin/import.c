/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/file.h"
#include "admin/map.h"
#include "admin/mem.h"
#include "admin/out.h"
#include "admin/out_json.h"
#include "admin/progress.h"
#include "admin/source.h"
#include "admin/said.h"
#include "admin/text.h"
#include "admin/value.h"
#include "admin/view.h"
#include "admin/window.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#define ANSWER_MS 120000 /* a daemon that is silent for so long is stuck */
#define REJECTS_SHOWN 5

struct import {
	const struct tc_run *run;
	struct tc_source *source;
	struct tc_map *map;
	struct tc_conn *conn; /* NULL with --dry-run */
	struct tc_window *window;
	FILE *rejects;
	struct tc_fault fault;
	struct tc_progress progress;
	bool is_csv, is_stream;
	char **names; /* of CSV columns */
	size_t name_count;
	uint64_t read, lines, created, updated, unchanged, rejected;
};

/* --- what was refused --- */

static void say_reject(const struct import *in, uint64_t row, const char *code,
    const char *field, const char *why)
{
	size_t size = strlen(field);
	char *line, *clean;

	/* Most messages of the daemon begin with the field. */
	if (strncmp(why, field, size) == 0 && why[size] == ':')
		field = "";
	if (in->rejected > REJECTS_SHOWN || in->run->is_quiet)
		return;
	line = tc_mem_format("%s%s%s (%s)", field, field[0] != '\0' ? ": " : "",
	    why, code);
	clean = tc_text_clean(line);
	fprintf(stderr, _("row %llu: %s\n"), (unsigned long long)row, clean);
	if (in->rejected == REJECTS_SHOWN && in->rejects == NULL)
		fputs(_("Further refused rows are only counted; see --rejects FILE.\n"),
		    stderr);
	free(clean);
	free(line);
}

/* One JSON object a line: {"row", "error": {...}, "sent": {...}} */
static void write_reject(struct import *in, uint64_t row, json_t *take_error,
    const char *sent)
{
	json_t *object;

	if (in->rejects == NULL) {
		json_decref(take_error);
		return;
	}
	object = tc_mem_json(json_object());
	tc_mem_set(object, "row", json_integer((json_int_t)row));
	tc_mem_set(object, "error", take_error);
	if (sent != NULL)
		tc_mem_set(object, "sent", json_loads(sent, 0, NULL));
	json_dumpf(object, in->rejects, JSON_COMPACT | JSON_REAL_PRECISION(15));
	fputc('\n', in->rejects);
	json_decref(object);
}

static void reject(void *arg, uint64_t row, const struct tc_map_reject *why)
{
	struct import *in = arg;
	json_t *error = tc_mem_json(json_object());

	in->rejected++;
	tc_mem_set_text(error, "code", why->code);
	if (why->field[0] != '\0')
		tc_mem_set_text(error, "field", why->field);
	tc_mem_set_text(error, "message", why->why);
	say_reject(in, row, why->code, why->field, why->why);
	write_reject(in, row, error, NULL);
}

static void reject_text(struct import *in, uint64_t row, int rc, const char *why)
{
	struct tc_map_reject reason = {.code = tr_err_code(rc)};

	snprintf(reason.why, sizeof(reason.why), "%s", why);
	tc_text_clean_in(reason.why); /* shortened in the middle of a character */
	reject(in, row, &reason);
}

/* --- answers of the daemon --- */

static int on_error(struct import *in, const struct tc_window_answer *answer,
    struct tc_fault *fault)
{
	json_t *error = json_object_get(answer->reply, "error");
	const char *code = tc_view_text(error, "code");
	const char *field = tc_view_text(error, "field");
	const char *message = tc_view_text(error, "message");
	int rc = tc_fault_rc(code);

	/* It would say the same to every line that follows. */
	if (rc == TR_E_FULL || rc == TR_E_IO) {
		tc_fault_set(fault, rc, "%s",
		    message[0] != '\0' ? tc_said(message) : tc_text_of(tr_err_message(rc)));
		tc_fault_hint(fault,
		    _("Row %llu and what follows were not taken; run the import again later."),
		    (unsigned long long)answer->row);
		return fault->exit_code;
	}
	in->rejected++;
	say_reject(in, answer->row, code, field,
	    message[0] != '\0' ? tc_said(message) : tc_text_of(tr_err_message(rc)));
	write_reject(in, answer->row, json_incref(error), answer->text);
	return 0;
}

static int on_answer(void *arg, const struct tc_window_answer *answer,
    struct tc_fault *fault)
{
	struct import *in = arg;

	if (!answer->is_ok)
		return on_error(in, answer, fault);
	if (json_is_true(json_object_get(answer->reply, "repeated")) ||
	    json_is_true(json_object_get(answer->reply, "unchanged")))
		in->unchanged++;
	else if (json_is_true(json_object_get(answer->reply, "created")))
		in->created++;
	else
		in->updated++;
	return 0;
}

static int on_line(void *arg, json_t *take_line, uint64_t row)
{
	struct import *in = arg;
	char *text = json_dumps(
	    take_line, JSON_COMPACT | JSON_REAL_PRECISION(15));
	char *line;
	size_t size;

	json_decref(take_line);
	if (text == NULL)
		return tc_fault_set(&in->fault, TR_E_NOMEM, NULL);
	size = strlen(text);
	in->lines++;
	if (size > TC_SOURCE_LINE_MAX - 1) {
		free(text);
		reject_text(in, row, TR_E_SIZE, _("the mapped line is too long"));
		return 0;
	}
	if (in->window == NULL) {
		free(text);
		return 0;
	}
	line = tc_mem_resize(text, size + 2, 1);
	line[size] = '\n';
	line[size + 1] = '\0';
	return tc_window_push(in->window, line, row, &in->fault);
}

/* --- rows --- */

static int take_row(struct import *in, const json_t *row, uint64_t number)
{
	struct tc_map_reject why;
	int rc = tc_map_row(in->map, row, number, on_line, in, &why);

	if (rc < 0) {
		reject(in, number, &why);
		rc = 0;
	}
	if (rc == 0 && in->is_stream && in->window != NULL)
		rc = tc_window_send(in->window, &in->fault);
	return rc;
}

static int take_json(struct import *in, const struct tc_source_line *line)
{
	json_error_t error;
	json_t *row;
	char *why;
	int rc;

	if (line->size == 0)
		return 0;
	in->read++;
	row = json_loadb(line->text, line->size, JSON_REJECT_DUPLICATES, &error);
	if (row == NULL) {
		why = tc_mem_format(_("not JSON at byte %d: %s"),
		    error.position, error.text);
		reject_text(in, line->number, TR_E_INPUT, why);
		free(why);
		return 0;
	}
	rc = take_row(in, row, line->number);
	json_decref(row);
	return rc;
}

static void keep_names(struct import *in, char **fields, size_t count)
{
	in->names = tc_mem_alloc(count, sizeof(*in->names));
	in->name_count = count;
	for (size_t i = 0; i < count; i++)
		in->names[i] = tc_mem_text(fields[i]);
}

/* Old exports are often not UTF-8: a cell that is not must not be left out. */
static bool cell_is_utf8(struct import *in, const char *name, const char *text,
    uint64_t number)
{
	struct tc_map_reject why = {.code = tr_err_code(TR_E_UTF8)};

	if (u8_check((const uint8_t *)text, strlen(text)) == NULL)
		return true;
	snprintf(why.field, sizeof(why.field), "%s", name);
	tc_text_clean_in(why.field);
	snprintf(why.why, sizeof(why.why), "%s",
	    _("not valid UTF-8; say what it is, such as --encoding gb18030"));
	reject(in, number, &why);
	return false;
}

/* NULL if the row was refused. */
static json_t *row_of(
    struct import *in, char **fields, size_t count, uint64_t number)
{
	json_t *row = tc_mem_json(json_object());

	for (size_t i = 0; i < count; i++) {
		/* An empty cell says nothing: it does not clear a field. */
		if (fields[i][0] == '\0')
			continue;
		if (!cell_is_utf8(in, in->names[i], fields[i], number)) {
			json_decref(row);
			return NULL;
		}
		tc_mem_set(row, in->names[i],
		    tc_mem_json(tc_value_typed(in->names[i], fields[i])));
	}
	return row;
}

static int take_csv(struct import *in, const struct tc_source_line *line,
    char **fields, size_t count)
{
	char *why;
	json_t *row;
	int rc = 0;

	if (in->names == NULL) {
		if (count == 0)
			return tc_fault_set(&in->fault, TR_E_INPUT,
			    _("the first row must name the columns: %s"),
			    line->text);
		for (size_t i = 0; i < count; i++)
			if (u8_check((const uint8_t *)fields[i], strlen(fields[i])) != NULL)
				return tc_fault_set(&in->fault, TR_E_UTF8,
				    _("the names of the columns are not valid UTF-8; say what they are, such as --encoding gb18030"));
		keep_names(in, fields, count);
		return 0;
	}
	in->read++;
	if (count == 0) {
		reject_text(in, line->number, TR_E_INPUT, line->text);
		return 0;
	}
	if (count != in->name_count) {
		why = tc_mem_format(_("%zu columns, the first row names %zu"),
		    count, in->name_count);
		reject_text(in, line->number, TR_E_INPUT, why);
		free(why);
		return 0;
	}
	row = row_of(in, fields, count, line->number);
	if (json_object_size(row) > 0)
		rc = take_row(in, row, line->number);
	json_decref(row);
	return rc;
}

static int read_all(struct import *in)
{
	struct tc_source_line line;
	char **fields = NULL, *why;
	size_t count = 0;
	int rc = 0;

	while (rc == 0) {
		enum tc_source_what what =
		    in->is_csv ? tc_source_row(
				     in->source, &line, &fields, &count)
			       : tc_source_next(in->source, &line);

		if (what == TC_SOURCE_END)
			break;
		if (what == TC_SOURCE_FAIL) {
			in->fault.exit_code = 0; /* has been printed */
			return tr_err_exit(TR_E_IO);
		}
		if (what == TC_SOURCE_LONG) {
			in->read++;
			why = tc_mem_format(
			    _("the line has %zu bytes, %u are allowed"),
			    line.size, TC_SOURCE_LINE_MAX);
			reject_text(in, line.number, TR_E_SIZE, why);
			free(why);
		} else if (in->is_csv) {
			rc = take_csv(in, &line, fields, count);
		} else {
			rc = take_json(in, &line);
		}
		tc_progress_show(
		    &in->progress, in->read, tc_source_share(in->source));
	}
	if (rc == 0)
		rc = tc_map_end(in->map, on_line, reject, in);
	if (rc == 0 && in->window != NULL)
		rc = tc_window_finish(in->window, &in->fault);
	return rc;
}

/* --- the verb --- */

static bool ends_with(const char *text, const char *end)
{
	size_t size = strlen(text), n = strlen(end);

	return size >= n && strcmp(text + size - n, end) == 0;
}

static int pick_format(struct import *in, const char *path)
{
	const char *format = tc_args_get(in->run, "format");

	if (format == NULL)
		in->is_csv = ends_with(path, ".csv") ||
			     ends_with(path, ".csv.zst");
	else if (strcmp(format, "csv") == 0)
		in->is_csv = true;
	else if (strcmp(format, "ndjson") != 0)
		return tc_fault_advise(TR_E_USAGE,
		    _("It is one of: csv, ndjson"),
		    _("'%s' is no value for the option '--%s'"), format,
		    "format");
	return 0;
}

/* Everything that can fail before the first row. */
static int prepare(struct import *in, const char *path)
{
	const struct tc_run *run = in->run;
	const struct tc_map_defaults defaults = {
	    .kind = tc_args_get(run, "kind"),
	    .home = tc_args_get(run, "home"),
	    .is_bulk = tc_args_has(run, "bulk"),
	};
	const char *rejects = tc_args_get(run, "rejects");
	struct tc_where where;
	int rc = pick_format(in, path);

	if (rc == 0)
		rc = tc_map_open(&in->map, tc_args_get(run, "map"), &defaults);
	if (rc == 0)
		rc = tc_source_open(
		    &in->source, path, tc_args_get(run, "encoding"));
	if (rc == 0 && rejects != NULL) {
		in->rejects = fopen(rejects, "we");
		if (in->rejects == NULL)
			rc = tc_fault_say(TR_E_IO, "%s: %s", rejects, strerror(errno));
	}
	if (rc != 0 || tc_args_has(run, "dry-run"))
		return rc;
	rc = tc_view_where(run, &where, &in->fault);
	if (rc == 0)
		rc = tc_conn_open_ingest(&in->conn, &where,
		    tc_view_timeout(run, ANSWER_MS), &in->fault);
	if (rc == 0)
		in->window = tc_window_open(in->conn, on_answer, in);
	return rc;
}

static void print_summary(const struct import *in)
{
	bool dry = tc_args_has(in->run, "dry-run");
	json_t *data;

	if (tc_out_is_table(in->run)) {
		if (dry)
			printf(_("dry run: %llu rows read, %llu lines would be sent, %llu refused\n"),
			    (unsigned long long)in->read,
			    (unsigned long long)in->lines,
			    (unsigned long long)in->rejected);
		else
			printf(_("%llu rows read: %llu created, %llu updated, %llu unchanged, %llu refused (%.1f s)\n"),
			    (unsigned long long)in->read,
			    (unsigned long long)in->created,
			    (unsigned long long)in->updated,
			    (unsigned long long)in->unchanged,
			    (unsigned long long)in->rejected,
			    tc_progress_seconds(&in->progress));
		return;
	}
	data = tc_mem_json(json_pack(
	    "{s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:f}", "schema",
	    "terrace.import/1", "dry_run", dry, "read", (json_int_t)in->read,
	    "lines", (json_int_t)in->lines, "created", (json_int_t)in->created,
	    "updated", (json_int_t)in->updated, "unchanged",
	    (json_int_t)in->unchanged, "rejected", (json_int_t)in->rejected,
	    "ignored", (json_int_t)tc_map_ignored(in->map), "seconds",
	    tc_progress_seconds(&in->progress)));
	if (in->run->format == TC_FORMAT_JSON ||
	    in->run->format == TC_FORMAT_NDJSON)
		tc_out_json_print(data, NULL, 0);
	else
		tc_out_json_flat(data, in->run->format);
	json_decref(data);
}

static int close_rejects(struct import *in)
{
	bool bad;

	if (in->rejects == NULL)
		return 0;
	bad = ferror(in->rejects) != 0;
	if (fclose(in->rejects) != 0)
		bad = true;
	return bad ? tc_fault_say(
			 TR_E_IO, "%s: %s", tc_args_get(in->run, "rejects"),
			 strerror(errno))
		   : 0;
}

int tc_cmd_import(struct tc_run *run)
{
	struct import *in = tc_mem_alloc(1, sizeof(*in));
	const char *path = tc_args_word(run, 0);
	int rc, rejects_rc;

	in->run = run;
	in->is_stream = strcmp(path, "-") == 0;
	tc_progress_begin(&in->progress, run->is_quiet);
	rc = prepare(in, path);
	if (rc == 0) {
		rc = read_all(in);
		tc_progress_end(&in->progress);
		if (rc != 0 && in->fault.exit_code != 0)
			tc_fault_hint(&in->fault,
			    _("%llu lines had been answered. Running the import again is safe."),
			    (unsigned long long)(in->created + in->updated +
						 in->unchanged));
		if (rc == 0)
			print_summary(in);
	}
	if (rc != 0 && in->fault.exit_code != 0)
		tc_fault_print(&in->fault);
	rejects_rc = close_rejects(in);
	if (rc == 0)
		rc = rejects_rc;
	if (rc == 0 && in->rejected > 0)
		rc = tr_err_exit(TR_E_INPUT);
	tc_window_close(in->window);
	tc_conn_close(in->conn);
	tc_source_close(in->source);
	if (in->map != NULL)
		tc_map_close(in->map);
	for (size_t i = 0; i < in->name_count; i++)
		free(in->names[i]);
	free(in->names);
	free(in);
	return rc;
}
