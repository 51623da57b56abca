/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text -- times, ids and degrees as people and JSON write them.
 *
 * Readers take exactly one form and the whole of the bytes; they change
 * nothing on failure.
 * Threads: none, no state.
 */
#ifndef DAEMON_TEXT_H
#define DAEMON_TEXT_H

#include "proto/vocab.h"

#define TD_TIME_SIZE 32 /* "2026-11-20T01:12:40.123Z" and its NUL */
#define TD_UUID_SIZE 37
#define TD_NID_SIZE 17
#define TD_DEG_SIZE 16

/* RFC 3339 with `Z` or an offset, years 1900..9999, up to 9 digits of a
 * second (cut to ms).  Leap seconds count as :59. */
bool td_text_read_time(struct tr_bytes text, int64_t *ms);
/* UTC with `Z`; milliseconds only if not 0.  Out of range = clamped. */
void td_text_write_time(int64_t ms, char out[static TD_TIME_SIZE]);

/* 8-4-4-4-12 or 32 digits, either case. */
bool td_text_read_uuid(struct tr_bytes text, struct tr_rec_id *id);
void td_text_write_uuid(const struct tr_rec_id *id, char out[static TD_UUID_SIZE]);

void td_text_write_nid(struct tr_nid nid, char out[static TD_NID_SIZE]);

/* A JSON number ("121.44", "1e2") times 10^digits, rounded half away from 0;
 * false if it does not fit into 18 digits. */
bool td_text_read_scaled(struct tr_bytes text, unsigned digits, int64_t *out);
/* 1e-7 units as decimal, at most 7 places, without trailing zeros. */
void td_text_write_deg(int64_t e7, char out[static TD_DEG_SIZE]);

/* Puts '?' for every byte that is not part of well-formed UTF-8: shortened
 * messages may end in the middle of a character. */
void td_text_clean(char *text);

void td_text_write_hex(const uint8_t *bytes, size_t size, char *out); /* 2 * size + 1 */

#endif
