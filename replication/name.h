/* SPDX-License-Identifier: Apache-2.0 */
/*
 * name -- what a unit may be called, in its certificate as in its parent's
 * words.  That the bytes are UTF-8 is checked where they come in.
 *
 * Owns:    nothing.
 * Threads: none.
 */
#ifndef REPLICATION_NAME_H
#define REPLICATION_NAME_H

#include "proto/limits.h"
#include "proto/vocab.h"

/* "110101/110101001": printable components, none empty, each up to
 * TR_UNIT_CODE_MAX bytes and all up to TR_UNIT_PATH_MAX. */
bool rep_name_path_ok(struct tr_bytes path);
/* The path is one component longer than the parent's; both are paths. */
bool rep_name_is_child(struct tr_bytes path, const char *parent);
/* No control characters, up to TR_TITLE_MAX bytes; may be empty. */
bool rep_name_title_ok(struct tr_bytes title);

#endif
