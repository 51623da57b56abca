/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sweep.h"

#include <errno.h>
#include <execinfo.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"
#include "tests/lib/nomem.h"

#include "tests/sim/oracle.h"
#include "tests/sim/scn.h"
#include "tests/sim/sweep_event.h"
#include "tests/sim/sweep_frame.h"

#define FRAMES 64         /* of a call stack */
#define TIMES_MAX 4096u   /* a place fails the first time, the second, the fourth and so on up to here */
#define FRAMES_MAX 1u     /* ... and a field once */
#define ROWS_MAX 2u       /* a row so often */
#define REST_EVERY 50     /* copies of which one goes on to rest */
#define COPY_SECONDS_MAX 120

struct place { uint64_t hash; unsigned times; };
enum what { HEAP, STORE, FRAME, EVENT, ROW /* and how it is spoilt */ };
#define LETTERS "msfe012345" /* of a strike: memory, store, frame, event at a door, a way to spoil a row; for --strike */
struct strike { uint64_t part, call; enum what what; };

struct sim_sweep {
	struct place *place;
	size_t place_count, place_cap; /* cap: a power of two */
	struct strike *strike;
	size_t strike_count, strike_cap, next;
	bool in_core, is_second, is_copy, has_struck, is_resting;
	uint64_t part, call;           /* which call of the core; which one of its own calls */
	struct strike now;             /* of a copy */
	struct strike only;            /* the one to be seen again, without a copy; part 0: all */
	void *caller[FRAMES];          /* of the call that failed */
	int caller_count, depth;       /* depth: of the simulator's own stack */
	uint64_t copies, failed, of[ROW + 1];
	unsigned running, jobs;
	struct { pid_t pid; struct strike strike; } copy[SIM_JOBS_MAX];
	const char *what;              /* the run, for messages */
};

static struct sim_sweep sweep; /* who is asked has no place for it */

static void *need(void *p)
{
	TR_ASSERT(p != NULL);
	return p;
}

static struct place *find(struct place *places, size_t cap, uint64_t hash)
{
	size_t i = (size_t)(hash & (cap - 1));

	while (places[i].hash != 0 && places[i].hash != hash)
		i = (i + 1) & (cap - 1);
	return &places[i];
}

static void grow_places(void)
{
	size_t cap = sweep.place_cap == 0 ? 4096 : 2 * sweep.place_cap;
	struct place *bigger = need(calloc(cap, sizeof(*bigger)));

	for (size_t i = 0; i < sweep.place_cap; i++)
		if (sweep.place[i].hash != 0)
			*find(bigger, cap, sweep.place[i].hash) = sweep.place[i];
	free(sweep.place);
	sweep.place = bigger;
	sweep.place_cap = cap;
}

static uint64_t where(void)
{
	void *frame[FRAMES];
	int count = backtrace(frame, FRAMES) - sweep.depth; /* what lies below is the same for all */
	uint64_t hash = 0xcbf29ce484222325u;

	for (int i = 0; i < count; i++)
		hash = (hash ^ (uint64_t)(uintptr_t)frame[i]) * 0x9e3779b97f4a7c15u;
	return hash | 1;
}

/* First run: is this one that the second run lets fail? */
static void note(uint64_t hash, const struct strike *strike, unsigned times_max)
{
	struct place *place;

	if (2 * sweep.place_count >= sweep.place_cap)
		grow_places();
	place = find(sweep.place, sweep.place_cap, hash);
	sweep.place_count += place->times == 0;
	place->hash = hash;
	place->times++;
	if (place->times > times_max || (place->times & (place->times - 1)) != 0)
		return;
	if (sweep.strike_count == sweep.strike_cap) {
		sweep.strike_cap = sweep.strike_cap != 0 ? 2 * sweep.strike_cap : 1024;
		sweep.strike = need(realloc(sweep.strike, sweep.strike_cap * sizeof(*sweep.strike)));
	}
	sweep.strike[sweep.strike_count++] = *strike;
}

/* What is allocated here is the sweep's own. */
static struct nomem_account *out_of_core(void)
{
	nomem_hold(true);
	return nomem_charge(NULL);
}

