/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out -- one way to print an answer; table, plain, csv and JSON behind it.
 *
 *   out = tc_out_open(&style, cols, n);
 *   for each row: tc_out_row(out, -1); then its cells from left to right
 *   tc_out_close(out);
 *
 * A table shows "3h12m", a machine gets 11520: cells know what they are.
 * Every text is cleaned of control characters here.
 */
#ifndef ADMIN_OUT_H
#define ADMIN_OUT_H

#include "admin/args.h"
#include "admin/grid.h"

#include <jansson.h>

struct tc_out;

/* Draws in the format of the run; cols are borrowed until close. */
struct tc_out *tc_out_open(
    const struct tc_run *run, const struct tc_col *cols, size_t col_count);
void tc_out_no_heading(struct tc_out *out, int indent);
/* Begins a row below `parent` (a row number, -1 = none); returns its number. */
int tc_out_row(struct tc_out *out, int parent);

/* Next cell.  NULL or JSON null = "-" in a table, empty for machines. */
void tc_out_text(struct tc_out *out, const char *text);
void tc_out_tone(struct tc_out *out, const char *text, enum tc_tone tone);
void tc_out_format(struct tc_out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void tc_out_value(struct tc_out *out, const json_t *value); /* any scalar */
void tc_out_count(struct tc_out *out, const json_t *number);
void tc_out_age(struct tc_out *out, const json_t *seconds);
void tc_out_ago(struct tc_out *out, const json_t *time); /* age of a time */
void tc_out_bytes(struct tc_out *out, const json_t *number);
void tc_out_time(struct tc_out *out, const json_t *time);
void tc_out_state(struct tc_out *out, const json_t *state); /* link or node */

size_t tc_out_rows(const struct tc_out *out);
/* Draws and frees. */
void tc_out_close(struct tc_out *out);

/* For people: is a remark in the output's format and mood? */
bool tc_out_is_table(const struct tc_run *run);
/* A line below a table; not with -q and not for machines. */
void tc_out_remark(const struct tc_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The word of a state or status, translated for a table. */
const char *tc_out_word(const char *word);

#endif
