/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/shrink.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "tests/sim/many.h"
#include "tests/sim/scn.h"

#define SHRINK_RUNS_MAX 120
#define SHRINK_SECONDS_MAX 60

static time_t began;
static char wanted[sizeof(((struct sim_result *)0)->failure)];

/* Fails, and for the same reason: another failure is another story. */
static bool fails(const struct sim_conf *conf, unsigned *runs)
{
	struct sim_result r;

	if (time(NULL) - began > SHRINK_SECONDS_MAX) {
		*runs = SHRINK_RUNS_MAX;
		return false;
	}
	r = sim_many_one(conf, true);
	(*runs)++;
	return !r.passed && strcmp(r.failure, wanted) == 0;
}

static uint64_t bits_between(unsigned from, unsigned to)
{
	uint64_t bits = 0;

	for (unsigned i = from; i < to && i < SIM_FAULTS_MAX; i++)
		bits |= (uint64_t)1 << i;
	return bits;
}

/* Faults that it fails without; first half of them, then quarters, then each. */
static void shrink_faults(struct sim_conf *conf, unsigned *runs)
{
	unsigned count = 0;

	while (sim_fault_at(count) != NULL)
		count++;
	conf->faults &= bits_between(0, count);
	for (unsigned size = count; size > 0; size /= 2) {
		for (unsigned from = 0; from < count && *runs < SHRINK_RUNS_MAX; from += size) {
			struct sim_conf try = *conf;

			try.faults &= ~bits_between(from, from + size);
			if (try.faults != conf->faults && fails(&try, runs))
				*conf = try;
		}
	}
}

static void shrink_end(struct sim_conf *conf, unsigned *runs)
{
	struct sim_conf try = *conf;
	unsigned low = 0;

	while (low < conf->steps && *runs < SHRINK_RUNS_MAX) {
		try.steps = low + (conf->steps - low) / 2;
		if (fails(&try, runs))
			conf->steps = try.steps;
		else
			low = try.steps + 1;
	}
}

static bool is_all_skipped(const struct sim_conf *conf, unsigned from, unsigned to)
{
	for (unsigned i = 0; i < conf->skip_count; i++)
		while (from < to && from >= conf->skip[i].from && from < conf->skip[i].to)
			from++;
	return from >= to;
}

/* Puts [from, to) among the ranges; neighbours become one. */
static void skip(struct sim_conf *conf, unsigned from, unsigned to)
{
	for (unsigned i = 0; i < conf->skip_count;) {
		if (conf->skip[i].to < from || conf->skip[i].from > to) {
			i++;
			continue;
		}
		from = conf->skip[i].from < from ? conf->skip[i].from : from;
		to = conf->skip[i].to > to ? conf->skip[i].to : to;
		conf->skip[i] = conf->skip[--conf->skip_count];
	}
	conf->skip[conf->skip_count].from = from;
	conf->skip[conf->skip_count++].to = to;
}

static void shrink_actions(struct sim_conf *conf, unsigned *runs)
{
	for (unsigned size = conf->steps / 2; size > 0; size /= 2) {
		for (unsigned from = 0; from < conf->steps; from += size) {
			unsigned to = from + size < conf->steps ? from + size : conf->steps;
			struct sim_conf try = *conf;

			if (*runs >= SHRINK_RUNS_MAX || conf->skip_count == SIM_SKIPS_MAX)
				return;
			if (is_all_skipped(conf, from, to))
				continue;
			skip(&try, from, to);
			if (fails(&try, runs))
				*conf = try;
		}
	}
}

void sim_shrink(struct sim_conf *conf)
{
	unsigned runs = 1;

	began = time(NULL);
	snprintf(wanted, sizeof(wanted), "%s", sim_many_one(conf, true).failure);
	if (conf->scenario == NULL)
		shrink_faults(conf, &runs);
	shrink_end(conf, &runs);
	shrink_actions(conf, &runs);
	if (conf->scenario == NULL)
		shrink_faults(conf, &runs);
}

void sim_shrink_print(const struct sim_conf *conf, const char *self)
{
	const struct sim_fault *f;
	const char *sep = " --faults ";
	bool is_all = true;

	if (conf->scenario != NULL)
		printf("replay: %s --scenario %s --steps %u", self, conf->scenario->name, conf->steps);
	else
		printf("replay: %s --seed %" PRIu64 " --steps %u", self, conf->seed, conf->steps);
	for (unsigned i = 0; (f = sim_fault_at(i)) != NULL; i++)
		is_all = is_all && (conf->faults & f->bit) != 0;
	for (unsigned i = 0; conf->scenario == NULL && !is_all && (f = sim_fault_at(i)) != NULL; i++) {
		if ((conf->faults & f->bit) == 0)
			continue;
		printf("%s%s", sep, f->name);
		sep = ",";
	}
	if (conf->scenario == NULL && !is_all && *sep == ' ')
		printf("%snone", sep);
	for (unsigned i = 0; i < conf->skip_count; i++)
		printf("%s%u-%u", i == 0 ? " --skip " : ",", conf->skip[i].from, conf->skip[i].to);
	if (conf->memory != SIM_MEMORY_DEFAULT)
		printf(" --memory %lld", (long long)(conf->memory >> 20));
	printf(" -v\n");
}