static void into_core(struct nomem_account *was)
{
	(void)nomem_charge(was);
	nomem_hold(false);
}

static bool ask(enum what what)
{
	if (!sweep.in_core || sweep.has_struck)
		return false;
	sweep.call++;
	if (!sweep.is_second) {
		struct nomem_account *was = out_of_core();

		note(where(), &(struct strike){sweep.part, sweep.call, what}, TIMES_MAX);
		into_core(was);
	}
	if (!sweep.is_copy || sweep.now.what != what || sweep.call != sweep.now.call)
		return false;
	sweep.has_struck = true;
	sweep.caller_count = backtrace(sweep.caller, FRAMES);
	return true;
}

static bool ask_heap(void)
{
	return ask(HEAP);
}

int sim_sweep_store(void)
{
	return ask(STORE) ? TR_E_IO : 0;
}

enum { EMPTY, SHORTER, LONGER, OTHER, WILD, SHORT_KEY, WAYS };

static bool spoil(enum what how, struct tr_bytes *key, struct tr_bytes *value)
{
	static uint8_t row[TR_SEG_BYTES_MAX * 2];

	if (how == ROW + SHORT_KEY) {
		if (key == NULL || key->size == 0)
			return false;
		key->size--;
		return true;
	}
	if (value == NULL || (value->size == 0 && how != ROW + LONGER) || value->size >= sizeof(row))
		return false;
	memcpy(row, value->data, value->size);
	value->data = row;
	switch (how - ROW) {
	case EMPTY: value->size = 0; break;
	case SHORTER: value->size--; break;
	case LONGER: row[value->size++] = 0; break;
	case OTHER: row[0]++; break;
	default: memset(row, 0xff, value->size); break;
	}
	return true;
}

bool sim_sweep_row(struct tr_bytes *key, struct tr_bytes *value)
{
	uint64_t place;

	if (!sweep.in_core || sweep.has_struck)
		return false;
	if (!sweep.is_second) {
		struct nomem_account *was = out_of_core();

		place = where();
		for (unsigned way = 0; way < WAYS; way++)
			note((place + way * 0x9e3779b97f4a7c16u) | 1, &(struct strike){sweep.part, sweep.call, ROW + way}, ROWS_MAX);
		into_core(was);
	}
	if (!sweep.is_copy || sweep.now.what < ROW || sweep.call != sweep.now.call)
		return false;
	sweep.has_struck = true;
	return spoil(sweep.now.what, key, value);
}

static void wait_one(void)
{
	unsigned i = 0;
	int status;
	pid_t pid;

	do
		pid = wait(&status);
	while (pid < 0 && errno == EINTR);
	while (i < sweep.running && sweep.copy[i].pid != pid)
		i++;
	TR_ASSERT(i < sweep.running);
	if (status != 0)
		fprintf(stderr, "sweep: %s failed%s; again: --sweep --strike %" PRIu64 "%c%" PRIu64 "\n", sweep.what,
		    WIFSIGNALED(status) ? " with a signal" : "", sweep.copy[i].strike.part,
		    (int)LETTERS[sweep.copy[i].strike.what], sweep.copy[i].strike.call);
	sweep.failed += status != 0;
	sweep.copy[i] = sweep.copy[--sweep.running];
}

static void become(const struct strike *strike)
{
	sweep.is_copy = true;
	sweep.now = *strike;
	alarm(COPY_SECONDS_MAX);
}

/* Returns true in the copy. */
static bool copy(const struct strike *strike)
{
	pid_t pid;

	while (sweep.running >= sweep.jobs)
		wait_one();
	fflush(stdout);
	fflush(stderr);
	pid = fork();
	TR_ASSERT(pid >= 0);
	if (pid != 0) {
		sweep.copy[sweep.running].pid = pid;
		sweep.copy[sweep.running++].strike = *strike;
		sweep.copies++;
		sweep.of[strike->what < ROW ? strike->what : ROW]++;
		return false;
	}
	become(strike);
	return true;
}

