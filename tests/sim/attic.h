/* SPDX-License-Identifier: Apache-2.0 */
/*
 * attic -- ops that a node dropped, kept for the books: an op at or below a
 * log's `low` counts as held, and the checks fold it as if it were there.
 *
 * It lies between the store and the core, and takes what goes out of the list
 * of a record's ops.  Owns copies.  One for the whole federation.
 */
#ifndef TESTS_SIM_ATTIC_H
#define TESTS_SIM_ATTIC_H

#include "tests/sim/oracle.h"

/* A view over the host's store, for its core. */
struct rep_view sim_attic_view(struct sim_world *world, unsigned host);
void sim_attic_free(struct sim_oracle *oracle);
/* Calls fn for each op of the record that the host dropped. */
void sim_attic_ops(struct sim_world *world, unsigned host, const struct tr_rec_id *id,
    void (*fn)(void *arg, const struct tr_log_id *log, const struct rep_op *op, const struct rep_cause *cause), void *arg);

#endif
