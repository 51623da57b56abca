/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MAX 40
#define OUTPUT_MAX ((size_t)64 * 1024 * 1024)
#define RUN_SECONDS 300 /* no verb of the demo may take longer */

struct buffer {
	char *data;
	size_t size, room;
};

int64_t tc_demo_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void tc_demo_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("  ", stdout);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	va_end(args);
}

bool tc_demo_fail(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	if (tc_demo_stopped())
		return false;
	va_start(args, format);
	fprintf(stderr, "  %s ", _("FAILED:"));
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return false;
}

void tc_demo_head(struct tc_demo *demo, int step, const char *title)
{
	double seconds = (double)(tc_demo_now_ms() - demo->began_ms) / 1000.0;

	printf("[%d/%d] %s  (%.1f s)\n", step, TC_DEMO_STEPS, title, seconds);
	fflush(stdout);
}

static bool append(struct buffer *buffer, const char *data, size_t size)
{
	if (buffer->size + size > OUTPUT_MAX)
		return false;
	if (buffer->size + size + 1 > buffer->room) {
		buffer->room = (buffer->size + size + 1) * 2;
		buffer->data = tc_mem_resize(buffer->data, buffer->room, 1);
	}
	memcpy(buffer->data + buffer->size, data, size);
	buffer->size += size;
	buffer->data[buffer->size] = '\0';
	return true;
}

_Noreturn static void child(struct tc_demo *demo, int out, int err,
    const char *const words[])
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_DFL);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execv(demo->program, (char *const *)(uintptr_t)words);
	_exit(127);
}

/* Reads one end; closes it and sets -1 at its end. */
static void drain(int *fd, struct buffer *buffer)
{
	char chunk[16384];
	ssize_t got = read(*fd, chunk, sizeof(chunk));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got <= 0 || !append(buffer, chunk, (size_t)got)) {
		close(*fd);
		*fd = -1;
	}
}

static void collect(pid_t pid, int fds[2], struct buffer buffers[2])
{
	int64_t end = tc_demo_now_ms() + RUN_SECONDS * 1000;
	bool asked = false;

	while (fds[0] >= 0 || fds[1] >= 0) {
		struct pollfd polled[2] = {
			{ .fd = fds[0], .events = POLLIN },
			{ .fd = fds[1], .events = POLLIN },
		};

		if (!asked && (tc_demo_stopped() || tc_demo_now_ms() > end)) {
			kill(pid, SIGTERM);
			asked = true;
		}
		if (poll(polled, 2, 200) <= 0)
			continue;
		for (int i = 0; i < 2; i++)
			if (fds[i] >= 0 && polled[i].revents != 0)
				drain(&fds[i], &buffers[i]);
	}
}

static int wait_for(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 128 + WTERMSIG(status);
}

static void print_error(const char *text)
{
	const char *line = text;

	fflush(stdout);
	while (*line != '\0') {
		size_t size = strcspn(line, "\n");

		fprintf(stderr, "    %.*s\n", (int)size, line);
		line += size + (line[size] == '\n');
	}
}

/* The whole command line: this program, its socket, the words. */
static void compose(const struct tc_demo_node *node, char socket_path[static 64],
    const char *const words[], const char *line[static WORDS_MAX])
{
	size_t n = 0;

	line[n++] = "terracectl";
	if (node != NULL) {
		snprintf(socket_path, 64, "%s/run/control.sock", node->name);
		line[n++] = "-S";
		line[n++] = socket_path;
	}
	for (size_t i = 0; words[i] != NULL && n + 1 < WORDS_MAX; i++)
		line[n++] = words[i];
	line[n] = NULL;
}

