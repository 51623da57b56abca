/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/json_read.h"

#include <string.h>

#include "proto/wire.h"

static bool fail(struct td_json *json, const char *problem)
{
	if (json->problem == NULL)
		json->problem = problem;
	return false;
}

static void skip_blanks(struct td_json *json)
{
	while (json->at < json->end &&
	       (*json->at == ' ' || *json->at == '\t' || *json->at == '\n' ||
		   *json->at == '\r'))
		json->at++;
}

static bool take(struct td_json *json, uint8_t c, const char *problem)
{
	skip_blanks(json);
	if (json->at >= json->end || *json->at != c)
		return fail(json, problem);
	json->at++;
	return true;
}

static bool read_hex4(struct td_json *json, unsigned *out)
{
	unsigned v = 0;

	if (json->end - json->at < 4)
		return fail(json, "\\u needs four hexadecimal digits");
	for (int i = 0; i < 4; i++) {
		int digit = wire_hex_digit(json->at[i]);

		if (digit < 0)
			return fail(json, "\\u needs four hexadecimal digits");
		v = v * 16 + (unsigned)digit;
	}
	json->at += 4;
	*out = v;
	return true;
}

/* UTF-8 of one code point; at most 4 bytes, never more than its escape. */
static uint8_t *put_utf8(uint8_t *out, unsigned c)
{
	if (c < 0x80) {
		*out++ = (uint8_t)c;
	} else if (c < 0x800) {
		*out++ = (uint8_t)(0xc0 | c >> 6);
		*out++ = (uint8_t)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		*out++ = (uint8_t)(0xe0 | c >> 12);
		*out++ = (uint8_t)(0x80 | (c >> 6 & 63));
		*out++ = (uint8_t)(0x80 | (c & 63));
	} else {
		*out++ = (uint8_t)(0xf0 | c >> 18);
		*out++ = (uint8_t)(0x80 | (c >> 12 & 63));
		*out++ = (uint8_t)(0x80 | (c >> 6 & 63));
		*out++ = (uint8_t)(0x80 | (c & 63));
	}
	return out;
}

