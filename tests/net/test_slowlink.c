/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the bad line of the other tests is as bad as it says.
 * Method: slowlink (the program beside this one) between two sockets of ours.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char *program;

struct line {
	pid_t pid;
	int listener, control, near, far;
	struct sockaddr_in at;
	char socket[64];
};

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int tcp(void)
{
	const struct timeval limit = { .tv_sec = 10 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return fd;
}

static void dial(struct line *line)
{
	line->near = tcp();
	assert_int_equal(connect(line->near, (struct sockaddr *)&line->at, sizeof(line->at)), 0);
}

static void say(struct line *line, const char *command)
{
	char answer[256] = "";

	assert_int_equal(send(line->control, command, strlen(command), 0), strlen(command));
	assert_true(recv(line->control, answer, sizeof(answer) - 1, 0) > 0);
	assert_string_not_equal(answer, "what?\n");
}

static void start(struct line *line, uint16_t port)
{
	char to[32], text[64] = "";
	int out[2];
	unsigned at = 0;
	FILE *reader = NULL;

	(void)snprintf(to, sizeof(to), "127.0.0.1:%u", port);
	assert_int_equal(pipe(out), 0);
	line->pid = fork();
	if (line->pid == 0) {
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execl(program, "slowlink", "--to", to, "--control", line->socket, (char *)NULL);
		_exit(127);
	}
	(void)close(out[1]);
	reader = fdopen(out[0], "r");
	assert_non_null(fgets(text, sizeof(text), reader));
	assert_int_equal(sscanf(text, "listening 127.0.0.1:%u", &at), 1);
	(void)fclose(reader);
	line->at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)at) };
	line->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static int setup(void **state)
{
	struct line *line = calloc(1, sizeof(*line));
	struct sockaddr_in any = { .sin_family = AF_INET };
	struct sockaddr_un control = { .sun_family = AF_UNIX };
	socklen_t size = sizeof(any);

	*state = line;
	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	line->listener = tcp();
	assert_int_equal(bind(line->listener, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(line->listener, 5), 0);
	assert_int_equal(getsockname(line->listener, (struct sockaddr *)&any, &size), 0);
	(void)snprintf(line->socket, sizeof(line->socket), "/tmp/slowlink-%d.sock", (int)getpid());
	start(line, ntohs(any.sin_port));
	memcpy(control.sun_path, line->socket, sizeof(line->socket));
	line->control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(line->control, (struct sockaddr *)&control, sizeof(control)), 0);
	dial(line);
	line->far = accept(line->listener, NULL, NULL);
	assert_true(line->far >= 0);
	return 0;
}

static int teardown(void **state)
{
	struct line *line = *state;
	int status = 0;

	(void)close(line->near);
	(void)close(line->far);
	(void)close(line->control);
	(void)close(line->listener);
	assert_int_equal(kill(line->pid, SIGTERM), 0);
	assert_int_equal(waitpid(line->pid, &status, 0), line->pid);
	assert_int_equal(status, 0);
	free(line);
	return 0;
}

static void bytes_pass_both_ways(void **state)
{
	const struct line *line = *state;
	char got[8] = "";

	assert_int_equal(send(line->near, "up", 2, 0), 2);
	assert_int_equal(recv(line->far, got, sizeof(got), 0), 2);
	assert_int_equal(send(line->far, "down", 4, 0), 4);
	assert_int_equal(recv(line->near, got, sizeof(got), 0), 4);
	(void)shutdown(line->near, SHUT_WR);
	assert_int_equal(recv(line->far, got, sizeof(got), 0), 0);
}

static void latency_is_kept(void **state)
{
	struct line *line = *state;
	char got[8];
	int64_t begin = 0;

	say(line, "latency 80\n");
	begin = now_ms();
	assert_int_equal(send(line->near, "x", 1, 0), 1);
	assert_int_equal(recv(line->far, got, sizeof(got), 0), 1);
	assert_in_range(now_ms() - begin, 80, 5000);
}

static void rate_is_kept(void **state)
{
	struct line *line = *state;
	char *data = calloc(1, 20000);
	size_t got = 0;
	int64_t begin = 0;

	say(line, "rate 50000\n");
	begin = now_ms();
	assert_int_equal(send(line->near, data, 20000, 0), 20000);
	while (got < 20000) {
		ssize_t n = recv(line->far, data, 20000, 0);

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_in_range(now_ms() - begin, 390, 5000);
	free(data);
}

static void cut_line_ends_and_refuses_until_opened(void **state)
{
	struct line *line = *state;
	char got[8];

	say(line, "cut\n");
	assert_true(recv(line->near, got, sizeof(got), 0) <= 0);
	assert_true(recv(line->far, got, sizeof(got), 0) <= 0);
	(void)close(line->near);
	(void)close(line->far);
	dial(line);
	assert_true(recv(line->near, got, sizeof(got), 0) <= 0);
	(void)close(line->near);
	say(line, "open\n");
	dial(line);
	line->far = accept(line->listener, NULL, NULL);
	assert_true(line->far >= 0);
	bytes_pass_both_ways(state);
}

static void hung_line_keeps_what_was_sent(void **state)
{
	struct line *line = *state;
	char got[8];

	say(line, "hang\n");
	assert_int_equal(send(line->near, "late", 4, 0), 4);
	assert_int_equal(recv(line->far, got, sizeof(got), MSG_DONTWAIT), -1);
	say(line, "open\n");
	assert_int_equal(recv(line->far, got, sizeof(got), 0), 4);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CASE(bytes_pass_both_ways),
		CASE(latency_is_kept),
		CASE(rate_is_kept),
		CASE(cut_line_ends_and_refuses_until_opened),
		CASE(hung_line_keeps_what_was_sent),
	};
	static char path[4096];
	const char *slash = strrchr(argv[0], '/');

	(void)argc;
	(void)snprintf(path, sizeof(path), "%.*sslowlink",
	    slash == NULL ? 0 : (int)(slash + 1 - argv[0]), argv[0]);
	program = path;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
