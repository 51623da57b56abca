/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/map_events.h"

#include "admin/map_line.h"
#include "admin/mem.h"
#include "admin/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 1024
#define SEQ_MAX (INT64_C(1) << 53) /* what JSON's numbers hold exactly */

/* How far a case is, as this run knows it. */
enum stage {
	STAGE_REPORTED,
	STAGE_FILED,
	STAGE_DISPATCHED,
	STAGE_HANDLING,
	STAGE_HANDLED,
	STAGE_VERIFIED,
	STAGE_CLOSED,
};

static const char *const stage_names[] = {"reported", "filed", "dispatched",
    "handling", "handled", "verified", "closed"};

enum event_kind {
	EVENT_OPENED,
	EVENT_SENT,
	EVENT_CLOSED,
	EVENT_REOPENED,
	EVENT_DISPATCHED,
	EVENT_NOTE,
	EVENT_UNKNOWN,
};

static const struct {
	const char *name;
	enum event_kind kind;
} kinds[] = {
    {"opened", EVENT_OPENED},
    {"sent", EVENT_SENT},
    {"closed", EVENT_CLOSED},
    {"reopened", EVENT_REOPENED},
    {"dispatched", EVENT_DISPATCHED},
    {"updated", EVENT_NOTE},
    {"submitted", EVENT_NOTE},
    {"activity", EVENT_NOTE},
    {"follow_on_created", EVENT_NOTE},
    {"follow_on_closed", EVENT_NOTE},
};

struct waiting {
	struct waiting *next; /* by seq */
	int64_t seq;
	uint64_t row;
	json_t *event;
};

struct known_case {
	struct known_case *next; /* of the bucket */
	char *source, *id;
	bool is_open;         /* its creation has gone out */
	int64_t next_seq;     /* the row that comes next */
	int64_t opened_seq;   /* went out before its turn; 0 = none */
	enum stage stage;
	struct waiting *waiting;
};

struct tc_map_events {
	struct known_case **buckets;
	size_t bucket_count, case_count;
	uint64_t ignored;
};

struct out {
	tc_map_line_fn *on_line;
	void *arg;
};

struct tc_map_events *tc_map_events_open(void)
{
	struct tc_map_events *events = tc_mem_alloc(1, sizeof(*events));

	events->bucket_count = BUCKETS_FIRST;
	events->buckets =
	    tc_mem_alloc(BUCKETS_FIRST, sizeof(*events->buckets));
	return events;
}

static void free_waiting(struct waiting *waiting)
{
	while (waiting != NULL) {
		struct waiting *next = waiting->next;

		json_decref(waiting->event);
		free(waiting);
		waiting = next;
	}
}

void tc_map_events_close(struct tc_map_events *events)
{
	if (events == NULL)
		return;
	for (size_t i = 0; i < events->bucket_count; i++)
		while (events->buckets[i] != NULL) {
			struct known_case *it = events->buckets[i];

			events->buckets[i] = it->next;
			free_waiting(it->waiting);
			free(it->source);
			free(it->id);
			free(it);
		}
	free(events->buckets);
	free(events);
}

uint64_t tc_map_events_ignored(const struct tc_map_events *events)
{
	return events->ignored;
}

/* --- cases that this run has met --- */

/* FNV-1a; the rows come from the admin's own file. */
static size_t hash_of(const char *source, const char *id)
{
	uint64_t h = 14695981039346656037u;

	for (; *source != '\0'; source++)
		h = (h ^ (unsigned char)*source) * 1099511628211u;
	h = (h ^ 0xff) * 1099511628211u;
	for (; *id != '\0'; id++)
		h = (h ^ (unsigned char)*id) * 1099511628211u;
	return (size_t)h;
}

static void grow(struct tc_map_events *events)
{
	size_t count = events->bucket_count * 4;
	struct known_case **buckets = tc_mem_alloc(count, sizeof(*buckets));

	for (size_t i = 0; i < events->bucket_count; i++)
		while (events->buckets[i] != NULL) {
			struct known_case *it = events->buckets[i];
			size_t at = hash_of(it->source, it->id) % count;

			events->buckets[i] = it->next;
			it->next = buckets[at];
			buckets[at] = it;
		}
	free(events->buckets);
	events->buckets = buckets;
	events->bucket_count = count;
}

