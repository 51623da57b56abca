/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/policy.h"

#include <string.h>

#include "proto/err.h"
#include "proto/pb.h"
#include "replication/status.h"

_Static_assert(REP_STATUS_MAX < REP_POLICY_STATUSES, "a rank for each status");
_Static_assert(TR_KIND_DIRECTIVE < REP_POLICY_KINDS, "a table for each kind");

/* Field numbers of record.proto. */
enum { POLICY_VERSION = 1, POLICY_RULE = 2, POLICY_RANK = 3 };
enum { RULE_KIND = 1, RULE_FIELD = 2, RULE_MERGE = 3, RULE_NOTIFY = 4 };
enum { RANK_KIND = 1, RANK_STATUS = 2, RANK_RANK = 3 };

#define PART_MAX 64 /* an encoded rule or rank: four varints of 32 bits */

static bool is_register(enum rep_merge_kind merge)
{
	switch (merge) {
	case REP_MERGE_AUTH:
	case REP_MERGE_GROUND:
	case REP_MERGE_FLOW:
	case REP_MERGE_LWW:
	case REP_MERGE_ASK: return true;
	case REP_MERGE_FIXED:
	case REP_MERGE_SET:
	case REP_MERGE_LIST:
	case REP_MERGE_COUNT: break;
	}
	return false;
}

static bool is_kind(uint32_t kind)
{
	return kind == TR_KIND_CASE || kind == TR_KIND_STAFF || kind == TR_KIND_DIRECTIVE;
}

/* The field after which a group is named says what it is. */
static const struct rep_field *group_of(uint32_t kind, uint32_t id)
{
	const struct rep_field *field =
	    id < REP_POLICY_FIELDS ? rep_schema_field((uint8_t)kind, (uint16_t)id) : NULL;

	return field != NULL ? rep_schema_field(field->kind, field->group_id) : NULL;
}

enum rep_policy_why rep_policy_rule_why(const struct rep_policy_rule *rule)
{
	const struct rep_field *group;

	if (!is_kind(rule->kind))
		return REP_POLICY_KIND;
	group = group_of(rule->kind, rule->field);
	if (group == NULL)
		return REP_POLICY_FIELD;
	if (!is_register(group->merge))
		return REP_POLICY_FIXED;
	if (rule->merge == 0)
		return REP_POLICY_FINE;
	if (rule->merge > REP_MERGE_COUNT || !is_register((enum rep_merge_kind)rule->merge))
		return REP_POLICY_MERGE;
	if (rule->merge == REP_MERGE_FLOW && group->merge != REP_MERGE_FLOW)
		return REP_POLICY_NOT_FLOW;
	return REP_POLICY_FINE;
}

enum rep_policy_why rep_policy_rank_why(const struct rep_policy_rank *rank)
{
	if (!is_kind(rank->kind))
		return REP_POLICY_KIND;
	if (rep_status_rank((uint8_t)rank->kind, rank->status) < 0 ||
	    (rank->kind == TR_KIND_CASE && rank->status == REP_CASE_MOVED))
		return REP_POLICY_STATUS;
	return rank->rank >= 1 && rank->rank <= TR_POLICY_RANK_MAX ? REP_POLICY_FINE : REP_POLICY_RANK;
}

/* ------------------------------------------------------------------ bytes */

