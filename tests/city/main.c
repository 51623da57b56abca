/* SPDX-License-Identifier: Apache-2.0 */
/*
 * city [--seed N] [--districts N | growth] [--streets N] [--days N] [--ops X]
 *      [--memory GIB] [-v]
 * Without --districts: 1, 4 and 16, each in a process of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "daemon/codec.h"

#include "tests/city/report.h"

#define TREE "tests/data/beijing.csv.zst"
#define PATTERN "tests/data/lewisham.events.ndjson.zst"
#define RUNS 3

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* How long the answer to `status` takes, when links are down and things wait. */
static void time_status(const struct city *c)
{
	static const char *const names[] = {"city", "district", "street"};

	for (unsigned level = 0; level < CITY_LEAF; level++)
		for (uint32_t i = 0; i < c->host_count; i++) {
			double from = seconds();
			struct rep_link_info link;
			size_t n = 0;

			if (c->host[i].level != level)
				continue;
			while (rep_inspect_link(c->host[i].node, &c->host[i].view, n, &link))
				n++;
			fprintf(stderr, "%u districts: all %zu links of a %s looked at in %.2f ms\n", c->conf.districts, n,
			    names[level], (seconds() - from) * 1e3);
			break;
		}
}

static bool run_one(const struct city_conf *conf, struct city_result *out)
{
	struct city *c = calloc(1, sizeof(*c));
	double from = seconds();
	bool ok;

	if (c == NULL)
		return false;
	c->conf = *conf;
	c->rng = sim_rng_make(conf->seed, 1);
	c->net_rng = sim_rng_make(conf->seed, 2);
	c->end_ms = CITY_START_MS + (int64_t)conf->days * CITY_DAY;
	c->codec = td_codec_create();
	city_tree_load(c, TREE);
	c->pattern = city_pattern_load(PATTERN);
	city_found(c);
	if (conf->verbose)
		fprintf(stderr, "%u districts: the tree stands after %.1f s, %llu events\n", conf->districts,
		    seconds() - from, (unsigned long long)c->counts.events);
	city_watch_begin(c);
	city_load_start(c);
	city_order_start(c);
	city_net_start(c);
	city_stick_start(c);
	city_run(c, c->end_ms);
	if (conf->verbose)
		time_status(c);
	if (conf->verbose)
		fprintf(stderr, "%u districts: the last day ends after %.1f s\n", conf->districts, seconds() - from);
	ok = city_rest(c);
	if (conf->verbose)
		fprintf(stderr, "%u districts: at rest after %.1f s\n", conf->districts, seconds() - from);
	city_report_fill(c, out);
	out->ok = ok;
	out->real_s = seconds() - from;
	out->cpu_s = (double)clock() / CLOCKS_PER_SEC;
	/* the process ends here; what it holds goes with it */
	return ok;
}

/* In a process of its own: what it held is given back, and its heap is its own. */
static pid_t start(const struct city_conf *conf, int *from)
{
	int fds[2];
	pid_t pid;

	if (pipe(fds) != 0 || (fflush(NULL), pid = fork()) < 0) {
		fprintf(stderr, "city: %s\n", strerror(errno));
		exit(1);
	}
	if (pid == 0) {
		struct city_result *result = calloc(1, sizeof(*result));
		const char *p = (const char *)result;
		size_t left = sizeof(*result);

		close(fds[0]);
		if (result == NULL)
			_exit(1);
		(void)run_one(conf, result);
		for (ssize_t n; left > 0 && (n = write(fds[1], p, left)) > 0; p += n)
			left -= (size_t)n;
		_exit(left != 0);
	}
	close(fds[1]);
	*from = fds[0];
	return pid;
}

static bool finish(pid_t pid, int from, struct city_result *out)
{
	char *p = (char *)out;
	size_t left = sizeof(*out);
	int status = 0;

	for (ssize_t n; left > 0 && (n = read(from, p, left)) > 0; p += n)
		left -= (size_t)n;
	close(from);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return left == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0 && out->ok;
}

static _Noreturn void usage(void)
{
	fputs("usage: city [--seed N] [--districts N] [--streets N] [--days N] [--ops X] [--memory GIB] [-v]\n", stderr);
	exit(64);
}

