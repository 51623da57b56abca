/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every field of wire.proto that is not free in its type.  A field of type
 * bytes without a rule is refused when it is not empty (and a unit test says
 * that there is none).
 */
#include "proto/limits.h"
#include "proto/wire.h"
#include "proto/wire_int.h"

#define NUMBER(field, min, max)      {field, WIRE_RULE_NUMBER, false, 0, min, max}
#define NUMBER_MUST(field, min, max) {field, WIRE_RULE_NUMBER, true, 0, min, max}
#define BYTES(field, min, max)       {field, WIRE_RULE_BYTES, false, 0, min, max}
#define BYTES_MUST(field, min, max)  {field, WIRE_RULE_BYTES, true, 0, min, max}
#define TEXT(field, max)             {field, WIRE_RULE_TEXT, false, 0, 0, max}
#define EACH(field, count, min, max) {field, WIRE_RULE_BYTES, false, count, min, max}
#define EACH_MUST(field, count, min, max) {field, WIRE_RULE_BYTES, true, count, min, max}
#define COUNT(field, count)          {field, WIRE_RULE_NUMBER, false, count, 0, UINT64_MAX}

enum { ID = 16, DIGEST = 16, HASH = 32, KEY = 32, SIG = 64 };
enum { OP_MIN = 1 + 1 + 1, SEG_MIN = SIG };

static const struct wire_rule logdef[] = {
    NUMBER_MUST(2, 1, UINT64_MAX),
    NUMBER_MUST(3, 1, UINT64_MAX),
    NUMBER_MUST(4, 1, UINT64_MAX),
    NUMBER_MUST(5, TR_LANE_P, TR_LANE_E),
};
static const struct wire_rule ctx[] = {
    NUMBER(2, 0, TR_SEQ_MAX),
};
static const struct wire_rule seg[] = {
    NUMBER_MUST(2, 1, TR_SEQ_MAX),
    NUMBER_MUST(3, 1, TR_SEG_OPS_MAX),
    NUMBER(5, 0, 2),
    COUNT(7, TR_VECTOR_MAX),
    EACH(8, TR_SEG_OPS_MAX, OP_MIN, TR_OP_BYTES_MAX), /* or none and a root: wire_seg_decode() */
    BYTES_MUST(9, SIG, SIG),
    BYTES(10, HASH, HASH),
    BYTES(11, HASH, HASH),
};
static const struct wire_rule segs[] = {
    EACH_MUST(1, 0, SEG_MIN, TR_SEG_BYTES_MAX),
};
static const struct wire_rule hello[] = {
    BYTES(6, DIGEST, DIGEST),
    NUMBER(8, 0, UINT8_MAX), /* a newer one is taken for fibre: the versions are not compared yet */
    TEXT(16, TR_VERSION_MAX),
};
static const struct wire_rule welcome[] = {
    NUMBER_MUST(2, TR_VERDICT_OK, UINT8_MAX),
    BYTES(5, DIGEST, DIGEST),
    TEXT(11, TR_NOTE_MAX),
    TEXT(13, TR_VERSION_MAX),
    BYTES(18, 1, TR_CERT_BYTES_MAX),
};
static const struct wire_rule fent[] = {
    NUMBER(2, 0, TR_SEQ_MAX),
    NUMBER(4, 0, TR_SEQ_MAX),
};
static const struct wire_rule frontier[] = {
    NUMBER_MUST(1, TR_FRONTIER_SCOPES, TR_FRONTIER_DELTA),
    COUNT(2, TR_FRONTIER_ENTRIES_MAX),
    COUNT(3, TR_FRONTIER_ENTRIES_MAX),
    NUMBER(5, 0, 1),
};
static const struct wire_rule audit_domain[] = {
    NUMBER_MUST(1, 1, UINT64_MAX),
    NUMBER_MUST(2, TR_LANE_P, TR_LANE_E),
    BYTES(3, DIGEST, DIGEST),
    BYTES(4, HASH, HASH),
    BYTES(6, TR_AUDIT_SPLIT * 8, TR_AUDIT_SPLIT * 8),
};
static const struct wire_rule audit_record[] = {
    NUMBER_MUST(1, 1, UINT8_MAX),
    BYTES_MUST(2, ID, ID),
    BYTES_MUST(3, DIGEST, DIGEST),
};
static const struct wire_rule audit[] = {
    NUMBER_MUST(1, TR_AUDIT_ASK_ROOTS, TR_AUDIT_BUSY),
    NUMBER_MUST(2, 1, UINT32_MAX),
    NUMBER(5, 0, 1),
    COUNT(6, TR_AUDIT_PART),
    COUNT(7, TR_AUDIT_PART),
    BYTES(8, TR_AUDIT_SPLIT / 8, TR_AUDIT_SPLIT / 8),
};
static const struct wire_rule need[] = {
    NUMBER(4, 0, TR_SEQ_MAX),
    NUMBER(5, 0, TR_SEQ_MAX),
    BYTES(9, ID, ID),
    BYTES(10, 1, TR_SNAP_AT_MAX),
};
static const struct wire_rule snap_seg[] = {
    BYTES_MUST(1, TR_SEG_HEADER_SIZE, TR_SEG_HEADER_SIZE),
    BYTES_MUST(2, SIG, SIG),
    COUNT(3, TR_VECTOR_MAX),
    EACH(4, TR_SEG_OPS_MAX, OP_MIN, TR_OP_BYTES_MAX),
};
static const struct wire_rule snap_row[] = {
    NUMBER_MUST(1, TR_SNAP_RECORD, TR_SNAP_ROW),
    BYTES_MUST(2, ID, TR_SNAP_KEY_MAX),
    BYTES_MUST(3, 1, TR_RECORD_BYTES_MAX),
};
static const struct wire_rule snap[] = {
    NUMBER_MUST(1, 1, UINT64_MAX),
    NUMBER_MUST(2, TR_LANE_P, TR_LANE_E),
    BYTES_MUST(3, ID, ID),
    BYTES(4, SEG_MIN, TR_SNAP_SEG_MAX),
    NUMBER(5, 0, TR_SEG_OPS_MAX - 1),
    EACH(6, TR_SNAP_PART_MAX, SEG_MIN, TR_SNAP_SEG_MAX),
    COUNT(7, TR_SNAP_PART_MAX),
    BYTES(8, 1, TR_SNAP_AT_MAX),
};
static const struct wire_rule place[] = {
    NUMBER_MUST(1, 1, TR_SEQ_MAX),
};
static const struct wire_rule index_[] = {
    COUNT(2, TR_INDEX_MAX),
    NUMBER(3, 0, 1),
};
static const struct wire_rule head[] = {
    NUMBER_MUST(1, 1, UINT64_MAX),
    COUNT(6, 2 * TR_CHAIN_MAX),
    BYTES_MUST(7, SIG, SIG),
};
static const struct wire_rule receipt[] = {
    NUMBER_MUST(1, 1, UINT64_MAX),
    NUMBER_MUST(2, 1, UINT64_MAX),
    COUNT(5, TR_FRONTIER_ENTRIES_MAX),
    BYTES_MUST(6, SIG, SIG),
};
static const struct wire_rule summary[] = {
    NUMBER_MUST(1, 1, UINT64_MAX),
    NUMBER(2, 0, TR_PEER_REFUSED),
    TEXT(7, TR_VERSION_MAX),
    TEXT(9, TR_NOTE_MAX),
};
static const struct wire_rule cert_req[] = {
    BYTES_MUST(1, KEY, KEY),
    BYTES_MUST(2, KEY, KEY),
    BYTES_MUST(3, KEY, KEY),
    TEXT(4, TR_TITLE_MAX),
};
static const struct wire_rule enroll[] = {
    BYTES_MUST(1, ID, ID),
    BYTES_MUST(2, 1, TR_CERT_REQ_BYTES_MAX),
    BYTES_MUST(3, SIG, SIG),
    BYTES_MUST(4, HASH, HASH),
};
static const struct wire_rule enroll_ok[] = {
    EACH(1, TR_CHAIN_MAX, 1, TR_CERT_BYTES_MAX),
    BYTES(2, 1, TR_ROOT_BYTES_MAX),
    BYTES(3, HASH, HASH),
    TEXT(4, TR_NOTE_MAX),
};
static const struct wire_rule evidence[] = {
    NUMBER_MUST(1, TR_EVIDENCE_CERTS, TR_EVIDENCE_CERTS),
    BYTES_MUST(2, 1, TR_CERT_BYTES_MAX),
    BYTES_MUST(3, 1, TR_CERT_BYTES_MAX),
};
static const struct wire_rule bye[] = {
    TEXT(3, TR_NOTE_MAX),
};
static const struct wire_rule msg[] = {
    BYTES(21, 1, TR_CERT_BYTES_MAX),
};
static const struct wire_rule bundle_head[] = {
    NUMBER_MUST(1, 1, UINT64_MAX),
    NUMBER_MUST(2, 1, UINT64_MAX),
    NUMBER_MUST(6, 1, UINT32_MAX),
    TEXT(8, TR_UNIT_PATH_MAX),
    TEXT(9, TR_UNIT_PATH_MAX),
};
static const struct wire_rule bundle_tail[] = {
    BYTES_MUST(3, HASH, HASH),
    BYTES_MUST(4, SIG, SIG),
};

