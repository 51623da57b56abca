/* SPDX-License-Identifier: Apache-2.0 */
/* One step after the other; what is expected is looked for each second. */
#include "tests/sim/scn.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "tests/sim/oracle.h"
#include "tests/sim/sweep.h"

#define LOOK_MS 1000

void scn_fail(struct scn_run *run, const char *format, ...)
{
	char text[400], line[20];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "line %u", run->line);
	sim_fail(run->world, SIM_NONE, line, "%s: %s", run->scn->name, text);
}

const struct scn_value *scn_arg(const struct scn_step *step, const char *key)
{
	for (unsigned i = 0; i < SCN_ARGS_MAX; i++)
		if (step->verb->arg[i].key != NULL && strcmp(step->verb->arg[i].key, key) == 0)
			return step->value[i].has ? &step->value[i] : NULL;
	return NULL;
}

bool scn_rec_id(struct scn_run *run, const struct scn_value *value, struct tr_rec_id *id)
{
	const struct sim_oracle *o = run->world->oracle;
	uint64_t ticket = run->ticket[value->rec];
	const struct sim_write *w = ticket != 0 ? &o->write[ticket - 1] : NULL;

	if (w == NULL || w->rec == SIM_NONE || (w->state != SIM_WRITE_ACKED && w->state != SIM_WRITE_DURABLE))
		return false;
	for (unsigned r = w->rec; r < o->rec_count; r++) {
		if (value->node != SIM_NONE && (o->rec[r].home != value->node || o->rec[r].kind != TR_KIND_DIRECTIVE ||
		    memcmp(&o->rec[r].directive, &o->rec[w->rec].directive, sizeof(struct tr_rec_id)) != 0))
			continue;
		*id = o->rec[r].id;
		return true;
	}
	return false;
}

const char *scn_word(const char *words, int64_t number, char out[static SCN_NAME_MAX + 1])
{
	while (number-- > 0)
		words += strcspn(words, "|") + 1;
	snprintf(out, SCN_NAME_MAX + 1, "%.*s", (int)strcspn(words, "|"), words);
	return out;
}

static struct scn_run *current; /* a world has no place for its scenario in the hook of traces */

static void on_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	(void)world;
	current->seen[host][trace->code]++;
}

static void see(struct scn_run *run, const struct scn_step *step)
{
	const struct scn_value *within = scn_arg(step, "within");
	int64_t until = run->world->now_ms + (within != NULL ? within->num : 0);
	char why[200] = "";

	while (!step->verb->see(run, step, why, sizeof(why))) {
		if (run->world->now_ms >= until)
			scn_fail(run, "'%s' does not hold: %s", step->verb->name, why);
		sim_world_advance(run->world, LOOK_MS);
	}
	sim_log(run->world, SIM_NONE, "line %u: %s holds", step->line, step->verb->name);
}

static void wait(struct scn_run *run, const struct scn_step *step)
{
	int64_t at = step->is_after ? run->world->now_ms + step->at_ms : run->start_ms + step->at_ms;

	if (!step->has_at)
		return;
	if (at < run->world->now_ms)
		scn_fail(run, "it is later than that: what was expected before took longer");
	while (run->world->now_ms < at) {
		int64_t next = run->world->now_ms + 60000;

		sim_world_run(run->world, next < at ? next : at);
		sim_part_tick(run->world);
	}
}

static bool is_skipped(const struct sim_conf *conf, unsigned step)
{
	for (unsigned i = 0; i < conf->skip_count; i++)
		if (step >= conf->skip[i].from && step < conf->skip[i].to)
			return true;
	return false;
}

static void all_steps(struct scn_run *run, const struct sim_conf *conf)
{
	const struct scn *scn = run->scn;
	unsigned left[SCN_STEPS_MAX];

	for (unsigned i = 0; i < scn->step_count && i < conf->steps; i++) {
		const struct scn_step *step = &scn->step[i];

		run->line = step->line;
		run->world->action = i;
		wait(run, step);
		if (step->verb == NULL && step->repeat != 0) {
			left[i] = step->repeat;
		} else if (step->verb == NULL) {
			const struct scn_step *begin = &scn->step[step->partner];

			sim_world_advance(run->world, begin->every_ms);
			if (--left[step->partner] != 0)
				i = step->partner;
		} else if (is_skipped(conf, i)) {
			continue;
		} else if (step->verb->see != NULL) {
			see(run, step);
		} else {
			step->verb->run(run, step);
		}
	}
}

void sim_run_scenario(const struct sim_conf *conf, struct sim_counts *counts, uint64_t *trace)
{
	const struct scn *scn = conf->scenario;
	struct sim_world *world = sim_world_create(conf);
	struct scn_run *run = calloc(1, sizeof(*run));

	TR_ASSERT(run != NULL);
	*run = (struct scn_run){.world = world, .scn = scn};
	current = run;
	world->on_trace = on_trace;
	for (unsigned i = 0; i < scn->node_count; i++) {
		sim_world_add(world, scn->node[i].parent, scn->node[i].name);
		world->host[i].profile = scn->node[i].profile == TR_PROFILE_STICK ? TR_PROFILE_FIBRE : scn->node[i].profile;
	}
	sim_found_all(world);
	sim_world_advance(world, 30000);
	for (unsigned i = 0; i < scn->node_count; i++) {
		/* A unit that lives on sticks has joined at its street's office. */
		if (scn->node[i].profile != TR_PROFILE_STICK)
			continue;
		world->host[i].profile = TR_PROFILE_STICK;
		sim_host_crash(world, i, 1);
	}
	sim_part_begin(world);
	sim_world_advance(world, 1000);
	run->start_ms = world->now_ms;
	all_steps(run, conf);
	sim_world_rest(world);
	sim_sweep_look(world);
	world->counts.held_max = (uint64_t)nomem_peak();
	*counts = world->counts;
	*trace = world->trace;
	for (unsigned i = 0; i < SCN_RECS_MAX; i++)
		sim_frames_fini(&run->stick[i]);
	sim_world_free(world);
	free(run);
}
