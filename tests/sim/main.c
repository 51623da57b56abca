/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim -- runs seeds, each in a process of its own, and says which failed.
 *
 *   sim --seeds 200              seeds 1..200; "sim: N passed, M failed"
 *   sim --seed 17 [--steps 80] [--skip 10-20,33-34] [-v]   one seed again
 *   sim --seed 17 --hash         prints the trace's hash
 */
#include "tests/sim/sim.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "proto/err.h"

#define STEPS_DEFAULT 120
#define SEED_SECONDS_MAX 120
#define SHRINK_RUNS_MAX 80
#define SHRINK_SEEDS_MAX 3
#define DOUBLE_EVERY 16 /* every so many seeds a second run must give the same trace */

struct result {
	bool passed;
	uint64_t trace;
	struct sim_counts counts;
};

static const struct { const char *name; uint32_t bit; } FAULTS[] = {
    {"loss", SIM_F_LOSS}, {"repeat", SIM_F_REPEAT}, {"reorder", SIM_F_REORDER}, {"cut", SIM_F_CUT},
    {"crash", SIM_F_CRASH}, {"clock", SIM_F_CLOCK}, {"stick", SIM_F_STICK}, {"rate", SIM_F_RATE},
    {"full", SIM_F_FULL}, {"pause", SIM_F_PAUSE}, {"rubbish", SIM_F_RUBBISH},
    {"flood", SIM_F_FLOOD}, {"restore", SIM_F_RESTORE}};

static void child_main(const struct sim_conf *conf, int fd, bool quiet)
{
	struct result r = {.passed = true};

	if (quiet && freopen("/dev/null", "w", stderr) == NULL)
		_Exit(2);
	alarm(SEED_SECONDS_MAX);
	sim_run_seed(conf, &r.counts, &r.trace);
	fflush(stdout);
	_Exit(write(fd, &r, sizeof(r)) == (ssize_t)sizeof(r) ? 0 : 2);
}

/* One seed in a child: an assertion or a crash costs only that seed. */
static struct result run(const struct sim_conf *conf, bool quiet)
{
	struct result r = {0};
	int fd[2], status;
	pid_t pid;

	fflush(stdout);
	fflush(stderr);
	if (pipe(fd) != 0 || (pid = fork()) < 0) {
		perror("sim");
		exit(71);
	}
	if (pid == 0) {
		close(fd[0]);
		child_main(conf, fd[1], quiet);
	}
	close(fd[1]);
	if (read(fd[0], &r, sizeof(r)) != (ssize_t)sizeof(r))
		r = (struct result){0};
	close(fd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		r.passed = false;
	if (WIFSIGNALED(status) && !quiet)
		fprintf(stderr, "seed %" PRIu64 ": ended by signal %d%s\n", conf->seed, WTERMSIG(status),
		    WTERMSIG(status) == SIGALRM ? " (too slow)" : "");
	return r;
}

static void print_replay(const struct sim_conf *conf, const char *self)
{
	printf("replay: %s --seed %" PRIu64 " --steps %u", self, conf->seed, conf->steps);
	for (unsigned i = 0; i < conf->skip_count; i++)
		printf("%s%u-%u", i == 0 ? " --skip " : ",", conf->skip[i].from, conf->skip[i].to);
	printf(" -v\n");
}

static bool is_all_skipped(const struct sim_conf *conf, unsigned from, unsigned to)
{
	for (unsigned i = 0; i < conf->skip_count; i++)
		while (from < to && from >= conf->skip[i].from && from < conf->skip[i].to)
			from++;
	return from >= to;
}

/* The shortest prefix that still fails, by halving; then ranges left out. */
static void shrink(struct sim_conf *conf)
{
	unsigned low = 0, runs = 0;
	struct sim_conf try = *conf;

	while (low < conf->steps && runs++ < SHRINK_RUNS_MAX) {
		try.steps = low + (conf->steps - low) / 2;
		if (run(&try, true).passed)
			low = try.steps + 1;
		else
			conf->steps = try.steps;
	}
	for (unsigned size = conf->steps / 2; size > 0; size /= 2) {
		for (unsigned from = 0; from + size <= conf->steps; from += size) {
			if (runs >= SHRINK_RUNS_MAX || conf->skip_count == SIM_SKIPS_MAX)
				return;
			if (is_all_skipped(conf, from, from + size))
				continue;
			runs++;
			try = *conf;
			try.skip[try.skip_count].from = from;
			try.skip[try.skip_count++].to = from + size;
			if (!run(&try, true).passed)
				*conf = try;
		}
	}
}

static void add_counts(struct sim_counts *sum, const struct sim_counts *add)
{
	uint64_t *s = (uint64_t *)sum;
	const uint64_t *a = (const uint64_t *)add;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*s); i++)
		s[i] += a[i];
}

