/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/many.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/err.h"

#include "tests/sim/evil.h"
#include "tests/sim/scn.h"
#include "tests/sim/shrink.h"

#define SEED_SECONDS_MAX 120
#define SHRINK_SEEDS_MAX 3
#define DOUBLE_EVERY 16 /* every so many seeds a second run must give the same trace */

struct slot { pid_t pid; int fd; struct sim_conf conf; };

struct sum {
	struct sim_counts counts;
	uint64_t passed, failed, over; /* over: of the failed, by their bound of memory */
	struct sim_conf failures[SHRINK_SEEDS_MAX];
};

static void run(const struct sim_conf *conf, struct sim_result *r)
{
	if (conf->scenario != NULL)
		sim_run_scenario(conf, &r->counts, &r->trace);
	else
		sim_run_seed(conf, &r->counts, &r->trace);
}

/* sim_fail() writes the name of the invariant into the pipe, success the whole result. */
_Noreturn static void child_main(const struct sim_conf *conf, int fd, bool quiet, bool twice)
{
	struct sim_result r = {.passed = true};
	struct sim_conf own = *conf;

	own.report_fd = fd;
	if (quiet && freopen("/dev/null", "w", stderr) == NULL)
		_Exit(2);
	alarm(twice ? 2 * SEED_SECONDS_MAX : SEED_SECONDS_MAX);
	run(&own, &r);
	if (twice) {
		struct sim_result again = {0};

		run(&own, &again);
		r.passed = again.trace == r.trace;
		if (!r.passed)
			fprintf(stderr, "seed %" PRIu64 ": two runs differ\n", conf->seed);
	}
	fflush(stdout);
	exit(write(fd, &r, sizeof(r)) == (ssize_t)sizeof(r) ? 0 : 2); /* not _Exit: make cov counts at exit */
}

static struct slot start(const struct sim_conf *conf, bool quiet, bool twice)
{
	struct slot slot = {.conf = *conf};
	int fd[2];

	fflush(stdout);
	fflush(stderr);
	if (pipe(fd) != 0 || (slot.pid = fork()) < 0) {
		perror("sim");
		exit(71);
	}
	if (slot.pid == 0) {
		close(fd[0]);
		child_main(conf, fd[1], quiet, twice);
	}
	close(fd[1]);
	slot.fd = fd[0];
	return slot;
}

static struct sim_result finish(const struct slot *slot, int status, bool quiet)
{
	struct sim_result r = {0};
	ssize_t n = read(slot->fd, &r, sizeof(r));

	if (n != (ssize_t)sizeof(r)) {
		char name[sizeof(r.failure)] = "";

		memcpy(name, &r, n > 0 && n < (ssize_t)sizeof(name) ? (size_t)n : 0);
		r = (struct sim_result){0};
		memcpy(r.failure, name, sizeof(name));
	}
	close(slot->fd);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		r.passed = false;
	if (WIFSIGNALED(status))
		snprintf(r.failure, sizeof(r.failure), "signal %d", WTERMSIG(status));
	if (WIFSIGNALED(status) && !quiet)
		fprintf(stderr, "seed %" PRIu64 ": ended by signal %d%s\n", slot->conf.seed, WTERMSIG(status),
		    WTERMSIG(status) == SIGALRM ? " (too slow)" : "");
	return r;
}

struct sim_result sim_many_one(const struct sim_conf *conf, bool quiet)
{
	struct slot slot = start(conf, quiet, false);
	int status;

	while (waitpid(slot.pid, &status, 0) < 0 && errno == EINTR)
		;
	return finish(&slot, status, quiet);
}

/* Waits for any of the running ones.  Returns its place. */
static unsigned wait_any(const struct slot *slots, unsigned count, int *status)
{
	for (;;) {
		pid_t pid = waitpid(-1, status, 0);

		for (unsigned i = 0; i < count && pid > 0; i++)
			if (slots[i].pid == pid)
				return i;
		if (pid < 0 && errno != EINTR) {
			perror("sim");
			exit(71);
		}
	}
}

static void end_all(struct slot *slots, unsigned running)
{
	for (unsigned i = 0; i < running; i++)
		kill(slots[i].pid, SIGKILL);
	while (running > 0) {
		int status;
		unsigned i = wait_any(slots, running, &status);

		close(slots[i].fd);
		slots[i] = slots[--running];
	}
}

static void add_counts(struct sim_counts *sum, const struct sim_counts *add)
{
	uint64_t *s = (uint64_t *)sum;
	const uint64_t *a = (const uint64_t *)add;
	uint64_t held_max = sum->held_max > add->held_max ? sum->held_max : add->held_max;
	int64_t rest_max = sum->rest_ms_max > add->rest_ms_max ? sum->rest_ms_max : add->rest_ms_max;

	for (size_t i = 0; i < sizeof(*sum) / sizeof(*s); i++)
		s[i] += a[i];
	sum->rest_ms_max = rest_max;
	sum->held_max = held_max;
}

