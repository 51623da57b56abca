/* SPDX-License-Identifier: Apache-2.0 */
/*
 * terracectl -- the window: looks at and steers a node over its sockets.
 * What it can do is in commands.def; how it talks, in docs/control-protocol.md.
 */
#include "admin/args.h"
#include "admin/complete.h"
#include "admin/fault.h"
#include "admin/file.h"
#include "admin/help.h"
#include "admin/spawn.h"
#include "admin/text.h"
#include "admin/verbs.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define R TC_CMD_READS
#define W TC_CMD_WRITES
#define N TC_CMD_ALONE
#define L TC_CMD_LONG
static const struct tc_cmd commands[] = {
#define C(function, name, group, flags, words, options, help)                  \
	{name, TC_GROUP_##group, flags, words, options, help,                  \
	    tc_cmd_##function, NULL},
#define RAW(function, name, group, words, help)                                \
	{name, TC_GROUP_##group, N, words, "", help, NULL, function},
#include "admin/commands.def"
#undef C
#undef RAW
    {NULL, TC_GROUP_OTHER, 0, "", "", "", NULL, NULL},
};
#undef R
#undef W
#undef N
#undef L

static int run_command(struct tc_run *run)
{
	const char *host = tc_args_get(run, "host");

	if (run->cmd != NULL && run->cmd->raw != NULL && host == NULL)
		return run->cmd->raw(
		    run->argc - run->raw_at, run->argv + run->raw_at);
	if (tc_args_has(run, "help")) {
		if (run->cmd != NULL)
			tc_help_command(run->cmd);
		else
			tc_help_all(run->table);
		return 0;
	}
	if (run->cmd == NULL && tc_args_has(run, "version")) {
		printf("terracectl %s (%s)\n", TERRACE_VERSION, TERRACE_COMMIT);
		return 0;
	}
	if (run->cmd == NULL) {
		tc_help_short();
		return run->given_count > 0 ? tr_err_exit(TR_E_USAGE) : 0;
	}
	if (host != NULL)
		return tc_spawn_remote(run, host);
	return run->cmd->run(run);
}

/* An answer that could not be written is no answer. */
static int close_output(int rc)
{
	if (fflush(stdout) == 0 && ferror(stdout) == 0)
		return rc;
	return rc != 0 ? rc
		       : tc_fault_say(TR_E_IO, _("cannot write the answer"));
}

int main(int argc, char **argv)
{
	struct tc_run run;
	int rc;

	tc_text_init(tc_args_lang(argc, argv));
	tc_file_init();
	if (sodium_init() < 0)
		return tc_fault_say(TR_E_INTERNAL, NULL);
	if (argc >= 2 && strcmp(argv[1], "--complete") == 0)
		return tc_complete(commands, argc - 2, argv + 2);
	rc = tc_args_parse(&run, commands, argc, argv);
	if (rc == 0)
		rc = run_command(&run);
	tc_args_fini(&run);
	return close_output(rc);
}
