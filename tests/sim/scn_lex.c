/* SPDX-License-Identifier: Apache-2.0 */
/* A line into words: separated by blanks, name=value, name="a value", # to the end. */
#include "tests/sim/scn.h"

#include <stdarg.h>
#include <string.h>

static bool wrong(struct scn_error *e, unsigned line, size_t col, const char *what)
{
	e->line = line;
	e->col = (unsigned)col + 1;
	snprintf(e->text, sizeof(e->text), "%s", what);
	return false;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("_-+@.,/|", c) != NULL);
}

/* The value behind '='; *at moves behind it. */
static bool value(const char *text, size_t size, size_t *at, unsigned number, struct scn_word *w, struct scn_error *e)
{
	bool is_quoted = *at < size && text[*at] == '"';
	size_t n = 0, from = *at;

	*at += is_quoted;
	while (*at < size && (is_quoted ? text[*at] != '"' : is_word_char(text[*at]))) {
		char c = text[*at];

		if (is_quoted && c == '\\' && ++*at == size)
			break;
		w->value[n++] = text[(*at)++];
	}
	w->value[n] = '\0';
	if (is_quoted && *at == size)
		return wrong(e, number, from, "the quotation has no end");
	*at += is_quoted;
	if (!is_quoted && n == 0)
		return wrong(e, number, from, "a value is missing behind '='");
	if (!wire_utf8_ok((struct tr_bytes){(const uint8_t *)w->value, n}))
		return wrong(e, number, from, "not UTF-8");
	w->has_value = true;
	return true;
}

static bool word(const char *text, size_t size, size_t *at, unsigned number, struct scn_word *w, struct scn_error *e)
{
	size_t n = 0;

	*w = (struct scn_word){.col = (unsigned)*at + 1};
	while (*at < size && is_word_char(text[*at]))
		w->text[n++] = text[(*at)++];
	if (n == 0)
		return wrong(e, number, *at, "a word is expected here");
	if (*at < size && text[*at] == '=') {
		++*at;
		if (!value(text, size, at, number, w, e))
			return false;
	}
	if (*at < size && text[*at] != ' ' && text[*at] != '\t')
		return wrong(e, number, *at, "a character that stands in no word");
	return true;
}

bool scn_lex(const char *text, size_t size, unsigned number, struct scn_line *out, struct scn_error *error)
{
	size_t at = 0;

	out->number = number;
	out->word_count = 0;
	if (size >= SCN_LINE_MAX)
		return wrong(error, number, SCN_LINE_MAX, "the line is too long");
	while (at < size) {
		if (text[at] == ' ' || text[at] == '\t') {
			at++;
			continue;
		}
		if (text[at] == '#')
			break;
		if (out->word_count == SCN_WORDS_MAX)
			return wrong(error, number, at, "too many words in a line");
		if (!word(text, size, &at, number, &out->word[out->word_count], error))
			return false;
		out->word_count++;
	}
	return true;
}
