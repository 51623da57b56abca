/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/grow.h"

#include <stdlib.h>

enum { FIRST = 16 };

void *tr_grow(void *list, size_t count, size_t *cap, size_t item)
{
	size_t more = *cap > 0 ? *cap * 2 : FIRST;

	if (count < *cap)
		return list;
	list = realloc(list, more * item);
	if (list != NULL)
		*cap = more;
	return list;
}
