/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sock.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/err.h"

#define BACKLOG 512
#define OUT_KEEP (256 * 1024) /* a larger buffer is given back when it is empty */

static int complain(int rc, const char *path, const char *what)
{
	fprintf(stderr, "<3>socket %s: %s\n", path, what);
	return rc;
}

static int rc_of_errno(void)
{
	return errno == EACCES || errno == EPERM || errno == EROFS ? TR_E_PERM : TR_E_IO;
}

static int make_folder(const char *path)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *dir;

	snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	if (mkdir(dir, 0750) == 0 || errno == EEXIST)
		return 0;
	return complain(rc_of_errno(), dir, strerror(errno));
}

/* A socket file of a former run has nobody behind it. */
static int remove_dead(const char *path, const struct sockaddr_un *address)
{
	struct stat st;
	int fd, answered;

	if (lstat(path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return complain(TR_E_CONF, path, "is there and is no socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain(TR_E_IO, path, strerror(errno));
	answered = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		   errno == EAGAIN;
	close(fd);
	if (answered)
		return complain(TR_E_BUSY, path, "another process answers there");
	if (unlink(path) != 0)
		return complain(rc_of_errno(), path, strerror(errno));
	return 0;
}

static int give_group(const char *path, const char *group)
{
	const struct group *g;

	if (group == NULL)
		return 0;
	g = getgrnam(group);
	if (g == NULL)
		return complain(TR_E_CONF, path, "no such group in the configuration");
	/* Not being a member is no reason to stay down: the owner can work. */
	if (chown(path, (uid_t)-1, g->gr_gid) != 0)
		fprintf(stderr, "<4>socket %s: cannot give it to group %s: %s\n", path, group,
		    strerror(errno));
	return 0;
}

int td_sock_listen(int *out, const char *path, const char *group)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t old;
	int fd, rc;

	if (strlen(path) >= sizeof(address.sun_path))
		return complain(TR_E_CONF, path, "the path is longer than 107 bytes");
	memcpy(address.sun_path, path, strlen(path) + 1);
	rc = make_folder(path);
	if (rc == 0)
		rc = remove_dead(path, &address);
	if (rc != 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain(TR_E_IO, path, strerror(errno));
	old = umask(0117); /* born with 0660: no moment in which others could connect */
	rc = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
		     listen(fd, BACKLOG) == 0
		 ? 0
		 : complain(rc_of_errno(), path, strerror(errno));
	umask(old);
	if (rc == 0)
		rc = give_group(path, group);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	*out = fd;
	return 0;
}

int td_sock_accept(int fd)
{
	return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

void td_sock_peer(int fd, struct td_sock_peer *out)
{
	struct ucred cred = {.pid = 0, .uid = (uid_t)-1};
	socklen_t size = sizeof(cred);
	const struct passwd *user;

	memset(out, 0, sizeof(*out));
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0)
		return;
	out->uid = cred.uid;
	out->pid = cred.pid;
	user = getpwuid(cred.uid);
	snprintf(out->user, sizeof(out->user), "%s", user != NULL ? user->pw_name : "?");
}

void td_out_fini(struct td_out *out)
{
	free(out->buf);
	memset(out, 0, sizeof(*out));
}

size_t td_out_size(const struct td_out *out)
{
	return out->tail - out->head;
}

char *td_out_space(struct td_out *out, size_t size)
{
	size_t used = out->tail - out->head, cap;
	char *buf;

	if (out->head > 0 && out->cap - out->tail < size) {
		memmove(out->buf, out->buf + out->head, used);
		out->head = 0;
		out->tail = used;
	}
	if (out->cap - out->tail >= size)
		return out->buf + out->tail;
	cap = out->cap > 0 ? out->cap : 4096;
	while (cap - out->tail < size)
		cap *= 2;
	buf = realloc(out->buf, cap);
	if (buf == NULL)
		return NULL;
	out->buf = buf;
	out->cap = cap;
	return buf + out->tail;
}

void td_out_added(struct td_out *out, size_t size)
{
	TR_ASSERT(size <= out->cap - out->tail);
	out->tail += size;
}

bool td_out_put(struct td_out *out, const char *text, size_t size)
{
	char *p = td_out_space(out, size);

	if (p == NULL)
		return false;
	memcpy(p, text, size);
	out->tail += size;
	return true;
}

int td_out_flush(struct td_out *out, int fd)
{
	while (out->head < out->tail) {
		ssize_t n = send(fd, out->buf + out->head, out->tail - out->head,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		out->head += (size_t)n;
	}
	out->head = out->tail = 0;
	if (out->cap > OUT_KEEP)
		td_out_fini(out);
	return 1;
}
