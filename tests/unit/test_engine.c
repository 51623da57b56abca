/* SPDX-License-Identifier: Apache-2.0 */
// needs: daemon/engine.o daemon/engine_answer.o daemon/engine_base.o daemon/engine_bundle.o daemon/engine_link.o daemon/engine_net.o daemon/engine_node.o daemon/engine_step.o daemon/engine_trace.o daemon/store.o daemon/store_file.o daemon/store_lock.o daemon/store_say.o daemon/store_seal.o daemon/store_stat.o daemon/sys.o daemon/log.o daemon/text.o daemon/fence.o
// libs: -lev
/*
 * Goal: nothing leaves before its commit, everybody gets exactly one answer,
 * and a failed group leaves no trace.  Method: the real engine, store and
 * loop around a core and a carrier of a few lines that note what they see.
 */
#include <sodium.h>

#include "daemon/engine.h"
#include "daemon/keyfile.h"
#include "daemon/log.h"
#include "daemon/sys.h"
#include "proto/err.h"
#include "tests/unit/fakecore.h"
#include "tests/unit/unit.h"

#define KEEP ((int64_t)400 * 86400000)

/* --------------------------------------------------------- a carrier of few lines */

static struct {
	struct td_net_calls calls;
	void *arg;
	int sends, closes, allows;
	bool open_at_send; /* a send before its commit */
} net;

static struct td_store *store_now;

int td_keyfile_load(const char *path, struct td_keys *out, char *error, size_t cap)
{
	(void)path, (void)error, (void)cap;
	memset(out, 1, sizeof(*out));
	return 0;
}
void td_keyfile_wipe(struct td_keys *keys)
{
	(void)keys;
}
int td_net_start(struct td_net **out, struct ev_loop *loop, const struct td_net_conf *conf,
    const struct td_net_calls *calls, void *arg)
{
	(void)loop, (void)conf;
	net.calls = *calls;
	net.arg = arg;
	*out = NULL;
	return 0;
}
void td_net_stop(struct td_net *n)
{
	(void)n;
}
void td_net_dial(struct td_net *n, const char *address, const struct tr_key *key)
{
	(void)n, (void)address, (void)key;
}
void td_net_allow(struct td_net *n, const struct tr_key *key, bool add)
{
	(void)n, (void)add;
	assert_int_equal(key->b[0], 42);
	net.allows++;
}
void td_net_send(struct td_net *n, uint32_t link, struct tr_bytes msg)
{
	(void)n, (void)link, (void)msg;
	net.sends++;
	net.open_at_send = net.open_at_send || td_store_is_open(store_now);
}
void td_net_close(struct td_net *n, uint32_t link)
{
	(void)n, (void)link;
	net.closes++;
}

/* --------------------------------------------------------------------- the stage */

struct stage {
	char dir[64], fence[80];
	struct ev_loop *loop;
	struct td_store *store;
	struct td_engine *engine;
	struct td_conf conf;
	int answers, good, last_rc;
	uint64_t last_version;
	int fatal_rc;
};

static void on_fatal(void *arg, int rc, const char *text)
{
	struct stage *s = arg;

	(void)text;
	s->fatal_rc = rc;
}

static int stage_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	struct td_engine_hooks hooks = {.arg = s, .fatal = on_fatal};
	static char unit[] = "110101", key[] = "/none";
	char path[80];

	memset(&core, 0, sizeof(core));
	memset(&net, 0, sizeof(net));
	td_log_open("error", "stderr");
	snprintf(s->dir, sizeof(s->dir), "/tmp/terrace-engine-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(path, sizeof(path), "%s/store", s->dir);
	assert_int_equal(td_store_make(path, 64u << 20), 0);
	assert_int_equal(td_store_open(&s->store, path, 64u << 20), 0);
	store_now = s->store;
	s->conf.unit = unit;
	s->conf.key_file = key;
	snprintf(s->fence, sizeof(s->fence), "%s/fence", s->dir);
	s->conf.fence_file = s->fence;
	s->conf.keep_ms = KEEP;
	s->loop = ev_loop_new(EVFLAG_AUTO);
	assert_int_equal(td_engine_start(&s->engine, s->loop, s->store, &s->conf), 0);
	td_engine_set_hooks(s->engine, &hooks);
	*state = s;
	return 0;
}

static int stage_down(void **state)
{
	struct stage *s = *state;
	char cmd[100];

	td_engine_stop(s->engine);
	td_store_close(s->store);
	ev_loop_destroy(s->loop);
	assert_int_equal(core.freed, core.created);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", s->dir);
	assert_int_equal(system(cmd), 0);
	free(s);
	return 0;
}

/* A few turns: enough for idle to come. */
static void turn(struct stage *s)
{
	for (int i = 0; i < 4; i++)
		ev_run(s->loop, EVRUN_NOWAIT);
}

static void turn_until_tick(struct stage *s)
{
	while (core.ticks == 0)
		ev_run(s->loop, EVRUN_ONCE);
	turn(s);
}

