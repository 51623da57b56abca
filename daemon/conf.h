/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf -- terrace.yaml -> an immutable struct; all errors in one pass.
 *
 * Order: built-in < file < terrace.d/x.yaml < TERRACE_* environment < flags.
 * Threads: none.
 */
#ifndef DAEMON_CONF_H
#define DAEMON_CONF_H

#include "proto/vocab.h"

#include <stdio.h>

struct td_conf {
	char *file;            /* where it was read from */
	char *unit;            /* path of codes; the certificate must say the same */
	char *name;            /* ASCII, for logs */
	char *title;
	char *key_file;
	char *listen;          /* NULL = leaf */
	char *upstream;        /* NULL = top node */
	enum tr_profile profile; /* links.upstream.profile */
	char *store_path;
	char *fence_file;      /* outside the store: a restored copy must not bring it along */
	uint64_t store_max_bytes;
	int64_t keep_ms;       /* changes so old may be dropped below a checkpoint; 0 = never */
	char *control_socket, *status_socket, *ingest_socket;
	char *control_group, *status_group, *ingest_group; /* NULL = leave */
	char *log_level, *log_to; /* error warn notice info debug; auto stderr json journal */
	int64_t lag_warn_ms, lag_crit_ms;
};

/*
 * Reads and checks.  Every problem is written to `errors` as
 * "file:line:column: error: what; did you mean 'x'?" with the line and a caret.
 * NULL and *problems > 0 if there are any.  Relative paths are relative to the file's folder.
 */
struct td_conf *td_conf_load(const char *file, FILE *errors, unsigned *problems);
void td_conf_free(struct td_conf *conf);
/* Effective configuration as YAML, each key with its origin in a remark. */
void td_conf_print(const struct td_conf *conf, bool with_defaults, FILE *out);
/* Keys that differ and need a restart, one a line; returns the count. */
unsigned td_conf_restart_needed(const struct td_conf *old, const struct td_conf *new_conf, FILE *out);
/* Keys that differ and are in force by the reload alone; out may be NULL. */
unsigned td_conf_changed(const struct td_conf *old, const struct td_conf *new_conf, FILE *out);
/*
 * Gives new_conf the running values of all keys that need a restart, so that
 * it says what is in force.  0; TR_E_NOMEM, and new_conf must not be used.
 */
TR_MUST_CHECK int td_conf_adopt(struct td_conf *new_conf, const struct td_conf *running);

#endif
