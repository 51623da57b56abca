/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/out_back.h"

#include <stdio.h>
#include <string.h>

void tc_out_plain_draw(const struct tc_grid *grid)
{
	for (size_t r = 0; r < grid->row_count; r++)
		for (size_t c = 0; c < grid->col_count; c++) {
			const char *text =
			    grid->cells[r * grid->col_count + c].text;

			printf("%s%c", text != NULL ? text : "",
			    c + 1 < grid->col_count ? '\t' : '\n');
		}
}

static void csv_field(const char *text, char behind)
{
	if (text == NULL)
		text = "";
	if (strpbrk(text, ",\"\r\n") == NULL) {
		printf("%s%c", text, behind);
		return;
	}
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	printf("\"%c", behind);
}

void tc_out_csv_draw(const struct tc_grid *grid)
{
	for (size_t c = 0; c < grid->col_count; c++)
		csv_field(grid->cols[c].key,
		    c + 1 < grid->col_count ? ',' : '\n');
	for (size_t r = 0; r < grid->row_count; r++)
		for (size_t c = 0; c < grid->col_count; c++)
			csv_field(grid->cells[r * grid->col_count + c].text,
			    c + 1 < grid->col_count ? ',' : '\n');
}
