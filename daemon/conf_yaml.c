/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One YAML file -> settings.  The only file that knows libfyaml.
 *
 * The library's own messages stop at the first fault of meaning, so it only
 * parses; keys, types and repetitions are checked here, all in one pass.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <libfyaml.h>
#include <unistr.h>
#include <uniwidth.h>

#include "daemon/conf_int.h"

#define FILE_MAX (1024u * 1024)
#define PAIRS_MAX 256
#define PATH_TEXT_MAX 200

/* Words of the reference that later versions have; better named than "unknown". */
static const char *const later[] = {
    "sinks", "web", "ingest.spool", "links.upstream.rate", "links.upstream.per_day",
    "links.upstream.per_month", "links.upstream.windows", "links.upstream.fetch",
};
/* Keys that hold other keys. */
static const char *const sections[] = {
    "node", "links", "links.upstream", "store", "control", "status", "ingest", "log", "alerts",
};
static const char wide_colon[] = "the full-width colon '\xef\xbc\x9a' is no colon here; write ': '";
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* -------------------------------------------------------------------- messages */

/* Start of a line, counted from 1; its length without the line's end. */
static const char *line_of(const struct conf_source *source, unsigned line, size_t *size)
{
	const char *p = source->text, *end = source->text + source->size, *nl;

	while (--line > 0) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			return NULL;
		p = nl + 1;
	}
	nl = memchr(p, '\n', (size_t)(end - p));
	*size = (size_t)((nl != NULL ? nl : end) - p);
	if (*size > 0 && p[*size - 1] == '\r')
		(*size)--;
	return p;
}

/* Bytes of the first `count` characters of a line. */
static size_t bytes_of(const char *line, size_t size, unsigned count)
{
	size_t n = 0;

	while (n < size && count > 0) {
		n++;
		while (n < size && ((unsigned char)line[n] & 0xc0) == 0x80)
			n++;
		count--;
	}
	return n;
}

static void show_line(struct conf_load *load, const struct conf_source *source,
    unsigned line, unsigned column, unsigned width)
{
	const char *text;
	size_t size, before, marked;
	int pad, carets;

	text = line_of(source, line, &size);
	if (text == NULL || size > 400)
		return;
	before = bytes_of(text, size, column - 1);
	marked = bytes_of(text + before, size - before, width);
	pad = u8_width((const uint8_t *)text, before, "UTF-8");
	carets = u8_width((const uint8_t *)text + before, marked, "UTF-8");
	fprintf(load->errors, "%.*s\n%*s^", (int)size, text, pad, "");
	for (int i = 1; i < carets; i++)
		fputc('~', load->errors);
	fputc('\n', load->errors);
}

void td_conf_problem_at(struct conf_load *load, const struct conf_source *source,
    unsigned line, unsigned column, unsigned width, const char *fmt, ...)
{
	va_list ap;

	load->problems++;
	fprintf(load->errors, "%s:%u:%u: error: ", source->file, line, column);
	va_start(ap, fmt);
	vfprintf(load->errors, fmt, ap);
	va_end(ap);
	fputc('\n', load->errors);
	show_line(load, source, line, column, width);
}

void td_conf_problem(struct conf_load *load, const char *where, const char *fmt, ...)
{
	va_list ap;

	load->problems++;
	fprintf(load->errors, "%s: error: ", where);
	va_start(ap, fmt);
	vfprintf(load->errors, fmt, ap);
	va_end(ap);
	fputc('\n', load->errors);
}

/* People with a Chinese keyboard type it; YAML takes it for a letter. */
static bool has_wide_colon(const struct conf_source *source, unsigned line)
{
	size_t size;
	const char *text = line_of(source, line, &size);

	return text != NULL && memmem(text, size, "\xef\xbc\x9a", 3) != NULL;
}

/* ------------------------------------------------------------------- the tree */

typedef void leaf_fn(void *arg, const struct conf_leaf *leaf);

struct walk {
	struct conf_load *load;
	const struct conf_source *source;
	leaf_fn *leaf; /* td_conf_leaves(); NULL: settings */
	void *arg;
};

struct place {
	unsigned line, column, width;
};

static struct place place_of(struct fy_node *node)
{
	struct fy_token *token = fy_node_get_scalar_token(node);
	const struct fy_mark *mark = token != NULL ? fy_token_start_mark(token) : NULL;
	struct place place = {1, 1, 1};
	const char *text;
	size_t size;

	if (mark == NULL)
		return place;
	place.line = (unsigned)mark->line + 1;
	place.column = (unsigned)mark->column + 1;
	text = fy_node_get_scalar(node, &size);
	if (text != NULL)
		place.width = (unsigned)u8_mbsnlen((const uint8_t *)text, size);
	if (place.width == 0)
		place.width = 1;
	return place;
}

