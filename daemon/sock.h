/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock -- unix stream sockets: listening ones of the doors, and their outgoing bytes.
 *
 * Threads: none.
 */
#ifndef DAEMON_SOCK_H
#define DAEMON_SOCK_H

#include "proto/vocab.h"

/*
 * Binds and listens: folder 0750 if it must be made, socket 0660, group if one
 * is named and may be given.  A socket on which nobody answers is replaced.
 * 0; TR_E_BUSY (somebody answers), TR_E_PERM, TR_E_CONF (path too long, no such
 * group), TR_E_IO; the reason is on stderr.
 */
TR_MUST_CHECK int td_sock_listen(int *fd, const char *path, const char *group);
/* Next client, non-blocking and close-on-exec; -1 if there is none. */
int td_sock_accept(int fd);

/* Who is on the other end. */
struct td_sock_peer { unsigned uid; int pid; char user[64]; };
void td_sock_peer(int fd, struct td_sock_peer *out);

/* Bytes that wait to be written. */
struct td_out {
	char *buf;
	size_t head, tail, cap;
};
void td_out_fini(struct td_out *out);
size_t td_out_size(const struct td_out *out);
/* Room for `size` more bytes at the end, NULL if out of memory; then td_out_added. */
char *td_out_space(struct td_out *out, size_t size);
void td_out_added(struct td_out *out, size_t size);
/* false if out of memory. */
bool td_out_put(struct td_out *out, const char *text, size_t size);
/* Writes what the socket takes.  1 = all gone, 0 = some left, -1 = the client is gone. */
int td_out_flush(struct td_out *out, int fd);

#endif
