/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/heap.h"

#include <stdlib.h>

#include "proto/err.h"

static bool before(const struct sim_ev *a, const struct sim_ev *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct sim_ev *a, struct sim_ev *b)
{
	struct sim_ev t = *a;

	*a = *b;
	*b = t;
}

void sim_heap_fini(struct sim_heap *heap)
{
	for (size_t i = 0; i < heap->count; i++)
		free(heap->ev[i].bytes);
	free(heap->ev);
	*heap = (struct sim_heap){0};
}

void sim_heap_push(struct sim_heap *heap, struct sim_ev ev)
{
	size_t i = heap->count;

	if (heap->count == heap->cap) {
		heap->cap = heap->cap ? heap->cap * 2 : 256;
		heap->ev = realloc(heap->ev, heap->cap * sizeof(ev));
		TR_ASSERT(heap->ev != NULL);
	}
	ev.order = heap->next_order++;
	heap->ev[heap->count++] = ev;
	while (i > 0 && before(&heap->ev[i], &heap->ev[(i - 1) / 2])) {
		swap(&heap->ev[i], &heap->ev[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
}

bool sim_heap_pop(struct sim_heap *heap, struct sim_ev *out)
{
	size_t i = 0;

	if (heap->count == 0)
		return false;
	*out = heap->ev[0];
	heap->ev[0] = heap->ev[--heap->count];
	for (;;) {
		size_t least = i;

		for (size_t c = 2 * i + 1; c <= 2 * i + 2; c++)
			if (c < heap->count && before(&heap->ev[c], &heap->ev[least]))
				least = c;
		if (least == i)
			return true;
		swap(&heap->ev[i], &heap->ev[least]);
		i = least;
	}
}

int64_t sim_heap_next_ms(const struct sim_heap *heap)
{
	return heap->count != 0 ? heap->ev[0].at_ms : INT64_MAX;
}
