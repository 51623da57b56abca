/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log -- event code and logfmt pairs, one line each; no payload, no key.
 *
 * To: stderr, JSON lines on stderr, or journald's own protocol.  The same
 * line again within ten seconds is counted, not written ("repeated=17").
 * Threads: the core's loop.
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

#include "proto/vocab.h"

enum td_log_level {
	TD_LOG_ERROR = 0, /* someone must act */
	TD_LOG_WARN,      /* will heal */
	TD_LOG_NOTICE,    /* state changed */
	TD_LOG_INFO,
	TD_LOG_DEBUG,
};

/* level: error warn notice info debug; to: auto stderr json journal.
 * May be called again.  Unknown words leave what was set. */
void td_log_open(const char *level, const char *to);
/* 0; TR_E_USAGE. */
TR_MUST_CHECK int td_log_set_level(const char *level);
const char *td_log_level_name(void);
/* -1 if there is no such level. */
int td_log_level_of(const char *name);

/* pairs: "peer=%s age_ms=%d"; a value with blanks goes through td_log_quote. */
void td_log(enum td_log_level level, const char *event, const char *pairs, ...)
    __attribute__((format(printf, 3, 4)));
/* "text" with quotes and escapes; shortened to fit; returns out. */
const char *td_log_quote(const char *text, char *out, size_t cap);
/* Writes the counts of folded lines whose time is over; each second. */
void td_log_tick(void);
/* Writes all counts; before the end. */
void td_log_flush(void);

#endif
