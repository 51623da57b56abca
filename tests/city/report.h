/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report -- what one run leaves behind, as a plain value that goes through a
 * pipe, and the table of several runs side by side.
 */
#ifndef TESTS_CITY_REPORT_H
#define TESTS_CITY_REPORT_H

#include "tests/city/city.h"

enum city_kind { /* of links */
	CITY_K_DISTRICT = 0, CITY_K_STREET, CITY_K_FIBRE, CITY_K_2G, CITY_K_STICK, CITY_KINDS
};

struct city_links {
	uint64_t count, bytes[2][CITY_CLASSES], frames;
	uint64_t median, worst;  /* bytes of a link, both ways, whole run */
	int64_t deepest;
};

struct city_mem {
	uint64_t count, core, core_max, store, store_max, rows; /* core: of those that were looked at */
	uint64_t sampled;
};

struct city_result {
	bool ok;
	unsigned districts;
	uint32_t hosts, leaves, levels[CITY_LEVELS];
	double cases_per_day, real_s, cpu_s;
	int64_t rest_ms;
	uint64_t signed_made, signed_checked, resident;
	struct city_counts counts;
	struct city_hist up[CITY_LEVELS][CITY_PROFILES], down[CITY_PROFILES], edit[CITY_PROFILES],
	    receipt[CITY_PROFILES];
	struct { int64_t ops, day_ms; char code[TR_UNIT_CODE_MAX + 1]; bool up; } deepest[CITY_PROFILES];
	struct city_links links[CITY_KINDS];
	struct city_mem mem[CITY_LEVELS];
};

/* After city_rest(); frees the nodes, to see what each took. */
void city_report_fill(struct city *c, struct city_result *out);
void city_report_print(const struct city_conf *conf, const struct city_result *runs, size_t count);

#endif
