/* SPDX-License-Identifier: Apache-2.0 */
/*
 * many -- seeds by the hundred, each in a process of its own: an assertion or a
 * crash costs only that seed.  What fails is shrunk and printed with its replay.
 */
#ifndef TESTS_SIM_MANY_H
#define TESTS_SIM_MANY_H

#include "tests/sim/sim.h"

#define SIM_JOBS_MAX 64

struct sim_result {
	bool passed;
	char failure[24];        /* the invariant, or the signal */
	uint64_t trace;
	struct sim_counts counts;
};

struct sim_many {
	struct sim_conf conf;    /* of all; the seed is set */
	uint64_t first, count;
	unsigned jobs;
	bool first_only;         /* stop at the first failure, without shrinking it */
	const char *strike;      /* PART.CALL: only this fault of a sweep; NULL: all */
	const char *self;        /* how this program is called */
};

/* One seed.  quiet: what it says about a failure is not wanted. */
struct sim_result sim_many_one(const struct sim_conf *conf, bool quiet);
/* The exit code for one. */
int sim_many_exit(const struct sim_result *r);
/* The exit code for all: 0 if all passed, SIM_EXIT_MEMORY if nothing worse happened. */
int sim_many_run(const struct sim_many *many);
void sim_many_print_counts(const struct sim_counts *counts);

#endif
