/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim -- runs seeds, each in a process of its own, and says which failed.
 *
 *   sim --seeds 200 [--from 1] [--jobs 2]   seeds 1..200; "sim: N passed, M failed"
 *   sim --seed 17 [--steps 80] [--skip 10-20,33-34] [--faults cut,crash] [-v]   one seed again
 *   sim --seed 17 --trace-hash              prints the trace's hash
 *   sim --scenario FILE [-v]                what the file says, on a tree of its own
 *   sim --sweep [FILE...] [--seeds 3]       each call of the store and each allocation fails in turn
 *   sim --list                              the faults and what they do
 *
 * --memory MiB bounds what a seed may hold (0: no bound).  Exit codes: 0 all
 * passed; 1 something failed; 64 usage; 65 the scenario file is refused; 71 the
 * machine (no process, no pipe); 75 nothing failed, but a seed needed more
 * memory than its bound.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "tests/sim/many.h"
#include "tests/sim/scn.h"
#include "tests/sim/shrink.h"
#include "tests/sim/sweep.h"

#define STEPS_DEFAULT 120
#define MEMORY_MIB_MAX (1 << 20)

static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *out <= max)
		return true;
	fprintf(stderr, "sim: '%s' is not a number up to %" PRIu64 "\n", text, max);
	return false;
}

static bool parse_faults(const char *text, uint64_t *mask)
{
	char buf[1024], *save = NULL;

	if (strlen(text) >= sizeof(buf)) {
		fprintf(stderr, "sim: --faults is too long\n");
		return false;
	}
	strcpy(buf, text);
	*mask = 0;
	for (char *w = strtok_r(buf, ",", &save); w != NULL; w = strtok_r(NULL, ",", &save)) {
		const struct sim_fault *f = sim_fault_find(w);

		if (f == NULL && strcmp(w, "none") != 0) {
			fprintf(stderr, "sim: no fault is called '%s'; sim --list names them\n", w);
			return false;
		}
		*mask |= f != NULL ? f->bit : 0;
	}
	return true;
}

static bool parse_skip(struct sim_conf *conf, const char *text)
{
	while (*text != '\0') {
		char *end;
		unsigned from = (unsigned)strtoul(text, &end, 10);
		unsigned to = *end == '-' ? (unsigned)strtoul(end + 1, &end, 10) : from + 1;

		if (end == text || (*end != ',' && *end != '\0') || conf->skip_count == SIM_SKIPS_MAX) {
			fprintf(stderr, "sim: --skip: '%s' is not understood, or too many ranges\n", text);
			return false;
		}
		conf->skip[conf->skip_count].from = from;
		conf->skip[conf->skip_count++].to = to;
		text = *end == ',' ? end + 1 : end;
	}
	return true;
}

static int list(void)
{
	const struct sim_fault *f;

	for (unsigned i = 0; (f = sim_fault_at(i)) != NULL; i++)
		printf("%-10s in %3u of 1000 seeds  %s\n", f->name, f->chance, f->does);
	return 0;
}

static int run_one(const struct sim_conf *conf, bool hash)
{
	struct sim_result r = sim_many_one(conf, false);

	if (hash)
		printf("%016" PRIx64 "\n", r.trace);
	else if (r.passed)
		sim_many_print_counts(&r.counts);
	printf("seed %" PRIu64 ": %s\n", conf->seed, r.passed ? "passed" : "FAILED");
	return sim_many_exit(&r);
}

/* 65: the file is refused. */
static int run_scenario(struct sim_many *many, const char *path)
{
	struct scn_error error;
	struct scn *scn = scn_load(path, &error);
	struct sim_result r;

	if (scn == NULL) {
		fprintf(stderr, "%s:%u:%u: %s\n", path, error.line, error.col, error.text);
		return 65;
	}
	many->conf.scenario = scn;
	many->conf.seed = scn->seed;
	r = sim_many_one(&many->conf, false);
	if (!r.passed && many->conf.skip_count == 0 && many->conf.steps == SCN_STEPS_MAX) {
		many->conf.steps = scn->step_count;
		sim_shrink(&many->conf);
		sim_shrink_print(&many->conf, many->self);
	}
	printf("%s: %s\n", path, r.passed ? "passed" : "FAILED");
	scn_free(scn);
	return sim_many_exit(&r);
}

int main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"seed", required_argument, NULL, 's'}, {"seeds", required_argument, NULL, 'n'},
	    {"from", required_argument, NULL, 'f'}, {"steps", required_argument, NULL, 'm'},
	    {"skip", required_argument, NULL, 'k'}, {"faults", required_argument, NULL, 'F'},
	    {"scenario", required_argument, NULL, 'S'}, {"jobs", required_argument, NULL, 'j'}, 
	    {"memory", required_argument, NULL, 'M'}, {"list", no_argument, NULL, 'l'},
	    {"trace-hash", no_argument, NULL, 'H'}, {"first", no_argument, NULL, '1'},
	    {"sweep", no_argument, NULL, 'w'},
	    {"strike", required_argument, NULL, 'W'}, {"verbose", no_argument, NULL, 'v'}, {0}};
	struct sim_many many = {.conf = {.steps = STEPS_DEFAULT, .faults = UINT64_MAX, .memory = SIM_MEMORY_DEFAULT}, .first = 1, .self = argv[0]};
	uint64_t steps = UINT64_MAX, jobs = 1, mib = SIM_MEMORY_DEFAULT >> 20;
	bool hash = false, good = true, sweep = false;
	const char *scenario = NULL;
	int c;

	if (sodium_init() < 0)
		return 71;
	while (good && (c = getopt_long(argc, argv, "v", OPTIONS, NULL)) != -1) {
		switch (c) {
		case 's': good = parse_number(optarg, UINT64_MAX, &many.conf.seed); break;
		case 'n': good = parse_number(optarg, UINT64_MAX, &many.count); break;
		case 'f': good = parse_number(optarg, UINT64_MAX, &many.first); break;
		case 'm': good = parse_number(optarg, 1000000, &steps); break;
		case 'j': good = parse_number(optarg, SIM_JOBS_MAX, &jobs) && jobs != 0; break;
		case 'M': good = parse_number(optarg, MEMORY_MIB_MAX, &mib); break;
		case 'k': good = parse_skip(&many.conf, optarg); break;
		case 'F': good = parse_faults(optarg, &many.conf.faults); break;
		case 'l': return list();
		case 'S': scenario = optarg; break;
		case 'H': hash = true; break;
		case 'w': sweep = true; break;
		case 'W': many.strike = optarg; break;
		case '1': many.first_only = true; break;
		case 'v': many.conf.verbose = true; break;
		default: good = false; break;
		}
	}
	if (!good || (optind != argc && !sweep))
		return 64;
	many.conf.memory = (int64_t)mib << 20;
	many.conf.steps = (unsigned)steps;
	if (steps == UINT64_MAX)
		many.conf.steps = scenario != NULL ? SCN_STEPS_MAX : STEPS_DEFAULT;
	many.jobs = (unsigned)jobs;
	if (sweep)
		return sim_sweep_run(&many, argv + optind, argc - optind);
	if (scenario != NULL)
		return run_scenario(&many, scenario);
	return many.count != 0 ? sim_many_run(&many) : run_one(&many.conf, hash);
}
