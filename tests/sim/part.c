/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/part.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

static struct sim_part *parts;
static struct sim_fault *faults[SIM_FAULTS_MAX];
static unsigned fault_count, part_count;
static bool is_sorted;

void sim_part_register(struct sim_part *part)
{
	struct sim_part **at = &parts;

	while (*at != NULL && strcmp((*at)->name, part->name) < 0)
		at = &(*at)->next;
	part->next = *at;
	*at = part;
}

const struct sim_part *sim_part_all(void)
{
	if (is_sorted)
		return parts;
	is_sorted = true;
	for (struct sim_part *p = parts; p != NULL; p = p->next) {
		TR_ASSERT(part_count < SIM_PARTS_MAX);
		p->index = part_count++;
		for (size_t i = 0; p->faults != NULL && p->faults[i] != NULL; i++) {
			TR_ASSERT(fault_count < SIM_FAULTS_MAX);
			p->faults[i]->index = fault_count;
			p->faults[i]->bit = (uint64_t)1 << fault_count;
			faults[fault_count++] = p->faults[i];
		}
	}
	return parts;
}

const struct sim_fault *sim_fault_find(const char *name)
{
	sim_part_all();
	for (unsigned i = 0; i < fault_count; i++)
		if (strcmp(faults[i]->name, name) == 0)
			return faults[i];
	return NULL;
}

const struct sim_fault *sim_fault_at(unsigned index)
{
	sim_part_all();
	return index < fault_count ? faults[index] : NULL;
}

void *sim_part_data(struct sim_world *world, const struct sim_part *part, size_t size)
{
	void **data = &world->part_data[part->index];

	if (*data == NULL)
		*data = calloc(1, size);
	TR_ASSERT(*data != NULL);
	return *data;
}

void sim_part_free_data(struct sim_world *world)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next) {
		if (p->free != NULL && world->part_data[p->index] != NULL)
			p->free(world);
		free(world->part_data[p->index]);
		world->part_data[p->index] = NULL;
	}
}

bool sim_throws(const struct sim_world *world, const struct sim_fault *fault)
{
	return (world->faults & fault->bit) != 0;
}

void sim_thrown(struct sim_world *world, const struct sim_fault *fault)
{
	world->counts.thrown[fault->index]++;
}

void sim_part_begin(struct sim_world *world)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->begin != NULL)
			p->begin(world);
}

void sim_part_tick(struct sim_world *world)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->tick != NULL)
			p->tick(world);
}

void sim_part_end(struct sim_world *world)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->end != NULL)
			p->end(world);
}

bool sim_part_excuses(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->excuses != NULL && p->excuses(world, host, trace))
			return true;
	return false;
}

void sim_part_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->trace != NULL)
			p->trace(world, host, trace);
}

void sim_part_frame(struct sim_world *world, unsigned host, uint32_t link, const Terrace__Msg *msg)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->frame != NULL)
			p->frame(world, host, link, msg);
}

void sim_part_stick(struct sim_world *world, unsigned host, const Terrace__Msg *msg)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->stick != NULL)
			p->stick(world, host, msg);
}

void sim_part_look(struct sim_world *world, unsigned host)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->look != NULL)
			p->look(world, host);
}

void sim_part_restart(struct sim_world *world, unsigned host)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->restart != NULL)
			p->restart(world, host);
}

void sim_part_replaced(struct sim_world *world, unsigned host)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->replaced != NULL)
			p->replaced(world, host);
}

void sim_part_operate(struct sim_world *world)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->operate != NULL)
			p->operate(world);
}

bool sim_part_is_quiet(struct sim_world *world, const char **why, unsigned *who)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->is_quiet != NULL && !p->is_quiet(world, why, who))
			return false;
	return true;
}

void sim_part_rest(struct sim_world *world)
{
	for (const struct sim_part *p = sim_part_all(); p != NULL; p = p->next)
		if (p->rest != NULL)
			p->rest(world);
}
