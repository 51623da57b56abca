/* SPDX-License-Identifier: Apache-2.0 */
/* grow -- room for one more item in a list that doubles. */
#ifndef PROTO_GROW_H
#define PROTO_GROW_H

#include <stddef.h>

/*
 * The list, moved if it had no room for item number `count`; NULL and nothing
 * changed if there is no memory.  *cap counts items; 0 and NULL to begin with.
 */
void *tr_grow(void *list, size_t count, size_t *cap, size_t item);

#endif