#define OF(message, rules) \
	{&terrace__##message##__descriptor, rules, sizeof(rules) / sizeof((rules)[0])}
/* The most frequent first. */
static const struct wire_rules all[] = {
    OF(msg, msg),
    OF(seg, seg),
    OF(ctx, ctx),
    OF(segs, segs),
    OF(fent, fent),
    OF(frontier, frontier),
    OF(head, head),
    OF(need, need),
    OF(snap, snap),
    OF(snap_seg, snap_seg),
    OF(snap_row, snap_row),
    OF(index, index_),
    OF(place, place),
    OF(audit, audit),
    OF(audit_domain, audit_domain),
    OF(audit_record, audit_record),
    OF(log_def, logdef),
    OF(receipt, receipt),
    OF(summary, summary),
    OF(hello, hello),
    OF(welcome, welcome),
    OF(cert_req, cert_req),
    OF(enroll, enroll),
    OF(enroll_ok, enroll_ok),
    OF(bye, bye),
    OF(evidence, evidence),
    OF(bundle_head, bundle_head),
    OF(bundle_tail, bundle_tail),
};

const struct wire_rules *wire_rules_of(const ProtobufCMessageDescriptor *message)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].message == message)
			return &all[i];
	return NULL;
}

const struct wire_rule *wire_rule_of(const struct wire_rules *rules, uint32_t field)
{
	for (size_t i = 0; rules != NULL && i < rules->count; i++)
		if (rules->rules[i].field == field)
			return &rules->rules[i];
	return NULL;
}