static struct known_case *case_of(
    struct tc_map_events *events, const char *source, const char *id)
{
	size_t at = hash_of(source, id) % events->bucket_count;
	struct known_case *it;

	for (it = events->buckets[at]; it != NULL; it = it->next)
		if (strcmp(it->id, id) == 0 && strcmp(it->source, source) == 0)
			return it;
	if (events->case_count >= events->bucket_count) {
		grow(events);
		at = hash_of(source, id) % events->bucket_count;
	}
	it = tc_mem_alloc(1, sizeof(*it));
	it->source = tc_mem_text(source);
	it->id = tc_mem_text(id);
	it->next_seq = 1;
	it->next = events->buckets[at];
	events->buckets[at] = it;
	events->case_count++;
	return it;
}

/* --- one row that is due --- */

static const char *text_of(const json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key));
}

static enum event_kind kind_of(const json_t *event)
{
	const char *name = text_of(event, "kind");

	for (size_t i = 0;
	     name != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].kind;
	return EVENT_UNKNOWN;
}

static int put_step(const struct known_case *it, const struct waiting *due,
    const char *status, const struct out *out)
{
	json_t *line =
	    tc_map_line_begin(it->source, it->id, due->seq, status);

	tc_mem_set_text(line, "status", status);
	tc_mem_set_text(line, "at", text_of(due->event, "t"));
	return out->on_line(out->arg, line, due->row);
}

/* What the source says of itself: its summary, or how many comments it had. */
static int put_note(const struct known_case *it, const struct waiting *due,
    const struct out *out)
{
	json_t *line = tc_map_line_begin(it->source, it->id, due->seq, "note");
	const char *kind = text_of(due->event, "kind");
	const char *summary = text_of(due->event, "summary");
	json_t *comments = json_object_get(due->event, "comments");
	char *text;

	/* Data, the same on every machine: not translated. */
	if (summary != NULL)
		text = tc_mem_text(summary);
	else if (json_is_integer(comments))
		text = tc_mem_format("%s (comments: %lld)", kind,
		    (long long)json_integer_value(comments));
	else
		text = tc_mem_text(kind);
	tc_mem_set_text(line, "note", text);
	tc_mem_set_text(line, "at", text_of(due->event, "t"));
	free(text);
	return out->on_line(out->arg, line, due->row);
}

static int put_create(struct known_case *it, const struct waiting *due,
    const struct out *out)
{
	json_t *line =
	    tc_map_line_begin(it->source, it->id, due->seq, "opened");

	it->is_open = true;
	it->stage = STAGE_REPORTED;
	tc_mem_set_text(line, "reported_at", text_of(due->event, "t"));
	return out->on_line(out->arg, line, due->row);
}

/* The legal way from where the case is to a stage, step by step. */
static int put_stages(struct known_case *it, const struct waiting *due,
    enum stage to, const struct out *out)
{
	int rc = 0;

	while (it->stage < to && rc == 0) {
		it->stage++;
		rc = put_step(it, due, stage_names[it->stage], out);
	}
	return rc;
}

static int put_reopened(struct known_case *it, const struct waiting *due,
    const struct out *out)
{
	int rc = put_step(it, due, "reopened", out);

	it->stage = STAGE_DISPATCHED;
	return rc != 0 ? rc : put_step(it, due, "dispatched", out);
}

static int put_event(struct tc_map_events *events, struct known_case *it,
    const struct waiting *due, const struct out *out)
{
	switch (kind_of(due->event)) {
	case EVENT_OPENED: return put_create(it, due, out);
	case EVENT_SENT:
	case EVENT_DISPATCHED:
		if (it->stage < STAGE_DISPATCHED)
			return put_stages(it, due, STAGE_DISPATCHED, out);
		break;
	case EVENT_CLOSED:
		if (it->stage < STAGE_CLOSED)
			return put_stages(it, due, STAGE_CLOSED, out);
		/* Closed twice: nothing is new. */
		events->ignored++;
		return 0;
	case EVENT_REOPENED:
		if (it->stage == STAGE_CLOSED)
			return put_reopened(it, due, out);
		break;
	case EVENT_NOTE:
	case EVENT_UNKNOWN: break;
	}
	return put_note(it, due, out);
}

