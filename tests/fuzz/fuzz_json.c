/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the reader of the hot door and jansson agree on every line: what is
 * taken, and every value in it.  They differ only where it is said so: ours
 * has a bound of depth, leaves twins to its caller and numbers as written.
 */
// needs: daemon/json_read.o
// length: 2048
#include <math.h>

#include <jansson.h>
#include <unistr.h>

#include "daemon/json_read.h"
#include "tests/fuzz/fuzz_in.h"

static unsigned depth_of(const json_t *value)
{
	unsigned deepest = 0;
	const char *key;
	size_t i;
	json_t *inner;

	json_array_foreach(value, i, inner)
		deepest = depth_of(inner) > deepest ? depth_of(inner) : deepest;
	json_object_foreach((json_t *)(uintptr_t)value, key, inner)
		deepest = depth_of(inner) > deepest ? depth_of(inner) : deepest;
	return json_is_object(value) || json_is_array(value) ? deepest + 1 : 0;
}

static bool same_container(struct td_json *json, const json_t *theirs, bool is_object);

static void same_number(const struct td_json_value *ours, const json_t *theirs)
{
	char *text = fuzz_text(ours->text);

	if (ours->type == TD_JSON_INT) {
		TR_ASSERT(json_is_integer(theirs));
		TR_ASSERT(strtoll(text, NULL, 10) == json_integer_value(theirs));
	} else {
		TR_ASSERT(json_is_real(theirs));
		TR_ASSERT(strtod(text, NULL) == json_real_value(theirs));
	}
	free(text);
}

static void same_value(const struct td_json_value *ours, const json_t *theirs)
{
	struct td_json inner;

	switch (ours->type) {
	case TD_JSON_NULL: TR_ASSERT(json_is_null(theirs)); break;
	case TD_JSON_TRUE: TR_ASSERT(json_is_true(theirs)); break;
	case TD_JSON_FALSE: TR_ASSERT(json_is_false(theirs)); break;
	case TD_JSON_INT:
	case TD_JSON_REAL: same_number(ours, theirs); break;
	case TD_JSON_TEXT:
		TR_ASSERT(json_is_string(theirs));
		TR_ASSERT(json_string_length(theirs) == ours->text.size);
		TR_ASSERT(memcmp(json_string_value(theirs), ours->text.data, ours->text.size) == 0);
		break;
	case TD_JSON_ARRAY:
	case TD_JSON_OBJECT:
		TR_ASSERT(ours->type == TD_JSON_ARRAY ? json_is_array(theirs) : json_is_object(theirs));
		td_json_enter(&inner, ours);
		/* Checked as a whole before: entering it cannot fail. */
		TR_ASSERT(same_container(&inner, theirs, ours->type == TD_JSON_OBJECT));
		break;
	}
}

/* Reads all members; with `theirs`, each must be there and equal.  False if
 * our reader refuses. */
static bool same_container(struct td_json *json, const json_t *theirs, bool is_object)
{
	struct td_json_value value;
	struct tr_bytes key;
	size_t count = 0;
	int more;

	while ((more = td_json_next(json, is_object ? &key : NULL, &value)) > 0) {
		if (theirs != NULL && is_object) {
			char *name = fuzz_text(key);

			same_value(&value, json_object_get(theirs, name));
			free(name);
		} else if (theirs != NULL) {
			same_value(&value, json_array_get(theirs, count));
		}
		count++;
	}
	if (more == 0 && theirs != NULL)
		TR_ASSERT(count == (is_object ? json_object_size(theirs) : json_array_size(theirs)));
	return more == 0;
}

static bool ours_takes(struct tr_bytes in)
{
	uint8_t *line = fuzz_copy(in);
	struct td_json json;
	bool taken;

	td_json_open(&json, line, in.size);
	taken = same_container(&json, NULL, true);
	TR_ASSERT(taken || (json.problem != NULL && td_json_place(&json) <= in.size));
	free(line);
	return taken;
}

static void compare(struct tr_bytes in, const json_t *theirs)
{
	uint8_t *line = fuzz_copy(in);
	struct td_json json;

	td_json_open(&json, line, in.size);
	TR_ASSERT(same_container(&json, theirs, true));
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tr_bytes in = {data, size};
	json_error_t error;
	json_t *theirs = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &error);
	bool utf8 = u8_check(data, size) == NULL;
	enum json_error_code why = theirs == NULL ? json_error_code(&error) : json_error_unknown;

	TR_ASSERT(utf8 || theirs == NULL);
	if (size > 0 && memchr(data, 0, size) != NULL) /* jansson skips one behind a number */
		TR_ASSERT(!ours_takes(in));
	else if (utf8 && (theirs == NULL || json_is_object(theirs))) {
		if (!ours_takes(in))
			TR_ASSERT(theirs == NULL || depth_of(theirs) > TD_JSON_DEPTH_MAX);
		else if (theirs != NULL)
			compare(in, theirs);
		else /* nothing but what ours leaves to the caller */
			TR_ASSERT(why == json_error_duplicate_key || why == json_error_numeric_overflow);
	} else if (utf8) {
		TR_ASSERT(!ours_takes(in));
	}
	json_decref(theirs);
	return 0;
}
