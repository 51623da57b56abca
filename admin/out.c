/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/out.h"

#include "admin/mem.h"
#include "admin/out_back.h"
#include "admin/text.h"
#include "admin/when.h"
#include "proto/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tc_out {
	const struct tc_run *run;
	struct tc_grid grid;
	size_t cell_count, cell_room, row_room;
	char zone[TC_TEXT_SHORT];
};

struct tc_out *tc_out_open(
    const struct tc_run *run, const struct tc_col *cols, size_t col_count)
{
	struct tc_out *out = tc_mem_alloc(1, sizeof(*out));

	out->run = run;
	out->grid.cols = cols;
	out->grid.col_count = col_count;
	out->grid.has_heading = true;
	out->grid.zone = tc_when_zone(out->zone, run->is_utc);
	out->grid.has_color = run->has_color;
	return out;
}

void tc_out_no_heading(struct tc_out *out, int indent)
{
	out->grid.has_heading = false;
	out->grid.indent = indent;
}

bool tc_out_is_table(const struct tc_run *run)
{
	return run->format == TC_FORMAT_TABLE;
}

/* Missing cells of the last row become empty ones. */
static void fill_row(struct tc_out *out)
{
	while (out->cell_count < out->grid.row_count * out->grid.col_count)
		tc_out_text(out, NULL);
}

int tc_out_row(struct tc_out *out, int parent)
{
	struct tc_grid *grid = &out->grid;

	fill_row(out);
	if (grid->row_count == out->row_room) {
		out->row_room = out->row_room * 2 + 16;
		grid->parents = tc_mem_resize(
		    grid->parents, out->row_room, sizeof(*grid->parents));
	}
	grid->parents[grid->row_count] = parent;
	return (int)grid->row_count++;
}

static void add_cell(struct tc_out *out, char *take_text, enum tc_tone tone)
{
	struct tc_grid *grid = &out->grid;

	TR_ASSERT(out->cell_count < grid->row_count * grid->col_count);
	if (out->cell_count == out->cell_room) {
		out->cell_room = out->cell_room * 2 + 64;
		grid->cells = tc_mem_resize(
		    grid->cells, out->cell_room, sizeof(*grid->cells));
	}
	grid->cells[out->cell_count++] =
	    (struct tc_cell){.text = take_text, .tone = tone};
}

void tc_out_tone(struct tc_out *out, const char *text, enum tc_tone tone)
{
	add_cell(out, text != NULL ? tc_text_clean(text) : NULL, tone);
}

void tc_out_text(struct tc_out *out, const char *text)
{
	tc_out_tone(out, text, TC_TONE_NONE);
}

void tc_out_format(struct tc_out *out, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	tc_out_text(out, text);
	free(text);
}

