/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/fsfile.h"

#include "proto/err.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(int number, const char *path, char *error, size_t cap)
{
	(void)snprintf(error, cap, "%s: %s", path, strerror(number));
	switch (number) {
	case EACCES:
	case EPERM:
	case EROFS: return TR_E_PERM;
	case ENOSPC:
	case EDQUOT: return TR_E_FULL;
	default: return TR_E_IO;
	}
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		data += n;
		size -= (size_t)n;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

int td_fsfile_sync_parent(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t size = slash == NULL ? 0 : (size_t)(slash - path);
	int fd = -1, rc = 0;

	if (size >= sizeof(folder))
		return TR_E_IO;
	memcpy(folder, path, size);
	folder[size] = '\0';
	fd = open(slash == NULL ? "."
	          : size == 0   ? "/"
	                        : folder,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return TR_E_IO;
	rc = fsync(fd) == 0 ? 0 : TR_E_IO;
	(void)close(fd);
	return rc;
}

int td_fsfile_write(const char *path, const void *data, size_t size,
    unsigned mode, char *error, size_t error_cap)
{
	char fresh[PATH_MAX];
	int number = 0, fd = -1;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >=
	    (int)sizeof(fresh))
		return fail(ENAMETOOLONG, path, error, error_cap);
	(void)unlink(fresh); /* of an attempt that was cut off */
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    (mode_t)mode);
	if (fd < 0)
		return fail(errno, fresh, error, error_cap);
	number =
	    fchmod(fd, (mode_t)mode) == 0 ? write_all(fd, data, size) : errno;
	if (close(fd) != 0 && number == 0)
		number = errno;
	if (number == 0 && rename(fresh, path) != 0)
		number = errno;
	if (number != 0) {
		(void)unlink(fresh);
		return fail(number, path, error, error_cap);
	}
	if (td_fsfile_sync_parent(path) != 0)
		return fail(errno, path, error, error_cap);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type,
    struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	(void)remove(path);
	return 0;
}

void td_fsfile_remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
