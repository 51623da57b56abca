/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/map.h"

#include "admin/fault.h"
#include "admin/file.h"
#include "admin/map_events.h"
#include "admin/map_line.h"
#include "admin/mem.h"
#include "admin/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAP_FILE_MAX (256 * 1024)

enum map_kind { MAP_NONE, MAP_311, MAP_311_EVENTS, MAP_FILE };

struct tc_map {
	enum map_kind kind;
	struct tc_map_defaults defaults;
	struct tc_map_events *events;
	json_t *rename, *set, *drop; /* of a file; borrowed from `file` */
	json_t *file;
};

/* --- a map from a file --- */

static int load_file(struct tc_map *map, const char *path)
{
	json_error_t error;
	char *text;
	size_t size;
	int rc = tc_file_read(path, MAP_FILE_MAX, &text, &size);

	if (rc != 0)
		return rc;
	map->file = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
	free(text);
	if (map->file == NULL)
		return tc_fault_say(TR_E_INPUT, _("%s: not JSON, line %d: %s"),
		    path, error.line, error.text);
	map->rename = json_object_get(map->file, "rename");
	map->set = json_object_get(map->file, "set");
	map->drop = json_object_get(map->file, "drop");
	if (json_is_object(map->file) &&
	    (map->rename == NULL || json_is_object(map->rename)) &&
	    (map->set == NULL || json_is_object(map->set)) &&
	    (map->drop == NULL || json_is_array(map->drop)))
		return 0;
	return tc_fault_advise(TR_E_INPUT,
	    _("It is: {\"rename\": {theirs: ours}, \"set\": {ours: value}, \"drop\": [theirs]}"),
	    _("%s: not a map"), path);
}

static bool is_dropped(const struct tc_map *map, const char *name)
{
	for (size_t i = 0; i < json_array_size(map->drop); i++) {
		const char *drop =
		    json_string_value(json_array_get(map->drop, i));

		if (drop != NULL && strcmp(drop, name) == 0)
			return true;
	}
	return false;
}

static json_t *map_by_file(const struct tc_map *map, const json_t *row)
{
	json_t *object = (json_t *)(uintptr_t)row;
	json_t *line = tc_mem_json(
	    map->set != NULL ? json_deep_copy(map->set) : json_object());

	for (void *at = json_object_iter(object); at != NULL;
	     at = json_object_iter_next(object, at)) {
		const char *name = json_object_iter_key(at);
		const char *ours =
		    json_string_value(json_object_get(map->rename, name));

		if (!is_dropped(map, name))
			tc_mem_set(line, ours != NULL ? ours : name,
			    json_incref(json_object_iter_value(at)));
	}
	return line;
}

/* --- "311": a row is a case as it stands --- */

static const char *const case_fields[] = {
    "category", "subcategory", "agency", "area", "lat", "lon", "channel"};

static const char *text_of(const json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key));
}

static int map_311(const json_t *row, json_t **out, struct tc_map_reject *reject)
{
	const char *source = text_of(row, "source"), *id = text_of(row, "id");
	const char *opened = text_of(row, "opened");
	const char *closed = text_of(row, "closed");
	const char *status = text_of(row, "status");
	bool is_closed = status != NULL ? strcasecmp(status, "closed") == 0
					: closed != NULL;
	json_t *line;

	if (source == NULL || id == NULL || opened == NULL)
		return tc_map_line_reject(reject, "TR-E-INPUT",
		    source == NULL ? "source"
		    : id == NULL   ? "id"
				   : "opened",
		    _("the map needs this field"));
	line = tc_map_line_begin(source, id, 0, "311");
	tc_mem_set_text(line, "reported_at", opened);
	for (size_t i = 0; i < sizeof(case_fields) / sizeof(case_fields[0]);
	     i++) {
		json_t *value = json_object_get(row, case_fields[i]);

		if (value != NULL && !json_is_null(value))
			tc_mem_set(line, case_fields[i], json_incref(value));
	}
	tc_mem_set_text(line, "status", is_closed ? "closed" : "reported");
	tc_mem_set_text(line, "at",
	    is_closed && closed != NULL ? closed : opened);
	*out = line;
	return 0;
}

/* --- all of them --- */

int tc_map_open(struct tc_map **out, const char *name,
    const struct tc_map_defaults *defaults)
{
	struct tc_map *map = tc_mem_alloc(1, sizeof(*map));
	int rc = 0;

	map->defaults = *defaults;
	if (name == NULL) {
		map->kind = MAP_NONE;
	} else if (strcmp(name, "311") == 0) {
		map->kind = MAP_311;
	} else if (strcmp(name, "311-events") == 0) {
		map->kind = MAP_311_EVENTS;
		map->events = tc_map_events_open();
	} else {
		map->kind = MAP_FILE;
		rc = load_file(map, name);
	}
	if (rc != 0) {
		tc_map_close(map);
		return rc;
	}
	*out = map;
	return 0;
}

void tc_map_close(struct tc_map *map)
{
	if (map == NULL)
		return;
	tc_map_events_close(map->events);
	json_decref(map->file);
	free(map);
}

/* Adds the defaults on the way out. */
struct pass {
	const struct tc_map *map;
	tc_map_line_fn *on_line;
	void *arg;
};

static int pass_line(void *arg, json_t *take_line, uint64_t row)
{
	struct pass *pass = arg;
	const struct tc_map_defaults *defaults = &pass->map->defaults;

	if (defaults->kind != NULL && !json_object_get(take_line, "kind"))
		tc_mem_set_text(take_line, "kind", defaults->kind);
	/* Steps of an imported history do not make the record. */
	if (defaults->home != NULL && !json_object_get(take_line, "home") &&
	    (pass->map->kind != MAP_311_EVENTS ||
		json_object_get(take_line, "reported_at") != NULL))
		tc_mem_set_text(take_line, "home", defaults->home);
	if (defaults->is_bulk)
		tc_mem_set(take_line, "bulk", json_true());
	return pass->on_line(pass->arg, take_line, row);
}

int tc_map_row(struct tc_map *map, const json_t *row, uint64_t number,
    tc_map_line_fn *on_line, void *arg, struct tc_map_reject *reject)
{
	struct pass pass = {map, on_line, arg};
	json_t *line = NULL;
	int rc;

	if (!json_is_object(row))
		return tc_map_line_reject(
		    reject, "TR-E-INPUT", "", _("not a JSON object"));
	switch (map->kind) {
	case MAP_NONE:
		line = tc_mem_json(json_copy((json_t *)(uintptr_t)row));
		break;
	case MAP_FILE: line = map_by_file(map, row); break;
	case MAP_311:
		rc = map_311(row, &line, reject);
		if (rc != 0)
			return rc;
		break;
	case MAP_311_EVENTS:
		return tc_map_events_row(
		    map->events, row, number, pass_line, &pass, reject);
	}
	return pass_line(&pass, line, number);
}

int tc_map_end(struct tc_map *map, tc_map_line_fn *on_line,
    tc_map_reject_fn *on_reject, void *arg)
{
	struct pass pass = {map, on_line, arg};

	if (map->kind != MAP_311_EVENTS)
		return 0;
	return tc_map_events_end(map->events, pass_line, &pass, on_reject, arg);
}

uint64_t tc_map_ignored(const struct tc_map *map)
{
	return map->events != NULL ? tc_map_events_ignored(map->events) : 0;
}
