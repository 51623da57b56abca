/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/args.h"

#include "admin/fault.h"
#include "admin/mem.h"
#include "admin/text.h"
#include "admin/when.h"
#include "proto/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define WORDS_OF_NAME_MAX 2

static const struct tc_option options[] = {
#define G(name, letter, meta, help) {name, letter, meta, help, true},
#define O(name, letter, meta, help) {name, letter, meta, help, false},
#include "admin/options.def"
#undef G
#undef O
    {NULL, 0, NULL, NULL, false},
};

const struct tc_option *tc_args_options(void)
{
	return options;
}

const struct tc_option *tc_args_option(const char *name, size_t size)
{
	for (const struct tc_option *o = options; o->name != NULL; o++)
		if (strlen(o->name) == size &&
		    memcmp(o->name, name, size) == 0)
			return o;
	return NULL;
}

static const struct tc_option *option_by_letter(char letter)
{
	for (const struct tc_option *o = options; o->name != NULL; o++)
		if (o->letter == letter && letter != 0)
			return o;
	return NULL;
}

bool tc_args_takes(const struct tc_cmd *cmd, const struct tc_option *option)
{
	size_t size = strlen(option->name);

	if (option->is_global)
		return true;
	for (const char *p = cmd->options; *p != '\0';) {
		size_t n = strcspn(p, " ");

		if (n == size && memcmp(p, option->name, n) == 0)
			return true;
		p += n;
		p += strspn(p, " ");
	}
	return false;
}

/* "record show" against {"record", "show", ...}: 2; 0 if it is not that. */
static size_t name_matches(
    const char *name, const char *const *words, size_t count)
{
	size_t used = 0;

	while (*name != '\0') {
		size_t n = strcspn(name, " ");

		if (used == count || strlen(words[used]) != n ||
		    memcmp(words[used], name, n) != 0)
			return 0;
		used++;
		name += n;
		name += strspn(name, " ");
	}
	return used;
}

const struct tc_cmd *tc_args_command(const struct tc_cmd *table,
    const char *const *words, size_t count, size_t *used)
{
	for (const struct tc_cmd *c = table; c->name != NULL; c++) {
		size_t n = name_matches(c->name, words, count);

		if (n > 0) {
			*used = n;
			return c;
		}
	}
	return NULL;
}

void tc_args_arity(const struct tc_cmd *cmd, size_t *least, size_t *most)
{
	*least = 0;
	*most = 0;
	for (const char *p = cmd->words; *p != '\0';) {
		size_t n = strcspn(p, " ");

		if (*p != '[')
			++*least;
		++*most;
		if (memmem(p, n, "...", 3) != NULL)
			*most = SIZE_MAX;
		p += n;
		p += strspn(p, " ");
		if (*most == SIZE_MAX)
			break;
	}
}

/* --- what people mistype --- */

struct near {
	const char *word;
	const char *best;
	size_t distance;
};

static void near_try(struct near *near, const char *candidate)
{
	size_t d = tr_control_distance(near->word, candidate);

	if (d < near->distance) {
		near->distance = d;
		near->best = candidate;
	}
}

static bool near_found(const struct near *near)
{
	return near->best != NULL &&
	       tr_control_is_near(near->distance, strlen(near->word));
}

static int fail_option(const struct tc_cmd *cmd, const char *name, size_t size)
{
	char *word = tc_mem_slice(name, size);
	struct near near = {.word = word, .distance = SIZE_MAX};
	struct tc_fault fault;
	int rc;

	for (const struct tc_option *o = options; o->name != NULL; o++)
		if (cmd == NULL || tc_args_takes(cmd, o))
			near_try(&near, o->name);
	if (cmd == NULL)
		rc = tc_fault_set(
		    &fault, TR_E_USAGE, _("unknown option '--%s'"), word);
	else
		rc = tc_fault_set(&fault, TR_E_USAGE,
		    _("'%s' has no option '--%s'"), cmd->name, word);
	if (near_found(&near))
		tc_fault_hint(&fault, _("Did you mean '--%s'?"), near.best);
	else
		tc_fault_hint(&fault, _("Try: terracectl help%s%s"),
		    cmd != NULL ? " " : "", cmd != NULL ? cmd->name : "");
	tc_fault_print(&fault);
	free(word);
	return rc;
}

/* Verbs of a noun, such as "send, list, status". */
static void hint_verbs(
    struct tc_fault *fault, const struct tc_cmd *table, const char *noun)
{
	size_t size = strlen(noun);
	char list[TC_FAULT_TEXT] = "";
	size_t used = 0;

	for (const struct tc_cmd *c = table; c->name != NULL; c++)
		if (strncmp(c->name, noun, size) == 0 &&
		    c->name[size] == ' ' && used < sizeof(list) - 32)
			used += (size_t)snprintf(list + used,
			    sizeof(list) - used, "%s%s", used > 0 ? ", " : "",
			    c->name + size + 1);
	if (used > 0)
		tc_fault_hint(fault, _("'%s' goes with: %s"), noun, list);
}

