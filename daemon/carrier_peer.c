/* SPDX-License-Identifier: Apache-2.0 */
/* The allow list (by key) and the links (by number). */
#include "daemon/carrier_int.h"

#include "proto/limits.h"

#include <stdlib.h>
#include <string.h>

/* Public keys are evenly spread, and only the core puts them in. */
static size_t bucket_of(const struct tr_key *key)
{
	return ((size_t)key->b[0] << 8 | key->b[1]) % TD_CARRIER_BUCKETS;
}

struct td_carrier_peer *td_carrier_peer_find(struct td_carrier_table *table,
    const struct tr_key *key)
{
	struct td_carrier_peer *peer = table->peer[bucket_of(key)];

	while (peer != NULL && memcmp(peer->key.b, key->b, 32) != 0)
		peer = peer->next;
	return peer;
}

struct td_carrier_peer *td_carrier_peer_add(struct td_carrier_table *table,
    const struct tr_key *key)
{
	struct td_carrier_peer *peer = calloc(1, sizeof(*peer));
	size_t bucket = bucket_of(key);

	if (peer == NULL)
		return NULL;
	peer->key = *key;
	peer->next = table->peer[bucket];
	table->peer[bucket] = peer;
	return peer;
}

void td_carrier_peer_remove(struct td_carrier_table *table,
    struct td_carrier_peer *peer)
{
	struct td_carrier_peer **at = &table->peer[bucket_of(&peer->key)];

	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	free(peer);
}

struct td_carrier_link *td_carrier_peer_link(struct td_carrier_table *table,
    uint32_t number)
{
	struct td_carrier_link *link = table->link[number % TD_CARRIER_BUCKETS];

	while (link != NULL && link->number != number)
		link = link->next;
	return link;
}

struct td_carrier_link *td_carrier_peer_open(struct td_carrier_table *table,
    struct td_carrier_peer *peer)
{
	struct td_carrier_link *link = NULL;
	size_t bucket = table->next_number % TD_CARRIER_BUCKETS;

	if (table->link_count >= TR_LINKS_MAX ||
	    table->next_number >= TD_PIPE_PARENT)
		return NULL;
	link = calloc(1, sizeof(*link));
	if (link == NULL)
		return NULL;
	link->number = table->next_number++;
	link->peer = peer;
	link->fd = -1;
	link->next = table->link[bucket];
	table->link[bucket] = link;
	table->link_count++;
	peer->link = link;
	return link;
}

void td_carrier_peer_close(struct td_carrier_table *table,
    struct td_carrier_link *link)
{
	struct td_carrier_link **at =
	    &table->link[link->number % TD_CARRIER_BUCKETS];

	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	if (link->peer->link == link)
		link->peer->link = NULL;
	table->link_count--;
	free(link);
}

struct td_carrier_link *td_carrier_peer_next(struct td_carrier_table *table,
    const struct td_carrier_link *link)
{
	size_t bucket = 0;

	if (link != NULL) {
		if (link->next != NULL)
			return link->next;
		bucket = link->number % TD_CARRIER_BUCKETS + 1;
	}
	for (; bucket < TD_CARRIER_BUCKETS; bucket++) {
		if (table->link[bucket] != NULL)
			return table->link[bucket];
	}
	return NULL;
}
