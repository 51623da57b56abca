/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUT_FROM 880 /* Boston rows that are written while the links are cut */
#define CUT_ROWS 60

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

/* Both ends of a link: the processes go on, only the link stops. */
static bool link_set(struct tc_demo *demo, struct tc_demo_node *node, bool cut)
{
	const char *verb = cut ? "pause" : "resume";

	return tc_demo_show(demo, 0, node->parent, "peer", verb, node->unit, NULL) &&
	    tc_demo_show(demo, 0, node, "peer", verb, node->parent->unit, NULL);
}

/* ----------------------------------------------------------------- cut */

/* Ids of the first records of a unit, for the edits below. */
static bool pick_cases(struct tc_demo *demo, struct tc_demo_node *a,
    struct tc_demo_node *b, char *spare[static 2])
{
	json_t *at_a = tc_demo_ask(demo, a, "record", "list", "--limit", "4", NULL);
	json_t *at_b = tc_demo_ask(demo, b, "record", "list", "--limit", "1", NULL);
	const json_t *list_a = json_object_get(at_a, "records");
	const json_t *list_b = json_object_get(at_b, "records");
	bool ok = json_array_size(list_a) == 4 && json_array_size(list_b) == 1;

	if (ok) {
		demo->cases[0] = tc_mem_text(text_of(json_array_get(list_a, 0), "id"));
		demo->cases[1] = tc_mem_text(text_of(json_array_get(list_b, 0), "id"));
		demo->cases[2] = tc_mem_text(text_of(json_array_get(list_a, 1), "id"));
		spare[0] = tc_mem_text(text_of(json_array_get(list_a, 2), "id"));
		spare[1] = tc_mem_text(text_of(json_array_get(list_a, 3), "id"));
	}
	json_decref(at_a);
	json_decref(at_b);
	return ok || tc_demo_fail(_("no cases to edit at %s and %s"), a->name, b->name);
}

static bool edit(struct tc_demo *demo, struct tc_demo_node *node,
    const char *id, const char *field, const char *value, const char *actor)
{
	char *line = tc_mem_format(
	    "{\"id\":\"%s\",\"%s\":\"%s\",\"by\":\"%s\"}", id, field, value, actor);
	bool ok = tc_demo_show(demo, 0, node, "record", "put", line, NULL);

	free(line);
	return ok;
}

static bool edit_apart(struct tc_demo *demo, struct tc_demo_node *a,
    struct tc_demo_node *b, char *spare[static 2])
{
	struct tc_demo_node *hub = tc_demo_hub(demo);

	return edit(demo, a->parent, demo->cases[0], "priority", "urgent", "chen.y") &&
	    edit(demo, hub, demo->cases[0], "priority", "low", "zhao.m") &&
	    edit(demo, b, demo->cases[1], "grid", "G-07", "wang.l") &&
	    edit(demo, b->parent, demo->cases[1], "grid", "G-12", "liu.q") &&
	    edit(demo, a->parent, demo->cases[2], "duplicate_of", spare[0], "chen.y") &&
	    edit(demo, hub, demo->cases[2], "duplicate_of", spare[1], "zhao.m");
}

static json_int_t waiting_up(struct tc_demo *demo, struct tc_demo_node *node)
{
	json_t *status = tc_demo_ask(demo, node, "status", NULL);
	json_int_t waiting = json_integer_value(json_object_get(
	    json_object_get(status, "upstream"), "waiting_records"));

	json_decref(status);
	return waiting;
}

struct waits {
	struct tc_demo_node *node;
	json_int_t least;
};

static bool waits_enough(struct tc_demo *demo, void *arg)
{
	struct waits *waits = arg;

	return waiting_up(demo, waits->node) >= waits->least;
}

static bool check_waiting(
    struct tc_demo *demo, struct tc_demo_node *node, json_int_t least)
{
	struct waits waits = { node, least };

