/* SPDX-License-Identifier: Apache-2.0 */
/*
 * heap -- what will happen, in the order of virtual time; events of one
 * moment in the order in which they were pushed.
 *
 * Owns:    the bytes of its events until they are popped.
 */
#ifndef TESTS_SIM_HEAP_H
#define TESTS_SIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_ev_kind {
	SIM_EV_FRAME = 1, /* bytes arrive on a connection */
	SIM_EV_UP,        /* a dial worked */
	SIM_EV_DOWN,      /* one end hears that the connection is gone */
	SIM_EV_COMMIT,    /* the engine's group commit */
	SIM_EV_WAKE,      /* the core's deadline */
	SIM_EV_START,     /* a crashed node starts again */
	SIM_EV_HEAL,      /* a cut ends */
};

struct sim_ev {
	int64_t at_ms;
	uint64_t order;    /* set by push */
	enum sim_ev_kind kind;
	unsigned host;
	uint64_t life;     /* of the host; an event of a former life is dropped */
	uint64_t conn;     /* FRAME, UP, DOWN */
	unsigned a;        /* FRAME: to the parent's end? DOWN: enum rep_down_why */
	uint8_t *bytes;    /* FRAME */
	size_t size;
};

struct sim_heap {
	struct sim_ev *ev;
	size_t count, cap;
	uint64_t next_order;
};

void sim_heap_fini(struct sim_heap *heap);
/* Takes over ev->bytes. */
void sim_heap_push(struct sim_heap *heap, struct sim_ev ev);
/* Earliest first; false when empty.  The caller frees out->bytes. */
bool sim_heap_pop(struct sim_heap *heap, struct sim_ev *out);
/* INT64_MAX when empty. */
int64_t sim_heap_next_ms(const struct sim_heap *heap);

#endif
