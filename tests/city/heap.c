/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/city/heap.h"

#include <stdlib.h>

#include "proto/err.h"
#include "proto/grow.h"

void city_heap_fini(struct city_heap *heap)
{
	free(heap->ev);
	*heap = (struct city_heap){0};
}

static bool before(const struct city_ev *a, const struct city_ev *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

void city_heap_push(struct city_heap *heap, struct city_ev ev)
{
	size_t i = heap->count;

	heap->ev = tr_grow(heap->ev, heap->count, &heap->cap, sizeof(*heap->ev));
	TR_ASSERT(heap->ev != NULL);
	ev.order = heap->next_order++;
	heap->count++;
	while (i > 0 && before(&ev, &heap->ev[(i - 1) / 4])) {
		heap->ev[i] = heap->ev[(i - 1) / 4];
		i = (i - 1) / 4;
	}
	heap->ev[i] = ev;
}

bool city_heap_pop(struct city_heap *heap, struct city_ev *out)
{
	struct city_ev last;
	size_t i = 0;

	if (heap->count == 0)
		return false;
	*out = heap->ev[0];
	last = heap->ev[--heap->count];
	for (;;) {
		size_t least = 0, first = 4 * i + 1;

		for (size_t k = first; k < first + 4 && k < heap->count; k++)
			if (least == 0 || before(&heap->ev[k], &heap->ev[least]))
				least = k;
		if (least == 0 || !before(&heap->ev[least], &last))
			break;
		heap->ev[i] = heap->ev[least];
		i = least;
	}
	if (heap->count > 0)
		heap->ev[i] = last;
	return true;
}
