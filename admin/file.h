/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file -- files read whole, and files that appear whole or not at all.
 */
#ifndef ADMIN_FILE_H
#define ADMIN_FILE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads a file or, for "-", standard input, at most size_max bytes; a byte 0
 * is put behind.  0; an exit code after a message.
 */
int tc_file_read(const char *path, size_t size_max, char **out, size_t *size);

/* A file under way: written beside its place under another name. */
struct tc_file;

/* 0; an exit code after a message.  A temporary file is removed if the tool
 * is interrupted. */
int tc_file_create(struct tc_file **out, const char *path);
int tc_file_write(struct tc_file *file, const void *data, size_t size);
/* fsync, rename, fsync of the folder; frees.  0 only if all of it is on disk. */
int tc_file_commit(struct tc_file *file);
/* Removes it; NULL is fine. */
void tc_file_abort(struct tc_file *file);

/* Installs the handlers that tidy up on Ctrl-C and end with 130. */
void tc_file_init(void);

#endif
