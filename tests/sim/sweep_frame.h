/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sweep_frame -- a frame with one thing wrong in it: a field that is gone, there
 * twice, 0, one more, one less, as large as can be; bytes that are none, cut
 * short, too long, flipped.  It goes down into segments, ops and certificates; what is
 * in a segment is wrong once as its author may have signed it, and once behind his back.
 *
 * Threads: none.
 */
#ifndef TESTS_SIM_SWEEP_FRAME_H
#define TESTS_SIM_SWEEP_FRAME_H

#include "proto/vocab.h"
#include "tests/sim/sim.h"

/* Calls `see` for each such frame with its number from 0 and what it is that
 * is wrong, as a hash: the same for the same field and fault of other frames. */
void sim_sweep_frame_each(struct tr_bytes frame, void (*see)(uint64_t number, uint64_t what));
/* The one with that number; the caller frees it.  `host` is about to get it by `link`. */
uint8_t *sim_sweep_frame_make(struct sim_world *world, unsigned host, uint32_t link, struct tr_bytes frame,
    uint64_t number, size_t *size);

#endif
