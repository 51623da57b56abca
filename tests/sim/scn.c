/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/scn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

struct parser {
	struct scn *scn;
	struct scn_line line;
	unsigned at;             /* next word */
	struct scn_error *error;
	unsigned open[SCN_NEST_MAX]; /* repeats without an end yet */
	unsigned open_count;
	uint64_t runs, times;    /* steps to run, and how often the innermost loop runs */
	int64_t last_at_ms;
};

static struct scn_verb *verbs;

void scn_verb_register(struct scn_verb *verb)
{
	verb->next = verbs;
	verbs = verb;
}

static bool fail_at(struct parser *p, unsigned col, const char *format, ...) __attribute__((format(printf, 3, 4)));
static bool fail_at(struct parser *p, unsigned col, const char *format, ...)
{
	va_list ap;

	p->error->line = p->line.number;
	p->error->col = col;
	va_start(ap, format);
	vsnprintf(p->error->text, sizeof(p->error->text), format, ap);
	va_end(ap);
	return false;
}

static const struct scn_word *peek(const struct parser *p)
{
	return p->at < p->line.word_count ? &p->line.word[p->at] : NULL;
}

/* The next word; NULL and an error if the line is over. */
static const struct scn_word *need(struct parser *p, const char *what)
{
	const struct scn_word *w = peek(p);
	const struct scn_word *last = p->at > 0 ? &p->line.word[p->at - 1] : NULL;

	if (w == NULL) {
		fail_at(p, last != NULL ? last->col + (unsigned)strlen(last->text) : 1, "%s is missing", what);
		return NULL;
	}
	p->at++;
	return w;
}

static bool is_plain(const struct scn_word *w, const char *text)
{
	return w != NULL && !w->has_value && strcmp(w->text, text) == 0;
}

static bool number(struct parser *p, const struct scn_word *w, const char *text, int64_t max, int64_t *out, const char **rest)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	*rest = end;
	if (end == text || errno != 0 || *out > max || *out < -max)
		return fail_at(p, w->col, "'%.40s' is not a number up to %lld", text, (long long)max);
	return true;
}

