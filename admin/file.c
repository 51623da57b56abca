/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/file.h"

#include "admin/fault.h"
#include "admin/mem.h"
#include "admin/text.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_STEP 65536
#define PATH_SIZE 4096
#define EXIT_INTERRUPTED 130
#define EXIT_TERMINATED 143

struct tc_file {
	int fd;
	char *path, *temp;
};

/* What a signal handler may have to remove; one file at a time. */
static char under_way[PATH_SIZE];

static void on_signal(int number)
{
	if (under_way[0] != '\0')
		unlink(under_way);
	_exit(number == SIGINT ? EXIT_INTERRUPTED : EXIT_TERMINATED);
}

void tc_file_init(void)
{
	static const int numbers[] = {SIGINT, SIGTERM};
	struct sigaction action = {.sa_handler = on_signal}, old;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		/* A shell's background job ignores Ctrl-C: that stays so. */
		if (sigaction(numbers[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
}

static int fail_io(const char *path)
{
	int rc = errno == ENOENT    ? TR_E_NOTFOUND
		 : errno == EACCES ? TR_E_PERM
				   : TR_E_IO;

	return tc_fault_say(rc, "%s: %s", path, strerror(errno));
}

int tc_file_read(const char *path, size_t size_max, char **out, size_t *size)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0, room = 0;
	char *text = NULL;
	int rc = 0;

	if (fd < 0)
		return fail_io(path);
	for (;;) {
		ssize_t n;

		if (room - used < READ_STEP) {
			room = used + READ_STEP;
			text = tc_mem_resize(text, room + 1, 1);
		}
		n = read(fd, text + used, room - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = fail_io(path);
		if (n <= 0)
			break;
		used += (size_t)n;
		if (used > size_max) {
			rc = tc_fault_say(TR_E_SIZE,
			    _("%s: more than %zu bytes"), path, size_max);
			break;
		}
	}
	if (!is_stdin)
		close(fd);
	if (rc != 0) {
		free(text);
		return rc;
	}
	text[used] = '\0';
	*out = text;
	*size = used;
	return 0;
}

int tc_file_create(struct tc_file **out, const char *path)
{
	struct tc_file *file = tc_mem_alloc(1, sizeof(*file));

	file->path = tc_mem_text(path);
	file->temp = tc_mem_format("%s.part-%ld", path, (long)getpid());
	file->fd = open(
	    file->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (file->fd < 0) {
		int rc = fail_io(path);

		free(file->temp);
		free(file->path);
		free(file);
		return rc;
	}
	snprintf(under_way, sizeof(under_way), "%s", file->temp);
	*out = file;
	return 0;
}

int tc_file_write(struct tc_file *file, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t n = write(file->fd, p, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_io(file->path);
		p += n;
		size -= (size_t)n;
	}
	return 0;
}

/* The name is durable only with its folder. */
static int sync_folder(const char *path)
{
	char *dir = tc_mem_text(path), *slash = strrchr(dir, '/');
	int fd, rc = 0;

	if (slash == NULL)
		memcpy(dir, ".", 2); /* a path has at least one character */
	else if (slash == dir)
		slash[1] = '\0';
	else
		*slash = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Some file systems of sticks cannot sync a folder: EINVAL. */
	if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
		rc = fail_io(dir);
	if (fd >= 0)
		close(fd);
	free(dir);
	return rc;
}

static void forget(struct tc_file *file)
{
	under_way[0] = '\0';
	free(file->temp);
	free(file->path);
	free(file);
}

int tc_file_commit(struct tc_file *file)
{
	int rc = 0, fd = file->fd;

	file->fd = -1;
	if (fsync(fd) != 0)
		rc = fail_io(file->path);
	if (close(fd) != 0 && rc == 0)
		rc = fail_io(file->path);
	if (rc == 0 && rename(file->temp, file->path) != 0)
		rc = fail_io(file->path);
	if (rc != 0) {
		tc_file_abort(file);
		return rc;
	}
	rc = sync_folder(file->path);
	forget(file);
	return rc;
}

void tc_file_abort(struct tc_file *file)
{
	if (file == NULL)
		return;
	if (file->fd >= 0)
		close(file->fd);
	unlink(file->temp);
	forget(file);
}
