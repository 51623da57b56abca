/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map -- uint64 -> uint32, open addressing; grows, never shrinks.
 * Keys that are not unique (a mix of several numbers) are the caller's: it
 * walks the candidates with rep_map_next() and compares.
 */
#ifndef REPLICATION_MAP_H
#define REPLICATION_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rep_map_slot {
	uint64_t key;
	uint32_t value;
	uint32_t used;
};

struct rep_map {
	struct rep_map_slot *slots;
	size_t cap; /* power of two, or 0 */
	size_t count;
};

/* false: out of memory, unchanged. */
bool rep_map_add(struct rep_map *map, uint64_t key, uint32_t value);
/* First value of a key; false if none.  *pos is for rep_map_next. */
bool rep_map_first(const struct rep_map *map, uint64_t key, size_t *pos, uint32_t *value);
bool rep_map_next(const struct rep_map *map, uint64_t key, size_t *pos, uint32_t *value);
void rep_map_clear(struct rep_map *map); /* keeps the memory */
void rep_map_fini(struct rep_map *map);
uint64_t rep_map_mix(uint64_t a, uint64_t b);

#endif
