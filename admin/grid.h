/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grid -- rows and columns before they are drawn; what the back-ends of out
 * share.
 */
#ifndef ADMIN_GRID_H
#define ADMIN_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tc_col_flag {
	TC_COL_RIGHT = 1u << 0, /* numbers */
	TC_COL_TRUNC = 1u << 1, /* may be cut on a narrow terminal */
	TC_COL_TREE = 1u << 2,  /* rows have parents */
	TC_COL_WRAP = 1u << 3,  /* may go on in the next line */
	TC_COL_TIME = 1u << 4,  /* times: the heading names their offset */
};

struct tc_col {
	const char *key;   /* stable name, for csv */
	const char *title; /* translated heading; NULL = none */
	unsigned flags;
};

enum tc_tone { TC_TONE_NONE, TC_TONE_GOOD, TC_TONE_WARN, TC_TONE_BAD };

struct tc_cell {
	char *text; /* NULL = empty */
	enum tc_tone tone;
};

struct tc_grid {
	const struct tc_col *cols;
	size_t col_count;
	struct tc_cell *cells; /* row by row */
	int *parents;          /* of each row; -1 = none */
	size_t row_count;
	bool has_heading, has_color;
	const char *zone; /* "+08:00", of the times in the cells */
	int indent; /* blanks before each line of a table */
};

#endif
