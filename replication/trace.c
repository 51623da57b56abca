/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/rep.h"

struct trace_row {
	const char *code, *level, *message;
};

static const struct trace_row rows[REP_TRACE_COUNT] = {
    [REP_TRACE_NONE] = {"none", "debug", ""},
#define X(name, code, level, message) [name] = {code, #level, message},
#include "replication/trace.def"
#undef X
};

static const struct trace_row *row_of(int code)
{
	return &rows[code > 0 && code < REP_TRACE_COUNT ? code : 0];
}

const char *rep_trace_code_name(int code)
{
	return row_of(code)->code;
}

const char *rep_trace_level(int code)
{
	return row_of(code)->level;
}

const char *rep_trace_message(int code)
{
	return row_of(code)->message;
}
