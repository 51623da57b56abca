/* SPDX-License-Identifier: Apache-2.0 */
/* A bump allocator in blocks; each unpack has a budget. */
#include <stdlib.h>

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire.h"
#include "proto/wire_int.h"

#define ALIGN      16u
#define BLOCK_SIZE ((size_t)256 * 1024) /* a full SEGS frame and its segments; touched as needed */

struct block {
	struct block *next;
	size_t size, used;
	_Alignas(16) uint8_t data[];
};

struct wire_arena {
	struct block *first, *at; /* blocks after `at` are empty */
	size_t budget;            /* of the unpack in work */
	bool over, nomem;
};

static struct block *block_create(size_t size)
{
	struct block *block = malloc(sizeof(*block) + size);

	if (block == NULL)
		return NULL;
	block->next = NULL;
	block->size = size;
	block->used = 0;
	return block;
}

static void blocks_free(struct block *block)
{
	while (block != NULL) {
		struct block *next = block->next;

		free(block);
		block = next;
	}
}

struct wire_arena *wire_arena_create(void)
{
	struct wire_arena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		return NULL;
	arena->first = block_create(BLOCK_SIZE);
	if (arena->first == NULL) {
		free(arena);
		return NULL;
	}
	arena->at = arena->first;
	return arena;
}

void wire_arena_free(struct wire_arena *arena)
{
	if (arena == NULL)
		return;
	blocks_free(arena->first);
	free(arena);
}

void wire_arena_reset(struct wire_arena *arena)
{
	blocks_free(arena->first->next);
	arena->first->next = NULL;
	arena->first->used = 0;
	arena->at = arena->first;
}

static struct block *block_with(struct wire_arena *arena, size_t size)
{
	struct block *block = arena->at;

	while (block->size - block->used < size) {
		if (block->next == NULL)
			block->next = block_create(
			    size > BLOCK_SIZE ? size : BLOCK_SIZE);
		block = block->next;
		if (block == NULL)
			return NULL;
	}
	arena->at = block;
	return block;
}

/* protobuf-c takes NULL for an error also where it asks for 0 bytes. */
static void *arena_alloc(void *data, size_t size)
{
	struct wire_arena *arena = data;
	struct block *block;
	void *p;

	if (size > arena->budget) {
		arena->over = true;
		return NULL;
	}
	size = size == 0 ? ALIGN : (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	arena->budget -= size < arena->budget ? size : arena->budget;
	block = block_with(arena, size);
	if (block == NULL) {
		arena->nomem = true;
		return NULL;
	}
	p = block->data + block->used;
	block->used += size;
	return p;
}

static void arena_no_free(void *data, void *p)
{
	(void)data;
	(void)p;
}

int wire_arena_unpack(struct wire_arena *arena,
    const ProtobufCMessageDescriptor *message, struct tr_bytes in,
    ProtobufCMessage **out)
{
	ProtobufCAllocator allocator = {arena_alloc, arena_no_free, arena};
	struct block *at = arena->at;
	size_t used = at->used;
	ProtobufCMessage *msg;

	arena->budget = TR_ARENA_FACTOR * in.size + TR_ARENA_BASE;
	arena->over = false;
	arena->nomem = false;
	msg = protobuf_c_message_unpack(message, &allocator, in.size, in.data);
	if (msg != NULL) {
		*out = msg;
		return 0;
	}
	for (struct block *block = at->next; block != NULL; block = block->next)
		block->used = 0;
	at->used = used;
	arena->at = at;
	if (arena->over)
		return TR_E_LIMIT;
	return arena->nomem ? TR_E_NOMEM : TR_E_INPUT;
}
