/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map_line -- what the maps for imported history have in common.
 */
#ifndef ADMIN_MAP_LINE_H
#define ADMIN_MAP_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TC_MAP_WHY_SIZE 256

/* Takes one line; row = number of the input row that made it. */
typedef int tc_map_line_fn(void *arg, json_t *take_line, uint64_t row);

struct tc_map_reject {
	const char *code; /* stable code */
	char field[64];   /* "" = none */
	char why[TC_MAP_WHY_SIZE];
};

typedef void tc_map_reject_fn(
    void *arg, uint64_t row, const struct tc_map_reject *reject);

/*
 * A line of imported history for the case (source, id), with an idempotency
 * key out of (source, id, seq, step): the same row again makes nothing twice.
 */
json_t *tc_map_line_begin(
    const char *source, const char *id, int64_t seq, const char *step);
/* Fills in a refusal; returns -1. */
int tc_map_line_reject(struct tc_map_reject *reject, const char *code,
    const char *field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
