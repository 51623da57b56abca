/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/sys.h"

static struct {
	struct sockaddr_un to;
	socklen_t to_size;
	int fd;
	double watchdog_s;
	char status[200];
} notify_state = {.fd = -1};

static void read_watchdog(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (usec == NULL || (pid != NULL && atol(pid) != (long)getpid()))
		return;
	notify_state.watchdog_s = (double)strtoull(usec, NULL, 10) / 2e6;
}

void td_notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t size = path != NULL ? strlen(path) : 0;

	read_watchdog();
	if (size > 1 && size < sizeof(notify_state.to.sun_path) && (path[0] == '/' || path[0] == '@')) {
		notify_state.to.sun_family = AF_UNIX;
		memcpy(notify_state.to.sun_path, path, size);
		if (path[0] == '@') /* abstract name */
			notify_state.to.sun_path[0] = '\0';
		notify_state.to_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
		notify_state.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

bool td_notify_is_open(void)
{
	return notify_state.fd >= 0;
}

void td_notify(const char *state)
{
	if (notify_state.fd < 0)
		return;
	/* The manager may be gone; there is nobody to tell that to. */
	(void)!sendto(notify_state.fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
	    (struct sockaddr *)&notify_state.to, notify_state.to_size);
}

void td_notify_status(const char *text)
{
	char state[sizeof(notify_state.status) + 8];

	if (strcmp(text, notify_state.status) == 0)
		return;
	snprintf(notify_state.status, sizeof(notify_state.status), "%s", text);
	snprintf(state, sizeof(state), "STATUS=%s", notify_state.status);
	td_notify(state);
}

void td_notify_reloading(void)
{
	char state[64];

	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, td_sys_mono_us());
	td_notify(state);
}

double td_notify_watchdog_s(void)
{
	return notify_state.fd >= 0 ? notify_state.watchdog_s : 0;
}
