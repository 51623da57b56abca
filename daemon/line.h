/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line -- bytes of a socket -> lines of bounded length.
 *
 * A line above the bound is never kept: its bytes are counted and dropped up
 * to its newline, then reported once with its size.
 * Owns:    one buffer of size_max + read_size + 1 bytes.
 * Threads: none.
 */
#ifndef DAEMON_LINE_H
#define DAEMON_LINE_H

#include "proto/vocab.h"

struct td_line {
	uint8_t *buf;
	size_t size_max;  /* longest line, without its newline */
	size_t cap;
	size_t head, scan, tail; /* head <= scan <= tail: before scan there is no newline */
	bool skipping;
	uint64_t skipped; /* bytes of the long line so far */
};

enum td_line_what {
	TD_LINE_NONE = 0,
	TD_LINE_FULL,  /* *text, *size: without newline and a CR before it; writable, until the next call */
	TD_LINE_LONG,  /* *size: how long it was */
};

/* 0; TR_E_NOMEM. */
TR_MUST_CHECK int td_line_init(struct td_line *line, size_t size_max, size_t read_size);
void td_line_fini(struct td_line *line); /* zeroed is fine */

/* Where to read into; never NULL, *room > 0 after td_line_next said NONE. */
uint8_t *td_line_space(struct td_line *line, size_t *room);
void td_line_added(struct td_line *line, size_t size);
/* At the end of the stream: what stands behind the last newline is a line too. */
void td_line_end(struct td_line *line);

enum td_line_what td_line_next(struct td_line *line, uint8_t **text, size_t *size);
/* Part of a line waits for the rest. */
bool td_line_is_partial(const struct td_line *line);

#endif