static uint64_t from; /* who hears a frame and from where, for note_frame() */

static void note_frame(uint64_t number, uint64_t what)
{
	note((what ^ from) | 1, &(struct strike){sweep.part, number, FRAME}, FRAMES_MAX);
}

static void note_event(uint64_t number, uint64_t what)
{
	note(((what ^ from) * 0x9e3779b97f4a7c15u) | 1, &(struct strike){sweep.part, number, EVENT}, FRAMES_MAX);
}

static void note_events(const struct sim_world *world, unsigned host, const struct rep_event *event)
{
	const struct sim_host *h = &world->host[host];

	from = (h->level == 0 ? 1u : h->child_count != 0 ? 2u : 3u) * 8;
	from += event->kind == REP_EV_BUNDLE_FRAME ? 2 : event->link == REP_LINK_UP;
	from *= 0x9e3779b97f4a7c15u;
	if (event->kind == REP_EV_FRAME || event->kind == REP_EV_BUNDLE_FRAME)
		sim_sweep_frame_each(event->frame, note_frame);
	else
		sim_sweep_event_each(event, note_event);
}

/* In the copy: the frame or the request is another one, and what honest nodes never say is in order. */
static void change_event(struct sim_world *world, unsigned host, struct rep_event *event)
{
	size_t size;
	uint8_t *made;

	TR_ASSERT(event != NULL);
	world->is_astray = true;
	sweep.has_struck = true;
	if (sweep.now.what == EVENT) {
		sim_sweep_event_make(event, sweep.now.call);
		return;
	}
	made = sim_sweep_frame_make(world, host, event->link, event->frame, sweep.now.call, &size);
	event->frame = (struct tr_bytes){made, size}; /* lives as long as the copy */
}

void sim_sweep_begin(struct sim_world *world, unsigned host, struct rep_event *event)
{
	void *frame[FRAMES];

	if (world->conf.sweep == NULL || sweep.is_copy)
		return;
	sweep.part++;
	sweep.call = 0;
	sweep.depth = backtrace(frame, FRAMES) - 1;
	if (event != NULL && !sweep.is_second)
		note_events(world, host, event);
	if (sweep.only.part == sweep.part)
		become(&sweep.only);
	while (sweep.is_second && sweep.next < sweep.strike_count && sweep.strike[sweep.next].part == sweep.part)
		if (copy(&sweep.strike[sweep.next++]))
			break;
	if (sweep.is_copy && (sweep.now.what == FRAME || sweep.now.what == EVENT))
		change_event(world, host, event);
	sweep.in_core = true;
}

/* What is wrong from outside is no error of the step.  What it left is whole, also after a start. */
_Noreturn static void end_event(struct sim_world *world, unsigned host, int rc)
{
	if (rc != 0)
		sim_fail(world, host, "sweep", "part %" PRIu64 ": event %" PRIu64 " ends the step with %s", sweep.now.part,
		    sweep.now.call, tr_err_code(rc));
	sim_host_commit(world, host);
	if (sim_host_is_up(world, host) && !world->host[host].is_rotten) {
		rep_check(world->host[host].node, &world->host[host].view);
		sim_check_refold(world, host);
	}
	sim_host_crash(world, host, 1);
	sim_host_boot(world, host);
	exit(0);
}

void sim_sweep_end(struct sim_world *world, unsigned host, int rc)
{
	bool was_in = sweep.in_core;

	sweep.in_core = false;
	if (!sweep.is_copy || !was_in)
		return;
	if (!sweep.has_struck)
		sim_fail(world, host, "sweep", "call %" PRIu64 " of part %" PRIu64 " is not there the second time",
		    sweep.now.call, sweep.now.part);
	if (sweep.now.what == FRAME || sweep.now.what == EVENT)
		end_event(world, host, rc);
	if (sweep.now.what >= ROW && rc == 0)
		exit(0);
	if (rc != 0)
		return;
	backtrace_symbols_fd(sweep.caller, sweep.caller_count, STDERR_FILENO);
	sim_fail(world, host, "sweep", "part %" PRIu64 ": what call %" PRIu64 " said, %s, is not heard", sweep.now.part,
	    sweep.now.call, sweep.now.what == STORE ? "the store is broken" : "there is no memory");
}