#define AT(walk, place) (walk)->load, (walk)->source, (place).line, (place).column, (place).width

static bool in_list(const char *word, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, list[i]) == 0)
			return true;
	return false;
}

static int key_find(const char *path)
{
	for (int i = 0; i < CONF_KEYS; i++)
		if (strcmp(path, td_conf_keys[i].path) == 0)
			return i;
	return -1;
}

/* Adds the last word of `path` to the list if it stands right below `prefix`. */
static size_t sibling(const char *prefix, const char *path, const char **out)
{
	size_t n = strlen(prefix);

	if (strncmp(path, prefix, n) != 0 || strchr(path + n, '.') != NULL)
		return 0;
	*out = path + n;
	return 1;
}

static void unknown(struct walk *walk, struct place at, const char *path, size_t prefix)
{
	const char *words[CONF_KEYS + COUNT(sections)], *near, *word = path + prefix;
	char before[PATH_TEXT_MAX];
	size_t count = 0;

	snprintf(before, sizeof(before), "%.*s", (int)prefix, path);
	for (int i = 0; i < CONF_KEYS; i++)
		count += sibling(before, td_conf_keys[i].path, &words[count]);
	for (size_t i = 0; i < COUNT(sections); i++)
		count += sibling(before, sections[i], &words[count]);
	near = td_conf_nearest(word, words, count);
	if (in_list(path, later, COUNT(later)))
		td_conf_problem_at(AT(walk, at), "'%s' is not in this version", path);
	else if (has_wide_colon(walk->source, at.line))
		td_conf_problem_at(AT(walk, at), "%s", wide_colon);
	else if (near != NULL)
		td_conf_problem_at(AT(walk, at), "unknown key '%s'; did you mean '%s'?", word, near);
	else if (strcmp(before, "links.") == 0)
		td_conf_problem_at(AT(walk, at),
		    "unknown key '%s'; only 'upstream' is set here, a child decides about its own link", word);
	else
		td_conf_problem_at(AT(walk, at), "unknown key '%s'", word);
}

static bool is_null(struct fy_node *node, const char *text, size_t size)
{
	struct fy_token *token = fy_node_get_scalar_token(node);

	if (token != NULL && fy_token_scalar_style(token) != FYSS_PLAIN)
		return false;
	return size == 0 || (size == 1 && text[0] == '~') || (size == 4 && memcmp(text, "null", 4) == 0);
}

static void set_scalar(struct walk *walk, int key, struct fy_node *value, struct place at_key)
{
	char origin[PATH_TEXT_MAX + 4096], why[400], *copy;
	struct place at = at_key;
	const char *text, *bad;
	size_t size = 0;

	if (fy_node_get_type(value) != FYNT_SCALAR || fy_node_is_alias(value)) {
		td_conf_problem_at(AT(walk, at), "'%s' takes one value, not %s", td_conf_keys[key].path,
		    fy_node_is_sequence(value) ? "a list" : fy_node_is_mapping(value) ? "a group of keys" : "an alias");
		return;
	}
	text = fy_node_get_scalar(value, &size);
	if (text == NULL || is_null(value, text, size))
		return; /* "key:" with nothing behind it leaves what was there */
	at = place_of(value);
	if (memchr(text, '\0', size) != NULL) {
		td_conf_problem_at(AT(walk, at), "a NUL character in the value");
		return;
	}
	copy = strndup(text, size);
	snprintf(origin, sizeof(origin), "%s:%u", walk->source->file, at.line);
	bad = copy == NULL ? "out of memory" :
	    td_conf_set(walk->load, (enum conf_key_id)key, copy, origin, why, sizeof(why));
	if (bad != NULL)
		td_conf_problem_at(AT(walk, at), "%s", bad);
	free(copy);
}

static void mapping(struct walk *walk, struct fy_node *map, const char *prefix);

static void set_section(struct walk *walk, const char *path, struct fy_node *value, struct place at)
{
	char prefix[PATH_TEXT_MAX + 2];
	const char *text;
	size_t size = 0;

	if (value == NULL)
		return;
	text = fy_node_get_scalar(value, &size);
	if (text != NULL && !fy_node_is_alias(value) && is_null(value, text, size))
		return;
	if (text != NULL && has_wide_colon(walk->source, place_of(value).line)) {
		at = place_of(value);
		td_conf_problem_at(AT(walk, at), "%s", wide_colon);
		return;
	}
	if (!fy_node_is_mapping(value)) {
		td_conf_problem_at(AT(walk, at), "'%s' is a group of keys, not a value", path);
		return;
	}
	snprintf(prefix, sizeof(prefix), "%s.", path);
	mapping(walk, value, prefix);
}