/* Up to four numbers, each once; others are of a later version. */
static int decode_part(struct tr_bytes in, uint32_t out[4], uint32_t count)
{
	struct tr_pb_reader r;
	struct tr_pb_field f;

	memset(out, 0, 4 * sizeof(out[0]));
	tr_pb_begin(&r, in);
	while (tr_pb_more(&r)) {
		int rc = tr_pb_next(&r, &f);

		if (rc == 0 && f.number <= count)
			rc = tr_pb_once_u32(&r, &f, UINT32_MAX, &out[f.number - 1]) ? 0 : TR_E_INPUT;
		else if (rc == 0)
			rc = tr_pb_unknown(&r);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int decode_rule(struct rep_policy_doc *out, const struct tr_pb_field *f)
{
	struct rep_policy_rule *rule = &out->rule[out->rule_count];
	uint32_t part[4];
	int rc;

	if (f->wire != TR_PB_BYTES)
		return TR_E_INPUT;
	if (out->rule_count == TR_POLICY_RULES_MAX)
		return TR_E_LIMIT;
	rc = decode_part(f->bytes, part, RULE_NOTIFY);
	if (rc != 0)
		return rc;
	rule->kind = part[RULE_KIND - 1];
	rule->field = part[RULE_FIELD - 1];
	rule->merge = part[RULE_MERGE - 1];
	rule->notify = part[RULE_NOTIFY - 1] != 0;
	out->rule_count++;
	return 0;
}

static int decode_rank(struct rep_policy_doc *out, const struct tr_pb_field *f)
{
	struct rep_policy_rank *rank = &out->rank[out->rank_count];
	uint32_t part[4];
	int rc;

	if (f->wire != TR_PB_BYTES)
		return TR_E_INPUT;
	if (out->rank_count == TR_POLICY_RANKS_MAX)
		return TR_E_LIMIT;
	rc = decode_part(f->bytes, part, RANK_RANK);
	if (rc != 0)
		return rc;
	rank->kind = part[RANK_KIND - 1];
	rank->status = part[RANK_STATUS - 1];
	rank->rank = part[RANK_RANK - 1];
	out->rank_count++;
	return 0;
}

int rep_policy_decode(struct rep_policy_doc *out, struct tr_bytes in)
{
	struct tr_pb_reader r;
	struct tr_pb_field f;
	int rc;

	memset(out, 0, sizeof(*out));
	if (in.size > TR_POLICY_BYTES_MAX)
		return TR_E_LIMIT;
	tr_pb_begin(&r, in);
	while (tr_pb_more(&r)) {
		rc = tr_pb_next(&r, &f);
		if (rc != 0)
			return rc;
		if (f.number == POLICY_VERSION)
			rc = tr_pb_once_u32(&r, &f, TR_POLICY_VERSION_MAX, &out->version) ? 0 : TR_E_INPUT;
		else if (f.number == POLICY_RULE)
			rc = decode_rule(out, &f);
		else if (f.number == POLICY_RANK)
			rc = decode_rank(out, &f);
		else
			rc = tr_pb_unknown(&r);
		if (rc != 0)
			return rc;
	}
	return out->version != 0 ? 0 : TR_E_INPUT;
}

static void put_part(struct tr_pb_writer *w, uint32_t number, const uint32_t *part, uint32_t count)
{
	uint8_t bytes[PART_MAX];
	struct tr_pb_writer p = {bytes, bytes + sizeof(bytes), false};

	for (uint32_t i = 0; i < count; i++)
		tr_pb_put_uint(&p, i + 1, part[i]);
	tr_pb_put_bytes(w, number, bytes, (size_t)(p.at - bytes));
}

size_t rep_policy_encode(const struct rep_policy_doc *doc, uint8_t *out, size_t cap)
{
	struct tr_pb_writer w = {out, out + cap, false};

	tr_pb_put_uint(&w, POLICY_VERSION, doc->version);
	for (size_t i = 0; i < doc->rule_count; i++) {
		const struct rep_policy_rule *r = &doc->rule[i];
		uint32_t part[] = {r->kind, r->field, r->merge, r->notify};

		put_part(&w, POLICY_RULE, part, RULE_NOTIFY);
	}
	for (size_t i = 0; i < doc->rank_count; i++) {
		const struct rep_policy_rank *r = &doc->rank[i];
		uint32_t part[] = {r->kind, r->status, r->rank};

		put_part(&w, POLICY_RANK, part, RANK_RANK);
	}
	return w.full ? 0 : (size_t)(w.at - out);
}

/* -------------------------------------------------------------------- use */

void rep_policy_resolve(struct rep_policy *out, const struct rep_policy_doc *doc)
{
	memset(out, 0, sizeof(*out));
	out->version = doc->version;
	for (size_t i = 0; i < doc->rule_count; i++) {
		const struct rep_policy_rule *r = &doc->rule[i];
		const struct rep_field *group = group_of(r->kind, r->field);

		if (group == NULL || rep_policy_rule_why(r) != REP_POLICY_FINE) {
			out->ignored++;
			continue;
		}
		out->merge[r->kind][group->id] = (uint8_t)r->merge;
		out->notify[r->kind][group->id] = r->notify;
	}
	for (size_t i = 0; i < doc->rank_count; i++) {
		const struct rep_policy_rank *r = &doc->rank[i];

		if (rep_policy_rank_why(r) == REP_POLICY_FINE)
			out->rank[r->kind][r->status] = (uint16_t)r->rank;
		else
			out->ignored++;
	}
}

enum rep_merge_kind rep_policy_merge(const struct rep_policy *policy, uint8_t kind, uint16_t group)
{
	const struct rep_field *field = rep_schema_field(kind, group);

	if (policy != NULL && is_kind(kind) && group < REP_POLICY_FIELDS && policy->merge[kind][group] != 0)
		return (enum rep_merge_kind)policy->merge[kind][group];
	return field != NULL ? field->merge : REP_MERGE_LWW;
}

bool rep_policy_is_asked(const struct rep_policy *policy, uint8_t kind, uint16_t group)
{
	return rep_policy_merge(policy, kind, group) == REP_MERGE_ASK ||
	       (policy != NULL && is_kind(kind) && group < REP_POLICY_FIELDS && policy->notify[kind][group]);
}

int rep_policy_status_rank(const struct rep_policy *policy, uint8_t kind, int64_t status)
{
	/* What went elsewhere went elsewhere: no policy shows it as if it had not. */
	if (kind == TR_KIND_CASE && status == REP_CASE_MOVED)
		return TR_POLICY_RANK_MAX + 1;
	if (policy != NULL && is_kind(kind) && status > 0 && status < (int64_t)REP_POLICY_STATUSES &&
	    policy->rank[kind][status] != 0)
		return policy->rank[kind][status];
	return rep_status_rank(kind, status);
}

static const char *const merge_names[] = {
    [REP_MERGE_FIXED] = "fixed",
    [REP_MERGE_AUTH] = "auth",
    [REP_MERGE_GROUND] = "ground",
    [REP_MERGE_FLOW] = "flow",
    [REP_MERGE_LWW] = "lww",
    [REP_MERGE_ASK] = "ask",
    [REP_MERGE_SET] = "set",
    [REP_MERGE_LIST] = "list",
    [REP_MERGE_COUNT] = "count",
};

const char *rep_policy_merge_name(enum rep_merge_kind merge)
{
	return (size_t)merge < sizeof(merge_names) / sizeof(merge_names[0]) ? merge_names[merge] : NULL;
}

enum rep_merge_kind rep_policy_merge_of(const char *name, size_t size)
{
	for (int m = REP_MERGE_FIXED; m <= REP_MERGE_COUNT; m++)
		if (strlen(merge_names[m]) == size && memcmp(merge_names[m], name, size) == 0)
			return (enum rep_merge_kind)m;
	return (enum rep_merge_kind)0;
}
