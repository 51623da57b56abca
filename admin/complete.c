/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/complete.h"

#include "admin/call.h"
#include "admin/mem.h"
#include "admin/text.h"
#include "admin/verbs.h"
#include "admin/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MS 150
#define EXIT_FILES 65

struct ask {
	const char *prefix;
	const char *socket, *dir; /* of the words before the cursor */
};

static void offer(const struct ask *ask, const char *word)
{
	if (strncmp(word, ask->prefix, strlen(ask->prefix)) == 0)
		puts(word);
}

static void offer_list(const struct ask *ask, const char *words)
{
	while (*words != '\0') {
		size_t size = strcspn(words, " ");
		char *word = tc_mem_slice(words, size);

		offer(ask, word);
		free(word);
		words += size;
		words += strspn(words, " ");
	}
}

/* Members `key` of the list, and the last part of paths. */
static void offer_live(const struct ask *ask, const char *cmd, const char *list,
    const char *key)
{
	struct tc_conn *conn;
	struct tc_where where;
	struct tc_fault fault;
	json_t *data = NULL;

	if (tc_conn_where(&where, ask->socket, ask->dir, &fault) != 0 ||
	    tc_conn_open(&conn, &where, true, ANSWER_MS, &fault) != 0)
		return;
	if (tc_call_once(conn, cmd, NULL, &data, &fault) == 0) {
		const json_t *rows = json_object_get(data, list);

		for (size_t i = 0; i < json_array_size(rows); i++) {
			char *word = tc_text_clean(
			    tc_view_text(json_array_get(rows, i), key));

			offer(ask, word);
			if (strchr(word, '/') != NULL)
				offer(ask, tc_view_tail(word));
			free(word);
		}
	}
	json_decref(data);
	tc_conn_close(conn);
}

static int offer_argument(const struct ask *ask, const char *kind, size_t size)
{
	char *name = tc_mem_slice(kind, size);
	int rc = 0;

	if (strstr(name, "FILE") != NULL || strstr(name, "DIR") == name ||
	    strcmp(name, "SOCKET") == 0)
		rc = EXIT_FILES;
	if (strstr(name, "DIRECTIVE") != NULL) {
		rc = 0;
		offer_live(ask, "directive list", "directives", "id");
	} else if (strstr(name, "PEER") != NULL) {
		offer_live(ask, "peers", "peers", "unit");
	} else if (strstr(name, "UNIT") != NULL) {
		offer_live(ask, "tree", "units", "unit");
	} else if (strcmp(name, "[ID]") == 0) {
		offer_live(ask, "conflicts", "conflicts", "id");
	} else if (strcmp(name, "ID") == 0) {
		offer_live(ask, "conflicts", "conflicts", "id");
		offer_live(ask, "record list", "records", "id");
	} else if (strcmp(name, "WHAT") == 0) {
		offer_list(ask, "synced idle");
	} else if (strcmp(name, "LEVEL") == 0) {
		offer_list(ask, "error warn notice info debug");
	} else if (strcmp(name, "SHELL") == 0) {
		offer_list(ask, "bash zsh fish");
	} else if (strcmp(name, "FORMAT") == 0) {
		offer_list(ask, "table plain json ndjson csv");
	} else if (strcmp(name, "WHEN") == 0) {
		offer_list(ask, "auto always never");
	} else if (strcmp(name, "KIND") == 0) {
		offer_list(ask, "case staff directive");
	} else if (strcmp(name, "MAP") == 0) {
		offer_list(ask, "311 311-events");
		rc = EXIT_FILES;
	} else if (strcmp(name, "LANG") == 0) {
		offer_list(ask, "en zh_CN");
	}
	free(name);
	return rc;
}

static int offer_options(const struct ask *ask, const struct tc_cmd *cmd)
{
	for (const struct tc_option *o = tc_args_options(); o->name != NULL;
	     o++) {
		char *word;

		if (cmd == NULL ? !o->is_global : !tc_args_takes(cmd, o))
			continue;
		word = tc_mem_format("--%s", o->name);
		offer(ask, word);
		free(word);
	}
	return 0;
}

/* No row above begins with the same word? */
static bool is_first(
    const struct tc_cmd *table, const struct tc_cmd *cmd, size_t size)
{
	for (const struct tc_cmd *c = table; c < cmd; c++)
		if (strcspn(c->name, " ") == size &&
		    memcmp(c->name, cmd->name, size) == 0)
			return false;
	return true;
}

