/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The top node changes the policy while the federation is as it is: cut,
 * crashing, restored.  Every document that was sent is remembered here, and
 * what is shown is decided from it a second time (check_fold.c).
 *
 *   8   what is stored does not change with the policy
 *   9   at rest all use the newest, and each parent knows that its children do
 *  28   a version never goes back, not in a store, not in a HELLO
 */
#include "tests/sim/part.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define DOCS_MAX 256

struct sent {
	struct rep_policy_doc doc;
	struct sent *before;
};

struct policies {
	struct sent *sent[DOCS_MAX]; /* by version; a top node that was put back may send one a second time */
	uint32_t said[SIM_HOSTS_MAX];         /* in a HELLO or WELCOME */
	unsigned restores[SIM_HOSTS_MAX];     /* when it was said */
};

static struct sim_fault sim_fault_policy = {"policy", 500, "the top node sends other policies in the middle of it all"};
static struct sim_part part;

static struct policies *mine(const struct sim_world *world)
{
	return sim_part_data((struct sim_world *)(uintptr_t)world, &part, sizeof(struct policies));
}

static const struct rep_field *any_register(struct sim_rng *rng)
{
	static const uint8_t kinds[] = {TR_KIND_CASE, TR_KIND_STAFF, TR_KIND_DIRECTIVE};

	for (;;) {
		const struct rep_field *f = rep_schema_at(kinds[sim_rng_below(rng, 3)], sim_rng_below(rng, 40));
		struct rep_policy_rule rule = {0};

		if (f == NULL)
			continue;
		rule.kind = f->kind;
		rule.field = f->id;
		if (rep_policy_rule_why(&rule) == REP_POLICY_FINE)
			return f;
	}
}

static void make(struct sim_rng *rng, struct rep_policy_doc *doc)
{
	memset(doc, 0, sizeof(*doc));
	for (uint64_t n = sim_rng_below(rng, 60); n > 0; n--) {
		const struct rep_field *f = any_register(rng);
		struct rep_policy_rule *rule = &doc->rule[doc->rule_count];

		*rule = (struct rep_policy_rule){.kind = f->kind, .field = f->id,
		    .merge = (uint32_t)sim_rng_between(rng, REP_MERGE_AUTH, REP_MERGE_ASK),
		    .notify = sim_rng_chance(rng, 300)};
		if (rep_policy_rule_why(rule) == REP_POLICY_FINE)
			doc->rule_count++;
	}
	for (uint64_t n = sim_rng_below(rng, 14); n > 0; n--)
		doc->rank[doc->rank_count++] = (struct rep_policy_rank){.kind = TR_KIND_CASE,
		    .status = (uint32_t)sim_rng_between(rng, 1, 14), .rank = (uint32_t)sim_rng_between(rng, 1, 100)};
}

static void act_policy(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	struct sent *sent = calloc(1, sizeof(*sent));
	struct rep_policy_send send = {.doc = &sent->doc};
	struct rep_event event = {.kind = REP_EV_POLICY, .policy = &send};
	uint32_t version;

	(void)host;
	TR_ASSERT(sent != NULL);
	make(rng, &sent->doc);
	sim_thrown(world, &sim_fault_policy);
	sim_host_step(world, 0, &event);
	if (sim_host_is_up(world, 0) && rep_policy_document(&world->host[0].view, &sent->doc) == 0) {
		version = sent->doc.version;
		TR_ASSERT(version < DOCS_MAX);
		sim_log(world, 0, "policy %u", version);
		sent->before = mine(world)->sent[version];
		mine(world)->sent[version] = sent;
		sent = NULL;
	}
	free(sent);
}

/* ---- a second opinion on what a document means ---- */

static const struct rep_policy_doc *used(const struct sim_world *world, unsigned host)
{
	uint32_t version = rep_policy_of(world->host[host].node)->version;
	const struct sent *sent = version < DOCS_MAX ? mine(world)->sent[version] : NULL;
	struct rep_policy_doc *doc;

	if (sent == NULL || sent->before == NULL)
		return sent != NULL ? &sent->doc : NULL;
	doc = calloc(1, sizeof(*doc));
	TR_ASSERT(doc != NULL);
	if (rep_policy_document(&world->host[host].view, doc) == 0)
		while (sent != NULL && memcmp(&sent->doc, doc, sizeof(*doc)) != 0)
			sent = sent->before;
	free(doc);
	return sent != NULL ? &sent->doc : NULL;
}

enum rep_merge_kind sim_policy_merge(const struct sim_world *world, unsigned host, const struct rep_field *field)
{
	const struct rep_policy_doc *doc = used(world, host);

	for (size_t i = doc != NULL ? doc->rule_count : 0; i-- > 0;) {
		const struct rep_field *named = rep_schema_field((uint8_t)doc->rule[i].kind, (uint16_t)doc->rule[i].field);

		if (named == NULL || named->kind != field->kind || strcmp(named->group, field->group) != 0)
			continue;
		return doc->rule[i].merge != 0 ? (enum rep_merge_kind)doc->rule[i].merge : field->merge;
	}
	return field->merge;
}