static int fail_command(
    const struct tc_cmd *table, const char *const *words, size_t count)
{
	char *two = tc_mem_format("%s%s%s", words[0], count > 1 ? " " : "",
	    count > 1 ? words[1] : "");
	struct near one_word = {.word = words[0], .distance = SIZE_MAX};
	struct near two_words = {.word = two, .distance = SIZE_MAX};
	struct tc_fault fault;
	int rc;

	rc = tc_fault_set(&fault, TR_E_USAGE, _("unknown command '%s'"), two);
	for (const struct tc_cmd *c = table; c->name != NULL; c++) {
		near_try(&two_words, c->name);
		if (strchr(c->name, ' ') == NULL)
			near_try(&one_word, c->name);
	}
	if (near_found(&two_words))
		tc_fault_hint(&fault, _("Did you mean '%s'?"), two_words.best);
	else if (near_found(&one_word))
		tc_fault_hint(&fault, _("Did you mean '%s'?"), one_word.best);
	else
		hint_verbs(&fault, table, words[0]);
	if (fault.hint[0] == '\0')
		tc_fault_hint(&fault, _("Try: %s"), "terracectl help");
	tc_fault_print(&fault);
	free(two);
	return rc;
}

/* --- parsing --- */

static void add_given(
    struct tc_run *run, const struct tc_option *option, const char *value)
{
	run->given = tc_mem_resize(
	    run->given, run->given_count + 1, sizeof(*run->given));
	run->given[run->given_count++] =
	    (struct tc_given){.option = option, .value = value};
}

static int need_value(const char *name)
{
	return tc_fault_say(TR_E_USAGE, _("option '%s' needs a value"), name);
}

static int parse_long(struct tc_run *run, int *i)
{
	const char *text = run->argv[*i] + 2, *equal = strchr(text, '=');
	size_t size = equal != NULL ? (size_t)(equal - text) : strlen(text);
	const struct tc_option *option = tc_args_option(text, size);

	if (option == NULL)
		return fail_option(run->cmd, text, size);
	if (option->meta[0] == '\0') {
		if (equal != NULL)
			return tc_fault_say(TR_E_USAGE,
			    _("option '--%s' takes no value"), option->name);
		add_given(run, option, "");
		return 0;
	}
	if (equal != NULL) {
		add_given(run, option, equal + 1);
	} else if (option->meta[0] == '[') {
		add_given(run, option, "");
	} else {
		if (*i + 1 >= run->argc)
			return need_value(run->argv[*i]);
		add_given(run, option, run->argv[++*i]);
	}
	return 0;
}

static int parse_letters(struct tc_run *run, int *i)
{
	const char *p = run->argv[*i] + 1;

	for (; *p != '\0'; p++) {
		const struct tc_option *option = option_by_letter(*p);

		if (option == NULL)
			return tc_fault_advise(TR_E_USAGE,
			    _("Try: terracectl help"),
			    _("unknown option '-%c'"), *p);
		if (option->meta[0] == '\0') {
			add_given(run, option, "");
			continue;
		}
		if (p[1] != '\0' || option->meta[0] == '[') {
			add_given(run, option, p + 1);
		} else {
			if (*i + 1 >= run->argc)
				return need_value(run->argv[*i]);
			add_given(run, option, run->argv[++*i]);
		}
		return 0;
	}
	return 0;
}

static bool is_raw(const struct tc_run *run)
{
	size_t used;
	const struct tc_cmd *cmd;

	if (run->word_count != 1)
		return false;
	cmd = tc_args_command(run->table, run->words, 1, &used);
	return cmd != NULL && cmd->raw != NULL;
}

