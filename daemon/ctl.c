/* SPDX-License-Identifier: Apache-2.0 */
/* The two sockets. */
#include "daemon/ctl_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_accept(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct td_ctl_listener *listener = watcher->data;
	int fd;

	(void)events;
	if (listener->ctl->client_count >= TR_CTL_CLIENTS_MAX) {
		ev_io_stop(loop, watcher); /* others wait in the kernel's backlog */
		return;
	}
	fd = td_sock_accept(watcher->fd);
	if (fd >= 0)
		(void)td_ctl_client_add(listener->ctl, fd, listener->is_admin);
	else if (errno == EMFILE || errno == ENFILE)
		ev_io_stop(loop, watcher); /* until a client goes */
}

static int start_listener(struct td_ctl *ctl, size_t i, const char *path, const char *group,
    bool is_admin)
{
	struct td_ctl_listener *listener = &ctl->listeners[i];
	int rc;

	if (path == NULL)
		return 0;
	listener->ctl = ctl;
	listener->is_admin = is_admin;
	listener->path = strdup(path);
	if (listener->path == NULL)
		return TR_E_NOMEM;
	rc = td_sock_listen(&listener->fd, path, group);
	if (rc != 0)
		return rc;
	ev_io_init(&listener->accept, on_accept, listener->fd, EV_READ);
	listener->accept.data = listener;
	ev_io_start(ctl->loop, &listener->accept);
	return 0;
}

int td_ctl_start(struct td_ctl **out, struct ev_loop *loop, struct td_engine *engine,
    const struct td_conf *conf, const struct td_ctl_hooks *hooks)
{
	struct td_ctl *ctl = calloc(1, sizeof(*ctl));
	int rc = TR_E_NOMEM;

	td_ctl_request_check();
	if (ctl == NULL)
		return rc;
	ctl->loop = loop;
	ctl->engine = engine;
	ctl->hooks = *hooks;
	ctl->listeners[0].fd = ctl->listeners[1].fd = -1;
	ctl->door = td_door_create();
	if (ctl->door == NULL)
		goto fail;
	rc = start_listener(ctl, 0, conf->control_socket, conf->control_group, true);
	if (rc == 0)
		rc = start_listener(ctl, 1, conf->status_socket, conf->status_group, false);
	if (rc != 0)
		goto fail;
	td_engine_watch(engine, td_ctl_on_trace, ctl);
	*out = ctl;
	return 0;

fail:
	td_ctl_stop(ctl);
	return rc;
}

void td_ctl_stop(struct td_ctl *ctl)
{
	if (ctl == NULL)
		return;
	td_engine_unwatch(ctl->engine, ctl);
	while (ctl->clients != NULL)
		td_ctl_client_drop(ctl->clients);
	for (size_t i = 0; i < 2; i++) {
		struct td_ctl_listener *listener = &ctl->listeners[i];

		if (listener->fd >= 0) {
			ev_io_stop(ctl->loop, &listener->accept);
			close(listener->fd);
			unlink(listener->path);
		}
		free(listener->path);
	}
	td_door_free(ctl->door);
	free(ctl->record);
	free(ctl);
}

unsigned td_ctl_client_count(const struct td_ctl *ctl)
{
	return ctl->client_count;
}