void tc_out_value(struct tc_out *out, const json_t *value)
{
	char *text;

	if (value == NULL || json_is_null(value)) {
		tc_out_text(out, NULL);
	} else if (json_is_string(value)) {
		const char *word = json_string_value(value);

		tc_out_text(out, word[0] != '\0' ? word : NULL);
	} else if (tc_out_is_table(out->run) && json_is_boolean(value)) {
		tc_out_text(out, json_is_true(value) ? _("yes") : _("no"));
	} else {
		text = json_dumps(value,
		    JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
		tc_out_text(out, text);
		free(text);
	}
}

void tc_out_count(struct tc_out *out, const json_t *number)
{
	char text[TC_TEXT_SHORT];

	if (!json_is_integer(number) || !tc_out_is_table(out->run))
		tc_out_value(out, number);
	else
		tc_out_text(
		    out, tc_text_count(text, json_integer_value(number)));
}

void tc_out_age(struct tc_out *out, const json_t *seconds)
{
	char text[TC_TEXT_SHORT];

	if (!json_is_number(seconds) || !tc_out_is_table(out->run))
		tc_out_value(out, seconds);
	else
		tc_out_text(
		    out, tc_text_age(text, json_number_value(seconds)));
}

void tc_out_ago(struct tc_out *out, const json_t *time)
{
	char text[TC_TEXT_SHORT];

	if (!json_is_string(time) || !tc_out_is_table(out->run))
		tc_out_value(out, time);
	else
		tc_out_text(out,
		    tc_text_age(text, tc_when_age(json_string_value(time))));
}

void tc_out_bytes(struct tc_out *out, const json_t *number)
{
	char text[TC_TEXT_SHORT];

	if (!json_is_number(number) || !tc_out_is_table(out->run))
		tc_out_value(out, number);
	else
		tc_out_text(
		    out, tc_text_bytes(text, json_number_value(number)));
}

void tc_out_time(struct tc_out *out, const json_t *time)
{
	char text[TC_TEXT_SHORT];

	if (!json_is_string(time) || !tc_out_is_table(out->run))
		tc_out_value(out, time);
	else
		tc_out_text(out,
		    (out->grid.has_heading ? tc_when_cell : tc_when_show)(
			text, json_string_value(time), out->run->is_utc));
}

struct state_word {
	const char *word;
	const char *shown; /* a gettext key */
	enum tc_tone tone;
};

/* States of nodes and links, steps of a case, rungs of a directive. */
static const struct state_word words[] = {
    {"ok", N_("ok"), TC_TONE_GOOD},
    {"up", N_("up"), TC_TONE_GOOD},
    {"self", N_("this node"), TC_TONE_GOOD},
    {"idle", N_("idle"), TC_TONE_NONE},
    {"sending", N_("sending"), TC_TONE_GOOD},
    {"retrying", N_("retrying"), TC_TONE_WARN},
    {"paused", N_("paused"), TC_TONE_WARN},
    {"down", N_("DOWN"), TC_TONE_BAD},
    {"never", N_("never"), TC_TONE_WARN},
    {"refused", N_("REFUSED"), TC_TONE_BAD},
    {"unknown", N_("unknown"), TC_TONE_WARN},
    {"degraded", N_("DEGRADED"), TC_TONE_WARN},
    {"full", N_("FULL"), TC_TONE_BAD},
    {"provisional", N_("PROVISIONAL"), TC_TONE_WARN},
    {"registered", N_("registered"), TC_TONE_GOOD},
    {"waits", N_("waits for approval"), TC_TONE_WARN},
    {"revoked", N_("revoked"), TC_TONE_BAD},
    {"replaced", N_("replaced"), TC_TONE_BAD},
    {"fenced", N_("REPLACED"), TC_TONE_BAD},
    {"rejoin", N_("joined again"), TC_TONE_NONE},
    {"none", N_("none"), TC_TONE_NONE},
    {"hub", N_("hub"), TC_TONE_NONE},
    {"relay", N_("relay"), TC_TONE_NONE},
    {"leaf", N_("leaf"), TC_TONE_NONE},
    {"undecided", N_("undecided"), TC_TONE_WARN},
    {"settled by rule", N_("settled by rule"), TC_TONE_NONE},
    {"reported", N_("reported"), TC_TONE_NONE},
    {"filed", N_("filed"), TC_TONE_NONE},
    {"dispatched", N_("dispatched"), TC_TONE_NONE},
    {"returned", N_("returned"), TC_TONE_NONE},
    {"suspended", N_("suspended"), TC_TONE_NONE},
    {"handling", N_("handling"), TC_TONE_NONE},
    {"rework", N_("rework"), TC_TONE_NONE},
    {"handled", N_("handled"), TC_TONE_NONE},
    {"self_handled", N_("self-handled"), TC_TONE_NONE},
    {"verified", N_("verified"), TC_TONE_NONE},
    {"closed", N_("closed"), TC_TONE_NONE},
    {"duplicate", N_("duplicate"), TC_TONE_NONE},
    {"reopened", N_("reopened"), TC_TONE_NONE},
    {"voided", N_("voided"), TC_TONE_NONE},
    {"issued", N_("issued"), TC_TONE_NONE},
    {"delivered", N_("delivered"), TC_TONE_NONE},
    {"acknowledged", N_("acknowledged"), TC_TONE_NONE},
    {"accepted", N_("accepted"), TC_TONE_NONE},
    {"declined", N_("declined"), TC_TONE_WARN},
    {"progress", N_("in progress"), TC_TONE_NONE},
    {"done", N_("done"), TC_TONE_GOOD},
    {"sent_back", N_("sent back"), TC_TONE_WARN},
    {"confirmed", N_("confirmed"), TC_TONE_GOOD},
    {"withdrawn", N_("withdrawn"), TC_TONE_NONE},
    {"superseded", N_("superseded"), TC_TONE_NONE},
    {"case", N_("case"), TC_TONE_NONE},
    {"staff", N_("staff"), TC_TONE_NONE},
    {"directive", N_("directive"), TC_TONE_NONE},
};

static const struct state_word *word_of(const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, word) == 0)
			return &words[i];
	return NULL;
}

const char *tc_out_word(const char *word)
{
	const struct state_word *row = word_of(word);

	return row != NULL ? tc_text_of(row->shown) : word;
}

void tc_out_state(struct tc_out *out, const json_t *state)
{
	const char *word = json_string_value(state);
	const struct state_word *row = word != NULL ? word_of(word) : NULL;

	if (row == NULL || !tc_out_is_table(out->run))
		tc_out_value(out, state);
	else
		tc_out_tone(out, tc_text_of(row->shown), row->tone);
}

size_t tc_out_rows(const struct tc_out *out)
{
	return out->grid.row_count;
}

void tc_out_close(struct tc_out *out)
{
	fill_row(out);
	switch (out->run->format) {
	case TC_FORMAT_CSV: tc_out_csv_draw(&out->grid); break;
	case TC_FORMAT_TABLE:
		if (out->grid.row_count > 0)
			tc_out_table_draw(&out->grid);
		break;
	case TC_FORMAT_PLAIN:
	case TC_FORMAT_JSON:
	case TC_FORMAT_NDJSON: tc_out_plain_draw(&out->grid); break;
	}
	for (size_t i = 0; i < out->cell_count; i++)
		free(out->grid.cells[i].text);
	free(out->grid.cells);
	free(out->grid.parents);
	free(out);
}

void tc_out_remark(const struct tc_run *run, const char *format, ...)
{
	char *text = NULL, *clean;
	va_list args;

	if (!tc_out_is_table(run) || run->is_quiet)
		return;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	if (text == NULL)
		return;
	clean = tc_text_clean_lines(text);
	puts(clean);
	free(clean);
	free(text);
}