/* One "key: value".  The sections nest two deep, so does the recursion. */
static void pair(struct walk *walk, struct fy_node *key, struct fy_node *value, const char *prefix)
{
	char path[PATH_TEXT_MAX];
	struct place at = place_of(key);
	const char *text;
	size_t size = 0;
	int id;

	text = fy_node_get_scalar(key, &size);
	if (text == NULL || fy_node_is_alias(key) || size == 0 || size > 64 || memchr(text, '\0', size) != NULL) {
		td_conf_problem_at(AT(walk, at), "this is no key");
		return;
	}
	snprintf(path, sizeof(path), "%s%.*s", prefix, (int)size, text);
	id = key_find(path);
	if (id >= 0 && value != NULL)
		set_scalar(walk, id, value, at);
	else if (in_list(path, sections, COUNT(sections)))
		set_section(walk, path, value, at);
	else if (id < 0)
		unknown(walk, at, path, strlen(prefix));
}

/* ----------------------------------------------------------- any other text */

static void give_leaf(struct walk *walk, struct fy_node *value, const char *path, struct place key, bool is_item)
{
	struct place at = value != NULL ? place_of(value) : key;
	size_t size = 0;
	const char *text = value != NULL ? fy_node_get_scalar(value, &size) : NULL;
	char *copy;

	if ((value != NULL && fy_node_is_alias(value)) || (text != NULL && memchr(text, '\0', size) != NULL)) {
		td_conf_problem_at(AT(walk, at), "this is no value");
		return;
	}
	copy = text != NULL && !is_null(value, text, size) ? strndup(text, size) : strdup("");
	if (copy == NULL) {
		td_conf_problem_at(AT(walk, at), "out of memory");
		return;
	}
	walk->leaf(walk->arg, &(struct conf_leaf){.path = path, .text = copy, .is_item = is_item,
	    .key_line = key.line, .key_column = key.column, .key_width = key.width,
	    .line = at.line, .column = at.column, .width = at.width});
	free(copy);
}

static void give_list(struct walk *walk, struct fy_node *list, const char *path, struct place key)
{
	struct fy_node *item;
	void *it = NULL;

	while ((item = fy_node_sequence_iterate(list, &it)) != NULL) {
		if (fy_node_get_type(item) == FYNT_SCALAR)
			give_leaf(walk, item, path, key, true);
		else
			td_conf_problem_at(AT(walk, key), "'%s' is a list of words", path);
	}
}

static void leaf_pair(struct walk *walk, struct fy_node *key, struct fy_node *value, const char *prefix)
{
	char path[PATH_TEXT_MAX];
	struct place at = place_of(key);
	size_t size = 0;
	const char *text = fy_node_get_scalar(key, &size);

	if (text == NULL || fy_node_is_alias(key) || size == 0 || size > 64 || memchr(text, '\0', size) != NULL ||
	    strlen(prefix) + size + 2 > sizeof(path)) {
		td_conf_problem_at(AT(walk, at), "this is no key");
		return;
	}
	if (value != NULL && fy_node_is_mapping(value) && !fy_node_is_alias(value)) {
		snprintf(path, sizeof(path), "%s%.*s.", prefix, (int)size, text);
		mapping(walk, value, path); /* so long a path, and no deeper */
		return;
	}
	snprintf(path, sizeof(path), "%s%.*s", prefix, (int)size, text);
	if (value != NULL && fy_node_is_sequence(value) && !fy_node_is_alias(value))
		give_list(walk, value, path, at);
	else
		give_leaf(walk, value, path, at, false);
}

static bool same_text(struct fy_node *a, struct fy_node *b)
{
	size_t m = 0, n = 0;
	const char *x = fy_node_get_scalar(a, &m), *y = fy_node_get_scalar(b, &n);

	return x != NULL && y != NULL && m == n && memcmp(x, y, m) == 0;
}

static void mapping(struct walk *walk, struct fy_node *map, const char *prefix)
{
	struct fy_node *keys[PAIRS_MAX];
	struct fy_node_pair *p;
	size_t count = 0;
	void *it = NULL;

	while ((p = fy_node_mapping_iterate(map, &it)) != NULL) {
		struct fy_node *key = fy_node_pair_key(p), *twin = NULL;
		struct place at = place_of(key);

		for (size_t i = 0; i < count && twin == NULL; i++)
			twin = same_text(keys[i], key) ? keys[i] : NULL;
		if (twin != NULL) {
			size_t size = 0;
			const char *text = fy_node_get_scalar(key, &size);

			td_conf_problem_at(AT(walk, at), "'%.*s' is here twice; first in line %u",
			    (int)size, text, place_of(twin).line);
			continue;
		}
		if (count == PAIRS_MAX) {
			td_conf_problem_at(AT(walk, at), "too many keys");
			return;
		}
		keys[count++] = key;
		if (walk->leaf != NULL)
			leaf_pair(walk, key, fy_node_pair_value(p), prefix);
		else
			pair(walk, key, fy_node_pair_value(p), prefix);
	}
}

