/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door -- a JSON object from outside -> struct rep_write, or an error that says
 * what, where and what to do.
 *
 * Form of the object: docs/control-protocol.md section 3.
 * Owns:    values and bytes of the last line, until the next td_door_read().
 * Limits:  TR_LINE_MAX, TR_FIELDS_MAX, size_max of every field.
 * Threads: none.
 */
#ifndef DAEMON_DOOR_H
#define DAEMON_DOOR_H

#include "replication/rep.h"

struct td_door;

struct td_door_error {
	int rc;           /* TR_E_* */
	char field[48];   /* "" if none */
	char message[320];
	char hint[256];   /* "" if none */
};

struct td_door *td_door_create(void); /* NULL if out of memory */
void td_door_free(struct td_door *door);

/*
 * Reads one line.  `line` is changed in place (escapes), and together with
 * the door's own bytes lent to *out until the next call.  The node resolves
 * unit names.  0; TR_E_* with *error filled.
 */
TR_MUST_CHECK int td_door_read(struct td_door *door, const struct rep_node *node,
    uint8_t *line, size_t size, struct rep_write *out, struct td_door_error *error);

/* An answer of the core with rc != 0, in words. */
void td_door_explain(const struct rep_node *node, const struct rep_reply *reply,
    struct td_door_error *error);

/* "did you mean" among the names of a STATUS or ENUM field; hint[0] = 0 if nothing is near. */
void td_door_value_hint(const struct rep_field *field, const char *name, size_t size,
    char hint[static 256]);

#endif
