/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/help.h"

#include "admin/fault.h"
#include "admin/mem.h"
#include "admin/text.h"
#include "admin/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN 28

static const char *group_title(enum tc_group group)
{
	switch (group) {
	case TC_GROUP_LOOK: return _("Look");
	case TC_GROUP_RECORD: return _("Records");
	case TC_GROUP_DIRECT: return _("Directives");
	case TC_GROUP_DATA: return _("Data and sticks");
	case TC_GROUP_UNITS: return _("Units and links");
	case TC_GROUP_STORE: return _("Store");
	case TC_GROUP_DAEMON: return _("Daemon");
	case TC_GROUP_OTHER: return _("Other");
	case TC_GROUP_COUNT: break;
	}
	return "";
}

static void put_row(const char *left, const char *help)
{
	int width = tc_text_width(left);

	if (width < COLUMN)
		printf("  %s%*s%s\n", left, COLUMN - width, "", help);
	else
		printf("  %s\n  %*s%s\n", left, COLUMN, "", help);
}

void tc_help_short(void)
{
	puts(_("terracectl looks at and steers a Terrace node. The daily commands:"));
	put_row("status", _("is it running, and is it caught up"));
	put_row("tree", _("every unit, also those never seen"));
	put_row("record list", _("what is in the store"));
	put_row("conflicts", _("values that wait for a decision"));
	put_row("directive list", _("orders and their receipts"));
	put_row("verify", _("is everything signed, whole and equal"));
	puts("");
	puts(_("Example:  terracectl --dir /srv/terrace/hub status"));
	puts(_("All commands: terracectl help     One: terracectl help record list"));
	puts(_("Formats: -o table|plain|json|ndjson|csv     Again and again: -w"));
}

void tc_help_all(const struct tc_cmd *table)
{
	printf("%s\n", _("Usage: terracectl [OPTIONS] COMMAND [ARGUMENTS]"));
	for (int group = 0; group < TC_GROUP_COUNT; group++) {
		printf("\n%s\n", group_title((enum tc_group)group));
		for (const struct tc_cmd *c = table; c->name != NULL; c++) {
			char *left;

			if ((int)c->group != group)
				continue;
			left = tc_mem_format("%s%s%s", c->name,
			    c->words[0] != '\0' ? " " : "", c->words);
			put_row(left, tc_text_of(c->help));
			free(left);
		}
	}
	printf("\n%s\n", _("Options of every command"));
	for (const struct tc_option *o = tc_args_options(); o->name != NULL; o++)
		if (o->is_global)
			tc_help_option(o);
	printf("\n%s\n", _("More: terracectl help COMMAND | exit-codes | json | errors"));
}

void tc_help_option(const struct tc_option *option)
{
	char *left, letter[8] = "    ";
	const char *meta = option->meta;

	if (option->letter != 0)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	if (meta[0] == '[')
		left = tc_mem_format("%s--%s%s", letter, option->name, "[=SEC]");
	else
		left = tc_mem_format("%s--%s%s%s", letter, option->name,
		    meta[0] != '\0' ? " " : "", meta);
	put_row(left, tc_text_of(option->help));
	free(left);
}

void tc_help_command(const struct tc_cmd *cmd)
{
	bool any = false;

	printf(_("Usage: terracectl %s%s%s%s\n"), cmd->name,
	    cmd->words[0] != '\0' ? " " : "", cmd->words,
	    cmd->options[0] != '\0' ? _(" [OPTIONS]") : "");
	printf("\n  %s\n", tc_text_of(cmd->help));
	for (const struct tc_option *o = tc_args_options(); o->name != NULL;
	     o++) {
		if (o->is_global || !tc_args_takes(cmd, o))
			continue;
		if (!any)
			printf("\n%s\n", _("Options"));
		any = true;
		tc_help_option(o);
	}
	if (cmd->raw == NULL)
		printf("\n%s\n", (cmd->flags & TC_CMD_READS)
				     ? _("Only reads: the status socket will do.")
				     : _("Options of every command: terracectl help"));
}

/* --- topics --- */

static void help_exit_codes(void)
{
	static const struct {
		int code;
		const char *text;
	} rows[] = {
	    {0, N_("done, healthy")},
	    {1, N_("answered, and the answer is \"no\": differences, warning, conflict left")},
	    {2, N_("check only: critical")},
	    {3, N_("check only: unknown")},
	    {64, N_("usage")},
	    {65, N_("bad, damaged or forged input")},
	    {66, N_("no such record, unit, peer or file")},
	    {69, N_("the daemon does not run, or its socket is missing")},
	    {70, N_("internal error")},
	    {71, N_("out of memory")},
	    {74, N_("error on the store or a file")},
	    {75, N_("timed out or busy: try again")},
	    {76, N_("protocol versions do not match")},
	    {77, N_("permission denied, or no authority")},
	    {78, N_("configuration")},
	    {130, N_("Ctrl-C")},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf("%4d  %s\n", rows[i].code, tc_text_of(rows[i].text));
}

static void help_errors(void)
{
	static const struct {
		const char *code, *message;
		int exit_code;
	} rows[] = {
#define X(name, number, code, exit_code, message) {code, message, exit_code},
#include "proto/errors.def"
#undef X
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		printf("%-16s %3d  %s\n", rows[i].code, rows[i].exit_code,
		    tc_text_of(rows[i].message));
}

static void help_json(void)
{
	puts(_("--json prints the daemon's own reply as one line; on a terminal it is indented."));
	puts(_("Every document names its form: \"schema\":\"terrace.status/1\"."));
	puts(_("Times are RFC 3339 UTC; durations are numbers with their unit in the key."));
	puts(_("-o ndjson prints one line for each row of a list; -w prints one document a tick."));
	puts(_("The fields of each reply: docs/control-protocol.md"));
}

int tc_cmd_help(struct tc_run *run)
{
	const char *topic = tc_args_word(run, 0);
	const struct tc_cmd *cmd;
	bool found = false;
	size_t used;

	if (topic == NULL) {
		tc_help_all(run->table);
		return 0;
	}
	if (strcmp(topic, "exit-codes") == 0) {
		help_exit_codes();
		return 0;
	}
	if (strcmp(topic, "errors") == 0) {
		help_errors();
		return 0;
	}
	if (strcmp(topic, "json") == 0) {
		help_json();
		return 0;
	}
	cmd = tc_args_command(run->table, run->words, run->word_count, &used);
	if (cmd != NULL) {
		tc_help_command(cmd);
		return 0;
	}
	/* A noun alone: what goes with it. */
	for (cmd = run->table; cmd->name != NULL; cmd++)
		if (strncmp(cmd->name, topic, strlen(topic)) == 0 &&
		    cmd->name[strlen(topic)] == ' ') {
			put_row(cmd->name, tc_text_of(cmd->help));
			found = true;
		}
	return found ? 0
		     : tc_fault_advise(TR_E_USAGE, _("Try: terracectl help"),
			   _("unknown command '%s'"), topic);
}
