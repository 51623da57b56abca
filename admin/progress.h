/* SPDX-License-Identifier: Apache-2.0 */
/*
 * progress -- what a long job says on stderr: on a terminal one line with
 * rate and time left, in a pipe one line for each tenth.  Nothing in the first second.
 */
#ifndef ADMIN_PROGRESS_H
#define ADMIN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct tc_progress {
	int64_t started_ms, shown_ms;
	int tenth;
	bool on_tty, is_off, is_shown;
};

void tc_progress_begin(struct tc_progress *progress, bool is_off);
/* share 0..1, -1 = not known */
void tc_progress_show(struct tc_progress *progress, uint64_t done, double share);
/* Clears the line on a terminal. */
void tc_progress_end(struct tc_progress *progress);
double tc_progress_seconds(const struct tc_progress *progress);

#endif
