/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slowlink -- a TCP proxy that is a bad line: latency, rate, cuts.
 *
 *     slowlink --listen 127.0.0.1:0 --to 127.0.0.1:7400
 *              [--latency MS] [--rate BYTES_PER_SECOND] [--control SOCKET]
 *
 * Prints "listening ADDRESS:PORT" and runs until TERM or INT.  Latency is one
 * way; the rate is that of the line, one for each direction, shared by all
 * connections.  One command a line on the control socket, answered by a line:
 *
 *     cut          resets all connections, refuses new ones (also SIGUSR1)
 *     hang         connections stay, nothing passes: a line gone silent
 *     open         back to normal (also SIGUSR2)
 *     latency MS   rate BYTES_PER_SECOND (0 = no limit)
 *     stat         "open connections=1 up=123 down=456 refused=0"
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	PAIRS_MAX = 512,
	CONTROLS_MAX = 8,
	CHUNK_MAX = 16 * 1024,
	CHUNK_MIN = 64,
	QUEUE_MAX = 256 * 1024, /* of one direction of one connection */
	LINE_MAX_SIZE = 128,
};

enum state { OPEN, CUT, HANG };

struct chunk {
	struct chunk *next;
	int64_t due_us;
	size_t size, sent;
	uint8_t data[];
};

struct way { /* from fd to fd */
	int from, to;
	struct chunk *first, *last;
	size_t queued;
	bool has_ended; /* `from` has nothing more to say */
	bool has_closed; /* and `to` was told so */
};

struct pair {
	struct way way[2]; /* 0 = up: from the client */
};

struct control {
	int fd;
	char line[LINE_MAX_SIZE];
	size_t size;
};

struct proxy {
	int listener, control_listener;
	struct sockaddr_in to;
	enum state state;
	int64_t now_us;            /* of this turn */
	int64_t latency_us, rate;  /* bytes a second, 0 = no limit */
	int64_t line_free_us[2];   /* when the line has sent what was given to it */
	uint64_t bytes[2], refused;
	struct pair pair[PAIRS_MAX];
	size_t pair_count;
	struct control control[CONTROLS_MAX];
	size_t control_count;
};

static volatile sig_atomic_t signalled;

