/* SPDX-License-Identifier: Apache-2.0 */
/*
 * feed -- sends a file of lines to an ingest socket as fast as the daemon
 * takes them, and counts the answers.
 *
 *   feed SOCKET FILE          prints {"lines","ok","refused","seconds","first_error"}
 *
 * Time runs from the first byte sent to the last answer read.  It does as
 * little as it can, for it shares the processors with what it measures.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define OUT_MAX (256 * 1024)
#define IN_SIZE (256 * 1024)

struct feed {
	int fd;
	const char *data;
	size_t size, sent;
	uint64_t answers, refused;
	char line[1024];         /* the answer that is being read */
	size_t line_size;
	char first_error[512];
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

_Noreturn static void die(const char *what)
{
	fprintf(stderr, "feed: %s: %s\n", what, strerror(errno));
	exit(74);
}

static void open_socket(struct feed *f, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	f->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (f->fd < 0 || connect(f->fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		die(path);
}

static void open_file(struct feed *f, const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) != 0)
		die(path);
	f->size = (size_t)st.st_size;
	map = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (map == MAP_FAILED)
		die(path);
	f->data = map;
	close(fd);
}

static void end_line(struct feed *f)
{
	f->line[f->line_size] = '\0';
	f->line_size = 0;
	if (strstr(f->line, "\"ok\":true") != NULL) {
		f->answers++;
	} else if (strstr(f->line, "\"ok\":false") != NULL) {
		f->answers++;
		if (f->refused++ == 0)
			memcpy(f->first_error, f->line, sizeof(f->first_error) - 1);
	} /* else the greeting */
}

static void read_answers(struct feed *f)
{
	static char in[IN_SIZE];
	ssize_t n = read(f->fd, in, sizeof(in));

	if (n == 0) {
		errno = ECONNRESET;
		die("the daemon closed the socket");
	}
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		die("read");
	for (ssize_t i = 0; i < n;) {
		char *end = memchr(in + i, '\n', (size_t)(n - i));
		size_t len = end != NULL ? (size_t)(end - (in + i)) : (size_t)(n - i);
		size_t keep = len < sizeof(f->line) - 1 - f->line_size ? len : sizeof(f->line) - 1 - f->line_size;

		memcpy(f->line + f->line_size, in + i, keep);
		f->line_size += keep;
		i += (ssize_t)len + 1;
		if (end != NULL)
			end_line(f);
	}
}

static void send_some(struct feed *f)
{
	size_t left = f->size - f->sent;
	ssize_t n = write(f->fd, f->data + f->sent, left < OUT_MAX ? left : OUT_MAX);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		die("write");
	if (n > 0)
		f->sent += (size_t)n;
}

int main(int argc, char **argv)
{
	static struct feed f;
	uint64_t lines = 0;
	double start, end;

	if (argc != 3)
		return 64;
	open_file(&f, argv[2]);
	for (const char *p = f.data; (p = memchr(p, '\n', f.size - (size_t)(p - f.data))) != NULL; p++)
		lines++;
	open_socket(&f, argv[1]);
	if (fcntl(f.fd, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl");
	start = now_s();
	while (f.answers < lines) {
		struct pollfd p = {.fd = f.fd, .events = POLLIN};

		if (f.sent < f.size)
			p.events |= POLLOUT;
		if (poll(&p, 1, 60000) == 0) {
			errno = ETIMEDOUT;
			die("no answer for a minute");
		}
		if ((p.revents & (POLLIN | POLLHUP)) != 0)
			read_answers(&f);
		if ((p.revents & POLLOUT) != 0)
			send_some(&f);
	}
	end = now_s();
	for (char *p = f.first_error; *p != '\0'; p++)
		if (*p == '"' || *p == '\\' || *p == '\n')
			*p = '\'';
	printf("{\"lines\":%llu,\"ok\":%llu,\"refused\":%llu,\"seconds\":%.6f,\"first_error\":\"%s\"}\n",
	    (unsigned long long)lines, (unsigned long long)(f.answers - f.refused), (unsigned long long)f.refused,
	    end - start, f.first_error);
	return 0;
}
