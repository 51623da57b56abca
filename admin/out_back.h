/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out_back -- the back-ends that draw a grid.  Texts in it are clean.
 */
#ifndef ADMIN_OUT_BACK_H
#define ADMIN_OUT_BACK_H

#include "admin/grid.h"

/* Aligned for a terminal, CJK two cells wide, trees in ASCII. */
void tc_out_table_draw(const struct tc_grid *grid);
/* TAB-separated, one record a line, no heading, nothing cut. */
void tc_out_plain_draw(const struct tc_grid *grid);
/* RFC 4180 with a heading of keys. */
void tc_out_csv_draw(const struct tc_grid *grid);

#endif
