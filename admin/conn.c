/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/conn.h"

#include "admin/mem.h"
#include "admin/text.h"
#include "admin/whoami.h"
#include "proto/control.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_STEP 65536

struct tc_conn {
	int fd;
	int64_t timeout_ms;
	char path[TC_CONN_PATH_SIZE];
	char *node;
	char *buf;
	size_t size, start, scanned, room;
	uint64_t last_id;
};

/* --- where --- */

static bool set_path(char out[static TC_CONN_PATH_SIZE], const char *dir,
    int dir_size, const char *name)
{
	int n = snprintf(out, TC_CONN_PATH_SIZE, "%.*s%s", dir_size, dir, name);

	return n > 0 && n < TC_CONN_PATH_SIZE;
}

static int too_long(struct tc_fault *fault, const char *path)
{
	tc_fault_set(fault, TR_E_USAGE, _("socket path is too long: %s"), path);
	tc_fault_hint(fault, _("A unix socket's path has at most %d bytes."),
	    TC_CONN_PATH_SIZE - 1);
	return fault->exit_code;
}

int tc_conn_where(struct tc_where *out, const char *socket, const char *dir,
    struct tc_fault *fault)
{
	const char *path = socket, *slash;
	bool fits;

	memset(out, 0, sizeof(*out));
	if (path == NULL && dir != NULL) {
		int size = (int)strlen(dir);

		fits = set_path(out->control, dir, size, "/run/control.sock") &&
		       set_path(out->status, dir, size, "/run/status.sock") &&
		       set_path(out->ingest, dir, size, "/run/ingest.sock");
		return fits ? 0 : too_long(fault, dir);
	}
	if (path == NULL)
		path = getenv("TERRACE_SOCKET");
	if (path == NULL || path[0] == '\0') {
		strcpy(out->control, "/run/terrace/control.sock");
		strcpy(out->status, "/run/terrace/status.sock");
		strcpy(out->ingest, "/run/terrace/ingest.sock");
		return 0;
	}
	slash = strrchr(path, '/');
	fits = set_path(out->control, path, (int)strlen(path), "") &&
	       set_path(out->ingest, path,
		   slash != NULL ? (int)(slash - path) + 1 : 0, "ingest.sock");
	return fits ? 0 : too_long(fault, path);
}

/* --- opening --- */

static int fail_connect(
    struct tc_fault *fault, const char *path, int error, bool is_reading)
{
	char who[TC_WHOAMI_SIZE];
	int rc;

	switch (error) {
	case ENOENT:
	case ENOTDIR:
		rc = tc_fault_set(fault, TR_E_DOWN,
		    _("no daemon here: the socket %s does not exist"), path);
		tc_fault_hint(fault,
		    _("Start it: systemctl start terraced   or: terraced -c DIR/terrace.yaml"));
		tc_fault_hint(fault,
		    _("Another node: terracectl --dir DIR ...   or: -S SOCKET"));
		return rc;
	case ECONNREFUSED:
		rc = tc_fault_set(fault, TR_E_DOWN,
		    _("the daemon is not running: nobody answers on %s"), path);
		tc_fault_hint(fault,
		    _("Start it: systemctl start terraced   or: terraced -c DIR/terrace.yaml"));
		tc_fault_hint(fault, _("Why it ended: journalctl -u terraced"));
		return rc;
	case EACCES:
	case EPERM:
		rc = tc_fault_set(fault, TR_E_PERM,
		    _("permission denied on %s"), path);
		tc_fault_hint(fault,
		    _("You are %s. Changing commands need group 'terrace-admin'; reading needs 'terrace-read'."),
		    tc_whoami(who));
		tc_fault_hint(fault,
		    _("Try: sudo adduser %s %s   then log in again."),
		    tc_whoami_name(),
		    is_reading ? "terrace-read" : "terrace-admin");
		return rc;
	default:
		return tc_fault_set(fault, TR_E_DOWN, _("cannot reach %s: %s"),
		    path, strerror(error));
	}
}

static int dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static struct tc_conn *wrap(int fd, const char *path, int64_t timeout_ms)
{
	struct tc_conn *conn = tc_mem_alloc(1, sizeof(*conn));

	conn->fd = fd;
	conn->timeout_ms = timeout_ms;
	snprintf(conn->path, sizeof(conn->path), "%s", path);
	return conn;
}

void tc_conn_close(struct tc_conn *conn)
{
	if (conn == NULL)
		return;
	close(conn->fd);
	free(conn->node);
	free(conn->buf);
	free(conn);
}

static int not_ours(const struct tc_conn *conn, struct tc_fault *fault)
{
	return tc_fault_set(fault, TR_E_PROTO,
	    _("what answers on %s does not speak this protocol"), conn->path);
}

