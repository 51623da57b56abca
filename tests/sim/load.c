/* SPDX-License-Identifier: Apache-2.0 */
/* More than the links carry, of all lanes and in many scopes. */
#include "tests/sim/sim.h"

#include <inttypes.h>
#include <string.h>

#include "tests/sim/put.h"
#include "tests/sim/scn.h"

#define NOTE_MAX 3000

/* One of those under it that has joined, or itself. */
static unsigned below(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	unsigned found = host, seen = 1;

	for (unsigned i = 0; i < world->host_count; i++)
		if (i != host && world->host[i].nid.v != 0 && sim_is_over(world, host, i) && sim_rng_below(rng, ++seen) == 0)
			found = i;
	return found;
}

static void put_case(struct sim_world *world, struct sim_rng *rng, unsigned host, bool bulk)
{
	char note[NOTE_MAX + 1];
	size_t size = sim_rng_chance(rng, 300) ? NOTE_MAX : (size_t)sim_rng_between(rng, 10, 600);
	struct sim_put put;

	memset(note, 'z', size);
	note[size] = '\0';
	sim_put_init(&put, TR_KIND_CASE);
	sim_put_text(&put, "source", "sim");
	sim_put_text(&put, "source_id", "l%" PRIu64, sim_rng_next(rng));
	sim_put_add(&put, "notes", note);
	put.write.bulk = bulk;
	put.write.home = world->host[below(world, rng, host)].nid;
	sim_put_do(world, host, &put);
}

/* To one that is not itself; none if there is nobody. */
static void put_directive(struct sim_world *world, struct sim_rng *rng, unsigned host, bool is_urgent)
{
	unsigned to = below(world, rng, host);
	struct sim_put put;

	if (to == host)
		return;
	sim_put_init(&put, TR_KIND_DIRECTIVE);
	sim_put_text(&put, "title", "the dam");
	sim_put_text(&put, "body", "leave the low ground %u", (unsigned)sim_rng_below(rng, 1000));
	if (is_urgent)
		sim_put_int(&put, "priority", 3);
	put.targets[put.write.target_count++] = world->host[to].nid;
	sim_put_do(world, host, &put);
}

/* Nothing of it has left when it returns. */
static void put_all(struct sim_world *world, struct sim_rng *rng, unsigned host, unsigned records, unsigned bulk, unsigned directives)
{
	for (unsigned left = records + bulk + directives; left > 0; left--) {
		uint64_t dice = sim_rng_below(rng, left);

		if (dice < records) {
			put_case(world, rng, host, false);
			records--;
		} else if (dice < records + bulk) {
			put_case(world, rng, host, true);
			bulk--;
		} else {
			put_directive(world, rng, host, false);
			directives--;
		}
	}
}

void sim_load(struct sim_world *world, struct sim_rng *rng)
{
	struct sim_weather fair = world->weather;
	unsigned host = (unsigned)sim_rng_below(rng, world->host_count), count = 10 + (unsigned)sim_rng_below(rng, 30);

	world->weather.rate = sim_rng_between(rng, 1500, 60000);
	for (unsigned tries = 0; tries < 4 && (world->host[host].child_count == 0 || !sim_host_is_up(world, host)); tries++)
		host = (unsigned)sim_rng_below(rng, world->host_count);
	for (unsigned i = 0; i < count && sim_host_is_up(world, host); i++) {
		put_all(world, rng, host, (unsigned)sim_rng_below(rng, 10), (unsigned)sim_rng_below(rng, 8), (unsigned)sim_rng_below(rng, 2));
		if (i % 4 == 3)
			put_directive(world, rng, host, true);
		sim_world_advance(world, sim_rng_between(rng, 5, 200));
	}
	for (unsigned i = 0; i < 8 && sim_host_is_up(world, host); i++) {
		put_directive(world, rng, host, i % 2 == 0);
		sim_world_advance(world, sim_rng_between(rng, 10, 3000));
	}
	world->weather = fair;
}

static unsigned number(const struct scn_step *step, const char *key)
{
	const struct scn_value *v = scn_arg(step, key);

	return v != NULL ? (unsigned)v->num : 0;
}

static void run_load(struct scn_run *run, const struct scn_step *step)
{
	struct sim_rng rng = sim_rng_make(run->world->conf.seed, 0x10ad);

	if (!sim_host_is_up(run->world, step->value[0].node))
		scn_fail(run, "%s is down", run->world->host[step->value[0].node].name);
	put_all(run->world, &rng, step->value[0].node, number(step, "records"), number(step, "bulk"), number(step, "directives"));
}

static struct scn_verb verb = {.name = "load", .arg = {{SCN_NODE, NULL, NULL}, {SCN_NUM, "records", NULL},
	{SCN_NUM, "bulk", NULL}, {SCN_NUM, "directives", NULL}}, .run = run_load};

SIM_VERB(verb, load)