static bool row_is_committed(struct stage *s, uint64_t ticket)
{
	struct tr_bytes value;
	uint8_t key[8];

	wire_put_be64(key, ticket);
	return rep_get(td_store_read(s->store), REP_T_REC, (struct tr_bytes){key, 8}, &value) == 0;
}

static void on_reply(void *arg, const struct rep_reply *reply)
{
	struct stage *s = arg;

	s->answers++;
	s->good += reply->rc == 0;
	s->last_rc = reply->rc;
	s->last_version = reply->version;
	if (reply->rc == 0)
		assert_true(row_is_committed(s, reply->ticket));
	assert_false(td_store_is_open(s->store));
}

static uint64_t write_one(struct stage *s, int kind)
{
	struct rep_write write = {.kind = (uint8_t)kind, .actor = {(const uint8_t *)"a", 1}};

	td_engine_write(s->engine, &write, on_reply, s);
	return write.ticket;
}

static void link_up(uint32_t link)
{
	struct tr_key key = {{9}};

	net.calls.link_up(net.arg, link, &key);
}

static void frame(uint32_t link)
{
	net.calls.frame(net.arg, link, (struct tr_bytes){(const uint8_t *)"f", 1});
}

/* -------------------------------------------------------------------- the tests */

static void an_answer_comes_after_the_commit_and_never_inside_the_call(void **state)
{
	struct stage *s = *state;
	uint64_t ticket = write_one(s, WRITE_GOOD);

	assert_int_equal(s->answers, 0);
	assert_false(row_is_committed(s, ticket));
	turn(s);
	assert_int_equal(s->answers, 1);
	assert_int_equal(s->last_rc, 0);
	assert_int_equal(s->last_version, 7);
	assert_true(row_is_committed(s, ticket));
}

static void what_comes_in_one_turn_is_one_commit(void **state)
{
	struct stage *s = *state;

	turn_until_tick(s);
	core.commits = 0;
	for (int i = 0; i < 1000; i++)
		write_one(s, WRITE_GOOD);
	turn(s);
	assert_int_equal(s->good, 1000);
	assert_int_equal(core.commits, 1);
}

static void a_failed_group_leaves_no_trace_and_tells_everybody(void **state)
{
	struct stage *s = *state;
	uint64_t first, last;

	link_up(1);
	link_up(2);
	turn(s);
	assert_int_equal(core.links_up, 2);
	first = write_one(s, WRITE_GOOD);
	write_one(s, WRITE_DAMAGED);
	assert_int_equal(s->answers, 0);
	turn(s);
	assert_int_equal(s->answers, 2);
	assert_int_equal(s->good, 0);
	assert_int_equal(s->last_rc, TR_E_DAMAGED);
	assert_false(row_is_committed(s, first));
	assert_int_equal(core.created, 2);
	assert_int_equal(core.freed, 1);
	assert_int_equal(net.closes, 2);
	frame(1); /* was still in the pipe */
	assert_int_equal(core.frames, 0);
	link_up(3);
	frame(3);
	assert_int_equal(core.frames, 1);
	last = write_one(s, WRITE_GOOD);
	turn(s);
	assert_int_equal(s->good, 1);
	assert_true(row_is_committed(s, last));
	assert_int_equal(s->fatal_rc, 0);
}

static void a_failed_flush_answers_its_writes(void **state)
{
	struct stage *s = *state;

	turn_until_tick(s);
	core.flush_rc = TR_E_FULL;
	write_one(s, WRITE_GOOD);
	turn(s);
	core.flush_rc = 0;
	assert_int_equal(s->answers, 1);
	assert_int_equal(s->last_rc, TR_E_FULL);
	assert_true(td_engine_is_full(s->engine));
	assert_true(core.full);
	write_one(s, WRITE_GOOD);
	turn(s);
	assert_int_equal(s->good, 1);
}

static void a_dead_store_ends_the_daemon_and_nobody_waits_for_ever(void **state)
{
	struct stage *s = *state;

	write_one(s, WRITE_GOOD);
	write_one(s, WRITE_IO);
	write_one(s, WRITE_GOOD);
	turn(s);
	assert_int_equal(s->fatal_rc, TR_E_IO);
	assert_int_equal(s->answers, 3);
	assert_int_equal(s->good, 0);
	assert_int_equal(s->last_rc, TR_E_IO);
}

static void a_store_that_fails_again_and_again_is_given_up(void **state)
{
	struct stage *s = *state;
	int64_t end = td_sys_mono().ms + 20000;
	int i;

	for (i = 0; s->fatal_rc == 0 && td_sys_mono().ms < end; i++) {
		write_one(s, WRITE_DAMAGED);
		ev_run(s->loop, EVRUN_ONCE);
	}
	turn(s);
	assert_int_equal(s->fatal_rc, TR_E_DAMAGED);
	assert_int_equal(s->answers, i);
	assert_true(core.created <= 12);
}

