/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles on sticks: written at any time, kept, lost, read twice, read in the
 * wrong order, read at the wrong node.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define STICKS_MAX 24

struct stick {
	unsigned from, to;
	struct sim_frames frames;
};

struct sim_stick_box {
	struct stick stick[STICKS_MAX];
	unsigned count;
};

void sim_frames_push(struct sim_frames *f, struct tr_bytes bytes)
{
	if (f->count == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 64;
		f->data = realloc(f->data, f->cap * sizeof(*f->data));
		f->size = realloc(f->size, f->cap * sizeof(*f->size));
		TR_ASSERT(f->data != NULL);
		TR_ASSERT(f->size != NULL);
	}
	f->data[f->count] = malloc(bytes.size + 1);
	TR_ASSERT(f->data[f->count] != NULL);
	memcpy(f->data[f->count], bytes.data, bytes.size);
	f->size[f->count++] = bytes.size;
}

void sim_frames_fini(struct sim_frames *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->data[i]);
	free(f->data);
	free(f->size);
	*f = (struct sim_frames){0};
}

static void drop(struct sim_stick_box *box, unsigned i)
{
	sim_frames_fini(&box->stick[i].frames);
	box->stick[i] = box->stick[--box->count];
}

void sim_stick_forget(struct sim_world *world, unsigned from)
{
	for (unsigned i = world->sticks != NULL ? world->sticks->count : 0; i-- > 0;)
		if (world->sticks->stick[i].from == from)
			drop(world->sticks, i);
}

void sim_stick_box_free(struct sim_stick_box *box)
{
	if (box == NULL)
		return;
	while (box->count != 0)
		drop(box, 0);
	free(box);
}

static int emit(void *ctx, struct tr_bytes msg)
{
	struct nomem_account *account = nomem_charge(NULL);

	sim_frames_push(ctx, msg);
	(void)nomem_charge(account);
	return 0;
}

static struct stick *fresh(struct sim_world *world, unsigned from, unsigned to)
{
	struct stick *s;

	if (world->sticks == NULL) {
		world->sticks = calloc(1, sizeof(*world->sticks));
		TR_ASSERT(world->sticks != NULL);
	}
	if (world->sticks->count == STICKS_MAX)
		drop(world->sticks, 0);
	s = &world->sticks->stick[world->sticks->count++];
	*s = (struct stick){.from = from, .to = to};
	return s;
}

void sim_stick_write(struct sim_world *world, unsigned from, unsigned to, struct sim_frames *out)
{
	struct sim_host *h = &world->host[from];
	struct rep_view view = memview_read_view(h->store);
	int rc;

	if (!sim_host_is_up(world, from))
		return;
	sim_host_commit(world, from); /* as the engine does before */
	if (!sim_host_is_up(world, from))
		return;
	(void)nomem_charge(&h->memory);
	rc = rep_bundle_export(h->node, &view, world->host[to].nid,
	    (struct tr_wall_ms){sim_host_wall(world, from)}, emit, out);
	(void)nomem_charge(NULL);
	if (rc == TR_E_NOUNIT && h->restores != 0)
		return; /* a new machine has not learnt yet who is below it */
	if (rc != 0)
		sim_fail(world, from, "bundle", "export for %s: %s", world->host[to].name, tr_err_code(rc));
	rep_check(h->node, &h->view);
	world->counts.sticks++;
	for (size_t i = 0; i < out->count; i++) {
		struct tr_bytes frame = {out->data[i], out->size[i]};

		sim_trace_bytes(world, frame);
		sim_watch_stick(world, from, frame);
	}
	sim_log(world, from, "stick for %s, %zu frames", world->host[to].name, out->count);
}

void sim_stick_export(struct sim_world *world, unsigned from, unsigned to)
{
	if (sim_host_is_up(world, from))
		sim_stick_write(world, from, to, &fresh(world, from, to)->frames);
}

void sim_stick_read(struct sim_world *world, unsigned at, unsigned from,
    const struct sim_frames *frames, struct sim_frames *reply)
{
	struct sim_host *h = &world->host[at];
	struct rep_event event = {.kind = REP_EV_BUNDLE_BEGIN, .peer = world->host[from].nid};
	uint64_t life = h->life;

	if (!sim_host_is_up(world, at))
		return;
	sim_log(world, at, "reads a stick of %s, %zu frames", world->host[from].name, frames->count);
	sim_host_commit(world, at);
	h->bundle = reply;
	if (h->life == life)
		sim_host_step(world, at, &event);
	event.kind = REP_EV_BUNDLE_FRAME;
	for (size_t i = 0; i < frames->count && h->life == life; i++) {
		event.frame = (struct tr_bytes){frames->data[i], frames->size[i]};
		sim_host_step(world, at, &event);
	}
	event.kind = REP_EV_BUNDLE_END;
	if (h->life == life)
		sim_host_step(world, at, &event);
	if (h->life == life)
		sim_host_commit(world, at);
	h->bundle = NULL;
}

void sim_stick_import_any(struct sim_world *world, struct sim_rng *rng)
{
	struct sim_stick_box *box = world->sticks;
	struct sim_frames reply = {0};
	struct stick s;
	unsigned i, at;

	if (box == NULL || box->count == 0)
		return;
	i = (unsigned)sim_rng_below(rng, box->count);
	s = box->stick[i];
	at = s.to;
	if (sim_rng_chance(rng, 100)) /* the wrong office */
		at = (unsigned)sim_rng_below(rng, world->host_count);
	world->is_astray = at != s.to;
	sim_stick_read(world, at, s.from, &s.frames, &reply);
	world->is_astray = false;
	if (reply.count != 0 && sim_rng_chance(rng, 800)) {
		struct stick *answer = fresh(world, at, s.from);

		answer->frames = reply;
	} else {
		sim_frames_fini(&reply);
	}
	if (i < box->count && sim_rng_chance(rng, 600))
		drop(box, i);
}

void sim_stick_round(struct sim_world *world, unsigned child)
{
	unsigned parent = world->host[child].parent;
	struct sim_frames reply = {0};
	struct stick *s;

	sim_stick_export(world, child, parent);
	s = &world->sticks->stick[world->sticks->count - 1];
	sim_stick_read(world, parent, child, &s->frames, &reply);
	sim_stick_read(world, child, parent, &reply, NULL);
	sim_frames_fini(&reply);
	sim_stick_export(world, parent, child);
	s = &world->sticks->stick[world->sticks->count - 1];
	sim_stick_read(world, child, parent, &s->frames, &reply);
	sim_stick_read(world, parent, child, &reply, NULL);
	sim_frames_fini(&reply);
}
