/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map -- foreign rows to lines of ingest.sock.
 *
 * Built in: none (rows are lines already), "311" (a row is a case as it
 * stands), "311-events" (a row is something that happened to a case), or a
 * file {"rename": {theirs: ours}, "set": {ours: value}, "drop": [theirs]}.
 *
 * Owns:    what it remembers of each case in "311-events".
 */
#ifndef ADMIN_MAP_H
#define ADMIN_MAP_H

#include "admin/map_line.h"

struct tc_map;

/* Defaults for every line that makes a record; each may be NULL. */
struct tc_map_defaults {
	const char *kind, *home;
	bool is_bulk;
};

/* name NULL = rows are lines.  0 or an exit code after a message. */
int tc_map_open(struct tc_map **out, const char *name,
    const struct tc_map_defaults *defaults);
void tc_map_close(struct tc_map *map); /* NULL is fine */

/*
 * One row.  Its lines go to on_line in their order, some of them only when a
 * later row makes them possible.  0; -1 and *reject; an exit code of on_line.
 */
int tc_map_row(struct tc_map *map, const json_t *row, uint64_t number,
    tc_map_line_fn *on_line, void *arg, struct tc_map_reject *reject);
/*
 * After the last row: lines that still waited.  Rows that never got their
 * case are reported one by one through on_reject.
 */
int tc_map_end(struct tc_map *map, tc_map_line_fn *on_line,
    tc_map_reject_fn *on_reject, void *arg);
/* Rows that the map passed over on purpose. */
uint64_t tc_map_ignored(const struct tc_map *map);

#endif