/* ------------------------------------------------------------------- the file */

static void syntax(struct conf_load *load, const struct conf_source *source, struct fy_diag *diag)
{
	struct fy_diag_error *error;
	bool any = false;
	void *it = NULL;

	while ((error = fy_diag_errors_iterate(diag, &it)) != NULL && !any) {
		unsigned line = error->line > 0 ? (unsigned)error->line : 1;
		unsigned column = error->column > 0 ? (unsigned)error->column : 1;

		any = true; /* what follows the first is its echo */
		td_conf_problem_at(load, source, line, column, 1, "%s%s%s", error->msg,
		    has_wide_colon(source, line) ? "; " : "", has_wide_colon(source, line) ? wide_colon : "");
	}
	if (!any)
		td_conf_problem(load, source->file, "this is not YAML");
}

/* The library has no document then and cannot say why. */
static bool only_remarks(const struct conf_source *source)
{
	const char *p = source->text, *end = source->text + source->size;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		p += strspn(p, " \t\r");
		if (p < end && *p != '#' && *p != '\n')
			return false;
		p = nl != NULL ? nl + 1 : end;
	}
	return true;
}

static void parse(struct conf_load *load, const struct conf_source *source, leaf_fn *leaf, void *arg)
{
	struct fy_diag_cfg diag_cfg;
	struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_ALLOW_DUPLICATE_KEYS};
	struct walk walk = {load, source, leaf, arg};
	struct fy_document *doc;
	struct fy_node *root;

	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	diag_cfg.colorize = false;
	cfg.diag = fy_diag_create(&diag_cfg);
	if (cfg.diag == NULL) {
		td_conf_problem(load, source->file, "out of memory");
		return;
	}
	fy_diag_set_collect_errors(cfg.diag, true);
	doc = fy_document_build_from_string(&cfg, source->text, source->size);
	root = doc != NULL ? fy_document_root(doc) : NULL;
	if (doc == NULL)
		syntax(load, source, cfg.diag);
	else if (root != NULL && !fy_node_is_mapping(root))
		td_conf_problem_at(load, source, 1, 1, 1, "'key: value' lines are expected%s%s",
		    has_wide_colon(source, 1) ? "; " : "", has_wide_colon(source, 1) ? wide_colon : "");
	else if (root != NULL)
		mapping(&walk, root, "");
	fy_document_destroy(doc);
	fy_diag_destroy(cfg.diag);
}

/* GBK would pass the parser and end in every listing. */
static bool text_ok(struct conf_load *load, const struct conf_source *source)
{
	const uint8_t *bad = u8_check((const uint8_t *)source->text, source->size);
	unsigned line = 1;

	if (bad == NULL)
		bad = memchr(source->text, '\0', source->size);
	if (bad == NULL)
		return true;
	for (const char *p = source->text; p < (const char *)bad; p++)
		line += *p == '\n';
	load->problems++;
	fprintf(load->errors, "%s:%u: error: this line is not UTF-8; is the file GBK? "
	    "(iconv -f GBK -t UTF-8)\n", source->file, line);
	return false;
}

void td_conf_leaves(struct conf_load *load, const struct conf_source *source, leaf_fn *leaf, void *arg)
{
	if (text_ok(load, source) && !only_remarks(source))
		parse(load, source, leaf, arg);
}

void td_conf_yaml(struct conf_load *load, const char *file)
{
	struct conf_source source = {.file = file};
	FILE *in = fopen(file, "re");
	char *text = NULL;

	if (in == NULL) {
		td_conf_problem(load, file, "%s", strerror(errno));
		return;
	}
	text = malloc(FILE_MAX + 2);
	if (text != NULL)
		source.size = fread(text, 1, FILE_MAX + 1, in);
	source.text = text;
	if (text != NULL)
		text[source.size] = '\0';
	if (text == NULL)
		td_conf_problem(load, file, "out of memory");
	else if (ferror(in))
		td_conf_problem(load, file, "%s", strerror(errno));
	else if (source.size > FILE_MAX)
		td_conf_problem(load, file, "larger than 1 MiB; this is not a configuration");
	else if (text_ok(load, &source) && !only_remarks(&source))
		parse(load, &source, NULL, NULL);
	free(text);
	fclose(in);
}
