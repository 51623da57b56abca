/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/carrier_int.h"

#include "proto/err.h"

#include <stdlib.h>
#include <string.h>

int td_carrier_queue_push(struct td_carrier_queue *queue, size_t *all_bytes,
    struct tr_bytes frame)
{
	size_t cost = sizeof(struct td_carrier_frame) + frame.size;
	struct td_carrier_frame *fresh = NULL;

	if (queue->bytes + cost > TD_CARRIER_QUEUE_MAX ||
	    *all_bytes + cost > TD_CARRIER_QUEUE_ALL_MAX)
		return TR_E_FULL;
	fresh = malloc(cost);
	if (fresh == NULL)
		return TR_E_NOMEM;
	fresh->next = NULL;
	fresh->size = frame.size;
	memcpy(fresh->data, frame.data, frame.size);
	if (queue->last == NULL)
		queue->first = fresh;
	else
		queue->last->next = fresh;
	queue->last = fresh;
	queue->bytes += cost;
	*all_bytes += cost;
	return 0;
}

void td_carrier_queue_pop(struct td_carrier_queue *queue, size_t *all_bytes)
{
	struct td_carrier_frame *first = queue->first;
	size_t cost = sizeof(*first) + first->size;

	queue->first = first->next;
	if (queue->first == NULL)
		queue->last = NULL;
	queue->bytes -= cost;
	*all_bytes -= cost;
	free(first);
}

void td_carrier_queue_clear(struct td_carrier_queue *queue, size_t *all_bytes)
{
	while (queue->first != NULL)
		td_carrier_queue_pop(queue, all_bytes);
}
