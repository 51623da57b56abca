/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire_int -- what the files of wire share among themselves.
 */
#ifndef PROTO_WIRE_INT_H
#define PROTO_WIRE_INT_H

#include <protobuf-c/protobuf-c.h>

#include "proto/vocab.h"

/* --- rules: what a field may hold beyond its type --- */

enum wire_rule_kind { WIRE_RULE_NUMBER, WIRE_RULE_BYTES, WIRE_RULE_TEXT };

struct wire_rule {
	uint32_t field;      /* number in the .proto */
	uint8_t kind;        /* enum wire_rule_kind */
	bool required;       /* must be there; a number: not 0 */
	uint16_t count_max;  /* of a repeated field; 0 = by the frame's bounds only */
	uint64_t min, max;   /* value, or size in bytes */
};

struct wire_rules {
	const ProtobufCMessageDescriptor *message;
	const struct wire_rule *rules;
	size_t count;
};

/* NULL if the message has none. */
const struct wire_rules *wire_rules_of(const ProtobufCMessageDescriptor *message);
const struct wire_rule *wire_rule_of(const struct wire_rules *rules, uint32_t field);

/* --- scan: everything that can be refused before memory is spent --- */

#define WIRE_SCAN_MEMBERS_MAX 32 /* fields that one message may declare */

/* 0; TR_E_INPUT, TR_E_LIMIT, TR_E_UTF8. */
TR_MUST_CHECK int wire_scan(const ProtobufCMessageDescriptor *message, struct tr_bytes in);

/* --- arena --- */

struct wire_arena;

/* Unpacks within the budget of this many wire bytes.  0; TR_E_LIMIT, TR_E_NOMEM, TR_E_INPUT. */
TR_MUST_CHECK int wire_arena_unpack(struct wire_arena *arena,
    const ProtobufCMessageDescriptor *message, struct tr_bytes in,
    ProtobufCMessage **out);

#endif
