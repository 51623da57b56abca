/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door_int -- shared by door.c (the line), door_value.c (one value) and
 * door_refuse.c (what is wrong with either).  Private.
 */
#ifndef DAEMON_DOOR_INT_H
#define DAEMON_DOOR_INT_H

#include "daemon/door.h"
#include "daemon/json_read.h"
#include "proto/err.h"
#include "proto/limits.h"

#define TD_DOOR_MEMBERS_MAX (TR_FIELDS_MAX + 16)
#define TD_DOOR_BYTES_MAX 8192 /* record ids, unit lists: what is not text of the line */
#define TD_DOOR_TEXT_ROOM (TR_OP_BYTES_MAX - 1024) /* all texts of a line; the rest is for heads */
#define TD_DOOR_KINDS 4       /* case, staff, directive; from 1 */
#define TD_DOOR_SLOTS 128     /* a power of two, twice the fields of a kind */

struct td_door_member {
	struct tr_bytes name;
	struct td_json_value value;
};

struct td_door {
	const struct rep_node *node;
	struct td_door_error *error;
	struct rep_write *write;
	size_t member_count, value_count, bytes_used, text_used;
	uint64_t seen_words;  /* bits of the envelope's words */
	uint64_t seen_fields; /* bits of field ids, all below 64 */
	const struct rep_field *index[TD_DOOR_KINDS][TD_DOOR_SLOTS]; /* by name */
	struct td_door_member members[TD_DOOR_MEMBERS_MAX];
	struct rep_value values[TR_FIELDS_MAX];
	uint8_t bytes[TD_DOOR_BYTES_MAX];
};

/* ---- door_refuse.c ---- */
/* Fills the error and returns rc. */
int td_door_refuse(struct td_door *door, int rc, struct tr_bytes field, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int td_door_wrong_type(struct td_door *door, const struct td_door_member *m, const char *want);
bool td_door_is(struct tr_bytes a, const char *b);

/* ---- door_value.c ---- */
int td_door_find_unit(struct td_door *door, const struct td_door_member *m,
    struct tr_bytes name, struct tr_nid *out);
/* Adds the value or values of one field that is neither personal nor the machine's. */
int td_door_value(struct td_door *door, const struct rep_field *field,
    const struct td_door_member *m);

/* For printf's "%.*s": the name of a member, shortened. */
#define TD_DOOR_NAME(m) \
	(int)((m)->name.size < 40 ? (m)->name.size : 40), (const char *)(m)->name.data

#endif