static bool is_over(const struct sim_result *r)
{
	return !r->passed && strcmp(r->failure, "memory") == 0;
}

int sim_many_exit(const struct sim_result *r)
{
	return r->passed ? 0 : is_over(r) ? SIM_EXIT_MEMORY : 1;
}

static void book(struct sum *sum, const struct sim_conf *conf, const struct sim_result *r)
{
	add_counts(&sum->counts, &r->counts);
	sum->over += is_over(r);
	if (r->passed)
		sum->passed++;
	else if (sum->failed++ < SHRINK_SEEDS_MAX)
		sum->failures[sum->failed - 1] = *conf;
	else
		sim_shrink_print(conf, "sim"); /* enough has been shrunk */
}

static void run_pool(const struct sim_many *many, struct sum *sum)
{
	struct slot slots[SIM_JOBS_MAX];
	unsigned running = 0;
	uint64_t next = 0;

	while (next < many->count || running > 0) {
		struct sim_result r;
		unsigned i;
		int status;

		while (running < many->jobs && next < many->count) {
			struct sim_conf conf = many->conf;

			conf.seed = many->first + next;
			slots[running++] = start(&conf, false, next % DOUBLE_EVERY == 0);
			next++;
		}
		i = wait_any(slots, running, &status);
		r = finish(&slots[i], status, false);
		book(sum, &slots[i].conf, &r);
		slots[i] = slots[--running];
		if (!r.passed && many->first_only) {
			end_all(slots, running);
			return;
		}
	}
}

void sim_many_print_counts(const struct sim_counts *c)
{
	const struct sim_fault *f;
	char name[16];

	printf("sim: %" PRIu64 " events, %" PRIu64 " frames (%" PRIu64 " lost, %" PRIu64 " twice, %" PRIu64
	    " late, %" PRIu64 " with a flipped bit), %" PRIu64 " bytes, %" PRIu64 " dials\n", c->events, c->frames,
	    c->lost, c->repeated, c->late, c->rubbish, c->frame_bytes, c->dials);
	printf("sim: %" PRIu64 " cuts, %" PRIu64 " restores, %" PRIu64 " snapshots, %" PRIu64 " forks seen, %" PRIu64 " crashes, %" PRIu64 " sticks, %" PRIu64 " writes (%" PRIu64
	    " ok, %" PRIu64 " refused), %" PRIu64 " conflicts opened\n", c->cuts, c->restores, c->snapshots, c->forks, c->crashes, c->sticks, c->writes,
	    c->acked, c->refused, c->conflicts);
	printf("sim: omissions noticed: %" PRIu64 " by a HEAD at the top, %" PRIu64 " by a missing receipt\n", c->differs,
	    c->unreceipted);
	printf("sim: thrown:");
	for (unsigned i = 0; (f = sim_fault_at(i)) != NULL; i++)
		printf(" %s %" PRIu64, f->name, c->thrown[i]);
	printf("\n");
	printf("sim: tricks of hostile relays:");
	for (unsigned i = 0; i < EVIL_TRICKS; i++)
		printf(" %s %" PRIu64, sim_evil_name(i, name), c->tricks[i]);
	printf("\n");
	printf("sim: at rest after the last fault: %.1f s on average, %.1f s at most\n",
	    c->rests == 0 ? 0 : (double)c->rest_ms / 1000 / (double)c->rests, (double)c->rest_ms_max / 1000);
	printf("sim: a seed held %.1f MiB at most\n", (double)c->held_max / (1 << 20));
	for (int i = 1; i < 64; i++)
		if (c->rc[i] != 0)
			printf("sim:   refused with %s: %" PRIu64 "\n", tr_err_code(-i), c->rc[i]);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int sim_many_run(const struct sim_many *many)
{
	struct sum sum = {0};
	double start_s = now_s(), took;

	run_pool(many, &sum);
	took = now_s() - start_s;
	for (unsigned i = 0; i < sum.failed && i < SHRINK_SEEDS_MAX; i++) {
		if (!many->first_only)
			sim_shrink(&sum.failures[i]);
		sim_shrink_print(&sum.failures[i], many->self);
	}
	if (many->first_only && sum.failed != 0)
		return sum.over == sum.failed ? SIM_EXIT_MEMORY : 1;
	sim_many_print_counts(&sum.counts);
	printf("sim: %" PRIu64 " seeds in %.1f s with %u jobs, %.0f a minute\n", many->count, took, many->jobs,
	    took > 0 ? (double)many->count * 60 / took : 0);
	printf("sim: %" PRIu64 " passed, %" PRIu64 " failed\n", sum.passed, sum.failed);
	return sum.failed == 0 ? 0 : sum.over == sum.failed ? SIM_EXIT_MEMORY : 1;
}
