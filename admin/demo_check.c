/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/demo.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYNC_SECONDS "120"
#define DEGREE 1e-7 /* what a place is rounded to */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

/* Canonical export of a unit and what is below it; NULL = everything held. */
static bool export_from(struct tc_demo *demo, const struct tc_demo_node *node,
    const char *owner, char **out, size_t *size)
{
	const char *words[] = { "export", "--kind", "case", owner ? "--owner" : NULL,
		owner, NULL };

	return tc_demo_run(demo, node, out, size, 0, words) == 0;
}

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

bool tc_demo_wait_synced(struct tc_demo *demo)
{
	for (size_t i = 0; i < demo->node_count; i++) {
		const struct tc_demo_node *node = &demo->nodes[i];

		/* Without a link a node cannot know; the stick will tell it. */
		if (!node->is_dark && !tc_demo_do(demo, node, "wait", "synced",
		    "-t", SYNC_SECONDS, NULL))
			return tc_demo_fail(_("%s is not synced"), node->name);
	}
	return true;
}

/* ---------------------------------------------- written against the hub */

static bool same_value(const json_t *want, const json_t *got)
{
	if (json_is_number(want) && json_is_number(got))
		return fabs(json_number_value(want) - json_number_value(got)) < DEGREE;
	return json_equal(want, got);
}

static bool same_case(const char *key, json_t *entry, const json_t *record)
{
	json_t *fields = json_object_get(entry, "fields"), *want;
	const char *name, *status = text_of(entry, "status");

	if (strcmp(text_of(entry, "home"), text_of(record, "home")) != 0)
		return tc_demo_fail(_("%s: home is %s, written at %s"), key,
		    text_of(record, "home"), text_of(entry, "home"));
	if (status[0] != '\0' && strcmp(status, text_of(record, "status")) != 0)
		return tc_demo_fail(_("%s: status is %s, written was %s"), key,
		    text_of(record, "status"), status);
	json_object_foreach(fields, name, want)
		if (!same_value(want, json_object_get(record, name)))
			return tc_demo_fail(_("%s: %s differs from what was written"), key, name);
	return true;
}

bool tc_demo_check_written(struct tc_demo *demo)
{
	json_t *seen = tc_mem_json(json_object());
	char *text, *rest, *line;
	size_t size, fields = 0;
	bool ok = export_from(demo, tc_demo_hub(demo), NULL, &text, &size);

	rest = text;
	while (ok && (line = strsep(&rest, "\n")) != NULL) {
		json_t *record = json_loads(line, 0, NULL), *entry;
		char *key;

		if (record == NULL)
			continue;
		key = tc_mem_format("%s %s", text_of(record, "source"),
		    text_of(record, "source_id"));
		entry = json_object_get(demo->written, key);
		if (entry != NULL && json_object_get(seen, key) != NULL) {
			ok = tc_demo_fail(_("%s is there twice"), key);
		} else if (entry != NULL) {
			tc_mem_set(seen, key, json_true());
			ok = same_case(key, entry, record);
			fields += json_object_size(json_object_get(entry, "fields"));
		}
		free(key);
		json_decref(record);
	}
	free(text);
	size = json_object_size(seen);
	json_decref(seen);
	if (ok && size != json_object_size(demo->written))
		ok = tc_demo_fail(_("%zu of %zu written cases are at the hub"), size,
		    json_object_size(demo->written));
	if (ok)
		tc_demo_say(_("%zu of %zu cases written are at the hub; %zu fields equal to what was written, no case twice"),
		    size, json_object_size(demo->written), fields);
	return ok;
}

/* -------------------------------------------------- node against node */

bool tc_demo_check_equal(struct tc_demo *demo)
{
	size_t communities = 0, records = 0, total = 0;

	for (size_t i = 0; i < demo->node_count; i++) {
		struct tc_demo_node *node = &demo->nodes[i], *above;
		char *own;
		size_t own_size;
		bool ok = true;

		if (node->level < 2)
			continue;
		ok = export_from(demo, node, node->unit, &own, &own_size);
		for (above = node->parent; ok && above != NULL; above = above->parent) {
			char *other;
			size_t other_size;

			ok = export_from(demo, above, node->unit, &other, &other_size);
			if (ok && (own_size != other_size ||
				      memcmp(own, other, own_size) != 0))
				ok = tc_demo_fail(_("%s and %s print different bytes for %s"),
				    node->name, above->name, node->unit);
			free(other);
		}
		communities++;
		records += count_lines(own);
		total += own_size;
		free(own);
		if (!ok)
			return false;
	}
	tc_demo_say(_("canonical export of %zu communities: community, street and hub print the same bytes (%zu cases, %zu bytes)"),
	    communities, records, total);
	return true;
}

bool tc_demo_check_has(struct tc_demo *demo, struct tc_demo_node *node,
    const char *source, const json_t *ids)
{
	json_t *held = tc_mem_json(json_object()), *id;
	char *text, *rest, *line;
	size_t i, missing = 0;
	bool ok = export_from(demo, node, node->unit, &text, NULL);

	rest = text;
	while (ok && (line = strsep(&rest, "\n")) != NULL) {
		json_t *record = json_loads(line, 0, NULL);

		if (record != NULL && strcmp(text_of(record, "source"), source) == 0)
			tc_mem_set(held, text_of(record, "source_id"), json_true());
		json_decref(record);
	}
	json_array_foreach(ids, i, id)
		missing += json_object_get(held, json_string_value(id)) == NULL;
	free(text);
	json_decref(held);
	if (!ok)
		return false;
	if (missing > 0)
		return tc_demo_fail(_("%zu of %zu acknowledged cases are missing at %s"),
		    missing, json_array_size(ids), node->name);
	tc_demo_say(_("all %zu acknowledged cases are in the restarted store"),
	    json_array_size(ids));
	return true;
}

/* ----------------------------------------------------- verify, digests */

static bool verify_node(struct tc_demo *demo, struct tc_demo_node *node,
    json_int_t *segments, json_int_t *values)
{
	json_t *answer = tc_demo_ask(demo, node, "verify", NULL);
	const json_t *rows = json_object_get(answer, "values");
	bool ok = answer != NULL &&
	    json_array_size(json_object_get(answer, "bad")) == 0 &&
	    json_integer_value(json_object_get(rows, "bad")) == 0;

	*segments += json_integer_value(json_object_get(answer, "segments"));
	*values += json_integer_value(json_object_get(rows, "rows"));
	json_decref(answer);
	return ok || tc_demo_fail(_("%s does not verify"), node->name);
}

bool tc_demo_check_stores(struct tc_demo *demo)
{
	json_int_t segments = 0, values = 0;
	size_t pairs = 0;

	for (size_t i = 0; i < demo->node_count; i++) {
		struct tc_demo_node *node = &demo->nodes[i];
		char *socket_path;
		bool ok;

		if (!verify_node(demo, node, &segments, &values))
			return false;
		if (node->parent == NULL)
			continue;
		socket_path = tc_mem_format("%s/run/control.sock", node->parent->name);
		ok = pairs == 0
		    ? tc_demo_show(demo, 8, node, "verify", "--against-socket", socket_path, NULL)
		    : tc_demo_do(demo, node, "verify", "--against-socket", socket_path, NULL);
		free(socket_path);
		if (!ok)
			return tc_demo_fail(_("%s and %s differ"), node->name, node->parent->name);
		pairs++;
	}
	tc_demo_say(_("%lld signatures and chain links, %lld stored values checked: 0 bad; %zu neighbours compared: 0 differ"),
	    (long long)segments, (long long)values, pairs);
	return true;
}