static int read_greeting(struct tc_conn *conn, struct tc_fault *fault)
{
	char message[TR_CONTROL_TEXT_MAX], *line;
	struct tr_control_greeting greeting;
	json_t *object;
	size_t size;
	int rc = tc_conn_line(conn, &line, &size, -1, fault);

	if (rc != 0)
		return rc;
	object = tr_control_parse(line, size, message);
	if (object == NULL)
		return not_ours(conn, fault);
	if (tr_control_greeting_decode(object, &greeting) == 0) {
		conn->node = tc_mem_text(greeting.node);
	} else {
		const json_t *proto = json_object_get(object, "proto");
		const char *version =
		    json_string_value(json_object_get(object, "version"));

		rc = not_ours(conn, fault);
		if (json_array_size(proto) == 2) {
			rc = tc_fault_set(fault, TR_E_PROTO,
			    _("the daemon on %s speaks protocol %d to %d, this tool %d"),
			    conn->path,
			    (int)json_integer_value(json_array_get(proto, 0)),
			    (int)json_integer_value(json_array_get(proto, 1)),
			    TR_CONTROL_PROTO);
			tc_fault_hint(fault,
			    _("Daemon %s, tool %s: use the terracectl that came with the daemon."),
			    version != NULL ? version : "?", TERRACE_VERSION);
		}
	}
	json_decref(object);
	return rc;
}

int tc_conn_open(struct tc_conn **out, const struct tc_where *where,
    bool is_reading, int64_t timeout_ms, struct tc_fault *fault)
{
	const char *path = where->control;
	struct tc_conn *conn;
	int fd = dial(path), rc;

	if (fd < 0 && is_reading && where->status[0] != '\0') {
		int other = dial(where->status);

		if (other >= 0) {
			path = where->status;
			fd = other;
		} else if (other == -EACCES) {
			/* It runs, but is closed to this user. */
			fd = other;
			path = where->status;
		}
	}
	if (fd < 0)
		return fail_connect(fault, path, -fd, is_reading);
	conn = wrap(fd, path, timeout_ms);
	rc = read_greeting(conn, fault);
	if (rc != 0) {
		tc_conn_close(conn);
		return rc;
	}
	*out = conn;
	return 0;
}

int tc_conn_open_ingest(struct tc_conn **out, const struct tc_where *where,
    int64_t timeout_ms, struct tc_fault *fault)
{
	char message[TR_CONTROL_TEXT_MAX], *line;
	int fd = dial(where->ingest), rc;
	struct tc_conn *conn;
	json_t *object;
	const char *word, *node;
	size_t size;

	if (fd < 0) {
		rc = fail_connect(fault, where->ingest, -fd, false);
		if (fd == -EACCES)
			tc_fault_hint(fault,
			    _("Importing needs group 'terrace-write'."));
		return rc;
	}
	conn = wrap(fd, where->ingest, timeout_ms);
	rc = tc_conn_line(conn, &line, &size, -1, fault);
	if (rc != 0)
		goto fail;
	object = tr_control_parse(line, size, message);
	word = json_string_value(json_object_get(object, "terrace"));
	if (word == NULL || strcmp(word, "ingest") != 0 ||
	    json_integer_value(json_object_get(object, "proto")) != 1) {
		json_decref(object);
		rc = not_ours(conn, fault);
		goto fail;
	}
	node = json_string_value(json_object_get(object, "node"));
	conn->node = tc_mem_text(node != NULL ? node : "");
	json_decref(object);
	*out = conn;
	return 0;

fail:
	tc_conn_close(conn);
	return rc;
}

uint64_t tc_conn_next_id(struct tc_conn *conn)
{
	return ++conn->last_id;
}

int tc_conn_fd(const struct tc_conn *conn)
{
	return conn->fd;
}

const char *tc_conn_path(const struct tc_conn *conn)
{
	return conn->path;
}

const char *tc_conn_node(const struct tc_conn *conn)
{
	return conn->node != NULL ? conn->node : "";
}

void tc_conn_set_timeout(struct tc_conn *conn, int64_t timeout_ms)
{
	conn->timeout_ms = timeout_ms;
}