static double number(const char *text, double low, double high)
{
	char *end;
	double v = strtod(text != NULL ? text : "", &end);

	if (text == NULL || end == text || *end != '\0' || !(v >= low && v <= high))
		usage();
	return v;
}

static void parse(int argc, char **argv, struct city_conf *conf)
{
	for (int i = 1; i < argc; i++) {
		const char *arg = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(arg, "-v") == 0) {
			conf->verbose = true;
			continue;
		}
		i++;
		if (strcmp(arg, "--seed") == 0)
			conf->seed = (uint64_t)number(value, 0, 9e15);
		else if (strcmp(arg, "--districts") == 0)
			conf->districts = (unsigned)number(value, 1, 16);
		else if (strcmp(arg, "--streets") == 0)
			conf->streets = (unsigned)number(value, 1, 1000);
		else if (strcmp(arg, "--days") == 0)
			conf->days = (unsigned)number(value, 1, 49); /* milliseconds in 32 bits */
		else if (strcmp(arg, "--ops") == 0)
			conf->ops = number(value, 0.01, 1000);
		else if (strcmp(arg, "--memory") == 0)
			conf->memory = (size_t)(number(value, 0.001, 4096) * (1 << 30));
		else
			usage();
	}
}

static bool report(const struct city_conf *conf, const struct city_result *runs, size_t count)
{
	bool ok = true;

	city_report_print(conf, runs, count);
	fflush(stdout);
	for (size_t i = 0; i < count; i++) {
		double virtual_s = (double)conf->days * 86400;

		ok = ok && runs[i].ok;
		fprintf(stderr, "%u districts: %.0f s (%.0f s of a processor) for %u days, %.0f times as fast as life, "
		    "%.1f us of a processor an event, %.2f GiB\n", runs[i].districts, runs[i].real_s, runs[i].cpu_s, conf->days,
		    virtual_s / runs[i].real_s, runs[i].cpu_s * 1e6 / (double)runs[i].counts.events,
		    (double)runs[i].resident / (1 << 30));
	}
	return ok;
}

/* The large one beside the small ones: two processors. */
static size_t growth(const struct city_conf *conf, struct city_result *runs, bool *ok)
{
	static const unsigned sizes[RUNS] = {1, 4, 16};
	struct city_conf each[RUNS];
	int fd[RUNS];
	pid_t pid[RUNS];

	for (int i = 0; i < RUNS; i++) {
		each[i] = *conf;
		each[i].districts = sizes[i];
		each[i].memory = conf->memory * sizes[i] / (i < 2 ? 20 : 21); /* one and four are not there at once */
	}
	pid[2] = start(&each[2], &fd[2]);
	for (int i = 0; i < 2; i++) {
		pid[i] = start(&each[i], &fd[i]);
		*ok = finish(pid[i], fd[i], &runs[i]) && *ok;
	}
	*ok = finish(pid[2], fd[2], &runs[2]) && *ok;
	return RUNS;
}

int main(int argc, char **argv)
{
	static struct city_result runs[RUNS];
	struct city_conf conf = {.seed = 1, .days = 30, .ops = 4, .memory = (size_t)20 << 30};
	size_t count = 1;
	bool ok = true;

	parse(argc, argv, &conf);
	if (sodium_init() < 0)
		return 1;
	if (conf.districts != 0) {
		int fd;
		pid_t pid = start(&conf, &fd);

		ok = finish(pid, fd, &runs[0]);
	} else {
		count = growth(&conf, runs, &ok);
	}
	for (size_t i = 0; i < count; i++)
		if (runs[i].hosts == 0) /* it ended before its report; it said why */
			count = 0;
	ok = count > 0 && report(&conf, runs, count) && ok;
	printf("city: %s\n", ok ? "OK" : "FAILED");
	if (!ok)
		fprintf(stderr, "again: make sim-city SEED=%llu DAYS=%u OPS=%g%s\n", (unsigned long long)conf.seed,
		    conf.days, conf.ops, conf.districts != 0 ? " DISTRICTS=N as above" : "");
	return ok ? 0 : 1;
}
