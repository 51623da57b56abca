/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map_events -- the map "311-events": rows {source, id, seq, t, kind, ...} in
 * the order of time to the steps of a case, each legal after the one before.
 *
 *   opened      creates the case (reported)
 *   sent        filed, dispatched
 *   closed      what is missing of filed, dispatched, handling, handled,
 *               verified, closed
 *   reopened    reopened, dispatched
 *   dispatched  dispatched
 *   updated, submitted, activity, follow_on_created, follow_on_closed: a note
 *
 * The rows of a case go out in the order of seq; one that comes before its
 * case was opened, or before its predecessor, waits here.
 * Owns:  a small state for each case and the rows that wait.
 */
#ifndef ADMIN_MAP_EVENTS_H
#define ADMIN_MAP_EVENTS_H

#include "admin/map_line.h"

struct tc_map_events;

struct tc_map_events *tc_map_events_open(void);
void tc_map_events_close(struct tc_map_events *events); /* NULL is fine */
/* As tc_map_row and tc_map_end; reject_arg goes to on_reject. */
int tc_map_events_row(struct tc_map_events *events, const json_t *row,
    uint64_t number, tc_map_line_fn *on_line, void *arg,
    struct tc_map_reject *reject);
int tc_map_events_end(struct tc_map_events *events, tc_map_line_fn *on_line,
    void *arg,
    tc_map_reject_fn *on_reject,
    void *reject_arg);
uint64_t tc_map_events_ignored(const struct tc_map_events *events);

#endif
