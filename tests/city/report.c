/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/city/report.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "tests/city/count.h"

#define SAMPLED 4

static enum city_kind kind_of(const struct city_host *h)
{
	if (h->level == CITY_DISTRICT)
		return CITY_K_DISTRICT;
	if (h->level == CITY_STREET)
		return CITY_K_STREET;
	return h->profile == CITY_FIBRE ? CITY_K_FIBRE : h->profile == CITY_2G ? CITY_K_2G : CITY_K_STICK;
}

static uint64_t link_bytes(const struct city_host *h)
{
	uint64_t sum = 0;

	for (int up = 0; up < 2; up++)
		for (int k = 0; k < CITY_CLASSES; k++)
			sum += h->link.way[up].bytes[k];
	return sum;
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void add_link(struct city_links *l, const struct city_host *h)
{
	l->count++;
	for (int up = 0; up < 2; up++) {
		const struct city_way *way = &h->link.way[up];

		for (int k = 0; k < CITY_CLASSES; k++)
			l->bytes[up][k] += way->bytes[k];
		l->frames += way->frames;
		if (way->deepest > l->deepest)
			l->deepest = way->deepest;
	}
}

static void fill_links(const struct city *c, struct city_result *out)
{
	uint64_t *sizes = calloc(c->host_count, sizeof(*sizes));

	TR_ASSERT(sizes != NULL);
	for (int kind = 0; kind < CITY_KINDS; kind++) {
		struct city_links *l = &out->links[kind];
		size_t n = 0;

		for (uint32_t i = 1; i < c->host_count; i++) {
			if ((int)kind_of(&c->host[i]) != kind)
				continue;
			add_link(l, &c->host[i]);
			sizes[n++] = link_bytes(&c->host[i]);
		}
		qsort(sizes, n, sizeof(*sizes), by_size);
		l->median = n > 0 ? sizes[n / 2] : 0;
		l->worst = n > 0 ? sizes[n - 1] : 0;
	}
	free(sizes);
}

static size_t heap_used(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* The heap of a core is what its end gives back; the allocator is slow to ask,
 * so only some of each level are looked at. */
static void fill_memory(struct city *c, struct city_result *out)
{
	for (uint32_t i = 0; i < c->host_count; i++) {
		struct city_host *h = &c->host[i];
		struct city_mem *m = &out->mem[h->level];
		size_t store = city_store_bytes(h->store), before, core;

		m->count++;
		m->store += store;
		m->store_max = store > m->store_max ? store : m->store_max;
		m->rows += city_store_rows(h->store);
		if (m->sampled == SAMPLED || i % (out->levels[h->level] / SAMPLED + 1) != 0)
			continue;
		before = heap_used();
		rep_free(h->node);
		h->node = NULL;
		core = before - heap_used();
		m->sampled++;
		m->core += core;
		m->core_max = core > m->core_max ? core : m->core_max;
	}
}

void city_report_fill(struct city *c, struct city_result *out)
{
	for (uint32_t i = 0; i < c->host_count; i++)
		out->levels[c->host[i].level]++;
	out->districts = out->levels[CITY_DISTRICT];
	out->hosts = c->host_count;
	out->leaves = c->leaf_count;
	out->cases_per_day = city_load_cases_per_day(c);
	out->rest_ms = c->rest_ms;
	out->signed_made = city_signed.made;
	out->signed_checked = city_signed.checked;
	out->resident = city_run_memory();
	out->counts = c->counts;
	memcpy(out->up, c->up, sizeof(out->up));
	memcpy(out->down, c->down, sizeof(out->down));
	memcpy(out->edit, c->edit, sizeof(out->edit));
	memcpy(out->receipt, c->receipt, sizeof(out->receipt));
	for (int p = 0; p < CITY_PROFILES; p++) {
		out->deepest[p].ops = c->deepest[p].ops;
		out->deepest[p].day_ms = c->deepest[p].at_ms - CITY_START_MS;
		out->deepest[p].up = c->deepest[p].up;
		memcpy(out->deepest[p].code, c->host[c->deepest[p].host].code, sizeof(out->deepest[p].code));
	}
	fill_links(c, out);
	fill_memory(c, out);
}

/* ---- the table ---- */

static const char *const profile_names[] = {"fibre", "2G", "stick"};
static const char *const kind_names[] = {"district - city", "street - district", "community, fibre", "community, 2G",
    "community, stick"};
static const char *const class_names[] = {"E emergencies", "X directives", "R records", "acknowledgements", "HEAD",
    "RECEIPT", "SUMMARY", "session", "beats"};

static void label(const char *text)
{
	printf("  %-38s", text);
}

static void cell(const char *text)
{
	printf(" %24s", text);
}

static const char *span(int64_t ms, char *out, size_t size)
{
	if (ms < 1000)
		snprintf(out, size, "%lldms", (long long)ms);
	else if (ms < 100000)
		snprintf(out, size, "%.1fs", (double)ms / 1e3);
	else if (ms < 100 * 60000)
		snprintf(out, size, "%.0fm", (double)ms / 6e4);
	else if (ms < 72 * 3600000LL)
		snprintf(out, size, "%.1fh", (double)ms / 3.6e6);
	else
		snprintf(out, size, "%.1fd", (double)ms / 8.64e7);
	return out;
}

static void hist_cell(const struct city_hist *h)
{
	char a[16], b[16], p[16], m[16], text[80];

	if (h->count == 0) {
		cell("-");
		return;
	}
	snprintf(text, sizeof(text), "%s %s %s %s", span(city_hist_at(h, 500), a, sizeof(a)),
	    span(city_hist_at(h, 900), b, sizeof(b)), span(city_hist_at(h, 990), p, sizeof(p)),
	    span((int64_t)h->max, m, sizeof(m)));
	cell(text);
}

#define EACH for (size_t r = 0; r < count; r++)

static void print_times(const struct city_result *runs, size_t count)
{
	static const struct { const char *name; int what; } lines[] = {
		{"community's door -> district", 0}, {"community's door -> city", 1}, {"door -> RECEIPT at community", 2},
		{"street's op -> community", 3}, {"directive -> community", 4}};

	printf("delivery (p50 p90 p99 max)\n");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		for (int p = 0; p < CITY_PROFILES; p++) {
			char text[64];

			snprintf(text, sizeof(text), "%s, %s", lines[i].name, profile_names[p]);
			label(text);
			EACH {
				const struct city_result *x = &runs[r];
				const struct city_hist *const h[] = {&x->up[CITY_DISTRICT][p], &x->up[CITY_TOP][p],
				    &x->receipt[p], &x->edit[p], &x->down[p]};

				hist_cell(h[lines[i].what]);
			}
			putchar('\n');
		}
}

static void print_links(const struct city_conf *conf, const struct city_result *runs, size_t count)
{
	printf("links: bytes a day, both ways, before compression (median, worst link)\n");
	for (int k = 0; k < CITY_KINDS; k++) {
		label(kind_names[k]);
		EACH {
			char text[64];

			snprintf(text, sizeof(text), "%.1f, %.1f KiB", (double)runs[r].links[k].median / conf->days / 1024,
			    (double)runs[r].links[k].worst / conf->days / 1024);
			cell(text);
		}
		putchar('\n');
	}
	printf("bytes an op made in the city, over all links of a kind, by class\n");
	for (int k = 0; k < CITY_KINDS; k++)
		for (int cls = 0; cls < CITY_CLASSES; cls++) {
			char text[64];
			uint64_t all = 0;

			EACH all += runs[r].links[k].bytes[0][cls] + runs[r].links[k].bytes[1][cls];
			if (all == 0)
				continue;
			snprintf(text, sizeof(text), "%s: %s", kind_names[k], class_names[cls]);
			label(text);
			EACH {
				const struct city_links *l = &runs[r].links[k];

				snprintf(text, sizeof(text), "%.1f up %.1f down",
				    (double)l->bytes[1][cls] / (double)runs[r].counts.ops,
				    (double)l->bytes[0][cls] / (double)runs[r].counts.ops);
				cell(text);
			}
			putchar('\n');
		}
	label("compressed, a sample, % of it");
	EACH {
		char text[32];

		snprintf(text, sizeof(text), "%.0f", runs[r].counts.sealed_in == 0 ? 0
		    : 100.0 * (double)runs[r].counts.sealed_out / (double)runs[r].counts.sealed_in);
		cell(text);
	}
	putchar('\n');
}

static void print_queues(const struct city_result *runs, size_t count)
{
	printf("deepest queue: ops that wait at a link (where, day)\n");
	for (int p = 0; p < CITY_PROFILES; p++) {
		char text[64];

		snprintf(text, sizeof(text), "link of kind %s", profile_names[p]);
		label(text);
		EACH {
			snprintf(text, sizeof(text), "%lld %s%s %.1f", (long long)runs[r].deepest[p].ops,
			    runs[r].deepest[p].code, runs[r].deepest[p].up ? "^" : "v",
			    (double)runs[r].deepest[p].day_ms / CITY_DAY);
			cell(text);
		}
		putchar('\n');
	}
}

static void print_memory(const struct city_result *runs, size_t count)
{
	static const char *const names[] = {"city", "district", "street", "community"};

	printf("memory a node (mean; worst)\n");
	for (int level = 0; level < CITY_LEVELS; level++)
		for (int what = 0; what < 2; what++) {
			char text[64];

			snprintf(text, sizeof(text), "%s: %s", names[level], what == 0 ? "heap of the core" : "store");
			label(text);
			EACH {
				const struct city_mem *m = &runs[r].mem[level];
				double n = (double)(what == 0 ? m->sampled : m->count);

				snprintf(text, sizeof(text), "%.1f; %.1f KiB",
				    (double)(what == 0 ? m->core : m->store) / (n > 0 ? n : 1) / 1024,
				    (double)(what == 0 ? m->core_max : m->store_max) / 1024);
				cell(text);
			}
			putchar('\n');
		}
}

static void number(const char *name, const struct city_result *runs, size_t count, uint64_t (*get)(const struct city_result *))
{
	label(name);
	EACH {
		char text[32];

		snprintf(text, sizeof(text), "%llu", (unsigned long long)get(&runs[r]));
		cell(text);
	}
	putchar('\n');
}

#define NUMBER(name, what) \
	static uint64_t get_##name(const struct city_result *x) { return (uint64_t)(what); }
NUMBER(hosts, x->hosts)
NUMBER(cases, x->counts.cases)
NUMBER(ops, x->counts.ops)
NUMBER(retries, x->counts.retries)
NUMBER(orders, x->counts.orders)
NUMBER(rungs, x->counts.rungs)
NUMBER(opened, x->counts.conflicts_opened)
NUMBER(settled, x->counts.conflicts_settled)
NUMBER(segments, x->counts.segments)
NUMBER(made, x->signed_made)
NUMBER(checked, x->signed_checked)
NUMBER(frames, x->counts.frames)
NUMBER(commits, x->counts.commits)
NUMBER(cuts, x->counts.cuts)
NUMBER(power, x->counts.power_cuts)
NUMBER(sticks, x->counts.sticks)
NUMBER(dials, x->counts.dials)
NUMBER(alarms, x->counts.alarms)
NUMBER(late, x->counts.late)
NUMBER(dark, x->counts.dark)

static void print_counts(const struct city_conf *conf, const struct city_result *runs, size_t count)
{
	char text[64];

	number("nodes", runs, count, get_hosts);
	number("cases opened", runs, count, get_cases);
	number("ops made", runs, count, get_ops);
	label("ops a community and day");
	EACH {
		snprintf(text, sizeof(text), "%.2f", (double)runs[r].counts.ops / runs[r].leaves / conf->days);
		cell(text);
	}
	putchar('\n');
	number("steps tried too early, again later", runs, count, get_retries);
	number("directives (one a target)", runs, count, get_orders);
	number("their receipts by communities", runs, count, get_rungs);
	number("conflicts opened at the city", runs, count, get_opened);
	number("settled", runs, count, get_settled);
	number("segments signed", runs, count, get_segments);
	number("signatures made (hash in place of)", runs, count, get_made);
	number("signatures checked", runs, count, get_checked);
	number("frames", runs, count, get_frames);
	number("commits", runs, count, get_commits);
	number("link outages", runs, count, get_cuts);
	number("communities without power for days", runs, count, get_power);
	number("dials", runs, count, get_dials);
	number("sticks", runs, count, get_sticks);
	number("alarms: HEAD differs for 10 min", runs, count, get_alarms);
	number("alarms: no RECEIPT for too long", runs, count, get_late);
	number("warnings: top node out of reach for a day", runs, count, get_dark);
	label("all equal after the end of faults");
	EACH cell(span(runs[r].rest_ms, text, sizeof(text)));
	putchar('\n');
}

void city_report_print(const struct city_conf *conf, const struct city_result *runs, size_t count)
{
	printf("city: seed %llu, %u days, %.2f ops a community and day wanted; %.2f cases a community and day\n",
	    (unsigned long long)conf->seed, conf->days, conf->ops, runs[count - 1].cases_per_day);
	label("districts, streets, communities");
	EACH {
		char text[64];

		snprintf(text, sizeof(text), "%u, %u, %u", runs[r].districts, runs[r].levels[CITY_STREET],
		    runs[r].levels[CITY_LEAF]);
		cell(text);
	}
	putchar('\n');
	print_counts(conf, runs, count);
	print_times(runs, count);
	print_links(conf, runs, count);
	print_queues(runs, count);
	print_memory(runs, count);
}
