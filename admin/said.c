/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/said.h"

#include "admin/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE 1024
#define PARTS_MAX 8
#define RING_SIZE 8

struct part {
	const char *text;
	size_t size;
};

struct shape {
	char key[TEXT_SIZE]; /* "the store is %d %% full" */
	struct part parts[PARTS_MAX];
	size_t count;
};

static bool add(struct shape *shape, size_t *used, const char *text, size_t size)
{
	if (*used + size >= TEXT_SIZE)
		return false;
	memcpy(shape->key + *used, text, size);
	*used += size;
	shape->key[*used] = '\0';
	return true;
}

static bool add_part(struct shape *shape, size_t *used, const char *mark,
    const char *text, size_t size)
{
	if (shape->count == PARTS_MAX)
		return false;
	shape->parts[shape->count++] = (struct part){text, size};
	return add(shape, used, mark, 2);
}

/* Size of a quoted name at p, without its quotes; 0 = none begins here. */
static size_t quoted(const char *p, const char *start)
{
	const char *end;

	if (*p != '\'' || (p > start && isalnum((unsigned char)p[-1])))
		return 0; /* an apostrophe */
	end = strchr(p + 1, '\'');
	return end != NULL ? (size_t)(end - p) - 1 : 0;
}

/* False if it is too long or has too many parts. */
static bool shape_of(struct shape *shape, const char *text, size_t size)
{
	size_t used = 0;
	bool ok = true;

	shape->count = 0;
	shape->key[0] = '\0';
	for (const char *p = text; ok && p < text + size;) {
		size_t digits = strspn(p, "0123456789"), name = quoted(p, text);

		if (name > 0 && p + name + 2 <= text + size) {
			ok = add(shape, &used, "'", 1) &&
			     add_part(shape, &used, "%s", p + 1, name) &&
			     add(shape, &used, "'", 1);
			p += name + 2;
		} else if (digits > 0 && (p == text ||
				     !isalnum((unsigned char)p[-1]))) {
			ok = add_part(shape, &used, "%d", p, digits);
			p += digits;
		} else if (*p == '%') {
			ok = add(shape, &used, "%%", 2);
			p++;
		} else {
			ok = add(shape, &used, p++, 1);
		}
	}
	return ok && used > 0;
}

/* The translated shape with its parts; the marks keep their order. */
static bool fill(char *out, const struct shape *shape, const char *translated)
{
	size_t used = 0, next = 0;

	for (const char *p = translated; *p != '\0'; p++) {
		const char *text = p;
		size_t size = 1;

		if (p[0] == '%' && p[1] == '%') {
			p++;
		} else if (p[0] == '%' && (p[1] == 's' || p[1] == 'd')) {
			if (next == shape->count)
				return false;
			text = shape->parts[next].text;
			size = shape->parts[next++].size;
			p++;
		}
		if (used + size >= TEXT_SIZE)
			return false;
		memcpy(out + used, text, size);
		used += size;
	}
	out[used] = '\0';
	return next == shape->count;
}

static bool translate(char *out, const char *text, size_t size)
{
	struct shape shape;
	const char *translated;

	if (!shape_of(&shape, text, size))
		return false;
	translated = tc_text_of(shape.key);
	return translated != shape.key && fill(out, &shape, translated);
}

const char *tc_said(const char *text)
{
	static char ring[RING_SIZE][TEXT_SIZE];
	static size_t turn;
	char *out = ring[turn++ % RING_SIZE];
	const char *colon = strstr(text, ": ");
	char head[TEXT_SIZE];

	if (translate(out, text, strlen(text)))
		return out;
	/* "upstream is down: no route to host" */
	if (colon != NULL && translate(head, text, (size_t)(colon - text)) &&
	    snprintf(out, TEXT_SIZE, "%s: %s", head, colon + 2) < TEXT_SIZE)
		return out;
	return text;
}
