/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/page.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define COPY_SIZE 4096

static pid_t pager; /* 0 = none */

static const char *command(void)
{
	const char *name = getenv("TERRACE_PAGER");

	if (name == NULL)
		name = getenv("PAGER");
	return name != NULL ? name : "less -FIRX";
}

/* In the child: the pager, or a plain copy if it cannot be started. */
static _Noreturn void run_pager(int from)
{
	char *line = NULL, buf[COPY_SIZE];
	ssize_t n;

	dup2(from, STDIN_FILENO);
	close(from);
	signal(SIGINT, SIG_IGN);
	if (asprintf(&line, "exec %s", command()) > 0) {
		pid_t child = fork();
		int status = 0;

		if (child == 0) {
			execl("/bin/sh", "sh", "-c", line, (char *)NULL);
			_exit(127);
		}
		while (child > 0 && waitpid(child, &status, 0) < 0 &&
		       errno == EINTR)
			;
		if (child > 0 &&
		    !(WIFEXITED(status) && WEXITSTATUS(status) == 127))
			_exit(0);
	}
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		if (write(STDOUT_FILENO, buf, (size_t)n) != n)
			break;
	_exit(0);
}

void tc_page_begin(const struct tc_run *run)
{
	struct winsize size;
	char columns[16];
	int ends[2];

	if (pager != 0 || run->format != TC_FORMAT_TABLE || !run->may_page ||
	    !isatty(STDIN_FILENO) ||
	    !isatty(STDOUT_FILENO) || command()[0] == '\0' ||
	    strcmp(command(), "cat") == 0)
		return;
	/* What is drawn goes into a pipe, but is as wide as the terminal. */
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
		snprintf(columns, sizeof(columns), "%u", size.ws_col);
		setenv("COLUMNS", columns, 0);
	}
	fflush(stdout);
	if (pipe(ends) != 0)
		return;
	pager = fork();
	if (pager == 0) {
		close(ends[1]);
		run_pager(ends[0]);
	}
	close(ends[0]);
	if (pager > 0) {
		signal(SIGPIPE, SIG_IGN);
		dup2(ends[1], STDOUT_FILENO);
	} else {
		pager = 0;
	}
	close(ends[1]);
}

void tc_page_end(void)
{
	if (pager <= 0)
		return;
	fflush(stdout);
	fclose(stdout);
	while (waitpid(pager, NULL, 0) < 0 && errno == EINTR)
		;
	pager = 0;
}
