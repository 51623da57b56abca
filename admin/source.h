/* SPDX-License-Identifier: Apache-2.0 */
/*
 * source -- an input file as text: plain or .zst, in any character set, line
 * by line or as CSV rows.
 *
 * Owns:    the descriptor, decoder and buffers.
 * Limits:  TC_SOURCE_LINE_MAX for a line or a CSV row; a longer one is
 *          skipped and reported with its size, the rest is read on.
 */
#ifndef ADMIN_SOURCE_H
#define ADMIN_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TC_SOURCE_LINE_MAX (64u * 1024)

struct tc_source;

enum tc_source_what {
	TC_SOURCE_END,
	TC_SOURCE_LINE, /* text and size are set */
	TC_SOURCE_LONG, /* size is how long it was */
	TC_SOURCE_FAIL, /* the message has been printed */
};

struct tc_source_line {
	char *text; /* without its newline, ends with a byte 0; until the next call */
	size_t size;
	uint64_t number; /* of the line in the file, from 1 */
};

/* "-" = standard input; encoding NULL = UTF-8.  0 or an exit code after a
 * message. */
int tc_source_open(
    struct tc_source **out, const char *path, const char *encoding);
void tc_source_close(struct tc_source *source); /* NULL is fine */
enum tc_source_what tc_source_next(
    struct tc_source *source, struct tc_source_line *line);
/*
 * The same for a CSV row, which may have newlines inside quotes.  *fields:
 * count texts, until the next call; a row that is not CSV gives LINE with
 * count 0 and text = why.
 */
enum tc_source_what tc_source_row(struct tc_source *source,
    struct tc_source_line *line, char ***fields, size_t *count);
/* Share of the file that has been read, 0..1; -1 = not known. */
double tc_source_share(const struct tc_source *source);

#endif