int sim_policy_rank(const struct sim_world *world, unsigned host, uint8_t kind, int64_t status, int otherwise)
{
	const struct rep_policy_doc *doc = used(world, host);

	for (size_t i = doc != NULL ? doc->rank_count : 0; i-- > 0;)
		if (doc->rank[i].kind == kind && doc->rank[i].status == status)
			return (int)doc->rank[i].rank;
	return otherwise;
}

/* ---- checks ---- */

static void look(struct sim_world *world, unsigned host)
{
	struct rep_policy_doc *doc = calloc(1, sizeof(*doc));
	const struct rep_policy *policy = rep_policy_of(world->host[host].node);
	int rc;

	TR_ASSERT(doc != NULL);
	rc = rep_policy_document(&world->host[host].view, doc);
	if (rc != (policy->version == 0 ? TR_E_NOTFOUND : 0))
		sim_fail(world, host, "28", "its policy document: %s", tr_err_code(rc));
	if (rc == 0 && (doc->version != policy->version || used(world, host) == NULL ||
	    memcmp(doc, used(world, host), sizeof(*doc)) != 0))
		sim_fail(world, host, "28", "uses a policy %" PRIu32 " that was never sent", policy->version);
	free(doc);
}

static void say(struct sim_world *world, unsigned host, uint32_t version)
{
	struct policies *p = mine(world);

	if (version < p->said[host] && p->restores[host] == world->host[host].restores)
		sim_fail(world, host, "28", "says policy %" PRIu32 " after %" PRIu32, version, p->said[host]);
	p->said[host] = version;
	p->restores[host] = world->host[host].restores;
}

static void frame(struct sim_world *world, unsigned host, uint32_t link, const Terrace__Msg *msg)
{
	(void)link;
	if (msg->m_case == TERRACE__MSG__M_HELLO)
		say(world, host, msg->hello->policy);
	if (msg->m_case == TERRACE__MSG__M_WELCOME)
		say(world, host, msg->welcome->policy);
}

static void restart(struct sim_world *world, unsigned host)
{
	const struct policies *p = mine(world);

	if (p->restores[host] == world->host[host].restores &&
	    rep_policy_of(world->host[host].node)->version < p->said[host])
		sim_fail(world, host, "28", "has a policy older than it said, after a restart");
}

static bool is_quiet(struct sim_world *world, const char **why, unsigned *who)
{
	uint32_t version = rep_policy_of(world->host[0].node)->version;

	for (*who = 1; *who < world->host_count; (*who)++) {
		struct sim_host *h = &world->host[*who];
		struct rep_unit_info unit;

		*why = "uses another policy than the top";
		if (rep_policy_of(h->node)->version != version)
			return false;
		*why = "is not known to use the newest policy";
		if (!rep_unit_get(world->host[h->parent].node, h->nid, &unit) || unit.policy != version)
			return false;
	}
	*why = NULL;
	return true;
}

static struct tr_hash state(struct sim_world *world, struct rep_record *rec, const struct rep_policy *policy,
    const struct tr_rec_id *id)
{
	struct tr_hash hash;

	rec->policy = policy;
	if (rep_record_find(rec, &world->host[0].view, id) != 0 ||
	    rep_record_state_hash(rec, &world->host[0].view, &hash) != 0)
		sim_fail(world, 0, "8", "a record does not load");
	return hash;
}

static void rest(struct sim_world *world)
{
	struct rep_record *rec = calloc(1, sizeof(*rec));
	struct rep_policy none = {0};
	struct tr_rec_id id, last, *after = NULL;

	TR_ASSERT(rec != NULL);
	for (; rep_next_record(&world->host[0].view, TR_KIND_CASE, after, &id) == 0; after = &last) {
		struct tr_hash with, without;

		last = id;
		with = state(world, rec, rep_policy_of(world->host[0].node), &id);
		without = state(world, rec, &none, &id);
		if (memcmp(&with, &without, sizeof(with)) != 0)
			sim_fail(world, 0, "8", "a state depends on the policy");
	}
	free(rec);
}

static void free_docs(struct sim_world *world)
{
	for (unsigned i = 0; i < DOCS_MAX; i++)
		for (struct sent *sent = mine(world)->sent[i], *before; sent != NULL; sent = before) {
			before = sent->before;
			free(sent);
		}
}

static struct sim_fault *const FAULTS[] = {&sim_fault_policy, NULL};
static const struct sim_action ACTIONS[] = {
    {"policy", 3, {&sim_fault_policy}, act_policy},
    {0},
};
static struct sim_part part = {.name = "policy", .faults = FAULTS, .actions = ACTIONS, .look = look, .frame = frame,
    .restart = restart, .is_quiet = is_quiet, .rest = rest, .free = free_docs};
SIM_PART(part)
