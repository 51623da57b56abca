/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/policy_file.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/conf_int.h"
#include "proto/err.h"

#define WORDS_MAX 80

static const char *const sections[] = {"merge", "notify", "ranks"};
static const char *const kinds[] = {"case", "staff", "directive"};
static const char *const choices[] = {"auth", "ground", "flow", "lww", "ask"};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct reading {
	struct conf_load load;
	const struct conf_source *source;
	struct rep_policy_doc *doc;
	unsigned rule_line[TR_POLICY_RULES_MAX];
	bool has_merge[TR_POLICY_RULES_MAX];
};

#define KEY(r, l)   &(r)->load, (r)->source, (l)->key_line, (l)->key_column, (l)->key_width
#define VALUE(r, l) &(r)->load, (r)->source, (l)->line, (l)->column, (l)->width
/* Where the name of a field stands: in `notify` it is the value. */
#define NAME(r, l)  &(r)->load, (r)->source, (l)->is_item ? (l)->line : (l)->key_line, \
	(l)->is_item ? (l)->column : (l)->key_column, (l)->is_item ? (l)->width : (l)->key_width

static void unknown(struct reading *r, const struct conf_leaf *l, const char *what, const char *word,
    const char *const *words, size_t count)
{
	const char *near = td_conf_nearest(word, words, count);

	if (near != NULL)
		td_conf_problem_at(NAME(r, l), "unknown %s '%s'; did you mean '%s'?", what, word, near);
	else
		td_conf_problem_at(NAME(r, l), "unknown %s '%s'", what, word);
}

/* "case.title" -> kind and the rest; 0 if it was reported. */
static uint8_t split(struct reading *r, const struct conf_leaf *l, const char *name, const char **rest)
{
	const char *dot = strchr(name, '.');
	char word[32];
	uint8_t kind;

	if (dot == NULL || dot[1] == '\0') {
		td_conf_problem_at(NAME(r, l), "a name such as case.title is expected, not '%s'", name);
		return 0;
	}
	snprintf(word, sizeof(word), "%.*s", (int)(dot - name), name);
	kind = rep_schema_kind(word, strlen(word));
	if (kind == 0 || kind >= REP_POLICY_KINDS) {
		unknown(r, l, "kind of record", word, kinds, COUNT(kinds));
		return 0;
	}
	*rest = dot + 1;
	return kind;
}

static const struct rep_field *field_of(struct reading *r, const struct conf_leaf *l, const char *name)
{
	const char *rest, *words[WORDS_MAX];
	uint8_t kind = split(r, l, name, &rest);
	const struct rep_field *field, *f;
	size_t count = 0;

	if (kind == 0)
		return NULL;
	field = rep_schema_by_name(kind, rest, strlen(rest));
	for (size_t i = 0; field == NULL && count < WORDS_MAX && (f = rep_schema_at(kind, i)) != NULL; i++)
		words[count++] = f->name;
	if (field == NULL)
		unknown(r, l, "field", rest, words, count);
	return field;
}

/* The rule of the field's group, made if there is none; NULL if it was reported. */
static struct rep_policy_rule *rule_of(struct reading *r, const struct conf_leaf *l, const struct rep_field *field,
    size_t *index)
{
	struct rep_policy_doc *doc = r->doc;
	struct rep_policy_rule rule = {.kind = field->kind, .field = field->id};

	if (rep_policy_rule_why(&rule) != REP_POLICY_FINE) {
		td_conf_problem_at(NAME(r, l), "%s.%s is not a value to choose from: it is merged as '%s'",
		    rep_schema_kind_name(field->kind), field->name, rep_policy_merge_name(field->merge));
		return NULL;
	}
	for (size_t i = 0; i < doc->rule_count; i++) {
		*index = i;
		if (doc->rule[i].kind == field->kind &&
		    rep_schema_field(field->kind, (uint16_t)doc->rule[i].field)->group_id == field->group_id)
			return &doc->rule[i];
	}
	if (doc->rule_count == TR_POLICY_RULES_MAX) {
		td_conf_problem_at(NAME(r, l), "more than %d fields", TR_POLICY_RULES_MAX);
		return NULL;
	}
	*index = doc->rule_count++;
	doc->rule[*index] = rule;
	return &doc->rule[*index];
}