/* Behind "\u". */
static bool read_unicode(struct td_json *json, unsigned *out)
{
	unsigned c, low;

	if (!read_hex4(json, &c))
		return false;
	if (c >= 0xdc00 && c <= 0xdfff)
		return fail(json, "lone low surrogate in a \\u escape");
	if (c >= 0xd800 && c <= 0xdbff) {
		if (json->end - json->at < 2 || json->at[0] != '\\' ||
		    json->at[1] != 'u')
			return fail(json, "lone high surrogate in a \\u escape");
		json->at += 2;
		if (!read_hex4(json, &low))
			return false;
		if (low < 0xdc00 || low > 0xdfff)
			return fail(json, "lone high surrogate in a \\u escape");
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	if (c == 0)
		return fail(json, "NUL in a text");
	*out = c;
	return true;
}

/* At a backslash. */
static bool read_escape(struct td_json *json, unsigned *out)
{
	uint8_t c;

	json->at++;
	if (json->at >= json->end)
		return fail(json, "text without its closing quote");
	c = *json->at++;
	switch (c) {
	case '"':
	case '\\':
	case '/': *out = c; return true;
	case 'b': *out = '\b'; return true;
	case 'f': *out = '\f'; return true;
	case 'n': *out = '\n'; return true;
	case 'r': *out = '\r'; return true;
	case 't': *out = '\t'; return true;
	case 'u': return read_unicode(json, out);
	default: return fail(json, "unknown escape in a text");
	}
}

/* Behind the opening quote.  With `keep` the bytes stay as they are: a
 * container is only checked and is read again when it is entered. */
static bool read_text(struct td_json *json, bool keep, struct tr_bytes *text)
{
	uint8_t *from = json->at, *to;
	unsigned c;

	while (json->at < json->end && *json->at >= 0x20 &&
	       *json->at != '"' && *json->at != '\\')
		json->at++;
	to = json->at;
	while (json->at < json->end && *json->at != '"') {
		if (*json->at < 0x20)
			return fail(json, "control character in a text");
		if (*json->at == '\\') {
			if (!read_escape(json, &c))
				return false;
			if (!keep)
				to = put_utf8(to, c);
			continue;
		}
		if (!keep)
			*to = *json->at;
		to++;
		json->at++;
	}
	if (json->at >= json->end)
		return fail(json, "text without its closing quote");
	json->at++;
	text->data = from;
	text->size = (size_t)(to - from);
	return true;
}

static size_t skip_digits(struct td_json *json)
{
	const uint8_t *from = json->at;

	while (json->at < json->end && *json->at >= '0' && *json->at <= '9')
		json->at++;
	return (size_t)(json->at - from);
}

static bool read_number(struct td_json *json, struct td_json_value *value)
{
	const uint8_t *from = json->at;

	value->type = TD_JSON_INT;
	if (*json->at == '-')
		json->at++;
	if (json->at < json->end && *json->at == '0')
		json->at++;
	else if (skip_digits(json) == 0)
		return fail(json, "not a value");
	if (json->at < json->end && *json->at == '.') {
		value->type = TD_JSON_REAL;
		json->at++;
		if (skip_digits(json) == 0)
			return fail(json, "digits are missing behind the point");
	}
	if (json->at < json->end && (*json->at | 32) == 'e') {
		value->type = TD_JSON_REAL;
		json->at++;
		if (json->at < json->end &&
		    (*json->at == '+' || *json->at == '-'))
			json->at++;
		if (skip_digits(json) == 0)
			return fail(json, "digits are missing in the exponent");
	}
	value->text.data = from;
	value->text.size = (size_t)(json->at - from);
	return true;
}

static bool read_word(struct td_json *json, struct td_json_value *value)
{
	static const struct {
		const char *word;
		size_t size;
		enum td_json_type type;
	} words[] = {{"null", 4, TD_JSON_NULL}, {"true", 4, TD_JSON_TRUE},
	    {"false", 5, TD_JSON_FALSE}};

	for (size_t i = 0; i < 3; i++)
		if ((size_t)(json->end - json->at) >= words[i].size &&
		    memcmp(json->at, words[i].word, words[i].size) == 0) {
			json->at += words[i].size;
			value->type = words[i].type;
			value->text = (struct tr_bytes){0};
			return true;
		}
	return fail(json, "not a value");
}

static bool read_value(struct td_json *json, bool keep, struct td_json_value *value);

/* At its bracket: checks it to its end.  Recursion is bounded by the depth. */
static bool read_container(struct td_json *json, struct td_json_value *value)
{
	bool is_object = *json->at == '{';
	const uint8_t *from = json->at;
	uint8_t close = is_object ? '}' : ']';
	struct td_json_value inner;
	struct tr_bytes key;

	if (json->depth >= TD_JSON_DEPTH_MAX)
		return fail(json, "nested too deeply");
	json->depth++;
	json->at++;
	skip_blanks(json);
	for (bool first = true;; first = false) {
		skip_blanks(json);
		if (json->at < json->end && *json->at == close && first)
			break;
		if (!first) {
			if (json->at < json->end && *json->at == close)
				break;
			if (!take(json, ',', "a comma or the closing bracket is missing"))
				return false;
			skip_blanks(json);
		}
		if (is_object && (!take(json, '"', "a member needs a name in quotes") ||
				     !read_text(json, true, &key) ||
				     !take(json, ':', "a colon is missing")))
			return false;
		skip_blanks(json);
		if (!read_value(json, true, &inner))
			return false;
	}
	json->at++;
	json->depth--;
	value->type = is_object ? TD_JSON_OBJECT : TD_JSON_ARRAY;
	value->text.data = from;
	value->text.size = (size_t)(json->at - from);
	return true;
}

static bool read_value(struct td_json *json, bool keep, struct td_json_value *value)
{
	skip_blanks(json);
	if (json->at >= json->end)
		return fail(json, "ends in the middle");
	switch (*json->at) {
	case '"':
		json->at++;
		value->type = TD_JSON_TEXT;
		return read_text(json, keep, &value->text);
	case '{':
	case '[': return read_container(json, value);
	case 't':
	case 'f':
	case 'n': return read_word(json, value);
	default: return read_number(json, value);
	}
}

void td_json_open(struct td_json *json, uint8_t *bytes, size_t size)
{
	memset(json, 0, sizeof(*json));
	json->origin = json->start = json->at = bytes;
	json->end = bytes + size;
}

void td_json_enter(struct td_json *json, const struct td_json_value *value)
{
	/* The bytes were lent by td_json_open() as writable. */
	td_json_open(json, (uint8_t *)(uintptr_t)value->text.data,
	    value->text.size);
}

/* 1: a member follows; 0: the end; -1. */
static int go_on(struct td_json *json)
{
	uint8_t close = *json->start == '{' ? '}' : ']';
	bool first = json->depth == 0;

	json->depth = 1;
	skip_blanks(json);
	if (json->at < json->end && *json->at == close) {
		json->at++;
		skip_blanks(json);
		if (json->at == json->end)
			return 0;
		fail(json, "something stands behind the end");
		return -1;
	}
	if (!first && !take(json, ',', "a comma or the closing bracket is missing"))
		return -1;
	return 1;
}

int td_json_next(struct td_json *json, struct tr_bytes *key, struct td_json_value *value)
{
	int more;

	if (json->problem != NULL)
		return -1;
	if (json->depth == 0) {
		skip_blanks(json);
		json->start = json->at;
		if (json->at >= json->end ||
		    (*json->at != '{' && (key != NULL || *json->at != '['))) {
			fail(json, json->at >= json->end ? "empty line" : "not a JSON object");
			return -1;
		}
		json->at++;
	}
	more = go_on(json);
	if (more <= 0)
		return more;
	if (key != NULL &&
	    (!take(json, '"', "a member needs a name in quotes") ||
		!read_text(json, false, key) ||
		!take(json, ':', "a colon is missing")))
		return -1;
	return read_value(json, false, value) ? 1 : -1;
}

size_t td_json_place(const struct td_json *json)
{
	return (size_t)(json->at - json->origin);
}

const char *td_json_type_name(enum td_json_type type)
{
	switch (type) {
	case TD_JSON_NULL: return "null";
	case TD_JSON_FALSE:
	case TD_JSON_TRUE: return "true or false";
	case TD_JSON_INT:
	case TD_JSON_REAL: return "a number";
	case TD_JSON_TEXT: return "a text";
	case TD_JSON_ARRAY: return "a list";
	case TD_JSON_OBJECT: return "an object";
	}
	return "?";
}
