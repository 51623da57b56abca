/* SPDX-License-Identifier: Apache-2.0 */
/*
 * control -- the control protocol's envelope and verbs, for both ends.
 *
 * One JSON object a line over a unix stream socket, docs/control-protocol.md.
 * Owns:    json_t results are the caller's references.
 * Limits:  TR_CTL_REQUEST_MAX for requests; the daemon's replies are one
 *          line each below TR_CTL_OUT_MAX.
 * Threads: none.
 */
#ifndef PROTO_CONTROL_H
#define PROTO_CONTROL_H

#include "proto/vocab.h"

#include <jansson.h>

#define TR_CONTROL_PROTO 1
#define TR_CONTROL_ARG_NAME_MAX 31
#define TR_CONTROL_TEXT_MAX 256 /* messages and hints made here */

struct tr_command {
	const char *name; /* "record show" */
	bool is_read;     /* also on the status socket */
	const char *args; /* see commands.def */
	const char *help;
};

struct tr_command_arg {
	char name[TR_CONTROL_ARG_NAME_MAX + 1];
	char type; /* see commands.def */
	bool is_required;
};

/* NULL if there is none. */
const struct tr_command *tr_control_command(const char *name);
/* i from 0; NULL at the end. */
const struct tr_command *tr_control_command_at(size_t i);
/* Nearest command or argument name; NULL if nothing is near. */
const char *tr_control_command_near(const char *name);
/* i from 0; false at the end. */
bool tr_control_arg_at(const struct tr_command *command, size_t i, struct tr_command_arg *out);

/* Edits between two words (a swap of neighbours is one); SIZE_MAX if > 64 bytes. */
size_t tr_control_distance(const char *a, const char *b);
/* Is `distance` near enough for a word of this length to say "did you mean"? */
bool tr_control_is_near(size_t distance, size_t word_size);

/*
 * Checks names, presence and types of arguments (NULL = none given).
 * 0; TR_E_USAGE with a message, and a hint or "".
 */
TR_MUST_CHECK int tr_control_check(const struct tr_command *command, const json_t *args,
    char message[static TR_CONTROL_TEXT_MAX], char hint[static TR_CONTROL_TEXT_MAX]);

/* One line (without the newline) -> object.  Duplicate keys and text behind
 * the object are refused.  NULL with a message that names the position. */
json_t *tr_control_parse(const char *line, size_t size, char message[static TR_CONTROL_TEXT_MAX]);
/* Compact JSON with a newline, malloc'ed; NULL if out of memory. */
char *tr_control_line(const json_t *object, size_t *size);

struct tr_control_greeting {
	int proto_min, proto_max;
	const char *version, *node; /* borrowed from the object */
	bool is_admin;
};
/* 0; TR_E_PROTO (not this protocol, or no common version). */
TR_MUST_CHECK int tr_control_greeting_decode(const json_t *object, struct tr_control_greeting *out);

/* {"id":..,"proto":1,"cmd":..,"args":..}; args may be NULL, is borrowed.  NULL if out of memory. */
json_t *tr_control_request(uint64_t id, const char *cmd, json_t *args);

struct tr_control_reply {
	uint64_t id;
	bool is_ok, has_more;
	json_t *data;  /* borrowed; NULL in an error */
	const char *code, *message, *hint, *field; /* borrowed; "" if absent */
	int exit_code;
};
/* 0; TR_E_PROTO if it is no reply. */
TR_MUST_CHECK int tr_control_reply_decode(const json_t *object, struct tr_control_reply *out);

/* {"code","exit","message"} of an error number; message NULL = the usual
 * one; hint NULL or "" = none.  NULL if out of memory. */
json_t *tr_control_error(int rc, const char *message, const char *hint);

#endif
