/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/out_json.h"

#include "admin/mem.h"
#include "admin/out_back.h"
#include "admin/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <unistr.h>

#define REAL_DIGITS 15 /* 51.465 stays 51.465 */
#define DEPTH_MAX 8

/* In JSON text such characters stand only inside strings. */
static void print_escaped(const char *text, size_t size)
{
	for (size_t at = 0; at < size;) {
		ucs4_t c;
		int step =
		    u8_mbtouc(&c, (const uint8_t *)text + at, size - at);

		if (c != '\n' && tc_text_is_control(c)) {
			if (c > 0xffff)
				printf("\\u%04x\\u%04x",
				    (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
				    (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));
			else
				printf("\\u%04x", (unsigned)c);
		} else {
			fwrite(text + at, 1, (size_t)step, stdout);
		}
		at += (size_t)step;
	}
}

void tc_out_json_print(const json_t *data, const char *raw, size_t raw_size)
{
	char *text;

	if (!isatty(STDOUT_FILENO) && raw != NULL) {
		fwrite(raw, 1, raw_size, stdout);
		putchar('\n');
		return;
	}
	text = json_dumps(data, (isatty(STDOUT_FILENO) ? JSON_INDENT(2)
						       : JSON_COMPACT) |
				    JSON_ENCODE_ANY |
				    JSON_REAL_PRECISION(REAL_DIGITS));
	if (text == NULL)
		return;
	print_escaped(text, strlen(text));
	putchar('\n');
	free(text);
}

static void print_line(const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY |
					   JSON_REAL_PRECISION(REAL_DIGITS));

	if (text == NULL)
		return;
	if (isatty(STDOUT_FILENO))
		print_escaped(text, strlen(text));
	else
		fputs(text, stdout);
	putchar('\n');
	free(text);
}

void tc_out_json_lines(const json_t *data, const char *list)
{
	const json_t *array =
	    list != NULL ? json_object_get(data, list) : NULL;

	if (!json_is_array(array)) {
		print_line(data);
		return;
	}
	for (size_t i = 0; i < json_array_size(array); i++)
		print_line(json_array_get(array, i));
}

struct flat {
	struct tc_cell *cells;
	size_t count;
};

static void flat_add(struct flat *flat, const char *key, char *take_value)
{
	flat->cells = tc_mem_resize(
	    flat->cells, flat->count + 2, sizeof(*flat->cells));
	flat->cells[flat->count++] =
	    (struct tc_cell){.text = tc_text_clean(key)};
	flat->cells[flat->count++] = (struct tc_cell){.text = take_value};
}

static void flat_scalar(struct flat *flat, const char *key, const json_t *v)
{
	char *text = NULL;

	if (json_is_string(v))
		text = tc_text_clean(json_string_value(v));
	else if (!json_is_null(v))
		text = json_dumps(
		    v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(REAL_DIGITS));
	flat_add(flat, key, text);
}

static void flat_walk(
    struct flat *flat, const char *prefix, const json_t *value, int depth)
{
	const char *dot = prefix[0] != '\0' ? "." : "";

	if (depth >= DEPTH_MAX)
		return;
	if (json_is_object(value)) {
		json_t *object = (json_t *)(uintptr_t)value;

		for (void *at = json_object_iter(object); at != NULL;
		     at = json_object_iter_next(object, at)) {
			char *key = tc_mem_format("%s%s%s", prefix, dot,
			    json_object_iter_key(at));

			flat_walk(flat, key, json_object_iter_value(at),
			    depth + 1);
			free(key);
		}
	} else if (json_is_array(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			char *key =
			    tc_mem_format("%s%s%zu", prefix, dot, i);

			flat_walk(
			    flat, key, json_array_get(value, i), depth + 1);
			free(key);
		}
	} else {
		flat_scalar(flat, prefix, value);
	}
}

void tc_out_json_flat(const json_t *data, enum tc_format format)
{
	static const struct tc_col cols[] = {
	    {"key", NULL, 0}, {"value", NULL, 0}};
	struct flat flat = {NULL, 0};
	struct tc_grid grid = {.cols = cols, .col_count = 2};

	flat_walk(&flat, "", data, 0);
	grid.cells = flat.cells;
	grid.row_count = flat.count / 2;
	if (format == TC_FORMAT_CSV)
		tc_out_csv_draw(&grid);
	else
		tc_out_plain_draw(&grid);
	for (size_t i = 0; i < flat.count; i++)
		free(flat.cells[i].text);
	free(flat.cells);
}