	if (!tc_demo_until(demo, 30, waits_enough, &waits))
		return tc_demo_fail(_("%s: fewer than %lld records wait for its parent"),
		    node->name, (long long)least);
	tc_demo_say(_("%s: %lld records wait for %s; nothing is lost, nothing stops"),
	    node->name, (long long)waiting_up(demo, node), node->parent->name);
	return true;
}

bool tc_demo_story_cut(struct tc_demo *demo)
{
	struct tc_demo_node *a = tc_demo_community(demo, 0, 0);
	struct tc_demo_node *b = tc_demo_community(demo, 1, 0);
	char *spare[2] = { NULL, NULL };
	bool ok;

	ok = pick_cases(demo, a, b, spare) && link_set(demo, a->parent, true) &&
	    link_set(demo, b, true);
	if (ok)
		tc_demo_say(_("both sides go on writing: %d new cases below %s, %d at %s"),
		    CUT_ROWS, a->parent->name, CUT_ROWS, b->name);
	ok = ok && tc_demo_feed_door(demo, a, CUT_FROM, CUT_ROWS) &&
	    tc_demo_feed_door(demo, b, CUT_FROM + CUT_ROWS, CUT_ROWS);
	if (ok)
		tc_demo_say(_("and both sides edit the same three cases:"));
	ok = ok && edit_apart(demo, a, b, spare) &&
	    check_waiting(demo, a->parent, 2 * CUT_ROWS) &&
	    check_waiting(demo, b, 2 * CUT_ROWS) &&
	    tc_demo_show(demo, 12, a->parent, "queue", NULL) &&
	    tc_demo_show(demo, 20, tc_demo_hub(demo), "tree", NULL);
	free(spare[0]);
	free(spare[1]);
	return ok;
}

/* ------------------------------------------------------- back, conflict */

/* The conflict of a record's group with both values and both writers. */
static bool check_conflict(struct tc_demo *demo, const char *record,
    const char *group, const char *writer_a, const char *writer_b, char **id)
{
	json_t *answer = tc_demo_ask(demo, tc_demo_hub(demo), "conflicts", record, NULL);
	json_t *conflict, *candidate;
	size_t i, k, a = 0, b = 0;

	*id = NULL;
	json_array_foreach(json_object_get(answer, "conflicts"), i, conflict) {
		if (strcmp(text_of(conflict, "group"), group) != 0)
			continue;
		*id = tc_mem_text(text_of(conflict, "id"));
		json_array_foreach(json_object_get(conflict, "candidates"), k, candidate) {
			bool has_value = json_object_size(
			    json_object_get(candidate, "values")) > 0;

			a += has_value && strcmp(text_of(candidate, "unit"), writer_a) == 0;
			b += has_value && strcmp(text_of(candidate, "unit"), writer_b) == 0;
		}
	}
	json_decref(answer);
	if (a != 1 || b != 1)
		return tc_demo_fail(_("conflict on %s of %s: not both values with their writers"),
		    group, record);
	return true;
}

static bool settle(struct tc_demo *demo, const char *id)
{
	struct tc_demo_node *hub = tc_demo_hub(demo);
	json_t *left;
	size_t count;

	if (!tc_demo_show(demo, 2, hub, "conflict", "resolve", id, "--keep", "A",
		"--by", "zhao.m", NULL) ||
	    !tc_demo_wait_synced(demo))
		return false;
	left = tc_demo_ask(demo, hub, "conflicts", id, NULL);
	count = json_array_size(json_object_get(left, "conflicts"));
	json_decref(left);
	return count == 0 || tc_demo_fail(_("%s is still open"), id);
}

