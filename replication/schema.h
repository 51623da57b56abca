/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema -- which fields a record kind has and how each is merged.
 * Read from schema.def; no state.  See docs/protocol.md "Merge rules".
 */
#ifndef REPLICATION_SCHEMA_H
#define REPLICATION_SCHEMA_H

#include "proto/vocab.h"

enum rep_type {
	REP_TYPE_INT = 1,
	REP_TYPE_TEXT,
	REP_TYPE_TIME,
	REP_TYPE_DEG,
	REP_TYPE_ID,
	REP_TYPE_UNIT,
	REP_TYPE_UNITS, /* bytes: nids, 8 bytes big-endian each, sorted */
	REP_TYPE_STATUS,
	REP_TYPE_ENUM,
};

enum rep_merge_kind {
	REP_MERGE_FIXED = 1,
	REP_MERGE_AUTH,
	REP_MERGE_GROUND,
	REP_MERGE_FLOW,
	REP_MERGE_LWW,
	REP_MERGE_ASK,
	REP_MERGE_SET,
	REP_MERGE_LIST,
	REP_MERGE_COUNT,
};

enum rep_field_flag {
	REP_FF_PERSONAL = 1u << 0,
	REP_FF_MACHINE = 1u << 1,
};

struct rep_field {
	uint8_t kind; /* enum tr_kind */
	uint16_t id;
	const char *name;
	enum rep_type type;
	enum rep_merge_kind merge;
	const char *group; /* name; fields with the same name are one group */
	uint16_t group_id; /* smallest field id of the group; stable */
	uint32_t flags;
	uint32_t size_max; /* bytes, for TEXT */
};

/* NULL if there is none.  Pointers live for ever. */
const struct rep_field *rep_schema_field(uint8_t kind, uint16_t id);
/* name need not be terminated. */
const struct rep_field *rep_schema_by_name(uint8_t kind, const char *name, size_t size);
/* All fields of a kind in id order; i from 0; NULL at the end. */
const struct rep_field *rep_schema_at(uint8_t kind, size_t i);
/* Nearest field name, for "did you mean"; NULL if nothing is near. */
const char *rep_schema_near(uint8_t kind, const char *name, size_t size);

const char *rep_schema_kind_name(uint8_t kind); /* "case"; NULL if unknown */
uint8_t rep_schema_kind(const char *name, size_t size); /* 0 if unknown */
/* Which cap creates records of this kind. */
uint32_t rep_schema_create_cap(uint8_t kind);

/* Names of STATUS and ENUM values, lower case ("self_handled"); 0 / NULL if unknown. */
const char *rep_schema_value_name(const struct rep_field *field, int64_t value);
int64_t rep_schema_value(const struct rep_field *field, const char *name, size_t size);

#endif
