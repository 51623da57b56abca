/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shrink -- what a failing seed does not need is taken out: faults, then the
 * end, then ranges of actions, each by halving.
 */
#ifndef TESTS_SIM_SHRINK_H
#define TESTS_SIM_SHRINK_H

#include "tests/sim/sim.h"

/* conf fails; afterwards it still does, with less. */
void sim_shrink(struct sim_conf *conf);
/* The one command that runs it again; `self` is the program. */
void sim_shrink_print(const struct sim_conf *conf, const char *self);

#endif
