/* SPDX-License-Identifier: Apache-2.0 */
/*
 * window -- lines to ingest.sock, many on the way at once, answers in order.
 *
 * A line that the daemon had no room for (TR-E-BUSY) is sent again after the
 * time it asked for, and with it every line behind it that failed: they may
 * have failed only because the first was missing.
 *
 * Owns:    the text of the lines on the way.
 * Limits:  TC_WINDOW_LINES on the way.
 */
#ifndef ADMIN_WINDOW_H
#define ADMIN_WINDOW_H

#include "admin/conn.h"

#include <jansson.h>

#define TC_WINDOW_LINES 4000 /* below TR_INGEST_WINDOW */

struct tc_window;

struct tc_window_answer {
	uint64_t row;         /* as given to push */
	const char *text;     /* the line, without its newline */
	const json_t *reply;  /* what the daemon said; borrowed */
	bool is_ok;
};

/* Once for each line, in their order but for lines that were sent again.
 * Returns 0, or an exit code that ends the import. */
typedef int tc_window_answer_fn(
    void *arg, const struct tc_window_answer *answer, struct tc_fault *fault);

struct tc_window *tc_window_open(
    struct tc_conn *conn, tc_window_answer_fn *on_answer, void *arg);
void tc_window_close(struct tc_window *window); /* NULL is fine */
/* Takes the text (ends with a newline).  Waits for answers when too many are
 * on the way.  0 or an exit code. */
int tc_window_push(struct tc_window *window, char *take_text, uint64_t row,
    struct tc_fault *fault);
/* What is buffered goes out now. */
int tc_window_send(struct tc_window *window, struct tc_fault *fault);
/* Waits for every answer. */
int tc_window_finish(struct tc_window *window, struct tc_fault *fault);

#endif
