/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/out_back.h"

#include "admin/mem.h"
#include "admin/text.h"

#include <ctype.h>
#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MIN 20
#define COLUMNS_MAX 4000

/* $COLUMNS is honoured also in a pipe: who sets it wants it. */
static void set_width(struct libscols_table *table, int indent)
{
	const char *columns = getenv("COLUMNS");
	long n = columns != NULL ? strtol(columns, NULL, 10) : 0;

	if (n >= COLUMNS_MIN && n <= COLUMNS_MAX) {
		scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS);
		scols_table_set_termwidth(table, (size_t)(n - indent));
	} else if (indent > 0) {
		scols_table_reduce_termwidth(table, (size_t)indent);
	}
}

static int add_column(struct libscols_table *table,
    const struct tc_grid *grid, const struct tc_col *col)
{
	struct libscols_column *column;
	char *title;
	int flags = 0;

	if (col->flags & TC_COL_RIGHT)
		flags |= SCOLS_FL_RIGHT;
	if (col->flags & TC_COL_TRUNC)
		flags = SCOLS_FL_TRUNC;
	if (col->flags & TC_COL_TREE)
		flags = SCOLS_FL_TREE;
	if (col->flags & TC_COL_WRAP)
		flags = SCOLS_FL_WRAP;
	if ((col->flags & TC_COL_TIME) && grid->zone != NULL)
		title = tc_mem_format("%s (%s)", col->title, grid->zone);
	else
		title = tc_mem_text(col->title != NULL ? col->title : "");
	column = scols_table_new_column(table, title, 0, flags);
	free(title);
	return column != NULL ? 0 : -1;
}

static const char *color_of(enum tc_tone tone)
{
	switch (tone) {
	case TC_TONE_GOOD: return "green";
	case TC_TONE_WARN: return "yellow";
	case TC_TONE_BAD: return "red";
	case TC_TONE_NONE: break;
	}
	return NULL;
}

static int add_row(struct libscols_table *table, const struct tc_grid *grid,
    size_t row, struct libscols_line **lines)
{
	int parent = grid->parents[row];
	struct libscols_line *line =
	    scols_table_new_line(table, parent >= 0 ? lines[parent] : NULL);

	if (line == NULL)
		return -1;
	lines[row] = line;
	for (size_t i = 0; i < grid->col_count; i++) {
		const struct tc_cell *cell =
		    &grid->cells[row * grid->col_count + i];

		if (scols_line_set_data(line, i,
			cell->text != NULL ? cell->text : "-") != 0)
			return -1;
		if (grid->has_color && color_of(cell->tone) != NULL)
			scols_cell_set_color(scols_line_get_cell(line, i),
			    color_of(cell->tone));
	}
	return 0;
}

/* smartcols pads the last column: no blanks at the ends of lines. */
static void print_trimmed(const char *text, int indent)
{
	while (*text != '\0') {
		size_t size = strcspn(text, "\n"), keep = size;

		while (keep > 0 && text[keep - 1] == ' ')
			keep--;
		if (keep > 0)
			printf("%*s%.*s", indent, "", (int)keep, text);
		putchar('\n');
		text += size + (text[size] == '\n');
	}
}

void tc_out_table_draw(const struct tc_grid *grid)
{
	struct libscols_table *table = scols_new_table();
	struct libscols_line **lines =
	    tc_mem_alloc(grid->row_count, sizeof(*lines));
	char *text = NULL;
	int rc = table != NULL ? 0 : -1;

	if (rc == 0) {
		/* Box characters are of ambiguous width in CJK terminals. */
		scols_table_enable_ascii(table, 1);
		/* Texts are clean already; smartcols would print \x.. */
		scols_table_enable_noencoding(table, 1);
		scols_table_set_column_separator(table, "  ");
		scols_table_enable_noheadings(table, !grid->has_heading);
		scols_table_enable_colors(table, grid->has_color);
		set_width(table, grid->indent);
	}
	for (size_t i = 0; i < grid->col_count && rc == 0; i++)
		rc = add_column(table, grid, &grid->cols[i]);
	for (size_t i = 0; i < grid->row_count && rc == 0; i++)
		rc = add_row(table, grid, i, lines);
	if (rc == 0)
		rc = scols_print_table_to_string(table, &text);
	if (rc == 0 && text != NULL)
		print_trimmed(text, grid->indent);
	free(text);
	free(lines);
	scols_unref_table(table);
}