/* --- order --- */

static void insert(struct known_case *it, struct waiting *waiting)
{
	struct waiting **at = &it->waiting;

	while (*at != NULL && (*at)->seq <= waiting->seq)
		at = &(*at)->next;
	waiting->next = *at;
	*at = waiting;
}

static struct waiting *take_first(struct known_case *it)
{
	struct waiting *first = it->waiting;

	it->waiting = first->next;
	first->next = NULL;
	return first;
}

/* Rows whose turn it is; with `all` the rest too, over gaps. */
static int put_due(struct tc_map_events *events, struct known_case *it,
    bool all, const struct out *out)
{
	int rc = 0;

	while (rc == 0 && it->is_open) {
		struct waiting *due;

		if (it->next_seq == it->opened_seq)
			it->next_seq++;
		if (it->waiting == NULL ||
		    (!all && it->waiting->seq > it->next_seq))
			break;
		due = take_first(it);
		if (due->seq >= it->next_seq)
			it->next_seq = due->seq + 1;
		rc = put_event(events, it, due, out);
		free_waiting(due);
	}
	return rc;
}

static int check_row(const json_t *row, struct tc_map_reject *reject)
{
	static const char *const needed[] = {"source", "id", "t", "kind"};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (text_of(row, needed[i]) == NULL)
			return tc_map_line_reject(reject, "TR-E-INPUT",
			    needed[i], _("the map needs this field"));
	if (json_integer_value(json_object_get(row, "seq")) < 1 ||
	    json_integer_value(json_object_get(row, "seq")) > SEQ_MAX)
		return tc_map_line_reject(reject, "TR-E-INPUT", "seq",
		    _("the map needs a number from 1"));
	if (kind_of(row) == EVENT_UNKNOWN)
		return tc_map_line_reject(reject, "TR-E-INPUT", "kind",
		    _("the map 311-events does not know the kind '%s'"),
		    text_of(row, "kind"));
	return 0;
}

int tc_map_events_row(struct tc_map_events *events, const json_t *row,
    uint64_t number, tc_map_line_fn *on_line, void *arg,
    struct tc_map_reject *reject)
{
	const struct out out = {on_line, arg};
	struct waiting *waiting;
	struct known_case *it;
	int rc = check_row(row, reject);

	if (rc != 0)
		return rc;
	it = case_of(events, text_of(row, "source"), text_of(row, "id"));
	waiting = tc_mem_alloc(1, sizeof(*waiting));
	waiting->seq = json_integer_value(json_object_get(row, "seq"));
	waiting->row = number;
	waiting->event = json_incref((json_t *)(uintptr_t)row);
	if (kind_of(row) == EVENT_OPENED && !it->is_open) {
		it->opened_seq = waiting->seq;
		rc = put_create(it, waiting, &out);
		free_waiting(waiting);
	} else if (kind_of(row) == EVENT_OPENED) {
		events->ignored++; /* opened twice */
		if (waiting->seq == it->next_seq)
			it->next_seq++;
		free_waiting(waiting);
	} else {
		insert(it, waiting);
	}
	return rc != 0 ? rc : put_due(events, it, false, &out);
}

static void reject_all(struct known_case *it,
    tc_map_reject_fn *on_reject,
    void *arg)
{
	struct tc_map_reject reject;

	tc_map_line_reject(&reject, "TR-E-NOREC", "id",
	    _("no row opens this case in the input"));
	for (const struct waiting *w = it->waiting; w != NULL; w = w->next)
		on_reject(arg, w->row, &reject);
}

int tc_map_events_end(struct tc_map_events *events, tc_map_line_fn *on_line,
    void *arg,
    tc_map_reject_fn *on_reject,
    void *reject_arg)
{
	const struct out out = {on_line, arg};
	int rc = 0;

	for (size_t i = 0; i < events->bucket_count && rc == 0; i++)
		for (struct known_case *it = events->buckets[i];
		     it != NULL && rc == 0; it = it->next) {
			if (it->is_open)
				rc = put_due(events, it, true, &out);
			else
				reject_all(it, on_reject, reject_arg);
		}
	return rc;
}
