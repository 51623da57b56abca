/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shim -- loaded before libc into a real terraced (LD_PRELOAD): counts its
 * system calls that change files, and at number N ends the process or makes
 * the call fail.
 *
 *     TERRACE_CRASH=MODE:N:SEED:REPORT
 *
 *     count    only counts; REPORT says how many there were
 *     kill     SIGKILL before call N
 *     power    the same, and of each page that was written but not synced a
 *              coin (SEED) says whether it ever reached the disk
 *     eio      call N fails once;      eio-on     it and all later ones
 *     enospc   the same with a full disk;  enospc-on
 *
 * REPORT gets a line "N call path" when it strikes.  Sockets, pipes and
 * standard output are not counted.  Only the core is touched, not the carrier.
 *
 * Threads: the core has one.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096
#define FILES_MAX 16
#define FD_BASE 500 /* above what the daemon counts on */

enum mode { OFF, COUNT, KILL, POWER, FAIL };

struct file { /* that has pages which no sync has covered */
	dev_t dev;
	ino_t ino;
	int fd;
};

struct undo {
	int file;
	off_t at;
	size_t size;
	uint8_t old[PAGE]; /* zeros where the file had ended */
	struct undo *next; /* older */
};

static struct {
	enum mode mode;
	int error;
	bool is_sticky, has_struck;
	uint64_t at, calls, seed;
	char report[PATH_MAX];
	struct file files[FILES_MAX];
	int file_count;
	struct undo *undo; /* newest first */
} shim;

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwritev)(int, const struct iovec *, int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_rename)(const char *, const char *);

static void find(void *out, size_t size, const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	memcpy(out, &symbol, size);
}

static void find_all(void)
{
	find(&real_write, sizeof(real_write), "write");
	find(&real_pwrite, sizeof(real_pwrite), "pwrite");
	find(&real_writev, sizeof(real_writev), "writev");
	find(&real_pwritev, sizeof(real_pwritev), "pwritev");
	find(&real_fsync, sizeof(real_fsync), "fsync");
	find(&real_fdatasync, sizeof(real_fdatasync), "fdatasync");
	find(&real_rename, sizeof(real_rename), "rename");
}

static void say(const char *call, const char *path)
{
	char line[PATH_MAX + 64];
	int n = snprintf(line, sizeof(line), "%llu %s %s\n", (unsigned long long)shim.calls, call, path);
	int fd = open(shim.report, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	if (n > 0 && real_write(fd, line, (size_t)n) < 0)
		(void)0; /* the test notices the missing line */
	close(fd);
}

/* "MODE:N:SEED:REPORT"; false: not for us. */
static bool parse(const char *text)
{
	static const struct {
		const char *name;
		enum mode mode;
		int error;
		bool is_sticky;
	} modes[] = {{"count", COUNT, 0, false}, {"kill", KILL, 0, false}, {"power", POWER, 0, false},
	    {"eio", FAIL, EIO, false}, {"eio-on", FAIL, EIO, true}, {"enospc", FAIL, ENOSPC, false},
	    {"enospc-on", FAIL, ENOSPC, true}};
	unsigned long long at, seed;
	char name[16];

	if (sscanf(text, "%15[^:]:%llu:%llu:%4095s", name, &at, &seed, shim.report) != 4)
		return false;
	shim.at = at;
	shim.seed = seed;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i].name, name) != 0)
			continue;
		shim.mode = modes[i].mode;
		shim.error = modes[i].error;
		shim.is_sticky = modes[i].is_sticky;
		return true;
	}
	return false;
}

__attribute__((constructor)) static void begin(void)
{
	const char *text = getenv("TERRACE_CRASH");

	find_all();
	if (text == NULL || strcmp(program_invocation_short_name, "terraced") != 0)
		return;
	if (!parse(text)) {
		(void)fprintf(stderr, "shim: TERRACE_CRASH=%s is not MODE:N:SEED:REPORT\n", text);
		_exit(64);
	}
}

__attribute__((destructor)) static void end(void)
{
	if (shim.mode != OFF && !shim.has_struck)
		say("total", "-");
}

/* ------------------------------------------------------------ the lost pages */

static int file_of(int fd)
{
	struct file *file = &shim.files[shim.file_count];
	char self[64];
	struct stat st;
	int low;

	if (fstat(fd, &st) != 0)
		return -1;
	for (int i = 0; i < shim.file_count; i++)
		if (shim.files[i].dev == st.st_dev && shim.files[i].ino == st.st_ino)
			return i;
	if (shim.file_count == FILES_MAX)
		return -1;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	low = open(self, O_RDWR | O_CLOEXEC); /* the caller's may be write-only */
	if (low < 0)
		return -1;
	*file = (struct file){st.st_dev, st.st_ino, fcntl(low, F_DUPFD_CLOEXEC, FD_BASE)};
	close(low);
	return file->fd < 0 ? -1 : shim.file_count++;
}