/* --- lines --- */

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* deadline 0 = none; *got (may be NULL) = what is possible */
static int wait_for(struct tc_conn *conn, short events, int64_t deadline,
    short *got, struct tc_fault *fault)
{
	for (;;) {
		struct pollfd p = {.fd = conn->fd, .events = events};
		int64_t left = deadline == 0 ? -1 : deadline - now_ms();
		int n;

		if (deadline != 0 && left < 0)
			left = 0;
		n = poll(&p, 1, left > 1000000 ? 1000000 : (int)left);
		if (n > 0) {
			if (got != NULL)
				*got = p.revents;
			return 0;
		}
		if (n < 0 && errno != EINTR)
			return tc_fault_set(
			    fault, TR_E_IO, "%s: %s", conn->path,
			    strerror(errno));
		if (deadline != 0 && now_ms() >= deadline) {
			tc_fault_set(fault, TR_E_TIMEOUT,
			    _("the daemon on %s did not answer in time"),
			    conn->path);
			tc_fault_hint(fault,
			    _("It may be busy. Wait longer with: -t SEC"));
			return fault->exit_code;
		}
	}
}

static int64_t deadline_of(const struct tc_conn *conn, int64_t timeout_ms)
{
	int64_t limit = timeout_ms < 0 ? conn->timeout_ms : timeout_ms;

	return limit == 0 ? 0 : now_ms() + limit;
}

static int lost(const struct tc_conn *conn, struct tc_fault *fault)
{
	tc_fault_set(fault, TR_E_DOWN,
	    _("the daemon on %s closed the connection before it answered"),
	    conn->path);
	tc_fault_hint(fault, _("What happened: journalctl -u terraced"));
	return fault->exit_code;
}

int tc_conn_send_some(struct tc_conn *conn, const char *data, size_t size,
    size_t *sent, struct tc_fault *fault)
{
	ssize_t n = send(conn->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	*sent = n > 0 ? (size_t)n : 0;
	if (n >= 0 || errno == EAGAIN || errno == EINTR)
		return 0;
	if (errno == EPIPE || errno == ECONNRESET)
		return lost(conn, fault);
	return tc_fault_set(
	    fault, TR_E_IO, "%s: %s", conn->path, strerror(errno));
}

int tc_conn_send(struct tc_conn *conn, const char *data, size_t size,
    struct tc_fault *fault)
{
	int64_t deadline = deadline_of(conn, -1);

	for (size_t at = 0; at < size;) {
		size_t sent;
		int rc = tc_conn_send_some(
		    conn, data + at, size - at, &sent, fault);

		at += sent;
		if (rc == 0 && sent == 0)
			rc = wait_for(conn, POLLOUT, deadline, NULL, fault);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int tc_conn_wait(struct tc_conn *conn, bool *readable, struct tc_fault *fault)
{
	short got = 0;
	int rc = wait_for(
	    conn, POLLIN | POLLOUT, deadline_of(conn, -1), &got, fault);

	*readable = (got & (POLLIN | POLLHUP | POLLERR)) != 0;
	return rc;
}

/* A newline in what is buffered and not yet looked at. */
static char *find_newline(struct tc_conn *conn)
{
	char *newline = NULL;

	if (conn->buf != NULL && conn->scanned < conn->size)
		newline = memchr(conn->buf + conn->scanned, '\n',
		    conn->size - conn->scanned);
	if (newline == NULL)
		conn->scanned = conn->size;
	return newline;
}

bool tc_conn_has_line(struct tc_conn *conn)
{
	return find_newline(conn) != NULL;
}

static void make_room(struct tc_conn *conn)
{
	if (conn->start > 0) {
		memmove(conn->buf, conn->buf + conn->start,
		    conn->size - conn->start);
		conn->size -= conn->start;
		conn->scanned -= conn->start;
		conn->start = 0;
	}
	if (conn->room - conn->size < READ_STEP) {
		conn->room = conn->room * 2 + READ_STEP;
		conn->buf = tc_mem_resize(conn->buf, conn->room, 1);
	}
}

int tc_conn_line(struct tc_conn *conn, char **line, size_t *size,
    int64_t timeout_ms, struct tc_fault *fault)
{
	int64_t deadline = deadline_of(conn, timeout_ms);
	char *newline;

	while ((newline = find_newline(conn)) == NULL) {
		ssize_t n;
		int rc;

		if (conn->size - conn->start > TC_CONN_LINE_MAX)
			return tc_fault_set(fault, TR_E_PROTO,
			    _("the daemon on %s sent a line without end"),
			    conn->path);
		rc = wait_for(conn, POLLIN, deadline, NULL, fault);
		if (rc != 0)
			return rc;
		make_room(conn);
		n = recv(conn->fd, conn->buf + conn->size,
		    conn->room - conn->size - 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return lost(conn, fault);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return tc_fault_set(fault, TR_E_IO, "%s: %s",
			    conn->path, strerror(errno));
		if (n > 0)
			conn->size += (size_t)n;
	}
	*newline = '\0';
	*line = conn->buf + conn->start;
	*size = (size_t)(newline - *line);
	conn->start = conn->scanned = (size_t)(newline - conn->buf) + 1;
	return 0;
}
