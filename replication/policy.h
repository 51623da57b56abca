/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy -- which of concurrent values is shown: rules that the zone's top
 * node chooses for all, as a document with a version, in its lane P.
 *
 * A policy decides nothing that is stored: neither verdicts nor what a fold
 * drops.  Two nodes with different policies hold equal records.
 * Owns:    nothing; a struct rep_policy is complete in itself.
 * See:     docs/protocol.md "Policy", proto/record.proto.
 */
#ifndef REPLICATION_POLICY_H
#define REPLICATION_POLICY_H

#include "proto/limits.h"
#include "replication/schema.h"

#define REP_POLICY_KINDS 4u   /* case, staff, directive; the tree of units is not for a policy to order */
#define REP_POLICY_FIELDS 64u
#define REP_POLICY_STATUSES 16u

/* A rule for the group of one register field. */
struct rep_policy_rule {
	uint32_t kind, field; /* enum tr_kind, id of schema.def */
	uint32_t merge;       /* enum rep_merge_kind; 0 = as schema.def says */
	bool notify;          /* a conflict waits for a person, though a rule shows a value */
};

struct rep_policy_rank {
	uint32_t kind, status;
	uint32_t rank;        /* 1..TR_POLICY_RANK_MAX; the highest is shown */
};

/* What is signed: all of it replaces the document before. */
struct rep_policy_doc {
	uint32_t version;     /* from 1 */
	size_t rule_count, rank_count;
	struct rep_policy_rule rule[TR_POLICY_RULES_MAX];
	struct rep_policy_rank rank[TR_POLICY_RANKS_MAX];
};

/* What is used: a document as this version understands it. */
struct rep_policy {
	uint32_t version;     /* 0: none came, schema.def and status.c alone */
	uint32_t ignored;     /* rules and ranks that this version does not know */
	struct tr_hlc hlc;    /* of the op that brought it */
	uint64_t inc, seq;
	int64_t since_ms;     /* wall, when it was taken here */
	uint8_t merge[REP_POLICY_KINDS][REP_POLICY_FIELDS]; /* by group id; 0 = schema.def */
	bool notify[REP_POLICY_KINDS][REP_POLICY_FIELDS];
	uint16_t rank[REP_POLICY_KINDS][REP_POLICY_STATUSES]; /* 0 = status.c */
};

/* Why a rule or rank cannot be used. */
enum rep_policy_why {
	REP_POLICY_FINE = 0,
	REP_POLICY_KIND,      /* no such record kind, or not one for a policy */
	REP_POLICY_FIELD,     /* no such field */
	REP_POLICY_FIXED,     /* not a register: nothing to choose */
	REP_POLICY_MERGE,     /* not auth, ground, flow, lww, ask */
	REP_POLICY_NOT_FLOW,  /* flow is for a status */
	REP_POLICY_STATUS,    /* no such status, or one that no policy moves */
	REP_POLICY_RANK,      /* out of range */
};
enum rep_policy_why rep_policy_rule_why(const struct rep_policy_rule *rule);
enum rep_policy_why rep_policy_rank_why(const struct rep_policy_rank *rank);

/* 0; TR_E_INPUT, TR_E_LIMIT.  Words of later versions are passed over. */
TR_MUST_CHECK int rep_policy_decode(struct rep_policy_doc *out, struct tr_bytes in);
/* Size; 0 if it is larger than `cap`. */
size_t rep_policy_encode(const struct rep_policy_doc *doc, uint8_t *out, size_t cap);
/* What can be used of a document; of two rules for one group the later one. */
void rep_policy_resolve(struct rep_policy *out, const struct rep_policy_doc *doc);

/* Merge kind of a register or flow group; policy may be NULL. */
enum rep_merge_kind rep_policy_merge(const struct rep_policy *policy, uint8_t kind, uint16_t group);
/* A conflict in it waits for a person: ask, or notify. */
bool rep_policy_is_asked(const struct rep_policy *policy, uint8_t kind, uint16_t group);
/* As rep_status_rank(). */
int rep_policy_status_rank(const struct rep_policy *policy, uint8_t kind, int64_t status);
/* "auth"; NULL if unknown. */
const char *rep_policy_merge_name(enum rep_merge_kind merge);
/* 0 if unknown. */
enum rep_merge_kind rep_policy_merge_of(const char *name, size_t size);

#endif
