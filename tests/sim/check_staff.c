/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every active staff record has exactly one owner: at rest a staff_id is
 * active in one record only, its home is one unit, and every holder of it says
 * the same.
 */
#include <string.h>

#include "proto/err.h"

#include "tests/sim/oracle.h"
#include "tests/sim/part.h"

#define STAFF_MAX 2048
#define ACTIVE 1

struct person { uint8_t id[TR_SOURCE_ID_MAX]; size_t size; unsigned home; };

static struct person people[STAFF_MAX];

/* Who the record is, if it is active.  False: it is not. */
static bool load(struct sim_world *world, unsigned host, const struct tr_rec_id *id, struct person *out)
{
	struct rep_record *rec = world->oracle->scratch;
	const struct rep_value *name, *state;

	rec->policy = rep_policy_of(world->host[host].node);
	if (rep_record_load(rec, &world->host[host].view, TR_KIND_STAFF, id) != 0)
		sim_fail(world, host, "store", "a listed record does not load");
	name = rep_record_value(rec, rep_schema_by_name(TR_KIND_STAFF, "staff_id", 8)->id);
	state = rep_record_value(rec, rep_schema_by_name(TR_KIND_STAFF, "state", 5)->id);
	if (name == NULL || name->t.size > sizeof(out->id) || (state != NULL && state->i != ACTIVE))
		return false;
	memcpy(out->id, name->t.data, name->t.size);
	out->size = name->t.size;
	out->home = sim_host_of(world, rec->scope);
	return true;
}

static const struct person *find(unsigned count, const struct person *p)
{
	for (unsigned i = 0; i < count; i++)
		if (people[i].size == p->size && memcmp(people[i].id, p->id, p->size) == 0)
			return &people[i];
	return NULL;
}

/* The top node holds all of them; the others must say the same of theirs. */
static void rest(struct sim_world *world)
{
	unsigned count = 0;

	for (unsigned h = 0; h < world->host_count; h++) {
		struct tr_rec_id id, last, *after = NULL;

		while (rep_next_record(&world->host[h].view, TR_KIND_STAFF, after, &id) == 0) {
			const struct person *known;
			struct person p;

			last = id;
			after = &last;
			if (!load(world, h, &id, &p))
				continue;
			known = find(count, &p);
			if (p.home == SIM_NONE)
				sim_fail(world, h, "staff", "an active post belongs to nobody");
			if (h == 0 && known != NULL)
				sim_fail(world, h, "staff", "%s and %s own one active post", world->host[known->home].name,
				    world->host[p.home].name);
			if (h != 0 && (known == NULL || known->home != p.home))
				sim_fail(world, h, "staff", "an active post of %s is another's, or nobody's, at the top",
				    world->host[p.home].name);
			if (h == 0 && count < STAFF_MAX)
				people[count++] = p;
		}
	}
}

static struct sim_part part = {.name = "staff", .rest = rest};
SIM_PART(part)
