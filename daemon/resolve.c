/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/resolve.h"

#include "daemon/spawn.h"
#include "proto/err.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#define ANSWER_S 15.0

enum { TEXT_MAX = 1024 };

struct td_resolve {
	struct ev_loop *loop;
	ev_io io;
	ev_timer timer;
	struct td_spawn spawn;
	int fd;
	uint16_t port;
	unsigned turn;
	char text[TEXT_MAX + 1]; /* one address a line, or "!" and why not */
	size_t size;
	td_resolve_fn *fn;
	void *arg;
};

/* ------------------------------------------------ asking the name service */

/* Lines of numeric hosts, or "!why". */
static void look_up(const char *host, char *out, size_t cap)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;
	size_t size = 0;
	int bad = getaddrinfo(host, NULL, &hints, &list);

	if (bad != 0) {
		(void)snprintf(out, cap, "!%s: %s", host, gai_strerror(bad));
		return;
	}
	out[0] = '\0';
	for (struct addrinfo *i = list; i != NULL; i = i->ai_next) {
		char numeric[TD_ADDRESS_HOST_MAX + 1];

		if (getnameinfo(i->ai_addr, i->ai_addrlen, numeric,
		        sizeof(numeric), NULL, 0, NI_NUMERICHOST) == 0 &&
		    size + strlen(numeric) + 2 < cap)
			size += (size_t)snprintf(out + size, cap - size, "%s\n",
			    numeric);
	}
	freeaddrinfo(list);
}

int td_resolve_main(int argc, char **argv)
{
	char text[TEXT_MAX];

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (argc != 2)
		return EX_USAGE;
	look_up(argv[1], text, sizeof(text));
	return fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? EX_OK
	                                                       : EX_IOERR;
}

/* ---------------------------------------------------------- the answer */

/* text is cut into lines in place. */
static int choose(char *text, uint16_t port, unsigned turn,
    struct td_address *out, const char **why)
{
	char *line[TD_RESOLVE_ANSWERS_MAX];
	char *rest = text;
	char full[TD_ADDRESS_MAX + 1];
	const char *host = NULL;
	unsigned count = 0;

	*why = "the name service gave no answer";
	if (text[0] == '!') {
		text[strcspn(text, "\n")] = '\0';
		*why = text + 1;
		return TR_E_NOTFOUND;
	}
	while (count < TD_RESOLVE_ANSWERS_MAX && *rest != '\0') {
		size_t size = strcspn(rest, "\n");

		line[count++] = rest;
		rest += size + (rest[size] == '\n');
		line[count - 1][size] = '\0';
	}
	if (count == 0)
		return TR_E_NOTFOUND;
	host = line[turn % count];
	(void)snprintf(full, sizeof(full),
	    strchr(host, ':') != NULL ? "tcp://[%s]:%u" : "tcp://%s:%u", host,
	    (unsigned)port);
	return td_address_parse(full, false, out, why);
}

int td_resolve_now(const struct td_address *name, unsigned turn,
    struct td_address *out, const char **why)
{
	static char text[TEXT_MAX + 1]; /* *why points into it */

	if (name->is_numeric) {
		*out = *name;
		return 0;
	}
	look_up(name->host, text, sizeof(text));
	return choose(text, name->port, turn, out, why);
}

void td_resolve_cancel(struct td_resolve *resolve)
{
	if (resolve == NULL)
		return;
	ev_io_stop(resolve->loop, &resolve->io);
	ev_timer_stop(resolve->loop, &resolve->timer);
	if (resolve->fd >= 0)
		(void)close(resolve->fd);
	td_spawn_end(&resolve->spawn, 0);
	free(resolve);
}

static void finish(struct td_resolve *resolve)
{
	struct td_address address;
	const char *why = NULL;
	int rc =
	    choose(resolve->text, resolve->port, resolve->turn, &address, &why);
	td_resolve_fn *fn = resolve->fn;
	void *arg = resolve->arg;
	char copy[TEXT_MAX + 1];

	(void)snprintf(copy, sizeof(copy), "%s", rc == 0 ? "" : why);
	td_resolve_cancel(resolve);
	fn(arg, rc == 0 ? &address : NULL, copy);
}

static void on_readable(struct ev_loop *loop, ev_io *io, int events)
{
	struct td_resolve *resolve = io->data;
	ssize_t n = read(resolve->fd, resolve->text + resolve->size,
	    TEXT_MAX - resolve->size);

	(void)loop;
	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		resolve->size += (size_t)n;
		resolve->text[resolve->size] = '\0';
		if (resolve->size < TEXT_MAX)
			return;
	}
	finish(resolve);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)loop;
	(void)events;
	finish(timer->data);
}

int td_resolve_start(struct td_resolve **out, struct ev_loop *loop,
    const struct td_address *name, unsigned turn, td_resolve_fn *fn, void *arg)
{
	struct td_resolve *resolve = calloc(1, sizeof(*resolve));
	int fds[2];
	int rc = 0;

	if (resolve == NULL)
		return TR_E_NOMEM;
	if (pipe2(fds, O_CLOEXEC) != 0) {
		free(resolve);
		return TR_E_IO;
	}
	rc = td_spawn_start(&resolve->spawn, TD_RESOLVE_ROLE, name->host,
	    fds[1], STDOUT_FILENO);
	(void)close(fds[1]);
	if (rc != 0) {
		(void)close(fds[0]);
		free(resolve);
		return rc;
	}
	(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
	resolve->loop = loop;
	resolve->fd = fds[0];
	resolve->port = name->port;
	resolve->turn = turn;
	resolve->fn = fn;
	resolve->arg = arg;
	ev_io_init(&resolve->io, on_readable, resolve->fd, EV_READ);
	ev_timer_init(&resolve->timer, on_timeout, ANSWER_S, 0.);
	resolve->io.data = resolve->timer.data = resolve;
	ev_io_start(loop, &resolve->io);
	ev_timer_start(loop, &resolve->timer);
	*out = resolve;
	return 0;
}
