/* SPDX-License-Identifier: Apache-2.0 */
/* One process uses a store: a lock on a file in its folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "daemon/store_int.h"
#include "proto/err.h"

static void pid_read(int fd, char *out, size_t cap)
{
	ssize_t n = pread(fd, out, cap - 1, 0);

	out[n > 0 ? n : 0] = '\0';
	out[strspn(out, "0123456789")] = '\0';
}

int td_store_lock(const char *dir, int *out)
{
	char path[PATH_MAX + 8], pid[24];
	int fd, len;

	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return td_store_say_errno(path, "open");
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int rc = TR_E_BUSY;

		if (errno != EWOULDBLOCK) {
			rc = td_store_say_errno(path, "lock");
		} else {
			pid_read(fd, pid, sizeof(pid));
			td_store_say(dir, "another terraced (pid %s) uses it",
			    pid[0] != '\0' ? pid : "unknown");
		}
		close(fd);
		return rc;
	}
	/* For people; the lock itself is what counts. */
	len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len)
		(void)0; /* a full disk must not keep the daemon from starting */
	*out = fd;
	return 0;
}
