/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nomem -- an allocation that fails when a test says so.  The program is
 * linked with NOMEM_LDFLAGS (tests/lib/lib.mk), which put these in the place
 * of malloc, calloc and realloc for all that is linked statically.
 *
 * Threads: none.
 */
#ifndef TESTS_LIB_NOMEM_H
#define TESTS_LIB_NOMEM_H

#include <stdbool.h>
#include <stdint.h>

/* The allocation after the next `after` ones fails, once; negative: none. */
void nomem_arm(int64_t after);
/* Allocations of a test's own do not count while it holds (nests). */
void nomem_hold(bool hold);
/* True if the armed one has failed since; disarms. */
bool nomem_has_failed(void);

#endif
