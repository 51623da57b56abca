/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides ask of a socket. */
#include "daemon/carrier_int.h"

#include <zmq.h>

bool td_carrier_socket_is_readable(void *socket)
{
	int events = 0;
	size_t size = sizeof(events);

	return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 &&
	       (events & ZMQ_POLLIN) != 0;
}

unsigned td_carrier_socket_skip_parts(void *socket)
{
	unsigned count = 0;
	bool more = true;

	while (more) {
		zmq_msg_t part;

		(void)zmq_msg_init(&part);
		more = zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) >= 0;
		if (more) {
			count++;
			more = zmq_msg_more(&part) != 0;
		}
		(void)zmq_msg_close(&part);
	}
	return count;
}