static void who_went_away_gets_no_answer(void **state)
{
	struct stage *s = *state;
	struct rep_write write = {.kind = WRITE_GOOD, .actor = {(const uint8_t *)"a", 1}};
	struct stage other = *s;

	td_engine_write(s->engine, &write, on_reply, &other);
	write_one(s, WRITE_GOOD);
	td_engine_forget(s->engine, &other);
	turn(s);
	assert_int_equal(other.answers, 0);
	assert_int_equal(s->answers, 1);
	assert_true(row_is_committed(s, write.ticket));
}

static void sends_leave_after_the_commit(void **state)
{
	struct stage *s = *state;

	link_up(1);
	frame(1);
	assert_int_equal(net.sends, 0);
	turn(s);
	assert_int_equal(net.sends, 1);
	assert_false(net.open_at_send);
}

static void write_again(void *arg, const struct rep_reply *reply)
{
	struct stage *s = arg;

	(void)reply;
	if (++s->answers < 50) {
		struct rep_write write = {.kind = WRITE_GOOD, .actor = {(const uint8_t *)"a", 1}};

		td_engine_write(s->engine, &write, write_again, s);
	}
}

static void an_answer_may_bring_the_next_write(void **state)
{
	struct stage *s = *state;
	struct rep_write write = {.kind = WRITE_GOOD, .actor = {(const uint8_t *)"a", 1}};

	td_engine_write(s->engine, &write, write_again, s);
	for (int i = 0; i < 200 && s->answers < 50; i++)
		ev_run(s->loop, EVRUN_NOWAIT);
	assert_int_equal(s->answers, 50);
}

static void a_new_carrier_gets_the_list_of_keys(void **state)
{
	struct stage *s = *state;

	turn_until_tick(s);
	assert_int_equal(net.allows, 1);
	net.calls.restarted(net.arg);
	assert_int_equal(net.allows, 2);
}

static int next_frame(void *ctx, struct tr_bytes *msg)
{
	int *left = ctx;

	*msg = (struct tr_bytes){(const uint8_t *)"b", 1};
	return (*left)-- > 0 ? 0 : TR_E_NOTFOUND;
}

static int emit(void *arg, struct tr_bytes msg)
{
	int *emitted = arg;

	assert_true(msg.size == 4 || msg.size == 3);
	assert_false(td_store_is_open(store_now));
	(*emitted)++;
	return 0;
}

static void a_bundle_is_committed_before_its_answer_is_given(void **state)
{
	struct stage *s = *state;
	int left = 1000, emitted = 0;

	write_one(s, WRITE_GOOD); /* an open group is finished first; its answer waits for the loop */
	assert_int_equal(td_engine_bundle_import(s->engine, (struct tr_nid){5}, next_frame, &left, emit, &emitted), 0);
	assert_int_equal(core.bundle_frames, 1000);
	assert_int_equal(emitted, 1);
	assert_true(core.commits >= 4);
	assert_int_equal(s->answers, 0);
	turn(s);
	assert_int_equal(s->good, 1);
	assert_int_equal(td_engine_bundle_export(s->engine, (struct tr_nid){5}, emit, &emitted), 0);
	assert_int_equal(emitted, 2);
}

static void no_answer_is_lost_when_the_engine_stops(void **state)
{
	struct stage *s = *state;

	write_one(s, WRITE_GOOD);
	td_engine_flush(s->engine);
	assert_int_equal(s->good, 1);
}

/* How long changes are kept: at the start, and by a reload. */
static void the_core_is_told_what_to_keep(void **state)
{
	struct stage *s = *state;
	struct td_conf conf = s->conf, other = s->conf;
	static char elsewhere[] = "110102";

	assert_int_equal(core.keep_ms, KEEP);
	conf.keep_ms = 2 * KEEP;
	assert_int_equal(td_engine_set_conf(s->engine, &conf), 0);
	assert_int_equal(core.keep_ms, 2 * KEEP);
	other.unit = elsewhere;
	assert_int_equal(td_engine_set_conf(s->engine, &other), TR_E_CONF);
	assert_int_equal(core.keep_ms, 2 * KEEP);
	assert_int_equal(td_engine_set_conf(s->engine, &s->conf), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, stage_up, stage_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_answer_comes_after_the_commit_and_never_inside_the_call),
		T(what_comes_in_one_turn_is_one_commit),
		T(a_failed_group_leaves_no_trace_and_tells_everybody),
		T(a_failed_flush_answers_its_writes),
		T(a_dead_store_ends_the_daemon_and_nobody_waits_for_ever),
		T(a_store_that_fails_again_and_again_is_given_up),
		T(who_went_away_gets_no_answer),
		T(sends_leave_after_the_commit),
		T(an_answer_may_bring_the_next_write),
		T(a_new_carrier_gets_the_list_of_keys),
		T(a_bundle_is_committed_before_its_answer_is_given),
		T(no_answer_is_lost_when_the_engine_stops),
		T(the_core_is_told_what_to_keep),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
