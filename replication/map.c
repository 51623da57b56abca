/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/map.h"

#include <stdlib.h>
#include <string.h>

#define MAP_MIN 16

uint64_t rep_map_mix(uint64_t a, uint64_t b)
{
	/* finalizer of splitmix64 */
	uint64_t x = a * 0x9e3779b97f4a7c15u + b;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static size_t home(const struct rep_map *map, uint64_t key)
{
	return (size_t)rep_map_mix(key, 1) & (map->cap - 1);
}

static void place(struct rep_map *map, uint64_t key, uint32_t value)
{
	size_t i = home(map, key);

	while (map->slots[i].used)
		i = (i + 1) & (map->cap - 1);
	map->slots[i] = (struct rep_map_slot){key, value, 1};
	map->count++;
}

static bool grow(struct rep_map *map)
{
	struct rep_map bigger = {0};

	bigger.cap = map->cap ? map->cap * 2 : MAP_MIN;
	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return false;
	for (size_t i = 0; i < map->cap; i++)
		if (map->slots[i].used)
			place(&bigger, map->slots[i].key, map->slots[i].value);
	free(map->slots);
	*map = bigger;
	return true;
}

bool rep_map_add(struct rep_map *map, uint64_t key, uint32_t value)
{
	if (map->count * 4 >= map->cap * 3 && !grow(map))
		return false;
	place(map, key, value);
	return true;
}

static bool walk(const struct rep_map *map, uint64_t key, size_t *pos, uint32_t *value)
{
	size_t i = *pos;

	while (map->slots[i].used) {
		if (map->slots[i].key == key) {
			*pos = i;
			*value = map->slots[i].value;
			return true;
		}
		i = (i + 1) & (map->cap - 1);
	}
	return false;
}

bool rep_map_first(const struct rep_map *map, uint64_t key, size_t *pos, uint32_t *value)
{
	if (map->cap == 0)
		return false;
	*pos = home(map, key);
	return walk(map, key, pos, value);
}

bool rep_map_next(const struct rep_map *map, uint64_t key, size_t *pos, uint32_t *value)
{
	*pos = (*pos + 1) & (map->cap - 1);
	return walk(map, key, pos, value);
}

void rep_map_clear(struct rep_map *map)
{
	if (map->slots != NULL)
		memset(map->slots, 0, map->cap * sizeof(*map->slots));
	map->count = 0;
}

void rep_map_fini(struct rep_map *map)
{
	free(map->slots);
	*map = (struct rep_map){0};
}
