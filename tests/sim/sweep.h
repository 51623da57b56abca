/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep -- each call of the store and each allocation that the core makes fails
 * once, wherever in the core it is made from.
 *
 * sim --sweep FILE... --seeds 8      sim --sweep --strike 43.5 FILE    one that failed, again
 *
 * A run goes twice.  The first time it writes down at which calls the core came
 * from where it had not been (a place is the chain of callers); the second
 * time, before each step in which there is such a call, a copy of the process
 * makes that step with that call failing.  In the copy the step has to say so,
 * the node has to load again from what was committed with everything it had
 * acknowledged, and some of the copies go on to rest, where every check is made.
 * Places stay known from one run to the next.
 *
 * The same for frames: each field of each kind of frame is wrong once in each
 * way (sweep_frame.h), from above, from below and on a stick.  In the copy this
 * is no error, and what is committed loads again and folds again to the same.
 *
 * And for rows: each that is read is, once from each place, another one than was
 * written: nothing, shorter, longer, of another version, full of 0xff.  The node ends
 * with an error or goes on; it does not read what is not there.
 *
 * Threads: none; one sweep in a process.
 */
#ifndef TESTS_SIM_SWEEP_H
#define TESTS_SIM_SWEEP_H

#include "tests/sim/many.h"

/* Scenarios by file name, then the seeds of `many`.  Returns 0 if all passed,
 * 65 if a file is refused. */
int sim_sweep_run(struct sim_many *many, char *const *files, int file_count);

/* --- for host.c --- */
/* badview's ask: what this call fails with. */
int sim_sweep_store(void);
/* badview's spoil: the row may be another one. */
bool sim_sweep_row(struct tr_bytes *key, struct tr_bytes *value);
/* Around each call of the core that may fail.  event: NULL if it is none; its frame may be another one then. */
void sim_sweep_begin(struct sim_world *world, unsigned host, struct rep_event *event);
void sim_sweep_end(struct sim_world *world, unsigned host, int rc);
/* All that a node tells people, asked for at the end of a run. */
void sim_sweep_look(struct sim_world *world);
/* Behind such a look, in place of sim_sweep_end(): a copy ends here. */
void sim_sweep_looked(struct sim_world *world, unsigned host);
/* The node is loaded again: a copy ends here. */
void sim_sweep_struck(struct sim_world *world);

#endif
