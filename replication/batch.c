/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/batch.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"

#define BLOCK_SIZE ((size_t)256 * 1024)

struct block {
	struct block *next;
	size_t size, used;
	uint8_t data[];
};

struct rep_batch {
	struct rep_effect *effects;
	size_t count, cap, next;
	struct block *blocks; /* newest first; the first one stays over a reset */
	bool is_open, is_broken;
};

struct rep_batch *rep_batch_create(void)
{
	return calloc(1, sizeof(struct rep_batch));
}

static void free_blocks(struct block *b)
{
	while (b != NULL) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

void rep_batch_free(struct rep_batch *batch)
{
	if (batch == NULL)
		return;
	free_blocks(batch->blocks);
	free(batch->effects);
	free(batch);
}

void rep_batch_reset(struct rep_batch *batch)
{
	if (batch->blocks != NULL) {
		free_blocks(batch->blocks->next);
		batch->blocks->next = NULL;
		batch->blocks->used = 0;
	}
	batch->count = batch->next = 0;
	batch->is_open = batch->is_broken = false;
}

static uint8_t *take(struct rep_batch *batch, size_t size)
{
	struct block *b = batch->blocks;
	uint8_t *p;

	if (b == NULL || b->size - b->used < size) {
		size_t want = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		b = malloc(sizeof(*b) + want);
		if (b == NULL)
			return NULL;
		b->size = want;
		b->used = 0;
		b->next = batch->blocks;
		batch->blocks = b;
	}
	p = b->data + b->used;
	b->used += size;
	return p;
}

static struct rep_effect *add(struct rep_batch *batch)
{
	struct rep_effect *more = tr_grow(batch->effects, batch->count, &batch->cap, sizeof(*more));

	TR_ASSERT(!batch->is_open);
	if (more == NULL)
		return NULL;
	batch->effects = more;
	return &batch->effects[batch->count++];
}

bool rep_batch_put(struct rep_batch *batch, const struct rep_effect *effect)
{
	struct rep_effect *fx = add(batch);

	if (fx == NULL) {
		batch->is_broken = true;
		return false;
	}
	*fx = *effect;
	return true;
}

static uint8_t *room(struct rep_batch *batch, enum rep_effect_kind kind,
    uint32_t link, size_t size)
{
	uint8_t *p = take(batch, size);
	struct rep_effect *fx = p != NULL ? add(batch) : NULL;

	if (fx == NULL) {
		batch->is_broken = true;
		return NULL;
	}
	memset(fx, 0, sizeof(*fx));
	fx->kind = kind;
	fx->link = link;
	fx->bytes = (struct tr_bytes){p, size};
	return p;
}

uint8_t *rep_batch_send_room(struct rep_batch *batch, uint32_t link, size_t size)
{
	return room(batch, REP_FX_SEND, link, size);
}

bool rep_batch_bundle(struct rep_batch *batch, struct tr_bytes msg)
{
	uint8_t *p = room(batch, REP_FX_BUNDLE, 0, msg.size);

	if (p == NULL)
		return false;
	memcpy(p, msg.data, msg.size);
	return true;
}

bool rep_batch_broken(const struct rep_batch *batch)
{
	return batch->is_broken;
}

void rep_committed(struct rep_node *node, struct rep_batch *batch)
{
	(void)node;
	TR_ASSERT(!batch->is_broken);
	batch->is_open = true;
}

const struct rep_effect *rep_batch_next(struct rep_batch *batch)
{
	TR_ASSERT(batch->is_open);
	return batch->next < batch->count ? &batch->effects[batch->next++] : NULL;
}
