/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/progress.h"

#include "admin/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUIET_MS 1000
#define STEP_MS 200

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void tc_progress_begin(struct tc_progress *progress, bool is_off)
{
	memset(progress, 0, sizeof(*progress));
	progress->started_ms = now_ms();
	progress->is_off = is_off;
	progress->on_tty = isatty(STDERR_FILENO) != 0;
}

double tc_progress_seconds(const struct tc_progress *progress)
{
	return (double)(now_ms() - progress->started_ms) / 1000;
}

void tc_progress_show(struct tc_progress *progress, uint64_t done, double share)
{
	int64_t now = now_ms(), ran = now - progress->started_ms;
	char count[TC_TEXT_SHORT], rate[TC_TEXT_SHORT], left[TC_TEXT_SHORT];
	int tenth = share >= 0 ? (int)(share * 10) : 0;

	if (progress->is_off || ran < QUIET_MS)
		return;
	if (progress->on_tty ? now - progress->shown_ms < STEP_MS
			     : tenth <= progress->tenth)
		return;
	progress->shown_ms = now;
	progress->tenth = tenth;
	tc_text_count(count, (int64_t)done);
	tc_text_count(rate, (int64_t)((double)done * 1000 / (double)ran));
	if (share > 0)
		tc_text_age(left,
		    (double)ran / 1000 * (share < 1 ? (1 - share) / share : 0));
	if (progress->on_tty)
		fputs("\r\033[K", stderr);
	if (share > 0)
		fprintf(stderr, _("%s lines  %3.0f%%  %s/s  %s left"), count,
		    share * 100, rate, left);
	else
		fprintf(stderr, _("%s lines  %s/s"), count, rate);
	if (!progress->on_tty)
		fputc('\n', stderr);
	fflush(stderr);
	progress->is_shown = true;
}

void tc_progress_end(struct tc_progress *progress)
{
	if (progress->is_shown && progress->on_tty)
		fputs("\r\033[K", stderr);
}
