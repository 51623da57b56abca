/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net_set.h"

#include "proto/err.h"
#include "proto/grow.h"

#include <stdlib.h>
#include <string.h>

static void *grow(void *array, size_t *cap, size_t count, size_t size)
{
	array = tr_grow(array, count, cap, size);
	TR_ASSERT(array != NULL);
	return array;
}

void td_net_set_fini(struct td_net_set *set)
{
	free(set->key);
	free(set->link);
	memset(set, 0, sizeof(*set));
}

/* Index, or key_count if it is not there.  Links of one node: linear is fine. */
static size_t find_key(const struct td_net_set *set, const struct tr_key *key)
{
	size_t i = 0;

	while (i < set->key_count && memcmp(set->key[i].b, key->b, 32) != 0)
		i++;
	return i;
}

bool td_net_set_allow(struct td_net_set *set, const struct tr_key *key)
{
	if (find_key(set, key) < set->key_count)
		return false;
	set->key =
	    grow(set->key, &set->key_cap, set->key_count, sizeof(*set->key));
	set->key[set->key_count++] = *key;
	return true;
}

bool td_net_set_deny(struct td_net_set *set, const struct tr_key *key)
{
	size_t i = find_key(set, key);

	if (i == set->key_count)
		return false;
	set->key[i] = set->key[--set->key_count];
	return true;
}

/* First index whose number is not smaller. */
static size_t find_link(const struct td_net_set *set, uint32_t number)
{
	size_t low = 0, high = set->link_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->link[middle] < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void td_net_set_up(struct td_net_set *set, uint32_t number)
{
	set->link = grow(set->link, &set->link_cap, set->link_count,
	    sizeof(*set->link));
	set->link[set->link_count++] = number;
}

bool td_net_set_is_up(const struct td_net_set *set, uint32_t number)
{
	size_t i = find_link(set, number);

	return i < set->link_count && set->link[i] == number;
}

bool td_net_set_down(struct td_net_set *set, uint32_t number)
{
	size_t i = find_link(set, number);

	if (i == set->link_count || set->link[i] != number)
		return false;
	set->link_count--;
	memmove(set->link + i, set->link + i + 1,
	    (set->link_count - i) * sizeof(*set->link));
	return true;
}
