/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep_event -- a request at a door with one thing wrong in it: a value of another type,
 * too long, gone, there twice, of a field that is none; a record, version, home, unit or key that is another one.
 *
 * Threads: none.
 */
#ifndef TESTS_SIM_SWEEP_EVENT_H
#define TESTS_SIM_SWEEP_EVENT_H

#include "replication/rep.h"

/* Calls `see` for each such request with its number from 0 and what it is that is wrong, as a hash. */
void sim_sweep_event_each(const struct rep_event *event, void (*see)(uint64_t number, uint64_t what));
/* Puts the one with that number in its place; what it points to lives as long as the process. */
void sim_sweep_event_make(struct rep_event *event, uint64_t number);

#endif
