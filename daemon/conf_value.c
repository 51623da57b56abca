/* SPDX-License-Identifier: Apache-2.0 */
/* One value: text -> field, field -> text, and what is wrong with it. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "daemon/conf_int.h"
#include "proto/limits.h"

#define STORE_MIN (1024u * 1024)
/* People write "18m" and mean months; what was dropped is not to be got back. */
#define KEEP_MIN_MS ((int64_t)86400 * 1000)
#define DURATION_MAX_MS ((int64_t)3650 * 86400 * 1000)

const struct conf_key td_conf_keys[CONF_KEYS] = {
#define X(path, env, type, field, live) \
	[CONF_KEY_##field] = {path, env, CONF_##type, offsetof(struct td_conf, field), live},
#include "daemon/conf_keys.def"
#undef X
};

static const char *const levels[] = {"error", "warn", "notice", "info", "debug"};
static const char *const sinks[] = {"auto", "stderr", "json", "journal"};
static const char *const profiles[] = {"fibre", "metered", "burst", "stick"};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* ---------------------------------------------------------------- did you mean */

/* Edits between two short words (Levenshtein), two rows. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[2][40];
	size_t n = strlen(b), m = strlen(a);

	if (n >= 40 || m >= 40)
		return 99;
	for (size_t j = 0; j <= n; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++) {
		unsigned *now = row[i % 2];
		const unsigned *was = row[(i - 1) % 2];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned best = was[j - 1] + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));

			if (was[j] + 1 < best)
				best = was[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			now[j] = best;
		}
	}
	return row[m % 2][n];
}

const char *td_conf_nearest(const char *word, const char *const *words, size_t count)
{
	unsigned best = 99;
	const char *found = NULL;

	for (size_t i = 0; i < count; i++) {
		unsigned d = distance(word, words[i]);

		if (d < best) {
			best = d;
			found = words[i];
		}
	}
	return best <= 2 && best < strlen(word) ? found : NULL;
}

/* --------------------------------------------------------------------- checking */

static bool number_read(const char *text, uint64_t *n, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*n = strtoull(text, &end, 10);
	*rest = end;
	return errno == 0;
}

static bool duration_read(const char *text, int64_t *ms)
{
	static const struct { const char *unit; int64_t ms; } units[] = {
	    {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	const char *rest;
	uint64_t n;

	if (!number_read(text, &n, &rest))
		return false;
	for (size_t i = 0; i < COUNT(units); i++) {
		if (strcmp(rest, units[i].unit) != 0)
			continue;
		if (n == 0 || n > (uint64_t)(DURATION_MAX_MS / units[i].ms))
			return false;
		*ms = (int64_t)n * units[i].ms;
		return true;
	}
	return false;
}

static bool size_read(const char *text, uint64_t *bytes)
{
	static const struct { const char *unit; unsigned shift; } units[] = {
	    {"KiB", 10}, {"MiB", 20}, {"GiB", 30}, {"TiB", 40}};
	const char *rest;
	uint64_t n;

	if (!number_read(text, &n, &rest))
		return false;
	for (size_t i = 0; i < COUNT(units); i++) {
		if (strcmp(rest, units[i].unit) != 0)
			continue;
		if (n > (UINT64_C(1) << 46) >> units[i].shift)
			return false;
		*bytes = n << units[i].shift;
		return true;
	}
	return false;
}

static const char *unit_check(const char *text)
{
	size_t code = 0;

	if (strlen(text) > TR_UNIT_PATH_MAX)
		return "is longer than a unit's path may be";
	for (const char *p = text;; p++) {
		if (*p == '/' || *p == '\0') {
			if (code == 0 || code > TR_UNIT_CODE_MAX)
				return "is not a path of unit codes (example: 110101/110101001)";
			code = 0;
			if (*p == '\0')
				return NULL;
			continue;
		}
		if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
			return "is not a path of unit codes (example: 110101/110101001)";
		code++;
	}
}

static const char *name_check(const char *text)
{
	if (strlen(text) > 64)
		return "is longer than 64 characters";
	for (const char *p = text; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && strchr("._-", *p) == NULL)
			return "may have letters, digits, '.', '_' and '-' only";
	return NULL;
}

static const char *text_check(const char *text)
{
	if (strlen(text) > TR_TITLE_MAX)
		return "is longer than 120 bytes";
	for (const char *p = text; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p))
			return "has a control character in it";
	return NULL;
}

static const char *address_check(const char *text, bool may_be_zero)
{
	static const char bad[] = "is not an address (example: tcp://10.8.0.1:7400)";
	const char *port, *rest;
	uint64_t n;

	if (strncmp(text, "tcp://", 6) != 0 || strlen(text) > 255)
		return bad;
	port = strrchr(text, ':');
	if (port <= text + 6 || !number_read(port + 1, &n, &rest) || *rest != '\0')
		return bad;
	if (n > 65535 || (n == 0 && !may_be_zero))
		return "has no port between 1 and 65535";
	for (const char *p = text + 6; p < port; p++)
		if (!isalnum((unsigned char)*p) && strchr("._-:[]*%", *p) == NULL)
			return bad;
	if (!may_be_zero && text[6] == '*')
		return "does not say which machine to dial";
	return NULL;
}

static bool is_word(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

/* --------------------------------------------------------------------- setting */

static const char *not_one_of(const char *text, const char *const *words, size_t count,
    const char *what, char *why, size_t cap)
{
	const char *near = td_conf_nearest(text, words, count);
	size_t used = (size_t)snprintf(why, cap, "'%s' is not a %s (", text, what);

	for (size_t i = 0; i < count && used < cap; i++)
		used += (size_t)snprintf(why + used, cap - used, "%s%s", i > 0 ? ", " : "", words[i]);
	if (used < cap && near != NULL)
		snprintf(why + used, cap - used, "); did you mean '%s'?", near);
	else if (used < cap)
		snprintf(why + used, cap - used, ")");
	return why;
}

static const char *text_problem(enum conf_type type, const char *text, char *why, size_t cap)
{
	const char *bad = NULL;

	switch (type) {
	case CONF_UNIT: bad = unit_check(text); break;
	case CONF_NAME: bad = name_check(text); break;
	case CONF_TEXT: bad = text_check(text); break;
	case CONF_LISTEN: bad = address_check(text, true); break;
	case CONF_DIAL: bad = address_check(text, false); break;
	case CONF_LEVEL:
		return is_word(text, levels, COUNT(levels)) ? NULL :
		    not_one_of(text, levels, COUNT(levels), "log level", why, cap);
	case CONF_SINK:
		return is_word(text, sinks, COUNT(sinks)) ? NULL :
		    not_one_of(text, sinks, COUNT(sinks), "log destination", why, cap);
	default: break; /* paths are checked when they are whole */
	}
	if (bad == NULL)
		return NULL;
	snprintf(why, cap, "'%.80s' %s", text, bad);
	return why;
}

static const char *keep_set(int64_t *field, const char *text, char *why, size_t cap)
{
	int64_t ms = 0;

	if (strcmp(text, "all") == 0) {
		*field = 0;
		return NULL;
	}
	if (!duration_read(text, &ms)) {
		snprintf(why, cap, "'%.80s' is not a time to keep (examples: 400d, 3650d, all)", text);
		return why;
	}
	if (ms < KEEP_MIN_MS) {
		snprintf(why, cap, "'%.80s' is too short to keep what cannot be got back; at least 1d (18 months are 550d)", text);
		return why;
	}
	*field = ms;
	return NULL;
}

static const char *number_set(enum conf_type type, void *field, const char *text, char *why, size_t cap)
{
	uint64_t bytes;
	int64_t ms;

	if (type == CONF_PROFILE) {
		for (size_t i = 0; i < COUNT(profiles); i++) {
			if (strcmp(text, profiles[i]) != 0)
				continue;
			*(enum tr_profile *)field = (enum tr_profile)(TR_PROFILE_FIBRE + i);
			return NULL;
		}
		return not_one_of(text, profiles, COUNT(profiles), "profile", why, cap);
	}
	if (type == CONF_SIZE) {
		if (!size_read(text, &bytes)) {
			snprintf(why, cap, "'%.80s' is not a size (examples: 512MiB, 8GiB)", text);
			return why;
		}
		if (bytes < STORE_MIN) {
			snprintf(why, cap, "'%.80s' is too small; at least 1MiB", text);
			return why;
		}
		*(uint64_t *)field = bytes;
		return NULL;
	}
	if (type == CONF_KEEP)
		return keep_set(field, text, why, cap);
	if (!duration_read(text, &ms)) {
		snprintf(why, cap, "'%.80s' is not a duration (examples: 90s, 10m, 2h, 1d)", text);
		return why;
	}
	*(int64_t *)field = ms;
	return NULL;
}

static char *absolute(const char *dir, const char *path)
{
	char *out;

	if (path[0] == '/')
		return strdup(path);
	return asprintf(&out, "%s/%s", dir, path) < 0 ? NULL : out;
}

static const char *string_set(struct conf_load *load, enum conf_type type, char **field,
    const char *text, char *why, size_t cap)
{
	const char *bad = text_problem(type, text, why, cap);
	char *copy;

	if (bad != NULL)
		return bad;
	if (type == CONF_PATH || type == CONF_SOCKET)
		copy = absolute(load->dir, text);
	else
		copy = strdup(text);
	if (copy == NULL)
		return "out of memory";
	if (strlen(copy) >= (type == CONF_SOCKET ? sizeof(((struct sockaddr_un *)0)->sun_path) :
	    type == CONF_PATH ? PATH_MAX - 64 : SIZE_MAX)) {
		snprintf(why, cap, type == CONF_SOCKET ?
		    "'%.120s' is too long for the path of a socket (107 bytes)" :
		    "'%.120s' is too long for a path", copy);
		free(copy);
		return why;
	}
	free(*field);
	*field = copy;
	return NULL;
}

static bool is_string(enum conf_type type)
{
	return type != CONF_PROFILE && type != CONF_SIZE && type != CONF_DURATION && type != CONF_KEEP;
}

const char *td_conf_set(struct conf_load *load, enum conf_key_id id, const char *text,
    const char *origin, char *why, size_t cap)
{
	const struct conf_key *key = &td_conf_keys[id];
	void *field = (char *)&load->full->conf + key->offset;
	const char *bad;

	if (text[0] == '\0' && is_string(key->type)) {
		free(*(char **)field);
		*(char **)field = NULL;
		bad = NULL;
	} else if (is_string(key->type)) {
		bad = string_set(load, key->type, field, text, why, cap);
	} else {
		bad = number_set(key->type, field, text, why, cap);
	}
	if (bad == NULL) {
		free(load->full->origin[id]);
		load->full->origin[id] = strdup(origin);
	}
	return bad;
}

/* -------------------------------------------------------------------- as text */

const char *td_conf_profile_name(enum tr_profile profile)
{
	unsigned i = (unsigned)profile - TR_PROFILE_FIBRE;

	return i < COUNT(profiles) ? profiles[i] : "?";
}

static const char *size_text(uint64_t bytes, char *out, size_t cap)
{
	if (bytes % (UINT64_C(1) << 30) == 0)
		snprintf(out, cap, "%" PRIu64 "GiB", bytes >> 30);
	else if (bytes % (1u << 20) == 0)
		snprintf(out, cap, "%" PRIu64 "MiB", bytes >> 20);
	else
		snprintf(out, cap, "%" PRIu64 "KiB", bytes >> 10);
	return out;
}

static const char *duration_text(int64_t ms, char *out, size_t cap)
{
	int64_t s = ms / 1000;

	if (s % 86400 == 0)
		snprintf(out, cap, "%" PRId64 "d", s / 86400);
	else if (s % 3600 == 0)
		snprintf(out, cap, "%" PRId64 "h", s / 3600);
	else if (s % 60 == 0)
		snprintf(out, cap, "%" PRId64 "m", s / 60);
	else
		snprintf(out, cap, "%" PRId64 "s", s);
	return out;
}

const char *td_conf_value(const struct td_conf *conf, enum conf_key_id id, char *out, size_t cap)
{
	const struct conf_key *key = &td_conf_keys[id];
	const void *field = (const char *)conf + key->offset;

	switch (key->type) {
	case CONF_PROFILE: return td_conf_profile_name(*(const enum tr_profile *)field);
	case CONF_SIZE: return size_text(*(const uint64_t *)field, out, cap);
	case CONF_DURATION: return duration_text(*(const int64_t *)field, out, cap);
	case CONF_KEEP:
		if (*(const int64_t *)field == 0)
			snprintf(out, cap, "all");
		else
			duration_text(*(const int64_t *)field, out, cap);
		return out;
	default: return *(char *const *)field;
	}
}
