/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keyfile -- node.key: the three key pairs of a node and the pinned root.
 *
 * Text, one "word hex" a line, version in the first line, checksum in the
 * last; mode 0600.  Whoever has the file can speak as this unit.
 * Threads: none.
 */
#ifndef DAEMON_KEYFILE_H
#define DAEMON_KEYFILE_H

#include "proto/vocab.h"
#include "replication/identity.h"

struct td_keys {
	struct rep_sign_keys sign;
	uint8_t curve_pk[32], curve_sk[32], seal_pk[32], seal_sk[32];
	struct tr_hash root_hash;
	struct tr_nid nid; /* 0 while a join is under way */
};

/* Fresh pairs; root_hash and nid are zero. */
void td_keyfile_generate(struct td_keys *out);
/*
 * Refuses links, other people's files and files that others may read.
 * 0; TR_E_NOTFOUND, TR_E_PERM, TR_E_DAMAGED, TR_E_NEWER, TR_E_IO, with a
 * sentence that names the file in `error`.
 */
TR_MUST_CHECK int td_keyfile_load(const char *path, struct td_keys *out,
    char *error, size_t error_cap);
/* Temporary file, fsync, rename, fsync of the folder.  0; TR_E_IO, TR_E_PERM. */
TR_MUST_CHECK int td_keyfile_save(const char *path, const struct td_keys *keys,
    char *error, size_t error_cap);
void td_keyfile_wipe(struct td_keys *keys); /* NULL is fine */

#endif
