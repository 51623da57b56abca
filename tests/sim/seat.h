/* SPDX-License-Identifier: Apache-2.0 */
/* Machines, and who sits where: what act_seat.c throws and check_seat.c looks at. */
#ifndef TESTS_SIM_SEAT_H
#define TESTS_SIM_SEAT_H

#include "tests/sim/part.h"

/* What makes a machine: its store, its fence, its keys. */
struct machine {
	struct memview *store;
	struct rep_fence fence;
	bool has_fence;
	struct rep_sign_keys sign;
	struct tr_key curve, seal;
};

enum use { USE_NONE = 0, USE_OLD, USE_THIEF };

struct seat {
	bool is_lost;             /* its machine is gone, the next one has not joined yet */
	int64_t invite_ms;        /* when it is invited again */
	enum use use;             /* what `other` is */
	struct machine other;     /* beside the one in the tree */
	bool is_other_in;         /* ... which has changed places with it */
	bool was_cut;
	uint32_t cut_serial;
	uint64_t first_bad;       /* writes of the thief from this ticket on were made after the CUT */
	bool is_accepted;
	uint32_t seen[SIM_HOSTS_MAX]; /* highest registered serial, by where it is known */
	unsigned life[SIM_HOSTS_MAX]; /* restores of that host then */
};

struct seats {
	struct seat host[SIM_HOSTS_MAX];
	struct sim_rng rng;
	bool is_over;
};

struct seats *sim_seats(struct sim_world *world);

/* The rightful machine sits there, and nobody hostile near it. */
bool sim_seat_is_free(struct sim_world *world, unsigned host);
/* The machine is gone with all that is on it, and the unit invited again; `keep`: it may come back. */
void sim_seat_lose(struct sim_world *world, struct sim_rng *rng, unsigned host, bool keep);
/* It is copied, if it has no unsigned ops. */
void sim_seat_steal(struct sim_world *world, unsigned host);
/* A node above cuts the key in use.  False: not now. */
bool sim_seat_cut_by(struct sim_world *world, struct sim_rng *rng, unsigned by, unsigned host);

bool sim_seat_excuses(struct sim_world *world, unsigned host, const struct rep_trace *trace);
void sim_seat_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace);
void sim_seat_frame(struct sim_world *world, unsigned host, uint32_t link, const Terrace__Msg *msg);
void sim_seat_look(struct sim_world *world, unsigned host);
void sim_seat_rest(struct sim_world *world);

#endif
