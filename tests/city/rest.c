/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the end everything heals: all that hold a scope hold the same, the top node
 * holds every op that was made, every unit has its RECEIPT, and a record folded at
 * the community is the record folded at the top.
 */
#include "tests/city/city.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replication/merge.h"

#define PATIENCE_MS (2 * CITY_DAY)
#define STEP_MS (5 * CITY_MINUTE)
#define RECORDS_EVERY 23 /* communities whose records are compared one by one */

/* The scope of `host` at each node above it. */
static bool is_equal(const struct city *c, uint32_t host)
{
	uint8_t own[16], above[16];

	rep_scope_digest(c->host[host].node, c->host[host].nid, own);
	for (uint32_t up = c->host[host].parent; up != CITY_NONE; up = c->host[up].parent) {
		rep_scope_digest(c->host[up].node, c->host[host].nid, above);
		if (memcmp(own, above, sizeof(own)) != 0)
			return false;
	}
	return true;
}

static bool is_receipted(const struct city *c, uint32_t host)
{
	struct rep_self self;

	rep_inspect_self(c->host[host].node, &self);
	return self.open_ops == 0 && (self.is_top || self.receipt_ops == self.own_ops);
}

/* How many are not at rest; *who is one of them. */
static uint32_t restless(const struct city *c, uint32_t *who, const char **why)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->host_count; i++) {
		bool equal = c->host[i].node != NULL && is_equal(c, i);

		if (equal && is_receipted(c, i))
			continue;
		*who = i;
		*why = c->host[i].node == NULL ? "has no power" : equal ? "lacks a RECEIPT" : "is not held alike above";
		n++;
	}
	return n;
}

/* Every op that was made is at the top node. */
static uint64_t lost(const struct city *c)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < c->host_count; i++)
		for (unsigned level = 0; level < CITY_LEVELS; level++)
			for (unsigned lane = 0; lane < CITY_LANES; lane++) {
				const struct city_track *t = c->host[i].track[level][lane];

				if (t != NULL && t->seen[CITY_TOP] < t->count)
					n += t->count - t->seen[CITY_TOP];
			}
	return n;
}

static uint64_t differing_records(const struct city *c, uint32_t leaf)
{
	struct rep_record *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
	const struct city_host *h = &c->host[leaf];
	struct tr_rec_id id = {{0}}, last;
	bool started = false;
	uint64_t n = 0;

	if (a == NULL || b == NULL)
		city_fail(c, "no memory");
	while (rep_next_record(&h->view, TR_KIND_CASE, started ? &last : NULL, &id) == 0) {
		struct tr_hash hash[2];
		int rc = rep_record_load(a, &h->view, TR_KIND_CASE, &id);

		if (rc == 0)
			rc = rep_record_load(b, &c->host[0].view, TR_KIND_CASE, &id);
		if (rc == 0)
			rc = rep_record_state_hash(a, &h->view, &hash[0]);
		if (rc == 0)
			rc = rep_record_state_hash(b, &c->host[0].view, &hash[1]);
		n += rc != 0 || memcmp(hash[0].b, hash[1].b, sizeof(hash[0].b)) != 0;
		last = id;
		started = true;
	}
	free(a);
	free(b);
	return n;
}

static void carry_sticks(struct city *c)
{
	for (uint32_t i = 1; i < c->host_count; i++)
		if (c->host[i].profile == CITY_STICK)
			city_stick_round(c, i);
}

bool city_rest(struct city *c)
{
	int64_t from = c->now_ms;
	const char *why = "";
	uint32_t who = 0, n;
	uint64_t differ = 0;

	c->is_resting = true;
	city_net_heal_all(c);
	do {
		city_run(c, c->now_ms + STEP_MS);
		carry_sticks(c);
		city_run(c, c->now_ms + CITY_MINUTE);
		carry_sticks(c);
		n = restless(c, &who, &why);
	} while (n != 0 && c->now_ms - from < PATIENCE_MS);
	for (uint32_t i = 0; i < c->host_count; i++)
		if (c->host[i].level == CITY_LEAF && i % RECORDS_EVERY == 0 && c->host[i].node != NULL)
			differ += differing_records(c, i);
	c->rest_ms = c->now_ms - from;
	if (n == 0 && lost(c) == 0 && differ == 0 && c->counts.forged == 0 && c->counts.violations == 0 &&
	    c->counts.late == 0)
		return true;
	fprintf(stderr, "city: %u units are not at rest (%s %s), %llu ops lost, %llu records differ, "
	    "%llu violations, %llu refused as forged, %llu false alarms\n", n, c->host[who].code, why, (unsigned long long)lost(c),
	    (unsigned long long)differ, (unsigned long long)c->counts.violations, (unsigned long long)c->counts.forged,
	    (unsigned long long)c->counts.late);
	return false;
}
