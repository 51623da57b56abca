/* SPDX-License-Identifier: Apache-2.0 */
/*
 * part -- what is thrown at the federation and what is looked at, part by part.
 *
 * A file act_NAME.c (or check_NAME.c) describes itself in one struct sim_part and
 * registers it with SIM_PART(); nothing else has to be edited.  Its faults get
 * their bits here, in the order of the names of parts, so that the same seed
 * throws the same whatever the order of linking.  Whether a seed throws a fault
 * depends on the seed and the fault's name only: a new fault changes no other.
 *
 *	static struct sim_fault sim_fault_flap = {"flap", 300, "links come and go"};
 *	static void act_flap(struct sim_world *world, struct sim_rng *rng, unsigned host) { ... }
 *	static struct sim_fault *const FAULTS[] = {&sim_fault_flap, NULL};
 *	static const struct sim_action ACTIONS[] = {{"flap", 4, {&sim_fault_flap}, act_flap}, {0}};
 *	static struct sim_part PART = {.name = "flap", .faults = FAULTS, .actions = ACTIONS};
 *	SIM_PART(PART)
 *
 * Owns:    nothing but the register; a part's data live as long as the world.
 */
#ifndef TESTS_SIM_PART_H
#define TESTS_SIM_PART_H

#include "proto/wire.h"

#include "tests/sim/sim.h"

struct sim_fault {
	const char *name;        /* for --faults, counts, README */
	unsigned chance;         /* so many seeds in a thousand throw it */
	const char *does;        /* one line for `sim --list` */
	uint64_t bit;            /* set at the start */
	unsigned index;
};

#define SIM_ACTION_FAULTS 8

struct sim_action {
	const char *name;
	unsigned weight;         /* among all actions; `work` has 49 */
	struct sim_fault *fault[SIM_ACTION_FAULTS]; /* done if the seed throws one of these; none: always */
	void (*fn)(struct sim_world *world, struct sim_rng *rng, unsigned host);
};

struct sim_part {
	const char *name;
	struct sim_fault *const *faults;  /* ends with NULL; may be NULL */
	const struct sim_action *actions; /* ends with an empty one; may be NULL */
	/* Hooks; each may be NULL. */
	void (*begin)(struct sim_world *world); /* the tree is founded, the first action comes */
	void (*tick)(struct sim_world *world);  /* before each action */
	void (*end)(struct sim_world *world);   /* all faults are over: undo yours */
	/* True: this alarm is in order, something of the part has caused it. */
	bool (*excuses)(struct sim_world *world, unsigned host, const struct rep_trace *trace);
	void (*trace)(struct sim_world *world, unsigned host, const struct rep_trace *trace);
	void (*frame)(struct sim_world *world, unsigned host, uint32_t link, const Terrace__Msg *msg); /* it leaves */
	void (*stick)(struct sim_world *world, unsigned host, const Terrace__Msg *msg); /* it is written on one */
	void (*look)(struct sim_world *world, unsigned host); /* at a store: now and then, and at rest */
	void (*restart)(struct sim_world *world, unsigned host); /* it has just started again */
	void (*replaced)(struct sim_world *world, unsigned host); /* see sim_host_replaced() */
	void (*operate)(struct sim_world *world); /* faults are over: what people do, again and again, until all is quiet */
	/* False: not at rest yet; says why and who. */
	bool (*is_quiet)(struct sim_world *world, const char **why, unsigned *who);
	void (*rest)(struct sim_world *world);  /* all is quiet: last checks */
	void (*free)(struct sim_world *world);  /* what the data point to */
	struct sim_part *next;
	unsigned index;
};

#define SIM_PART(part) __attribute__((constructor)) static void register_part(void) { sim_part_register(&(part)); }

void sim_part_register(struct sim_part *part);
/* All parts, by name.  Sorts and gives out bits at the first call. */
const struct sim_part *sim_part_all(void);
/* By name; NULL if there is none. */
const struct sim_fault *sim_fault_find(const char *name);
const struct sim_fault *sim_fault_at(unsigned index); /* NULL: no more */
/* The part's own data in this world: `size` zero bytes at the first call. */
void *sim_part_data(struct sim_world *world, const struct sim_part *part, size_t size);
void sim_part_free_data(struct sim_world *world);
/* True if this world throws the fault. */
bool sim_throws(const struct sim_world *world, const struct sim_fault *fault);
/* Counts it: it was thrown just now. */
void sim_thrown(struct sim_world *world, const struct sim_fault *fault);

/* --- hooks of all parts in turn --- */
void sim_part_begin(struct sim_world *world);
void sim_part_tick(struct sim_world *world);
void sim_part_end(struct sim_world *world);
bool sim_part_excuses(struct sim_world *world, unsigned host, const struct rep_trace *trace);
void sim_part_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace);
void sim_part_frame(struct sim_world *world, unsigned host, uint32_t link, const Terrace__Msg *msg);
void sim_part_stick(struct sim_world *world, unsigned host, const Terrace__Msg *msg);
void sim_part_look(struct sim_world *world, unsigned host);
void sim_part_restart(struct sim_world *world, unsigned host);
void sim_part_replaced(struct sim_world *world, unsigned host);
void sim_part_operate(struct sim_world *world);
bool sim_part_is_quiet(struct sim_world *world, const char **why, unsigned *who);
void sim_part_rest(struct sim_world *world);

/* Faults that other files ask for. */
extern struct sim_fault sim_fault_clock, sim_fault_rubbish;

#endif
