/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_write -- JSON text straight into an outgoing buffer.
 *
 * Only what must be the same bytes everywhere (canon.c) or must be fast
 * (ingest.c) is written by this; everything else goes through jansson.
 * Errors:  sticky in the writer: out of memory makes the rest a no-op.
 * Threads: none.
 */
#ifndef DAEMON_JSON_WRITE_H
#define DAEMON_JSON_WRITE_H

#include "daemon/sock.h"

struct td_json_out {
	struct td_out *out;
	bool has_failed;
	bool needs_comma;
};

void td_json_begin(struct td_json_out *json, struct td_out *out);
void td_json_raw(struct td_json_out *json, const char *text);
/* '{' or '[', '}' or ']'; commas are put where they belong. */
void td_json_push(struct td_json_out *json, char open);
void td_json_pop(struct td_json_out *json, char close);
void td_json_key(struct td_json_out *json, const char *key);
/* Well-formed UTF-8; quotes, backslashes and control characters are escaped. */
void td_json_text(struct td_json_out *json, struct tr_bytes text);
void td_json_string(struct td_json_out *json, const char *text);
void td_json_int(struct td_json_out *json, int64_t v);
/* A value that is JSON already: a number, true. */
void td_json_literal(struct td_json_out *json, const char *text);

#endif