bool tc_demo_story_back(struct tc_demo *demo)
{
	struct tc_demo_node *hub = tc_demo_hub(demo);
	struct tc_demo_node *a = tc_demo_street(demo, 0);
	struct tc_demo_node *b = tc_demo_community(demo, 1, 0);
	int64_t began;
	char *ids[3] = { NULL, NULL, NULL };
	bool ok = link_set(demo, a, false) && link_set(demo, b, false);

	began = tc_demo_now_ms();
	ok = ok && tc_demo_wait_synced(demo);
	if (ok)
		tc_demo_say(_("caught up %.1f s after the links came back"),
		    (double)(tc_demo_now_ms() - began) / 1000.0);
	ok = ok &&
	    check_conflict(demo, demo->cases[0], "priority", a->unit, hub->unit, &ids[0]) &&
	    check_conflict(demo, demo->cases[1], "grid", b->unit, b->parent->unit, &ids[1]) &&
	    check_conflict(demo, demo->cases[2], "duplicate_of", a->unit, hub->unit, &ids[2]) &&
	    tc_demo_show(demo, 12, hub, "conflicts", NULL) &&
	    tc_demo_show(demo, 16, hub, "conflicts", ids[2], NULL);
	if (ok)
		tc_demo_say(_("two were settled by rule, both values are kept; a person decides the third:"));
	ok = ok && settle(demo, ids[2]) && tc_demo_check_equal(demo);
	for (int i = 0; i < 3; i++)
		free(ids[i]);
	return ok;
}

/* ------------------------------------------------------------- directive */

struct rung {
	const char *id;     /* directive */
	const char *name;   /* delivered, or a rung of the ladder */
	size_t least;       /* targets that stand there or higher */
	size_t targets, have;
};

/* Where a rung stands on the ladder; 0 = none. */
static int height(const char *rung)
{
	static const char *const ladder[] = { "issued", "acknowledged", "accepted",
		"done", "confirmed" };

	for (int i = 0; i < (int)(sizeof(ladder) / sizeof(ladder[0])); i++)
		if (strcmp(ladder[i], rung) == 0)
			return i + 1;
	return 0;
}

static bool rung_reached(struct tc_demo *demo, void *arg)
{
	struct rung *rung = arg;
	json_t *status = tc_demo_ask(
	    demo, tc_demo_hub(demo), "directive", "status", rung->id, NULL);
	json_t *target;
	size_t i;

	rung->have = 0;
	rung->targets = json_array_size(json_object_get(status, "targets"));
	json_array_foreach(json_object_get(status, "targets"), i, target) {
		if (strcmp(rung->name, "delivered") == 0)
			rung->have += json_is_string(json_object_get(target, "delivered"));
		else
			rung->have += height(text_of(target, "rung")) >= height(rung->name);
	}
	json_decref(status);
	return rung->have >= rung->least;
}

static bool wait_rung(
    struct tc_demo *demo, const char *id, const char *name, size_t least)
{
	struct rung rung = { .id = id, .name = name, .least = least };

	if (!tc_demo_until(demo, 60, rung_reached, &rung))
		return tc_demo_fail(_("directive: %zu of %zu targets are %s, not %zu"),
		    rung.have, rung.targets, name, least);
	tc_demo_say(_("at the hub: %zu of %zu %s"), rung.have, rung.targets, name);
	return true;
}

/* A directive is there once the target itself lists it. */
struct arrival {
	struct tc_demo_node *node;
	const char *id;
};

static bool has_arrived(struct tc_demo *demo, void *arg)
{
	struct arrival *arrival = arg;
	json_t *list = tc_demo_ask(demo, arrival->node, "directive", "list", NULL);
	json_t *row;
	size_t i;
	bool found = false;

	json_array_foreach(json_object_get(list, "directives"), i, row)
		found = found || strcmp(text_of(row, "id"), arrival->id) == 0;
	json_decref(list);
	return found;
}

/* One rung after the other; aloud: each is awaited at the hub. */
static bool answer(
    struct tc_demo *demo, struct tc_demo_node *node, const char *id, bool aloud)
{
	static const char *const rungs[][4] = {
		{ "ack", "--note", "read", "acknowledged" },
		{ "start", "--note", "two people on it", "accepted" },
		{ "progress", "--percent", "50", NULL },
		{ "done", "--note", "all doors checked", "done" },
	};
	struct arrival arrival = { node, id };
	bool ok = tc_demo_until(demo, 30, has_arrived, &arrival) ||
	    tc_demo_fail(_("the directive is not at %s"), node->name);

