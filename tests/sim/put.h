/* SPDX-License-Identifier: Apache-2.0 */
/*
 * put -- builds one local write, field by field, and steps it at a host.
 * Its actor is the mark by which the books know it again.
 */
#ifndef TESTS_SIM_PUT_H
#define TESTS_SIM_PUT_H

#include "tests/sim/sim.h"

#define SIM_PUT_VALUES_MAX 24
#define SIM_PUT_TEXT_MAX 4096

struct sim_put {
	struct rep_write write;
	struct rep_value values[SIM_PUT_VALUES_MAX];
	struct tr_nid targets[SIM_HOSTS_MAX];
	struct tr_dot saw[TR_CANDS_MAX];
	uint8_t text[SIM_PUT_TEXT_MAX];
	size_t text_size;
	char actor[32];
	char key[32];
};

void sim_put_init(struct sim_put *put, uint8_t kind);
void sim_put_rec(struct sim_put *put, const struct tr_rec_id *id);
void sim_put_int(struct sim_put *put, const char *field, int64_t value);
void sim_put_text(struct sim_put *put, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds to, removes from a set; adds to a list. */
void sim_put_add(struct sim_put *put, const char *field, const char *text);
void sim_put_remove(struct sim_put *put, const char *field, const char *text);
/* A step of the machine by name ("filed") with what such a step needs. */
void sim_put_status(struct sim_put *put, const char *name);
void sim_put_copy(struct sim_put *to, const struct sim_put *from);
/* Returns the ticket. */
uint64_t sim_put_do(struct sim_world *world, unsigned host, struct sim_put *put);

#endif
