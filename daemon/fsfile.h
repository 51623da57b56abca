/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fsfile -- small files that are there whole or not at all.
 *
 * Threads: none.
 */
#ifndef DAEMON_FSFILE_H
#define DAEMON_FSFILE_H

#include "proto/vocab.h"

/*
 * Writes PATH.new with this mode, fsyncs it, renames it to PATH, fsyncs the folder.
 * 0; TR_E_PERM, TR_E_FULL, TR_E_IO with a sentence in `error`; PATH is then
 * what it was.
 */
TR_MUST_CHECK int td_fsfile_write(const char *path, const void *data,
    size_t size, unsigned mode, char *error, size_t error_cap);
/* fsync of the folder that holds path, so that a rename lasts.  0 or TR_E_IO. */
TR_MUST_CHECK int td_fsfile_sync_parent(const char *path);
/* Removes a folder with all in it; for our own temporary folders. */
void td_fsfile_remove_tree(const char *path);

#endif
