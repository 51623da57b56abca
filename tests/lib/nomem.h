/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nomem -- allocations that fail when a test says so, are counted, and have a
 * bound.  The program is linked with NOMEM_LDFLAGS (tests/lib/lib.mk), which
 * put these in the place of malloc, calloc, realloc and free for all that is
 * linked statically.  Nothing may be freed that a library allocated, strdup()
 * of the C library among them.
 *
 * Threads: none.
 */
#ifndef TESTS_LIB_NOMEM_H
#define TESTS_LIB_NOMEM_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that were asked for. */
struct nomem_account { int64_t held, peak; };

/* The allocation after the next `after` ones fails, once; negative: none. */
void nomem_arm(int64_t after);
/* Asked at each allocation that counts: true, and it fails; NULL: nobody is asked. */
void nomem_ask(bool (*fails)(void));
/* Allocations of a test's own do not count while it holds (nests). */
void nomem_hold(bool hold);
/* True if the armed one has failed since; disarms. */
bool nomem_has_failed(void);

/* What is allocated from now on is on this account until it is freed; NULL: on
 * none.  Returns the former one. */
struct nomem_account *nomem_charge(struct nomem_account *account);
/* All bytes held, on whatever account. */
int64_t nomem_held(void);
/* The most that was, since nomem_bound(). */
int64_t nomem_peak(void);
/* What would take more than so many bytes calls over(), which does not return.
 * 0: no bound. */
void nomem_bound(int64_t bytes, void (*over)(void *ctx), void *ctx);

#endif
