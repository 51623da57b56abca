/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call -- requests and replies of the control protocol over a connection.
 *
 * What the daemon said is passed on as a value and as its own text, so that
 * --json prints exactly that.
 */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include "admin/conn.h"

#include <jansson.h>

/*
 * Called for each `data`; raw is its text as the daemon wrote it.  Returns 0
 * to go on, or an exit code.
 */
typedef int tc_call_data_fn(
    void *arg, json_t *data, const char *raw, size_t raw_size);

/* Sends a request.  args may be NULL and is borrowed. */
int tc_call_send(struct tc_conn *conn, const char *cmd, json_t *args,
    struct tc_fault *fault);
/* Reads replies until the one without "more". */
int tc_call_replies(struct tc_conn *conn, tc_call_data_fn *on_data, void *arg,
    struct tc_fault *fault);
/* Request and single reply; *data is the caller's. */
int tc_call_once(struct tc_conn *conn, const char *cmd, json_t *args,
    json_t **data, struct tc_fault *fault);

/*
 * The text of a member's value in a JSON object's text; NULL if it is not
 * there.  The text must have passed a JSON parser.
 */
const char *tc_call_span(const char *object, size_t size, const char *key,
    size_t *value_size);

#endif
