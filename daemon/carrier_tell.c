/* SPDX-License-Identifier: Apache-2.0 */
/* To the core. */
#include "daemon/carrier_int.h"

#include <string.h>
#include <sysexits.h>
#include <unistd.h>

void td_carrier_tell(struct td_carrier *carrier, enum td_pipe_type type,
    uint32_t link, struct tr_bytes a, struct tr_bytes b)
{
	/* Out of memory or a core that reads nothing: start afresh. */
	if (td_pipe_put(&carrier->pipe, type, link, a, b) != 0)
		_exit(EX_OSERR);
}

void td_carrier_tell_down(struct td_carrier *carrier, uint32_t link,
    enum rep_down_why why, const char *text)
{
	uint8_t number = (uint8_t)why;

	td_carrier_tell(carrier, TD_PIPE_DOWN, link,
	    (struct tr_bytes){&number, 1},
	    (struct tr_bytes){(const uint8_t *)text, strlen(text)});
}