static void on_signal(int number)
{
	signalled = number;
}

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static _Noreturn void die(const char *what)
{
	(void)fprintf(stderr, "slowlink: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---------------------------------------------------------- connections */

static void way_drop(struct way *way)
{
	while (way->first != NULL) {
		struct chunk *next = way->first->next;

		free(way->first);
		way->first = next;
	}
	way->last = NULL;
}

static void pair_close(struct proxy *proxy, size_t i, bool reset)
{
	struct pair *pair = &proxy->pair[i];
	const struct linger hard = { 1, 0 };

	for (size_t side = 0; side < 2; side++) {
		way_drop(&pair->way[side]);
		if (reset)
			(void)setsockopt(pair->way[side].from, SOL_SOCKET,
			    SO_LINGER, &hard, sizeof(hard));
		(void)close(pair->way[side].from);
	}
	proxy->pair[i] = proxy->pair[--proxy->pair_count];
}

static void pair_open(struct proxy *proxy)
{
	const int one = 1;
	struct pair *pair = &proxy->pair[proxy->pair_count];
	int client = accept4(proxy->listener, NULL, NULL,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	int server = -1;

	if (client < 0)
		return;
	server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (proxy->state == CUT || proxy->pair_count == PAIRS_MAX || server < 0
	    || (connect(server, (struct sockaddr *)&proxy->to,
	            sizeof(proxy->to)) != 0
	        && errno != EINPROGRESS)) {
		proxy->refused++;
		(void)close(client);
		if (server >= 0)
			(void)close(server);
		return;
	}
	(void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	memset(pair, 0, sizeof(*pair));
	pair->way[0].from = pair->way[1].to = client;
	pair->way[0].to = pair->way[1].from = server;
	proxy->pair_count++;
}

/* Small enough that a slow line moves at least 20 times a second. */
static size_t chunk_size(const struct proxy *proxy)
{
	int64_t size = proxy->rate == 0 ? CHUNK_MAX : proxy->rate / 20;

	if (size < CHUNK_MIN)
		return CHUNK_MIN;
	return size > CHUNK_MAX ? CHUNK_MAX : (size_t)size;
}

/* False: the connection is broken. */
static bool way_read(struct proxy *proxy, struct way *way, size_t direction)
{
	int64_t *line_free = &proxy->line_free_us[direction];
	struct chunk *chunk = malloc(sizeof(*chunk) + CHUNK_MAX);
	ssize_t n = 0;

	if (chunk == NULL)
		return false;
	n = recv(way->from, chunk->data, chunk_size(proxy), 0);
	if (n <= 0) {
		free(chunk);
		way->has_ended = n == 0;
		return n == 0 || errno == EAGAIN || errno == EINTR;
	}
	if (*line_free < proxy->now_us)
		*line_free = proxy->now_us;
	if (proxy->rate > 0)
		*line_free += (int64_t)n * 1000000 / proxy->rate;
	chunk->next = NULL;
	chunk->size = (size_t)n;
	chunk->sent = 0;
	chunk->due_us = *line_free + proxy->latency_us;
	if (way->last == NULL)
		way->first = chunk;
	else
		way->last->next = chunk;
	way->last = chunk;
	way->queued += (size_t)n;
	return true;
}

static bool way_write(struct proxy *proxy, struct way *way, size_t direction)
{
	while (way->first != NULL && way->first->due_us <= proxy->now_us) {
		struct chunk *first = way->first;
		ssize_t n = send(way->to, first->data + first->sent,
		    first->size - first->sent, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR
			    || errno == ENOTCONN;
		proxy->bytes[direction] += (uint64_t)n;
		way->queued -= (size_t)n;
		first->sent += (size_t)n;
		if (first->sent < first->size)
			return true;
		way->first = first->next;
		if (way->first == NULL)
			way->last = NULL;
		free(first);
	}
	if (way->first == NULL && way->has_ended && !way->has_closed) {
		(void)shutdown(way->to, SHUT_WR);
		way->has_closed = true;
	}
	return true;
}

static void set_state(struct proxy *proxy, enum state state)
{
	proxy->state = state;
	while (state == CUT && proxy->pair_count > 0)
		pair_close(proxy, 0, true);
}

/* -------------------------------------------------------------- control */

static void obey(struct proxy *proxy, const char *line, char *answer,
    size_t cap)
{
	static const char *const NAMES[] = { "open", "cut", "hang" };
	long long value = 0;

	(void)snprintf(answer, cap, "ok\n");
	if (strcmp(line, "cut") == 0)
		set_state(proxy, CUT);
	else if (strcmp(line, "hang") == 0)
		set_state(proxy, HANG);
	else if (strcmp(line, "open") == 0)
		set_state(proxy, OPEN);
	else if (sscanf(line, "latency %lld", &value) == 1 && value >= 0)
		proxy->latency_us = value * 1000;
	else if (sscanf(line, "rate %lld", &value) == 1 && value >= 0)
		proxy->rate = value;
	else if (strcmp(line, "stat") == 0)
		(void)snprintf(answer, cap,
		    "%s connections=%zu up=%llu down=%llu refused=%llu\n",
		    NAMES[proxy->state], proxy->pair_count,
		    (unsigned long long)proxy->bytes[0],
		    (unsigned long long)proxy->bytes[1],
		    (unsigned long long)proxy->refused);
	else
		(void)snprintf(answer, cap, "what?\n");
}

/* False: closed. */
static bool control_read(struct proxy *proxy, struct control *control)
{
	ssize_t n = recv(control->fd, control->line + control->size,
	    sizeof(control->line) - 1 - control->size, 0);
	char *end = NULL;

	if (n <= 0)
		return false;
	control->size += (size_t)n;
	control->line[control->size] = '\0';
	while ((end = strchr(control->line, '\n')) != NULL) {
		char answer[256];
		size_t used = (size_t)(end - control->line) + 1;

		*end = '\0';
		obey(proxy, control->line, answer, sizeof(answer));
		(void)send(control->fd, answer, strlen(answer), MSG_NOSIGNAL);
		control->size -= used;
		memmove(control->line, end + 1, control->size + 1);
	}
	return control->size < sizeof(control->line) - 1;
}

static void control_accept(struct proxy *proxy)
{
	int fd = accept4(proxy->control_listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (proxy->control_count == CONTROLS_MAX) {
		(void)close(fd);
		return;
	}
	proxy->control[proxy->control_count++] = (struct control){ .fd = fd };
}

/* ------------------------------------------------------------- the loop */

/* Until the next chunk is due; what is due already waits for POLLOUT. */
static int64_t wait_us(const struct proxy *proxy)
{
	int64_t first = INT64_MAX;

	for (size_t i = 0; i < proxy->pair_count && proxy->state != HANG; i++) {
		for (size_t side = 0; side < 2; side++) {
			const struct chunk *chunk =
			    proxy->pair[i].way[side].first;

			if (chunk != NULL && chunk->due_us > proxy->now_us
			    && chunk->due_us < first)
				first = chunk->due_us;
		}
	}
	return first == INT64_MAX ? -1 : first - proxy->now_us;
}

static void sleep_on(struct proxy *proxy, struct pollfd *fds, nfds_t count)
{
	int64_t us = wait_us(proxy);
	struct timespec wait = { us / 1000000, us % 1000000 * 1000 };
	sigset_t none;

	/* Signals come in here only, so none is missed. */
	(void)sigemptyset(&none);
	if (ppoll(fds, count, us < 0 ? NULL : &wait, &none) < 0) {
		if (errno != EINTR)
			die("poll");
		for (nfds_t i = 0; i < count; i++)
			fds[i].revents = 0;
	}
	proxy->now_us = now_us();
}

static short wanted(const struct proxy *proxy, const struct pair *pair,
    size_t side)
{
	const struct way *out = &pair->way[side], *in = &pair->way[1 - side];
	short events = 0;

	if (proxy->state == HANG)
		return 0;
	if (!out->has_ended && out->queued < QUEUE_MAX)
		events |= POLLIN;
	if (in->first != NULL && in->first->due_us <= proxy->now_us)
		events |= POLLOUT;
	return events;
}

static void serve_pairs(struct proxy *proxy)
{
	for (size_t i = proxy->pair_count; i-- > 0;) {
		struct pair *pair = &proxy->pair[i];
		bool is_good = true;

		for (size_t side = 0; side < 2 && is_good; side++) {
			struct way *way = &pair->way[side];

			if (!way->has_ended && way->queued < QUEUE_MAX)
				is_good = way_read(proxy, way, side);
			if (is_good)
				is_good = way_write(proxy, way, side);
		}
		if (!is_good || (pair->way[0].has_closed
		        && pair->way[1].has_closed))
			pair_close(proxy, i, !is_good);
	}
}

static void turn(struct proxy *proxy)
{
	struct pollfd fds[2 + 2 * PAIRS_MAX + CONTROLS_MAX];
	nfds_t count = 0;
	size_t controls = proxy->control_count;

	fds[count++] = (struct pollfd){ proxy->listener, POLLIN, 0 };
	fds[count++] = (struct pollfd){ proxy->control_listener, POLLIN, 0 };
	for (size_t i = 0; i < controls; i++)
		fds[count++] =
		    (struct pollfd){ proxy->control[i].fd, POLLIN, 0 };
	for (size_t i = 0; i < proxy->pair_count; i++) {
		for (size_t side = 0; side < 2; side++) {
			short events = wanted(proxy, &proxy->pair[i], side);

			/* An ended peer would report POLLHUP for ever. */
			fds[count++] = (struct pollfd){ events == 0
				    ? -1
				    : proxy->pair[i].way[side].from,
				events, 0 };
		}
	}
	sleep_on(proxy, fds, count);
	if (fds[0].revents != 0)
		pair_open(proxy);
	if (fds[1].revents != 0)
		control_accept(proxy);
	for (size_t i = controls; i-- > 0;) {
		if (fds[2 + i].revents != 0
		    && !control_read(proxy, &proxy->control[i])) {
			(void)close(proxy->control[i].fd);
			proxy->control[i] =
			    proxy->control[--proxy->control_count];
		}
	}
	if (proxy->state != HANG)
		serve_pairs(proxy);
}

/* ---------------------------------------------------------------- start */

static struct sockaddr_in read_address(const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	char host[64];
	unsigned port = 0;

	if (sscanf(text, "%63[0-9.]:%u", host, &port) != 2 || port > 65535
	    || inet_pton(AF_INET, host, &address.sin_addr) != 1) {
		(void)fprintf(stderr, "slowlink: '%s': wanted IPV4:PORT\n",
		    text);
		exit(64);
	}
	address.sin_port = htons((uint16_t)port);
	return address;
}

static void listen_tcp(struct proxy *proxy, struct sockaddr_in address)
{
	const int one = 1;
	socklen_t size = sizeof(address);

	proxy->listener = socket(AF_INET,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)setsockopt(proxy->listener, SOL_SOCKET, SO_REUSEADDR, &one,
	    sizeof(one));
	if (bind(proxy->listener, (struct sockaddr *)&address, size) != 0
	    || listen(proxy->listener, 128) != 0
	    || getsockname(proxy->listener, (struct sockaddr *)&address,
	           &size) != 0)
		die("listen");
	(void)printf("listening %s:%u\n", inet_ntoa(address.sin_addr),
	    ntohs(address.sin_port));
	(void)fflush(stdout);
}

static void listen_control(struct proxy *proxy, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	proxy->control_listener = -1;
	if (path == NULL)
		return;
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	(void)unlink(path);
	proxy->control_listener = socket(AF_UNIX,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(proxy->control_listener, (struct sockaddr *)&address,
	        sizeof(address)) != 0
	    || listen(proxy->control_listener, CONTROLS_MAX) != 0)
		die(path);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "to", required_argument, NULL, 't' },
		{ "latency", required_argument, NULL, 'd' },
		{ "rate", required_argument, NULL, 'r' },
		{ "control", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	static struct proxy proxy;
	struct sigaction action = { .sa_handler = on_signal };
	sigset_t all;
	const char *at = "127.0.0.1:0", *to = NULL, *control = NULL;
	int option = 0;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'l': at = optarg; break;
		case 't': to = optarg; break;
		case 'd': proxy.latency_us = atoll(optarg) * 1000; break;
		case 'r': proxy.rate = atoll(optarg); break;
		case 'c': control = optarg; break;
		default: return 64;
		}
	}
	if (to == NULL) {
		(void)fputs("slowlink: --to is missing\n", stderr);
		return 64;
	}
	proxy.to = read_address(to);
	proxy.now_us = now_us();
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGUSR1, &action, NULL);
	(void)sigaction(SIGUSR2, &action, NULL);
	listen_control(&proxy, control);
	listen_tcp(&proxy, read_address(at));
	while (signalled != SIGTERM && signalled != SIGINT) {
		if (signalled != 0)
			set_state(&proxy, signalled == SIGUSR1 ? CUT : OPEN);
		signalled = 0;
		turn(&proxy);
	}
	if (control != NULL)
		(void)unlink(control);
	return 0;
}
