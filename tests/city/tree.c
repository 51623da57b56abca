/* SPDX-License-Identifier: Apache-2.0 */
/* Beijing: 16 districts, 349 streets, 7,535 communities, out of tests/data. */
#include "tests/city/city.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "tests/city/text.h"

struct row {
	const char *code, *title;
	size_t code_size, title_size;
	char level; /* d s c */
};

struct rows {
	struct row *row;
	size_t count;
};

static bool parse(const char *line, struct row *out)
{
	const char *parent = strchr(line, ','), *level, *title;

	if (parent == NULL || (level = strchr(parent + 1, ',')) == NULL || (title = strchr(level + 1, ',')) == NULL)
		return false;
	*out = (struct row){line, title + 1, (size_t)(parent - line), strlen(title + 1), level[1]};
	return strchr("dsc", out->level) != NULL && out->code_size <= 12 && out->title_size < TR_TITLE_MAX;
}

static struct rows read_rows(char *text)
{
	struct rows rows = {calloc(8192, sizeof(struct row)), 0};
	char *save = NULL;

	TR_ASSERT(rows.row != NULL);
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "code,", 5) == 0)
			continue;
		TR_ASSERT(rows.count < 8192);
		TR_ASSERT(parse(line, &rows.row[rows.count]));
		rows.count++;
	}
	return rows;
}

static bool is_below(const struct row *below, const struct row *above)
{
	return below->code_size > above->code_size && memcmp(below->code, above->code, above->code_size) == 0;
}

/* The end of the rows below row i. */
static size_t end_of(const struct rows *rows, size_t i)
{
	size_t end = i + 1;

	while (end < rows->count && is_below(&rows->row[end], &rows->row[i]))
		end++;
	return end;
}

/* How far the size of this district is from the usual one: usual ones are taken first. */
static size_t oddness(const struct rows *rows, size_t i, size_t usual)
{
	size_t size = end_of(rows, i) - i;

	return size > usual ? size - usual : usual - size;
}

static size_t pick_districts(const struct rows *rows, unsigned want, size_t *out)
{
	size_t n = 0, usual;

	for (size_t i = 0; i < rows->count; i++)
		if (rows->row[i].level == 'd')
			out[n++] = i;
	usual = rows->count / n;
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && oddness(rows, out[k], usual) < oddness(rows, out[k - 1], usual); k--) {
			size_t t = out[k];

			out[k] = out[k - 1];
			out[k - 1] = t;
		}
	return want != 0 && want < n ? want : n;
}

static uint32_t add(struct city *c, uint32_t parent, unsigned level, const struct row *row)
{
	struct city_host *h = &c->host[c->host_count];

	h->parent = parent;
	h->level = (uint8_t)level;
	memcpy(h->code, row->code, row->code_size);
	memcpy(h->title, row->title, row->title_size);
	if (parent != CITY_NONE) {
		if (c->host[parent].child_count++ == 0)
			c->host[parent].first_child = c->host_count;
	}
	c->leaf_count += level == CITY_LEAF;
	return c->host_count++;
}

/* Level by level, so that the children of one parent lie side by side. */
static void add_level(struct city *c, const struct rows *rows, uint32_t first, uint32_t end, size_t *at)
{
	for (uint32_t p = first; p < end; p++) {
		unsigned level = c->host[p].level + 1u, taken = 0;

		for (size_t i = at[p] + 1; i < rows->count && is_below(&rows->row[i], &rows->row[at[p]]);
		     i = end_of(rows, i)) {
			if (level == CITY_STREET && c->conf.streets != 0 && taken == c->conf.streets)
				break;
			taken++;
			at[c->host_count] = i;
			add(c, p, level, &rows->row[i]);
		}
	}
}

void city_tree_load(struct city *c, const char *path)
{
	char *text = city_text_read(path);
	struct rows rows = read_rows(text);
	size_t *at = calloc(rows.count + 1, sizeof(*at)), picked[64];
	const struct row top = {"11", "北京市", 2, sizeof("北京市") - 1, 't'};
	size_t n = pick_districts(&rows, c->conf.districts, picked);
	uint32_t first, end;

	TR_ASSERT(at != NULL);
	c->host = calloc(rows.count + 1, sizeof(*c->host));
	TR_ASSERT(c->host != NULL);
	add(c, CITY_NONE, CITY_TOP, &top);
	for (size_t i = 0; i < n; i++) {
		at[c->host_count] = picked[i];
		add(c, 0, CITY_DISTRICT, &rows.row[picked[i]]);
	}
	for (first = 1, end = c->host_count; c->host[first].level < CITY_LEAF; first = end, end = c->host_count)
		add_level(c, &rows, first, end, at);
	free(at);
	free(rows.row);
	free(text);
}
