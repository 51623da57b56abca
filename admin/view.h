/* SPDX-License-Identifier: Apache-2.0 */
/*
 * view -- asks the daemon and shows the answer in the format of the run.
 */
#ifndef ADMIN_VIEW_H
#define ADMIN_VIEW_H

#include "admin/args.h"
#include "admin/call.h"

#include <jansson.h>

struct tc_view {
	const char *cmd;  /* verb of the control protocol */
	const char *list; /* member that is the list of rows; NULL = none */
	/* Draws data: table, plain and csv if there is a list, else only the
	 * table.  NULL = nothing to say but JSON. */
	void (*show)(const struct tc_run *run, const json_t *data);
	/* Exit code of an answer, however it is printed; NULL = 0. */
	int (*verdict)(const json_t *data);
};

/* Opens the connection that the run's options ask for. */
int tc_view_open(const struct tc_run *run, struct tc_conn **out,
    struct tc_fault *fault);
/* Where the run's options point. */
int tc_view_where(
    const struct tc_run *run, struct tc_where *out, struct tc_fault *fault);
/* Time limit of the run in ms: -t, or `usual_ms` (0 = none). */
int64_t tc_view_timeout(const struct tc_run *run, int64_t usual_ms);

/* Request, answer, drawing; again and again with -w.  args are borrowed, may
 * be NULL.  Returns the exit code; errors have been printed. */
int tc_view_run(
    const struct tc_run *run, const struct tc_view *view, json_t *args);
/* The same; the only argument is the first word of the line, under this name. */
int tc_view_run_word(const struct tc_run *run, const struct tc_view *view, const char *name);
/* Request and answer without drawing. */
int tc_view_ask(const struct tc_run *run, const char *cmd, json_t *args,
    json_t **data, struct tc_fault *fault);
/* Prints an answer that was made or fetched elsewhere. */
int tc_view_print(const struct tc_run *run, const struct tc_view *view,
    const json_t *data, const char *raw, size_t raw_size);

/* A show function: the member `text`, cleaned line by line. */
void tc_view_show_text(const struct tc_run *run, const json_t *data);
/* The answer is a text: plain and csv are the same as a table. */
void tc_view_only_text(struct tc_run *run);

/* Shorthands for reading answers. */
const char *tc_view_text(const json_t *object, const char *key); /* "" if absent */
/* The texts of a list in one; to be freed. */
char *tc_view_words(const json_t *list, const char *between);
int64_t tc_view_int(const json_t *object, const char *key);
double tc_view_number(const json_t *object, const char *key, double absent);
/* Last part of a unit's path. */
const char *tc_view_tail(const char *unit);

#endif
