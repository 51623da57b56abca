/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enrol_int -- what init and join share.
 *
 *     enrol.c       options, the files of a node's folder
 *     enrol_init.c  the top node        enrol_join.c  every other
 *     enrol_ask.c   the one question to the parent
 */
#ifndef DAEMON_ENROL_INT_H
#define DAEMON_ENROL_INT_H

#include "daemon/address.h"
#include "daemon/keyfile.h"
#include "daemon/token.h"
#include "proto/wire.h"
#include "replication/identity.h"

#include <libintl.h>
#include <limits.h>

#define _(text) gettext(text)
#define TD_ENROL_TEXT 512

struct td_enrol_options {
	const char *what; /* unit or token */
	const char *dir, *title, *name, *profile;
	char listen[TD_ADDRESS_MAX + 1];   /* "" = none */
	char upstream[TD_ADDRESS_MAX + 1]; /* "" = as the token says */
};

/* ---- enrol.c ---- */
/* 0; TR_E_USAGE, TR_E_INPUT, already said on stderr. */
TR_MUST_CHECK int td_enrol_options(int argc, char **argv, bool is_join,
    struct td_enrol_options *out);
/* Codes of letters, digits and '-', with '/' between them. */
bool td_enrol_unit_ok(const char *unit);
/* "terraced: " text on stderr; gives rc back. */
int td_enrol_say(int rc, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Path inside the folder; out: PATH_MAX.  TR_E_SIZE, said. */
TR_MUST_CHECK int td_enrol_path(const char *dir, const char *name, char *out);
/* There is nothing at dir, or an empty folder.  TR_E_EXISTS... not said. */
TR_MUST_CHECK int td_enrol_is_free(const char *dir);
/* The sockets below this folder must fit into their addresses. */
TR_MUST_CHECK int td_enrol_check_depth(const char *dir);
/* dir/store: made and founded.  again: it may be there from a try before. */
TR_MUST_CHECK int td_enrol_found(const char *dir, struct tr_bytes root,
    const struct tr_bytes *chain, size_t chain_count,
    const struct tr_hash *root_hash, bool again);
/* dir/terrace.yaml and dir/run/. */
TR_MUST_CHECK int td_enrol_configure(const char *dir,
    const struct td_enrol_options *options, const struct rep_cert *cert);
/* 64 digits in groups of 4. */
void td_enrol_fingerprint(const struct tr_hash *hash, char out[static 80]);

/* ---- enrol_ask.c ---- */
struct td_enrol_answer {
	struct wire_arena *arena; /* everything lies in it */
	const Terrace__EnrollOk *ok;
};

/*
 * Asks until the parent answers or 30 s are over.
 * 0; TR_E_REFUSED, TR_E_TIMEOUT, TR_E_INPUT... with a sentence in error.
 */
TR_MUST_CHECK int td_enrol_ask(const struct td_token *token,
    const char *address, struct tr_bytes want,
    const struct rep_sign_keys *keys, struct td_enrol_answer *out,
    char error[static TD_ENROL_TEXT]);

#endif
