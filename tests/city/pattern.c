/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When real cases are opened, handed on, noted, closed and opened again: 2,501
 * cases of Lewisham (tests/data/README.md).  Dates become weekday and hour of
 * the opening, and the time from there to each later event.
 */
#include "tests/city/city.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"

#include "tests/city/text.h"

#define STEPS_MAX 32
#define ID_MAX 16

struct one {
	char id[ID_MAX];
	int64_t opened_ms;
	uint16_t count;
	uint8_t step[STEPS_MAX];
	int64_t after_ms[STEPS_MAX];
};

struct city_pattern {
	struct one *one;
	size_t count, cap;
};

/* "2019-07-20T16:22:24Z" -> ms since 1970 (days from civil, Hinnant). */
static int64_t when(const char *s)
{
	int64_t y = atoi(s), m = atoi(s + 5), d = atoi(s + 8), era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return ((era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468) * 86400 +
	    atoi(s + 11) * 3600 + atoi(s + 14) * 60 + atoi(s + 17)) * 1000;
}

static const char *field(const char *line, const char *name)
{
	const char *at = strstr(line, name);

	TR_ASSERT(at != NULL);
	return at + strlen(name);
}

static struct one *find(struct city_pattern *p, const char *id, size_t size)
{
	for (size_t i = p->count; i-- > 0;)
		if (strlen(p->one[i].id) == size && memcmp(p->one[i].id, id, size) == 0)
			return &p->one[i];
	p->one = tr_grow(p->one, p->count, &p->cap, sizeof(*p->one));
	TR_ASSERT(p->one != NULL);
	p->one[p->count] = (struct one){.count = 0};
	TR_ASSERT(size < ID_MAX);
	memcpy(p->one[p->count].id, id, size);
	return &p->one[p->count++];
}

static void take(struct city_pattern *p, const char *line)
{
	static const char *const names[] = {"opened", "sent", "updated", "closed", "reopened"};
	const char *id = field(line, "\"id\":\""), *kind = field(line, "\"kind\":\"");
	int64_t t = when(field(line, "\"t\":\""));
	struct one *one = find(p, id, (size_t)(strchr(id, '"') - id));

	for (uint8_t k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
		size_t n = strlen(names[k]);

		if (memcmp(kind, names[k], n) != 0 || kind[n] != '"' || one->count == STEPS_MAX)
			continue;
		if (k == CITY_OPENED)
			one->opened_ms = t;
		one->step[one->count] = k;
		one->after_ms[one->count++] = t > one->opened_ms ? t - one->opened_ms : 0;
	}
}

struct city_pattern *city_pattern_load(const char *path)
{
	struct city_pattern *p = calloc(1, sizeof(*p));
	char *text = city_text_read(path), *save = NULL;

	TR_ASSERT(p != NULL);
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
		take(p, line);
	free(text);
	TR_ASSERT(p->count > 0);
	return p;
}

void city_pattern_free(struct city_pattern *p)
{
	if (p != NULL)
		free(p->one);
	free(p);
}

size_t city_pattern_count(const struct city_pattern *p)
{
	return p->count;
}

void city_pattern_opened(const struct city_pattern *p, size_t i, unsigned *weekday, int64_t *day_ms)
{
	int64_t day = p->one[i].opened_ms / CITY_DAY;

	*weekday = (unsigned)((day + 3) % 7); /* 1970 began on a Thursday */
	*day_ms = p->one[i].opened_ms % CITY_DAY;
}

bool city_pattern_step(const struct city_pattern *p, size_t i, size_t k, enum city_step *step, int64_t *after_ms)
{
	const struct one *one = &p->one[i];

	if (k >= one->count)
		return false;
	*step = (enum city_step)one->step[k];
	*after_ms = one->after_ms[k];
	return true;
}
