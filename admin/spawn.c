/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/spawn.h"

#include "admin/fault.h"
#include "admin/mem.h"
#include "admin/text.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 4096

/* argv of exec is not const in C; exec changes nothing. */
static void become(const char *path, const char *const *argv)
{
	execvp(path, (char *const *)(uintptr_t)argv);
}

int tc_spawn_daemon(const char *const *argv)
{
	static const char *const places[] = {
	    "terraced", "/usr/sbin/terraced", "/usr/local/sbin/terraced"};
	char path[PATH_SIZE + 16];
	ssize_t size = readlink("/proc/self/exe", path, PATH_SIZE - 1);
	char *slash;

	fflush(stdout);
	/* The same language there, also when this locale is not generated. */
	if (strcmp(setlocale(LC_MESSAGES, NULL), "C.UTF-8") == 0)
		setenv("LC_ALL", "C.UTF-8", 1);
	if (size > 0) {
		path[size] = '\0';
		slash = strrchr(path, '/');
		if (slash != NULL) {
			strcpy(slash, "/terraced");
			become(path, argv);
			/* Installed: bin/terracectl, sbin/terraced. */
			strcpy(slash, "/../sbin/terraced");
			become(path, argv);
		}
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		become(places[i], argv);
	return tc_fault_advise(TR_E_DOWN,
	    _("It is looked for beside terracectl, in PATH and in /usr/sbin."),
	    _("cannot start terraced: %s"), strerror(errno));
}

/* A word for the shell at the other end. */
static char *quoted(const char *word)
{
	char *out = tc_mem_alloc(strlen(word) * 4 + 3, 1), *p = out;

	*p++ = '\'';
	for (; *word != '\0'; word++) {
		if (*word == '\'') {
			memcpy(p, "'\\''", 4);
			p += 4;
		} else {
			*p++ = *word;
		}
	}
	*p = '\'';
	return out;
}

/* Arguments that the option -H takes up at argv[i]; 0 = it is another. */
static int host_words(char **argv, int i)
{
	if (strcmp(argv[i], "-H") == 0 || strcmp(argv[i], "--host") == 0)
		return 2;
	if (strncmp(argv[i], "-H", 2) == 0 ||
	    strncmp(argv[i], "--host=", 7) == 0)
		return 1;
	return 0;
}

int tc_spawn_remote(const struct tc_run *run, const char *host)
{
	const char **argv;
	size_t n = 0;

	if (host[0] == '-' || host[0] == '\0')
		return tc_fault_say(TR_E_USAGE, _("'%s' is no host"), host);
	argv = tc_mem_alloc((size_t)run->argc + 8, sizeof(*argv));
	argv[n++] = "ssh";
	argv[n++] = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) ? "-t" : "-T";
	argv[n++] = "--";
	argv[n++] = host;
	argv[n++] = "terracectl";
	for (int i = 1; i < run->argc;) {
		int skip = host_words(run->argv, i);

		if (skip > 0)
			i += skip;
		else
			argv[n++] = quoted(run->argv[i++]);
	}
	argv[n] = NULL;
	become("ssh", argv);
	return tc_fault_say(
	    TR_E_NOTFOUND, _("cannot start ssh: %s"), strerror(errno));
}