int tc_demo_run(struct tc_demo *demo, const struct tc_demo_node *node,
    char **out, size_t *size, int expect, const char *const words[])
{
	const char *line[WORDS_MAX];
	char socket_path[64];
	struct buffer buffers[2] = { { 0 } };
	int out_pipe[2], err_pipe[2], rc;
	pid_t pid;

	append(&buffers[0], "", 0);
	append(&buffers[1], "", 0);
	compose(node, socket_path, words, line);
	if (pipe2(out_pipe, O_CLOEXEC) != 0 || pipe2(err_pipe, O_CLOEXEC) != 0)
		tc_mem_json(NULL); /* no descriptors left: ends the tool */
	pid = fork();
	if (pid == 0)
		child(demo, out_pipe[1], err_pipe[1], line);
	close(out_pipe[1]);
	close(err_pipe[1]);
	if (pid < 0) {
		close(out_pipe[0]);
		close(err_pipe[0]);
		rc = 71;
	} else {
		collect(pid, (int[2]){ out_pipe[0], err_pipe[0] }, buffers);
		rc = wait_for(pid);
	}
	if (expect >= 0 && rc != expect && !tc_demo_stopped()) {
		tc_demo_print(node, words);
		print_error(buffers[1].data);
		tc_demo_fail(_("exit code %d, not %d"), rc, expect);
	}
	free(buffers[1].data);
	if (size != NULL)
		*size = buffers[0].size;
	*out = buffers[0].data;
	return rc;
}

/* Words of a variable list, after `n` that are there already. */
static void gather(const char *words[static WORDS_MAX], size_t n, va_list args)
{
	const char *word;

	while ((word = va_arg(args, const char *)) != NULL)
		if (n + 1 < WORDS_MAX)
			words[n++] = word;
	words[n] = NULL;
}

json_t *tc_demo_ask(struct tc_demo *demo, const struct tc_demo_node *node, ...)
{
	const char *words[WORDS_MAX] = { "--json" };
	json_error_t error;
	json_t *document = NULL;
	va_list args;
	char *out;

	va_start(args, node);
	gather(words, 1, args);
	va_end(args);
	if (tc_demo_run(demo, node, &out, NULL, 0, words) == 0) {
		document = json_loads(out, 0, &error);
		if (document == NULL)
			tc_demo_fail(_("%s: not JSON: %s"), words[1], error.text);
	}
	free(out);
	return document;
}

bool tc_demo_do(struct tc_demo *demo, const struct tc_demo_node *node, ...)
{
	const char *words[WORDS_MAX];
	va_list args;
	char *out;
	int rc;

	va_start(args, node);
	gather(words, 0, args);
	va_end(args);
	rc = tc_demo_run(demo, node, &out, NULL, 0, words);
	free(out);
	return rc == 0;
}

/* Prints a word so that a shell would read it back; tokens are cut short. */
static void print_word(const char *word)
{
	static const char plain[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:=,+@%";
	bool quote = word[0] == '\0';

	for (const char *c = word; *c != '\0'; c++)
		if (strchr(plain, *c) == NULL && (unsigned char)*c < 0x80)
			quote = true;
	if (strlen(word) > 100 && word[0] != '{' && word[0] != '/')
		printf(" %.24s...", word);
	else
		printf(quote ? " '%s'" : " %s", word);
}

void tc_demo_print(const struct tc_demo_node *node, const char *const words[])
{
	fputs("  $ terracectl", stdout);
	if (node != NULL)
		printf(" -S %s/run/control.sock", node->name);
	for (size_t i = 0; words[i] != NULL; i++)
		print_word(words[i]);
	putchar('\n');
	fflush(stdout);
}

bool tc_demo_show(struct tc_demo *demo, int lines,
    const struct tc_demo_node *node, ...)
{
	const char *words[WORDS_MAX];
	va_list args;
	char *out, *line;
	int rc, shown = 0;

	va_start(args, node);
	gather(words, 0, args);
	va_end(args);
	tc_demo_print(node, words);
	rc = tc_demo_run(demo, node, &out, NULL, 0, words);
	line = out;
	while (rc == 0 && *line != '\0') {
		size_t size = strcspn(line, "\n");

		if (shown++ < lines)
			printf("    %.*s\n", (int)size, line);
		line += size + (line[size] == '\n');
	}
	if (shown > lines && lines > 0)
		printf(_("    (%d more lines)\n"), shown - lines);
	fflush(stdout);
	free(out);
	return rc == 0;
}

bool tc_demo_until(struct tc_demo *demo, int seconds,
    bool (*holds)(struct tc_demo *demo, void *arg), void *arg)
{
	int64_t end = tc_demo_now_ms() + (int64_t)seconds * 1000;
	const struct timespec pause = { .tv_nsec = 50 * 1000000 };

	while (!tc_demo_stopped()) {
		if (holds(demo, arg))
			return true;
		if (tc_demo_now_ms() > end)
			return false;
		nanosleep(&pause, NULL);
	}
	return false;
}