/* Keeps what stands where a write goes, page by page. */
static void keep(int fd, off_t at, size_t size)
{
	int file, flags = fcntl(fd, F_GETFL);

	if (shim.mode != POWER || flags < 0 || (flags & O_DSYNC) != 0)
		return;
	file = file_of(fd);
	while (file >= 0 && size > 0) {
		size_t part = PAGE - (size_t)(at % PAGE);
		struct undo *undo = calloc(1, sizeof(*undo));

		if (part > size)
			part = size;
		if (undo == NULL || pread(shim.files[file].fd, undo->old, part, at) < 0)
			abort();
		undo->file = file;
		undo->at = at;
		undo->size = part;
		undo->next = shim.undo;
		shim.undo = undo;
		at += (off_t)part;
		size -= part;
	}
}

static void synced(int fd)
{
	struct undo **at = &shim.undo;
	int file = shim.mode == POWER ? file_of(fd) : -1;

	while (file >= 0 && *at != NULL) {
		struct undo *undo = *at;

		if (undo->file != file) {
			at = &undo->next;
			continue;
		}
		*at = undo->next;
		free(undo);
	}
}

/* One fate for a page, however often it was written. */
static bool is_lost(const struct undo *undo)
{
	uint64_t x = shim.seed * 0x9e3779b97f4a7c15u + (uint64_t)undo->file * 0xbf58476d1ce4e5b9u +
	    (uint64_t)(undo->at / PAGE);

	x ^= x >> 31;
	x *= 0x94d049bb133111ebu;
	x ^= x >> 29;
	return x % 4 != 0;
}

static void lose(void)
{
	for (struct undo *undo = shim.undo; undo != NULL; undo = undo->next)
		if (is_lost(undo) && real_pwrite(shim.files[undo->file].fd, undo->old, undo->size, undo->at) < 0)
			abort();
}

/* ------------------------------------------------------------------ the calls */

/* True: the call is not made and fails with errno. */
static bool strikes(const char *call, const char *path)
{
	if (shim.mode == OFF)
		return false;
	shim.calls++;
	if (shim.mode == COUNT || (shim.calls != shim.at && !(shim.is_sticky && shim.calls > shim.at)))
		return false;
	if (!shim.has_struck)
		say(call, path);
	shim.has_struck = true;
	if (shim.mode == FAIL) {
		errno = shim.error;
		return true;
	}
	if (shim.mode == POWER)
		lose();
	(void)kill(getpid(), SIGKILL);
	for (;;)
		(void)pause();
}

static bool is_file(int fd)
{
	struct stat st;

	return shim.mode != OFF && fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static bool strikes_fd(const char *call, int fd)
{
	char self[64], path[PATH_MAX];
	ssize_t n;

	if (shim.mode == OFF)
		return false;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	n = readlink(self, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return strikes(call, path);
}

static size_t iov_bytes(const struct iovec *iov, int count)
{
	size_t size = 0;

	for (int i = 0; i < count; i++)
		size += iov[i].iov_len;
	return size;
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (is_file(fd)) {
		if (strikes_fd("write", fd))
			return -1;
		keep(fd, lseek(fd, 0, SEEK_CUR), size);
	}
	return real_write(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	if (is_file(fd)) {
		if (strikes_fd("writev", fd))
			return -1;
		keep(fd, lseek(fd, 0, SEEK_CUR), iov_bytes(iov, count));
	}
	return real_writev(fd, iov, count);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	if (is_file(fd)) {
		if (strikes_fd("pwrite", fd))
			return -1;
		keep(fd, at, size);
	}
	return real_pwrite(fd, data, size, at);
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	if (is_file(fd)) {
		if (strikes_fd("pwritev", fd))
			return -1;
		keep(fd, at, iov_bytes(iov, count));
	}
	return real_pwritev(fd, iov, count, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	return pwrite(fd, data, size, at);
}

ssize_t pwritev64(int fd, const struct iovec *iov, int count, off64_t at)
{
	return pwritev(fd, iov, count, at);
}

int fsync(int fd)
{
	int rc;

	if (strikes_fd("fsync", fd))
		return -1;
	rc = real_fsync(fd);
	if (rc == 0)
		synced(fd);
	return rc;
}

int fdatasync(int fd)
{
	int rc;

	if (strikes_fd("fdatasync", fd))
		return -1;
	rc = real_fdatasync(fd);
	if (rc == 0)
		synced(fd);
	return rc;
}

int rename(const char *from, const char *to)
{
	return strikes("rename", to) ? -1 : real_rename(from, to);
}