static void print_counts(const struct sim_counts *c)
{
	printf("sim: %" PRIu64 " events, %" PRIu64 " frames (%" PRIu64 " lost, %" PRIu64 " twice, %" PRIu64
	    " late, %" PRIu64 " with a flipped bit), %" PRIu64 " bytes, %" PRIu64 " dials\n", c->events, c->frames,
	    c->lost, c->repeated, c->late, c->rubbish, c->frame_bytes, c->dials);
	printf("sim: %" PRIu64 " cuts, %" PRIu64 " restores, %" PRIu64 " crashes, %" PRIu64 " sticks, %" PRIu64 " writes (%" PRIu64
	    " ok, %" PRIu64 " refused), %" PRIu64 " conflicts opened\n", c->cuts, c->restores, c->crashes, c->sticks, c->writes,
	    c->acked, c->refused, c->conflicts);
	for (int i = 1; i < 64; i++)
		if (c->rc[i] != 0)
			printf("sim:   refused with %s: %" PRIu64 "\n", tr_err_code(-i), c->rc[i]);
}

static uint32_t parse_faults(const char *text)
{
	uint32_t mask = 0;
	char buf[256], *save = NULL;

	snprintf(buf, sizeof(buf), "%s", text);
	for (char *w = strtok_r(buf, ",", &save); w != NULL; w = strtok_r(NULL, ",", &save)) {
		size_t i = 0;

		while (i < sizeof(FAULTS) / sizeof(FAULTS[0]) && strcmp(FAULTS[i].name, w) != 0)
			i++;
		if (i < sizeof(FAULTS) / sizeof(FAULTS[0]))
			mask |= FAULTS[i].bit;
		else if (strcmp(w, "none") != 0)
			fprintf(stderr, "sim: no fault is called '%s'\n", w);
	}
	return mask;
}

static void parse_skip(struct sim_conf *conf, const char *text)
{
	while (*text != '\0' && conf->skip_count < SIM_SKIPS_MAX) {
		char *end;
		unsigned from = (unsigned)strtoul(text, &end, 10);
		unsigned to = *end == '-' ? (unsigned)strtoul(end + 1, &end, 10) : from + 1;

		conf->skip[conf->skip_count].from = from;
		conf->skip[conf->skip_count++].to = to;
		text = *end == ',' ? end + 1 : "";
		if (*end != ',' && *end != '\0')
			fprintf(stderr, "sim: --skip: '%s' is not understood\n", end);
	}
}

/* first_only: stop at the first failure, without shrinking it. */
static int run_many(const struct sim_conf *base, uint64_t first, uint64_t count, const char *self, bool first_only)
{
	struct sim_counts sum = {0};
	unsigned passed = 0, failed = 0;
	time_t start = time(NULL);

	for (uint64_t i = 0; i < count; i++) {
		struct sim_conf conf = *base;
		struct result r;

		conf.seed = first + i;
		r = run(&conf, false);
		if (r.passed && i % DOUBLE_EVERY == 0 && run(&conf, false).trace != r.trace) {
			fprintf(stderr, "seed %" PRIu64 ": two runs differ\n", conf.seed);
			r.passed = false;
		}
		add_counts(&sum, &r.counts);
		if (r.passed) {
			passed++;
			continue;
		}
		if (failed++ < SHRINK_SEEDS_MAX && !first_only)
			shrink(&conf);
		print_replay(&conf, self);
		if (first_only)
			return 1;
	}
	print_counts(&sum);
	printf("sim: %" PRIu64 " seeds in %ld s\n", count, (long)(time(NULL) - start));
	printf("sim: %u passed, %u failed\n", passed, failed);
	return failed != 0;
}

int main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
	    {"seed", required_argument, NULL, 's'}, {"seeds", required_argument, NULL, 'n'},
	    {"from", required_argument, NULL, 'f'}, {"steps", required_argument, NULL, 'm'},
	    {"skip", required_argument, NULL, 'k'}, {"faults", required_argument, NULL, 'F'},
	    {"hash", no_argument, NULL, 'H'}, {"first", no_argument, NULL, '1'}, {"verbose", no_argument, NULL, 'v'}, {0}};
	struct sim_conf conf = {.steps = STEPS_DEFAULT, .faults = SIM_F_ALL};
	uint64_t first = 1, count = 0;
	bool hash = false, first_only = false;
	struct result r;
	int c;

	if (sodium_init() < 0)
		return 71;
	while ((c = getopt_long(argc, argv, "v", OPTIONS, NULL)) != -1) {
		switch (c) {
		case 's': conf.seed = strtoull(optarg, NULL, 10); break;
		case 'n': count = strtoull(optarg, NULL, 10); break;
		case 'f': first = strtoull(optarg, NULL, 10); break;
		case 'm': conf.steps = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'k': parse_skip(&conf, optarg); break;
		case 'F': conf.faults = parse_faults(optarg); break;
		case 'H': hash = true; break;
		case '1': first_only = true; break;
		case 'v': conf.verbose = true; break;
		default: return 64;
		}
	}
	if (count != 0)
		return run_many(&conf, first, count, argv[0], first_only);
	r = run(&conf, false);
	if (hash)
		printf("%016" PRIx64 "\n", r.trace);
	else if (r.passed)
		print_counts(&r.counts);
	printf("seed %" PRIu64 ": %s\n", conf.seed, r.passed ? "passed" : "FAILED");
	return r.passed ? 0 : 1;
}
