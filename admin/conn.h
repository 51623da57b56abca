/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conn -- one connection to a daemon's control, status or ingest socket.
 *
 * Blocking with a deadline a line.  Every failure is a tc_fault that says
 * which socket, why, and what to try.
 * Owns:    the descriptor and its line buffer.
 * Limits:  TC_CONN_LINE_MAX for one line of the daemon.
 */
#ifndef ADMIN_CONN_H
#define ADMIN_CONN_H

#include "admin/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TC_CONN_LINE_MAX (64u * 1024 * 1024)
#define TC_CONN_PATH_SIZE 108 /* sun_path */

/* Where a node's sockets are. */
struct tc_where {
	char control[TC_CONN_PATH_SIZE];
	char status[TC_CONN_PATH_SIZE]; /* "" = only `control` was named */
	char ingest[TC_CONN_PATH_SIZE];
};

struct tc_conn;

/* From --socket, --dir or the environment.  0 or an exit code. */
int tc_conn_where(struct tc_where *out, const char *socket, const char *dir,
    struct tc_fault *fault);

/*
 * Connects and reads the greeting.  For a reading command the status socket
 * is tried when the control socket is missing or not permitted.
 * timeout_ms 0 = no limit.
 */
int tc_conn_open(struct tc_conn **out, const struct tc_where *where,
    bool is_reading, int64_t timeout_ms, struct tc_fault *fault);
/* A bare stream socket of the ingest door; the greeting is read and checked. */
int tc_conn_open_ingest(struct tc_conn **out, const struct tc_where *where,
    int64_t timeout_ms, struct tc_fault *fault);
void tc_conn_close(struct tc_conn *conn); /* NULL is fine */

int tc_conn_fd(const struct tc_conn *conn);
const char *tc_conn_path(const struct tc_conn *conn);
/* "" if the greeting did not say. */
const char *tc_conn_node(const struct tc_conn *conn);
void tc_conn_set_timeout(struct tc_conn *conn, int64_t timeout_ms);

/* Sends all of it.  0 or an exit code. */
int tc_conn_send(struct tc_conn *conn, const char *data, size_t size,
    struct tc_fault *fault);
/* Sends what goes at once; *sent may be 0.  0 or an exit code. */
int tc_conn_send_some(struct tc_conn *conn, const char *data, size_t size,
    size_t *sent, struct tc_fault *fault);
/* Waits until something can be read or sent; *readable = there is something
 * to read.  0 or an exit code. */
int tc_conn_wait(struct tc_conn *conn, bool *readable, struct tc_fault *fault);
/*
 * One line without its newline; borrowed until the next call.  timeout_ms -1 = the connection's
 * own.  0 or an exit code.
 */
int tc_conn_line(struct tc_conn *conn, char **line, size_t *size,
    int64_t timeout_ms, struct tc_fault *fault);
/* Is a whole line buffered already? */
bool tc_conn_has_line(struct tc_conn *conn);

/* Number of the next request. */
uint64_t tc_conn_next_id(struct tc_conn *conn);

#endif
