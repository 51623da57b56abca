/* SPDX-License-Identifier: Apache-2.0 */
// needs: daemon/ingest.o daemon/sock.o daemon/line.o daemon/json_write.o daemon/json_read.o daemon/text.o daemon/log.o daemon/sys.o
// needs: daemon/door.o daemon/door_value.o daemon/door_refuse.o daemon/door_explain.o proto/control.o tests/lib/rig.o tests/lib/memview.o
// libs: -lev
/*
 * Goal: a line that was not taken is not overtaken by those behind it, until
 * its client knows.  Method: the real door on a socket, before an engine of a
 * few lines that loses groups when it is told to.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/ingest.h"
#include "proto/err.h"
#include "tests/lib/rig.h"
#include "tests/unit/unit.h"

#define LINE "{\"title\":\"noise\"}\n"

static struct {
	struct rig rig;
	struct td_conf conf;
	struct ev_loop *loop;
	struct td_ingest *ingest;
	char path[108];
	int fd;
	/* the engine: answers wait until they are let out */
	td_reply_fn *fn;
	void *arg;
	int waiting[64];
	size_t count, written;
	size_t lose_at; /* this write loses its group; 0 = none */
	int lose_rc;
	uint64_t lost;
} s;

const struct rep_node *td_engine_node(const struct td_engine *engine)
{
	(void)engine;
	return s.rig.node;
}
const struct td_conf *td_engine_conf(const struct td_engine *engine)
{
	(void)engine;
	return &s.conf;
}
uint64_t td_engine_lost(const struct td_engine *engine)
{
	(void)engine;
	return s.lost;
}
void td_engine_forget(struct td_engine *engine, void *arg)
{
	(void)engine, (void)arg;
	s.count = 0;
}
void td_engine_write(struct td_engine *engine, struct rep_write *write, td_reply_fn *fn, void *arg)
{
	(void)engine, (void)write;
	s.fn = fn;
	s.arg = arg;
	s.waiting[s.count++] = 0;
	if (++s.written == s.lose_at) {
		for (size_t i = 0; i < s.count; i++)
			s.waiting[i] = s.lose_rc;
		s.lost++;
	}
}

static void answer(void)
{
	size_t count = s.count;

	s.count = 0;
	for (size_t i = 0; i < count; i++) {
		struct rep_reply reply = {.rc = s.waiting[i], .kind = TR_KIND_CASE, .version = 1};

		s.fn(s.arg, &reply);
	}
}

static void on_time(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)timer, (void)events;
	ev_break(loop, EVBREAK_ALL);
}

static void run(double seconds)
{
	ev_timer timer;

	ev_timer_init(&timer, on_time, seconds, 0.);
	ev_timer_start(s.loop, &timer);
	ev_run(s.loop, 0);
	ev_timer_stop(s.loop, &timer);
}

static void send_lines(int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(send(s.fd, LINE, strlen(LINE), 0), strlen(LINE));
	run(0.02);
}

/* Reads what is there; counts the answers and those with this text. */
static size_t answers(const char *text, size_t *with)
{
	static char buf[65536];
	ssize_t n = recv(s.fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	size_t all = 0;

	*with = 0;
	buf[n > 0 ? n : 0] = '\0';
	for (char *line = strtok(buf, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		all += strstr(line, "\"line\":") != NULL;
		*with += strstr(line, text) != NULL;
	}
	return all;
}

static int begin(void **state)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t with;

	(void)state;
	memset(&s, 0, sizeof(s));
	rig_begin(&s.rig, RIG_STREET);
	s.loop = ev_loop_new(0);
	snprintf(s.path, sizeof(s.path), "/tmp/test-ingest-%d.sock", (int)getpid());
	s.conf.name = (char *)(uintptr_t)"street";
	s.conf.ingest_socket = s.path;
	assert_int_equal(td_ingest_start(&s.ingest, s.loop, NULL, &s.conf), 0);
	s.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(to.sun_path, s.path, strlen(s.path));
	assert_int_equal(connect(s.fd, (struct sockaddr *)&to, sizeof(to)), 0);
	run(0.02);
	(void)answers("", &with); /* the greeting */
	return 0;
}

static int end(void **state)
{
	(void)state;
	close(s.fd);
	td_ingest_stop(s.ingest);
	ev_loop_destroy(s.loop);
	rig_end(&s.rig);
	return 0;
}

static void what_was_sent_before_is_not_taken(void **state)
{
	size_t with;

	(void)state;
	s.lose_at = 2;
	s.lose_rc = TR_E_BUSY;
	send_lines(5);
	assert_int_equal(s.written, 2); /* those behind the loss came before its answers */
	answer();
	send_lines(1); /* it has read nothing yet */
	assert_int_equal(s.written, 2);
	assert_int_equal(answers("TR-E-BUSY", &with), 6);
	assert_int_equal(with, 6);
	run(0.2);
	assert_int_equal(answers("TR-E-BUSY", &with), 0);
	send_lines(6); /* again, knowing */
	assert_int_equal(s.written, 8);
	answer();
	run(0.02);
	assert_int_equal(answers("\"ok\":true", &with), 6);
	assert_int_equal(with, 6);
}

static void who_reads_no_answer_stays_held(void **state)
{
	size_t with;

	(void)state;
	s.lose_at = 1;
	s.lose_rc = TR_E_BUSY;
	send_lines(2);
	answer();
	run(0.3);
	send_lines(2);
	assert_int_equal(s.written, 1);
	assert_int_equal(answers("TR-E-BUSY", &with), 4);
	assert_int_equal(with, 4);
	assert_int_equal(send(s.fd, LINE, 5, 0), 5); /* half a line is there before the look */
	run(0.2);
	assert_int_equal(send(s.fd, LINE + 5, strlen(LINE) - 5, 0), strlen(LINE) - 5);
	run(0.02);
	assert_int_equal(s.written, 1);
	assert_int_equal(answers("TR-E-BUSY", &with), 1);
	run(0.2);
	send_lines(1);
	assert_int_equal(s.written, 2);
	answer();
}

static void a_full_store_holds_as_well(void **state)
{
	size_t with;

	(void)state;
	s.lose_at = 1;
	s.lose_rc = TR_E_FULL;
	send_lines(1);
	answer();
	s.lost = 0;
	send_lines(2);
	assert_int_equal(s.written, 1);
	assert_int_equal(answers("TR-E-FULL", &with), 3);
	assert_int_equal(with, 3);
}

static void a_wrong_line_holds_nobody(void **state)
{
	size_t with;

	(void)state;
	assert_int_equal(send(s.fd, "{}x\n", 4, 0), 4);
	send_lines(3);
	assert_int_equal(s.written, 3);
	answer();
	run(0.02);
	assert_int_equal(answers("\"ok\":true", &with), 4);
	assert_int_equal(with, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(what_was_sent_before_is_not_taken, begin, end),
	    cmocka_unit_test_setup_teardown(who_reads_no_answer_stays_held, begin, end),
	    cmocka_unit_test_setup_teardown(a_full_store_holds_as_well, begin, end),
	    cmocka_unit_test_setup_teardown(a_wrong_line_holds_nobody, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