static int parse_all(struct tc_run *run)
{
	bool only_words = false;

	for (int i = 1; i < run->argc; i++) {
		const char *arg = run->argv[i];
		int rc = 0;

		if (only_words || arg[0] != '-' || arg[1] == '\0') {
			run->words[run->word_count++] = arg;
			if (is_raw(run)) {
				run->raw_at = i;
				return 0;
			}
		} else if (strcmp(arg, "--") == 0) {
			only_words = true;
		} else if (arg[1] == '-') {
			rc = parse_long(run, &i);
		} else {
			rc = parse_letters(run, &i);
		}
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int take_command(struct tc_run *run)
{
	size_t used = 0;

	if (run->word_count == 0)
		return 0;
	run->cmd = tc_args_command(
	    run->table, run->words, run->word_count, &used);
	if (run->cmd == NULL)
		return fail_command(run->table, run->words, run->word_count);
	memmove(run->words, run->words + used,
	    (run->word_count - used) * sizeof(*run->words));
	run->word_count -= used;
	return 0;
}

static bool format_of(const char *name, enum tc_format *out)
{
	static const char *const names[] = {
	    "table", "plain", "json", "ndjson", "csv"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0) {
			*out = (enum tc_format)i;
			return true;
		}
	return false;
}

/* "-o FILE" of a command that writes a file is its --out. */
static void redirect_output(struct tc_run *run)
{
	const struct tc_option *out = tc_args_option("out", 3);
	enum tc_format format;

	if (run->cmd == NULL || !tc_args_takes(run->cmd, out))
		return;
	for (size_t i = 0; i < run->given_count; i++)
		if (strcmp(run->given[i].option->name, "output") == 0 &&
		    !format_of(run->given[i].value, &format))
			run->given[i].option = out;
}

static int check_given(const struct tc_run *run)
{
	size_t least, most;

	if (run->cmd == NULL)
		return 0;
	for (size_t i = 0; i < run->given_count; i++)
		if (!tc_args_takes(run->cmd, run->given[i].option))
			return fail_option(run->cmd,
			    run->given[i].option->name,
			    strlen(run->given[i].option->name));
	if (run->cmd->raw != NULL || tc_args_has(run, "help"))
		return 0;
	tc_args_arity(run->cmd, &least, &most);
	if (run->word_count < least || run->word_count > most) {
		struct tc_fault fault;

		if (run->word_count < least)
			tc_fault_set(&fault, TR_E_USAGE,
			    _("'%s' needs: %s"), run->cmd->name,
			    run->cmd->words);
		else
			tc_fault_set(&fault, TR_E_USAGE,
			    _("'%s' takes no '%s'"), run->cmd->name,
			    run->words[most]);
		tc_fault_hint(
		    &fault, _("Try: terracectl help %s"), run->cmd->name);
		return tc_fault_print(&fault);
	}
	return 0;
}

static bool wants_color(const char *when)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (when != NULL && strcmp(when, "always") == 0)
		return true;
	if (when != NULL && strcmp(when, "never") == 0)
		return false;
	return isatty(STDOUT_FILENO) && !(no != NULL && no[0] != '\0') &&
	       term != NULL && strcmp(term, "dumb") != 0;
}

static int bad_value(const char *option, const char *value)
{
	return tc_fault_say(TR_E_USAGE,
	    _("'%s' is no value for the option '--%s'"), value, option);
}

static int take_globals(struct tc_run *run)
{
	const char *value = tc_args_get(run, "output");
	int64_t seconds;

	if (value != NULL && !format_of(value, &run->format))
		return tc_fault_advise(TR_E_USAGE,
		    _("It is one of: table, plain, json, ndjson, csv"),
		    _("'%s' is no value for the option '--%s'"), value,
		    "output");
	if (tc_args_has(run, "json"))
		run->format = TC_FORMAT_JSON;
	value = tc_args_get(run, "watch");
	if (value != NULL) {
		char *end = NULL;

		run->watch_s = value[0] == '\0' ? 2 : strtod(value, &end);
		if ((end != NULL && *end != '\0') || !(run->watch_s >= 0.1) ||
		    run->watch_s > 86400)
			return bad_value("watch", value);
	}
	value = tc_args_get(run, "timeout");
	if (value != NULL) {
		if (!tc_when_duration(value, &seconds) || seconds == 0)
			return bad_value("timeout", value);
		run->timeout_ms = seconds * 1000;
	}
	value = tc_args_get(run, "color");
	if (value != NULL && strcmp(value, "auto") != 0 &&
	    strcmp(value, "always") != 0 && strcmp(value, "never") != 0)
		return bad_value("color", value);
	run->has_color = wants_color(value);
	run->is_quiet = tc_args_has(run, "quiet");
	run->is_verbose = tc_args_has(run, "verbose");
	run->is_utc = tc_args_has(run, "utc");
	run->may_ask = !tc_args_has(run, "no-input") && isatty(STDIN_FILENO);
	run->may_page = !tc_args_has(run, "no-pager");
	return 0;
}

const char *tc_args_lang(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--lang=", 7) == 0)
			return argv[i] + 7;
		if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
			return argv[i + 1];
		if (strcmp(argv[i], "--") == 0)
			break;
	}
	return NULL;
}

int tc_args_parse(
    struct tc_run *run, const struct tc_cmd *table, int argc, char **argv)
{
	int rc;

	memset(run, 0, sizeof(*run));
	run->table = table;
	run->argc = argc;
	run->argv = argv;
	run->words = tc_mem_alloc((size_t)argc + 1, sizeof(*run->words));
	rc = parse_all(run);
	if (rc == 0)
		rc = take_command(run);
	if (rc != 0)
		return rc;
	redirect_output(run);
	rc = check_given(run);
	return rc != 0 ? rc : take_globals(run);
}

void tc_args_fini(struct tc_run *run)
{
	free(run->words);
	free(run->given);
}

const char *tc_args_nth(const struct tc_run *run, const char *name, size_t index)
{
	for (size_t i = 0; i < run->given_count; i++)
		if (strcmp(run->given[i].option->name, name) == 0 &&
		    index-- == 0)
			return run->given[i].value;
	return NULL;
}

const char *tc_args_get(const struct tc_run *run, const char *name)
{
	for (size_t i = run->given_count; i > 0; i--)
		if (strcmp(run->given[i - 1].option->name, name) == 0)
			return run->given[i - 1].value;
	return NULL;
}

bool tc_args_has(const struct tc_run *run, const char *name)
{
	return tc_args_get(run, name) != NULL;
}

const char *tc_args_word(const struct tc_run *run, size_t index)
{
	return index < run->word_count ? run->words[index] : NULL;
}