static void offer_commands(const struct ask *ask, const struct tc_cmd *table,
    const char *const *words, size_t count)
{
	for (const struct tc_cmd *c = table; c->name != NULL; c++) {
		size_t size = strcspn(c->name, " ");
		char *first = tc_mem_slice(c->name, size);

		if (count == 0 && is_first(table, c, size)) {
			offer(ask, first);
		} else if (count == 1 && c->name[size] == ' ' &&
			   strcmp(words[0], first) == 0) {
			offer(ask, c->name + size + 1);
		}
		free(first);
	}
}

/* index-th argument of a command's synopsis. */
static int offer_word(const struct ask *ask, const struct tc_cmd *cmd, size_t index)
{
	const char *p = cmd->words;

	while (*p != '\0') {
		size_t size = strcspn(p, " ");
		bool repeats = memmem(p, size, "...", 3) != NULL;

		if (index == 0 || repeats)
			return offer_argument(ask, p, size);
		index--;
		p += size;
		p += strspn(p, " ");
	}
	return 0;
}

/* The option that waits for its value as the next word; NULL if none does. */
static const struct tc_option *open_option(const char *word)
{
	const struct tc_option *found = NULL;

	if (word[0] != '-' || strchr(word, '=') != NULL)
		return NULL;
	if (word[1] == '-')
		found = tc_args_option(word + 2, strlen(word + 2));
	else if (word[1] != '\0' && word[2] == '\0')
		for (const struct tc_option *o = tc_args_options();
		     o->name != NULL; o++)
			if (o->letter == word[1])
				found = o;
	return found != NULL && found->meta[0] != '\0' && found->meta[0] != '['
		   ? found
		   : NULL;
}

int tc_complete(const struct tc_cmd *table, int argc, char **argv)
{
	const char **words = tc_mem_alloc((size_t)argc + 1, sizeof(*words));
	struct ask ask = {.prefix = argc > 0 ? argv[argc - 1] : ""};
	const struct tc_option *open = NULL;
	const struct tc_cmd *cmd;
	size_t count = 0, used = 0;
	int rc = 0;

	for (int i = 0; i + 1 < argc; i++) {
		if (open != NULL) {
			if (strcmp(open->name, "socket") == 0)
				ask.socket = argv[i];
			else if (strcmp(open->name, "dir") == 0)
				ask.dir = argv[i];
			open = NULL;
			continue;
		}
		open = open_option(argv[i]);
		if (argv[i][0] != '-')
			words[count++] = argv[i];
	}
	cmd = tc_args_command(table, words, count, &used);
	if (open != NULL)
		rc = offer_argument(&ask, open->meta, strlen(open->meta));
	else if (ask.prefix[0] == '-')
		rc = offer_options(&ask, cmd);
	else if (cmd != NULL)
		rc = offer_word(&ask, cmd, count - used);
	else
		offer_commands(&ask, table, words, count);
	free(words);
	return rc;
}

int tc_cmd_completion(struct tc_run *run)
{
	static const char bash[] =
	    "_terracectl() {\n"
	    "\tlocal IFS=$'\\n'\n"
	    "\tCOMPREPLY=($(terracectl --complete \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null))\n"
	    "\t[ $? -eq 65 ] && COMPREPLY+=($(compgen -f -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
	    "}\n"
	    "complete -F _terracectl terracectl\n";
	static const char zsh[] =
	    "#compdef terracectl\n"
	    "local -a found; found=(${(f)\"$(terracectl --complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
	    "local rc=$?\n"
	    "compadd -a found\n"
	    "[ $rc -eq 65 ] && _files\n";
	static const char fish[] =
	    "complete -c terracectl -f -a '(terracectl --complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null; or __fish_complete_path (commandline -ct))'\n";
	const char *shell = tc_args_word(run, 0);

	if (strcmp(shell, "bash") == 0)
		fputs(bash, stdout);
	else if (strcmp(shell, "zsh") == 0)
		fputs(zsh, stdout);
	else if (strcmp(shell, "fish") == 0)
		fputs(fish, stdout);
	else
		return tc_fault_advise(TR_E_USAGE,
		    _("It is one of: bash, zsh, fish"),
		    _("no completion for '%s'"), shell);
	return 0;
}
