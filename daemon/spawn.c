/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/spawn.h"

#include "proto/err.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr,
    int our_fd, int child_fd)
{
	sigset_t none, all;
	int bad = 0;

	(void)sigemptyset(&none);
	(void)sigfillset(&all);
	bad |= posix_spawnattr_setsigmask(attr, &none);
	bad |= posix_spawnattr_setsigdefault(attr, &all);
	bad |= posix_spawnattr_setflags(attr,
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	bad |= posix_spawn_file_actions_adddup2(actions, our_fd, child_fd);
	bad |= posix_spawn_file_actions_addopen(actions, STDIN_FILENO,
	    "/dev/null", O_RDONLY, 0);
	if (child_fd != STDOUT_FILENO)
		bad |= posix_spawn_file_actions_addopen(actions, STDOUT_FILENO,
		    "/dev/null", O_WRONLY, 0);
	bad |= posix_spawn_file_actions_addclosefrom_np(actions,
	    child_fd > STDERR_FILENO ? child_fd + 1 : STDERR_FILENO + 1);
	return bad;
}

int td_spawn_start(struct td_spawn *spawn, const char *role,
    const char *argument, int our_fd, int child_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char *argv[] = {(char *)(uintptr_t)role, (char *)(uintptr_t)argument,
	    NULL};
	pid_t pid = 0;
	int bad = 0;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return TR_E_IO;
	if (posix_spawnattr_init(&attr) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return TR_E_IO;
	}
	bad = prepare(&actions, &attr, our_fd, child_fd);
	if (bad == 0)
		bad = posix_spawn(&pid, "/proc/self/exe", &actions, &attr, argv,
		    environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (bad != 0)
		return TR_E_IO;
	spawn->pid = pid;
	spawn->pidfd = pidfd_open(pid, 0);
	if (spawn->pidfd < 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		spawn->pid = 0;
		return TR_E_IO;
	}
	return 0;
}

void td_spawn_end(struct td_spawn *spawn, int grace_ms)
{
	struct pollfd ended = {.fd = spawn->pidfd, .events = POLLIN};

	if (spawn->pid == 0)
		return;
	if (poll(&ended, 1, grace_ms) != 1)
		/* Not kill(): libev's own SIGCHLD handler may have reaped it
		 * and the number may be somebody else's. */
		(void)pidfd_send_signal(spawn->pidfd, SIGKILL, NULL, 0);
	(void)waitpid(spawn->pid, NULL, 0);
	(void)close(spawn->pidfd);
	spawn->pid = 0;
	spawn->pidfd = -1;
}
