/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/value.h"

#include "admin/mem.h"
#include "admin/text.h"

#include <stdlib.h>
#include <string.h>

static const char *const integers[] = {"code_version", "satisfaction",
    "limit_value", "visits", "percent", "if_version", "report_every_s"};
static const char *const reals[] = {"lat", "lon"};
static const char *const marks[] = {"bulk", "imported"};
static const char *const lists[] = {
    "campaign", "tags", "grids", "skills", "support_units"};

static bool is_one_of(
    const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

#define ONE_OF(name, names)                                                    \
	is_one_of(name, names, sizeof(names) / sizeof((names)[0]))

static json_t *list_of(const char *text)
{
	json_t *list = tc_mem_json(json_array());

	while (*text != '\0') {
		size_t size = strcspn(text, ";");

		if (size > 0)
			json_array_append_new(
			    list, tc_mem_json(json_stringn(text, size)));
		text += size + (text[size] == ';');
	}
	return list;
}

json_t *tc_value_typed(const char *name, const char *text)
{
	char *end;

	if (text[0] == '\0')
		return json_null();
	if (ONE_OF(name, integers)) {
		long long n = strtoll(text, &end, 10);

		if (*end == '\0')
			return tc_mem_json(json_integer(n));
	} else if (ONE_OF(name, reals)) {
		double d = strtod(text, &end);

		/* strtod also takes "nan", which JSON has not. */
		if (*end == '\0' && d >= -1e9 && d <= 1e9)
			return tc_mem_json(json_real(d));
	} else if (ONE_OF(name, marks)) {
		if (strcmp(text, "true") == 0 || strcmp(text, "1") == 0)
			return json_true();
		if (strcmp(text, "false") == 0 || strcmp(text, "0") == 0)
			return json_false();
	} else if (ONE_OF(name, lists)) {
		return list_of(text);
	}
	/* What does not fit goes on as text: the daemon names the field. */
	return json_string(text);
}

bool tc_value_assign(json_t *object, const char *assignment)
{
	const char *equal = strchr(assignment, '=');
	bool is_json;
	json_t *value;
	char *name;

	if (equal == NULL || equal == assignment)
		return false;
	is_json = equal[-1] == ':';
	name = tc_mem_slice(
	    assignment, (size_t)(equal - assignment) - (is_json ? 1 : 0));
	value = is_json ? json_loads(equal + 1, JSON_DECODE_ANY, NULL)
			: tc_value_typed(name, equal + 1);
	if (value != NULL && name[0] != '\0')
		tc_mem_set(object, name, value);
	else
		json_decref(value);
	value = name[0] != '\0' ? value : NULL;
	free(name);
	return value != NULL;
}

char *tc_value_show(const json_t *value)
{
	char *text, *clean;

	if (value == NULL || json_is_null(value))
		return tc_mem_text("-");
	if (json_is_string(value))
		return tc_text_clean(json_string_value(value));
	text = json_dumps(
	    value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
	clean = tc_text_clean(text != NULL ? text : "?");
	free(text);
	return clean;
}

char *tc_value_changes(const json_t *changes)
{
	json_t *object = (json_t *)(uintptr_t)changes;
	char *text = tc_mem_text("");

	for (void *at = json_object_iter(object); at != NULL;
	     at = json_object_iter_next(object, at)) {
		char *value = tc_value_show(json_object_iter_value(at));
		char *more = tc_mem_format("%s%s%s=%s", text,
		    text[0] != '\0' ? " " : "", json_object_iter_key(at),
		    value);

		free(value);
		free(text);
		text = more;
	}
	return text;
}
