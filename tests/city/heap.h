/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap -- what will happen, in the order of virtual time; events of one moment
 * in the order in which they were pushed.  32 bytes an event: millions wait.
 */
#ifndef TESTS_CITY_HEAP_H
#define TESTS_CITY_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct city_ev {
	int64_t at_ms;
	uint64_t order; /* set by push */
	uint32_t kind;  /* enum city_ev_kind */
	uint32_t host;
	union { void *p; uint64_t v; } arg;
};

struct city_heap {
	struct city_ev *ev;
	size_t count, cap;
	uint64_t next_order;
};

void city_heap_fini(struct city_heap *heap);
void city_heap_push(struct city_heap *heap, struct city_ev ev);
/* Earliest first; false when empty. */
bool city_heap_pop(struct city_heap *heap, struct city_ev *out);

#endif
