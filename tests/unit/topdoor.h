/* SPDX-License-Identifier: Apache-2.0 */
/* topdoor -- a top node in memory with a door to it, for a group of tests. */
#ifndef TESTS_UNIT_TOPDOOR_H
#define TESTS_UNIT_TOPDOOR_H

#include "daemon/door.h"
#include "tests/unit/topnode.h"

static struct topnode top;
static struct td_door *door;

static int topdoor_start(void **state)
{
	(void)state;
	topnode_init(&top);
	door = td_door_create();
	return door != NULL ? 0 : -1;
}

static int topdoor_stop(void **state)
{
	(void)state;
	td_door_free(door);
	topnode_fini(&top);
	return 0;
}

#endif
