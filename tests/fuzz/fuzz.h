/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz -- what the targets share.  A target says what must hold for whatever
 * is accepted, not only that nothing crashes.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/vocab.h"
#include "proto/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One arena for the life of the process, emptied for each input. */
static inline struct wire_arena *fuzz_arena(void)
{
	static struct wire_arena *arena;

	if (arena == NULL) {
		TR_ASSERT(sodium_init() >= 0);
		arena = wire_arena_create();
		TR_ASSERT(arena != NULL);
	}
	wire_arena_reset(arena);
	return arena;
}

#endif