static void take_merge(struct reading *r, const struct conf_leaf *l, const char *name)
{
	enum rep_merge_kind merge = rep_policy_merge_of(l->text, strlen(l->text));
	const struct rep_field *field = field_of(r, l, name);
	struct rep_policy_rule *rule, wanted;
	const char *near;
	size_t i;

	rule = field != NULL ? rule_of(r, l, field, &i) : NULL;
	if (rule == NULL)
		return;
	if (r->has_merge[i]) {
		td_conf_problem_at(KEY(r, l), "%s.%s is in one group with what line %u names (%s): one rule is for all",
		    rep_schema_kind_name(field->kind), field->name, r->rule_line[i], field->group);
		return;
	}
	wanted = (struct rep_policy_rule){.kind = field->kind, .field = field->id, .merge = merge};
	near = td_conf_nearest(l->text, choices, COUNT(choices));
	switch (merge != 0 ? rep_policy_rule_why(&wanted) : REP_POLICY_MERGE) {
	case REP_POLICY_FINE:
		rule->merge = merge;
		r->has_merge[i] = true;
		r->rule_line[i] = l->key_line;
		return;
	case REP_POLICY_NOT_FLOW:
		td_conf_problem_at(VALUE(r, l), "'flow' goes by the rank of a status, and %s.%s is none",
		    rep_schema_kind_name(field->kind), field->name);
		return;
	default:
		td_conf_problem_at(VALUE(r, l), "'%.40s' is none of auth, ground, flow, lww, ask%s%s%s", l->text,
		    near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
		return;
	}
}

static void take_notify(struct reading *r, const struct conf_leaf *l)
{
	const struct rep_field *field = field_of(r, l, l->text);
	struct rep_policy_rule *rule;
	size_t i;

	rule = field != NULL ? rule_of(r, l, field, &i) : NULL;
	if (rule != NULL && rule->notify)
		td_conf_problem_at(NAME(r, l), "'%s' is here twice", l->text);
	else if (rule != NULL)
		rule->notify = true;
}

static bool read_rank(const char *text, uint32_t *out)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	*out = (uint32_t)n;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && n >= 1 && n <= TR_POLICY_RANK_MAX;
}

static void take_rank(struct reading *r, const struct conf_leaf *l, const char *name)
{
	struct rep_policy_doc *doc = r->doc;
	struct rep_policy_rank rank = {0};
	const char *rest, *words[REP_POLICY_STATUSES];
	uint8_t kind = split(r, l, name, &rest);
	const struct rep_field *field = kind != 0 ? rep_schema_by_name(kind, "status", 6) : NULL;
	size_t count = 0;

	if (kind == 0)
		return;
	if (field == NULL) {
		td_conf_problem_at(KEY(r, l), "a %s has no status", rep_schema_kind_name(kind));
		return;
	}
	rank.kind = kind;
	rank.status = (uint32_t)rep_schema_value(field, rest, strlen(rest));
	if (rank.status == 0 || rep_policy_rank_why(&(struct rep_policy_rank){kind, rank.status, 1}) != REP_POLICY_FINE) {
		for (int64_t v = 1; v < (int64_t)REP_POLICY_STATUSES && rep_schema_value_name(field, v) != NULL; v++)
			words[count++] = rep_schema_value_name(field, v);
		unknown(r, l, "status", rest, words, count);
		return;
	}
	if (!read_rank(l->text, &rank.rank)) {
		td_conf_problem_at(VALUE(r, l), "a rank is a number from 1 to %d", TR_POLICY_RANK_MAX);
		return;
	}
	for (size_t i = 0; i < doc->rank_count; i++)
		if (doc->rank[i].kind == rank.kind && doc->rank[i].status == rank.status) {
			td_conf_problem_at(KEY(r, l), "'%s' is here twice", name);
			return;
		}
	/* Fewer statuses than room: each is taken once. */
	TR_ASSERT(doc->rank_count < TR_POLICY_RANKS_MAX);
	doc->rank[doc->rank_count++] = rank;
}

static void leaf(void *arg, const struct conf_leaf *l)
{
	struct reading *r = arg;
	const char *dot = strchr(l->path, '.');
	char section[32];

	snprintf(section, sizeof(section), "%.*s", dot != NULL ? (int)(dot - l->path) : 31, l->path);
	if (strcmp(section, "notify") == 0) {
		if (l->is_item && dot == NULL)
			take_notify(r, l);
		else if (l->text[0] != '\0' || dot != NULL)
			td_conf_problem_at(KEY(r, l), "'notify' is a list, such as [case.priority]");
		return;
	}
	if (strcmp(section, "merge") != 0 && strcmp(section, "ranks") != 0) {
		const char *near = td_conf_nearest(section, sections, COUNT(sections));

		td_conf_problem_at(KEY(r, l), "unknown key '%s'%s%s%s", section, near != NULL ? "; did you mean '" : "",
		    near != NULL ? near : "", near != NULL ? "'?" : "");
		return;
	}
	if (dot == NULL && l->text[0] == '\0' && !l->is_item)
		return; /* "merge:" with nothing behind it */
	if (dot == NULL || l->is_item)
		td_conf_problem_at(KEY(r, l), "'%s' is a group of keys, not a value", section);
	else if (strcmp(section, "merge") == 0)
		take_merge(r, l, dot + 1);
	else
		take_rank(r, l, dot + 1);
}

int td_policy_file_read(const char *file, const char *text, size_t size, FILE *errors, struct rep_policy_doc *out)
{
	const struct conf_source source = {.file = file, .text = text, .size = size};
	struct reading r = {.load = {.errors = errors}, .source = &source, .doc = out};

	memset(out, 0, sizeof(*out));
	td_conf_leaves(&r.load, &source, leaf, &r);
	return r.load.problems == 0 ? 0 : TR_E_INPUT;
}