void sim_sweep_looked(struct sim_world *world, unsigned host)
{
	sweep.in_core = false;
	if (!sweep.is_copy)
		return;
	rep_check(world->host[host].node, &world->host[host].view);
	sim_host_crash(world, host, 1); /* what it left behind is counted */
	exit(0);
}

/* All have joined, and no row is spoilt that a part of the simulator was about to mend. */
static bool can_rest(const struct sim_world *world)
{
	for (unsigned i = 0; i < world->host_count; i++)
		if (!world->host[i].is_founded || world->host[i].is_rotten)
			return false;
	return true;
}

void sim_sweep_struck(struct sim_world *world)
{
	if (!sweep.is_copy || !sweep.has_struck || sweep.is_resting)
		return;
	sweep.is_resting = true;
	if (sweep.now.what < FRAME && (sweep.now.part + sweep.now.call) % REST_EVERY == 0 && can_rest(world))
		sim_world_rest(world);
	exit(0); /* not _Exit: make cov counts at exit */
}

static void run_once(const struct sim_conf *conf)
{
	struct sim_counts counts;
	uint64_t trace;

	sweep.part = 0;
	if (conf->scenario != NULL)
		sim_run_scenario(conf, &counts, &trace);
	else
		sim_run_seed(conf, &counts, &trace);
}

static void run(struct sim_conf *conf, const char *what)
{
	uint64_t copies = sweep.copies, failed = sweep.failed;

	sweep.what = what;
	sweep.strike_count = sweep.next = 0;
	conf->sweep = &sweep;
	sweep.is_second = sweep.only.part != 0;
	run_once(conf);
	sweep.is_second = true;
	if (sweep.strike_count != 0)
		run_once(conf);
	while (sweep.running > 0)
		wait_one();
	printf("  %s  %s: %" PRIu64 " faults in turn\n", sweep.failed == failed ? "ok  " : "FAIL", what, sweep.copies - copies);
}

static int run_file(const struct sim_many *many, const char *path)
{
	struct sim_conf conf = many->conf;
	struct scn_error error;
	struct scn *scn = scn_load(path, &error);

	if (scn == NULL) {
		fprintf(stderr, "%s:%u:%u: %s\n", path, error.line, error.col, error.text);
		return 65;
	}
	conf.scenario = scn;
	conf.seed = scn->seed;
	conf.steps = SCN_STEPS_MAX;
	run(&conf, path);
	scn_free(scn);
	return 0;
}

int sim_sweep_run(struct sim_many *many, char *const *files, int file_count)
{
	char letter;

	sweep.jobs = many->jobs;
	if (many->strike != NULL && sscanf(many->strike, "%" SCNu64 "%c%" SCNu64, &sweep.only.part, &letter, &sweep.only.call) != 3)
		return 64;
	sweep.only.what = strchr(LETTERS, letter) != NULL ? (enum what)(strchr(LETTERS, letter) - LETTERS) : HEAP;
	nomem_ask(ask_heap);
	for (int i = 0; i < file_count; i++)
		if (run_file(many, files[i]) != 0)
			return 65;
	for (uint64_t i = 0; i < many->count; i++) {
		struct sim_conf conf = many->conf;
		char what[32];

		conf.seed = many->first + i;
		snprintf(what, sizeof(what), "seed %" PRIu64, conf.seed);
		run(&conf, what);
	}
	printf("sweep: %" PRIu64 " allocations, %" PRIu64 " calls of the store, %" PRIu64 " frames, %" PRIu64
	    " requests, %" PRIu64 " rows; %" PRIu64
	    " passed, %" PRIu64 " failed\n", sweep.of[HEAP], sweep.of[STORE], sweep.of[FRAME], sweep.of[EVENT], sweep.of[ROW],
	    sweep.copies - sweep.failed, sweep.failed);
	free(sweep.place);
	free(sweep.strike);
	return sweep.failed != 0;
}