static bool duration(struct parser *p, const struct scn_word *w, int64_t *out)
{
	static const struct { const char *unit; int64_t ms; } UNITS[] = {
	    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
	const char *unit;

	if (!number(p, w, w->text, SCN_MS_MAX, out, &unit))
		return false;
	for (size_t i = 0; i < sizeof(UNITS) / sizeof(UNITS[0]); i++) {
		if (strcmp(UNITS[i].unit, unit) != 0)
			continue;
		if (*out < 0 || *out > SCN_MS_MAX / UNITS[i].ms)
			return fail_at(p, w->col, "a time between 0 and 400d is expected");
		*out *= UNITS[i].ms;
		return true;
	}
	return fail_at(p, w->col, "'%.40s' is no time; write 500ms, 10s, 5m, 2h or 3d", w->text);
}

static unsigned find_node(const struct scn *scn, const char *name, size_t size)
{
	for (unsigned i = 0; i < scn->node_count; i++)
		if (strlen(scn->node[i].name) == size && memcmp(scn->node[i].name, name, size) == 0)
			return i;
	return SIM_NONE;
}

static bool node(struct parser *p, const struct scn_word *w, const char *name, size_t size, unsigned *out)
{
	*out = find_node(p->scn, name, size);
	return *out != SIM_NONE || fail_at(p, w->col + (unsigned)(name - w->text), "no node is called '%.*s'",
	    (int)(size < 40 ? size : 40), name);
}

static bool nodes(struct parser *p, const struct scn_word *w, struct scn_value *v)
{
	for (const char *at = w->text;; at++) {
		size_t size = strcspn(at, ",");
		unsigned index;

		if (!node(p, w, at, size, &index))
			return false;
		v->nodes |= (uint32_t)1 << index;
		v->num++;
		at += size;
		if (*at == '\0')
			return true;
	}
}

static bool new_name(struct parser *p, const struct scn_word *w, char *out)
{
	if (w->has_value || strlen(w->text) > SCN_NAME_MAX || strpbrk(w->text, "@,|") != NULL)
		return fail_at(p, w->col, "a name of up to %d letters, digits, '-' or '_' is expected", SCN_NAME_MAX);
	strcpy(out, w->text);
	return true;
}

static unsigned find_rec(const struct scn *scn, const char *name, size_t size)
{
	for (unsigned i = 0; i < scn->rec_count; i++)
		if (strlen(scn->rec[i].name) == size && memcmp(scn->rec[i].name, name, size) == 0)
			return i;
	return SIM_NONE;
}

static bool new_rec(struct parser *p, const struct scn_word *w, uint8_t kind, struct scn_value *v)
{
	struct scn *scn = p->scn;

	v->rec = find_rec(scn, w->text, strlen(w->text));
	v->node = SIM_NONE;
	if (v->rec != SIM_NONE && scn->rec[v->rec].kind == kind)
		return true; /* made anew: the name means the new one from here on */
	if (v->rec != SIM_NONE)
		return fail_at(p, w->col, "'%s' is already the name of something else", w->text);
	if (scn->rec_count == SCN_RECS_MAX)
		return fail_at(p, w->col, "more than %d names of records", SCN_RECS_MAX);
	if (!new_name(p, w, scn->rec[scn->rec_count].name))
		return false;
	v->rec = scn->rec_count++;
	scn->rec[v->rec].kind = kind;
	return true;
}

static bool known_rec(struct parser *p, const struct scn_word *w, struct scn_value *v)
{
	size_t size = strcspn(w->text, "@");

	v->rec = find_rec(p->scn, w->text, size);
	v->node = SIM_NONE;
	if (v->rec == SIM_NONE)
		return fail_at(p, w->col, "no record or stick was called '%.*s' before", (int)(size < 40 ? size : 40), w->text);
	if (w->text[size] == '@')
		return node(p, w, w->text + size + 1, strlen(w->text + size + 1), &v->node);
	if (p->scn->rec[v->rec].kind == TR_KIND_DIRECTIVE)
		return fail_at(p, w->col, "which target of the directive? write %.20s@NODE", w->text);
	return true;
}

static bool one_of(struct parser *p, const struct scn_word *w, const char *words, int64_t *out)
{
	*out = 0;
	for (const char *at = words; *at != '\0'; (*out)++) {
		size_t size = strcspn(at, "|");

		if (strlen(w->text) == size && memcmp(w->text, at, size) == 0)
			return true;
		at += size + (at[size] == '|');
	}
	return fail_at(p, w->col, "'%.40s' stands where one of these is expected: %s", w->text, words);
}

static bool trace_code(struct parser *p, const struct scn_word *w, int64_t *out)
{
	for (*out = 1; *out < REP_TRACE_COUNT; (*out)++)
		if (strcmp(rep_trace_code_name((int)*out), w->text) == 0)
			return true;
	return fail_at(p, w->col, "no trace is called '%.40s'", w->text);
}

static char *copy_of(const char *text) /* strdup() would be of the C library: see tests/lib/nomem.h */
{
	size_t size = strlen(text) + 1;
	char *copy = malloc(size);

	TR_ASSERT(copy != NULL);
	return memcpy(copy, text, size);
}

static char *keep_text(struct scn *scn, const char *text)
{
	char *copy = copy_of(text);

	if (scn->text_count % 64 == 0) {
		scn->text = realloc(scn->text, (scn->text_count + 64) * sizeof(*scn->text));
		TR_ASSERT(scn->text != NULL);
	}
	return scn->text[scn->text_count++] = copy;
}

static bool field(struct parser *p, const struct scn_word *w, uint8_t kind)
{
	struct scn *scn = p->scn;
	const struct rep_field *f = rep_schema_by_name(kind, w->text, strlen(w->text));
	struct scn_field *out = &scn->field[scn->field_count];
	const char *rest;

	if (f == NULL)
		return fail_at(p, w->col, "a %s has no field '%.40s'", rep_schema_kind_name(kind), w->text);
	if (scn->field_count == SCN_FIELDS_MAX)
		return fail_at(p, w->col, "more than %d values", SCN_FIELDS_MAX);
	*out = (struct scn_field){.field = f};
	if (f->type == REP_TYPE_TEXT) {
		out->text = keep_text(scn, w->value);
	} else if (f->type == REP_TYPE_STATUS || f->type == REP_TYPE_ENUM) {
		out->num = rep_schema_value(f, w->value, strlen(w->value));
		if (out->num == 0)
			return fail_at(p, w->col, "'%.40s' is no value of %s", w->value, f->name);
	} else if (f->type == REP_TYPE_INT || f->type == REP_TYPE_TIME || f->type == REP_TYPE_DEG) {
		if (!number(p, w, w->value, INT64_MAX / 2, &out->num, &rest))
			return false;
		if (*rest != '\0')
			return fail_at(p, w->col, "'%.40s' is not a number", w->value);
	} else {
		return fail_at(p, w->col, "field '%s' cannot be written in a scenario", f->name);
	}
	scn->field_count++;
	return true;
}

static bool fields(struct parser *p, uint8_t kind, struct scn_value *v)
{
	const struct scn_word *w = peek(p);

	v->field = p->scn->field_count;
	for (; w != NULL && w->has_value; w = peek(p)) {
		p->at++;
		if (v->field_count == SCN_VALUES_MAX)
			return fail_at(p, w->col, "more than %d values in a line", SCN_VALUES_MAX);
		if (!field(p, w, kind))
			return false;
		v->field_count++;
	}
	if (v->field_count == 0)
		need(p, "field=value");
	return v->field_count != 0 || (w != NULL && fail_at(p, w->col, "field=value is expected here"));
}

/* The kind whose fields a verb names: its own, or that of the record before. */
static uint8_t kind_of(const struct parser *p, const struct scn_step *step)
{
	for (unsigned i = 0; i < SCN_ARGS_MAX; i++)
		if (step->verb->arg[i].kind == SCN_REC && step->value[i].has)
			return p->scn->rec[step->value[i].rec].kind;
	return step->verb->kind;
}

static bool argument(struct parser *p, struct scn_step *step, unsigned i)
{
	const struct scn_arg *arg = &step->verb->arg[i];
	struct scn_value *v = &step->value[i];
	const struct scn_word *w;
	const char *rest;

	if (v->has)
		return fail_at(p, p->line.word[p->at - 1].col, "'%s' stands here twice", arg->key);
	v->has = true;
	if (arg->kind == SCN_FLAG)
		return true;
	if (arg->kind == SCN_FIELDS)
		return fields(p, kind_of(p, step), v);
	w = need(p, arg->words != NULL ? arg->words : "an argument");
	if (w == NULL)
		return false;
	if (w->has_value)
		return fail_at(p, w->col, "a value has no place here");
	switch (arg->kind) {
	case SCN_NODE: return node(p, w, w->text, strlen(w->text), &v->node);
	case SCN_NODES: return nodes(p, w, v);
	case SCN_NEW: return new_rec(p, w, step->verb->kind, v);
	case SCN_REC: return known_rec(p, w, v);
	case SCN_TIME: return duration(p, w, &v->num);
	case SCN_WORD: return one_of(p, w, arg->words, &v->num);
	case SCN_TRACE: return trace_code(p, w, &v->num);
	case SCN_NUM:
		return number(p, w, w->text, INT64_MAX / 2, &v->num, &rest) &&
		    (*rest == '\0' || fail_at(p, w->col, "'%.40s' is not a number", w->text));
	case SCN_FIELDS:
	case SCN_FLAG:
	default: return false;
	}
}

static bool arguments(struct parser *p, struct scn_step *step)
{
	const struct scn_verb *verb = step->verb;
	unsigned i = 0;

	for (; i < SCN_ARGS_MAX && verb->arg[i].kind != 0 && verb->arg[i].key == NULL; i++)
		if (!argument(p, step, i))
			return false;
	for (const struct scn_word *w; (w = peek(p)) != NULL;) {
		unsigned k = i;

		while (k < SCN_ARGS_MAX && verb->arg[k].kind != 0 && !is_plain(w, verb->arg[k].key))
			k++;
		if (k == SCN_ARGS_MAX || verb->arg[k].kind == 0)
			return fail_at(p, w->col, "'%.40s' has no place in '%s'", w->text, verb->name);
		p->at++;
		if (!argument(p, step, k))
			return false;
	}
	return true;
}

static const struct scn_verb *find_verb(struct parser *p)
{
	const struct scn_word *w = need(p, "a verb");
	char name[2 * SCN_NAME_MAX + 2] = "";

	if (w == NULL)
		return NULL;
	snprintf(name, sizeof(name), "%.*s", SCN_NAME_MAX, w->text);
	if (is_plain(w, "expect")) {
		const struct scn_word *what = need(p, "what is expected");

		if (what == NULL)
			return NULL;
		snprintf(name, sizeof(name), "expect %.*s", SCN_NAME_MAX, what->text);
	}
	for (const struct scn_verb *v = verbs; v != NULL; v = v->next)
		if (strcmp(v->name, name) == 0)
			return v;
	fail_at(p, w->col, "nothing is called '%s'", name);
	return NULL;
}

static struct scn_step *add_step(struct parser *p)
{
	struct scn *scn = p->scn;

	if (scn->step_count == SCN_STEPS_MAX) {
		fail_at(p, 1, "more than %d steps", SCN_STEPS_MAX);
		return NULL;
	}
	scn->step[scn->step_count] = (struct scn_step){.line = p->line.number};
	p->runs += p->times;
	if (p->runs > SCN_RUNS_MAX) {
		fail_at(p, 1, "with all repetitions more than %d steps would run", SCN_RUNS_MAX);
		return NULL;
	}
	return &scn->step[scn->step_count++];
}

static bool at_time(struct parser *p, struct scn_step *step)
{
	const struct scn_word *w = peek(p), *time;

	if (!is_plain(w, "at") && !is_plain(w, "after"))
		return true;
	step->is_after = w->text[1] == 'f';
	step->has_at = true;
	p->at++;
	time = need(p, "a time");
	if (time == NULL || !duration(p, time, &step->at_ms))
		return false;
	if (!step->is_after && p->open_count != 0)
		return fail_at(p, w->col, "'at' has no sense inside of 'repeat'; write 'after'");
	if (!step->is_after && step->at_ms < p->last_at_ms)
		return fail_at(p, time->col, "time runs backwards");
	if (!step->is_after)
		p->last_at_ms = step->at_ms;
	return true;
}

static bool repeat(struct parser *p, struct scn_step *step)
{
	const struct scn_word *w = need(p, "how often");
	int64_t times;
	const char *rest;

	if (w == NULL || !number(p, w, w->text, 10000, &times, &rest))
		return false;
	if (times < 1 || *rest != '\0')
		return fail_at(p, w->col, "a number between 1 and 10000 is expected");
	if (p->open_count == SCN_NEST_MAX)
		return fail_at(p, w->col, "'repeat' inside of %d others", SCN_NEST_MAX);
	step->repeat = (unsigned)times;
	if (is_plain(peek(p), "every")) {
		p->at++;
		w = need(p, "a time");
		if (w == NULL || !duration(p, w, &step->every_ms))
			return false;
	}
	p->open[p->open_count++] = (unsigned)(step - p->scn->step);
	p->times *= (uint64_t)times;
	return true;
}

static bool end(struct parser *p, struct scn_step *step, unsigned col)
{
	struct scn_step *begin;

	if (p->open_count == 0)
		return fail_at(p, col, "'end' without 'repeat'");
	begin = &p->scn->step[p->open[--p->open_count]];
	begin->partner = (unsigned)(step - p->scn->step);
	step->partner = (unsigned)(begin - p->scn->step);
	p->times /= begin->repeat;
	return true;
}

static bool step_line(struct parser *p)
{
	struct scn_step *step = add_step(p);
	const struct scn_word *w;

	if (step == NULL || !at_time(p, step))
		return false;
	w = peek(p);
	if (is_plain(w, "repeat") || is_plain(w, "end")) {
		p->at++;
		if (w->text[0] == 'r' ? !repeat(p, step) : !end(p, step, w->col))
			return false;
		w = peek(p);
		return w == NULL || fail_at(p, w->col, "'%.40s' has no place here", w->text);
	}
	step->verb = find_verb(p);
	return step->verb != NULL && arguments(p, step);
}

static bool node_line(struct parser *p)
{
	struct scn *scn = p->scn;
	struct scn_node *n = &scn->node[scn->node_count];
	const struct scn_word *w = need(p, "a name");
	int64_t profile;

	if (w == NULL)
		return false;
	if (scn->step_count != 0)
		return fail_at(p, 1, "all nodes come before the first step");
	if (scn->node_count == SIM_TWIN)
		return fail_at(p, w->col, "more than %d nodes", SIM_TWIN);
	if (!new_name(p, w, n->name))
		return false;
	if (find_node(scn, w->text, strlen(w->text)) != SIM_NONE)
		return fail_at(p, w->col, "two nodes are called '%s'", w->text);
	n->parent = SIM_NONE;
	n->profile = TR_PROFILE_FIBRE;
	for (; (w = peek(p)) != NULL;) {
		bool is_under = is_plain(w, "under");
		const struct scn_word *what;

		p->at++;
		if (!is_under && !is_plain(w, "profile"))
			return fail_at(p, w->col, "'under NODE' or 'profile NAME' is expected here");
		what = need(p, is_under ? "a node" : "a profile");
		if (what == NULL)
			return false;
		if (is_under ? !node(p, what, what->text, strlen(what->text), &n->parent)
			     : !one_of(p, what, "fibre|metered|burst|stick", &profile))
			return false;
		if (!is_under)
			n->profile = (enum tr_profile)(TR_PROFILE_FIBRE + profile);
	}
	if (n->parent != SIM_NONE)
		n->level = scn->node[n->parent].level + 1;
	if (n->level > SCN_LEVEL_MAX)
		return fail_at(p, 1, "more than %d levels below the top", SCN_LEVEL_MAX);
	if ((n->parent == SIM_NONE) != (scn->node_count == 0))
		return fail_at(p, 1, scn->node_count == 0 ? "the first node is the top: it is under nobody" : "'under NODE' is missing");
	scn->node_count++;
	return true;
}

static bool one_line(struct parser *p)
{
	const struct scn_word *w = peek(p);
	int64_t seed;
	const char *rest;

	if (w == NULL)
		return true;
	if (is_plain(w, "node")) {
		p->at++;
		return node_line(p);
	}
	if (is_plain(w, "seed")) {
		p->at++;
		w = need(p, "a number");
		if (w == NULL || !number(p, w, w->text, INT64_MAX / 2, &seed, &rest))
			return false;
		p->scn->seed = (uint64_t)seed;
		return *rest == '\0' || fail_at(p, w->col, "'%.40s' is not a number", w->text);
	}
	if (p->scn->node_count == 0)
		return fail_at(p, w->col, "a scenario begins with its nodes: node NAME [under NODE]");
	return step_line(p);
}

static bool lines(struct parser *p, const char *bytes, size_t size)
{
	size_t at = 0;

	for (unsigned n = 1; at < size; n++) {
		const char *nl = memchr(bytes + at, '\n', size - at);
		size_t len = nl != NULL ? (size_t)(nl - bytes) - at : size - at;

		p->at = 0;
		if (!scn_lex(bytes + at, len, n, &p->line, p->error) || !one_line(p))
			return false;
		at += len + 1;
	}
	if (p->open_count != 0) {
		p->line.number = p->scn->step[p->open[p->open_count - 1]].line;
		return fail_at(p, 1, "'repeat' without 'end'");
	}
	return p->scn->node_count != 0 || fail_at(p, 1, "no nodes");
}

struct scn *scn_parse(const char *name, const char *bytes, size_t size, struct scn_error *error)
{
	struct parser p = {.error = error, .times = 1, .line.number = 1};
	bool good;

	*error = (struct scn_error){0};
	p.scn = calloc(1, sizeof(*p.scn));
	TR_ASSERT(p.scn != NULL);
	p.scn->name = copy_of(name);
	p.scn->step = calloc(SCN_STEPS_MAX, sizeof(*p.scn->step));
	p.scn->field = calloc(SCN_FIELDS_MAX + 1, sizeof(*p.scn->field));
	p.line.word = calloc(SCN_WORDS_MAX, sizeof(*p.line.word));
	TR_ASSERT(p.scn->step != NULL);
	TR_ASSERT(p.scn->field != NULL);
	TR_ASSERT(p.line.word != NULL);
	p.scn->seed = 1;
	good = size <= SCN_BYTES_MAX ? lines(&p, bytes, size) : fail_at(&p, 1, "the file has more than %d bytes", SCN_BYTES_MAX);
	free(p.line.word);
	if (good)
		return p.scn;
	scn_free(p.scn);
	return NULL;
}

struct scn *scn_load(const char *path, struct scn_error *error)
{
	FILE *f = fopen(path, "rb");
	char *bytes;
	size_t size;
	struct scn *scn;

	*error = (struct scn_error){.line = 0};
	if (f == NULL) {
		snprintf(error->text, sizeof(error->text), "cannot be read: %s", strerror(errno));
		return NULL;
	}
	bytes = malloc(SCN_BYTES_MAX + 1);
	TR_ASSERT(bytes != NULL);
	size = fread(bytes, 1, SCN_BYTES_MAX + 1, f);
	fclose(f);
	scn = scn_parse(path, bytes, size, error);
	free(bytes);
	return scn;
}

void scn_free(struct scn *scn)
{
	if (scn == NULL)
		return;
	for (unsigned i = 0; i < scn->text_count; i++)
		free(scn->text[i]);
	free(scn->text);
	free(scn->field);
	free(scn->step);
	free(scn->name);
	free(scn);
}
