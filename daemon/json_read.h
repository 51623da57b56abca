/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json_read -- reads one JSON object of the hot door, member by member, without
 * allocating.
 *
 * jansson takes 9 us for a line of 440 bytes here, half of what a record may
 * cost in all; this reader takes about one.  RFC 8259, with bounds: depth
 * TD_JSON_DEPTH_MAX, no NUL in text.  UTF-8 is checked by the caller
 * for the whole line before.
 * Owns:    nothing.  Text is unescaped in place: the line is changed.
 * Threads: none.
 */
#ifndef DAEMON_JSON_READ_H
#define DAEMON_JSON_READ_H

#include "proto/vocab.h"

#define TD_JSON_DEPTH_MAX 8

enum td_json_type {
	TD_JSON_NULL = 0,
	TD_JSON_FALSE,
	TD_JSON_TRUE,
	TD_JSON_INT,   /* a number without point and exponent */
	TD_JSON_REAL,
	TD_JSON_TEXT,
	TD_JSON_ARRAY,
	TD_JSON_OBJECT,
};

struct td_json_value {
	enum td_json_type type;
	struct tr_bytes text; /* TEXT: unescaped; numbers: as written; ARRAY, OBJECT: all of it, checked */
};

struct td_json {
	uint8_t *origin, *start, *at, *end;
	unsigned depth;
	const char *problem; /* static text once something failed */
};

/* The object or array that fills these bytes; blanks around it are allowed. */
void td_json_open(struct td_json *json, uint8_t *bytes, size_t size);
/* Inside a value of type ARRAY or OBJECT. */
void td_json_enter(struct td_json *json, const struct td_json_value *value);
/*
 * Next member.  1; 0 at the end (then nothing but blanks was behind it); -1
 * with json->problem and its place, td_json_place().  key NULL for an array.
 */
int td_json_next(struct td_json *json, struct tr_bytes *key, struct td_json_value *value);
/* Byte of the problem, from 0. */
size_t td_json_place(const struct td_json *json);
const char *td_json_type_name(enum td_json_type type); /* "a text" */

#endif