	for (size_t i = 0; ok && i < sizeof(rungs) / sizeof(rungs[0]); i++) {
		const char *const *rung = rungs[i];

		if (aloud)
			ok = tc_demo_show(demo, 0, node, "directive", rung[0], id,
				 rung[1], rung[2], "--by", "wang.l", NULL) &&
			    (rung[3] == NULL || wait_rung(demo, id, rung[3], 1));
		else
			ok = tc_demo_do(demo, node, "directive", rung[0], id,
			    rung[1], rung[2], "--by", "wang.l", NULL);
	}
	return ok;
}

static char *send_directive(struct tc_demo *demo, const char *to)
{
	const char *const words[] = { "directive", "send", "--title",
		"台风应急值守", "--body", "今晚六点前检查地下车库和低洼处。", "--to", to,
		"--due", "24h", "--priority", "urgent", "--by", "zhao.m", NULL };
	json_t *sent;
	char *id;

	tc_demo_print(tc_demo_hub(demo), words);
	sent = tc_demo_ask(demo, tc_demo_hub(demo), words[0], words[1], words[2],
	    words[3], words[4], words[5], words[6], words[7], words[8], words[9],
	    words[10], words[11], words[12], words[13], NULL);
	id = sent != NULL ? tc_mem_text(text_of(sent, "id")) : NULL;
	if (sent != NULL)
		tc_demo_say(_("%s, %lld targets"), id,
		    (long long)json_integer_value(json_object_get(sent, "targets")));
	json_decref(sent);
	return id;
}

/* All units of the street's subtree that answer now: everybody but the one offline. */
static bool answer_rest(
    struct tc_demo *demo, const char *id, const struct tc_demo_node *offline)
{
	struct rung rung = { .id = id, .name = "issued" };
	bool ok = true;

	rung_reached(demo, &rung);
	if (rung.targets > TC_DEMO_PER_STREET) /* the street itself is a target, too */
		ok = answer(demo, tc_demo_street(demo, 1), id, false);
	for (int i = 1; ok && i < TC_DEMO_PER_STREET; i++)
		if (tc_demo_community(demo, 1, i) != offline)
			ok = answer(demo, tc_demo_community(demo, 1, i), id, false);
	return ok && wait_rung(demo, id, "done", rung.targets - 1);
}

bool tc_demo_story_directive(struct tc_demo *demo)
{
	struct tc_demo_node *hub = tc_demo_hub(demo);
	struct tc_demo_node *late = tc_demo_community(demo, 1, 2);
	char *to = tc_mem_format("%s/*", late->parent->unit), *id = NULL;
	struct rung all = { .name = "issued" };
	bool ok = link_set(demo, late, true);

	if (ok)
		id = send_directive(demo, to);
	free(to);
	all.id = id;
	ok = id != NULL && rung_reached(demo, &all) && all.targets >= TC_DEMO_PER_STREET &&
	    wait_rung(demo, id, "delivered", all.targets - 1) &&
	    answer(demo, tc_demo_community(demo, 1, 0), id, true) &&
	    answer_rest(demo, id, late) &&
	    tc_demo_show(demo, 12, hub, "directive", "status", id, "--all", NULL);
	if (ok)
		tc_demo_say(_("the late one comes back:"));
	ok = ok && link_set(demo, late, false) &&
	    wait_rung(demo, id, "delivered", all.targets) &&
	    answer(demo, late, id, false) &&
	    wait_rung(demo, id, "done", all.targets) &&
	    tc_demo_show(demo, 0, hub, "directive", "confirm", id, "--by", "zhao.m", NULL) &&
	    wait_rung(demo, id, "confirmed", all.targets) &&
	    tc_demo_show(demo, 12, hub, "directive", "status", id, "--all", NULL);
	free(id);
	return ok;
}
