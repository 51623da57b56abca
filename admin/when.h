/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when -- times and durations as people type and read them.
 */
#ifndef ADMIN_WHEN_H
#define ADMIN_WHEN_H

#include "proto/vocab.h"

#include "admin/text.h"

#define TC_WHEN_SIZE 32

/* "90", "90s", "10m", "48h", "7d" -> seconds, 0 .. 100 years; false if it is none. */
bool tc_when_duration(const char *text, int64_t *seconds);

enum tc_when_side { TC_WHEN_AGO = -1, TC_WHEN_AHEAD = 1 };

/*
 * "2026-11-22T08:00:00Z", "...+08:00", "2026-11-22 08:00[:00]" and
 * "2026-11-22" (local), "08:00" (today), "24h" (ago or ahead of now)
 * -> RFC 3339 UTC.  false if it is none of them.
 */
bool tc_when_parse(
    const char *text, enum tc_when_side side, char out[static TC_WHEN_SIZE]);
/* RFC 3339 -> ms since 1970; false if it is none. */
bool tc_when_ms(const char *rfc3339, int64_t *ms);
/* For people: local time with offset, or UTC; "-" for NULL. */
const char *tc_when_show(
    char out[static TC_TEXT_SHORT], const char *rfc3339, bool utc);
/* The same for a column whose heading names the zone: the offset stands only
 * with a time that has another one. */
const char *tc_when_cell(
    char out[static TC_TEXT_SHORT], const char *rfc3339, bool utc);
/* "+08:00" of now, "UTC". */
const char *tc_when_zone(char out[static TC_TEXT_SHORT], bool utc);
/* Seconds from then to now, not below 0; -1 for NULL or what is no time. */
double tc_when_age(const char *rfc3339);

#endif
