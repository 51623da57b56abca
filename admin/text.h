/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text -- what people read: language, width, and no control characters.
 *
 * Names come from outside.  Whatever reaches a terminal has passed
 * tc_text_clean(): a record's title must not drive the admin's terminal.
 */
#ifndef ADMIN_TEXT_H
#define ADMIN_TEXT_H

#include <libintl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _(text) gettext(text)
#define N_(text) (text) /* for xgettext; translated where it is shown */

#define TC_TEXT_SHORT 64

/*
 * Sets locale and language; call before the first message.  lang NULL = from
 * the environment.  A locale that is not generated on this machine falls back
 * to C.UTF-8 and keeps its language.
 */
void tc_text_init(const char *lang);
/* Folder of the catalogues: beside the program in a build tree, else as installed. */
const char *tc_text_locale_dir(void);

/*
 * Copy without ESC, C0, C1, DEL, bidi and line-separator controls; broken
 * UTF-8 becomes U+FFFD, newlines and tabs become blanks.  malloc'ed.
 */
char *tc_text_clean(const char *text);
/* The same, in place for texts of known bound; returns `text`. */
char *tc_text_clean_in(char *text);
/* Same, but newlines stay: for bodies of several lines. */
char *tc_text_clean_lines(const char *text);
/* Translation of a text that is not written in this program; "" stays "". */
const char *tc_text_of(const char *key);
/* A single code point that must not reach a terminal? */
bool tc_text_is_control(uint32_t c);
/* Cells on a terminal. */
int tc_text_width(const char *text);

/* "45s", "10m", "3h12m", "12d4h"; "-" below 0. */
const char *tc_text_age(char out[static TC_TEXT_SHORT], double seconds);
/* "412 B", "1.8 MiB". */
const char *tc_text_bytes(char out[static TC_TEXT_SHORT], double bytes);
/* 1204882 -> "1,204,882". */
const char *tc_text_count(char out[static TC_TEXT_SHORT], int64_t count);

#endif
