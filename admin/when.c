/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/when.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS_MAX ((int64_t)100 * 366 * 86400)

bool tc_when_duration(const char *text, int64_t *seconds)
{
	char *end;
	long long n, unit = 1;

	if (!isdigit((unsigned char)text[0]))
		return false;
	n = strtoll(text, &end, 10);
	switch (*end) {
	case '\0':
	case 's': break;
	case 'm': unit = 60; break;
	case 'h': unit = 3600; break;
	case 'd': unit = 86400; break;
	default: return false;
	}
	if ((*end != '\0' && end[1] != '\0') || n < 0 || n > SECONDS_MAX / unit)
		return false;
	*seconds = n * unit;
	return true;
}

/* "+08:00", "-0330", "Z" -> seconds east of Greenwich. */
static bool offset_of(const char *text, long *east)
{
	int hours, minutes, used = 0;

	if ((text[0] == 'Z' || text[0] == 'z') && text[1] == '\0') {
		*east = 0;
		return true;
	}
	if (text[0] != '+' && text[0] != '-')
		return false;
	if ((sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 &&
		sscanf(text + 1, "%2d%2d%n", &hours, &minutes, &used) != 2) ||
	    text[1 + used] != '\0' || hours < 0 || hours > 15 || minutes < 0 ||
	    minutes > 59)
		return false;
	*east = (hours * 60L + minutes) * 60;
	if (text[0] == '-')
		*east = -*east;
	return true;
}

static const char *fraction_of(const char *text, int *ms)
{
	int scale = 100;

	*ms = 0;
	if (*text != '.')
		return text;
	for (text++; isdigit((unsigned char)*text); text++) {
		*ms += (*text - '0') * scale;
		scale /= 10;
	}
	return text;
}

bool tc_when_ms(const char *rfc3339, int64_t *ms)
{
	struct tm tm = {0};
	const char *rest = strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm);
	int fraction;
	long east;

	if (rest == NULL)
		return false;
	rest = fraction_of(rest, &fraction);
	if (!offset_of(rest, &east))
		return false;
	*ms = ((int64_t)timegm(&tm) - east) * 1000 + fraction;
	return true;
}

/* Local wall time in one of the short forms. */
static bool local_of(const char *text, time_t now, time_t *out)
{
	static const char *const forms[] = {"%Y-%m-%d %H:%M:%S",
	    "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
	    "%Y-%m-%d", "%H:%M"};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct tm tm;
		const char *rest;

		localtime_r(&now, &tm);
		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		tm.tm_isdst = -1;
		rest = strptime(text, forms[i], &tm);
		if (rest != NULL && *rest == '\0') {
			*out = mktime(&tm);
			return *out != (time_t)-1;
		}
	}
	return false;
}

bool tc_when_parse(
    const char *text, enum tc_when_side side, char out[static TC_WHEN_SIZE])
{
	time_t now = time(NULL), at;
	int64_t value;
	struct tm tm;

	if (tc_when_ms(text, &value))
		at = (time_t)(value / 1000);
	else if (tc_when_duration(text, &value) &&
		 !isdigit((unsigned char)text[strlen(text) - 1]))
		at = now + (time_t)value * (int)side;
	else if (!local_of(text, now, &at))
		return false;
	if (gmtime_r(&at, &tm) == NULL)
		return false;
	return strftime(out, TC_WHEN_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) > 0;
}

const char *tc_when_show(
    char out[static TC_TEXT_SHORT], const char *rfc3339, bool utc)
{
	int64_t ms;
	time_t at;
	struct tm tm;
	size_t size;

	if (rfc3339 == NULL || !tc_when_ms(rfc3339, &ms)) {
		snprintf(out, TC_TEXT_SHORT, "-");
		return out;
	}
	at = (time_t)((ms - (ms % 1000 + 1000) % 1000) / 1000);
	if (utc) {
		gmtime_r(&at, &tm);
		strftime(out, TC_TEXT_SHORT, "%Y-%m-%d %H:%M:%SZ", &tm);
		return out;
	}
	localtime_r(&at, &tm);
	size = strftime(out, TC_TEXT_SHORT, "%Y-%m-%d %H:%M:%S%z", &tm);
	/* +0800 -> +08:00 */
	memmove(out + size - 1, out + size - 2, 3);
	out[size - 2] = ':';
	return out;
}

const char *tc_when_zone(char out[static TC_TEXT_SHORT], bool utc)
{
	time_t now = time(NULL);
	struct tm tm;
	long east;

	localtime_r(&now, &tm);
	east = labs(tm.tm_gmtoff) / 60;
	if (utc)
		snprintf(out, TC_TEXT_SHORT, "UTC");
	else
		snprintf(out, TC_TEXT_SHORT, "%c%02ld:%02ld",
		    tm.tm_gmtoff < 0 ? '-' : '+', east / 60, east % 60);
	return out;
}

const char *tc_when_cell(
    char out[static TC_TEXT_SHORT], const char *rfc3339, bool utc)
{
	char zone[TC_TEXT_SHORT];
	size_t size, zone_size;

	tc_when_show(out, rfc3339, utc);
	tc_when_zone(zone, utc);
	size = strlen(out);
	zone_size = utc ? 1 : strlen(zone);
	if (size > zone_size &&
	    (utc || strcmp(out + size - zone_size, zone) == 0))
		out[size - zone_size] = '\0';
	return out;
}

double tc_when_age(const char *rfc3339)
{
	struct timespec now;
	int64_t ms;
	double age;

	if (rfc3339 == NULL || !tc_when_ms(rfc3339, &ms))
		return -1;
	clock_gettime(CLOCK_REALTIME, &now);
	age = (double)now.tv_sec - (double)ms / 1000;
	return age < 0 ? 0 : age;
}
